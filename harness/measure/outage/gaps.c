#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/outage/gap.h"

/* How long service was down after a fault.
 *
 * Insert, write, cas and send count; in a view of reads those do instead. A
 * gap is a stretch without a returned acknowledgement, and one that overlaps
 * the fault's window [injected, window_end) is an outage when it is longer
 * than what was normal before the first fault (baseline_make), or when writes
 * failed in it, more in a row than ever before: at least two, or one in a gap
 * that a single failure does not explain. A write that fails by itself among
 * others that are served is no outage. Where no acknowledgement follows, the
 * gap is as long as writes were still tried in it: that the load was over, or
 * that some other operation hung on, says nothing.
 *
 * Service that flickers is not back: gaps are one outage, from the beginning
 * of the first to the end of the last, where the service between two of them
 * lasted less than a second and at most half as long as the shorter of them;
 * and that one lasted a second, or a quarter of a second and of the longer one,
 * so that a stumble right after recovery is none. A gap's own bounds are in
 * bounds.c. The outage of a fault is the longest of them. */

enum {
	BLINK_MS = 1000,       /* service shorter than this may be none ... */
	BLINK_PART = 2,        /* ... when the gaps around it are so many times longer */
	STUMBLE_MS = 1000,     /* a gap shorter than this, and ... */
	STUMBLE_PART = 4,      /* ... than this part of its neighbour, is one after recovery; */
	SLOW_GAP_MS = 250,     /* shorter ones are those of a slow service */
	FAILED_FEW = 2,
	FAILED_GAPS = 2,       /* what one failed write joins */
	SLOW_UNKNOWN_MS = 1000,
	BEFORE_MS = 1000,      /* before a fault, longer than this, and ... */
	BEFORE_GAPS = 3,       /* ... than so many of the usual ones, is never usual */
};

struct gaps {
	struct gap *v; /* in the order of time */
	size_t n, alloc;
};

static int64_t length(const struct gap *g)
{
	return g->ended ? g->to - g->from : g->tried_ns;
}

/* Whether it is an outage by its length, or together with what failed in it. */
static bool stands_out(const struct baseline *b, const struct gap *g)
{
	if (length(g) > b->gap_limit_ns)
		return true;
	return g->failed > FAILED_FEW * b->failed_run && b->gap_p99_ns >= 0 &&
	       length(g) > FAILED_GAPS * b->gap_p99_ns;
}

/* The same of one that failures alone show. */
static bool some_failed(const struct baseline *b, const struct gap *g)
{
	return g->failed >= FAILED_FEW && g->failed > FAILED_FEW * b->failed_run;
}

/* A gap that certainly began before the injection is not this fault's work;
 * what counts for it is the part after its injection. */
static void clip(const struct view *v, const struct window *w, struct gap *g)
{
	if (g->from < w->from && gap_began_before(v, w, g, w->from)) {
		g->running = w->from - g->from > w->limit + w->rec->te_ns;
		g->from = w->from;
		g->clipped = true;
	}
}

/* A gap that cannot be shown to have begun before the next fault is that
 * fault's: the last acknowledgement before a kill always lies before it. */
static bool next_faults(const struct view *v, const struct window *w, const struct gap *g)
{
	return w->to < w->end && g->to > w->to && length(g) > w->limit &&
	       !gap_began_before(v, w, g, w->to);
}

/* The last stretch: until when writes were tried in vain. */
static bool never_ended(const struct view *v, struct gap *g)
{
	int64_t last = g->from;
	size_t i;

	g->to = g->from;
	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];

		if (!view_refused(v, op) || op->t_return <= g->from)
			continue;
		if (op->t_return > g->to)
			g->to = op->t_return;
		if (op->t_invoke > last)
			last = op->t_invoke;
	}
	g->tried_ns = last - g->from;
	return g->to > g->from;
}

/* Every stretch that overlaps the window. */
static void gaps_of(const struct view *v, const struct baseline *b, const struct window *w,
		    struct gaps *out)
{
	struct instants acks = { 0 }, failed = { 0 };
	size_t i;

