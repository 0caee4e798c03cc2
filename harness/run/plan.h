#ifndef ORDEAL_RUN_PLAN_H
#define ORDEAL_RUN_PLAN_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"
#include "manifest/manifest.h"
#include "scenario/scenario.h"
#include "manifest/settings.h"
#include "system/client.h"

/* A scenario made ready: everything that can be wrong in the user's files
 * has been refused before anything is started. Lives in the arena, but for
 * `access`. */

struct plan {
	const char *root;              /* the project's folder */
	struct scenario sc;
	const struct client_ops *system;
	struct settings settings;
	struct manifest manifest;      /* the settings applied, nothing adapted yet */
	struct adaptations changes;
	cJSON *access;                 /* access.yaml; owned */
	uint64_t seed;                 /* of all its random choices */
	int repetition, repetitions;   /* 1..N of N; 0: it is not repeated */
	/* Waited before the first fault besides what the script says, so that a
	 * repetition meets the system's cycles (leases, heartbeats) elsewhere. */
	int64_t phase_ns;
	bool checkable;                /* there are manifests, as far as they could be read */
};

struct setting_arg {
	const char *name, *value; /* of --set name=value */
};

/* Reads the scenario, its fixture and its settings, and checks them against
 * each other; all mistakes at once. What is wrong need not keep an engine from being
 * asked about the rest: *out stays, to be freed, where it is checkable. */
int plan_read(struct arena *a, const char *root, const char *path, const struct setting_arg *sets,
	      size_t nsets, struct plan *out, struct err *e);

/* The "scenario" event's fields. The caller deletes it. */
cJSON *plan_to_json(const struct plan *p);

/* An array of {name, host}: every member that access.yaml tells of, those of
 * `also` behind the others. The caller deletes it. */
cJSON *plan_members(const struct plan *p);

/* A path as it goes into a report: from the project's folder on, so that what
 * is stored names nobody's machine. Points into `path`. */
const char *plan_path(const struct plan *p, const char *path);

/* The command as it may be stored: what it sets of a Secret is hidden. The caller frees it. */
char *plan_command(const struct plan *plans, size_t n, const struct setting_arg *sets, size_t nsets,
		   const char *command);

/* For people, on --dry-run. */
void plan_print(const struct plan *p, FILE *f);

/* For qsort(3) over plans: system by system as system/list.h has them, corrected
 * variants first, and of these the one whose steps take least time. */
int plan_order(const void *a, const void *b);

void plan_free(struct plan *p);

#endif
