#ifndef ORDEAL_CHECK_GATE_H
#define ORDEAL_CHECK_GATE_H

#include "check/judge.h"

/* Nothing passes without evidence. A judge says what the figures are; the gate
 * says whether the run has seen enough for that to count: see gate.c, and "What
 * a pass needs" in doc/SCENARIOS.md. */

enum {
	/* With thirty observations and none bad, fewer than one in ten is bad, at
	 * 95 % (the rule of three: 3 / n). So few must an expectation have seen. */
	GATE_SEEN_MIN = 30,
	/* Of each kind of operation that was at work before a fault, after it. */
	GATE_KIND_MIN = 10,
};

struct gate; /* what a run has seen, counted once for all its expectations */

struct gate *gate_new(const struct history *h, const struct evidence *ev, const struct measured *m);
void gate_free(struct gate *g);

/* Judges j's expectation, by its evidence and then by the gate (verdict.c). */
void judge_expectation(const struct gate *g, const struct judging *j, struct judged *r);

/* Turns what a judge found into what may be said. */
void gate_judged(const struct gate *g, const struct judging *j, enum expect_metric metric,
		 struct judged *r);

#endif
