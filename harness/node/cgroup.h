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
 * (cgroupfs driver) or underscores (systemd driver). -1 when they cannot all be
 * seen. */
int cgroup_find(const char *root, const char *uid, struct pod_cgroup *out, struct err *e);

/* Freezes or thaws it and waits, at most 2 s, until the kernel says so. What is
 * frozen carries our mark until it is thawed. One that is gone is thawed. */
int cgroup_freeze(const struct pod_cgroup *g, bool on, struct err *e);

/* What the kernel says: all its tasks stand still. */
bool cgroup_frozen(const struct pod_cgroup *g);

/* Calls fn for every cgroup that carries our mark. */
int cgroup_each_marked(const char *root, void (*fn)(void *arg, const struct pod_cgroup *g),
		       void *arg, struct err *e);

#endif
