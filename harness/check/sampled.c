#include "check/sampled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "check/gate.h"

/* For so long nothing need be heard of a member: three questions in a row may hang
 * (evidence_hole()), and four get no answer. */
enum { HEARD_MS = 2000 };

/* ---- asked ---- */

static bool asked_all_along(const struct evidence *ev, const struct measured *m, const char *member,
			    int64_t from, int64_t to, char *why, size_t size)
{
	int64_t since = 0, hole = evidence_hole(ev, member, from, to, &since);

	if (hole)
		snprintf(why, size, "nobody asked %s for %.1f s, from %.1f s after the load began: what "
			 "it was then was not seen", member, in_s(hole), in_s(since - m->begin_ns));
	return !hole;
}

bool brother_of_member(const struct evidence *ev, const char *pod)
{
	return evidence_brother(ev, pod) != NULL;
}

static bool is_target(const struct evidence *ev, const char *name)
{
	for (size_t i = 0; i < ev->nfaults; i++)
		if (fault_hits(&ev->faults[i], name))
			return true;
	return false;
}

static bool all_asked(const struct evidence *ev, char *why, size_t size)
{
	const char *beside, *who = evidence_unasked(ev, &beside);

	if (who && beside)
		snprintf(why, size, "%s was never asked what it was, as %s was", who, beside);
	else if (who)
		snprintf(why, size, "%s, %s, was never asked what it was", who,
			 is_target(ev, who) ? "a target of a fault" : "a member by the scenario's word");
	return !who;
}

/* The sampler covers the time that a measure speaks of, each member of it, and
 * the faults' targets are among them. */
bool sampled_throughout(const struct evidence *ev, const struct measured *m, int64_t from,
			int64_t to, char *why, size_t size)
{
	bool leads = false;

	if (!all_asked(ev, why, size))
		return false;
	for (size_t i = 0; i < ev->nmembers; i++)
		if (!asked_all_along(ev, m, ev->members[i], from, to, why, size))
			return false;
	for (size_t i = 0; i < ev->nsamples && !leads; i++)
		leads = sample_leads(&ev->samples[i]);
	if (!leads)
		snprintf(why, size, "no member was ever heard as a writable primary");
	return leads;
}

/* ---- heard ---- */

struct times {
	struct time {
		int64_t from, to;
	} *v;
	size_t n, alloc;
};

static void add(struct times *ts, int64_t from, int64_t to)
{
	if (to > from)
		*VEC_PUSH(ts->v, ts->n, ts->alloc) = (struct time){ from, to };
}

/* Adds what two answers in a row say that were not too far apart, to what the ones before said. */
static void extend(struct times *ts, const struct sample *a, const struct sample *b)
{
	if (sample_asked(b) - a->t_ns > HEARD_MS * NS_PER_MS)
		return;
	if (ts->n && ts->v[ts->n - 1].to == a->t_ns)
		ts->v[ts->n - 1].to = b->t_ns;
	else
		add(ts, a->t_ns, b->t_ns);
}

/* When a pod whose server ended at t_ns was ready again. t_ns: nothing shows that
 * it was away, so nothing shows how long. */
static int64_t ready_again(const struct evidence *ev, const char *pod, int64_t t_ns)
{
	const struct pod_seen *before = NULL;
	bool away = false;

	for (size_t i = 0; i < ev->npods; i++) {
		const struct pod_seen *p = &ev->pods[i];

		if (strcmp(p->name, pod))
			continue;
		if (p->t_ns < t_ns) {
			before = p;
			continue;
		}
		away = away || !p->ready || p->deleted || p->gone ||
		       (before && (strcmp(before->uid, p->uid) || p->restarts > before->restarts));
		if (away && p->ready && !p->deleted && !p->gone)
			return p->t_ns;
	}
	return away ? INT64_MAX : t_ns;
}

/* `mask`: by which of the lasting effects. */
static void away_by_fault(const struct evidence *ev, const char *member, unsigned mask,
			  struct times *out)
{
	for (size_t i = 0; i < ev->nfaults; i++) {
		const struct fault_record *f = &ev->faults[i];
		int64_t from = f->does.one_by_one ? fault_came(ev, f, member) : f->injected_ns,
			until = from;

		if (!from || !fault_reaches(ev, f, member))
			continue;
		if (f->does.lasts && fault_does(f, mask))
			until = f->healed_ns ? f->healed_ns : INT64_MAX;
		if (until < INT64_MAX && (effects_die(&f->does) || fault_does(f, EFFECT_NODE_GONE)))
			until = ready_again(ev, member, until);
		add(out, from, until);
	}
}

static void away_by_pod(const struct evidence *ev, const char *member, struct times *out)
{
	const struct pod_seen *away = NULL;

	for (size_t i = 0; i < ev->npods; i++) {
		const struct pod_seen *p = &ev->pods[i];

		if (strcmp(p->name, member))
			continue;
		if (away)
			add(out, away->t_ns, p->t_ns);
		away = p->gone || (*p->phase && strcmp(p->phase, "Running")) ? p : NULL;
	}
	if (away)
		add(out, away->t_ns, INT64_MAX);
}

/* The first of [from, to) that is in none of these times, as far as it goes
 * (*to); INT64_MAX: none that is longer than may be. */
