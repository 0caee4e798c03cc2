/* Verdicts of lengths of time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check/check.h"
#include "test/lib/trial.h"
#include "test/unit/check/judged.h"

/* Verdicts: never a pass without the evidence for it. */

#define MS NS_PER_MS

static void test_outage(void **state)
{
	const struct judged *j;
	struct trial t;

	(void)state;
	trial_begin(&t);
	j = trial_judge(&t, AT_MOST_S("outage", "25"));
	assert_int_equal(j->verdict, VERDICT_PASS);
	assert_true(j->measured == 20010 && j->limit == 25000);
	assert_string_equal(j->unit, "ms");
	assert_true(json_num(j->detail, "lo_ms", 0) == 19990 && json_num(j->detail, "hi_ms", 0) == 20020);
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "19"))->verdict, VERDICT_FAIL);
	/* The limit lies inside the error: nobody can tell. */
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "20"))->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"outage\",\"at_least\":19000000000}]")->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"outage\",\"at_least\":21000000000}]")->verdict, VERDICT_FAIL);

	assert_int_equal(trial_judge(&t, "[{\"metric\":\"outage\",\"at_most\":25000000000,\"fault\":\"kill\"}]")->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"outage\",\"at_most\":25000000000,\"fault\":\"no\"}]")->verdict, VERDICT_UNKNOWN);

	t.m.baseline_p999_ns = -1;
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_UNKNOWN);
	trial_end(&t);
}

static void test_outage_none_and_endless(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.fault.outage = (struct outage){ .ended = true, .seen_ns = 9 * MS };
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "1"))->verdict, VERDICT_PASS);
	assert_true(t.j->measured == 0);
	/* A gap that was usual before, and longer than the limit: was it one? */
	t.fault.outage.seen_ns = 600 * MS;
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"outage\",\"at_most\":500000000}]")->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "the longest gap, of 600 ms, is one that was usual before"));
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"downtime\",\"at_most\":500000000}]")->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "1"))->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"outage\",\"at_most\":0}]")->verdict, VERDICT_PASS);

	t.fault.outage = (struct outage){
		.any = true, .lo_ns = 30 * SEC, .hi_ns = 31 * SEC, .seen_ns = 31 * SEC};
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_FAIL);
	/* It has not come to the limit yet, but never ended either. */
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "60"))->verdict, VERDICT_UNKNOWN);
	trial_end(&t);
}

static void test_within_predicted(void **state)
{
	static const char expect[] = "[{\"name\":\"n\",\"metric\":\"outage\",\"within_predicted\":true}]";
	struct milestones *ms;
	struct trial t;

	(void)state;
	trial_begin(&t);
	ms = &t.fault.outage.m;
	/* Within the span of all mechanisms, but which one was it? */
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "does not tell what ended it"));
	/* One that no rule foresees. */
	mem_copy_str(ms->mechanism, sizeof(ms->mechanism), "lease taken too early");
	mem_copy_str(ms->why_mechanism, sizeof(ms->why_mechanism), "m-1 took it 10.0 s before its end");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	assert_non_null(strstr(t.j->why, "ended by: lease taken too early, which no rule foresees here (m-1 took it"));
	/* Its own window counts, not the span. */
	ms->window = (struct rule_window){ .known = true, .lo_ns = 15 * SEC, .hi_ns = 30 * SEC, .how = "counted from x" };
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	assert_true(t.j->limit == 30000);
	assert_non_null(strstr(t.j->why, "which may take 15000 to 30000 ms (counted from x)"));
	/* Counted with what nobody told it is no window of this system, for a failure neither. */
	t.fault.predicted.assumed = true;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "at defaults, and whether those were in force the system did not say"));
	ms->window.lo_ns = 21 * SEC;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	t.fault.predicted.assumed = false;
	ms->window.lo_ns = 15 * SEC;
	t.fault.outage.running = true; /* before the fault */
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	t.fault.outage.running = false;
	ms->window.lo_ns = 20000 * MS; /* cuts the interval */
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	ms->window.lo_ns = 21 * SEC; /* shorter than its rule allows */
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	ms->window.lo_ns = 0;
	ms->window.hi_ns = 15 * SEC;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	/* Outside of all windows it needs no name. */
	*ms->mechanism = '\0';
	t.fault.predicted.hi_ns = 15 * SEC;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	t.fault.predicted.known = false;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);

	/* A replica's death: predicted none, measured none. */
	t.fault.predicted = (struct prediction){ .known = true };
	t.fault.outage = (struct outage){ .ended = true };
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	/* Predicted some, measured none; but another fault came before it was due. */
	t.fault.predicted.lo_ns = 20 * SEC;
	t.fault.predicted.hi_ns = 40 * SEC;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	t.fault.window_end_ns = t.rec.injected_ns + SEC;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "and what came 1000 ms after it may be its doing"));
	t.fault.window_end_ns = t.rec.injected_ns + 21 * SEC;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	trial_end(&t);
}

