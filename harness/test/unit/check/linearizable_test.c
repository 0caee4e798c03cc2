#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "check/check.h"
#include "check/register.h"
#include "test/lib/evidence_kept.h"

/* The search against brute force on small random histories, known anomalies,
 * and what the checker makes of a run. */

static struct reg_budget plenty(void)
{
	struct reg_budget b = { INT64_C(1) << 40, (size_t)1 << 30 };

	return b;
}

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

static size_t random_history(struct rng *r, struct reg_op *ops)
{
	size_t n = 1 + rng_below(r, 7), i;

	for (i = 0; i < n; i++) {
		struct reg_op *op = &ops[i];

		*op = (struct reg_op){ .f = (enum reg_f)rng_below(r, 4), .value = (int64_t)rng_below(r, 3),
				       .expect = (int64_t)rng_below(r, 3), .call = (int64_t)rng_below(r, 12) };
		op->ret = op->call + 1 + (int64_t)rng_below(r, 6);
		op->maybe = (op->f == REG_WRITE || op->f == REG_CAS) && !rng_below(r, 4);
	}
	qsort(ops, n, sizeof(*ops), by_call);
	return n;
}

static void test_brute_force(void **state)
{
	struct rng r = { 7 };
	int yes = 0, no = 0, i;

	(void)state;
	for (i = 0; i < 60000; i++) {
		struct reg_op ops[8];
		size_t n = random_history(&r, ops);
		int64_t initial = (int64_t)rng_below(&r, 3);
		struct reg_budget b = plenty();
		bool truth = brute(ops, n, 0, initial);

		assert_int_equal(reg_linearizable(ops, n, initial, &b), truth ? REG_YES : REG_NO);
		yes += truth;
		no += !truth;
	}
	/* Both answers must have been put to the test. */
	assert_true(yes > 10000 && no > 10000);
}

/* Histories of a true register with many clients: each operation takes
 * effect at one instant inside its interval. */
static size_t honest_history(struct rng *r, struct reg_op *ops, size_t n, int clients)
{
	int64_t *effect = mem_alloc(n * sizeof(*effect));
	int64_t *free_at = mem_alloc((size_t)clients * sizeof(*free_at));
	int64_t value = OP_NO_VALUE;
	size_t i, j;

	for (i = 0; i < n; i++) {
		int64_t *f = &free_at[rng_below(r, (uint64_t)clients)];

		ops[i] = (struct reg_op){ .f = (enum reg_f)rng_below(r, 3), .value = (int64_t)i + 1 };
		ops[i].call = *f + 1 + (int64_t)rng_below(r, 50);
		effect[i] = ops[i].call + 1 + (int64_t)rng_below(r, 50);
		ops[i].ret = effect[i] + 1 + (int64_t)rng_below(r, 50);
		*f = ops[i].ret;
	}
	/* In the order of effect; ties are broken by index both times. */
	for (i = 0; i < n; i++) {
		size_t best = n;

		for (j = 0; j < n; j++)
			if (effect[j] >= 0 && (best == n || effect[j] < effect[best]))
				best = j;
		effect[best] = -1;
		if (ops[best].f == REG_READ) {
			ops[best].value = value;
			continue;
		}
		if (ops[best].f == REG_CAS) {
			bool right = rng_below(r, 2);

			ops[best].expect = right ? value : value + 1000000;
			if (!right) {
				ops[best].f = REG_MISMATCH;
				continue;
			}
		}
		value = ops[best].value;
		/* Now and then the answer is lost. */
		if (!rng_below(r, 20))
			ops[best].maybe = true;
	}
	free(effect);
	free(free_at);
	qsort(ops, n, sizeof(*ops), by_call);
	return n;
}

