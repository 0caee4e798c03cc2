#include "check/sampled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* For so long nothing need be known of a member. Ten questions a second go out, each
 * of which may wait 500 ms: three in a row may hang, and four get no answer. */
enum { ASKED_MS = 1500, HEARD_MS = 2000 };

/* ---- asked ---- */

static bool asked_all_along(const struct evidence *ev, const struct measured *m, const char *member,
			    int64_t from, int64_t to, char *why, size_t size)
{
	int64_t last = from;

	for (size_t i = 0; i <= ev->nsamples; i++) {
		const struct sample *s = i < ev->nsamples ? &ev->samples[i] : NULL;
		int64_t t = s ? s->t_ns : to;

		if ((s && (s->beside || strcmp(s->member, member))) || t < from)
			continue;
		if (t > to)
			t = to;
		if (t - last > ASKED_MS * NS_PER_MS) {
			snprintf(why, size, "nobody asked %.60s for %.1f s, from %.1f s after the load began: what "
				 "it was then was not seen", member, in_s(t - last), in_s(last - m->begin_ns));
			return false;
		}
		last = t > last ? t : last;
	}
	return true;
}

bool brother_of_member(const struct evidence *ev, const char *pod)
{
	return evidence_brother(ev, pod) != NULL;
}

static bool all_asked(const struct evidence *ev, char *why, size_t size)
{
	const char *beside, *who = evidence_unasked(ev, &beside);

	if (who && beside)
		snprintf(why, size, "%.60s was never asked what it was, as %.60s was", who, beside);
	else if (who)
		snprintf(why, size, "%.60s, a target of a fault, was never asked what it was", who);
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

static void away_by_fault(const struct evidence *ev, const char *member, struct times *out)
{
	for (size_t i = 0; i < ev->nfaults; i++) {
		const struct fault_record *f = &ev->faults[i];
		int64_t from = f->does.one_by_one ? fault_came(ev, f, member) : f->injected_ns,
			until = from;

		if (!from || !fault_reaches(ev, f, member))
			continue;
		if (f->does.lasts &&
		    fault_does(f, EFFECT_SILENT | EFFECT_CUT_OFF | EFFECT_NODE_GONE))
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

/* Who lets nobody in is no primary, and who answers is what it says; without a word of
 * its role it may be anything. */
static bool says_what_it_is(const struct sample *s)
{
	return s->closed || (s->ok && s->role != ROLE_UNKNOWN);
}

static bool heard(const struct evidence *ev, const struct measured *m, const char *member,
		  int64_t from, int64_t to, char *why, size_t size)
{
	int64_t last = from, since = INT64_MAX, until = to;
	struct times ts = { 0 };

	away_by_fault(ev, member, &ts);
	away_by_pod(ev, member, &ts);
	for (size_t i = 0; i <= ev->nsamples && since == INT64_MAX; i++) {
		const struct sample *s = i < ev->nsamples ? &ev->samples[i] : NULL;

		if (s && (strcmp(s->member, member) || !says_what_it_is(s) || s->t_ns < from ||
			  s->t_ns > to))
			continue;
		until = s ? sample_asked(s) : to;
		since = uncovered(&ts, last, &until);
		last = s && s->t_ns > last ? s->t_ns : last;
	}
	free(ts.v);
	if (since == INT64_MAX)
		return true;
	snprintf(why, size, "%.60s was not heard for %.1f s, from %.1f s after the load began, and nothing shows that "
		 "it was no primary then", member, in_s(until - since), in_s(since - m->begin_ns));
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
