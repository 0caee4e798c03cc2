/* What MySQL's errors say of a statement's fate: the table that the client goes by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "system/mysql/outcome.h"

static void test_table(void **state)
{
	size_t n;
	const struct my_verdict *v = my_verdicts(&n);

	(void)state;
	assert_true(n > 30);
	for (size_t i = 0; i < n; i++) {
		assert_true(!i || v[i].number > v[i - 1].number);
		assert_true(v[i].source && *v[i].source);
		/* An error is no acknowledgement. */
		assert_true(v[i].outcome == OP_FAIL || v[i].outcome == OP_INFO);
		/* Whose fate is open, its connection is of no use. */
		assert_true(v[i].outcome == OP_FAIL || v[i].drop);
	}
}

static void test_errors(void **state)
{
	static const struct {
		unsigned number;
		enum op_outcome want;
		bool drop;
	} rows[] = {
		{1205, OP_FAIL, false}, /* lock wait: rolled back */
		{1213, OP_FAIL, false}, /* deadlock */
		{1290, OP_FAIL, true},  /* super_read_only: another server is to be asked */
		{1836, OP_FAIL, true},
		{2006, OP_FAIL, true},  /* not all of it was sent */
		{2013, OP_INFO, true},  /* sent, and no answer */
		{1053, OP_INFO, true},  /* a shutdown's, and KILL's */
		{4031, OP_FAIL, true},  /* written before the statement came */
		{3032, OP_INFO, true},
		{3100, OP_INFO, true},  /* before or after the broadcast */
		{3101, OP_FAIL, false}, /* certified away everywhere */
		{1180, OP_INFO, true},
		{3797, OP_FAIL, true},
		{0, OP_INFO, true},     /* none that is known */
		{1105, OP_INFO, true},
		{65535, OP_INFO, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct my_verdict v = my_judge(rows[i].number);

		if (v.number != rows[i].number || v.outcome != rows[i].want ||
		    v.drop != rows[i].drop)
			fail_msg("%u: %s%s", rows[i].number, op_outcome_name(v.outcome), v.drop ? ", dropped" : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
