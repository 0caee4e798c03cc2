#ifndef ORDEAL_ENGINE_DOCKER_DOCKER_H
#define ORDEAL_ENGINE_DOCKER_DOCKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/procs.h"
#include "node/api.h"
#include "node/cgroup.h"
#include "engine/docker/daemon.h"
#include "apiserver/certificate.h"
#include "apiserver/serve.h"
#include "apiserver/store.h"
#include "engine/kube/kube.h"
#include "fault/node.h"

/* Between the files of engine docker only: the part of Kubernetes that the
 * fixtures need, done by the driver itself with a Docker daemon. Objects live
 * in a store (apiserver/store.c) that is served to pods and agents as
 * Kubernetes' API (apiserver/serve.c); one thread plays the controllers and the
 * scheduler (engine/docker/controller/), one thread a pod plays its kubelet
 * (engine/docker/pod.c). So everything that the kube engines know of API objects
 * holds here as well.
 *
 * Locks: store.lock guards the store, the list of pods and all their fields
 * but those marked own; no call to Docker is made with it. Both are asserted
 * (store_assert_locked(), and docker_http() of all calls to Docker). */

#define DOCKER_NETWORK "ordeal-docker"
#define DOCKER_BRIDGE "br-ordeal-dk"
/* What a node that is shut down in order leaves its pods. */
#define DOCKER_NODE_GRACE_NS (10 * NS_PER_S)
#define DOCKER_LABEL "ordeal.engine"   /* =docker on all that is ours */
#define DOCKER_RUN_LABEL "ordeal.run"
/* The network is 10.240.0.0/16: .0.1 the host, .0.2 the API, .0.53 the DNS
 * server, .(10+i).0/24 the pods of node i, .96.0/20 Services. */
#define DOCKER_SUBNET "10.240.0.0/16"
#define DOCKER_PREFIX "10.240"
#define DOCKER_HOST_IP DOCKER_PREFIX ".0.1"
#define DOCKER_API_IP DOCKER_PREFIX ".0.2"
#define DOCKER_DNS_IP DOCKER_PREFIX ".0.53"
#define DOCKER_SERVICES DOCKER_PREFIX ".96.0/20"
#define DOCKER_ALL_IPS "{ " DOCKER_PREFIX ".255.255, 255.255.255.255, 224.0.0.0/4 }" /* packets to all */

/* register_place(), of root, who alone runs this engine. */
#define DOCKER_REGISTER "/var/lib/ordeal/docker"

#define DOCKER_KUBECONFIG "kubeconfig" /* below a run's state, as are: */
#define DOCKER_LEASE "lease"
#define DOCKER_GUARD_PID "guard.pid"

/* Pods come by the port that a cluster's Service has; who else listens on this machine's
 * own is not in the way. */
enum { DOCKER_NODES = 4, DOCKER_API_PORT = 6443, DOCKER_API_PORT_OF_PODS = 443 };

struct docker;
struct docker_pod;

struct docker_container {
	struct docker_pod *pod;
	const cJSON *spec; /* in the pod's object, as is the name */
	const char *name;
	bool init;
	/* Life of the present one. */
	char id[80], previous[80], stop_signal[24];
	pid_t pid;
	uint64_t start_ticks;
	bool running, started, ready, ever, unhealthy;
	/* Its postStart hook: runs, is over, had ended well or not, once in this sandbox. */
	bool hooking, hook_over, hook_failed, hooked;
	pthread_t hook;
	int64_t started_ns, start_at_ns;
	int restarts, backoff_s;
	char started_at[32], waiting[40], message[400];
	/* How the last one ended; exit_code -1: none has. */
	int exit_code;
	char ended[24], finished_at[40];
	bool done; /* an end that is not followed by another start */
};

struct docker_probe {
	struct docker_pod *pod;
	struct docker_container *c;
	const cJSON *spec;
	enum { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS } kind;
	pthread_t thread;
};

