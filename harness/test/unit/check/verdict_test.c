#include <math.h>
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
#include "check/check.h"
#include "scenario/metrics.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/trial.h"

/* Verdicts: never a pass without the evidence for it. */

#define MS NS_PER_MS
#define SEC NS_PER_S

static void check(const struct checker_ops *c, const struct history *h, const cJSON *events,
		  const struct check_budget *b, struct check_result *r)
{
	const struct evidence *ev = evidence_kept(events, 0);
	struct measured m;

	measure_scenario(h, ev, &m);
	c->check(h, ev, &m, b, r);
	measured_free(&m);
}

static void test_worse(void **state)
{
	(void)state;
	assert_int_equal(verdict_worse(VERDICT_PASS, VERDICT_SKIP), VERDICT_SKIP);
	assert_int_equal(verdict_worse(VERDICT_UNKNOWN, VERDICT_SKIP), VERDICT_UNKNOWN);
	assert_int_equal(verdict_worse(VERDICT_UNKNOWN, VERDICT_FAIL), VERDICT_FAIL);
	assert_int_equal(verdict_worse(VERDICT_BROKEN, VERDICT_FAIL), VERDICT_BROKEN);
	assert_int_equal(verdict_worse(VERDICT_PASS, VERDICT_PASS), VERDICT_PASS);
	assert_string_equal(verdict_name(VERDICT_UNKNOWN), "UNKNOWN");
}

static void test_list(void **state)
{
	const struct checker_ops *const *c;
	int n = 0;

	(void)state;
	/* On an empty history every checker is undecided. */
	for (c = checker_all(); *c; c++, n++) {
		const struct check_budget b = { SEC, 1 << 20 };
		struct history h = { 0 };
		cJSON *events = cJSON_CreateArray();
		struct check_result r;

		assert_ptr_equal(checker_find((*c)->name), *c);
		assert_true(*(*c)->summary);
		check(*c, &h, events, &b, &r);
		assert_int_equal(r.verdict, VERDICT_UNKNOWN);
		assert_true(*r.why);
		cJSON_Delete(r.witness);
		cJSON_Delete(events);
	}
	assert_true(n >= 2);
	assert_null(checker_find("tea_leaves"));
}

#define AT_MOST_S(metric, s) "[{\"name\":\"n\",\"metric\":\"" metric "\",\"at_most\":" s "000000000}]"

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

	t.fault.outage = (struct outage){ .any = true, .lo_ns = 30 * SEC, .hi_ns = 31 * SEC, .seen_ns = 31 * SEC };
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
	trial_end(&t);
}

static void test_lost(void **state)
{
	static const char none[] = "[{\"metric\":\"lost\",\"at_most\":0}]";
	struct lost_write w[2] = { { .value = 7, .fault = "kill" }, { .value = 8, .fault = "other" } };
	struct trial t;

	(void)state;
	trial_begin(&t);
	assert_int_equal(trial_judge(&t, none)->verdict, VERDICT_PASS);
	assert_true(t.j->measured == 0 && t.j->limit == 0);
	t.m.loss.writes = w;
	t.m.loss.n = 2;
	t.m.loss.lost = 2;
	assert_int_equal(trial_judge(&t, none)->verdict, VERDICT_FAIL);
	assert_true(t.j->measured == 2);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":1,\"fault\":\"kill\"}]")->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":2}]")->verdict, VERDICT_PASS);
	/* Of one more nobody knows. */
	t.m.loss.maybe_lost = 1;
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":1}]")->verdict, VERDICT_FAIL);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":2}]")->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":3}]")->verdict, VERDICT_PASS);
	t.m.loss = (struct loss){ .known = false, .acked = 1000 };
	assert_int_equal(trial_judge(&t, none)->verdict, VERDICT_UNKNOWN);
	assert_true(isnan(t.j->measured));
	t.m.loss = (struct loss){ .known = true };
	assert_int_equal(trial_judge(&t, none)->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"phantom\",\"at_most\":0}]")->verdict, VERDICT_UNKNOWN);
	t.m.loss = (struct loss){ .known = true, .acked = 5, .phantom = 1, .duplicate = 2 };
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"phantom\",\"at_most\":0}]")->verdict, VERDICT_FAIL);
	/* Nobody sent it: or the line is missing from a history that nothing counts. */
	t.m.loss.unsent = 1;
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"phantom\",\"at_most\":0}]")->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "nothing counts its lines"));
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"duplicate\",\"at_most\":2}]")->verdict, VERDICT_PASS);
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
	t.m.dual_primary_samples = 1; /* too short to be measured, but seen */
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "0"))->verdict, VERDICT_FAIL);
	t.m.dual_primary_samples = 0;
	t.m.dual_primary_unseen_ns = 5 * SEC;
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "0"))->verdict, VERDICT_UNKNOWN);
	t.m.dual_primary_ns = 2 * SEC;
	assert_int_equal(trial_judge(&t, AT_MOST_S("dual_primary", "0"))->verdict, VERDICT_FAIL);
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
	assert_int_equal(trial_judge(&t, AT_MOST_S("demoted", "30"))->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, AT_MOST_S("demoted", "2"))->verdict, VERDICT_FAIL);
	t.fault.demoted_ns = -1;
	t.fault.still_primary = true;
	t.fault.demoted_watched_ns = 40 * SEC;
	assert_int_equal(trial_judge(&t, AT_MOST_S("demoted", "30"))->verdict, VERDICT_FAIL);
	t.fault.demoted_watched_ns = 20 * SEC; /* nobody knows what came after */
	assert_int_equal(trial_judge(&t, AT_MOST_S("demoted", "30"))->verdict, VERDICT_UNKNOWN);
	trial_end(&t);
}

