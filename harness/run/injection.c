#include "run/injection.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define OBSERVE_WITHIN_NS (15 * NS_PER_S)
#define OBSERVE_EVERY_NS (50 * NS_PER_MS)
#define CHOOSE_WITHIN_NS (10 * NS_PER_S) /* one answer that did not come is no member lost */
#define CHOOSE_EVERY_NS (200 * NS_PER_MS)
#define INJECT_TIMEOUT_NS (60 * NS_PER_S)
#define HEAL_WITHIN_NS (60 * NS_PER_S)
#define TTL_MS 600000 /* an agent heals by itself so long after it has heard of a driver */

static bool wanted(const char *target, const cJSON *member)
{
	const char *role = json_str(member, "role", "");
	const char *name = json_str(member, "m", "");

	if (!strcmp(target, "any") || !strcmp(target, "all"))
		return true;
	if (!strcmp(target, "primary"))
		return !strcmp(role, "primary") && json_bool(member, "writable", false);
	if (!strcmp(target, "replica"))
		return !strcmp(role, "replica") && json_bool(member, "ok", false);
	return !strcmp(target, name);
}

static const struct pod *pod_named(const struct pods *pods, const char *name)
{
	for (size_t i = 0; i < pods->n; i++) {
		if (!strcmp(pods->v[i].name, name))
			return &pods->v[i];
	}
	return NULL;
}

static void add_target(cJSON *targets, const struct pod *pod, const char *role)
{
	cJSON *t = cJSON_CreateObject();

	json_set_str(t, "member", pod->name);
	json_set_str(t, "uid", pod->uid);
	json_set_str(t, "node", pod->node);
	json_set_str(t, "ip", pod->ip);
	json_set_str(t, "role", role);
	json_push(targets, t);
}

static const char *role_of(const cJSON *members, const char *name)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, members) {
		if (!strcmp(json_str(m, "m", ""), name))
			return json_str(m, "role", "unknown");
	}
	return "unknown";
}

static bool is_member(const cJSON *members, const char *name)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, members)
		if (!strcmp(json_str(m, "m", ""), name))
			return true;
	return false;
}

static void say_roles(const cJSON *members, struct buf *b)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, members)
		buf_fmt(b, "%s%s %s", b->len ? ", " : "", json_str(m, "m", "?"),
			json_bool(m, "ok", false) ? json_str(m, "role", "?") : "unreachable");
}

enum { NOBODY = -2 };

/* Fills `targets` by role, name or node; which of several is the seed's
 * choice, except for "all". NOBODY: no member fits now. */
static int choose(const char *target, const cJSON *members, const struct pods *pods,
		  struct rng *rng, cJSON *targets, struct err *e)
{
	const char *node = target_node_name(target), **chosen = NULL;
	const cJSON *m;
	size_t n = 0, alloc = 0;

	if (node) {
		for (size_t i = 0; i < pods->n; i++) {
			if (!strcmp(pods->v[i].node, node))
				add_target(targets, &pods->v[i],
					   role_of(members, pods->v[i].name));
		}
		if (!cJSON_GetArraySize(targets))
			return err_set(e, ERR_INPUT, "no pod of the system runs on %s", target);
		return 0;
	}
	cJSON_ArrayForEach(m, members) {
		if (wanted(target, m) && pod_named(pods, json_str(m, "m", "")))
			*VEC_PUSH(chosen, n, alloc) = json_str(m, "m", "");
	}
	/* No member, and a pod all the same: a Sentinel, a pooler, one of the store's. */
	if (!n && !target_is_role(target) && !is_member(members, target) &&
	    pod_named(pods, target)) {
		add_target(targets, pod_named(pods, target), "unknown");
		return 0;
	}
	if (!n) {
		struct buf b = {0};

		say_roles(members, &b);
		err_set(e, ERR_BROKEN, "no member fits the target \"%s\" now (%s)", target,
			buf_cstr(&b));
		buf_free(&b);
		return NOBODY;
	}
	if (strcmp(target, "all")) {
		chosen[0] = chosen[rng_below(rng, n)];
		n = 1;
	}
	for (size_t i = 0; i < n; i++)
		add_target(targets, pod_named(pods, chosen[i]), role_of(members, chosen[i]));
	free(chosen);
	return 0;
}