struct docker_pod {
	struct docker *d;
	cJSON *object; /* as it was made; never changed, and these are in it */
	const char *name, *ns, *uid, *node, *sa;
	const char *agent_token; /* of a load agent, in its environment alone; else NULL */
	int node_index;
	char ip[64], pause_id[80], phase[16], pending[400];
	pid_t pause_pid;
	uint64_t pause_ticks;
	struct docker_container *c;
	size_t nc;
	struct docker_probe *probes;
	size_t nprobes;
	pthread_t thread;
	bool deleting, dropped, over; /* told to end; its object is gone; the thread has ended */
	bool initialized, sandbox;
	bool addressed; /* its address has been told in this sandbox */
	int grace_s;
	int64_t down_ns; /* its node is down since */
	char *vips;      /* nft script that is in force in its sandbox */
	int64_t look_ns; /* when its emptyDirs are counted next */
	char evicted[200]; /* why; "" it was not */
};

struct docker_account {
	char *ns, *name, token[65];
};

/* What the controller of StatefulSets keeps of one. */
struct docker_set {
	char *uid;
	char revision[64]; /* of those pods that no update has reached, and ... */
	cJSON *template;   /* ... what it has in spec.template */
};

/* A load agent. */
struct docker_agent {
	char name[160], addr[80]; /* addr: an address and a port */
	struct kube_conf conf;
	struct kube_client *client;
};

/* A virtual node, as far as faults go. */
struct docker_faults {
	struct node node;
	struct node_api api; /* faults are NULL while it is closed */
};

struct docker {
	struct kube kube; /* first: many of its functions work on our own API */
	struct docker_api api;
	struct store store;
	struct serve_conf here_conf, there_conf;
	struct serve *here, *there; /* for agents and ourselves; for pods */
	struct certificate tls;      /* of there */
	char admin_token[65];        /* of our own API; the driver's alone */
	char dir[PATH_MAX], state[PATH_MAX]; /* of the engine; of this run */
	char pause_image[256], dns_image[256], agent_image[256];
	bool systemd_cgroups;
	char dns_id[80];
	struct proc_id dns;
	char *dns_text; /* the names that are served */
	bool net_full;  /* not all Services are in names and rules */
	unsigned next_address[DOCKER_NODES], next_service;
	pthread_t controller;
	bool controlling, stop;
	struct docker_set *sets;
	size_t nsets, asets;
	struct docker_pod **pods;
	size_t npods, apods;
	struct docker_account *accounts;
	size_t naccounts, aaccounts;
	bool node_down[DOCKER_NODES];
	int64_t node_down_ns[DOCKER_NODES];
	struct docker_faults nodes[DOCKER_NODES];
	pid_t guard;
	int lease_fd; /* its lease; -1: none */
	struct docker_agent agents[2]; /* load, then the one beside a member */
	int64_t silent_ns; /* Docker has not answered since; 0: it does. With the lock */
	engine_watch_fn *watch_fn;
	void *watch_arg;
};

extern const struct engine_ops engine_docker;

/* engine/docker/net.c: network, names, Services' addresses. */
int docker_net_up(struct docker *d, struct err *e);
int docker_net_down(struct docker *d, struct err *e);
int docker_dns_up(struct docker *d, struct err *e);
/* Puts the rules into the network of a new pod's first process: no container
 * starts before. What is in force, heap, or NULL; without the lock. */
char *docker_net_begin(struct docker *d, struct proc_id pause, struct err *e);
/* Rewrites names and each pod's rules where the store says otherwise than
 * what is in force. */
void docker_net_sync(struct docker *d);
/* The rules for a pod's own network; with the lock; heap. */
char *docker_vip_script(const struct store *s);
char *docker_dns_names(const struct store *s);

/* engine/docker/pod.c */
/* Begins a pod whose object is in the store; with the lock. `agent_token` is
 * borrowed, NULL for all but load agents. */
