#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "measure/measure.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/synth.h"

/* Acknowledged writes of registers that are lost, evictions, and final reads
 * that tell nothing. */

#define MS NS_PER_MS
#define SEC NS_PER_S

enum { NONE = OP_NO_VALUE };

struct run {
	struct history h;
	cJSON *events;
	struct measured m;
};

static void begin(struct run *r)
{
	memset(r, 0, sizeof(*r));
	r->events = cJSON_CreateArray();
}

static void event(struct run *r, const char *kind, int64_t t, const char *more)
{
	struct err e = { 0 };
	cJSON *o = json_parse(more, "test", &e);

	assert_non_null(o);
	json_set_i64(o, "t", t);
	json_set_i64(o, "s", 0);
	json_set_str(o, "k", kind);
	json_push(r->events, o);
}

static struct op *put(struct run *r, enum op_f f, int64_t key, int64_t expect, int64_t value, int64_t from,
		      int64_t to, enum op_outcome o)
{
	struct op op = { .f = f, .key = key, .value = value, .expect = expect, .t_intended = from,
			 .t_invoke = from, .t_return = to, .outcome = o, .sent = true };

	if (o == OP_INFO)
		op_error_set(&op, OP_ERR_TIMEOUT, "no answer in time");
	if (o == OP_FAIL)
		mem_copy_str(op.error, sizeof(op.error), "refused");
	history_add(&r->h, &op);
	return &r->h.ops[r->h.n - 1];
}

/* The i-th 10 ms after a second, in 2 ms. */
static struct op *at(struct run *r, int i, enum op_f f, int64_t expect, int64_t value, enum op_outcome o)
{
	return put(r, f, 0, expect, value, SEC + i * 10 * MS, SEC + i * 10 * MS + 2 * MS, o);
}

static void measure(struct run *r, const char *present, const char *registers)
{
	struct arena a = { 0 };

	event(r, "final", 60 * SEC, arena_fmt(&a, "{\"present\":%s,\"duplicates\":[],\"registers\":%s}", present,
					      registers));
	history_sort(&r->h);
	measure_scenario(&r->h, evidence_kept(r->events, 0), &r->m);
	arena_free(&a);
}

static void end(struct run *r)
{
	measured_free(&r->m);
	history_free(&r->h);
	cJSON_Delete(r->events);
}

static bool lost(const struct run *r, int64_t value)
{
	for (size_t i = 0; i < r->m.loss.n; i++)
		if (r->m.loss.writes[i].value == value)
			return true;
	return false;
}

static void lost_are(const struct run *r, int64_t n, int64_t untold)
{
	const struct loss *l = &r->m.loss;

	assert_true(l->known);
	assert_int_equal(l->lost, n);
	assert_int_equal(l->n, n);
	assert_int_equal(l->lost_register_writes, n);
	assert_int_equal(l->untold, untold);
	assert_int_equal(l->lost_inserts + l->lost_messages, 0);
}

/* 1, 2, 3, 4 one on the other; then the register is back at 2, and goes on
 * with 5 and 6. */
static void test_back_and_on(void **state)
{
	struct run r;
	struct op *op;

	(void)state;
	begin(&r);
	event(&r, "object", 1, "{\"type\":\"pod\",\"name\":\"m0\",\"ip\":\"10.0.0.1\"}");
	at(&r, 0, OP_CAS, NONE, 1, OP_OK);
	at(&r, 1, OP_CAS, 1, 2, OP_OK);
	at(&r, 2, OP_CAS, 2, 3, OP_OK);
	op = at(&r, 3, OP_CAS, 3, 4, OP_OK);
	op->shard = 2;
	mem_copy_str(op->via, sizeof(op->via), "10.0.0.1:6379");
	at(&r, 50, OP_CAS, 2, 5, OP_OK);
	at(&r, 51, OP_CAS, 5, 6, OP_OK);
	synth_add_fault(r.events, "kill", "kill-pod", SEC + 100 * MS);
	measure(&r, "[]", "{\"0\":6}");
	lost_are(&r, 2, 0);
	assert_true(lost(&r, 3) && lost(&r, 4));
	assert_int_equal(r.m.loss.acked, 6);
	assert_int_equal(r.m.loss.maybe_lost, 0);
	assert_string_equal(r.m.loss.of, "register write");
	assert_int_equal(r.m.loss.writes[1].f, OP_CAS);
	assert_int_equal(r.m.loss.writes[1].key, 0);
	assert_int_equal(r.m.loss.writes[1].shard, 2);
	assert_string_equal(r.m.loss.writes[1].fault, "kill");
	assert_string_equal(r.m.loss.writes[1].via, "10.0.0.1:6379");
	assert_int_equal(r.m.loss.span_ns, 10 * MS);
	assert_int_equal(r.m.loss.odd_registers, 1);
	end(&r);
}

