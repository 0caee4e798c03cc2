/* The node agent as a process, in local mode: what it does by request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/json.h"
#include "base/procs.h"
#include "test/lib/fault_help.h"
#include "test/unit/agent/node_room.h"

static bool dead(void *arg)
{
	return strchr("Z-", member_state(arg)) != NULL;
}

static void strangers_are_refused(void **state)
{
	static const char *const paths[][2] = {
		{"GET", "/v1/clock"}, {"GET", "/v1/health"}, {"POST", "/v1/lease"}, {"POST", "/v1/faults"},
		{"GET", "/v1/faults"}, {"DELETE", "/v1/faults"}, {"GET", "/v1/faults/x"},
		{"DELETE", "/v1/faults/x"}, {"GET", "/v1/residue"},
	};
	struct fixture *f = *state;
	cJSON *a;

	start_agent(f, "15");
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct buf b = {0};

		assert_int_equal(help_http(f->port, paths[i][0], paths[i][1], NULL, NULL, &b), 401);
		assert_int_equal(help_http(f->port, paths[i][0], paths[i][1], "wrong", "{}", &b), 401);
		buf_free(&b);
	}
	a = ask(f, "GET", "/v1/health", NULL, 200);
	assert_string_equal(json_str(a, "posture", ""), "node");
	cJSON_Delete(a);
	a = ask(f, "GET", "/v1/clock", NULL, 200);
	assert_true(json_i64(a, "mono_ns", 0) > 0);
	assert_true(strlen(json_str(a, "clock", "")) >= 36);
	cJSON_Delete(a);
	a = ask(f, "POST", "/v1/lease", NULL, 200);
	assert_true(json_i64(a, "expires_in_ms", 0) > 10000);
	cJSON_Delete(a);
	assert_clean(f);
}

static void bad_plans_are_refused(void **state)
{
	struct fixture *f = *state;
	cJSON *plan = help_plan("x", "explode", "db-0", UID, NULL), *a;

	start_agent(f, "15");
	expect(f, "POST", "/v1/faults", plan, 400);
	json_set_str(plan, "fault", "pause");
	json_set_str(plan, "id", "../../x");
	expect(f, "POST", "/v1/faults", plan, 400);
	json_set_str(plan, "id", "x");
	json_set(plan, "targets", cJSON_CreateArray());
	expect(f, "POST", "/v1/faults", plan, 400);
	cJSON_Delete(plan);
	expect(f, "GET", "/v1/faults/nobody", NULL, 404);
	expect(f, "DELETE", "/v1/faults/nobody", NULL, 404);
	/* A pod that is not here: nothing changes and nothing stays behind. */
	plan = help_plan("y", "pause", "db-9", "no-such-uid", NULL);
	expect(f, "POST", "/v1/faults", plan, 500);
	cJSON_Delete(plan);
	plan = help_plan("z", "partition-node", "db-0", UID, NULL);
	a = ask(f, "POST", "/v1/faults", plan, 200);
	assert_false(json_bool(a, "supported", true));
	assert_true(strlen(json_str(a, "why", "")) > 10);
	cJSON_Delete(a);
	cJSON_Delete(plan);
	plan = help_plan("d", "fill-disk", "db-0", UID, NULL);
	a = ask(f, "POST", "/v1/faults", plan, 200);
	assert_false(json_bool(a, "supported", true));
	cJSON_Delete(a);
	cJSON_Delete(plan);
	assert_true(journal_empty(f));
	assert_clean(f);
}

static void pauses_and_heals(void **state)
{
	struct fixture *f = *state;
	cJSON *plan = help_plan("p", "pause", "db-0", UID, "{\"other\": 1}"), *a;

	start_agent(f, "15");
	inject(f, "p", "pause", NULL);
	assert_true(help_wait(stopped, f));
	cJSON_Delete(await_bite(f, "/v1/faults/p"));
	assert_false(journal_empty(f));
	/* The driver asks again after a lost answer: no second fault. */
	inject(f, "p", "pause", NULL);
	expect(f, "POST", "/v1/faults", plan, 409);
	a = ask(f, "GET", "/v1/residue", NULL, 200);
	assert_false(json_bool(a, "clean", true));
	cJSON_Delete(a);
	a = ask(f, "DELETE", "/v1/faults/p", NULL, 200);
	assert_true(json_i64(a, "healed_ns", 0) > 0);
	assert_true(cJSON_GetArraySize(json_get(a, "evidence")) > 0);
	cJSON_Delete(a);
	assert_true(help_wait(runs, f));
	expect(f, "DELETE", "/v1/faults/p", NULL, 200);
	a = ask(f, "GET", "/v1/faults", NULL, 200);
	assert_string_equal(json_str(cJSON_GetArrayItem(json_get(a, "faults"), 0), "state", ""), "healed");
	cJSON_Delete(a);
	assert_clean(f);
	/* The name may be used again. */
	inject(f, "p", "pause", NULL);
	expect(f, "DELETE", "/v1/faults", NULL, 200);
	assert_true(help_wait(runs, f));
	cJSON_Delete(plan);
}

