/* Causes of loss, two primaries, and replicas that are behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/rng.h"
#include "measure/measure.h"
#include "measure/parts.h"
#include "test/lib/evidence_help.h"
#include "test/lib/synth.h"
#include "test/unit/measure/room.h"

/* ---- causes of loss ---- */

static void insert(struct run *r, int64_t value, int64_t t, uint32_t group)
{
	struct op op = {.f = OP_INSERT,
			.key = OP_NO_VALUE,
			.value = value,
			.expect = OP_NO_VALUE,
			.t_intended = t,
			.t_invoke = t,
			.t_return = t + 2 * MS,
			.sent = true,
			.group = group};

	history_add(&r->h, &op);
}

static cJSON *sample(struct run *r, const char *m, int64_t t, bool leads, int timeline, int64_t pos)
{
	cJSON *e = synth_sample(m, t, true, leads ? "primary" : "replica", leads, timeline);

	json_set_i64(e, "pos", pos);
	json_push(r->events, e);
	return e;
}

static void extra(cJSON *e, const char *key, int64_t v)
{
	json_set_i64(cJSON_AddObjectToObject(e, "x"), key, v);
}

static const struct lost_write *lost(const struct run *r, int64_t value)
{
	for (size_t i = 0; i < r->m.loss.n; i++)
		if (r->m.loss.writes[i].value == value)
			return &r->m.loss.writes[i];
	fail_msg("value %lld was not lost", (long long)value);
	return NULL;
}

static enum loss_cause cause(const struct run *r, int64_t value)
{
	return lost(r, value)->cause;
}

static void fault_held(struct run *r, const char *fault, int64_t t)
{
	cJSON *f;

	synth_add_fault(r->events, "f", fault, t);
	f = synth_fault("f", fault, "effective", t);
	json_set(f, "targets", json_parse("[{\"member\":\"m0\",\"node\":\"n0\",\"role\":\"primary\"}]", "t",
					  &(struct err){ 0 }));
	json_push(r->events, f);
}

/* m0 is cut off at 10 s with some clients and led on until then; m1 takes over
 * at 15 s. */
static void cut_off(struct run *r)
{
	event(r, "group", 1, "{\"g\":1,\"name\":\"minority\",\"node\":\"n0\",\"member\":\"m0\"}");
	for (int64_t t = SEC; t < 20 * SEC; t += 100 * MS) {
		if (t < 10 * SEC)
			sample(r, "m0", t, true, 1, t);
		sample(r, "m1", t + MS, t > 15 * SEC, t > 15 * SEC ? 2 : 1, t - 50 * MS);
	}
	fault_held(r, "partition-node", 10 * SEC);
	insert(r, 1, 9 * SEC + 990 * MS, 0);
	insert(r, 2, 12 * SEC, 1);
	insert(r, 3, 17 * SEC, 1);
	insert(r, 4, 18 * SEC, 0);
	event(r, "final", 30 * SEC, "{\"present\":[[4,4]],\"duplicates\":[],\"registers\":{}}");
}

static void test_cause_minority_side(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	cut_off(&r);
	measure(&r);
	assert_int_equal(cause(&r, 1), LOSS_NOT_REPLICATED);
	assert_int_equal(cause(&r, 2), LOSS_MINORITY);
	assert_int_equal(cause(&r, 3), LOSS_MINORITY);
	assert_int_equal(r.m.loss.by_cause[LOSS_MINORITY], 2);
	assert_int_equal(r.m.loss.lost, 3);
	end(&r);
}

/* Whoever it is about, the whole name is told. */
static void test_cause_long_names(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	cut_off(&r);
	r.events = evidence_renamed(r.events, "\"n0\"", "\"" LONG_NAME "-node\"");
	r.events = evidence_renamed(r.events, "\"m0\"", "\"" LONG_NAME "-0\"");
	r.events = evidence_renamed(r.events, "\"m1\"", "\"" LONG_NAME "-1\"");
	measure(&r);
	assert_string_equal(lost(&r, 1)->how, LONG_NAME "-0 acknowledged it, and " LONG_NAME "-1 became primary without it");
	assert_string_equal(lost(&r, 2)->how, "its client stood on " LONG_NAME "-node, which was cut off");
	end(&r);
}

/* The one that took over had told a position beyond the write: it had it. */
static void test_cause_refuted(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	for (t = SEC; t < 20 * SEC; t += 100 * MS) {
		if (t < 10 * SEC)
			sample(&r, "m0", t, true, 1, t);
		sample(&r, "m1", t + MS, t > 12 * SEC, t > 12 * SEC ? 2 : 1, t < 10 * SEC ? t : 10 * SEC);
	}
	fault_held(&r, "kill-pod", 10 * SEC);
	insert(&r, 1, 5 * SEC, 0);
	insert(&r, 2, 9 * SEC + 950 * MS, 0);
	event(&r, "final", 30 * SEC, "{\"present\":[],\"duplicates\":[],\"registers\":{}}");
	measure(&r);
	assert_int_equal(cause(&r, 1), LOSS_UNKNOWN);
	assert_int_equal(cause(&r, 2), LOSS_NOT_REPLICATED);
	end(&r);
}

