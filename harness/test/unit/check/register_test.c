#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "check/register/parts.h"

/* Is the history of one register linearizable: each way of answering against
 * brute force on small random histories; large ones of a true register, whole and
 * spoilt; and the budget. */

enum { NOTHING = -1, ALL = 0 };

static struct reg_budget plenty(void)
{
	return (struct reg_budget){ .steps = INT64_C(1) << 40, .memory_bytes = (size_t)1 << 30 };
}

/* ---- against brute force ---- */

/* Every order that keeps real time, with and without each doubtful one. */
static bool brute(const struct reg_op *ops, size_t n, unsigned done, int64_t value)
{
	bool all = true;
	size_t i, j;

	for (i = 0; i < n; i++)
		all = all && (ops[i].maybe || (done >> i & 1));
	if (all)
		return true;
	for (i = 0; i < n; i++) {
		const struct reg_op *op = &ops[i];
		bool may = !(done >> i & 1);
		int64_t after = value;

		/* Nobody who has returned before this one's call may be left. */
		for (j = 0; may && j < n; j++)
			if (j != i && !(done >> j & 1) && !ops[j].maybe && ops[j].ret < op->call)
				may = false;
		if (!may)
			continue;
		switch (op->f) {
		case REG_READ:
			may = op->value == value;
			break;
		case REG_WRITE:
			after = op->value;
			break;
		case REG_CAS:
			may = op->expect == value;
			after = op->value;
			break;
		case REG_MISMATCH:
			may = op->expect != value;
			break;
		}
		if (may && brute(ops, n, done | 1u << i, after))
			return true;
	}
	return false;
}

static int by_call(const void *a, const void *b)
{
	const struct reg_op *x = a, *y = b;

	return (x->call > y->call) - (x->call < y->call);
}

/* Values from few, so that several write the same, or each its own. */
static size_t random_history(struct rng *r, struct reg_op *ops, bool own, uint64_t kinds,
			     uint64_t span)
{
	size_t n = 1 + rng_below(r, 8), i;

	for (i = 0; i < n; i++) {
		struct reg_op *op = &ops[i];

		*op = (struct reg_op){ .f = (enum reg_f)rng_below(r, kinds),
				       .value = (int64_t)rng_below(r, own ? n + 1 : 3),
				       .expect = (int64_t)rng_below(r, own ? n + 1 : 3),
				       .call = (int64_t)rng_below(r, span) };
		op->ret = op->call + 1 + (int64_t)rng_below(r, 6);
		if (own && (op->f == REG_WRITE || op->f == REG_CAS))
			op->value = (int64_t)i + 1;
		op->maybe = (op->f == REG_WRITE || op->f == REG_CAS) && !rng_below(r, 3);
	}
	qsort(ops, n, sizeof(*ops), by_call);
	return n;
}

struct score {
	int yes, no, by_values;
};

static void put_to_brute_force(struct rng *r, bool own, uint64_t kinds, struct score *s)
{
	struct reg_op ops[8];
	size_t n = random_history(r, ops, own, kinds, 4 + rng_below(r, 16));
	int64_t initial = own ? 0 : (int64_t)rng_below(r, 3);
	bool truth = brute(ops, n, 0, initial);
	struct reg_budget b = plenty();
	enum reg_answer right = truth ? REG_YES : REG_NO, a;

	assert_int_equal(reg_linearizable(ops, n, initial, &b), right);
	assert_int_equal(reg_by_search(ops, n, initial, &b), right);
	a = reg_by_values(ops, n, initial, &b);
	if (a != REG_UNDECIDED)
		assert_int_equal(a, right);
	s->by_values += a != REG_UNDECIDED;
	s->yes += truth;
	s->no += !truth;
}

