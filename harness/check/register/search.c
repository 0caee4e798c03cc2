#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "check/register/parts.h"

/* Wing and Gong's search ("Testing and Verifying Concurrent Objects", 1993)
 * with Lowe's memory of configurations ("Testing for Linearizability",
 * 2017), as porcupine and Knossos have it: walk the calls and returns in
 * order of time; place a call whose effect the current value allows, take it
 * and its return out, start over; at the return of an operation that was not
 * placed, take the last placement back. A configuration (set of operations
 * placed, value) that was reached before is not entered again.
 *
 * What changes nothing is placed as soon as the value allows it: whatever comes
 * after could have come after it as well. So only writes are ever tried.
 *
 * Operations of unknown fate have no return, so nothing ever forces them;
 * the history is linearizable once all others are placed. An outage leaves
 * dozens of them, and trying each anywhere would take for ever. But they can
 * always be put off: if there is an order at all, there is one in which each
 * of them stands, alone or in a chain of its like, right before a sure
 * operation that could not have happened without it. (Else leave it out, or
 * move it on to where it is first needed.) So it is placed only when it, or
 * a chain that starts with it, would let one of the operations happen that
 * are under way now. Of those that do the same, the one called first stands for
 * all: only that is in the list, and the next when it is placed. And whoever got
 * as far with fewer of them can do whatever can be done with more. */

enum { STEPS_AN_OP = 64, STEPS_A_CONFIG = 64 };

struct entry {
	struct entry *prev, *next, *match; /* match: a call's return; NULL: none */
	int64_t t;
	size_t op;
	bool is_call;
};

struct placed {
	struct entry *call, *in; /* in: the next of its like, now in the list; or NULL */
	int64_t value;           /* before */
	bool passive;
};

struct search {
	const struct reg_op *ops;
	struct reg_budget *budget;
	struct entry *entries, head;
	uint64_t *done;     /* a bit an operation of known fate */
	size_t first, beyond; /* all before `first` are done; none from `beyond` on was ever */
	size_t *rank;       /* position among those of its kind: known fates, or maybes */
	struct entry **alike; /* by maybe: the entry of the next that does the same, or NULL */
	uint64_t *maybe;    /* the same bits, for maybes alone */
	size_t nmaybe, nsure, left;
	struct reg_seen seen;
	unsigned char *key;
	struct placed *stack;
	size_t depth;
	int64_t value, *reach; /* reach: room for useful() */
};

/* ---- configurations ---- */

static bool bit(const uint64_t *set, size_t i)
{
	return set[i / 64] >> (i % 64) & 1;
}

static void flip(uint64_t *set, size_t i)
{
	set[i / 64] ^= UINT64_C(1) << (i % 64);
}

/* The configuration in few bytes, without the maybes: value, number of the first
 * operation of known fate that is not placed, the words around and after it up
 * to the last one placed. */
static size_t encode(struct search *s)
{
	unsigned char *p = s->key;
	size_t from, to, words;

	while (s->first < s->nsure && bit(s->done, s->first))
		s->first++;
	from = s->first / 64;
	to = s->beyond / 64 + 1;
	while (to > from && !s->done[to - 1])
		to--;
	words = to - from;
	memcpy(p, &s->value, 8);
	memcpy(p + 8, &from, 8);
	memcpy(p + 16, s->done + from, words * 8);
	reg_spend(s->budget, (int64_t)words * 4);
	return 16 + words * 8;
}

/* False when it was reached before, by as many maybes or fewer. */
static bool is_new(struct search *s)
{
	size_t len = encode(s);
	int64_t looked = 0;
	bool new = reg_seen_add(&s->seen, s->key, len, s->maybe, &looked);

	reg_spend(s->budget, STEPS_A_CONFIG + looked);
	if (s->seen.bytes > s->budget->memory_bytes && !s->budget->ended_by)
		s->budget->ended_by = REG_END_MEMORY;
	return new;
}

/* ---- the list ---- */

static void unlink_entry(struct entry *e)
{
	e->prev->next = e->next;
	if (e->next)
		e->next->prev = e->prev;
}

static void relink_entry(struct entry *e)
{
	e->prev->next = e;
	if (e->next)
		e->next->prev = e;
}

