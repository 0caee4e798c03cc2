#ifndef ORDEAL_FAULT_FAULT_H
#define ORDEAL_FAULT_FAULT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"
#include "fault/node.h"
#include "history/effects.h"
#include "yaml/yaml.h"

/* A fault: one file each, listed in fault/list.h; fault/skeleton.c is the
 * example to copy. A fault is planned by the driver, and injected, observed
 * and healed by an agent: by the agent of the target's node, or, for whole
 * nodes, by the host agent beside the driver.
 *
 * plan (JSON, recorded as an event and sent to the agent):
 *   {id, fault, namespace, params{...}, targets[{member, uid, node, ip, role}],
 *    peers[{node, cidr}], ttl_ms, server}
 * params are the step's own keys (how, port, percent, ...), defaults filled in.
 * server is what the system calls its servers' process (access.yaml: process); "".
 */

enum fault_place {
	FAULT_AT_NODE, /* at the agent of each target's node */
	FAULT_AT_HOST, /* at the agent beside the driver */
	FAULT_AT_ONE,  /* at the agent of the first target's node, for all of them */
};

struct fault_ops {
	const char *name, *summary;
	enum fault_place place;
	bool lasting;  /* stays until healed; false: done once injected (kills) */

	/* Required, but for what is marked as optional. */

	/* Optional: parameters besides fault/target/as/for, NULL-terminated. */
	const char *const *params;

	/* Optional. Checks a step's parameters and fills `params` with them and
	 * the defaults. Errors point into the file. */
	int (*check)(const struct ynode *step, cJSON *params, struct err *e);

	/* What it does to its targets with these parameters: all that systems'
	 * models, measures and reports ever ask about a fault. Pure; out->lasts
	 * is filled already. `params` may be
	 * NULL or lack a parameter (an old record): the default, then. */
	void (*effects)(const cJSON *params, struct effects *out);

	/* Optional, where every node can. Can this one do it? Sets *why when
	 * not. Runs in the agent. */
	bool (*supported)(struct node *n, const cJSON *plan, char *why, size_t size);

	/* Brings it about. Before the first change it must have called
	 * journal_write(j) with everything that heal needs in j->record. */
	int (*inject)(struct node *n, struct journal_entry *j, struct err *e);

	/* Optional: how long all of it may take to happen, in ns, where that is more
	 * than 15 s. */
	int64_t (*takes)(const cJSON *params);

	/* Evidence that it bites now: appends plain sentences with figures to
	 * `evidence` and sets *bites. Called again and again until it bites. One
	 * that takes its targets one by one sets j->effective_ns with the first, and
	 * keeps the names of those that it has reached in j->record, "reached". */
	int (*observe)(struct node *n, struct journal_entry *j, cJSON *evidence, bool *bites,
		       struct err *e);

	/* Optional. Called about every 100 ms while a lasting fault is on: lets it
	 * follow a restarted pod. Of one that takes its time, until it bites: lets it go
	 * on. */
	int (*follow)(struct node *n, struct journal_entry *j, struct err *e);

	/* Undoes it from the record alone; idempotent; also after a crash in
	 * the middle of inject. Appends what it found and did to `evidence`. */
	int (*heal)(struct node *n, struct journal_entry *j, cJSON *evidence, struct err *e);
};

const struct fault_ops *fault_find(const char *name);
const struct fault_ops *const *fault_all(void); /* NULL-terminated */

/* What the fault of this name does: effects_fn of history/evidence.h. One that
 * nobody knows (a record of another version) does nothing known, and lasts. */
void fault_effects(const char *name, const cJSON *params, struct effects *out);

#endif
