#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/parts.h"

/* What the service and the generator did while all was well, and when they
 * do it again. */

enum {
	BACK_STEP_MS = 50, /* grid on which the return of p99 is looked for */
	BACK_WINDOW_MS = 1000,
	BACK_WINDOWS = 3, /* this many windows in a row */
	BACK_SLACK_MS = 20, /* a p99 of 3 ms may well become 10 without meaning anything */
	MIN_OPS = 20, /* fewer are no baseline */
	GAP_FACTOR = 3, /* a gap of this many times what was usual is an outage */
	GAP_LONGEST = 2, /* so is one of this many times the longest, if ... */
	GAP_UNKNOWN_MS = 1000, /* without a baseline */
	STUMBLES = 3, /* so many gaps, or one in a hundred, ... */
	STUMBLE_MS = 100, /* ... so long, and longer by GAP_FACTOR than the others, are not usual */
};

struct lengths {
	int64_t *v;
	size_t n, alloc;
};

static void add(struct lengths *l, int64_t x)
{
	*VEC_PUSH(l->v, l->n, l->alloc) = x;
}

static void sort(struct lengths *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_i64);
}

static int64_t last_of(const struct lengths *l)
{
	return l->n ? l->v[l->n - 1] : -1;
}

/* The first call of each client pays for its connection; taken along, those
 * calls alone would make up the top percent of a short steady phase. */
static bool established(const struct op *op)
{
	return !op->connect_ns && !op->dns_ns;
}

/* How many of the gaps, ascending, are usual: all but the stumbles at their end.
 * The lowest leap counts, so that one long stumble does not hide the others. */
static size_t usual(const struct lengths *gaps)
{
	size_t most = gaps->n / 100 > STUMBLES ? gaps->n / 100 : STUMBLES, n = gaps->n;

	for (size_t i = gaps->n - 1; i >= MIN_OPS && gaps->n - i <= most; i--)
		if (gaps->v[i] >= STUMBLE_MS * NS_PER_MS &&
		    gaps->v[i] > GAP_FACTOR * gaps->v[i - 1])
			n = i;
	return n;
}

/* What a healthy service never exceeds, from the gaps between what it served,
 * ascending. One stumble in a thousand gaps, or the longest of fewer, is not
 * what is usual, nor are a few that stand out from all others; a gap thrice as
 * long as the usual ones is an outage, and so is one that is twice as long as
 * all there were and thrice as long as 99 of a hundred. */
static int64_t gap_limit(const struct lengths *gaps)
{
	size_t rank = (size_t)((double)gaps->n * 0.999), n;
	int64_t limit, all;

	if (gaps->n < MIN_OPS)
		return GAP_UNKNOWN_MS * NS_PER_MS;
	n = usual(gaps);
	if (rank > gaps->n - 1)
		rank = gaps->n - 1;
	if (rank > n)
		rank = n;
	limit = GAP_FACTOR * gaps->v[rank - 1];
	all = GAP_FACTOR * stat_percentile(gaps->v, n, 0.99);
	if (all < GAP_LONGEST * gaps->v[n - 1])
		all = GAP_LONGEST * gaps->v[n - 1];
	if (limit > all)
		limit = all;
	return limit > OUTAGE_FLOOR_MS * NS_PER_MS ? limit : OUTAGE_FLOOR_MS * NS_PER_MS;
}

/* Whether it waited through a stumble: a gap beyond the limit. */
static bool stumbled(const struct instants *served, int64_t until_ns, int64_t limit,
		     const struct op *op)
{
	size_t i = instants_to(served, op->t_invoke);

	for (i = i ? i : 1;
	     i < served->n && served->v[i - 1] < op->t_return && served->v[i] <= until_ns; i++)
		if (served->v[i] - served->v[i - 1] > limit)
			return true;
	return false;
}

/* How long a write takes that is served: what one stumble held up is no measure
 * of what a healthy service does. */
static int64_t usual_slowest(const struct view *v, const struct instants *served,
			     const struct baseline *b)
{
	struct lengths own = { 0 };
	int64_t slowest;

	for (size_t i = 0; i < v->nops && v->ops[i]->t_invoke < b->until_ns; i++) {
		const struct op *op = v->ops[i];

		if (op->t_return <= b->until_ns && view_served(v, op) && established(op) &&
		    !stumbled(served, b->until_ns, b->gap_limit_ns, op))
			add(&own, op->t_return - op->t_invoke);
	}
	sort(&own);
	slowest = own.n >= MIN_OPS ? stat_percentile(own.v, own.n, 0.999) : -1;
	free(own.v);
	return slowest;
}

/* Gaps between what was served by until_ns, and what failed in them. */
static void usual_gaps(const struct view *v, struct baseline *b)
{
	struct instants served = { 0 }, refused = { 0 };
	struct lengths gaps = { 0 };

	view_instants(v, NS_PER_S, &served, &refused);
	for (size_t i = 1; i < served.n && served.v[i] <= b->until_ns; i++) {
		int failed = (int)instants_between(&refused, served.v[i - 1], served.v[i]);

		add(&gaps, served.v[i] - served.v[i - 1]);
		if (failed > b->failed_run)
			b->failed_run = failed;
	}
	sort(&gaps);
	b->gap_p99_ns = gaps.n >= MIN_OPS ? stat_percentile(gaps.v, gaps.n, 0.99) : -1;
	b->gap_limit_ns = gap_limit(&gaps);
	b->p999_ns = usual_slowest(v, &served, b);
	free(served.v);
	free(refused.v);
	free(gaps.v);
}

