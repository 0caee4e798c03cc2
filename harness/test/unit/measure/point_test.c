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

static void point(struct run *r, const char *present, struct recovery_point *p)
{
	char text[200];
	snprintf(text, sizeof(text), "{\"present\":[%s,[1800,1899]],\"duplicates\":[],\"registers\":{}}", present);
	add(r->events, "final", 30 * SEC, text);
	measure(r);
	assert_true(r->m.loss.known);
	*p = r->m.faults[0].point;
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

/* One agent after another: until the last of them has struck, a member may take what is
 * lost with it. */
static void test_until_all_are_hit(void **state)
{
	struct recovery_point p;
	struct run r;

	(void)state;
	for (int last = 0; last < 2; last++) {
		history(&r);
		insert(&r.h, 5000, 10 * SEC + 500 * MS, OP_OK);
		if (last)
			json_push(r.events, synth_fault("lose", "claim-lost", "effective", 11 * SEC));
		point(&r, "[0,899]", &p);
		assert_int_equal(p.lost, 1);
		assert_int_equal(p.after, !last);
		end(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_moment),
		cmocka_unit_test(test_nothing_lost),
		cmocka_unit_test(test_no_moment),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_until_all_are_hit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
