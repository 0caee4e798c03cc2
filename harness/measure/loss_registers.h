#ifndef ORDEAL_MEASURE_LOSS_REGISTERS_H
#define ORDEAL_MEASURE_LOSS_REGISTERS_H

#include "measure/parts.h"

/* Between loss.c and loss_registers.c only: what became of the writes of
 * registers. */
struct register_loss {
	const struct op *op;
	bool evictable; /* the throwing out of its register's key explains it */
};

struct registers_seen {
	int64_t acked;
	int64_t unknown;         /* of unknown fate */
	int64_t unknown_present; /* of these, in the past of a final value */
	int64_t untold;          /* acknowledged; perhaps overwritten, perhaps lost */
	/* of these, in registers that were not read at the end or hold what nobody wrote, or
	 * overwritten only if a write of unknown fate took effect late */
	int64_t doubtful;
	int64_t unread; /* writes, whatever became of them, to registers that were not read at the
			   end */
	int64_t phantom; /* values in the past of a final one that were refused or that nobody wrote
			  */
	int64_t unsent; /* of these, values that nobody wrote, not even one who was refused */
	int64_t odd;             /* registers that a sentence is about */
	cJSON *sentences;        /* owned; NULL none */
	struct register_loss *lost; /* heap */
	size_t n, alloc;
	const struct op **kept; /* acknowledged, and in the past of a final value; heap */
	size_t nkept, kept_alloc;
};

/* `final` may tell of some registers, or of all, nothing; NULL: nothing can be told
 * of what is there, so acked and unknown are all that is counted. */
void registers_find(const struct view *v, const struct final_seen *final,
		    struct registers_seen *out);

#endif
