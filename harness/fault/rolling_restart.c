/* rolling-restart: as `kubectl rollout restart` does it. The template of the
 * targets' StatefulSet gets an annotation with the time, and the set's controller
 * replaces its pods from the highest number down, each with its own grace and
 * only once the one before is ready again. How far it goes its updateStrategy
 * says: OnDelete nowhere, RollingUpdate down to its partition. Where the targets are
 * of several sets, one is restarted after the other. It is over when the last pod
 * is ready.
 *
 * within: how long that may take
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "fault/fault.h"
#include "fault/target.h"

#define WITHIN_NS (300 * NS_PER_S)

static const char *const PARAMS[] = {"within", NULL};

static int check(const struct ynode *step, cJSON *params, struct err *e)
{
	const struct ynode *at = yaml_get(step, "within"), *target = yaml_get(step, "target");
	int64_t within_ns = WITHIN_NS;
	const char *word;

	if (at && yaml_to_duration_ns(at, &within_ns, e))
		return -1;
	if (within_ns < NS_PER_S)
		return yaml_error(at, e, "within: no pod is made anew in less than a second");
	if (target && yaml_to_string(target, &word, e))
		return -1;
	if (target && strcmp(word, "all"))
		return yaml_error(target, e, "a controller restarts all pods of a set: write target: all");
	json_set_i64(params, "within_ms", within_ns / NS_PER_MS);
	return 0;
}

static int64_t takes(const cJSON *params)
{
	return json_i64(params, "within_ms", WITHIN_NS / NS_PER_MS) * NS_PER_MS;
}

static void effects(const cJSON *params, struct effects *out)
{
	(void)params;
	out->what = EFFECT_POD_RECREATED | EFFECT_NEW_ADDRESS;
	out->notice = NOTICE_FULL;
	out->one_by_one = out->told_at_once = true;
}

static bool supported(struct node *n, const cJSON *plan, char *why, size_t size)
{
	(void)plan;
	if (n->ops->pod_look && n->ops->set_of && n->ops->set_restart)
		return true;
	snprintf(why, size, "a %s agent knows no controller that replaces pods", n->ops->name);
	return false;
}

static const char *ns_of(const struct journal_entry *j)
{
	return json_str(j->plan, "namespace", "");
}

/* Notes the set of a pod in `sets`, once; *name, its name, is borrowed from there. */
static int note_set(struct node *n, const struct journal_entry *j, const char *pod, cJSON *sets,
		    const char **name, struct err *e)
{
	struct node_set set;
	cJSON *o;

	if (n->ops->set_of(n, ns_of(j), pod, &set, e))
		return -1;
	if (!set.name[0])
		return err_set(e, ERR_UNSUPPORTED, "pod %s is of no StatefulSet, so that no controller restarts it in order",
			       pod);
	cJSON_ArrayForEach(o, sets)
		if (!strcmp(json_str(o, "name", ""), set.name)) {
			*name = json_str(o, "name", "");
			return 0;
		}
	o = cJSON_CreateObject();
	json_set_str(o, "name", set.name);
	json_set_str(o, "uid", set.uid);
	json_set_bool(o, "rolling", set.rolling);
	json_set_i64(o, "partition", set.partition);
	json_push(sets, o);
	*name = json_str(o, "name", "");
	return 0;
}

/* NAME-3 is number 3 of NAME. */
static int64_t number_of(const char *pod)
{
	const char *hyphen = strrchr(pod, '-');

	return hyphen ? strtoll(hyphen + 1, NULL, 10) : 0;
}

static int place_of(const cJSON *sets, const cJSON *pod)
{
	const cJSON *set;
	int i = 0;

	cJSON_ArrayForEach(set, sets) {
		if (!strcmp(json_str(set, "name", ""), json_str(pod, "set", "")))
			break;
		i++;
	}
	return i;
}

/* In the order in which their turn comes. */
static void add_pod(const cJSON *sets, cJSON *pods, cJSON *pod)
{
	int at = 0, set = place_of(sets, pod);
	const cJSON *p;

	cJSON_ArrayForEach(p, pods) {
		int other = place_of(sets, p);

		if (other > set ||
		    (other == set && number_of(target_name(p)) < number_of(target_name(pod))))
			break;
		at++;
	}
	json_insert(pods, at, pod);
}

