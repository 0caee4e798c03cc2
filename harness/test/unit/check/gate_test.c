#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "check/gate.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/synth.h"
#include "test/lib/trial.h"

/* Of a run in which nothing is missing each test takes one thing away, and what
 * passed does not pass. */

#define SEC NS_PER_S
#define OUTAGE "[{\"metric\":\"outage\",\"at_most\":25000000000}]"
#define LOST "[{\"metric\":\"lost\",\"at_most\":0}]"
#define DUAL "[{\"metric\":\"dual_primary\",\"at_most\":0}]"
#define RECOVERY "[{\"metric\":\"recovery\",\"at_most\":120000000000}]"
#define DEMOTED "[{\"metric\":\"demoted\",\"at_most\":30000000000}]"
#define STANDS "[{\"metric\":\"stands\",\"want\":true}]"
#define CHECK "[{\"metric\":\"check\",\"checker\":\"linearizable\"}]"
#define KILL_STEP "\"steps\":[{\"step\":\"fault\",\"fault\":\"kill-pod\",\"id\":\"kill\"}]"

static const char *const all[] = {OUTAGE, LOST, DUAL, RECOVERY, CHECK};
enum { ALL = sizeof(all) / sizeof(all[0]) };

static void becomes(struct trial *t, const char *expect, const char *more, enum verdict v,
		    const char *says)
{
	const struct judged *j = trial_judge_of(t, expect, more);

	if (j->verdict != v || (says && !strstr(j->why, says)))
		fail_msg("%s is %s: %s", expect, verdict_name(j->verdict), j->why);
}

static void all_become(struct trial *t, const char *more, enum verdict v, const char *says)
{
	for (int i = 0; i < ALL; i++)
		becomes(t, all[i], more, v, says);
}

/* Takes operations away: of these kinds, called within [from, to). */
static void unsent(struct trial *t, uint32_t kinds, int64_t from, int64_t to)
{
	size_t n = 0;

	for (size_t i = 0; i < t->h.n; i++) {
		const struct op *op = &t->h.ops[i];

		if (!(kinds & OP_BIT(op->f)) || op->t_invoke < from || op->t_invoke >= to)
			t->h.ops[n++] = *op;
	}
	t->h.n = n;
}

static void test_nothing_missing(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	all_become(&t, KILL_STEP, VERDICT_PASS, NULL);
	trial_note(&t, "stands", true);
	becomes(&t, STANDS, KILL_STEP, VERDICT_PASS, NULL);
	trial_end(&t);
}

static void test_no_end(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_note(&t, "stands", true);
	trial_forget(&t, "phase", 0); /* "done" */
	all_become(&t, KILL_STEP, VERDICT_UNKNOWN, "did not come to its end");
	becomes(&t, STANDS, KILL_STEP, VERDICT_UNKNOWN, "did not come to its end");
	/* What was seen to fail failed. */
	t.m.loss.lost = 3;
	becomes(&t, LOST, KILL_STEP, VERDICT_FAIL, NULL);
	trial_end(&t);
}