static void mark(struct search *s, size_t op)
{
	if (s->ops[op].maybe) {
		flip(s->maybe, s->rank[op]);
		return;
	}
	flip(s->done, s->rank[op]);
	if (bit(s->done, s->rank[op])) {
		s->left--;
		if (s->rank[op] > s->beyond)
			s->beyond = s->rank[op];
	} else {
		s->left++;
		if (s->rank[op] < s->first)
			s->first = s->rank[op];
	}
}

/* The next that does the same as e, which was just taken out, takes its place by
 * time. */
static struct entry *let_in(struct search *s, struct entry *e)
{
	struct entry *in = s->alike[e->op], *at = e->prev;
	int64_t looked = 1;

	if (!in)
		return NULL;
	for (; at->next && (at->next->t < in->t || (at->next->t == in->t && at->next->is_call));
	     looked++)
		at = at->next;
	in->prev = at;
	in->next = at->next;
	relink_entry(in);
	reg_spend(s->budget, looked);
	return in;
}

static void put(struct search *s, struct entry *e, int64_t after, bool passive)
{
	struct placed *p = &s->stack[s->depth++];

	*p = (struct placed){ e, NULL, s->value, passive };
	mark(s, e->op);
	unlink_entry(e);
	if (e->match)
		unlink_entry(e->match);
	else
		p->in = let_in(s, e);
	s->value = after;
}

/* Takes the last placement back; NULL: there is none. */
static struct placed *take_back(struct search *s)
{
	struct placed *p;

	if (!s->depth)
		return NULL;
	p = &s->stack[--s->depth];
	if (p->in)
		unlink_entry(p->in);
	if (p->call->match)
		relink_entry(p->call->match);
	relink_entry(p->call);
	mark(s, p->call->op);
	s->value = p->value;
	return p;
}

/* ---- the search ---- */

static bool passive(const struct reg_op *op)
{
	return op->f == REG_READ || op->f == REG_MISMATCH;
}

static bool among(const int64_t *v, size_t n, int64_t x)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (v[i] == x)
			return true;
	return false;
}

/* Would the value `after` let some operation under way happen that the present
 * one does not, by itself or through further compare-and-sets of unknown fate? */
static bool useful(struct search *s, int64_t after)
{
	const struct entry *e;
	int64_t looked = 0, x;
	size_t n = 0, i;
	bool use = false;

	s->reach[n++] = after;
	for (i = 0; i < n && !use; i++) {
		for (e = s->head.next; e && e->is_call && !use; e = e->next) {
			const struct reg_op *op = &s->ops[e->op];

			looked++;
			if (!op->maybe) {
				use = reg_allowed(op, s->reach[i], &x) &&
				      !reg_allowed(op, s->value, &x);
			} else if (op->f == REG_CAS && op->expect == s->reach[i]) {
				looked += (int64_t)n;
				if (!among(s->reach, n, op->value))
					s->reach[n++] = op->value;
			}
		}
	}
	reg_spend(s->budget, looked);
	return use;
}

/* Places whatever is under way, changes nothing and finds what it needs. */
static void settle(struct search *s)
{
	struct entry *e, *before;
	int64_t looked = 0, x;

	for (e = s->head.next; e && e->is_call; e = e->next, looked++) {
		if (!passive(&s->ops[e->op]) || !reg_allowed(&s->ops[e->op], s->value, &x))
			continue;
		before = e->prev;
		put(s, e, s->value, true);
		e = before;
	}
	reg_spend(s->budget, looked);
}

/* The next write, from e on, that may be placed; NULL: none. */
static struct entry *candidate(struct search *s, struct entry *e, int64_t *after)
{
	int64_t looked = 0;

	for (; e && e->is_call; e = e->next) {
		const struct reg_op *op = &s->ops[e->op];

		looked++;
		if (!passive(op) && reg_allowed(op, s->value, after) &&
		    (!op->maybe || useful(s, *after)))
			break;
	}
	reg_spend(s->budget, looked);
	return e && e->is_call ? e : NULL;
}

static enum reg_answer search_run(struct search *s)
{
	struct entry *from;
	struct placed *p;
	int64_t after = 0;

	settle(s);
	from = s->head.next;
	while (s->left) {
		struct entry *e = candidate(s, from, &after);

		if (s->budget->ended_by)
			return REG_UNDECIDED;
		if (e) {
			put(s, e, after, false);
			settle(s);
			from = s->head.next;
			if (!s->left || is_new(s))
				continue;
		}
		while ((p = take_back(s)) && p->passive)
			reg_spend(s->budget, 1);
		if (!p)
			return REG_NO;
		from = p->call->next;
	}
	return REG_YES;
}

