/* MySQL: whether all is whole, what its rules allow, and what the evidence tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "test/system/mysql/tale.h"

/* ---- what is whole ---- */

#define FOLLOWS(uuid, more) "{\"uuid\":\"u1\",\"source\":{\"uuid\":\"" uuid "\",\"receiver\":\"on\",\"applier\":\"on\"" more "}}"

static void test_redundant(void **state)
{
	static const struct {
		const char *primary, *replica;
		enum role role;
		bool writable;
		const char *why; /* NULL: it is whole */
	} rows[] = {
		{"{\"uuid\":\"u0\"}", FOLLOWS("u0", ""), ROLE_REPLICA, false, NULL},
		{"{\"uuid\":\"u0\"}", FOLLOWS("u9", ""), ROLE_REPLICA, false, "follows u9, not mysql-0"},
		{"{\"uuid\":\"u0\"}", "{\"uuid\":\"u1\"}", ROLE_UNKNOWN, false, "mysql-1 is no replica"},
		{"{\"uuid\":\"u0\"}", FOLLOWS("u0", ""), ROLE_REPLICA, true, "takes writes"},
		{"{\"uuid\":\"u0\"}", "{\"uuid\":\"u1\"}", ROLE_PRIMARY, true, "both writable"},
		{"{\"uuid\":\"u0\"}", "{\"source\":{\"uuid\":\"u0\",\"receiver\":\"connecting\",\"applier\":\"on\",\"error\":\"13114: purged\"}}",
		 ROLE_REPLICA, false, "receives nothing: its receiver is connecting, 13114: purged"},
		{"{\"uuid\":\"u0\"}", "{\"source\":{\"uuid\":\"u0\",\"receiver\":\"on\",\"applier\":\"off\",\"applier_error\":\"1062: twice\"}}",
		 ROLE_REPLICA, false, "applies nothing: 1062: twice"},
		{"{\"uuid\":\"u0\"}", "{\"errant\":\"u1:5-7\",\"source\":{\"uuid\":\"u0\",\"receiver\":\"on\",\"applier\":\"on\"}}",
		 ROLE_REPLICA, false, "mysql-1 has transactions that mysql-0 never had: u1:5-7"},
		{"{\"uuid\":\"u0\",\"semi\":{\"on\":true,\"clients\":1,\"wait_for\":1}}", FOLLOWS("u0", ""), ROLE_REPLICA, false, NULL},
		{"{\"uuid\":\"u0\",\"semi\":{\"on\":false,\"clients\":1,\"wait_for\":1}}", FOLLOWS("u0", ""), ROLE_REPLICA, false,
		 "does not wait for acknowledgements"},
		{"{\"uuid\":\"u0\",\"semi\":{\"on\":true,\"clients\":0,\"wait_for\":1}}", FOLLOWS("u0", ""), ROLE_REPLICA, false,
		 "does not wait for acknowledgements"},
		{"{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}", "{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}", ROLE_REPLICA, false, NULL},
		{"{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}", "{\"group\":{\"state\":\"RECOVERING\",\"view\":\"1:3\"}}", ROLE_REPLICA, false,
		 "mysql-1 is RECOVERING in the group"},
		{"{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}", "{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:2\"}}", ROLE_REPLICA, false,
		 "view 1:2"},
		{"{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}", "{}", ROLE_REPLICA, false, "mysql-1 is not in the group"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample s[2] = {{.member = "mysql-0", .ok = true, .role = ROLE_PRIMARY, .writable = true,
				       .extra = parse(rows[i].primary)},
				      {.member = "mysql-1", .ok = true, .role = rows[i].role,
				       .writable = rows[i].writable, .extra = parse(rows[i].replica)}};
		char why[WHY_BYTES];
		bool is = model_mysql.redundant(s, 2, why);

		if (is != !rows[i].why || (!is && !strstr(why, rows[i].why)))
			fail_msg("row %zu: %s", i, is ? "whole" : why);
		cJSON_Delete(s[0].extra);
		cJSON_Delete(s[1].extra);
	}
}

/* ---- what is allowed ---- */

static struct tale foretell(const char *fault, const char *inforce)
{
	struct tale t;

	tale_begin(&t, fault, inforce);
	tale_tell(&t, 0);
	return t;
}

static void test_nobody(void **state)
{
	struct tale t = foretell(kill_primary, "failover=none semi_sync=off");

	(void)state;
	assert_int_equal(t.p.n, 1);
	assert_non_null(mechanism(&t, "same member restarts"));
	tale_end(&t);
	/* A node that stays away: no end is known. */
	t = foretell("{\"fault\":\"node-down\"," PRIMARY "}", "failover=none semi_sync=off");
	assert_false(t.p.known);
	assert_non_null(strstr(t.p.note, "Nobody fails over"));
	tale_end(&t);
	t = foretell("{\"fault\":\"pause\",\"healed_ns\":30000000000," PRIMARY "}", "failover=none semi_sync=off");
	assert_int_equal(t.p.n, 1);
	assert_non_null(mechanism(&t, "fault ends"));
	tale_end(&t);
}

static void pod_on(struct tale *t, const char *name, const char *node)
{
	cJSON *e = parse("{\"k\":\"object\",\"type\":\"pod\",\"uid\":\"u\",\"phase\":\"Running\",\"ready\":true}");

	json_set_str(e, "name", name);
	json_set_str(e, "node", node);
	put(t, SEC, e);
}

/* Of two controllers one may be lost with the primary's node, and takes its lock along; with
 * both of them nobody follows the runbook. */
static void test_controllers(void **state)
{
	static const char down[] = "{\"fault\":\"node-down\",\"targets\":[{\"member\":\"mysql-0\",\"role\":\"primary\",\"node\":\"n0\"}]}";
	int64_t hi[2];
	struct tale t;

	(void)state;
	for (int lost = 0; lost < 3; lost++) {
		const struct mechanism *m;

		tale_begin(&t, down, "failover=runbook detector_timeout=10 fence_timeout=5 apply_timeout=60 semi_sync=off");
		pod_on(&t, "mysql-0", "n0");
		pod_on(&t, "mysql-1", "n1");
		pod_on(&t, "mysql-failover-a", lost > 0 ? "n0" : "n2");
		pod_on(&t, "mysql-failover-b", lost > 1 ? "n0" : "n1");
		sample(&t, SEC, "mysql-0", ROLE_PRIMARY, true, NULL);
		sample(&t, SEC, "mysql-1", ROLE_REPLICA, false, NULL);
		tale_tell(&t, 0);
		m = mechanism(&t, "replica promoted");
		if (lost < 2) {
			assert_non_null(m);
			hi[lost] = m->hi_ns;
		} else {
			assert_null(m);
			assert_non_null(strstr(t.p.note, "no controller, was left"));
		}
		tale_end(&t);
	}
	assert_int_equal(hi[1] - hi[0], 5 * SEC);
}

static void test_runbook(void **state)
{
	const char *settings = "failover=runbook detector_timeout=10 fence_timeout=5 apply_timeout=60 semi_sync=off";
	struct tale t = foretell(kill_primary, settings);
	const struct mechanism *m = mechanism(&t, "replica promoted");

	(void)state;
	/* It races with the pod that comes back. */
	assert_non_null(mechanism(&t, "same member restarts"));
	assert_non_null(m);
	assert_int_equal(m->lo_ns, 9 * SEC);
	assert_true(m->hi_ns >= 15 * SEC && m->hi_ns <= 25 * SEC);
	tale_end(&t);
	/* One that stands still is fenced in vain first. */
	t = foretell("{\"fault\":\"pause\"," PRIMARY "}", settings);
	m = mechanism(&t, "replica promoted");
	assert_non_null(m);
	assert_true(m->hi_ns >= 20 * SEC && m->hi_ns <= 32 * SEC);
	tale_end(&t);
	/* Shorter than the detector: nobody takes over. */
	t = foretell("{\"fault\":\"pause\",\"healed_ns\":13000000000," PRIMARY "}", settings);
	assert_null(mechanism(&t, "replica promoted"));
	assert_non_null(mechanism(&t, "fault ends"));
	tale_end(&t);
	/* What nobody told is taken at its default, and that is said. */
	t = foretell("{\"fault\":\"pause\"," PRIMARY "}", "failover=runbook semi_sync=off");
	assert_non_null(strstr(t.p.note, "detector_timeout"));
	tale_end(&t);
}

/* Not 5 s and member_expel_timeout: the thread that expels looks every 15 s. */
static void test_group_timers(void **state)
{
	static const struct {
		int expel, about_s;
	} rows[] = {{0, 5}, {1, 20}, {5, 20}, {15, 20}, {16, 35}, {30, 35}};
	char text[120];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct mechanism *m;
		struct tale t;

		snprintf(text, sizeof(text), "failover=group-replication member_expel_timeout=%d unreachable_majority_timeout=0",
			 rows[i].expel);
		t = foretell("{\"fault\":\"pause\"," PRIMARY "}", text);
		m = mechanism(&t, "group elects");
		assert_non_null(m);
		assert_true(m->lo_ns <= rows[i].about_s * SEC && m->lo_ns >= (rows[i].about_s - 1) * SEC);
		assert_true(m->hi_ns > rows[i].about_s * SEC && m->hi_ns < (rows[i].about_s + 12) * SEC);
		tale_end(&t);
	}
}

