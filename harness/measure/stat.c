#include <math.h>
#include <stdlib.h>

#include "measure/stat.h"

int64_t stat_percentile(const int64_t *v, size_t n, double q)
{
	double rank;
	size_t i;

	if (!n)
		return -1;
	if (q <= 0)
		return v[0];
	/* A hair is taken off, so that 0.999 * 1000 is rank 999 and not 1000. */
	rank = ceil(q * (double)n - 1e-9);
	i = rank < 1 ? 0 : (size_t)rank - 1;
	return v[i < n ? i : n - 1];
}

static int by_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* P(B <= k) for B ~ Binomial(n, 1/2), in logarithms so that n may be large. */
static double binom_half_cdf(size_t n, size_t k)
{
	double sum = 0;
	size_t i;

	for (i = 0; i <= k; i++)
		sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) -
			   lgamma((double)(n - i) + 1) - (double)n * log(2));
	return sum;
}

/* The interval runs from the r-th smallest to the r-th largest value, with
 * the largest r for which 2 P(B < r) <= 0.05: the sign test turned round
 * (David and Nagaraja, Order Statistics, 7.1). With n = 5 even the whole
 * range covers the median with 93.75 % only. */
double stat_median_ci(double *v, size_t n, double *lo, double *hi)
{
	size_t r = 0;

	*lo = *hi = -1;
	if (!n)
		return -1;
	qsort(v, n, sizeof(*v), by_double);
	while (r < n / 2 && 2 * binom_half_cdf(n, r) <= 0.05)
		r++;
	if (r) {
		*lo = v[r - 1];
		*hi = v[n - r];
	}
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}