static void test_fault_missing(void **state)
{
	static const char two[] = "\"steps\":[{\"step\":\"fault\",\"fault\":\"kill-pod\",\"id\":\"kill\"},"
				  "{\"step\":\"fault\",\"fault\":\"pause\",\"id\":\"freeze\"}]";
	static const char healed[] = "\"steps\":[{\"step\":\"fault\",\"fault\":\"pause\",\"id\":\"freeze\"},"
				     "{\"step\":\"heal\",\"id\":\"freeze\"}]";
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_note(&t, "stands", true);
	all_become(&t, two, VERDICT_UNKNOWN, "fault freeze, and it was never injected");
	becomes(&t, STANDS, two, VERDICT_UNKNOWN, "never injected");
	trial_event(&t, "{\"k\":\"fault\",\"t\":1,\"id\":\"freeze\",\"fault\":\"pause\",\"state\":\"planned\"}");
	becomes(&t, DUAL, two, VERDICT_UNKNOWN, "never injected");
	trial_event(&t, "{\"k\":\"fault\",\"t\":30000000000,\"id\":\"freeze\",\"fault\":\"pause\","
			"\"state\":\"injecting\"}");
	becomes(&t, DUAL, two, VERDICT_UNKNOWN, "not seen to take effect");
	trial_event(&t, "{\"k\":\"fault\",\"t\":30000000000,\"id\":\"freeze\",\"fault\":\"pause\","
			"\"state\":\"effective\"}");
	becomes(&t, DUAL, two, VERDICT_PASS, NULL);
	becomes(&t, DUAL, healed, VERDICT_UNKNOWN, "never seen undone");
	trial_event(&t, "{\"k\":\"fault\",\"t\":40000000000,\"id\":\"freeze\",\"fault\":\"pause\","
			"\"state\":\"healed\"}");
	becomes(&t, DUAL, healed, VERDICT_PASS, NULL);
	trial_end(&t);
}

static void test_no_load_after(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	unsent(&t, OP_ANY, 9 * SEC, 200 * SEC);
	all_become(&t, NULL, VERDICT_UNKNOWN, "were tried after fault kill");
	/* A load that began with the fault has no before. */
	trial_end(&t);
	trial_begin(&t);
	unsent(&t, OP_ANY, 0, 10 * SEC);
	all_become(&t, NULL, VERDICT_UNKNOWN, "were tried before fault kill");
	trial_end(&t);
}

/* Reads that go on say nothing of writes; other kinds of write nothing of one. */
static void test_kind_missing(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	unsent(&t, OP_WRITES, 10 * SEC, 200 * SEC);
	becomes(&t, OUTAGE, NULL, VERDICT_UNKNOWN, "0 writes were tried after");
	becomes(&t, LOST, NULL, VERDICT_UNKNOWN, "0 writes were tried after");
	becomes(&t, DUAL, NULL, VERDICT_PASS, NULL);
	trial_end(&t);
	trial_begin(&t);
	unsent(&t, OP_BIT(OP_CAS), 10 * SEC, 200 * SEC);
	becomes(&t, OUTAGE, NULL, VERDICT_UNKNOWN, "50 compare-and-sets were tried before fault kill and 0 after");
	becomes(&t, LOST, NULL, VERDICT_UNKNOWN, "50 compare-and-sets were tried before fault kill and 0 after");
	trial_end(&t);
	/* One or two are no evidence either. */
	trial_begin(&t);
	unsent(&t, OP_WRITES, 10 * SEC, 99 * SEC);
	becomes(&t, OUTAGE, NULL, VERDICT_UNKNOWN, "10 writes were tried after");
	trial_end(&t);
}

static void test_hole_in_the_load(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	unsent(&t, OP_ANY, 50 * SEC, 53 * SEC);
	becomes(&t, OUTAGE, NULL, VERDICT_UNKNOWN, "nothing was called for 3.0 s, from 50.0 s after");
	becomes(&t, LOST, NULL, VERDICT_PASS, NULL);
	trial_end(&t);
	/* Clients that hang are not free for a deadline. */
	trial_begin(&t);
	unsent(&t, OP_ANY, 50 * SEC, 53 * SEC);
	becomes(&t, OUTAGE, "\"load\":{\"rate\":20,\"deadline_ns\":2500000000}", VERDICT_PASS, NULL);
	trial_end(&t);
}

