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
	put(r, OP_INSERT, NONE, NONE, value, SEC + value * MS, SEC + value * MS + MS, OP_OK)
		->shard = (uint32_t)shard;
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

/* What a counter tells at 1.0, 1.1, ... s; -1: it tells nothing. The load begins with
 * the first insert. */
static void counts(struct run *r, const char *member, const char *role, const char *process,
		   int from, const int *told, int n)
{
	for (int i = 0; i < n; i++) {
		bool leads = !strcmp(role, "primary");
		cJSON *s = synth_sample(member, SEC + (from + i) * 100 * MS, true, role, leads, 1);
		cJSON *x = cJSON_AddObjectToObject(s, "x");

		if (told[i] >= 0)
			json_set_i64(x, "evicted_keys", told[i]);
		if (*process)
			json_set_str(x, "run_id", process);
		json_push(r->events, s);
	}
}

/* Twenty inserts from `at` on, of which five are absent. */
static void five_absent(struct run *r, int64_t at)
{
	for (int v = 1; v <= 20; v++)
		put(r, OP_INSERT, NONE, NONE, v, at + v * MS, at + v * MS + MS, OP_OK);
	measure(r, "[[1,15]]", "{}");
}

#define COUNTS(r, member, role, process, from, ...) do { \
	static const int told[] = { __VA_ARGS__ }; \
	counts(r, member, role, process, from, told, (int)(sizeof(told) / sizeof(told[0]))); \
} while (0)

/* Of five absent keys so many are excused. */
static void excused(struct run *r, int64_t at, int64_t evicted)
{
	five_absent(r, at);
	assert_int_equal(r->m.loss.evictions, evicted);
	assert_int_equal(r->m.loss.evicted, evicted);
	assert_int_equal(r->m.loss.lost, 5 - evicted);
	end(r);
}

/* Before the load began it threw out others' keys. */
static void test_evicted_before(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	COUNTS(&r, "m0", "primary", "", 0, 0, 3, 5, 5, 5, 5, 5, 5);
	excused(&r, 1300 * MS, 0);
	begin(&r);
	COUNTS(&r, "m0", "primary", "", 0, 0, 3, 5, 5, 5, 5, 7, 7);
	excused(&r, 1300 * MS, 2);
	/* Half of the time between two answers was before it. */
	begin(&r);
	COUNTS(&r, "m0", "primary", "", 0, 0, 0, 5, 5);
	excused(&r, 1150 * MS, 0);
}

/* A counter that flickers counts nothing twice, nor does one that was not told. */
static void test_counter_flickers(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	COUNTS(&r, "m0", "primary", "", 0, 0, 0, 0, 2, 0, 2, 0, 2, 0, 2);
	excused(&r, SEC, 2);
	begin(&r);
	COUNTS(&r, "m0", "primary", "", 0, 40, 40, 40, -1, 40, -1, 41, -1, 41);
	excused(&r, SEC, 1);
	begin(&r);
	COUNTS(&r, "m0", "primary", "", 0, 40, 40, 40, 12, 40, 7, 40);
	excused(&r, SEC, 0);
}

/* Another process counts from 0: what it threw out is its own. */
static void test_counter_anew(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	COUNTS(&r, "m0", "primary", "one", 0, 40, 40, 41);
	COUNTS(&r, "m0", "primary", "two", 3, 0, 2, 2);
	COUNTS(&r, "m0", "primary", "one", 6, 41, 41);
	COUNTS(&r, "m0", "primary", "two", 8, 2, 2);
	five_absent(&r, SEC);
	assert_int_equal(r.m.loss.evictions, 3);
	/* What it lost by starting anew it did not throw out. */
	assert_int_equal(r.m.loss.by_cause[LOSS_RESTART], 5);
	end(&r);
}

/* What a replica threw out is missing nowhere else, unless it took over. */
static void test_evicted_by_replica(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	COUNTS(&r, "m0", "primary", "", 0, 0, 0, 0, 0, 0, 0);
	COUNTS(&r, "m1", "replica", "", 0, 0, 0, 0, 4, 4, 4);
	excused(&r, SEC, 0);
	begin(&r);
	COUNTS(&r, "m1", "replica", "", 0, 0, 0, 0, 4, 4, 4);
	COUNTS(&r, "m1", "primary", "", 6, 4, 4);
	excused(&r, SEC, 4);
}

/* A key that was written after the last of them was not among them. */
static void test_written_after(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	COUNTS(&r, "m0", "primary", "", 0, 0, 0, 0, 5, 5, 5, 5, 5);
	for (int v = 1; v <= 4; v++)
		insert(&r, v, 0); /* 1.001 s and on */
	for (int v = 5; v <= 8; v++)
		put(&r, OP_INSERT, NONE, NONE, v, 1400 * MS + v * MS, 1400 * MS + v * MS + MS,
		    OP_OK);
	measure(&r, "[]", "{}");
	assert_int_equal(r.m.loss.evictions, 5);
	assert_int_equal(r.m.loss.evicted, 4);
	assert_int_equal(r.m.loss.lost, 4);
	assert_true(lost(&r, 5) && lost(&r, 8));
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
		cmocka_unit_test(test_evicted_before),
		cmocka_unit_test(test_counter_flickers),
		cmocka_unit_test(test_counter_anew),
		cmocka_unit_test(test_evicted_by_replica),
		cmocka_unit_test(test_written_after),
		cmocka_unit_test(test_two_at_the_end),
		cmocka_unit_test(test_unsettled_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
