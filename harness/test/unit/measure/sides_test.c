/* What is not the same for all clients, writes and reads: outages of groups,
 * shards and kinds, causes of loss, replicas that are behind, two primaries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "measure/measure.h"
#include "measure/parts.h"
#include "test/lib/evidence_help.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/synth.h"

enum { SECONDS = 40, DOWN_FROM = 12, DOWN_TO = 20 };

#define SEC NS_PER_S
#define MS NS_PER_MS

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

static void measure(struct run *r)
{
	history_sort(&r->h);
	measure_scenario(&r->h, evidence_kept(r->events, 0), &r->m);
}

static void end(struct run *r)
{
	measured_free(&r->m);
	history_free(&r->h);
	cJSON_Delete(r->events);
}

static cJSON *event(struct run *r, const char *kind, int64_t t, const char *more)
{
	struct err e = { 0 };
	cJSON *o = json_parse(more, "test", &e);

	assert_non_null(o);
	json_set_i64(o, "t", t);
	json_set_i64(o, "s", 0);
	json_set_str(o, "k", kind);
	json_push(r->events, o);
	return o;
}

/* ---- whose outage ---- */

/* One operation each 5 ms, by turns; those that `down` picks fail between 12 s
 * and 20 s. */
typedef bool picks(const struct op *op);

static void load(struct run *r, picks *down, int shards)
{
	static const enum op_f kinds[] = { OP_INSERT, OP_CAS, OP_INSERT, OP_READ, OP_INSERT };
	int64_t i;

	for (i = 0; i < SECONDS * 200; i++) {
		int64_t t = i * 5 * MS;
		struct op op = { .f = kinds[i % 5], .process = (uint32_t)(i % 16), .value = i, .key = i % 8,
				 .expect = OP_NO_VALUE, .t_intended = t, .t_invoke = t,
				 .t_return = t + 2 * MS, .sent = true, .group = i % 4 == 3,
				 .shard = shards ? (uint32_t)(i * 7 / 5 % shards) + 1 : 0 };

		if (op.f == OP_INSERT)
			op.key = OP_NO_VALUE;
		if (t >= DOWN_FROM * SEC && t < DOWN_TO * SEC && down(&op)) {
			op.outcome = OP_FAIL;
			mem_copy_str(op.error, sizeof(op.error), "server: refused");
		}
		history_add(&r->h, &op);
	}
	synth_add_fault(r->events, "cut", "partition-node", DOWN_FROM * SEC);
	event(r, "group", 1, "{\"g\":1,\"name\":\"minority\",\"node\":\"n1\",\"member\":\"m0\",\"clients\":4,\"rate\":50}");
}

static void is_about(int64_t ns, int64_t lo, int64_t hi)
{
	if (ns < lo || ns > hi)
		fail_msg("%.3f s is not within %.3f and %.3f s", (double)ns / SEC, (double)lo / SEC, (double)hi / SEC);
}

static void down_for_8_s(const struct outage *o)
{
	assert_true(o->any && o->ended);
	/* The next write of a part comes up to 140 ms later. */
	is_about(o->lo_ns, 7900 * MS, 8150 * MS);
	is_about(o->hi_ns, 8000 * MS, 8150 * MS);
}

static bool the_others(const struct op *op) { return op->group == 0; }
static bool the_minority(const struct op *op) { return op->group == 1; }
static bool one_shard(const struct op *op) { return op->shard == 2; }
static bool the_inserts(const struct op *op) { return op->f == OP_INSERT; }
static bool everything(const struct op *op) { (void)op; return true; }
static bool every_second(const struct op *op) { return (op->value + op->value / 16) % 2; }

static void test_majority_is_the_outage(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, the_others, 0);
	measure(&r);
	f = &r.m.faults[0];
	down_for_8_s(&f->outage);
	assert_string_equal(f->outage_of, "");
	assert_non_null(fault_part(f, "group", "minority"));
	assert_false(fault_part(f, "group", "minority")->outage.any);
	end(&r);
}

