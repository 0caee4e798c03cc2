/* Takes away what any run of the engine has left: its containers, network,
 * volumes, cgroups and folders, all known by label or place. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/docker.h"
#include "engine/register.h"

#define EMPTY_WITHIN_NS (5 * NS_PER_S)
#define FILTER "%7B%22label%22%3A%5B%22ordeal.engine%3Ddocker%22%5D%7D" /* {"label":["ordeal.engine=docker"]} */

static void note(cJSON *found, const char *what, const char *name)
{
	if (found)
		json_pushf(found, "%s %s", what, name);
}

struct thawing {
	cJSON *found; /* or NULL */
	struct err all;
};

/* A frozen container cannot be killed. */
static void thaw(void *arg, const struct pod_cgroup *g)
{
	struct thawing *t = arg;
	struct err e = {0};

	if (cgroup_frozen(g))
		note(t->found, "a frozen cgroup:", g->path);
	if (cgroup_freeze(g, false, &e))
		err_add(&t->all, &e);
}

static int thaw_all(cJSON *found, struct err *e)
{
	struct thawing t = {.found = found};
	struct err one = {0};

	if (docker_cgroups(thaw, &t, &one))
		err_add(&t.all, &one);
	return err_all(&t.all, e);
}

/* false, with errno and the first that stays in `path`. */
static bool rmdir_all(const char *pattern, char path[PATH_MAX])
{
	int why = 0;
	glob_t g;

	if (glob(pattern, 0, NULL, &g))
		return true;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		if (!rmdir(g.gl_pathv[i]) || errno == ENOENT || why)
			continue;
		why = errno;
		mem_copy_str(path, PATH_MAX, g.gl_pathv[i]);
	}
	globfree(&g);
	errno = why;
	return !why;
}

/* Those of the pods, then what held them. Waits until the last processes have left. */
static int remove_cgroups(struct err *e)
{
	int64_t deadline = clock_mono_ns() + EMPTY_WITHIN_NS;
	bool v2 = !file_absent("/sys/fs/cgroup/cgroup.controllers");
	char path[PATH_MAX];

	while (!rmdir_all(v2 ? "/sys/fs/cgroup/ordeal/pod*" : "/sys/fs/cgroup/*/ordeal/pod*", path) ||
	       !rmdir_all(v2 ? "/sys/fs/cgroup/ordeal" : "/sys/fs/cgroup/*/ordeal", path)) {
		if (clock_mono_ns() >= deadline)
			return err_set(e, ERR_BROKEN, "cannot remove the cgroup %s: %s", path, strerror(errno));
		clock_sleep_until(clock_mono_ns() + 50 * NS_PER_MS);
	}
	return 0;
}

static int remove_containers(struct docker *d, cJSON *found, struct err *e)
{
	cJSON *list = NULL;
	const cJSON *c;
	int r = 0;

	if (docker_do(&d->api, "GET", "/containers/json?all=1&filters=" FILTER, NULL, 0, &list,
		      "list containers", e))
		return -1;
	cJSON_ArrayForEach(c, list) {
		note(found, "container", json_path(c, "Names.0") ? json_path(c, "Names.0")->valuestring + 1 : "?");
		if (docker_remove(&d->api, json_str(c, "Id", ""), e))
			r = -1;
	}
	cJSON_Delete(list);
	return r;
}

static int remove_network(struct docker *d, cJSON *found, struct err *e)
{
	cJSON *net = NULL;
	bool ours;

	if (docker_do(&d->api, "GET", "/networks/" DOCKER_NETWORK, NULL, 404, &net, "look at networks", e))
		return -1;
	if (!net)
		return 0;
	ours = !strcmp(json_str(json_get(net, "Labels"), DOCKER_LABEL, ""), "docker");
	cJSON_Delete(net);
	if (!ours)
		return 0;
	note(found, "network", DOCKER_NETWORK);
	return docker_net_down(d, e);
}

/* Guards first: they heal what the journals hold. */
static int each_folder(const struct register_list *all,
		       int (*fn)(const char *folder, cJSON *found, struct err *e), cJSON *found,
		       struct err *e)
{
	struct err more;
	int r = 0;

	for (size_t i = 0; i < all->n; i++)
		if (fn(all->v[i], found, r ? &more : e))
			r = -1;
	return r;
}

static int end_guard(const char *folder, cJSON *found, struct err *e)
{
	char state[PATH_MAX];

	snprintf(state, sizeof(state), "%.3900s/state", folder);
	return docker_guard_end(state, found, e);
}

static int end_subpaths(const char *folder, cJSON *found, struct err *e)
{
	char state[PATH_MAX];

	(void)found;
	snprintf(state, sizeof(state), "%.3900s/state", folder);
	return docker_subpaths_down(state, e);
}

static int remove_state(const char *folder, cJSON *found, struct err *e)
{
	char state[PATH_MAX];

	(void)found;
	snprintf(state, sizeof(state), "%.3900s/state", folder);
	return file_remove_tree(state, e) || register_drop(DOCKER_REGISTER, folder, e) ? -1 : 0;
}

/* One run at a time has the machine (its lock): whatever else is registered is
 * left over. */
static int folders(const struct docker *d, struct register_list *out, struct err *e)
{
	int r = register_read(DOCKER_REGISTER, "docker", out, e);

	for (size_t i = 0; i < out->n; i++)
		if (!strcmp(out->v[i], d->dir))
			return r;
	mem_copy_str(*VEC_PUSH(out->v, out->n, out->alloc), PATH_MAX, d->dir);
	return r;
}

int docker_own_folders(struct register_list *all, struct err *e)
{
	struct err more;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (!file_absent(all->v[i]) && file_private_dir(all->v[i], r ? &more : e))
			r = -1;
		else if (n++ != i)
			memcpy(all->v[n - 1], all->v[i], sizeof(all->v[i]));
	}
	all->n = n;
	return r;
}

/* What one step could not do keeps none of the others from their turn. */
static void step(int r, struct err *all, struct err *one)
{
	if (r)
		err_add(all, one);
}

int docker_clean(struct docker *d, cJSON *found, struct err *e)
{
	struct register_list ours;
	struct err all = {0}, one = {0}, not_ours = {0};

	step(folders(d, &ours, &one), &all, &one);
	docker_own_folders(&ours, &not_ours);
	step(each_folder(&ours, end_guard, found, &one), &all, &one);
	step(thaw_all(found, &one), &all, &one);
	step(remove_containers(d, found, &one), &all, &one);
	step(remove_network(d, found, &one), &all, &one);
	step(each_folder(&ours, end_subpaths, found, &one), &all, &one);
	step(each_folder(&ours, docker_volumes_down, found, &one), &all, &one);
	step(remove_cgroups(&one), &all, &one);
	if (!all.kind)
		step(each_folder(&ours, remove_state, found, &one), &all, &one);
	free(ours.v);
	if (not_ours.kind)
		err_add(&all, &not_ours);
	return err_all(&all, e);
}
