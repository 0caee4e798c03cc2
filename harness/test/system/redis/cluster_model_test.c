/* What the rules of Redis Cluster allow, who won, and whether all is whole. */
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
#include "fault/fault.h"
#include "system/redis/cluster_model.h"
#include "test/lib/evidence_help.h"

#define SEC NS_PER_S
#define MS NS_PER_MS

/* ---- redundancy ---- */

static const char *const whole[] = {
	"{\"m\":\"r-0\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"tl\":1,\"x\":{\"id\":\"a\",\"slots\":\"0-5460\",\"state\":\"ok\"}}",
	"{\"m\":\"r-1\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"tl\":2,\"x\":{\"id\":\"b\",\"slots\":\"5461-10922\",\"state\":\"ok\"}}",
	"{\"m\":\"r-2\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"tl\":3,\"x\":{\"id\":\"c\",\"slots\":\"10923-16383\",\"state\":\"ok\"}}",
	"{\"m\":\"r-3\",\"ok\":true,\"role\":\"replica\",\"x\":{\"id\":\"d\",\"of\":\"a\",\"link\":\"up\",\"state\":\"ok\"}}",
	"{\"m\":\"r-4\",\"ok\":true,\"role\":\"replica\",\"x\":{\"id\":\"e\",\"of\":\"b\",\"link\":\"up\",\"state\":\"ok\"}}",
	"{\"m\":\"r-5\",\"ok\":true,\"role\":\"replica\",\"x\":{\"id\":\"f\",\"of\":\"c\",\"link\":\"up\",\"state\":\"ok\"}}",
};

/* With one member's answer replaced. */
static bool redundant(int at, const char *instead, char *why)
{
	struct sample s[6];
	cJSON *o[6];
	bool is;

	for (int i = 0; i < 6; i++) {
		o[i] = test_json(i == at ? instead : whole[i]);
		memset(&s[i], 0, sizeof(s[i]));
		mem_copy_str(s[i].member, sizeof(s[i].member), json_str(o[i], "m", ""));
		sample_from_json(o[i], &s[i]);
	}
	is = redis_cluster_redundant(s, 6, why);
	for (int i = 0; i < 6; i++)
		cJSON_Delete(o[i]);
	return is;
}

static void test_redundant(void **state)
{
	static const struct {
		int at;
		const char *instead, *why;
	} t[] = {
		{3, "{\"m\":\"r-3\",\"ok\":false}", "r-3 does not answer"},
		{0, "{\"m\":\"r-0\",\"ok\":true,\"role\":\"primary\",\"writable\":false,\"x\":{\"id\":\"a\",\"slots\":\"0-5460\"}}",
		 "5461 slots from 0 on"},
		{0, "{\"m\":\"r-0\",\"ok\":true,\"role\":\"primary\",\"writable\":false,\"x\":{\"id\":\"a\",\"slots\":\"0-5460\","
		 "\"state\":\"fail\",\"fail\":[\"b\"],\"pfail\":[\"c\"]}}",
		 "have no writable owner: r-0 has them, and says cluster_state:fail and takes 2 other members for failed"},
		{0, "{\"m\":\"r-0\",\"ok\":true,\"role\":\"primary\",\"writable\":false,\"x\":{\"id\":\"a\",\"slots\":\"0-5460\","
		 "\"state\":\"ok\",\"misconf\":true}}", "r-0 has them, and its disk takes no more (MISCONF)"},
		{1, "{\"m\":\"r-1\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"x\":{\"id\":\"b\",\"slots\":\"5460-10922\",\"state\":\"ok\"}}",
		 "two writable members own slots of r-1"},
		{3, "{\"m\":\"r-3\",\"ok\":true,\"role\":\"replica\",\"x\":{\"of\":\"b\",\"link\":\"up\",\"state\":\"ok\"}}",
		 "r-0 has no replica"},
		{4, "{\"m\":\"r-4\",\"ok\":true,\"role\":\"replica\",\"x\":{\"of\":\"b\",\"link\":\"down\",\"state\":\"ok\"}}",
		 "r-4 has no link"},
		{4, "{\"m\":\"r-4\",\"ok\":true,\"role\":\"replica\",\"x\":{\"of\":\"b\",\"link\":\"up\",\"silent_s\":30,\"state\":\"ok\"}}",
		 "r-4 has heard nothing from its master for 30 s"},
		{4, "{\"m\":\"r-4\",\"ok\":true,\"role\":\"replica\",\"x\":{\"of\":\"b\",\"link\":\"down\",\"syncing\":true}}",
		 "r-4 is copying"},
		{5, "{\"m\":\"r-5\",\"ok\":true,\"role\":\"unknown\",\"x\":{\"link\":\"up\"}}", "r-5 neither owns"},
		{5, "{\"m\":\"r-5\",\"ok\":true,\"role\":\"replica\",\"x\":{\"of\":\"c\",\"link\":\"up\",\"state\":\"ok\",\"fail\":[\"a\"]}}",
		 "r-5 takes another"},
		{5, "{\"m\":\"r-5\",\"ok\":true,\"role\":\"replica\",\"x\":{\"of\":\"c\",\"link\":\"up\",\"state\":\"fail\"}}",
		 "cluster_state:fail"},
	};
	char why[WHY_BYTES];

	(void)state;
	if (!redundant(-1, NULL, why))
		fail_msg("%s", why);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_false(redundant(t[i].at, t[i].instead, why));
		if (!strstr(why, t[i].why))
			fail_msg("\"%s\" instead of \"%s\"", why, t[i].why);
	}
	assert_false(redis_cluster_redundant(NULL, 0, why));
}

