/* Whom a fault has to have hit, and for how long somebody has to have looked on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "test/lib/synth.h"
#include "test/lib/trial.h"
#include "test/unit/check/judged.h"

#define MS NS_PER_MS
#define OUTAGE AT_MOST_S("outage", "25")

static void becomes(struct trial *t, const char *expect, const char *more, enum verdict v,
		    const char *says)
{
	const struct judged *j = trial_judge_of(t, expect, more);

	if (j->verdict != v || (says && !strstr(j->why, says)))
		fail_msg("%s is %s: %s", expect, verdict_name(j->verdict), j->why);
}

/* ---- whom it hit ---- */

static void asks_for(const char *target, char out[200])
{
	snprintf(out, 200, "\"steps\":[{\"step\":\"fault\",\"fault\":\"kill-pod\",\"id\":\"kill\",\"target\":\"%s\"}]", target);
}

/* The kill hits these: JSON objects. */
static void hits(struct trial *t, const char *targets)
{
	char e[600];

	snprintf(e, sizeof(e), "{\"k\":\"fault\",\"t\":10000000000,\"id\":\"kill\",\"fault\":\"kill-pod\",\"state\":"
		 "\"effective\",\"targets\":[%s],\"evidence\":[\"it was killed\"]}", targets);
	trial_event(t, e);
}

#define STANDS "[{\"metric\":\"stands\",\"want\":true}]"
#define TODAY "{\"k\":\"run\",\"t\":1,\"format\":2}"
#define M(name, role) "{\"member\":\"" name "\",\"node\":\"n-" name "\",\"role\":\"" role "\"}"

static void hit_in(const char *run, const char *targets, const char *target, enum verdict v,
		   const char *says)
{
	char steps[200];
	struct trial t;

	asks_for(target, steps);
	trial_begin(&t);
	if (run) {
		trial_event(&t, run);
		trial_note(&t, "stands", true);
	}
	trial_forget(&t, "fault", 0);
	trial_event(&t, "{\"k\":\"fault\",\"t\":10000000000,\"id\":\"kill\",\"fault\":\"kill-pod\",\"state\":\"injecting\"}");
	hits(&t, targets);
	if (strchr(targets, '}') != strrchr(targets, '}')) { /* one agent on each node */
		hits(&t, targets);
		hits(&t, targets);
	}
	becomes(&t, run ? STANDS : OUTAGE, steps, v, says);
	trial_end(&t);
}

static void hit(const char *targets, const char *target, enum verdict v, const char *says)
{
	hit_in(NULL, targets, target, v, says);
}

static void test_all(void **state)
{
	(void)state;
	hit(M("m0", "primary") "," M("m1", "replica") "," M("m2", "replica"), "all", VERDICT_PASS, NULL);
	hit(M("m0", "primary"), "all", VERDICT_UNKNOWN, "ask for all, and fault kill was not seen to hit m1");
	hit(M("m0", "primary") "," M("m2", "replica"), "all", VERDICT_UNKNOWN, "not seen to hit m1");
	hit("", "all", VERDICT_UNKNOWN, "nothing tells whom fault kill hit");
}

static void test_role(void **state)
{
	(void)state;
	hit(M("m0", "primary"), "primary", VERDICT_PASS, NULL);
	hit(M("m0", "unknown"), "primary", VERDICT_UNKNOWN, "ask for a primary, and what m0 was, whom fault kill hit, nobody");
	hit(M("m1", "replica"), "replica", VERDICT_PASS, NULL);
	hit(M("m1", "unknown"), "replica", VERDICT_UNKNOWN, "ask for a replica");
	hit("", "primary", VERDICT_UNKNOWN, "nothing tells whom");
	hit(M("m1", "unknown"), "any", VERDICT_PASS, NULL);
	hit("", "any", VERDICT_UNKNOWN, "nothing tells whom");
	hit_in(TODAY, M("m0", "replica"), "primary", VERDICT_UNKNOWN, "ask for a primary, and m0, whom fault kill hit, was a replica");
	hit_in(TODAY, M("m0", "primary"), "replica", VERDICT_UNKNOWN, "m0, whom fault kill hit, was a primary");
	/* The sampler heard it say what it was. */
	hit_in(TODAY, M("m1", "primary"), "primary", VERDICT_UNKNOWN, "m1, whom fault kill hit, had just said that it was a replica");
	/* Who wrote an older file may have meant another step. */
	hit(M("m0", "replica"), "primary", VERDICT_PASS, "; the steps ask for a primary, and m0, whom fault kill hit, was a replica");
}

