/* MySQL: what the evidence tells of an outage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/system/mysql/tale.h"

static void endpoints(struct tale *t, int64_t at, const char *addr)
{
	cJSON *e = parse("{\"k\":\"object\",\"type\":\"endpoints\",\"name\":\"mysql-primary\",\"addrs\":[]}");

	if (*addr)
		json_push(cJSON_GetObjectItem(e, "addrs"), cJSON_CreateString(addr));
	put(t, at, e);
}

/* The last `n` of two members' addresses. */
static void headless(struct tale *t, int64_t at, int n)
{
	cJSON *e = parse("{\"k\":\"object\",\"type\":\"endpoints\",\"name\":\"mysql\",\"addrs\":[]}");

	if (n > 0)
		json_push(cJSON_GetObjectItem(e, "addrs"), cJSON_CreateString("10.0.0.2 mysql-1"));
	if (n > 1)
		json_push(cJSON_GetObjectItem(e, "addrs"), cJSON_CreateString("10.0.0.1 mysql-0"));
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
	headless(&t, SEC, 2);
	headless(&t, 11 * SEC, 0);
	headless(&t, 12 * SEC, 1);
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
	/* And not by the Service of all members, which has it, too. */
	assert_non_null(strstr(t.m.how_routed, "mysql-primary"));
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
	assert_int_equal(t.m.window.hi_ns, 43 * SEC);
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

/* All were away, and the runbook chose the one that was the primary before. */
static void test_promoted_again(void **state)
{
	char log[1000] = "";
	struct tale t;

	(void)state;
	tale_begin(&t, kill_primary, "failover=runbook detector_timeout=10 fence_timeout=5 apply_timeout=60 semi_sync=off");
	sample(&t, 9900 * MS, "mysql-0", ROLE_PRIMARY, true, "{\"run_id\":\"1\"}");
	say(log, sizeof(log), 22 * SEC, "{\"event\": \"detected\", \"member\": \"mysql-0\", \"after\": 10.2}");
	say(log, sizeof(log), 25 * SEC, "{\"event\": \"promoted\", \"member\": \"mysql-0\", \"epoch\": \"2\"}");
	keep_log(&t, "mysql-failover-abc", "", log);
	sample(&t, 25100 * MS, "mysql-0", ROLE_PRIMARY, true, "{\"run_id\":\"2\"}");
	tale_tell(&t, 25200 * MS);
	assert_string_equal(t.m.mechanism, "replica promoted");
	assert_non_null(strstr(t.m.why_mechanism, "mysql-0, which was the primary before, epoch 2"));
	assert_int_equal(t.m.promoted, 25 * SEC);
	tale_end(&t);
}

/* That the runbook did not promote it again is told by its log, not by the log's absence. */
static void test_not_promoted_again(void **state)
{
	static const char *const is[] = {"same member restarts", "replica promoted", "", ""};

	(void)state;
	for (int k = 0; k < 4; k++) {
		char log[1000] = "";
		struct tale t;

		tale_begin(&t, kill_primary, "failover=runbook detector_timeout=10 fence_timeout=5 apply_timeout=60 semi_sync=off");
		if (k == 3)
			pod(&t, SEC, "mysql-failover-gone", "c", "10.0.0.3");
		sample(&t, 9900 * MS, "mysql-0", ROLE_PRIMARY, true, "{\"run_id\":\"1\"}");
		sample(&t, 9900 * MS, "mysql-1", ROLE_REPLICA, false, NULL);
		say(log, sizeof(log), 11 * SEC, "{\"event\": \"suspect\", \"member\": \"mysql-0\"}");
		if (k == 1)
			say(log, sizeof(log), 25 * SEC, "{\"event\": \"promoted\", \"member\": \"mysql-0\", \"epoch\": \"2\"}");
		if (k != 2)
			keep_log(&t, "mysql-failover-abc", "", log);
		sample(&t, 25100 * MS, "mysql-0", ROLE_PRIMARY, true, "{\"run_id\":\"2\"}");
		tale_tell(&t, 25200 * MS);
		assert_non_null(mechanism(&t, "same member restarts"));
		assert_non_null(mechanism(&t, "replica promoted"));
		assert_string_equal(t.m.mechanism, is[k]);
		tale_end(&t);
	}
}

/* One that is told to end, and has a moment for it, leaves its group, or is missed: by the log
 * of who leads. */
static void test_leaves(void **state)
{
	static const char forced[] = "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"force\"}," PRIMARY "}";
	static const char *const is[] = {"primary leaves", "group elects", ""};

	(void)state;
	for (int k = 0; k < 3; k++) {
		char log[1000] = "";
		struct tale t;

		tale_begin(&t, forced, "failover=group-replication member_expel_timeout=5 unreachable_majority_timeout=0");
		sample(&t, 9900 * MS, "mysql-0", ROLE_PRIMARY, true, "{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}");
		sample(&t, 9900 * MS, "mysql-1", ROLE_REPLICA, false, NULL);
		sample(&t, 9900 * MS, "mysql-2", ROLE_REPLICA, false, NULL);
		say(log, sizeof(log), 5 * SEC, "[System] [MY-011507] [Repl] Plugin group_replication reported: 'x'");
		if (k == 1)
			say(log, sizeof(log), 12 * SEC, "[Warning] [MY-011493] [Repl] Plugin group_replication reported: 'Member with address mysql-0.mysql:3306 has become unreachable.'");
		if (k < 2)
			keep_log(&t, "mysql-1", "", log);
		sample(&t, 14 * SEC, "mysql-1", ROLE_PRIMARY, true, "{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:4\"}}");
		tale_tell(&t, 14 * SEC);
		assert_non_null(mechanism(&t, "primary leaves"));
		assert_non_null(mechanism(&t, "group elects"));
		assert_string_equal(t.m.mechanism, is[k]);
		tale_end(&t);
	}
}

/* Two of three are gone, and who is left sees no majority from the 16th second on. */
static void two_gone(struct tale *t, const char *settings)
{
	static const char no[] = "{\"group\":{\"state\":\"ONLINE\",\"majority\":false}}";
	static const char yes[] = "{\"group\":{\"state\":\"ONLINE\",\"majority\":true}}";

	tale_begin(t, "{\"id\":\"one\",\"fault\":\"node-down\",\"healed_ns\":40000000000,\"targets\":[{\"member\":\"mysql-1\",\"role\":\"replica\",\"node\":\"n1\"}]}",
		   settings);
	evidence_tell_fault(t->events, parse("{\"id\":\"two\",\"fault\":\"node-down\",\"injected_ns\":10500000000,\"effective_ns\":10600000000,\"healed_ns\":40000000000,"
					     "\"targets\":[{\"member\":\"mysql-2\",\"role\":\"replica\",\"node\":\"n2\"}]}"));
	sample(t, 9 * SEC, "mysql-0", ROLE_PRIMARY, true, yes);
	sample(t, 9 * SEC, "mysql-1", ROLE_REPLICA, false, yes);
	sample(t, 9 * SEC, "mysql-2", ROLE_REPLICA, false, yes);
	sample(t, 16 * SEC, "mysql-0", ROLE_PRIMARY, false, no);
}

/* Two of three are gone, and who is left waits until it is forced to go on alone. */
static void test_minority(void **state)
{
	static const char yes[] = "{\"group\":{\"state\":\"ONLINE\",\"majority\":true}}";
	char log[1000] = "";
	struct tale t;

	(void)state;
	two_gone(&t, "failover=group-replication member_expel_timeout=5 unreachable_majority_timeout=0");
	say(log, sizeof(log), 55 * SEC, "{\"event\": \"forcing\", \"who\": \"mysql-0\"}");
	keep_log(&t, "mysql-0", "agent", log);
	sample(&t, 110900 * MS, "mysql-0", ROLE_PRIMARY, true, yes);
	tale_tell(&t, 111 * SEC);
	assert_int_equal(t.p.n, 1);
	assert_non_null(mechanism(&t, "majority returns"));
	assert_true(t.p.hi_ns >= 101 * SEC && t.p.lo_ns >= 28 * SEC);
	assert_string_equal(t.m.mechanism, "majority returns");
	assert_int_equal(t.m.detected, 16 * SEC);
	assert_int_equal(t.m.promoted, 110900 * MS);
	assert_non_null(strstr(t.m.why_mechanism, "saw no majority of the group for 95.0 s; it was forced to go on without the others, 56.0 s before"));
	tale_end(&t);
}

/* Two of three are gone, and the third leaves, too, before they are back. */
static void test_gives_up(void **state)
{
	static const char yes[] = "{\"group\":{\"state\":\"ONLINE\",\"majority\":true}}";
	static const struct {
		const char *settings;
		int64_t lo, hi;
	} rows[] = {
		{"failover=group-replication member_expel_timeout=5 unreachable_majority_timeout=10 autorejoin_tries=0", 28 * SEC, 105 * SEC},
		{"failover=group-replication member_expel_timeout=5 unreachable_majority_timeout=10 autorejoin_tries=2", 315 * SEC, 642 * SEC},
	};
	char log[1000];
	struct tale t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct mechanism *m;

		two_gone(&t, rows[i].settings);
		sample(&t, 26 * SEC, "mysql-0", ROLE_UNKNOWN, false, NULL);
		*log = '\0';
		say(log, sizeof(log), 55 * SEC, "{\"event\": \"bootstrapped\", \"who\": \"mysql-0\"}");
		keep_log(&t, "mysql-0", "agent", log);
		sample(&t, 55900 * MS, "mysql-0", ROLE_PRIMARY, true, yes);
		tale_tell(&t, 56 * SEC);
		m = mechanism(&t, "group started anew");
		assert_non_null(m);
		assert_true(m->lo_ns >= rows[i].lo && m->lo_ns < rows[i].lo + 3 * SEC);
		if (m->hi_ns < rows[i].hi || m->hi_ns > rows[i].hi + 60 * SEC)
			fail_msg("%s", m->rule);
		assert_string_equal(t.m.mechanism, "group started anew");
		assert_non_null(strstr(t.m.why_mechanism, "mysql-0 started the group anew"));
		tale_end(&t);
	}
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
		cmocka_unit_test(test_promoted),
		cmocka_unit_test(test_came_back_with_less),
		cmocka_unit_test(test_group_told),
		cmocka_unit_test(test_promoted_again),
		cmocka_unit_test(test_not_promoted_again),
		cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_minority),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_restarted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
