#include <stdio.h>

#include "node/kube.h"
#include "node/residue.h"
#include "node/volumes.h"
#include "fault/fill.h"

static void sweep_netns(void *arg, const char *netns)
{
	residue_tables(arg, netns, netns);
}

static void sweep_cgroup(void *arg, const struct pod_cgroup *g)
{
	residue_cgroup(arg, g);
}

int kube_residue(struct node *n, bool remove, cJSON *found, struct err *e)
{
	struct residue s = {.root = KUBE_NODE_ROOT, .remove = remove, .found = found, .e = e};
	struct node_kube *k = n->impl;
	char pattern[600];

	kube_each_netns(sweep_netns, &s);
	cgroup_each_frozen(KUBE_NODE_ROOT, sweep_cgroup, &s);
	snprintf(pattern, sizeof(pattern), KUBE_NODE_ROOT "%s/volumes/*/data/" FILL_PREFIX "*",
		 n->state_dir);
	residue_files(&s, pattern);
	residue_files(&s, KUBE_NODE_ROOT "/var/lib/kubelet/pods/*/volumes/*/*/" FILL_PREFIX "*");
	/* While the agent starts there are none yet, and they tend themselves. */
	if (k->volumes && volumes_residue(k->volumes, remove, found, e))
		s.r = -1;
	return s.r;
}
