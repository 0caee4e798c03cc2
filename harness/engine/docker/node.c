/* A virtual node of engine docker, as faults see it. Its pods are seen through
 * /proc and cgroups as on a Kubernetes node, and asked after and deleted
 * through the API that the engine itself serves. A node is down while
 * STATE/down/NAME exists: that needs no driver to be undone. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/kube.h"
#include "node/residue.h"
#include "node/volume_store.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/docker.h"
#include "base/procs.h"

/* The table is the Kubernetes node's but for a few places. */
struct docker_node {
	struct node_kube kube; /* first: its functions look here */
	struct node_ops ops;
	char state[256]; /* of the run */
};

static const char *state_of(const struct node *n)
{
	return ((const struct docker_node *)n->impl)->state;
}

static void down_path(const struct node *n, const char *node, char path[600])
{
	snprintf(path, 600, "%s/down/%.100s", state_of(n), node);
}

const char *const docker_node_names[DOCKER_NODES + 1] = {"ordeal-control", "ordeal-node1", "ordeal-node2",
						     "ordeal-node3", NULL};

int docker_node_index(const char *name)
{
	for (int i = 0; i < DOCKER_NODES; i++)
		if (!strcmp(docker_node_names[i], name))
			return i;
	return -1;
}

static bool known_node(const char *name)
{
	return docker_node_index(name) >= 0;
}

/* This is a process of the machine itself: nothing is to be seen through PID
 * 1, which it may not be allowed to look into. */
static int docker_netns(struct node *n, const char *uid, char *path, size_t size, struct err *e)
{
	return kube_netns_but(n, uid, "/proc/self/ns/net", path, size, e);
}

static int docker_addresses(struct node *n, cJSON *own, cJSON *api, struct err *e)
{
	(void)n;
	(void)e;
	json_push(own, cJSON_CreateString(DOCKER_HOST_IP));
	json_push(api, cJSON_CreateString(DOCKER_API_IP));
	return 0;
}

static int docker_node_running(struct node *n, const char *name, bool *running, struct err *e)
{
	char path[600];

	if (!known_node(name))
		return err_set(e, ERR_INPUT, "no node is called %s", name);
	down_path(n, name, path);
	*running = file_absent(path);
	if (!*running && !file_exists(path))
		return err_set(e, ERR_BROKEN, "cannot see whether node %s runs: %s", name, strerror(errno));
	return 0;
}

/* A container's first process is told to end; its sandbox goes with the rest, for with it goes
 * the network, that whoever ends in order has use for. */
enum reach { MAIN_PROCESSES, CONTAINERS, ALL_PROCESSES };

/* Returns how many there were in the node's pods, -1 when one could not be reached. */
static int signal_pods(struct node *n, const cJSON *uids, int sig, enum reach reach, struct err *e)
{
	const cJSON *u;
	int hit = 0, r = 0;

	cJSON_ArrayForEach(u, uids) {
		struct pid_list pids = {0};

		if (kube_pids(n, json_str(u, "uid", ""), reach == ALL_PROCESSES, &pids, e)) {
			pid_list_free(&pids);
			return -1;
		}
		for (size_t i = 0; !r && i < pids.n; i++) {
			if ((reach == MAIN_PROCESSES && procs_inner_pid(pids.v[i].pid) != 1) ||
			    procs_ended(pids.v[i].pid, pids.v[i].start_ticks))
				continue;
			if (procs_signal(pids.v[i], sig) == 0)
				hit++;
			else if (errno != ESRCH)
				r = err_set(e, ERR_BROKEN, "cannot signal process %d: %s", (int)pids.v[i].pid,
					    strerror(errno));
		}
		pid_list_free(&pids);
	}
	return r ? -1 : hit;
}

/* The node's pods, whatever their namespace. */
static cJSON *pods_of(struct node *n, const char *name, struct err *e)
{
	struct node_kube *k = n->impl;
	cJSON *list = NULL, *out = NULL;
	const cJSON *pod;
	char path[200];
	int r;

	snprintf(path, sizeof(path), "/api/v1/pods?fieldSelector=spec.nodeName%%3D%.100s", name);
	pthread_mutex_lock(&k->lock);
	r = kube_get(k->client, path, &list, e);
	pthread_mutex_unlock(&k->lock);
	if (r || !list)
		return NULL;
	out = cJSON_CreateArray();
	cJSON_ArrayForEach(pod, json_get(list, "items")) {
		cJSON *o = cJSON_CreateObject();

		json_set_str(o, "uid", json_str(json_get(pod, "metadata"), "uid", ""));
		json_push(out, o);
	}
	cJSON_Delete(list);
	return out;
}

/* Empty, so that nothing of it can be half there. */
static int make_file(const char *path, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return err_set(e, ERR_BROKEN, "cannot make %s: %s", path, strerror(errno));
	close(fd);
	return 0;
}

static int docker_node_stop(struct node *n, const char *name, bool power_cut, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + DOCKER_NODE_GRACE_NS;
	cJSON *uids;
	char path[600], dir[600];
	int r = 0;

	if (!known_node(name))
		return err_set(e, ERR_INPUT, "no node is called %s", name);
	uids = pods_of(n, name, e);
	if (!uids)
		return err_prefix(e, "the pods of node %s", name);
	down_path(n, name, path);
	mem_copy_str(dir, sizeof(dir), path);
	*strrchr(dir, '/') = '\0';
	/* First, so that nothing is started again. */
	if (file_mkdirs(dir, e) || make_file(path, e)) {
		r = -1;
	} else if (!power_cut) {
		r = signal_pods(n, uids, SIGTERM, MAIN_PROCESSES, e) < 0 ? -1 : 0;
		while (!r && clock_mono_ns() < end_ns && signal_pods(n, uids, 0, CONTAINERS, e) > 0)
			clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
	}
	while (!r) {
		int left = signal_pods(n, uids, SIGKILL, ALL_PROCESSES, e);

		r = left < 0 ? -1 : 0;
		if (left <= 0)
			break;
		if (clock_mono_ns() > end_ns + DOCKER_NODE_GRACE_NS)
			r = err_set(e, ERR_BROKEN, "%d processes of node %s do not end: are they frozen?", left, name);
		clock_sleep_until(clock_mono_ns() + 2 * NS_PER_MS);
	}
	cJSON_Delete(uids);
	return r;
}

