/* Scenarios as they are read, and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "scenario/scenario.h"
#include "test/unit/scenario/room.h"

static void test_good(void **state)
{
	static const char *const titles[] = {
		"comes up as written and takes a write",
		"outage of kill within the predicted window",
		"worst outage at most 45 s",
		"outage of pause at least 200 ms and at most 45 s",
		"no acknowledged write lost",
		"at most 12 acknowledged writes lost by kill",
		"no refused write present",
		"at least 1 writes present twice",
		"redundant again within 120 s of kill",
		"redundant again within 180 s of every fault",
		"never two writable primaries",
		"longest client operation at most 950 ms",
		"old primary demoted within 30 s of healing pause",
		"clients get clear errors, not silence",
		"checker linearizable finds no violation",
		"my own words",
	};
	struct fixture *f = *state;
	struct err e = {0};
	struct scenario s;
	size_t i;

	if (read_text(f, good, &s, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(s.name, "postgres-kill-primary");
	assert_string_equal(s.variant, "documented");
	assert_string_equal(s.file, f->path);
	assert_int_equal(s.settings->n, 2);
	assert_int_equal(s.load.clients, 32);
	assert_int_equal(s.load.deadline_ns, 500 * NS_PER_MS);
	assert_int_equal(s.load.mix[OP_INSERT], 7);
	assert_int_equal(s.load.mix[OP_READ], 0);
	assert_int_equal(s.nsteps, 7);
	assert_int_equal(s.steps[1].kind, STEP_FAULT);
	assert_string_equal(s.steps[1].id, "kill");
	assert_string_equal(s.steps[3].id, "pause");
	assert_int_equal(s.steps[3].duration_ns, 5 * NS_PER_S);
	assert_int_equal(s.steps[4].await, AWAIT_REDUNDANT);
	assert_int_equal(s.steps[4].duration_ns, 90 * NS_PER_S);
	assert_int_equal(s.steps[5].kind, STEP_HEAL);
	assert_int_equal(s.nexpects, ARRAY_LEN(titles));
	for (i = 0; i < s.nexpects; i++)
		assert_string_equal(s.expects[i].name, titles[i]);
	assert_true(s.expects[1].within_predicted);
	assert_true(s.expects[3].has_at_least && s.expects[3].has_at_most);
	assert_int_equal((int64_t)s.expects[3].at_least, 200 * NS_PER_MS);
}

static void test_json(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	struct scenario s;
	cJSON *o;

	if (read_text(f, good, &s, &e))
		fail_msg("%s", e.msg);
	o = scenario_to_json(&s);
	assert_string_equal(json_str(o, "system", ""), "postgres");
	assert_int_equal(json_i64(json_get(o, "load"), "deadline_ns", 0), 500 * NS_PER_MS);
	assert_int_equal(json_i64(json_path(o, "load.mix"), "cas", 0), 3);
	assert_string_equal(json_str(json_path(o, "steps.1"), "step", ""), "fault");
	assert_string_equal(json_str(json_path(o, "steps.1.params"), "how", ""), "crash");
	assert_int_equal(json_i64(json_path(o, "steps.3"), "for_ns", 0), 5 * NS_PER_S);
	assert_int_equal(json_i64(json_path(o, "steps.2"), "within_ns", 0), 90 * NS_PER_S);
	assert_string_equal(json_str(json_path(o, "steps.4"), "await", ""), "redundant");
	assert_true(json_bool(json_path(o, "expect.0"), "want", false));
	assert_null(json_get(json_path(o, "expect.0"), "at_most"));
	assert_true(json_bool(json_path(o, "expect.1"), "within_predicted", false));
	assert_string_equal(json_str(json_path(o, "expect.1"), "fault", ""), "kill");
	assert_int_equal(json_i64(json_path(o, "expect.4"), "at_most", -1), 0);
	assert_string_equal(json_str(json_path(o, "expect.14"), "checker", ""), "linearizable");
	cJSON_Delete(o);
}

static void test_runs(void **state)
{
	static const char text[] =
		HEAD "steps:\n- {run: cronjob/nightly-backup, as: backup}\n- {await: job/backup, within: 90s}\n"
		"- {run: cronjob/check, within: 30s}\nexpect:\n- job: {run: backup}\n"
		"- job: {run: check, succeeded: false, reason: truncated}\n";
	struct fixture *f = *state;
	struct err e = {0};
	struct scenario s;
	cJSON *o;

	if (read_text(f, text, &s, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(s.steps[0].kind, STEP_RUN);
	assert_string_equal(s.steps[0].cron_job, "nightly-backup");
	assert_string_equal(s.steps[0].id, "backup");
	assert_int_equal(s.steps[0].duration_ns, 0);
	assert_int_equal(s.steps[1].await, AWAIT_JOB);
	assert_string_equal(s.steps[1].id, "backup");
	assert_string_equal(s.steps[2].id, "check");
	assert_int_equal(s.steps[2].duration_ns, 30 * NS_PER_S);
	assert_string_equal(s.expects[0].name, "the job backup succeeds");
	assert_string_equal(s.expects[1].name, "the job check fails: truncated");
	o = scenario_to_json(&s);
	assert_string_equal(json_str(json_path(o, "steps.0"), "run", ""), "nightly-backup");
	assert_string_equal(json_str(json_path(o, "steps.1"), "await", ""), "job");
	assert_string_equal(json_str(json_path(o, "steps.1"), "id", ""), "backup");
	assert_int_equal(json_i64(json_path(o, "steps.2"), "within_ns", 0), 30 * NS_PER_S);
	assert_string_equal(json_str(json_path(o, "expect.0"), "run", ""), "backup");
	assert_true(json_bool(json_path(o, "expect.0"), "want", false));
	assert_false(json_bool(json_path(o, "expect.1"), "want", true));
	assert_string_equal(json_str(json_path(o, "expect.1"), "reason", ""), "truncated");
	cJSON_Delete(o);
}

static void test_defaults(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	struct scenario s;

	if (read_text(f, "name: m\nsystem: memory\nsteps: [{steady: 1s}]\n"
			 "expect: [{lost: {at_most: 0}}]\n", &s, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(s.title, "m");
	assert_string_equal(s.variant, "corrected");
	assert_null(s.settings);
	assert_int_equal(s.load.clients, 64);
	assert_int_equal((int)s.load.rate, 200);
	assert_int_equal(s.load.deadline_ns, NS_PER_S);
	assert_int_equal(s.load.keys, 8);
	assert_int_equal(s.load.mix[OP_INSERT], 70);
}

static void test_both_sides(void **state)
{
	struct fixture *f = *state;
	struct scenario s;
	struct err e = {0};
	cJSON *o;

	if (read_text(f, HEAD "load: {clients: 10, minority: 0.25, mix: {insert: 5, cas: 2, read_replica: 3}}\n"
		      STEADY "expect:\n  - staleness: {at_most: 2s}\n  - evicted: {at_most: 0}\n", &s, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(s.load.minority, 3);
	assert_int_equal(s.load.mix[OP_READ_REPLICA], 3);
	assert_string_equal(s.expects[0].name, "replicas' answers behind by at most 2 s");
	assert_string_equal(s.expects[1].name, "no acknowledged write evicted");
	o = scenario_to_json(&s);
	assert_int_equal(json_i64(json_get(o, "load"), "minority", 0), 3);
	assert_int_equal(json_i64(json_path(o, "load.mix"), "read_replica", 0), 3);
	cJSON_Delete(o);
}

/* Every metric is read from a file, has words of its own, is told in the event
 * by its name, and stands in the manual. */
