#include "test/failpoints/surroundings.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/nft.h"
#include "node/env.h"
#include "node/kube.h"

#define LATER_UID "bbbbbbbb-0000-1111-2222-333333333333"

/* Where a kubelet has the pod's volume "v1" mounted for it by a CSI driver. */
static void mount_path(const struct ground *g, const char *uid, char out[300])
{
	snprintf(out, 300, "%s/kubelet/pods/%s/volumes/kubernetes.io~csi/v1/mount", g->dir, uid);
}

static void unmount(const struct ground *g, const char *uid)
{
	char path[300];

	mount_path(g, uid, path);
	while (umount2(path, MNT_DETACH) == 0)
		;
}

static int mount_for(const struct ground *g, const char *uid, struct err *e)
{
	char path[300];

	unmount(g, g->uid);
	unmount(g, LATER_UID);
	mount_path(g, uid, path);
	if (file_mkdirs(path, e))
		return -1;
	return mount(g->data, path, NULL, MS_BIND, NULL) ?
	       err_set(e, ERR_BROKEN, "cannot mount %s at %s: %s", g->data, path, strerror(errno)) : 0;
}

static int at_first(const struct ground *g, struct err *e)
{
	return mount_for(g, g->uid, e);
}

/* The next pod of the claim has it elsewhere. */
static int later(const struct ground *g, struct err *e)
{
	return mount_for(g, LATER_UID, e);
}

static void demolish(const struct ground *g)
{
	unmount(g, g->uid);
	unmount(g, LATER_UID);
}

/* As node_env_kube opens it, by another way to the API server, and without the
 * claims that an agent serves, for these need threads. */
static int open_node(struct node *n, const struct ground *g, struct err *e)
{
	struct node_kube *k = mem_alloc(sizeof(*k));
	char path[300];

	snprintf(n->name, sizeof(n->name), "%s", g->node);
	snprintf(n->state_dir, sizeof(n->state_dir), "%s", g->state);
	k->n = n;
	k->root = KUBE_NODE_ROOT;
	n->impl = k;
	n->ops = node_kube_ops();
	pthread_mutex_init(&k->lock, NULL);
	snprintf(path, sizeof(path), "%s/kubeconfig", g->state);
	if (kubeconfig_read(path, NULL, false, &k->conf, e) ||
	    kube_client_new(&k->conf, NULL, &k->client, e)) {
		node_env_kube.close(n);
		return -1;
	}
	return 0;
}

static void close_node(struct node *n)
{
	node_env_kube.close(n);
}

/* The pods' own networks are looked at by the test. */
static const char *rules_left(const struct ground *g)
{
	struct buf names = {0};
	struct err e = {0};
	bool any = nft_our_tables("/proc/self/ns/net", &names, &e) || names.len;

	(void)g;
	buf_free(&names);
	return any ? "there are rules of ours in the node's network" : NULL;
}

#define VOLUME "\"csi\":{\"driver\":\"disk.example\",\"volumeHandle\":\"h1\"}"

const struct surroundings kube_surroundings = {
	.name = "kube",
	.own_network = true,
	.build = at_first,
	.demolish = demolish,
	.refresh = at_first,
	.restart = later,
	.open = open_node,
	.close = close_node,
	.left = rules_left,
	.volume = VOLUME,
};

const struct surroundings kube_v2_surroundings = {
	.name = "kube, cgroups v2",
	.own_network = true,
	.unified = true,
	.build = at_first,
	.demolish = demolish,
	.refresh = at_first,
	.restart = later,
	.open = open_node,
	.close = close_node,
	.left = rules_left,
	.volume = VOLUME,
};
