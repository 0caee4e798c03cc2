#ifndef ORDEAL_NODE_KUBE_H
#define ORDEAL_NODE_KUBE_H

#include <pthread.h>
#include <stdbool.h>

#include "kube/client.h"
#include "fault/node.h"

/* What the parts of a Kubernetes node's agent share. The agent is a
 * privileged pod with the node's PIDs and network; the node's own file
 * systems, mounts included, are below KUBE_NODE_ROOT. */

#define KUBE_NODE_ROOT "/proc/1/root"

struct volumes;

struct node_kube {
	struct node *n;
	const char *root;     /* where this process sees the node's files */
	struct kube_conf conf;
	struct kube_client *client;
	pthread_mutex_t lock; /* of the client and the cache */
	cJSON *pods;          /* newest list of this node's pods of pods_ns */
	char pods_ns[128];
	int64_t pods_ns_at;   /* when it was asked for */
	struct volumes *volumes;
};

/* What a Kubernetes node can do, for places that differ in little; n->impl
 * must begin with a struct node_kube. */
const struct node_ops *node_kube_ops(void);

/* kube_procs.c: pods seen through /proc. */
int kube_pids(struct node *n, const char *uid, bool sandbox, struct pid_list *out, struct err *e);
int kube_netns(struct node *n, const char *uid, char *path, size_t size, struct err *e);
/* The same where the node's own namespace is another than /proc/1's. */
int kube_netns_but(struct node *n, const char *uid, const char *node_netns, char *path, size_t size,
		   struct err *e);
int kube_freeze(struct node *n, const char *uid, bool on, struct err *e);
int kube_frozen(struct node *n, const char *uid, int *stopped, int *all, struct err *e);
/* The IPv4 address in a pod's sandbox, before the API server tells it; ""
 * when there is none. `out` holds 64 bytes. */
void kube_sandbox_ip(struct node *n, const char *uid, char out[64]);
/* Calls fn once for each network namespace of the node's processes. */
int kube_each_netns(void (*fn)(void *arg, const char *path), void *arg, struct err *e);

/* kube_ask.c: GET with a short time limit; NULL without an error for 404. */
int kube_node_get(struct node_kube *k, const char *path, cJSON **out, struct err *e);
/* A change of an object; with gone_is_fine one that is no more, or another one by
 * now, is no error. */
int kube_node_send(struct node_kube *k, const char *method, const char *path, const char *type,
		   const cJSON *body, bool gone_is_fine, struct err *e);
/* The body of a DELETE of what still has this UID; grace_s < 0: its own. */
cJSON *kube_delete_options(const char *uid, int grace_s);

/* kube_workload.c: see fault/node.h. */
int kube_pod_look(struct node *n, const char *ns, const char *name, struct node_pod *out,
		  struct err *e);
int kube_set_of(struct node *n, const char *ns, const char *name, struct node_set *out,
		struct err *e);
int kube_set_restart(struct node *n, const char *ns, const char *set, const char *uid,
		     const char *stamp, struct err *e);
int kube_claims(struct node *n, const char *ns, const char *name, cJSON *out, struct err *e);
int kube_claim_delete(struct node *n, const char *ns, const char *name, const char *uid,
		      struct err *e);

/* kube_volume.c; names are NAME@UID of a PersistentVolume. */
int kube_volume(struct node *n, const char *ns, const char *pod, struct node_volume *out,
		struct err *e);
int kube_volume_now(struct node *n, struct node_volume *v, bool *gone, struct err *e);

/* kube_residue.c */
int kube_residue(struct node *n, bool remove, cJSON *found, struct err *e);

#endif
