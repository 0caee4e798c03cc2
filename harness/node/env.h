#ifndef ORDEAL_NODE_ENV_H
#define ORDEAL_NODE_ENV_H

#include "base/err.h"
#include "fault/node.h"

/* The places where a node agent can work. open fills n->ops and n->impl
 * (n->name and n->state_dir are set by the caller; an empty name may be
 * filled in); close releases impl and ends its threads. */
struct node_env {
	const char *mode;
	/* An agent that some driver started ends with it; one that the cluster
	 * runs does not. */
	bool ends_with_parent;
	int (*open)(struct node *n, struct err *e);
	void (*close)(struct node *n);
};

extern const struct node_env node_env_kube;  /* a pod on a Kubernetes node */
extern const struct node_env node_env_local; /* processes that engine local started */
extern const struct node_env node_env_host;  /* the machine that runs kind's nodes */

#endif