static void test_brute_force(void **state)
{
	struct score few = { 0 }, own = { 0 }, failed = { 0 };
	struct rng r = { 7 };
	int i;

	(void)state;
	for (i = 0; i < 60000; i++) {
		put_to_brute_force(&r, false, 4, &few);
		put_to_brute_force(&r, true, 3, &own);    /* without mismatches */
		put_to_brute_force(&r, true, 4, &failed); /* with them */
	}
	/* Both answers must have been put to the test, and both ways. */
	assert_true(few.yes > 10000 && few.no > 10000);
	assert_true(own.yes > 5000 && own.no > 10000 && own.by_values == 60000);
	assert_true(failed.yes > 5000 && failed.no > 10000 && failed.by_values > 57000);
}

static void test_same_instant(void **state)
{
	/* A call at the very instant of another's return overlaps it. */
	struct reg_op ops[] = {
		{ .f = REG_WRITE, .value = 1, .call = 0, .ret = 10 },
		{ .f = REG_READ, .value = 0, .call = 10, .ret = 20 },
	};
	struct reg_budget b = plenty();

	(void)state;
	assert_int_equal(reg_linearizable(ops, 2, 0, &b), REG_YES);
	ops[1].call = 11;
	assert_int_equal(reg_linearizable(ops, 2, 0, &b), REG_NO);
}

static void test_shrink(void **state)
{
	struct rng r = { 5 };
	int i;

	(void)state;
	for (i = 0; i < 4000; i++) {
		struct reg_op ops[8], small[8], rest[8];
		size_t n = random_history(&r, ops, i % 2, 4, 12), m, last, k;
		struct reg_budget b = plenty();

		if (brute(ops, n, 0, 0))
			continue;
		memcpy(small, ops, sizeof(ops));
		m = reg_shrink(small, n, 0, &b, &last);
		assert_true(m >= 1 && m <= n && last < m);
		assert_false(brute(small, m, 0, 0));
		assert_false(small[last].maybe);
		/* No read is left that it would do without. */
		for (k = 0; k < m; k++) {
			if ((small[k].f != REG_READ && small[k].f != REG_MISMATCH) ||
			    small[k].ret == small[last].ret)
				continue;
			memcpy(rest, small, k * sizeof(*rest));
			memcpy(rest + k, small + k + 1, (m - k - 1) * sizeof(*rest));
			assert_true(brute(rest, m - 1, 0, 0));
		}
	}
}

/* ---- a true register, and many clients ---- */

struct shape {
	size_t clients, n;
	int64_t values;   /* as many; ALL: each write its own */
	int cas, unknown; /* of a hundred: compare-and-sets; operations whose answer is lost */
	size_t before;    /* as many writes of unknown fate before everything */
};

struct client {
	int64_t at; /* its next event */
	enum { CALL, EFFECT, RETURN } next;
	size_t op;
};

static void call(struct rng *r, const struct shape *s, struct reg_op *op, size_t number,
		 int64_t known)
{
	int kind = (int)rng_below(r, 100);

	op->value = s->values ? (int64_t)rng_below(r, (uint64_t)s->values) : (int64_t)number;
	op->expect = NOTHING;
	op->f = kind < s->cas ? REG_CAS : kind < s->cas + (100 - s->cas) / 2 ? REG_WRITE : REG_READ;
	if (op->f == REG_CAS)
		op->expect = known;
}

static void effect(struct reg_op *op, int64_t *value)
{
	if (op->f == REG_READ)
		op->value = *value;
	else if (op->f == REG_WRITE || op->expect == *value)
		*value = op->value;
	else if (!op->maybe)
		op->f = REG_MISMATCH;
}

static struct client *soonest(struct client *c, size_t n)
{
	struct client *x = c;
	size_t k;

	for (k = 1; k < n; k++)
		if (c[k].at < x->at)
			x = &c[k];
	return x;
}

/* Every operation takes effect at one instant while it is under way, one whose
 * answer is lost perhaps never. Compare-and-sets expect what was read last. */
