#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "measure/stat.h"

/* Medians and differences of values that are known within an interval, or
 * from below only. Everything rests on ranks; what a bound does not decide is
 * carried on as a bound. */

static int by_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_of(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_double);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

void stat_median(const struct stat_value *v, size_t n, struct stat_median *out)
{
	double *lo = mem_alloc((n + 1) * sizeof(*lo)), *hi = mem_alloc((n + 1) * sizeof(*hi));
	double *mid = mem_alloc((n + 1) * sizeof(*mid)), unused;

	*out = (struct stat_median){.n = n, .value = -1, .lo = -1, .hi = -1};
	for (size_t i = 0; i < n; i++) {
		lo[i] = v[i].lo;
		hi[i] = v[i].hi;
		mid[i] = isinf(v[i].hi) ? INFINITY : (v[i].lo + v[i].hi) / 2;
		out->censored += isinf(v[i].hi) != 0;
	}
	if (n) {
		double of_lo = stat_median_ci(lo, n, &out->lo, &unused);

		stat_median_ci(hi, n, &unused, &out->hi);
		out->value = median_of(mid, n);
		out->at_least = isinf(out->value) != 0;
		if (out->at_least)
			out->value = of_lo;
	}
	free(lo);
	free(hi);
	free(mid);
}

/* How many of the ways to draw m of m + n ranks give each U: the recursion
 * of Mann and Whitney (1947), in doubles, whose 53 bits are more than the
 * tail that is asked for needs. count[u], u = 0..mn; the sum is the number of
 * all ways. */
static double *ways(size_t m, size_t n)
{
	size_t top = m * n;
	double *w = mem_alloc((top + 1) * sizeof(*w));

	/* The Gaussian binomial (m+n choose m): multiply by 1 - q^(n+i), divide
	 * by 1 - q^i, for i = 1..m. */
	w[0] = 1;
	for (size_t i = 1; i <= m; i++) {
		for (size_t u = top; u >= n + i; u--)
			w[u] -= w[u - n - i];
		for (size_t u = i; u <= top; u++)
			w[u] += w[u - i];
	}
	return w;
}

static double tail_normal(double mean, double sd, double u)
{
	return 0.5 * erfc(-(u - mean) / sd / sqrt(2));
}

double stat_mann_whitney_cdf(size_t m, size_t n, double u)
{
	double all = 0, sum = 0, top = (double)m * (double)n, *w;

	if (u < 0)
		return 0;
	if (u >= top)
		return 1;
	/* The normal approximation where counting would be too long. */
	if (m > STAT_EXACT_MAX || n > STAT_EXACT_MAX)
		return tail_normal(top / 2, sqrt(top * (double)(m + n + 1) / 12), floor(u) + 0.5);
	w = ways(m, n);
	for (size_t i = 0; i <= m * n; i++) {
		all += w[i];
		if ((double)i <= u)
			sum += w[i];
	}
	free(w);
	return sum / all;
}

/* The k-th smallest and k-th largest difference bound the shift with 95 %,
 * for the largest k with P(U <= k - 1) <= 0.025 (Hollander and Wolfe,
 * Nonparametric Statistical Methods, 4.3). 0: too few values. */
static size_t rank_95(size_t m, size_t n)
{
	size_t lo = 0, hi = m * n / 2;

	while (lo < hi) {
		size_t k = lo + (hi - lo) / 2;

		if (stat_mann_whitney_cdf(m, n, (double)k) <= STAT_ALPHA / 2)
			lo = k + 1;
		else
			hi = k;
	}
	return lo;
}

/* ---- the rank test ---- */

struct pooled {
	struct stat_value v;
	bool of_b;
	size_t rank2; /* twice its rank; those that are equal share the mean of theirs */
};

struct ranks {
	size_t m, n;
	struct pooled *v; /* in order */
	bool ties;
	bool sure; /* whichever two are taken, it is known which is larger, or that they are equal
		    */
	double u_lo, u_hi; /* pairs in which b's is the larger, at least and at most */
};

static int by_pooled(const void *a, const void *b)
{
	const struct stat_value *x = &((const struct pooled *)a)->v,
				*y = &((const struct pooled *)b)->v;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return (x->hi > y->hi) - (x->hi < y->hi);
}