/* As long as a StatefulSet's pod can have one. */
#define LONG "stateful-set-whose-name-is-as-long-as-what-a-label-may-have-is0"

static void test_name(void **state)
{
	(void)state;
	hit(M("m1", "unknown"), "m1", VERDICT_PASS, NULL);
	hit(M("m0", "primary"), "m1", VERDICT_UNKNOWN, "ask for m1, and fault kill was not seen to hit m1");
	hit(M("m0", "primary"), LONG, VERDICT_UNKNOWN, "ask for " LONG ", and fault kill was not seen to hit " LONG);
}

static void pod(struct trial *t, const char *name, const char *node, int64_t t_ns, bool gone)
{
	char e[300];

	snprintf(e, sizeof(e), "{\"k\":\"object\",\"t\":%lld,\"type\":\"pod\",\"name\":\"%s\",\"node\":\"%s\",\"uid\":\"u\","
		 "\"ready\":true,\"phase\":\"Running\"%s}", (long long)t_ns, name, node, gone ? ",\"gone\":true" : "");
	trial_event(t, e);
}

static void test_node(void **state)
{
	char steps[200];
	struct trial t;

	(void)state;
	asks_for("node/n-m0", steps);
	trial_begin(&t);
	hits(&t, M("m0", "primary"));
	pod(&t, "m0", "n-m0", SEC, false);
	pod(&t, "m1", "n-m1", SEC, false);
	becomes(&t, OUTAGE, steps, VERDICT_PASS, NULL);
	pod(&t, "guard-0", "n-m0", SEC, false);
	becomes(&t, OUTAGE, steps, VERDICT_UNKNOWN, "not seen to hit guard-0");
	pod(&t, "guard-0", "n-m0", 2 * SEC, true);
	becomes(&t, OUTAGE, steps, VERDICT_PASS, NULL);
	trial_event(&t, "{\"k\":\"object\",\"t\":2000000000,\"type\":\"pod\",\"name\":\"init-x\",\"node\":\"n-m0\","
			"\"phase\":\"Succeeded\"}");
	becomes(&t, OUTAGE, steps, VERDICT_PASS, NULL);
	trial_end(&t);
}

/* Whom nobody asked is a member as well: by the scenario's own word, or as a pod of
 * the same set. Who was away is not missed. */
static void test_members(void **state)
{
	char steps[200], more[400];
	struct trial t;

	(void)state;
	asks_for("all", steps);
	trial_begin(&t);
	hits(&t, M("m0", "primary") "," M("m1", "replica") "," M("m2", "replica"));
	hits(&t, M("m0", "primary") "," M("m1", "replica") "," M("m2", "replica"));
	becomes(&t, OUTAGE, steps, VERDICT_PASS, NULL);
	snprintf(more, sizeof(more), "%s,\"members\":[{\"name\":\"m0\"},{\"name\":\"m3\"}]", steps);
	becomes(&t, OUTAGE, more, VERDICT_UNKNOWN, "not seen to hit m3");
	pod(&t, "m3", "n-m3", SEC, true);
	becomes(&t, OUTAGE, more, VERDICT_PASS, NULL);
	json_push(t.events, synth_sample("db-0", 20 * SEC, true, "replica", false, 1));
	pod(&t, "db-0", "n-m3", SEC, true);
	pod(&t, "db-1", "n-m3", SEC, false);
	becomes(&t, OUTAGE, steps, VERDICT_UNKNOWN, "not seen to hit db-1");
	trial_end(&t);
}

