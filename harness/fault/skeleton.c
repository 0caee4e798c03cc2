/* skeleton: the example to copy when you add a fault: to fault/<name>.c. It leaves
 * a note for each target in the agent's state folder and takes it away again,
 * which harms nobody; the tests compile and run it, so that it never goes stale.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "fault/fault.h"
#include "fault/target.h"

/* Required. What it does to its targets, in the words of history/effects.h:
 * systems' predictions and reports know a fault by nothing else. */
static void effects(const cJSON *params, struct effects *out)
{
	(void)params;
	out->what = 0; /* nobody notices */
}

/* Optional. In the agent: can this be done here at all? "No" makes the scenario
 * SKIP, with this reason. What may work and fails is no matter for it. */
static bool supported(struct node *n, const cJSON *plan, char *why, size_t size)
{
	(void)plan;
	if (n->state_dir[0])
		return true;
	snprintf(why, size, "a %s agent has no state folder", n->ops->name);
	return false;
}

/* What heal will need of a target: found out, and in the journal, before the
 * first change. From then on nothing that happens to this process leaves the
 * change behind. */
static int note(struct node *n, const struct journal_entry *j, const cJSON *target, cJSON *out,
		struct err *e)
{
	char path[400];

	(void)e;
	snprintf(path, sizeof(path), "%s/note-%s-%s", n->state_dir, j->id, target_name(target));
	json_set_str(out, "path", path);
	return 0;
}

/* Required. In the agent. */
static int inject(struct node *n, struct journal_entry *j, struct err *e)
{
	const cJSON *t;

	if (targets_note(n, j, "notes", note, e))
		return -1;
	cJSON_ArrayForEach(t, json_get(j->record, "notes"))
		if (file_write_atomic(json_str(t, "path", ""), "note", 4, e))
			return -1;
	return 0;
}

/* Required. Evidence, not belief: look at the world, not at what inject
 * returned. Plain sentences with figures. A fault that never bites makes the
 * run BROKEN. */
static int observe(struct node *n, struct journal_entry *j, cJSON *evidence, bool *bites,
		   struct err *e)
{
	const cJSON *t;

	(void)n, (void)e;
	*bites = true;
	cJSON_ArrayForEach(t, json_get(j->record, "notes")) {
		bool there = file_exists(json_str(t, "path", ""));

		json_pushf(evidence, "pod %s: its note %s", target_name(t), there ? "is there" : "is missing");
		*bites = *bites && there;
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
	cJSON_ArrayForEach(t, json_get(j->record, "notes")) {
		bool there = unlink(json_str(t, "path", "")) == 0;

		if (!there && errno != ENOENT)
			return err_set(e, ERR_BROKEN, "cannot remove the note of %s: %s", target_name(t), strerror(errno));
		json_pushf(evidence, "pod %s: its note %s", target_name(t), there ? "is taken away" : "is gone");
	}
	return 0;
}

/* Optional, and not here: parameters of a step, with check() (kill_process.c has
 * both); follow(), for what has to move with a restarted pod (pause.c). A fault
 * of whole nodes is FAULT_AT_HOST; a kill is not lasting. */
const struct fault_ops fault_skeleton = {
	.name = "skeleton",
	.summary = "leave a note and take it away again",
	.place = FAULT_AT_NODE,
	.lasting = true,
	.effects = effects,
	.supported = supported,
	.inject = inject,
	.observe = observe,
	.heal = heal,
};