static void test_recovery(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "120"))->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "19"))->verdict, VERDICT_FAIL);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"recovery\",\"at_least\":15000000000}]")->verdict, VERDICT_PASS);
	/* Another fault came after 3 s: that it took no longer is certain, and
	 * that this one alone would have taken so long is not. */
	t.fault.redundant_lo_ns = 3 * SEC;
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "120"))->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "2"))->verdict, VERDICT_FAIL);
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "19"))->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"recovery\",\"at_least\":15000000000}]")->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "another fault came 3000 ms after it"));
	/* What kept the system apart before this fault is not its work. */
	t.fault.redundant_lo_ns = 20 * SEC;
	t.fault.apart_before = true;
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"recovery\",\"at_most\":19000000000,\"fault\":\"kill\"}]")->verdict,
			 VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "again after 20000 ms; they did not when it was injected"));
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"recovery\",\"at_most\":20000000000,\"fault\":\"kill\"}]")->verdict,
			 VERDICT_PASS);
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "19"))->verdict, VERDICT_FAIL);
	t.fault.apart_before = false;
	/* The effect was seen late, and may have been there since the injection. */
	t.rec.injected_ns -= 5 * SEC;
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "24"))->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "5000 ms after it was injected, so it may have taken 25000 ms"));
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "26"))->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "19"))->verdict, VERDICT_FAIL);
	t.rec.injected_ns += 5 * SEC;
	t.m.redundant_ns = t.fault.redundant_ns = -1;
	mem_copy_str(t.fault.redundant_why, sizeof(t.fault.redundant_why), "m-2 does not answer");
	/* 90 s were watched. */
	assert_non_null(strstr(trial_judge(&t, AT_MOST_S("recovery", "60"))->why, "watched: m-2 does not answer"));
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "60"))->verdict, VERDICT_FAIL);
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "120"))->verdict, VERDICT_UNKNOWN);
	t.m.nsamples = 0;
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "60"))->verdict, VERDICT_UNKNOWN);
	trial_end(&t);
}

/* What one fault alone decides is decided, however slow another one was. */
static void test_recovery_of_two(void **state)
{
	struct fault_seen two[2];
	struct trial t;

	(void)state;
	trial_begin(&t);
	two[0] = two[1] = t.fault;
	two[0].redundant_ns = 30 * SEC;
	two[0].redundant_lo_ns = 10 * SEC;
	two[1].apart_before = true;
	t.m.faults = two;
	t.m.nfaults = 2;
	t.m.slowest = &two[0];
	t.m.worst = &two[0].outage;
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "15"))->verdict, VERDICT_FAIL);
	assert_non_null(strstr(t.j->why, "again after 20000 ms"));
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "25"))->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "30"))->verdict, VERDICT_PASS);
	assert_non_null(strstr(t.j->why, "again after 30000 ms"));
	trial_end(&t);
}

static void test_dual_primary(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "0"))->verdict, VERDICT_PASS);
	t.m.dual_primary_keys_unseen = 2;
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "0"))->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "of 3 queues who led only the first was looked at"));
	t.m.dual_primary_keys_unseen = 0;
	t.m.dual_primary_samples = 1; /* too short to be measured, but seen */
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "0"))->verdict, VERDICT_FAIL);
	t.m.dual_primary_samples = 0;
	t.m.dual_primary_unseen_ns = 5 * SEC;
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "0"))->verdict, VERDICT_UNKNOWN);
	t.m.dual_primary_ns = 2 * SEC;
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "0"))->verdict, VERDICT_FAIL);
	/* One, another and the first again, too far apart to tell. */
	t.m.dual_primary_unseen_ns = t.m.dual_primary_ns = 0;
	t.m.dual_doubt = (struct dual_doubt){ .ns = 5 * SEC, .times = 5, .longest_ns = SEC, .a = "x", .b = "y" };
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "0"))->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "x led, then y, and then the former again, 1000 ms apart"));
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "4"))->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "5"))->verdict, VERDICT_PASS);
	t.m.dual_primary_samples = 1;
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "0"))->verdict, VERDICT_FAIL);
	t.m.dual_primary_samples = 0;
	t.m.dual_doubt.ns = 0;
	t.m.nsamples = 0;
	t.m.dual_primary_ns = 0;
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "0"))->verdict, VERDICT_UNKNOWN);
	/* A write that one took under the other's eyes is proof without any answer. */
	t.m.dual_primary_acks = 1;
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "0"))->verdict, VERDICT_FAIL);
	t.m.nsamples = 100;
	t.m.dual_primary_unseen_ns = 0;
	t.m.dual_history = (struct dual_history){ .ns = SEC, .turns = 7, .within_ns = 2 * SEC, .a = "x", .b = "y" };
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "0"))->verdict, VERDICT_FAIL);
	assert_non_null(strstr(t.j->why, "x and y acknowledged writes in turn 7 times within 2000 ms"));
	trial_end(&t);
}

