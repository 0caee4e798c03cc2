#ifndef ORDEAL_TEST_LIB_SHIPPED_RUN_H
#define ORDEAL_TEST_LIB_SHIPPED_RUN_H

#include <cjson/cJSON.h>

#include "history/op.h"
#include "run/plan.h"

/* A run of a scenario that never was: its load at its own rate, its steps, its
 * faults with their effect, a final read. Either all is well in it, or the one
 * thing is wrong that an expectation is about. */
struct shipped_run {
	cJSON *events;
	struct history h;
};

/* `x`: what is violated; NULL: nothing. In a run that violates a length of time
 * each await waits for as long as the scenario lets it, else for 2 s. */
void shipped_run_make(const struct plan *p, const struct expectation *x, struct shipped_run *out);
void shipped_run_free(struct shipped_run *r);

#endif