static void lost_with_its_claim(const char *fault, const cJSON *params, struct effects *out)
{
	fault_effects(fault, params, out);
	out->what |= EFFECT_STORAGE_EMPTY;
}

static void test_group(void **state)
{
	const char *settings = "failover=group-replication member_expel_timeout=5 unreachable_majority_timeout=0";
	struct tale t = foretell("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"graceful\"}," PRIMARY "}", settings);

	(void)state;
	/* Who leaves is not waited for. */
	assert_non_null(mechanism(&t, "primary leaves"));
	assert_null(mechanism(&t, "group elects"));
	tale_end(&t);
	t = foretell("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"force\"}," PRIMARY "}", settings);
	assert_non_null(mechanism(&t, "primary leaves"));
	assert_non_null(mechanism(&t, "group elects"));
	tale_end(&t);
	t = foretell(kill_primary, settings);
	assert_null(mechanism(&t, "same member restarts"));
	assert_non_null(mechanism(&t, "group elects"));
	tale_end(&t);
	t = foretell("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," REPLICA "}", settings);
	assert_non_null(mechanism(&t, "group goes on"));
	tale_end(&t);
}

/* The claim is gone with the pod: who comes back is empty. */
static void test_empty(void **state)
{
	static const char *const settings[] = {
		"failover=none semi_sync=off",
		"failover=runbook detector_timeout=10 fence_timeout=5 apply_timeout=60 semi_sync=off",
		"failover=group-replication member_expel_timeout=5 unreachable_majority_timeout=0"};
	static const char *const names[] = {"same member restarts", "replica promoted", "group elects"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct tale t;

		tale_begin(&t, kill_primary, settings[i]);
		evidence_make(t.events, 0, lost_with_its_claim, &t.ev);
		model_mysql.predict(&t.ev, &t.ev.faults[0], &t.p);
		assert_int_equal(t.p.n, 1);
		assert_non_null(mechanism(&t, names[i]));
		assert_true(strlen(t.p.mech[0].rule) < sizeof(t.p.mech[0].rule) - 1);
		assert_non_null(strstr(t.p.note, "comes back without data"));
		/* Given up as soon as it is seen to be empty. */
		assert_true(i != 1 || t.p.mech[0].lo_ns < SEC);
		tale_end(&t);
	}
}