/* Takes a name from the heap over. */
static void add_agent(struct injection *inj, char *agent)
{
	for (size_t i = 0; i < inj->nagents; i++) {
		if (!strcmp(inj->agents[i], agent)) {
			free(agent);
			return;
		}
	}
	*VEC_PUSH(inj->agents, inj->nagents, inj->agents_alloc) = agent;
}

static void find_agents(struct injection *inj)
{
	const cJSON *t;

	if (inj->ops->place == FAULT_AT_HOST) {
		add_agent(inj, mem_strdup("host"));
		return;
	}
	cJSON_ArrayForEach(t, json_get(inj->plan, "targets")) {
		if (inj->nagents && inj->ops->place == FAULT_AT_ONE)
			return;
		add_agent(inj, mem_fmt("node/%s", json_str(t, "node", "")));
	}
}

static bool named(const cJSON *names, const char *name)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, names)
		if (cJSON_IsString(it) && !strcmp(it->valuestring, name))
			return true;
	return false;
}

/* All, or those that one which takes them one by one has reached. */
static cJSON *targets_now(const struct injection *inj)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *t;

	cJSON_ArrayForEach(t, json_get(inj->plan, "targets"))
		if (!inj->reached || named(inj->reached, json_str(t, "member", "")))
			json_push(out, cJSON_Duplicate(t, 1));
	return out;
}

static void emit_state(struct stage *st, const struct injection *inj, const char *state,
		       int64_t t_ns, int64_t te_ns, const cJSON *evidence)
{
	static const char *const how[] = {"how", "which", "direction", "to"};
	cJSON *ev = event_new(st->scenario, "fault");
	const cJSON *params = json_get(inj->plan, "params");
	struct effects does = {0};

	if (t_ns)
		json_set_i64(ev, "t", t_ns);
	if (te_ns)
		json_set_i64(ev, "te", te_ns);
	json_set_str(ev, "id", inj->step->id);
	json_set_str(ev, "fault", inj->ops->name);
	for (size_t i = 0; i < ARRAY_LEN(how); i++) {
		if (json_str(params, how[i], NULL)) {
			json_set_str(ev, "how", json_str(params, how[i], ""));
			break;
		}
	}
	json_set_str(ev, "state", state);
	json_set_str(ev, "rule", inj->step->target);
	inj->ops->effects(params, &does);
	if (effects_silence(&does))
		json_set_bool(ev, "silences", true);
	json_set(ev, "targets", targets_now(inj));
	json_set(ev, "params", cJSON_Duplicate(params, 1));
	if (evidence)
		json_set(ev, "evidence", cJSON_Duplicate(evidence, 1));
	event_emit(&st->events, ev);
}

static void add_peers(const struct nodes *nodes, cJSON *plan)
{
	cJSON *peers = cJSON_AddArrayToObject(plan, "peers");

	for (size_t i = 0; i < nodes->n; i++) {
		cJSON *p = cJSON_CreateObject();

		json_set_str(p, "node", nodes->v[i].name);
		json_set_str(p, "cidr", nodes->v[i].cidr);
		json_push(peers, p);
	}
}

/* By the newest answers of the members themselves, not by older ones of ours. */
static int choose_soon(struct stage *st, const char *target, struct rng *rng, cJSON *targets,
		       struct err *e)
{
	int64_t now = clock_mono_ns(), end_ns = now + CHOOSE_WITHIN_NS;

	for (;;) {
		struct pods pods = {0};
		cJSON *status = NULL;
		int r = st->ops->pods(st->en, &pods, e);

		if (!r)
			r = stage_call(st, "load", "GET", "/v1/status", NULL, 10 * NS_PER_S, &status, e);
		r = r ? -1 : choose(target, json_get(status, "members"), &pods, rng, targets, e);
		cJSON_Delete(status);
		pods_free(&pods);
		now = clock_mono_ns();
		if (r != NOBODY || now >= end_ns)
			return r;
		if (stage_sleep_until(st, now + CHOOSE_EVERY_NS, e))
			return -1;
	}
}

