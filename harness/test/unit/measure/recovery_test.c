/* When redundancy was back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "test/lib/synth.h"
#include "test/unit/measure/told.h"

static void members(struct run *r, int64_t t, bool m1_ok, int lag)
{
	cJSON *s = synth_sample("m1", t + MS, m1_ok, m1_ok ? "replica" : "unknown", false, 1);

	if (m1_ok)
		json_set_i64(s, "lag_bytes", lag);
	json_push(r->events, synth_sample("m0", t, true, "primary", true, 1));
	json_push(r->events, s);
}

/* Where there are no bytes to count, transactions are. */
static void test_lag_in_transactions(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	steady(&r.h, 3000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (int64_t t = SEC; t < 30 * SEC; t += 100 * MS) {
		cJSON *s = synth_sample("m1", t + MS, true, "replica", false, 1);

		json_set_i64(s, "lag_tx", t > 10 * SEC && t < 19 * SEC ? 1000 : 5);
		json_push(r.events, synth_sample("m0", t, true, "primary", true, 1));
		json_push(r.events, s);
	}
	recover(&r);
	assert_true(llabs(r.m.faults[0].lag_zero_ns - 9 * SEC) < 5 * MS);
	end(&r);
}

/* One that answers and follows nobody lacks whatever there is, and has no lag to tell. */
static void test_lag_of_who_follows_nobody(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	steady(&r.h, 3000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (int64_t t = SEC; t < 30 * SEC; t += 100 * MS) {
		bool follows = t <= 10 * SEC || t >= 19 * SEC;
		cJSON *s = synth_sample("m1", t + MS, true, follows ? "replica" : "unknown", false, 1);

		if (follows)
			json_set_i64(s, "lag_tx", 5);
		json_push(r.events, synth_sample("m0", t, true, "primary", true, 1));
		json_push(r.events, s);
	}
	recover(&r);
	assert_true(llabs(r.m.faults[0].lag_zero_ns - 9 * SEC) < 5 * MS);
	end(&r);
}

/* As systems have it whose replicas are held against their source. */
static bool held_all(const struct sample *s, size_t n, char *why)
{
	bool all = all_ok(s, n, why);

	for (size_t i = 0; i < n; i++)
		all = all && !json_get(s[i].extra, "source_err");
	return all;
}

/* One that nobody could hold against its source may have all: when the system was whole again is
 * told from where to where. */
static void test_uncompared(void **state)
{
	static const struct model_ops held = { .redundant = held_all };
	struct view v;
	struct run r;

	(void)state;
	begin(&r);
	steady(&r.h, 3000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (int64_t t = SEC; t < 30 * SEC; t += 100 * MS) {
		bool told = t <= 10 * SEC || t >= 19 * SEC;
		bool ok = t <= 10 * SEC || t >= 14 * SEC;
		cJSON *s = synth_sample("m1", t + MS, ok, "replica", false, 1),
		      *x = cJSON_CreateObject();

		if (told)
			json_set_i64(s, "lag_tx", 0);
		else
			json_set_str(x, "source_err", "timeout");
		json_set(s, "x", x);
		json_push(r.events, synth_sample("m0", t, true, "primary", true, 1));
		json_push(r.events, s);
	}
	recover(&r); /* for what comes before */
	view_make(&v, &r.h, evidence_kept(r.events, 0));
	recovery_make(&v, &held, &r.m);
	view_free(&v);
	assert_true(llabs(r.m.faults[0].redundant_ns - 9 * SEC) < 150 * MS);
	assert_true(llabs(r.m.faults[0].redundant_unasked_ns - 5 * SEC) < 250 * MS);
	end(&r);
}

static void test_redundant(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 3000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (t = SEC; t < 30 * SEC; t += 100 * MS) {
		bool away = t > 10 * SEC && t < 14 * SEC, again = t > 16 * SEC && t < 17 * SEC;
		bool blip = t == 20 * SEC;

		members(&r, t, !away && !again && !blip,
			t > 10 * SEC && t < 19 * SEC ? 500000 : 8000);
	}
	recover(&r);
	/* It came back, fell out again, and came back at 17 s; one lost probe
	 * at 20 s is no loss of redundancy. */
	assert_true(llabs(r.m.faults[0].redundant_ns - 7 * SEC) < 5 * MS);
	assert_true(llabs(r.m.faults[0].lag_zero_ns - 9 * SEC) < 5 * MS);
	assert_int_equal(r.m.redundant_ns, r.m.faults[0].redundant_ns);
	end(&r);
}

/* The last probe before the watch ends may be the lost one, too. */
static void test_last_probe_lost(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 2000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (t = SEC; t < 18 * SEC; t += 100 * MS)
		members(&r, t, t <= 10 * SEC || (t > 14 * SEC && t < 17900 * MS), 8000);
	recover(&r);
	assert_true(llabs(r.m.redundant_ns - 4 * SEC) < 150 * MS);
	end(&r);
}

/* The second fault comes while the first one is not over: both were, at 25 s. */
static void test_redundant_after_the_next_fault(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 3000);
	synth_add_fault(r.events, "one", "kill-pod", 10 * SEC);
	synth_add_fault(r.events, "two", "kill-pod", 13 * SEC);
	for (t = SEC; t < 30 * SEC; t += 100 * MS)
		members(&r, t, t <= 10 * SEC || t >= 25 * SEC, 0);
	recover(&r);
	assert_true(llabs(r.m.faults[0].redundant_ns - 15 * SEC) < 5 * MS);
	assert_int_equal(r.m.faults[0].redundant_lo_ns, 3 * SEC); /* that long by itself */
	assert_true(llabs(r.m.faults[1].redundant_ns - 12 * SEC) < 5 * MS);
	assert_int_equal(r.m.faults[1].redundant_lo_ns, r.m.faults[1].redundant_ns);
	assert_true(r.m.faults[1].apart_before && !r.m.faults[0].apart_before);
	assert_int_equal(r.m.redundant_ns, r.m.faults[0].redundant_ns);
	assert_ptr_equal(r.m.slowest, &r.m.faults[0]);
	end(&r);

	/* At the same moment, before anybody could notice anything. */
	begin(&r);
	steady(&r.h, 3000);
	synth_add_fault(r.events, "one", "pause", 10 * SEC);
	synth_add_fault(r.events, "two", "pause", 10 * SEC + 250 * MS);
	for (t = SEC; t < 30 * SEC; t += 100 * MS)
		members(&r, t, t <= 10 * SEC + 300 * MS || t >= 25 * SEC, 0);
	recover(&r);
	assert_true(llabs(r.m.faults[0].redundant_ns - 15 * SEC) < 5 * MS);
	end(&r);

	/* The first one was over when the second one came. */
	begin(&r);
	steady(&r.h, 3000);
	synth_add_fault(r.events, "one", "kill-pod", 10 * SEC);
	synth_add_fault(r.events, "two", "kill-pod", 20 * SEC);
	for (t = SEC; t < 30 * SEC; t += 100 * MS)
		members(&r, t, t <= 10 * SEC || (t >= 14 * SEC && t < 20 * SEC) || t > 27 * SEC, 0);
	recover(&r);
	assert_true(llabs(r.m.faults[0].redundant_ns - 4 * SEC) < 5 * MS);
	assert_int_equal(r.m.faults[0].redundant_lo_ns, r.m.faults[0].redundant_ns);
	assert_ptr_equal(r.m.slowest, &r.m.faults[1]);
	end(&r);
}

/* Nobody was asked from the fault on for 1.9 s, or m1 alone was not. */
static void test_unasked(void **state)
{
	struct run r;

	(void)state;
	for (int alone = 0; alone < 2; alone++) {
		begin(&r);
		steady(&r.h, 3000);
		synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
		for (int64_t t = SEC; t < 30 * SEC; t += 100 * MS) {
			if (t <= 10 * SEC || t >= 11900 * MS)
				members(&r, t, true, 0);
			else if (alone)
				json_push(r.events, synth_sample("m0", t, true, "primary", true, 1));
		}
		recover(&r);
		assert_true(llabs(r.m.faults[0].redundant_ns - 1900 * MS) < 5 * MS);
		assert_int_equal(r.m.faults[0].redundant_unasked_ns, r.m.faults[0].redundant_ns);
		end(&r);
	}
	/* Whoever does not answer was asked. */
	begin(&r);
	steady(&r.h, 3000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (int64_t t = SEC; t < 30 * SEC; t += 100 * MS)
		members(&r, t, t <= 10 * SEC || t >= 11900 * MS, 0);
	recover(&r);
	assert_true(r.m.faults[0].redundant_unasked_ns <=
		    100 * MS); /* from one answer to the next */
	end(&r);
}

/* At 10.9 s m1 still did not answer; then nobody was asked, or m1 alone was not, for
 * 14 s, after which all is well. Or nobody is asked any more. */
static void hole(bool alone, bool ends)
{
	struct run r;
	struct fault_seen *f;

	begin(&r);
	steady(&r.h, 3000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (int64_t t = SEC; t < 30 * SEC; t += 100 * MS) {
		if (t < 11 * SEC || (ends && t >= 25 * SEC))
			members(&r, t, t <= 10 * SEC || t >= 25 * SEC, 0);
		else if (alone)
			json_push(r.events, synth_sample("m0", t, true, "primary", true, 1));
	}
	recover(&r);
	f = &r.m.faults[0];
	if (ends)
		assert_true(llabs(f->redundant_ns - 15 * SEC) < 5 * MS);
	else
		assert_int_equal(f->redundant_ns, -1);
	/* A second is how long an answer counts. */
	if (llabs((ends ? f->redundant_lo_ns : r.m.end_ns - 10 * SEC) - f->redundant_unasked_ns -
		  900 * MS) > 1100 * MS)
		fail_msg("certain for %lld ms", (long long)((ends ? f->redundant_lo_ns : r.m.end_ns - 10 * SEC) -
							    f->redundant_unasked_ns) / MS);
	end(&r);
}

static void test_hole_before_the_end(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		hole(i % 2, i / 2);
}

static void test_never_redundant(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 2000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (t = SEC; t < 21 * SEC; t += 100 * MS)
		members(&r, t, t <= 10 * SEC, 0);
	recover(&r);
	assert_int_equal(r.m.redundant_ns, -1);
	assert_string_equal(r.m.slowest->redundant_why, "m1 does not answer");
	assert_int_equal(r.m.lag_zero_ns, -1);
	end(&r);
}

static void test_never_lost_redundancy(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 2000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (t = SEC; t < 21 * SEC; t += 100 * MS)
		members(&r, t, true, 0);
	recover(&r);
	assert_int_equal(r.m.redundant_ns, 0);
	end(&r);
}

/* A member that nobody could ask for more than a second is no evidence. */
static void test_stale_answers(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 2000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (t = SEC; t < 21 * SEC; t += 100 * MS) {
		json_push(r.events, synth_sample("m0", t, true, "primary", true, 1));
		if (t < 12 * SEC || t > 15 * SEC)
			json_push(r.events, synth_sample("m1", t + MS, true, "replica", false, 1));
	}
	recover(&r);
	assert_true(llabs(r.m.redundant_ns - 5 * SEC) < 150 * MS);
	end(&r);
}

/* Of three members two were asked: that they are whole says nothing of the third. */
static void never_asked(const char *fault, const char *pod, const char *who)
{
	struct run r;

	begin(&r);
	steady(&r.h, 3000);
	add(r.events, "fault", 10 * SEC, fault);
	for (int64_t t = SEC; t < 30 * SEC; t += 100 * MS) {
		json_push(r.events, synth_sample("m-0", t, true, "primary", true, 1));
		json_push(r.events, synth_sample("m-1", t + MS, t < 10 * SEC || t > 14 * SEC, "replica", false, 1));
	}
	if (pod)
		add(r.events, "object", 2 * SEC, pod);
	recover(&r);
	if (!who) {
		assert_true(llabs(r.m.redundant_ns - 4 * SEC) < 150 * MS);
	} else {
		assert_int_equal(r.m.redundant_ns, -1);
		assert_string_equal(r.m.faults[0].redundant_why, who);
		/* It may have been, all the same. */
		assert_true(r.m.faults[0].redundant_unasked_ns > 10 * SEC);
	}
	end(&r);
}

#define KILL(targets) "{\"id\":\"kill\",\"fault\":\"kill-pod\",\"state\":\"effective\",\"targets\":[" targets "]}"
#define POD(name) "{\"type\":\"pod\",\"name\":\"" name "\",\"uid\":\"u\",\"phase\":\"Running\"}"

static void test_never_asked(void **state)
{
	static const char asked[] = KILL("{\"member\":\"m-1\",\"role\":\"replica\"}");

	(void)state;
	never_asked(asked, NULL, NULL);
	never_asked(asked, POD("guard-0"), NULL);
	never_asked(asked, POD("m-2"), "m-2 was never asked what it was");
	never_asked(KILL("{\"member\":\"db-9\",\"role\":\"replica\"}"), NULL, "db-9 was never asked what it was");
	never_asked(KILL("{\"member\":\"guard-0\"}"), NULL, NULL);
}

static void test_no_samples(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	steady(&r.h, 2000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	recover(&r);
	assert_int_equal(r.m.redundant_ns, -1);
	assert_int_equal(r.m.nsamples, 0);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redundant),
		cmocka_unit_test(test_lag_in_transactions),
		cmocka_unit_test(test_lag_of_who_follows_nobody),
		cmocka_unit_test(test_uncompared),
		cmocka_unit_test(test_redundant_after_the_next_fault),
		cmocka_unit_test(test_last_probe_lost),
		cmocka_unit_test(test_never_redundant),
		cmocka_unit_test(test_unasked),
		cmocka_unit_test(test_hole_before_the_end),
		cmocka_unit_test(test_never_lost_redundancy),
		cmocka_unit_test(test_stale_answers),
		cmocka_unit_test(test_never_asked),
		cmocka_unit_test(test_no_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
