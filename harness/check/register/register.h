#ifndef ORDEAL_CHECK_REGISTER_H
#define ORDEAL_CHECK_REGISTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is the history of one register linearizable? What stands behind
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
	bool maybe; /* its fate is unknown: at any time after call, or never; REG_WRITE, REG_CAS */
	const void *tag;   /* the caller's */
};

enum reg_answer { REG_YES, REG_NO, REG_UNDECIDED };

enum reg_end { REG_NOT_ENDED, REG_END_STEPS, REG_END_MEMORY, REG_END_TIME };

/* What may be spent. A step is an entry looked at or eight bytes compared, so
 * the same history gets the same answer on any machine, and the steps bound the
 * time: see REG_NS_PER_STEP. The time itself is a second limit, for a machine
 * that is much slower than that. */
struct reg_budget {
	int64_t steps;
	size_t memory_bytes;
	int64_t cpu_end_ns;    /* on clock_thread_cpu_ns(); 0: none */
	enum reg_end ended_by; /* filled: what ran out */
	int64_t unlooked;      /* steps since the clock was looked at */
};

/* Steps are paid for as if each took so long. 1 to 4 ns were measured on an AMD
 * EPYC; a test measures whether it holds where it runs. */
enum { REG_NS_PER_STEP = 10 };

/* `ops` sorted by call. `initial` is the value before the first. The budget
 * is reduced by what was spent. */
enum reg_answer reg_linearizable(const struct reg_op *ops, size_t n, int64_t initial,
				 struct reg_budget *budget);

/* For a history that is not linearizable: shrinks it, in place, to a
 * smaller one that is not either: the shortest beginning (in the order of
 * returns), less the reads without which it still fails, and then less the
 * writes that nobody who is left speaks of. The operation whose return broke it
 * comes last in *last (an index). Returns the new length; when the budget ends,
 * what it has by then. */
size_t reg_shrink(struct reg_op *ops, size_t n, int64_t initial, struct reg_budget *budget,
		  size_t *last);

#endif
