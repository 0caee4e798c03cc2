#include "check/register.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Wing and Gong's search ("Testing and Verifying Concurrent Objects", 1993)
 * with Lowe's memory of configurations ("Testing for Linearizability",
 * 2017), as porcupine and Knossos have it: walk the calls and returns in
 * order of time; place a call whose effect the current value allows, take it
 * and its return out, start over; at the return of an operation that was not
 * placed, take the last placement back. A configuration (set of operations
 * placed, value) that was reached before is not entered again.
 *
 * Operations of unknown fate have no return, so nothing ever forces them;
 * the history is linearizable once all others are placed. An outage leaves
 * dozens of them, and trying each anywhere would take for ever. But they can
 * always be put off: if there is an order at all, there is one in which each
 * of them stands, alone or in a chain of its like, right before a sure
 * operation that could not have happened without it. (Else leave it out, or
 * move it on to where it is first needed.) So it is placed only when it, or
 * a chain that starts with it, would let one of the operations happen that
 * are under way now. */

struct entry {
	struct entry *prev, *next, *match; /* match: a call's return; NULL: none */
	int64_t t;
	size_t op;
	bool is_call;
};

struct config { /* in the arena, followed by its bytes */
	uint64_t hash;
	uint32_t len;
	unsigned char bytes[];
};

struct memory {
	struct config **slots;
	size_t n, size; /* size: a power of two */
	size_t bytes;
	struct arena arena;
};

struct placed {
	struct entry *call;
	int64_t value; /* before */
};

struct search {
	const struct reg_op *ops;
	size_t n;
	struct entry *entries, head;
	uint64_t *done;     /* a bit an operation */
	size_t first, beyond; /* all before `first` are done; none from `beyond` on was ever */
	size_t *rank;       /* position among those of its kind: known fates, or maybes */
	uint64_t *maybe;    /* the same bits, for maybes alone */
	size_t nmaybe, nsure;
	struct memory mem;
	unsigned char *key;
	struct placed *stack;
	size_t depth;
	int64_t *reach;     /* room for useful() */
};

static uint64_t hash_of(const unsigned char *p, size_t n)
{
	uint64_t h = UINT64_C(1469598103934665603); /* FNV-1a */
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(1099511628211);
	return h ^ (h >> 29);
}

static void grow(struct memory *m)
{
	size_t size = m->size ? m->size * 2 : 1024, i;
	struct config **slots = mem_alloc(size * sizeof(*slots));

	for (i = 0; i < m->size; i++) {
		size_t at;

		if (!m->slots[i])
			continue;
		at = m->slots[i]->hash & (size - 1);
		while (slots[at])
			at = (at + 1) & (size - 1);
		slots[at] = m->slots[i];
	}
	free(m->slots);
	m->bytes += (size - m->size) * sizeof(*slots);
	m->slots = slots;
	m->size = size;
}

/* Returns false when it was known already. */
static bool remember(struct memory *m, const unsigned char *key, size_t len)
{
	uint64_t h = hash_of(key, len);
	struct config *c;
	size_t at;

	if (m->n * 2 >= m->size)
		grow(m);
	for (at = h & (m->size - 1); m->slots[at]; at = (at + 1) & (m->size - 1))
		if (m->slots[at]->hash == h && m->slots[at]->len == len &&
		    !memcmp(m->slots[at]->bytes, key, len))
			return false;
	c = arena_alloc(&m->arena, sizeof(*c) + len);
	c->hash = h;
	c->len = (uint32_t)len;
	memcpy(c->bytes, key, len);
	m->slots[at] = c;
	m->n++;
	m->bytes += sizeof(*c) + len + 16;
	return true;
}

static bool bit(const uint64_t *set, size_t i)
{
	return set[i / 64] >> (i % 64) & 1;
}

static void flip(uint64_t *set, size_t i)
{
	set[i / 64] ^= UINT64_C(1) << (i % 64);
}

