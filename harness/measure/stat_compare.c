#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "measure/stat.h"

/* Medians and differences of values that are known within an interval, or
 * from below only. Everything rests on ranks; what a bound does not decide is
 * carried on as a bound. */

static int by_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_of(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_double);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

void stat_median(const struct stat_value *v, size_t n, struct stat_median *out)
{
	double *lo = mem_alloc((n + 1) * sizeof(*lo)), *hi = mem_alloc((n + 1) * sizeof(*hi));
	double *mid = mem_alloc((n + 1) * sizeof(*mid)), unused;

	*out = (struct stat_median){.n = n, .value = -1, .lo = -1, .hi = -1};
	for (size_t i = 0; i < n; i++) {
		lo[i] = v[i].lo;
		hi[i] = v[i].hi;
		mid[i] = isinf(v[i].hi) ? INFINITY : (v[i].lo + v[i].hi) / 2;
		out->censored += isinf(v[i].hi) != 0;
	}
	if (n) {
		double of_lo = stat_median_ci(lo, n, &out->lo, &unused);

		stat_median_ci(hi, n, &unused, &out->hi);
		out->value = median_of(mid, n);
		out->at_least = isinf(out->value) != 0;
		if (out->at_least)
			out->value = of_lo;
	}
	free(lo);
	free(hi);
	free(mid);
}

/* How many of the ways to draw m of m + n ranks give each U: the recursion
 * of Mann and Whitney (1947), in doubles, whose 53 bits are more than the
 * tail that is asked for needs. count[u], u = 0..mn; the sum is the number of
 * all ways. */
static double *ways(size_t m, size_t n)
{
	size_t top = m * n;
	double *w = mem_alloc((top + 1) * sizeof(*w));

	/* The Gaussian binomial (m+n choose m): multiply by 1 - q^(n+i), divide
	 * by 1 - q^i, for i = 1..m. */
	w[0] = 1;
	for (size_t i = 1; i <= m; i++) {
		for (size_t u = top; u >= n + i; u--)
			w[u] -= w[u - n - i];
		for (size_t u = i; u <= top; u++)
			w[u] += w[u - i];
	}
	return w;
}

/* The normal approximation where counting would be too long. */
static double tail_normal(size_t m, size_t n, double u)
{
	double mean = (double)m * (double)n / 2;
	double sd = sqrt((double)m * (double)n * (double)(m + n + 1) / 12);

	return 0.5 * erfc(-(u + 0.5 - mean) / sd / sqrt(2));
}

double stat_mann_whitney_cdf(size_t m, size_t n, double u)
{
	double all = 0, sum = 0, *w;

	if (u < 0)
		return 0;
	if (u >= (double)(m * n))
		return 1;
	if (m > STAT_EXACT_MAX || n > STAT_EXACT_MAX)
		return tail_normal(m, n, floor(u));
	w = ways(m, n);
	for (size_t i = 0; i <= m * n; i++) {
		all += w[i];
		if ((double)i <= u)
			sum += w[i];
	}
	free(w);
	return sum / all;
}

/* The k-th smallest and k-th largest difference bound the shift with 95 %,
 * for the largest k with P(U <= k - 1) <= 0.025 (Hollander and Wolfe,
 * Nonparametric Statistical Methods, 4.3). 0: too few values. */
static size_t rank_95(size_t m, size_t n)
{
	size_t k = 0;

	while (k < m * n / 2 && stat_mann_whitney_cdf(m, n, (double)k) <= 0.025)
		k++;
	return k;
}

/* Twice the smaller tail; of values that may be either way, what speaks
 * least for a difference. */
static double p_value(size_t m, size_t n, double u_lo, double u_hi)
{
	double top = (double)(m * n), half = top / 2, u;

	if (u_lo <= half && u_hi >= half)
		return 1;
	u = u_hi < half ? u_hi : top - u_lo;
	return fmin(1, 2 * stat_mann_whitney_cdf(m, n, ceil(u)));
}

void stat_shift(const struct stat_value *a, size_t m, const struct stat_value *b, size_t n,
		struct stat_shift *out)
{
	size_t all = m * n, i = 0, k;
	double *lo = mem_alloc((all + 1) * sizeof(*lo)), *hi = mem_alloc((all + 1) * sizeof(*hi));
	double u_lo = 0, u_hi = 0, of_lo, of_hi;

	*out = (struct stat_shift){.p = 1};
	for (size_t x = 0; x < m; x++) {
		for (size_t y = 0; y < n; y++, i++) {
			lo[i] = b[y].lo - a[x].hi;
			hi[i] = b[y].hi - a[x].lo;
			u_lo += lo[i] > 0 ? 1 : lo[i] == 0 && hi[i] == 0 ? 0.5 : 0;
			u_hi += hi[i] > 0 ? 1 : lo[i] == 0 && hi[i] == 0 ? 0.5 : 0;
		}
	}
	if (!all)
		goto out;
	of_lo = median_of(lo, all);
	of_hi = median_of(hi, all);
	out->known = true;
	out->est_lo = of_lo;
	out->est_hi = of_hi;
	out->p = p_value(m, n, u_lo, u_hi);
	k = rank_95(m, n);
	out->bounded = k > 0;
	if (k) {
		out->lo = lo[k - 1];
		out->hi = hi[all - k];
	}
	out->differs = out->bounded && (out->lo > 0 || out->hi < 0);
out:
	free(lo);
	free(hi);
}