static size_t true_register(struct rng *r, const struct shape *s, struct reg_op *ops)
{
	struct client *c = mem_alloc(s->clients * sizeof(*c)), *x;
	int64_t value = NOTHING, known = NOTHING;
	size_t n = 0, m = 0, k;

	for (; n < s->before; n++)
		ops[n] = (struct reg_op){.f = REG_WRITE,
					 .maybe = true,
					 .call = (int64_t)n - (int64_t)s->before,
					 .value = s->values ? (int64_t)n % s->values :
							      1000000 + (int64_t)n};
	for (k = 0; k < s->clients; k++)
		c[k].at = (int64_t)rng_below(r, 100);
	while ((x = soonest(c, s->clients))->next != CALL || n < s->n + s->before) {
		struct reg_op *op = &ops[x->next == CALL ? n : x->op];

		if (x->next == CALL) {
			x->op = n++;
			call(r, s, op, n, known);
			op->call = x->at;
			op->maybe = (int)rng_below(r, 100) < s->unknown;
			op->ret = INT64_MAX; /* under way */
		} else if (x->next == EFFECT) {
			if (!op->maybe || rng_below(r, 2))
				effect(op, &value);
		} else {
			op->ret = x->at;
			known = op->f == REG_READ ? op->value : known;
		}
		x->at += 1 + (int64_t)rng_below(r, 100);
		x->next = x->next == RETURN ? CALL : x->next + 1;
	}
	free(c);
	/* A look whose answer is lost says nothing. */
	for (k = 0; k < n; k++) {
		ops[k].maybe = ops[k].maybe || ops[k].ret == INT64_MAX;
		if (!ops[k].maybe || ops[k].f == REG_WRITE || ops[k].f == REG_CAS)
			ops[m++] = ops[k];
	}
	return m;
}

/* A read in the last tenth sees what was read in the first. When it returned. */
static int64_t spoil(struct reg_op *ops, size_t n)
{
	size_t last = n, first = n, i;

	for (i = 0; i < n; i++) {
		if (ops[i].f != REG_READ || ops[i].value == NOTHING)
			continue;
		if (first == n)
			first = i;
		last = i;
	}
	assert_true(first < n / 2 + 10 && last > n - n / 10 && ops[last].value != ops[first].value);
	ops[last].value = ops[first].value;
	return ops[last].ret;
}

/* Steps that the answers may take, by operation: hundreds where each value was
 * written once, whatever is unknown. */
static const struct {
	struct shape s;
	int64_t steps;
	bool spoilt;
} cases[] = {
	{ { 8, 3000, ALL, 25, 2, 0 }, 300, true },
	{ { 16, 3000, ALL, 25, 2, 0 }, 300, true },
	{ { 64, 3000, ALL, 25, 2, 0 }, 300, true },
	{ { 16, 3000, ALL, 25, 10, 0 }, 300, true },
	{ { 16, 3000, ALL, 40, 50, 0 }, 300, true },
	{ { 8, 3000, ALL, 0, 0, 500 }, 300, true },
	{ { 16, 3000, ALL, 25, 2, 500 }, 300, true },
	{ { 16, 6000, ALL, 25, 2, 5000 }, 300, true },
	/* Written by several: a search. A stale value has most likely been written
	 * again, so nothing is spoilt. */
	{ { 8, 2000, 5, 25, 2, 0 }, 20000, false },
	{ { 16, 2000, 5, 25, 2, 0 }, 20000, false },
	{ { 16, 2000, 5, 25, 2, 500 }, 20000, false },
	{ { 32, 2000, 5, 25, 2, 0 }, 20000, false },
};

static void test_many_clients(void **state)
{
	struct rng r = { 11 };
	size_t i, n, last;

	(void)state;
	for (i = 0; i < 5 * ARRAY_LEN(cases); i++) {
		const struct shape *s = &cases[i / 5].s;
		int64_t all = cases[i / 5].steps * (int64_t)(s->n + s->before);
		struct reg_budget b = { .steps = all, .memory_bytes = (size_t)64 << 20 };
		struct reg_op *ops = mem_alloc((s->n + s->before) * sizeof(*ops));

		n = true_register(&r, s, ops);
		assert_int_equal(reg_linearizable(ops, n, NOTHING, &b), REG_YES);
		if (cases[i / 5].spoilt) {
			int64_t ret = spoil(ops, n);

			b.steps = all;
			assert_int_equal(reg_linearizable(ops, n, NOTHING, &b), REG_NO);
			/* And shrunk by halves: some dozens of answers. */
			b.steps = 60 * all;
			n = reg_shrink(ops, n, NOTHING, &b, &last);
			assert_false(b.ended_by);
			assert_int_equal(ops[last].ret, ret);
		}
		free(ops);
	}
}

