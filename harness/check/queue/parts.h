#ifndef ORDEAL_CHECK_QUEUE_PARTS_H
#define ORDEAL_CHECK_QUEUE_PARTS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "check/check.h"
#include "measure/parts.h"

/* What checker_queue is made of. */

enum queue_breach {
	LOST, REFUSED, INVENTED, TWICE, AS_NEW, GONE,
	SENT_ORDER, GOT_ORDER, OFFSET_BACK, TWO_VALUES, BREACHES
};

struct sent {
	int64_t value;
	const struct op *op;
	int64_t partition, offset;   /* where it stands, by whoever told first; OP_NO_VALUE */
	const struct op *got;        /* by whom first */
	const struct op *confirmed;  /* the first receiver whose acknowledgement was confirmed */
	const struct op *as_new;     /* who got it as new first, where repeats are marked */
	bool left;
};

/* Somebody said that this value stands there. */
struct place {
	int64_t partition, offset, value;
	const struct op *op; /* NULL: the final read */
};

/* A first delivery, not marked as repeated. */
struct delivery {
	const struct op *op;
	const struct sent *sent;
	uint32_t consumer; /* a client, or a group of clients that receive as one */
};

struct queue {
	struct view v;
	int64_t begin;
	const struct model_ops *model; /* NULL: of a system that is not known */
	struct sent *sent; /* by value */
	size_t nsent, asent;
	struct place *places;
	size_t nplaces, aplaces;
	struct delivery *first;
	size_t nfirst, afirst;
	bool drained; /* what was left was read */
	int64_t acked, unseen, received, again, marked, aged;
	struct {
		int64_t n, t;
		cJSON *witness; /* of the earliest */
	} found[BREACHES];
};

static inline int queue_cmp(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Counts a breach that shows in operations, the last one of which shows it, or that the final
 * read shows beside them; of each kind the earliest one's sentences are kept. Operations may
 * be NULL. */
void queue_breach(struct queue *q, enum queue_breach what, const struct op *a, const struct op *b,
		  const struct op *c);
void queue_breach_left(struct queue *q, enum queue_breach what, const struct op *a,
		       const struct op *b, const struct final_message *m);
void queue_breach_places(struct queue *q, const struct place *a, const struct place *b);
/* Writes the counts of all breaches and hands over the witness. False: there are none. */
bool queue_condemn(struct queue *q, struct buf *b, struct check_result *out);

/* Looks for what stands, or was received, in another order than it was sent in, and for
 * offsets that go back. */
void queue_order(struct queue *q);

#endif
