#ifndef ORDEAL_RUN_STAND_UP_H
#define ORDEAL_RUN_STAND_UP_H

#include "run/run.h"

/* Applies the scenario's manifests and brings the system up to its first
 * acknowledged write and to redundancy, the minority's clients included.
 * Returns 0; 1 when the system does not stand (the event "stands" says at
 * which point and why); -1 with an error of ours. */
int stand_up(struct stage *st, struct plan *p, struct arena *a, uint64_t seed, struct err *e);

#endif
