/* What ended an outage of Kafka's, as its brokers' logs tell it, or do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/system/kafka/tale.h"

/* As kafka-1 and kafka-2 logged it, shortened. */
static void test_controller_goes_with_it(void **state)
{
	struct tale t;

	(void)state;
	tale_begin(&t, kill_leader, defaults, 0);
	log_of(&t, "kafka-1",
	       "[2026-11-29 00:00:11,626] INFO [RaftManager id=1] Become candidate due to fetch timeout (x)\n"
	       "[2026-11-29 00:00:22,875] INFO [Broker id=1] Leader ordeal-0 with topic id Some(x) starts at leader epoch 1 from offset 423 (state.change.logger)\n");
	log_of(&t, "kafka-2",
	       "[2026-11-29 00:00:13,700] INFO [QuorumController id=2] Becoming the active controller at epoch 5 (x)\n"
	       "[2026-11-29 00:00:22,800] INFO [QuorumController id=2] Fencing broker 0 because its session has timed out. (x)\n");
	/* It starts again, and says that it leads, by what it knows. */
	log_of(&t, "kafka-0",
	       "[2026-11-29 00:00:14,801] INFO [Broker id=0] Leader ordeal-0 with topic id Some(x) starts at leader epoch 0 (state.change.logger)\n");
	tale_tell(&t, 23 * SEC);
	assert_true(t.p.known && t.p.n == 1 && has(&t, "controller elected, broker fenced"));
	assert_int_equal(t.p.lo_ns, 10500 * MS);
	assert_string_equal(t.m.mechanism, "controller elected, broker fenced");
	assert_int_equal(t.m.detected, 11626 * MS);
	assert_int_equal(t.m.elected, 22800 * MS);
	assert_int_equal(t.m.promoted, 22875 * MS);
	tale_end(&t);
}

static void leaders_told(struct tale *t, int member, int64_t at, const char *leaders)
{
	char text[200];

	snprintf(text, sizeof(text), "{\"k\":\"sample\",\"m\":\"kafka-%d\",\"ok\":true,\"x\":{\"id\":%d,\"leaders\":%s}}",
		 member, member, leaders);
	put(t, at, parse(text));
}

static void test_fenced(void **state)
{
	struct tale t;

	(void)state;
	tale_begin(&t, kill_leader, defaults, 2);
	leaders_told(&t, 0, 9950 * MS, "[0,1,2]");
	leaders_told(&t, 1, 17550 * MS, "[0,1,2]");
	leaders_told(&t, 2, 17620 * MS, "[1,1,2]");
	leaders_told(&t, 1, 17650 * MS, "[1,1,2]");
	log_of(&t, "kafka-2",
	       "[2026-11-29 00:00:17,500] INFO [QuorumController id=2] Fencing broker 0 because its session has timed out. (x)\n");
	tale_tell(&t, 18 * SEC);
	assert_true(t.p.n == 1 && has(&t, "broker fenced"));
	assert_int_equal(t.p.lo_ns, 7 * SEC);
	assert_true(t.p.hi_ns >= 9 * SEC && t.p.hi_ns < 12 * SEC);
	assert_string_equal(t.m.mechanism, "broker fenced");
	assert_int_equal(t.m.elected, 17500 * MS);
	assert_int_equal(t.m.routed, 17620 * MS);
	assert_non_null(strstr(t.m.how_routed, "kafka-2"));
	tale_end(&t);
	/* Since when the one that fences was the active controller is not told. */
	tale_begin(&t, kill_leader, defaults, 2);
	log_of(&t, "kafka-2",
	       "[2026-11-29 00:00:17,500] INFO [QuorumController id=2] Fencing broker 0 because its session has timed out. (cut)\n");
	tale_tell(&t, 18 * SEC);
	assert_string_equal(t.m.mechanism, "");
	assert_int_equal(t.m.elected, 17500 * MS);
	tale_end(&t);
	/* Of another broker's end nothing follows. */
	tale_begin(&t, kill_leader, defaults, 2);
	log_of(&t, "kafka-2",
	       "[2026-11-29 00:00:17,500] INFO [QuorumController id=2] Fencing broker 01 because its session has timed out. (x)\n");
	tale_tell(&t, 18 * SEC);
	assert_string_equal(t.m.mechanism, "");
	tale_end(&t);
}

/* A follower's copies are missed by acks=all alone, and fetch again before it is let in: that it
 * was not fenced before is told by the survivors' logs, not by their absence. */
