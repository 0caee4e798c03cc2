#include "check/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check/calls.h"
#include "check/gate_faults.h"
#include "check/sampled.h"
#include "history/block.h"

/* Whatever a judge said,
 *   - a broken run (the harness failed, or a fault did not bite) makes it
 *     BROKEN: nothing was put to the test;
 *   - what the engine cannot do makes it SKIP, with the reason;
 *   - a system that never stood leaves all but "stands" UNKNOWN;
 *   - a history that is not whole (history/whole.c) leaves everything UNKNOWN,
 *     failures too: what is missing is not the system's fault. That the system
 *     stood, the writes show that are there;
 *   - where another release ran than the one that was asked for, a PASS is of that
 *     one: UNKNOWN;
 *   - noise beyond the limits (measure/noise.c), a load that was not the one
 *     asked for, or an interrupt turns a PASS into UNKNOWN (that the system
 *     stood, it did before the load began); the first two also a FAIL of
 *     any length of time, which a late generator makes long (noise.c). Lost data
 *     stays lost;
 *   - a PASS stays one only where all was seen that it rests on. */

enum {
	/* the driver and an agent tell the same instant so far apart, as whole.c has it */
	EARLY_MS = 1000,
};

struct tried {
	/* this fault; in the scenario where there is none */
	int64_t before[OP_KINDS], after[OP_KINDS];
	int64_t answered[OP_KINDS]; /* of those after */
};

struct gate {
	const struct evidence *ev;
	const struct measured *m;
	struct tried *by_fault; /* one for each of ev's faults, and one more for all together */
	int64_t acked; /* writes */
	bool parts;        /* the system has shards */
	int64_t shardless; /* operations that were sent, of none of them */
	struct calls *calls;
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
	g->parts = g->parts || op->shard;
	g->shardless += op->sent && !op->shard;
	/* Nobody was free for it, so nobody tried it. */
	if (op_error_class(op) == OP_ERR_CLIENT && !op->sent)
		return;
	for (size_t k = 0; k < g->ev->nfaults; k++) {
		const struct fault_record *f = &g->ev->faults[k];

		if (f->injected_ns && op->t_invoke < f->injected_ns)
			g->by_fault[k].before[op->f]++;
		else if (f->injected_ns && op->t_invoke >= f->everywhere_ns) {
			g->by_fault[k].after[op->f]++;
			g->by_fault[k].answered[op->f] += op_answered(op);
		}
	}
	g->by_fault[g->ev->nfaults].after[op->f]++;
}

struct gate *gate_new(const struct history *h, const struct evidence *ev, const struct measured *m)
{
	struct gate *g = mem_alloc(sizeof(*g));

	g->ev = ev;
	g->m = m;
	g->by_fault = mem_alloc((ev->nfaults + 1) * sizeof(*g->by_fault));
	g->calls = calls_new(h, ev, m);
	for (size_t i = 0; i < ev->nsamples && !g->parts; i++)
		g->parts = ev->samples[i].shards;
	for (size_t i = 0; i < h->n; i++)
		if ((int64_t)h->ops[i].scenario == ev->scenario)
			count(g, &h->ops[i]);
	return g;
}

