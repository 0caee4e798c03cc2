#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "test/lib/report_room.h"
#include "test/lib/report_synth.h"

/* Verdict and finding are two things: whatever was expected, the first words
 * say what became of the data and the service. */

static void has(const struct report_room *r, const char *file, const char *words)
{
	struct buf b = {0};

	report_room_read(r, file, &b);
	if (!strstr(buf_cstr(&b), words))
		fail_msg("%s does not say: %s", file, words);
	buf_free(&b);
}

/* Of an array of findings: the first of this kind. */
static const cJSON *finding(const cJSON *list, const char *kind)
{
	const cJSON *f;

	cJSON_ArrayForEach(f, list)
		if (!strcmp(json_str(f, "kind", ""), kind))
			return f;
	return NULL;
}

static void harm_comes_first(void **state)
{
	struct report_room r;
	const cJSON *list, *lost, *dual;
	cJSON *result;

	(void)state;
	report_room_open(&r, RUN_KILL | RUN_SPLIT);
	result = report_room_json(&r, "result.json");
	list = json_get(result, "findings");
	lost = finding(list, "lost");
	dual = finding(list, "dual_primary");
	assert_ptr_equal(lost, list->child);
	assert_ptr_equal(dual, lost->next);
	assert_string_equal(json_str(lost, "scenario", ""), "postgres-partition-primary");
	assert_int_equal(json_i64(lost, "index", -1), 1);
	assert_int_equal(json_i64(lost, "count", 0), 64);
	assert_true(json_i64(lost, "of", 0) > 1000);
	assert_true(json_num(dual, "lo_ms", 0) > 5000);
	/* The longest outage first, of the scenario that has it. */
	assert_string_equal(json_str(finding(list, "outage"), "scenario", ""), "postgres-kill-primary");
	assert_int_equal(strncmp(json_str(result, "headline", ""), "64 of ", 6), 0);
	assert_non_null(strstr(json_str(result, "headline", ""), "acknowledged writes were lost (postgres-partition-"
			       "primary); two primaries were writable at once for"));
	assert_int_equal(strncmp(json_str(result, "summary", ""), "64 of ", 6), 0);
	cJSON_Delete(result);
	report_room_close(&r);
}

/* All that was expected held, and yet the first words are of what was lost. */
static void passing_is_not_all(void **state)
{
	struct report_room r;
	cJSON *result;
	const cJSON *e;

	(void)state;
	report_room_open(&r, RUN_LOSS_EXPECTED);
	result = report_room_json(&r, "result.json");
	assert_string_equal(json_str(result, "verdict", ""), "PASS");
	e = json_get(result, "expectations");
	assert_int_equal(json_i64(e, "all", 0), 2);
	assert_int_equal(json_i64(e, "held", 0), 2);
	assert_int_equal(json_i64(e, "failed", -1), 0);
	assert_int_equal(strncmp(json_str(result, "headline", ""), "64 of ", 6), 0);
	has(&r, "report.html", "<h1>64 of ");
	has(&r, "report.html", "Expectations: 2 of 2 held.");
	has(&r, "report.tap", "# Found: 64 of ");
	has(&r, "report.tap", "# Expectations: 2 of 2 held.");
	cJSON_Delete(result);
	report_room_close(&r);
}

static void nothing_lost(void **state)
{
	struct report_room r;

	(void)state;
	report_room_open(&r, RUN_KILL);
	has(&r, "report.tap", "# Found: Nothing acknowledged was lost; writes were down for 31.2");
	report_room_close(&r);
}

static void not_standing(void **state)
{
	struct report_room r;
	cJSON *result;

	(void)state;
	report_room_open(&r, RUN_DOCUMENTED);
	result = report_room_json(&r, "result.json");
	assert_string_equal(json_str(result, "headline", ""), "The system did not come up as written.");
	cJSON_Delete(result);
	report_room_close(&r);
}

/* What is broken found nothing. */
static void broken(void **state)
{
	struct report_room r;
	cJSON *result;

	(void)state;
	report_room_open(&r, RUN_NO_EFFECT);
	result = report_room_json(&r, "result.json");
	assert_int_equal(cJSON_GetArraySize(json_get(result, "findings")), 0);
	assert_string_equal(json_str(result, "headline", ""), "Nothing was put to the test.");
	cJSON_Delete(result);
	report_room_close(&r);
}

/* Skipped is not passed, when it is all. */
static void all_skipped(void **state)
{
	struct report_room r;
	cJSON *result;

	(void)state;
	report_room_open(&r, RUN_SKIPPED);
	assert_int_equal(r.verdict, VERDICT_UNKNOWN);
	result = report_room_json(&r, "result.json");
	assert_string_equal(json_str(json_get(result, "scenarios")->child, "verdict", ""), "SKIP");
	assert_string_equal(json_str(result, "verdict", ""), "UNKNOWN");
	has(&r, "report.tap", "not ok 2 - at least one scenario could be tried here (UNKNOWN)");
	cJSON_Delete(result);
	report_room_close(&r);
	report_room_open(&r, RUN_SKIPPED | RUN_LOSS_EXPECTED);
	assert_int_equal(r.verdict, VERDICT_SKIP);
	report_room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(harm_comes_first), cmocka_unit_test(passing_is_not_all),
		cmocka_unit_test(nothing_lost), cmocka_unit_test(not_standing),
		cmocka_unit_test(broken), cmocka_unit_test(all_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
