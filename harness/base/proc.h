#ifndef ORDEAL_BASE_PROC_H
#define ORDEAL_BASE_PROC_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Child processes, by posix_spawn (PATH is searched). */

struct proc_result {
	int exit_code; /* 128 + signal when it was killed */
	struct buf out, err; /* what it printed, each capped at 16 MiB */
};

/* Runs argv (NULL-terminated) with `input` on its standard input (NULL:
 * /dev/null) and waits, at most timeout_ns; past that it is killed and an
 * error is set. Returns 0 when it ran to an end, whatever its exit code. */
int proc_run(const char *const argv[], const char *input, int64_t timeout_ns,
	     struct proc_result *res, struct err *e);
void proc_result_free(struct proc_result *res);

/* As proc_run, and an exit code other than 0 is an error that quotes the
 * end of what it wrote to standard error. `out` may be NULL. */
int proc_must(const char *const argv[], const char *input, int64_t timeout_ns,
	      struct buf *out, struct err *e);

/* Runs argv with this process's own standard streams and waits; returns
 * its exit code, or -1 with an error. */
int proc_foreground(const char *const argv[], struct err *e);

/* Starts argv in the background, in a session of its own, standard output
 * and error to `log_path` (NULL: inherited). Sets *pid. */
int proc_start(const char *const argv[], const char *log_path, pid_t *pid, struct err *e);

/* The same with an environment of its own, NULL-terminated (NULL: ours). */
int proc_start_env(const char *const argv[], const char *const env[], const char *log_path,
		   pid_t *pid, struct err *e);

/* Ends a process that proc_start() began: SIGTERM, after grace_ns SIGKILL;
 * reaps it. Nothing happens for pid <= 0. */
void proc_stop(pid_t pid, int64_t grace_ns);

/* Its words, each with a NUL at its end; nothing when it is gone. */
void proc_cmdline(pid_t pid, struct buf *out);

/* The number in a pid file; 0: there is none. */
pid_t proc_read_pid(const char *path);

/* Blocks what ends a process that serves (SIGTERM, SIGINT, and SIGHUP unless it
 * is ignored, as under nohup) in this thread and those it starts, and fills `set` for
 * sigtimedwait(). */
void proc_block_ends(sigset_t *set);

/* True while the process exists and is no zombie. */
bool proc_alive(pid_t pid);

#endif
