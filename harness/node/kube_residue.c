#include <stdio.h>
#include <string.h>

#include "node/kube.h"
#include "node/mounts.h"
#include "node/residue.h"
#include "node/volumes.h"

static void sweep_netns(void *arg, const char *netns)
{
	residue_tables(arg, netns, netns);
}

static void sweep_cgroup(void *arg, const struct pod_cgroup *g)
{
	residue_cgroup(arg, g);
}

/* A kubelet's mounts for pods and for whole nodes (CSI), and our own, in which
 * the volume is a folder. */
static void sweep_mount(void *arg, const char *mount)
{
	struct residue *s = arg;
	char dir[700];

	if (!strstr(mount, "/volumes/") && !strstr(mount, "/volume-subpaths/") && !strstr(mount, "/plugins/"))
		return;
	snprintf(dir, sizeof(dir), "%s%s", s->root, mount);
	residue_files(s, dir);
	snprintf(dir, sizeof(dir), "%s%s/data", s->root, mount);
	residue_files(s, dir);
}

int kube_residue(struct node *n, bool remove, cJSON *found, struct err *e)
{
	struct residue s = {.root = KUBE_NODE_ROOT, .remove = remove, .found = found, .e = e};
	struct node_kube *k = n->impl;

	if (kube_each_netns(sweep_netns, &s, e) ||
	    cgroup_each_marked(KUBE_NODE_ROOT, sweep_cgroup, &s, e))
		s.r = -1;
	if (mounts_each(KUBE_NODE_ROOT, sweep_mount, &s, e))
		s.r = -1;
	/* While the agent starts there are none yet, and they tend themselves. */
	if (k->volumes && volumes_residue(k->volumes, remove, found, e))
		s.r = -1;
	return s.r;
}
