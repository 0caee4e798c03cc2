#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/parts.h"

/* How long writes were down, and how sure that is.
 *
 * Insert, write, cas and send count; reads do not. The gap of a fault is the
 * longest run without a returned acknowledgement that overlaps its window
 * [injected, window_end). The outage is what lies behind that gap: the time
 * in which no write that was acknowledged took effect, from the last one
 * before (D) to the first one after (U), and not from before the injection.
 * When a write took effect its client cannot see. What it knows is that it
 * did so after it was sent and before its acknowledgement returned:
 *
 *  down_lo <= D: the latest moment at which a write was sent that was
 *      acknowledged before the gap, or the injection.
 *  D <= down_hi: the last acknowledgement before the gap has returned.
 *  up_lo <= U: the earliest moment at which a write was sent that was
 *      acknowledged after the gap.
 *  U <= up_hi: the first acknowledgement after the gap has returned.
 *
 * A write that was sent before the service went down and acknowledged after
 * the gap may have taken effect at either end of it. Where there is one, up_hi
 * is the first return of those that were sent later, and what says when the
 * service itself stopped and worked again has to do for down_hi and up_lo;
 * without one it bounds them as well. L is what a healthy service never exceeded
 * before the faults (p99.9 of acknowledged writes, from call to return).
 *
 *  D <= down_hi: a write that failed was not served. One invoked after
 *      down_lo would have been answered within L, so the service was down at
 *      the latest at min(t_return, t_invoke + L); of one that was under way
 *      before, only its t_return says that. A write that was acknowledged
 *      after the gap but took more than L counts like a failed one.
 *      The restriction to those after down_lo matters: a call that happened
 *      to be slow when the service went down says nothing about the time
 *      before writes invoked later than it were acknowledged.
 *      Where the fault itself silences the primary (a frozen process, a cut
 *      network), its effective instant is such a moment as well, unless a
 *      write that was invoked later was acknowledged.
 *  up_lo <= U: had the service been up when a write was invoked, that write
 *      would have succeeded. So U is later than the t_invoke
 *      - of every write that had failed by up_hi;
 *      - of every write that was still hanging at up_hi and failed in the
 *        end after more than L, if it began earlier than all that were
 *        served: later ones may be victims of the rush at recovery, or of an
 *        address that leads to a dead server half of the time;
 *      - of every write that was acknowledged after waiting for more than L
 *        (and its own connection) at up_hi, because in that time something
 *        would have been acknowledged.
 *      A call that first had to ask who serves it (find_ns) counts from when
 *      it knew: until then it did not try.
 *      Where clients hang until their deadline, few calls begin; then the
 *      members' own word narrows it: as long as each member (of this shard)
 *      that turned out writable by up_hi said of itself that it was not,
 *      nobody took writes.
 *
 * lo = up_lo - down_hi, hi = up_hi - down_lo. A compare-and-set answered with
 * "mismatch" counts neither way (see op_found_down). When no acknowledgement
 * follows, the gap runs to the end of the load and is a lower bound. */

enum {
	GAP_FACTOR = 3,       /* a gap of this many times the baseline's longest is an outage */
	GAP_FLOOR_MS = 20,    /* and never one below this */
	GAP_UNKNOWN_MS = 1000,/* without a baseline */
	SLOW_UNKNOWN_MS = 1000,
	SETTLED_MS = 1000,    /* within this after up_hi a sample shows who serves */
};

struct gap {
	int64_t from, to; /* returns of acknowledgements, or the load's edges */
	bool ended, clipped;
};

struct window {
	int64_t from, to, begin, end;
	int64_t slow, limit;
};

struct acks {
	int64_t *v;
	size_t n, alloc;
};

static void acks_of(const struct view *v, struct acks *a)
{
	size_t i;

	for (i = 0; i < v->nops; i++)
		if (op_acked_write(v->ops[i]))
			*VEC_PUSH(a->v, a->n, a->alloc) = v->ops[i]->t_return;
	if (a->n)
		qsort(a->v, a->n, sizeof(*a->v), by_i64);
}

static int64_t slow_limit(const struct baseline *b)
{
	return b->write_p999_ns >= 0 ? b->write_p999_ns : SLOW_UNKNOWN_MS * NS_PER_MS;
}

static int64_t gap_limit(const struct baseline *b)
{
	int64_t limit = GAP_FACTOR * b->max_gap_ns;

	if (b->max_gap_ns < 0)
		return GAP_UNKNOWN_MS * NS_PER_MS;
	return limit > GAP_FLOOR_MS * NS_PER_MS ? limit : GAP_FLOOR_MS * NS_PER_MS;
}

static int64_t max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t tried(const struct op *op)
{
	return op->t_invoke + op->find_ns;
}