static int64_t uncovered(const struct times *ts, int64_t from, int64_t *to)
{
	while (from < *to) {
		int64_t next = *to, on = from;

		for (size_t i = 0; i < ts->n; i++) {
			if (ts->v[i].from <= from && ts->v[i].to > on)
				on = ts->v[i].to;
			else if (ts->v[i].from > from && ts->v[i].from < next)
				next = ts->v[i].from;
		}
		if (on == from && next - from > HEARD_MS * NS_PER_MS) {
			*to = next;
			return from;
		}
		from = on > from ? on : next;
	}
	return INT64_MAX;
}

/* Whether no other member led in [from, to): each was away, or said before and after that it
 * was no primary. */
static bool no_other_led(const struct evidence *ev, const char *member, int64_t from, int64_t to)
{
	bool none = true;

	for (size_t m = 0; none && m < ev->nmembers; m++) {
		const struct sample *before = NULL;
		struct times ts = { 0 };
		int64_t until = to;

		if (!strcmp(ev->members[m], member))
			continue;
		/* Behind a cut it may lead. */
		away_by_fault(ev, ev->members[m], EFFECT_SILENT | EFFECT_NODE_GONE, &ts);
		away_by_pod(ev, ev->members[m], &ts);
		for (size_t i = 0; i < ev->nsamples; i++) {
			const struct sample *s = &ev->samples[i];

			if (strcmp(s->member, ev->members[m]) || !sample_tells(s))
				continue;
			if (before && !sample_leads(before) && !sample_leads(s))
				extend(&ts, before, s);
			before = s;
		}
		none = uncovered(&ts, from, &until) == INT64_MAX;
		free(ts.v);
	}
	return none;
}

/* As uncovered(), but for holes in which no other member led: two primaries are two. */
static int64_t doubtful(const struct evidence *ev, const char *member, const struct times *ts,
			int64_t from, int64_t *to)
{
	const int64_t end = *to;

	while ((from = uncovered(ts, from, to)) < INT64_MAX &&
	       no_other_led(ev, member, from, *to)) {
		from = *to;
		*to = end;
	}
	return from;
}

static bool heard(const struct evidence *ev, const struct measured *m, const char *member,
		  int64_t from, int64_t to, char *why, size_t size)
{
	int64_t last = from, since = INT64_MAX, until = to;
	struct times ts = { 0 };

	away_by_fault(ev, member, EFFECT_SILENT | EFFECT_CUT_OFF | EFFECT_NODE_GONE, &ts);
	away_by_pod(ev, member, &ts);
	for (size_t i = 0; i <= ev->nsamples && since == INT64_MAX; i++) {
		const struct sample *s = i < ev->nsamples ? &ev->samples[i] : NULL;

		if (s && (strcmp(s->member, member) || !sample_tells(s) || s->t_ns < from ||
			  s->t_ns > to))
			continue;
		until = s ? sample_asked(s) : to;
		since = doubtful(ev, member, &ts, last, &until);
		last = s && s->t_ns > last ? s->t_ns : last;
	}
	free(ts.v);
	if (since == INT64_MAX)
		return true;
	snprintf(why, size, "%s was not heard for %.1f s, from %.1f s after the load began, and nothing shows that "
		 "it was no primary then", member, in_s(until - since), in_s(since - m->begin_ns));
	return false;
}

/* Without confirms a message is taken for sent once it has left, whoever leads. */
static bool acks_tell(const struct evidence *ev, const struct op *op)
{
	const struct setting_seen *s = op->f == OP_SEND && ev->inforce ? setting_find(ev->inforce, "confirms") : NULL;

	return op_acked_write(op) && !(s && s->value && !strcmp(s->value, "off"));
}

/* Whoever acknowledged a write was a writable primary then, or what members say of
 * themselves is not what they are. */
bool led_when_acked(const struct history *h, const struct evidence *ev, const struct measured *m,
		    char *why, size_t size)
{
	const int64_t near = HEARD_MS * NS_PER_MS;
	int64_t acked = 0, first = 0;
	size_t from = 0;

	for (size_t i = 0; i < h->n; i++) {
		const struct op *op = &h->ops[i];
		bool led = false;

		if ((int64_t)op->scenario != ev->scenario || !acks_tell(ev, op))
			continue;
		while (from < ev->nsamples && ev->samples[from].t_ns < op->t_invoke - near)
			from++;
		for (size_t k = from;
		     k < ev->nsamples && !led && ev->samples[k].t_ns <= op->t_return + near; k++)
			led = sample_leads(&ev->samples[k]) &&
			      shards_rival(ev->samples[k].shards, shard_bit(op->shard));
		if (!led && !acked++)
			first = op->t_return;
	}
	if (acked < GATE_KIND_MIN)
		return true;
	snprintf(why, size, "%lld writes were acknowledged while no member had said for %.0f s that it was a writable primary, "
		 "from %.1f s after the load began: what members said of themselves does not tell who was", (long long)acked,
		 in_s(near), in_s(first - m->begin_ns));
	return false;
}

bool heard_throughout(const struct evidence *ev, const struct measured *m, int64_t from, int64_t to,
		      char *why, size_t size)
{
	for (size_t i = 0; i < ev->nmembers; i++)
		if (!heard(ev, m, ev->members[i], from, to, why, size))
			return false;
	return true;
}
