#ifndef ORDEAL_LOAD_LATENESS_H
#define ORDEAL_LOAD_LATENESS_H

#include <stdint.h>

/* Percentiles of how late the generator was, in constant space: buckets of
 * 0.1 ms up to a second, and the exact maximum. One thread at a time. */

enum { LATENESS_BUCKETS = 10000 };

struct lateness {
	uint32_t bucket[LATENESS_BUCKETS + 1];
	int64_t n, max_ns;
};

static inline void lateness_add(struct lateness *l, int64_t late_ns)
{
	int64_t i = late_ns < 0 ? 0 : late_ns / 100000;

	l->bucket[i < LATENESS_BUCKETS ? i : LATENESS_BUCKETS]++;
	l->n++;
	if (late_ns > l->max_ns)
		l->max_ns = late_ns;
}

/* The upper end of the bucket of the q-th part (nearest rank); -1 when there
 * is none. */
static inline double lateness_ms(const struct lateness *l, double q)
{
	int64_t rank = (int64_t)(q * (double)l->n), seen = 0;

	if (!l->n)
		return -1;
	if (q >= 1)
		return (double)l->max_ns / 1e6;
	for (int i = 0; i < LATENESS_BUCKETS; i++) {
		seen += l->bucket[i];
		if (seen > rank)
			return (double)(i + 1) / 10;
	}
	return (double)l->max_ns / 1e6;
}

#endif