static int docker_node_start(struct node *n, const char *name, struct err *e)
{
	char path[600];

	if (!known_node(name))
		return err_set(e, ERR_INPUT, "no node is called %s", name);
	down_path(n, name, path);
	if (unlink(path) && errno != ENOENT)
		return err_set(e, ERR_BROKEN, "cannot remove %s: %s", path, strerror(errno));
	return 0;
}

/* They lie beside the state of the run, and are there without an API. */
static void volumes_of(const struct node *n, struct volume_store *s)
{
	s->root = "";
	snprintf(s->dir, sizeof(s->dir), "%s/../volumes", state_of(n));
}

static int docker_volume_now(struct node *n, struct node_volume *v, bool *gone, struct err *e)
{
	struct volume_store s;
	char path[512], name[320];

	(void)e;
	mem_copy_str(name, sizeof(name), v->name);
	name[strcspn(name, "@")] = '\0';
	volumes_of(n, &s);
	volume_data_path(&s, name, path);
	*gone = volume_gone(&s, name);
	mem_copy_str(v->path, sizeof(v->path), !*gone && file_exists(path) ? path : "");
	return 0;
}

/* Only pods of this node: the machine has namespaces and cgroups that are
 * none of ours. */
static void sweep_pods(struct node *n, struct residue *s)
{
	cJSON *uids = pods_of(n, n->name, s->e);
	const cJSON *u;

	if (!uids)
		s->r = -1;
	cJSON_ArrayForEach(u, uids) {
		const char *uid = json_str(u, "uid", "");
		char netns[200], where[128];

		snprintf(where, sizeof(where), "pod %s", uid);
		if (docker_netns(n, uid, netns, sizeof(netns), s->e))
			s->r = -1;
		else if (netns[0])
			residue_tables(s, netns, where);
	}
	cJSON_Delete(uids);
}

static void sweep_cgroup(void *arg, const struct pod_cgroup *g)
{
	residue_cgroup(arg, g);
}

static void sweep_volumes(const struct node *n, struct residue *s)
{
	struct volume_store store;
	const cJSON *v;
	cJSON *all;
	char dir[512];

	volumes_of(n, &store);
	if (volume_list(&store, &all, s->e))
		s->r = -1;
	cJSON_ArrayForEach(v, all) {
		volume_data_path(&store, json_str(v, "name", ""), dir);
		residue_files(s, dir);
	}
	cJSON_Delete(all);
}

static int docker_residue(struct node *n, bool remove, cJSON *found, struct err *e)
{
	struct residue s = {.root = "", .remove = remove, .found = found, .e = e};
	bool runs;

	sweep_pods(n, &s);
	if (docker_cgroups(sweep_cgroup, &s, e))
		s.r = -1;
	sweep_volumes(n, &s);
	if (docker_node_running(n, n->name, &runs, e)) {
		s.r = -1;
	} else if (!runs) {
		json_pushf(found, "node %s does not run", n->name);
		if (remove && docker_node_start(n, n->name, e))
			s.r = -1;
	}
	return s.r;
}

void docker_node_close(struct node *n)
{
	struct docker_node *d = n->impl;

	if (!d)
		return;
	kube_client_free(d->kube.client);
	kube_conf_free(&d->kube.conf);
	cJSON_Delete(d->kube.pods);
	pthread_mutex_destroy(&d->kube.lock);
	free(d);
	n->impl = NULL;
}

int docker_node_open(struct node *n, const char *name, const char *state, struct err *e)
{
	struct docker_node *d = mem_alloc(sizeof(*d));
	char kubeconfig[300];

	mem_copy_str(n->name, sizeof(n->name), name);
	snprintf(n->state_dir, sizeof(n->state_dir), "%.200s/nodes/%.40s", state, name);
	mem_copy_str(d->state, sizeof(d->state), state);
	d->kube.n = n;
	d->kube.root = "";
	d->ops = *node_kube_ops();
	d->ops.name = "docker";
	d->ops.netns = docker_netns;
	d->ops.addresses = docker_addresses;
	d->ops.host_netns = NULL; /* packets between pods pass none that is ours */
	d->ops.volume_now = docker_volume_now;
	d->ops.residue = docker_residue;
	d->ops.node_stop = docker_node_stop;
	d->ops.node_start = docker_node_start;
	d->ops.node_running = docker_node_running;
	n->impl = d;
	n->ops = &d->ops;
	pthread_mutex_init(&d->kube.lock, NULL);
	snprintf(kubeconfig, sizeof(kubeconfig), "%.256s/" DOCKER_KUBECONFIG, state);
	if (file_mkdirs(n->state_dir, e) ||
	    kubeconfig_read(kubeconfig, NULL, false, &d->kube.conf, e) ||
	    kube_client_new(&d->kube.conf, NULL, &d->kube.client, e)) {
		docker_node_close(n);
		return -1;
	}
	return 0;
}
