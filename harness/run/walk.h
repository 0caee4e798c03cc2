#ifndef ORDEAL_RUN_WALK_H
#define ORDEAL_RUN_WALK_H

#include "history/sample.h"
#include "run/injection.h"
#include "run/job.h"
#include "run/run.h"

enum { WALK_INJECTIONS_MAX = 32, WALK_JOBS_MAX = 32 };

/* One scenario on its way through its steps. The caller sets st, p and rng,
 * the rest is 0, and frees the injections. */
struct walk {
	struct stage *st;
	struct plan *p;
	struct rng rng;
	struct injection inj[WALK_INJECTIONS_MAX];
	size_t ninj;
	struct run_job jobs[WALK_JOBS_MAX];
	size_t njobs;
	int64_t fault_bit_ns; /* when the last fault was seen to bite */
	bool broke;           /* redundancy was seen broken since then */
	char primary[MEMBER_NAME_BYTES]; /* when the last fault was planned */
};

/* All steps, and then the time of those faults that have one. Returns 0, or
 * -1 with an error. */
int walk_steps(struct walk *w, struct err *e);

/* Undoes what is still on, the last first. */
int walk_heal_all(struct walk *w, struct err *e);

#endif
