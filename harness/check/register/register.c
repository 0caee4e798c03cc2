#include "check/register/register.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "check/register/parts.h"

enum { STEPS_AN_OP = 32 };

/* ---- writes of unknown fate that nobody saw ---- */

struct written {
	int64_t value;
	size_t op;
};

static int by_value(const void *a, const void *b)
{
	const struct written *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return (x->op > y->op) - (x->op < y->op);
}

static size_t find(const struct written *v, size_t n, int64_t value)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v[mid].value < value)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct pruning {
	const struct reg_op *ops;
	size_t n;
	struct written *maybes; /* by value */
	size_t nmaybes;
	bool *seen;             /* by operation: of unknown fate, and somebody may have seen it */
	int64_t *todo;          /* values that may have been seen */
	size_t ntodo;
	struct written *named;  /* the values that mismatches expected */
	size_t nnamed;
};

static void sort(struct written *v, size_t n)
{
	if (n)
		qsort(v, n, sizeof(*v), by_value);
}

static void begin(struct pruning *p)
{
	size_t i;

	p->maybes = mem_alloc((p->n + 1) * sizeof(*p->maybes));
	p->named = mem_alloc((p->n + 1) * sizeof(*p->named));
	p->seen = mem_alloc(p->n + 1);
	p->todo = mem_alloc((2 * p->n + 1) * sizeof(*p->todo));
	for (i = 0; i < p->n; i++) {
		const struct reg_op *op = &p->ops[i];

		if (op->maybe)
			p->maybes[p->nmaybes++] = (struct written){ op->value, i };
		else if (op->f == REG_MISMATCH)
			p->named[p->nnamed++] = (struct written){ op->expect, i };
		else if (op->f != REG_WRITE)
			p->todo[p->ntodo++] = op->f == REG_READ ? op->value : op->expect;
	}
	sort(p->maybes, p->nmaybes);
	sort(p->named, p->nnamed);
}

static void end(struct pruning *p)
{
	free(p->maybes);
	free(p->named);
	free(p->seen);
	free(p->todo);
}

/* A compare-and-set of unknown fate sees what it expects; but where its own value
 * went unseen and no mismatch can have found it, it need not have happened. */
static void follow(struct pruning *p)
{
	size_t i;

	for (i = 0; p->nnamed && i < p->nmaybes; i++)
		if (p->ops[p->maybes[i].op].f == REG_CAS)
			p->todo[p->ntodo++] = p->ops[p->maybes[i].op].expect;
	while (p->ntodo) {
		int64_t value = p->todo[--p->ntodo];

		for (i = find(p->maybes, p->nmaybes, value);
		     i < p->nmaybes && p->maybes[i].value == value; i++) {
			size_t op = p->maybes[i].op;

			if (p->seen[op])
				break; /* this value has been here */
			p->seen[op] = true;
			if (!p->nnamed && p->ops[op].f == REG_CAS)
				p->todo[p->ntodo++] = p->ops[op].expect;
		}
	}
}

/* A value that nobody else has. */
static int64_t fresh(const struct reg_op *ops, size_t n, int64_t initial)
{
	struct written *all = mem_alloc((2 * n + 1) * sizeof(*all));
	size_t m = 0, i;
	int64_t v = 0;

	for (i = 0; i < n; i++) {
		all[m++].value = ops[i].value;
		all[m++].value = ops[i].expect;
	}
	all[m++].value = initial;
	sort(all, m);
	while ((i = find(all, m, v)) < m && all[i].value == v)
		v++;
	free(all);
	return v;
}

/* What can matter to a search. A write of unknown fate whose value nobody saw can
 * be left out of any order that explains the history, unless a mismatch needs it:
 * to that, all are alike whose values nobody names. Returns how many are in `out`. */
static size_t prune(const struct reg_op *ops, size_t n, int64_t initial, struct reg_op *out)
{
	struct pruning p = { .ops = ops, .n = n };
	int64_t other = fresh(ops, n, initial);
	size_t m = 0, i, at;

	begin(&p);
	follow(&p);
	for (i = 0; i < n; i++) {
		if (ops[i].maybe && !p.seen[i] && !p.nnamed)
			continue;
		out[m] = ops[i];
		at = find(p.named, p.nnamed, ops[i].value);
		if (ops[i].maybe && !p.seen[i] &&
		    (at == p.nnamed || p.named[at].value != ops[i].value))
			out[m].value = other;
		m++;
	}
	end(&p);
	return m;
}

enum reg_answer reg_linearizable(const struct reg_op *ops, size_t n, int64_t initial,
				 struct reg_budget *budget)
{
	enum reg_answer a = reg_by_values(ops, n, initial, budget);
	struct reg_op *few;

	if (a != REG_UNDECIDED || !reg_spend(budget, (int64_t)n * STEPS_AN_OP))
		return a;
	few = mem_alloc((n + 1) * sizeof(*few));
	n = prune(ops, n, initial, few);
	a = reg_by_search(few, n, initial, budget);
	free(few);
	return a;
}

