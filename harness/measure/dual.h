#ifndef ORDEAL_MEASURE_DUAL_H
#define ORDEAL_MEASURE_DUAL_H

#include "measure/parts.h"
#include "measure/spans.h"

/* Between those only that tell who was a primary: dual*.c and demoted.c. */

/* Two things that a member can only say or do as a primary, further apart than
 * this, prove nothing between them. */
enum { EVIDENCE_MS = 300 };

/* Who acknowledged the writes of a scenario. */
struct acks {
	struct ack {
		uint32_t shard;
		size_t by;  /* in names */
		/* Called and returned, wider by as much as its client's clock and
		 * the sampler's may be apart. */
		int64_t call, ret;
	} *v;               /* heap; by call */
	size_t n, alloc;
	const char **names; /* heap; borrowed ones */
	size_t nnames, names_alloc;
};

/* By how much the clock of those who stand beside a member may be apart from the
 * others', in ns: who was a primary at the same time as another is seen by both. */
int64_t beside_apart(const struct evidence *ev);

/* `names` begins with the members that the sampler asked. */
void acks_make(const struct view *v, struct acks *out);
void acks_free(struct acks *a);

/* Adds when acknowledgements alone show that member `who` was a primary. */
void acks_spans(const struct evidence *ev, const struct acks *a, size_t who, struct spans *out);

/* How many acknowledged writes of `who` were called and answered within the
 * spans of somebody else: taken while that one was the primary. */
int64_t acks_within(const struct acks *a, size_t who, const struct spans *other);

/* What the acknowledgements of two say of both at once; ns 0: nothing. */
void acks_pair(const struct acks *a, size_t x, const struct spans *of_x, size_t y,
	       const struct spans *of_y, struct dual_history *out);

/* Fills what f has of its old primary, once it was healed. */
void demoted_make(const struct evidence *ev, const struct measured *all, const struct acks *acks,
		  struct fault_seen *f);

/* Where it cannot be told whether two were primaries at once; not where they are
 * known to have been, `proven`. */
void dual_doubt_make(const struct evidence *ev, const struct acks *acks, const struct spans *proven,
		     struct dual_doubt *out);

#endif
