#include <stdlib.h>

#include "base/mem.h"
#include "check/register/parts.h"

/* Compare-and-sets that found another value than they expected ("mismatches")
 * are put into an order of the other operations: each into the earliest gap that
 * its call and return leave it, at which the value is another. Where there is
 * none, a write of unknown fate that nobody saw may have ended the value for a
 * moment; one such write may stand at the end of each value that no
 * compare-and-set took on. The order that comes of it is gone through from end to
 * end before it counts, so that an answer rests on that alone. */

enum { NONE = -1, STEPS_AN_OP = 48 };

struct held {
	int64_t value;
	int from, to; /* the first and last gap at which it is the value */
	bool taken_on;
};

struct gaps {
	const struct reg_op *ops;
	size_t n;
	int64_t initial;
	const int *seq;
	size_t nseq; /* gap g is before seq[g] */
	struct held *held; /* by value */
	size_t nheld;
	int64_t *called,
		*returned; /* by gap: the latest call before it, the earliest return after */
	int *helper;                /* by gap */
	int *spare;                 /* writes that may have been or not, by call; NONE: in use */
	size_t nspare;
	int *at;                    /* by operation: a mismatch's gap */
};

static int by_held(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return (x->from > y->from) - (x->from < y->from);
}

static void find_held(struct gaps *g)
{
	struct held *h = &g->held[g->nheld++];
	size_t i;

	*h = (struct held){ .value = g->initial };
	for (i = 0; i < g->nseq; i++) {
		const struct reg_op *op = &g->ops[g->seq[i]];

		if (op->f == REG_READ)
			continue;
		h->to = (int)i;
		h->taken_on = op->f == REG_CAS;
		h = &g->held[g->nheld++];
		*h = (struct held){ .value = op->value, .from = (int)i + 1 };
	}
	h->to = (int)g->nseq;
	qsort(g->held, g->nheld, sizeof(*g->held), by_held);
}

static void gaps_begin(struct gaps *g)
{
	bool *in = mem_alloc(g->n + 1);
	size_t i;

	g->held = mem_alloc((g->nseq + 1) * sizeof(*g->held));
	g->called = mem_alloc((g->nseq + 1) * sizeof(*g->called));
	g->returned = mem_alloc((g->nseq + 1) * sizeof(*g->returned));
	g->helper = mem_alloc((g->nseq + 1) * sizeof(*g->helper));
	g->spare = mem_alloc((g->n + 1) * sizeof(*g->spare));
	g->at = mem_alloc((g->n + 1) * sizeof(*g->at));
	find_held(g);
	g->called[0] = INT64_MIN;
	g->helper[0] = NONE;
	for (i = 0; i < g->nseq; i++) {
		int64_t call = g->ops[g->seq[i]].call;

		in[g->seq[i]] = true;
		g->called[i + 1] = call > g->called[i] ? call : g->called[i];
		g->helper[i + 1] = NONE;
	}
	g->returned[g->nseq] = INT64_MAX;
	for (i = g->nseq; i-- > 0;) {
		int64_t ret = reg_ret(&g->ops[g->seq[i]]);

		g->returned[i] = ret < g->returned[i + 1] ? ret : g->returned[i + 1];
	}
	for (i = 0; i < g->n; i++)
		if (g->ops[i].maybe && g->ops[i].f == REG_WRITE && !in[i])
			g->spare[g->nspare++] = (int)i;
	free(in);
}

static void gaps_end(struct gaps *g)
{
	free(g->held);
	free(g->called);
	free(g->returned);
	free(g->helper);
	free(g->spare);
	free(g->at);
}

/* The first gap after which nothing returns before t. */
static int first_gap(const struct gaps *g, int64_t t)
{
	size_t lo = 0, hi = g->nseq;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (g->returned[mid] < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (int)lo;
}

/* The last gap before which nothing was called after t. */
static int last_gap(const struct gaps *g, int64_t t)
{
	size_t lo = 0, hi = g->nseq;

	while (lo < hi) {
		size_t mid = lo + (hi - lo + 1) / 2;

		if (g->called[mid] > t)
			hi = mid - 1;
		else
			lo = mid;
	}
	return (int)lo;
}

/* Where it is the value at this gap; NULL: nowhere. */
static const struct held *held_at(const struct gaps *g, int64_t value, int gap)
{
	size_t lo = 0, hi = g->nheld;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (g->held[mid].value < value ||
		    (g->held[mid].value == value && g->held[mid].to < gap))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == g->nheld || g->held[lo].value != value || g->held[lo].from > gap)
		return NULL;
	return &g->held[lo];
}

/* Takes the write that was called last, as long as it fits: earlier ones fit
 * elsewhere, too. */
