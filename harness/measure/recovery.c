#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/parts.h"

/* When the system was whole again, from what its members said when asked
 * directly about every 100 ms.
 *
 * At each answer the newest one of every member is taken together. An answer
 * older than SAMPLE_FRESH_NS is no answer. A condition (redundant, lag zero) is
 * reached at the end of its last false stretch within the fault's window,
 * so a system that was whole, fell apart again and recovered counts to the
 * second recovery. One that was not whole when the next fault came is looked at
 * until the end of that one's window, and so on: from then on it is not known
 * which of them kept it apart; false stretches below BLIP_MS are one lost probe on a
 * busy machine and are passed over. That is the most that it took. At the least it
 * took until the last answers that certainly were not of a whole system: between
 * two answers it may have become one at once, and a member that was not asked for
 * SAMPLE_FRESH_NS may have been what it said before, what it said next, or anything. Where a
 * member was never asked, it was never seen to be whole. */

enum {
	BLIP_MS = 300,
	NOTICED_MS = 2000,    /* until an answer that no longer comes is missed */
	/* Under load a replica is always a write or two behind. */
	LAG_FLOOR_BYTES = 16384,
	LAG_FLOOR_TX = 16,
};

struct point {
	int64_t t;
	bool redundant, lag_zero;
	bool perhaps; /* redundant, as far as those tell who were asked */
};

enum what { REDUNDANT, LAG_ZERO };

struct points {
	struct point *v;
	size_t n, alloc;
	char why[WHY_BYTES]; /* what was missing at the last that was not redundant */
};

struct members {
	struct sample *v; /* newest of each */
	size_t n, alloc;
	const struct sample **next; /* of each, what it says after that; NULL: nothing more */
};

static struct sample *member(struct members *ms, const char *name)
{
	struct sample *s;
	size_t i;

	for (i = 0; i < ms->n; i++)
		if (!strcmp(ms->v[i].member, name))
			return &ms->v[i];
	s = VEC_PUSH(ms->v, ms->n, ms->alloc);
	mem_copy_str(s->member, sizeof(s->member), name);
	sample_forget(s);
	return s;
}

/* All members that were ever asked, none of them heard yet. */
static void members_of(const struct view *v, struct members *ms)
{
	for (size_t i = 0; i < v->ev->nmembers; i++)
		member(ms, v->ev->members[i]);
}

static void fresh_only(const struct members *ms, int64_t t, struct sample *out)
{
	size_t i;

	for (i = 0; i < ms->n; i++) {
		out[i] = ms->v[i];
		if (!sample_fresh(&out[i], t))
			sample_forget(&out[i]);
	}
}

/* What a member says after each of the sampler's answers of it; of those of witnesses
 * nothing. The heap. */
static const struct sample **said_next(const struct evidence *ev)
{
	const struct sample **next = mem_alloc((ev->nsamples + 1) * sizeof(*next));
	const struct sample **of = mem_alloc((ev->nmembers + 1) * sizeof(*of));

	for (size_t i = ev->nsamples; i-- > 0;) {
		size_t m = 0;

		if (ev->samples[i].beside)
			continue;
		while (strcmp(ev->members[m], ev->samples[i].member))
			m++;
		next[i] = of[m];
		of[m] = &ev->samples[i];
	}
	free(of);
	return next;
}

/* Whether it may be whole, whatever those are who were not asked lately, or not held against
 * their source: as they were, as they will be, or as nobody says. `room` has place for all. */
static bool perhaps_whole(const struct members *ms, const struct model_ops *model, int64_t t,
			  struct sample *room)
{
	char why[WHY_BYTES];
	size_t i, n;

	if (model->redundant(ms->v, ms->n, why))
		return true;
	for (i = n = 0; i < ms->n; i++)
		if (sample_fresh(&ms->v[i], t) || ms->next[i])
			room[n++] = sample_fresh(&ms->v[i], t) ? ms->v[i] : *ms->next[i];
	if (model->redundant(room, n, why))
		return true;
	for (i = n = 0; i < ms->n; i++)
		if (sample_fresh(&ms->v[i], t) && !sample_uncompared(&ms->v[i]))
			room[n++] = ms->v[i];
	return n < ms->n && model->redundant(room, n, why);
}

/* Whether all are at most so far behind; who follows nobody is behind by all there is. */
static bool lag_is_zero(const struct sample *s, size_t n, int64_t limit)
{
	for (size_t i = 0; i < n; i++)
		if (!s[i].ok || (s[i].role != ROLE_PRIMARY &&
				 (sample_lag(&s[i]) < 0 || sample_lag(&s[i]) > limit)))
			return false;
	return n > 0;
}