/* ---- prediction ---- */

static const char document[] =
	"[{\"name\":\"cluster-node-timeout\",\"value\":\"5000\",\"unit\":\"ms\"},"
	"{\"name\":\"cluster-replica-validity-factor\",\"value\":\"10\"},"
	"{\"name\":\"repl-ping-replica-period\",\"value\":\"10\"},"
	"{\"name\":\"cluster-require-full-coverage\",\"value\":\"off\"}]";

/* By evidence of this fault. */
static struct prediction predict(const char *fault, const char *inforce)
{
	cJSON *events = cJSON_CreateArray();
	struct prediction p;
	struct evidence ev;

	evidence_tell_fault(events, test_json(fault));
	evidence_tell_inforce(events, inforce ? test_json(inforce) : NULL);
	evidence_make(events, 0, fault_effects, &ev);
	redis_cluster_predict(&ev, &ev.faults[0], &p);
	evidence_free(&ev);
	for (size_t i = 0; i < p.n; i++) {
		assert_true(p.mech[i].lo_ns >= 0 && p.mech[i].lo_ns <= p.mech[i].hi_ns);
		assert_true(p.lo_ns <= p.mech[i].lo_ns && p.mech[i].hi_ns <= p.hi_ns);
		assert_true(*p.mech[i].rule && *p.mech[i].source);
		/* Not cut off. */
		assert_true(strlen(p.mech[i].rule) < sizeof(p.mech[i].rule) - 1);
	}
	assert_true(strlen(p.note) < sizeof(p.note) - 1);
	assert_int_equal(p.known, p.n > 0);
	cJSON_Delete(events);
	return p;
}

static bool has(const struct prediction *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->mech[i].name, name))
			return true;
	return false;
}

#define PRIMARY "\"targets\":[{\"member\":\"r-0\",\"role\":\"primary\"}]"
#define REPLICA "\"targets\":[{\"member\":\"r-3\",\"role\":\"replica\"}]"

#define LASTED(ms) "\"injected_ns\":1000000000,\"effective_ns\":1000000000,\"healed_ns\":1" #ms "000000000"

/* Owners r-0, r-1, r-2 and two faults, each as JSON without its braces. */
static struct prediction predict_beside(const char *fault, const char *other)
{
	cJSON *events = cJSON_CreateArray();
	struct prediction p;
	struct evidence ev;
	char text[400];

