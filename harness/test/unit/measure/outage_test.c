/* Which gaps are the outage of which fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/measure.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/synth.h"
#include "test/unit/measure/world.h"

/* Nobody was refused, and all clients wait: when it thawed, the fault tells. */
static void test_thawed(void **state)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct world w;
		int64_t t;

		(void)state;
		world_begin(&w, seed);
		w.s.deadline_ns = 2 * NS_PER_S;
		add_down(&w, 10 * NS_PER_S + (int64_t)seed * 7 * MS, 1200 * MS, SYNTH_FREEZE);
		freeze(&w, w.s.down[0].from, w.s.down[0].to - 5 * MS);
		for (t = w.s.start_ns; t < w.s.start_ns + w.s.length_ns; t += 100 * MS) {
			bool up = t < w.s.down[0].from || t > w.s.down[0].to;

			json_push(w.events, synth_sample("m0", t, up, up ? "primary" : "unknown", up, 1));
		}
		measure(&w);
		assert_contains(&w, &w.m.faults[0], &w.s.down[0]);
		assert_true(stated_error(w.m.worst) <= 60 * MS);
		world_end(&w);
	}
}

/* Where a write that was called later was acknowledged, the fault's instant says
 * nothing of when service stopped again. */
static void test_second_gap_after_silence(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world w;

		world_begin(&w, seed);
		w.s.rate = 4;
		w.s.latency_ns = 40 * MS;
		w.s.spread_ns = 60 * MS;
		w.s.length_ns = 60 * NS_PER_S;
		add_down(&w, 30 * NS_PER_S, 2 * NS_PER_S, SYNTH_HANG);
		add_down(&w, 40 * NS_PER_S + (int64_t)seed * 13 * MS, 8 * NS_PER_S, SYNTH_HANG);
		freeze(&w, w.s.down[0].from, 0);
		measure(&w);
		assert_contains(&w, &w.m.faults[0], &w.s.down[1]);
		world_end(&w);
	}
}

static void test_no_outage(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 3);
	synth_add_fault(w.events, "kill", "kill-pod", w.s.start_ns + 12 * NS_PER_S);
	measure(&w);
	assert_false(w.m.worst->any);
	assert_true(w.m.worst->ended);
	assert_int_equal(w.m.worst->hi_ns, 0);
	assert_int_equal(w.m.worst->lo_ns, 0);
	assert_int_equal(w.m.worst->m.first_ack, 0);
	assert_true(w.m.worst->seen_ns > 0);
	world_end(&w);
}

/* The service goes down under a call that was slow anyway. Calls that were
 * begun later were acknowledged, so it says nothing of the time before. */
static void test_slow_call(void **state)
{
	struct op slow = {.process = 64,
			  .f = OP_INSERT,
			  .key = OP_NO_VALUE,
			  .value = 999999,
			  .outcome = OP_INFO,
			  .sent = true,
			  .error = "timeout: deadline"};
	struct world w;

	(void)state;
	world_begin(&w, 15);
	add_down(&w, 10 * NS_PER_S, 3 * NS_PER_S, SYNTH_REFUSE);
	synth_add_fault(w.events, "kill", "kill-pod", w.s.down[0].from - 100 * MS);
	synth_history(&w.s, &w.h);
	slow.t_intended = slow.t_invoke = w.s.down[0].from - 60 * MS;
	slow.t_return = slow.t_invoke + NS_PER_S;
	history_add(&w.h, &slow);
	history_sort(&w.h);
	measure_scenario(&w.h, evidence_kept(w.events, 0), &w.m);
	assert_contains(&w, &w.m.faults[0], &w.s.down[0]);
	world_end(&w);
}

/* At the end an address still leads to a dead server half of the time. Calls
 * that hang there after others were served are no sign of an outage. */
static void test_half_dead_address(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 20; seed++) {
		struct world w;
		size_t i;

		world_begin(&w, seed);
		w.s.paced = true;
		w.s.connect_ns = 60 * MS;
		add_down(&w, 10 * NS_PER_S, 4 * NS_PER_S, SYNTH_HANG);
		synth_add_fault(w.events, "down", "node-down", w.s.down[0].from - 50 * MS);
		synth_history(&w.s, &w.h);
		for (i = 0; i < w.h.n; i++) {
			struct op *op = &w.h.ops[i];

			if (op->outcome != OP_OK || op->t_invoke < w.s.down[0].to ||
			    !op->connect_ns || op->process % 2)
				continue;
			op->outcome = OP_FAIL;
			op->t_return = op->t_invoke + NS_PER_S;
			op->error = "timeout: no connection";
		}
		measure_scenario(&w.h, evidence_kept(w.events, 0), &w.m);
		assert_contains(&w, &w.m.faults[0], &w.s.down[0]);
		world_end(&w);
	}
}

/* The last acknowledgement before a kill lies before the kill, and so in the
 * window of the fault before it, whose outage this is not. */