/* The configuration in few bytes: value, number of the first operation of
 * known fate that is not placed, the words around and after it up to the
 * last one placed, and the maybes. */
static size_t encode(struct search *s, int64_t value)
{
	unsigned char *p = s->key;
	size_t from, to, words;

	while (s->first < s->nsure && bit(s->done, s->first))
		s->first++;
	from = s->first / 64;
	to = s->beyond / 64 + 1;
	memcpy(p, &value, sizeof(value));
	p += sizeof(value);
	memcpy(p, &from, sizeof(from));
	p += sizeof(from);
	while (to > from && !s->done[to - 1])
		to--;
	words = to - from;
	memcpy(p, &words, sizeof(words));
	p += sizeof(words);
	memcpy(p, s->done + from, words * 8);
	p += words * 8;
	words = s->nmaybe ? (s->nmaybe - 1) / 64 + 1 : 0;
	memcpy(p, s->maybe, words * 8);
	p += words * 8;
	return (size_t)(p - s->key);
}

/* The value after op, or false when it cannot happen now. */
static bool allowed(const struct reg_op *op, int64_t value, int64_t *after)
{
	*after = value;
	switch (op->f) {
	case REG_READ:
		return op->value == value;
	case REG_WRITE:
		*after = op->value;
		return true;
	case REG_CAS:
		*after = op->value;
		return op->expect == value;
	case REG_MISMATCH:
		return op->expect != value;
	}
	return false;
}

static void lift(struct entry *call)
{
	call->prev->next = call->next;
	if (call->next)
		call->next->prev = call->prev;
	if (call->match) {
		call->match->prev->next = call->match->next;
		if (call->match->next)
			call->match->next->prev = call->match->prev;
	}
}

static void unlift(struct entry *call)
{
	if (call->match) {
		call->match->prev->next = call->match;
		if (call->match->next)
			call->match->next->prev = call->match;
	}
	call->prev->next = call;
	if (call->next)
		call->next->prev = call;
}

static void mark(struct search *s, size_t op)
{
	if (s->ops[op].maybe) {
		flip(s->maybe, s->rank[op]);
		return;
	}
	flip(s->done, s->rank[op]);
	if (bit(s->done, s->rank[op])) {
		if (s->rank[op] > s->beyond)
			s->beyond = s->rank[op];
	} else if (s->rank[op] < s->first) {
		s->first = s->rank[op];
	}
}

static bool among(const int64_t *v, size_t n, int64_t x)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (v[i] == x)
			return true;
	return false;
}

/* Would the value `after` let some operation under way happen that the value
 * `now` does not, by itself or through further compare-and-sets of unknown
 * fate? */
static bool useful(struct search *s, int64_t now, int64_t after)
{
	const struct entry *e, *end;
	size_t n = 0, i;
	int64_t x;

	for (end = s->head.next; end && end->is_call; end = end->next)
		;
	s->reach[n++] = after;
	for (i = 0; i < n; i++) {
		for (e = s->head.next; e != end; e = e->next) {
			const struct reg_op *op = &s->ops[e->op];

			if (op->maybe) {
				if (op->f == REG_CAS && op->expect == s->reach[i] &&
				    !among(s->reach, n, op->value))
					s->reach[n++] = op->value;
			} else if (allowed(op, s->reach[i], &x) && !allowed(op, now, &x)) {
				return true;
			}
		}
	}
	return false;
}

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