int injection_plan(struct stage *st, const struct step *step, const char *ns, struct rng *rng,
		   struct injection *inj, struct err *e)
{
	struct nodes nodes = {0};
	cJSON *params, *targets;
	int r = -1;

	memset(inj, 0, sizeof(*inj));
	inj->step = step;
	inj->ops = fault_find(step->fault);
	if (!inj->ops)
		return err_set(e, ERR_INPUT, "no fault is called %s", step->fault);
	inj->plan = cJSON_CreateObject();
	json_set_str(inj->plan, "id", step->id);
	json_set_str(inj->plan, "fault", step->fault);
	json_set_str(inj->plan, "namespace", ns);
	params = cJSON_AddObjectToObject(inj->plan, "params");
	targets = cJSON_AddArrayToObject(inj->plan, "targets");
	json_set_i64(inj->plan, "ttl_ms", TTL_MS);
	if (inj->ops->check && inj->ops->check(step->params, params, e))
		goto out;
	if (st->ops->nodes(st->en, &nodes, e))
		goto out;
	add_peers(&nodes, inj->plan);
	if (choose_soon(st, strcmp(step->target, "minority") ? step->target : st->beside_member, rng,
			targets, e))
		goto out;
	find_agents(inj);
	emit_state(st, inj, "planned", 0, 0, NULL);
	r = 0;
out:
	nodes_free(&nodes);
	return r;
}

static void fault_path(const struct injection *inj, char *path, size_t size)
{
	snprintf(path, size, "/v1/faults/%s", inj->step->id);
}

static int inject_all(struct stage *st, struct injection *inj, struct err *e)
{
	for (size_t i = 0; i < inj->nagents; i++) {
		struct agent_clock c;
		cJSON *a = NULL;
		bool ok;

		if (stage_clock(st, inj->agents[i], &c, e))
			return -1;
		/* An answer that is lost on its way may stand for a fault that is on. */
		inj->on = true;
		if (stage_call(st, inj->agents[i], "POST", "/v1/faults", inj->plan,
			       INJECT_TIMEOUT_NS, &a, e))
			return -1;
		ok = json_bool(a, "supported", true);
		if (!ok)
			err_set(e, ERR_UNSUPPORTED, "%s", json_str(a, "why", "not supported here"));
		else
			emit_state(st, inj, "injecting", json_i64(a, "injected_ns", 0) + c.offset_ns,
				   c.error_ns, NULL);
		cJSON_Delete(a);
		if (!ok)
			return -1;
	}
	return 0;
}

static int64_t observe_until(const struct injection *inj)
{
	const struct fault_ops *ops = inj->ops;

	return clock_mono_ns() + (ops->takes ? ops->takes(json_get(inj->plan, "params")) : OBSERVE_WITHIN_NS);
}

/* What an agent says of a fault that takes its targets one by one: whom it has
 * reached. True once there is one. */
static bool begun(struct injection *inj, const cJSON *answer)
{
	if (!json_get(answer, "reached"))
		return false;
	cJSON_Delete(inj->reached);
	inj->reached = cJSON_Duplicate(json_get(answer, "reached"), 1);
	return cJSON_GetArraySize(inj->reached) > 0;
}

/* Asks one agent until its part bites. One that has reached some of its targets
 * when its time is over took effect at those. */
