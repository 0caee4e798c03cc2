/* What is normal: latencies before and after, by client and part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/measure.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/synth.h"
#include "test/unit/measure/world.h"

static void test_clients_and_parts(void **state)
{
	const struct outage *o;
	struct world w;

	(void)state;
	world_begin(&w, 12);
	add_down(&w, 10 * NS_PER_S, 4 * NS_PER_S, SYNTH_REFUSE);
	synth_add_fault(w.events, "kill", "kill-pod", w.s.down[0].from - 5 * MS);
	measure(&w);
	o = w.m.worst;
	assert_true(o->client_min_ns >= 4 * NS_PER_S - 50 * MS);
	assert_true(o->client_min_ns <= o->client_median_ns &&
		    o->client_median_ns <= o->client_max_ns);
	assert_true(o->client_max_ns < 8 * NS_PER_S);
	assert_int_equal(o->m.effective, w.s.down[0].from - 5 * MS);
	assert_int_equal(o->m.first_ack, o->up_hi);
	assert_int_equal(o->m.resolved_ns, 0);
	assert_true(o->m.baseline >= o->m.first_ack && o->m.baseline < o->m.first_ack + NS_PER_S);
	world_end(&w);
}

/* p99 comes back later than the first acknowledgement when the service is
 * slow for 5 s after it. */
static void test_baseline_later(void **state)
{
	struct world w;
	int64_t slow_until, i;

	(void)state;
	world_begin(&w, 13);
	add_down(&w, 10 * NS_PER_S, 2 * NS_PER_S, SYNTH_REFUSE);
	synth_add_fault(w.events, "kill", "kill-pod", w.s.down[0].from);
	synth_history(&w.s, &w.h);
	slow_until = w.s.down[0].to + 5 * NS_PER_S;
	for (i = 0; i < (int64_t)w.h.n; i++) {
		struct op *op = &w.h.ops[i];

		if (op->outcome == OP_OK && op->t_intended > w.s.down[0].to + 100 * MS &&
		    op->t_intended < slow_until)
			op->t_return += 200 * MS;
	}
	measure_scenario(&w.h, evidence_kept(w.events, 0), &w.m);
	/* Up to 1 % of a window may still be slow. */
	assert_true(w.m.worst->m.baseline >= slow_until - 100 * MS);
	assert_true(w.m.worst->m.baseline <= slow_until + 100 * MS);
	world_end(&w);
}

/* Quick failures are no sign of health. */
static void test_baseline_after_failures(void **state)
{
	struct world w;
	int64_t failing_until;
	size_t i;

	(void)state;
	world_begin(&w, 17);
	add_down(&w, 10 * NS_PER_S, 2 * NS_PER_S, SYNTH_REFUSE);
	synth_add_fault(w.events, "kill", "kill-pod", w.s.down[0].from);
	synth_history(&w.s, &w.h);
	failing_until = w.s.down[0].to + 4 * NS_PER_S;
	for (i = 0; i < w.h.n; i++) {
		struct op *op = &w.h.ops[i];

		if (op->t_intended > w.s.down[0].to + 100 * MS && op->t_intended < failing_until &&
		    i % 10 == 0) {
			op->outcome = OP_FAIL;
			op->error = "server: no";
		}
	}
	measure_scenario(&w.h, evidence_kept(w.events, 0), &w.m);
	assert_true(w.m.worst->m.baseline >= failing_until - 200 * MS);
	world_end(&w);
}

/* Stumbles of 600 ms before the fault, however many a few are, do not make a second
 * without an answer after it usual. */
static void test_stumbles_before(void **state)
{
	(void)state;
	for (int n = 1; n <= 3; n++) {
		struct world w;

		world_begin(&w, (uint64_t)n);
		w.s.deadline_ns = 2 * NS_PER_S;
		for (int i = 0; i < n; i++)
			add_down(&w, (2 + 2 * i) * NS_PER_S, 600 * MS, SYNTH_FREEZE);
		add_down(&w, 10 * NS_PER_S, 1000 * MS, SYNTH_FREEZE);
		synth_add_fault(w.events, "freeze", "pause", w.s.down[n].from);
		measure(&w);
		if (!w.m.worst->any)
			fail_msg("%d stumbles hide it", n);
		assert_contains(&w, &w.m.faults[0], &w.s.down[n]);
		world_end(&w);
	}
}

static void test_buckets(void **state)
{
	struct world w;
	int ok = 0, bad = 0;
	size_t i;

	(void)state;
	world_begin(&w, 14);
	add_down(&w, 10 * NS_PER_S, 2 * NS_PER_S, SYNTH_REFUSE);
	synth_add_fault(w.events, "kill", "kill-pod", w.s.down[0].from);
	measure(&w);
	for (i = 0; i < w.m.nbuckets; i++) {
		ok += w.m.buckets[i].ok;
		bad += w.m.buckets[i].fail + w.m.buckets[i].info;
	}
	assert_int_equal(ok + bad, (int)w.h.n);
	assert_true(bad > 300 && bad < 420);
	assert_true(w.m.buckets[3].p99_ns > 0 && w.m.buckets[3].p99_ns < 30 * MS);
	assert_int_equal(w.m.buckets[11].p50_ns, -1);
	world_end(&w);
}

static void test_percentile(void **state)
{
	int64_t v[1000];
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		v[i] = i + 1;
	assert_int_equal(stat_percentile(v, 1000, 0.999), 999);
	assert_int_equal(stat_percentile(v, 1000, 0.5), 500);
	assert_int_equal(stat_percentile(v, 1000, 1), 1000);
	assert_int_equal(stat_percentile(v, 1000, 0), 1);
	assert_int_equal(stat_percentile(v, 1, 0.99), 1);
	assert_int_equal(stat_percentile(v, 0, 0.99), -1);
}

static void test_median(void **state)
{
	double five[] = { 5, 1, 4, 2, 3 }, six[] = { 6, 1, 5, 2, 4, 3 }, lo, hi;
	double twenty[20];
	int i;

	(void)state;
	assert_true(stat_median_ci(five, 5, &lo, &hi) == 3);
	assert_true(lo == -1 && hi == -1);
	assert_true(stat_median_ci(six, 6, &lo, &hi) == 3.5);
	assert_true(lo == 1 && hi == 6);
	for (i = 0; i < 20; i++)
		twenty[i] = 20 - i;
	/* Tables of the sign test: n = 20 gives the 6th and the 15th. */
	assert_true(stat_median_ci(twenty, 20, &lo, &hi) == 10.5);
	assert_true(lo == 6 && hi == 15);
	assert_true(stat_median_ci(NULL, 0, &lo, &hi) == -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients_and_parts),
		cmocka_unit_test(test_baseline_later),
		cmocka_unit_test(test_baseline_after_failures),
		cmocka_unit_test(test_stumbles_before),
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_percentile),
		cmocka_unit_test(test_median),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