static void test_deadline_and_demoted(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"deadline\",\"at_most\":1050000000}]")->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, AT_MOST_S("deadline", "1"))->verdict, VERDICT_FAIL);
	t.m.noise.lateness_max_ms = 1500; /* nobody was there to keep it */
	assert_int_equal(trial_judge(&t, AT_MOST_S("deadline", "1"))->verdict, VERDICT_UNKNOWN);
	t.m.noise.lateness_max_ms = 900;
	assert_int_equal(trial_judge(&t, AT_MOST_S("deadline", "1"))->verdict, VERDICT_FAIL);
	/* Nor does one that wanted to end and had no processor. */
	t.m.longest_op_ns = 1100 * MS;
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"deadline\",\"at_most\":1050000000}]")->verdict, VERDICT_PASS);
	assert_non_null(strstr(t.j[0].why, "1100.0 ms with what its client waited"));
	t.m.longest_op_ns = t.m.longest_own_ns = -1;
	assert_int_equal(trial_judge(&t, AT_MOST_S("deadline", "1"))->verdict, VERDICT_UNKNOWN);

	assert_int_equal(trial_judge(&t, AT_MOST_S("demoted", "30"))->verdict, VERDICT_UNKNOWN);
	t.fault.was_primary = true;
	assert_int_equal(trial_judge(&t, AT_MOST_S("demoted", "30"))->verdict, VERDICT_UNKNOWN);
	t.fault.demoted_ns = 3 * SEC;
	t.fault.demoted_lo_ns = 2900 * MS;
	assert_int_equal(trial_judge(&t, AT_MOST_S("demoted", "30"))->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, AT_MOST_S("demoted", "2"))->verdict, VERDICT_FAIL);
	/* In silence it may have been anything. */
	t.fault.demoted_lo_ns = SEC;
	assert_int_equal(trial_judge(&t, AT_MOST_S("demoted", "2"))->verdict, VERDICT_UNKNOWN);
	t.fault.demoted_ns = -1;
	t.fault.still_primary = true;
	t.fault.demoted_watched_ns = 40 * SEC;
	assert_int_equal(trial_judge(&t, AT_MOST_S("demoted", "30"))->verdict, VERDICT_FAIL);
	t.fault.demoted_watched_ns = 20 * SEC; /* nobody knows what came after */
	assert_int_equal(trial_judge(&t, AT_MOST_S("demoted", "30"))->verdict, VERDICT_UNKNOWN);
	trial_end(&t);
}

/* In the time that a length is about, whatever the whole load was like. */
static void test_noisy_window(void **state)
{
	struct trial t;
	struct noise *n;

	(void)state;
	trial_begin(&t);
	n = &t.fault.noise[NOISE_OUTAGE];
	*n = (struct noise){ .too_noisy = true, .stood_ns = 3 * SEC, .stood_sum_ns = 3 * SEC };
	mem_copy_str(n->why, sizeof(n->why), "the generator stood still for 3.00 s");
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "stood still for 3.00 s"));
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "18"))->verdict, VERDICT_UNKNOWN);
	/* 20 s are too long by more than what the generator can have made. */
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "16"))->verdict, VERDICT_FAIL);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"outage\",\"within_predicted\":true}]")->verdict, VERDICT_UNKNOWN);
	/* Other lengths have times of their own, and counts have none. */
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "25"))->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":0}]")->verdict, VERDICT_PASS);
	t.fault.noise[NOISE_RECOVERY] = *n;
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "25"))->verdict, VERDICT_UNKNOWN);
	t.fault.was_primary = true;
	t.fault.demoted_ns = 3 * SEC;
	assert_int_equal(trial_judge(&t, AT_MOST_S("demoted", "30"))->verdict, VERDICT_PASS);
	t.fault.noise[NOISE_DEMOTION] = *n;
	assert_int_equal(trial_judge(&t, AT_MOST_S("demoted", "30"))->verdict, VERDICT_UNKNOWN);
	trial_end(&t);
}

/* Where members were not asked it is between what their answers around it say. */
static void test_recovery_unasked(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.fault.redundant_unasked_ns = 19 * SEC; /* of 20 s */
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "25"))->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "10"))->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "perhaps they were 19000 ms sooner"));
	t.fault.redundant_unasked_ns = 0;
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "10"))->verdict, VERDICT_FAIL);
	trial_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outage),
		cmocka_unit_test(test_outage_none_and_endless),
		cmocka_unit_test(test_within_predicted),
		cmocka_unit_test(test_recovery),
		cmocka_unit_test(test_recovery_of_two),
		cmocka_unit_test(test_dual_primary),
		cmocka_unit_test(test_deadline_and_demoted),
		cmocka_unit_test(test_recovery_unasked),
		cmocka_unit_test(test_noisy_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
