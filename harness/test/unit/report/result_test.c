#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/report.h"
#include "report/result.h"
#include "test/lib/report_room.h"
#include "test/lib/report_synth.h"
#include "test/lib/validate.h"

/* result.json and its schema. */

static int setup(void **state)
{
	struct report_room *r = mem_alloc(sizeof(*r));

	report_room_open(r, RUN_KILL | RUN_KINDS | RUN_DOCUMENTED | RUN_SPLIT | RUN_NO_EFFECT);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	report_room_close(*state);
	free(*state);
	return 0;
}

static cJSON *schema(void)
{
	char path[PATH_MAX + 64], root[PATH_MAX];
	struct err e = {0};
	cJSON *o;

	if (file_project_root(root, &e))
		fail_msg("%s", e.msg);
	snprintf(path, sizeof(path), "%s/harness/doc/result.schema.json", root);
	o = json_read_file(path, &e);
	if (!o)
		fail_msg("%s", e.msg);
	return o;
}

static void it_is_what_the_schema_says(void **state)
{
	cJSON *s = schema(), *result = report_room_json(*state, "result.json");
	struct buf why = {0};

	if (!validate_json(s, result, &why))
		fail_msg("%s", buf_cstr(&why));
	buf_free(&why);
	cJSON_Delete(result);
	cJSON_Delete(s);
}

static void of_repetitions_too(void **state)
{
	struct report_room r;
	void *room = &r;

	(void)state;
	report_room_open(&r, RUN_REPEAT | RUN_GUARDED);
	it_is_what_the_schema_says(&room);
	report_room_close(&r);
}

/* One whose history lost its end says so, and nothing else of it counts. */
static void of_half_a_history_too(void **state)
{
	struct report_room r;
	void *room = &r;
	char path[PATH_MAX];
	struct buf h = {0};
	struct err e = {0};
	cJSON *result;

	(void)state;
	report_room_open(&r, RUN_KILL);
	report_room_read(&r, "history.jsonl", &h);
	snprintf(path, sizeof(path), "%s/history.jsonl", r.dir);
	assert_int_equal(file_write_atomic(path, h.s, h.len - 20, &e), 0);
	report_room_again(&r);
	assert_int_equal(r.verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(r.tap, "# Nothing can be concluded: the history is not whole: line "));
	it_is_what_the_schema_says(&room);
	result = report_room_json(&r, "result.json");
	assert_non_null(strstr(json_str(json_path(result, "scenarios.0"), "incomplete", ""), "is torn and was left out"));
	cJSON_Delete(result);
	buf_free(&h);
	report_room_close(&r);
}

static void spoil(cJSON *s, cJSON *result, const char *what)
{
	struct buf why = {0};

	if (validate_json(s, result, &why))
		fail_msg("not noticed: %s", what);
	buf_free(&why);
}

/* The check itself must be able to fail. */
static void the_check_notices(void **state)
{
	cJSON *s = schema(), *result = report_room_json(*state, "result.json");
	cJSON *first = (cJSON *)json_path(result, "scenarios.0");

	json_set_str(first, "extra", "an undocumented key");
	spoil(s, result, "an undocumented key");
	cJSON_DeleteItemFromObjectCaseSensitive(first, "extra");
	json_set_str(first, "verdict", "FINE");
	spoil(s, result, "an unknown verdict");
	json_set_str(first, "verdict", "PASS");
	json_set_num(first, "load_ms", -1);
	spoil(s, result, "a negative length");
	json_set_str(first, "load_ms", "1");
	spoil(s, result, "a wrong type");
	json_set_num(first, "load_ms", 1);
	cJSON_DeleteItemFromObjectCaseSensitive(first, "loss");
	spoil(s, result, "a missing key");
	cJSON_Delete(result);
	cJSON_Delete(s);
}

/* The keys that users were promised, each where it was promised. */
static void promised_keys_are_there(void **state)
{
	static const char *const keys[] = {
		"run_id", "seed", "engine", "images", "scenarios.0.name", "scenarios.0.system",
		"scenarios.0.variant", "scenarios.0.verdict", "scenarios.0.faults.0.fault",
		"scenarios.0.faults.0.target", "scenarios.0.faults.0.injected_ms",
		"scenarios.0.faults.0.effective_ms", "scenarios.0.faults.0.healed_ms",
		"scenarios.0.faults.0.evidence", "scenarios.0.outage.lo_ms",
		"scenarios.0.outage.hi_ms", "scenarios.0.outage.parts",
		"scenarios.0.predicted.lo_ms", "scenarios.0.predicted.hi_ms",
		"scenarios.0.loss.acked", "scenarios.0.loss.lost", "scenarios.0.loss.phantom",
		"scenarios.0.loss.duplicate", "scenarios.0.loss.unknown",
		"scenarios.0.recovery.redundant_ms", "scenarios.0.recovery.lag_zero_ms",
		"scenarios.0.dual_primary_ms", "scenarios.0.noise", "scenarios.0.expectations.0.name",
		"scenarios.0.expectations.0.verdict", "scenarios.0.expectations.0.measured",
		"scenarios.0.expectations.0.limit", "scenarios.0.expectations.0.unit",
	};
	cJSON *result = report_room_json(*state, "result.json");

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (!json_path(result, keys[i]))
			fail_msg("%s is missing", keys[i]);
	}
	cJSON_Delete(result);
}

