#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
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
	double exact = stat_mann_whitney_cdf(40, 40, 600),
	       rough = stat_mann_whitney_cdf(40, 41, 615);

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

/* By itself: nothing to correct for. */
static void shift_alone(const struct stat_value *a, size_t m, const struct stat_value *b, size_t n,
			struct stat_shift *s)
{
	struct stat_family family;

	stat_shift(a, m, b, n, s);
	stat_holm(&s, 1, &family);
}

static void shifts_are_found_and_bounded(void **state)
{
	static const struct stat_value a[] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 6}};
	static const struct stat_value b[] = {{11, 11}, {12, 12}, {13, 13},
					      {14, 14}, {15, 15}, {16, 16}};
	struct stat_shift s;

	(void)state;
	shift_alone(a, 6, b, 6, &s);
	assert_true(s.known && s.bounded && s.differs);
	near(s.est_lo, 10);
	near(s.est_hi, 10);
	/* k = 6: P(U <= 5) = 19/924 <= 0.025, P(U <= 6) = 30/924 is above. */
	near(s.lo, 7);
	near(s.hi, 13);
	near(s.p, 2.0 / 924);
	shift_alone(a, 6, a, 6, &s);
	assert_true(s.bounded && !s.differs);
	near(s.p, 1);
	shift_alone(b, 6, a, 6, &s);
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
	shift_alone(a, 3, b, 3, &s);
	assert_true(s.known && !s.bounded && !s.differs);
	near(s.p, 0.1);
	shift_alone(a, 0, b, 3, &s);
	assert_false(s.known);
}

/* Censored against censored may go either way. */
static void censored_values_bound_what_they_can(void **state)
{
	static const struct stat_value a[] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}};
	static const struct stat_value b[] = {
		{60, INFINITY}, {60, INFINITY}, {60, INFINITY}, {60, INFINITY}};
	struct stat_shift s;

	(void)state;
	shift_alone(a, 4, b, 4, &s);
	assert_true(s.bounded && s.differs);
	near(s.lo, 56);
	assert_true(isinf(s.hi) && isinf(s.est_hi));
	shift_alone(b, 4, b, 4, &s);
	assert_false(s.differs);
	near(s.p, 1);
}

static void fill(struct stat_value *v, const double *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i] = (struct stat_value){x[i], x[i]};
}

/* Counts are often equal: the ways to draw six of these twelve ranks, counted. */
static void ties_are_exact(void **state)
{
	static const double none[6] = {0}, two[6] = {0, 0, 0, 0, 5, 7},
			    four[6] = {0, 0, 5, 5, 6, 9}, all[6] = {5, 5, 5, 5, 5, 5};
	struct stat_value a[6], b[6];
	struct stat_shift s;

	(void)state;
	fill(a, none, 6);
	fill(b, two, 6);
	shift_alone(a, 6, b, 6, &s);
	near(s.p, 2 * 210.0 / 924); /* both of the two in b: C(10,4) */
	near(s.p_least, s.p);
	fill(b, four, 6);
	shift_alone(a, 6, b, 6, &s);
	near(s.p, 2 * 28.0 / 924); /* C(8,2) */
	assert_int_equal(s.sign, 1);
	fill(b, all, 6);
	shift_alone(a, 6, b, 6, &s);
	near(s.p, 2.0 / 924);
	assert_true(s.differs);
	fill(b, none, 6);
	shift_alone(a, 6, b, 6, &s);
	near(s.p, 1);
	near(s.p_least, 1);
}

