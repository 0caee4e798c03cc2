#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "node/cgroup.h"
#include "node/kube.h"
#include "base/mem.h"
#include "base/procs.h"

#define HOST_NETNS "/proc/1/ns/net"

struct in_pod {
	char dashes[64], underscores[64];
	bool sandbox;
	int problem; /* errno of a look that failed */
	struct pid_list *out;
};

/* The cgroup's path names the pod: "pod<uid>" under the cgroupfs driver,
 * with underscores in a slice's name under systemd. */
static bool cgroup_names(struct in_pod *p, pid_t pid)
{
	char path[64], line[1024];
	bool yes = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	f = fopen(path, "re");
	if (!f && errno != ENOENT && errno != ESRCH)
		p->problem = errno;
	while (f && !yes && fgets(line, sizeof(line), f))
		yes = strstr(line, p->dashes) || strstr(line, p->underscores);
	if (f && !yes && ferror(f) && errno != ESRCH)
		p->problem = errno;
	if (f)
		fclose(f);
	return yes;
}

/* The process that holds a sandbox's namespaces. */
static bool is_pause(const struct proc_stat *s)
{
	return !strcmp(s->comm, "pause") && procs_inner_pid(s->pid) == 1;
}

static void add_if_in_pod(void *arg, const struct proc_stat *s)
{
	struct in_pod *p = arg;

	if (cgroup_names(p, s->pid) && (p->sandbox || !is_pause(s)))
		pid_list_add(p->out, proc_id_of(s));
}

int kube_pids(struct node *n, const char *uid, bool sandbox, struct pid_list *out, struct err *e)
{
	struct in_pod p = {.sandbox = sandbox, .out = out};

	(void)n;
	if (strlen(uid) < 8 || strlen(uid) > 60)
		return err_set(e, ERR_INPUT, "\"%s\" is no pod's UID", uid);
	snprintf(p.dashes, sizeof(p.dashes), "pod%s", uid);
	snprintf(p.underscores, sizeof(p.underscores), "pod%s", uid);
	for (char *c = p.underscores; *c; c++)
		if (*c == '-')
			*c = '_';
	if (procs_each(add_if_in_pod, &p))
		p.problem = errno;
	return p.problem ? err_set(e, ERR_BROKEN, "cannot see all processes: %s", strerror(p.problem)) : 0;
}

/* 0 when the process is gone; -1 with errno when it cannot be seen. */
static int inode_of(const char *path, uint64_t *inode)
{
	struct stat st;

	*inode = 0;
	if (stat(path, &st))
		return errno == ENOENT || errno == ESRCH ? 0 : -1;
	*inode = st.st_ino;
	return 0;
}

int kube_netns(struct node *n, const char *uid, char *path, size_t size, struct err *e)
{
	uint64_t host;

	path[0] = '\0';
	if (inode_of(HOST_NETNS, &host) || !host)
		return err_set(e, ERR_BROKEN, "cannot see " HOST_NETNS ": the agent needs hostPID and "
			       "privileges");
	return kube_netns_but(n, uid, HOST_NETNS, path, size, e);
}

int kube_netns_but(struct node *n, const char *uid, const char *node_netns, char *path, size_t size,
		   struct err *e)
{
	struct pid_list pids = {0};
	struct proc_stat st;
	uint64_t host, ino;
	char at[64];
	int r;

	path[0] = '\0';
	if (inode_of(node_netns, &host) || !host)
		return err_set(e, ERR_BROKEN, "cannot see %s: %s", node_netns, strerror(errno));
	r = kube_pids(n, uid, true, &pids, e);
	for (size_t i = 0; !r && i < pids.n; i++) {
		snprintf(at, sizeof(at), "/proc/%d/ns/net", (int)pids.v[i].pid);
		r = inode_of(at, &ino);
		if (r)
			err_set(e, ERR_BROKEN, "cannot see %s: %s", at, strerror(errno));
		/* A pod on the node's own network has no sandbox to cut off. */
		if (!ino || ino == host)
			continue;
		if (!path[0] || (procs_stat(pids.v[i].pid, &st) == 0 && is_pause(&st)))
			mem_copy_str(path, size, at);
	}
	pid_list_free(&pids);
	return r;
}

/* In fib_trie an address of the namespace itself is a leaf "|-- ADDRESS"
 * followed by "/32 host LOCAL". */
void kube_sandbox_ip(struct node *n, const char *uid, char out[64])
{
	char path[128], line[256], leaf[64] = "", *end;
	struct err ignored = {0};
	FILE *f;

	out[0] = '\0';
	if (kube_netns(n, uid, path, sizeof(path), &ignored) || !path[0])
		return;
	end = strstr(path, "/ns/net");
	mem_copy_str(end, sizeof(path) - (size_t)(end - path), "/net/fib_trie");
	f = fopen(path, "re");
	while (f && !out[0] && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, "|-- ");

		if (at)
			sscanf(at + 4, "%63s", leaf);
		else if (strstr(line, "/32 host LOCAL") && strncmp(leaf, "127.", 4))
			mem_copy_str(out, 64, leaf);
	}
	if (f)
		fclose(f);
}

struct netns_seen {
	int problem; /* errno of a look that failed */
	uint64_t *v;
	size_t n, alloc;
	void (*fn)(void *arg, const char *path);
	void *arg;
};

static void visit_netns(void *arg, const struct proc_stat *st)
{
	struct netns_seen *s = arg;
	char at[64];
	uint64_t ino;

	snprintf(at, sizeof(at), "/proc/%d/ns/net", (int)st->pid);
	if (inode_of(at, &ino))
		s->problem = errno;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i] == ino)
			return;
	if (!ino)
		return;
	*VEC_PUSH(s->v, s->n, s->alloc) = ino;
	s->fn(s->arg, at);
}

int kube_each_netns(void (*fn)(void *arg, const char *path), void *arg, struct err *e)
{
	struct netns_seen s = {.fn = fn, .arg = arg};

	if (procs_each(visit_netns, &s))
		s.problem = errno;
	free(s.v);
	return s.problem ? err_set(e, ERR_BROKEN, "cannot see all processes: %s", strerror(s.problem)) : 0;
}

int kube_freeze(struct node *n, const char *uid, bool on, struct err *e)
{
	const struct node_kube *k = n->impl;
	struct pod_cgroup g;

	if (cgroup_find(k->root, uid, &g, e))
		return -1;
	if (g.path[0])
		return cgroup_freeze(&g, on, e);
	return on ? err_set(e, ERR_BROKEN, "pod %s has no cgroup on this node", uid) : 0;
}

int kube_frozen(struct node *n, const char *uid, int *stopped, int *all, struct err *e)
{
	const struct node_kube *k = n->impl;
	struct pid_list pids = {0};
	struct pod_cgroup g;
	int r;

	*stopped = *all = 0;
	r = kube_pids(n, uid, false, &pids, e);
	for (size_t i = 0; !r && i < pids.n; i++)
		if (procs_count_stopped(pids.v[i].pid, stopped, all))
			r = err_set(e, ERR_BROKEN, "cannot see the threads of process %d: %s", (int)pids.v[i].pid,
				    strerror(errno));
	pid_list_free(&pids);
	if (r || cgroup_find(k->root, uid, &g, e))
		return -1;
	/* Tasks may wait for a disk without being frozen: the kernel's word counts.
	 * Of a v2 cgroup it is all that there is, its frozen tasks sleep. */
	if (!g.path[0] || !cgroup_frozen(&g))
		*stopped = 0;
	else if (!g.v1)
		*stopped = *all;
	return 0;
}