/* At the earliest; what it cost to get there lies before. */
static int64_t sent(const struct op *op)
{
	return tried(op) + op->dns_ns + op->connect_ns;
}

static int64_t bound_down_lo(const struct view *v, const struct gap *g)
{
	int64_t lo = INT64_MIN;
	size_t i;

	for (i = 0; i < v->nops; i++)
		if (op_acked_write(v->ops[i]) && v->ops[i]->t_return <= g->from)
			lo = max64(lo, sent(v->ops[i]));
	return lo == INT64_MIN ? g->from : lo;
}

static int64_t bound_down_hi(const struct view *v, const struct gap *g, int64_t down_lo, int64_t slow)
{
	int64_t hi = g->to;
	size_t i;

	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		bool late = op_acked_write(op) && op->t_return >= g->to &&
			    op->t_return - op->t_invoke > slow;

		if (op->t_invoke >= g->to)
			break;
		if (op->t_return < down_lo || !(op_found_down(op) || late))
			continue;
		if (op->t_invoke >= down_lo)
			hi = min64(hi, min64(op->t_return, op->t_invoke + slow));
		else if (!late)
			hi = min64(hi, op->t_return);
	}
	return max64(hi, down_lo);
}

/* The latest moment at which all members that served by up_hi (or shortly
 * after, when a sample shows it) still answered that they would take no
 * write; 0 when one of them gave no such answer. */
static int64_t members_not_writable(const struct view *v, int64_t stopped, int64_t up_hi)
{
	const struct evidence *ev = v->ev;
	int64_t least = 0;

	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];
		int64_t said = 0;

		if (s->beside || !s->writable || s->t_ns <= stopped || !shards_rival(v->shard, s->shard))
			continue;
		if (s->t_ns > up_hi + SETTLED_MS * NS_PER_MS)
			break;
		for (size_t j = i; j && ev->samples[j - 1].t_ns > stopped; j--) {
			const struct sample *x = &ev->samples[j - 1];

			if (x->beside || strcmp(x->member, s->member))
				continue;
			if (x->writable) {
				said = -1; /* not its first writable answer */
				break;
			}
			if (x->ok) {
				said = sample_asked(x);
				break;
			}
		}
		if (!said)
			return 0;
		if (said > 0 && (!least || said < least))
			least = said;
	}
	return min64(least, up_hi);
}

/* The earliest call of those that were served at the end: the write whose
 * acknowledgement came first, and others that found their way on a new
 * connection. (On an old one a call may simply have been waiting.) */
static int64_t first_served(const struct view *v, const struct gap *g)
{
	int64_t t = g->to;
	size_t i;

	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];

		if (op->t_invoke >= g->to)
			break;
		if (op_acked_write(op) && (op->t_return == g->to || (op->t_return > g->to && op->connect_ns)))
			t = min64(t, tried(op));
	}
	return t;
}

static int64_t bound_up_lo(const struct view *v, const struct gap *g, int64_t floor_ns, int64_t slow)
{
	int64_t lo = floor_ns, served = first_served(v, g);
	size_t i;

	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		bool says;

		if (op->t_invoke >= g->to)
			break;
		if (op_found_down(op))
			says = op->t_return <= g->to ||
			       (tried(op) < served && op->t_return - tried(op) > slow);
		else
			says = op_acked_write(op) && op->t_return >= g->to &&
			       sent(op) + slow < g->to;
		if (says)
			lo = max64(lo, tried(op));
	}
	return lo;
}

/* The instant from which on the primary was silent; INT64_MAX when none is known. */
static int64_t silent_from(const struct fault_seen *f)
{
	return f->rec->silences && f->rec->bites && !strcmp(f->rec->role, "primary") ? f->rec->effective_ns : INT64_MAX;
}

/* Of the writes that were acknowledged after the gap: how early one was sent,
 * and the first return among those sent after `down_hi`. */
struct after {
	int64_t sent, back;
};

static struct after after(const struct view *v, const struct gap *g, int64_t down_hi)
{
	struct after a = { INT64_MAX, INT64_MAX };
	size_t i;

	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];

		if (!op_acked_write(op) || op->t_return < g->to)
			continue;
		a.sent = min64(a.sent, sent(op));
		if (sent(op) > down_hi)
			a.back = min64(a.back, op->t_return);
	}
	return a;
}