static void test_cause_restart(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	for (t = SEC; t < 20 * SEC; t += 100 * MS) {
		if (t < 10 * SEC || t > 11 * SEC)
			extra(sample(&r, "m0", t, true, 1, t), "started_ms", t < 10 * SEC ? 1 : 2);
		sample(&r, "m1", t + MS, false, 1, t);
	}
	fault_held(&r, "kill-process", 10 * SEC);
	insert(&r, 1, 9 * SEC + 950 * MS, 0);
	event(&r, "final", 30 * SEC, "{\"present\":[],\"duplicates\":[],\"registers\":{}}");
	measure(&r);
	assert_int_equal(cause(&r, 1), LOSS_RESTART);
	end(&r);
}

static void test_evicted_is_apart(void **state)
{
	struct op op = {.f = OP_WRITE,
			.key = 0,
			.value = 7,
			.expect = OP_NO_VALUE,
			.t_invoke = 2 * SEC,
			.t_return = 2 * SEC + MS,
			.sent = true};
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	for (t = SEC; t < 10 * SEC; t += 100 * MS)
		extra(sample(&r, "m0", t, true, 1, t), "evicted_keys", t < 5 * SEC ? 3 : 5);
	insert(&r, 1, 2 * SEC, 0);
	insert(&r, 2, 3 * SEC, 0);
	history_add(&r.h, &op);
	event(&r, "final", 30 * SEC, "{\"present\":[[2,2]],\"duplicates\":[],\"registers\":{\"0\":null}}");
	measure(&r);
	assert_int_equal(r.m.loss.lost, 0);
	assert_int_equal(r.m.loss.n, 0);
	assert_int_equal(r.m.loss.evicted, 2);
	assert_int_equal(r.m.loss.maybe_lost, 0);
	end(&r);
}

/* ---- replicas that are behind ---- */

static void put(struct run *r, enum op_f f, int64_t value, int64_t from, int64_t to,
		enum op_outcome o)
{
	struct op op = {.f = f,
			.key = 0,
			.value = value,
			.expect = OP_NO_VALUE,
			.t_intended = from,
			.t_invoke = from,
			.t_return = to,
			.outcome = o,
			.sent = true};

	history_add(&r->h, &op);
}

static void test_behind(void **state)
{
	const struct staleness *s;
	struct run r;

	(void)state;
	begin(&r);
	put(&r, OP_WRITE, 1, 1 * SEC, 1 * SEC + MS, OP_OK);
	put(&r, OP_WRITE, 2, 2 * SEC, 2 * SEC + MS, OP_OK);
	put(&r, OP_WRITE, 3, 3 * SEC, 3 * SEC + MS, OP_OK);
	put(&r, OP_READ_REPLICA, 1, 4 * SEC, 4 * SEC + MS,
	    OP_OK); /* missed 2 and 3, since 2.001 s */
	put(&r, OP_READ_REPLICA, 3, 5 * SEC, 5 * SEC + MS, OP_OK);
	put(&r, OP_READ_REPLICA, 99, 5 * SEC, 5 * SEC + MS, OP_OK); /* nobody wrote that */
	measure(&r);
	s = &r.m.staleness;
	assert_int_equal(s->reads, 2);
	assert_int_equal(s->unjudged, 1);
	assert_int_equal(s->behind, 1);
	assert_int_equal(s->versions_max, 2);
	assert_int_equal(s->max_ns, 1999 * MS);
	assert_int_equal(s->max_hi_ns, 2001 * MS);
	assert_int_equal(s->p50_ns, 0);
	end(&r);
}

/* Writes that overlap, or whose fate is unknown, prove nothing. */
static void test_behind_in_doubt(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, OP_WRITE, 1, 1 * SEC, 1 * SEC + 20 * MS, OP_OK);
	put(&r, OP_WRITE, 2, 1 * SEC + 10 * MS, 1 * SEC + 30 * MS, OP_OK);
	put(&r, OP_WRITE, 3, 2 * SEC, 3 * SEC, OP_INFO);
	put(&r, OP_READ_REPLICA, 1, 4 * SEC, 4 * SEC + MS, OP_OK);
	put(&r, OP_READ_REPLICA, OP_NO_VALUE, 1 * SEC + 25 * MS, 1 * SEC + 40 * MS, OP_OK);
	measure(&r);
	assert_int_equal(r.m.staleness.reads, 2);
	/* Only "nothing" is certainly old: write 1 was acknowledged 5 ms before. */
	assert_int_equal(r.m.staleness.behind, 1);
	assert_int_equal(r.m.staleness.max_ns, 5 * MS);
	/* But value 1 may have been overwritten right after it was written. */
	assert_int_equal(r.m.staleness.max_hi_ns, 4 * SEC + MS - (1 * SEC + 10 * MS));
	end(&r);
}

