/* How many transactions a member had alone: named, and held against what is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "test/lib/trial.h"

static void becomes(struct trial *t, const char *limits, enum verdict v, const char *says)
{
	const struct judged *j;
	char expect[120];

	snprintf(expect, sizeof(expect), "[{\"metric\":\"errant\",%s}]", limits);
	j = trial_judge(t, expect);
	if (j->verdict != v || !strstr(j->why, says))
		fail_msg("%s: %s: %s", limits, verdict_name(j->verdict), j->why);
}

static void test_errant(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.m.errant = (struct errant_told){.known = true, .n = 64, .who = "m0", .names = "u0:508-571"};
	becomes(&t, "\"at_least\":32", VERDICT_PASS, "64 transactions were a member's that its primary never had: of m0, u0:508-571");
	becomes(&t, "\"at_least\":65", VERDICT_FAIL, "64 transactions");
	becomes(&t, "\"at_most\":0", VERDICT_FAIL, "64 transactions");
	becomes(&t, "\"at_least\":32,\"at_most\":64", VERDICT_PASS, "64 transactions");
	t.m.errant = (struct errant_told){.known = true};
	becomes(&t, "\"at_most\":0", VERDICT_PASS, "0 transactions were a member's");
	trial_end(&t);
}

/* Nobody compared, nobody named what is lost, or of one member nobody can tell. */
static void test_without_evidence(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.m.errant = (struct errant_told){0};
	becomes(&t, "\"at_most\":0", VERDICT_UNKNOWN, "no member was held against a primary");
	becomes(&t, "\"at_least\":32", VERDICT_UNKNOWN, "no member was held against a primary");
	t.m.errant = (struct errant_told){.known = true, .unnamed = 64};
	becomes(&t, "\"at_least\":32", VERDICT_UNKNOWN, "64 lost writes were still a member's");
	becomes(&t, "\"at_most\":0", VERDICT_UNKNOWN, "64 lost writes were still a member's");
	t.m.errant = (struct errant_told){.known = true, .why = "m1 was cloned anew"};
	becomes(&t, "\"at_most\":0", VERDICT_UNKNOWN, "m1 was cloned anew");
	t.m.errant.n = 40;
	becomes(&t, "\"at_least\":32", VERDICT_PASS, "40 transactions");
	becomes(&t, "\"at_most\":39", VERDICT_FAIL, "40 transactions");
	/* Members were not asked all along. */
	trial_forget(&t, "sample", 50000000000);
	becomes(&t, "\"at_least\":32", VERDICT_UNKNOWN, "nobody asked m0");
	trial_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errant),
		cmocka_unit_test(test_without_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