static void test_replica(void **state)
{
	const char *kill = "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," REPLICA "}";
	struct tale t = foretell(kill, "failover=none semi_sync=off");

	(void)state;
	assert_non_null(mechanism(&t, "writes need no replica"));
	assert_int_equal(t.p.hi_ns, 0);
	tale_end(&t);
	/* Three members: another one is left. */
	tale_begin(&t, kill, "failover=none semi_sync=on semi_sync_timeout=10000 semi_sync_replicas=1");
	sample(&t, SEC, "mysql-0", ROLE_PRIMARY, true, NULL);
	sample(&t, SEC, "mysql-1", ROLE_REPLICA, false, NULL);
	sample(&t, SEC, "mysql-2", ROLE_REPLICA, false, NULL);
	tale_tell(&t, 0);
	assert_non_null(mechanism(&t, "another replica acknowledges"));
	tale_end(&t);
	/* Two: one time-out's stall, then nobody is waited for. */
	tale_begin(&t, kill, "failover=none semi_sync=on semi_sync_timeout=10000 semi_sync_replicas=1");
	sample(&t, SEC, "mysql-0", ROLE_PRIMARY, true, NULL);
	sample(&t, SEC, "mysql-1", ROLE_REPLICA, false, NULL);
	tale_tell(&t, 0);
	assert_non_null(mechanism(&t, "semi-sync falls back"));
	assert_int_equal(t.p.hi_ns, 11 * SEC);
	tale_end(&t);
}

/* ---- what happened ---- */