static void bounds(const struct view *v, const struct gap *g, const struct fault_seen *f,
		   const struct window *w, struct outage *o)
{
	int64_t stopped; /* by then the service had */
	struct after next;
	bool apart;

	o->ended = g->ended;
	o->seen_ns = g->to - g->from;
	o->down_lo = bound_down_lo(v, g);
	stopped = bound_down_hi(v, g, o->down_lo, w->slow);
	stopped = max64(o->down_lo, min64(stopped, silent_from(f)));
	next = after(v, g, stopped);
	/* A stretch that a healthy service has, too, tells nothing by itself. */
	apart = next.sent > stopped && g->to - g->from > w->limit;
	if (f->rec->injected_ns <= stopped)
		o->down_lo = max64(o->down_lo, f->rec->injected_ns);
	o->down_hi = apart ? max64(o->down_lo, min64(stopped, g->from)) : stopped;
	if (g->clipped)
		o->down_lo = o->down_hi = f->rec->injected_ns;
	o->up_hi = g->ended && next.back < w->end ? next.back : g->to;
	o->up_lo = bound_up_lo(v, g, o->down_lo, w->slow);
	if (g->ended)
		o->up_lo = max64(o->up_lo, members_not_writable(v, stopped, o->up_hi));
	if (g->ended && apart)
		o->up_lo = max64(o->up_lo, next.sent);
	o->lo_ns = max64(0, o->up_lo - o->down_hi);
	o->hi_ns = o->up_hi - o->down_lo;
}

/* A gap that certainly began before the injection is not this fault's work;
 * what counts for it is the part after its injection. */
static void clip(const struct view *v, int64_t injected_ns, int64_t slow, struct gap *g)
{
	if (g->from >= injected_ns || !injected_ns)
		return;
	if (bound_down_hi(v, g, bound_down_lo(v, g), slow) < injected_ns) {
		g->from = injected_ns;
		g->clipped = true;
	}
}

/* A gap that cannot be shown to have begun before the next fault is that
 * fault's: the last acknowledgement before a kill always lies before it. */
static bool next_faults(const struct view *v, const struct window *w, const struct gap *g)
{
	return w->to < w->end && g->to > w->to && g->to - g->from > w->limit &&
	       bound_down_hi(v, g, bound_down_lo(v, g), w->slow) >= w->to;
}

/* Finds the longest gap of the window; the others beyond the limit are
 * counted. Returns false when there was no write at all. */
static bool longest(const struct view *v, const struct acks *a, const struct window *w,
		    struct gap *best, struct outage *o)
{
	int64_t sum = 0, len, best_len = -1;
	int count = 0;
	size_t i;

	for (i = 0; i <= a->n; i++) {
		struct gap g = { i ? a->v[i - 1] : w->begin, i < a->n ? a->v[i] : w->end,
				 i < a->n, false };

		if (g.to <= w->from || g.from >= w->to || next_faults(v, w, &g))
			continue;
		if (g.to - g.from > w->limit)
			clip(v, w->from, w->slow, &g);
		len = g.to - g.from;
		if (len > w->limit) {
			count++;
			sum += len;
		}
		if (len > best_len) {
			best_len = len;
			*best = g;
		}
	}
	if (best_len > w->limit) {
		count--;
		sum -= best_len;
	}
	o->more = count;
	o->more_ns = sum;
	return best_len >= 0;
}

static bool some_write_failed(const struct view *v, const struct window *w)
{
	size_t i;

	for (i = 0; i < v->nops; i++)
		if (op_found_down(v->ops[i]) && v->ops[i]->t_return >= w->from &&
		    v->ops[i]->t_invoke < w->to)
			return true;
	return false;
}

struct own {
	int64_t before, after;
};

/* Each client's own longest-known gap around the overall one. A client that
 * never came back is counted to the end of the load. */
static void client_gaps(const struct view *v, const struct gap *g, int64_t end_ns, struct outage *o)
{
	struct own *c;
	struct acks len = { 0 };
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

		if (!op_acked_write(op))
			continue;
		if (op->t_return <= g->from)
			p->before = max64(p->before, op->t_return);
		else if (op->t_return >= g->to && (!p->after || op->t_return < p->after))
			p->after = op->t_return;
	}
	for (i = 0; i <= max; i++)
		if (c[i].before)
			*VEC_PUSH(len.v, len.n, len.alloc) = (c[i].after ? c[i].after : end_ns) - c[i].before;
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
		.begin = v->nops ? v->ops[0]->t_invoke : 0,
		.slow = slow_limit(b), .limit = gap_limit(b),
	};
	struct acks a = { 0 };
	struct gap g;

	memset(o, 0, sizeof(*o));
	o->client_min_ns = o->client_median_ns = o->client_max_ns = -1;
	o->m.resolved_ns = -1;
	o->ended = true;
	if (!f->rec->injected_ns || !v->nops)
		return;
	acks_of(v, &a);
	if (longest(v, &a, &w, &g, o)) {
		o->any = g.to - g.from > w.limit || some_write_failed(v, &w);
		o->seen_ns = g.to - g.from;
		if (o->any) {
			bounds(v, &g, f, &w, o);
			client_gaps(v, &g, end_ns, o);
		}
	}
	free(a.v);
}
