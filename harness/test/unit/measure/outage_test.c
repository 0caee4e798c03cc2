#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/measure.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/synth.h"

/* Outages on histories whose truth is known. */

#define MS NS_PER_MS

struct world {
	struct synth s;
	struct history h;
	cJSON *events;
	struct measured m;
};

static void world_begin(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	synth_defaults(&w->s, seed);
	w->events = cJSON_CreateArray();
}

static void add_down(struct world *w, int64_t from, int64_t length, enum synth_mode mode)
{
	struct synth_down *d = &w->s.down[w->s.ndown++];

	d->from = w->s.start_ns + from;
	d->to = d->from + length;
	d->mode = mode;
}

static void measure(struct world *w)
{
	synth_history(&w->s, &w->h);
	measure_scenario(&w->h, evidence_kept(w->events, 0), &w->m);
}

static void world_end(struct world *w)
{
	measured_free(&w->m);
	history_free(&w->h);
	cJSON_Delete(w->events);
}

static int64_t stated_error(const struct outage *o)
{
	return o->hi_ns - o->lo_ns;
}

/* From the last effect before the service went down (not before the
 * injection) to the first one after. */
static void truth(const struct world *w, const struct fault_seen *f, const struct synth_down *d,
		  int64_t *last, int64_t *first)
{
	size_t i;

	*last = f->rec->injected_ns;
	*first = INT64_MAX;
	for (i = 0; i < w->h.n; i++) {
		const struct op *op = &w->h.ops[i];
		int64_t t;

		if (op->outcome != OP_OK || op->f == OP_READ)
			continue;
		t = w->s.effect[op->value];
		if (t < d->to && t > *last)
			*last = t;
		if (t >= d->to && t < *first)
			*first = t;
	}
}

static void assert_contains(const struct world *w, const struct fault_seen *f, const struct synth_down *d)
{
	const struct outage *o = &f->outage;
	int64_t last, first;

	truth(w, f, d, &last, &first);
	assert_true(o->any && o->ended);
	if (o->down_lo > last || o->down_hi < last || o->up_lo > first || o->up_hi < first)
		fail_msg("down in [%lld, %lld], up in [%lld, %lld] (us from the truth)",
			 (long long)(o->down_lo - last) / 1000, (long long)(o->down_hi - last) / 1000,
			 (long long)(o->up_lo - first) / 1000, (long long)(o->up_hi - first) / 1000);
	assert_true(o->lo_ns <= first - last && first - last <= o->hi_ns);
}

/* One outage of one mode after 10 s; returns the widest stated error. */
static int64_t widest(enum synth_mode mode, int64_t length, bool paced, bool sampled)
{
	int64_t worst = 0;
	uint64_t seed;

	for (seed = 1; seed <= 20; seed++) {
		struct world w;

		world_begin(&w, seed);
		w.s.paced = paced;
		add_down(&w, 10 * NS_PER_S + (int64_t)seed * 7 * MS, length, mode);
		synth_add_fault(w.events, "kill", "kill-pod", w.s.down[0].from - 20 * MS);
		if (sampled)
			synth_samples(&w.s, w.events);
		measure(&w);
		assert_int_equal(w.m.nfaults, 1);
		assert_ptr_equal(w.m.worst, &w.m.faults[0].outage);
		assert_contains(&w, &w.m.faults[0], &w.s.down[0]);
		if (stated_error(w.m.worst) > worst)
			worst = stated_error(w.m.worst);
		world_end(&w);
	}
	print_message("mode %d: stated error at most %.1f ms\n", (int)mode, (double)worst / MS);
	return worst;
}

static void test_refused(void **state)
{
	(void)state;
	assert_true(widest(SYNTH_REFUSE, 3700 * MS, false, false) <= 50 * MS);
	assert_true(widest(SYNTH_REFUSE, 25 * NS_PER_S, true, false) <= 50 * MS);
}

static void test_hung(void **state)
{
	(void)state;
	/* Calls that were under way when the pod went, and none after. */
	assert_true(widest(SYNTH_VANISH, 12340 * MS, true, false) <= 50 * MS);
	/* All hang: an attempt every 15 to 30 ms, and some of them are reads. */
	assert_true(widest(SYNTH_HANG, 12340 * MS, true, false) <= 150 * MS);
	assert_true(widest(SYNTH_HANG, 2770 * MS, true, false) <= 150 * MS);
}

static void freeze(struct world *w, int64_t from, int64_t to)
{
	cJSON *e;

	synth_add_fault(w->events, "freeze", "pause", from);
	if (to)
		json_push(w->events, synth_fault("freeze", "pause", "healing", to));
	cJSON_ArrayForEach(e, w->events) {
		json_set_bool(e, "silences", true);
		json_set(e, "targets", cJSON_Parse("[{\"member\":\"m0\",\"role\":\"primary\"}]"));
	}
}

/* A frozen or cut off primary is silent from a known instant on: what clients
 * that hang cannot tell, the fault does. */
