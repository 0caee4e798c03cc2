/* What takes the ground from under a verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check/check.h"
#include "test/lib/trial.h"
#include "test/unit/check/judged.h"

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

static enum verdict told(const char *reason, const char *expect)
{
	char event[600];
	enum verdict v;
	struct trial t;

	trial_begin(&t);
	t.m.stands = false;
	snprintf(event, sizeof(event), "{\"k\":\"stands\",\"ok\":false,\"point\":\"workloads ready\",\"reason\":\"%s\"}",
		 reason);
	trial_event(&t, event);
	v = trial_judge(&t, expect)->verdict;
	trial_end(&t);
	return v;
}

/* The words have to be about the object. */
static void test_stands_of_another(void **state)
{
	static const char both[] = "StatefulSet/db has 0 of 3 pods ready; db-0: image not found; Deployment/web has 0 of 1 "
				   "pods ready; web-7c: secret not found";

	(void)state;
	assert_int_equal(told(both, NOT("Deployment/web", "secret not found")), VERDICT_PASS);
	assert_int_equal(told(both, NOT("StatefulSet/db", "image not found")), VERDICT_PASS);
	assert_int_equal(told(both, NOT("StatefulSet/db", "secret not found")), VERDICT_UNKNOWN);
	assert_int_equal(told(both, NOT("Deployment/web", "image not found")), VERDICT_UNKNOWN);
	assert_int_equal(told("StatefulSet/db-old has 0 of 1 pods ready: secret not found",
			      NOT("StatefulSet/db", "secret not found")), VERDICT_UNKNOWN);
	assert_int_equal(told("a.yaml:3: StatefulSet/db is refused\\na.yaml:9: secret not found",
			      NOT("StatefulSet/db", "secret not found")), VERDICT_UNKNOWN);
	/* Another object may be what is missing to it. */
	assert_int_equal(told("StatefulSet/db has 0 of 3 pods ready: Secret/pw not found",
			      NOT("StatefulSet/db", "Secret/pw not found")), VERDICT_PASS);
}

/* Nor is what came later what kept it from standing. */
static void test_stands_later(void **state)
{
	static const char no[] = "{\"k\":\"stands\",\"t\":50000000000,\"ok\":false,\"reason\":\"StatefulSet/db: secret "
				 "not found\"}";
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.m.stands = false;
	trial_event(&t, no);
	assert_int_equal(trial_judge(&t, NOT("StatefulSet/db", "secret not found"))->verdict, VERDICT_PASS);
	trial_event(&t, "{\"k\":\"phase\",\"t\":1000000000,\"phase\":\"load\"}");
	assert_int_equal(trial_judge(&t, NOT("StatefulSet/db", "secret not found"))->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "its load had begun"));
	trial_end(&t);
	/* It did stand before. */
	trial_begin(&t);
	trial_event(&t, "{\"k\":\"stands\",\"t\":500000000,\"ok\":true}");
	trial_event(&t, no);
	assert_int_equal(trial_judge(&t, NOT("StatefulSet/db", "secret not found"))->verdict, VERDICT_FAIL);
	trial_end(&t);
}

static void test_broken_run(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_note(&t, "stands", true);
	t.m.broken = true;
	t.m.broken_why = "fault kill had no measurable effect";
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_BROKEN);
	assert_non_null(strstr(t.j->why, "no measurable effect"));
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":0}]")->verdict, VERDICT_BROKEN);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"stands\",\"want\":true}]")->verdict, VERDICT_BROKEN);
	trial_end(&t);
}

/* Nothing of a reason, or of what was found, is cut off. */
static void test_whole_words(void **state)
{
	struct trial t;
	char why[2000];
	size_t len;

	(void)state;
	trial_begin(&t);
	t.m.stands = false;
	memset(why, 'x', 1900);
	mem_copy_str(why + 1900, sizeof(why) - 1900, " and so on to the end");
	t.m.stands_why = why;
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_UNKNOWN);
	len = strlen(t.j->why);
	assert_non_null(strstr(t.j->why, "never stood: x"));
	assert_non_null(strstr(t.j->why, "x and so on to the end (found: "));
	assert_int_equal(t.j->why[len - 1], ')');
	trial_end(&t);
}