static void test_gap_goes_to_the_next_fault(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 20; seed++) {
		struct world w;

		world_begin(&w, seed);
		add_down(&w, 12 * NS_PER_S, 4 * NS_PER_S, SYNTH_REFUSE);
		synth_add_fault(w.events, "first", "kill-pod", w.s.down[0].from - 2 * NS_PER_S);
		synth_add_fault(w.events, "second", "kill-process", w.s.down[0].from);
		synth_history(&w.s, &w.h);
		measure_scenario(&w.h, evidence_kept(w.events, 0), &w.m);
		assert_int_equal(w.m.nfaults, 2);
		assert_false(w.m.faults[0].outage.any);
		assert_contains(&w, &w.m.faults[1], &w.s.down[0]);
		world_end(&w);
	}
}

/* A compare-and-set that finds another value is no failure. */
static void test_mismatch_is_no_outage(void **state)
{
	struct world w;
	size_t i;

	(void)state;
	world_begin(&w, 16);
	synth_add_fault(w.events, "kill", "kill-pod", w.s.start_ns + 12 * NS_PER_S);
	synth_history(&w.s, &w.h);
	for (i = 0; i < w.h.n; i++)
		if (w.h.ops[i].f == OP_CAS && i % 2) {
			w.h.ops[i].outcome = OP_FAIL;
			w.h.ops[i].error = "mismatch: it is 5";
		}
	measure_scenario(&w.h, evidence_kept(w.events, 0), &w.m);
	assert_false(w.m.worst->any);
	world_end(&w);
}

static void test_no_fault(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 4);
	measure(&w);
	assert_null(w.m.worst);
	assert_int_equal(w.m.nfaults, 0);
	assert_true(w.m.baseline_p99_ns > 0);
	world_end(&w);
}

/* Reads and mismatched compare-and-sets are answered all through the outage
 * and must not shorten it. */
static void test_only_writes_count(void **state)
{
	struct world w;
	int64_t t, hi;

	(void)state;
	world_begin(&w, 5);
	add_down(&w, 10 * NS_PER_S, 6 * NS_PER_S, SYNTH_REFUSE);
	synth_add_fault(w.events, "fill", "fill-disk", w.s.down[0].from);
	synth_history(&w.s, &w.h);
	for (t = w.s.down[0].from + 50 * MS; t < w.s.down[0].to; t += 40 * MS) {
		struct op op = {.process = 64,
				.f = OP_READ,
				.key = 1,
				.value = 7,
				.t_intended = t,
				.t_invoke = t,
				.t_return = t + 2 * MS,
				.sent = true,
				.outcome = OP_OK};

		history_add(&w.h, &op);
		op.f = OP_CAS;
		op.process = 65;
		op.outcome = OP_FAIL;
		op.error = "mismatch: value is 7";
		history_add(&w.h, &op);
	}
	history_sort(&w.h);
	measure_scenario(&w.h, evidence_kept(w.events, 0), &w.m);
	assert_contains(&w, &w.m.faults[0], &w.s.down[0]);
	hi = w.m.worst->hi_ns;
	assert_true(hi - 6 * NS_PER_S <= 50 * MS);
	world_end(&w);
}

static void test_longest_of_two(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 6);
	add_down(&w, 10 * NS_PER_S, 2 * NS_PER_S, SYNTH_REFUSE);
	add_down(&w, 20 * NS_PER_S, 5 * NS_PER_S, SYNTH_REFUSE);
	synth_add_fault(w.events, "cut", "partition-node", w.s.down[0].from);
	measure(&w);
	assert_contains(&w, &w.m.faults[0], &w.s.down[1]);
	assert_int_equal(w.m.worst->more, 1);
	assert_true(llabs(w.m.worst->more_ns - 2 * NS_PER_S) < 60 * MS);
	world_end(&w);
}

static void test_each_fault_its_own(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w, 7);
	add_down(&w, 10 * NS_PER_S, 5 * NS_PER_S, SYNTH_REFUSE);
	add_down(&w, 25 * NS_PER_S, 3 * NS_PER_S, SYNTH_REFUSE);
	synth_add_fault(w.events, "one", "kill-pod", w.s.down[0].from);
	synth_add_fault(w.events, "two", "kill-pod", w.s.down[1].from);
	measure(&w);
	assert_int_equal(w.m.nfaults, 2);
	assert_contains(&w, &w.m.faults[0], &w.s.down[0]);
	assert_contains(&w, &w.m.faults[1], &w.s.down[1]);
	assert_int_equal(w.m.faults[0].outage.more, 0);
	assert_ptr_equal(w.m.worst, &w.m.faults[0].outage);
	world_end(&w);
}