/* Today's files tell by what it was seen that a fault took effect. */
static void test_unproven(void **state)
{
	static const char *const proof[] = { "", ",\"evidence\":[]", ",\"evidence\":[\"it was killed\"]" };
	char e[300], steps[200];

	(void)state;
	asks_for("m9", steps);
	for (int i = 0; i < 6; i++) {
		bool today = i >= 3, shown = i % 3 == 2;
		struct trial t;

		trial_begin(&t);
		if (today)
			trial_event(&t, TODAY);
		trial_note(&t, "stands", true);
		trial_forget(&t, "fault", 0);
		trial_event(&t, "{\"k\":\"fault\",\"t\":10000000000,\"id\":\"kill\",\"fault\":\"kill-pod\",\"state\":\"injecting\"}");
		snprintf(e, sizeof(e), "{\"k\":\"fault\",\"t\":10000000000,\"id\":\"kill\",\"fault\":\"kill-pod\",\"state\":\"effective\","
			 "\"targets\":[" M("m9", "primary") "]%s}", proof[i % 3]);
		trial_event(&t, e);
		becomes(&t, STANDS, steps, today && !shown ? VERDICT_UNKNOWN : VERDICT_PASS,
			today && !shown ? "by what that shows is not told" : NULL);
		trial_end(&t);
	}
}

/* ---- and that it stayed so ---- */

/* db-1 is hit from 10 s on, until 40 s if it lasts, and says this at t_ns. `also` is one
 * more event, or NULL. */
static void said_in(const char *run, const char *also, const char *fault, const char *more,
		    int64_t t_ns, const char *x, enum verdict v, const char *says)
{
	static const char *const states[] = { "injecting", "effective", "healed" };
	char e[400], steps[200];
	struct trial t;
	cJSON *s;

	snprintf(steps, sizeof(steps), "\"steps\":[{\"step\":\"fault\",\"fault\":\"%s\",\"id\":\"kill\",\"target\":\"any\"}]", fault);
	trial_begin(&t);
	trial_event(&t, run);
	trial_note(&t, "stands", true);
	trial_forget(&t, "fault", 0);
	for (int i = 0; i < 3; i++) {
		snprintf(e, sizeof(e), "{\"k\":\"fault\",\"t\":%d000000000,\"id\":\"kill\",\"fault\":\"%s\",\"state\":\"%s\","
			 "\"evidence\":[\"seen\"],\"targets\":[{\"member\":\"db-1\"}]%s}", i < 2 ? 10 : 40, fault, states[i], more);
		trial_event(&t, e);
	}
	if (also)
		trial_event(&t, also);
	for (int64_t at = 9 * SEC; at <= t_ns; at += t_ns - 9 * SEC) {
		s = synth_sample("db-1", at, true, "replica", false, 1);
		if (x)
			json_set(s, "x", cJSON_Parse(at < t_ns ? "{\"run_id\":\"a\",\"started_ms\":5}" : x));
		json_push(t.events, s);
	}
	becomes(&t, STANDS, steps, v, says);
	trial_end(&t);
}

static void said(const char *fault, const char *more, int64_t t_ns, const char *x, enum verdict v,
		 const char *says)
{
	said_in(TODAY, NULL, fault, more, t_ns, x, v, says);
}