static void endpoints(struct tale *t, int64_t at, const char *addr)
{
	cJSON *e = parse("{\"k\":\"object\",\"type\":\"endpoints\",\"name\":\"mysql-primary\",\"addrs\":[]}");

	if (*addr)
		json_push(cJSON_GetObjectItem(e, "addrs"), cJSON_CreateString(addr));
	put(t, at, e);
}

static void test_promoted(void **state)
{
	char log[4000] = "";
	struct tale t;

	(void)state;
	tale_begin(&t, kill_primary, "failover=runbook detector_timeout=10 fence_timeout=5 apply_timeout=60 semi_sync=off");
	pod(&t, SEC, "mysql-0", "a", "10.0.0.1");
	pod(&t, SEC, "mysql-1", "b", "10.0.0.2");
	endpoints(&t, SEC, "10.0.0.1 mysql-0");
	sample(&t, 9900 * MS, "mysql-0", ROLE_PRIMARY, true, "{\"uuid\":\"" UUID_0 "\"}");
	sample(&t, 9900 * MS, "mysql-1", ROLE_REPLICA, false, NULL);
	say(log, sizeof(log), 11 * SEC, "{\"event\": \"suspect\", \"member\": \"mysql-0\"}");
	say(log, sizeof(log), 21 * SEC, "{\"event\": \"detected\", \"member\": \"mysql-0\", \"after\": 10.0}");
	say(log, sizeof(log), 22 * SEC, "{\"event\": \"fenced\", \"member\": \"mysql-0\", \"how\": \"gone\", \"took\": 0.8}");
	say(log, sizeof(log), 22500 * MS, "{\"event\": \"candidate\", \"member\": \"mysql-1\"}");
	say(log, sizeof(log), 23 * SEC, "{\"event\": \"promoted\", \"member\": \"mysql-1\", \"epoch\": 2}");
	keep_log(&t, "mysql-failover-abc", "controller", log);
	endpoints(&t, 22 * SEC, "");
	endpoints(&t, 23400 * MS, "10.0.0.2 mysql-1");
	sample(&t, 23050 * MS, "mysql-1", ROLE_PRIMARY, true, NULL);
	sample(&t, 23950 * MS, "mysql-1", ROLE_PRIMARY, true, NULL);
	tale_tell(&t, 24 * SEC);
	assert_string_equal(t.m.mechanism, "replica promoted");
	assert_int_equal(t.m.detected, 21 * SEC);
	assert_int_equal(t.m.elected, 22500 * MS);
	assert_int_equal(t.m.promoted, 23 * SEC);
	assert_int_equal(t.m.routed, 23400 * MS);
	assert_non_null(strstr(t.m.how_elected, "mysql-0 was fenced (gone) in 0.8 s"));
	assert_non_null(strstr(t.m.why_mechanism, "epoch 2"));
	/* The first look that failed was 1 s after the fault, and not up to 2. */
	assert_true(t.m.window.known);
	assert_int_equal(t.m.window.lo_ns, 11 * SEC);
	assert_true(t.m.window.hi_ns <= 22 * SEC);
	assert_non_null(strstr(t.m.window.how, "the first look that failed, 1.0 s after the fault"));
	tale_end(&t);
}

/* A primary that came back with less than others have is given up at once. */
static void test_came_back_with_less(void **state)
{
	char log[1000] = "";
	struct tale t;

	(void)state;
	tale_begin(&t, kill_primary, "failover=runbook detector_timeout=10 fence_timeout=5 apply_timeout=60 semi_sync=off");
	sample(&t, 9900 * MS, "mysql-0", ROLE_PRIMARY, true, NULL);
	say(log, sizeof(log), 15 * SEC, "{\"event\": \"detected\", \"member\": \"mysql-0\", \"after\": 0, \"error\": \"it came back without what others have: {}\"}");
	keep_log(&t, "mysql-failover-abc", "", log);
	sample(&t, 16 * SEC, "mysql-1", ROLE_PRIMARY, true, NULL);
	tale_tell(&t, 16 * SEC);
	assert_string_equal(t.m.mechanism, "replica promoted");
	assert_int_equal(t.m.detected, 15 * SEC);
	assert_non_null(strstr(t.m.how_detected, "came back without what others have"));
	assert_false(t.m.window.known);
	tale_end(&t);
}