/* The register holds nothing at the end, or was begun anew from nothing. */
static void test_gone(void **state)
{
	static const char *const final[] = { "{\"0\":null}", "{\"0\":9}" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct run r;

		begin(&r);
		at(&r, 0, OP_CAS, NONE, 1, OP_OK);
		at(&r, 1, OP_WRITE, NONE, 2, OP_OK);
		at(&r, 2, OP_CAS, 2, 3, OP_OK);
		at(&r, 9, OP_CAS, NONE, 9, i ? OP_OK : OP_FAIL);
		measure(&r, "[]", final[i]);
		lost_are(&r, 3, 0);
		end(&r);
	}
}

/* A compare-and-set of unknown fate is what is there, although an
 * acknowledged one had replaced what it expected: the latter was undone. */
static void test_old_cas_back(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	at(&r, 0, OP_CAS, NONE, 1, OP_OK);
	at(&r, 1, OP_CAS, 1, 2, OP_INFO);
	at(&r, 2, OP_CAS, 1, 3, OP_OK);
	at(&r, 3, OP_CAS, 3, 4, OP_OK);
	measure(&r, "[]", "{\"0\":2}");
	lost_are(&r, 2, 0);
	assert_int_equal(r.m.loss.unknown, 1);
	assert_int_equal(r.m.loss.unknown_present, 1);
	end(&r);
}

/* A plain one may have come late. Had somebody seen it before the others were
 * called, it had not. */
static void test_old_write_back(void **state)
{
	(void)state;
	for (int seen = 0; seen < 4; seen++) {
		struct run r;

		begin(&r);
		at(&r, 0, OP_CAS, NONE, 1, OP_OK);
		at(&r, 1, OP_WRITE, NONE, 2, OP_INFO);
		if (seen == 1)
			at(&r, 2, OP_READ, NONE, 2, OP_OK);
		if (seen == 2)
			at(&r, 2, OP_CAS, 2, 20, OP_OK);
		if (seen == 3)
			at(&r, 2, OP_READ, NONE, 2, OP_INFO); /* which tells nothing */
		at(&r, 3, OP_WRITE, NONE, 3, OP_OK);
		at(&r, 4, OP_CAS, 3, 4, OP_OK);
		measure(&r, "[]", seen == 2 ? "{\"0\":20}" : "{\"0\":2}");
		lost_are(&r, seen == 1 || seen == 2 ? 2 : 0, seen == 1 || seen == 2 ? 1 : 3);
		assert_int_equal(r.m.loss.maybe_lost, 0);
		end(&r);
	}
}

/* Of plain writes, those are lost that were called after what is there was
 * acknowledged; those at the same time and before may have been overwritten. */
static void test_plain_writes(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	at(&r, 0, OP_WRITE, NONE, 1, OP_OK);
	at(&r, 1, OP_WRITE, NONE, 2, OP_OK);
	put(&r, OP_WRITE, 0, NONE, 3, SEC + 11 * MS, SEC + 13 * MS, OP_OK);
	at(&r, 2, OP_WRITE, NONE, 4, OP_OK);
	at(&r, 3, OP_WRITE, NONE, 5, OP_INFO);
	measure(&r, "[]", "{\"0\":2}");
	lost_are(&r, 1, 2);
	assert_true(lost(&r, 4));
	end(&r);
}

static void test_strange(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	at(&r, 0, OP_CAS, NONE, 1, OP_OK);
	at(&r, 1, OP_CAS, 1, 2, OP_FAIL); /* refused, and there */
	put(&r, OP_CAS, 1, NONE, 11, SEC, SEC + MS, OP_OK); /* holds what nobody wrote */
	put(&r, OP_CAS, 2, NONE, 12, SEC, SEC + MS, OP_OK); /* nobody read it */
	measure(&r, "[]", "{\"0\":2,\"1\":99,\"3\":null,\"4\":98}");
	lost_are(&r, 0, 2);
	assert_int_equal(r.m.loss.maybe_lost, 2);
	assert_int_equal(r.m.loss.phantom, 3);
	assert_int_equal(r.m.loss.odd_registers, 3);
	end(&r);
}

/* As another tool may write: one value twice, and in a circle. */
static void test_values_twice(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	at(&r, 0, OP_CAS, NONE, 1, OP_OK);
	at(&r, 1, OP_CAS, 1, 2, OP_OK);
	at(&r, 2, OP_CAS, 2, 1, OP_OK);
	measure(&r, "[]", "{\"0\":1}");
	lost_are(&r, 0, 1);
	end(&r);
	begin(&r);
	at(&r, 0, OP_CAS, 2, 1, OP_OK);
	at(&r, 1, OP_CAS, 1, 2, OP_OK);
	measure(&r, "[]", "{\"0\":1}");
	lost_are(&r, 0, 0);
	end(&r);
}