static void test_errors_clear(void **state)
{
	static const char expect[] = "[{\"metric\":\"errors_clear\",\"want\":true}]";
	struct op op = { .f = OP_INSERT, .outcome = OP_FAIL, .t_invoke = 11 * SEC, .t_return = 11 * SEC,
			 .error = "53100: could not extend file" };
	struct trial t;
	int i;

	(void)state;
	trial_begin(&t);
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	for (i = 0; i < 20; i++)
		history_add(&t.h, &op);
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN); /* too few */
	for (i = 0; i < 20; i++)
		history_add(&t.h, &op);
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	op.outcome = OP_INFO;
	mem_copy_str(op.error, sizeof(op.error), "timeout: no answer");
	for (i = 0; i < 20; i++)
		history_add(&t.h, &op);
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	trial_end(&t);
}

static void test_stands(void **state)
{
	static const char yes[] = "[{\"metric\":\"stands\",\"want\":true}]", no[] = "[{\"metric\":\"stands\",\"want\":false}]";
	struct trial t;

	(void)state;
	trial_begin(&t);
	assert_int_equal(trial_judge(&t, yes)->verdict, VERDICT_UNKNOWN); /* nothing is recorded */
	trial_note(&t, "stands", true);
	assert_int_equal(trial_judge(&t, yes)->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, no)->verdict, VERDICT_FAIL);
	t.m.stands = false;
	assert_int_equal(trial_judge(&t, yes)->verdict, VERDICT_FAIL);
	/* Any mishap would do: no pass. */
	assert_int_equal(trial_judge(&t, no)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "secret not found"));
	/* Nothing else can be said of a system that never stood. */
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "never stood"));
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":0}]")->verdict, VERDICT_UNKNOWN);
	trial_end(&t);
}

/* That manifests do not come up is a finding only for the reason that was
 * expected. */
static void test_stands_not_for_that(void **state)
{
#define NOT(object, reason) "[{\"metric\":\"stands\",\"want\":false,\"object\":\"" object "\",\"reason\":\"" \
	reason "\"}]"
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.m.stands = false;
	trial_event(&t, "{\"k\":\"stands\",\"ok\":false,\"point\":\"workloads ready\",\"reason\":\"StatefulSet/db has 0 of 3 "
			"pods ready: secret not found\"}");
	assert_int_equal(trial_judge(&t, NOT("StatefulSet/db", "secret not found"))->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, NOT("StatefulSet/db", "serviceaccount"))->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "not for what was expected"));
	assert_int_equal(trial_judge(&t, NOT("Deployment/x", "secret not found"))->verdict, VERDICT_UNKNOWN);
	t.m.stands = true;
	assert_int_equal(trial_judge(&t, NOT("StatefulSet/db", "secret not found"))->verdict, VERDICT_FAIL);
	trial_end(&t);
}