/* ---- shrinking ---- */

/* What was known by time t: operations called by then; those that had not
 * returned are of unknown fate, and reads among them say nothing. */
static size_t prefix(const struct reg_op *ops, size_t n, int64_t t, struct reg_op *out)
{
	size_t i, m = 0;

	for (i = 0; i < n && ops[i].call <= t; i++) {
		out[m] = ops[i];
		if (!ops[i].maybe && ops[i].ret > t) {
			if (ops[i].f == REG_READ || ops[i].f == REG_MISMATCH)
				continue;
			out[m].maybe = true;
		}
		m++;
	}
	return m;
}

static int by_ret(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Beginnings of a linearizable history are linearizable, so the first return
 * that breaks it can be found by halving. */
static int64_t first_bad_return(const struct reg_op *ops, size_t n, int64_t initial,
				struct reg_budget *budget, struct reg_op *room)
{
	int64_t *rets = mem_alloc((n + 1) * sizeof(*rets)), t = INT64_MAX;
	size_t m = 0, lo = 0, hi, i;

	for (i = 0; i < n; i++)
		if (!ops[i].maybe)
			rets[m++] = ops[i].ret;
	if (m)
		qsort(rets, m, sizeof(*rets), by_ret);
	hi = m;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2, k = prefix(ops, n, rets[mid], room);
		enum reg_answer a = reg_linearizable(room, k, initial, budget);

		if (a == REG_NO)
			hi = mid;
		else
			lo = mid + 1;
		if (a == REG_UNDECIDED)
			break;
	}
	if (hi < m)
		t = rets[hi];
	free(rets);
	return t;
}

/* Which may be left out. Without a write, a read of its value would look wrong
 * that was right, so only reads may go at first; then writes whose value nobody
 * names any more, unless there are mismatches, which may owe them that they found
 * another value. What broke it, at time t, stays. */
static void may_go(const struct reg_op *ops, size_t n, int64_t t, bool writes, bool *may)
{
	struct written *named = mem_alloc((n + 1) * sizeof(*named));
	size_t nnamed = 0, i, at;

	for (i = 0; i < n; i++) {
		if (ops[i].f == REG_READ)
			named[nnamed++].value = ops[i].value;
		else if (ops[i].f != REG_WRITE)
			named[nnamed++].value = ops[i].expect;
		writes = writes && ops[i].f != REG_MISMATCH;
	}
	sort(named, nnamed);
	for (i = 0; i < n; i++) {
		at = find(named, nnamed, ops[i].value);
		if (ops[i].f == REG_WRITE)
			may[i] = writes && (at == nnamed || named[at].value != ops[i].value);
		else
			may[i] = !writes && ops[i].f != REG_CAS;
		may[i] = may[i] && (ops[i].maybe || ops[i].ret != t);
	}
	free(named);
}

/* ops[0..m) less the `size` that may go, from index `upto` downwards, into room;
 * *from: the index where it stopped. Returns the length. */
static size_t without(const struct reg_op *ops, const bool *may, size_t m, size_t upto, size_t size,
		      struct reg_op *room, size_t *from)
{
	size_t i = upto, k = 0;

	while (i > 0 && size)
		size -= may[--i];
	*from = i;
	for (i = 0; i < m; i++)
		if (i < *from || i >= upto || !may[i])
			room[k++] = ops[i];
	return k;
}

/* Leaves out as many at once as it can, from the end: where it is linearizable
 * without them, half as many are tried. */
static size_t fewer(struct reg_op *ops, size_t m, int64_t initial, struct reg_budget *budget,
		    bool *may, struct reg_op *room)
{
	size_t upto = m, size = m, from, k;

	while (upto > 0 && !budget->ended_by) {
		k = without(ops, may, m, upto, size, room, &from);
		if (k < m && reg_linearizable(room, k, initial, budget) != REG_NO) {
			if (size == 1)
				upto = from;
			else
				size /= 2;
			continue;
		}
		memcpy(ops, room, k * sizeof(*ops));
		m = k;
		upto = from;
		size = size < m ? size * 2 : size;
	}
	return m;
}

size_t reg_shrink(struct reg_op *ops, size_t n, int64_t initial, struct reg_budget *budget,
		  size_t *last)
{
	struct reg_op *room = mem_alloc((n + 1) * sizeof(*room));
	bool *may = mem_alloc(n + 1);
	int64_t t = first_bad_return(ops, n, initial, budget, room);
	size_t m, i;

	m = prefix(ops, n, t, room);
	memcpy(ops, room, m * sizeof(*ops));
	may_go(ops, m, t, false, may);
	m = fewer(ops, m, initial, budget, may, room);
	may_go(ops, m, t, true, may);
	m = fewer(ops, m, initial, budget, may, room);
	*last = 0;
	for (i = 0; i < m; i++)
		if (!ops[i].maybe && (ops[*last].maybe || ops[i].ret >= ops[*last].ret))
			*last = i;
	free(may);
	free(room);
	return m;
}
