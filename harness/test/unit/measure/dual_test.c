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

/* Two primaries at once, by who acknowledged the clients' writes. */

#define MS NS_PER_MS
#define SEC NS_PER_S

struct run {
	struct history h;
	cJSON *events;
	struct measured m;
};

static void pod(struct run *r, int64_t t, const char *name, const char *ip)
{
	struct arena a = { 0 };
	struct err e = { 0 };

	json_push(r->events, json_parse(arena_fmt(&a, "{\"t\":%lld,\"s\":0,\"k\":\"object\",\"type\":\"pod\","
						      "\"name\":\"%s\",\"ip\":\"%s\"}", (long long)t, name, ip),
					"test", &e));
	arena_free(&a);
}

static void begin(struct run *r)
{
	memset(r, 0, sizeof(*r));
	r->events = cJSON_CreateArray();
	pod(r, 1, "m0", "10.0.0.1");
	pod(r, 2, "m1", "10.0.0.2");
	pod(r, 3, "m2", "10.0.0.3");
}

static struct op *ack(struct run *r, int member, int64_t from, int64_t to)
{
	struct op op = {.f = OP_INSERT,
			.key = OP_NO_VALUE,
			.value = (int64_t)r->h.n + 1,
			.expect = OP_NO_VALUE,
			.t_intended = from,
			.t_invoke = from,
			.t_return = to,
			.sent = true};
	char via[32];