static const cJSON *set_of(const struct journal_entry *j, const cJSON *pod)
{
	const cJSON *sets = json_get(j->record, "sets");

	return cJSON_GetArrayItem(sets, place_of(sets, pod));
}

/* Whether the set's strategy lets the update reach this pod. */
static bool concerned(const struct journal_entry *j, const cJSON *pod)
{
	const cJSON *set = set_of(j, pod);

	return json_bool(set, "rolling", true) && number_of(target_name(pod)) >= json_i64(set, "partition", 0);
}

/* Restarts the next set, if there is one and none of those before it is under way. */
static int go_on(struct node *n, struct journal_entry *j, struct err *e)
{
	const cJSON *pod;
	cJSON *set;

	cJSON_ArrayForEach(set, json_get(j->record, "sets")) {
		if (!json_bool(set, "restarted", false)) {
			if (n->ops->set_restart(n, ns_of(j), json_str(set, "name", ""), json_str(set, "uid", ""),
						json_str(j->record, "stamp", ""), e))
				return -1;
			json_set_bool(set, "restarted", true);
			return 0;
		}
		cJSON_ArrayForEach(pod, json_get(j->record, "pods"))
			if (set_of(j, pod) == set && concerned(j, pod) && !json_get(pod, "ready_ns"))
				return 0;
	}
	return 0;
}

static int inject(struct node *n, struct journal_entry *j, struct err *e)
{
	cJSON *sets = cJSON_AddArrayToObject(j->record, "sets"), *pods = cJSON_AddArrayToObject(j->record, "pods");
	const cJSON *t;
	char stamp[32];

	cJSON_ArrayForEach(t, json_get(j->plan, "targets")) {
		const char *pod = target_name(t), *name = "";
		cJSON *o;

		if (note_set(n, j, pod, sets, &name, e))
			return -1;
		o = cJSON_CreateObject();
		json_set_str(o, "member", pod);
		json_set_str(o, "uid", json_str(t, "uid", ""));
		json_set_str(o, "set", name);
		add_pod(sets, pods, o);
	}
	if (!cJSON_GetArraySize(sets))
		return err_set(e, ERR_INPUT, "fault %s has no target", j->id);
	clock_rfc3339(clock_real_ns(), stamp);
	json_set_str(j->record, "stamp", stamp);
	if (journal_write(j, e))
		return -1;
	j->injected_ns = clock_mono_ns();
	return go_on(n, j, e);
}

static int follow(struct node *n, struct journal_entry *j, struct err *e)
{
	return go_on(n, j, e);
}

static void note_time(cJSON *pod, const char *key, bool now, int64_t t_ns)
{
	if (now && !json_get(pod, key))
		json_set_i64(pod, key, t_ns);
}

/* What has become of it by t_ns. */
static int look(struct node *n, const struct journal_entry *j, cJSON *pod, int64_t t_ns,
		struct err *e)
{
	struct node_pod now;
	bool other;

	if (n->ops->pod_look(n, ns_of(j), target_name(pod), &now, e))
		return -1;
	other = strcmp(now.uid, json_str(pod, "uid", "")) != 0;
	note_time(pod, "told_ns", other || now.deleting, t_ns);
	if (!other || !now.uid[0])
		return 0;
	note_time(pod, "made_ns", true, t_ns);
	json_set_str(pod, "now", now.uid);
	note_time(pod, "ready_ns", now.ready && !now.deleting, t_ns);
	return 0;
}

/* Before it was told to end, every pod whose turn was before was ready again. */
static bool in_turn(const struct journal_entry *j, const cJSON *pod)
{
	int64_t told = json_i64(pod, "told_ns", 0);
	const cJSON *p;

	cJSON_ArrayForEach(p, json_get(j->record, "pods")) {
		int64_t ready = json_i64(p, "ready_ns", 0);

		if (p == pod || !told)
			return true;
		if (concerned(j, p) && (!ready || ready > told))
			return false;
	}
	return true;
}