/* ---- a register whose truth is known ---- */

enum { TRUE_MOST = 400 };

struct truth {
	struct run r;
	struct rng rng;
	int64_t now_ns;
	int64_t log[TRUE_MOST]; /* what it held, one value after the other */
	int n;
	struct op late[TRUE_MOST]; /* plain writes that may still take effect */
	int nlate;
	bool undone[TRUE_MOST + 1]; /* by value: acknowledged, and gone with what a failover undid */
	bool acked[TRUE_MOST + 1];
};

static int64_t held(const struct truth *t)
{
	return t->n ? t->log[t->n - 1] : NONE;
}

static void undo(struct truth *t)
{
	int most = t->n < 6 ? t->n : 6;

	for (int k = (int)rng_below(&t->rng, (uint64_t)most + 1); k; k--) {
		t->n--;
		t->undone[t->log[t->n]] = t->acked[t->log[t->n]];
	}
}

static void late(struct truth *t)
{
	if (t->nlate)
		t->log[t->n++] = t->late[--t->nlate].value;
}

static void one_write(struct truth *t, int64_t value, bool plain)
{
	bool done = rng_below(&t->rng, 4) != 0, told = rng_below(&t->rng, 6) != 0;
	struct op *op = put(&t->r, plain ? OP_WRITE : OP_CAS, 0, plain ? NONE : held(t), value, t->now_ns,
			    t->now_ns + 2 * MS, done && told ? OP_OK : told && !plain ? OP_FAIL : OP_INFO);

	t->acked[value] = op->outcome == OP_OK;
	if (done)
		t->log[t->n++] = value;
	else if (op->outcome == OP_INFO && plain)
		t->late[t->nlate++] = *op;
	t->now_ns += (int64_t)rng_below(&t->rng, 3) * MS + MS;
}

/* Returns how many were found. */
static int64_t one_truth(uint64_t seed, bool plain)
{
	struct truth *t = mem_alloc(sizeof(*t));
	struct arena a = { 0 };
	int64_t really = 0, found;

	begin(&t->r);
	t->rng.state = seed;
	t->now_ns = SEC;
	for (int64_t v = 1; v <= 120; v++) {
		one_write(t, v, plain && rng_below(&t->rng, 20) == 0);
		if (rng_below(&t->rng, 4) == 0) {
			put(&t->r, OP_READ, 0, NONE, held(t), t->now_ns, t->now_ns + MS, OP_OK);
			t->now_ns += 2 * MS;
		}
		if (rng_below(&t->rng, 10) == 0)
			late(t);
		if (rng_below(&t->rng, 25) == 0)
			undo(t);
	}
	measure(&t->r, "[]", held(t) == NONE ? "{\"0\":null}" : arena_fmt(&a, "{\"0\":%d}", (int)held(t)));
	for (int64_t v = 1; v <= 120; v++) {
		really += t->undone[v];
		if (lost(&t->r, v) && !t->undone[v])
			fail_msg("seed %d: %d was not lost", (int)seed, (int)v);
	}
	if (!plain)
		assert_int_equal(t->r.m.loss.lost, really);
	found = t->r.m.loss.lost;
	arena_free(&a);
	end(&t->r);
	free(t);
	return found;
}

/* With compare-and-sets alone every loss is found; with plain writes among
 * them, none that was not one. */
static void test_truth(void **state)
{
	int64_t found = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		one_truth(seed, false);
		found += one_truth(seed, true);
	}
	assert_true(found > 300);
}

/* ---- evictions ---- */

static void evicts(struct run *r, const char *member, int shard, int keys)
{
	for (int i = 0; i < 10; i++) {
		cJSON *s = synth_sample(member, SEC + i * 100 * MS, true, "primary", true, 1), *x;

		x = cJSON_AddObjectToObject(s, "x");
		json_set_i64(x, "evicted_keys", i < 5 ? 3 : 3 + keys);
		if (shard)
			json_set_i64(s, "shard", shard);
		json_push(r->events, s);
	}
}

static void insert(struct run *r, int64_t value, int shard)
{
	put(r, OP_INSERT, NONE, NONE, value, SEC + value * MS, SEC + value * MS + MS, OP_OK)->shard =
		(uint32_t)shard;
}

