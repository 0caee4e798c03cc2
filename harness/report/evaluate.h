#ifndef ORDEAL_REPORT_EVALUATE_H
#define ORDEAL_REPORT_EVALUATE_H

#include <stddef.h>

#include "report/report.h"

/* A run's folder, read, measured and judged. A zeroed struct is an empty one;
 * evaluation_free() also after an error. */
struct evaluation {
	cJSON *events;
	struct evidence ev; /* of the run itself */
	struct history h;
	struct scenario_report *scenarios;
	size_t alloc;
	struct run_report run; /* of all this */
	const char *broken;    /* given: what broke and could not be written down; NULL: nothing */
};

/* `dir` must live as long as the evaluation. */
int evaluation_read(const char *dir, struct evaluation *ev, struct err *e);
void evaluation_free(struct evaluation *ev);

/* An event that says so; of the whole run when the scenario is negative. */
cJSON *evaluation_broken(int scenario, const char *broken);

/* One scenario from events and a sorted history that hold all of it; false: they
 * do not have it. scenario_release() either way. */
bool scenario_evaluate(const struct history *h, const cJSON *events, int scenario,
		       struct scenario_report *out);
void scenario_release(struct scenario_report *s);

#endif
