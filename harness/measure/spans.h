#ifndef ORDEAL_MEASURE_SPANS_H
#define ORDEAL_MEASURE_SPANS_H

#include <stddef.h>
#include <stdint.h>

/* Between dual.c and dual_history.c only: times in which a member certainly
 * was a writable primary. */
struct span {
	int64_t from, to;
	uint64_t shards; /* a set (history/sample.h) */
};

struct spans {
	struct span *v; /* heap; by from, not overlapping, once spans_disjoint() was called */
	size_t n, alloc;
};

void spans_disjoint(struct spans *s);
/* For how long both were, of the same part. */
int64_t spans_overlap(const struct spans *a, const struct spans *b);
/* Adds when both were, of the same part. */
void spans_both(const struct spans *a, const struct spans *b, struct spans *out);

#endif