static void test_unsupported(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.m.stands = false;
	t.m.unsupported = "there are no nodes here to stop";
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_SKIP);
	assert_non_null(strstr(t.j->why, "no nodes here"));
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"stands\",\"want\":true}]")->verdict, VERDICT_SKIP);
	/* What broke besides is not hidden behind it. */
	t.m.broken = true;
	t.m.broken_why = "clean-up failed";
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
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"check\",\"checker\":\"lost_writes\"}]")->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "not the one that was asked for: 91 of 100"));
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

static void move(struct trial *t, const char *kind, const char *state, int64_t t_ns)
{
	cJSON *e;

	cJSON_ArrayForEach(e, t->events)
		if (!strcmp(json_str(e, "k", ""), kind) && !strcmp(json_str(e, "state", ""), state))
			json_set_i64(e, "t", t_ns);
}

/* A run of today's format: nothing that it always tells may be missing. */
static void of_today(struct trial *t)
{
	*VEC_PUSH(t->h.streams, t->h.nstreams, t->h.streams_alloc) =
		(struct stream){.ops = (int64_t)t->h.n, .sum = 5, .ended = true};
	trial_hits(t, "m9");
	trial_event(t, "{\"k\":\"run\",\"t\":0,\"format\":2}");
	trial_event(t, "{\"k\":\"history\",\"t\":101000000000,\"ops\":2000,\"sum\":\"5\"}");
}

static void noise_rows(struct trial *t, int from_s, int to_s, const char *more)
{
	char e[140];

	for (int s = from_s; s < to_s; s++) {
		snprintf(e, sizeof(e), "{\"k\":\"noise\",\"t\":%d000000000,\"source\":\"load\",\"span_ms\":1000%s}", s + 1, more);
		trial_event(t, e);
	}
}

static void heartbeat(struct trial *t, int from_s, int to_s)
{
	noise_rows(t, from_s, to_s, ",\"late_max_ms\":0.4");
}

#define KILL "\"steps\":[{\"step\":\"fault\",\"fault\":\"kill-pod\",\"id\":\"kill\",\"target\":\"m9\"}]"
#define TEN "\"load\":{\"rate\":10,\"clients\":4,\"deadline_ns\":1000000000,\"mix\":{\"insert\":1}}"

static void is(struct trial *t, const char *expect, const char *more, enum verdict v,
	       const char *says)
{
	const struct judged *j = trial_judge_of(t, expect, more);

	if (j->verdict != v || (says && !strstr(j->why, says)))
		fail_msg("%s is %s: %s", expect, verdict_name(j->verdict), j->why);
}

static void test_heartbeat(void **state)
{
	static const char outage[] = AT_MOST_S("outage", "25");
	struct trial t;

	(void)state;
	trial_begin(&t);
	of_today(&t);
	is(&t, outage, KILL "," TEN, VERDICT_UNKNOWN, "nothing tells how late the load agent was for 100.0 s");
	heartbeat(&t, 0, 30);
	heartbeat(&t, 35, 100);
	is(&t, outage, KILL "," TEN, VERDICT_UNKNOWN, "for 5.0 s, from 30.0 s after the load began");
	noise_rows(&t, 30, 35, ""); /* which do not tell it */
	is(&t, outage, KILL "," TEN, VERDICT_UNKNOWN, "for 5.0 s, from 30.0 s after the load began");
	heartbeat(&t, 30, 35);
	is(&t, outage, KILL "," TEN, VERDICT_PASS, NULL);
	trial_end(&t);
}

/* What a run of today was asked for stands in its files: faults that no step asks for,
 * or a load that nothing tells, are not all that it was. */
