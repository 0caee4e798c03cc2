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
#include "base/file.h"
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
	const char *set; /* in place of "m" */
	int status; /* of an undoing, and what it is answered */
	const char *answer;
};

static int pods(struct engine *en, struct pods *out, struct err *e)
{
	(void)e;
	for (int i = 0; i < 3; i++) {
		struct pod *p = VEC_PUSH(out->v, out->n, out->alloc);

		snprintf(p->name, sizeof(p->name), "%s-%d", en->set ? en->set : "m", i);
		snprintf(p->node, sizeof(p->node), "n");
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

static int call(struct engine *en, const char *agent, const char *method, const char *path,
		const char *body, int64_t timeout_ns, struct buf *answer, int *status,
		struct err *e)
{
	const char *set = en->set ? en->set : "m";

	(void)agent, (void)body, (void)timeout_ns, (void)e;
	*status = 200;
	if (!strcmp(method, "DELETE")) {
		*status = en->status;
		buf_str(answer, en->answer);
		return 0;
	}
	if (!strcmp(path, "/v1/status"))
		buf_fmt(answer, "{\"redundant\":true,\"members\":["
			"{\"m\":\"%s-0\",\"role\":\"primary\",\"ok\":true,\"writable\":true},"
			"{\"m\":\"%s-1\",\"role\":\"replica\",\"ok\":true},"
			"{\"m\":\"%s-2\",\"role\":\"replica\",\"ok\":true}]}", set, set, set);
	else
		buf_fmt(answer, "{\"mono_ns\":%lld,\"bites\":true}", (long long)clock_mono_ns());
	return 0;
}

/* How long the step took, in ns; *seen: what it waited for. */
static int64_t waits(enum await_kind what, const char *ends, int64_t ends_for_ns, int64_t within_ns,
		     bool *seen)
{
	static const struct engine_ops ops = {.pods = pods, .nodes = nodes, .call = call};
	struct engine en = {
		.base = {.ops = &ops}, .ends = ends, .until_ns = clock_mono_ns() + ends_for_ns};
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

/* Whether the trial is void, saying so, after a fault that was on was undone. */
static bool void_after(int status, const char *answer, bool lasting, const char *says)
{
	static const struct engine_ops ops = {.pods = pods, .nodes = nodes, .call = call};
	struct engine en = {.base = {.ops = &ops}, .ends = "", .status = status, .answer = answer};
	struct step step = {.id = "f", .target = "m-0"};
	char path[] = "/tmp/walk_testXXXXXX", *agents[] = {"node/n"};
	struct injection inj = {.step = &step,
				.ops = fault_find(lasting ? "pause" : "kill-pod"),
				.plan = cJSON_CreateObject(),
				.agents = agents,
				.nagents = 1,
				.on = true,
				.bit = true};
	struct stage st = {.en = &en, .ops = &ops};
	struct buf b = {0};
	struct err e = {0};
	int fd = mkstemp(path);
	bool said;

	assert_true(fd >= 0);
	close(fd);
	if (event_log_open(&st.events, path, &e) || injection_heal(&st, &inj, &e))
		fail_msg("%s", e.msg);
	assert_false(inj.on);
	if (event_log_close(&st.events, &e) || file_read(path, &b, &e))
		fail_msg("%s", e.msg);
	said = strstr(buf_cstr(&b), "\"broken\"") && strstr(buf_cstr(&b), says);
	unlink(path);
	buf_free(&b);
	cJSON_Delete(inj.plan);
	return said;
}

static void test_a_fault_that_was_not_on_all_the_time_voids_the_trial(void **state)
{
	const char *whole = "{\"id\":\"f\",\"healed_ns\":1,\"evidence\":[]}";
	const char *not = "{\"id\":\"f\",\"healed_ns\":1,\"evidence\":[],\"lapse\":\"pod m-0 is not cut off\"}";

	(void)state;
	assert_false(void_after(200, whole, true, ""));
	assert_true(void_after(200, not, true, "pod m-0 is not cut off"));
	assert_true(void_after(404, "{}", true, "started anew"));
	/* A kill is over once it has happened. */
	assert_false(void_after(404, "{}", false, ""));
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

/* Whether a failover was seen after a fault at the primary, which serves on. */
static bool fails_over(const char *set)
{
	static const struct engine_ops ops = {.pods = pods, .nodes = nodes, .call = call};
	struct engine en = {.base = {.ops = &ops}, .ends = "", .set = set};
	static const volatile int interrupted;
	struct stage st = {.en = &en, .ops = &ops, .interrupted = &interrupted};
	struct step steps[] = {
		{.kind = STEP_FAULT, .fault = "pause", .id = "f", .target = "primary"},
		{.kind = STEP_AWAIT, .await = AWAIT_FAILOVER, .duration_ns = 200 * MS}};
	struct plan plan = {.sc = {.steps = steps, .nsteps = 1}};
	struct walk *w = mem_alloc(sizeof(*w));
	char path[] = "/tmp/walk_testXXXXXX";
	struct arena a = {0};
	struct ynode **docs;
	struct buf b = {0};
	struct err e = {0};
	int fd = mkstemp(path);
	bool seen;
	size_t n;

	assert_true(fd >= 0);
	close(fd);
	w->st = &st;
	w->p = &plan;
	if (yaml_read_text(&a, "test", "{fault: pause, target: primary}", &docs, &n, &e) ||
	    event_log_open(&st.events, path, &e))
		fail_msg("%s", e.msg);
	steps[0].params = docs[0];
	if (walk_steps(w, &e))
		fail_msg("%s", e.msg);
	/* As it is once there was time for all members to answer. */
	w->fault_bit_ns = 0;
	w->broke = true;
	plan.sc.steps = &steps[1];
	if (walk_steps(w, &e) || event_log_close(&st.events, &e) || file_read(path, &b, &e))
		fail_msg("%s", e.msg);
	seen = !strstr(buf_cstr(&b), "not seen within");
	unlink(path);
	buf_free(&b);
	arena_free(&a);
	injection_free(&w->inj[0]);
	free(w);
	return seen;
}

static void test_whoever_stays_primary_is_no_failover(void **state)
{
	char longest[MEMBER_NAME_BYTES];

	(void)state;
	memset(longest, 'p', sizeof(longest));
	longest[sizeof(longest) - 3] = '\0'; /* with "-0" it has 253 characters */
	assert_false(fails_over("m"));
	assert_false(fails_over(longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_ending_pod_meets_nothing),
		cmocka_unit_test(test_a_fault_that_was_not_on_all_the_time_voids_the_trial),
		cmocka_unit_test(test_whoever_stays_primary_is_no_failover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
