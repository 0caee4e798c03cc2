/* A node's name may have 253 characters, and each of them tells it from another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "run/beside.h"

enum { LONGEST = 253 };

struct engine {
	struct engine_base base;
	int asked;     /* the agent of the node's name */
	int began;     /* a load agent there */
	int to_sample; /* members that it was told to ask */
};

static const char *node(void)
{
	static char name[LONGEST + 1];

	memset(name, 'n', LONGEST);
	return name;
}

static int pods(struct engine *en, struct pods *out, struct err *e)
{
	struct pod *p = VEC_PUSH(out->v, out->n, out->alloc);

	(void)en, (void)e;
	mem_copy_str(p->name, sizeof(p->name), "m-0");
	mem_copy_str(p->node, sizeof(p->node), node());
	return 0;
}

static int load_beside(struct engine *en, const char *group, const char *name, int64_t deadline_ns,
		       struct err *e)
{
	(void)group, (void)deadline_ns, (void)e;
	en->began += !strcmp(name, node());
	return 0;
}

static int call(struct engine *en, const char *agent, const char *method, const char *path,
		const char *body, int64_t timeout_ns, struct buf *answer, int *status,
		struct err *e)
{
	(void)method, (void)timeout_ns;
	en->asked += !strncmp(agent, "node/", 5) && !strcmp(agent + 5, node());
	if (!strcmp(path, "/v1/setup")) {
		cJSON *o = json_parse(body, path, e);

		en->to_sample = cJSON_GetArraySize(json_get(o, "sample"));
		cJSON_Delete(o);
	}
	buf_str(answer, "{\"mono_ns\":1}");
	*status = 200;
	return 0;
}

static const struct engine_ops ops = {.pods = pods, .call = call, .load_beside = load_beside};

static void test_its_clock_is_asked_once(void **state)
{
	struct engine en = {.base = {.ops = &ops}};
	struct stage st = {.en = &en, .ops = &ops};
	char *agent = mem_fmt("node/%s", node());
	struct agent_clock c;
	struct err e = {0};
	int asked;

	(void)state;
	assert_int_equal(stage_clock(&st, agent, &c, &e), 0);
	asked = en.asked;
	assert_int_not_equal(asked, 0);
	assert_int_equal(stage_clock(&st, agent, &c, &e), 0);
	assert_int_equal(en.asked, asked);
	free(agent);
}

static void test_clients_stand_on_it(void **state)
{
	struct engine en = {.base = {.ops = &ops}};
	struct stage st = {.en = &en, .ops = &ops};
	struct plan plan = {.sc.load = {.clients = 4, .minority = 1, .rate = 10}};
	struct err e = {0};
	cJSON *setup = cJSON_CreateObject();
	cJSON *status = json_parse("{\"members\":[{\"m\":\"m-0\",\"role\":\"primary\",\"writable\":true}]}", "status", &e);

	(void)state;
	if (event_log_open(&st.events, "/dev/null", &e) || beside_up(&st, &plan, setup, status, &e) ||
	    event_log_close(&st.events, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(en.began, 1);
	assert_int_equal(en.to_sample, 1);
	cJSON_Delete(setup);
	cJSON_Delete(status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_its_clock_is_asked_once),
		cmocka_unit_test(test_clients_stand_on_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
