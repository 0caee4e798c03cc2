#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "history/read.h"
#include "report/findings.h"
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

/* What a checker found is told in words of its own, also where a setting allows it. */
static void checks_in_words(void **state)
{
	static const char *const says[][2] = {
		{"linearizable", "what clients saw is not linearizable"},
		{"queue", "what clients saw breaks the rules of a queue"},
		{"lost_writes", NULL}, /* they are counted */
	};
	struct measured m = {.stands = true};
	struct expect_seen expect = {.metric = "check"};
	const struct script_seen script = {.name = "x", .expects = &expect, .nexpects = 1};
	struct evidence ev = {.script = &script};
	struct judged j = {.verdict = VERDICT_FAIL};
	struct scenario_report s = {.m = &m, .ev = &ev, .judged = &j, .njudged = 1};
	struct run_report run = {.scenarios = &s, .n = 1};
	struct arena a = {0};
	struct findings f;

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(says); i++) {
		j.verdict = i % 2 ? VERDICT_PASS : VERDICT_FAIL;
		expect.checker = says[i / 2][0];
		findings_make(&a, &run, &f);
		assert_int_equal(f.n, says[i / 2][1] != NULL);
		if (f.n)
			assert_string_equal(f.v[0].text, says[i / 2][1]);
		findings_free(&f);
	}
	for (size_t i = 0; checker_all()[i]; i++)
		assert_true(*checker_all()[i]->breach);
	arena_free(&a);
}

/* Several of a kind are one clause: it counts scenarios, adds up what can be, and
 * is no surer than its parts. */
static void several_of_a_kind(void **state)
{
	static const struct script_seen script = {.name = "x"};
	static struct evidence ev = {.script = &script};
	struct scenario_report s[3] = {{.ev = &ev}, {.ev = &ev}, {.ev = &ev}};
	struct run_report run = {.scenarios = s, .n = ARRAY_LEN(s)};
	const int64_t sec = NS_PER_S;
	const struct {
		struct finding v[2];
		const char *says;
	} rows[] = {
		{{{.kind = FINDING_EVICTED, .count = 3, .of = -1},
		  {.kind = FINDING_EVICTED, .scenario = &s[1], .count = 2, .of = -1}},
		 "5 keys were evicted in 2 of 3 scenarios."},
		{{{.kind = FINDING_EVICTED, .count = 3, .of = -1},
		  {.kind = FINDING_EVICTED, .scenario = &s[1], .count = 2, .of = -1,
		   .bound = FINDING_AT_MOST}},
		 "At most 5 keys were evicted in 2 of 3 scenarios."},
		{{{.kind = FINDING_LOST, .count = 3, .of = 9},
		  {.kind = FINDING_LOST, .scenario = &s[1], .count = 2, .of = 9,
		   .bound = FINDING_AT_LEAST}},
		 "At least 5 of 18 acknowledged writes were lost in 2 of 3 scenarios."},
		{{{.kind = FINDING_NOT_SERVED, .count = 30, .of = 90},
		  {.kind = FINDING_NOT_SERVED, .count = 20, .of = 90}},
		 "50 of 180 operations that were due were not served (x)."},
		{{{.kind = FINDING_CLIENT_DOWN, .lo_ns = sec},
		  {.kind = FINDING_CLIENT_DOWN, .lo_ns = sec}},
		 "A few clients were down while others were served (x)."},
		{{{.kind = FINDING_DUAL_PRIMARY, .lo_ns = 2 * sec, .hi_ns = -1},
		  {.kind = FINDING_DUAL_PRIMARY, .scenario = &s[1], .lo_ns = sec, .hi_ns = -1}},
		 "Two primaries were writable at once in 2 of 3 scenarios, at the worst for at least 2.00 s."},
		{{{.kind = FINDING_READS_DOWN, .lo_ns = 9 * sec, .hi_ns = 9 * sec},
		  {.kind = FINDING_READS_DOWN, .lo_ns = 8 * sec, .hi_ns = -1}},
		 "Reads were down for more than 8.00 s (x)."},
		{{{.kind = FINDING_OUTAGE, .lo_ns = sec, .hi_ns = 2 * sec},
		  {.kind = FINDING_OUTAGE, .lo_ns = 0, .hi_ns = 2500 * NS_PER_MS}},
		 "Writes were down for up to 1.5 s ± 0.5 s (x)."},
		/* What flickered for longer is worse than what was down once. */
		{{{.kind = FINDING_OUTAGE, .lo_ns = 38 * sec, .hi_ns = 38 * sec},
		  {.kind = FINDING_OUTAGE, .lo_ns = 50 * sec, .hi_ns = 52 * sec, .summed = true}},
		 "Writes were down for up to 51.0 s ± 1.0 s in all (x)."},
	};
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct finding v[2] = {rows[i].v[0], rows[i].v[1]};
		struct findings f = {.v = v, .n = 2};
		struct measured m = {.unsupported = "no"};

		v[0].scenario = &s[0];
		v[1].scenario = v[1].scenario ? v[1].scenario : &s[0];
		s[0].m = s[1].m = s[2].m = &m;
		assert_string_equal(findings_headline(&a, &run, &f), rows[i].says);
	}
	arena_free(&a);
}

