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

/* NULL without an error: there is no such member. */
static int read_pod(struct node *n, const char *name, cJSON **pod, struct err *e)
{
	char path[600];

	*pod = NULL;
	snprintf(path, sizeof(path), "%s/pods/%s.json", n->state_dir, name);
	if (strchr(name, '/') || file_absent(path))
		return 0;
	*pod = json_read_file(path, e);
	/* It may have gone meanwhile. */
	return *pod || file_absent(path) ? 0 : -1;
}

/* Calls fn for each member's file. */
static int each_pod(struct node *n, void (*fn)(void *arg, const cJSON *pod), void *arg,
		    struct err *e)
{
	char dir[300], name[256];
	const struct dirent *ent;
	int r = 0;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/pods", n->state_dir);
	d = opendir(dir);
	if (!d)
		return errno == ENOENT ? 0 : err_set(e, ERR_BROKEN, "cannot read %s: %s", dir, strerror(errno));
	while (errno = 0, (ent = readdir(d))) {
		char *dot;
		cJSON *pod;

		mem_copy_str(name, sizeof(name), ent->d_name);
		dot = strrchr(name, '.');
		if (!dot || strcmp(dot, ".json"))
			continue;
		*dot = '\0';
		if (read_pod(n, name, &pod, e))
			r = -1;
		if (pod)
			fn(arg, pod);
		cJSON_Delete(pod);
	}
	if (errno)
		r = err_set(e, ERR_BROKEN, "cannot read %s: %s", dir, strerror(errno));
	closedir(d);
	return r;
}

/* The process that a member's file speaks of; pid 0: it has ended. */
static int first_of(const cJSON *pod, struct proc_stat *s, struct err *e)
{
	pid_t pid = (pid_t)json_i64(pod, "pid", 0);

	memset(s, 0, sizeof(*s));
	if (pid <= 1)
		return 0;
	if (procs_stat(pid, s)) {
		memset(s, 0, sizeof(*s));
		return errno == ESRCH ? 0 : err_set(e, ERR_BROKEN, "cannot see process %d: %s", (int)pid,
						    strerror(errno));
	}
	if (s->state == 'Z' || s->state == 'X' ||
	    json_i64(pod, "start", (int64_t)s->start_ticks) != (int64_t)s->start_ticks)
		memset(s, 0, sizeof(*s));
	return 0;
}

struct by_uid {
	const char *uid;
	struct proc_stat s;
	struct err *e;
	int r;
};

static void match_uid(void *arg, const cJSON *pod)
{
	struct by_uid *m = arg;

	if (!strcmp(json_str(pod, "uid", ""), m->uid) && first_of(pod, &m->s, m->e))
		m->r = -1;
}

/* The first process of the pod with this UID; pid 0 when it has none. */
static int find_uid(struct node *n, const char *uid, struct proc_stat *s, struct err *e)
{
	struct by_uid m = {.uid = uid, .e = e};
	int r = each_pod(n, match_uid, &m, e);

	*s = m.s;
	return r || m.r ? -1 : 0;
}

static int local_pids(struct node *n, const char *uid, bool sandbox, struct pid_list *out,
		      struct err *e)
{
	struct proc_stat s;

	(void)sandbox; /* there is none */
	if (find_uid(n, uid, &s, e))
		return -1;
	if (s.pid && procs_tree(proc_id_of(&s), out))
		return err_set(e, ERR_BROKEN, "cannot see all processes: %s", strerror(errno));
	return 0;
}

static int local_frozen(struct node *n, const char *uid, int *stopped, int *all, struct err *e)
{
	struct pid_list pids = {0};
	int r;

	*stopped = *all = 0;
	r = local_pids(n, uid, false, &pids, e);
	for (size_t i = 0; !r && i < pids.n; i++)
		if (procs_count_stopped(pids.v[i].pid, stopped, all))
			r = err_set(e, ERR_BROKEN, "cannot see the threads of process %d: %s", (int)pids.v[i].pid,
				    strerror(errno));
	pid_list_free(&pids);
	return r;
}

