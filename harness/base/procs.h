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

struct proc_id {
	pid_t pid;
	uint64_t start_ticks;
};

/* Zeroed, it is empty. */
struct pid_list {
	struct proc_id *v; /* heap */
	size_t n, alloc;
};

void pid_list_add(struct pid_list *l, struct proc_id id);
static inline struct proc_id proc_id_of(const struct proc_stat *s)
{
	return (struct proc_id){s->pid, s->start_ticks};
}
void pid_list_free(struct pid_list *l);

/* 0, or -1 with errno; ESRCH: there is no such process (any more). */
int procs_stat(pid_t pid, struct proc_stat *out);

/* The PID that the process has in its innermost PID namespace (NSpid of
 * /proc/PID/status); 0 when unknown. */
pid_t procs_inner_pid(pid_t pid);

/* The inode of its PID namespace; 0 when unknown. */
uint64_t procs_pid_ns(pid_t pid);

/* True while this very process exists and is no zombie. */
bool procs_same(pid_t pid, uint64_t start_ticks);

/* True when this very process is known to have ended: that it cannot be seen is
 * not enough. */
bool procs_ended(pid_t pid, uint64_t start_ticks);

/* Sends a signal to this very process and no other; -1 with errno, ESRCH when it
 * has ended. */
int procs_signal(struct proc_id id, int sig);

/* All processes below `root`, itself included and first; none when it has ended.
 * -1 with errno when they cannot be seen. */
int procs_tree(struct proc_id root, struct pid_list *out);

/* Calls fn for every process. -1 with errno when not all can be seen. */
int procs_each(void (*fn)(void *arg, const struct proc_stat *s), void *arg);

/* Adds the threads of a process, and how many of them are stopped or in the
 * uninterruptible state in which the v1 freezer holds them. -1 with errno when
 * they cannot be seen. */
int procs_count_stopped(pid_t pid, int *stopped, int *all);

/* [pid, start] pairs for a record, and how many of them are not known to have ended. */
cJSON *procs_remember(const struct pid_list *l);
int procs_still_there(const cJSON *remembered);

#endif
