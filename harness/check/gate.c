#include "check/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check/gate_faults.h"
#include "check/sampled.h"

/* Whatever a judge said,
 *   - a broken run (the harness failed, or a fault did not bite) makes it
 *     BROKEN: nothing was put to the test;
 *   - what the engine cannot do makes it SKIP, with the reason;
 *   - a system that never stood leaves all but "stands" UNKNOWN;
 *   - a history that is not whole (history/whole.c) leaves everything UNKNOWN,
 *     failures too: what is missing is not the system's fault. That the system
 *     stood, the writes show that are there;
 *   - noise beyond the limits (measure/noise.c), a load that was not the one
 *     asked for, or an interrupt turns a PASS into UNKNOWN (that the system
 *     stood, it did before the load began); the first two also a FAIL of
 *     any length of time, which a late generator makes long (noise.c). Lost data
 *     stays lost;
 *   - a PASS stays one only where all was seen that it rests on. */

enum {
	CALLS_MS = 1000,  /* a client may be free and unasked for so long, besides its deadline */
	EARLY_MS = 1000,  /* the driver and an agent tell the same instant so far apart, as whole.c has it */
	CALLS_DUE = 10, KIND_DUE = 20, /* ... or for so many operations' time, where few are due; so many of a kind */
};

#define ANY_KIND (OP_BIT(OP_KINDS) - 1)

struct tried {
	int64_t before[OP_KINDS], after[OP_KINDS]; /* this fault; in the scenario where there is none */
	int64_t answered[OP_KINDS]; /* of those after */
};

struct call {
	int64_t t_ns;
	enum op_f f;
};

struct gate {
	const struct evidence *ev;
	const struct measured *m;
	struct tried *by_fault; /* one for each of ev's faults, and one more for all together */
	int64_t acked; /* writes */
	struct call *calls; /* of the clients of group 0, ascending */
	size_t ncalls, calls_alloc;
};

/* Puts a reason in front of what was found. */
static void overrule(struct judged *r, enum verdict v, const char *says, const char *because)
{
	struct buf b = {.cap = sizeof(r->why) - 1};

	buf_fmt(&b, "%s%s", says, because);
	if (*r->why)
		buf_fmt(&b, " (found: %s)", r->why);
	r->verdict = v;
	mem_copy_str(r->why, sizeof(r->why), buf_cstr(&b));
	buf_free(&b);
}

/* ---- counting ---- */

static void count(struct gate *g, const struct op *op)
{
	g->acked += op_acked_write(op);
	/* Nobody was free for it, so nobody tried it. */
	if (op_error_class(op) == OP_ERR_CLIENT && !op->sent)
		return;
	for (size_t k = 0; k < g->ev->nfaults; k++) {
		const struct fault_record *f = &g->ev->faults[k];

		if (f->injected_ns && op->t_invoke < f->injected_ns)
			g->by_fault[k].before[op->f]++;
		else if (f->injected_ns && op->t_invoke >= f->effective_ns) {
			g->by_fault[k].after[op->f]++;
			g->by_fault[k].answered[op->f] += op_answered(op);
		}
	}
	g->by_fault[g->ev->nfaults].after[op->f]++;
}

static int64_t free_limit(const struct gate *g, double rate, int due)
{
	int64_t told = g->ev->load.deadline_ns, deadline = told ? told : g->m->longest_op_ns;
	int64_t limit = CALLS_MS * NS_PER_MS;

	if (rate > 0 && (double)due * 1e9 / rate > (double)limit)
		limit = json_whole((double)due * 1e9 / rate);
	return limit + (deadline > 0 ? deadline : 0);
}

static int by_time(const void *a, const void *b)
{
	int64_t x = ((const struct call *)a)->t_ns, y = ((const struct call *)b)->t_ns;

	return (x > y) - (x < y);
}

struct gate *gate_new(const struct history *h, const struct evidence *ev, const struct measured *m)
{
	struct gate *g = mem_alloc(sizeof(*g));

