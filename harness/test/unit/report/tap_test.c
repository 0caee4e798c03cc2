#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "report/report.h"
#include "test/lib/report_room.h"
#include "test/lib/report_synth.h"
#include "test/lib/validate.h"

/* TAP and JUnit: for machines. */

struct tap {
	int version, planned, ok, not_ok, blocks, skips;
	bool bail, in_block;
	char bad[200]; /* the first line that no consumer could make sense of */
};

static void read_line(struct tap *t, const char *line)
{
	if (t->in_block) {
		t->in_block = strcmp(line, "  ...") != 0;
		if (t->in_block && strncmp(line, "  ", 2))
			snprintf(t->bad, sizeof(t->bad), "%.190s", line);
	} else if (sscanf(line, "TAP version %d", &t->version) == 1 ||
		   sscanf(line, "1..%d", &t->planned) == 1 || line[0] == '#') {
		return;
	} else if (!strcmp(line, "  ---")) {
		t->in_block = true;
		t->blocks++;
	} else if (!strncmp(line, "ok ", 3)) {
		t->ok++;
		t->skips += strstr(line, " # SKIP ") != NULL;
	} else if (!strncmp(line, "not ok ", 7)) {
		t->not_ok++;
	} else if (!strncmp(line, "Bail out!", 9)) {
		t->bail = true;
	} else {
		snprintf(t->bad, sizeof(t->bad), "%.190s", line);
	}
}

static struct tap read_tap(const char *text)
{
	char *copy = mem_strdup(text), *line, *rest = copy;
	struct tap t = {0};

	while ((line = strsep(&rest, "\n")) && (rest || *line))
		read_line(&t, line);
	free(copy);
	if (t.bad[0])
		fail_msg("not TAP: %s", t.bad);
	return t;
}

static int setup(void **state)
{
	struct report_room *r = mem_alloc(sizeof(*r));

	/* prove sets it for what it starts, this test included. */
	unsetenv("TAP_VERSION");
	report_room_open(r, RUN_KILL | RUN_DOCUMENTED | RUN_NO_EFFECT | RUN_INTERRUPTED);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	report_room_close(*state);
	free(*state);
	return 0;
}

static void every_expectation_is_a_line(void **state)
{
	const struct report_room *r = *state;
	struct tap t = read_tap(r->tap);

	assert_int_equal(t.version, 14);
	assert_int_equal(strncmp(r->tap, "TAP version 14\n# ", 17), 0);
	assert_int_equal(t.planned, 7 + 2 + 2 + 1);
	assert_int_equal(t.ok + t.not_ok, t.planned);
	assert_int_equal(t.blocks, t.planned);
	assert_non_null(strstr(r->tap, "ok 3 - postgres-kill-primary: outage of kill at most 45 s: 31."));
	assert_non_null(strstr(r->tap, "\n  ---\n  verdict: \"PASS\"\n"));
	assert_non_null(strstr(r->tap, "\n  outage:\n    fault: \"kill\"\n"));
	assert_non_null(strstr(r->tap, "- \"14 processes of postgres-0 were sent SIGKILL"));
}

static void undecided_and_broken_are_not_ok(void **state)
{
	const struct report_room *r = *state;

	assert_non_null(strstr(r->tap, "not ok 9 - postgres-documented: no acknowledged write lost"));
	assert_non_null(strstr(r->tap, "\n  verdict: \"UNKNOWN\"\n"));
	assert_non_null(strstr(r->tap, "\n  verdict: \"BROKEN\"\n"));
	assert_int_equal(r->verdict, VERDICT_BROKEN);
}

static void an_interrupted_run_bails_out(void **state)
{
	const struct report_room *r = *state;

	assert_true(read_tap(r->tap).bail);
	assert_non_null(strstr(r->tap, "\nBail out! interrupted in scenario 4 of 5\n"));
}

/* A reason with line breaks, "..." and "Bail out!" in it stays in its place. */
static void nothing_in_a_log_ends_a_block(void **state)
{
	const struct report_room *r = *state;
	const char *at = strstr(r->tap, "\nBail out!");

	assert_non_null(strstr(r->tap, "\\n  ...\\nBail out!"));
	assert_null(strstr(at + 1, "\nBail out!"));
	assert_null(strstr(r->tap, "<script>"));
}

/* prove as it is on this machine; below 3.48 it knows no version above 13. */
static int prove(const struct report_room *r, const char *tap, struct proc_result *res)
{
	const char *argv[] = {"prove", "-e", "cat", NULL, NULL};
	struct err e = {0};
	char path[160];

	snprintf(path, sizeof(path), "%s/run.tap", r->reports);
	if (file_write_atomic(path, tap, strlen(tap), &e))
		fail_msg("%s", e.msg);
	argv[3] = path;
	return proc_run(argv, NULL, 60 * NS_PER_S, res, &e);
}

