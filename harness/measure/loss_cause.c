#include "measure/loss_cause.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

/* Why an acknowledged write is not there, from evidence only. The system's
 * own hook is asked first. Then, in this order:
 *
 *  minority side   its client stood on a node that a partition had cut off at
 *                  the time, or the member that acknowledged it was cut off or
 *                  had been replaced: another had been primary since, at a
 *                  higher timeline.
 *  not replicated  another member became primary afterwards, and nothing shows
 *                  that it had the write: had it told, as a replica, a log
 *                  position at which the old primary stood after acknowledging,
 *                  the write had reached it.
 *  lost on restart the member that acknowledged it was started anew, and was
 *                  primary again before any other.
 *  evicted         none of these, and the system says that it evicted keys.
 *
 * Who acknowledged is told by the answer's address, else by who was primary
 * then. Shards have primaries of their own. What remains is unknown. */

enum { SETTLED_MS = 2000 }; /* the first answer of a new primary may come so long after it served */

struct answer {
	int64_t t;
	const char *m, *run;   /* run: what changes when the server begins anew; "" untold */
	bool ok, leads, follows;
	bool beside;           /* told to a witness: what the cut-off side believes */
	uint32_t shard;
	int64_t timeline, position, started_ms, evicted;
};

struct place {
	int64_t t;
	const char *name, *ip, *uid;
	int64_t restarts;
};

static void add_answer(const cJSON *e, struct loss_evidence *out)
{
	const cJSON *x = json_get(e, "x");

	*VEC_PUSH(out->answers, out->nanswers, out->aanswers) = (struct answer){
		.t = event_t(e), .m = json_str(e, "m", ""), .run = json_str(x, "run_id", ""),
		.ok = json_bool(e, "ok", false), .leads = sample_leads(e),
		.follows = json_bool(e, "ok", false) && !strcmp(json_str(e, "role", ""), "replica"),
		.beside = event_is(e, "witness"),
		.shard = (uint32_t)json_i64(e, "shard", 0), .timeline = json_i64(e, "tl", -1),
		.position = json_i64(e, "pos", -1), .started_ms = json_i64(x, "started_ms", -1),
		.evicted = json_i64(x, "evicted_keys", -1) };
}

static bool started_anew(const struct answer *a, const struct answer *b)
{
	return (a->run[0] && b->run[0] && strcmp(a->run, b->run)) ||
	       (a->started_ms >= 0 && b->started_ms >= 0 && a->started_ms != b->started_ms);
}

static const struct answer *before(const struct loss_evidence *ev, size_t i)
{
	const char *m = ev->answers[i].m;

	while (i--)
		if (ev->answers[i].ok && !strcmp(ev->answers[i].m, m))
			return &ev->answers[i];
	return NULL;
}

/* The sum of what the counters grew by; one that began anew counts from 0. */
static int64_t evicted_keys(const struct loss_evidence *ev)
{
	int64_t sum = 0;
	size_t i;

	for (i = 0; i < ev->nanswers; i++) {
		const struct answer *a = &ev->answers[i], *b;

		if (!a->ok || a->evicted <= 0)
			continue;
		b = before(ev, i);
		if (!b || b->evicted < 0 || started_anew(b, a) || b->evicted > a->evicted)
			sum += b ? a->evicted : 0;
		else
			sum += a->evicted - b->evicted;
	}
	return sum;
}

void loss_evidence_make(const struct view *v, struct loss_evidence *out)
{
	size_t i;

	memset(out, 0, sizeof(*out));
	out->v = v;
	for (i = 0; i < v->nevents; i++) {
		const cJSON *e = v->events[i];

		if (event_is(e, "sample") || event_is(e, "witness"))
			add_answer(e, out);
		else if (event_is(e, "object") && !strcmp(json_str(e, "type", ""), "pod"))
			*VEC_PUSH(out->places, out->nplaces, out->aplaces) = (struct place){
				event_t(e), json_str(e, "name", ""), json_str(e, "ip", ""),
				json_str(e, "uid", ""), json_i64(e, "restarts", 0) };
	}
	out->evicted = evicted_keys(out);
}