static void test_answers_nonetheless(void **state)
{
	static const char cut[] = ",\"silences\":true", halves[] = ",\"silences\":true,\"params\":{\"shape\":\"halves\"}";
	static const char patroni[] = ",\"params\":{\"process\":\"patroni\"}";
	static const char same[] = "{\"run_id\":\"a\"}", other[] = "{\"run_id\":\"b\"}", since[] = "{\"started_ms\":5}";

	(void)state;
	said("partition-node", cut, 13 * SEC, same, VERDICT_UNKNOWN, "db-1 answered 3.0 s after fault kill took effect, which");
	said("pause", cut, 13 * SEC, other, VERDICT_UNKNOWN, "lets nobody elsewhere hear it: it was not in effect there then, or the clients stand on that side");
	said("partition-node", cut, 10 * SEC + 900 * MS, same, VERDICT_PASS, NULL);
	said("partition-node", cut, 41 * SEC, same, VERDICT_PASS, NULL);
	said("partition-node", "", 13 * SEC, same, VERDICT_PASS, NULL); /* one way */
	said("partition-node", halves, 13 * SEC, same, VERDICT_PASS, NULL);
	said("kill-pod", "", 13 * SEC, same, VERDICT_UNKNOWN, "as the process that it had killed");
	said("kill-process", "", 13 * SEC, since, VERDICT_UNKNOWN, "as the process that it had killed");
	said("node-down", "", 50 * SEC, same, VERDICT_UNKNOWN, "as the process that it had killed");
	said("kill-pod", "", 13 * SEC, other, VERDICT_PASS, NULL);
	/* Nothing tells whose process it is, but it was never away. */
	said("kill-pod", "", 13 * SEC, NULL, VERDICT_UNKNOWN, "as the process that it had killed");
	said("kill-pod", "", 13 * SEC, "{\"id\":1}", VERDICT_PASS, NULL); /* it told before */
	said("kill-process", patroni, 13 * SEC, same, VERDICT_PASS, NULL);
	said("kill-pod", ",\"params\":{\"how\":\"graceful\"}", 13 * SEC, same, VERDICT_PASS, NULL);
	/* In older files the times may be of two clocks. */
	said_in("{\"k\":\"run\",\"t\":1}", NULL, "kill-pod", "", 13 * SEC, same, VERDICT_PASS, NULL);
}

/* Whom each agent hits is not told: who may have been the last answers until then. */
static void test_one_agent_after_another(void **state)
{
	static const char last[] = "{\"k\":\"fault\",\"t\":12000000000,\"id\":\"kill\",\"fault\":\"kill-pod\","
				   "\"state\":\"effective\",\"evidence\":[\"seen\"]}";

	(void)state;
	said_in(TODAY, last, "kill-pod", "", 12 * SEC + 900 * MS, NULL, VERDICT_PASS, NULL);
	said_in(TODAY, last, "kill-pod", "", 14 * SEC, NULL, VERDICT_UNKNOWN, "db-1 answered 2.0 s after fault kill took effect");
}

/* It may have been away. */
static void test_away_meanwhile(void **state)
{
	static const char steps[] = "\"steps\":[{\"step\":\"fault\",\"fault\":\"kill-pod\",\"id\":\"kill\",\"target\":\"any\"}]";
	struct trial t;

	(void)state;
	for (int how = 0; how < 3; how++) {
		trial_begin(&t);
		trial_event(&t, TODAY);
		trial_note(&t, "stands", true);
		trial_forget(&t, "fault", 0);
		trial_event(&t, "{\"k\":\"fault\",\"t\":10000000000,\"id\":\"kill\",\"fault\":\"kill-pod\",\"state\":\"injecting\"}");
		hits(&t, M("m0", "primary"));
		if (how == 1)
			json_push(t.events, synth_sample("m0", 10 * SEC + 300 * MS, false, "unknown", false, -1));
		pod(&t, "m0", "n", 5 * SEC, false);
		if (how == 2)
			trial_event(&t, "{\"k\":\"object\",\"t\":11000000000,\"type\":\"pod\",\"name\":\"m0\",\"uid\":\"other\","
					"\"ready\":true,\"phase\":\"Running\"}");
		becomes(&t, STANDS, steps, how ? VERDICT_PASS : VERDICT_UNKNOWN, how ? NULL : "m0 answered 1.");
		trial_end(&t);
	}
}