static void test_silenced(void **state)
{
	int64_t worst = 0;
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 20; seed++) {
		struct world w;
		int64_t effective;

		world_begin(&w, seed);
		w.s.paced = true;
		add_down(&w, 10 * NS_PER_S + (int64_t)seed * 7 * MS, 12340 * MS, SYNTH_HANG);
		effective = w.s.down[0].from;
		freeze(&w, effective, 0);
		measure(&w);
		assert_contains(&w, &w.m.faults[0], &w.s.down[0]);
		assert_true(w.m.worst->down_hi <= effective || w.m.worst->down_hi == w.m.worst->down_lo);
		if (stated_error(w.m.worst) > worst)
			worst = stated_error(w.m.worst);
		world_end(&w);
	}
	print_message("silenced: stated error at most %.1f ms\n", (double)worst / MS);
	assert_true(worst <= 75 * MS); /* the rest is the end, where some attempts are reads */
}

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

/* Calls that waited through the outage and were served at its end do not tell
 * when that was; the members' own word does. */
static void test_members_word(void **state)
{
	int64_t alone, helped;

	(void)state;
	alone = widest(SYNTH_FREEZE, 12500 * MS, false, false);
	helped = widest(SYNTH_FREEZE, 12500 * MS, false, true);
	assert_true(helped < alone);
	assert_true(helped <= 150 * MS);
}

static void test_frozen_and_answered(void **state)
{
	(void)state;
	/* Nobody is refused: each end is only known to L, here 18 ms. */
	assert_true(widest(SYNTH_FREEZE, 250 * MS, false, false) <= 60 * MS);
	assert_true(widest(SYNTH_FREEZE, 8200 * MS, true, false) <= 150 * MS);
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
	struct op slow = { .process = 64, .f = OP_INSERT, .key = OP_NO_VALUE, .value = 999999, .outcome = OP_INFO,
			   .sent = true, .error = "timeout: deadline" };
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

			if (op->outcome != OP_OK || op->t_invoke < w.s.down[0].to || !op->connect_ns || op->process % 2)
				continue;
			op->outcome = OP_FAIL;
			op->t_return = op->t_invoke + NS_PER_S;
			mem_copy_str(op->error, sizeof(op->error), "timeout: no connection");
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
			mem_copy_str(w.h.ops[i].error, sizeof(w.h.ops[i].error), "mismatch: it is 5");
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
		struct op op = { .process = 64, .f = OP_READ, .key = 1, .value = 7, .t_intended = t,
				 .t_invoke = t, .t_return = t + 2 * MS, .sent = true, .outcome = OP_OK };

		history_add(&w.h, &op);
		op.f = OP_CAS;
		op.process = 65;
		op.outcome = OP_FAIL;
		mem_copy_str(op.error, sizeof(op.error), "mismatch: value is 7");
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
	struct op op = { .process = 1, .f = OP_INSERT, .key = OP_NO_VALUE, .value = 999999, .outcome = OP_FAIL,
			 .sent = true, .error = "server: no" };
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
	assert_true(o->client_min_ns <= o->client_median_ns && o->client_median_ns <= o->client_max_ns);
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

		if (op->t_intended > w.s.down[0].to + 100 * MS && op->t_intended < failing_until && i % 10 == 0) {
			op->outcome = OP_FAIL;
			mem_copy_str(op->error, sizeof(op->error), "server: no");
		}
	}
	measure_scenario(&w.h, evidence_kept(w.events, 0), &w.m);
	assert_true(w.m.worst->m.baseline >= failing_until - 200 * MS);
	world_end(&w);
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

/* Random outages, rates, clients, latencies: the truth is always inside. */
static void test_property(void **state)
{
	struct rng r = { 20240917 };
	int64_t widest_ns = 0;
	int i;

	(void)state;
	for (i = 0; i < 300; i++) {
		struct world w;

		world_begin(&w, rng_next(&r));
		w.s.rate = (double)(60 + rng_below(&r, 300));
		w.s.clients = (int)(8 + rng_below(&r, 90));
		w.s.length_ns = 25 * NS_PER_S;
		w.s.deadline_ns = (int64_t)(300 + rng_below(&r, 1200)) * MS;
		w.s.latency_ns = (int64_t)(200000 + rng_below(&r, 10000000));
		w.s.spread_ns = (int64_t)(100000 + rng_below(&r, 15000000));
		w.s.connect_ns = (int64_t)rng_below(&r, 20000000);
		w.s.paced = rng_below(&r, 2);
		add_down(&w, 8 * NS_PER_S + (int64_t)rng_below(&r, 4000) * MS,
			 (int64_t)(400 + rng_below(&r, 9000)) * MS + (int64_t)rng_below(&r, 1000000),
			 (enum synth_mode)rng_below(&r, 4));
		synth_add_fault(w.events, "kill", "kill-pod", w.s.down[0].from - (int64_t)rng_below(&r, 100) * MS);
		if (rng_below(&r, 2))
			synth_samples(&w.s, w.events);
		measure(&w);
		assert_contains(&w, &w.m.faults[0], &w.s.down[0]);
		if (stated_error(w.m.worst) > widest_ns)
			widest_ns = stated_error(w.m.worst);
		world_end(&w);
	}
	print_message("widest stated error: %.1f ms\n", (double)widest_ns / MS);
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
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_hung),
		cmocka_unit_test(test_silenced),
		cmocka_unit_test(test_thawed),
		cmocka_unit_test(test_second_gap_after_silence),
		cmocka_unit_test(test_members_word),
		cmocka_unit_test(test_frozen_and_answered),
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
		cmocka_unit_test(test_clients_and_parts),
		cmocka_unit_test(test_baseline_later),
		cmocka_unit_test(test_baseline_after_failures),
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_property),
		cmocka_unit_test(test_percentile),
		cmocka_unit_test(test_median),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
