/* What a cache threw out, and final reads that cannot be relied on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "measure/measure.h"
#include "test/lib/synth.h"
#include "test/unit/measure/registers.h"

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
		cmocka_unit_test(test_as_many_as_evicted),
		cmocka_unit_test(test_evicted_elsewhere),
		cmocka_unit_test(test_evicted_register),
		cmocka_unit_test(test_two_at_the_end),
		cmocka_unit_test(test_unsettled_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