/* ---- begin and end ---- */

/* At the same instant a call comes before a return: such two overlap, and
 * nothing is claimed that the clock did not show. */
static int by_time(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

	if (x->t != y->t)
		return x->t < y->t ? -1 : 1;
	if (x->is_call != y->is_call)
		return x->is_call ? -1 : 1;
	return (x->op > y->op) - (x->op < y->op);
}

/* Those of unknown fate that do the same one after the other, by call. */
struct deed {
	const struct reg_op *op;
	struct entry *e;
};

static int by_deed(const void *a, const void *b)
{
	const struct reg_op *x = ((const struct deed *)a)->op, *y = ((const struct deed *)b)->op;

	if (x->f != y->f)
		return x->f < y->f ? -1 : 1;
	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	if (x->f == REG_CAS && x->expect != y->expect)
		return x->expect < y->expect ? -1 : 1;
	return (x > y) - (x < y);
}

static bool same_deed(const struct reg_op *x, const struct reg_op *y)
{
	return x->f == y->f && x->value == y->value && (x->f != REG_CAS || x->expect == y->expect);
}

/* Ranks the maybes so that those alike stand together, and takes all but the
 * first of them out of the list. */
static void line_up(struct search *s, struct deed *deeds)
{
	size_t i;

	if (s->nmaybe)
		qsort(deeds, s->nmaybe, sizeof(*deeds), by_deed);
	for (i = 0; i < s->nmaybe; i++) {
		s->rank[deeds[i].e->op] = i;
		if (!i || !same_deed(deeds[i - 1].op, deeds[i].op))
			continue;
		s->alike[deeds[i - 1].e->op] = deeds[i].e;
		unlink_entry(deeds[i].e);
	}
}

static void search_begin(struct search *s, const struct reg_op *ops, size_t n)
{
	struct entry **order = mem_alloc((2 * n + 1) * sizeof(*order)), *e, *last;
	struct deed *deeds = mem_alloc((n + 1) * sizeof(*deeds));
	size_t i, m = 0;

	s->entries = mem_alloc((2 * n + 1) * sizeof(*s->entries));
	s->rank = mem_alloc((n + 1) * sizeof(*s->rank));
	s->alike = mem_alloc((n + 1) * sizeof(*s->alike));
	for (i = 0; i < n; i++) {
		e = &s->entries[m];
		order[m++] = e;
		*e = (struct entry){ .t = ops[i].call, .op = i, .is_call = true };
		if (ops[i].maybe) {
			deeds[s->nmaybe++] = (struct deed){ &ops[i], e };
			continue;
		}
		s->rank[i] = s->nsure++;
		e->match = &s->entries[m];
		order[m++] = e->match;
		*e->match = (struct entry){ .t = ops[i].ret, .op = i };
	}
	if (m)
		qsort(order, m, sizeof(*order), by_time);
	for (last = &s->head, i = 0; i < m; i++) {
		order[i]->prev = last;
		last->next = order[i];
		last = order[i];
	}
	line_up(s, deeds);
	free(deeds);
	free(order);
	s->left = s->nsure;
	s->done = mem_alloc((s->nsure / 64 + 2) * 8);
	s->maybe = mem_alloc((s->nmaybe / 64 + 2) * 8);
	s->seen.words = s->nmaybe ? (s->nmaybe - 1) / 64 + 1 : 0;
	s->key = mem_alloc(16 + (s->nsure / 64 + 2) * 8);
	s->stack = mem_alloc((n + 1) * sizeof(*s->stack));
	s->reach = mem_alloc((n + 1) * sizeof(*s->reach));
}

static void search_end(struct search *s)
{
	free(s->entries);
	free(s->rank);
	free(s->alike);
	free(s->done);
	free(s->maybe);
	free(s->key);
	free(s->stack);
	free(s->reach);
	reg_seen_free(&s->seen);
}

enum reg_answer reg_by_search(const struct reg_op *ops, size_t n, int64_t initial,
			      struct reg_budget *budget)
{
	struct search s = { .ops = ops, .value = initial, .budget = budget };
	enum reg_answer a;

	if (!reg_spend(budget, (int64_t)n * STEPS_AN_OP))
		return REG_UNDECIDED;
	search_begin(&s, ops, n);
	a = search_run(&s);
	search_end(&s);
	return a;
}
