/* When a step that waits goes on, and when it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "run/walk.h"

#define MS NS_PER_MS

/* Three members that are whole and answer; the pod of one may be told to end
 * until some instant. */
struct engine {
	struct engine_base base;
	const char *ends;
	int64_t until_ns;
	int64_t ttl_ms; /* of the fault that was sent */
};

static int pods(struct engine *en, struct pods *out, struct err *e)
{
	(void)e;
	for (int i = 0; i < 3; i++) {
		struct pod *p = VEC_PUSH(out->v, out->n, out->alloc);

		snprintf(p->name, sizeof(p->name), "m-%d", i);
		p->ready = true;
		p->deleting = !strcmp(p->name, en->ends) && clock_mono_ns() < en->until_ns;
	}
	/* No member, and so nobody's concern. */
	struct pod *other = VEC_PUSH(out->v, out->n, out->alloc);

	snprintf(other->name, sizeof(other->name), "pooler-0");
	other->deleting = true;
	return 0;
}

static int nodes(struct engine *en, struct nodes *out, struct err *e)
{
	(void)en, (void)out, (void)e;
	return 0;
}

static int call(struct engine *en, const char *agent, const char *method, const char *path, const char *body,
		int64_t timeout_ns, struct buf *answer, int *status, struct err *e)
{
	(void)agent, (void)timeout_ns;
	if (!strcmp(method, "POST") && !strcmp(path, "/v1/faults")) {
		cJSON *plan = cJSON_Parse(body);

		en->ttl_ms = json_i64(plan, "ttl_ms", 0);
		cJSON_Delete(plan);
		return err_set(e, ERR_BROKEN, "this is far enough");
	}
	if (!strcmp(path, "/v1/status"))
		buf_str(answer, "{\"redundant\":true,\"members\":["
			"{\"m\":\"m-0\",\"role\":\"primary\",\"ok\":true,\"writable\":true},"
			"{\"m\":\"m-1\",\"role\":\"replica\",\"ok\":true},{\"m\":\"m-2\",\"role\":\"replica\",\"ok\":true}]}");
	else
		buf_fmt(answer, "{\"mono_ns\":%lld}", (long long)clock_mono_ns());
	*status = 200;
	return 0;
}

/* How long the step took, in ns; *seen: what it waited for. */
static int64_t waits(enum await_kind what, const char *ends, int64_t ends_for_ns, int64_t within_ns, bool *seen)
{
	static const struct engine_ops ops = {.pods = pods, .nodes = nodes, .call = call};
	struct engine en = {.base = {.ops = &ops}, .ends = ends, .until_ns = clock_mono_ns() + ends_for_ns};
	static const volatile int interrupted;
	struct stage st = {.en = &en, .ops = &ops, .interrupted = &interrupted};
	struct step step = {.kind = STEP_AWAIT, .await = what, .duration_ns = within_ns};
	struct plan plan = {.sc = {.steps = &step, .nsteps = 1}};
	char path[] = "/tmp/walk_testXXXXXX", *text = NULL;
	struct walk *w = mem_alloc(sizeof(*w));
	int64_t from = clock_mono_ns(), took;
	struct err e = {0};
	size_t room = 0;
	int fd = mkstemp(path);
	FILE *f;

	assert_true(fd >= 0);
	close(fd);
	if (event_log_open(&st.events, path, &e))
		fail_msg("%s", e.msg);
	w->st = &st;
	w->p = &plan;
	if (walk_steps(w, &e))
		fail_msg("%s", e.msg);
	took = clock_mono_ns() - from;
	assert_int_equal(event_log_close(&st.events, &e), 0);
	*seen = true;
	f = fopen(path, "r");
	while (getline(&text, &room, f) > 0)
		*seen = *seen && !strstr(text, "not seen within");
	fclose(f);
	unlink(path);
	free(text);
	free(w);
	return took;
}

/* For how long an agent may let the first fault of these steps live. */
static int64_t lives_ms(struct step *steps, size_t n)
{
	static const struct engine_ops ops = {.pods = pods, .nodes = nodes, .call = call};
	struct engine en = {.base = {.ops = &ops}, .ends = ""};
	static const volatile int interrupted;
	struct stage st = {.en = &en, .ops = &ops, .interrupted = &interrupted};
	struct plan plan = {.sc = {.steps = steps, .nsteps = n}};
	struct walk *w = mem_alloc(sizeof(*w));
	struct err e = {0};

	if (event_log_open(&st.events, "/dev/null", &e))
		fail_msg("%s", e.msg);
	w->st = &st;
	w->p = &plan;
	assert_int_equal(walk_steps(w, &e), -1);
	if (strcmp(e.msg, "this is far enough") != 0)
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < w->ninj; i++)
		injection_free(&w->inj[i]);
	assert_int_equal(event_log_close(&st.events, &e), 0);
	free(w);
	return en.ttl_ms;
}

#define MINUTES(n) ((n) * 60 * NS_PER_S)

static void test_a_fault_lives_as_long_as_it_is_held(void **state)
{
	struct step steps[] = {
		{.kind = STEP_FAULT, .fault = "kill-pod", .target = "m-0", .id = "f", .duration_ns = MINUTES(15)},
		{.kind = STEP_STEADY, .duration_ns = MINUTES(12)},
		{.kind = STEP_AWAIT, .duration_ns = MINUTES(3)},
		{.kind = STEP_HEAL, .id = "other"},
		{.kind = STEP_HEAL, .id = "f"},
		{.kind = STEP_STEADY, .duration_ns = MINUTES(100)},
	};

	(void)state;
	assert_in_range(lives_ms(steps, ARRAY_LEN(steps)), 16 * 60000, 30 * 60000);
	/* Without `for`: until its heal step, or to the end. */
	steps[0].duration_ns = 0;
	assert_in_range(lives_ms(steps, ARRAY_LEN(steps)), 16 * 60000, 30 * 60000);
	steps[4].id = "another";
	assert_true(lives_ms(steps, ARRAY_LEN(steps)) > 115 * 60000);
}

static void test_an_ending_pod_meets_nothing(void **state)
{
	static const enum await_kind all[] = {AWAIT_READY, AWAIT_REDUNDANT};
	bool seen;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		assert_true(waits(all[i], "", 0, 2000 * MS, &seen) < 1000 * MS);
		assert_true(seen);
		/* Until it has ended. */
		assert_true(waits(all[i], "m-0", 700 * MS, 5000 * MS, &seen) >= 700 * MS);
		assert_true(seen);
		waits(all[i], "m-0", 5000 * MS, 500 * MS, &seen);
		assert_false(seen);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_ending_pod_meets_nothing),
		cmocka_unit_test(test_a_fault_lives_as_long_as_it_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