static void test_honest_and_corrupted(void **state)
{
	struct rng r = { 11 };
	int i, caught = 0;

	(void)state;
	for (i = 0; i < 40; i++) {
		struct reg_op ops[1200];
		size_t n = honest_history(&r, ops, 1200, 8), k;
		struct reg_budget b = plenty();

		assert_int_equal(reg_linearizable(ops, n, OP_NO_VALUE, &b), REG_YES);
		/* A read that saw what was never written is always wrong. */
		for (k = n / 2; ops[k].f != REG_READ; k++)
			;
		ops[k].value = 77777777;
		b = plenty();
		assert_int_equal(reg_linearizable(ops, n, OP_NO_VALUE, &b), REG_NO);
		/* One that saw a value overwritten long ago. */
		ops[k].value = ops[3].f == REG_WRITE ? ops[3].value : OP_NO_VALUE;
		b = plenty();
		caught += reg_linearizable(ops, n, OP_NO_VALUE, &b) == REG_NO;
	}
	assert_true(caught >= 38);
}

static void test_budget(void **state)
{
	struct reg_op ops[60];
	struct reg_budget b = { 2000, (size_t)1 << 30 };
	size_t i;

	(void)state;
	/* Thirty writes at once, and reads that no order of them explains. */
	for (i = 0; i < 30; i++)
		ops[i] = (struct reg_op){ .f = REG_WRITE, .value = (int64_t)i, .call = 0, .ret = 100 };
	for (; i < 60; i++)
		ops[i] = (struct reg_op){ .f = REG_READ, .value = (int64_t)(i % 2), .call = 200 + (int64_t)i * 10,
					  .ret = 205 + (int64_t)i * 10 };
	assert_int_equal(reg_linearizable(ops, 60, -1, &b), REG_UNDECIDED);
	b = (struct reg_budget){ INT64_C(1) << 40, 4096 };
	assert_int_equal(reg_linearizable(ops, 60, -1, &b), REG_UNDECIDED);
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
	for (i = 0; i < 2000; i++) {
		struct reg_op ops[8], small[8];
		size_t n = random_history(&r, ops), m, last;
		struct reg_budget b = plenty();

		if (brute(ops, n, 0, 0))
			continue;
		memcpy(small, ops, sizeof(ops));
		m = reg_shrink(small, n, 0, &b, &last);
		assert_true(m >= 1 && m <= n && last < m);
		assert_false(brute(small, m, 0, 0));
		assert_false(small[last].maybe);
	}
}

struct run {
	struct history h;
	cJSON *events;
	struct check_result res;
};

static void begin(struct run *r)
{
	memset(r, 0, sizeof(*r));
	r->events = cJSON_CreateArray();
}

static void put(struct run *r, int process, enum op_f f, int64_t key, int64_t value, int64_t expect,
		int64_t from_ms, int64_t to_ms, enum op_outcome o)
{
	struct op op = { .process = (uint32_t)process, .f = f, .key = key, .value = value, .expect = expect,
			 .t_intended = from_ms * NS_PER_MS, .t_invoke = from_ms * NS_PER_MS,
			 .t_return = to_ms * NS_PER_MS, .outcome = o, .sent = true };

	history_add(&r->h, &op);
}

static void final(struct run *r, const char *registers)
{
	cJSON *e = cJSON_CreateObject();
	struct err err = { 0 };

	json_set_i64(e, "t", 100 * NS_PER_S);
	json_set_i64(e, "s", 0);
	json_set_str(e, "k", "final");
	json_set(e, "registers", json_parse(registers, "test", &err));
	json_push(r->events, e);
}

static enum verdict check(struct run *r)
{
	const struct check_budget b = { 10 * NS_PER_S, (size_t)256 << 20 };
	const struct checker_ops *c = checker_find("linearizable");

	assert_non_null(c);
	history_sort(&r->h);
	cJSON_Delete(r->res.witness);
	c->check(&r->h, evidence_kept(r->events, 0), NULL, &b, &r->res);
	return r->res.verdict;
}

static void end(struct run *r)
{
	cJSON_Delete(r->res.witness);
	history_free(&r->h);
	cJSON_Delete(r->events);
}