/* A second one finds nothing to do: no effect of its own. */
static void a_paused_pod_is_not_paused_again(void **state)
{
	struct fixture *f = *state;
	cJSON *a;

	start_agent(f, "15");
	inject(f, "p", "pause", NULL);
	cJSON_Delete(await_bite(f, "/v1/faults/p"));
	inject(f, "q", "pause", NULL);
	a = ask(f, "GET", "/v1/faults/q", NULL, 200);
	assert_false(json_bool(a, "bites", true));
	assert_int_equal(json_i64(a, "effective_ns", -1), 0);
	assert_non_null(strstr(json_get(a, "evidence")->child->valuestring, "did so before this fault"));
	cJSON_Delete(a);
	expect(f, "DELETE", "/v1/faults", NULL, 200);
	assert_true(help_wait(runs, f));
	assert_clean(f);
}

static void somebody_else_thaws_it(void **state)
{
	struct fixture *f = *state;

	start_agent(f, "15");
	inject(f, "p", "pause", NULL);
	cJSON_Delete(await_bite(f, "/v1/faults/p"));
	kill(f->member, SIGCONT);
	/* It is still meant to be paused. */
	assert_true(help_wait(stopped, f));
	expect(f, "DELETE", "/v1/faults/p", NULL, 200);
	assert_true(help_wait(runs, f));
}

static void kills_of_a_pod(void **state)
{
	static const char *const hows[] = {"{\"how\": \"graceful\"}", "{\"how\": \"force\"}",
					   "{\"how\": \"crash\"}"};
	struct fixture *f = *state;

	start_agent(f, "15");
	for (size_t i = 0; i < 3; i++) {
		char id[16], path[40];

		snprintf(id, sizeof(id), "k%zu", i);
		snprintf(path, sizeof(path), "/v1/faults/%s", id);
		inject(f, id, "kill-pod", hows[i]);
		assert_true(help_wait(dead, f));
		cJSON_Delete(await_bite(f, path));
		expect(f, "DELETE", path, NULL, 200);
		/* What the supervisor of engine local would do. */
		help_end(f->member);
		f->member = help_sleeper();
		write_member(f, UID);
	}
	assert_clean(f);
}

static void kills_of_a_process(void **state)
{
	struct fixture *f = *state;
	cJSON *a;

	start_agent(f, "15");
	inject(f, "k", "kill-process", "{\"which\": \"server\", \"process\": \"sleep\"}");
	a = await_bite(f, "/v1/faults/k");
	assert_non_null(strstr(cJSON_GetArrayItem(json_get(a, "evidence"), 0)->valuestring, "sleep"));
	cJSON_Delete(a);
	assert_true(dead(f));
	help_end(f->member);
	f->member = help_sleeper();
	write_member(f, UID);
	inject(f, "k2", "kill-process", "{\"which\": \"pid1\"}");
	cJSON_Delete(await_bite(f, "/v1/faults/k2"));
	assert_true(dead(f));
	/* The first evidence stays, though the pod has a new process now. */
	help_end(f->member);
	f->member = help_sleeper();
	write_member(f, UID);
	a = ask(f, "GET", "/v1/faults/k2", NULL, 200);
	assert_true(json_bool(a, "bites", false));
	cJSON_Delete(a);
}

static void needs_its_options(void **state)
{
	struct fixture *f = *state;

	assert_true(help_sh("%s node-agent --help | grep -q dead-man", program()));
	assert_true(help_sh("%s node-agent --mode local >/dev/null 2>&1; test $? = 2", program()));
	assert_true(help_sh("%s node-agent --mode moon --state %s --listen 127.0.0.1:0 2>/dev/null; "
			    "test $? = 2", program(), f->dir));
	assert_true(help_sh("ORDEAL_TOKEN= %s node-agent --mode local --state %s --listen 127.0.0.1:0 "
			    "2>/dev/null; test $? = 2", program(), f->dir));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(strangers_are_refused),
		WITH(bad_plans_are_refused),
		WITH(pauses_and_heals),
		WITH(a_paused_pod_is_not_paused_again),
		WITH(somebody_else_thaws_it),
		WITH(kills_of_a_pod),
		WITH(kills_of_a_process),
		WITH(needs_its_options),
	};

	return cmocka_run_group_tests_name("node agent", tests, NULL, NULL);
}