	g->ev = ev;
	g->m = m;
	g->by_fault = mem_alloc((ev->nfaults + 1) * sizeof(*g->by_fault));
	for (size_t i = 0; i < h->n; i++) {
		const struct op *op = &h->ops[i];

		if ((int64_t)op->scenario != ev->scenario)
			continue;
		count(g, op);
		if (!op->group)
			*VEC_PUSH(g->calls, g->ncalls, g->calls_alloc) = (struct call){op->t_invoke, op->f};
	}
	if (g->ncalls)
		qsort(g->calls, g->ncalls, sizeof(*g->calls), by_time);
	return g;
}

void gate_free(struct gate *g)
{
	free(g->by_fault);
	free(g->calls);
	free(g);
}

/* ---- what the whole run has to have ---- */

/* The driver lived to say so. */
static bool in_order(const struct gate *g, char *why, size_t size)
{
	if (!g->ev->over)
		snprintf(why, size, "the run did not come to its end: its driver died, or its files are cut");
	return g->ev->over;
}

/* ---- what an expectation has to have ---- */

static const char *plural(enum op_f f)
{
	static const char *const words[OP_KINDS] = {"inserts", "reads", "writes", "compare-and-sets",
						    "reads of replicas", "sends", "receives"};

	return words[f];
}

/* The kinds of operation that an expectation is about; all: about any. */
static uint32_t kinds_of(const struct judging *j, const struct metric *m)
{
	const struct checker_ops *c = checker_find(json_str(j->expect, "checker", ""));
	const char *of = json_str(j->expect, "of", "");

	if (m->unit == METRIC_CHECKER)
		return c ? c->about : ANY_KIND;
	if (*of)
		return of_kinds(of);
	if (m->flags & M_WRITES)
		return OP_WRITES;
	if (m->flags & M_INSERTS)
		return OP_BIT(OP_INSERT) | OP_BIT(OP_SEND);
	if (m->flags & M_REPLICAS)
		return OP_BIT(OP_READ_REPLICA);
	return ANY_KIND;
}

static int64_t sum(const int64_t n[OP_KINDS], uint32_t kinds)
{
	int64_t all = 0;

	for (int f = 0; f < OP_KINDS; f++)
		if (kinds & OP_BIT(f))
			all += n[f];
	return all;
}

static const char *called(uint32_t kinds)
{
	if (kinds == (ANY_KIND & ~OP_WRITES))
		return "reads";
	return kinds == OP_WRITES ? "writes" : kinds == (OP_BIT(OP_INSERT) | OP_BIT(OP_SEND)) ? "inserts" :
	       kinds == OP_BIT(OP_READ_REPLICA) ? "reads of replicas" : "operations";
}

/* `first`: the kinds that have to be tried before it as well. */
static bool around(const struct tried *t, const char *fault, uint32_t first, uint32_t kinds, char *why,
		   size_t size)
{
	int64_t before = sum(t->before, first), after = sum(t->after, kinds);

	if (before < GATE_SEEN_MIN || after < GATE_SEEN_MIN) {
		bool late = before >= GATE_SEEN_MIN;

		snprintf(why, size, "%lld %s were tried %s fault %.60s: a pass takes %d before it and %d after",
			 (long long)(late ? after : before), called(late ? kinds : first),
			 late ? "after" : "before", fault, GATE_SEEN_MIN, GATE_SEEN_MIN);
		return false;
	}
	for (int f = 0; f < OP_KINDS && kinds != ANY_KIND; f++) {
		if (!(kinds & OP_BIT(f)) || t->before[f] < GATE_SEEN_MIN || t->after[f] >= GATE_KIND_MIN)
			continue;
		snprintf(why, size, "%lld %s were tried before fault %.60s and %lld after it: a pass takes %d",
			 (long long)t->before[f], plural((enum op_f)f), fault, (long long)t->after[f],
			 GATE_KIND_MIN);
		return false;
	}
	return true;
}