	view_instants(v, w->slow, &acks, &failed);
	for (i = 0; i <= acks.n; i++) {
		struct gap g = {.from = i ? acks.v[i - 1] : v->ops[0]->t_invoke,
				.ended = i < acks.n};

		if (g.ended)
			g.to = acks.v[i];
		else if (!never_ended(v, &g))
			continue;
		if (g.to <= w->from || g.from >= w->to || next_faults(v, w, &g))
			continue;
		g.failed = (int)instants_between(&failed, g.from, g.to);
		if (stands_out(b, &g))
			clip(v, w, &g);
		*VEC_PUSH(out->v, out->n, out->alloc) = g;
	}
	free(acks.v);
	free(failed.v);
}

/* Whether the service between two gaps was none worth the name. */
static bool one_outage(const struct gap *a, const struct gap *b)
{
	int64_t between = b->from - a->to, shorter = length(a), longer = length(b);

	if (shorter > longer) {
		shorter = length(b);
		longer = length(a);
	}
	return between < BLINK_MS * NS_PER_MS && BLINK_PART * between <= shorter &&
	       (shorter >= STUMBLE_MS * NS_PER_MS ||
		(shorter >= SLOW_GAP_MS * NS_PER_MS && STUMBLE_PART * shorter >= longer));
}

/* Gaps that are one outage, and the stretch that they span. */
struct period {
	struct outage o;
	struct gap span, last;
};

struct periods {
	struct period *v;
	size_t n, alloc;
};

static void join(const struct view *v, struct period *p, const struct outage *more,
		 const struct gap *g)
{
	struct outage *o = &p->o;

	o->ended = more->ended;
	o->up_lo = more->up_lo;
	o->up_hi = more->up_hi;
	o->lo_ns = gap_certain(v, o);
	o->hi_ns = o->up_hi - o->down_lo;
	o->times++;
	p->span.to = g->to;
	p->span.ended = g->ended;
}

static void add_gap(const struct view *v, const struct window *w, const struct gap *g,
		    struct periods *ps, struct downtime *down)
{
	struct outage one = { .times = 1, .running = g->running };
	struct period *p = ps->n ? &ps->v[ps->n - 1] : NULL;

	gap_bounds(v, w, g, &one);
	down->times++;
	if (!one.running) {
		int64_t alone = w->to - one.down_hi;

		down->lo_ns += one.lo_ns;
		down->own_lo_ns += alone < 0 ? 0 : alone < one.lo_ns ? alone : one.lo_ns;
	}
	down->hi_ns += one.hi_ns;
	down->ended = down->ended && one.ended;
	if (p && one_outage(&p->last, g))
		join(v, p, &one, g);
	else
		*(p = VEC_PUSH(ps->v, ps->n, ps->alloc)) = (struct period){ .o = one, .span = *g };
	p->last = *g;
}

static const struct gap *longest(const struct gaps *gs, const struct baseline *b, bool failed)
{
	const struct gap *best = NULL;

	for (size_t i = 0; i < gs->n; i++)
		if ((!failed || some_failed(b, &gs->v[i])) &&
		    (!best || length(&gs->v[i]) > length(best)))
			best = &gs->v[i];
	return best;
}

/* The longest period into *o; the others are counted. */
static void choose(const struct periods *ps, const struct downtime *down, struct outage *o,
		   struct gap *span)
{
	const struct period *best = NULL;
	int64_t sum = 0;

	for (size_t i = 0; i < ps->n; i++) {
		int64_t len = ps->v[i].span.to - ps->v[i].span.from;

		sum += len;
		if (!best || len > best->span.to - best->span.from)
			best = &ps->v[i];
	}
	if (!best)
		return;
	*o = best->o;
	*span = best->span;
	o->any = true;
	o->down = *down;
	o->seen_ns = span->to - span->from;
	o->more = (int)ps->n - 1;
	o->more_ns = sum - o->seen_ns;
}

static void find(const struct view *v, const struct baseline *b, const struct window *w,
		 struct outage *o, struct gap *span)
{
	struct downtime down = { .ended = true };
	struct periods ps = { 0 };
	struct gaps gs = { 0 };
	const struct gap *g;

	gaps_of(v, b, w, &gs);
	for (size_t i = 0; i < gs.n; i++)
		if (stands_out(b, &gs.v[i]))
			add_gap(v, w, &gs.v[i], &ps, &down);
	if (!ps.n && (g = longest(&gs, b, true)))
		add_gap(v, w, g, &ps, &down);
	choose(&ps, &down, o, span);
	if (!o->any && (g = longest(&gs, b, false)))
		o->seen_ns = g->to - g->from;
	free(gs.v);
	free(ps.v);
}

