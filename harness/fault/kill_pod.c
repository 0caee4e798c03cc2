/* kill-pod: the pod goes, and its controller makes a new one.
 *
 * how: graceful  deleted with the manifest's own grace
 *      force     deleted with grace 0: the kubelet still sends SIGTERM and
 *                waits about two seconds before SIGKILL, so a clean program
 *                has time to give up its lease
 *      crash     every process of the pod, its sandbox included, gets
 *                SIGKILL in one sweep from the node; then the pod is
 *                deleted, so that it does not come back in place
 *
 * One that had been told to end is not told so by "graceful".
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "fault/fault.h"
#include "fault/journal.h"
#include "base/procs.h"
#include "fault/sweep.h"
#include "fault/target.h"

static const char *const PARAMS[] = {"how", NULL};
static const char *const HOWS[] = {"graceful", "force", "crash", NULL};

static int check(const struct ynode *step, cJSON *params, struct err *e)
{
	return param_word(step, "how", HOWS, "crash", params, e);
}

static void effects(const cJSON *params, struct effects *out)
{
	const char *how = json_str(params, "how", "crash");

	out->what = EFFECT_POD_RECREATED | EFFECT_NEW_ADDRESS;
	out->notice = !strcmp(how, "graceful") ? NOTICE_FULL : !strcmp(how, "force") ? NOTICE_SHORT : NOTICE_NONE;
}

static bool supported(struct node *n, const cJSON *plan, char *why, size_t size)
{
	(void)plan;
	if (n->ops->pids && n->ops->pod_uid && n->ops->pod_delete)
		return true;
	snprintf(why, size, "a %s agent deletes no pods", n->ops->name);
	return false;
}

/* Remembers who runs in the pod now. */
static int remember(struct node *n, const struct journal_entry *j, const cJSON *target, cJSON *out,
		    struct err *e)
{
	const char *ns = json_str(j->plan, "namespace", ""), *uid = json_str(target, "uid", "");
	struct pid_list pids = {0};
	bool deleting = false;
	char now[64];

	if (n->ops->pod_uid(n, ns, target_name(target), now, &deleting, e) ||
	    n->ops->pids(n, uid, true, &pids, e))
		return -1;
	if (!pids.n)
		return err_set(e, ERR_BROKEN, "pod %s (%s) has no process on this node",
			       target_name(target), uid);
	json_set_bool(out, "ending", deleting);
	json_set(out, "procs", procs_remember(&pids));
	pid_list_free(&pids);
	return 0;
}

static int kill_one(struct node *n, struct journal_entry *j, cJSON *pod, struct err *e)
{
	const char *how = plan_param(j->plan, "how", "crash"), *uid = json_str(pod, "uid", "");
	int killed;

	if (!strcmp(how, "crash")) {
		killed = pod_sweep(n, uid, e);
		if (killed < 0)
			return -1;
		json_set_i64(pod, "killed", killed);
		json_set_i64(pod, "done_ns", clock_mono_ns());
	}
	if (n->ops->pod_delete(n, json_str(j->plan, "namespace", ""), json_str(pod, "member", ""),
			       uid, strcmp(how, "graceful") ? 0 : -1, e))
		return -1;
	if (!json_get(pod, "done_ns"))
		json_set_i64(pod, "done_ns", clock_mono_ns());
	j->effective_ns = json_i64(pod, "done_ns", 0);
	return 0;
}

static int inject(struct node *n, struct journal_entry *j, struct err *e)
{
	cJSON *pod;

	if (targets_note(n, j, "pods", remember, e))
		return -1;
	cJSON_ArrayForEach(pod, json_get(j->record, "pods"))
		if (kill_one(n, j, pod, e))
			return -1;
	return 0;
}

/* Crash: nobody of before is left and the pod is another one. Otherwise: the
 * pod has been told to end, or already is another one. */
static int observe(struct node *n, struct journal_entry *j, cJSON *evidence, bool *bites,
		   struct err *e)
{
	const char *how = plan_param(j->plan, "how", "crash");
	bool crash = !strcmp(how, "crash"), deleting = false;
	const cJSON *pod;
	char now[64];

	*bites = true;
	cJSON_ArrayForEach(pod, json_get(j->record, "pods")) {
		const char *name = json_str(pod, "member", ""), *uid = json_str(pod, "uid", "");
		int all = cJSON_GetArraySize(json_get(pod, "procs"));
		int left = procs_still_there(json_get(pod, "procs"));
		bool gone;

		if (n->ops->pod_uid(n, json_str(j->plan, "namespace", ""), name, now, &deleting, e))
			return -1;
		gone = strcmp(now, uid) != 0;
		if (crash)
			*bites = *bites && !left && gone;
		else
			*bites = *bites && (gone || deleting) && (strcmp(how, "graceful") || !json_bool(pod, "ending", false));
		if (crash)
			json_pushf(evidence, "pod %s: SIGKILL reached %d processes", name,
				   (int)json_i64(pod, "killed", 0));
		json_pushf(evidence, "pod %s: %d of its %d processes still run", name, left, all);
		if (!now[0])
			json_pushf(evidence, "pod %s (UID %s) is gone", name, uid);
		else if (gone)
			json_pushf(evidence, "pod %s is another one: UID %s, before %s", name, now, uid);
		else
			json_pushf(evidence, "pod %s (UID %s) is still there%s", name, uid,
				   !deleting ? "" : json_bool(pod, "ending", false) ? ", told to end before this fault" :
				   ", told to end");
	}
	return 0;
}

static int heal(struct node *n, struct journal_entry *j, cJSON *evidence, struct err *e)
{
	(void)n;
	(void)e;
	return heal_nothing(json_get(j->record, "pods"), "its controller replaces it", evidence);
}

const struct fault_ops fault_kill_pod = {
	.name = "kill-pod",
	.summary = "delete a pod gracefully, by force, or kill all its processes at once",
	.place = FAULT_AT_NODE,
	.params = PARAMS,
	.check = check,
	.effects = effects,
	.supported = supported,
	.inject = inject,
	.observe = observe,
	.heal = heal,
};
