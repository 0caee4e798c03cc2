/* Targets of a fault: each member that fits, each agent once, however many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "run/injection.h"
#include "yaml/yaml.h"

enum { MEMBERS = 100, NODES = 20 };

struct engine {
	struct engine_base base;
	int silent; /* so many more times the primary does not answer */
};

static int pods(struct engine *en, struct pods *out, struct err *e)
{
	(void)e;
	for (int i = 0; i < MEMBERS; i++) {
		struct pod *p = VEC_PUSH(out->v, out->n, out->alloc);

		snprintf(p->name, sizeof(p->name), "a-name-of-a-stateful-set-that-takes-all-that-a-label-has-%d", i);
		snprintf(p->node, sizeof(p->node), "node%d", i % NODES);
	}
	if (en) { /* one that the load agent does not ask: no member */
		struct pod *p = VEC_PUSH(out->v, out->n, out->alloc);

		snprintf(p->name, sizeof(p->name), "sentinel-0");
		snprintf(p->node, sizeof(p->node), "node3");
	}
	return 0;
}

static int nodes(struct engine *en, struct nodes *out, struct err *e)
{
	(void)en, (void)e;
	for (int i = 0; i < NODES; i++)
		snprintf(VEC_PUSH(out->v, out->n, out->alloc)->name, 16, "node%d", i);
	return 0;
}

/* The load agent's word of its members: the last one is the primary. */
static int call(struct engine *en, const char *agent, const char *method, const char *path,
		const char *body, int64_t timeout_ns, struct buf *answer, int *status,
		struct err *e)
{
	struct pods all = {0};
	bool answers = !en->silent;

	(void)method, (void)path, (void)body, (void)timeout_ns;
	if (strcmp(agent, "load"))
		fail_msg("%s was asked", agent);
	en->silent -= !answers;
	pods(NULL, &all, e);
	buf_str(answer, "{\"members\":[");
	for (size_t i = 0; i < all.n; i++)
		buf_fmt(answer, "%s{\"m\":\"%s\",\"role\":\"%s\",\"ok\":true,\"writable\":%s}", i ? "," : "",
			all.v[i].name, i == all.n - 1 ? "primary" : "replica",
			i == all.n - 1 ? "true" : "false");
	buf_str(answer, "]}");
	pods_free(&all);
	*status = 200;
	return 0;
}

static void plan(const char *target, int silent, struct injection *inj)
{
	static const struct engine_ops ops = {.pods = pods, .nodes = nodes, .call = call};
	struct engine en = {{.ops = &ops}, .silent = silent};
	struct stage st = {.en = &en, .ops = &ops};
	struct step step = {.fault = "pause", .id = "f", .target = target};
	struct rng rng = {7};
	struct arena a = {0};
	struct ynode **docs;
	struct err e = {0};
	size_t n;

	if (yaml_read_text(&a, "test", "{fault: pause, target: x, as: f, for: 1s}", &docs, &n, &e) ||
	    event_log_open(&st.events, "/dev/null", &e))
		fail_msg("%s", e.msg);
	step.params = docs[0];
	if (injection_plan(&st, &step, "ns", &rng, inj, &e))
		fail_msg("%s", e.msg);
	inj->step = NULL;
	if (event_log_close(&st.events, &e))
		fail_msg("%s", e.msg);
	arena_free(&a);
}

static void all_of_many(void **state)
{
	struct injection inj;
	const cJSON *targets;

	(void)state;
	plan("all", 0, &inj);
	targets = json_get(inj.plan, "targets");
	assert_int_equal(cJSON_GetArraySize(targets), MEMBERS);
	assert_string_equal(json_str(cJSON_GetArrayItem(targets, MEMBERS - 1), "role", ""), "primary");
	assert_int_equal(inj.nagents, NODES);
	assert_string_equal(inj.agents[NODES - 1], "node/node19");
	injection_free(&inj);
	assert_int_equal(inj.nagents, 0);
}

static void the_last_of_many(void **state)
{
	struct injection inj;
	const cJSON *targets;

	(void)state;
	plan("primary", 0, &inj);
	targets = json_get(inj.plan, "targets");
	assert_int_equal(cJSON_GetArraySize(targets), 1);
	assert_non_null(strstr(json_str(targets->child, "member", ""), "-label-has-99"));
	assert_int_equal(inj.nagents, 1);
	injection_free(&inj);
}

/* One answer that did not come is no primary lost. */
static void silent_at_first(void **state)
{
	struct injection inj;

	(void)state;
	plan("primary", 2, &inj);
	assert_int_equal(cJSON_GetArraySize(json_get(inj.plan, "targets")), 1);
	injection_free(&inj);
}

/* A pod that is no member, by its name alone: what it is nobody says. */
static void no_member(void **state)
{
	struct injection inj;
	const cJSON *t;

	(void)state;
	plan("sentinel-0", 0, &inj);
	t = json_get(inj.plan, "targets");
	assert_int_equal(cJSON_GetArraySize(t), 1);
	assert_string_equal(json_str(t->child, "member", ""), "sentinel-0");
	assert_string_equal(json_str(t->child, "role", ""), "unknown");
	assert_string_equal(inj.agents[0], "node/node3");
	injection_free(&inj);
	plan("all", 0, &inj);
	assert_int_equal(cJSON_GetArraySize(json_get(inj.plan, "targets")), MEMBERS);
	injection_free(&inj);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_many),
		cmocka_unit_test(the_last_of_many),
		cmocka_unit_test(silent_at_first),
		cmocka_unit_test(no_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
