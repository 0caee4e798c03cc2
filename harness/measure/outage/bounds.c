#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "measure/outage/gap.h"

/* When service stopped and came back around one gap, and how sure that is.
 *
 * The outage is what lies behind a stretch without an acknowledgement: the
 * time in which no write that was acknowledged took effect, from the last one
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
 *      that turned out writable by up_hi said of itself that it was not, or
 *      was silenced by the fault, nobody took writes.
 *
 * lo = up_lo - down_hi, less the time for which the generator itself stood still
 * (standstill.c): nobody called then, and answers that had come were not read.
 * hi = up_hi - down_lo. A compare-and-set answered with
 * "mismatch" counts neither way (see op_refused). Where the fault's own
 * instants are known to te only, the clocks that tell of the fault and of the
 * operations may be apart by it: both ends of D, and samples, are wider by te.
 * A view of reads is bounded in the same way, but for what primaries say. */

enum { SETTLED_MS = 1000 }; /* within this after up_hi a sample shows who serves */

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

	for (i = 0; i < v->nops && v->ops[i]->t_invoke <= g->from; i++)
		if (view_served(v, v->ops[i]) && v->ops[i]->t_return <= g->from)
			lo = max64(lo, sent(v->ops[i]));
	return lo == INT64_MIN ? g->from : lo;
}

static int64_t bound_down_hi(const struct view *v, const struct gap *g, int64_t down_lo,
			     int64_t slow)
{
	int64_t hi = g->to;
	size_t i;

	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		bool late = view_served(v, op) && op->t_return >= g->to &&
			    op->t_return - op->t_invoke > slow;

		if (op->t_invoke >= g->to)
			break;
		if (op->t_return < down_lo || !(view_refused(v, op) || late))
			continue;
		if (op->t_invoke >= down_lo)
			hi = min64(hi, min64(op->t_return, op->t_invoke + slow));
		else if (!late)
			hi = min64(hi, op->t_return);
	}
	return max64(hi, down_lo);
}

/* Whether a member is silenced by the fault, as the view's clients see it: they
 * stand elsewhere. */
static bool silenced(const struct view *v, const struct fault_record *rec, const char *member)
{
	return !v->reads && rec->silences && rec->bites && v->nops && !v->ops[0]->group &&
	       (member ? fault_hits(rec, member) : !strcmp(rec->role, "primary"));
}

/* The latest moment at which all members that served by up_hi (or shortly
 * after, when a sample shows it) still answered that they would take no
 * write, or were still silenced by the fault; 0 when of one of them neither is
 * known. */
static int64_t members_not_writable(const struct view *v, const struct fault_record *rec,
				    int64_t stopped, int64_t up_hi)
{
	const struct evidence *ev = v->ev;
	int64_t least = 0;

	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];
		int64_t said = 0;

		if (s->beside || !s->writable || s->t_ns <= stopped ||
		    !shards_rival(shard_bit(v->shard), s->shards))
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
				said = sample_asked(x) - x->te_ns;
				break;
			}
		}
		if (said >= 0 && said < rec->healing_ns - rec->te_ns && silenced(v, rec, s->member))
			said = rec->healing_ns - rec->te_ns;
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
		if (view_served(v, op) &&
		    (op->t_return == g->to || (op->t_return > g->to && op->connect_ns)))
			t = min64(t, tried(op));
	}
	return t;
}

static int64_t bound_up_lo(const struct view *v, const struct gap *g, int64_t floor_ns,
			   int64_t slow)
{
	int64_t lo = floor_ns, served = first_served(v, g);
	size_t i;

	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		bool says;

		if (op->t_invoke >= g->to)
			break;
		if (view_refused(v, op))
			says = op->t_return <= g->to ||
			       (tried(op) < served && op->t_return - tried(op) > slow);
		else
			says = view_served(v, op) && op->t_return >= g->to &&
			       sent(op) + slow < g->to;
		if (says)
			lo = max64(lo, tried(op));
	}
	return lo;
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

		if (op->t_invoke > a.back && op->t_invoke > g->to)
			break; /* nothing later was sent or came back earlier */
		if (!view_served(v, op) || op->t_return < g->to)
			continue;
		a.sent = min64(a.sent, sent(op));
		if (sent(op) > down_hi)
			a.back = min64(a.back, op->t_return);
	}
	return a;
}

static size_t first_invoked(const struct view *v, int64_t t)
{
	size_t lo = 0, hi = v->nops;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v->ops[mid]->t_invoke < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Operations that began earlier than the longest one takes are of no account. */
static struct view around(const struct view *v, const struct window *w, const struct gap *g)
{
	struct view near = *v;
	size_t first = first_invoked(v, g->from - w->longest);

	near.ops += first;
	near.nops -= first;
	return near;
}

bool gap_began_before(const struct view *v, const struct window *w, const struct gap *g, int64_t t)
{
	struct view near = around(v, w, g);

	return bound_down_hi(&near, g, bound_down_lo(&near, g), w->slow) < t;
}

static void bound_down(const struct gap *g, const struct window *w, int64_t stopped, bool apart,
		       struct outage *o)
{
	int64_t injected = w->rec->injected_ns;

	if (injected <= stopped)
		o->down_lo = max64(o->down_lo, injected);
	o->down_hi = apart ? max64(o->down_lo, min64(stopped, g->from)) : stopped;
	if (g->clipped)
		o->down_lo = o->down_hi = injected;
	o->down_lo -= w->rec->te_ns;
	o->down_hi += w->rec->te_ns;
}

int64_t gap_certain(const struct view *v, const struct outage *o)
{
	int64_t lo = o->up_lo - o->down_hi;

	for (size_t i = 0; i < v->nstood; i++)
		lo -= max64(0, min64(v->stood[i].to_ns, o->up_hi) -
				       max64(v->stood[i].from_ns, o->down_lo));
	return max64(0, lo);
}

void gap_bounds(const struct view *v, const struct window *w, const struct gap *g, struct outage *o)
{
	struct view near = around(v, w, g);
	int64_t stopped; /* by then the service had */
	struct after next;
	bool apart;

	o->ended = g->ended;
	o->down_lo = bound_down_lo(&near, g);
	stopped = bound_down_hi(&near, g, o->down_lo, w->slow);
	if (silenced(v, w->rec, NULL) && w->rec->everywhere_ns >= o->down_lo)
		stopped = min64(stopped, w->rec->everywhere_ns);
	next = after(&near, g, stopped);
	/* A stretch that a healthy service has, too, tells nothing by itself. */
	apart = next.sent > stopped && g->to - g->from > w->limit;
	bound_down(g, w, stopped, apart, o);
	o->up_hi = g->ended && next.back < w->end ? next.back : g->to;
	o->up_lo = bound_up_lo(&near, g, o->down_lo + w->rec->te_ns, w->slow);
	if (g->ended && !v->reads)
		o->up_lo = max64(o->up_lo, members_not_writable(v, w->rec, stopped, o->up_hi));
	if (g->ended && apart)
		o->up_lo = max64(o->up_lo, next.sent);
	o->lo_ns = gap_certain(v, o);
	o->hi_ns = o->up_hi - o->down_lo;
}
