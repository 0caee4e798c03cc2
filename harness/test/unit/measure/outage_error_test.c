/* The stated error of an outage holds the truth, however clients see it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "measure/measure.h"
#include "test/lib/synth.h"
#include "test/unit/measure/world.h"

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
		assert_true(w.m.worst->down_hi <= effective ||
			    w.m.worst->down_hi == w.m.worst->down_lo);
		if (stated_error(w.m.worst) > worst)
			worst = stated_error(w.m.worst);
		world_end(&w);
	}
	print_message("silenced: stated error at most %.1f ms\n", (double)worst / MS);
	assert_true(worst <= 75 * MS); /* the rest is the end, where some attempts are reads */
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
			 (int64_t)(400 + rng_below(&r, 9000)) * MS +
				 (int64_t)rng_below(&r, 1000000),
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_hung),
		cmocka_unit_test(test_silenced),
		cmocka_unit_test(test_members_word),
		cmocka_unit_test(test_frozen_and_answered),
		cmocka_unit_test(test_property),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