/* The most that a replica was behind while all was well; -1: none said. A system
 * counts bytes or transactions, not both. */
static int64_t usual_lag(const struct view *v, int64_t until_ns)
{
	int64_t most = -1, floor = LAG_FLOOR_TX;

	for (size_t i = 0; i < v->ev->nsamples; i++) {
		const struct sample *s = &v->ev->samples[i];

		if (s->beside || s->role != ROLE_REPLICA)
			continue;
		if (s->t_ns < until_ns ? sample_lag(s) > most : most < 0 && sample_lag(s) >= 0)
			most = s->t_ns < until_ns ? sample_lag(s) : 0;
		if (s->lag_bytes >= 0)
			floor = LAG_FLOOR_BYTES;
	}
	return most >= 0 && most < floor ? floor : most;
}

/* The first thing that each member says. */
static void first_said(const struct evidence *ev, struct members *ms)
{
	ms->next = mem_alloc((ms->n + 1) * sizeof(*ms->next));
	for (size_t i = ev->nsamples; i-- > 0;)
		for (size_t m = 0; m < ms->n && !ev->samples[i].beside; m++)
			if (!strcmp(ms->v[m].member, ev->samples[i].member))
				ms->next[m] = &ev->samples[i];
}

static void points_of(const struct view *v, const struct model_ops *model, int64_t lag_limit,
		      struct points *p)
{
	const struct sample **next = said_next(v->ev);
	const char *beside, *unasked = evidence_unasked(v->ev, &beside);
	struct members ms = { 0 };
	struct sample *now;
	size_t i;

	members_of(v, &ms);
	first_said(v->ev, &ms);
	now = mem_alloc((ms.n + 1) * sizeof(*now));
	for (i = 0; i < v->ev->nsamples; i++) {
		const struct sample *s = &v->ev->samples[i];
		struct sample *mine;
		struct point *x;

		if (s->beside)
			continue;
		mine = member(&ms, s->member);
		*mine = *s;
		ms.next[mine - ms.v] = next[i];
		fresh_only(&ms, s->t_ns, now);
		x = VEC_PUSH(p->v, p->n, p->alloc);
		x->t = s->t_ns;
		x->redundant = model && model->redundant(now, ms.n, p->why) && !unasked;
		x->lag_zero = lag_limit >= 0 && lag_is_zero(now, ms.n, lag_limit);
		x->perhaps = x->redundant || (model && perhaps_whole(&ms, model, s->t_ns, now));
	}
	if (unasked)
		snprintf(p->why, sizeof(p->why), "%s was never asked what it was", unasked);
	free(next);
	free(now);
	free(ms.next);
	free(ms.v);
}

/* Length from `from` to the end of the last false stretch; 0: never false;
 * -1: no answer at all, or still false at the end. */
static int64_t restored(const struct points *p, int64_t from, int64_t to, enum what what)
{
	int64_t start = 0, last_end = from, last_true = 0, last = 0, before = 0;
	size_t i;

	for (i = 0; i < p->n; i++) {
		bool is = what == LAG_ZERO ? p->v[i].lag_zero : p->v[i].redundant;
		int64_t t = p->v[i].t, since = before;

		before = t;
		if (t < from || t > to)
			continue;
		last = t;
		if (!start && since && t - since > SAMPLE_FRESH_NS)
			start = since > from ? since : from;
		if (!is) {
			if (!start)
				start = t;
			continue;
		}
		if (start && t - start >= BLIP_MS * NS_PER_MS)
			last_end = t;
		start = 0;
		last_true = t;
	}
	/* One lost probe is not the end of it, the last one neither. */
	if (!last_true || (start && last - start >= BLIP_MS * NS_PER_MS))
		return -1;
	return last_end - from;
}

/* How long after `from` it certainly was not redundant, by `to`. */
static int64_t apart_until(const struct points *p, int64_t from, int64_t to)
{
	int64_t start = 0, out = from;

	for (size_t i = 0; i < p->n && p->v[i].t <= to; i++) {
		if (p->v[i].t < from)
			continue;
		if (p->v[i].perhaps)
			start = 0;
		else if (!start)
			start = p->v[i].t;
		if (start && p->v[i].t - start >= BLIP_MS * NS_PER_MS)
			out = p->v[i].t;
	}
	return out - from;
}

/* Whether it was not redundant at the last answers before `at`, one lost probe
 * aside. */