/* Writers that overlap, some without an answer; replicas that show the state
 * of a while ago: the truth lies between the bounds of every single read. */
static void test_behind_property(void **state)
{
	enum { WRITES = 400 };
	int seed, i;

	(void)state;
	for (seed = 1; seed <= 300; seed++) {
		int64_t effect[WRITES], t = SEC, worst = 0, behind, since;
		struct rng rng = { (uint64_t)seed };
		struct run r;

		begin(&r);
		for (i = 0; i < WRITES; i++) {
			int64_t from = t, took = (int64_t)(1 + rng_below(&rng, 40)) * MS;
			bool info = rng_below(&rng, 10) == 0;

			effect[i] = from + (int64_t)rng_below(&rng, (uint64_t)took + 1);
			put(&r, OP_WRITE, i, from, from + took, info ? OP_INFO : OP_OK);
			t += (int64_t)rng_below(&rng, 30) * MS;
		}
		behind = (int64_t)rng_below(&rng, 300) * MS;
		for (i = 0; i < 200; i++) {
			int64_t at = SEC + (int64_t)rng_below(&rng, (uint64_t)(t - SEC)),
				shows = at - behind;
			int64_t from = at - (int64_t)rng_below(&rng, 5) * MS, best = INT64_MIN,
				value = OP_NO_VALUE;
			int k;

			for (k = 0; k < WRITES; k++)
				if (effect[k] <= shows && effect[k] >= best) {
					best = effect[k];
					value = k;
				}
			since = INT64_MAX;
			for (k = 0; k < WRITES; k++)
				if (k != value && effect[k] > best && effect[k] < since)
					since = effect[k];
			put(&r, OP_READ_REPLICA, value, from, at + (int64_t)rng_below(&rng, 5) * MS,
			    OP_OK);
			if (since < at && at - since > worst)
				worst = at - since;
		}
		measure(&r);
		assert_int_equal(r.m.staleness.reads, 200);
		if (r.m.staleness.max_ns > worst || r.m.staleness.max_hi_ns < worst)
			fail_msg("seed %d: %.1f ms is not within %.1f and %.1f ms", seed,
				 (double)worst / MS, (double)r.m.staleness.max_ns / MS,
				 (double)r.m.staleness.max_hi_ns / MS);
		end(&r);
	}
}

/* ---- two primaries ---- */

static void two(struct run *r, const char *kind, int shard_of_second)
{
	int64_t t;

	for (t = SEC; t < 10 * SEC; t += 100 * MS) {
		cJSON *a = sample(r, "m0", t, t < 6 * SEC, 1, t), *b = sample(r, "m1", t + MS, t > 4 * SEC, 2, t);

		/* The sampler lost sight of m0 at 3 s; whoever `kind` is did not. */
		if (t >= 3 * SEC && strcmp(kind, "sample")) {
			cJSON *lost = synth_sample("m0", t, false, "unknown", false, -1);

			json_push(r->events, lost);
			json_set_str(a, "k", kind);
		}
		if (shard_of_second) {
			json_set_i64(a, "shard", 1);
			json_set_i64(b, "shard", shard_of_second);
		}
	}
	fault_held(r, "partition-node", 3 * SEC);
	insert(r, 1, 2 * SEC, 0);
	insert(r, 2, 9 * SEC, 0);
}

static void test_two_primaries(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	two(&r, "sample", 0);
	measure(&r);
	is_about(r.m.dual_primary_ns, 1500 * MS, 2000 * MS);
	assert_int_equal(r.m.dual_primary_unseen_ns, 0);
	end(&r);
}

static void test_heard_by_a_witness(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	two(&r, "witness", 0);
	measure(&r);
	is_about(r.m.dual_primary_ns, 1500 * MS, 2000 * MS);
	assert_int_equal(r.m.dual_primary_unseen_ns, 0);
	end(&r);
	begin(&r);
	two(&r, "nobody", 0);
	measure(&r);
	assert_int_equal(r.m.dual_primary_ns, 0);
	assert_true(r.m.dual_primary_unseen_ns > 1500 * MS);
	end(&r);
}

static void test_primaries_of_shards(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	two(&r, "sample", 2);
	measure(&r);
	assert_int_equal(r.m.dual_primary_ns, 0);
	assert_int_equal(r.m.dual_primary_samples, 0);
	end(&r);
	begin(&r);
	two(&r, "sample", 1);
	measure(&r);
	assert_true(r.m.dual_primary_ns > 1500 * MS);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cause_minority_side),
		cmocka_unit_test(test_cause_long_names),
		cmocka_unit_test(test_cause_refuted),
		cmocka_unit_test(test_cause_restart),
		cmocka_unit_test(test_evicted_is_apart),
		cmocka_unit_test(test_behind),
		cmocka_unit_test(test_behind_in_doubt),
		cmocka_unit_test(test_behind_property),
		cmocka_unit_test(test_two_primaries),
		cmocka_unit_test(test_heard_by_a_witness),
		cmocka_unit_test(test_primaries_of_shards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
