/* What the rules of Kafka's controller allow, what its logs tell of an outage, and when
 * all copies are whole. */
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
#include "system/kafka/log.h"
#include "system/model.h"
#include "test/lib/evidence_help.h"

extern const struct model_ops model_kafka;

#define SEC NS_PER_S
#define MS NS_PER_MS
#define LEADER "\"targets\":[{\"member\":\"kafka-0\",\"role\":\"primary\"}]"
#define FOLLOWER "\"targets\":[{\"member\":\"kafka-0\",\"role\":\"replica\"}]"
#define AT "\"id\":\"f\",\"injected_ns\":10000000000,\"effective_ns\":10050000000,"

struct tale {
	cJSON *events;
	struct evidence ev;
	struct prediction p;
	struct milestones m;
};

static cJSON *parse(const char *text)
{
	struct err e = {0};
	cJSON *o = json_parse(text, "test", &e);

	if (!o)
		fail_msg("%s: %s", e.msg, text);
	return o;
}

static void put(struct tale *t, int64_t at, cJSON *e)
{
	json_set_i64(e, "t", at);
	json_set_i64(e, "s", 0);
	json_push(t->events, e);
}

/* Three brokers answered before; the active controller is kafka-N. */
static void tale_begin(struct tale *t, const char *fault, const char *settings, int active)
{
	cJSON *e = parse("{\"k\":\"run\",\"started\":\"2026-11-29T00:00:00.000Z\"}");
	char text[200];

	memset(t, 0, sizeof(*t));
	t->events = cJSON_CreateArray();
	json_set_i64(e, "t", 0);
	json_push(t->events, e);
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "{\"k\":\"sample\",\"m\":\"kafka-%d\",\"ok\":true,\"x\":{\"id\":%d,\"controller\":%s}}",
			 i, i, i == active ? "true" : "false");
		put(t, 9900 * MS, parse(text));
	}
	evidence_tell_inforce(t->events, parse(settings));
	evidence_tell_fault(t->events, parse(fault));
}

static void log_of(struct tale *t, const char *member, const char *text)
{
	cJSON *e = parse("{\"k\":\"log\",\"container\":\"\"}");

	json_set_str(e, "member", member);
	json_set_str(e, "text", text);
	put(t, 60 * SEC, e);
}

static void tale_tell(struct tale *t, int64_t first_ack)
{
	const struct fault_record *f;

	evidence_make(t->events, 0, fault_effects, &t->ev);
	f = fault_of(&t->ev, "f");
	model_kafka.predict(&t->ev, f, &t->p);
	assert_true(strlen(t->p.note) < sizeof(t->p.note) - 1);
	for (size_t i = 0; i < t->p.n; i++)
		assert_true(strlen(t->p.mech[i].rule) < sizeof(t->p.mech[i].rule) - 1);
	t->m.effective = f->effective_ns;
	t->m.first_ack = first_ack;
	model_kafka.explain(&t->ev, f, &t->p, &t->m);
}

static void tale_end(struct tale *t)
{
	evidence_free(&t->ev);
	cJSON_Delete(t->events);
}

static bool has(const struct tale *t, const char *name)
{
	for (size_t i = 0; i < t->p.n; i++)
		if (!strcmp(t->p.mech[i].name, name))
			return true;
	return false;
}

static const char defaults[] = "[{\"name\":\"session_timeout\",\"value\":\"9000\"},{\"name\":\"heartbeat_interval\",\"value\":\"2000\"},"
	"{\"name\":\"quorum_fetch_timeout\",\"value\":\"2000\"},{\"name\":\"quorum_election_timeout\",\"value\":\"1000\"},"
	"{\"name\":\"replica_lag_time_max\",\"value\":\"30000\"},{\"name\":\"min_insync_replicas\",\"value\":\"2\"},"
	"{\"name\":\"acks\",\"value\":\"all\"}]";
static const char kill_leader[] = "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," AT LEADER "}";

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
	/* Of another broker's end nothing follows. */
	tale_begin(&t, kill_leader, defaults, 2);
	log_of(&t, "kafka-2",
	       "[2026-11-29 00:00:17,500] INFO [QuorumController id=2] Fencing broker 01 because its session has timed out. (x)\n");
	tale_tell(&t, 18 * SEC);
	assert_string_equal(t.m.mechanism, "");
	tale_end(&t);
}

/* Settings decide; nobody knows who the active controller was: both race. */
static void test_settings(void **state)
{
	struct tale t;

	(void)state;
	tale_begin(&t, kill_leader, "[{\"name\":\"session_timeout\",\"value\":\"4000\"},{\"name\":\"heartbeat_interval\",\"value\":\"500\"}]", -1);
	tale_tell(&t, 0);
	assert_true(has(&t, "broker fenced") && has(&t, "controller elected, broker fenced"));
	assert_int_equal(t.p.lo_ns, 3500 * MS);
	assert_non_null(strstr(t.p.note, "default"));
	tale_end(&t);
}

