#ifndef ORDEAL_BASE_PROCS_H
#define ORDEAL_BASE_PROCS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Processes as /proc shows them. A PID alone names nobody for long, so
 * whoever is remembered is remembered with its start time. */

struct proc_stat {
	pid_t pid, ppid;
	char comm[64];
	char state;
	uint64_t start_ticks; /* since boot (proc(5), stat field 22) */
};

/* Zeroed, it is empty. */
struct pid_list {
	pid_t *pids; /* heap */
	size_t n, alloc;
};

void pid_list_add(struct pid_list *l, pid_t pid);
void pid_list_free(struct pid_list *l);

/* 0, or -1 when there is no such process (any more). */
int procs_stat(pid_t pid, struct proc_stat *out);

/* The PID that the process has in its innermost PID namespace (NSpid of
 * /proc/PID/status); 0 when unknown. */
pid_t procs_inner_pid(pid_t pid);

/* The inode of its PID namespace; 0 when unknown. */
uint64_t procs_pid_ns(pid_t pid);

/* True while this very process exists and is no zombie. */
bool procs_same(pid_t pid, uint64_t start_ticks);

/* All processes below `root`, itself included and first. */
void procs_tree(pid_t root, struct pid_list *out);

/* Calls fn for every process. */
void procs_each(void (*fn)(void *arg, pid_t pid), void *arg);

/* Threads of a process, and how many of them are stopped or in the
 * uninterruptible state in which the freezer holds them. */
void procs_count_stopped(pid_t pid, int *stopped, int *all);

/* [pid, start] pairs for a record, and how many of them still run. */
cJSON *procs_remember(const struct pid_list *l);
int procs_still_there(const cJSON *remembered);

#endif
