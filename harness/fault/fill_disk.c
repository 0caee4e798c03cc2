/* fill-disk: the volume of the pod's claim has no room left, because a file
 * of ours takes it. Filled and freed from the node, never through the pod,
 * which may not even start on a full disk.
 *
 * to: full  to the last block, and kept so
 *     95%   until that much of the volume is used
 *
 * A volume that was as full before is none that this fault has filled.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "fault/fill.h"
#include "fault/journal.h"
#include "fault/target.h"

static const char *const PARAMS[] = {"to", NULL};

/* 1..99, 100 for "full"; 0 when the text is neither. */
static int percent_of(const char *to)
{
	char *end;
	long n;

	if (!strcmp(to, "full"))
		return 100;
	n = strtol(to, &end, 10);
	return end != to && !strcmp(end, "%") && n > 0 && n < 100 ? (int)n : 0;
}

static int check(const struct ynode *step, cJSON *params, struct err *e)
{
	const struct ynode *at = yaml_get(step, "to");
	const char *to = "full";

	if (at && yaml_to_string(at, &to, e))
		return -1;
	if (!percent_of(to))
		return yaml_error(at, e, "to: \"%s\" is neither \"full\" nor a percentage like \"95%%\"",
				  to);
	json_set_str(params, "to", to);
	return 0;
}

/* A target's volume; refused when it is no file system of its
 * own, for then the fault would fill the node. */
static int volume_of(struct node *n, const cJSON *plan, const cJSON *target,
		     struct node_volume *v, struct err *e)
{
	if (n->ops->volume(n, json_str(plan, "namespace", ""), target_name(target), v, e))
		return -1;
	if (!fill_bounded(v->path, n->state_dir))
		return err_set(e, ERR_UNSUPPORTED,
			       "the volume of pod %s is no file system of its own (%s): filling it would "
			       "fill the node", target_name(target), v->path);
	return 0;
}

static void effects(const cJSON *params, struct effects *out)
{
	(void)params;
	out->what = EFFECT_STORAGE_REFUSES;
}

static bool supported(struct node *n, const cJSON *plan, char *why, size_t size)
{
	struct node_volume v = {0};
	struct err e = {0};
	cJSON *targets;
	const cJSON *t;
	bool ok = true;

	if (!n->ops->volume || !n->ops->volume_now) {
		snprintf(why, size, "a %s agent knows no volumes", n->ops->name);
		return false;
	}
	if (targets_here(n, plan, &targets, &e))
		return true; /* inject says what is wrong */
	cJSON_ArrayForEach(t, targets) {
		if (volume_of(n, plan, t, &v, &e) && e.kind == ERR_UNSUPPORTED) {
			snprintf(why, size, "%s", e.msg);
			ok = false;
		}
	}
	cJSON_Delete(targets);
	return ok;
}

/* Notes where the volume is mounted: as long as it is on this device, it is
 * the same volume. */
static void note_place(cJSON *file, const char *dir, const char *id)
{
	char path[700];

	snprintf(path, sizeof(path), "%s/" FILL_PREFIX "%s", dir, id);
	json_set_str(file, "path", path);
	json_set_i64(file, "device", fill_device(path));
}

static int note_file(struct node *n, const struct journal_entry *j, const cJSON *target, cJSON *out,
		     struct err *e)
{
	struct node_volume v = {0};

	if (volume_of(n, j->plan, target, &v, e))
		return -1;
	json_set_str(out, "volume", v.name);
	note_place(out, v.path, j->id);
	return 0;
}

static int inject(struct node *n, struct journal_entry *j, struct err *e)
{
	int percent = percent_of(plan_param(j->plan, "to", "full"));
	const cJSON *f;

	json_set_i64(j->record, "percent", percent);
	if (targets_note(n, j, "files", note_file, e))
		return -1;
	cJSON_ArrayForEach(f, json_get(j->record, "files"))
		if (fill_to(json_str(f, "path", ""), json_i64(f, "device", 0), percent, e))
			return -1;
	return 0;
}

static bool in_place(const cJSON *file)
{
	int64_t device = json_i64(file, "device", 0);

	return device && fill_device(json_str(file, "path", "")) == device;
}

enum place { PLACE_HERE, PLACE_NOWHERE, PLACE_GONE };

/* Finds the volume where it is mounted now and notes that: a pod that was made
 * anew has it in another folder. */
static int find_volume(struct node *n, struct journal_entry *j, cJSON *file, enum place *place,
		       struct err *e)
{
	struct node_volume v = {0};
	bool gone = false;