	snprintf(via, sizeof(via), "10.0.0.%d:6379", member + 1);
	op.via = via;
	history_add(&r->h, &op);
	return &r->h.ops[r->h.n - 1];
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

/* `member` alone every 10 ms, in 4 ms. */
static void serves(struct run *r, int member, int64_t from, int64_t to)
{
	for (int64_t t = from; t < to; t += 10 * MS)
		ack(r, member, t, t + 4 * MS);
}

static void in_turn(struct run *r, int64_t from, int64_t to)
{
	serves(r, 0, from, to);
	serves(r, 1, from + 5 * MS, to);
}

static void none(struct run *r)
{
	measure(r);
	assert_int_equal(r->m.dual_primary_ns, 0);
	assert_int_equal(r->m.dual_primary_acks, 0);
	assert_int_equal(r->m.dual_history.ns, 0);
	assert_int_equal(r->m.dual_history.turns, 0);
	end(r);
}

static void test_in_turn(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	serves(&r, 0, SEC, 3 * SEC);
	in_turn(&r, 3 * SEC, 5 * SEC);
	serves(&r, 1, 5 * SEC, 9 * SEC);
	measure(&r);
	/* m1 certainly was one from 3009 ms on, m0 until 4990 ms. */
	assert_int_equal(r.m.dual_primary_ns, 1981 * MS);
	assert_int_equal(r.m.dual_history.ns, 1981 * MS);
	assert_int_equal(r.m.dual_history.within_ns, 1981 * MS);
	assert_true(r.m.dual_history.turns >= 395 && r.m.dual_history.turns <= 400);
	assert_string_equal(r.m.dual_history.a, "m0");
	assert_string_equal(r.m.dual_history.b, "m1");
	assert_true(r.m.dual_primary_acks > 390 && r.m.dual_primary_acks < 400);
	assert_int_equal(r.m.dual_primary_samples, 0);
	end(&r);
}

/* One after the other, also there and back, and back soon. */
static void test_failover(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	serves(&r, 0, SEC, 3 * SEC);
	serves(&r, 1, 3 * SEC, 4 * SEC);
	none(&r);
	begin(&r);
	serves(&r, 0, SEC, 3 * SEC);
	serves(&r, 1, 3 * SEC, 3350 * MS);
	serves(&r, 0, 3350 * MS, 6 * SEC);
	none(&r);
	/* Calls that hang through the change, and one of m0's that ends late. */
	begin(&r);
	serves(&r, 0, SEC, 3 * SEC);
	ack(&r, 0, 2995 * MS, 3900 * MS);
	ack(&r, 1, 2996 * MS, 3200 * MS);
	serves(&r, 1, 3100 * MS, 4 * SEC);
	none(&r);
}

/* There and back is one change too little while one of them takes one write. */
static void test_one_write_between(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	serves(&r, 0, SEC, 2 * SEC);
	ack(&r, 1, 2 * SEC, 2 * SEC + 4 * MS);
	serves(&r, 0, 2010 * MS, 3 * SEC);
	measure(&r);
	/* But it was taken while m0 certainly was the primary. */
	assert_int_equal(r.m.dual_primary_ns, 0);
	assert_int_equal(r.m.dual_primary_acks, 1);
	end(&r);
}

static void test_parts(void **state)
{
	struct run r;

	(void)state;
	for (uint32_t of_m1 = 0; of_m1 <= 2; of_m1++) {
		begin(&r);
		in_turn(&r, SEC, 2 * SEC);
		for (size_t i = 0; i < r.h.n; i++)
			r.h.ops[i].shard = !strncmp(r.h.ops[i].via, "10.0.0.1", 8) ? 1 : of_m1;
		if (of_m1 != 1) {
			none(&r); /* unknown, or another one's */
			continue;
		}
		measure(&r);
		assert_true(r.m.dual_primary_ns > 900 * MS);
		end(&r);
	}
}

static void test_what_tells_nothing(void **state)
{
	struct run r;

	(void)state;
	/* Messages: partitions have leaders of their own. */
	begin(&r);
	in_turn(&r, SEC, 2 * SEC);
	for (size_t i = 0; i < r.h.n; i++)
		r.h.ops[i].f = OP_SEND;
	none(&r);
	/* What was refused, and reads. */
	begin(&r);
	in_turn(&r, SEC, 2 * SEC);
	for (size_t i = 1; i < r.h.n; i++) {
		r.h.ops[i].outcome = i % 2 ? OP_FAIL : OP_OK;
		r.h.ops[i].f = i % 2 ? OP_INSERT : OP_READ;
	}
	none(&r);
	/* An address that m1 had before m0. */
	begin(&r);
	pod(&r, 4, "m1", "10.0.0.1");
	pod(&r, 5, "m0", "10.0.0.1");
	in_turn(&r, SEC, 2 * SEC);
	none(&r);
	/* Nobody's address. */
	begin(&r);
	serves(&r, 6, SEC, 2 * SEC);
	serves(&r, 7, SEC + 5 * MS, 2 * SEC);
	none(&r);
}

/* A member that says in between that it follows has not been one all the while. */
static void test_denied(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	for (int i = 0; i < 10; i++) {
		ack(&r, 0, SEC + i * 200 * MS, SEC + i * 200 * MS + 2 * MS);
		ack(&r, 1, SEC + i * 200 * MS + 100 * MS, SEC + i * 200 * MS + 102 * MS);
		json_push(r.events, synth_sample("m0", SEC + i * 200 * MS + 150 * MS, true, "replica", false, 1));
	}
	measure(&r);
	assert_int_equal(r.m.dual_history.ns, 0);
	end(&r);
}

/* The sampler hears m1 as the primary, and m0 takes a write now and then. */
static void test_against_answers(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	for (int i = 0; i < 50; i++)
		json_push(r.events, synth_sample("m1", SEC + i * 100 * MS, true, "primary", true, 2));
	for (int i = 0; i < 4; i++)
		ack(&r, 0, 2 * SEC + i * SEC / 2, 2 * SEC + i * SEC / 2 + 3 * MS);
	measure(&r);
	assert_int_equal(r.m.dual_primary_ns, 0);
	assert_int_equal(r.m.dual_primary_acks, 4);
	end(&r);
}

/* Two writes a second, one by m0 and one by m1: no run of writes shows that either was
 * one all the while, and nothing shows that it was not. */
static void slow_turns(struct run *r)
{
	begin(r);
	for (int i = 0; i < 20; i++)
		ack(r, i % 2, SEC + i * SEC / 2, SEC + i * SEC / 2 + 4 * MS);
}

static void test_slow_load(void **state)
{
	struct run r;

	(void)state;
	slow_turns(&r);
	measure(&r);
	assert_int_equal(r.m.dual_primary_ns, 0);
	assert_int_equal(r.m.dual_primary_acks, 0);
	assert_int_equal(r.m.dual_doubt.times, 18);
	assert_int_equal(r.m.dual_doubt.longest_ns, 996 * MS);
	/* Of each other one's turn, and no moment twice. */
	assert_int_equal(r.m.dual_doubt.ns, 9496 * MS);
	end(&r);
	/* Answers are no better when they are as rare: each says that it leads. */
	begin(&r);
	for (int i = 0; i < 20; i++)
		json_push(r.events, synth_sample(i % 2 ? "m1" : "m0", SEC + i * SEC / 2, true, "primary", true, 1));
	measure(&r);
	assert_int_equal(r.m.dual_primary_ns, 0);
	assert_int_equal(r.m.dual_doubt.times, 18);
	end(&r);
}

/* Two served all the while, by their answers; that their writes were further apart
 * than what proves two adds no doubt to that. */
static void test_slow_load_of_two(void **state)
{
	struct run r;

	(void)state;
	slow_turns(&r);
	for (int i = 0; i < 200; i++)
		json_push(r.events, synth_sample(i % 2 ? "m1" : "m0", SEC + i * 50 * MS, true, "primary", true, 1));
	measure(&r);
	assert_true(r.m.dual_primary_ns > 9000 * MS);
	assert_true(r.m.dual_doubt.ns < 500 * MS);
	end(&r);
}

/* Each said between its writes that it follows, or was made anew: there and back. */
static void test_slow_handovers(void **state)
{
	struct run r;

	(void)state;
	slow_turns(&r);
	for (int i = 0; i < 20; i++)
		json_push(r.events, synth_sample(i % 2 ? "m1" : "m0", SEC + i * SEC / 2 + 100 * MS, true, "replica",
						 false, 1));
	measure(&r);
	assert_int_equal(r.m.dual_doubt.ns, 0);
	end(&r);
	begin(&r);
	ack(&r, 0, SEC, SEC + 4 * MS);
	ack(&r, 1, 2 * SEC, 2 * SEC + 4 * MS);
	ack(&r, 0, 3 * SEC, 3 * SEC + 4 * MS);
	synth_add_fault(r.events, "kill", "kill-process", 1500 * MS);
	json_set(r.events->child->prev, "targets", cJSON_Parse("[{\"member\":\"m0\",\"role\":\"primary\"}]"));
	measure(&r);
	assert_int_equal(r.m.dual_doubt.ns, 0);
	end(&r);
}

/* Clients beside m0 have another clock, and it may be apart by 30 ms. */
static void test_two_clocks(void **state)
{
	struct run r;
	cJSON *s;

	(void)state;
	begin(&r);
	serves(&r, 0, SEC, 3 * SEC);
	in_turn(&r, 3 * SEC, 5 * SEC);
	for (size_t i = 0; i < r.h.n; i++)
		r.h.ops[i].group = !strncmp(r.h.ops[i].via, "10.0.0.1", 8);
	s = synth_sample("m2", SEC, true, "replica", false, 1);
	json_set_i64(s, "te", 10 * MS);
	json_push(r.events, s);
	s = synth_sample("m0", SEC, true, "primary", true, 1);
	json_set_str(s, "k", "witness");
	json_set_i64(s, "te", 20 * MS);
	json_push(r.events, s);
	measure(&r);
	assert_int_equal(r.m.dual_primary_ns, 1951 * MS);
	assert_int_equal(r.m.dual_history.ns, 1951 * MS);
	end(&r);
}

/* ---- roles whose truth is known ---- */

enum { CHANGES = 8 };

struct reign {
	int64_t from[CHANGES], to[CHANGES];
};

static bool reigns(const struct reign *g, int64_t t)
{
	for (int i = 0; i < CHANGES; i++)
		if (t >= g->from[i] && t <= g->to[i])
			return true;
	return false;
}

static int64_t truly(const struct reign *a, const struct reign *b)
{
	int64_t sum = 0;

	for (int i = 0; i < CHANGES; i++)
		for (int k = 0; k < CHANGES; k++) {
			int64_t from = a->from[i] > b->from[k] ? a->from[i] : b->from[k];
			int64_t to = a->to[i] < b->to[k] ? a->to[i] : b->to[k];

			sum += to > from ? to - from : 0;
		}
	return sum;
}

/* Three members that come and go as primaries as they like, none back within
 * 300 ms. Returns for how long two were said to be, at most what is true. */
static int64_t one_truth(uint64_t seed)
{
	struct rng rng = { .state = seed };
	struct reign g[3];
	int64_t said, truth;
	struct run r;

	begin(&r);
	for (int m = 0; m < 3; m++) {
		int64_t t = SEC + (int64_t)rng_below(&rng, 1000) * MS;

		for (int i = 0; i < CHANGES; i++) {
			g[m].from[i] = t;
			g[m].to[i] = t + (int64_t)rng_below(&rng, 1500) * MS;
			t = g[m].to[i] + 301 * MS + (int64_t)rng_below(&rng, 1500) * MS;
		}
	}
	for (int i = 0; i < 4000; i++) {
		int64_t t = SEC + (int64_t)rng_below(&rng, 12000000) * 1000;
		int m = (int)rng_below(&rng, 3);

		if (reigns(&g[m], t))
			ack(&r, m, t - (int64_t)rng_below(&rng, 30) * MS,
			    t + (int64_t)rng_below(&rng, 30) * MS);
	}
	measure(&r);
	said = r.m.dual_primary_ns;
	truth = truly(&g[0], &g[1]) + truly(&g[0], &g[2]) + truly(&g[1], &g[2]);
	if (said > truth)
		fail_msg("seed %d: %.3f s are said, %.3f s are true", (int)seed, in_s(said), in_s(truth));
	end(&r);
	return said;
}

static void test_truth(void **state)
{
	int64_t said = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++)
		said += one_truth(seed);
	assert_true(said > 100 * SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_turn),
		cmocka_unit_test(test_failover),
		cmocka_unit_test(test_one_write_between),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_what_tells_nothing),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_against_answers),
		cmocka_unit_test(test_slow_load),
		cmocka_unit_test(test_slow_load_of_two),
		cmocka_unit_test(test_slow_handovers),
		cmocka_unit_test(test_two_clocks),
		cmocka_unit_test(test_truth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