static void test_group_told(void **state)
{
	char log[2000] = "";
	struct tale t;

	(void)state;
	tale_begin(&t, kill_primary, "failover=group-replication member_expel_timeout=5 unreachable_majority_timeout=0");
	sample(&t, 9900 * MS, "mysql-0", ROLE_PRIMARY, true, "{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}");
	sample(&t, 9900 * MS, "mysql-1", ROLE_REPLICA, false, "{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}");
	say(log, sizeof(log), 15 * SEC, "[Warning] [MY-011493] [Repl] Plugin group_replication reported: 'Member with address mysql-0.mysql:3306 has become unreachable.'");
	say(log, sizeof(log), 30100 * MS, "[System] [MY-011507] [Repl] Plugin group_replication reported: 'A new primary with address mysql-1.mysql:3306 was elected.'");
	say(log, sizeof(log), 30200 * MS, "[System] [MY-011510] [Repl] Plugin group_replication reported: 'This server is working as primary member.'");
	keep_log(&t, "mysql-1", "mysql", log);
	sample(&t, 30250 * MS, "mysql-1", ROLE_PRIMARY, true, "{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:4\"}}");
	tale_tell(&t, 30300 * MS);
	assert_string_equal(t.m.mechanism, "group elects");
	assert_int_equal(t.m.detected, 15 * SEC);
	assert_int_equal(t.m.elected, 30100 * MS);
	assert_int_equal(t.m.promoted, 30200 * MS);
	assert_int_equal(t.m.routed, 30200 * MS);
	assert_non_null(strstr(t.m.why_mechanism, "view 1:4"));
	assert_int_equal(t.m.window.lo_ns, 19 * SEC);
	assert_int_equal(t.m.window.hi_ns, 28 * SEC);
	tale_end(&t);
	/* The log was cut; the sampler saw the suspicion. */
	tale_begin(&t, kill_primary, "failover=group-replication member_expel_timeout=5 unreachable_majority_timeout=0");
	sample(&t, 9900 * MS, "mysql-0", ROLE_PRIMARY, true, "{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}");
	sample(&t, 14 * SEC, "mysql-1", ROLE_REPLICA, false, "{\"group\":{\"members\":{\"a\":\"ONLINE\"}}}");
	sample(&t, 14400 * MS, "mysql-1", ROLE_REPLICA, false, "{\"group\":{\"members\":{\"a\":\"UNREACHABLE\",\"b\":\"ONLINE\"}}}");
	sample(&t, 30250 * MS, "mysql-1", ROLE_PRIMARY, true, "{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:4\"}}");
	tale_tell(&t, 30300 * MS);
	assert_string_equal(t.m.mechanism, "group elects");
	assert_int_equal(t.m.detected, 14400 * MS);
	assert_non_null(strstr(t.m.how_detected, "first answer of mysql-1 that a member is unreachable"));
	assert_non_null(strstr(t.m.window.how, "the suspicion that was seen, 4.4 s after the fault"));
	tale_end(&t);
}

static void test_restarted(void **state)
{
	char log[400] = "";
	struct tale t;

	(void)state;
	tale_begin(&t, kill_primary, "failover=none semi_sync=off");
	pod(&t, SEC, "mysql-0", "a", "10.0.0.1");
	endpoints(&t, SEC, "10.0.0.1 mysql-0");
	sample(&t, 9900 * MS, "mysql-0", ROLE_PRIMARY, true, "{\"run_id\":\"1\"}");
	pod(&t, 12 * SEC, "mysql-0", "b", "10.0.0.7");
	sample(&t, 15 * SEC, "mysql-0", ROLE_UNKNOWN, false, NULL);
	say(log, sizeof(log), 16 * SEC, "{\"event\": \"opened\", \"who\": \"mysql-0\", \"epoch\": 1}");
	keep_log(&t, "mysql-0", "agent", log);
	endpoints(&t, 16500 * MS, "10.0.0.7 mysql-0");
	sample(&t, 16900 * MS, "mysql-0", ROLE_PRIMARY, true, "{\"run_id\":\"2\"}");
	tale_tell(&t, 17 * SEC);
	assert_string_equal(t.m.mechanism, "same member restarts");
	assert_int_equal(t.m.detected, 12 * SEC);
	assert_int_equal(t.m.promoted, 16 * SEC);
	assert_int_equal(t.m.routed, 16500 * MS);
	tale_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redundant),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_runbook),
		cmocka_unit_test(test_controllers),
		cmocka_unit_test(test_group_timers),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_replica),
		cmocka_unit_test(test_promoted),
		cmocka_unit_test(test_came_back_with_less),
		cmocka_unit_test(test_group_told),
		cmocka_unit_test(test_restarted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
