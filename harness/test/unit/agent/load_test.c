/* The load agent as the driver meets it: a whole load, from its setup to the
 * final read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "history/block.h"
#include "history/op.h"
#include "test/unit/agent/load_room.h"

static void test_clock_and_health(void **state)
{
	struct fixture *f = need(state, false);
	int64_t before = clock_mono_ns();
	cJSON *o = call(f, "GET", "/v1/clock", NULL, 200);
	char id[CLOCK_ID_BYTES];

	clock_id(id);
	assert_true(json_i64(o, "mono_ns", 0) >= before - NS_PER_MS);
	assert_true(json_i64(o, "mono_ns", 0) <= clock_mono_ns() + NS_PER_MS);
	assert_string_equal(json_str(o, "clock", "?"), id);
	cJSON_Delete(o);
	o = call(f, "GET", "/v1/health", NULL, 200);
	assert_string_equal(json_str(o, "posture", ""), "load");
	assert_int_equal(json_i64(o, "pid", 0), f->pid);
	cJSON_Delete(o);
}

static cJSON *await_status(struct fixture *f, const char *key, int64_t least)
{
	int64_t end_ns = clock_mono_ns() + LIMIT_NS;
	cJSON *o = NULL;

	do {
		cJSON_Delete(o);
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
		o = call(f, "GET", "/v1/status", NULL, 200);
	} while (json_i64(o, key, 0) < least && clock_mono_ns() < end_ns);
	assert_true(json_i64(o, key, 0) >= least);
	return o;
}

static void check_status(const cJSON *o)
{
	const cJSON *m = cJSON_GetArrayItem(json_get(o, "members"), 0);

	assert_true(json_bool(o, "running", false));
	assert_true(json_i64(o, "last_write_ok_ns", 0) > 0);
	assert_true(json_num(json_get(o, "noise"), "lateness_p99_ms", -1) >= 0);
	assert_string_equal(json_str(m, "m", ""), "postgres-0");
	assert_string_equal(json_str(m, "role", ""), "primary");
	assert_true(json_bool(m, "writable", false) && json_bool(m, "ok", false));
}

static size_t check_history(struct fixture *f, int64_t ops)
{
	struct buf b = {0};
	char path[80];
	size_t n = 0, inserts = 0;
	char *line, *at;

	snprintf(path, sizeof(path), "/v1/history?from=%d", 5);
	assert_int_equal(http(f, "GET", path, TOKEN, NULL, &b), 200);
	for (line = strtok_r(b.s, "\n", &at); line; line = strtok_r(NULL, "\n", &at), n++) {
		cJSON *o = cJSON_Parse(line);
		struct op_room room;
		struct err e = {0};
		struct op op;

		if (block_is(o)) {
			cJSON_Delete(o);
			break;
		}
		assert_int_equal(op_from_json(o, &room, &op, &e), 0);
		assert_int_equal(op.scenario, 2);
		inserts += op.f == OP_INSERT && op.outcome == OP_OK;
		cJSON_Delete(o);
	}
	assert_int_equal(n, ops - 5);
	buf_free(&b);
	refused(f, "GET", "/v1/history?from=x", NULL, 400, "from must be");
	return inserts;
}

static const char *value_of(const cJSON *settings, const char *name)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, settings) {
		if (!strcmp(json_str(s, "name", ""), name))
			return json_str(s, "value", "");
	}
	return "absent";
}

static void check_inforce(struct fixture *f)
{
	cJSON *o = call(f, "GET", "/v1/inforce", NULL, 200);
	const cJSON *s = json_get(o, "settings");

	assert_string_equal(value_of(s, "ttl"), "25");
	assert_string_equal(value_of(s, "loop_wait"), "7");
	assert_string_equal(value_of(s, "retry_timeout"), "10");
	assert_string_equal(value_of(s, "primary_start_timeout"), "90");
	assert_string_equal(value_of(s, "synchronous_mode"), "on");
	assert_string_equal(value_of(s, "synchronous_mode_strict"), "off");
	assert_string_equal(value_of(s, "use_pg_rewind"), "on");
	assert_string_equal(value_of(s, "synchronous_commit"), "on");
	cJSON_Delete(o);
}

static void check_samples(struct fixture *f)
{
	cJSON *o = call(f, "GET", "/v1/samples?from=0", NULL, 200), *x;
	const cJSON *list = json_get(o, "samples");

	assert_int_equal(json_i64(o, "next", -1), cJSON_GetArraySize(list));
	assert_true(cJSON_GetArraySize(list) > 2);
	x = cJSON_GetObjectItem(cJSON_GetArrayItem(list, 1), "x");
	assert_true(json_bool(x, "patroni_ok", false) && json_bool(x, "cluster_unlocked", false));
	assert_string_equal(json_str(x, "patroni_role", ""), "master");
	assert_int_equal(json_i64(x, "patroni_tl", -1), 4);
	cJSON_Delete(o);
}

static void check_final(struct fixture *f, size_t inserts)
{
	cJSON *o = call(f, "POST", "/v1/final", "", 200);
	const cJSON *r;
	size_t present = 0;

	cJSON_ArrayForEach(r, json_get(o, "present"))
		present += (size_t)(cJSON_GetArrayItem(r, 1)->valuedouble -
				    cJSON_GetArrayItem(r, 0)->valuedouble) + 1;
	assert_true(present >= inserts && present <= inserts + 5); /* the first five unread */
	assert_int_equal(cJSON_GetArraySize(json_get(o, "duplicates")), 0);
	assert_int_equal(cJSON_GetArraySize(json_get(o, "registers")), 3);
	assert_true(json_num(o, "took_ms", -1) > 0);
	assert_int_equal(json_i64(o, "tries", 0), 1);
	assert_int_equal(cJSON_GetArraySize(json_get(o, "by")), 1);
	assert_string_equal(json_str(json_get(o, "by")->child, "role", ""), "primary");
	cJSON_Delete(o);
}

