#include "node/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define SETTLE_NS (2 * NS_PER_S)
enum { DEPTH = 8 };

/* The first line of a control file, without its newline; "" when unreadable. */
static void read_line(const char *dir, const char *file, char *out, size_t size)
{
	char path[1024];
	FILE *f;

	out[0] = '\0';
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "re");
	if (!f)
		return;
	if (!fgets(out, (int)size, f))
		out[0] = '\0';
	fclose(f);
	out[strcspn(out, "\n")] = '\0';
}

static bool has_file(const char *dir, const char *file)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return access(path, F_OK) == 0;
}

/* Visits folders until fn says that it wants nothing below (true). */
static void walk(const char *dir, int depth, bool (*fn)(void *arg, const char *path,
						       const char *name), void *arg)
{
	DIR *d = depth ? opendir(dir) : NULL;
	struct dirent *ent;
	char path[768];

	while (d && (ent = readdir(d))) {
		if (ent->d_type != DT_DIR || ent->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, ent->d_name) >= (int)sizeof(path))
			continue;
		if (!fn(arg, path, ent->d_name))
			walk(path, depth - 1, fn, arg);
	}
	if (d)
		closedir(d);
}

/* The hierarchies that can freeze: v1's, then v2's. */
static void each_hierarchy(const char *root, bool (*fn)(void *arg, const char *path,
						       const char *name), void *arg)
{
	static const char *const at[] = {"/sys/fs/cgroup/freezer", "/sys/fs/cgroup/unified",
					 "/sys/fs/cgroup"};
	char path[512];

	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		snprintf(path, sizeof(path), "%s%s", root, at[i]);
		if (i == 0 || has_file(path, "cgroup.controllers"))
			walk(path, DEPTH, fn, arg);
	}
}

struct search {
	char dashes[64], underscores[64];
	struct pod_cgroup *out;
};

static bool found(void *arg, const char *path, const char *name)
{
	struct search *s = arg;

	if (s->out->path[0])
		return true;
	if (!strstr(name, s->dashes) && !strstr(name, s->underscores))
		return false;
	if (has_file(path, "freezer.state") || has_file(path, "cgroup.freeze")) {
		mem_copy_str(s->out->path, sizeof(s->out->path), path);
		s->out->v1 = has_file(path, "freezer.state");
	}
	return true;
}

void cgroup_find(const char *root, const char *uid, struct pod_cgroup *out)
{
	struct search s = {.out = out};

	memset(out, 0, sizeof(*out));
	if (strlen(uid) < 8)
		return;
	mem_copy_str(s.dashes, sizeof(s.dashes), uid);
	mem_copy_str(s.underscores, sizeof(s.underscores), uid);
	for (char *c = s.underscores; *c; c++)
		if (*c == '-')
			*c = '_';
	each_hierarchy(root, found, &s);
}

bool cgroup_frozen(const struct pod_cgroup *g)
{
	char line[128], path[1024];
	bool frozen = false;
	FILE *f;

	if (g->v1) {
		read_line(g->path, "freezer.state", line, sizeof(line));
		return !strcmp(line, "FROZEN");
	}
	snprintf(path, sizeof(path), "%s/cgroup.events", g->path);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		frozen = frozen || !strcmp(line, "frozen 1\n");
	if (f)
		fclose(f);
	return frozen;
}

static bool thawed(const struct pod_cgroup *g)
{
	char line[128];

	if (!g->v1)
		return !cgroup_frozen(g);
	read_line(g->path, "freezer.state", line, sizeof(line));
	return !strcmp(line, "THAWED");
}

int cgroup_freeze(const struct pod_cgroup *g, bool on, struct err *e)
{
	const char *word = g->v1 ? (on ? "FROZEN" : "THAWED") : (on ? "1" : "0");
	int64_t end_ns = clock_mono_ns() + SETTLE_NS;
	char path[1024];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", g->path, g->v1 ? "freezer.state" : "cgroup.freeze");
	for (;;) {
		/* A v1 freezer that has not caught every task yet says FREEZING; writing
		 * again makes it look again (Documentation/admin-guide/cgroup-v1/
		 * freezer-subsystem.rst). */
		fd = open(path, O_WRONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : write(fd, word, strlen(word));
		if (n < 0 && (fd < 0 || errno != EAGAIN)) {
			err_set(e, ERR_BROKEN, "cannot write %s to %s: %s", word, path, strerror(errno));
			if (fd >= 0)
				close(fd);
			return -1;
		}
		close(fd);
		if (on ? cgroup_frozen(g) : thawed(g))
			return 0;
		if (clock_mono_ns() > end_ns)
			return err_set(e, ERR_BROKEN, "%s does not become %s", path, word);
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	}
}

struct frozen_walk {
	void (*fn)(void *arg, const struct pod_cgroup *g);
	void *arg;
};

static bool report_frozen(void *arg, const char *path, const char *name)
{
	struct frozen_walk *w = arg;
	struct pod_cgroup g = {.v1 = has_file(path, "freezer.state")};
	const char *pod = strstr(name, "pod");
	char line[64];

	/* pod<uid> or kubepods-…-pod<uid>.slice; "kubepods" alone is none. */
	while (pod && (strlen(pod) < 3 + 32 || (pod > name && pod[-1] != '-')))
		pod = strstr(pod + 1, "pod");
	if (!pod)
		return false;
	read_line(path, g.v1 ? "freezer.self_freezing" : "cgroup.freeze", line, sizeof(line));
	if (!strcmp(line, "1")) {
		mem_copy_str(g.path, sizeof(g.path), path);
		w->fn(w->arg, &g);
	}
	return true;
}

void cgroup_each_frozen(const char *root, void (*fn)(void *arg, const struct pod_cgroup *g),
			void *arg)
{
	struct frozen_walk w = {fn, arg};

	each_hierarchy(root, report_frozen, &w);
}
