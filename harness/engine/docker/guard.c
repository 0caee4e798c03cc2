/* Both sides of the guard: the process, and the driver that keeps it. They
 * share a file, the time (CLOCK_MONOTONIC ns) at which the lease runs out. */
#include "engine/docker/guard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/faults.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/procs.h"
#include "engine/docker/docker.h"

/* Later than the driver's own timer, which may run where a call hangs. */
#define LEASE_NS (20 * NS_PER_S)
#define LOOK_NS (100 * NS_PER_MS)
#define END_WITHIN_NS (60 * NS_PER_S)

enum { EXIT_BAD_USAGE = 2, EXIT_BROKE = 3 };

static void nap(int64_t ns)
{
	clock_sleep_until(clock_mono_ns() + ns);
}

/* ---- the process ---- */

/* A journal that cannot be looked into may hold something. */
static bool anything_to_undo(const char *state)
{
	char path[400];
	bool any = false;

	for (int i = 0; i < DOCKER_NODES; i++) {
		const struct dirent *ent;
		DIR *d;

		snprintf(path, sizeof(path), "%.256s/nodes/%s/journal", state, docker_node_names[i]);
		d = opendir(path);
		any = any || (!d && errno != ENOENT);
		while (d && !any && (ent = readdir(d)))
			any = ent->d_name[0] != '.';
		if (d)
			closedir(d);
	}
	return any;
}

/* Heals what one node's journal holds; again and again until it can, or until
 * a signal says that somebody else will look after it. */
static int undo_node(const char *name, const char *state, const sigset_t *signals, bool *told,
		     struct err *e)
{
	struct timespec wait = {.tv_nsec = LOOK_NS};
	struct node n = {0};
	struct node_faults *f;
	int r;

	if (docker_node_open(&n, name, state, e))
		return -1;
	f = node_faults_new(&n, INT64_MAX / 4);
	node_faults_recover(f);
	r = node_faults_run(f, e);
	while (!r && !*told && !node_faults_idle(f))
		*told = sigtimedwait(signals, NULL, &wait) > 0;
	if (node_faults_stop(f, e))
		r = -1;
	node_faults_free(f);
	docker_node_close(&n);
	return r;
}

static int undo(const char *state, const sigset_t *signals, bool *told, struct err *e)
{
	int r = 0;

	for (int i = 0; i < DOCKER_NODES; i++)
		if (undo_node(docker_node_names[i], state, signals, told, e))
			r = -1;
	return r;
}

/* A file that is gone or torn is no lease. */
static bool lease_over(const char *path)
{
	int64_t until_ns = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, &until_ns, sizeof(until_ns), 0);

	if (fd >= 0)
		close(fd);
	return n != (ssize_t)sizeof(until_ns) || until_ns < clock_mono_ns();
}

static int guard(const char *state, pid_t driver, struct err *e)
{
	struct timespec wait = {.tv_nsec = LOOK_NS};
	bool told = false, gone = false;
	char lease[400];
	sigset_t signals;
	int r = 0;

	signal(SIGPIPE, SIG_IGN);
	proc_block_ends(&signals);
	snprintf(lease, sizeof(lease), "%.256s/" DOCKER_LEASE, state);
	log_info("guard: watching process %d", (int)driver);
	while (!told && !gone) {
		told = sigtimedwait(&signals, NULL, &wait) > 0;
		gone = getppid() != driver;
		if (!anything_to_undo(state) || !(told || gone || lease_over(lease)))
			continue;
		log_warn("guard: %s", told ? "told to end" : gone ? "the driver is gone" : "the driver is silent");
		r = undo(state, &signals, &told, e);
	}
	return r;
}

int docker_guard_main(int argc, char **argv)
{
	struct err e = {0};
	long driver = argc == 5 ? strtol(argv[4], NULL, 10) : 0;

	if (driver < 1 || strcmp(argv[1], "--state") || strcmp(argv[3], "--driver")) {
		fputs("usage: ordeal docker-guard --state DIR --driver PID\n", stderr);
		return EXIT_BAD_USAGE;
	}
	if (guard(argv[2], (pid_t)driver, &e)) {
		fprintf(stderr, "ordeal docker-guard: %s\n", e.msg);
		return EXIT_BROKE;
	}
	return 0;
}

/* ---- the driver ---- */

void docker_guard_renew(struct docker *d)
{
	int64_t until_ns = clock_mono_ns() + LEASE_NS;

	if (d->lease_fd >= 0 && pwrite(d->lease_fd, &until_ns, sizeof(until_ns), 0) < 0)
		log_warn("cannot renew the guard's lease: %s", strerror(errno));
}

int docker_guard_start(struct docker *d, struct err *e)
{
	char self[PATH_MAX], log[PATH_MAX + 40], pid[PATH_MAX + 40], lease[PATH_MAX + 40], num[16];
	const char *argv[] = {self, "docker-guard", "--state", d->state, "--driver", num, NULL};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return err_set(e, ERR_BROKEN, "cannot find the running binary: %s", strerror(errno));
	self[n] = '\0';
	snprintf(log, sizeof(log), "%s/guard.log", d->state);
	snprintf(pid, sizeof(pid), "%s/" DOCKER_GUARD_PID, d->state);
	snprintf(lease, sizeof(lease), "%s/" DOCKER_LEASE, d->state);
	d->lease_fd = file_open_own(lease, e);
	if (d->lease_fd < 0)
		return -1;
	docker_guard_renew(d);
	snprintf(num, sizeof(num), "%d", (int)getpid());
	if (proc_start(argv, log, &d->guard, e))
		return -1;
	snprintf(num, sizeof(num), "%d\n", (int)d->guard);
	return file_write_atomic(pid, num, strlen(num), e);
}

/* One that does not end is left to heal: never killed. */
int docker_guard_stop(struct docker *d, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + END_WITHIN_NS;
	int status;

	if (d->lease_fd >= 0)
		close(d->lease_fd);
	d->lease_fd = -1;
	if (d->guard <= 0)
		return 0;
	kill(d->guard, SIGTERM);
	while (waitpid(d->guard, &status, WNOHANG) == 0) {
		if (clock_mono_ns() > end_ns)
			return err_set(e, ERR_BROKEN, "the guard (process %d) does not end; what the journals hold "
				       "may not be healed", (int)d->guard);
		nap(5 * NS_PER_MS);
	}
	d->guard = 0;
	return 0;
}

/* Numbers of processes are reused: what was looked at is named by `id`. */
static bool is_guard(pid_t pid, struct proc_id *id)
{
	struct proc_stat s;
	struct buf b = {0};
	size_t at;
	bool yes;

	if (procs_stat(pid, &s))
		return false;
	*id = proc_id_of(&s);
	proc_cmdline(pid, &b);
	at = strlen(buf_cstr(&b)) + 1;
	yes = at < b.len && !strcmp(b.s + at, "docker-guard");
	buf_free(&b);
	return yes;
}

int docker_guard_end(const char *state, cJSON *found, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + END_WITHIN_NS;
	char path[PATH_MAX + 40];
	struct proc_id id;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/" DOCKER_GUARD_PID, state);
	pid = proc_read_pid(path);
	if (!is_guard(pid, &id))
		return 0;
	if (found)
		json_pushf(found, "a guard that still ran: process %d", (int)pid);
	procs_signal(id, SIGTERM);
	while (!procs_ended(id.pid, id.start_ticks)) {
		if (clock_mono_ns() > end_ns)
			return err_set(e, ERR_BROKEN, "the guard with process %d does not end", (int)pid);
		nap(20 * NS_PER_MS);
	}
	return 0;
}
