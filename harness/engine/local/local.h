#ifndef ORDEAL_ENGINE_LOCAL_LOCAL_H
#define ORDEAL_ENGINE_LOCAL_LOCAL_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/mem.h"
#include "engine/engine.h"

/* Between the files of engine local only. Pods are processes of this very
 * binary on addresses of their own in 127.0.0.0/8. Everything lives in one
 * folder of the cache:
 *   lock            held by the one ordeal that uses the engine
 *   procs/PID.json  every process that we started and that may still run:
 *                   {pid, start, boot, what, run_id}
 *   state/          of the run: pods/NAME.json {name, uid, pid, start,
 *                   data_dir, ip}, volumes/, logs/, hosts, journal/ (the node
 *                   agent's) */

#define LOCAL_NODE "local"
enum { LOCAL_PODS_MAX = 16 };

/* One pod of a StatefulSet. What is above the line is set once; the rest is
 * guarded by local.lock. */
struct local_pod {
	char name[64], ip[64], data_dir[PATH_MAX];
	const char **argv, **env; /* in the arena, NULL-terminated */
	const char **scratch;     /* folders of emptyDir volumes, emptied on each start */
	int64_t restart_ns;       /* back-off after a death */
	int ready_port;
	/* ---- */
	char uid[64];
	pid_t pid;                /* 0: none runs */
	uint64_t start_ticks;
	int64_t started_ns, start_at_ns, look_at_ns;
	int restarts, exit_code;
	bool ready, ever;
};

struct local_agent {
	pid_t pid;
	char addr[64];
};

struct local {
	struct engine_base base;
	char dir[PATH_MAX], state[PATH_MAX], self[PATH_MAX];
	int lock_fd;
	struct arena arena;       /* of the pods, until remove */
	struct local_pod *pods;
	size_t npods;
	char subnet[32];          /* "127.82.7." */
	pthread_mutex_t lock;
	pthread_t supervisor;
	bool supervised, stop;
	bool registered;          /* this run stands in the machine's register */
	engine_watch_fn *watch;
	void *watch_arg;
	struct local_agent node, load, beside;
	char beside_name[64]; /* "load/GROUP" */
};

extern const struct engine_ops engine_local;

/* engine/local/manifest.c: reads the StatefulSets of a manifest into pods. */
int local_read_manifest(struct local *l, const struct manifest *m, struct err *e);

/* engine/local/supervise.c: starts the pods, and again when they die. */
int local_supervise(struct local *l, struct err *e);
/* Ends the thread; the pods' processes too when `kill`. */
void local_unsupervise(struct local *l, bool kill);
/* All ready; else the first that is not is described in *e. */
bool local_all_ready(struct local *l, struct err *e);
/* An "object" event for every pod, as at the start of a watch. */
void local_tell_all(struct local *l);
void local_log_path(const struct local *l, const char *name, bool previous, char *path,
		    size_t size);

/* engine/local/procs.c: processes, and what becomes of them without us. */
/* Starts argv; when `dies_with_us`, the kernel kills it as soon as the
 * calling thread ends. It is in procs/ from then on. */
int local_spawn(struct local *l, const char *what, const char *const argv[],
		const char *const env[], const char *log, bool dies_with_us, pid_t *pid,
		uint64_t *start_ticks, struct err *e);
/* Takes a process that has ended out of procs/. */
void local_forget(struct local *l, pid_t pid);
/* Ends every process that is still in procs/; one sentence for each. */
int local_sweep(struct local *l, cJSON *found, struct err *e);
int local_count(struct local *l);

/* engine/local/left.c: what runs under other cache folders left. */
/* Before anything is made; a machine that has no place for it is told of. */
void local_register(struct local *l);
/* Once nothing of the run is left. */
void local_unregister(struct local *l);
/* Ends and removes what was left in this folder, or in all that are registered;
 * one sentence for each. With the lock of this one; the others' are taken, and
 * one that is in use is left alone. */
int local_clean(struct local *l, cJSON *found, struct err *e);
int local_clean_all(struct local *l, cJSON *found, struct err *e);

/* engine/local/agents.c */
int local_agents_up(struct engine *en, struct err *e);
int local_agents_down(struct engine *en, struct err *e);
int local_load_beside(struct engine *en, const char *group, const char *node, int64_t deadline_ns,
		      struct err *e);
void local_beside_down(struct local *l);
int local_call(struct engine *en, const char *agent, const char *method, const char *path,
	       const char *body, int64_t timeout_ns, struct buf *answer, int *status,
	       struct err *e);

#endif
