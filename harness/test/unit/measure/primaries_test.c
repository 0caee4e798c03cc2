/* Who was primary, by the sampler's word: two at once, none seen, one that stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "test/lib/synth.h"
#include "test/unit/measure/told.h"

static void test_two_primaries(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	two(&r, 0, 12 * SEC, 10 * SEC, 20 * SEC);
	measure(&r);
	/* Two seconds, less what lies between answers. */
	assert_true(r.m.dual_primary_ns > 1600 * MS && r.m.dual_primary_ns <= 2 * SEC);
	assert_true(r.m.dual_primary_samples >= 36);
	end(&r);
}

/* As a sample with these shards is written. */
static void json_merge_shards(cJSON *event, const struct sample *s)
{
	static const char *const keys[] = {"shard", "shards"};
	cJSON *o = sample_to_json(s);

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (json_get(o, keys[i]))
			json_set(event, keys[i],
				 cJSON_DetachItemFromObjectCaseSensitive(o, keys[i]));
	cJSON_Delete(o);
}

/* Primaries of different shards are what a sharded system is; of one shard,
 * or when one does not say of which, they are rivals. */
static void test_primaries_of_shards(void **state)
{
	static const struct {
		int a, b;
		bool rivals;
	} t[] = {{1, 2, false}, {1, 1, true}, {0, 2, true}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct run r;
		cJSON *e;

		begin(&r);
		two(&r, 0, 20 * SEC, 0, 20 * SEC);
		cJSON_ArrayForEach(e, r.events) {
			int shard = strcmp(json_str(e, "m", ""), "m0") ? t[i].b : t[i].a;

			if (!strcmp(json_str(e, "k", ""), "sample") && shard)
				json_set_i64(e, "shard", shard);
		}
		measure(&r);
		assert_int_equal(r.m.dual_primary_ns > 15 * SEC, t[i].rivals);
		assert_int_equal(r.m.dual_primary_samples > 0, t[i].rivals);
		end(&r);
	}
}

/* A member may lead several: rivals are those that share one. By the numbers' bits. */
static void test_primaries_of_several(void **state)
{
	static const struct {
		uint64_t a, b;
		bool rivals;
	} t[] = {{0x1, 0x6, false}, {0x3, 0x6, true}, {0x6, 0x4, true}, {0, 0x6, true}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct sample s = {.role = ROLE_PRIMARY};
		struct run r;
		cJSON *e;

		begin(&r);
		two(&r, 0, 20 * SEC, 0, 20 * SEC);
		cJSON_ArrayForEach(e, r.events) {
			if (strcmp(json_str(e, "k", ""), "sample"))
				continue;
			s.shards = strcmp(json_str(e, "m", ""), "m0") ? t[i].b : t[i].a;
			json_merge_shards(e, &s);
		}
		measure(&r);
		assert_int_equal(r.m.dual_primary_ns > 15 * SEC, t[i].rivals);
		assert_int_equal(r.m.dual_primary_samples > 0, t[i].rivals);
		end(&r);
	}
}

/* A hand-over between two rounds of questions is no split: the newest
 * answers of both say "primary" for a moment, but at different times. */
static void test_hand_over(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	two(&r, 0, 10 * SEC, 10 * SEC, 20 * SEC);
	measure(&r);
	assert_int_equal(r.m.dual_primary_ns, 0);
	assert_int_equal(r.m.dual_primary_samples, 0);
	end(&r);
}

/* The old primary hangs, its last answer stays "primary": no evidence. */
static void test_silent_primary(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	for (t = 0; t < 20 * SEC; t += 100 * MS) {
		if (t < 5 * SEC)
			json_push(r.events, synth_sample("m0", t, true, "primary", true, 1));
		json_push(r.events, synth_sample("m1", t + 50 * MS, true, t > 8 * SEC ? "primary" : "replica",
						 t > 8 * SEC, 2));
	}
	measure(&r);
	assert_int_equal(r.m.dual_primary_ns, 0);
	assert_int_equal(r.m.dual_primary_unseen_ns, 0);
	end(&r);
}

/* "Primary" before and after a long silence says nothing of the silence. */
static void test_long_silence(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	for (t = 0; t < 20 * SEC; t += 100 * MS) {
		bool other = t > 6 * SEC && t < 8 * SEC;

		if (t < 5 * SEC || t > 9 * SEC)
			json_push(r.events, synth_sample("m0", t, true, "primary", true, 1));
		json_push(r.events, synth_sample("m1", t + 50 * MS, true, other ? "primary" : "replica", other, 2));
	}
	measure(&r);
	assert_int_equal(r.m.dual_primary_ns, 0);
	end(&r);
}