static void search_begin(struct search *s, const struct reg_op *ops, size_t n)
{
	struct entry **order = mem_alloc((2 * n + 1) * sizeof(*order)), *e, *last;
	size_t i, m = 0;

	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->n = n;
	s->entries = mem_alloc((2 * n + 1) * sizeof(*s->entries));
	s->rank = mem_alloc((n + 1) * sizeof(*s->rank));
	for (i = 0; i < n; i++) {
		e = &s->entries[m];
		order[m++] = e;
		*e = (struct entry){ .t = ops[i].call, .op = i, .is_call = true };
		if (ops[i].maybe) {
			s->rank[i] = s->nmaybe++;
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
	free(order);
	s->done = mem_alloc((s->nsure / 64 + 2) * 8);
	s->maybe = mem_alloc((s->nmaybe / 64 + 2) * 8);
	s->key = mem_alloc(24 + (s->nsure / 64 + 2) * 8 + (s->nmaybe / 64 + 2) * 8);
	s->stack = mem_alloc((n + 1) * sizeof(*s->stack));
	s->reach = mem_alloc((n + 1) * sizeof(*s->reach));
}

static void search_end(struct search *s)
{
	free(s->entries);
	free(s->rank);
	free(s->done);
	free(s->maybe);
	free(s->key);
	free(s->stack);
	free(s->reach);
	free(s->mem.slots);
	arena_free(&s->mem.arena);
}

static enum reg_answer search_run(struct search *s, int64_t value, struct reg_budget *budget)
{
	struct entry *e = s->head.next;
	size_t left = s->nsure;
	int64_t after;

	while (left) {
		if (e && e->is_call) {
			if (budget->steps-- <= 0 || s->mem.bytes > budget->memory_bytes)
				return REG_UNDECIDED;
			if (allowed(&s->ops[e->op], value, &after) &&
			    (!s->ops[e->op].maybe || useful(s, value, after))) {
				mark(s, e->op);
				if (remember(&s->mem, s->key, encode(s, after))) {
					s->stack[s->depth++] = (struct placed){ e, value };
					left -= !s->ops[e->op].maybe;
					value = after;
					lift(e);
					e = s->head.next;
					continue;
				}
				mark(s, e->op);
			}
			e = e->next;
			continue;
		}
		if (!s->depth)
			return REG_NO;
		s->depth--;
		e = s->stack[s->depth].call;
		value = s->stack[s->depth].value;
		left += !s->ops[e->op].maybe;
		mark(s, e->op);
		unlift(e);
		e = e->next;
	}
	return REG_YES;
}

enum reg_answer reg_linearizable(const struct reg_op *ops, size_t n, int64_t initial,
				 struct reg_budget *budget)
{
	enum reg_answer a;
	struct search s;

	search_begin(&s, ops, n);
	a = search_run(&s, initial, budget);
	search_end(&s);
	return a;
}

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
		if (a == REG_UNDECIDED) {
			lo = hi;
			break;
		}
	}
	if (hi < m)
		t = rets[hi];
	free(rets);
	return t;
}

size_t reg_shrink(struct reg_op *ops, size_t n, int64_t initial, struct reg_budget *budget,
		  size_t *last)
{
	struct reg_op *room = mem_alloc((n + 1) * sizeof(*room));
	int64_t t = first_bad_return(ops, n, initial, budget, room);
	size_t m, i;

	m = prefix(ops, n, t, room);
	memcpy(ops, room, m * sizeof(*ops));
	/* Only reads may go: without a write, a read of its value would look
	 * wrong that was right. */
	for (i = m; i-- > 0;) {
		struct reg_op gone = ops[i];

		if ((gone.f != REG_READ && gone.f != REG_MISMATCH) || gone.ret == t)
			continue;
		memmove(&ops[i], &ops[i + 1], (m - i - 1) * sizeof(*ops));
		if (reg_linearizable(ops, m - 1, initial, budget) == REG_NO) {
			m--;
			continue;
		}
		memmove(&ops[i + 1], &ops[i], (m - i - 1) * sizeof(*ops));
		ops[i] = gone;
		if (budget->steps <= 0)
			break;
	}
	*last = 0;
	for (i = 0; i < m; i++)
		if (!ops[i].maybe && (ops[*last].maybe || ops[i].ret >= ops[*last].ret))
			*last = i;
	free(room);
	return m;
}
