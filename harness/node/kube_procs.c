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
	struct pid_list *out;
};

/* The cgroup's path names the pod: "pod<uid>" under the cgroupfs driver,
 * with underscores in a slice's name under systemd. */
static bool cgroup_names(pid_t pid, const char *a, const char *b)
{
	char path[64], line[1024];
	bool yes = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	f = fopen(path, "re");
	while (f && !yes && fgets(line, sizeof(line), f))
		yes = strstr(line, a) || strstr(line, b);
	if (f)
		fclose(f);
	return yes;
}

/* The process that holds a sandbox's namespaces. */
static bool is_pause(pid_t pid)
{
	struct proc_stat s;

	return procs_stat(pid, &s) == 0 && !strcmp(s.comm, "pause") && procs_inner_pid(pid) == 1;
}

static void add_if_in_pod(void *arg, pid_t pid)
{
	struct in_pod *p = arg;

	if (cgroup_names(pid, p->dashes, p->underscores) && (p->sandbox || !is_pause(pid)))
		pid_list_add(p->out, pid);
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
	procs_each(add_if_in_pod, &p);
	return 0;
}

static uint64_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_ino;
}

int kube_netns(struct node *n, const char *uid, char *path, size_t size, struct err *e)
{
	path[0] = '\0';
	if (!inode_of(HOST_NETNS))
		return err_set(e, ERR_BROKEN, "cannot see " HOST_NETNS ": the agent needs hostPID and "
			       "privileges");
	return kube_netns_but(n, uid, HOST_NETNS, path, size, e);
}

int kube_netns_but(struct node *n, const char *uid, const char *node_netns, char *path, size_t size,
		   struct err *e)
{
	struct pid_list pids = {0};
	uint64_t host = inode_of(node_netns), ino;
	char at[64];

	path[0] = '\0';
	if (kube_pids(n, uid, true, &pids, e))
		return -1;
	for (size_t i = 0; i < pids.n; i++) {
		snprintf(at, sizeof(at), "/proc/%d/ns/net", (int)pids.pids[i]);
		ino = inode_of(at);
		/* A pod on the node's own network has no sandbox to cut off. */
		if (!ino || ino == host)
			continue;
		if (!path[0] || is_pause(pids.pids[i]))
			mem_copy_str(path, size, at);
	}
	pid_list_free(&pids);
	return 0;
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
	uint64_t *v;
	size_t n, alloc;
	void (*fn)(void *arg, const char *path);
	void *arg;
};

static void visit_netns(void *arg, pid_t pid)
{
	struct netns_seen *s = arg;
	char at[64];
	uint64_t ino;

	snprintf(at, sizeof(at), "/proc/%d/ns/net", (int)pid);
	ino = inode_of(at);
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i] == ino)
			return;
	if (!ino)
		return;
	*VEC_PUSH(s->v, s->n, s->alloc) = ino;
	s->fn(s->arg, at);
}

void kube_each_netns(void (*fn)(void *arg, const char *path), void *arg)
{
	struct netns_seen s = {.fn = fn, .arg = arg};

	procs_each(visit_netns, &s);
	free(s.v);
}

int kube_freeze(struct node *n, const char *uid, bool on, struct err *e)
{
	const struct node_kube *k = n->impl;
	struct pod_cgroup g;

	cgroup_find(k->root, uid, &g);
	if (g.path[0])
		return cgroup_freeze(&g, on, e);
	return on ? err_set(e, ERR_BROKEN, "pod %s has no cgroup on this node", uid) : 0;
}

int kube_frozen(struct node *n, const char *uid, int *stopped, int *all, struct err *e)
{
	const struct node_kube *k = n->impl;
	struct pid_list pids = {0};
	struct pod_cgroup g;

	*stopped = *all = 0;
	if (kube_pids(n, uid, false, &pids, e))
		return -1;
	for (size_t i = 0; i < pids.n; i++)
		procs_count_stopped(pids.pids[i], stopped, all);
	pid_list_free(&pids);
	cgroup_find(k->root, uid, &g);
	/* Tasks may wait for a disk without being frozen: the kernel's word counts. */
	if (!g.path[0] || !cgroup_frozen(&g))
		*stopped = 0;
	return 0;
}