enum { ALL = UINT16_MAX };

/* Within (from, to) nobody answers one client, or ALL of them. */
static void silence(const struct report_room *r, uint32_t process, int64_t from_ns, int64_t to_ns)
{
	char path[160], line[OP_LINE_MAX];
	struct history h = {0};
	struct buf b = {0};
	struct err e = {0};

	snprintf(path, sizeof(path), "%s/history.jsonl", r->dir);
	assert_int_equal(history_read(path, &h, &e), 0);
	assert_int_equal(h.nstreams, 0); /* no sums to make anew */
	for (size_t i = 0; i < h.n; i++) {
		struct op *op = &h.ops[i];

		if ((op->process == process || process == ALL) && op->t_invoke > from_ns &&
		    op->t_invoke < to_ns) {
			op->outcome = OP_INFO;
			op->error = "timeout: no answer in time";
		}
		buf_add(&b, line, op_to_line(op, line, sizeof(line)));
	}
	assert_int_equal(file_write_atomic(path, b.s, b.len, &e), 0);
	buf_free(&b);
	history_free(&h);
}

static int64_t last_up_ns(const struct report_room *r)
{
	cJSON *result = report_room_json(r, "result.json");
	const cJSON *f = json_path(result, "scenarios.0.faults.0");
	double ms = json_num(f, "injected_ms", 0) + json_num(json_get(f, "outage"), "hi_ms", 0);
	struct history h = {0};
	struct err e = {0};
	char path[160];
	int64_t t;

	snprintf(path, sizeof(path), "%s/history.jsonl", r->dir);
	assert_int_equal(history_read(path, &h, &e), 0);
	t = h.ops[0].t_intended + (int64_t)(ms * 1e6);
	history_free(&h);
	cJSON_Delete(result);
	return t;
}

static void one_client(void **state)
{
	struct report_room r;
	const cJSON *f;
	cJSON *result;

	(void)state;
	report_room_open(&r, RUN_KILL);
	result = report_room_json(&r, "result.json");
	assert_null(finding(json_get(result, "findings"), "client_down"));
	cJSON_Delete(result);
	silence(&r, 5, last_up_ns(&r) + NS_PER_S, INT64_MAX);
	report_room_again(&r);
	result = report_room_json(&r, "result.json");
	f = finding(json_get(result, "findings"), "client_down");
	assert_non_null(f);
	assert_true(cJSON_IsNull(json_get(f, "hi_ms")) && json_num(f, "lo_ms", 0) > 5000);
	assert_non_null(strstr(json_str(result, "headline", ""), "1 of "));
	assert_non_null(strstr(json_str(result, "headline", ""), " clients was down while others were served, and client 5 "
			       "to the end, for more than "));
	has(&r, "report.tap", "#   client_down: 1 of ");
	has(&r, "report.html", " clients was down while others were served");
	cJSON_Delete(result);
	report_room_close(&r);
}

/* What was down while no fault was there is told like any other outage. */
static void down_before(void **state)
{
	struct report_room r;
	struct history h = {0};
	struct err e = {0};
	const cJSON *f;
	char path[160];
	cJSON *result;
	int64_t t;

	(void)state;
	report_room_open(&r, RUN_KILL);
	result = report_room_json(&r, "result.json");
	assert_null(finding(json_get(result, "findings"), "down_before"));
	cJSON_Delete(result);
	snprintf(path, sizeof(path), "%s/history.jsonl", r.dir);
	assert_int_equal(history_read(path, &h, &e), 0);
	t = h.ops[0].t_intended;
	history_free(&h);
	silence(&r, ALL, t + 3 * NS_PER_S, t + 7 * NS_PER_S);
	report_room_again(&r);
	result = report_room_json(&r, "result.json");
	f = finding(json_get(result, "findings"), "down_before");
	assert_non_null(f);
	assert_true(json_num(f, "lo_ms", 0) > 3500 && json_num(f, "hi_ms", 0) < 4500);
	assert_non_null(strstr(json_str(result, "headline", ""), "; writes were down for 4."));
	assert_non_null(strstr(json_str(result, "headline", ""), " before the fault"));
	has(&r, "report.tap", " before the fault; ");
	cJSON_Delete(result);
	report_room_close(&r);
}

static void more_events(const struct report_room *r, const char *line)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/events.jsonl", r->dir);
	f = fopen(path, "a");
	assert_non_null(f);
	fprintf(f, "%s\n", line);
	fclose(f);
}

/* Where nothing counts the lines of a history, those that are missing are no writes
 * that nobody sent. */
static void lines_lost(void **state)
{
	struct report_room r;
	struct buf b = {0};
	struct err e = {0};
	char path[160], *from, *to;
	cJSON *result;

	(void)state;
	report_room_open(&r, RUN_KILL);
	report_room_read(&r, "history.jsonl", &b);
	from = strchr(b.s + b.len / 20, '\n');
	to = strchr(from + 3000, '\n');
	memmove(from, to, strlen(to) + 1);
	snprintf(path, sizeof(path), "%s/history.jsonl", r.dir);
	assert_int_equal(file_write_atomic(path, b.s, strlen(b.s), &e), 0);
	buf_free(&b);
	report_room_again(&r);
	result = report_room_json(&r, "result.json");
	assert_null(finding(json_get(result, "findings"), "phantom"));
	assert_null(strstr(r.tap, "that nobody sent"));
	cJSON_Delete(result);
	report_room_close(&r);
}