static void test_as_many_as_evicted(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	evicts(&r, "m0", 0, 1);
	for (int v = 1; v <= 20; v++)
		insert(&r, v, 0);
	measure(&r, "[[1,15]]", "{}");
	assert_int_equal(r.m.loss.lost, 4);
	assert_int_equal(r.m.loss.n, 4);
	assert_int_equal(r.m.loss.lost_inserts, 4);
	assert_int_equal(r.m.loss.evicted, 1);
	assert_int_equal(r.m.loss.evictions, 1);
	assert_true(r.m.loss.more_missing);
	assert_int_equal(r.m.loss.maybe_lost, 1);
	assert_int_equal(r.m.loss.by_cause[LOSS_UNKNOWN], 4);
	assert_non_null(strstr(r.m.loss.writes[0].how, "more is missing than the 1 key"));
	end(&r);
	begin(&r);
	evicts(&r, "m0", 0, 5);
	for (int v = 1; v <= 20; v++)
		insert(&r, v, 0);
	measure(&r, "[[1,15]]", "{}");
	assert_int_equal(r.m.loss.lost, 0);
	assert_int_equal(r.m.loss.evicted, 5);
	assert_false(r.m.loss.more_missing);
	assert_int_equal(r.m.loss.maybe_lost, 0);
	end(&r);
}

/* One shard's evictions are not another's. */
static void test_evicted_elsewhere(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	evicts(&r, "m0", 1, 5);
	evicts(&r, "m1", 2, 1);
	insert(&r, 1, 1);
	insert(&r, 2, 1);
	for (int v = 3; v <= 6; v++)
		insert(&r, v, 2);
	measure(&r, "[]", "{}");
	assert_int_equal(r.m.loss.evicted, 3);
	assert_int_equal(r.m.loss.lost, 3);
	end(&r);
}

/* A register's key takes with it what had been written to it, and no more. */
static void test_evicted_register(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	evicts(&r, "m0", 0, 1);
	at(&r, 0, OP_CAS, NONE, 1, OP_OK);
	at(&r, 1, OP_CAS, 1, 2, OP_OK);
	at(&r, 40, OP_CAS, NONE, 3, OP_OK); /* begun anew */
	at(&r, 41, OP_CAS, 3, 4, OP_OK);    /* and this one is lost */
	insert(&r, 100, 0);
	measure(&r, "[]", "{\"0\":3}");
	assert_int_equal(r.m.loss.evicted, 1);
	assert_int_equal(r.m.loss.lost, 2);
	assert_true(lost(&r, 4) && lost(&r, 100));
	assert_int_equal(r.m.loss.lost_inserts, 1);
	assert_int_equal(r.m.loss.lost_register_writes, 1);
	end(&r);
}

/* ---- final reads that tell nothing ---- */

static void test_two_at_the_end(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	for (int v = 1; v <= 20; v++)
		insert(&r, v, 0);
	at(&r, 0, OP_CAS, NONE, 1, OP_OK);
	for (int i = 0; i < 20; i++) {
		json_push(r.events, synth_sample("m0", SEC + i * 100 * MS, true, "primary", true, 1));
		json_push(r.events, synth_sample("m1", SEC + i * 100 * MS, true, i < 10 ? "replica" : "primary",
						 i >= 10, 2));
	}
	event(&r, "phase", 50 * SEC, "{\"phase\":\"unsettled\",\"detail\":\"two\"}");
	measure(&r, "[[1,10]]", "{\"0\":null}");
	assert_false(r.m.loss.known);
	assert_non_null(strstr(r.m.loss.why_unknown, "m0 and m1 were both writable primaries"));
	assert_int_equal(r.m.loss.acked, 21);
	assert_int_equal(r.m.loss.lost, 0);
	assert_int_equal(r.m.loss.maybe_lost, 0);
	assert_int_equal(r.m.loss.n, 0);
	end(&r);
}

/* A replica that is still away does not hide what the only primary lacks. */
static void test_unsettled_otherwise(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	for (int v = 1; v <= 20; v++)
		insert(&r, v, 0);
	for (int i = 0; i < 20; i++)
		json_push(r.events, synth_sample("m0", SEC + i * 100 * MS, true, "primary", true, 1));
	event(&r, "phase", 50 * SEC, "{\"phase\":\"unsettled\",\"detail\":\"m1 is away\"}");
	measure(&r, "[[1,10]]", "{}");
	assert_true(r.m.loss.known);
	assert_int_equal(r.m.loss.lost, 10);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_back_and_on),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_old_cas_back),
		cmocka_unit_test(test_old_write_back),
		cmocka_unit_test(test_plain_writes),
		cmocka_unit_test(test_strange),
		cmocka_unit_test(test_values_twice),
		cmocka_unit_test(test_truth),
		cmocka_unit_test(test_as_many_as_evicted),
		cmocka_unit_test(test_evicted_elsewhere),
		cmocka_unit_test(test_evicted_register),
		cmocka_unit_test(test_two_at_the_end),
		cmocka_unit_test(test_unsettled_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