static void add_target(cJSON *events, const char *member)
{
	cJSON *e, *list, *t;

	cJSON_ArrayForEach(e, events) {
		if (strcmp(json_str(e, "k", ""), "fault"))
			continue;
		list = cJSON_CreateArray();
		t = cJSON_CreateObject();
		json_set_str(t, "member", member);
		json_set_str(t, "role", "primary");
		json_set_str(t, "node", "worker2");
		json_push(list, t);
		json_set(e, "targets", list);
	}
}

/* Behind a partition it may have gone on serving: not excluded. */
static void test_unseen_primary(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 1900);
	synth_add_fault(r.events, "cut", "partition-node", 5 * SEC);
	json_push(r.events, synth_fault("cut", "partition-node", "healed", 15 * SEC));
	add_target(r.events, "m0");
	for (t = 0; t < 20 * SEC; t += 100 * MS) {
		bool hidden = t > 5 * SEC && t < 15 * SEC;

		json_push(r.events, synth_sample("m0", t, !hidden, hidden ? "unknown" : t < 6 * SEC ? "primary" : "replica",
						 t <= 5 * SEC, 1));
		json_push(r.events, synth_sample("m1", t + 50 * MS, true, t > 8 * SEC ? "primary" : "replica",
						 t > 8 * SEC, 2));
	}
	measure(&r);
	assert_int_equal(r.m.dual_primary_ns, 0);
	assert_true(r.m.dual_primary_unseen_ns > 6 * SEC && r.m.dual_primary_unseen_ns < 7 * SEC);
	assert_string_equal(r.m.faults[0].rec->target, "m0");
	assert_string_equal(r.m.faults[0].rec->role, "primary");
	assert_string_equal(r.m.faults[0].rec->node, "worker2");
	assert_true(r.m.faults[0].rec->undone);
	assert_true(r.m.faults[0].demoted_ns >= 0 && r.m.faults[0].demoted_ns <= 100 * MS);
	end(&r);
}

/* Once healed it is heard to let nobody in, long before it follows; by one
 * beside it that was heard already behind the partition. In a silence between
 * it may have been anything. */
static void closed_one(bool witness, bool silence, int64_t demoted_ns, int64_t unseen_ns)
{
	struct run r;
	int64_t t;

	begin(&r);
	steady(&r.h, 2900);
	synth_add_fault(r.events, "cut", "partition-node", 5 * SEC);
	json_push(r.events, synth_fault("cut", "partition-node", "healed", 15 * SEC));
	add_target(r.events, "m0");
	for (t = 0; t < 30 * SEC; t += 100 * MS) {
		bool up = t <= 5 * SEC || t >= 25 * SEC;
		bool heard = t > 15 * SEC && !(silence && t > 18 * SEC && t < 19 * SEC);
		cJSON *e = synth_sample("m0", t, up, !up ? "unknown" : t < 6 * SEC ? "primary" : "replica", t <= 5 * SEC, 1);

		if (!up && heard)
			json_set_bool(e, "closed", true);
		json_push(r.events, e);
		e = synth_sample("m0", t + MS, up, json_str(e, "role", ""), t <= 5 * SEC, 1);
		if (!up && t > 7 * SEC)
			json_set_bool(e, "closed", true);
		json_set_str(e, "k", "witness");
		if (witness)
			json_push(r.events, e);
		else
			cJSON_Delete(e);
		json_push(r.events, synth_sample("m1", t + 50 * MS, true, t > 8 * SEC ? "primary" : "replica",
						 t > 8 * SEC, 2));
	}
	measure(&r);
	if (llabs(r.m.faults[0].demoted_ns - demoted_ns) > 200 * MS ||
	    llabs(r.m.dual_primary_unseen_ns - unseen_ns) > 200 * MS)
		fail_msg("demoted after %lld ms, unseen for %lld ms", (long long)(r.m.faults[0].demoted_ns / MS),
			 (long long)(r.m.dual_primary_unseen_ns / MS));
	end(&r);
}

/* Healed at 10 s it answers, and does not say what it is until 14 s: that is a silence as
 * well. What it says of nothing but writes shows that it takes none. */