static bool equal(const struct stat_value *x, const struct stat_value *y)
{
	return x->lo == x->hi && y->lo == y->hi && x->lo == y->lo;
}

static void rank(struct ranks *r)
{
	size_t all = r->m + r->n, i, j;

	qsort(r->v, all, sizeof(*r->v), by_pooled);
	r->sure = true;
	for (i = 0; i < all; i = j) {
		for (j = i + 1; j < all && equal(&r->v[i].v, &r->v[j].v); j++)
			;
		r->ties = r->ties || j > i + 1;
		r->sure = r->sure && (j == all || r->v[j - 1].v.hi < r->v[j].v.lo);
		for (size_t k = i; k < j; k++)
			r->v[k].rank2 = i + j + 1;
	}
}

static void rank_begin(struct ranks *r, const struct stat_value *a, size_t m,
		       const struct stat_value *b, size_t n)
{
	*r = (struct ranks){.m = m, .n = n, .v = mem_alloc((m + n) * sizeof(*r->v))};
	for (size_t x = 0; x < m; x++)
		r->v[x].v = a[x];
	for (size_t y = 0; y < n; y++)
		r->v[m + y] = (struct pooled){.v = b[y], .of_b = true};
	rank(r);
	for (size_t x = 0; x < m; x++) {
		for (size_t y = 0; y < n; y++) {
			bool same = equal(&a[x], &b[y]);

			r->u_lo += b[y].lo > a[x].hi ? 1 : same && r->sure ? 0.5 : 0;
			r->u_hi += b[y].hi > a[x].lo ? 1 : same ? r->sure ? 0.5 : 1 : 0;
		}
	}
}

/* How many of the ways to draw n of these ranks have each sum: count[s], s up to
 * *top, the largest (Streitberg and Roehmel's shift algorithm, 1986). */
static double *ways_tied(const struct ranks *r, size_t *top)
{
	size_t all = r->m + r->n, n = r->n, i, j, s;
	double *w, *out;

	*top = 0;
	for (i = all - n; i < all; i++)
		*top += r->v[i].rank2;
	w = mem_alloc((n + 1) * (*top + 1) * sizeof(*w));
	w[0] = 1;
	for (i = 0; i < all; i++)
		for (j = n < i + 1 ? n : i + 1; j > 0; j--)
			for (s = *top; s >= r->v[i].rank2; s--)
				w[j * (*top + 1) + s] +=
					w[(j - 1) * (*top + 1) + s - r->v[i].rank2];
	out = mem_alloc((*top + 1) * sizeof(*out));
	for (s = 0; s <= *top; s++)
		out[s] = w[n * (*top + 1) + s];
	free(w);
	return out;
}

static double twice(double tail)
{
	return fmin(1, 2 * tail);
}

static void p_tied(const struct ranks *r, struct stat_shift *out)
{
	size_t all = r->m + r->n, top, sum = 0, least = 0, s;
	double total = 0, below = 0, above = 0, lowest = 0, highest = 0, *w = ways_tied(r, &top);

	for (s = 0; s < all; s++) {
		sum += r->v[s].of_b ? r->v[s].rank2 : 0;
		least += s < r->n ? r->v[s].rank2 : 0;
	}
	for (s = 0; s <= top; s++) {
		total += w[s];
		below += s <= sum ? w[s] : 0;
		above += s >= sum ? w[s] : 0;
		lowest += s <= least ? w[s] : 0;
		highest += s >= top ? w[s] : 0;
	}
	free(w);
	out->p = twice(fmin(below, above) / total);
	out->p_least = twice(fmin(lowest, highest) / total);
}

/* By the normal approximation, whose variance ties make smaller (Hollander and
 * Wolfe, 4.1). */
static void p_tied_many(const struct ranks *r, struct stat_shift *out)
{
	double all = (double)(r->m + r->n), top = (double)r->m * (double)r->n, ties = 0, sd;

	for (size_t i = 0, j; i < r->m + r->n; i = j) {
		for (j = i + 1; j < r->m + r->n && r->v[j].rank2 == r->v[i].rank2; j++)
			;
		ties += pow((double)(j - i), 3) - (double)(j - i);
	}
	sd = sqrt(top / 12 * (all + 1 - ties / (all * (all - 1))));
	if (!(sd > 0))
		return;
	out->p = twice(tail_normal(top / 2, sd, fmin(r->u_lo, top - r->u_lo) + 0.5));
	out->p_least = 0;
}

