#include <stdlib.h>

#include "base/mem.h"
#include "check/register/parts.h"

/* Where each value was written once, as load generators have it, a reader knows
 * whose value it saw, and no search is needed (Gibbons and Korach, "Testing
 * Shared Memories", 1997, 4.2; of late, with other types: Lee and Mathur,
 * "Efficient Decrease-and-Conquer Linearizability Monitoring", 2025).
 *
 * A value's operations, its write first, stand together in any order that
 * explains the history; so does a chain of values that compare-and-sets link.
 * Such a chain must stand before another when one of its operations returned
 * before one of the other's was called: with f the earliest return and s the
 * latest call of a chain, A before B when f(A) < s(B). No order at all is
 * possible when two must each stand before the other; otherwise the order of
 * min(f, s) is one. (Let A have to stand before B, and B not before A: f(A) <
 * s(B) and s(A) <= f(B). Whichever of f and s is less in A and in B, A's key is
 * not above B's; at the same key the one with s <= f, which fits into one
 * instant, goes first.)
 *
 * A write of unknown fate took place when its value was seen; if not, leaving it
 * out hurts nobody but a compare-and-set that found another value than it
 * expected: these are left to gaps.c. */

enum { NONE = -1, STEPS_AN_OP = 48 };

struct chain {
	int64_t f, s, key;
	int root; /* a node */
};

/* Node 0 is the initial value, node i + 1 what ops[i] wrote. */
struct values {
	const struct reg_op *ops;
	size_t n;
	int64_t initial;
	struct writer {
		int64_t value;
		int op;
	} *writers; /* by value: whoever may have written */
	size_t nwriters;
	bool *happened;     /* by operation: it wrote, for certain */
	int *taken_on;      /* by node: the compare-and-set that found it, or NONE */
	int *reads, *nread; /* by node: its first read; by operation: the next of its node */
	int64_t *f, *s;     /* by node: the earliest return and latest call that saw it */
	int *todo;          /* compare-and-sets of unknown fate that must have happened */
	size_t ntodo;
	struct chain *chains;
	size_t nchains;
};

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* ---- who saw whose value ---- */

static int by_value(const void *a, const void *b)
{
	const struct writer *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return (x->op > y->op) - (x->op < y->op);
}

/* How many may have written it (2: several); *node is the first. */
static int writers_of(const struct values *v, int64_t value, int *node)
{
	size_t lo = 0, hi = v->nwriters;
	int found = value == v->initial;

	*node = 0;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v->writers[mid].value < value)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < v->nwriters && found < 2 && v->writers[lo].value == value; lo++)
		if (!found++)
			*node = v->writers[lo].op + 1;
	return found;
}

/* Operation i saw a value, so it was there. */
static enum reg_answer saw(struct values *v, int i, int64_t value)
{
	int node, n = writers_of(v, value, &node), w = node - 1;

	if (n != 1)
		return n ? REG_UNDECIDED : REG_NO;
	if (v->ops[i].f == REG_READ) {
		v->nread[i] = v->reads[node];
		v->reads[node] = i;
	} else {
		if (v->taken_on[node] != NONE)
			return REG_NO; /* it was there once, and one alone can have ended it */
		v->taken_on[node] = i;
	}
	v->f[node] = earlier(v->f[node], v->ops[i].f == REG_READ ? v->ops[i].ret : INT64_MAX);
	v->s[node] = later(v->s[node], v->ops[i].call);
	if (w >= 0 && !v->happened[w]) {
		v->happened[w] = true;
		if (v->ops[w].f == REG_CAS)
			v->todo[v->ntodo++] = w;
	}
	return REG_YES;
}

static enum reg_answer who_saw_what(struct values *v)
{
	enum reg_answer a = REG_YES;
	size_t i;

	for (i = v->n; i-- > 0 && a == REG_YES;) {
		const struct reg_op *op = &v->ops[i];

		if (op->maybe)
			continue;
		if (op->f == REG_READ)
			a = saw(v, (int)i, op->value);
		else if (op->f == REG_CAS)
			a = saw(v, (int)i, op->expect);
	}
	while (v->ntodo && a == REG_YES) {
		int w = v->todo[--v->ntodo];

		a = saw(v, w, v->ops[w].expect);
	}
	return a;
}

/* Called after a value was there for certain, and over before it was gone. */
static bool found_what_it_did_not(const struct values *v)
{
	size_t i;
	int node;

	for (i = 0; i < v->n; i++) {
		const struct reg_op *op = &v->ops[i];

		if (op->f == REG_MISMATCH && writers_of(v, op->expect, &node) == 1 &&
		    v->f[node] < op->call && op->ret < v->s[node])
			return true;
	}
	return false;
}

/* ---- chains ---- */

/* Puts one more operation behind those before it, the latest of which was called
 * at `called`. */
static bool join(struct chain *c, const struct reg_op *op, int64_t called)
{
	c->f = earlier(c->f, reg_ret(op));
	c->s = later(c->s, op->call);
	return reg_ret(op) >= called;
}

/* Follows a chain from its root: are its own operations in order? Counts the
 * compare-and-sets. */
static bool follow(const struct values *v, struct chain *c, size_t *cas)
{
	int node = c->root, r;
	bool fits = true;

	c->f = node ? INT64_MAX : INT64_MIN;
	c->s = INT64_MIN;
	for (;;) {
		int64_t called;

		if (node)
			fits = join(c, &v->ops[node - 1], c->s);
		called = c->s;
		for (r = v->reads[node]; r != NONE && fits; r = v->nread[r])
			fits = join(c, &v->ops[r], called);
		if (v->taken_on[node] == NONE || !fits)
			return fits;
		node = v->taken_on[node] + 1;
		++*cas;
	}
}

