/* Which acknowledged writes to registers are lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "measure/measure.h"
#include "test/lib/synth.h"
#include "test/unit/measure/registers.h"

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
	op->via = "10.0.0.1:6379";
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
		/* If it came before them, these are lost. */
		assert_int_equal(r.m.loss.maybe_lost, seen == 1 || seen == 2 ? 0 : 2);
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
	bool undone[TRUE_MOST +
		    1]; /* by value: acknowledged, and gone with what a failover undid */
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
	struct op *op = put(&t->r, plain ? OP_WRITE : OP_CAS, 0, plain ? NONE : held(t), value,
			    t->now_ns, t->now_ns + 2 * MS,
			    done && told   ? OP_OK :
			    told && !plain ? OP_FAIL :
					     OP_INFO);

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

/* A final read that does not tell what registers hold tells nothing of what was
 * written to them. */
static void test_registers_untold(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	at(&r, 0, OP_CAS, NONE, 1, OP_OK);
	at(&r, 1, OP_CAS, 1, 2, OP_OK);
	at(&r, 2, OP_WRITE, NONE, 3, OP_FAIL);
	put(&r, OP_INSERT, NONE, NONE, 9, SEC, SEC + MS, OP_OK);
	measure(&r, "[]", NULL);
	assert_true(r.m.loss.known);
	assert_int_equal(r.m.loss.lost_inserts, 1);
	assert_int_equal(r.m.loss.lost, 1);
	assert_int_equal(r.m.loss.maybe_lost, 2);
	assert_int_equal(r.m.loss.untold, 2);
	assert_int_equal(r.m.loss.unread, 3);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_back_and_on),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_registers_untold),
		cmocka_unit_test(test_old_cas_back),
		cmocka_unit_test(test_old_write_back),
		cmocka_unit_test(test_plain_writes),
		cmocka_unit_test(test_strange),
		cmocka_unit_test(test_values_twice),
		cmocka_unit_test(test_truth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