/* ---- the budget ---- */

/* Thirty writes at once, each seen twice, of which no order explains the reads. */
static size_t hard(struct reg_op *ops)
{
	size_t i;

	for (i = 0; i < 30; i++)
		ops[i] = (struct reg_op){
			.f = REG_WRITE, .value = (int64_t)i / 2, .call = 0, .ret = 100};
	for (; i < 90; i++)
		ops[i] = (struct reg_op){.f = REG_READ,
					 .value = (int64_t)(i % 15),
					 .call = 200 + (int64_t)i * 10,
					 .ret = 205 + (int64_t)i * 10};
	return 90;
}

static void test_budget(void **state)
{
	struct reg_op ops[90];
	size_t n = hard(ops), last;
	struct reg_budget b = { .steps = 100000, .memory_bytes = (size_t)1 << 30 };

	(void)state;
	assert_int_equal(reg_linearizable(ops, n, NOTHING, &b), REG_UNDECIDED);
	assert_int_equal(b.ended_by, REG_END_STEPS);
	assert_true(b.steps > -10000);
	/* What has ended stays so: shrinking takes no more of it. */
	n = reg_shrink(ops, n, NOTHING, &b, &last);
	assert_true(b.steps > -10000);
	n = hard(ops);
	b = (struct reg_budget){ .steps = INT64_C(1) << 40, .memory_bytes = 1 << 20 };
	assert_int_equal(reg_linearizable(ops, n, NOTHING, &b), REG_UNDECIDED);
	assert_int_equal(b.ended_by, REG_END_MEMORY);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOWER = 20 };
#else
enum { SLOWER = 1 };
#endif

/* Steps are the same everywhere; that they bound the time is measured here, on
 * whatever this is. */
static void test_steps_are_time(void **state)
{
	static const struct shape shape = { 16, 2000, 300, 25, 2, 500 };
	struct reg_op *ops = mem_alloc((shape.n + shape.before) * sizeof(*ops)), few[90];
	struct rng r = { 11 };
	size_t n = true_register(&r, &shape, ops);
	int64_t begin = clock_thread_cpu_ns(), took;
	struct reg_budget b = { .steps = 50000000, .memory_bytes = (size_t)1 << 30 };

	(void)state;
	assert_int_equal(reg_linearizable(ops, n, NOTHING, &b), REG_UNDECIDED);
	took = clock_thread_cpu_ns() - begin;
	assert_true(took < SLOWER * INT64_C(50000000) * REG_NS_PER_STEP);
	free(ops);

	n = hard(few);
	begin = clock_thread_cpu_ns();
	b = (struct reg_budget){ .steps = 50000000, .memory_bytes = (size_t)1 << 30 };
	assert_int_equal(reg_linearizable(few, n, NOTHING, &b), REG_UNDECIDED);
	took = clock_thread_cpu_ns() - begin;
	assert_true(took < SLOWER * INT64_C(50000000) * REG_NS_PER_STEP);
}

/* A machine that is slower than was thought ends all the same. */
static void test_time(void **state)
{
	struct reg_op ops[90];
	size_t n = hard(ops);
	int64_t begin = clock_thread_cpu_ns();
	struct reg_budget b = { .steps = INT64_C(1) << 60, .memory_bytes = (size_t)1 << 40,
				.cpu_end_ns = begin + 20 * NS_PER_MS };

	(void)state;
	assert_int_equal(reg_linearizable(ops, n, NOTHING, &b), REG_UNDECIDED);
	assert_int_equal(b.ended_by, REG_END_TIME);
	assert_true(clock_thread_cpu_ns() - begin < SLOWER * NS_PER_S / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brute_force),
		cmocka_unit_test(test_same_instant),
		cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_many_clients),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_steps_are_time),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