	for (int i = 0; i < 6; i++) {
		snprintf(text, sizeof(text),
			 "{\"k\":\"sample\",\"s\":0,\"t\":500000000,\"m\":\"r-%d\",\"ok\":true,\"role\":\"%s\",\"writable\":%s}",
			 i, i < 3 ? "primary" : "replica", i < 3 ? "true" : "false");
		json_push(events, test_json(text));
	}
	snprintf(text, sizeof(text), "{\"id\":\"a\",%s}", fault);
	evidence_tell_fault(events, test_json(text));
	snprintf(text, sizeof(text), "{\"id\":\"b\",%s}", other);
	evidence_tell_fault(events, test_json(text));
	evidence_tell_inforce(events, test_json(document));
	evidence_make(events, 0, fault_effects, &ev);
	redis_cluster_predict(&ev, fault_of(&ev, "a"), &p);
	evidence_free(&ev);
	cJSON_Delete(events);
	return p;
}

#define HELD(fault, from_ms, to_ms, member, role) "\"fault\":\"" fault "\",\"injected_ns\":" #from_ms "000000," \
	"\"effective_ns\":" #from_ms "000000,\"healed_ns\":" #to_ms "000000," \
	"\"targets\":[{\"member\":\"" member "\",\"role\":\"" role "\"}]"

/* Only masters vote. */
static void test_predict_without_majority(void **state)
{
	struct prediction p;

	(void)state;
	/* Two of three stand still: nobody is elected, and both go on. */
	p = predict_beside(HELD("pause", 1000, 31000, "r-0", "primary"), HELD("pause", 1500, 31500, "r-1", "primary"));
	assert_true(has(&p, "fault ends") && p.lo_ns > 28 * SEC);
	/* The second one goes on after 20 s: a majority, so at the earliest
	 * then a replica may be elected, while the first one is still away. */
	p = predict_beside(HELD("pause", 1000, 91000, "r-0", "primary"), HELD("pause", 1500, 21000, "r-1", "primary"));
	assert_true(has(&p, "replica elected") && has(&p, "fault ends"));
	assert_int_equal(p.lo_ns, 19500 * MS);
	assert_non_null(strstr(p.note, "until 20.0 s after the fault"));
	/* Over before an election could have begun. */
	p = predict_beside(HELD("pause", 1000, 91000, "r-0", "primary"), HELD("pause", 1500, 3000, "r-1", "primary"));
	assert_true(has(&p, "replica elected") && !has(&p, "fault ends") && p.lo_ns < 6 * SEC);
	/* It hits no voter. */
	p = predict_beside(HELD("pause", 1000, 91000, "r-0", "primary"), HELD("pause", 1500, 91000, "r-4", "replica"));
	assert_true(has(&p, "replica elected") && p.lo_ns < 6 * SEC);
	/* And one that never ended. */
	p = predict_beside("\"fault\":\"pause\",\"injected_ns\":1000000000,\"effective_ns\":1000000000," PRIMARY,
			   "\"fault\":\"pause\",\"injected_ns\":1000000000,\"effective_ns\":1000000000,"
			   "\"targets\":[{\"member\":\"r-1\",\"role\":\"primary\"}]");
	assert_false(p.known);
	assert_non_null(strstr(p.note, "Too few were left"));
}

