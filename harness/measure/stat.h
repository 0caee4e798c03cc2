#ifndef ORDEAL_MEASURE_STAT_H
#define ORDEAL_MEASURE_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Distribution-free statistics of few values. */

/* Median and a distribution-free 95 % interval (order statistics; needs
 * n >= 6, else *lo and *hi are -1). `v` gets sorted. */
double stat_median_ci(double *v, size_t n, double *lo, double *hi);
/* Nearest-rank percentile, q in 0..1; v sorted; -1 when n is 0. */
int64_t stat_percentile(const int64_t *v, size_t n, double q);

/* A measured value: somewhere in lo..hi. hi INFINITY: censored, at least lo (a
 * system that never recovered while it was watched). */
struct stat_value {
	double lo, hi;
};

struct stat_median {
	size_t n, censored;
	double value;  /* -1 when n is 0 */
	bool at_least; /* so many are censored that the median is only known from below */
	double lo, hi; /* 95 % interval; -1 below 6 values; hi may be INFINITY */
};
void stat_median(const struct stat_value *v, size_t n, struct stat_median *out);

/* How much larger the values of b are than those of a: Hodges and Lehmann's
 * estimate, its interval, and the rank test of Mann and Whitney. */
struct stat_shift {
	bool known;            /* both have values */
	double est_lo, est_hi; /* the estimate, as well as the values bound it; may be infinite */
	bool bounded;          /* enough values for a 95 % interval: 4 and 4, 3 and 5, ... */
	double lo, hi;         /* the interval of this figure by itself; may be infinite */
	int sign;              /* of what the ranks say; 0: neither */
	double p; /* two-sided, exact given the ties; where values may stand either way, the largest
		   */
	double p_least; /* the smallest that these values could have given, whosever they were */
	/* From stat_holm(): */
	double p_holm;         /* p corrected for all that were compared together */
	bool differs;          /* it is at most STAT_ALPHA */
};
void stat_shift(const struct stat_value *a, size_t m, const struct stat_value *b, size_t n,
		struct stat_shift *out);

#define STAT_ALPHA 0.05

/* What is compared together: of so many figures, none that differs by chance
 * alone is named with a probability of 95 % (Holm, "A Simple Sequentially
 * Rejective Multiple Test Procedure", 1979). */
struct stat_family {
	size_t known;   /* figures with values on both sides */
	size_t counted; /* those of them that could be named if they were alone */
	bool reachable; /* some could be named as it is */
	size_t enough; /* so many values on each side could, if none are equal; 0 without any
			  counted */
};
void stat_holm(struct stat_shift *const *v, size_t n, struct stat_family *out);

enum { STAT_EXACT_MAX = 40 };
/* P(U <= u) of Mann and Whitney's U without ties: exact up to STAT_EXACT_MAX
 * values a side, then the normal approximation. */
double stat_mann_whitney_cdf(size_t m, size_t n, double u);

#endif
