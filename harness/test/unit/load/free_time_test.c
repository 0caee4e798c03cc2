/* How much of a stretch of time some client was free: exact at first, and to a
 * step of the ring when changes come faster than they are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "load/free_time.h"

#define MS NS_PER_MS

static void test_free_all_the_time(void **state)
{
	struct free_time f;

	(void)state;
	free_time_begin(&f, NS_PER_S, 100 * MS);
	assert_int_equal(free_time_from(&f, 100 * MS, 100 * MS), 0);
	assert_int_equal(free_time_from(&f, 400 * MS, 3400 * MS), 3000 * MS);
	assert_int_equal(free_time_from(&f, 50 * MS, 200 * MS), 100 * MS); /* not before it began */
	assert_int_equal(free_time_total(&f, 900 * MS), 800 * MS);
	free_time_set(&f, true, 1000 * MS); /* no news */
	assert_int_equal(free_time_from(&f, 400 * MS, 3400 * MS), 3000 * MS);
}

/* Due while all were busy: only what came after that is lateness. */
static void test_busy(void **state)
{
	struct free_time f;

	(void)state;
	free_time_begin(&f, NS_PER_S, 100 * MS);
	free_time_set(&f, false, 1000 * MS);
	assert_int_equal(free_time_from(&f, 1200 * MS, 1500 * MS), 0);
	assert_int_equal(free_time_from(&f, 900 * MS, 1500 * MS), 100 * MS);
	free_time_set(&f, true, 2000 * MS);
	assert_int_equal(free_time_from(&f, 1500 * MS, 2030 * MS), 30 * MS);
	assert_int_equal(free_time_from(&f, 900 * MS, 2030 * MS), 130 * MS);
	free_time_set(&f, false, 2030 * MS);
	assert_int_equal(free_time_from(&f, 1500 * MS, 2500 * MS), 30 * MS);
	assert_int_equal(free_time_total(&f, 2500 * MS), 930 * MS);
}

/* Held back time after time, and each time woken a little late: that is added up
 * for none, where the plan makes up for it. */
static void test_held_back(void **state)
{
	struct free_time f;
	int64_t t = 1000 * MS, late = 0;

	(void)state;
	free_time_begin(&f, NS_PER_S, 100 * MS);
	for (int i = 0; i < 60; i++) {
		free_time_set(&f, false, t + late);
		t += 15 * MS;
		late = free_time_resume(&f, t, 15 * MS, t + 2 * MS);
		assert_int_equal(late, 2 * MS);
		assert_int_equal(free_time_from(&f, 1000 * MS, t + 2 * MS), 0);
	}
	free_time_set(&f, false, t + late);
	assert_int_equal(free_time_resume(&f, t + 15 * MS, 15 * MS, t + 14 * MS),
			 0); /* it was told earlier */
	free_time_set(&f, false, t + 15 * MS);
	assert_int_equal(free_time_resume(&f, t + 30 * MS, 15 * MS, t + 330 * MS), 0);
	assert_int_equal(free_time_from(&f, t + 15 * MS, t + 330 * MS), 300 * MS);
}

/* Changes by the thousand, against a plain sum. */
static void test_many_changes(void **state)
{
	enum { CHANGES = 20000 };
	int64_t *at = mem_alloc(CHANGES * sizeof(*at)),
		*total = mem_alloc(CHANGES * sizeof(*total));
	struct rng r = {5};
	struct free_time f;
	int64_t t = NS_PER_S;

	(void)state;
	free_time_begin(&f, NS_PER_S, t);
	at[0] = t;
	total[0] = 0;
	for (int i = 1; i < CHANGES; i++) {
		t += 1000 + (int64_t)rng_below(&r, i % 100 ? 200000 : 40 * (uint64_t)MS);
		free_time_set(&f, i % 2 == 0, t);
		at[i] = t;
		total[i] = total[i - 1] + (i % 2 ? t - at[i - 1] : 0);
	}
	for (int i = CHANGES - 1; i > 0 && t - at[i] < NS_PER_S; i--) {
		int64_t got = free_time_from(&f, at[i], t), want = total[CHANGES - 1] - total[i];

		assert_true(llabs(got - want) <= MS);
	}
	free(at);
	free(total);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_free_all_the_time),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_held_back),
		cmocka_unit_test(test_many_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
