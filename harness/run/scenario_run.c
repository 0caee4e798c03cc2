/* One scenario: stand it up, load it, walk its steps, let it settle, read
 * what is left, take it down. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "fault/fault.h"
#include "run/beside.h"
#include "run/injection.h"
#include "run/run.h"

#define SETUP_WITHIN_NS (90 * NS_PER_S)
#define REDUNDANT_WITHIN_NS (150 * NS_PER_S)
#define SETTLE_WITHIN_NS (150 * NS_PER_S)
#define REMOVE_WITHIN_NS (120 * NS_PER_S)
#define FINAL_TIMEOUT_NS (60 * NS_PER_S)
#define CALL_TIMEOUT_NS (20 * NS_PER_S)
#define POLL_NS (100 * NS_PER_MS)
#define BREAKS_WITHIN_NS (8 * NS_PER_S)
#define HOLDS_NS (1500 * NS_PER_MS)
#define SAMPLE_EVERY_MS 100
#define PROBE_TIMEOUT_MS 500
#define LOG_LINES 250

enum { INJECTIONS_MAX = 32 };

struct walk {
	struct stage *st;
	struct plan *p;
	struct rng rng;
	struct injection inj[INJECTIONS_MAX];
	size_t ninj;
	int64_t fault_bit_ns; /* when the last fault was seen to bite */
	bool broke;           /* redundancy was seen broken since then */
	char primary[64]; /* who was primary when the last fault was planned */
};

static void emit_adaptations(struct stage *st, const struct plan *p, const struct adaptations *log)
{
	for (size_t i = 0; i < log->n; i++) {
		const struct adaptation *c = &log->v[i];
		cJSON *ev = event_new(st->scenario, "adapt");

		json_set_str(ev, "file", plan_path(p, c->file));
		json_set_i64(ev, "line", c->line);
		json_set_str(ev, "object", c->object);
		json_set_str(ev, "path", c->path);
		json_set_str(ev, "from", c->from);
		json_set_str(ev, "to", c->to);
		json_set_str(ev, "why", c->why);
		event_emit(&st->events, ev);
	}
}

static void on_change(void *arg, const char *kind, cJSON *object)
{
	struct stage *st = arg;
	cJSON *ev = event_new(st->scenario, kind);

	json_merge(ev, object);
	event_emit(&st->events, ev);
}

static void collect_log(struct stage *st, const char *pod, bool previous)
{
	struct buf b = {0};
	struct err e = {0};

	if (st->ops->logs(st->en, pod, "", previous, LOG_LINES, &b, &e) == 0 && b.len) {
		cJSON *ev = event_new(st->scenario, "log");

		json_set_str(ev, "member", pod);
		json_set_str(ev, "container", "");
		json_set_bool(ev, "previous", previous);
		json_set_str(ev, "text", buf_cstr(&b));
		event_emit(&st->events, ev);
	}
	buf_free(&b);
}

static void collect_logs(struct stage *st)
{
	struct pods pods = {0};
	struct err e = {0};

	if (st->ops->pods(st->en, &pods, &e))
		log_warn("no logs: %s", e.msg);
	for (size_t i = 0; i < pods.n; i++) {
		if (pods.v[i].restarts > 0)
			collect_log(st, pods.v[i].name, true);
		collect_log(st, pods.v[i].name, false);
	}
	pods_free(&pods);
}

static void emit_stands(struct stage *st, bool ok, const char *point, const char *reason)
{
	cJSON *ev = event_new(st->scenario, "stands");

	log_info("%s", ok ? "the system stands" : reason);
	json_set_bool(ev, "ok", ok);
	json_set_str(ev, "point", point);
	json_set_str(ev, "reason", reason);
	event_emit(&st->events, ev);
}

static cJSON *make_access(const struct plan *p)
{
	cJSON *access = cJSON_Duplicate(p->access, 1);

	json_set(access, "members", plan_members(p));
	return access;
}