void loss_evidence_free(struct loss_evidence *ev)
{
	free(ev->answers);
	free(ev->places);
	memset(ev, 0, sizeof(*ev));
}

/* Which member held an address at a time, from the pods' own objects; a
 * system may also name the member itself. */
static const char *member_at(const struct loss_evidence *ev, const char *via, int64_t t)
{
	const char *name = "", *colon = strchr(via, ':');
	/* A port follows one colon; IPv6 has more. */
	size_t i, len = colon && colon == strrchr(via, ':') ? (size_t)(colon - via) : strlen(via);

	for (i = 0; len && i < ev->nplaces; i++) {
		const struct place *p = &ev->places[i];

		if (p->t > t && *name)
			break;
		if ((strlen(p->ip) == len && !strncmp(p->ip, via, len)) || !strcmp(p->name, via))
			name = p->name;
	}
	return name;
}

/* The newest answer of a writable primary of the shard by t. */
static const struct answer *leader_at(const struct loss_evidence *ev, uint32_t shard, int64_t t)
{
	const struct answer *l = NULL;
	size_t i;

	for (i = 0; i < ev->nanswers && ev->answers[i].t <= t; i++)
		if (ev->answers[i].leads && !ev->answers[i].beside && shards_rival(ev->answers[i].shard, shard))
			l = &ev->answers[i];
	return l;
}

/* The first later one. */
static const struct answer *next_leader(const struct loss_evidence *ev, uint32_t shard, int64_t t,
					const char *not)
{
	size_t i;

	for (i = 0; i < ev->nanswers; i++) {
		const struct answer *a = &ev->answers[i];

		if (a->t > t && a->leads && !a->beside && shards_rival(a->shard, shard) && (!not || strcmp(a->m, not)))
			return a;
	}
	return NULL;
}

static const struct answer *last_of(const struct loss_evidence *ev, const char *m, int64_t t)
{
	const struct answer *l = NULL;
	size_t i;

	for (i = 0; i < ev->nanswers && ev->answers[i].t <= t; i++)
		if (ev->answers[i].ok && !strcmp(ev->answers[i].m, m))
			l = &ev->answers[i];
	return l;
}

static const cJSON *group_event(const struct view *v, uint32_t group)
{
	size_t i;

	for (i = 0; group && i < v->nevents; i++)
		if (event_is(v->events[i], "group") && json_i64(v->events[i], "g", 0) == (int64_t)group)
			return v->events[i];
	return NULL;
}

/* Had the partition cut this member or this node off at t? */
static bool cut_off(const struct fault_seen *f, const char *member, const char *node, int64_t t)
{
	const cJSON *x;

	if (!f || !strstr(f->fault, "partition") || !f->effective_ns || t < f->effective_ns ||
	    (f->healed_ns && t > f->healed_ns))
		return false;
	cJSON_ArrayForEach(x, json_get(f->last, "targets"))
		if ((*member && !strcmp(json_str(x, "member", ""), member)) ||
		    (*node && !strcmp(json_str(x, "node", ""), node)))
			return true;
	return false;
}

static bool on_minority_side(const struct loss_evidence *ev, const struct op *op, const char *by,
			     const struct fault_seen *f, struct lost_write *w)
{
	const char *node = json_str(group_event(ev->v, op->group), "node", "");
	const struct answer *other, *mine;

	if (*node && cut_off(f, "", node, op->t_return)) {
		snprintf(w->how, sizeof(w->how), "its client stood on %.48s, which was cut off", node);
		return true;
	}
	if (cut_off(f, by, "", op->t_return)) {
		snprintf(w->how, sizeof(w->how), "%.48s acknowledged it while it was cut off", by);
		return true;
	}
	other = leader_at(ev, op->shard, op->t_invoke);
	mine = *by ? last_of(ev, by, op->t_return) : NULL;
	if (!*by || !other || !strcmp(other->m, by) || other->timeline < 0 ||
	    (mine && mine->timeline >= other->timeline))
		return false;
	snprintf(w->how, sizeof(w->how), "%.48s acknowledged it, but %.48s was primary of timeline %lld", by,
		 other->m, (long long)other->timeline);
	return true;
}