static void test_follower(void **state)
{
	static const char kill[] = "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," AT FOLLOWER "}";
	static const char fences[] = "[2026-11-29 00:00:17,500] INFO [QuorumController id=2] Fencing broker 0 because its session has timed out. (x)\n";
	static const char cut[] = "[2026-11-29 00:00:49,000] INFO still here (cut)\n";
	static const struct {
		const char *first, *second, *is;
	} logs[] = {
		{calm, calm, "copy fetches again"}, {calm, fences, "broker fenced"},
		{calm, NULL, ""}, {NULL, NULL, ""}, {calm, cut, ""}, {cut, calm, ""},
	};
	struct tale t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
		tale_begin(&t, kill, defaults, 2);
		log_of(&t, "kafka-0",
		       "[2026-11-29 00:00:14,812] INFO [Broker id=0] Follower ordeal-1 starts at leader epoch 0 from offset 386 (state.change.logger)\n");
		if (logs[i].first)
			log_of(&t, "kafka-1", logs[i].first);
		if (logs[i].second)
			log_of(&t, "kafka-2", logs[i].second);
		tale_tell(&t, 30 * SEC);
		assert_true(has(&t, "broker fenced") && has(&t, "copy fetches again"));
		if (strcmp(t.m.mechanism, logs[i].is))
			fail_msg("logs %zu: \"%s\" (%s)", i, t.m.mechanism, t.m.why_mechanism);
		tale_end(&t);
	}
	tale_begin(&t, kill, "[{\"name\":\"acks\",\"value\":\"leader\"}]", 2);
	tale_tell(&t, 0);
	assert_true(t.p.n == 1 && has(&t, "no copy is waited for"));
	tale_end(&t);
}

/* Of a survivor that was begun anew since, what it wrote before is gone, however short its log
 * is. */
static void test_survivor_restarts(void **state)
{
	static const char cut[] = "{\"fault\":\"pause\",\"healed_ns\":20000000000," AT LEADER "}";

	(void)state;
	for (int again = 0; again < 2; again++) {
		struct tale t;

		tale_begin(&t, cut, defaults, 2);
		put(&t, 1 * SEC, parse("{\"k\":\"object\",\"type\":\"pod\",\"name\":\"kafka-2\",\"uid\":\"a\",\"restarts\":0}"));
		if (again)
			put(&t, 50 * SEC, parse("{\"k\":\"object\",\"type\":\"pod\",\"name\":\"kafka-2\",\"uid\":\"b\",\"restarts\":0}"));
		log_of(&t, "kafka-1", calm);
		log_of(&t, "kafka-2", "[2026-11-29 00:00:52,000] INFO started (x)\n");
		tale_tell(&t, 21 * SEC);
		assert_string_equal(t.m.mechanism, again ? "" : "fault ends");
		tale_end(&t);
	}
}

/* All are killed: whoever starts again is fenced for the session of the process before. */
static void test_all_start_again(void **state)
{
	static const char kill[] = "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," AT
		"\"targets\":[{\"member\":\"kafka-0\",\"role\":\"primary\"},"
		"{\"member\":\"kafka-1\",\"role\":\"primary\"},{\"member\":\"kafka-2\",\"role\":\"primary\"}]}";
	static const char fenced[] =
		"[2026-11-29 00:00:20,700] INFO [QuorumController id=2] Becoming the active controller at epoch 5 (x)\n"
		"[2026-11-29 00:00:29,800] INFO [QuorumController id=2] Fencing broker 0 because its session has timed out. (x)\n";
	static const char follows[] =
		"[2026-11-29 00:00:24,000] INFO [Broker id=1] Follower ordeal-0 starts at leader epoch 0 from offset 3 (x)\n";

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct tale t;

		tale_begin(&t, kill, defaults, 2);
		log_of(&t, k ? "kafka-1" : "kafka-2", k ? follows : fenced);
		tale_tell(&t, 30 * SEC);
		assert_true(t.p.n == 1 && has(&t, "members start again"));
		assert_string_equal(t.m.mechanism, "members start again");
		tale_end(&t);
	}
}

static void test_told_to_end(void **state)
{
	struct tale t;

	(void)state;
	tale_begin(&t, "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"graceful\"}," AT LEADER "}", defaults, 2);
	log_of(&t, "kafka-2",
	       "[2026-11-29 00:00:10,300] INFO [QuorumController id=2] Unfenced broker 0 has requested and been granted a controlled shutdown. (x)\n");
	tale_tell(&t, 11 * SEC);
	assert_true(t.p.n == 1 && has(&t, "controlled shutdown"));
	assert_int_equal(t.p.hi_ns, 2 * SEC);
	assert_string_equal(t.m.mechanism, "controlled shutdown");
	assert_int_equal(t.m.detected, 10300 * MS);
	tale_end(&t);
}

