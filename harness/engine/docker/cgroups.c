#include <string.h>

#include "engine/docker/docker.h"

struct ours {
	void (*fn)(void *arg, const struct pod_cgroup *g);
	void *arg;
};

/* Other engines' nodes may be containers of this machine, and freeze pods. */
static void if_ours(void *arg, const struct pod_cgroup *g)
{
	const struct ours *o = arg;

	if (strstr(g->path, "/ordeal/pod") || strstr(g->path, "/ordeal-pod"))
		o->fn(o->arg, g);
}

int docker_cgroups(void (*fn)(void *arg, const struct pod_cgroup *g), void *arg, struct err *e)
{
	struct ours o = {fn, arg};

	return cgroup_each_marked("", if_ours, &o, e);
}
