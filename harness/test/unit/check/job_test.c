/* Verdicts of Jobs that a scenario has run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "test/lib/trial.h"

#define WANT "[{\"name\":\"n\",\"metric\":\"job\",\"run\":\"backup\",\"want\":true}]"
#define FAILS(reason) "[{\"name\":\"n\",\"metric\":\"job\",\"run\":\"backup\",\"want\":false,\"reason\":\"" reason "\"}]"
#define STEP "\"steps\":[{\"step\":\"run\",\"run\":\"b\",\"id\":\"backup\"}]"
#define EVENT(job, from, state, more) "{\"k\":\"job\",\"id\":\"backup\",\"job\":\"" job "\",\"from\":\"" from "\",\"state\":\"" state "\"" more "}"
#define BEGUN EVENT("b-run-1", "cronjob/b", "begun", ",\"t\":1000000000")
#define OVER(state, more) EVENT("b-run-1", "cronjob/b", state, ",\"t\":13500000000" more)

static enum verdict verdict(const char *over, const char *expect, const char *says)
{
	const struct judged *j;
	enum verdict v;
	struct trial t;

	trial_begin(&t);
	if (over) {
		trial_event(&t, BEGUN);
		trial_event(&t, over);
	}
	j = trial_judge_of(&t, expect, STEP);
	if (!strstr(j->why, says))
		fail_msg("\"%s\" is not in: %s", says, j->why);
	v = j->verdict;
	trial_end(&t);
	return v;
}

#define GOOD OVER("succeeded", ",\"reason\":\"CompletionsReached\",\"exit\":0,\"log\":\"one\\ndone: 4711 rows\\n\"")
#define BAD OVER("failed", ",\"reason\":\"BackoffLimitExceeded\",\"exit\":3,\"log\":\"one\\ngzip: unexpected end of file\\n\"")

static void as_it_ended(void **state)
{
	(void)state;
	assert_int_equal(verdict(GOOD, WANT, "succeeded after 12.5 s (CompletionsReached, exit code 0); its log ends: done: 4711 rows"),
			 VERDICT_PASS);
	assert_int_equal(verdict(BAD, WANT, "failed after 12.5 s (BackoffLimitExceeded, exit code 3); its log ends: gzip: unexpected"),
			 VERDICT_FAIL);
	assert_int_equal(verdict(GOOD, FAILS("unexpected end"), "succeeded"), VERDICT_FAIL);
	assert_int_equal(verdict(BAD, FAILS("exit code 3"), "for what was expected: exit code 3"), VERDICT_PASS);
	assert_int_equal(verdict(BAD, FAILS("BackoffLimitExceeded"), "for what was expected: BackoffLimitExceeded"), VERDICT_PASS);
}

/* What was found is shown, wherever in the log it stands, and not how the log ends. */
static void what_was_expected_is_told(void **state)
{
	static const char log[] = OVER("failed", ",\"reason\":\"Failed\",\"log\":\"one\\nEvicted: exceeds the limit of 1\\nlast\\n\"");

	(void)state;
	assert_int_equal(verdict(BAD, FAILS("unexpected end"), "failed after 12.5 s (BackoffLimitExceeded, exit code 3) for what "
				 "was expected: gzip: unexpected end of file"), VERDICT_PASS);
	assert_int_equal(verdict(log, FAILS("exceeds the limit"), "(Failed) for what was expected: Evicted: exceeds the limit of 1"),
			 VERDICT_PASS);
}

/* An image that could not be had is no truncated file; nor is exit code 30 a 3. */
static void not_for_what_was_expected(void **state)
{
	(void)state;
	assert_int_equal(verdict(BAD, FAILS("exit code 30"), "not for what was expected"), VERDICT_UNKNOWN);
	assert_int_equal(verdict(OVER("failed", ",\"reason\":\"DeadlineExceeded\""), FAILS("truncated"), "not for what was expected"),
			 VERDICT_UNKNOWN);
}

static void not_over(void **state)
{
	(void)state;
	assert_int_equal(verdict(NULL, WANT, "was never begun"), VERDICT_UNKNOWN);
	assert_int_equal(verdict(OVER("running", ""), WANT, "was not over when it was looked at last, after 12.5 s"), VERDICT_UNKNOWN);
	assert_int_equal(verdict(BEGUN, WANT, "was not over"), VERDICT_UNKNOWN);
	assert_int_equal(verdict(OVER("running", ""), FAILS("x"), "was not over"), VERDICT_UNKNOWN);
}

/* Another CronJob's, another Job at the end, one that nobody asked for or saw begin, one
 * that ended twice: none of them is the Job that the step began. */
static void not_the_one(void **state)
{
	static const struct {
		const char *begun, *over, *also, *steps, *says;
	} t[] = {
		{BEGUN, GOOD, NULL, "\"steps\":[]", "no run step of the scenario has the id backup"},
		{BEGUN, GOOD, NULL, "\"steps\":[{\"step\":\"await\",\"await\":\"job/ID\",\"id\":\"backup\"}]", "no run step"},
		{BEGUN, GOOD, NULL, "\"steps\":[{\"step\":\"run\",\"run\":\"c\",\"id\":\"backup\"}]",
		 "is of \"cronjob/b\", and its step asks for one of cronjob/c"},
		{BEGUN, EVENT("b-run-1", "cronjob/c", "succeeded", ",\"t\":13500000000"), NULL, STEP, "is of \"cronjob/c\""},
		{BEGUN, EVENT("b-run-2", "cronjob/b", "succeeded", ",\"t\":13500000000"), NULL, STEP, "of two Jobs, or of two ends"},
		{BEGUN, BAD, EVENT("b-run-1", "cronjob/b", "succeeded", ",\"t\":14000000000"), STEP, "of two ends"},
		{NULL, GOOD, NULL, STEP, "nothing tells when the job backup was begun"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const struct judged *j;
		struct trial tr;

		trial_begin(&tr);
		if (t[i].begun)
			trial_event(&tr, t[i].begun);
		trial_event(&tr, t[i].over);
		if (t[i].also)
			trial_event(&tr, t[i].also);
		j = trial_judge_of(&tr, WANT, t[i].steps);
		if (j->verdict != VERDICT_UNKNOWN || !strstr(j->why, t[i].says))
			fail_msg("%zu: %s: %s", i, verdict_name(j->verdict), j->why);
		trial_end(&tr);
	}
	/* A reason that is none would be in everything. */
	assert_int_equal(verdict(BAD, "[{\"name\":\"n\",\"metric\":\"job\",\"run\":\"backup\",\"want\":false}]",
				 "not for what was expected"), VERDICT_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_it_ended), cmocka_unit_test(what_was_expected_is_told),
		cmocka_unit_test(not_for_what_was_expected),
		cmocka_unit_test(not_over),
		cmocka_unit_test(not_the_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