/* Reads that go on tell nothing of the writes that were due meanwhile. */
static void test_hole_in_a_kind(void **state)
{
	static const char load[] = "\"load\":{\"rate\":20,\"deadline_ns\":1000000000,"
				   "\"mix\":{\"insert\":25,\"read\":25,\"cas\":25,\"read_replica\":25}}";
	struct trial t;

	(void)state;
	trial_begin(&t);
	becomes(&t, OUTAGE, load, VERDICT_PASS, NULL);
	unsent(&t, OP_WRITES, 50 * SEC, 70 * SEC);
	becomes(&t, OUTAGE, load, VERDICT_UNKNOWN, "none of the inserts was called for 20.");
	/* What they brought is not known either. */
	becomes(&t, LOST, load, VERDICT_UNKNOWN, "200 operations that were due by the load's rate are not in");
	becomes(&t, RECOVERY, load, VERDICT_PASS, NULL);
	trial_end(&t);
	trial_begin(&t);
	unsent(&t, OP_BIT(OP_READ), 50 * SEC, 70 * SEC);
	becomes(&t, OUTAGE, load, VERDICT_PASS, NULL);
	becomes(&t, CHECK, load, VERDICT_UNKNOWN, "100 operations that were due");
	trial_end(&t);
}

static void test_sampler_away(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.fault.was_primary = true;
	t.fault.demoted_ns = 3 * SEC;
	becomes(&t, DEMOTED, NULL, VERDICT_PASS, NULL);
	trial_forget(&t, "sample", 20 * SEC);
	becomes(&t, DUAL, NULL, VERDICT_UNKNOWN, "nobody asked m0 for 80.");
	becomes(&t, RECOVERY, NULL, VERDICT_UNKNOWN, "nobody asked m");
	becomes(&t, DEMOTED, NULL, VERDICT_UNKNOWN, "nobody asked m");
	becomes(&t, OUTAGE, NULL, VERDICT_PASS, NULL);
	trial_forget(&t, "sample", SEC / 2);
	becomes(&t, DUAL, NULL, VERDICT_UNKNOWN, "from 0.");
	trial_end(&t);
	/* Nobody ever led: then it was not heard what they were. */
	trial_begin(&t);
	trial_forget(&t, "sample", 0);
	for (int i = 0; i < 200; i++)
		json_push(t.events, synth_sample("m0", i * SEC / 2, true, "replica", false, 1));
	becomes(&t, DUAL, NULL, VERDICT_UNKNOWN, "no member was ever heard as a writable primary");
	trial_end(&t);
}

/* Two primaries had room in it. */
static void test_sampler_hole(void **state)
{
	struct trial t;
	cJSON *e, *next;

	(void)state;
	trial_begin(&t);
	for (e = t.events->child; e; e = next) {
		next = e->next;
		if (!strcmp(json_str(e, "m", ""), "m1") && json_i64(e, "t", 0) > 40 * SEC && json_i64(e, "t", 0) < 41400 * NS_PER_MS)
			cJSON_Delete(cJSON_DetachItemViaPointer(t.events, e));
	}
	becomes(&t, DUAL, NULL, VERDICT_UNKNOWN, "nobody asked m1 for 2.0 s");
	trial_end(&t);
}

/* A target whom nobody asks is not seen either. */
static void test_target_unasked(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_event(&t, "{\"k\":\"fault\",\"t\":9000000000,\"id\":\"kill\",\"fault\":\"kill-pod\",\"state\":\"planned\","
			"\"targets\":[{\"member\":\"m7\",\"role\":\"primary\"}]}");
	becomes(&t, DUAL, NULL, VERDICT_UNKNOWN, "m7, a target of a fault, was never asked");
	trial_end(&t);
}

/* It is asked within [from, to), and says nothing. */
static void deaf(struct trial *t, const char *member, int64_t from, int64_t to)
{
	cJSON *e;

	cJSON_ArrayForEach(e, t->events)
		if (!strcmp(json_str(e, "m", ""), member) && json_i64(e, "t", 0) >= from && json_i64(e, "t", 0) < to)
			cJSON_ReplaceItemInObject(e, "ok", cJSON_CreateFalse());
}

