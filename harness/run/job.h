#ifndef ORDEAL_RUN_JOB_H
#define ORDEAL_RUN_JOB_H

#include "run/stage.h"
#include "scenario/scenario.h"

/* A Job that a run step begins, from a CronJob's template. */

#define JOB_EVERY_NS (500 * NS_PER_MS) /* how often one is asked after that is waited for */

struct run_job {
	const struct step *step;
	char name[80]; /* of the Job */
	bool over;
	/* The end of its pods' logs, and how the last container ended, as far as they were
	 * seen: a pod whose containers are tried again in place goes when its Job fails. */
	char log[4096];
	int64_t exit; /* valid with has_exit */
	bool has_exit;
};

/* Begins it, and emits {k: "job", state: "begun"}. `number` tells it from the others
 * of its scenario. ERR_UNSUPPORTED where the engine has none. */
int run_job_start(struct stage *st, const struct step *step, int number, struct run_job *out,
		  struct err *e);

/* Asks after it, and emits how it ended once it has; `last`: or that it goes on. */
int run_job_look(struct stage *st, struct run_job *job, bool last, struct err *e);

#endif
