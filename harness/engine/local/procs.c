/* Processes that the engine starts, and what becomes of them without it.
 *
 * Members and the load agent die with the driver by the kernel's hand
 * (PR_SET_PDEATHSIG, by way of setpriv(1), since the kernel clears it on
 * fork), also when they are stopped. The node agent lives on until it has
 * healed. Whatever is left over all the same stands in procs/. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/proc.h"
#include "engine/local/local.h"
#include "base/procs.h"

enum { ARGV_MAX = 160 };
/* A node agent heals on SIGTERM. */
#define HEAL_WITHIN_NS (30 * NS_PER_S)
#define END_WITHIN_NS (5 * NS_PER_S)

static void record_path(const struct local *l, pid_t pid, char *path, size_t size)
{
	snprintf(path, size, "%.4000s/procs/%d.json", l->dir, (int)pid);
}

static int record(struct local *l, const char *what, pid_t pid, uint64_t start, struct err *e)
{
	cJSON *o = cJSON_CreateObject();
	char path[PATH_MAX], boot[40];
	char *text;
	int r;

	clock_boot_id(boot);
	json_set_i64(o, "pid", pid);
	json_set_i64(o, "start", (int64_t)start);
	json_set_str(o, "boot", boot);
	json_set_str(o, "what", what);
	json_set_str(o, "run_id", l->base.conf.run_id);
	text = json_text(o);
	cJSON_Delete(o);
	record_path(l, pid, path, sizeof(path));
	r = file_write_atomic(path, text, strlen(text), e);
	free(text);
	return r;
}

int local_spawn(struct local *l, const char *what, const char *const argv[],
		const char *const env[], const char *log, bool dies_with_us, pid_t *pid,
		uint64_t *start_ticks, struct err *e)
{
	const char *all[ARGV_MAX + 5] = {"setpriv", "--pdeathsig", "KILL", "--"};
	struct proc_stat s = {0};
	size_t n = dies_with_us ? 4 : 0;
	int r;

	for (size_t i = 0; argv[i] && n < ARGV_MAX + 4; i++)
		all[n++] = argv[i];
	all[n] = NULL;
	if (proc_start_env(all, env, log, pid, e))
		return err_prefix(e, "%s", what);
	/* It is our child: even if it has ended, it stays a zombie until we reap it. */
	r = procs_stat(*pid, &s) ? err_set(e, ERR_BROKEN, "%s ended as soon as it began", what) :
				   record(l, what, *pid, s.start_ticks, e);
	if (r) {
		kill(*pid, SIGKILL);
		proc_stop(*pid, 0);
		return -1;
	}
	*start_ticks = s.start_ticks;
	return 0;
}

void local_forget(struct local *l, pid_t pid)
{
	char path[PATH_MAX];

	record_path(l, pid, path, sizeof(path));
	unlink(path);
}

/* Is this still the process that the record speaks of? */
static bool lives(const cJSON *o)
{
	char boot[40];

	clock_boot_id(boot);
	return !strcmp(json_str(o, "boot", ""), boot) &&
	       procs_same((pid_t)json_i64(o, "pid", 0), (uint64_t)json_i64(o, "start", 0));
}

static bool gone_within(const cJSON *o, int64_t within_ns)
{
	int64_t end_ns = clock_mono_ns() + within_ns;

	while (lives(o)) {
		if (clock_mono_ns() > end_ns)
			return false;
		clock_sleep_until(clock_mono_ns() + 10 * NS_PER_MS);
	}
	return true;
}

static int end_one(const cJSON *o, cJSON *found, struct err *e)
{
	pid_t pid = (pid_t)json_i64(o, "pid", 0);
	struct proc_id id = {pid, (uint64_t)json_i64(o, "start", 0)};
	const char *what = json_str(o, "what", "?"), *run = json_str(o, "run_id", "?");
	bool healer = !strcmp(what, "node agent");

	procs_signal(id, healer ? SIGTERM : SIGKILL);
	procs_signal(id, SIGCONT); /* a stopped one would hear of it too late */
	if (!gone_within(o, healer ? HEAL_WITHIN_NS : END_WITHIN_NS))
		return err_set(e, ERR_BROKEN, "process %d (%s of run %s) does not end", (int)pid, what,
			       run);
	json_pushf(found, "%s of run %s still ran (process %d): ended", what, run, (int)pid);
	return 0;
}

/* Every record that is there; `o` is NULL where it cannot be read. */
static void each_record(const struct local *l,
			void (*fn)(void *arg, const char *path, const cJSON *o), void *arg)
{
	char dir[PATH_MAX], path[PATH_MAX + 300];
	struct err bad = {0};
	struct dirent *d;
	DIR *f;

	snprintf(dir, sizeof(dir), "%.4000s/procs", l->dir);
	f = opendir(dir);
	while (f && (d = readdir(f))) {
		cJSON *o;

		if (d->d_name[0] == '.' || !strstr(d->d_name, ".json"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
		o = json_read_file(path, &bad);
		fn(arg, path, o);
		cJSON_Delete(o);
	}
	if (f)
		closedir(f);
}

struct sweep {
	bool healers;
	cJSON *found;
	struct err *e;
	int r;
};

static void sweep_one(void *arg, const char *path, const cJSON *o)
{
	struct sweep *s = arg;

	if (o && s->healers != !strcmp(json_str(o, "what", ""), "node agent"))
		return;
	if (!o || !lives(o) || end_one(o, s->found, s->e) == 0)
		unlink(path);
	else
		s->r = -1;
}

int local_sweep(struct local *l, cJSON *found, struct err *e)
{
	struct sweep s = {.healers = true, .found = found, .e = e};

	/* The node agent first: it heals what the others may need to end well. */
	each_record(l, sweep_one, &s);
	s.healers = false;
	each_record(l, sweep_one, &s);
	return s.r;
}

static void count_one(void *n, const char *path, const cJSON *o)
{
	(void)path;
	*(int *)n += o && lives(o);
}

int local_count(struct local *l)
{
	int n = 0;

	each_record(l, count_one, &n);
	return n;
}