static void test_asked_for(void **state)
{
	static const char outage[] = AT_MOST_S("outage", "25");
	struct stream *another;
	struct trial t;

	(void)state;
	trial_begin(&t);
	is(&t, outage, NULL, VERDICT_PASS, NULL); /* another tool's need not */
	of_today(&t);
	heartbeat(&t, 0, 100);
	is(&t, outage, KILL "," TEN, VERDICT_PASS, NULL);
	is(&t, outage, TEN, VERDICT_UNKNOWN, "fault kill is told, and the scenario's steps do not ask for it");
	is(&t, outage, "\"steps\":[{\"step\":\"steady\"}]," TEN, VERDICT_UNKNOWN, "do not ask for it");
	is(&t, outage, KILL, VERDICT_UNKNOWN, "does not tell the load that was asked for");
	is(&t, outage, KILL ",\"load\":{\"rate\":10,\"clients\":4,\"mix\":{\"insert\":1}}", VERDICT_UNKNOWN, "the load that was asked");
	is(&t, outage, KILL ",\"load\":{\"clients\":4,\"deadline_ns\":5,\"mix\":{\"insert\":1}}", VERDICT_UNKNOWN, "the load that was");
	is(&t, outage, KILL ",\"load\":{\"rate\":10,\"clients\":4,\"deadline_ns\":5}", VERDICT_UNKNOWN, "the load that was asked for");
	is(&t, outage, KILL ",\"load\":{\"rate\":10,\"clients\":4,\"deadline_ns\":1000000000,\"minority\":1,"
	   "\"mix\":{\"insert\":1}}", VERDICT_UNKNOWN, "some of its clients stood elsewhere than the others, and nothing tells where");
	another = VEC_PUSH(t.h.streams, t.h.nstreams, t.h.streams_alloc);
	another->group = 1;
	is(&t, outage, KILL "," TEN, VERDICT_UNKNOWN, "where the clients of group 1 stood nothing tells");
	trial_end(&t);
}

static void answered_by(struct trial *t, int64_t t_ns, const char *by)
{
	char e[240];

	snprintf(e, sizeof(e), "{\"k\":\"final\",\"t\":%lld,\"present\":[],\"duplicates\":[],\"by\":[{%s,"
		 "\"role\":\"primary\"}]}", (long long)t_ns, by);
	trial_event(t, e);
}

static void test_who_answered(void **state)
{
	static const char lost[] = "[{\"metric\":\"lost\",\"at_most\":0}]";
	struct trial t;

	(void)state;
	trial_begin(&t);
	of_today(&t);
	heartbeat(&t, 0, 100);
	is(&t, lost, KILL "," TEN, VERDICT_UNKNOWN, "it does not say who answered it");
	answered_by(&t, 101 * SEC + 1, "\"addr\":\"1\",\"member\":\"m0\"");
	is(&t, lost, KILL "," TEN, VERDICT_UNKNOWN, "nothing tells that the system was left to settle before it");
	trial_event(&t, "{\"k\":\"phase\",\"t\":100000000000,\"phase\":\"settle\"}");
	is(&t, lost, KILL "," TEN, VERDICT_PASS, NULL);
	answered_by(&t, 101 * SEC + 2, "\"addr\":\"10.0.0.9:1\"");
	is(&t, lost, KILL "," TEN, VERDICT_UNKNOWN, "10.0.0.9:1 answered it, and whose address that was nobody knows");
	trial_end(&t);
}

/* What cannot have happened in this order did not: no time in it counts, for a failure
 * neither. */
static void test_impossible(void **state)
{
	static const char lost[] = "[{\"metric\":\"lost\",\"at_most\":0}]";
	struct trial t;

	(void)state;
	trial_begin(&t);
	move(&t, "fault", "effective", 5 * SEC);
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "fault kill is said to have taken effect 5.0 s before it was injected"));
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "19"))->verdict, VERDICT_UNKNOWN);
	trial_end(&t);
	trial_begin(&t);
	assert_int_equal(trial_judge(&t, lost)->verdict, VERDICT_PASS);
	move(&t, "final", "", 50 * SEC);
	assert_int_equal(trial_judge(&t, lost)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, " s before the last operation was called"));
	assert_int_equal(trial_judge(&t, AT_MOST_S("outage", "25"))->verdict, VERDICT_PASS);
	trial_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stands),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_heartbeat),
		cmocka_unit_test(test_asked_for),
		cmocka_unit_test(test_who_answered),
		cmocka_unit_test(test_stands_not_for_that),
		cmocka_unit_test(test_stands_of_another),
		cmocka_unit_test(test_stands_later),
		cmocka_unit_test(test_broken_run),
		cmocka_unit_test(test_whole_words),
		cmocka_unit_test(test_unsupported),
		cmocka_unit_test(test_noisy_run),
		cmocka_unit_test(test_pressed),
		cmocka_unit_test(test_another_load),
		cmocka_unit_test(test_interrupted_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
