/* Local processes instead of pods: engine local keeps one file a member in
 * STATE/pods/<name>.json, {name, uid, pid, data_dir, ip}, and starts a new
 * process, with a new uid, where one has ended. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/env.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "fault/fill.h"
#include "base/procs.h"

#define GRACE_S 30
/* What the kubelet leaves a pod that is deleted with grace 0. */
#define FORCE_GRACE_NS (2 * NS_PER_S)

static cJSON *read_pod(struct node *n, const char *name)
{
	struct err ignored = {0};
	char path[600];

	if (strchr(name, '/'))
		return NULL;
	snprintf(path, sizeof(path), "%s/pods/%s.json", n->state_dir, name);
	return file_exists(path) ? json_read_file(path, &ignored) : NULL;
}

/* Calls fn for each member's file. */
static void each_pod(struct node *n, void (*fn)(void *arg, const cJSON *pod), void *arg)
{
	char dir[300], name[256];
	struct dirent *ent;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/pods", n->state_dir);
	d = opendir(dir);
	while (d && (ent = readdir(d))) {
		char *dot;
		cJSON *pod;

		mem_copy_str(name, sizeof(name), ent->d_name);
		dot = strrchr(name, '.');
		if (!dot || strcmp(dot, ".json"))
			continue;
		*dot = '\0';
		pod = read_pod(n, name);
		if (pod)
			fn(arg, pod);
		cJSON_Delete(pod);
	}
	if (d)
		closedir(d);
}

struct by_uid {
	const char *uid;
	pid_t pid;
};

static void match_uid(void *arg, const cJSON *pod)
{
	struct by_uid *m = arg;

	if (!strcmp(json_str(pod, "uid", ""), m->uid))
		m->pid = (pid_t)json_i64(pod, "pid", 0);
}

static int local_pids(struct node *n, const char *uid, bool sandbox, struct pid_list *out,
		      struct err *e)
{
	struct by_uid m = {.uid = uid};

	(void)sandbox; /* there is none */
	(void)e;
	each_pod(n, match_uid, &m);
	if (m.pid > 1)
		procs_tree(m.pid, out);
	return 0;
}

static int local_frozen(struct node *n, const char *uid, int *stopped, int *all, struct err *e)
{
	struct pid_list pids = {0};

	*stopped = *all = 0;
	if (local_pids(n, uid, false, &pids, e))
		return -1;
	for (size_t i = 0; i < pids.n; i++)
		procs_count_stopped(pids.pids[i], stopped, all);
	pid_list_free(&pids);
	return 0;
}

/* A process may fork between being listed and being stopped, so it is done
 * until a look finds nothing new. */
static int local_freeze(struct node *n, const char *uid, bool on, struct err *e)
{
	struct pid_list pids = {0};
	size_t before = 0;

	for (int round = 0; round < 20; round++) {
		pid_list_free(&pids);
		if (local_pids(n, uid, false, &pids, e))
			return -1;
		if (round && pids.n == before)
			break;
		before = pids.n;
		for (size_t i = 0; i < pids.n; i++)
			kill(pids.pids[i], on ? SIGSTOP : SIGCONT);
	}
	pid_list_free(&pids);
	if (on && !before)
		return err_set(e, ERR_BROKEN, "no process of pod %s runs here", uid);
	return 0;
}

/* A member's folder is all that its volume is. */
static int local_volume(struct node *n, const char *ns, const char *name, struct node_volume *out,
			struct err *e)
{
	cJSON *pod = read_pod(n, name);
	const char *dir = json_str(pod, "data_dir", "");
	int r = 0;

	(void)ns;
	if (!dir[0])
		r = err_set(e, ERR_BROKEN, "pod %s has no data folder here", name);
	else if (!fill_bounded(dir, n->state_dir))
		r = err_set(e, ERR_UNSUPPORTED,
			    "engine local bounds no volumes: %s is no file system of its own", dir);
	else if (strlen(dir) >= sizeof(out->name))
		r = err_set(e, ERR_UNSUPPORTED, "the data folder of pod %s has too long a name: %s", name, dir);
	mem_copy_str(out->path, sizeof(out->path), dir);
	mem_copy_str(out->name, sizeof(out->name), dir);
	cJSON_Delete(pod);
	return r;
}

static int local_volume_now(struct node *n, struct node_volume *v, bool *gone, struct err *e)
{
	(void)n;
	(void)e;
	*gone = file_absent(v->name);
	mem_copy_str(v->path, sizeof(v->path), *gone ? "" : v->name);
	return 0;
}

