#ifndef ORDEAL_NODE_CGROUP_H
#define ORDEAL_NODE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Freezing pods by their cgroup: the v1 freezer where there is one, else v2.
 * `root` is the node's root folder as this process sees it. */

struct pod_cgroup {
	char path[768]; /* "" when the pod has none (any more) */
	bool v1;
};

/* The pod's own cgroup: the topmost whose name holds its UID, with dashes
 * (cgroupfs driver) or underscores (systemd driver). */
void cgroup_find(const char *root, const char *uid, struct pod_cgroup *out);

/* Freezes or thaws it and waits, at most 2 s, until the kernel says so. */
int cgroup_freeze(const struct pod_cgroup *g, bool on, struct err *e);

/* What the kernel says: all its tasks stand still. */
bool cgroup_frozen(const struct pod_cgroup *g);

/* Calls fn for every pod's cgroup that was told to freeze by itself. */
void cgroup_each_frozen(const char *root, void (*fn)(void *arg, const struct pod_cgroup *g),
			void *arg);

#endif