	*place = PLACE_HERE;
	if (in_place(file))
		return 0;
	mem_copy_str(v.name, sizeof(v.name), json_str(file, "volume", ""));
	if (n->ops->volume_now(n, &v, &gone, e))
		return err_prefix(e, "looking for the volume of pod %s", json_str(file, "member", ""));
	if (gone || !v.path[0] || !fill_bounded(v.path, n->state_dir)) {
		*place = gone ? PLACE_GONE : PLACE_NOWHERE;
		return 0;
	}
	note_place(file, v.path, j->id);
	return 0;
}

static int observe(struct node *n, struct journal_entry *j, cJSON *evidence, bool *bites,
		   struct err *e)
{
	int percent = (int)json_i64(j->record, "percent", 100);
	struct fill_state s;
	enum place place;
	cJSON *f;

	*bites = true;
	cJSON_ArrayForEach(f, cJSON_GetObjectItem(j->record, "files")) {
		if (find_volume(n, j, f, &place, e))
			return -1;
		if (place != PLACE_HERE) {
			*bites = false;
			json_pushf(evidence, "volume of pod %s: %s", json_str(f, "member", ""),
				   place == PLACE_GONE ? "it is gone" : "it is not mounted on this node");
			continue;
		}
		if (fill_look(json_str(f, "path", ""), percent == 100, &s, e))
			return -1;
		json_pushf(evidence,
			   "volume of pod %s: %lld of %lld bytes free (%.1f %% used); ours is a file of "
			   "%lld bytes%s%s",
			   json_str(f, "member", ""), (long long)s.free_bytes, (long long)s.size_bytes,
			   s.used_percent, (long long)s.fill_bytes,
			   percent < 100 ? "" : s.no_room ? "; a probe's write ended in ENOSPC" :
			   "; a probe could still write",
			   s.fill_bytes ? "" : ": it was as full before");
		*bites = *bites && s.fill_bytes > 0 &&
			  (percent == 100 ? s.no_room : s.used_percent >= percent - 0.5);
	}
	return 0;
}

/* What the system frees meanwhile is taken again: full means full. While the
 * volume is mounted nowhere nobody frees anything. */
static int follow(struct node *n, struct journal_entry *j, struct err *e)
{
	int percent = (int)json_i64(j->record, "percent", 100);
	enum place place;
	cJSON *f;

	cJSON_ArrayForEach(f, cJSON_GetObjectItem(j->record, "files")) {
		if (find_volume(n, j, f, &place, e))
			return -1;
		if (place == PLACE_GONE)
			return err_set(e, ERR_BROKEN, "the volume that was filled for pod %s is gone",
				       json_str(f, "member", ""));
		if (percent == 100 && place == PLACE_HERE &&
		    fill_to(json_str(f, "path", ""), json_i64(f, "device", 0), percent, e))
			return -1;
	}
	return 0;
}

static int heal_one(struct node *n, struct journal_entry *j, cJSON *file, cJSON *evidence,
		    struct err *e)
{
	const char *name = json_str(file, "member", "");
	enum place place;
	int64_t size;

	if (find_volume(n, j, file, &place, e))
		return -1;
	if (place == PLACE_GONE) {
		json_pushf(evidence, "volume of pod %s: it is gone, and our file with it", name);
		return 0;
	}
	if (place == PLACE_NOWHERE)
		return err_set(e, ERR_BROKEN, "the volume %s of pod %s is not mounted on this node now, and "
			       "our file is still in it", json_str(file, "volume", "?"), name);
	if (fill_remove(json_str(file, "path", ""), json_i64(file, "device", 0), &size, e))
		return -1;
	if (size >= 0)
		json_pushf(evidence, "volume of pod %s: %lld bytes given back", name, (long long)size);
	else
		json_pushf(evidence, "volume of pod %s: no file of ours there", name);
	return 0;
}

/* Done only once the file is gone, or the volume is. */
static int heal(struct node *n, struct journal_entry *j, cJSON *evidence, struct err *e)
{
	cJSON *f;
	int r = 0;

	cJSON_ArrayForEach(f, cJSON_GetObjectItem(j->record, "files"))
		if (heal_one(n, j, f, evidence, e))
			r = -1;
	return r;
}

const struct fault_ops fault_fill_disk = {
	.name = "fill-disk",
	.summary = "fill the volume of a pod's claim, to the last block or to a percentage",
	.place = FAULT_AT_NODE,
	.lasting = true,
	.params = PARAMS,
	.check = check,
	.effects = effects,
	.supported = supported,
	.inject = inject,
	.observe = observe,
	.follow = follow,
	.heal = heal,
};