/* Its heartbeat tells that it was stopped, and for how long. */
static void stop_for_a_while(struct fixture *f)
{
	assert_int_equal(kill(f->pid, SIGSTOP), 0);
	clock_sleep_until(clock_mono_ns() + 500 * NS_PER_MS);
	assert_int_equal(kill(f->pid, SIGCONT), 0);
}

static void check_noise(struct fixture *f)
{
	cJSON *o = call(f, "GET", "/v1/noise?from=0", NULL, 200);
	const cJSON *row;
	double late_ms = 0;

	cJSON_ArrayForEach(row, json_get(o, "noise"))
		if (json_num(row, "late_max_ms", 0) > late_ms)
			late_ms = json_num(row, "late_max_ms", 0);
	assert_true(late_ms >= 450);
	assert_int_equal(json_i64(o, "next", -1), cJSON_GetArraySize(json_get(o, "noise")));
	cJSON_Delete(o);
	o = call(f, "GET", "/v1/status", NULL, 200);
	assert_true(json_i64(json_get(o, "noise"), "due", 0) >= json_i64(json_get(o, "noise"), "called", -1));
	cJSON_Delete(o);
	refused(f, "GET", "/v1/noise?from=-1", NULL, 400, "from must be");
}

static void test_whole_load(void **state)
{
	struct fixture *f = need(state, true);
	char *body = setup_body(f);
	int64_t ops;
	cJSON *o;

	cJSON_Delete(call(f, "POST", "/v1/setup", body, 200));
	cJSON_Delete(call(f, "POST", "/v1/setup", body, 200)); /* tried again */
	o = call(f, "POST", "/v1/start", "", 200);
	assert_true(json_i64(o, "t0_ns", 0) > 0);
	cJSON_Delete(o);
	refused(f, "POST", "/v1/start", "", 409, "started before");
	o = await_status(f, "ops_ok", 200);
	check_status(o);
	cJSON_Delete(o);
	stop_for_a_while(f);
	o = call(f, "POST", "/v1/stop", "", 200);
	ops = json_i64(o, "ops", 0);
	cJSON_Delete(o);
	o = call(f, "POST", "/v1/stop", "", 200);
	assert_int_equal(json_i64(o, "ops", 0), ops);
	cJSON_Delete(o);
	check_noise(f);
	check_samples(f);
	check_inforce(f);
	check_final(f, check_history(f, ops));
	cJSON_Delete(call(f, "POST", "/v1/reset", "", 200));
	refused(f, "GET", "/v1/status", NULL, 409, "nothing is set up");
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_and_health),
		cmocka_unit_test(test_whole_load),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
