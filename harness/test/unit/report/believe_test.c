/* A generator that stood still, and a load that was not sent: what every report
 * says of it first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "history/event.h"
#include "history/read.h"
#include "test/lib/report_room.h"
#include "test/lib/report_synth.h"
#include "test/lib/validate.h"

static char *path_of(const struct report_room *r, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/events.jsonl", r->dir);
	return out;
}

static int64_t effective_ns(const struct report_room *r)
{
	char path[PATH_MAX];
	struct err e = {0};
	cJSON *events = events_read(path_of(r, path), &e);
	const cJSON *ev;
	int64_t t = 0;

	cJSON_ArrayForEach(ev, events)
		if (event_is(ev, "fault") && !strcmp(json_str(ev, "state", ""), "effective"))
			t = event_t(ev);
	cJSON_Delete(events);
	assert_true(t > 0);
	return t;
}

static bool says(const struct report_room *r, const char *file, const char *text)
{
	struct buf b = {0};
	bool yes;

	report_room_read(r, file, &b);
	yes = strstr(buf_cstr(&b), text) != NULL;
	buf_free(&b);
	return yes;
}

static void valid(const cJSON *result)
{
	char path[PATH_MAX + 64], root[PATH_MAX];
	struct buf why = {0};
	struct err e = {0};
	cJSON *schema;

	assert_int_equal(file_project_root(root, &e), 0);
	snprintf(path, sizeof(path), "%s/harness/doc/result.schema.json", root);
	schema = json_read_file(path, &e);
	if (!schema || !validate_json(schema, result, &why))
		fail_msg("%s%s", e.msg, buf_cstr(&why));
	buf_free(&why);
	cJSON_Delete(schema);
}

static void it_stood_still(void **state)
{
	struct report_room r;
	char path[PATH_MAX];
	cJSON *result;
	FILE *f;

	(void)state;
	report_room_open(&r, RUN_KILL);
	assert_int_equal(r.verdict, VERDICT_PASS);
	f = fopen(path_of(&r, path), "a");
	assert_non_null(f);
	fprintf(f, "{\"t\":%lld,\"s\":0,\"k\":\"noise\",\"source\":\"load\",\"span_ms\":2500,\"late_max_ms\":1500,"
		"\"late_sum_ms\":1501,\"cpu_some_pct\":12}\n",
		(long long)(effective_ns(&r) + 4 * NS_PER_S));
	fclose(f);
	report_room_again(&r);
	assert_int_equal(r.verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(r.tap, "# How long writes were down when the primary was killed is not known, 31.3 s at "
			       "most: the generator stood still for 1.50 s, 2."));
	assert_non_null(strstr(r.tap, "    stood_ms: 1500\n"));
	assert_non_null(strstr(r.tap, "how long writes were down is not known: the generator stood still"));
	assert_null(strstr(r.tap, "never down"));
	assert_true(says(&r, "report.html", "not known<small>at most 31.3 s: the generator stood still for 1.50 s"));
	assert_true(says(&r, "junit.xml", "stood still for 1.50 s"));
	result = report_room_json(&r, "result.json");
	valid(result);
	assert_true(json_bool(json_path(result, "scenarios.0.faults.0.noise.outage"), "too_noisy", false));
	assert_true(json_bool(json_path(result, "scenarios.0.load"), "as_asked", false));
	assert_int_equal(strncmp(json_str(json_path(result, "scenarios.0"), "summary", ""), "How long", 8), 0);
	cJSON_Delete(result);
	report_room_close(&r);
}

static void it_was_not_sent(void **state)
{
	struct report_room r;
	struct buf b = {0};
	struct err e = {0};
	char path[PATH_MAX], *at;
	cJSON *result;

	(void)state;
	report_room_open(&r, RUN_KILL);
	report_room_read(&r, "events.jsonl", &b);
	at = strstr(b.s, "\"rate\":200,");
	assert_non_null(at);
	at += strlen("\"rate\":");
	at[0] = '9', at[1] = 'e', at[2] = '4';
	assert_int_equal(file_write_atomic(path_of(&r, path), b.s, b.len, &e), 0);
	buf_free(&b);
	report_room_again(&r);
	assert_int_equal(r.verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(r.tap, "# The load was not the one that was asked for: before the first fault "));
	assert_non_null(strstr(r.tap, "    as_asked: false\n"));
	assert_true(says(&r, "report.html", "<p class=\"lead\">The load was not the one that was asked for"));
	result = report_room_json(&r, "result.json");
	valid(result);
	assert_false(json_bool(json_path(result, "scenarios.0.load"), "as_asked", true));
	assert_true(json_i64(json_path(result, "scenarios.0.load"), "not_sent", 0) > 1000000);
	cJSON_Delete(result);
	report_room_close(&r);
}

/* Adds an event to the run, which is reported again. */
static void with(struct report_room *r, const char *event)
{
	char path[PATH_MAX];
	FILE *f = fopen(path_of(r, path), "a");

	assert_non_null(f);
	fprintf(f, "%s\n", event);
	fclose(f);
	report_room_again(r);
}

/* The first words say no more than the verdict of it would. */
static void test_nothing_lost(void **state)
{
	struct report_room r;

	(void)state;
	report_room_open(&r, RUN_KILL);
	assert_non_null(strstr(r.tap, "; nothing acknowledged was lost; "));
	assert_true(says(&r, "report.html", "Two primaries at once</dt><dd>never<"));
	with(&r, "{\"t\":1,\"s\":0,\"k\":\"interrupt\",\"signal\":\"SIGINT\"}");
	assert_null(strstr(r.tap, "nothing acknowledged was lost"));
	assert_non_null(strstr(r.tap, "; nothing acknowledged was seen to be lost, which is too little to say that nothing was; "));
	assert_true(says(&r, "report.html", "Two primaries at once</dt><dd>not seen<"));
	report_room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_stood_still),
		cmocka_unit_test(it_was_not_sent),
		cmocka_unit_test(test_nothing_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