static void test_mute(void **state)
{
	static const struct {
		const char *role;
		int writable; /* -1: untold */
		int64_t demoted_ns;
	} cases[] = {{NULL, 1, 4 * SEC}, {NULL, -1, 4 * SEC}, {"primary", -1, 4 * SEC}, {NULL, 0, 0}, {"replica", -1, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run r;

		begin(&r);
		steady(&r.h, 1900);
		synth_add_fault(r.events, "freeze", "pause", 5 * SEC);
		json_push(r.events, synth_fault("freeze", "pause", "healed", 10 * SEC));
		add_target(r.events, "m0");
		for (int64_t t = 0; t < 20 * SEC; t += 100 * MS) {
			bool hidden = t > 5 * SEC && t < 10 * SEC, mine = t <= 5 * SEC;
			cJSON *e = synth_sample("m0", t, !hidden, mine ? "primary" : "replica", mine, 1);

			if (t >= 10 * SEC && t < 14 * SEC) {
				cJSON_DeleteItemFromObject(e, "role");
				cJSON_DeleteItemFromObject(e, "writable");
				if (cases[i].role)
					json_set_str(e, "role", cases[i].role);
				if (cases[i].writable >= 0)
					json_set_bool(e, "writable", cases[i].writable);
			}
			json_push(r.events, e);
			json_push(r.events, synth_sample("m1", t + 50 * MS, true, t > 8 * SEC ? "primary" : "replica",
							 t > 8 * SEC, 2));
		}
		measure(&r);
		if (llabs(r.m.faults[0].demoted_ns - cases[i].demoted_ns) > 150 * MS)
			fail_msg("%zu: demoted after %lld ms", i, (long long)(r.m.faults[0].demoted_ns / MS));
		end(&r);
	}
}

static void test_closed(void **state)
{
	(void)state;
	closed_one(false, false, 0, 7 * SEC);
	closed_one(false, true, 4 * SEC, 7 * SEC);
	closed_one(true, false, 0, 0);
}

/* Healed at 10 s it says "replica" at 11 s, and serves again from `from` to `to`;
 * m1 leads until `until`. */
static void flapping(int64_t from, int64_t to, int64_t until, int64_t demoted_ns)
{
	struct run r;
	int64_t t;

	begin(&r);
	steady(&r.h, 2900);
	synth_add_fault(r.events, "freeze", "pause", 5 * SEC);
	json_push(r.events, synth_fault("freeze", "pause", "healed", 10 * SEC));
	add_target(r.events, "m0");
	for (t = 0; t < 30 * SEC; t += 100 * MS) {
		bool hidden = t > 5 * SEC && t < 10 * SEC;
		bool mine =
			t <= 5 * SEC || (t >= 10 * SEC && t < 11 * SEC) || (t >= from && t < to);
		bool its = t > 8 * SEC && t < until;

		json_push(r.events, synth_sample("m0", t, !hidden, mine ? "primary" : "replica", mine, 1));
		json_push(r.events, synth_sample("m1", t + 50 * MS, true, its ? "primary" : "replica", its, 2));
	}
	measure(&r);
	if (llabs(r.m.faults[0].demoted_ns - demoted_ns) > 100 * MS)
		fail_msg("demoted after %lld ms", (long long)(r.m.faults[0].demoted_ns / MS));
	end(&r);
}

static void test_flapping(void **state)
{
	(void)state;
	flapping(30 * SEC, 30 * SEC, 30 * SEC, SEC);
	flapping(11100 * MS, 26 * SEC, 30 * SEC, 16 * SEC);
	/* The other one handed over. */
	flapping(20 * SEC, 30 * SEC, 20 * SEC, SEC);
}

/* It answers again at some moment of a healing that takes 600 ms; the moment itself
 * nobody saw. */
static void test_healing_takes(void **state)
{
	static const struct {
		int64_t replica_ns, most_ns, least_ns;
	} cases[] = {{11 * SEC, 1600 * MS, 900 * MS}, {9700 * MS, 300 * MS, 0}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct fault_seen *f;
		struct run r;

		begin(&r);
		steady(&r.h, 1900);
		synth_add_fault(r.events, "freeze", "pause", 5 * SEC);
		json_push(r.events, synth_fault("freeze", "pause", "healing", 9400 * MS));
		json_push(r.events, synth_fault("freeze", "pause", "healed", 10 * SEC));
		add_target(r.events, "m0");
		for (int64_t t = 0; t < 20 * SEC; t += 100 * MS) {
			bool hidden = t > 5 * SEC && t < 9500 * MS, mine = t < cases[i].replica_ns;

			json_push(r.events, synth_sample("m0", t, !hidden, mine ? "primary" : "replica", mine, 1));
			json_push(r.events, synth_sample("m1", t + 50 * MS, true, t > 8 * SEC ? "primary" : "replica",
							 t > 8 * SEC, 2));
		}
		measure(&r);
		f = &r.m.faults[0];
		if (llabs(f->demoted_ns - cases[i].most_ns) > 20 * MS ||
		    llabs(f->demoted_lo_ns - cases[i].least_ns) > 20 * MS)
			fail_msg("demoted after %lld to %lld ms", (long long)(f->demoted_lo_ns / MS),
				 (long long)(f->demoted_ns / MS));
		end(&r);
	}
}

/* Healed at 10 s it says "replica" at once. From `from` to `to` it acknowledges writes all
 * the same; where `leads`, it says then that it is the primary again, and m1 none. */
static void took_writes(int64_t from, int64_t to, bool leads, int64_t least_ns, int64_t most_ns)
{
	const struct fault_seen *f;
	struct run r;
	int64_t t;

	begin(&r);
	steady(&r.h, 1900);
	for (size_t i = 0; i < r.h.n; i++)
		if (r.h.ops[i].t_invoke >= from && r.h.ops[i].t_invoke < to)
			r.h.ops[i].via = "10.0.0.1:5432";
	add(r.events, "object", 1, "{\"type\":\"pod\",\"name\":\"m0\",\"ip\":\"10.0.0.1\",\"uid\":\"u\",\"ready\":true}");
	synth_add_fault(r.events, "freeze", "pause", 5 * SEC);
	json_push(r.events, synth_fault("freeze", "pause", "healed", 10 * SEC));
	add_target(r.events, "m0");
	for (t = 0; t < 20 * SEC; t += 100 * MS) {
		bool hidden = t > 5 * SEC && t < 10 * SEC, again = leads && t >= from && t < to;
		bool mine = t <= 5 * SEC || again, its = t > 8 * SEC && !again;

		json_push(r.events, synth_sample("m0", t, !hidden, mine ? "primary" : "replica", mine, 1));
		json_push(r.events, synth_sample("m1", t + 50 * MS, true, its ? "primary" : "replica", its, 2));
	}
	measure(&r);
	f = &r.m.faults[0];
	if (llabs(f->demoted_ns - most_ns) > 150 * MS ||
	    llabs(f->demoted_lo_ns - least_ns) > 20 * MS)
		fail_msg("demoted after %lld to %lld ms", (long long)(f->demoted_lo_ns / MS),
			 (long long)(f->demoted_ns / MS));
	end(&r);
}

/* A write that it acknowledged is a word of its own, and counts for more than what it says. */
static void test_writes_tell(void **state)
{
	(void)state;
	took_writes(11500 * MS, 14 * SEC, false, 3990 * MS, 4 * SEC);
	took_writes(12 * SEC, 12050 * MS, false, 2040 * MS, 2100 * MS);
	took_writes(11500 * MS, 30 * SEC, false, 9940 * MS, -1);
	/* The other one handed over, and took it back. */
	took_writes(14 * SEC, 20 * SEC, true, 0, 0);
	took_writes(2 * SEC, 5 * SEC, false, 0, 0);
}

static void test_still_primary(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 1900);
	synth_add_fault(r.events, "freeze", "pause", 5 * SEC);
	json_push(r.events, synth_fault("freeze", "pause", "healed", 10 * SEC));
	add_target(r.events, "m0");
	for (t = 0; t < 20 * SEC; t += 100 * MS) {
		bool hidden = t > 5 * SEC && t < 10 * SEC;

		json_push(r.events, synth_sample("m0", t, !hidden, "primary", !hidden, 1));
		json_push(r.events, synth_sample("m1", t + 50 * MS, true, t > 8 * SEC ? "primary" : "replica",
						 t > 8 * SEC, 2));
	}
	measure(&r);
	assert_int_equal(r.m.faults[0].demoted_ns, -1);
	assert_true(r.m.faults[0].still_primary);
	assert_true(r.m.dual_primary_ns > 8 * SEC);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_primaries),
		cmocka_unit_test(test_primaries_of_shards),
		cmocka_unit_test(test_primaries_of_several),
		cmocka_unit_test(test_hand_over),
		cmocka_unit_test(test_silent_primary),
		cmocka_unit_test(test_long_silence),
		cmocka_unit_test(test_unseen_primary),
		cmocka_unit_test(test_mute),	cmocka_unit_test(test_closed),
		cmocka_unit_test(test_healing_takes),
		cmocka_unit_test(test_still_primary),
		cmocka_unit_test(test_writes_tell),
		cmocka_unit_test(test_flapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
