#ifndef ORDEAL_ENGINE_KUBE_KUBE_H
#define ORDEAL_ENGINE_KUBE_KUBE_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "engine/images.h"
#include "kube/client.h"
#include "kube/object.h"
#include "kube/read.h"
#include "kube/watch.h"

/* What the engines `kube` and `kind` share. */

#define KUBE_SYSTEM_NS "ordeal-system" /* where the node agents live */
#define KUBE_AGENT_LABEL "ordeal.dev/agent"
#define KUBE_NODE_ROLE "ordeal-node-agent"
#define KUBE_LOAD_POD "ordeal-load-agent"

/* Unlikely to be taken; the node agents listen on their nodes' addresses. */
enum { KUBE_NODE_PORT = 18730, KUBE_LOAD_PORT = 18731, KUBE_WATCHES = 4 };

/* Which pod is the agent of a node. */
struct agent_pod {
	char node[254], pod[254];
};

struct kube {
	struct engine_base base; /* first */
	bool kind;               /* our own cluster: nodes can be stopped, images are made */
	char kubeconfig[PATH_MAX];
	bool kubeconfig_list;    /* it is KUBECONFIG's value: paths with a : between */
	char root[PATH_MAX], cache[PATH_MAX];
	struct arena arena;      /* what lives as long as the engine */

	struct kube_conf conf;   /* read when first needed: kind has none before `up` */
	struct kube_client *k;   /* NULL: not connected yet */

	cJSON *classes, *drivers; /* the cluster's, as last seen */
	struct images images;
	char agent_image[256];
	const char *beside_group, *beside_node; /* of the second load agent, while it is placed */

	struct agent_pod *agents; /* as last seen */
	size_t nagents, agents_alloc;

	/* The agent beside the driver (kind only). */
	struct kube_conf host_conf;
	struct kube_client *host;
	pid_t host_pid;

	struct kube_watch *watches[KUBE_WATCHES];
	pthread_mutex_t watch_lock; /* callbacks come one at a time */
	engine_watch_fn *watch_fn;
	void *watch_arg;

	int lock_fd; /* -1: none */
};

/* Commands that start no run may still have to start agents, to heal: with a
 * token of their own, and a name that rolls the pods of an earlier one. */
void kube_name_yourself(struct engine_conf *conf);

/* Reads the kubeconfig and makes the client, once. Functions that clean up
 * pass cleanup = true: an interruption that has come already does not end
 * them, a new one does. */
int kube_connect(struct kube *k, bool cleanup, struct err *e);
void kube_disconnect(struct kube *k);

/* Sleeps 100 ms; ERR_INTERRUPTED when it is time to stop. */
int kube_nap(struct kube *k, struct err *e);

/* Applies every object of fixtures/agents/FILE with {{run}}, {{token}},
 * {{load_token}}, {{image}}, {{namespace}}, {{node_port}} and {{load_port}} filled in.
 * `edit` may change, skip or refuse each first. */
typedef int kube_edit_fn(struct kube *k, cJSON *object, bool *skip, struct err *e);
int kube_apply_template(struct kube *k, const char *file, kube_edit_fn *edit, struct err *e);

/* A namespace or cluster-wide object is ours, not there, or somebody else's.
 * `uid` (may be NULL) gets the one that was looked at: whoever deletes it says
 * so, as another may have taken its name since. */
enum kube_owner { KUBE_ABSENT, KUBE_OURS, KUBE_FOREIGN };
enum { KUBE_UID_BYTES = 64 };
int kube_owner_of(struct kube *k, const char *path, enum kube_owner *owner,
		  char uid[KUBE_UID_BYTES], struct err *e);
/* Both namespaces of a run are absent or ours; changes nothing. */
int kube_refuse_foreign(struct kube *k, struct err *e);

/* engine/kube/apply.c */
int kube_engine_apply(struct engine *en, const struct manifest *m, struct err *e);
/* engine/kube/classes.c: what is claimed instead of classes that the cluster
 * does not have; asks it. */
int kube_class_rules(struct kube *k, struct adapt_rules *r, struct err *e);
/* A volume that somebody made and that would be deleted with the run's claims
 * (policy Delete or Recycle) is refused. */
int kube_refuse_doomed(struct kube *k, const struct manifest *m, struct err *e);
/* engine/kube/remove.c */
int kube_engine_remove(struct engine *en, int64_t deadline_ns, struct err *e);
int kube_remove_namespace(struct kube *k, const char *ns, int64_t deadline_ns, struct err *e);
int kube_remove_volumes(struct kube *k, int64_t deadline_ns, cJSON *found, struct err *e);
int kube_remove_cluster_objects(struct kube *k, cJSON *found, struct err *e);
/* engine/kube/ready.c */
int kube_engine_wait_ready(struct engine *en, const struct manifest *m, int64_t deadline_ns,
			   struct err *e);