static void mute(struct trial *t, const char *member, int64_t from, int64_t to)
{
	cJSON *e;

	cJSON_ArrayForEach(e, t->events)
		if (!strcmp(json_str(e, "m", ""), member) && json_i64(e, "t", 0) >= from && json_i64(e, "t", 0) < to)
			cJSON_DeleteItemFromObject(e, "role");
}

static void pod(struct trial *t, const char *name, int64_t t_ns, const char *uid, bool ready)
{
	char e[240];

	snprintf(e, sizeof(e), "{\"k\":\"object\",\"t\":%lld,\"type\":\"pod\",\"name\":\"%s\",\"uid\":\"%s\",\"ready\":%s,"
		 "\"phase\":\"Running\"}", (long long)t_ns, name, uid, ready ? "true" : "false");
	trial_event(t, e);
}

/* Who was asked and said nothing was not heard: it may have been anything. */
static void test_unheard(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	deaf(&t, "m2", 0, 200 * SEC);
	becomes(&t, DUAL, NULL, VERDICT_UNKNOWN, "m2 was not heard for 100.0 s");
	trial_end(&t);
	trial_begin(&t);
	deaf(&t, "m2", 20 * SEC, 23 * SEC);
	becomes(&t, DUAL, NULL, VERDICT_UNKNOWN, "m2 was not heard for 3.");
	trial_end(&t);
	/* Nor was one that answers, and does not say what it is. */
	trial_begin(&t);
	mute(&t, "m0", 20 * SEC, 23 * SEC), deaf(&t, "m1", 20 * SEC, 23 * SEC);
	becomes(&t, DUAL, NULL, VERDICT_UNKNOWN, "m0 was not heard for 3.");
	trial_end(&t);
	/* Four probes are lost now and then. */
	trial_begin(&t);
	deaf(&t, "m2", 20 * SEC, 21 * SEC);
	becomes(&t, DUAL, NULL, VERDICT_PASS, NULL);
	trial_end(&t);
}

/* A killed one is no primary until its pod is there again. */
static void test_unheard_dead(void **state)
{
	static const char hit[] = "{\"k\":\"fault\",\"t\":9000000000,\"id\":\"kill\",\"fault\":\"kill-pod\",\"state\":\"planned\","
				  "\"targets\":[{\"member\":\"m0\",\"role\":\"primary\"}]}";
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_event(&t, hit);
	unsent(&t, OP_WRITES, 10 * SEC, 30 * SEC);
	deaf(&t, "m0", 10 * SEC, 30 * SEC), deaf(&t, "m1", 10 * SEC, 30 * SEC);
	becomes(&t, DUAL, NULL, VERDICT_UNKNOWN, "m0 was not heard for 20.");
	pod(&t, "m0", SEC, "old", true);
	pod(&t, "m0", 29 * SEC, "new", true);
	becomes(&t, DUAL, NULL, VERDICT_PASS, NULL);
	trial_end(&t);
	trial_begin(&t);
	trial_event(&t, hit);
	deaf(&t, "m0", 10 * SEC, 30 * SEC), deaf(&t, "m1", 10 * SEC, 30 * SEC);
	pod(&t, "m0", SEC, "old", true);
	pod(&t, "m0", 15 * SEC, "new", true);
	becomes(&t, DUAL, NULL, VERDICT_UNKNOWN, "m0 was not heard for 15.0 s");
	trial_end(&t);
}

#define MEMBERS(third) "\"members\":[{\"name\":\"m0\"},{\"name\":\"m1\"},{\"name\":\"" third "\"}]"