struct own {
	int64_t before, after;
};

/* Each client's own longest-known gap around the overall one. A client that
 * never came back is counted to the end of the load. */
static void client_gaps(const struct view *v, const struct gap *g, int64_t end_ns, struct outage *o)
{
	struct instants len = { 0 };
	struct own *c;
	uint32_t max = 0;
	size_t i;

	for (i = 0; i < v->nops; i++)
		if (v->ops[i]->process > max)
			max = v->ops[i]->process;
	if (max > 1u << 20)
		return; /* not one of our histories */
	c = mem_alloc(((size_t)max + 1) * sizeof(*c));
	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		struct own *p = &c[op->process];

		if (!view_served(v, op))
			continue;
		if (op->t_return <= g->from) {
			if (op->t_return > p->before)
				p->before = op->t_return;
		} else if (op->t_return >= g->to && (!p->after || op->t_return < p->after)) {
			p->after = op->t_return;
		}
	}
	for (i = 0; i <= max; i++)
		if (c[i].before)
			*VEC_PUSH(len.v, len.n, len.alloc) =
				(c[i].after ? c[i].after : end_ns) - c[i].before;
	if (len.n) {
		qsort(len.v, len.n, sizeof(*len.v), by_i64);
		o->client_min_ns = len.v[0];
		o->client_median_ns = stat_percentile(len.v, len.n, 0.5);
		o->client_max_ns = len.v[len.n - 1];
	}
	free(len.v);
	free(c);
}

void outage_make(const struct view *v, const struct baseline *b, int64_t end_ns,
		 const struct fault_seen *f, struct outage *o)
{
	struct window w = {
		.from = f->rec->injected_ns, .to = f->window_end_ns, .end = end_ns,
		.slow = b->p999_ns >= 0 ? b->p999_ns : SLOW_UNKNOWN_MS * NS_PER_MS,
		.limit = b->gap_limit_ns, .rec = f->rec,
	};
	struct gap span = { 0 };
	size_t i;

	memset(o, 0, sizeof(*o));
	o->client_min_ns = o->client_median_ns = o->client_max_ns = -1;
	o->m.resolved_ns = -1;
	o->ended = o->down.ended = true;
	if (!w.from || !v->nops)
		return;
	for (i = 0; i < v->nops; i++)
		if (v->ops[i]->t_return - v->ops[i]->t_invoke > w.longest)
			w.longest = v->ops[i]->t_return - v->ops[i]->t_invoke;
	find(v, b, &w, o, &span);
	if (!o->any)
		return;
	o->m.resolved_ns = -1;
	o->client_min_ns = o->client_median_ns = o->client_max_ns = -1;
	if (!o->ended || o->up_hi > w.to)
		o->met = f->next;
	client_gaps(v, &span, end_ns, o);
}

/* The longest time down that begins while no fault was there, and of it what was over
 * by then. Also when the baseline has as many of them as to be usual. */
void outage_before_make(const struct view *v, const struct baseline *b, int64_t end_ns,
			struct outage *o)
{
	const struct fault_record none = { .injected_ns = v->nops ? v->ops[0]->t_invoke : 0 };
	const struct fault_seen nothing = { .rec = &none, .window_end_ns = b->until_ns };
	struct baseline most = *b;

	if (b->gap_p99_ns >= 0 && most.gap_limit_ns > BEFORE_MS * NS_PER_MS)
		most.gap_limit_ns = BEFORE_GAPS * b->gap_p99_ns > BEFORE_MS * NS_PER_MS ?
			BEFORE_GAPS * b->gap_p99_ns : BEFORE_MS * NS_PER_MS;
	outage_make(v, &most, end_ns, &nothing, o);
	if (!o->any || o->up_hi <= b->until_ns)
		return;
	o->ended = true;
	o->up_hi = b->until_ns;
	if (o->up_lo > b->until_ns)
		o->up_lo = b->until_ns;
	o->lo_ns = gap_certain(v, o);
	o->hi_ns = o->up_hi - o->down_lo;
}

bool outage_downer(const struct outage *o, const struct outage *than)
{
	if (!o->any || !than || !than->any)
		return o->any;
	return o->down.ended != than->down.ended ? than->down.ended :
						   o->down.hi_ns > than->down.hi_ns;
}