static void test_metrics(void **state)
{
	static const char *const values[] = {
		[METRIC_BOOL] = "true", [METRIC_NS] = "{at_most: 1s}", [METRIC_COUNT] = "{at_most: 7}",
		[METRIC_CHECKER] = "linearizable", [METRIC_SHARE] = "{at_least: 99.5%}",
	};
	struct fixture *f = *state;
	struct buf text = {0}, manual = {0}, row = {0};
	struct err e = {0};
	struct scenario s;
	cJSON *o;

	buf_str(&text, HEAD "load: {mix: {insert: 1, write: 1, read_replica: 1}}\n" KILL "- run: cronjob/b\nexpect:\n");
	for (int i = 0; i < METRICS; i++) {
		const struct metric *m = metric_of((enum expect_metric)i);

		buf_fmt(&text, "  - %s: %s\n", m->name, i == EXPECT_JOB ? "{run: b}" :
			i == EXPECT_ROUTES ? "{service: b, want: true}" : values[m->unit]);
	}
	if (read_text(f, buf_cstr(&text), &s, &e))
		fail_msg("%s", e.msg);
	buf_fmt(&row, "%s/harness/doc/SCENARIOS.md", getenv("ORDEAL_HOME") ? getenv("ORDEAL_HOME") : ".");
	if (file_read(buf_cstr(&row), &manual, &e))
		fail_msg("%s", e.msg);
	o = scenario_to_json(&s);
	assert_int_equal(s.nexpects, METRICS);
	for (int i = 0; i < METRICS; i++) {
		const cJSON *x = cJSON_GetArrayItem(json_get(o, "expect"), i);
		const struct metric *m = metric_of((enum expect_metric)i);
		enum expect_metric found = EXPECT_STANDS;

		assert_true(metric_find(m->name, &found));
		assert_int_equal(found, i);
		assert_int_equal(s.expects[i].metric, i);
		/* That no two are the same, the reader has seen to. */
		assert_true(strlen(s.expects[i].name) > strlen("at most 7"));
		assert_string_equal(json_str(x, "metric", ""), m->name);
		assert_int_equal(json_get(x, "want") != NULL, m->unit == METRIC_BOOL);
		buf_reset(&row);
		buf_fmt(&row, "\n| `%s` | ", m->name);
		if (!strstr(buf_cstr(&manual), buf_cstr(&row)))
			fail_msg("not in the manual: %s", m->name);
	}
	assert_false(metric_find("luck", &(enum expect_metric){0}));
	for (int i = 0; i <= AWAIT_READY; i++) {
		buf_reset(&row);
		buf_fmt(&row, "%s`", await_word((enum await_kind)i)); /* `await: writes` */
		if (!strstr(buf_cstr(&manual), buf_cstr(&row)))
			fail_msg("not in the manual: %s", await_word((enum await_kind)i));
	}
	cJSON_Delete(o);
	buf_free(&text);
	buf_free(&manual);
	buf_free(&row);
}