static void test_never_injected(void **state)
{
	static const char steps[] = "\"steps\":[{\"step\":\"fault\",\"fault\":\"kill-pod\",\"id\":\"kill\",\"target\":\"any\"}]";
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_event(&t, TODAY);
	trial_note(&t, "stands", true);
	trial_hits(&t, "m9");
	becomes(&t, STANDS, steps, VERDICT_PASS, NULL);
	trial_forget(&t, "fault", 0);
	hits(&t, M("m0", "primary"));
	becomes(&t, STANDS, steps, VERDICT_UNKNOWN, "nothing tells when fault kill was injected");
	trial_end(&t);
}

/* ---- and how long was looked on ---- */

/* The last ones are not about what may come late. */
static const char *const figures[] = {
	OUTAGE, AT_MOST_S("downtime", "25"), AT_MOST_S("recovery", "25"), "[{\"metric\":\"dual_primary\",\"at_most\":0}]",
	"[{\"metric\":\"outage\",\"within_predicted\":true}]",
	"[{\"metric\":\"lost\",\"at_most\":0}]", "[{\"metric\":\"check\",\"checker\":\"linearizable\"}]",
};

enum { FIGURES = sizeof(figures) / sizeof(figures[0]), LATE = 5 };

/* The load ends so long after the fault, which showed nothing of what it does. */
static void ends_after(struct trial *t, int64_t ns)
{
	size_t n = 0;

	trial_begin(t);
	t->fault.outage = (struct outage){ .ended = true, .down = { .ended = true } };
	t->fault.redundant_ns = t->fault.redundant_lo_ns = 0;
	for (size_t i = 0; i < t->h.n; i++)
		if (t->h.ops[i].t_invoke < 10 * SEC + ns)
			t->h.ops[n++] = t->h.ops[i];
	t->h.n = n;
	for (int64_t i = 0; i < 200; i++) { /* it is tried often */
		static const enum op_f kinds[] = { OP_INSERT, OP_CAS, OP_READ };
		struct op op = {.f = kinds[i % 3],
				.key = 100,
				.value = 100000 + i,
				.expect = 7000,
				.sent = true,
				.t_invoke = 10 * SEC + ns * i / 200};

		if (op.f == OP_READ)
			op.value = OP_NO_VALUE;
		if (op.f == OP_CAS) {
			op.outcome = OP_FAIL;
			op.error = "mismatch: another value";
		}
		op.t_intended = op.t_invoke;
		op.t_return = op.t_invoke + MS;
		history_add(&t->h, &op);
	}
	history_sort(&t->h);
	trial_forget(t, "sample", 10 * SEC + ns);
	t->m.end_ns = 10 * SEC + ns;
}

static void test_load_ends(void **state)
{
	struct trial t;

	(void)state;
	for (int i = 0; i < FIGURES; i++) {
		ends_after(&t, 300 * MS);
		becomes(&t, figures[i], NULL, VERDICT_UNKNOWN, "the load ended 0.3 s after fault kill");
		/* Nothing is foreseen: a moment is no evidence all the same. */
		t.fault.predicted = (struct prediction){ .known = true };
		becomes(&t, figures[i], NULL, VERDICT_UNKNOWN, "may show for 3.0 s");
		trial_end(&t);
		/* By then it would have shown. */
		ends_after(&t, 4 * SEC);
		becomes(&t, figures[i], NULL, i < LATE ? VERDICT_UNKNOWN : VERDICT_PASS,
			i < LATE ? "the load ended 4.0 s after fault kill" : NULL);
		t.fault.predicted = (struct prediction){ .known = true, .hi_ns = 3500 * MS };
		becomes(&t, figures[i], NULL, VERDICT_PASS, NULL);
		trial_end(&t);
	}
}