static bool apart(const struct points *p, int64_t at)
{
	int64_t start = 0, last = 0;

	for (size_t i = 0; i < p->n && p->v[i].t < at; i++) {
		last = p->v[i].t;
		if (p->v[i].redundant)
			start = 0;
		else if (!start)
			start = last;
	}
	return start && last - start >= BLIP_MS * NS_PER_MS;
}

int64_t next_injection(const struct measured *m, int64_t after)
{
	int64_t next = m->end_ns;

	for (size_t i = 0; i < m->nfaults; i++) {
		int64_t t = m->faults[i].rec->injected_ns;

		if (t > after && t < next)
			next = t;
	}
	return next;
}

/* The same within the window of the fault, or else of those after it. *lo: as
 * long as no other fault had come it was not reached. */
static int64_t restored_in_time(const struct points *p, const struct measured *m,
				const struct fault_seen *f, enum what what, int64_t *lo)
{
	int64_t from = f->rec->effective_ns, to = f->window_end_ns,
		ns = restored(p, from, to, what);

	*lo = to - from;
	while ((ns < 0 || (!ns && to - from < NOTICED_MS * NS_PER_MS)) && to < m->end_ns) {
		to = next_injection(m, to);
		ns = restored(p, from, to, what);
	}
	if (ns >= 0 && ns < *lo)
		*lo = ns;
	return ns;
}

/* By how much sooner it was perhaps redundant: at the least it took until the last
 * answers that certainly were not of a whole system. */
static int64_t unasked(const struct points *p, const struct measured *m, const struct fault_seen *f)
{
	int64_t from = f->rec->effective_ns;
	int64_t most = f->redundant_ns >= 0 ? f->redundant_lo_ns : m->end_ns - from;
	int64_t least = apart_until(p, from, from + most);

	return least < most ? most - least : 0;
}

static void one_fault(const struct points *p, const struct measured *m, struct fault_seen *f,
		      bool redundancy, bool lag)
{
	int64_t alone;

	f->redundant_lo_ns = -1;
	if (f->rec->effective_ns && redundancy) {
		f->apart_before = apart(p, f->rec->injected_ns);
		f->redundant_ns = restored_in_time(p, m, f, REDUNDANT, &f->redundant_lo_ns);
		f->redundant_unasked_ns = unasked(p, m, f);
		if (f->redundant_ns < 0)
			mem_copy_str(f->redundant_why, sizeof(f->redundant_why), p->why);
	}
	if (f->rec->effective_ns && lag)
		f->lag_zero_ns = restored_in_time(p, m, f, LAG_ZERO, &alone);
}

/* One that never took effect has no recovery. */
static bool slower(const struct fault_seen *f, const struct fault_seen *than)
{
	if (!f->rec->effective_ns || !than->rec->effective_ns)
		return f->rec->effective_ns;
	return than->redundant_ns >= 0 &&
	       (f->redundant_ns < 0 || f->redundant_ns > than->redundant_ns);
}

void recovery_make(const struct view *v, const struct model_ops *model, struct measured *m)
{
	int64_t first = m->end_ns, lag;
	struct points p = { 0 };
	int64_t te = 0;
	size_t i;

	for (i = 0; i < v->ev->nsamples; i++)
		if (v->ev->samples[i].te_ns > te)
			te = v->ev->samples[i].te_ns;
	for (i = 0; i < m->nfaults; i++)
		if (m->faults[i].rec->injected_ns && m->faults[i].rec->injected_ns < first)
			first = m->faults[i].rec->injected_ns;
	lag = usual_lag(v, first);
	points_of(v, model, lag, &p);
	m->redundant_ns = m->lag_zero_ns = m->nfaults ? 0 : -1;
	m->slowest = NULL;
	for (i = 0; i < m->nfaults; i++) {
		struct fault_seen *f = &m->faults[i];

		one_fault(&p, m, f, model != NULL, lag >= 0);
		f->told_te_ns = f->rec->te_ns + te;
		if (!m->slowest || slower(f, m->slowest))
			m->slowest = f;
		if (f->redundant_ns < 0 || m->redundant_ns < 0)
			m->redundant_ns = -1;
		else if (f->redundant_ns > m->redundant_ns)
			m->redundant_ns = f->redundant_ns;
		if (f->lag_zero_ns < 0 || m->lag_zero_ns < 0)
			m->lag_zero_ns = -1;
		else if (f->lag_zero_ns > m->lag_zero_ns)
			m->lag_zero_ns = f->lag_zero_ns;
	}
	free(p.v);
}
