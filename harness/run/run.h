#ifndef ORDEAL_RUN_RUN_H
#define ORDEAL_RUN_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "check/check.h"
#include "engine/engine.h"
#include "run/plan.h"
#include "run/stage.h"

/* One run: some scenarios on one engine, into one folder. */

struct run_options {
	const struct engine_ops *engine; /* NULL: chosen when it is needed (engine_choose()) */
	const char *const *files; /* scenario files */
	size_t nfiles;
	const struct setting_arg *sets;
	size_t nsets;
	uint64_t seed;
	int repeat;            /* each scenario so many times; 0: once, as it is written */
	int64_t phase_max_ns;  /* of the random wait before a repetition's first fault */
	const char *reports_dir; /* NULL: <root>/reports */
	const char *kubeconfig, *context, *namespace;
	/* As in struct engine_conf. */
	const char *storage_class;
	int64_t claim_max_bytes;
	const char *const *image_prefixes;
	size_t nimage_prefixes;
	const char *command; /* to run it again; goes into the report */
	bool dry_run, keep;
	bool by_length; /* run them in plan_order(), not in the order given */
	const volatile int *interrupted;
};

/* Runs and reports; TAP goes to standard output. Returns 0 when the run
 * came to its end, whatever the verdict; -1 when it could not. After an
 * interruption *e says ERR_INTERRUPTED, and the partial report stands. */
int run_suite(const struct run_options *o, enum verdict *verdict, struct err *e);

/* Runs one scenario on a stage that is up; all it did is in the events and
 * the history, and all its faults are undone and its objects removed when
 * this returns, also with an error. */
int run_scenario(struct stage *st, struct arena *a, struct plan *p, bool keep, struct err *e);

#endif
