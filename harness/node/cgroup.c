#include "node/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#define MARK "trusted.ordeal" /* on what we froze */
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

typedef bool visit(void *arg, const struct pod_cgroup *g, const char *name);

/* Visits folders until fn says that it wants nothing below (true). -1 with
 * errno when not all can be seen; one that is gone meanwhile is none. */
static int walk(const char *dir, bool v1, int depth, visit *fn, void *arg)
{
	struct pod_cgroup g = {.v1 = v1};
	const struct dirent *ent;
	int why = 0;
	DIR *d;

	if (!depth)
		return 0;
	d = opendir(dir);
	if (!d)
		return errno == ENOENT || errno == ENODEV ? 0 : -1;
	while (errno = 0, (ent = readdir(d))) {
		if (ent->d_type != DT_DIR || ent->d_name[0] == '.')
			continue;
		if (snprintf(g.path, sizeof(g.path), "%s/%s", dir, ent->d_name) >= (int)sizeof(g.path))
			continue;
		if (!fn(arg, &g, ent->d_name) && walk(g.path, v1, depth - 1, fn, arg))
			why = errno;
	}
	why = errno && errno != ENOENT && errno != ENODEV ? errno : why;
	closedir(d);
	errno = why;
	return why ? -1 : 0;
}

/* The hierarchies that can freeze: v1's, then v2's. */
static int each_hierarchy(const char *root, visit *fn, void *arg, struct err *e)
{
	static const char *const at[] = {"/sys/fs/cgroup/freezer", "/sys/fs/cgroup/unified",
					 "/sys/fs/cgroup"};
	char path[512], mark[600];

	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		snprintf(path, sizeof(path), "%s%s", root, at[i]);
		snprintf(mark, sizeof(mark), "%s/cgroup.controllers", path);
		if ((i == 0 || !file_absent(mark)) && walk(path, i == 0, DEPTH, fn, arg))
			return err_set(e, ERR_BROKEN, "cannot see all cgroups below %s: %s", path,
				       strerror(errno));
	}
	return 0;
}

struct search {
	char dashes[64], underscores[64];
	struct pod_cgroup *out;
};

static bool found(void *arg, const struct pod_cgroup *g, const char *name)
{
	struct search *s = arg;

	if (s->out->path[0])
		return true;
	if (!strstr(name, s->dashes) && !strstr(name, s->underscores))
		return false;
	*s->out = *g;
	return true;
}

int cgroup_find(const char *root, const char *uid, struct pod_cgroup *out, struct err *e)
{
	struct search s = {.out = out};

	memset(out, 0, sizeof(*out));
	if (strlen(uid) < 8)
		return 0;
	mem_copy_str(s.dashes, sizeof(s.dashes), uid);
	mem_copy_str(s.underscores, sizeof(s.underscores), uid);
	for (char *c = s.underscores; *c; c++)
		if (*c == '-')
			*c = '_';
	/* What was found is enough. */
	return each_hierarchy(root, found, &s, e) && !out->path[0] ? -1 : 0;
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

/* Known to be so. */
static bool thawed(const struct pod_cgroup *g)
{
	char line[128];

	read_line(g->path, g->v1 ? "freezer.state" : "cgroup.freeze", line, sizeof(line));
	return !strcmp(line, g->v1 ? "THAWED" : "0") && !cgroup_frozen(g);
}

static bool is_gone(int why)
{
	return why == ENOENT || why == ENODEV;
}

/* Kept by the kernel as long as the cgroup lives (kernfs has extended
 * attributes). */
static int mark(const struct pod_cgroup *g, bool on, struct err *e)
{
	if (on ? setxattr(g->path, MARK, "1", 1, 0) == 0 : removexattr(g->path, MARK) == 0 || errno == ENODATA)
		return 0;
	if (!on && is_gone(errno))
		return 0;
	return err_set(e, ERR_BROKEN, "cannot %s %s: %s", on ? "mark" : "take our mark from", g->path,
		       strerror(errno));
}

static int write_word(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), why;
	ssize_t n = fd < 0 ? -1 : write(fd, word, strlen(word));

	why = errno;
	if (fd >= 0)
		close(fd);
	errno = why;
	return n == (ssize_t)strlen(word) ? 0 : n < 0 ? -1 : (errno = EAGAIN, -1);
}

int cgroup_freeze(const struct pod_cgroup *g, bool on, struct err *e)
{
	const char *word = g->v1 ? (on ? "FROZEN" : "THAWED") : (on ? "1" : "0");
	int64_t end_ns = clock_mono_ns() + SETTLE_NS;
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", g->path, g->v1 ? "freezer.state" : "cgroup.freeze");
	if (on && mark(g, true, e))
		return -1;
	for (;;) {
		/* A v1 freezer that has not caught every task yet says FREEZING; writing
		 * again makes it look again (Documentation/admin-guide/cgroup-v1/
		 * freezer-subsystem.rst). */
		if (write_word(path, word) && errno != EAGAIN) {
			if (!on && is_gone(errno))
				return 0;
			return err_set(e, ERR_BROKEN, "cannot write %s to %s: %s", word, path, strerror(errno));
		}
		if (on ? cgroup_frozen(g) : thawed(g))
			return on ? 0 : mark(g, false, e);
		if (clock_mono_ns() > end_ns)
			return err_set(e, ERR_BROKEN, "%s does not become %s", path, word);
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	}
}

struct marked_walk {
	void (*fn)(void *arg, const struct pod_cgroup *g);
	void *arg;
	int problem;
};

static bool report_marked(void *arg, const struct pod_cgroup *g, const char *name)
{
	struct marked_walk *w = arg;
	char value[8];

	(void)name;
	if (getxattr(g->path, MARK, value, sizeof(value)) >= 0)
		w->fn(w->arg, g);
	else if (errno != ENODATA && errno != EOPNOTSUPP && !is_gone(errno))
		w->problem = errno;
	return false;
}

int cgroup_each_marked(const char *root, void (*fn)(void *arg, const struct pod_cgroup *g),
		       void *arg, struct err *e)
{
	struct marked_walk w = {fn, arg, 0};

	if (each_hierarchy(root, report_marked, &w, e))
		return -1;
	return w.problem ? err_set(e, ERR_BROKEN, "cannot see the marks of all cgroups: %s",
				   strerror(w.problem)) : 0;
}
