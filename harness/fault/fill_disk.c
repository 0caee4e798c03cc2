/* fill-disk: the volume of the pod's claim has no room left, because a file
 * of ours takes it. Filled and freed from the node, never through the pod,
 * which may not even start on a full disk.
 *
 * to: full  to the last block, and kept so
 *     95%   until that much of the volume is used
 *
 * A volume that was as full before is none that this fault has filled.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
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

/* The folder of a target's volume; refused when it is no file system of its
 * own, for then the fault would fill the node. */
static int volume_of(struct node *n, const cJSON *plan, const cJSON *target, char *dir, size_t size,
		     struct err *e)
{
	if (n->ops->volume(n, json_str(plan, "namespace", ""), target_name(target), dir, size, e))
		return -1;
	if (!fill_bounded(dir, n->state_dir))
		return err_set(e, ERR_UNSUPPORTED,
			       "the volume of pod %s is no file system of its own (%s): filling it would "
			       "fill the node", target_name(target), dir);
	return 0;
}

static void effects(const cJSON *params, struct effects *out)
{
	(void)params;
	out->what = EFFECT_STORAGE_REFUSES;
}

static bool supported(struct node *n, const cJSON *plan, char *why, size_t size)
{
	char path[512];
	struct err e = {0};
	cJSON *targets;
	const cJSON *t;
	bool ok = true;

	if (!n->ops->volume) {
		snprintf(why, size, "a %s agent knows no volumes", n->ops->name);
		return false;
	}
	if (targets_here(n, plan, &targets, &e))
		return true; /* inject says what is wrong */
	cJSON_ArrayForEach(t, targets) {
		if (volume_of(n, plan, t, path, sizeof(path), &e) && e.kind == ERR_UNSUPPORTED) {
			snprintf(why, size, "%s", e.msg);
			ok = false;
		}
	}
	cJSON_Delete(targets);
	return ok;
}

static int inject(struct node *n, struct journal_entry *j, struct err *e)
{
	int percent = percent_of(plan_param(j->plan, "to", "full"));
	cJSON *targets, *files = cJSON_AddArrayToObject(j->record, "files");
	char dir[512], path[700];
	const cJSON *t;
	cJSON *f;
	int r = 0;

	if (targets_here(n, j->plan, &targets, e))
		return -1;
	cJSON_ArrayForEach(t, targets) {
		r = volume_of(n, j->plan, t, dir, sizeof(dir), e);
		if (r)
			break;
		snprintf(path, sizeof(path), "%s/" FILL_PREFIX "%s", dir, j->id);
		f = cJSON_CreateObject();
		json_set_str(f, "member", target_name(t));
		json_set_str(f, "path", path);
		json_push(files, f);
	}
	cJSON_Delete(targets);
	json_set_i64(j->record, "percent", percent);
	if (r || journal_write(j, e))
		return -1;
	j->injected_ns = clock_mono_ns();
	cJSON_ArrayForEach(f, files)
		if (fill_to(json_str(f, "path", ""), percent, e))
			return -1;
	return 0;
}

static int observe(struct node *n, struct journal_entry *j, cJSON *evidence, bool *bites,
		   struct err *e)
{
	int percent = (int)json_i64(j->record, "percent", 100);
	struct fill_state s;
	const cJSON *f;

	(void)n;
	*bites = true;
	cJSON_ArrayForEach(f, json_get(j->record, "files")) {
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

/* What the system frees meanwhile is taken again: full means full. */
static int follow(struct node *n, struct journal_entry *j, struct err *e)
{
	int percent = (int)json_i64(j->record, "percent", 100);
	const cJSON *f;

	(void)n;
	cJSON_ArrayForEach(f, json_get(j->record, "files"))
		if (percent == 100 && fill_to(json_str(f, "path", ""), percent, e))
			return -1;
	return 0;
}

static int heal(struct node *n, struct journal_entry *j, cJSON *evidence, struct err *e)
{
	const cJSON *f;
	int r = 0;

	(void)n;
	cJSON_ArrayForEach(f, json_get(j->record, "files")) {
		const char *path = json_str(f, "path", ""), *name = json_str(f, "member", "");
		long long size = 0;
		struct stat st;

		if (stat(path, &st) == 0)
			size = st.st_size;
		if (unlink(path) == 0) {
			json_pushf(evidence, "volume of pod %s: %lld bytes given back", name, size);
		} else if (errno == ENOENT || errno == ENOTDIR) {
			json_pushf(evidence, "volume of pod %s: no file of ours there", name);
		} else {
			r = err_set(e, ERR_BROKEN, "cannot remove %s: %s", path, strerror(errno));
		}
	}
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
