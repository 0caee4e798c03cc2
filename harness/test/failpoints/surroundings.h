#ifndef ORDEAL_TEST_FAILPOINTS_SURROUNDINGS_H
#define ORDEAL_TEST_FAILPOINTS_SURROUNDINGS_H

#include <stdbool.h>

#include "base/err.h"
#include "fault/node.h"

/* Where a trial goes on beside the two places of failpoints_test.c (local
 * processes, a virtual node of engine docker). */

/* The small machine that a trial has. */
struct ground {
	const char *dir, *state; /* a folder of its own; the node's, in it */
	const char *data;        /* the folder of the bounded volume "v1" */
	const char *uid, *node;  /* the pod's, and the node's name */
};

struct surroundings {
	const char *name;
	bool own_network; /* the node's, which rules are put into */
	bool unified;     /* cgroups are of version 2 */
	bool children;    /* commands that a killed trial leaves run on for a moment */
	int (*build)(const struct ground *g, struct err *e);
	void (*demolish)(const struct ground *g);
	/* As it was before the first trial. */
	int (*refresh)(const struct ground *g, struct err *e);
	/* The pod is made anew. */
	int (*restart)(const struct ground *g, struct err *e);
	int (*open)(struct node *n, const struct ground *g, struct err *e);
	void (*close)(struct node *n);
	/* What only this place has; NULL: nothing. */
	bool (*applied)(const struct ground *g);
	const char *(*left)(const struct ground *g);
	const char
		*volume; /* the source in the object of the volume; NULL: a folder of the node's */
};

/* A Kubernetes node, through PID 1, with a volume that a CSI driver mounted for
 * the pod; the same on cgroups of version 2. */
extern const struct surroundings kube_surroundings, kube_v2_surroundings;
/* The machine that kind's nodes run on, with a docker command that keeps each
 * node's state in a file. */
extern const struct surroundings host_surroundings;

#endif