void docker_pod_begin(struct docker *d, const cJSON *object, const char *agent_token);
void docker_pod_delete(void *d, const char *ns, const char *name, int grace_s);
struct docker_pod *docker_pod_find(struct docker *d, const char *ns, const char *name);
void docker_pod_free(struct docker_pod *p);
int docker_pod_log(void *d, const char *ns, const char *pod, const char *container, bool previous,
		   int lines, bool timestamps, struct buf *out, struct err *e);
/* engine/docker/eviction.c: looks, when it is time, whether the pod has more in an emptyDir than
 * its sizeLimit, and so is evicted from now on: p->evicted says why. True once. */
bool docker_pod_overfull(struct docker_pod *p);
/* engine/docker/pod_status.c: with the lock: tells the store how the pod is. */
void docker_pod_publish(struct docker_pod *p);
void docker_event(struct docker *d, const char *kind, const char *ns, const char *name,
		  bool warning, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 7, 8)));

/* engine/docker/sandbox.c: what a pod's thread does with Docker; without the lock. */
int docker_sandbox_make(struct docker_pod *p, struct err *e);
void docker_sandbox_remove(struct docker_pod *p);
/* 0, or -1 with the reason of a waiting container. */
int docker_container_start(struct docker_pod *p, struct docker_container *c, char reason[40],
			   struct err *e);
bool docker_container_alive(const struct docker_container *c);
/* Notes how it ended; with the lock taken inside. */
void docker_container_ended(struct docker_pod *p, struct docker_container *c);
/* Until neither it nor, where it is NULL, any of them lives; false: at end_ns one still did. */
bool docker_containers_await(const struct docker_pod *p, const struct docker_container *only,
			     int64_t end_ns);
/* preStop, SIGTERM, and after the grace SIGKILL, for one container or all. */
void docker_containers_end(struct docker_pod *p, struct docker_container *only, int grace_s);
enum docker_hook { DOCKER_POST_START, DOCKER_PRE_STOP };
int docker_hook(struct docker_pod *p, struct docker_container *c, enum docker_hook hook,
		int64_t timeout_ns, struct err *e);

/* engine/docker/pod_probe.c */
/* Is it this probe's turn to run at all? With the lock. */
bool docker_probe_active(const struct docker_probe *pr);
void docker_probes_start(struct docker_pod *p);
void docker_probes_join(struct docker_pod *p);

/* engine/docker/volume.c: the folder on the host that becomes a volume; -1 with a
 * kubelet's words when it cannot be had yet. */
int docker_volume_path(struct docker_pod *p, const cJSON *volume, char path[PATH_MAX],
		       bool *read_only, struct err *e);
/* That of a volume which is no claim. */
void docker_scratch_path(const struct docker_pod *p, const char *volume, char path[PATH_MAX]);
/* Removes the volumes of the runs of this folder (CACHE/docker). */
int docker_volumes_down(const char *folder, cJSON *found, struct err *e);

/* Fails, saying how much is wanted and free, when the disk has no room for all
 * claims of the manifest at once. */
int docker_room(const struct docker *d, const struct manifest *m, struct err *e);
/* The claim's volume, made on its node when it is not there yet. */
int docker_claim_bind(struct docker *d, const char *ns, const char *claim, const char *node,
		      struct err *e);
/* A claim that is not there yet: takes it over, with the lock. */
void docker_claim_new(struct docker *d, cJSON *claim);
int docker_volume_remove(const struct docker *d, const char *volume, struct err *e);
/* Where a claim's volume is; "" when it has none yet; with the lock. */
const char *docker_claim_node(const struct docker *d, const char *ns, const char *claim);

/* engine/docker/environment.c: whether it may run as whom it would (runAsNonRoot); -1 in a
 * kubelet's words. */
int docker_user_check(const struct docker_pod *p, const struct docker_container *c, struct err *e);

