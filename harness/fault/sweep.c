#include "fault/sweep.h"

#include <signal.h>

#include "base/clock.h"
#include "base/procs.h"

#define SWEEP_NS (500 * NS_PER_MS)

static bool listed(const struct pid_list *l, struct proc_id id)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].pid == id.pid && l->v[i].start_ticks == id.start_ticks)
			return true;
	return false;
}

/* Again until nothing runs: a process may fork between being listed and being
 * killed. */
int pod_sweep(struct node *n, const char *uid, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + SWEEP_NS;
	struct pid_list pids = {0}, hit = {0};
	int left, killed = -1;

	do {
		left = 0;
		pid_list_free(&pids);
		if (n->ops->pids(n, uid, true, &pids, e))
			goto out;
		for (size_t i = 0; i < pids.n; i++) {
			if (procs_ended(pids.v[i].pid, pids.v[i].start_ticks))
				continue;
			left++;
			if (procs_signal(pids.v[i], SIGKILL) == 0 && !listed(&hit, pids.v[i]))
				pid_list_add(&hit, pids.v[i]);
		}
		if (left)
			clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	} while (left && clock_mono_ns() < end_ns);
	killed = (int)hit.n;
out:
	pid_list_free(&pids);
	pid_list_free(&hit);
	return killed;
}
