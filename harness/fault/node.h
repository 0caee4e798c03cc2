#ifndef ORDEAL_FAULT_NODE_H
#define ORDEAL_FAULT_NODE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/procs.h"

/* What a fault may ask of the place where it works. One implementation an
 * environment: a Kubernetes node (node/kube.c), local processes
 * (node/local.c), the machine that hosts kind's nodes
 * (node/host.c), a virtual node of engine docker (engine/docker/node.c).
 * A function that an environment lacks is NULL. */
struct node;

/* The volume of a pod's claim, which outlives the pod and the folder where it
 * was mounted for it. */
struct node_volume {
	char name[320]; /* by which volume_now() finds it again */
	char path[512]; /* where it is mounted, as this process sees it; "" nowhere */
};

/* A pod as the API server tells it. */
struct node_pod {
	char uid[64]; /* "": there is none */
	char node[254];
	bool deleting, ready;
};

/* What makes a pod, and makes it anew. */
struct node_set {
	char name[254], uid[64]; /* "": no StatefulSet does */
	bool rolling;            /* a changed template reaches its pods, ... */
	int64_t partition;       /* ... from this number on */
};

struct node_ops {
	const char *name;
	/* All processes of a pod; `sandbox` says whether the pause process of
	 * the pod's sandbox is among them. */
	int (*pids)(struct node *n, const char *uid, bool sandbox, struct pid_list *out,
		    struct err *e);
	/* A path that setns() takes: the network namespace of the pod's
	 * sandbox, independent of its application's containers. "" when the
	 * pod has no sandbox here (any more); that is no error. */
	int (*netns)(struct node *n, const char *uid, char *path, size_t size, struct err *e);
	/* Freezes or thaws all of a pod's application processes; *frozen tells
	 * how many tasks are stopped now. */
	int (*freeze)(struct node *n, const char *uid, bool on, struct err *e);
	int (*frozen)(struct node *n, const char *uid, int *stopped, int *all, struct err *e);
	int (*volume)(struct node *n, const char *ns, const char *pod, struct node_volume *out,
		      struct err *e);
	/* Fills v->path for v->name; *gone: there is no such volume any more,
	 * and nothing that was in it. Not mounted here now is neither an error
	 * nor gone. */
	int (*volume_now)(struct node *n, struct node_volume *v, bool *gone, struct err *e);
	/* The UID under which a pod lives now ("" when it does not), and
	 * whether it has been told to end. */
	int (*pod_uid)(struct node *n, const char *ns, const char *pod, char uid[64],
		       bool *deleting, struct err *e);
	/* Deletes the pod if it still has this UID; grace_s < 0: the pod's own
	 * grace. A pod that is gone is fine. */
	int (*pod_delete)(struct node *n, const char *ns, const char *pod, const char *uid,
			  int grace_s, struct err *e);
	int (*pod_look)(struct node *n, const char *ns, const char *pod, struct node_pod *out,
			struct err *e);
	/* The StatefulSet of a pod. */
	int (*set_of)(struct node *n, const char *ns, const char *pod, struct node_set *out,
		      struct err *e);
	/* Notes a time in the template of a set of ours, if it still has this
	 * UID, as `kubectl rollout restart` does: its controller replaces the pods. */
	int (*set_restart)(struct node *n, const char *ns, const char *set, const char *uid,
			   const char *stamp, struct err *e);
	/* The claims of a pod that are there: [{name, uid, volume, ours}]; "volume"
	 * is "" while there is none; "ours": a run made both. */
	int (*claims)(struct node *n, const char *ns, const char *pod, cJSON *out, struct err *e);
	/* Deletes a claim of ours if it still has this UID; it goes once no pod uses
	 * it. ERR_UNSUPPORTED when it is not ours to delete. One that is gone is fine. */
	int (*claim_delete)(struct node *n, const char *ns, const char *claim, const char *uid,
			    struct err *e);
	/* Pods of a namespace that live on this node now:
	 * [{name, uid, ip}]. */
	int (*pods)(struct node *n, const char *ns, cJSON *out, struct err *e);
	/* Addresses of the node itself, and those under which pods reach the
	 * API server (strings, IPv4 or IPv6). */
	int (*addresses)(struct node *n, cJSON *own, cJSON *api, struct err *e);
	/* The network namespace of the node itself, through which its pods'
	 * packets are forwarded; NULL: there is none that we may touch. */
	const char *host_netns;
	/* What faults left here though no journal entry speaks of it, one
	 * sentence each; with `remove` it is undone, as far as that is known
	 * to be ours. */
	int (*residue)(struct node *n, bool remove, cJSON *found, struct err *e);
	/* Whole nodes (host only). */
	int (*node_stop)(struct node *n, const char *name, bool power_cut, struct err *e);
	int (*node_start)(struct node *n, const char *name, struct err *e);
	int (*node_running)(struct node *n, const char *name, bool *running, struct err *e);
};

struct node {
	const struct node_ops *ops;
	char name[254];
	char state_dir[256]; /* journal and volumes; survives the agent */
	void *impl;
};

/* The write-ahead undo record of one fault on one node:
 * state_dir/journal/<id>.json, fsynced. */
struct journal_entry {
	char id[64];
	char fault[48];
	cJSON *plan;   /* as sent by the driver */
	cJSON *record; /* what inject noted for heal */
	char state[16]; /* "begun" "on" "healed" */
	int64_t injected_ns, effective_ns, healed_ns;
	char path[512];
};

/* Writes the entry (atomically, fsynced) before a change is made. */
int journal_write(struct journal_entry *j, struct err *e);

#endif