void baseline_make(const struct view *v, int64_t until_ns, struct baseline *b)
{
	struct lengths all = { 0 }, late = { 0 };
	size_t i;

	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];

		if (op->t_invoke >= until_ns)
			break;
		add(&late, op->t_invoke - op->t_intended);
		if (op->t_return > until_ns)
			continue;
		if (established(op) && op_answered(op))
			add(&all, op->t_return - op->t_intended);
	}
	sort(&all);
	sort(&late);
	*b = (struct baseline){
		.until_ns = until_ns,
		.p50_ns = all.n >= MIN_OPS ? stat_percentile(all.v, all.n, 0.5) : -1,
		.p99_ns = all.n >= MIN_OPS ? stat_percentile(all.v, all.n, 0.99) : -1,
		.lateness_p99_ns = stat_percentile(late.v, late.n, 0.99),
		.lateness_max_ns = last_of(&late),
	};
	usual_gaps(v, b);
	free(all.v);
	free(late.v);
}

struct due {
	int64_t intended, latency;
};

static int by_due(const void *a, const void *b)
{
	const struct due *x = a, *y = b;

	return (x->intended > y->intended) - (x->intended < y->intended);
}

static size_t first_at(const struct due *d, size_t n, int64_t t)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (d[mid].intended < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int64_t window_p99(const struct due *d, size_t n, int64_t from, int64_t to)
{
	size_t a = first_at(d, n, from), z = first_at(d, n, to), i;
	struct lengths l = { 0 };
	int64_t p;

	for (i = a; i < z; i++)
		add(&l, d[i].latency);
	sort(&l);
	p = stat_percentile(l.v, l.n, 0.99);
	free(l.v);
	return p;
}

/* Nothing was due within `window` of t + ahead: the last step from which that is
 * so, for whoever steps over a silence of any length. */
static int64_t before_next(const struct due *d, size_t n, int64_t t, int64_t ahead, int64_t window,
			   int64_t step)
{
	size_t next = first_at(d, n, t + ahead);

	return next < n ? t + (d[next].intended - (t + ahead + window)) / step * step :
			  d[n - 1].intended;
}

/* An operation that failed counts as endlessly slow: a service that answers
 * half of its clients quickly is not back. */
int64_t baseline_back(const struct view *v, const struct baseline *b, int64_t from_ns)
{
	const int64_t step = BACK_STEP_MS * NS_PER_MS, window = BACK_WINDOW_MS * NS_PER_MS;
	int64_t limit, t, last = 0, found = 0;
	struct due *d;
	size_t i;

	if (b->p99_ns < 0 || !v->nops)
		return 0;
	limit = b->p99_ns * 2;
	if (limit < b->p99_ns + BACK_SLACK_MS * NS_PER_MS)
		limit = b->p99_ns + BACK_SLACK_MS * NS_PER_MS;
	d = mem_alloc(v->nops * sizeof(*d));
	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		d[i].intended = op->t_intended;
		d[i].latency = op_answered(op) ? op->t_return - op->t_intended : INT64_MAX;
		if (op->t_intended > last)
			last = op->t_intended;
	}
	qsort(d, v->nops, sizeof(*d), by_due);
	for (t = from_ns; !found && t + BACK_WINDOWS * window <= last; t += step) {
		int64_t p = 0, k;

		for (k = 0; k < BACK_WINDOWS; k++) {
			p = window_p99(d, v->nops, t + k * window, t + (k + 1) * window);
			if (p < 0 || p > limit)
				break;
		}
		if (k == BACK_WINDOWS)
			found = t;
		else if (p < 0)
			t = before_next(d, v->nops, t, k * window, window, step);
	}
	free(d);
	return found;
}

enum { BUCKETS_MOST = 100000 }; /* seconds of more than a day */

void buckets_make(const struct view *v, struct measured *m)
{
	struct lengths *l;
	size_t i, n;

	if (m->end_ns <= m->begin_ns)
		return;
	m->bucket_ns = ((m->end_ns - m->begin_ns) / NS_PER_S / BUCKETS_MOST + 1) * NS_PER_S;
	n = (size_t)((m->end_ns - m->begin_ns) / m->bucket_ns) + 1;
	m->nbuckets = n;
	m->buckets = mem_alloc(n * sizeof(*m->buckets));
	l = mem_alloc(n * sizeof(*l));
	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		size_t at = (size_t)((op->t_return - m->begin_ns) / m->bucket_ns);

		if (op->t_return < m->begin_ns || at >= n)
			continue;
		if (op_answered(op)) {
			m->buckets[at].ok++;
			add(&l[at], op->t_return - op->t_intended);
		} else if (op->outcome == OP_FAIL) {
			m->buckets[at].fail++;
		} else {
			m->buckets[at].info++;
		}
	}
	for (i = 0; i < n; i++) {
		struct latency_bucket *k = &m->buckets[i];

		sort(&l[i]);
		k->t_ns = m->begin_ns + (int64_t)i * m->bucket_ns;
		k->p50_ns = stat_percentile(l[i].v, l[i].n, 0.5);
		k->p99_ns = stat_percentile(l[i].v, l[i].n, 0.99);
		k->max_ns = last_of(&l[i]);
		free(l[i].v);
	}
	free(l);
}