/* Twice the smaller tail. Where values may stand either way, what speaks least
 * for a difference, by the distribution without ties: the true values have none. */
static void test_ranks(const struct ranks *r, struct stat_shift *out)
{
	double top = (double)(r->m * r->n), half = top / 2;

	out->sign = r->u_lo > half ? 1 : r->u_hi < half ? -1 : 0;
	if (r->sure && r->ties && r->m <= STAT_EXACT_MAX && r->n <= STAT_EXACT_MAX) {
		p_tied(r, out);
	} else if (r->sure && r->ties) {
		p_tied_many(r, out);
	} else {
		out->p_least = twice(stat_mann_whitney_cdf(r->m, r->n, 0));
		if (out->sign)
			out->p = twice(stat_mann_whitney_cdf(
				r->m, r->n, ceil(out->sign < 0 ? r->u_hi : top - r->u_lo)));
	}
}

void stat_shift(const struct stat_value *a, size_t m, const struct stat_value *b, size_t n,
		struct stat_shift *out)
{
	size_t all = m * n, i = 0, k;
	double *lo, *hi;
	struct ranks r;

	*out = (struct stat_shift){.p = 1, .p_least = 1, .p_holm = 1};
	if (!all)
		return;
	lo = mem_alloc(all * sizeof(*lo));
	hi = mem_alloc(all * sizeof(*hi));
	for (size_t x = 0; x < m; x++) {
		for (size_t y = 0; y < n; y++, i++) {
			lo[i] = b[y].lo - a[x].hi;
			hi[i] = b[y].hi - a[x].lo;
		}
	}
	out->known = true;
	out->est_lo = median_of(lo, all);
	out->est_hi = median_of(hi, all);
	rank_begin(&r, a, m, b, n);
	test_ranks(&r, out);
	free(r.v);
	k = rank_95(m, n);
	out->bounded = k > 0;
	if (k) {
		out->lo = lo[k - 1];
		out->hi = hi[all - k];
	}
	free(lo);
	free(hi);
}

/* ---- many figures ---- */

static int by_p(const void *a, const void *b)
{
	double x = (*(struct stat_shift *const *)a)->p, y = (*(struct stat_shift *const *)b)->p;

	return (x > y) - (x < y);
}

/* A figure that could not be named even by itself, because it has too few values
 * or too many equal ones, cannot be named wrongly and does not count (Tarone, "A
 * Modified Bonferroni Method for Discrete Data", 1990): which these are depends on
 * the values alone, not on whose they are. */
void stat_holm(struct stat_shift *const *v, size_t n, struct stat_family *out)
{
	struct stat_shift **counted = mem_alloc((n + 1) * sizeof(*counted));
	double least = 1, worst = 0;
	size_t i;

	*out = (struct stat_family){0};
	for (i = 0; i < n; i++) {
		v[i]->p_holm = 1;
		v[i]->differs = false;
		out->known += v[i]->known;
		if (!v[i]->known || v[i]->p_least > STAT_ALPHA)
			continue;
		counted[out->counted++] = v[i];
		least = fmin(least, v[i]->p_least);
	}
	if (out->counted)
		qsort(counted, out->counted, sizeof(struct stat_shift *), by_p);
	for (i = 0; i < out->counted; i++) {
		worst = fmax(worst, fmin(1, counted[i]->p * (double)(out->counted - i)));
		counted[i]->p_holm = worst;
		counted[i]->differs = worst <= STAT_ALPHA;
	}
	out->reachable = out->counted && least * (double)out->counted <= STAT_ALPHA;
	for (i = 4; out->counted && !out->enough && i < STAT_EXACT_MAX; i++)
		if (twice(stat_mann_whitney_cdf(i, i, 0)) * (double)out->counted <= STAT_ALPHA)
			out->enough = i;
	free(counted);
}