static void test_predict(void **state)
{
	struct prediction p, without;

	(void)state;
	p = predict("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," PRIMARY "}", document);
	assert_true(has(&p, "same member restarts") && has(&p, "replica elected"));
	assert_int_equal(p.lo_ns, 2 * SEC);
	assert_true(p.hi_ns > 10 * SEC && p.hi_ns < 20 * SEC);

	assert_null(strstr(p.note, "appendonly"));

	/* Without a log there is less to read, and nothing to go on with. */
	without = predict("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," PRIMARY "}",
			  "[{\"name\":\"cluster-node-timeout\",\"value\":\"5000\"},"
			  "{\"name\":\"cluster-replica-validity-factor\",\"value\":\"10\"},"
			  "{\"name\":\"repl-ping-replica-period\",\"value\":\"10\"},"
			  "{\"name\":\"cluster-require-full-coverage\",\"value\":\"off\"},"
			  "{\"name\":\"appendonly\",\"value\":\"off\"}]");
	assert_int_equal(without.hi_ns, p.hi_ns - 3 * SEC);
	assert_non_null(strstr(without.note, "appendonly is off"));

	/* The node timeout is the figure that counts. */
	p = predict("{\"fault\":\"node-down\"," LASTED(90) "," PRIMARY "}", document);
	assert_int_equal(p.n, 1);
	assert_true(has(&p, "replica elected"));
	assert_int_equal(p.lo_ns, 5500 * MS);
	assert_int_equal(p.hi_ns, 10600 * MS);
	p = predict("{\"fault\":\"node-down\"," LASTED(90) "," PRIMARY "}", NULL);
	assert_int_equal(p.lo_ns, 15500 * MS);
	assert_non_null(strstr(p.note, "cluster-node-timeout"));
	assert_non_null(strstr(p.note, "full-coverage"));

	p = predict("{\"fault\":\"pause\",\"injected_ns\":1000000000,\"effective_ns\":1100000000,"
		    "\"healed_ns\":4000000000," PRIMARY "}", document);
	assert_int_equal(p.n, 1);
	assert_true(has(&p, "fault ends"));
	assert_true(p.lo_ns >= 2 * SEC && p.lo_ns < 3 * SEC && p.hi_ns >= 3 * SEC);
	p = predict("{\"fault\":\"pause\",\"injected_ns\":1000000000,\"effective_ns\":1000000000,"
		    "\"healed_ns\":9000000000," PRIMARY "}", document);
	assert_true(has(&p, "fault ends") && has(&p, "replica elected"));

	p = predict("{\"fault\":\"partition-node\"," LASTED(90) "," PRIMARY "}", document);
	assert_true(has(&p, "replica elected"));
	assert_non_null(strstr(p.note, "minority"));

	p = predict("{\"fault\":\"fill-disk\",\"injected_ns\":1000000000,\"effective_ns\":1000000000,"
		    "\"healed_ns\":16000000000," PRIMARY "}", document);
	assert_int_equal(p.n, 1);
	assert_true(has(&p, "space returns"));
	assert_true(p.lo_ns == 0 && p.hi_ns > 15 * SEC);

	/* Who is elected has no replica yet. */
	p = predict("{\"fault\":\"node-down\"," LASTED(90) "," PRIMARY "}",
		    "[{\"name\":\"cluster-node-timeout\",\"value\":\"5000\"},"
		    "{\"name\":\"min-replicas-to-write\",\"value\":\"1\"}]");
	assert_true(has(&p, "replica elected") && has(&p, "replica returns"));
	assert_true(p.hi_ns > 189 * SEC);
	assert_non_null(strstr(p.note, "min-replicas-to-write 1"));

	p = predict("{\"fault\":\"kill-pod\"," REPLICA "}", document);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.hi_ns, 0);
	p = predict("{\"fault\":\"node-down\"," LASTED(90) "," REPLICA "}", document);
	assert_true(has(&p, "writes need no replica") && has(&p, "replica elected"));
	p = predict("{\"fault\":\"kill-pod\"}", document);
	assert_false(p.known);
	p = predict("{\"fault\":\"flood\"," PRIMARY "}", document);
	assert_false(p.known);
}

/* ---- the parts of an outage ---- */

static void push_sample(cJSON *events, const char *m, int64_t t, bool owner, int tl, const char *x)
{
	cJSON *e = cJSON_CreateObject();

	json_set_str(e, "k", "sample");
	json_set_i64(e, "s", 0);
	json_set_i64(e, "t", t);
	json_set_str(e, "m", m);
	json_set_bool(e, "ok", x != NULL);
	if (x) {
		json_set_str(e, "role", owner ? "primary" : "replica");
		json_set_bool(e, "writable", owner);
		json_set_i64(e, "tl", tl);
		json_set(e, "x", test_json(x));
	}
	json_push(events, e);
}

#define OWN_A "{\"id\":\"aaaaaaaa\",\"run_id\":\"1\",\"slots\":\"0-5460\"}"
#define OWN_A2 "{\"id\":\"aaaaaaaa\",\"run_id\":\"2\",\"slots\":\"0-5460\"}"

