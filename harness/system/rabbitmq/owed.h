#ifndef ORDEAL_SYSTEM_RABBITMQ_OWED_H
#define ORDEAL_SYSTEM_RABBITMQ_OWED_H

#include "history/op.h"

/* Publishes of one channel whose confirms did not come in time, and those of them that were
 * confirmed since (rabbitmq.com/docs/confirms: each publish of a channel is numbered from 1 and
 * confirmed or refused by that number, alone or all up to it; one that cannot be routed is
 * returned before it is confirmed). Zeroed: none. */
struct owed {
	struct owed_one {
		uint64_t seq;
		int64_t value, heard_ns; /* confirmed: when it was heard; 0: not yet */
		bool returned;           /* no queue took it, so that its confirm says nothing */
	} *v;
	size_t n, alloc;
};

void owed_add(struct owed *o, uint64_t seq, int64_t value, bool returned);
/* A publish of this value came back. */
void owed_return(struct owed *o, int64_t value);
/* The answer to publish `seq`, or to all up to it. Of one that is refused, or was returned,
 * nothing more is known than before. */
void owed_settle(struct owed *o, uint64_t seq, bool multiple, bool confirmed, int64_t now_ns);
/* The channel has ended: what it still owed does not come any more. */
void owed_end(struct owed *o);
/* Into op->room->late what was confirmed, as far as there is room; the rest with the next. */
void owed_tell(struct owed *o, struct op *op);
void owed_free(struct owed *o);

#endif
