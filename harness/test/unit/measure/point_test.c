/* To which moment a system went back that lost what was acknowledged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/measure.h"
#include "measure/parts.h"
#include "test/lib/synth.h"
#include "test/unit/measure/told.h"

/* 900 inserts in the 9 s before the fault, then 9 s of nothing, then 100 more. */
static void history(struct run *r)
{
	begin(r);
	for (int i = 0; i < 1900; i++)
		insert(&r->h, i, SEC + i * 10 * MS, i >= 900 && i < 1800 ? OP_FAIL : OP_OK);
	synth_add_fault(r->events, "lose", "claim-lost", 10 * SEC);
}

static void ends_with(struct run *r, const char *present, const char *registers,
		      struct recovery_point *p)
{
	char text[200];

	snprintf(text, sizeof(text), "{\"present\":[%s,[1800,1899]],\"duplicates\":[],\"registers\":%s}", present,
		 registers);
	add(r->events, "final", 30 * SEC, text);
	measure(r);
	assert_true(r->m.loss.known);
	*p = r->m.faults[0].point;
}

static void point(struct run *r, const char *present, struct recovery_point *p)
{
	ends_with(r, present, "{}", p);
}

static void test_one_moment(void **state)
{
	struct recovery_point p;
	struct run r;

	(void)state;
	history(&r);
	point(&r, "[0,799]", &p);
	assert_int_equal(p.lost, 100);
	/* 800 was called at 9 s, and acknowledged 2 ms later. */
	assert_int_equal(p.lo_ns, SEC - 2 * MS);
	assert_int_equal(p.hi_ns, SEC);
	assert_int_equal(p.beyond, 0);
	end(&r);
}

static void test_nothing_lost(void **state)
{
	struct recovery_point p;
	struct run r;

	(void)state;
	history(&r);
	point(&r, "[0,899]", &p);
	assert_int_equal(p.lost, 0);
	assert_int_equal(p.hi_ns, 0);
	assert_int_equal(p.beyond, 0);
	end(&r);
}

/* What is there after a hole was never there without what is missing. */
static void test_no_moment(void **state)
{
	struct recovery_point p;
	struct run r;

	(void)state;
	history(&r);
	point(&r, "[0,799],[850,852]", &p);
	assert_int_equal(p.lost, 97);
	assert_int_equal(p.lo_ns, SEC - 2 * MS);
	assert_int_equal(p.beyond, 3);
	end(&r);
}

/* Called before the first lost one had been acknowledged: either may have been first. */
static void test_at_once(void **state)
{
	struct recovery_point p;
	struct run r;

	(void)state;
	history(&r);
	insert(&r.h, 5000, 9 * SEC + MS, OP_OK);
	insert(&r.h, 5001, 9 * SEC + 3 * MS, OP_OK);
	point(&r, "[0,799],[5000,5000]", &p);
	assert_int_equal(p.lost, 101);
	assert_int_equal(p.beyond, 0);
	end(&r);
	history(&r);
	insert(&r.h, 5000, 9 * SEC + MS, OP_OK);
	insert(&r.h, 5001, 9 * SEC + 3 * MS, OP_OK);
	point(&r, "[0,799],[5001,5001]", &p);
	assert_int_equal(p.beyond, 1);
	end(&r);
}

/* A compare-and-set each 100 ms from 1 s on, of one register, acknowledged: i + 1 in place of i. */
static void chain(struct run *r, int n)
{
	for (int i = 0; i < n; i++) {
		int64_t t = SEC + i * 100 * MS;
		struct op op = {.f = OP_CAS, .value = 9001 + i, .t_intended = t, .t_invoke = t,
				.t_return = t + 2 * MS, .outcome = OP_OK, .sent = true};

		op.expect = i ? 9000 + i : OP_NO_VALUE;
		history_add(&r->h, &op);
	}
}

/* Tables are read one after the other: of the registers there is more than of the inserts. */
static void test_two_moments(void **state)
{
	struct recovery_point p;
	struct run r;

	(void)state;
	history(&r);
	chain(&r, 90);
	ends_with(&r, "[0,799]", "{\"0\":9090}", &p);
	assert_int_equal(p.lost, 100);
	assert_int_equal(p.lo_ns, SEC - 2 * MS);
	/* Called at 9.1 to 9.9 s. */
	assert_int_equal(p.beyond, 9);
	end(&r);
	/* All of it lost from 9.0 s on. */
	history(&r);
	chain(&r, 90);
	ends_with(&r, "[0,799]", "{\"0\":9080}", &p);
	assert_int_equal(p.lost, 110);
	assert_int_equal(p.beyond, 0);
	end(&r);
	/* Of the inserts there is more. */
	history(&r);
	chain(&r, 90);
	ends_with(&r, "[0,899]", "{\"0\":9080}", &p);
	assert_int_equal(p.lost, 10);
	assert_int_equal(p.beyond, 99);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_moment),
		cmocka_unit_test(test_two_moments),
		cmocka_unit_test(test_nothing_lost),
		cmocka_unit_test(test_no_moment),
		cmocka_unit_test(test_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