#define OWN_D "{\"id\":\"dddddddd\",\"run_id\":\"4\",\"slots\":\"0-5460\"}"
#define OF_A "{\"id\":\"dddddddd\",\"run_id\":\"4\",\"of\":\"aaaaaaaa\",\"link\":\"down\"}"

#define OWN_B "{\"id\":\"bbbbbbbb\",\"run_id\":\"3\",\"slots\":\"5461-10922\",\"map\":{\"0-5460\":\"aaaaaaaa\"}}"
#define OWN_B2 "{\"id\":\"bbbbbbbb\",\"run_id\":\"3\",\"slots\":\"5461-10922\",\"map\":{\"0-5460\":\"dddddddd\"}}"

#define OWN_B_FAIL "{\"id\":\"bbbbbbbb\",\"slots\":\"5461-10922\",\"map\":{\"0-5460\":\"aaaaaaaa\"},\"fail\":[\"aaaaaaaa\"]}"

static cJSON *begin(void)
{
	return test_json("[{\"k\":\"run\",\"t\":0,\"started\":\"2026-11-24T10:00:00.000Z\"}]");
}

static void push_log(cJSON *events, const char *member, const char *text)
{
	cJSON *e = test_json("{\"k\":\"log\",\"s\":0,\"t\":99000000000}");

	json_set_str(e, "member", member);
	json_set_str(e, "text", text);
	json_push(events, e);
}

/* r-0 is hit at 10 s; r-3 takes over at 16 s, r-1 watches. */
static cJSON *failover(bool logs)
{
	cJSON *events = begin();

	for (int64_t t = 9 * SEC; t < 20 * SEC; t += 100 * MS) {
		push_sample(events, "r-0", t, t < 10 * SEC, 1, t < 10 * SEC ? OWN_A : NULL);
		push_sample(events, "r-1", t + MS, true, 2, t >= 16100 * MS ? OWN_B2 :
			    t >= 15300 * MS ? OWN_B_FAIL : OWN_B);
		push_sample(events, "r-3", t + 2 * MS, t >= 16 * SEC, t >= 16 * SEC ? 7 : 1,
			    t >= 16 * SEC ? OWN_D : OF_A);
	}
	if (!logs)
		return events;
	push_log(events, "r-1",
		 "1:M 24 Nov 2026 10:00:15.250 * Marking node aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa as failing (quorum reached).\n");
	push_log(events, "r-3",
		 "1:S 24 Nov 2026 10:00:15.260 * Start of election delayed for 640 milliseconds (rank #0, offset 99).\n"
		 "1:S 24 Nov 2026 10:00:15.960 * Failover election won: I'm the new master.\n");
	return events;
}

#define HIT "{\"fault\":\"node-down\",\"injected_ns\":10000000000,\"effective_ns\":10050000000," PRIMARY "}"

static struct milestones explain(cJSON *events, const char *fault, int64_t first_ack,
				 const char *inforce)
{
	struct milestones m = {.effective = 10050 * MS, .first_ack = first_ack, .resolved_ns = -1};
	struct prediction p;
	struct evidence ev;

	evidence_tell_fault(events, test_json(fault));
	evidence_tell_inforce(events, test_json(inforce));
	evidence_make(events, 0, fault_effects, &ev);
	redis_cluster_predict(&ev, &ev.faults[0], &p);
	redis_cluster_explain(&ev, &ev.faults[0], &p, &m);
	evidence_free(&ev);
	cJSON_Delete(events);
	return m;
}