static cJSON *setup_body(const struct walk *w, uint64_t seed)
{
	const struct load_spec *l = &w->p->sc.load;
	cJSON *o = cJSON_CreateObject(), *load, *mix;

	json_set_str(o, "system", w->p->sc.system);
	json_set_i64(o, "scenario", w->st->scenario);
	json_set(o, "access", make_access(w->p));
	load = cJSON_AddObjectToObject(o, "load");
	json_set_num(load, "rate", beside_main_rate(l));
	json_set_i64(load, "clients", l->clients - l->minority);
	json_set_i64(load, "deadline_ns", l->deadline_ns);
	json_set_i64(load, "payload_bytes", l->payload_bytes);
	json_set_i64(load, "keys", l->keys);
	mix = cJSON_AddObjectToObject(load, "mix");
	json_set_i64(mix, "insert", l->mix_insert);
	json_set_i64(mix, "read", l->mix_read);
	json_set_i64(mix, "write", l->mix_write);
	json_set_i64(mix, "cas", l->mix_cas);
	json_set_i64(mix, "read_replica", l->mix_read_replica);
	/* JSON carries 53 bits; small seeds must differ as well. */
	json_set_i64(o, "seed", (int64_t)((seed ^ seed >> 53) & ((UINT64_C(1) << 53) - 1)));
	json_set_i64(o, "sample_every_ms", SAMPLE_EVERY_MS);
	json_set_i64(o, "probe_timeout_ms", PROBE_TIMEOUT_MS);
	return o;
}

static int get_status(struct stage *st, cJSON **status, struct err *e)
{
	return stage_call(st, "load", "GET", "/v1/status", NULL, CALL_TIMEOUT_NS, status, e);
}

/* Waits until redundancy has held for HOLDS_NS, so that one answer is not taken
 * for a state. 1: not within the time. */
static int await_redundant(struct stage *st, int64_t within_ns, char why[400], struct err *e)
{
	int64_t end_ns = clock_mono_ns() + within_ns, since_ns = 0;

	for (;;) {
		cJSON *s = NULL;
		bool ok = false;

		if (get_status(st, &s, e) == 0) {
			ok = json_bool(s, "redundant", false);
			snprintf(why, 400, "%s", json_str(s, "redundant_why", ""));
			cJSON_Delete(s);
		} else {
			snprintf(why, 400, "%.390s", e->msg);
		}
		if (!ok)
			since_ns = 0;
		else if (!since_ns)
			since_ns = clock_mono_ns();
		else if (clock_mono_ns() - since_ns >= HOLDS_NS)
			return 0;
		if (clock_mono_ns() > end_ns)
			return 1;
		if (stage_sleep_until(st, clock_mono_ns() + POLL_NS, e))
			return -1;
	}
}

static void emit_inforce(struct stage *st)
{
	cJSON *a = NULL, *ev;
	struct err e = {0};

	if (stage_call(st, "load", "GET", "/v1/inforce", NULL, CALL_TIMEOUT_NS, &a, &e)) {
		log_warn("settings in force are unknown: %s", e.msg);
		return;
	}
	ev = event_new(st->scenario, "inforce");
	json_set(ev, "settings", cJSON_DetachItemFromObject(a, "settings"));
	event_emit(&st->events, ev);
	cJSON_Delete(a);
}

/* What no engine without nodes of its own can do is known before anything
 * stands; the rest is the node agents' word. */
static int possible_here(const struct walk *w, struct err *e)
{
	if (w->p->sc.load.minority && !w->st->ops->load_beside)
		return err_set(e, ERR_UNSUPPORTED, "engine %s has no place for clients beside a member",
			       w->st->ops->name);
	for (size_t i = 0; i < w->p->sc.nsteps; i++) {
		const struct step *s = &w->p->sc.steps[i];
		const struct fault_ops *f = s->kind == STEP_FAULT ? fault_find(s->fault) : NULL;

		if (f && f->place == FAULT_AT_HOST && !(w->st->ops->caps & ENGINE_CAP_NODES))
			return err_set(e, ERR_UNSUPPORTED,
				       "engine %s has no nodes of its own for the fault %s",
				       w->st->ops->name, f->name);
	}
	return 0;
}

/* Makes the tables, as soon as the system lets us. 1: it does not. */
static int first_write(struct walk *w, const cJSON *body, struct err *e)
{
	struct stage *st = w->st;
	int64_t end_ns = clock_mono_ns() + SETUP_WITHIN_NS;
	int r;

	for (;;) {
		r = stage_call(st, "load", "POST", "/v1/setup", body, CALL_TIMEOUT_NS, NULL, e);
		if (!r || clock_mono_ns() > end_ns)
			break;
		if (stage_sleep_until(st, clock_mono_ns() + 2 * POLL_NS, e))
			return -1;
	}
	if (!r)
		return 0;
	emit_stands(st, false, "first write", e->msg);
	return 1;
}

static int set_up_minority(struct walk *w, const cJSON *body, struct err *e)
{
	cJSON *status = NULL;
	int r = 0;

	if (!w->p->sc.load.minority)
		return 0;
	r = get_status(w->st, &status, e) || beside_up(w->st, w->p, body, status, e) ? -1 : 0;
	cJSON_Delete(status);
	return r;
}