/* Holm by hand: 0.01 x 4, then the largest so far of 0.02 x 3, 0.03 x 2, 0.04. */
static void holm_by_hand(void **state)
{
	struct stat_shift s[6] = {
		{.known = true, .p = 0.04},
		{.known = true, .p = 0.01},
		{.known = true, .p = 0.03},
		{.known = true, .p = 0.02},
		{.known = false, .p = 0.001},
		{.known = true,
		 .p = 0.001,
		 .p_least = 0.2}, /* which cannot be named, and does not count */
	};
	struct stat_shift *v[6] = {&s[0], &s[1], &s[2], &s[3], &s[4], &s[5]};
	struct stat_family f;

	(void)state;
	stat_holm(v, 6, &f);
	assert_int_equal(f.known, 5);
	assert_int_equal(f.counted, 4);
	near(s[1].p_holm, 0.04);
	near(s[3].p_holm, 0.06);
	near(s[2].p_holm, 0.06);
	near(s[0].p_holm, 0.06);
	near(s[5].p_holm, 1);
	assert_true(s[1].differs && !s[3].differs && !s[2].differs && !s[0].differs &&
		    !s[4].differs);
}

static double uniform(struct rng *r)
{
	return (double)(rng_next(r) >> 11) / 9007199254740992.0;
}

/* Outages as they come: skewed, known to some ms; or counts, most of them 0. */
static struct stat_value drawn(struct rng *r, bool count)
{
	double x = -log(1 - uniform(r)) * 10 + 20, few = uniform(r);

	if (count)
		return few < 0.5 ? (struct stat_value){0, 0} :
				   (struct stat_value){floor(few * 20), floor(few * 20)};
	return (struct stat_value){x - 0.02, x + 0.02};
}

enum { SIDES_MAX = 12, FAMILY = 90 };

/* Compares n against n in 90 figures; the first of them is larger in b by so
 * much. Whether any was named: with the correction, without it, and the first. */
static void compare_90(struct rng *r, size_t n, double by, bool named[3])
{
	struct stat_shift shifts[FAMILY], *v[FAMILY];
	struct stat_value a[SIDES_MAX], b[SIDES_MAX];
	struct stat_family family;

	memset(named, 0, 3 * sizeof(*named));
	for (size_t i = 0; i < FAMILY; i++) {
		for (size_t k = 0; k < n; k++) {
			a[k] = drawn(r, i % 3 == 2);
			b[k] = drawn(r, i % 3 == 2);
			b[k].lo += i ? 0 : by;
			b[k].hi += i ? 0 : by;
		}
		v[i] = &shifts[i];
		stat_shift(a, n, b, n, v[i]);
		named[1] = named[1] || v[i]->p <= STAT_ALPHA;
	}
	stat_holm(v, FAMILY, &family);
	for (size_t i = 0; i < FAMILY; i++)
		named[0] = named[0] || v[i]->differs;
	named[2] = v[0]->differs;
}

/* A simulation with a fixed seed: how many of `times` comparisons named one. */
static void simulate(size_t n, double by, int times, int count[3])
{
	struct rng r = {42 + n};
	bool named[3];

	memset(count, 0, 3 * sizeof(*count));
	for (int i = 0; i < times; i++) {
		compare_90(&r, n, by, named);
		for (int k = 0; k < 3; k++)
			count[k] += named[k];
	}
}

static void chance_is_not_named(void **state)
{
	int count[3];

	(void)state;
	simulate(6, 0, 100, count);
	assert_true(count[1] >= 90); /* that is what it is for */
	assert_int_equal(count[0], 0);
	simulate(12, 0, 200, count);
	assert_true(count[1] >= 190);
	assert_true(count[0] <= 5 * 2 + 9); /* three standard deviations above 5 % */
}

static void a_true_difference_is_named(void **state)
{
	int count[3];

	(void)state;
	simulate(6, 60, 20, count);
	assert_int_equal(count[2], 0); /* not among ninety */
	simulate(12, 60, 20, count);
	assert_int_equal(count[2], 20);
	simulate(12, 20, 50, count); /* two standard deviations */
	assert_true(count[2] >= 40);
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
		cmocka_unit_test(ties_are_exact),
		cmocka_unit_test(holm_by_hand),
		cmocka_unit_test(chance_is_not_named),
		cmocka_unit_test(a_true_difference_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
