#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cgroup.h"
#include "agent/node_kube.h"
#include "agent/volumes.h"
#include "base/buf.h"
#include "base/json.h"
#include "fault/fill.h"
#include "fault/nft.h"

struct sweep {
	bool remove;
	cJSON *found;
	struct err *e;
	int r;
};

static void sweep_netns(void *arg, const char *netns)
{
	struct sweep *s = arg;
	struct buf tables = {0};
	struct err gone = {0};
	char *rest, *table;

	/* A process that has just ended takes the path away: no matter. */
	if (nft_our_tables(netns, &tables, &gone)) {
		buf_free(&tables);
		return;
	}
	rest = tables.s;
	while (rest && (table = strsep(&rest, "\n"))) {
		if (!table[0])
			continue;
		json_pushf(s->found, "nft table %s in %s", table, netns);
		if (s->remove && nft_delete_table(netns, table, s->e))
			s->r = -1;
	}
	buf_free(&tables);
}

static void sweep_cgroup(void *arg, const struct pod_cgroup *g)
{
	struct sweep *s = arg;

	json_pushf(s->found, "frozen cgroup %s", g->path + strlen(KUBE_NODE_ROOT));
	if (s->remove && cgroup_freeze(g, false, s->e))
		s->r = -1;
}

static void sweep_files(struct sweep *s, const char *pattern)
{
	glob_t g;

	if (glob(pattern, GLOB_PERIOD, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++) {
			json_pushf(s->found, "fill file %s", g.gl_pathv[i] + strlen(KUBE_NODE_ROOT));
			if (s->remove && unlink(g.gl_pathv[i]) && errno != ENOENT)
				s->r = err_set(s->e, ERR_BROKEN, "cannot remove %s: %s", g.gl_pathv[i],
					       strerror(errno));
		}
	}
	globfree(&g);
}

int kube_residue(struct node *n, bool remove, cJSON *found, struct err *e)
{
	struct sweep s = {.remove = remove, .found = found, .e = e};
	struct node_kube *k = n->impl;
	char pattern[600];

	kube_each_netns(sweep_netns, &s);
	cgroup_each_frozen(KUBE_NODE_ROOT, sweep_cgroup, &s);
	snprintf(pattern, sizeof(pattern), KUBE_NODE_ROOT "%s/volumes/*/data/" FILL_PREFIX "*",
		 n->state_dir);
	sweep_files(&s, pattern);
	sweep_files(&s, KUBE_NODE_ROOT "/var/lib/kubelet/pods/*/volumes/*/*/" FILL_PREFIX "*");
	/* While the agent starts there are none yet, and they tend themselves. */
	if (k->volumes && volumes_residue(k->volumes, remove, found, e))
		s.r = -1;
	return s.r;
}