static void test_stale_read(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 3, 10, OP_NO_VALUE, 0, 5, OP_OK);
	put(&r, 1, OP_READ, 3, 10, OP_NO_VALUE, 6, 8, OP_OK);
	put(&r, 0, OP_WRITE, 3, 11, OP_NO_VALUE, 10, 15, OP_OK);
	assert_int_equal(check(&r), VERDICT_PASS);
	put(&r, 1, OP_READ, 3, 10, OP_NO_VALUE, 20, 22, OP_OK);
	put(&r, 1, OP_READ, 3, 11, OP_NO_VALUE, 30, 32, OP_OK);
	assert_int_equal(check(&r), VERDICT_FAIL);
	assert_non_null(strstr(r.res.why, "register 3: client 1 read 10"));
	/* What came after is no part of the witness; the reads before neither. */
	assert_int_equal(cJSON_GetArraySize(r.res.witness), 3);
	assert_non_null(strstr(cJSON_GetArrayItem(r.res.witness, 2)->valuestring, "read 10"));
	end(&r);
}

static void test_lost_update(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 1, OP_CAS, 0, 2, 1, 2, 6, OP_OK);
	put(&r, 2, OP_CAS, 0, 3, 1, 3, 7, OP_OK); /* both from 1 */
	assert_int_equal(check(&r), VERDICT_FAIL);
	end(&r);
}

static void test_unknown_fate(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 1, OP_WRITE, 0, 2, OP_NO_VALUE, 2, 1002, OP_INFO);
	put(&r, 2, OP_READ, 0, 1, OP_NO_VALUE, 1500, 1501, OP_OK);
	put(&r, 2, OP_READ, 0, 2, OP_NO_VALUE, 2500, 2501, OP_OK); /* it came late */
	assert_int_equal(check(&r), VERDICT_PASS);
	put(&r, 2, OP_READ, 0, 1, OP_NO_VALUE, 3500, 3501, OP_OK); /* and cannot go again */
	assert_int_equal(check(&r), VERDICT_FAIL);
	end(&r);
}

static void test_failed_write_seen(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_FAIL);
	put(&r, 2, OP_READ, 0, 1, OP_NO_VALUE, 5, 6, OP_OK);
	assert_int_equal(check(&r), VERDICT_FAIL);
	end(&r);
}

static void test_mismatch_counts(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 1, OP_CAS, 0, 5, 9, 2, 3, OP_FAIL);
	mem_copy_str(r.h.ops[r.h.n - 1].error, sizeof(r.h.ops[0].error), "mismatch: it is 1");
	assert_int_equal(check(&r), VERDICT_PASS);
	put(&r, 1, OP_CAS, 0, 6, 1, 4, 5, OP_FAIL);
	mem_copy_str(r.h.ops[r.h.n - 1].error, sizeof(r.h.ops[0].error), "mismatch: no");
	assert_int_equal(check(&r), VERDICT_FAIL); /* it was 1 all along */
	end(&r);
}

static void test_final_values(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 0, OP_WRITE, 0, 2, OP_NO_VALUE, 2, 3, OP_OK);
	final(&r, "{\"0\":2}");
	assert_int_equal(check(&r), VERDICT_PASS);
	assert_non_null(strstr(r.res.why, "final values"));
	end(&r);

	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 0, OP_WRITE, 0, 2, OP_NO_VALUE, 2, 3, OP_OK);
	final(&r, "{\"0\":1}");
	assert_int_equal(check(&r), VERDICT_FAIL);
	assert_non_null(strstr(r.res.why, "final read found 1"));
	end(&r);
}

static void test_nothing_to_judge(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	assert_int_equal(check(&r), VERDICT_UNKNOWN);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_INFO);
	assert_int_equal(check(&r), VERDICT_UNKNOWN);
	put(&r, 0, OP_INSERT, OP_NO_VALUE, 1, OP_NO_VALUE, 0, 1, OP_OK);
	assert_int_equal(check(&r), VERDICT_UNKNOWN);
	end(&r);
}