static void prove_accepts_it(void **state)
{
	struct proc_result res = {0};
	struct report_room r;

	(void)state;
	setenv("TAP_VERSION", "13", 1);
	report_room_open(&r, RUN_KILL);
	unsetenv("TAP_VERSION");
	if (prove(&r, r.tap, &res) || res.exit_code == 127) {
		report_room_close(&r);
		skip(); /* no prove here */
	}
	if (res.exit_code || strstr(buf_cstr(&res.out), "Parse errors"))
		fail_msg("prove: %s%s", buf_cstr(&res.out), buf_cstr(&res.err));
	assert_non_null(strstr(buf_cstr(&res.out), "Result: PASS"));
	proc_result_free(&res);
	report_room_close(&r);
}

static void prove_sees_failures(void **state)
{
	struct proc_result res = {0};
	struct report_room r;

	(void)state;
	setenv("TAP_VERSION", "13", 1);
	report_room_open(&r, RUN_KILL | RUN_DOCUMENTED);
	unsetenv("TAP_VERSION");
	if (prove(&r, r.tap, &res) || res.exit_code == 127) {
		report_room_close(&r);
		skip(); /* no prove here */
	}
	assert_int_not_equal(res.exit_code, 0);
	assert_null(strstr(buf_cstr(&res.out), "Parse errors"));
	assert_non_null(strstr(buf_cstr(&res.out), "Failed tests:  8-9"));
	proc_result_free(&res);
	report_room_close(&r);
}

/* Started by a harness that knows only 13, it says 13. */
static void a_harness_gets_the_version_it_knows(void **state)
{
	struct report_room *r = *state;

	setenv("TAP_VERSION", "13", 1);
	report_room_again(r);
	assert_int_equal(strncmp(r->tap, "TAP version 13\n", 15), 0);
	setenv("TAP_VERSION", "14", 1);
	report_room_again(r);
	assert_int_equal(strncmp(r->tap, "TAP version 14\n", 15), 0);
	unsetenv("TAP_VERSION");
}

static void run_reporter(const char *name, const struct run_report *run, char **text)
{
	const struct reporter_ops *const *all = reporter_all();
	struct reporter *r;
	size_t len = 0;
	FILE *f = open_memstream(text, &len);

	while (*all && strcmp((*all)->name, name))
		all++;
	assert_non_null(*all);
	r = (*all)->begin(f, run);
	for (size_t i = 0; i < run->n; i++)
		(*all)->scenario(r, run, &run->scenarios[i]);
	(*all)->end(r, run);
	fclose(f);
}

static void skips_and_a_broken_harness(void **state)
{
	struct judged j = {.name = "outage # of \\ half", .verdict = VERDICT_SKIP, .measured = NAN,
			   .limit = NAN, .unit = "ms", .why = "this engine has no nodes <to> stop"};
	struct measured m = {.stands = true, .redundant_ns = -1};
	const struct script_seen script = {.name = "node-down"};
	struct evidence ev = {.script = &script, .run = {.run_id = "r", .seed = "1", .started = ""}};
	struct scenario_report s = {.ev = &ev, .m = &m, .judged = &j, .njudged = 1,
				    .verdict = VERDICT_SKIP};
	struct history h = {0};
	struct run_report run = {.dir = "", .ev = &ev, .h = &h, .scenarios = &s,
				 .n = 1, .planned = 1, .broken = "the agents & their clean-up",
				 .verdict = VERDICT_BROKEN};
	char *tap = NULL, *xml = NULL;
	struct tap t;

	(void)state;
	run_reporter("tap", &run, &tap);
	run_reporter("junit", &run, &xml);
	t = read_tap(tap);
	assert_int_equal(t.planned, 2);
	assert_int_equal(t.skips, 1);
	assert_int_equal(t.not_ok, 1);
	assert_non_null(strstr(tap, "ok 1 - node-down: outage \\# of \\\\ half # SKIP this engine"));
	assert_non_null(strstr(tap, "not ok 2 - the harness itself: the agents & their clean-up"));
	assert_non_null(strstr(xml, "<skipped message=\"this engine has no nodes &lt;to&gt; stop\"/>"));
	assert_non_null(strstr(xml, "tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"1\""));
	must_be_well_formed(xml, false);
	free(tap);
	free(xml);
}

static void junit_is_well_formed_and_counts(void **state)
{
	const struct report_room *r = *state;
	struct buf xml = {0};

	report_room_read(r, "junit.xml", &xml);
	assert_non_null(strstr(buf_cstr(&xml), "tests=\"12\" failures=\"1\" errors=\"4\""));
	assert_non_null(strstr(buf_cstr(&xml), "<error type=\"UNKNOWN\""));
	assert_non_null(strstr(buf_cstr(&xml), "<error type=\"BROKEN\""));
	assert_non_null(strstr(buf_cstr(&xml), "<failure type=\"FAIL\""));
	must_be_well_formed(buf_cstr(&xml), false);
	buf_free(&xml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_expectation_is_a_line),
		cmocka_unit_test(undecided_and_broken_are_not_ok),
		cmocka_unit_test(an_interrupted_run_bails_out),
		cmocka_unit_test(nothing_in_a_log_ends_a_block),
		cmocka_unit_test(prove_accepts_it),
		cmocka_unit_test(prove_sees_failures),
		cmocka_unit_test(a_harness_gets_the_version_it_knows),
		cmocka_unit_test(skips_and_a_broken_harness),
		cmocka_unit_test(junit_is_well_formed_and_counts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