/* Did the later primary, while it was a replica, tell a position that the old one
 * only had after the write? Then the write had reached it. A position on an
 * older timeline than the write's says nothing: the two logs have parted. */
static bool had_it(const struct loss_evidence *ev, const char *by, const struct answer *next, int64_t t)
{
	int64_t after = -1, timeline = -1, followed = -1;
	size_t i;

	for (i = 0; i < ev->nanswers && after < 0; i++) {
		const struct answer *a = &ev->answers[i];

		if (a->t >= t + SETTLED_MS * NS_PER_MS)
			break;
		if (a->t > t && a->ok && a->leads && !strcmp(a->m, by)) {
			after = a->position;
			timeline = a->timeline;
		}
	}
	for (i = 0; after >= 0 && i < ev->nanswers && ev->answers[i].t < next->t; i++) {
		const struct answer *a = &ev->answers[i];

		if (!a->follows || strcmp(a->m, next->m))
			continue;
		/* The highest that it ever told: without a sender it may tell less. */
		followed = a->timeline > followed ? a->timeline : followed;
		if (a->t > t && a->position >= after && (followed < 0 || followed >= timeline))
			return true;
	}
	return false;
}

/* When a new server of this member showed first after `from_ns`; 0: never. */
static int64_t restarted_at(const struct loss_evidence *ev, const char *m, int64_t from_ns)
{
	const struct answer *last = NULL;
	const struct place *at = NULL;
	int64_t t = 0;
	size_t i;

	for (i = 0; i < ev->nanswers && !t; i++) {
		const struct answer *a = &ev->answers[i];

		if (!a->ok || strcmp(a->m, m))
			continue;
		if (last && a->t > from_ns && started_anew(last, a))
			t = a->t;
		last = a;
	}
	for (i = 0; i < ev->nplaces; i++) {
		const struct place *p = &ev->places[i];

		if (!p->uid[0] || strcmp(p->name, m))
			continue;
		if (at && p->t > from_ns && (strcmp(at->uid, p->uid) || p->restarts > at->restarts))
			return t && t < p->t ? t : p->t;
		at = p;
	}
	return t;
}

/* What came after the fault began, or, without one, after the write. */
static void by_who_came_after(const struct loss_evidence *ev, const struct op *op, const char *by,
			      const struct fault_seen *f, struct lost_write *w)
{
	int64_t from = f && f->injected_ns > op->t_return ? f->injected_ns : op->t_return;
	const struct answer *other = next_leader(ev, op->shard, from, by), *again;
	int64_t anew = restarted_at(ev, by, op->t_return);

	again = anew ? next_leader(ev, op->shard, anew - 1, NULL) : NULL;
	if (again && !strcmp(again->m, by) && (!other || again->t < other->t)) {
		w->cause = LOSS_RESTART;
		snprintf(w->how, sizeof(w->how), "%.48s was started anew after acknowledging it, and led on", by);
	} else if (other && !had_it(ev, by, other, op->t_return)) {
		w->cause = LOSS_NOT_REPLICATED;
		snprintf(w->how, sizeof(w->how), "%.48s acknowledged it, and %.48s became primary without it",
			 by, other->m);
	}
}

void loss_cause_find(const struct loss_evidence *ev, const struct system_ops *sys, const struct op *op,
		     const struct fault_seen *f, struct lost_write *w)
{
	const struct answer *then = leader_at(ev, op->shard, op->t_return);
	const char *by = member_at(ev, op->via, op->t_return);

	if (!*by && op->group)
		by = json_str(group_event(ev->v, op->group), "member", "");
	else if (!*by && then)
		by = then->m;
	if (sys && sys->loss_cause)
		w->cause = sys->loss_cause(ev->v->run_events, op, f ? f->last : NULL, w->how);
	if (w->cause)
		return;
	if (on_minority_side(ev, op, by, f, w))
		w->cause = LOSS_MINORITY;
	else if (*by)
		by_who_came_after(ev, op, by, f, w);
	if (!w->cause && ev->evicted > 0) {
		w->cause = LOSS_EVICTED;
		snprintf(w->how, sizeof(w->how), "the system says that it evicted %lld keys",
			 (long long)ev->evicted);
	}
}