/* The members run. Returns as stand_up(). */
static int set_up(struct walk *w, uint64_t seed, struct err *e)
{
	struct stage *st = w->st;
	char why[400] = "";
	cJSON *body;
	int r;

	stage_phase(st, "setup", "");
	body = setup_body(w, seed);
	r = first_write(w, body, e);
	if (r)
		goto out;
	st->loading = true;
	st->next_op = st->next_sample = 0;
	stage_phase(st, "converge", "");
	r = await_redundant(st, REDUNDANT_WITHIN_NS, why, e);
	if (r > 0)
		emit_stands(st, false, "redundant", why);
	if (r)
		goto out;
	emit_stands(st, true, "", "");
	emit_inforce(st);
	r = set_up_minority(w, body, e);
out:
	cJSON_Delete(body);
	return r;
}

/* Brings the system up to its first acknowledged table. Returns 0, 1 when it
 * does not stand (an event says where and why), or -1 with an error of ours. */
static int stand_up(struct walk *w, struct arena *a, uint64_t seed, struct err *e)
{
	struct stage *st = w->st;
	struct adapt_rules rules = {0};
	struct adaptations changes = {0};
	int64_t ready_by_ns;

	stage_phase(st, "apply", w->p->sc.title);
	emit_adaptations(st, w->p, &w->p->changes);
	if (st->ops->rules(st->en, w->p->system->fixture, &rules, e) ||
	    manifest_adapt(a, &w->p->manifest, &rules, &changes, e))
		return -1;
	emit_adaptations(st, w->p, &changes);
	if (st->ops->watch_start(st->en, on_change, st, e))
		return -1;
	if (st->ops->apply(st->en, &w->p->manifest, e)) {
		if (e->kind != ERR_REFUSED)
			return -1;
		emit_stands(st, false, "objects accepted", e->msg);
		return 1;
	}
	stage_phase(st, "ready", "");
	ready_by_ns = clock_mono_ns() + w->p->sc.ready_within_ns;
	if (st->ops->wait_ready(st->en, &w->p->manifest, ready_by_ns, e)) {
		if (*st->interrupted)
			return err_set(e, ERR_INTERRUPTED, "interrupted");
		emit_stands(st, false, "workloads ready", e->msg);
		return 1;
	}
	return set_up(w, seed, e);
}

/* Heals what is due by the clock. */
static int heal_due(struct walk *w, struct err *e)
{
	for (size_t i = 0; i < w->ninj; i++) {
		if (w->inj[i].on && w->inj[i].heal_at_ns &&
		    clock_mono_ns() >= w->inj[i].heal_at_ns && injection_heal(w->st, &w->inj[i], e))
			return -1;
	}
	return 0;
}

static int wait_until(struct walk *w, int64_t end_ns, struct err *e)
{
	while (clock_mono_ns() < end_ns) {
		int64_t next = clock_mono_ns() + POLL_NS;

		if (stage_sleep_until(w->st, next < end_ns ? next : end_ns, e) || heal_due(w, e))
			return -1;
	}
	return 0;
}

static void remember_primary(struct walk *w, const cJSON *status)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, json_get(status, "members")) {
		if (!strcmp(json_str(m, "role", ""), "primary") && json_bool(m, "writable", false))
			snprintf(w->primary, sizeof(w->primary), "%s", json_str(m, "m", ""));
	}
}

/* Only what was seen after the fault had bitten counts; samples may be as old
 * as one round of probing. */
static bool reached(const struct walk *w, enum await_kind what, const cJSON *status,
		    int64_t offset_ns)
{
	int64_t sampled_ns = w->fault_bit_ns + (SAMPLE_EVERY_MS + PROBE_TIMEOUT_MS) * 2 * NS_PER_MS;
	const cJSON *m;

	if (what != AWAIT_WRITES && clock_mono_ns() < sampled_ns)
		return false;
	/* A pod that was told to end serves on for seconds. */
	if (what != AWAIT_WRITES && !w->broke && clock_mono_ns() < w->fault_bit_ns + BREAKS_WITHIN_NS)
		return false;

	switch (what) {
	case AWAIT_WRITES:
		return json_i64(status, "last_write_ok_ns", 0) + offset_ns > w->fault_bit_ns;
	case AWAIT_REDUNDANT:
		return json_bool(status, "redundant", false);
	case AWAIT_FAILOVER:
		cJSON_ArrayForEach(m, json_get(status, "members")) {
			if (!strcmp(json_str(m, "role", ""), "primary") &&
			    json_bool(m, "writable", false) &&
			    strcmp(json_str(m, "m", ""), w->primary) != 0)
				return true;
		}
		return false;
	case AWAIT_READY:
		cJSON_ArrayForEach(m, json_get(status, "members")) {
			if (!json_bool(m, "ok", false))
				return false;
		}
		return true;
	}
	return false;
}