/* What a load agent is told is what the file says; what it is not told is as
 * in a file that does not say it. */
static void test_load_json(void **state)
{
	static const char *const texts[] = {
		HEAD STEADY EXPECT,
		HEAD "load: {rate: 0.5, clients: 10, deadline: 20ms, keys: 0, payload: 77, mix: {insert: 3}}\n"
		STEADY EXPECT,
		HEAD "load: {minority: 0.25, mix: {insert: 1, read: 2, write: 3, cas: 4, read_replica: 5}}\n"
		STEADY EXPECT,
	};
	struct fixture *f = *state;
	struct load_spec none;
	struct err e = {0};
	cJSON *o;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct load_spec back;
		struct scenario s;

		if (read_text(f, texts[i], &s, &e))
			fail_msg("%s", e.msg);
		o = load_spec_to_json(&s.load);
		assert_int_equal(load_spec_from_json(o, &back, &e), 0);
		cJSON_Delete(o);
		assert_true(back.rate == s.load.rate);
		assert_int_equal(back.clients, s.load.clients);
		assert_int_equal(back.deadline_ns, s.load.deadline_ns);
		assert_int_equal(back.keys, s.load.keys);
		assert_int_equal(back.payload_bytes, s.load.payload_bytes);
		assert_int_equal(back.minority, s.load.minority);
		assert_memory_equal(back.mix, s.load.mix, sizeof(back.mix));
		assert_int_equal(load_spec_ops(&back), load_spec_ops(&s.load));
	}
	o = cJSON_CreateObject();
	assert_int_equal(load_spec_from_json(o, &none, &e), 0);
	assert_int_equal(none.clients, 64);
	assert_int_equal(none.mix[OP_INSERT], 70);
	assert_int_equal(load_spec_ops(&none),
			 OP_BIT(OP_INSERT) | OP_BIT(OP_READ) | OP_BIT(OP_CAS));
	json_set_i64(o, "keys", 100001);
	assert_int_equal(load_spec_from_json(o, &none, &e), -1);
	assert_string_equal(e.msg, "load.keys must be 0 to 100000");
	json_set_i64(o, "payload_bytes", INT64_C(1) << 32);
	assert_int_equal(load_spec_from_json(o, &none, &e), -1);
	assert_string_equal(e.msg, "load.payload_bytes must be 0 to 1000000");
	cJSON_Delete(o);
}