/* engine/kube/agents.c */
int kube_engine_agents_up(struct engine *en, struct err *e);
/* The same whoever's the run's own namespace is: that is not touched. */
int kube_agents_start(struct kube *k, struct err *e);
int kube_engine_agents_down(struct engine *en, struct err *e);
int kube_load_agent_up(struct kube *k, struct err *e);
int kube_engine_load_beside(struct engine *en, const char *group, const char *node,
			    int64_t deadline_ns, struct err *e);
/* Waits until the load agent answers. */
int kube_load_agent_wait(struct kube *k, struct err *e);
/* engine/kube/call.c */
int kube_engine_call(struct engine *en, const char *agent, const char *method, const char *path,
		     const char *body, int64_t timeout_ns, struct buf *answer, int *status,
		     struct err *e);
/* The same inside an engine's function that has decided about interruptions. */
int kube_call_agent(struct kube *k, const char *agent, const char *method, const char *path,
		    const char *body, int64_t timeout_ns, struct buf *answer, int *status,
		    struct err *e);
/* Forgets which pods are agents: they were started anew. */
void kube_agents_forget(struct kube *k);
/* Waits until GET /v1/health of an agent answers 200. */
int kube_agent_wait(struct kube *k, const char *agent, int64_t deadline_ns, struct err *e);
/* host_agent.c: starts `ordeal node-agent --mode host` beside the driver, in
 * a session of its own: it outlives a killed driver, heals, and ends. One
 * that an earlier driver left is ended first. */
int host_agent_up(struct kube *k, struct err *e);
/* Ends it; it heals on the way out. */
int host_agent_down(struct kube *k, struct err *e);
/* engine/kube/job.c */
int kube_engine_job_start(struct engine *en, const char *cron_job, const char *name, struct err *e);
int kube_engine_job_look(struct engine *en, const char *name, cJSON **out, struct err *e);
/* engine/kube/events.c */
int kube_engine_watch_start(struct engine *en, engine_watch_fn *fn, void *arg, struct err *e);
void kube_engine_watch_stop(struct engine *en);
/* engine/kube/recover.c */
int kube_engine_recover(struct engine *en, cJSON *found, struct err *e);
/* What an agent that has healed says of its node (GET /v1/residue): -1 when there is anything
 * left, or it does not say. */
int kube_left(const char *agent, int status, const char *answer, struct err *e);
/* -1, with their names, when there are nodes that are not Ready: what their journals hold
 * is not known. */
int kube_all_seen(const struct nodes *nodes, struct err *e);

/* engine/kube/look.c, kube.c: the rest of the table. */
int kube_open(const struct engine_conf *conf, bool kind, struct kube **out, struct err *e);
void kube_engine_close(struct engine *en);
int kube_engine_images(struct engine *en, const char *const *refs, size_t n, struct err *e);
int kube_engine_pods(struct engine *en, struct pods *out, struct err *e);
int kube_engine_nodes(struct engine *en, struct nodes *out, struct err *e);
int kube_list_nodes(struct kube *k, struct nodes *out, struct err *e);
int kube_engine_logs(struct engine *en, const char *pod, const char *container, bool previous,
		     int lines, struct buf *out, struct err *e);
/* Takes an exclusive lock, which ends with the process, on a file: by name in
 * the cache, or by its whole path. `place` is what it guards ("cluster"). */
int kube_lock_file(struct kube *k, const char *name, const char *place, int64_t deadline_ns,
		   struct err *e);

/* What stands in the tables of both. */
#define KUBE_ENGINE_SHARED                                                                         \
	.close = kube_engine_close, .images = kube_engine_images,                                  \
	.agents_up = kube_engine_agents_up, .agents_down = kube_engine_agents_down,                \
	.load_beside = kube_engine_load_beside, .call = kube_engine_call,                          \
	.apply = kube_engine_apply, .wait_ready = kube_engine_wait_ready,                          \
	.remove = kube_engine_remove, .pods = kube_engine_pods, .nodes = kube_engine_nodes,        \
	.logs = kube_engine_logs, .job_start = kube_engine_job_start,                              \
	.job_look = kube_engine_job_look, .watch_start = kube_engine_watch_start,                  \
	.watch_stop = kube_engine_watch_stop

#endif
