/* stall: the first process of a pod stands still (SIGSTOP) until it is told to
 * go on. The others of its pod are left alone.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "fault/fault.h"
#include "fault/target.h"

/* Required. What it does to its targets, in the words of history/effects.h:
 * systems' predictions and reports know a fault by nothing else. */
static void effects(const cJSON *params, struct effects *out)
{
	(void)params;
	out->what = EFFECT_SILENT;
}

/* Optional. In the agent: can this be done here at all? "No" makes the scenario
 * SKIP, with this reason. What may work and fails is no matter for it. */
static bool supported(struct node *n, const cJSON *plan, char *why, size_t size)
{
	(void)plan;
	if (n->ops->pids)
		return true;
	snprintf(why, size, "a %s agent sees no processes", n->ops->name);
	return false;
}

/* What heal will need of a target: found out, and in the journal, before the
 * first change. From then on nothing that happens to this process leaves the
 * change behind. */
static int note(struct node *n, const struct journal_entry *j, const cJSON *target, cJSON *out,
		struct err *e)
{
	struct pid_list pids = {0};

	(void)j;
	if (n->ops->pids(n, json_str(target, "uid", ""), false, &pids, e))
		return -1;
	if (!pids.n)
		return err_set(e, ERR_BROKEN, "pod %s has no process here", target_name(target));
	json_set_i64(out, "pid", pids.v[0].pid);
	json_set_i64(out, "start", (int64_t)pids.v[0].start_ticks);
	pid_list_free(&pids);
	return 0;
}

static struct proc_id proc(const cJSON *t)
{
	return (struct proc_id){(pid_t)json_i64(t, "pid", 0), (uint64_t)json_i64(t, "start", 0)};
}

/* Required. In the agent. */
static int inject(struct node *n, struct journal_entry *j, struct err *e)
{
	const cJSON *t;

	if (targets_note(n, j, "procs", note, e))
		return -1;
	cJSON_ArrayForEach(t, json_get(j->record, "procs"))
		if (procs_signal(proc(t), SIGSTOP))
			return err_set(e, ERR_BROKEN, "cannot stop %s: %s", target_name(t), strerror(errno));
	return 0;
}

/* Required. Evidence, not belief: look at the world, not at what inject
 * returned. Plain sentences with figures. A fault that never bites makes the
 * run BROKEN. */
static int observe(struct node *n, struct journal_entry *j, cJSON *evidence, bool *bites,
		   struct err *e)
{
	struct proc_stat s;
	const cJSON *t;

	(void)n, (void)e;
	*bites = true;
	cJSON_ArrayForEach(t, json_get(j->record, "procs")) {
		bool still = procs_stat(proc(t).pid, &s) == 0 && s.state == 'T';

		json_pushf(evidence, "pod %s: its first process %s", target_name(t), still ? "stands still" : "runs");
		*bites = *bites && still;
	}
	return 0;
}

/* Required. From the record alone: this may be another process than the one
 * that injected, inject may have died half-way, and heal may have run before.
 * What is not there any more is no error. */
static int heal(struct node *n, struct journal_entry *j, cJSON *evidence, struct err *e)
{
	const cJSON *t;

	(void)n;
	cJSON_ArrayForEach(t, json_get(j->record, "procs")) {
		bool there = procs_signal(proc(t), SIGCONT) == 0;

		if (!there && errno != ESRCH)
			return err_set(e, ERR_BROKEN, "cannot wake %s: %s", target_name(t), strerror(errno));
		json_pushf(evidence, "pod %s: its first process %s", target_name(t), there ? "goes on" : "is gone");
	}
	return 0;
}

const struct fault_ops fault_stall = {
	.name = "stall",
	.summary = "stop a pod's first process until it is healed",
	.place = FAULT_AT_NODE,
	.lasting = true,
	.effects = effects,
	.supported = supported,
	.inject = inject,
	.observe = observe,
	.heal = heal,
};