/* engine/docker/subpath.c: `path` becomes a mount of what is at `below` in the
 * volume at `path`, made if it is not there; `name` is free for each mount. */
int docker_subpath(const struct docker_pod *p, const char *below, const char *name,
		   char path[PATH_MAX], struct err *e);
/* Unmounts those of a pod, or of all pods below a run's state; what is not
 * there is fine. */
int docker_subpaths_end(const struct docker_pod *p, struct err *e);
int docker_subpaths_down(const char *state, struct err *e);

/* engine/docker/put.c: all objects of a manifest, and the run's namespace. */
void docker_put(struct docker *d, const struct manifest *m);

/* engine/docker/admission.c: plan_check(), and apiserver/admit.h for all objects of a
 * manifest; all that is refused at once, with file, line and column. */
extern const struct admit_nets docker_nets;
int docker_admit(struct arena *a, const struct manifest *m, struct adaptations *log, struct err *e);
/* The same of manifests as they are written: struct engine_ops' check. */
int docker_check(struct arena *a, const struct manifest *m, struct err *e);

/* Whether something of what makes pods would be left out, as plan_check()
 * says it of manifests: struct serve_conf's drops. */
bool docker_drops(void *d, const struct kind *kind, const cJSON *object, struct buf *why);

/* engine/docker/controller/ */
void docker_sets_free(struct docker *d);
int docker_controller_start(struct docker *d, struct err *e);
void docker_controller_stop(struct docker *d);
/* engine/docker/accounts.c: a service account's token, made when first asked
 * for, and whose a token is; with the lock. */
const char *docker_account_token(struct docker *d, const char *ns, const char *name);
bool docker_account_of(void *d, const char *token, const char **ns, const char **name);
void docker_accounts_free(struct docker *d);

/* engine/docker/node.c: the first holds no members; NULL at the end. */
extern const char *const docker_node_names[DOCKER_NODES + 1];
int docker_node_index(const char *name); /* -1: none is called so */

/* Fills `n`, which must not move while it is open; `state` is
 * the run's. */
int docker_node_open(struct node *n, const char *name, const char *state, struct err *e);
void docker_node_close(struct node *n);

/* engine/docker/guard.c */
int docker_guard_start(struct docker *d, struct err *e);
/* The driver is there: the guard's lease starts anew. */
void docker_guard_renew(struct docker *d);
int docker_guard_stop(struct docker *d, struct err *e);
/* Ends one that a driver left, which undoes what the journals hold. */
int docker_guard_end(const char *state, cJSON *found, struct err *e);

/* engine/docker/agents.c: whom the API that we serve knows, with a token for
 * the driver made when there is none. */
void docker_serve_conf(struct docker *d, struct serve_conf *c, unsigned per_address);
int docker_agents_up(struct engine *en, struct err *e);
int docker_agents_down(struct engine *en, struct err *e);
int docker_call(struct engine *en, const char *agent, const char *method, const char *path,
		const char *body, int64_t timeout_ns, struct buf *answer, int *status,
		struct err *e);
int docker_load_up(struct docker *d, int64_t deadline_ns, struct err *e);
int docker_load_beside(struct engine *en, const char *group, const char *node, int64_t deadline_ns,
		       struct err *e);
/* Forgets where they are: their pods are about to go. */
void docker_load_forget(struct docker *d);

/* engine/docker/cgroups.c: calls fn for the pods' cgroups that we froze and not
 * thawed, on whichever engine docker's node. */
int docker_cgroups(void (*fn)(void *arg, const struct pod_cgroup *g), void *arg, struct err *e);

/* engine/docker/clean.c: removes containers, network, mounts, folders of any run. */
/* Takes folders that are not ours alone out of the list, and tells of the first: through
 * a link in a folder's place something else would be ended and removed. */
struct register_list;
int docker_own_folders(struct register_list *all, struct err *e);
int docker_clean(struct docker *d, cJSON *found, struct err *e);

#endif