/* A send is a write: it has an outage, and one of its own kind. */
static void test_sends_are_writes(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, the_inserts, 0);
	for (size_t i = 0; i < r.h.n; i++)
		if (r.h.ops[i].f == OP_INSERT)
			r.h.ops[i].f = OP_SEND;
		else if (r.h.ops[i].f == OP_READ)
			r.h.ops[i].f = OP_RECEIVE;
	measure(&r);
	f = &r.m.faults[0];
	assert_string_equal(f->outage_of, "kind send");
	down_for_8_s(&f->outage);
	assert_true(fault_part(f, "kind", "receive")->reads);
	assert_false(fault_part(f, "kind", "receive")->outage.any);
	end(&r);
}

static void test_minority_is_not(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, the_minority, 0);
	measure(&r);
	f = &r.m.faults[0];
	assert_false(f->outage.any);
	down_for_8_s(&fault_part(f, "group", "minority")->outage);
	end(&r);
}

static void test_worst_shard(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, one_shard, 3);
	measure(&r);
	f = &r.m.faults[0];
	assert_string_equal(f->outage_of, "shard 2");
	down_for_8_s(&f->outage);
	assert_false(fault_part(f, "shard", "1")->outage.any);
	assert_false(fault_part(f, "shard", "3")->outage.any);
	assert_ptr_equal(r.m.worst, &f->outage);
	end(&r);
}

/* A call that waited long does not tell when a shard came back; then its own
 * members do, whatever those of other shards say all the while. */
static void test_shard_by_its_members(void **state)
{
	const struct fault_seen *f;
	struct run r;
	size_t n = 0;
	int64_t t;

	(void)state;
	begin(&r);
	load(&r, one_shard, 3);
	for (size_t i = 0; i < r.h.n; i++) {
		const struct op *op = &r.h.ops[i];

		if (!one_shard(op) || op->t_invoke < DOWN_TO * SEC - 900 * MS || op->t_invoke >= DOWN_TO * SEC)
			r.h.ops[n++] = *op;
	}
	r.h.n = n;
	for (size_t i = 0; i < n; i++)
		if (one_shard(&r.h.ops[i]) && r.h.ops[i].t_invoke >= DOWN_TO * SEC && r.h.ops[i].f != OP_READ) {
			r.h.ops[i].t_invoke -= 800 * MS;
			break;
		}
	for (t = (DOWN_FROM - 1) * SEC; t < (DOWN_TO + 2) * SEC; t += 100 * MS) {
		bool back = t >= DOWN_TO * SEC;
		cJSON *other = synth_sample("m1", t, true, "primary", true, 1);
		cJSON *own = synth_sample("m2", t, true, back ? "primary" : "replica", back, 1);

		json_set_i64(other, "shard", 1);
		json_set_i64(own, "shard", 2);
		json_push(r.events, other);
		json_push(r.events, own);
	}
	measure(&r);
	f = &r.m.faults[0];
	assert_string_equal(f->outage_of, "shard 2");
	is_about(f->outage.up_lo, DOWN_TO * SEC - 110 * MS, DOWN_TO * SEC);
	is_about(f->outage.up_hi, DOWN_TO * SEC, DOWN_TO * SEC + 50 * MS);
	end(&r);
}

/* Calls hang at the end; the first that is served had asked others for 400 ms
 * who serves it, and so says nothing of these 400 ms. */
static void test_time_to_find(void **state)
{
	const struct outage *o;
	bool served = false;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, everything, 0);
	for (size_t i = 0; i < r.h.n; i++) {
		struct op *op = &r.h.ops[i];

		if (op->t_invoke >= DOWN_TO * SEC - 500 * MS && op->t_invoke < DOWN_TO * SEC)
			op->t_return = op->t_invoke + 600 * MS;
		if (op->t_invoke < DOWN_TO * SEC || served || op->f == OP_READ || op->group)
			continue;
		op->t_invoke -= 400 * MS;
		op->find_ns = 400 * MS;
		served = true;
	}
	measure(&r);
	o = &r.m.faults[0].outage;
	assert_true(o->any && o->ended);
	is_about(o->up_lo, DOWN_TO * SEC - 20 * MS, DOWN_TO * SEC);
	is_about(o->up_hi, DOWN_TO * SEC, DOWN_TO * SEC + 20 * MS);
	end(&r);
}