/* A brother of those who are asked. */
static void test_member_unasked(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_forget(&t, "sample", 0);
	for (int i = 0; i < 400; i++)
		json_push(t.events, synth_sample(i % 2 ? "db-1" : "db-0", i * SEC / 4, true,
						 i % 2 ? "replica" : "primary", !(i % 2), 1));
	pod(&t, "db-1", SEC, "u1", true);
	pod(&t, "proxy-0", SEC, "u9", true);
	becomes(&t, RECOVERY, NULL, VERDICT_PASS, NULL);
	becomes(&t, DUAL, NULL, VERDICT_PASS, NULL);
	pod(&t, "db-2", SEC, "u2", true);
	becomes(&t, RECOVERY, NULL, VERDICT_UNKNOWN, "db-2 was never asked what it was, as db-0 was");
	becomes(&t, DUAL, NULL, VERDICT_UNKNOWN, "db-2 was never asked");
	trial_end(&t);
	/* By the scenario's own word a member, of whatever name. */
	trial_begin(&t);
	becomes(&t, RECOVERY, MEMBERS("m2"), VERDICT_PASS, NULL);
	becomes(&t, RECOVERY, MEMBERS("x"), VERDICT_UNKNOWN, "x, a member by the scenario's word, was never asked");
	becomes(&t, DUAL, MEMBERS("x"), VERDICT_UNKNOWN, "x, a member");
	trial_end(&t);
}

static void test_final_read(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_event(&t, "{\"k\":\"phase\",\"t\":100500000000,\"phase\":\"unsettled\",\"detail\":\"m2 is away\"}");
	becomes(&t, LOST, NULL, VERDICT_UNKNOWN, "had not settled before it: m2 is away");
	becomes(&t, "[{\"metric\":\"phantom\",\"at_most\":0}]", NULL, VERDICT_UNKNOWN, "had not settled");
	becomes(&t, "[{\"metric\":\"check\",\"checker\":\"lost_writes\"}]", NULL, VERDICT_UNKNOWN, NULL);
	becomes(&t, OUTAGE, NULL, VERDICT_PASS, NULL);
	/* Nor is what it lacks known to be lost. */
	t.m.loss.lost = 500;
	becomes(&t, LOST, NULL, VERDICT_UNKNOWN, "cannot be relied on");
	trial_end(&t);
	trial_begin(&t);
	trial_event(&t, "{\"k\":\"final\",\"t\":101000000000,\"present\":[],\"by\":[{\"addr\":\"1\",\"member\":\"m1\","
			"\"role\":\"replica\"}]}");
	becomes(&t, LOST, NULL, VERDICT_UNKNOWN, "m1 answered it, which was no primary then");
	trial_end(&t);
}

static void test_counts(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_event(&t, "{\"k\":\"load\",\"t\":100900000000,\"source\":\"load\",\"g\":0,\"ops\":2000}");
	all_become(&t, NULL, VERDICT_PASS, NULL);
	t.h.n -= 7;
	all_become(&t, NULL, VERDICT_UNKNOWN, "the load agent did 2000 operations, and history.jsonl has 1993");
	/* Lines that are missing are not the system's fault. */
	t.m.loss.phantom = 7;
	becomes(&t, "[{\"metric\":\"phantom\",\"at_most\":0}]", NULL, VERDICT_UNKNOWN, "not whole");
	trial_end(&t);
}

static void test_short_history(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_event(&t, "{\"k\":\"phase\",\"t\":100000000000,\"phase\":\"settle\"}");
	all_become(&t, NULL, VERDICT_PASS, NULL);
	unsent(&t, OP_ANY, 70 * SEC, 200 * SEC);
	all_become(&t, NULL, VERDICT_UNKNOWN, "history.jsonl ends 30.");
	trial_end(&t);
}