/* A fault injected into an outage that was under way answers for the rest. */
static void test_already_down(void **state)
{
	struct synth_down rest;
	struct world w;

	(void)state;
	world_begin(&w, 8);
	add_down(&w, 10 * NS_PER_S, 8 * NS_PER_S, SYNTH_REFUSE);
	synth_add_fault(w.events, "one", "kill-pod", w.s.down[0].from);
	synth_add_fault(w.events, "two", "kill-pod", w.s.down[0].from + 3 * NS_PER_S);
	measure(&w);
	assert_contains(&w, &w.m.faults[0], &w.s.down[0]);
	rest = w.s.down[0];
	rest.from += 3 * NS_PER_S;
	assert_contains(&w, &w.m.faults[1], &rest);
	world_end(&w);
}

static void test_never_ended(void **state)
{
	const struct outage *o;
	struct world w;

	(void)state;
	world_begin(&w, 9);
	add_down(&w, 30 * NS_PER_S, 100 * NS_PER_S, SYNTH_REFUSE);
	synth_add_fault(w.events, "kill", "kill-pod", w.s.down[0].from);
	measure(&w);
	o = w.m.worst;
	assert_true(o->any);
	assert_false(o->ended);
	assert_true(o->down_lo <= w.s.down[0].from && w.s.down[0].from <= o->down_hi);
	assert_true(o->lo_ns >= 9900 * MS && o->lo_ns <= 10 * NS_PER_S);
	assert_int_equal(o->m.first_ack, 0);
	assert_int_equal(o->m.baseline, 0);
	world_end(&w);
}

/* A write that is refused by itself, among others that are served (a deadlock),
 * is no outage; two in a row are one, of hardly any length. */
static void test_one_refused(void **state)
{
	struct op op = {.process = 1,
			.f = OP_INSERT,
			.key = OP_NO_VALUE,
			.value = 999999,
			.outcome = OP_FAIL,
			.sent = true,
			.error = "server: no"};
	struct world w;

	(void)state;
	world_begin(&w, 10);
	synth_add_fault(w.events, "kill", "kill-pod", w.s.start_ns + 15 * NS_PER_S);
	synth_history(&w.s, &w.h);
	op.t_intended = op.t_invoke = w.s.start_ns + 16 * NS_PER_S;
	op.t_return = op.t_invoke + MS;
	history_add(&w.h, &op);
	history_sort(&w.h);
	measure_scenario(&w.h, evidence_kept(w.events, 0), &w.m);
	assert_false(w.m.worst->any);
	measured_free(&w.m);
	op.process = 2;
	op.t_return = ++op.t_invoke + MS;
	history_add(&w.h, &op);
	history_sort(&w.h);
	measure_scenario(&w.h, evidence_kept(w.events, 0), &w.m);
	assert_true(w.m.worst->any);
	assert_int_equal(w.m.worst->lo_ns, 0);
	assert_true(w.m.worst->hi_ns < 100 * MS);
	world_end(&w);
}

/* What the generator itself gave up says nothing of the system. */
static void test_generator_gave_up(void **state)
{
	struct world w;
	struct op op;

	(void)state;
	world_begin(&w, 11);
	synth_add_fault(w.events, "kill", "kill-pod", w.s.start_ns + 15 * NS_PER_S);
	synth_history(&w.s, &w.h);
	op = (struct op){ .process = 1, .f = OP_INSERT, .key = OP_NO_VALUE, .value = 999999,
			  .t_intended = w.s.start_ns + 16 * NS_PER_S, .outcome = OP_FAIL,
			  .error = "client: queue full" };
	op.t_invoke = op.t_return = op.t_intended;
	history_add(&w.h, &op);
	history_sort(&w.h);
	measure_scenario(&w.h, evidence_kept(w.events, 0), &w.m);
	assert_false(w.m.worst->any);
	world_end(&w);
}

static void test_empty(void **state)
{
	struct history h = { 0 };
	cJSON *events = cJSON_CreateArray();
	struct measured m;

	(void)state;
	synth_add_fault(events, "kill", "kill-pod", 5);
	measure_scenario(&h, evidence_kept(events, 0), &m);
	assert_false(m.worst->any);
	assert_int_equal(m.longest_op_ns, -1);
	assert_false(m.loss.known);
	assert_false(m.stands);
	assert_int_equal(m.noise.too_noisy, 0);
	measured_free(&m);
	cJSON_Delete(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thawed),
		cmocka_unit_test(test_second_gap_after_silence),
		cmocka_unit_test(test_no_outage),
		cmocka_unit_test(test_slow_call),
		cmocka_unit_test(test_half_dead_address),
		cmocka_unit_test(test_gap_goes_to_the_next_fault),
		cmocka_unit_test(test_mismatch_is_no_outage),
		cmocka_unit_test(test_no_fault),
		cmocka_unit_test(test_only_writes_count),
		cmocka_unit_test(test_longest_of_two),
		cmocka_unit_test(test_each_fault_its_own),
		cmocka_unit_test(test_already_down),
		cmocka_unit_test(test_never_ended),
		cmocka_unit_test(test_one_refused),
		cmocka_unit_test(test_generator_gave_up),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
