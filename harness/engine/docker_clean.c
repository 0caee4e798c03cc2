/* Takes away what any run of the engine has left: its containers, network,
 * volumes, cgroups and folders, all known by label or place. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "engine/docker.h"

#define AGENT_WITHIN_NS (60 * NS_PER_S)
#define FILTER "%7B%22label%22%3A%5B%22ordeal.engine%3Ddocker%22%5D%7D" /* {"label":["ordeal.engine=docker"]} */

static void note(cJSON *found, const char *what, const char *name)
{
	if (found)
		json_pushf(found, "%s %s", what, name);
}

/* Is it an agent of ours? Numbers of processes are reused. */
static bool is_agent(pid_t pid)
{
	char path[64];
	struct buf b = {0};
	struct err e = {0};
	bool agent = false, ours = false;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (pid > 1 && file_exists(path) && file_read(path, &b, &e) == 0) {
		/* Its words, each with a NUL at its end. */
		for (size_t at = 0; at < b.len; at += strlen(b.s + at) + 1) {
			agent = agent || !strcmp(b.s + at, "node-agent");
			ours = ours || !strcmp(b.s + at, "docker");
		}
	}
	buf_free(&b);
	return agent && ours;
}

/* Agents heal when they are told to end. */
static int end_agents(struct docker *d, cJSON *found, struct err *e)
{
	char pattern[PATH_MAX];
	glob_t g;
	int r = 0;

	snprintf(pattern, sizeof(pattern), "%.3900s/agents/*/pid", d->state);
	if (glob(pattern, 0, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++) {
			int64_t end_ns = clock_mono_ns() + AGENT_WITHIN_NS;
			struct buf b = {0};
			pid_t pid = file_read(g.gl_pathv[i], &b, e) ? 0 : (pid_t)strtol(buf_cstr(&b), NULL, 10);

			buf_free(&b);
			if (!is_agent(pid))
				continue;
			note(found, "an agent that still ran:", g.gl_pathv[i]);
			kill(pid, SIGTERM);
			while (proc_alive(pid) && is_agent(pid) && clock_mono_ns() < end_ns)
				clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
			if (proc_alive(pid) && is_agent(pid))
				r = err_set(e, ERR_BROKEN, "the agent with process %d does not end", (int)pid);
		}
		globfree(&g);
	}
	return r;
}

/* A frozen container cannot be killed. */
static void thaw(cJSON *found)
{
	static const char *const at[][2] = {
		{"/sys/fs/cgroup/freezer/ordeal/pod*/freezer.state", "THAWED"},
		{"/sys/fs/cgroup/unified/ordeal/pod*/cgroup.freeze", "0"},
		{"/sys/fs/cgroup/ordeal/pod*/cgroup.freeze", "0"},
	};
	glob_t g;

	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		if (glob(at[i][0], 0, NULL, &g))
			continue;
		for (size_t j = 0; j < g.gl_pathc; j++) {
			int fd = open(g.gl_pathv[j], O_RDWR | O_CLOEXEC);
			char now[8] = "";

			if (fd >= 0 && read(fd, now, 7) > 0 && (now[0] == 'F' || now[0] == '1')) {
				note(found, "a frozen cgroup:", g.gl_pathv[j]);
				if (pwrite(fd, at[i][1], strlen(at[i][1]), 0) < 0)
					log_warn("cannot thaw %s: %s", g.gl_pathv[j], strerror(errno));
			}
			if (fd >= 0)
				close(fd);
		}
		globfree(&g);
	}
}

static void rmdir_all(const char *pattern)
{
	glob_t g;

	if (glob(pattern, 0, NULL, &g))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		rmdir(g.gl_pathv[i]);
	globfree(&g);
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

	if (docker_do(&d->api, "GET", "/networks/" DOCKER_NETWORK, NULL, 404, &net, "look at networks", e))
		return -1;
	if (!net)
		return 0;
	cJSON_Delete(net);
	note(found, "network", DOCKER_NETWORK);
	return docker_net_down(d, e);
}

int docker_clean(struct docker *d, cJSON *found, struct err *e)
{
	struct err first = {0};
	int r = end_agents(d, found, &first);

	thaw(found);
	if (remove_containers(d, found, r ? e : &first))
		r = -1;
	if (remove_network(d, found, r ? e : &first))
		r = -1;
	if (docker_volumes_down(d, found, r ? e : &first))
		r = -1;
	rmdir_all("/sys/fs/cgroup/*/ordeal/pod*");
	rmdir_all("/sys/fs/cgroup/*/ordeal");
	rmdir_all("/sys/fs/cgroup/ordeal/pod*");
	rmdir_all("/sys/fs/cgroup/ordeal");
	if (!r && file_remove_tree(d->state, &first))
		r = -1;
	if (r)
		*e = first;
	return r;
}