/* All that is wrong with a file at once, and nothing that only follows from it. */
static void test_all_at_once(void **state)
{
	struct fixture *f = *state;
	struct scenario s;
	struct err e = {0};
	size_t n = 1;

	assert_int_equal(read_text(f, "name: Big Name\nsystem: sytsem\nready_within: soon\n"
				   "load: {rate: 0, deadline: 1s, cleints: 3, clients: 0}\nsteps:\n  - steady: 0s\n"
				   "  - fault: puase\n    as: p\n    target: primary\n"
				   "expect:\n  - outage: {within: 3s}\n", &s, &e), -1);
	for (const char *p = e.msg; (p = strchr(p, '\n')); p++)
		n++;
	if (n != 9)
		fail_msg("%zu mistakes: %s", n, e.msg);
	assert_non_null(strstr(e.msg, ":1:7: a name has"));
	assert_non_null(strstr(e.msg, ":2:9: unknown system \"sytsem\""));
	assert_non_null(strstr(e.msg, ":3:15: a duration is needed"));
	assert_non_null(strstr(e.msg, ":4:14: rate is between"));
	assert_non_null(strstr(e.msg, "unknown key \"cleints\" in load; did you mean"));
	assert_non_null(strstr(e.msg, "clients is between 1 and"));
	assert_non_null(strstr(e.msg, ":6:13: steady must be longer"));
	assert_non_null(strstr(e.msg, ":7:12: unknown fault \"puase\"; did you mean \"pause\"?"));
	assert_non_null(strstr(e.msg, ":11:22: within takes only"));
}

/* What others call a thing. */
static void test_synonyms(void **state)
{
	struct fixture *f = *state;
	struct scenario s;
	struct err e = {0};

	if (read_text(f, "name: x\nsystem: postgres\nload: {payload: \"4Ki\"}\nsteps:\n  - wait: 10s\n"
		      "  - {fault: pause, target: primary, duration: 3s}\nexpect: [{lost: {at_most: 0}}]\n", &s, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(s.load.payload_bytes, 4096);
	assert_int_equal(s.steps[0].kind, STEP_STEADY);
	assert_int_equal(s.steps[0].duration_ns, 10 * NS_PER_S);
	assert_int_equal(s.steps[1].duration_ns, 3 * NS_PER_S);
	assert_int_equal(read_text(f, "name: x\nsystem: postgres\nload: {payload: 4KB}\nsteps:\n  - {wait: 1s, steady: 1s}\n"
				   "  - {fault: pause, target: primary, duration: 3s, for: 3s}\nexpect: [{lost: {at_most: 0}}]\n",
				   &s, &e), -1);
	assert_non_null(strstr(e.msg, ":3:17: payload is a size from 0 to 1000000 bytes, such as 4096 or 4Ki, not 4KB"));
	assert_non_null(strstr(e.msg, ":5:6: \"wait\" means \"steady\", which is there, too: remove one"));
	assert_non_null(strstr(e.msg, ":6:37: \"duration\" means \"for\", which is there, too"));
	assert_null(strstr(e.msg, "unknown key \"duration\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_metrics, setup, teardown),
		cmocka_unit_test_setup_teardown(test_load_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_synonyms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_both_sides, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