static int signal_all(const struct pid_list *pids, int sig, struct err *e)
{
	for (size_t i = 0; i < pids->n; i++)
		if (procs_signal(pids->v[i], sig) && errno != ESRCH)
			return err_set(e, ERR_BROKEN, "cannot signal process %d: %s", (int)pids->v[i].pid,
				       strerror(errno));
	return 0;
}

/* A process may fork between being listed and being stopped, so it is done
 * until a look finds nothing new. */
static int local_freeze(struct node *n, const char *uid, bool on, struct err *e)
{
	struct pid_list pids = {0};
	size_t before = 0;
	int r = 0;

	for (int round = 0; !r && round < 20; round++) {
		pid_list_free(&pids);
		r = local_pids(n, uid, false, &pids, e);
		if (r || (round && pids.n == before))
			break;
		before = pids.n;
		r = signal_all(&pids, on ? SIGSTOP : SIGCONT, e);
	}
	pid_list_free(&pids);
	if (!r && on && !before)
		r = err_set(e, ERR_BROKEN, "no process of pod %s runs here", uid);
	return r;
}

/* A member's folder is all that its volume is. */
static int local_volume(struct node *n, const char *ns, const char *name, struct node_volume *out,
			struct err *e)
{
	const char *dir;
	cJSON *pod;
	int r = 0;

	(void)ns;
	if (read_pod(n, name, &pod, e))
		return -1;
	dir = json_str(pod, "data_dir", "");
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
	struct proc_stat s;
	cJSON *pod;
	int r;

	(void)ns;
	*deleting = false;
	uid[0] = '\0';
	if (read_pod(n, name, &pod, e))
		return -1;
	r = first_of(pod, &s, e);
	/* A dead process that nobody has replaced yet is a pod that is gone. */
	if (!r && s.pid)
		mem_copy_str(uid, 64, json_str(pod, "uid", ""));
	cJSON_Delete(pod);
	return r;
}

struct ending {
	struct proc_id id;
	int64_t end_ns;
};

/* What the kubelet does: after the grace, SIGKILL. */
static void *end_late(void *arg)
{
	struct ending *x = arg;

	while (!procs_ended(x->id.pid, x->id.start_ticks) && clock_mono_ns() < x->end_ns)
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
	procs_signal(x->id, SIGKILL);
	free(x);
	return NULL;
}

static int local_pod_delete(struct node *n, const char *ns, const char *name, const char *uid,
			    int grace_s, struct err *e)
{
	struct proc_stat s;
	struct ending *x;
	pthread_t thread;
	int r;

	(void)ns;
	if (find_uid(n, uid, &s, e))
		return -1;
	if (!s.pid)
		return 0;
	if (procs_signal(proc_id_of(&s), SIGTERM) && errno != ESRCH)
		return err_set(e, ERR_BROKEN, "cannot end pod %s (PID %d): %s", name, (int)s.pid,
			       strerror(errno));
	x = mem_alloc(sizeof(*x));
	x->id = proc_id_of(&s);
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
	return each_pod(n, add_pod, out, e);
}

struct sweep {
	struct node *n;
	bool remove;
	cJSON *found;
	struct err *e;
	int r;
};

static void sweep_pod(void *arg, const cJSON *pod)
{
	struct sweep *s = arg;
	const char *uid = json_str(pod, "uid", "");
	struct proc_stat st;
	int stopped, all;

	if (local_frozen(s->n, uid, &stopped, &all, s->e) || first_of(pod, &st, s->e)) {
		s->r = -1;
		return;
	}
	/* Tasks in disk sleep look the same; only signalled ones count. */
	if (!all || stopped < all || st.state != 'T')
		return;
	json_pushf(s->found, "pod %s is stopped: %d tasks", json_str(pod, "name", ""), stopped);
	if (s->remove && local_freeze(s->n, uid, false, s->e))
		s->r = -1;
}

static int local_residue(struct node *n, bool remove, cJSON *found, struct err *e)
{
	struct sweep s = {n, remove, found, e, 0};

	return each_pod(n, sweep_pod, &s, e) || s.r ? -1 : 0;
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