void gate_free(struct gate *g)
{
	free(g->by_fault);
	calls_free(g->calls);
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

/* Who tells less tells of no other one: "4.0" is 4.0.5, too. */
static bool same_release(const char *a, const char *b)
{
	size_t n = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return !strncmp(a, b, n) && (!a[n] || a[n] == '.') && (!b[n] || b[n] == '.');
}

/* Of what somebody asked for: a default may be another variant's. */
static bool release_ran(const struct gate *g, char *why, size_t size)
{
	const struct setting_seen *asked = setting_find(g->ev->settings, "version");
	const struct setting_seen *told = setting_find(g->ev->inforce, "version");

	if (!asked || !told || !asked->value || !told->value ||
	    (strcmp(asked->source, "scenario") && strcmp(asked->source, "--set")) ||
	    same_release(asked->value, told->value))
		return true;
	snprintf(why, size, "it asks for version %.40s, and %.40s ran", asked->value, told->value);
	return false;
}

/* ---- what an expectation has to have ---- */

/* The kinds of operation that an expectation is about; all: about any. */
static uint32_t kinds_of(const struct judging *j, const struct metric *m)
{
	const struct checker_ops *c = checker_find(j->expect->checker);
	const char *of = j->expect->of ? j->expect->of : "";

	if (m->unit == METRIC_CHECKER)
		return c ? c->about : OP_ANY;
	if (*of)
		return of_kinds(of);
	if (m->flags & M_WRITES)
		return OP_WRITES;
	if (m->flags & M_INSERTS)
		return OP_BIT(OP_INSERT) | OP_BIT(OP_SEND);
	if (m->flags & M_REPLICAS)
		return OP_BIT(OP_READ_REPLICA);
	return OP_ANY;
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
	if (kinds == (OP_ANY & ~OP_WRITES))
		return "reads";
	return kinds == OP_WRITES ? "writes" : kinds == (OP_BIT(OP_INSERT) | OP_BIT(OP_SEND)) ? "inserts" :
	       kinds == OP_BIT(OP_READ_REPLICA) ? "reads of replicas" : "operations";
}

/* `first`: the kinds that have to be tried before it as well. */
static bool around(const struct tried *t, const char *fault, uint32_t first, uint32_t kinds,
		   char *why, size_t size)
{
	int64_t before = sum(t->before, first), after = sum(t->after, kinds);

	if (before < GATE_SEEN_MIN || after < GATE_SEEN_MIN) {
		bool late = before >= GATE_SEEN_MIN;

		snprintf(why, size, "%lld %s were tried %s fault %s: a pass takes %d before it and %d after",
			 (long long)(late ? after : before), called(late ? kinds : first),
			 late ? "after" : "before", fault, GATE_SEEN_MIN, GATE_SEEN_MIN);
		return false;
	}
	for (int f = 0; f < OP_KINDS && kinds != OP_ANY; f++) {
		if (!(kinds & OP_BIT(f)) || t->before[f] < GATE_SEEN_MIN ||
		    t->after[f] >= GATE_KIND_MIN)
			continue;
		snprintf(why, size,
			 "%lld %s were tried before fault %s and %lld after it: a pass takes %d",
			 (long long)t->before[f], calls_plural((enum op_f)f), fault,
			 (long long)t->after[f], GATE_KIND_MIN);
		return false;
	}
	return true;
}

/* What nobody answered breaks no rule. */
static bool answered(const struct tried *t, const char *fault, uint32_t kinds, char *why,
		     size_t size)
{
	int64_t n = sum(t->answered, kinds);

	if (n < GATE_SEEN_MIN)
		snprintf(why, size, "%lld operations that it judges were answered after fault %s: a pass takes %d",
			 (long long)n, fault, GATE_SEEN_MIN);
	return n >= GATE_SEEN_MIN;
}

/* The load began before each fault and went on past it. */
static bool loaded(const struct gate *g, const struct judging *j, const struct metric *m, char *why,
		   size_t size)
{
	const char *only = j->expect->fault;
	const struct tried *all = &g->by_fault[g->ev->nfaults];
	uint32_t kinds = kinds_of(j, m);
	/* of whatever was done, whenever */
	uint32_t first = m->unit == METRIC_CHECKER ? OP_ANY : kinds;

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
static void span(const struct gate *g, const struct judging *j, enum expect_metric metric,
		 int64_t *from, int64_t *to)
{
	const char *only = j->expect->fault;
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

/* So much and more is all that is asked for: what may come is no matter. */
static bool floor_only(const struct judging *j, const struct metric *m)
{
	double least, most;

	return (m->unit == METRIC_NS || m->unit == METRIC_COUNT) && judging_least(j, &least) &&
	       least > 0 && !judging_most(j, &most);
}

/* ... and on for as long as what the faults do may take to show. */
static bool watched(const struct gate *g, const struct judging *j, enum expect_metric metric,
		    char *why, size_t size)
{
	const char *only = j->expect->fault;

	if (metric == EXPECT_DEADLINE || metric == EXPECT_DEMOTED ||
	    metric == EXPECT_ERRORS_CLEAR || floor_only(j, metric_of(metric)))
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
	if (!g->ev->holes || metric == EXPECT_OUTAGE || metric == EXPECT_DOWNTIME ||
	    metric_of(metric)->flags & M_SAMPLED)
		return true;
	snprintf(why, size, "%lld operations that were due by the load's rate are not in history.jsonl",
		 (long long)g->ev->holes);
	return false;
}

/* Today's files tell the load that was asked for: what is there may not be all of it. */
static bool load_told(const struct gate *g, char *why, size_t size)
{
	const struct load_spec *l = &g->ev->load;

	if (g->ev->run.format < BLOCKS_FORMAT ||
	    (l->rate > 0 && l->clients > 0 && l->deadline_ns > 0 && load_spec_ops(l)))
		return true;
	snprintf(why, size, "the scenario does not tell the load that was asked for: its rate, clients, deadline and mix");
	return false;
}

/* One part of many is down although most is served: which part each was of has to be told. */
static bool shards_told(const struct gate *g, enum expect_metric metric, char *why, size_t size)
{
	bool of_parts = metric == EXPECT_OUTAGE || metric == EXPECT_DOWNTIME ||
			metric == EXPECT_AVAILABILITY || metric == EXPECT_LATENCY;

	if (!of_parts || !g->parts || g->shardless < GATE_KIND_MIN)
		return true;
	snprintf(why, size, "of %lld operations that were sent nothing tells of which shard they were", (long long)g->shardless);
	return false;
}

static bool seen(const struct gate *g, const struct judging *j, enum expect_metric metric,
		 char *why, size_t size)
{
	const struct metric *m = metric_of(metric);
	int64_t from, to;

	if (!load_told(g, why, size) || !loaded(g, j, m, why, size) ||
	    !watched(g, j, metric, why, size) || !shards_told(g, metric, why, size) ||
	    !all_written(g, metric, why, size))
		return false;
	span(g, j, metric, &from, &to);
	if (m->flags & M_THROUGHOUT &&
	    !calls_throughout(g->calls, kinds_of(j, m), from, to, why, size))
		return false;
	if (m->flags & M_SAMPLED && !sampled_throughout(g->ev, g->m, from, to, why, size))
		return false;
	return metric != EXPECT_DUAL_PRIMARY ||
	       (heard_throughout(g->ev, g->m, from, to, why, size) &&
		led_when_acked(j->h, g->ev, g->m, why, size));
}

/* ---- the gate ---- */

/* A count of acknowledged writes cannot be above all of them. */
static bool reachable(const struct gate *g, const struct judging *j, enum expect_metric metric,
		      char *why, size_t size)
{
	double most;

	if ((metric != EXPECT_LOST && metric != EXPECT_EVICTED) || !judging_most(j, &most) ||
	    most < (double)g->m->loss.acked)
		return true;
	snprintf(why, size, "the limit cannot be missed: only %lld were acknowledged", (long long)g->m->loss.acked);
	return false;
}

/* Scenario files with a limit that cannot be missed are refused (scenario/expect.c);
 * where one was missed all the same, it was. */
static bool limited(const struct judging *j, enum expect_metric metric, bool missed)
{
	enum metric_unit unit = metric_of(metric)->unit;
	double most, least;
	bool has_most = judging_most(j, &most), has_least = judging_least(j, &least);

	if (!missed) {
		has_most = has_most && metric_most_missable(metric, most, j->ev->load.deadline_ns);
		has_least = has_least && least > 0;
	}
	return unit == METRIC_BOOL || unit == METRIC_CHECKER || has_most || has_least ||
	       j->expect->accepted || j->expect->within_predicted || j->expect->unmissable;
}

static void not_whole(const struct gate *g, struct judged *r)
{
	overrule(r, VERDICT_UNKNOWN, "the history is not whole: ", g->ev->incomplete);
}

/* No effect comes before its cause, and what is there at the end is read after it: where
 * the events tell otherwise by more than clocks are apart, no time in them counts. */
static bool possible(const struct gate *g, const struct judging *j, enum expect_metric metric,
		     char *why, size_t size)
{
	const struct final_seen *final = g->ev->final;
	int64_t last = calls_last(g->calls);

	for (size_t i = 0; i < g->ev->nfaults; i++) {
		const struct fault_record *f = &g->ev->faults[i];
		int64_t early = f->effective_ns ? f->injected_ns - f->effective_ns - f->te_ns : 0;

		if (early <= EARLY_MS * NS_PER_MS)
			continue;
		snprintf(why, size, "fault %s is said to have taken effect %.1f s before it was injected", f->id, in_s(early));
		return false;
	}
	if (!final || !last || !judging_final(j, metric) ||
	    last - final->t_ns <= EARLY_MS * NS_PER_MS)
		return true;
	snprintf(why, size, "the final read is said to have been made %.1f s before the last operation was called",
		 in_s(last - final->t_ns));
	return false;
}

/* A part of which nothing is told may have been down for longer than all: that makes no
 * failure of "too long" better, but one of "too short", or of another window. */
static bool part_may_be_worse(const struct gate *g, const struct judging *j,
			      enum expect_metric metric, char *why, size_t size)
{
	double least;
	bool at_least = judging_least(j, &least) || j->expect->within_predicted;

	return at_least && (metric == EXPECT_OUTAGE || metric == EXPECT_DOWNTIME) &&
	       !shards_told(g, metric, why, size);
}

/* What any measured verdict stands on, failures too. */
static void ground(const struct gate *g, const struct judging *j, enum expect_metric metric,
		   struct judged *r)
{
	char why[WHY_BYTES];

	if (r->verdict != VERDICT_PASS && r->verdict != VERDICT_FAIL)
		return;
	if (!limited(j, metric, r->verdict == VERDICT_FAIL)) {
		overrule(r, VERDICT_UNKNOWN, "", "it has no limit that could be missed");
	} else if (!reachable(g, j, metric, why, sizeof(why))) {
		overrule(r, VERDICT_UNKNOWN, "", why);
	} else if (g->ev->incomplete) {
		not_whole(g, r);
	} else if (!possible(g, j, metric, why, sizeof(why))) {
		overrule(r, VERDICT_UNKNOWN, "", why);
	} else if (r->verdict == VERDICT_FAIL &&
		   part_may_be_worse(g, j, metric, why, sizeof(why))) {
		overrule(r, VERDICT_UNKNOWN, "", why);
	} else if (judging_final(j, metric) && !evidence_final_sound(g->ev, why, sizeof(why))) {
		overrule(r, VERDICT_UNKNOWN, "the final read cannot be relied on: ", why);
	}
}

static void believe(const struct gate *g, const struct judging *j, enum expect_metric metric,
		    struct judged *r)
{
	bool stands = metric == EXPECT_STANDS, no_load = metric_of(metric)->flags & M_NO_LOAD;
	char why[WHY_BYTES];

	if (judged_noisy(j, metric, r, why, sizeof(why)))
		overrule(r, VERDICT_UNKNOWN, "", why);
	if (!stands)
		ground(g, j, metric, r);
	else if (g->ev->incomplete && !g->acked)
		not_whole(g, r);
	if (r->verdict == VERDICT_PASS && g->ev->interrupted)
		overrule(r, VERDICT_UNKNOWN, "", "the run was interrupted");
	if (r->verdict == VERDICT_PASS &&
	    (!in_order(g, why, sizeof(why)) || !release_ran(g, why, sizeof(why)) ||
	     (g->m->stands && !faults_were(g->ev, why, sizeof(why))) ||
	     (!stands && !no_load && !seen(g, j, metric, why, sizeof(why)))))
		overrule(r, VERDICT_UNKNOWN, "", why);
	if (r->verdict == VERDICT_PASS && faults_odd(g->ev, why, sizeof(why)))
		judged_also(r, "; %s", why);
}

void gate_judged(const struct gate *g, const struct judging *j, enum expect_metric metric,
		 struct judged *r)
{
	const struct measured *m = g->m;

	if (m->broken) {
		overrule(r, VERDICT_BROKEN, "", m->broken_why ? m->broken_why : "");
		return;
	}
	if (m->unsupported) {
		r->verdict = VERDICT_SKIP;
		snprintf(r->why, sizeof(r->why), "%s", m->unsupported);
		return;
	}
	if (!m->stands && !(metric_of(metric)->flags & M_FALLEN)) {
		overrule(r, VERDICT_UNKNOWN, m->stands_why ? "the system never stood: " : "the system never stood",
			 m->stands_why ? m->stands_why : "");
		return;
	}
	believe(g, j, metric, r);
}
