/* One scenario: stand it up, load it, walk its steps, let it settle, read
 * what is left, take it down. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "fault/fault.h"
#include "run/beside.h"
#include "run/run.h"
#include "run/stand_up.h"
#include "run/walk.h"
#include "system/client.h"

#define SETTLE_WITHIN_NS (150 * NS_PER_S)
#define REMOVE_WITHIN_NS (120 * NS_PER_S)
#define FINAL_TIMEOUT_NS ((FINAL_AT_MOST_S + 10) * NS_PER_S)
#define CALL_TIMEOUT_NS (20 * NS_PER_S)

static void collect_log(struct stage *st, const char *pod, const char *container, bool previous)
{
	struct buf b = {0};
	struct err e = {0};

	if (st->ops->logs(st->en, pod, container, previous, LOG_LINES_MOST, &b, &e) == 0 && b.len) {
		cJSON *ev = event_new(st->scenario, "log");

		json_set_str(ev, "member", pod);
		json_set_str(ev, "container", container);
		json_set_bool(ev, "previous", previous);
		json_set_i64(ev, "most", LOG_LINES_MOST);
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
		const char *container = "";
		char *rest = pods.v[i].beside;

		do {
			if (pods.v[i].restarts > 0)
				collect_log(st, pods.v[i].name, container, true);
			collect_log(st, pods.v[i].name, container, false);
		} while ((container = strtok_r(rest, " ", &rest)));
	}
	pods_free(&pods);
}

static void emit_noise(struct stage *st)
{
	cJSON *status = NULL, *noise, *ev;
	struct err e = {0};

	if (stage_status(st, &status, &e))
		return;
	noise = cJSON_DetachItemFromObject(status, "noise");
	ev = event_new(st->scenario, "noise");
	json_merge(ev, noise);
	json_set_str(ev, "source", "load");
	event_emit(&st->events, ev);
	cJSON_Delete(status);
}

/* An agent stops once its last operations have ended, by their deadline. */
static int64_t stop_within_ns(const struct walk *w)
{
	return w->p->sc.load.deadline_ns + CALL_TIMEOUT_NS;
}

/* After all is healed: wait for redundancy, stop, read what is there. */
static int settle(struct walk *w, struct err *e)
{
	struct stage *st = w->st;
	char why[WHY_BYTES] = "";
	cJSON *final = NULL, *ev;
	int r;

	stage_phase(st, "settle", "");
	r = stage_await_redundant(st, SETTLE_WITHIN_NS, why, e);
	if (r < 0)
		return -1;
	if (r > 0)
		stage_phase(st, "unsettled", why);
	if (stage_stop_load(st, "load", 0, stop_within_ns(w), e))
		return -1;
	beside_stop(st, stop_within_ns(w));
	if (stage_drain(st, true, e))
		return -1;
	emit_noise(st);
	stage_emit_inforce(st);
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
	if (walk_heal_all(w, e))
		return -1;
	return settle(w, e);
}

static int take_down(struct walk *w, bool keep, struct err *e)
{
	struct stage *st = w->st;
	int r = walk_heal_all(w, e);
	struct err quiet = {0};

	stage_phase(st, "cleanup", "");
	collect_logs(st);
	if (st->loading) {
		stage_call(st, "load", "POST", "/v1/stop", NULL, stop_within_ns(w), NULL, &quiet);
		if (st->beside)
			stage_call(st, STAGE_BESIDE_AGENT, "POST", "/v1/stop", NULL, stop_within_ns(w),
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

/* What no engine without nodes of its own can do is known before anything
 * stands; the rest is the node agents' word. */
static int possible_here(const struct stage *st, const struct plan *p, struct err *e)
{
	if (p->sc.load.minority && !st->ops->load_beside)
		return err_set(e, ERR_UNSUPPORTED, "engine %s has no place for clients beside a member",
			       st->ops->name);
	for (size_t i = 0; i < p->sc.nsteps; i++) {
		const struct step *s = &p->sc.steps[i];
		const struct fault_ops *f = s->kind == STEP_FAULT ? fault_find(s->fault) : NULL;

		if (f && f->place == FAULT_AT_HOST && !(st->ops->caps & ENGINE_CAP_NODES))
			return err_set(e, ERR_UNSUPPORTED,
				       "engine %s has no nodes of its own for the fault %s",
				       st->ops->name, f->name);
	}
	return 0;
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
	r = possible_here(st, p, e) ? -1 : stand_up(st, p, a, p->seed, e);
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
