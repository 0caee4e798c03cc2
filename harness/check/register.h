#ifndef ORDEAL_CHECK_REGISTER_H
#define ORDEAL_CHECK_REGISTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is the history of one register linearizable? The search behind
 * checker_linearizable, apart so that tests can set it against brute force. */

enum reg_f {
	REG_READ,     /* saw `value` */
	REG_WRITE,    /* set it to `value` */
	REG_CAS,      /* from `expect` to `value` */
	REG_MISMATCH, /* a compare-and-set that found another value than `expect` */
};

struct reg_op {
	enum reg_f f;
	int64_t value, expect;
	int64_t call, ret; /* ns; ret is not used when `maybe` */
	bool maybe;        /* its fate is unknown: at any time after call, or never */
	const void *tag;   /* the caller's */
};

enum reg_answer { REG_YES, REG_NO, REG_UNDECIDED };

/* A search spends one unit of `steps` for each placement it tries, so that
 * the same history gives the same answer on any machine. */
struct reg_budget {
	int64_t steps;
	size_t memory_bytes;
};

/* `ops` sorted by call. `initial` is the value before the first. The budget
 * is reduced by what was spent. */
enum reg_answer reg_linearizable(const struct reg_op *ops, size_t n, int64_t initial,
				 struct reg_budget *budget);

/* For a history that is not linearizable: shrinks it, in place, to a
 * smaller one that is not either: the shortest beginning (in the order of
 * returns), less the reads without which it still fails. The operation whose
 * return broke it comes last in *last (an index). Returns the new length;
 * when the budget ends, what it has by then. */
size_t reg_shrink(struct reg_op *ops, size_t n, int64_t initial, struct reg_budget *budget,
		  size_t *last);

#endif
