/* skeleton: the example to copy when you add a fault. It leaves a note in the
 * agent's state folder and takes it away again, which harms nobody; the tests
 * compile and run it, so that it never goes stale.
 *
 * To add a fault: copy this file to fault/<name>.c, rename `fault_skeleton`,
 * add one line to fault/list.h, and a scenario that uses it. The tests loop
 * over the list.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "fault/fault.h"
#include "fault/journal.h"
#include "fault/target.h"

/* The keys that a step may have besides fault, target, as and for. */
static const char *const PARAMS[] = {"note", NULL};
static const char *const NOTES[] = {"short", "long", NULL};

extern const struct fault_ops fault_skeleton; /* a listed fault needs no such line */

/* In the driver, before anything is touched: the step's own keys become the
 * plan's params, with defaults. Errors point into the user's file. */
static int check(const struct ynode *step, cJSON *params, struct err *e)
{
	return param_word(step, "note", NOTES, "short", params, e);
}

/* What it does to its targets, in the words of history/effects.h: systems'
 * predictions and reports know a fault by nothing else. */
static void effects(const cJSON *params, struct effects *out)
{
	(void)params;
	out->what = 0; /* nobody notices */
}

/* In the agent: can this be done here at all? "No" makes the scenario SKIP,
 * with this reason. What may work and fails is no matter for this function. */
static bool supported(struct node *n, const cJSON *plan, char *why, size_t size)
{
	(void)plan;
	if (n->state_dir[0])
		return true;
	snprintf(why, size, "a %s agent has no state folder", n->ops->name);
	return false;
}

/* In the agent. First find out everything that heal will need, put it into
 * j->record and call journal_write(): from then on nothing that happens to
 * this process leaves the change behind. Then note the time, then change. */
static int inject(struct node *n, struct journal_entry *j, struct err *e)
{
	const char *text = plan_param(j->plan, "note", "short");
	char path[400];

	snprintf(path, sizeof(path), "%s/note-%s", n->state_dir, j->id);
	json_set_str(j->record, "path", path);
	if (journal_write(j, e))
		return -1;
	j->injected_ns = clock_mono_ns();
	return file_write_atomic(path, text, strlen(text), e);
}

/* Evidence, not belief: look at the world, not at what inject returned. Plain
 * sentences with figures. A fault that never bites makes the run BROKEN. */
static int observe(struct node *n, struct journal_entry *j, cJSON *evidence, bool *bites,
		   struct err *e)
{
	const char *path = json_str(j->record, "path", "");

	(void)n;
	(void)e;
	*bites = file_exists(path);
	json_pushf(evidence, "%s %s", path, *bites ? "is there" : "is missing");
	return 0;
}

/* From the record alone: this may be another process than the one that
 * injected, inject may have died half-way, and heal may have run before.
 * What is not there any more is no error. */
static int heal(struct node *n, struct journal_entry *j, cJSON *evidence, struct err *e)
{
	const char *path = json_str(j->record, "path", "");

	(void)n;
	if (path[0] && unlink(path) == 0)
		json_pushf(evidence, "%s removed", path);
	else if (path[0] && errno != ENOENT)
		return err_set(e, ERR_BROKEN, "cannot remove %s: %s", path, strerror(errno));
	return 0;
}

const struct fault_ops fault_skeleton = {
	.name = "skeleton",
	.summary = "leave a note and take it away again",
	.place = FAULT_AT_NODE, /* or FAULT_AT_HOST for whole nodes */
	.lasting = true,        /* stays until healed */
	.params = PARAMS,
	.check = check,
	.effects = effects,
	.supported = supported,
	.inject = inject,
	.observe = observe,
	.follow = NULL,         /* nothing here moves with a restarted pod */
	.heal = heal,
};