/* Not reaching it is no error: the expectations judge what was measured. */
static int await(struct walk *w, const struct step *s, struct err *e)
{
	static const char *const names[] = {"writes", "redundant", "failover", "ready"};
	int64_t end_ns = clock_mono_ns() + s->duration_ns;
	struct agent_clock c;
	char text[160];

	stage_phase(w->st, "await", names[s->await]);
	if (stage_clock(w->st, "load", &c, e))
		return -1;
	for (;;) {
		cJSON *status = NULL;

		if (get_status(w->st, &status, e) == 0) {
			bool ok;

			w->broke = w->broke || !json_bool(status, "redundant", false);
			ok = reached(w, s->await, status, c.offset_ns);

			cJSON_Delete(status);
			if (ok)
				return 0;
		}
		if (clock_mono_ns() > end_ns) {
			snprintf(text, sizeof(text), "%s not seen within %g s", names[s->await],
				 (double)s->duration_ns / 1e9);
			stage_phase(w->st, "await", text);
			return 0;
		}
		if (wait_until(w, clock_mono_ns() + POLL_NS, e))
			return -1;
	}
}

static struct injection *injection_by_id(struct walk *w, const char *id)
{
	for (size_t i = w->ninj; i > 0; i--) {
		if (!strcmp(w->inj[i - 1].step->id, id))
			return &w->inj[i - 1];
	}
	return NULL;
}

static int inject(struct walk *w, const struct step *s, struct err *e)
{
	struct injection *inj;
	cJSON *status = NULL;
	bool bites = false;

	if (w->ninj == INJECTIONS_MAX)
		return err_set(e, ERR_INPUT, "a scenario may have at most %d faults",
			       INJECTIONS_MAX);
	if (get_status(w->st, &status, e))
		return -1;
	remember_primary(w, status);
	cJSON_Delete(status);
	inj = &w->inj[w->ninj++];
	if (injection_plan(w->st, s, ((struct engine_base *)w->st->en)->namespace, &w->rng, inj, e))
		return -1;
	w->broke = false;
	if (injection_start(w->st, inj, &bites, e))
		return -1;
	w->fault_bit_ns = clock_mono_ns();
	if (!bites)
		stage_broken(w->st, s->id, "the fault had no effect that could be observed");
	return 0;
}

static int random_phase(struct walk *w, struct err *e)
{
	char text[80];

	if (w->ninj || !w->p->phase_ns)
		return 0;
	snprintf(text, sizeof(text), "random phase of the first fault: %.3f s more",
		 (double)w->p->phase_ns / 1e9);
	stage_phase(w->st, "steady", text);
	return wait_until(w, clock_mono_ns() + w->p->phase_ns, e);
}

static int walk_steps(struct walk *w, struct err *e)
{
	for (size_t i = 0; i < w->p->sc.nsteps; i++) {
		const struct step *s = &w->p->sc.steps[i];
		struct injection *inj;
		int r = 0;

		switch (s->kind) {
		case STEP_STEADY:
			stage_phase(w->st, "steady", "");
			r = wait_until(w, clock_mono_ns() + s->duration_ns, e);
			break;
		case STEP_FAULT:
			r = random_phase(w, e) || inject(w, s, e) ? -1 : 0;
			break;
		case STEP_HEAL:
			stage_phase(w->st, "heal", s->id);
			inj = injection_by_id(w, s->id);
			r = inj ? injection_heal(w->st, inj, e) : 0;
			break;
		case STEP_AWAIT:
			r = await(w, s, e);
			break;
		}
		if (r)
			return r;
	}
	/* A fault with `for` runs its time even when the steps are over. */
	for (size_t i = 0; i < w->ninj; i++) {
		if (w->inj[i].on && w->inj[i].heal_at_ns && wait_until(w, w->inj[i].heal_at_ns, e))
			return -1;
	}
	return heal_due(w, e);
}

static int heal_all(struct walk *w, struct err *e)
{
	int r = 0;

	for (size_t i = w->ninj; i > 0; i--) {
		if (injection_heal(w->st, &w->inj[i - 1], e))
			r = -1;
	}
	return r;
}