/* A loss that a setting allows, while that setting is in force. */
static void test_accepted(void **state)
{
	static const char expect[] = "[{\"metric\":\"lost\",\"accepted\":\"asynchronous\",\"setting\":{\"name\":"
				     "\"min_replicas\",\"value\":\"0\"}}]";
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.m.loss.lost = 0;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	t.m.loss.lost = 7;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "nobody told"));
	trial_event(&t, "{\"k\":\"inforce\",\"settings\":[{\"name\":\"min-replicas\",\"value\":\"0\"}]}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	assert_non_null(strstr(t.j->why, "7 of 1000"));
	assert_non_null(strstr(t.j->why, "min_replicas being 0 in force: asynchronous"));
	trial_forget(&t, "inforce", 0);
	trial_event(&t, "{\"k\":\"inforce\",\"settings\":[{\"name\":\"min-replicas\",\"value\":\"1\"}]}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	assert_non_null(strstr(t.j->why, "in force it was 1"));
	trial_end(&t);
}

/* No limit at all is one that nothing can be above. */
static void test_unreachable_limit(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.m.loss.lost = 1000; /* every one of them */
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":999}]")->verdict, VERDICT_FAIL);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":1000}]")->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "cannot be missed: only 1000"));
	trial_end(&t);
}

static void test_broken_run(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_note(&t, "stands", true);
	t.m.broken = true;
	mem_copy_str(t.m.broken_why, sizeof(t.m.broken_why),
		     "fault kill had no measurable effect");
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_BROKEN);
	assert_non_null(strstr(t.j->why, "no measurable effect"));
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":0}]")->verdict, VERDICT_BROKEN);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"stands\",\"want\":true}]")->verdict, VERDICT_BROKEN);
	trial_end(&t);
}

static void test_unsupported(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.m.stands = false;
	mem_copy_str(t.m.unsupported, sizeof(t.m.unsupported),
		     "there are no nodes here to stop");
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_SKIP);
	assert_non_null(strstr(t.j->why, "no nodes here"));
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"stands\",\"want\":true}]")->verdict, VERDICT_SKIP);
	/* What broke besides is not hidden behind it. */
	t.m.broken = true;
	mem_copy_str(t.m.broken_why, sizeof(t.m.broken_why), "clean-up failed");
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_BROKEN);
	trial_end(&t);
}

static void test_noisy_run(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.m.noise.too_noisy = true;
	mem_copy_str(t.m.noise.why, sizeof(t.m.noise.why), "sent late");
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "1"))->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "sent late"));
	/* What is lost is lost. */
	t.m.loss.lost = 3;
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":0}]")->verdict, VERDICT_FAIL);
	t.m.loss.lost = 0;
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":0}]")->verdict, VERDICT_UNKNOWN);
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

/* A machine without processors to spare makes times longer, never shorter, and by
 * no more than what was waited for. */
static void test_pressed(void **state)
{
	struct trial t;
	struct noise *n;

	(void)state;
	trial_begin(&t);
	n = &t.fault.noise[NOISE_OUTAGE];
	*n = (struct noise){ .pressed = true, .cpu_some_pct = 90, .waited = 0.9 }; /* of 20 s */
	mem_copy_str(n->why, sizeof(n->why), "tasks waited for a processor 90 % of the time");
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "3"))->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "90 % of the time, which makes times longer"));
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "1"))->verdict, VERDICT_FAIL);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"outage\",\"at_least\":15000000000}]")->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"outage\",\"at_least\":1000000000}]")->verdict, VERDICT_PASS);
	/* What was too short is that on any machine. */
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"outage\",\"at_least\":30000000000}]")->verdict, VERDICT_FAIL);
	trial_end(&t);
}

static void test_another_load(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_note(&t, "stands", true);
	t.m.load.not_as_asked = true;
	mem_copy_str(t.m.load.why, sizeof(t.m.load.why), "91 of 100 operations never left their clients");
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "not the one that was asked for: 91 of 100"));
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "1"))->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, AT_MOST_S("recovery", "25"))->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":0}]")->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"stands\",\"want\":true}]")->verdict, VERDICT_PASS);
	t.m.loss.lost = 3; /* is lost at any load */
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":0}]")->verdict, VERDICT_FAIL);
	trial_end(&t);
}

static void test_interrupted_run(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_note(&t, "interrupt", true);
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "1"))->verdict, VERDICT_FAIL);
	trial_end(&t);
}