/* Shorter than a session: it goes on. */
static void test_brief_freeze(void **state)
{
	struct tale t;

	(void)state;
	tale_begin(&t, "{\"fault\":\"pause\",\"healed_ns\":14000000000," AT LEADER "}", defaults, 2);
	tale_tell(&t, 15 * SEC);
	assert_true(t.p.n == 1 && has(&t, "fault ends"));
	assert_string_equal(t.m.mechanism, "fault ends");
	tale_end(&t);
}

/* That no session ran out is told by logs that reach back to the fault, not by their absence. */
static void test_no_logs(void **state)
{
	static const char kill[] = "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," AT "\"healed_ns\":11000000000," LEADER "}";

	(void)state;
	for (int logs = 0; logs < 2; logs++) {
		struct tale t;

		tale_begin(&t, kill, defaults, 2);
		if (logs) {
			log_of(&t, "kafka-1", calm);
			log_of(&t, "kafka-2", calm);
		}
		tale_tell(&t, 25 * SEC);
		assert_false(has(&t, "fault ends"));
		assert_string_equal(t.m.mechanism, logs ? "fault ends" : "");
		assert_true(logs || strstr(t.m.why_mechanism, "the log of kafka-1 does not reach back"));
		tale_end(&t);
	}
}

/* Two of three do not hear each other: the leader waits for its follower, or one is fenced. */
static void test_between_two(void **state)
{
	static const char cut[] = "{\"fault\":\"partition-node\",\"params\":{\"shape\":\"bridge\"}," AT
		"\"healed_ns\":70000000000,\"targets\":[{\"member\":\"kafka-0\",\"role\":\"primary\"},"
		"{\"member\":\"kafka-1\",\"role\":\"replica\"},{\"member\":\"kafka-2\",\"role\":\"replica\"}]}";
	struct tale t;

	(void)state;
	/* Whoever hears the others may have fenced one of them. */
	tale_begin(&t, cut, defaults, 1);
	log_of(&t, "kafka-0",
	       "[2026-11-29 00:00:46,000] INFO [Partition ordeal-0 broker=0] Shrinking ISR from 0,1,2 to 0,1. Leader: (highWatermark: 5 (x)\n");
	log_of(&t, "kafka-2", calm);
	tale_tell(&t, 46100 * MS);
	assert_string_equal(t.m.mechanism, "");
	tale_end(&t);
	tale_begin(&t, cut, defaults, 1);
	log_of(&t, "kafka-2", calm);
	log_of(&t, "kafka-0",
	       "[2026-11-29 00:00:46,000] INFO [Partition ordeal-0 broker=0] Shrinking ISR from 0,1,2 to 0,1. Leader: (highWatermark: 5 (x)\n");
	/* Who was there all the time follows the same leader, in another epoch. */
	log_of(&t, "kafka-1",
	       "[2026-11-29 00:00:46,010] INFO [Broker id=1] Follower ordeal-0 starts at leader epoch 1 from offset 5 (x)\n");
	tale_tell(&t, 46100 * MS);
	assert_true(has(&t, "broker fenced") && has(&t, "follower out of sync") && has(&t, "fault ends"));
	assert_string_equal(t.m.mechanism, "follower out of sync");
	tale_end(&t);
	/* kafka-0 is the active controller itself, and fences the one that it does not hear. */
	tale_begin(&t, cut, defaults, 0);
	log_of(&t, "kafka-0",
	       "[2026-11-29 00:00:18,500] INFO [QuorumController id=0] Fencing broker 2 because its session has timed out. (x)\n");
	tale_tell(&t, 18600 * MS);
	assert_string_equal(t.m.mechanism, "broker fenced");
	assert_non_null(strstr(t.m.why_mechanism, "kafka-0 fenced broker 2"));
	tale_end(&t);
	/* A voter that hears the active controller no more has another elected. */
	tale_begin(&t, cut, defaults, 0);
	log_of(&t, "kafka-1",
	       "[2026-11-29 00:00:14,000] INFO [QuorumController id=1] Becoming the active controller at epoch 5 (x)\n"
	       "[2026-11-29 00:00:23,500] INFO [QuorumController id=1] Fencing broker 2 because its session has timed out. (x)\n");
	tale_tell(&t, 23600 * MS);
	assert_string_equal(t.m.mechanism, "controller elected, broker fenced");
	assert_true(has(&t, t.m.mechanism));
	tale_end(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_controller_goes_with_it),
		cmocka_unit_test(test_fenced),
		cmocka_unit_test(test_follower),
		cmocka_unit_test(test_survivor_restarts),
		cmocka_unit_test(test_all_start_again),
		cmocka_unit_test(test_told_to_end),
		cmocka_unit_test(test_brief_freeze),
		cmocka_unit_test(test_no_logs),
		cmocka_unit_test(test_between_two),
	};

	return cmocka_run_group_tests_name("kafka, explain", tests, NULL, NULL);
}
