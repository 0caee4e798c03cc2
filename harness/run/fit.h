#ifndef ORDEAL_RUN_FIT_H
#define ORDEAL_RUN_FIT_H

#include "run/plan.h"

/* Between plan.c and fit.c only. Each tells all that is wrong at once. */

int fit_targets(const struct plan *p, struct err *e);
int fit_runs(const struct plan *p, struct err *e);
int fit_load(const struct plan *p, struct err *e);
int fit_accepted(const struct plan *p, struct err *e);

#endif