static enum reg_answer find_chains(struct values *v)
{
	size_t i, cas = 0, met = 0;

	for (i = 0; i <= v->n; i++) {
		const struct reg_op *op = i ? &v->ops[i - 1] : NULL;

		if (op && !v->happened[i - 1])
			continue;
		if (op && op->f == REG_CAS) {
			cas++;
			continue;
		}
		v->chains[v->nchains].root = (int)i;
		if (!follow(v, &v->chains[v->nchains++], &met))
			return REG_NO;
	}
	return met == cas ? REG_YES : REG_NO; /* else some follow each other in a ring */
}

static bool instant(const struct chain *c)
{
	return c->s <= c->f;
}

static int by_begin(const void *a, const void *b)
{
	const struct chain *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (instant(x) != instant(y))
		return instant(x) ? -1 : 1;
	return (x->root > y->root) - (x->root < y->root);
}

static int by_end(const void *a, const void *b)
{
	const struct chain *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (instant(x) != instant(y))
		return instant(x) ? 1 : -1;
	return (x->root > y->root) - (x->root < y->root);
}

/* By min(f, s), or by max(f, s), which will do as well, by the same proof turned
 * round. The initial value's chain stays the first. */
static bool in_order(struct values *v, bool begin)
{
	int64_t called = v->chains[0].s;
	size_t i;

	for (i = 1; i < v->nchains; i++) {
		struct chain *c = &v->chains[i];

		c->key = begin ? earlier(c->f, c->s) : later(c->f, c->s);
	}
	qsort(v->chains + 1, v->nchains - 1, sizeof(*v->chains), begin ? by_begin : by_end);
	for (i = 1; i < v->nchains; i++) {
		if (v->chains[i].f < called)
			return false;
		called = later(called, v->chains[i].s);
	}
	return true;
}

static bool mismatches_fit(const struct values *v, struct reg_budget *budget)
{
	int *seq = mem_alloc((v->n + 1) * sizeof(*seq));
	size_t n = 0, i;
	bool fit;

	for (i = 0; i < v->nchains; i++) {
		int node = v->chains[i].root, r;

		for (;; node = v->taken_on[node] + 1) {
			if (node)
				seq[n++] = node - 1;
			for (r = v->reads[node]; r != NONE; r = v->nread[r])
				seq[n++] = r;
			if (v->taken_on[node] == NONE)
				break;
		}
	}
	fit = reg_mismatches_fit(v->ops, v->n, v->initial, seq, n, budget);
	free(seq);
	return fit;
}

/* ---- all together ---- */

static bool values_begin(struct values *v, const struct reg_op *ops, size_t n, int64_t initial)
{
	size_t i;
	bool mismatches = false;

	*v = (struct values){ .ops = ops, .n = n, .initial = initial };
	v->writers = mem_alloc((n + 1) * sizeof(*v->writers));
	v->happened = mem_alloc((n + 1) * sizeof(*v->happened));
	v->taken_on = mem_alloc((n + 1) * sizeof(*v->taken_on));
	v->reads = mem_alloc((n + 1) * sizeof(*v->reads));
	v->nread = mem_alloc((n + 1) * sizeof(*v->nread));
	v->f = mem_alloc((n + 1) * sizeof(*v->f));
	v->s = mem_alloc((n + 1) * sizeof(*v->s));
	v->todo = mem_alloc((n + 1) * sizeof(*v->todo));
	v->chains = mem_alloc((n + 1) * sizeof(*v->chains));
	v->reads[0] = v->taken_on[0] = NONE;
	v->f[0] = v->s[0] = INT64_MIN;
	for (i = 0; i < n; i++) {
		bool writes = ops[i].f == REG_WRITE || ops[i].f == REG_CAS;

		v->reads[i + 1] = v->taken_on[i + 1] = NONE;
		v->f[i + 1] = reg_ret(&ops[i]);
		v->s[i + 1] = ops[i].call;
		v->happened[i] = writes && !ops[i].maybe;
		mismatches = mismatches || ops[i].f == REG_MISMATCH;
		if (writes)
			v->writers[v->nwriters++] = (struct writer){ ops[i].value, (int)i };
	}
	if (v->nwriters)
		qsort(v->writers, v->nwriters, sizeof(*v->writers), by_value);
	return mismatches;
}

static void values_end(struct values *v)
{
	free(v->writers);
	free(v->happened);
	free(v->taken_on);
	free(v->reads);
	free(v->nread);
	free(v->f);
	free(v->s);
	free(v->todo);
	free(v->chains);
}

enum reg_answer reg_by_values(const struct reg_op *ops, size_t n, int64_t initial,
			      struct reg_budget *budget)
{
	struct values v;
	enum reg_answer a;
	bool mismatches;

	if (n >= INT32_MAX || !reg_spend(budget, (int64_t)n * STEPS_AN_OP))
		return REG_UNDECIDED;
	mismatches = values_begin(&v, ops, n, initial);
	a = who_saw_what(&v);
	if (a == REG_YES)
		a = find_chains(&v);
	if (a == REG_YES && !in_order(&v, true))
		a = REG_NO;
	if (a == REG_YES && mismatches) {
		if (found_what_it_did_not(&v))
			a = REG_NO;
		else if (!mismatches_fit(&v, budget) &&
			 !(in_order(&v, false) && mismatches_fit(&v, budget)))
			a = REG_UNDECIDED;
	}
	values_end(&v);
	return a;
}