static int observe_one(struct stage *st, struct injection *inj, const char *agent,
		       const struct tending *tend, bool *bites, struct err *e)
{
	int64_t first_ns = clock_mono_ns() + OBSERVE_WITHIN_NS, end_ns = observe_until(inj);
	struct agent_clock c;
	char path[160];

	fault_path(inj, path, sizeof(path));
	if (stage_clock(st, agent, &c, e))
		return -1;
	for (;;) {
		cJSON *a = NULL;
		bool over, some;

		if (stage_call(st, agent, "GET", path, NULL, 10 * NS_PER_S, &a, e))
			return -1;
		some = begun(inj, a);
		over = json_bool(a, "bites", false) || clock_mono_ns() > end_ns ||
		       (inj->reached && !json_i64(a, "effective_ns", 0) && clock_mono_ns() > first_ns);
		*bites = json_bool(a, "bites", false) || some;
		if (over)
			emit_state(st, inj, *bites ? "effective" : "no-effect",
				   *bites ? json_i64(a, "effective_ns", 0) + c.offset_ns : 0,
				   c.error_ns, json_get(a, "evidence"));
		cJSON_Delete(a);
		if (over)
			return 0;
		if (stage_sleep_until(st, clock_mono_ns() + OBSERVE_EVERY_NS, e) ||
		    (tend && tend->fn(tend->arg, e)))
			return -1;
	}
}

int injection_start(struct stage *st, struct injection *inj, const struct tending *tend,
		    bool *bites, struct err *e)
{
	*bites = true;
	log_info("fault %s: %s on %s", inj->step->id, inj->ops->name, inj->step->target);
	if (inject_all(st, inj, e))
		return -1;
	for (size_t i = 0; i < inj->nagents; i++) {
		bool one = false;

		if (observe_one(st, inj, inj->agents[i], tend, &one, e))
			return -1;
		*bites = *bites && one;
	}
	inj->bit = *bites;
	/* A kill is over once it has happened; its record goes at once. */
	if (!inj->ops->lasting)
		return injection_heal(st, inj, e);
	if (inj->step->duration_ns)
		inj->heal_at_ns = clock_mono_ns() + inj->step->duration_ns;
	return 0;
}

static int heal_one(struct stage *st, struct injection *inj, const char *agent, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + HEAL_WITHIN_NS;
	struct agent_clock c = {0};
	char path[160];

	fault_path(inj, path, sizeof(path));
	for (;;) {
		cJSON *a = NULL;
		bool known = true;

		if (stage_delete(st, agent, path, 30 * NS_PER_S, &a, &known, e) == 0) {
			if (!known && inj->bit && inj->ops->lasting)
				stage_broken(st, inj->step->id, "the agent of its node started anew, and the fault "
					     "ended before it was to");
			if (!known)
				return 0;
			int64_t t = json_i64(a, "healed_ns", 0);

			if (json_str(a, "lapse", NULL) && inj->ops->lasting)
				stage_broken(st, inj->step->id, json_str(a, "lapse", ""));

			/* Clean-up goes on when the clock cannot be asked. */
			if (stage_clock(st, agent, &c, e))
				t = 0;
			emit_state(st, inj, "healed", t ? t + c.offset_ns : 0, c.error_ns,
				   json_get(a, "evidence"));
			cJSON_Delete(a);
			return 0;
		}
		if (clock_mono_ns() > end_ns)
			return -1;
		clock_sleep_until(clock_mono_ns() + 500 * NS_PER_MS);
	}
}

int injection_heal(struct stage *st, struct injection *inj, struct err *e)
{
	int r = 0;

	if (!inj->on)
		return 0;
	emit_state(st, inj, "healing", 0, 0, NULL);
	for (size_t i = 0; i < inj->nagents; i++) {
		if (heal_one(st, inj, inj->agents[i], e)) {
			cJSON *why = cJSON_CreateArray();

			json_pushf(why, "%s", e->msg);
			emit_state(st, inj, "heal-failed", 0, 0, why);
			cJSON_Delete(why);
			r = -1;
		}
	}
	inj->on = r != 0;
	inj->heal_at_ns = 0;
	return r;
}

void injection_free(struct injection *inj)
{
	cJSON_Delete(inj->plan);
	cJSON_Delete(inj->reached);
	inj->plan = inj->reached = NULL;
	for (size_t i = 0; i < inj->nagents; i++)
		free(inj->agents[i]);
	free(inj->agents);
	inj->agents = NULL;
	inj->nagents = inj->agents_alloc = 0;
}