/* A follower's copies are missed by acks=all alone, and fetch again before it is let in. */
static void test_follower(void **state)
{
	static const char kill[] = "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," AT FOLLOWER "}";
	struct tale t;

	(void)state;
	tale_begin(&t, kill, defaults, 2);
	log_of(&t, "kafka-0",
	       "[2026-11-29 00:00:14,812] INFO [Broker id=0] Follower ordeal-1 starts at leader epoch 0 from offset 386 (state.change.logger)\n");
	tale_tell(&t, 15 * SEC);
	assert_true(has(&t, "broker fenced") && has(&t, "copy fetches again"));
	assert_string_equal(t.m.mechanism, "copy fetches again");
	tale_end(&t);
	tale_begin(&t, kill, "[{\"name\":\"acks\",\"value\":\"leader\"}]", 2);
	tale_tell(&t, 0);
	assert_true(t.p.n == 1 && has(&t, "no copy is waited for"));
	tale_end(&t);
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

/* Clients that ask seldom leave a silent leader late, by the setting that they tell. */
static void test_refresh(void **state)
{
	static const char *const told[] = {"", ",{\"name\":\"metadata_refresh\",\"value\":\"1000\"}",
					   ",{\"name\":\"metadata_refresh\",\"value\":\"300000\"}"};
	int64_t hi[3];

	(void)state;
	for (int k = 0; k < 3; k++) {
		char settings[1000];
		struct tale t;

		snprintf(settings, sizeof(settings), "%.*s%s]", (int)strlen(defaults) - 1, defaults, told[k]);
		tale_begin(&t, kill_leader, settings, 2);
		tale_tell(&t, 0);
		assert_true(t.p.n == 1 && !t.p.assumed);
		assert_int_equal(t.p.lo_ns, 7 * SEC);
		assert_non_null(strstr(t.p.mech[0].rule, "topic.metadata.refresh.interval.ms"));
		assert_non_null(strstr(t.p.mech[0].source, "librdkafka"));
		hi[k] = t.p.hi_ns;
		tale_end(&t);
	}
	assert_int_equal(hi[0], hi[1]);
	assert_int_equal(hi[2], hi[1] + 299 * SEC);
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
	static const char calm[] = "[2026-11-29 00:00:01,000] INFO started (x)\n[2026-11-29 00:00:50,000] INFO still here (x)\n";

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
	tale_begin(&t, cut, defaults, 1);
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

static void sample_of(struct sample *s, int id, uint64_t shards, const char *isr)
{
	char text[300];

	memset(s, 0, sizeof(*s));
	snprintf(s->member, sizeof(s->member), "kafka-%d", id);
	s->ok = s->writable = true;
	s->role = shards ? ROLE_PRIMARY : ROLE_REPLICA;
	s->shards = shards;
	snprintf(text, sizeof(text), "{\"id\":%d,\"brokers\":3,\"replicas\":3,\"leaders\":[0,1,2],\"isr\":%s}", id, isr);
	s->extra = parse(text);
}

static void test_redundant(void **state)
{
	static const struct {
		const char *isr;
		uint64_t last;
		bool want;
		const char *why;
	} t[] = {
		{"[3,3,3]", 4, true, ""},
		{"[3,2,3]", 4, false, "of partition 1 2 of 3 copies are in sync"},
		{"[3,3,3]", 0, false, "nobody serves partition 2"},
		{"[]", 4, false, "nobody"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct sample s[3];
		char why[WHY_BYTES];

		sample_of(&s[0], 0, 1, t[i].isr);
		sample_of(&s[1], 1, 2, "[3,3,3]");
		sample_of(&s[2], 2, t[i].last, "[3,3,3]");
		if (i == 3)
			s[0].ok = false;
		assert_int_equal(model_kafka.redundant(s, 3, why), t[i].want);
		if (i != 3 && !strstr(why, t[i].why))
			fail_msg("%s, not %s", why, t[i].why);
		for (int k = 0; k < 3; k++)
			cJSON_Delete(s[k].extra);
	}
}

/* The controllers' own log is a copy as well, of which the active one tells. */
static void test_voters(void **state)
{
	static const struct {
		const char *voters;
		bool want;
	} t[] = {
		{"[{\"id\":0,\"behind\":0},{\"id\":1,\"behind\":2},{\"id\":2,\"behind\":0}]", true},
		{"[{\"id\":0,\"behind\":0},{\"id\":1,\"behind\":200},{\"id\":2,\"behind\":0}]", false},
		{"[{\"id\":0,\"behind\":0},{\"id\":1},{\"id\":2,\"behind\":0}]", false},
		{"[]", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct sample s[3];
		char why[WHY_BYTES];

		for (int k = 0; k < 3; k++)
			sample_of(&s[k], k, 1U << k, "[3,3,3]");
		json_set(s[0].extra, "voters", parse(t[i].voters));
		assert_int_equal(model_kafka.redundant(s, 3, why), t[i].want);
		if (!t[i].want)
			assert_string_equal(why, "controller 1 is behind in the metadata log, says kafka-0");
		for (int k = 0; k < 3; k++)
			cJSON_Delete(s[k].extra);
	}
}

static void test_stamp(void **state)
{
	static const char text[] = "[2026-11-29 00:00:11,626] INFO x";
	static const char *const none[] = {"", "[", "2026-11-29 00:00:11,626 INFO", "[2026-11-29T00:00:11,626] INFO",
					   "[2026-13-29 00:00:11,626] INFO", "[2026-11-29 00:00:11,626"};
	struct log_line l = {.text = text, .len = sizeof(text) - 1};
	int64_t want;

	(void)state;
	assert_true(kafka_log_stamp(&l));
	assert_int_equal(clock_parse_rfc3339("2026-11-29T00:00:11.626Z", &want), 0);
	assert_int_equal(l.t_ns, want);
	assert_int_equal(l.len, strlen("INFO x"));
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		l = (struct log_line){.text = none[i], .len = strlen(none[i])};
		assert_false(kafka_log_stamp(&l));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_controller_goes_with_it),
		cmocka_unit_test(test_fenced),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_follower),
		cmocka_unit_test(test_told_to_end),
		cmocka_unit_test(test_all_start_again),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_brief_freeze), cmocka_unit_test(test_no_logs),
		cmocka_unit_test(test_between_two),
		cmocka_unit_test(test_redundant),
		cmocka_unit_test(test_voters),
		cmocka_unit_test(test_stamp),
	};

	return cmocka_run_group_tests_name("kafka, model", tests, NULL, NULL);
}