static void test_worst_kind(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, the_inserts, 0);
	measure(&r);
	f = &r.m.faults[0];
	assert_string_equal(f->outage_of, "kind insert");
	down_for_8_s(&f->outage);
	assert_false(fault_part(f, "kind", "cas")->outage.any);
	assert_false(fault_part(f, "kind", "read")->outage.any);
	end(&r);
}

/* When all fail together, all together tell best when it began and ended. */
static void test_all_together(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, everything, 3);
	measure(&r);
	f = &r.m.faults[0];
	assert_string_equal(f->outage_of, "");
	down_for_8_s(&f->outage);
	assert_true(f->outage.hi_ns - f->outage.lo_ns <= 30 * MS);
	end(&r);
}

/* Half of all tries fail, of each kind, to each shard and of each client: nothing
 * was down. */
static void test_every_second_fails(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, every_second, 0);
	measure(&r);
	f = &r.m.faults[0];
	assert_string_equal(f->outage_of, "");
	assert_true(f->outage.hi_ns < 500 * MS);
	end(&r);
}

/* ---- causes of loss ---- */

static void insert(struct run *r, int64_t value, int64_t t, uint32_t group)
{
	struct op op = { .f = OP_INSERT, .key = OP_NO_VALUE, .value = value, .expect = OP_NO_VALUE,
			 .t_intended = t, .t_invoke = t, .t_return = t + 2 * MS, .sent = true, .group = group };

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
	struct op op = { .f = OP_WRITE, .key = 0, .value = 7, .expect = OP_NO_VALUE, .t_invoke = 2 * SEC,
			 .t_return = 2 * SEC + MS, .sent = true };
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

static void put(struct run *r, enum op_f f, int64_t value, int64_t from, int64_t to, enum op_outcome o)
{
	struct op op = { .f = f, .key = 0, .value = value, .expect = OP_NO_VALUE, .t_intended = from,
			 .t_invoke = from, .t_return = to, .outcome = o, .sent = true };

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
	put(&r, OP_READ_REPLICA, 1, 4 * SEC, 4 * SEC + MS, OP_OK); /* missed 2 and 3, since 2.001 s */
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
			int64_t at = SEC + (int64_t)rng_below(&rng, (uint64_t)(t - SEC)), shows = at - behind;
			int64_t from = at - (int64_t)rng_below(&rng, 5) * MS, best = INT64_MIN, value = OP_NO_VALUE;
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
			put(&r, OP_READ_REPLICA, value, from, at + (int64_t)rng_below(&rng, 5) * MS, OP_OK);
			if (since < at && at - since > worst)
				worst = at - since;
		}
		measure(&r);
		assert_int_equal(r.m.staleness.reads, 200);
		if (r.m.staleness.max_ns > worst || r.m.staleness.max_hi_ns < worst)
			fail_msg("seed %d: %.1f ms is not within %.1f and %.1f ms", seed, (double)worst / MS,
				 (double)r.m.staleness.max_ns / MS, (double)r.m.staleness.max_hi_ns / MS);
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
		cmocka_unit_test(test_majority_is_the_outage),
		cmocka_unit_test(test_minority_is_not),
		cmocka_unit_test(test_sends_are_writes),
		cmocka_unit_test(test_worst_shard),
		cmocka_unit_test(test_shard_by_its_members),
		cmocka_unit_test(test_time_to_find),
		cmocka_unit_test(test_worst_kind),
		cmocka_unit_test(test_all_together),
		cmocka_unit_test(test_every_second_fails),
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