static void emit_noise(struct stage *st)
{
	cJSON *status = NULL, *noise, *ev;
	struct err e = {0};

	if (get_status(st, &status, &e))
		return;
	noise = cJSON_DetachItemFromObject(status, "noise");
	ev = event_new(st->scenario, "noise");
	json_merge(ev, noise);
	json_set_str(ev, "source", "load");
	event_emit(&st->events, ev);
	cJSON_Delete(status);
}

/* After all is healed: wait for redundancy, stop, read what is there. */
static int settle(struct walk *w, struct err *e)
{
	struct stage *st = w->st;
	char why[400] = "";
	cJSON *final = NULL, *ev;
	int r;

	stage_phase(st, "settle", "");
	r = await_redundant(st, SETTLE_WITHIN_NS, why, e);
	if (r < 0)
		return -1;
	if (r > 0)
		stage_phase(st, "unsettled", why);
	if (stage_call(st, "load", "POST", "/v1/stop", NULL, CALL_TIMEOUT_NS, NULL, e))
		return -1;
	beside_stop(st);
	if (stage_drain(st, true, e))
		return -1;
	emit_noise(st);
	emit_inforce(st);
	stage_phase(st, "final", "");
	if (stage_call(st, "load", "POST", "/v1/final", NULL, FINAL_TIMEOUT_NS, &final, e)) {
		/* Unknown loss is a result of its own: not an error of the run. */
		log_warn("no final read: %s", e->msg);
		stage_phase(st, "final-failed", e->msg);
		return 0;
	}
	ev = event_new(st->scenario, "final");
	json_merge(ev, final);
	event_emit(&st->events, ev);
	return 0;
}

static int run_loaded(struct walk *w, struct err *e)
{
	cJSON *answer = NULL;

	stage_phase(w->st, "load", "");
	if (stage_call(w->st, "load", "POST", "/v1/start", NULL, CALL_TIMEOUT_NS, &answer, e))
		return -1;
	cJSON_Delete(answer);
	if (beside_start(w->st, e))
		return -1;
	if (walk_steps(w, e))
		return -1;
	if (heal_all(w, e))
		return -1;
	return settle(w, e);
}

static int take_down(struct walk *w, bool keep, struct err *e)
{
	struct stage *st = w->st;
	int r = heal_all(w, e);
	struct err quiet = {0};

	stage_phase(st, "cleanup", "");
	collect_logs(st);
	if (st->loading) {
		stage_call(st, "load", "POST", "/v1/stop", NULL, CALL_TIMEOUT_NS, NULL, &quiet);
		if (st->beside)
			stage_call(st, STAGE_BESIDE_AGENT, "POST", "/v1/stop", NULL, CALL_TIMEOUT_NS,
				   NULL, &quiet);
		stage_drain(st, true, &quiet);
		stage_call(st, "load", "POST", "/v1/reset", NULL, CALL_TIMEOUT_NS, NULL, &quiet);
		beside_reset(st);
	}
	st->loading = false;
	st->ops->watch_stop(st->en);
	if (keep) {
		log_info("kept as it is, as asked: end it with `ordeal recover`");
		return r;
	}
	if (st->ops->remove(st->en, clock_mono_ns() + REMOVE_WITHIN_NS, r ? &quiet : e))
		r = -1;
	return r;
}

int run_scenario(struct stage *st, struct arena *a, struct plan *p, bool keep, struct err *e)
{
	struct walk *w = arena_alloc(a, sizeof(*w));
	cJSON *ev = event_new(st->scenario, "scenario");
	struct err down = {0};
	int r;

	json_merge(ev, plan_to_json(p));
	event_emit(&st->events, ev);

	w->st = st;
	w->p = p;
	w->rng.state = p->seed ^ ((uint64_t)st->scenario << 32);
	r = possible_here(w, e) ? -1 : stand_up(w, a, p->seed, e);
	if (r == 0)
		r = run_loaded(w, e);
	else if (r > 0)
		r = 0;
	if (r && e->kind == ERR_INTERRUPTED) {
		ev = event_new(st->scenario, "interrupt");
		json_set_str(ev, "signal", "the user's");
		event_emit(&st->events, ev);
	} else if (r && e->kind == ERR_UNSUPPORTED) {
		stage_unsupported(st, e->msg);
	} else if (r) {
		stage_broken(st, p->sc.name, e->msg);
	}
	if (take_down(w, keep, &down)) {
		stage_broken(st, "clean-up", down.msg);
		if (!r)
			*e = down;
		r = -1;
	}
	for (size_t i = 0; i < w->ninj; i++)
		injection_free(&w->inj[i]);
	stage_phase(st, "done", "");
	return r;
}