static void test_explain_failover(void **state)
{
	struct milestones m;

	(void)state;
	m = explain(failover(true), HIT, 16250 * MS, document);
	assert_int_equal(m.detected, 15250 * MS);
	assert_int_equal(m.elected, 15960 * MS);
	assert_int_equal(m.promoted, 16002 * MS);
	assert_int_equal(m.routed, 16101 * MS);
	assert_string_equal(m.mechanism, "replica elected");
	assert_non_null(strstr(m.how_elected, "640 ms"));
	assert_non_null(strstr(m.why_mechanism, "r-3 owns the slots 0-5460 instead of r-0, epoch 7"));
	/* Without logs the samples tell, but for the vote. */
	m = explain(failover(false), HIT, 16250 * MS, document);
	assert_int_equal(m.detected, 15301 * MS);
	assert_int_equal(m.elected, 0);
	assert_int_equal(m.promoted, 16002 * MS);
	/* A client was faster than the sampler. */
	m = explain(failover(true), HIT, 15990 * MS, document);
	assert_int_equal(m.promoted, 15990 * MS);
	assert_int_equal(m.routed, 15990 * MS);
	assert_int_equal(m.elected, 15960 * MS);
}

/* Whoever it is about, the whole name is told. */
static void test_explain_long_names(void **state)
{
	static const char hit[] = "{\"fault\":\"node-down\",\"injected_ns\":10000000000,\"effective_ns\":10050000000,"
				  "\"targets\":[{\"member\":\"" LONG_NAME "-0\",\"role\":\"primary\"}]}";
	struct milestones m;

	(void)state;
	m = explain(evidence_renamed(failover(true), "\"r-", "\"" LONG_NAME "-"), hit, 16250 * MS, document);
	assert_string_equal(m.how_detected, "log of " LONG_NAME "-1: a majority takes " LONG_NAME "-0 for failed (FAIL)");
	assert_non_null(strstr(m.how_elected, "log of " LONG_NAME "-3: election won"));
	assert_non_null(strstr(m.how_promoted, LONG_NAME "-3 as the writable owner"));
	assert_non_null(strstr(m.how_routed, "(" LONG_NAME "-1) that names " LONG_NAME "-3 as"));
	assert_non_null(strstr(m.why_mechanism, LONG_NAME "-3 owns the slots 0-5460 instead of " LONG_NAME "-0"));
	m = explain(evidence_renamed(failover(false), "\"r-", "\"" LONG_NAME "-"), hit, 16250 * MS, document);
	assert_non_null(strstr(m.how_detected, "(" LONG_NAME "-1) has " LONG_NAME "-0 as failed"));
}

static void test_explain_others(void **state)
{
	struct milestones m;
	cJSON *events = begin();

	(void)state;
	/* The same member, another process. */
	for (int64_t t = 9 * SEC; t < 20 * SEC; t += 100 * MS)
		push_sample(events, "r-0", t, t < 10 * SEC || t > 13 * SEC, 1,
			    t < 10 * SEC ? OWN_A : t < 11 * SEC ? NULL : OWN_A2);
	m = explain(events, "{\"fault\":\"kill-pod\",\"injected_ns\":10000000000," PRIMARY "}", 13200 * MS,
		    document);
	assert_string_equal(m.mechanism, "same member restarts");
	assert_int_equal(m.detected, 11 * SEC);
	assert_int_equal(m.promoted, 13100 * MS);
	assert_int_equal(m.routed, 0);
	/* It never went away. */
	events = begin();
	for (int64_t t = 9 * SEC; t < 20 * SEC; t += 100 * MS)
		push_sample(events, "r-0", t, true, 1, t < 10 * SEC || t > 13 * SEC ? OWN_A : NULL);
	m = explain(events, "{\"fault\":\"pause\",\"injected_ns\":10000000000,\"healed_ns\":13000000000," PRIMARY "}", 13050 * MS,
		    document);
	assert_string_equal(m.mechanism, "fault ends");
	assert_int_equal(m.promoted, 0);
	/* Nobody was hit who owned anything. */
	m = explain(failover(true), "{\"fault\":\"kill-pod\",\"injected_ns\":10000000000," REPLICA "}",
		    16250 * MS, document);
	assert_string_equal(m.mechanism, "writes need no replica");
	assert_non_null(strstr(m.why_mechanism, "hit no owner"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redundant),
		cmocka_unit_test(test_predict),
		cmocka_unit_test(test_predict_without_majority),
		cmocka_unit_test(test_explain_failover),
		cmocka_unit_test(test_explain_long_names),
		cmocka_unit_test(test_explain_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