static void test_no_limit(void **state)
{
	struct served_row all_served = { .what = "all", .due = 100, .served = 100, .p50_ns = SEC, .p99_ns = SEC };
	struct trial t;

	(void)state;
	trial_begin(&t);
	becomes(&t, "[{\"metric\":\"outage\"}]", NULL, VERDICT_UNKNOWN, "no limit");
	becomes(&t, "[{\"metric\":\"outage\",\"at_most\":null}]", NULL, VERDICT_UNKNOWN, "no limit");
	t.fault.served = &all_served;
	t.fault.nserved = 1;
	becomes(&t, "[{\"metric\":\"availability\"}]", NULL, VERDICT_UNKNOWN, "no limit");
	becomes(&t, "[{\"metric\":\"availability\",\"at_least\":99}]", NULL, VERDICT_PASS, NULL);
	/* Nor has it one fault that never was. */
	becomes(&t, "[{\"metric\":\"lost\",\"fault\":\"kill\",\"at_most\":0}]", NULL, VERDICT_PASS, NULL);
	becomes(&t, "[{\"metric\":\"lost\",\"fault\":\"zzz\",\"at_most\":0}]", NULL, VERDICT_UNKNOWN, "fault zzz was not injected");
	trial_end(&t);
}

/* Without a fault, too, a handful is no evidence. */
static void test_few(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_forget(&t, "fault", 0);
	becomes(&t, LOST, NULL, VERDICT_PASS, NULL);
	unsent(&t, OP_WRITES, SEC, 200 * SEC);
	becomes(&t, LOST, NULL, VERDICT_UNKNOWN, "10 writes were tried in all: a pass takes 30");
	trial_end(&t);
}

static void counts(struct trial *t, struct measured_counts *c)
{
	struct measured_counts of_fault[4];
	struct evidence *ev = evidence_kept(t->events, 0);

	assert_in_range(t->m.nfaults, 1, ARRAY_LEN(of_fault));
	evidence_weigh(ev, &t->h);
	judge_counts(&t->h, ev, &t->m, c, of_fault);
	assert_true(c->of[EXPECT_OUTAGE].absent == of_fault[0].of[EXPECT_OUTAGE].absent);
}

/* What may be told of figures that nobody expects anything of. */
static void test_counts_unasked(void **state)
{
	struct measured_counts c;
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_judge(&t, OUTAGE);
	counts(&t, &c);
	assert_true(c.of[EXPECT_OUTAGE].there && c.of[EXPECT_OUTAGE].absent);
	assert_true(c.of[EXPECT_LOST].there && c.of[EXPECT_LOST].absent);
	assert_true(c.of[EXPECT_DUAL_PRIMARY].there && c.of[EXPECT_DUAL_PRIMARY].absent);
	assert_false(c.of[EXPECT_CHECK].there || c.of[EXPECT_CHECK].absent);
	/* Nobody was there to see whether writes went on, or were lost. */
	unsent(&t, OP_WRITES, 10 * SEC, 200 * SEC);
	counts(&t, &c);
	assert_true(c.of[EXPECT_OUTAGE].there && !c.of[EXPECT_OUTAGE].absent);
	assert_true(c.of[EXPECT_LOST].there && !c.of[EXPECT_LOST].absent);
	trial_event(&t, "{\"k\":\"load\",\"t\":100900000000,\"source\":\"load\",\"g\":0,\"ops\":2000}");
	counts(&t, &c);
	assert_false(c.of[EXPECT_LOST].there);
	trial_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_missing), cmocka_unit_test(test_no_end),
		cmocka_unit_test(test_fault_missing),	cmocka_unit_test(test_no_load_after),
		cmocka_unit_test(test_kind_missing),	cmocka_unit_test(test_hole_in_the_load),
		cmocka_unit_test(test_hole_in_a_kind),	cmocka_unit_test(test_sampler_away),
		cmocka_unit_test(test_target_unasked),	cmocka_unit_test(test_sampler_hole),
		cmocka_unit_test(test_unheard),		cmocka_unit_test(test_unheard_dead),
		cmocka_unit_test(test_member_unasked),	cmocka_unit_test(test_final_read),
		cmocka_unit_test(test_counts),		cmocka_unit_test(test_short_history),
		cmocka_unit_test(test_no_limit),	cmocka_unit_test(test_few),
		cmocka_unit_test(test_counts_unasked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
