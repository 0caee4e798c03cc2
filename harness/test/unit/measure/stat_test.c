#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/mem.h"
#include "measure/stat.h"

/* Medians and differences, against numbers from tables and by hand. */

static void near(double got, double want)
{
	if (fabs(got - want) > 1e-6 * fmax(1, fabs(want)))
		fail_msg("%.9g, not %.9g", got, want);
}

/* Hollander and Wolfe's and every other table: U(5,5) <= 2 has 0.0159 twice
 * 0.0079; U(4,4) = 0 one way in 70. */
static void mann_whitney_is_exact(void **state)
{
	(void)state;
	near(stat_mann_whitney_cdf(3, 3, 0), 1.0 / 20);
	near(stat_mann_whitney_cdf(4, 4, 0), 1.0 / 70);
	near(stat_mann_whitney_cdf(5, 5, 0), 1.0 / 252);
	near(stat_mann_whitney_cdf(5, 5, 2), 4.0 / 252);
	near(stat_mann_whitney_cdf(2, 3, 6), 1);
	near(stat_mann_whitney_cdf(2, 3, 2), 4.0 / 10);
	near(stat_mann_whitney_cdf(6, 6, 5), 19.0 / 924);
	near(stat_mann_whitney_cdf(3, 3, -1), 0);
	near(stat_mann_whitney_cdf(20, 20, 200), 1 - stat_mann_whitney_cdf(20, 20, 199));
}

static void large_samples_go_on_smoothly(void **state)
{
	double exact = stat_mann_whitney_cdf(40, 40, 600), rough = stat_mann_whitney_cdf(40, 41, 615);

	(void)state;
	assert_true(exact > 0.02 && exact < 0.04);
	assert_true(fabs(exact - rough) < 0.006);
}

static void medians_carry_bounds(void **state)
{
	static const struct stat_value v[] = {{1, 1.2}, {3, 3.2}, {2, 2.2}, {5, 5}, {4, 4.4},
					      {60, INFINITY}};
	struct stat_median m;

	(void)state;
	stat_median(v, 6, &m);
	assert_int_equal(m.n, 6);
	assert_int_equal(m.censored, 1);
	near(m.value, (3.1 + 4.2) / 2);
	assert_false(m.at_least);
	near(m.lo, 1);
	assert_true(isinf(m.hi));
	stat_median(v, 5, &m);
	near(m.value, 3.1);
	assert_true(m.lo < 0 && m.hi < 0);
	stat_median(v, 0, &m);
	near(m.value, -1);
}

/* Most never came back: the median is only known from below. */
static void a_censored_median_is_at_least(void **state)
{
	static const struct stat_value v[] = {{5, 5}, {60, INFINITY}, {50, INFINITY}};
	struct stat_median m;

	(void)state;
	stat_median(v, 3, &m);
	assert_true(m.at_least);
	near(m.value, 50);
}

static void shifts_are_found_and_bounded(void **state)
{
	static const struct stat_value a[] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 6}};
	static const struct stat_value b[] = {{11, 11}, {12, 12}, {13, 13}, {14, 14}, {15, 15}, {16, 16}};
	struct stat_shift s;

	(void)state;
	stat_shift(a, 6, b, 6, &s);
	assert_true(s.known && s.bounded && s.differs);
	near(s.est_lo, 10);
	near(s.est_hi, 10);
	/* k = 6: P(U <= 5) = 19/924 <= 0.025, P(U <= 6) = 30/924 is above. */
	near(s.lo, 7);
	near(s.hi, 13);
	near(s.p, 2.0 / 924);
	stat_shift(a, 6, a, 6, &s);
	assert_true(s.bounded && !s.differs);
	near(s.p, 1);
	stat_shift(b, 6, a, 6, &s);
	near(s.est_lo, -10);
	assert_true(s.differs);
}

/* Three against three: however far apart, 95 % cannot be reached. */
static void too_few_decide_nothing(void **state)
{
	static const struct stat_value a[] = {{1, 1}, {2, 2}, {3, 3}};
	static const struct stat_value b[] = {{100, 100}, {200, 200}, {300, 300}};
	struct stat_shift s;

	(void)state;
	stat_shift(a, 3, b, 3, &s);
	assert_true(s.known && !s.bounded && !s.differs);
	near(s.p, 0.1);
	stat_shift(a, 0, b, 3, &s);
	assert_false(s.known);
}

/* Censored against censored may go either way. */
static void censored_values_bound_what_they_can(void **state)
{
	static const struct stat_value a[] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}};
	static const struct stat_value b[] = {{60, INFINITY}, {60, INFINITY}, {60, INFINITY}, {60, INFINITY}};
	struct stat_shift s;

	(void)state;
	stat_shift(a, 4, b, 4, &s);
	assert_true(s.bounded && s.differs);
	near(s.lo, 56);
	assert_true(isinf(s.hi) && isinf(s.est_hi));
	stat_shift(b, 4, b, 4, &s);
	assert_false(s.differs);
	near(s.p, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mann_whitney_is_exact),
		cmocka_unit_test(large_samples_go_on_smoothly),
		cmocka_unit_test(medians_carry_bounds),
		cmocka_unit_test(a_censored_median_is_at_least),
		cmocka_unit_test(shifts_are_found_and_bounded),
		cmocka_unit_test(too_few_decide_nothing),
		cmocka_unit_test(censored_values_bound_what_they_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
