/* pause: every process of the pod stands still, as in a long stall of its
 * virtual machine; connections stay open and silent. The kernel's freezer
 * where there is one, SIGSTOP for local processes. One that stood still already
 * is not paused by it. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "fault/fault.h"
#include "fault/journal.h"
#include "fault/target.h"

/* FROZEN has been read back by the time that inject returns. */
static void effects(const cJSON *params, struct effects *out)
{
	(void)params;
	out->what = EFFECT_SILENT;
}

static bool supported(struct node *n, const cJSON *plan, char *why, size_t size)
{
	(void)plan;
	if (n->ops->freeze && n->ops->frozen)
		return true;
	snprintf(why, size, "a %s agent freezes no pods", n->ops->name);
	return false;
}

/* Only what runs here gets into the journal: heal must never wait for more. */
static int note_pod(struct node *n, const struct journal_entry *j, const cJSON *target, cJSON *out,
		    struct err *e)
{
	const char *uid = json_str(target, "uid", "");
	int stopped, all;

	(void)j;
	if (n->ops->frozen(n, uid, &stopped, &all, e))
		return -1;
	if (!all)
		return err_set(e, ERR_BROKEN, "pod %s (%s) has no process on this node",
			       target_name(target), uid);
	json_set_bool(out, "stood_still", stopped == all);
	return 0;
}

static int inject(struct node *n, struct journal_entry *j, struct err *e)
{
	const cJSON *p;

	if (targets_note(n, j, "pods", note_pod, e))
		return -1;
	cJSON_ArrayForEach(p, json_get(j->record, "pods"))
		if (n->ops->freeze(n, json_str(p, "uid", ""), true, e))
			return err_prefix(e, "pausing pod %s", target_name(p));
	return 0;
}

static int observe(struct node *n, struct journal_entry *j, cJSON *evidence, bool *bites,
		   struct err *e)
{
	const cJSON *p;
	int stopped, all;

	*bites = true;
	cJSON_ArrayForEach(p, json_get(j->record, "pods")) {
		if (n->ops->frozen(n, json_str(p, "uid", ""), &stopped, &all, e))
			return -1;
		*bites = *bites && all && stopped == all && !json_bool(p, "stood_still", false);
		json_pushf(evidence, "pod %s: %d of %d tasks stand still%s", json_str(p, "member", ""), stopped, all,
			   json_bool(p, "stood_still", false) ? ", and did so before this fault" : "");
	}
	return 0;
}

/* A container that was restarted meanwhile is frozen as well. */
static int follow(struct node *n, struct journal_entry *j, struct err *e)
{
	const cJSON *p;
	int stopped, all;

	cJSON_ArrayForEach(p, json_get(j->record, "pods")) {
		const char *uid = json_str(p, "uid", "");

		if (n->ops->frozen(n, uid, &stopped, &all, e) ||
		    (all && stopped < all && n->ops->freeze(n, uid, true, e)))
			return -1;
	}
	return 0;
}

/* Thawed whether anything runs there or not: what is frozen without a process
 * lets none start. */
static int heal_one(struct node *n, const cJSON *pod, cJSON *evidence, struct err *e)
{
	const char *name = json_str(pod, "member", ""), *uid = json_str(pod, "uid", "");
	struct err unseen = {0};
	int before = 0, after = 0, all = 0;

	n->ops->frozen(n, uid, &before, &all, &unseen);
	if (n->ops->freeze(n, uid, false, e) || n->ops->frozen(n, uid, &after, &all, e))
		return err_prefix(e, "thawing pod %s", name);
	if (all)
		json_pushf(evidence, "pod %s: thawed; %d tasks stood still before, %d after", name, before,
			   after);
	else
		json_pushf(evidence, "pod %s: nothing of it runs on this node", name);
	return 0;
}

static int heal(struct node *n, struct journal_entry *j, cJSON *evidence, struct err *e)
{
	const cJSON *p;
	int r = 0;

	cJSON_ArrayForEach(p, json_get(j->record, "pods"))
		if (heal_one(n, p, evidence, e))
			r = -1;
	return r;
}

const struct fault_ops fault_pause = {
	.name = "pause",
	.summary = "freeze every process of a pod",
	.place = FAULT_AT_NODE,
	.lasting = true,
	.effects = effects,
	.supported = supported,
	.inject = inject,
	.observe = observe,
	.follow = follow,
	.heal = heal,
};
