#ifndef ORDEAL_ENGINE_ENGINE_H
#define ORDEAL_ENGINE_ENGINE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "manifest/manifest.h"

/* Where a system runs. Listed in engine/list.h. One thread drives an
 * engine; only watch callbacks come from a thread of the engine's own.
 * Functions that wait take an absolute deadline (CLOCK_MONOTONIC ns) and
 * return early with ERR_INTERRUPTED when *conf.interrupted becomes true. */

struct engine_conf {
	char run_id[64];
	/* One for each level of trust: of the nodes' agents, who may do anything
	 * there, and of the load agents, who stand beside the system on trial. */
	char token[65], load_token[65];
	const volatile int *interrupted;
	const char *kubeconfig, *context; /* kube: explicit */
	const char *namespace;            /* kube: explicit; NULL: the engine's choice */
	/* kube: the class of all claims and their largest size, NULL and 0: see
	 * engine/kube/classes.c; "FROM=TO" of images, see images_redirect(). */
	const char *storage_class;
	int64_t claim_max_bytes;
	const char *const *image_prefixes;
	size_t nimage_prefixes;
	bool keep;
};

struct engine; /* private to its file, starts with struct engine_base */

struct engine_base {
	const struct engine_ops *ops;
	struct engine_conf conf;
	char namespace[64]; /* where the system runs */
};

/* The name of an agent: "node/" and a node's. */
enum { ENGINE_AGENT_BYTES = 264 };

/* The namespace that the user names: it becomes a part of paths and addresses,
 * whole. NULL is fine. */
int engine_check_namespace(const struct engine_conf *conf, struct err *e);
/* Makes both tokens. */
void engine_make_tokens(struct engine_conf *conf);
/* What a call to "load", "load/GROUP", "node/NAME" or "host" carries. */
const char *engine_agent_token(const struct engine_conf *conf, const char *agent);

/* One pod (or process) of the system. */
struct pod {
	char name[254], uid[64], node[254], ip[64], phase[32];
	bool ready;
	bool deleting; /* told to end; it may serve on for as long as its grace lasts */
	int restarts;
	char *beside; /* names of its containers after the first, a space between; "" none; heap */
};
struct pods {
	struct pod *v; /* heap */
	size_t n, alloc;
};

struct node_info {
	char name[254], cidr[64];
	bool worker, ready;
};
struct nodes {
	struct node_info *v; /* heap */
	size_t n, alloc;
};

enum {
	ENGINE_CAP_NODES = 1,    /* has nodes that can be stopped */
	ENGINE_CAP_NETWORK = 2,  /* pods have a network of their own */
	ENGINE_CAP_VOLUMES = 4,  /* claims are bounded */
	ENGINE_CAP_CONTAINERS = 8, /* runs images; else processes of ours */
};

/* Called for each change of an object; `object` becomes the fields of an
 * "object" or "notice" event (see history/event.h), owned by the callee. */
typedef void engine_watch_fn(void *arg, const char *kind, cJSON *object);

struct engine_ops {
	const char *name, *summary;
	unsigned caps;

	/* The names of the nodes that members may be on, NULL-terminated, where
	 * they are the same everywhere; NULL: only nodes() knows. */
	const char *const *workers;
	int64_t claim_max_bytes; /* larger claims are lowered to it; 0: none */

	/* What this place would refuse in manifests as they are written, all at
	 * once: ERR_REFUSED when every API server would, else ERR_INPUT. Asks
	 * nobody. NULL: the place says so itself when they are applied. */
	int (*check)(struct arena *a, const struct manifest *m, struct err *e);

	/* Whether the files that `conf` and the environment name say how to reach it.
	 * Asks nobody. NULL: there are none. */
	int (*reach)(const struct engine_conf *conf, struct err *e);

	int (*open)(const struct engine_conf *conf, struct engine **out, struct err *e);
	void (*close)(struct engine *en);

	/* The place itself (a cluster); progress on standard error. */
	int (*up)(struct engine *en, struct err *e);
	int (*down)(struct engine *en, struct err *e);
	int (*status)(struct engine *en, struct buf *text, bool *healthy, struct err *e);

	/* Waits for (or refuses) another ordeal's use of the same place. The
	 * lock ends with the process. */
	int (*lock)(struct engine *en, int64_t deadline_ns, struct err *e);

	/* What must be changed in manifests here. The rules live as long as
	 * the engine. Building or finding images happens in rules->image. */
	int (*rules)(struct engine *en, const char *fixture, struct adapt_rules *rules,
		     struct err *e);

	/* Makes sure that these references can be run here. */
	int (*images)(struct engine *en, const char *const *refs, size_t n, struct err *e);

	/* Agents of this run: one a node, and the host agent. The load agent
	 * lives beside the system: it comes with apply and goes with remove. */
	int (*agents_up)(struct engine *en, struct err *e);
	int (*agents_down)(struct engine *en, struct err *e);

	/* Starts one more load agent, on this node, beside the system that
	 * apply has made, and waits until it answers: agent "load/GROUP". It
	 * goes with remove. NULL: the engine cannot. */
	int (*load_beside)(struct engine *en, const char *group, const char *node,
			   int64_t deadline_ns, struct err *e);

	/* Calls an agent. `agent` is "load", "load/GROUP", "host" or "node/NAME".
	 * Returns 0 for any HTTP answer (its status in *status). */
	int (*call)(struct engine *en, const char *agent, const char *method, const char *path,
		    const char *body, int64_t timeout_ns, struct buf *answer, int *status,
		    struct err *e);

	/* The system's own objects. apply makes the namespace first; wait ends
	 * when every workload has its replicas ready, or sets an error that
	 * names the first pod that is not and why. */
	int (*apply)(struct engine *en, const struct manifest *m, struct err *e);
	int (*wait_ready)(struct engine *en, const struct manifest *m, int64_t deadline_ns,
			  struct err *e);
	int (*remove)(struct engine *en, int64_t deadline_ns, struct err *e);

	int (*pods)(struct engine *en, struct pods *out, struct err *e);
	int (*nodes)(struct engine *en, struct nodes *out, struct err *e);

	/* Last `lines` lines of a container's log ("" : the first container). */
	int (*logs)(struct engine *en, const char *pod, const char *container, bool previous,
		    int lines, struct buf *out, struct err *e);

	/* Starts a Job of this name from a CronJob's template, as `kubectl create job
	 * --from` does. NULL: the engine knows none. */
	int (*job_start)(struct engine *en, const char *cron_job, const char *name, struct err *e);
	/* What has become of it: {state "running" | "succeeded" | "failed", reason,
	 * message, exit (of the container that ended last), pods[{name, phase, restarts (of
	 * all its containers), exit, reason}, ...], in the order in which they were made, and log
	 * (the end of theirs, in that order)}; what pods that are gone would tell is
	 * not there. The caller deletes *out. */
	int (*job_look)(struct engine *en, const char *name, cJSON **out, struct err *e);

	/* Starts and stops telling changes of pods, endpoints and event
	 * objects in the namespace. */
	int (*watch_start)(struct engine *en, engine_watch_fn *fn, void *arg, struct err *e);
	void (*watch_stop)(struct engine *en);

	/* Heals and removes all that any run left; says what it found, one
	 * sentence an item. */
	int (*recover)(struct engine *en, cJSON *found, struct err *e);
};

const struct engine_ops *engine_find(const char *name);
const struct engine_ops *const *engine_all(void); /* NULL-terminated */

void pods_free(struct pods *p);
void nodes_free(struct nodes *n);

#endif
