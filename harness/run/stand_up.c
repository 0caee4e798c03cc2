#include "run/stand_up.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "run/beside.h"

#define SETUP_WITHIN_NS (90 * NS_PER_S)
#define REDUNDANT_WITHIN_NS (150 * NS_PER_S)
#define CALL_TIMEOUT_NS (20 * NS_PER_S)
#define RETRY_NS (200 * NS_PER_MS)

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

static cJSON *setup_body(const struct stage *st, const struct plan *p, uint64_t seed)
{
	struct load_spec load = beside_main(&p->sc.load);
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "system", p->sc.system);
	json_set_i64(o, "scenario", st->scenario);
	json_set(o, "access", make_access(p));
	json_set(o, "load", load_spec_to_json(&load));
	/* JSON carries 53 bits; small seeds must differ as well. */
	json_set_i64(o, "seed", (int64_t)((seed ^ seed >> 53) & ((UINT64_C(1) << 53) - 1)));
	json_set_i64(o, "sample_every_ms", STAGE_SAMPLE_EVERY_MS);
	json_set_i64(o, "probe_timeout_ms", STAGE_PROBE_TIMEOUT_MS);
	return o;
}

/* Makes the tables, as soon as the system lets us. 1: it does not. */
static int first_write(struct stage *st, const cJSON *body, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + SETUP_WITHIN_NS;
	int r;

	for (;;) {
		r = stage_call(st, "load", "POST", "/v1/setup", body, CALL_TIMEOUT_NS, NULL, e);
		if (!r || clock_mono_ns() > end_ns)
			break;
		if (stage_sleep_until(st, clock_mono_ns() + RETRY_NS, e))
			return -1;
	}
	if (!r)
		return 0;
	emit_stands(st, false, "first write", e->msg);
	return 1;
}

static int set_up_minority(struct stage *st, struct plan *p, const cJSON *body, struct err *e)
{
	cJSON *status = NULL;
	int r = 0;

	if (!p->sc.load.minority)
		return 0;
	r = stage_status(st, &status, e) || beside_up(st, p, body, status, e) ? -1 : 0;
	cJSON_Delete(status);
	return r;
}

/* The members run. Returns as stand_up(). */
static int set_up(struct stage *st, struct plan *p, uint64_t seed, struct err *e)
{
	char why[WHY_BYTES] = "";
	cJSON *body;
	int r;

	stage_phase(st, "setup", "");
	body = setup_body(st, p, seed);
	r = first_write(st, body, e);
	if (r)
		goto out;
	st->loading = true;
	st->got = (struct fetched){0};
	st->next_sample = st->next_noise = 0;
	stage_phase(st, "converge", "");
	r = stage_await_redundant(st, REDUNDANT_WITHIN_NS, why, e);
	if (r > 0)
		emit_stands(st, false, "redundant", why);
	if (r)
		goto out;
	emit_stands(st, true, "", "");
	stage_emit_inforce(st);
	r = set_up_minority(st, p, body, e);
out:
	cJSON_Delete(body);
	return r;
}

int stand_up(struct stage *st, struct plan *p, struct arena *a, uint64_t seed, struct err *e)
{
	struct adapt_rules rules = {0};
	struct adaptations changes = {0};
	int64_t ready_by_ns;

	stage_phase(st, "apply", p->sc.title);
	emit_adaptations(st, p, &p->changes);
	/* As written: adapting may hide what is wrong. */
	if (st->ops->check && st->ops->check(a, &p->manifest, e)) {
		if (e->kind != ERR_REFUSED)
			return -1;
		emit_stands(st, false, "objects accepted", e->msg);
		return 1;
	}
	if (st->ops->rules(st->en, p->system->fixture, &rules, e) ||
	    manifest_adapt(a, &p->manifest, &rules, &changes, e))
		return -1;
	emit_adaptations(st, p, &changes);
	if (st->ops->watch_start(st->en, on_change, st, e))
		return -1;
	if (st->ops->apply(st->en, &p->manifest, e)) {
		if (e->kind != ERR_REFUSED)
			return -1;
		emit_stands(st, false, "objects accepted", e->msg);
		return 1;
	}
	stage_phase(st, "ready", "");
	ready_by_ns = clock_mono_ns() + p->sc.ready_within_ns;
	if (st->ops->wait_ready(st->en, &p->manifest, ready_by_ns, e)) {
		if (*st->interrupted)
			return err_set(e, ERR_INTERRUPTED, "interrupted");
		emit_stands(st, false, "workloads ready", e->msg);
		return 1;
	}
	return set_up(st, p, seed, e);
}