static void figures_are_those_of_the_run(void **state)
{
	cJSON *result = report_room_json(*state, "result.json");
	const cJSON *kill = json_path(result, "scenarios.0");
	const cJSON *kinds = json_path(result, "scenarios.1");
	const cJSON *outage = json_get(kill, "outage");
	int64_t lost = 0;
	const cJSON *f;

	/* Its clients connect anew, which takes them up to 50 ms. */
	assert_true(json_num(outage, "lo_ms", 0) <= 31200 + 55);
	assert_true(json_num(outage, "hi_ms", 0) >= 31200 - 25);
	assert_true(json_num(outage, "hi_ms", 0) - json_num(outage, "lo_ms", 0) <= 100);
	assert_int_equal(json_i64(json_get(kill, "loss"), "lost", -1), 0);
	assert_int_equal(json_i64(json_get(kinds, "loss"), "lost", -1), 9);
	assert_int_equal(cJSON_GetArraySize(json_get(kinds, "faults")), 6);
	cJSON_ArrayForEach(f, json_get(kinds, "faults"))
		lost += json_i64(f, "lost", -100);
	assert_int_equal(lost, 9);
	assert_int_equal(json_i64(json_path(result, "scenarios.3.loss"), "lost", -1), 64);
	assert_true(json_num(json_path(result, "scenarios.3"), "dual_primary_ms", 0) > 5000);
	assert_string_equal(json_str(json_get(result, "images"), "patroni:3.0.2", ""),
			    "ordeal/postgres-patroni:15");
	cJSON_Delete(result);
}

/* A system that never ran has no figures, not zeros. */
static void what_was_not_measured_is_null(void **state)
{
	cJSON *result = report_room_json(*state, "result.json");
	const cJSON *s = json_path(result, "scenarios.2");

	assert_true(cJSON_IsFalse(json_get(s, "stands")));
	assert_true(cJSON_IsNull(json_path(s, "outage.lo_ms")));
	assert_true(cJSON_IsNull(json_path(s, "loss.lost")));
	assert_true(cJSON_IsNull(json_path(s, "recovery.redundant_ms")));
	assert_true(cJSON_IsNull(json_path(s, "expectations.1.measured")));
	cJSON_Delete(result);
}

/* That there was no outage is told where one would have been seen. */
static void none_that_nobody_looked_for(void **state)
{
	struct fault_record rec = {.id = "kill", .name = "kill-pod", .how = "", .target = "", .role = "", .node = "",
				   .injected_ns = 1};
	struct fault_seen fault = {.rec = &rec, .outage = {.ended = true, .down = {.ended = true}}};
	struct measured m = {.faults = &fault, .nfaults = 1};
	struct measured_counts counts = {0};
	struct scenario_report s = {.m = &m, .of_fault = &counts};

	(void)state;
	for (int told = 0; told < 2; told++) {
		cJSON *f;

		counts.of[EXPECT_OUTAGE].absent = told;
		f = result_fault(&s, &fault);
		assert_true(told ? cJSON_IsFalse(json_path(f, "outage.any")) : cJSON_IsNull(json_path(f, "outage.any")));
		assert_true(told ? json_num(json_path(f, "outage"), "hi_ms", -1) == 0 : cJSON_IsNull(json_path(f, "outage.hi_ms")));
		assert_true(cJSON_IsNull(json_path(f, "downtime.hi_ms")) == !told);
		cJSON_Delete(f);
	}
}

/* Never a pass where the ground was missing. */
static void verdicts_are_the_worst_of_all(void **state)
{
	static const char *const verdicts[] = {"PASS", "FAIL", "FAIL", "FAIL", "BROKEN"};
	cJSON *result = report_room_json(*state, "result.json");
	const cJSON *s;
	int i = 0;

	cJSON_ArrayForEach(s, json_get(result, "scenarios"))
		assert_string_equal(json_str(s, "verdict", ""), verdicts[i++]);
	assert_int_equal(i, 5);
	assert_string_equal(json_str(result, "verdict", ""), "BROKEN");
	cJSON_Delete(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_what_the_schema_says),
		cmocka_unit_test(of_repetitions_too),
		cmocka_unit_test(of_half_a_history_too),
		cmocka_unit_test(the_check_notices),
		cmocka_unit_test(promised_keys_are_there),
		cmocka_unit_test(figures_are_those_of_the_run),
		cmocka_unit_test(none_that_nobody_looked_for),
		cmocka_unit_test(what_was_not_measured_is_null),
		cmocka_unit_test(verdicts_are_the_worst_of_all),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
