#ifndef ORDEAL_CHECK_REGISTER_PARTS_H
#define ORDEAL_CHECK_REGISTER_PARTS_H

#include "base/mem.h"
#include "check/register/register.h"

/* What register.c is made of. */

/* Takes so many steps off; false when the budget has ended. */
bool reg_spend(struct reg_budget *b, int64_t steps);

static inline int64_t reg_ret(const struct reg_op *op)
{
	return op->maybe ? INT64_MAX : op->ret;
}

/* The value after `op`, or false when it cannot happen while the register holds
 * `value`. */
static inline bool reg_allowed(const struct reg_op *op, int64_t value, int64_t *after)
{
	*after = op->f == REG_READ || op->f == REG_MISMATCH ? value : op->value;
	switch (op->f) {
	case REG_READ:
		return op->value == value;
	case REG_WRITE:
		return true;
	case REG_CAS:
		return op->expect == value;
	case REG_MISMATCH:
		return op->expect != value;
	}
	return false;
}

/* n log n, where each value that somebody saw was written once: the answer, or
 * REG_UNDECIDED where this is not so, where failed compare-and-sets leave it
 * open, or when the budget ends. */
enum reg_answer reg_by_values(const struct reg_op *ops, size_t n, int64_t initial,
			      struct reg_budget *budget);

/* seq[0..nseq) is an order of the operations that are no mismatches and took
 * place: do all mismatches fit into it? False: not found, or the budget ended.
 * True has been gone through from end to end. */
bool reg_mismatches_fit(const struct reg_op *ops, size_t n, int64_t initial, const int *seq,
			size_t nseq, struct reg_budget *budget);

/* By search: any history, in exponential time at worst. */
enum reg_answer reg_by_search(const struct reg_op *ops, size_t n, int64_t initial,
			      struct reg_budget *budget);

/* The configurations that a search has reached: a key, and which operations of
 * unknown fate were placed, a bit each. Zeroed but for `words`, it is empty. */
struct reg_seen {
	struct reg_config **slots;
	size_t n, size; /* size: a power of two */
	size_t words;   /* of the bits */
	size_t bytes;   /* that it takes */
	struct arena arena;
};

/* False when it is there already, with these bits or with some of them. `len` is
 * a multiple of eight. Adds to *looked what was looked at. */
bool reg_seen_add(struct reg_seen *m, const void *key, size_t len, const uint64_t *bits,
		  int64_t *looked);
void reg_seen_free(struct reg_seen *m);

#endif