static double after_s(const struct journal_entry *j, const cJSON *pod, const char *key)
{
	return in_s(json_i64(pod, key, 0) - j->injected_ns);
}

static void tell(const struct journal_entry *j, const cJSON *pod, cJSON *evidence)
{
	const char *name = target_name(pod), *uid = json_str(pod, "uid", ""), *of = json_str(pod, "set", "");
	const cJSON *set = set_of(j, pod);
	char ready[40] = "not ready yet";

	if (!json_get(pod, "told_ns")) {
		if (!json_bool(set, "rolling", true))
			json_pushf(evidence, "pod %s is as it was: StatefulSet %s has the updateStrategy OnDelete", name, of);
		else if (!concerned(j, pod))
			json_pushf(evidence, "pod %s is as it was: StatefulSet %s has the partition %lld", name, of,
				   (long long)json_i64(set, "partition", 0));
		else
			json_pushf(evidence, "pod %s (UID %s) is as it was", name, uid);
		return;
	}
	if (!json_get(pod, "made_ns")) {
		json_pushf(evidence, "pod %s: told to end after %.1f s, and not made anew yet", name,
			   after_s(j, pod, "told_ns"));
		return;
	}
	if (json_get(pod, "ready_ns"))
		snprintf(ready, sizeof(ready), "ready after %.1f s", after_s(j, pod, "ready_ns"));
	json_pushf(evidence, "pod %s: told to end after %.1f s, another one after %.1f s (UID %s, before %s), %s%s", name,
		   after_s(j, pod, "told_ns"), after_s(j, pod, "made_ns"), json_str(pod, "now", ""), uid, ready,
		   in_turn(j, pod) ? "" : "; out of turn: one before it was not ready again");
}

/* All that the sets' strategies reach are other pods and ready, and each was told
 * to end in its turn. The last is looked at first: when it was told to end, those
 * before it must be ready by now. */
static int observe(struct node *n, struct journal_entry *j, cJSON *evidence, bool *bites,
		   struct err *e)
{
	cJSON *pods = cJSON_GetObjectItem(j->record, "pods"), *pod, *reached = cJSON_CreateArray();
	int64_t t_ns = clock_mono_ns();
	bool any = false;

	json_set(j->record, "reached", reached);
	for (int i = cJSON_GetArraySize(pods); i-- > 0;)
		if (look(n, j, cJSON_GetArrayItem(pods, i), t_ns, e))
			return -1;
	*bites = true;
	cJSON_ArrayForEach(pod, pods) {
		int64_t told = json_i64(pod, "told_ns", 0);

		if (told && (!j->effective_ns || told < j->effective_ns))
			j->effective_ns = told;
		if (json_get(pod, "made_ns"))
			json_push(reached, cJSON_CreateString(target_name(pod)));
		if (concerned(j, pod)) {
			any = true;
			*bites = *bites && json_get(pod, "ready_ns") && in_turn(j, pod);
		}
		tell(j, pod, evidence);
	}
	*bites = *bites && any;
	return 0;
}

static int heal(struct node *n, struct journal_entry *j, cJSON *evidence, struct err *e)
{
	const cJSON *set;

	(void)n;
	(void)e;
	cJSON_ArrayForEach(set, json_get(j->record, "sets"))
		json_pushf(evidence, "StatefulSet %s: nothing to undo, %s", json_str(set, "name", ""),
			   json_bool(set, "restarted", false) ? "a restart cannot be taken back: its template keeps the time "
			   "of it, and its controller goes on with what is not restarted yet" : "it was not restarted");
	return 0;
}

const struct fault_ops fault_rolling_restart = {
	.name = "rolling-restart",
	.summary = "the controller replaces one pod after the other, as kubectl rollout restart does",
	.place = FAULT_AT_ONE,
	.params = PARAMS,
	.check = check,
	.effects = effects,
	.supported = supported,
	.inject = inject,
	.takes = takes,
	.observe = observe,
	.follow = follow,
	.heal = heal,
};