static void test_unknown_words(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"karma\",\"at_most\":0}]")->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"check\",\"checker\":\"tea\"}]")->verdict, VERDICT_UNKNOWN);
	trial_end(&t);
}

/* A checker's answer and witness reach the judged line. */
static void test_check(void **state)
{
	static const char expect[] = "[{\"metric\":\"check\",\"checker\":\"linearizable\"}]";
	struct op op = { .f = OP_WRITE, .key = 1, .value = 5, .expect = OP_NO_VALUE, .t_invoke = 1, .t_return = 2,
			 .outcome = OP_OK };
	struct trial t;

	(void)state;
	trial_begin(&t);
	history_add(&t.h, &op);
	op.f = OP_READ;
	op.t_invoke = 3;
	op.t_return = 4;
	history_add(&t.h, &op);
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	op.value = 6;
	op.t_invoke = 5;
	op.t_return = 6;
	history_add(&t.h, &op);
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	/* Nobody wrote 6: the read says it alone. */
	assert_int_equal(cJSON_GetArraySize(json_get(t.j->detail, "witness")), 1);
	trial_end(&t);
}

static void test_metrics(void **state)
{
	static const char *const units[] = {
		[METRIC_BOOL] = "bool", [METRIC_NS] = "ms", [METRIC_COUNT] = "count", [METRIC_CHECKER] = "bool",
		[METRIC_SHARE] = "%",
	};
	struct trial t;

	(void)state;
	trial_begin(&t);
	for (int i = 0; i < METRICS; i++) {
		const struct metric *m = metric_of((enum expect_metric)i);
		const struct judged *j;
		char expect[160];

		snprintf(expect, sizeof(expect), "[{\"metric\":\"%s\",\"at_most\":7,\"want\":true,"
			 "\"checker\":\"lost_writes\"}]", m->name);
		j = trial_judge(&t, expect); /* it says why */
		assert_null(strstr(j->why, "no metric is called"));
		assert_string_equal(j->unit, units[m->unit]);
	}
	trial_end(&t);
}

static void test_lost_writes(void **state)
{
	const struct check_budget b = { SEC, 1 << 20 };
	const struct checker_ops *c = checker_find("lost_writes");
	struct op op = { .f = OP_INSERT, .key = OP_NO_VALUE, .expect = OP_NO_VALUE, .outcome = OP_OK };
	cJSON *events = cJSON_CreateArray(), *e;
	struct history h = { 0 };
	struct check_result r;
	struct err err = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 30; i++) {
		op.value = i;
		op.t_intended = op.t_invoke = i * 1000;
		op.t_return = op.t_invoke + 500;
		history_add(&h, &op);
	}
	check(c, &h, events, &b, &r);
	assert_int_equal(r.verdict, VERDICT_UNKNOWN);
	e = json_parse("{\"s\":0,\"k\":\"final\",\"present\":[[0,29]]}", "test", &err);
	json_push(events, e);
	check(c, &h, events, &b, &r);
	assert_int_equal(r.verdict, VERDICT_PASS);
	json_push(events, json_parse("{\"s\":0,\"k\":\"final\",\"present\":[[0,3],[28,29]]}", "test", &err));
	check(c, &h, events, &b, &r);
	assert_int_equal(r.verdict, VERDICT_FAIL);
	assert_int_equal(cJSON_GetArraySize(r.witness), 21);
	assert_string_equal(cJSON_GetArrayItem(r.witness, 20)->valuestring, "and 4 more");
	cJSON_Delete(r.witness);
	history_free(&h);
	cJSON_Delete(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worse),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_outage),
		cmocka_unit_test(test_outage_none_and_endless),
		cmocka_unit_test(test_within_predicted),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_recovery),
		cmocka_unit_test(test_recovery_of_two),
		cmocka_unit_test(test_dual_primary),
		cmocka_unit_test(test_deadline_and_demoted),
		cmocka_unit_test(test_errors_clear),
		cmocka_unit_test(test_stands),
		cmocka_unit_test(test_stands_not_for_that),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_unreachable_limit),
		cmocka_unit_test(test_broken_run),
		cmocka_unit_test(test_unsupported),
		cmocka_unit_test(test_noisy_run),
		cmocka_unit_test(test_noisy_window),
		cmocka_unit_test(test_pressed),
		cmocka_unit_test(test_another_load),
		cmocka_unit_test(test_interrupted_run),
		cmocka_unit_test(test_unknown_words),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_lost_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
