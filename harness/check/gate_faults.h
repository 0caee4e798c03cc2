#ifndef ORDEAL_CHECK_GATE_FAULTS_H
#define ORDEAL_CHECK_GATE_FAULTS_H

#include "check/judge.h"

/* What a run has to have seen of its faults. False: `why` says what is missing. */

/* Every fault of the steps was injected, took effect at all whom its step names
 * and, where they say so, was undone. */
bool faults_were(const struct evidence *ev, char *why, size_t size);

/* Whether the steps ask for a role that one whom a fault hit had not, as older files, in
 * which that keeps nothing from passing, may say; `why` tells. */
bool faults_odd(const struct evidence *ev, char *why, size_t size);

/* Whether the load went on past the fault for as long as the expectation speaks of,
 * or what it speaks of was over by its end. */
bool watched_on(const struct judging *j, enum expect_metric metric, const struct fault_seen *f,
		char *why, size_t size);

#endif