/* What came later than the limit would be too late, and was not waited for. */
static void test_as_long_as_the_limit(void **state)
{
	struct trial t;

	(void)state;
	ends_after(&t, 26 * SEC); /* of up to 40 */
	becomes(&t, OUTAGE, NULL, VERDICT_PASS, NULL);
	becomes(&t, AT_MOST_S("recovery", "25"), NULL, VERDICT_PASS, NULL);
	becomes(&t, AT_MOST_S("recovery", "30"), NULL, VERDICT_UNKNOWN, "may show for 30.0 s");
	becomes(&t, "[{\"metric\":\"dual_primary\",\"at_most\":0}]", NULL, VERDICT_UNKNOWN, "may show for 40.0 s");
	/* That there was no outage is a failure only of whom was waited for. */
	becomes(&t, "[{\"metric\":\"outage\",\"within_predicted\":true}]", NULL, VERDICT_UNKNOWN, "26.0 s after");
	becomes(&t, "[{\"metric\":\"outage\",\"at_least\":5000000000}]", NULL, VERDICT_UNKNOWN, NULL);
	t.m.end_ns = 60 * SEC;
	becomes(&t, "[{\"metric\":\"outage\",\"within_predicted\":true}]", NULL, VERDICT_FAIL, NULL);
	becomes(&t, "[{\"metric\":\"outage\",\"at_least\":5000000000}]", NULL, VERDICT_FAIL, NULL);
	trial_end(&t);
	/* What was seen to come and go was. */
	trial_begin(&t);
	t.m.end_ns = 35 * SEC;
	becomes(&t, OUTAGE, NULL, VERDICT_PASS, NULL);
	becomes(&t, AT_MOST_S("recovery", "25"), NULL, VERDICT_PASS, NULL);
	trial_end(&t);
}

/* ---- and who answered then ---- */

static void test_replicas_after(void **state)
{
	static const char expect[] = AT_MOST_S("staleness", "30");
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.m.staleness = (struct staleness){ .reads = 400, .max_ns = SEC, .max_hi_ns = SEC };
	becomes(&t, expect, NULL, VERDICT_UNKNOWN, "0 of them after fault kill: a pass takes 30");
	t.fault.replica_reads = 29;
	becomes(&t, expect, NULL, VERDICT_UNKNOWN, "29 of them after fault kill");
	t.fault.replica_reads = 30;
	becomes(&t, expect, NULL, VERDICT_PASS, NULL);
	t.fault.replica_reads = 0;
	t.m.staleness.max_ns = t.m.staleness.max_hi_ns = 40 * SEC;
	becomes(&t, expect, NULL, VERDICT_FAIL, NULL);
	trial_end(&t);
}

/* Registers that nobody answered for behaved like none. */
static void test_registers_after(void **state)
{
	static const char expect[] = "[{\"metric\":\"check\",\"checker\":\"linearizable\"}]";
	struct trial t;

	(void)state;
	trial_begin(&t);
	becomes(&t, expect, NULL, VERDICT_PASS, NULL);
	for (size_t i = 0; i < t.h.n; i++) {
		if (t.h.ops[i].t_invoke < 10 * SEC)
			continue;
		t.h.ops[i].outcome = OP_FAIL;
		t.h.ops[i].error = "connect: refused";
	}
	becomes(&t, expect, NULL, VERDICT_UNKNOWN, "0 operations that it judges were answered after fault kill");
	trial_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_role),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_node),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_unproven),
		cmocka_unit_test(test_answers_nonetheless),
		cmocka_unit_test(test_one_agent_after_another),
		cmocka_unit_test(test_never_injected),
		cmocka_unit_test(test_away_meanwhile),
		cmocka_unit_test(test_load_ends),
		cmocka_unit_test(test_as_long_as_the_limit),
		cmocka_unit_test(test_replicas_after),
		cmocka_unit_test(test_registers_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