/* What nobody answered breaks no rule. */
static bool answered(const struct tried *t, const char *fault, uint32_t kinds, char *why, size_t size)
{
	int64_t n = sum(t->answered, kinds);

	if (n < GATE_SEEN_MIN)
		snprintf(why, size, "%lld operations that it judges were answered after fault %.60s: a pass takes %d",
			 (long long)n, fault, GATE_SEEN_MIN);
	return n >= GATE_SEEN_MIN;
}

/* The load began before each fault and went on past it. */
static bool loaded(const struct gate *g, const struct judging *j, const struct metric *m, char *why,
		   size_t size)
{
	const char *only = json_str(j->expect, "fault", NULL);
	const struct tried *all = &g->by_fault[g->ev->nfaults];
	uint32_t kinds = kinds_of(j, m);
	uint32_t first = m->unit == METRIC_CHECKER ? ANY_KIND : kinds; /* of whatever was done, whenever */

	for (size_t i = 0; i < g->ev->nfaults; i++) {
		const char *id = g->ev->faults[i].id;

		if ((only && strcmp(only, id)) || !g->ev->faults[i].injected_ns)
			continue;
		if (!around(&g->by_fault[i], id, first, kinds, why, size) ||
		    (m->unit == METRIC_CHECKER && !judging_final(j, EXPECT_CHECK) &&
		     !answered(&g->by_fault[i], id, kinds, why, size)))
			return false;
	}
	/* Without faults a checker says by itself whether it had enough. */
	if (g->ev->nfaults || m->unit == METRIC_CHECKER || sum(all->after, kinds) >= GATE_SEEN_MIN)
		return true;
	snprintf(why, size, "%lld %s were tried in all: a pass takes %d", (long long)sum(all->after, kinds),
		 called(kinds), GATE_SEEN_MIN);
	return false;
}

/* From when to when an expectation speaks of what its faults did. */
static void span(const struct gate *g, const struct judging *j, enum expect_metric metric, int64_t *from,
		 int64_t *to)
{
	const char *only = json_str(j->expect, "fault", NULL);
	bool healed = metric == EXPECT_DEMOTED;

	*from = INT64_MAX;
	*to = g->m->end_ns;
	for (size_t i = 0; i < g->ev->nfaults; i++) {
		const struct fault_record *f = &g->ev->faults[i];
		int64_t t = healed && f->healed_ns ? f->healed_ns : f->injected_ns;

		if ((!only || !strcmp(only, f->id)) && t && t < *from)
			*from = t;
	}
	if (*from == INT64_MAX || metric == EXPECT_DUAL_PRIMARY)
		*from = g->m->begin_ns;
}

/* No time longer than the limit without a call of these kinds. */
static bool no_hole(const struct gate *g, uint32_t kinds, const char *what, int64_t limit, int64_t from, int64_t to,
		    char *why, size_t size)
{
	int64_t last = from;

	for (size_t i = 0; i <= g->ncalls; i++) {
		int64_t t = i < g->ncalls ? g->calls[i].t_ns : to;

		if (t < from || (i < g->ncalls && !(kinds & OP_BIT(g->calls[i].f))))
			continue;
		if (t - last > limit) {
			snprintf(why, size, "no%s%s was called for %.1f s, from %.1f s after the load began: what happened "
				 "then was not seen", *what ? "ne of the " : "thing", what, in_s(t - last),
				 in_s(last - g->m->begin_ns));
			return false;
		}
		last = t;
	}
	return true;
}

/* Nor of any kind alone of which the rate and the mix make enough due. */
static bool no_holes(const struct gate *g, uint32_t kinds, int64_t from, int64_t to, char *why, size_t size)
{
	const int *mix = g->ev->load.mix;
	double rate = g->ev->load.rate, all = 0;

	if (!no_hole(g, ANY_KIND, "", free_limit(g, rate, CALLS_DUE), from, to, why, size))
		return false;
	for (int f = 0; f < OP_KINDS; f++)
		all += mix[f];
	for (size_t i = 0; i < g->ev->ngroups; i++)
		rate -= g->ev->groups[i].rate;
	for (int f = 0; f < OP_KINDS && rate > 0 && all > 0; f++) {
		double part = rate * mix[f] / all;

		if (kinds & OP_BIT(f) && part > 0 &&
		    !no_hole(g, OP_BIT(f), plural((enum op_f)f), free_limit(g, part, KIND_DUE), from, to, why, size))
			return false;
	}
	return true;
}

