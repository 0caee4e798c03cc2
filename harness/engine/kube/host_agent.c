#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/procs.h"
#include "engine/agents.h"
#include "engine/kube/kube.h"

/* A stopped node takes seconds to start again, which healing may have to do. */
#define END_WITHIN_NS (60 * NS_PER_S)
#define DEAD_MAN "15"

static void nap(void)
{
	clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
}

/* Is this process a host agent of ours? Numbers of processes are reused: what
 * was looked at is named by `id`. */
static bool is_host_agent(pid_t pid, struct proc_id *id)
{
	struct proc_stat s;
	struct buf b = {0};
	bool yes;

	if (procs_stat(pid, &s))
		return false;
	*id = proc_id_of(&s);
	proc_cmdline(pid, &b);
	yes = b.s && memmem(b.s, b.len, "node-agent", 11) && memmem(b.s, b.len, "host-agent", 10);
	buf_free(&b);
	return yes;
}

/* Ends one by SIGTERM, on which it heals, and waits for that. */
static int end_agent(struct proc_id id, struct err *e)
{
	int64_t end = clock_mono_ns() + END_WITHIN_NS;

	if (procs_signal(id, SIGTERM) && errno == ESRCH)
		return 0;
	while (!procs_ended(id.pid, id.start_ticks)) {
		if (clock_mono_ns() > end)
			return err_set(e, ERR_BROKEN,
				       "the agent beside the driver (process %d) does not end; what "
				       "its journal holds may not be healed",
				       (int)id.pid);
		nap();
	}
	return 0;
}

static int start(struct kube *k, const char *dir, const char *log, struct err *e)
{
	char self[PATH_MAX];
	const char *argv[] = {self, "node-agent", "--mode", "host", "--state", dir, "--listen",
			      "127.0.0.1:0", "--dead-man", DEAD_MAN, NULL};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct arena a = {0};
	int r;

	if (n < 0)
		return err_set(e, ERR_BROKEN, "cannot find the running binary: %s", strerror(errno));
	self[n] = '\0';
	unlink(log);
	r = proc_start_env(argv, agents_env(&a, &k->base.conf, "host", NULL), log, &k->host_pid, e);
	arena_free(&a);
	return r;
}

int host_agent_up(struct kube *k, struct err *e)
{
	char dir[PATH_MAX + 20], log[PATH_MAX + 40], pidfile[PATH_MAX + 40], addr[64], num[16];
	struct proc_id id;
	pid_t left;

	snprintf(dir, sizeof(dir), "%s/host-agent", k->cache);
	snprintf(log, sizeof(log), "%s/log", dir);
	snprintf(pidfile, sizeof(pidfile), "%s/pid", dir);
	if (file_private_dir(dir, e))
		return -1;
	left = proc_read_pid(pidfile);
	if (is_host_agent(left, &id)) {
		log_info("ending the agent that an earlier run left beside the driver");
		if (end_agent(id, e))
			return -1;
	}
	if (start(k, dir, log, e))
		return -1;
	snprintf(num, sizeof(num), "%d\n", (int)k->host_pid);
	if (file_write_atomic(pidfile, num, strlen(num), e) ||
	    agents_await("agent beside the driver", log, k->host_pid, addr, sizeof(addr), e))
		return -1;
	kube_client_free(k->host);
	kube_conf_free(&k->host_conf);
	k->host_conf.server = mem_fmt("http://%s", addr);
	return kube_client_new(&k->host_conf, k->base.conf.interrupted, &k->host, e);
}

int host_agent_down(struct kube *k, struct err *e)
{
	char pidfile[PATH_MAX + 40];
	struct proc_stat s;
	int r = 0;

	kube_client_free(k->host);
	k->host = NULL;
	kube_conf_free(&k->host_conf);
	if (k->host_pid <= 0)
		return 0;
	/* Our own child: its number is nobody else's before it is reaped. */
	if (procs_stat(k->host_pid, &s) == 0)
		r = end_agent(proc_id_of(&s), e);
	else if (errno != ESRCH)
		r = err_set(e, ERR_BROKEN, "cannot see process %d: %s", (int)k->host_pid, strerror(errno));
	/* One that does not end is left to heal: never killed. */
	if (!r) {
		proc_stop(k->host_pid, NS_PER_S); /* reaps */
		snprintf(pidfile, sizeof(pidfile), "%s/host-agent/pid", k->cache);
		unlink(pidfile);
	}
	k->host_pid = 0;
	return r;
}