/* What had not settled tells of no loss, and of none that was not. */
static void unsettled(void **state)
{
	struct report_room r;
	const cJSON *loss;
	cJSON *result;

	(void)state;
	report_room_open(&r, RUN_KILL);
	more_events(&r, "{\"t\":1,\"s\":0,\"k\":\"phase\",\"phase\":\"unsettled\",\"detail\":\"pg-2 is away\"}");
	report_room_again(&r);
	result = report_room_json(&r, "result.json");
	loss = json_path(result, "scenarios.0.loss");
	assert_false(json_bool(loss, "known", true));
	assert_true(cJSON_IsNull(json_get(loss, "lost")));
	assert_null(strstr(r.tap, "nothing acknowledged was lost"));
	assert_non_null(strstr(r.tap, "; whether acknowledged writes were lost is not known: the final read cannot be "
			       "relied on: the system had not settled before it: pg-2 is away"));
	cJSON_Delete(result);
	report_room_close(&r);
}

/* Harm that was seen does not go away when the harness breaks later on. */
static void broken_late(void **state)
{
	struct report_room r;
	cJSON *result;

	(void)state;
	report_room_open(&r, RUN_LOSS_EXPECTED);
	more_events(&r, "{\"t\":999000000000000,\"s\":0,\"k\":\"broken\",\"where\":\"cleanup\",\"what\":\"no disk\"}");
	report_room_again(&r);
	assert_int_equal(r.verdict, VERDICT_BROKEN);
	result = report_room_json(&r, "result.json");
	assert_int_equal(strncmp(json_str(result, "headline", ""), "64 of ", 6), 0);
	assert_null(finding(json_get(result, "findings"), "unread"));
	cJSON_Delete(result);
	report_room_close(&r);
}

/* Nobody takes what was begun for all that was planned. */
/* A backup that failed is among the first words, though nothing is down and nothing lost. */
static void a_job_failed(void **state)
{
	static const char told[] = "{\"t\":%s,\"s\":0,\"k\":\"job\",\"id\":\"backup\",\"job\":\"b-1\",\"from\":\"cronjob/b\","
				   "\"state\":\"%s\",\"reason\":\"BackoffLimitExceeded\"}\n";
	struct report_room r;
	struct buf b = {0}, more = {0};
	struct err e = {0};
	char path[160], t[32];
	const char *at;

	(void)state;
	report_room_open(&r, RUN_KILL);
	report_room_read(&r, "events.jsonl", &b);
	at = strstr(b.s, "{\"t\":");
	for (const char *next = at; next; next = strstr(next + 1, "{\"t\":"))
		at = next;
	snprintf(t, sizeof(t), "%.*s", (int)strcspn(at + 5, ","), at + 5);
	buf_add(&more, b.s, (size_t)(at - b.s));
	buf_fmt(&more, told, t, "begun");
	buf_fmt(&more, told, t, "failed");
	buf_str(&more, at);
	snprintf(path, sizeof(path), "%s/events.jsonl", r.dir);
	assert_int_equal(file_write_atomic(path, more.s, more.len, &e), 0);
	buf_free(&b);
	buf_free(&more);
	report_room_again(&r);
	has(&r, "result.json", "\"job_failed\"");
	has(&r, "report.html", "Nothing acknowledged was lost; the job backup failed (BackoffLimitExceeded); writes were down");
	has(&r, "report.html", "s; the job backup failed (BackoffLimitExceeded).");
	report_room_close(&r);
}

static void not_begun(void **state)
{
	struct report_room r;
	struct buf b = {0};
	struct err e = {0};
	char path[160], *at;

	(void)state;
	report_room_open(&r, RUN_KILL);
	report_room_read(&r, "events.jsonl", &b);
	at = strstr(b.s, "\"planned\":1,");
	assert_non_null(at);
	at[10] = '8';
	snprintf(path, sizeof(path), "%s/events.jsonl", r.dir);
	assert_int_equal(file_write_atomic(path, b.s, b.len, &e), 0);
	buf_free(&b);
	report_room_again(&r);
	assert_int_equal(r.verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(r.tap, "; 7 of 8 scenarios that were planned were not begun."));
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
		cmocka_unit_test(nothing_lost),	    cmocka_unit_test(a_job_failed),
		cmocka_unit_test(checks_in_words), cmocka_unit_test(several_of_a_kind),
		cmocka_unit_test(down_before),
		cmocka_unit_test(lines_lost),	    cmocka_unit_test(unsettled),
		cmocka_unit_test(broken_late),	    cmocka_unit_test(not_begun),
		cmocka_unit_test(not_standing),	    cmocka_unit_test(broken),
		cmocka_unit_test(all_skipped),	    cmocka_unit_test(one_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