static void test_other_scenario(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 0, OP_READ, 0, 5, OP_NO_VALUE, 3, 4, OP_OK);
	r.h.ops[1].scenario = 2;
	assert_int_equal(check(&r), VERDICT_PASS);
	end(&r);
}

/* One register that is too hard leaves the verdict open, whatever order. */
static void test_undecided(void **state)
{
	const struct check_budget small = { 2000 * 1000, (size_t)64 << 20 };
	struct check_result res;
	struct run r;
	int i;

	(void)state;
	begin(&r);
	for (i = 0; i < 30; i++)
		put(&r, i, OP_WRITE, 0, i, OP_NO_VALUE, 0, 100, OP_OK);
	for (i = 0; i < 30; i++)
		put(&r, i, OP_READ, 0, i % 2, OP_NO_VALUE, 200 + i * 10, 205 + i * 10, OP_OK);
	put(&r, 40, OP_WRITE, 1, 1, OP_NO_VALUE, 0, 100, OP_OK);
	history_sort(&r.h);
	checker_find("linearizable")->check(&r.h, evidence_kept(r.events, 0), NULL, &small, &res);
	assert_int_equal(res.verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(res.why, "1 of 2"));
	end(&r);
}

/* An outage leaves dozens of compare-and-sets of unknown fate behind; they
 * must not make the search explode. */
static void test_many_unknown(void **state)
{
	struct run r;
	int i;

	(void)state;
	begin(&r);
	for (i = 0; i < 300; i++) {
		put(&r, 0, OP_CAS, 0, i + 1, i ? i : OP_NO_VALUE, i * 10, i * 10 + 3, OP_OK);
		put(&r, 1, OP_READ, 0, i + 1, OP_NO_VALUE, i * 10 + 5, i * 10 + 6, OP_OK);
	}
	for (i = 0; i < 80; i++)
		put(&r, 2 + i, OP_CAS, 0, 1000 + i, 300, 3000 + i * 10, 4000 + i * 10, OP_INFO);
	for (i = 0; i < 300; i++) {
		put(&r, 0, OP_CAS, 0, 2001 + i, i ? 2000 + i : 1042, 6000 + i * 10, 6003 + i * 10, OP_OK);
		put(&r, 1, OP_READ, 0, 2001 + i, OP_NO_VALUE, 6005 + i * 10, 6006 + i * 10, OP_OK);
	}
	assert_int_equal(check(&r), VERDICT_PASS);
	put(&r, 0, OP_READ, 0, 1041, OP_NO_VALUE, 20000, 20001, OP_OK);
	assert_int_equal(check(&r), VERDICT_FAIL);
	end(&r);
}

static void test_deterministic(void **state)
{
	struct run r;
	char *first, *second;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 3, 10, OP_NO_VALUE, 0, 5, OP_OK);
	put(&r, 0, OP_WRITE, 3, 11, OP_NO_VALUE, 10, 15, OP_OK);
	put(&r, 1, OP_READ, 3, 10, OP_NO_VALUE, 20, 22, OP_OK);
	check(&r);
	first = json_text(r.res.witness);
	check(&r);
	second = json_text(r.res.witness);
	assert_string_equal(first, second);
	free(first);
	free(second);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brute_force),
		cmocka_unit_test(test_honest_and_corrupted),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_same_instant),
		cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_stale_read),
		cmocka_unit_test(test_lost_update),
		cmocka_unit_test(test_unknown_fate),
		cmocka_unit_test(test_failed_write_seen),
		cmocka_unit_test(test_mismatch_counts),
		cmocka_unit_test(test_final_values),
		cmocka_unit_test(test_nothing_to_judge),
		cmocka_unit_test(test_other_scenario),
		cmocka_unit_test(test_undecided),
		cmocka_unit_test(test_many_unknown),
		cmocka_unit_test(test_deterministic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