/* So much and more is all that is asked for: what may come is no matter. */
static bool floor_only(const struct judging *j, const struct metric *m)
{
	double least, most;

	return (m->unit == METRIC_NS || m->unit == METRIC_COUNT) && judging_bound(j, "at_least", &least) &&
	       least > 0 && !judging_bound(j, "at_most", &most);
}

/* ... and on for as long as what the faults do may take to show. */
static bool watched(const struct gate *g, const struct judging *j, enum expect_metric metric, char *why, size_t size)
{
	const char *only = json_str(j->expect, "fault", NULL);

	if (metric == EXPECT_DEADLINE || metric == EXPECT_DEMOTED || metric == EXPECT_ERRORS_CLEAR ||
	    floor_only(j, metric_of(metric)))
		return true;
	for (size_t i = 0; i < g->m->nfaults; i++) {
		const struct fault_seen *f = &g->m->faults[i];

		if (f->rec->injected_ns && (!only || !strcmp(only, f->rec->id)) &&
		    !watched_on(j, metric, f, why, size))
			return false;
	}
	return true;
}

/* What an operation that is not there would change. Of lengths of time those that are
 * there tell, and whether they do all along is asked by itself. */
static bool all_written(const struct gate *g, enum expect_metric metric, char *why, size_t size)
{
	if (!g->ev->holes || metric == EXPECT_OUTAGE || metric == EXPECT_DOWNTIME || metric_of(metric)->flags & M_SAMPLED)
		return true;
	snprintf(why, size, "%lld operations that were due by the load's rate are not in history.jsonl",
		 (long long)g->ev->holes);
	return false;
}

static bool seen(const struct gate *g, const struct judging *j, enum expect_metric metric, char *why,
		 size_t size)
{
	const struct metric *m = metric_of(metric);
	int64_t from, to;

	if (!loaded(g, j, m, why, size) || !watched(g, j, metric, why, size) || !all_written(g, metric, why, size))
		return false;
	span(g, j, metric, &from, &to);
	if (m->flags & M_THROUGHOUT && !no_holes(g, kinds_of(j, m), from, to, why, size))
		return false;
	if (m->flags & M_SAMPLED && !sampled_throughout(g->ev, g->m, from, to, why, size))
		return false;
	return metric != EXPECT_DUAL_PRIMARY || heard_throughout(g->ev, g->m, from, to, why, size);
}

/* ---- the gate ---- */

/* A count of acknowledged writes cannot be above all of them. */
static bool reachable(const struct gate *g, const struct judging *j, enum expect_metric metric, char *why,
		      size_t size)
{
	double most;

	if ((metric != EXPECT_LOST && metric != EXPECT_EVICTED) || !judging_bound(j, "at_most", &most) ||
	    most < (double)g->m->loss.acked)
		return true;
	snprintf(why, size, "the limit cannot be missed: only %lld were acknowledged", (long long)g->m->loss.acked);
	return false;
}

static bool limited(const struct judging *j, enum expect_metric metric)
{
	enum metric_unit unit = metric_of(metric)->unit;
	double bound;

	return unit == METRIC_BOOL || unit == METRIC_CHECKER || judging_bound(j, "at_most", &bound) ||
	       judging_bound(j, "at_least", &bound) || json_get(j->expect, "accepted") ||
	       json_bool(j->expect, "within_predicted", false);
}

static void not_whole(const struct gate *g, struct judged *r)
{
	overrule(r, VERDICT_UNKNOWN, "the history is not whole: ", g->ev->incomplete);
}