static bool help(struct gaps *g, int gap, const struct reg_op *m, struct reg_budget *budget)
{
	int64_t by = m->ret < g->returned[gap] ? m->ret : g->returned[gap];
	size_t i;

	if (g->helper[gap] != NONE)
		return g->ops[g->helper[gap]].call <= by;
	if (!reg_spend(budget, (int64_t)g->nspare))
		return false;
	for (i = g->nspare; i-- > 0;) {
		if (g->spare[i] == NONE || g->ops[g->spare[i]].call > by)
			continue;
		g->helper[gap] = g->spare[i];
		g->spare[i] = NONE;
		return true;
	}
	return false;
}

/* Finds mismatch i its gap, none before `floor`. */
static bool place(struct gaps *g, size_t i, int floor, struct reg_budget *budget)
{
	const struct reg_op *m = &g->ops[i];
	int first = first_gap(g, m->call), last = last_gap(g, m->ret),
	    gap = first > floor ? first : floor;
	const struct held *h;

	while ((h = held_at(g, m->expect, gap))) {
		if (h->to < last) {
			gap = h->to + 1;
			continue;
		}
		gap = h->to;
		if (h->taken_on || gap > last || !help(g, gap, m, budget))
			return false;
		break;
	}
	g->at[i] = gap;
	return gap <= last;
}

struct due {
	int64_t ret;
	size_t op;
};

static int by_due(const void *a, const void *b)
{
	const struct due *x = a, *y = b;

	if (x->ret != y->ret)
		return x->ret < y->ret ? -1 : 1;
	return (x->op > y->op) - (x->op < y->op);
}

/* In the order of calls; none before one that had returned when it was called. */
static bool place_all(struct gaps *g, struct reg_budget *budget)
{
	struct due *due = mem_alloc((g->n + 1) * sizeof(*due));
	size_t ndue = 0, d = 0, i;
	bool fit = true;
	int floor = 0;

	for (i = 0; i < g->n; i++)
		if (g->ops[i].f == REG_MISMATCH)
			due[ndue++] = (struct due){ g->ops[i].ret, i };
	if (ndue)
		qsort(due, ndue, sizeof(*due), by_due);
	for (i = 0; i < g->n && fit; i++) {
		if (g->ops[i].f != REG_MISMATCH)
			continue;
		for (; d < ndue && due[d].ret < g->ops[i].call; d++)
			if (g->at[due[d].op] > floor)
				floor = g->at[due[d].op];
		fit = place(g, i, floor, budget);
	}
	free(due);
	return fit;
}

/* ---- from end to end ---- */

struct walk {
	int64_t value, called;
	size_t sure;
};

/* Does it find what it needs, and had it not returned when one before it was
 * called? */
static bool walk(const struct gaps *g, struct walk *w, int i)
{
	const struct reg_op *op = &g->ops[i];

	if (reg_ret(op) < w->called || !reg_allowed(op, w->value, &w->value))
		return false;
	w->called = op->call > w->called ? op->call : w->called;
	w->sure += !op->maybe;
	return true;
}

/* The mismatches at a gap, a list by call: before its helper go those that had
 * returned when it was called. */
static bool walk_gap(const struct gaps *g, struct walk *w, int first, const int *next, int helper)
{
	int64_t split = helper == NONE ? INT64_MIN : g->ops[helper].call;
	bool fits = true;
	int i;

	for (i = first; i != NONE && fits; i = next[i])
		fits = g->ops[i].ret >= split || walk(g, w, i);
	if (helper != NONE && fits)
		fits = walk(g, w, helper);
	for (i = first; i != NONE && fits; i = next[i])
		fits = g->ops[i].ret < split || walk(g, w, i);
	return fits;
}

static bool walk_all(const struct gaps *g)
{
	struct walk w = { .value = g->initial, .called = INT64_MIN };
	int *first = mem_alloc((g->nseq + 1) * sizeof(*first)),
	    *next = mem_alloc((g->n + 1) * sizeof(*next));
	size_t i, sure = 0;
	bool fits = true;

	for (i = 0; i <= g->nseq; i++)
		first[i] = NONE;
	for (i = g->n; i-- > 0;) {
		sure += !g->ops[i].maybe;
		if (g->ops[i].f != REG_MISMATCH)
			continue;
		next[i] = first[g->at[i]];
		first[g->at[i]] = (int)i;
	}
	for (i = 0; i <= g->nseq && fits; i++) {
		fits = walk_gap(g, &w, first[i], next, g->helper[i]);
		if (fits && i < g->nseq)
			fits = walk(g, &w, g->seq[i]);
	}
	free(first);
	free(next);
	return fits && w.sure == sure;
}

bool reg_mismatches_fit(const struct reg_op *ops, size_t n, int64_t initial, const int *seq,
			size_t nseq, struct reg_budget *budget)
{
	struct gaps g = { .ops = ops, .n = n, .initial = initial, .seq = seq, .nseq = nseq };
	bool fit;

	if (!reg_spend(budget, (int64_t)n * STEPS_AN_OP))
		return false;
	gaps_begin(&g);
	fit = place_all(&g, budget) && walk_all(&g);
	gaps_end(&g);
	return fit;
}