static int local_pod_uid(struct node *n, const char *ns, const char *name, char uid[64],
			 bool *deleting, struct err *e)
{
	cJSON *pod = read_pod(n, name);
	pid_t pid = (pid_t)json_i64(pod, "pid", 0);
	struct proc_stat s;

	(void)ns;
	(void)e;
	*deleting = false;
	uid[0] = '\0';
	/* A dead process that nobody has replaced yet is a pod that is gone. */
	if (pid > 1 && procs_stat(pid, &s) == 0 && s.state != 'Z' && s.state != 'X')
		mem_copy_str(uid, 64, json_str(pod, "uid", ""));
	cJSON_Delete(pod);
	return 0;
}

struct ending {
	pid_t pid;
	uint64_t start_ticks;
	int64_t end_ns;
};

/* What the kubelet does: after the grace, SIGKILL. */
static void *end_late(void *arg)
{
	struct ending *x = arg;

	while (procs_same(x->pid, x->start_ticks) && clock_mono_ns() < x->end_ns)
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
	if (procs_same(x->pid, x->start_ticks))
		kill(x->pid, SIGKILL);
	free(x);
	return NULL;
}

static int local_pod_delete(struct node *n, const char *ns, const char *name, const char *uid,
			    int grace_s, struct err *e)
{
	struct by_uid m = {.uid = uid};
	struct proc_stat s;
	struct ending *x;
	pthread_t thread;
	int r;

	(void)ns;
	each_pod(n, match_uid, &m);
	if (m.pid <= 1 || procs_stat(m.pid, &s) || s.state == 'Z')
		return 0;
	if (kill(m.pid, SIGTERM) && errno != ESRCH)
		return err_set(e, ERR_BROKEN, "cannot end pod %s (PID %d): %s", name, (int)m.pid,
			       strerror(errno));
	x = mem_alloc(sizeof(*x));
	x->pid = m.pid;
	x->start_ticks = s.start_ticks;
	x->end_ns = clock_mono_ns() + (grace_s == 0 ? FORCE_GRACE_NS :
				       (grace_s < 0 ? GRACE_S : grace_s) * NS_PER_S);
	r = pthread_create(&thread, NULL, end_late, x);
	if (r) {
		free(x);
		return err_set(e, ERR_BROKEN, "cannot start a thread: %s", strerror(r));
	}
	pthread_detach(thread);
	return 0;
}

static void add_pod(void *arg, const cJSON *pod)
{
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "name", json_str(pod, "name", ""));
	json_set_str(o, "uid", json_str(pod, "uid", ""));
	json_set_str(o, "ip", json_str(pod, "ip", ""));
	json_push(arg, o);
}

static int local_pods(struct node *n, const char *ns, cJSON *out, struct err *e)
{
	(void)ns;
	(void)e;
	each_pod(n, add_pod, out);
	return 0;
}

struct sweep {
	struct node *n;
	bool remove;
	cJSON *found;
};

static void sweep_pod(void *arg, const cJSON *pod)
{
	struct sweep *s = arg;
	const char *uid = json_str(pod, "uid", "");
	struct proc_stat st;
	struct err e = {0};
	int stopped, all;

	if (local_frozen(s->n, uid, &stopped, &all, &e) || !all || stopped < all)
		return;
	/* Tasks in disk sleep look the same; only signalled ones count. */
	if (procs_stat((pid_t)json_i64(pod, "pid", 0), &st) || st.state != 'T')
		return;
	json_pushf(s->found, "pod %s is stopped: %d tasks", json_str(pod, "name", ""), stopped);
	if (s->remove)
		local_freeze(s->n, uid, false, &e);
}

static int local_residue(struct node *n, bool remove, cJSON *found, struct err *e)
{
	struct sweep s = {n, remove, found};

	(void)e;
	each_pod(n, sweep_pod, &s);
	return 0;
}

static const struct node_ops LOCAL_OPS = {
	.name = "local",
	.pids = local_pids,
	.freeze = local_freeze,
	.frozen = local_frozen,
	.volume = local_volume,
	.volume_now = local_volume_now,
	.pod_uid = local_pod_uid,
	.pod_delete = local_pod_delete,
	.pods = local_pods,
	.residue = local_residue,
};

static int local_open(struct node *n, struct err *e)
{
	(void)e;
	n->ops = &LOCAL_OPS;
	return 0;
}

static void local_close(struct node *n)
{
	(void)n;
}

const struct node_env node_env_local = {
	.mode = "local",
	.ends_with_parent = true,
	.open = local_open,
	.close = local_close,
};