/* No effect comes before its cause, and what is there at the end is read after it: where
 * the events tell otherwise by more than clocks are apart, no time in them counts. */
static bool possible(const struct gate *g, const struct judging *j, enum expect_metric metric, char *why, size_t size)
{
	const struct final_seen *final = g->ev->final;

	for (size_t i = 0; i < g->ev->nfaults; i++) {
		const struct fault_record *f = &g->ev->faults[i];
		int64_t early = f->effective_ns ? f->injected_ns - f->effective_ns - f->te_ns : 0;

		if (early <= EARLY_MS * NS_PER_MS)
			continue;
		snprintf(why, size, "fault %.60s is said to have taken effect %.1f s before it was injected", f->id, in_s(early));
		return false;
	}
	if (!final || !g->ncalls || !judging_final(j, metric) ||
	    g->calls[g->ncalls - 1].t_ns - final->t_ns <= EARLY_MS * NS_PER_MS)
		return true;
	snprintf(why, size, "the final read is said to have been made %.1f s before the last operation was called",
		 in_s(g->calls[g->ncalls - 1].t_ns - final->t_ns));
	return false;
}

/* What any measured verdict stands on, failures too. */
static void ground(const struct gate *g, const struct judging *j, enum expect_metric metric, struct judged *r)
{
	char why[WHY_BYTES];

	if (r->verdict != VERDICT_PASS && r->verdict != VERDICT_FAIL)
		return;
	if (!limited(j, metric)) {
		overrule(r, VERDICT_UNKNOWN, "", "it has no limit that could be missed");
	} else if (!reachable(g, j, metric, why, sizeof(why))) {
		overrule(r, VERDICT_UNKNOWN, "", why);
	} else if (g->ev->incomplete) {
		not_whole(g, r);
	} else if (!possible(g, j, metric, why, sizeof(why))) {
		overrule(r, VERDICT_UNKNOWN, "", why);
	} else if (judging_final(j, metric) && !evidence_final_sound(g->ev, why, sizeof(why))) {
		overrule(r, VERDICT_UNKNOWN, "the final read cannot be relied on: ", why);
	}
}

static void believe(const struct gate *g, const struct judging *j, enum expect_metric metric, struct judged *r)
{
	bool stands = metric == EXPECT_STANDS, no_load = metric_of(metric)->flags & M_NO_LOAD;
	char why[WHY_BYTES];

	if (judged_noisy(j, metric, r, why, sizeof(why)))
		overrule(r, VERDICT_UNKNOWN, "", why);
	if (!stands)
		ground(g, j, metric, r);
	else if (g->ev->incomplete && !g->acked)
		not_whole(g, r);
	if (r->verdict == VERDICT_PASS && g->ev->interrupt)
		overrule(r, VERDICT_UNKNOWN, "", "the run was interrupted");
	if (r->verdict == VERDICT_PASS &&
	    (!in_order(g, why, sizeof(why)) || (g->m->stands && !faults_were(g->ev, why, sizeof(why))) ||
	     (!stands && !no_load && !seen(g, j, metric, why, sizeof(why)))))
		overrule(r, VERDICT_UNKNOWN, "", why);
	if (r->verdict == VERDICT_PASS && faults_odd(g->ev, why, sizeof(why)))
		judged_also(r, "; %s", why);
}

void gate_judged(const struct gate *g, const struct judging *j, enum expect_metric metric, struct judged *r)
{
	const struct measured *m = g->m;

	if (m->broken) {
		overrule(r, VERDICT_BROKEN, "", m->broken_why);
		return;
	}
	if (m->unsupported[0]) {
		r->verdict = VERDICT_SKIP;
		snprintf(r->why, sizeof(r->why), "%s", m->unsupported);
		return;
	}
	if (!m->stands && metric != EXPECT_STANDS) {
		overrule(r, VERDICT_UNKNOWN, m->stands_why[0] ? "the system never stood: " : "the system never stood",
			 m->stands_why);
		return;
	}
	believe(g, j, metric, r);
}
