/* To which moment a system went back that lost what was acknowledged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
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

/* The position is a number up to which transactions are there; 0: nobody tells. */
static int position;

static bool put_back(const struct evidence *ev, const struct fault_record *fault,
		     const char *const *tx, size_t n, bool *has, char *how)
{
	(void)ev, (void)fault;
	snprintf(how, WHY_BYTES, position ? "position %d" : "nobody told", position);
	for (size_t i = 0; position && i < n; i++)
		has[i] = strtol(tx[i], NULL, 10) <= position;
	return position;
}

static const struct model_ops toy_put_back = {.put_back = put_back};

/* All lost their volumes, and `from` is there of inserts and of registers; transactions count
 * from 1 as they were called. */
static void restored(int at, const char *present, const char *registers, struct recovery_point *p)
{
	static char names[2000][24];
	struct view v;
	struct run r;

	position = at;
	begin(&r);
	for (int i = 0; i < 900; i++)
		insert(&r.h, i, SEC + i * 10 * MS, OP_OK);
	chain(&r, 90);
	history_sort(&r.h);
	for (size_t i = 0; i < r.h.n; i++) {
		snprintf(names[i], sizeof(names[i]), "%zu", i + 1);
		r.h.ops[i].tx = names[i];
	}
	for (int i = 1800; i < 1900; i++)
		insert(&r.h, i, SEC + i * 10 * MS, OP_OK);
	json_push(r.events, synth_sample("m0", 2 * SEC, true, "primary", true, 1));
	add(r.events, "fault", 10 * SEC, "{\"fault\":\"claim-lost\",\"id\":\"lose\",\"state\":\"injecting\","
					 "\"targets\":[{\"member\":\"m0\"}]}");
	add(r.events, "fault", 10 * SEC, "{\"fault\":\"claim-lost\",\"id\":\"lose\",\"state\":\"effective\","
					 "\"evidence\":[\"gone\"]}");
	ends_with(&r, present, registers, p);
	assert_int_equal(p->put_back, POINT_UNTOLD);
	assert_string_equal(p->how, "its position was not compared: acknowledgements do not name transactions");
	view_make(&v, &r.h, evidence_kept(r.events, 0));
	recovery_points_make(&v, &toy_put_back, &r.m);
	view_free(&v);
	*p = r.m.faults[0].point;
	end(&r);
}

/* What the system says it was put back to is what is there, or it is not. */
static void test_position(void **state)
{
	struct recovery_point p;

	(void)state;
	/* Ten inserts and a compare-and-set in each 100 ms: 880 until 9.0 s. */
	restored(880, "[0,799]", "{\"0\":9080}", &p);
	assert_int_equal(p.lost, 110);
	assert_int_equal(p.put_back, POINT_CONSISTENT);
	assert_string_equal(p.how, "consistent with position 880");
	/* The data go on further than it says: by one, by several. */
	restored(879, "[0,799]", "{\"0\":9080}", &p);
	assert_int_equal(p.put_back, POINT_INCONSISTENT);
	assert_string_equal(p.how, "not consistent with position 879: value 799 as 880 is there, and not in it");
	restored(870, "[0,799]", "{\"0\":9080}", &p);
	assert_int_equal(p.put_back, POINT_INCONSISTENT);
	assert_non_null(strstr(p.how, " is there, and not in it, the first of 10 such writes"));
	/* It says more than there is: of the registers, of the inserts. */
	restored(891, "[0,809]", "{\"0\":9080}", &p);
	assert_int_equal(p.put_back, POINT_INCONSISTENT);
	assert_non_null(strstr(p.how, "value 9081 to register 0 as 88"));
	assert_non_null(strstr(p.how, " is in it, and lost"));
	restored(891, "[0,799]", "{\"0\":9081}", &p);
	assert_non_null(strstr(p.how, " is in it, and lost, the first of 10 such writes"));
	/* Nobody told. */
	restored(0, "[0,799]", "{\"0\":9080}", &p);
	assert_int_equal(p.put_back, POINT_UNTOLD);
	assert_string_equal(p.how, "its position was not compared: nobody told");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_moment),
		cmocka_unit_test(test_two_moments),
		cmocka_unit_test(test_position),
		cmocka_unit_test(test_nothing_lost),
		cmocka_unit_test(test_no_moment),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_until_all_are_hit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
