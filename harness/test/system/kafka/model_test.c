/* What the rules of Kafka's controller allow, and when all copies are whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "system/kafka/log.h"
#include "system/kafka/release.h"
#include "test/system/kafka/tale.h"

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

/* From 4.0 on sessions are looked at an eighth of their length apart; before, when they run out.
 * Who does not tell the release of his brokers has it in their logs, or does not know. */
static void test_release(void **state)
{
	static const char old[] = "[2026-11-29 00:00:01,000] INFO Kafka version: 3.6.0 (org.apache.kafka.common.utils.AppInfoParser)\n";
	static const char new[] = "[2026-11-29 00:00:01,000] INFO Kafka version: 4.4.0 (org.apache.kafka.common.utils.AppInfoParser)\n";
	static const struct {
		const char *told, *first, *second;
		bool late, known;
	} t[] = {
		{"3.6", NULL, NULL, false, true}, {"3.9", NULL, NULL, false, true},
		{"4.0", NULL, NULL, true, true}, {"4.4", NULL, NULL, true, true},
		{"4.4", old, old, true, true}, {NULL, old, old, false, true},
		{NULL, new, calm, true, true}, {NULL, calm, calm, true, false},
		{NULL, old, new, true, false}, {"?", NULL, NULL, true, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char settings[1000], told[80] = "";
		struct tale x;

		if (t[i].told)
			snprintf(told, sizeof(told), ",{\"name\":\"version\",\"value\":\"%s\"}", t[i].told);
		snprintf(settings, sizeof(settings), "%.*s%s]", (int)(strstr(defaults, ",{\"name\":\"version") - defaults), defaults, told);
		tale_begin(&x, kill_leader, settings, 2);
		if (t[i].first) {
			log_of(&x, "kafka-1", t[i].first);
			log_of(&x, "kafka-2", t[i].second);
		}
		tale_tell(&x, 0);
		assert_true(x.p.n == 1 && has(&x, "broker fenced"));
		assert_int_equal(x.p.hi_ns, (t[i].late ? 11625 : 10500) * MS);
		assert_int_equal(!x.p.assumed, t[i].known);
		assert_int_equal(strstr(x.p.mech[0].rule, "eighth") != NULL, t[i].late);
		assert_int_equal(strstr(x.p.note, "version") == NULL, t[i].known);
		tale_end(&x);
	}
}

static void test_release_of(void **state)
{
	static const struct {
		int level;
		const char *is;
	} t[] = {{11, NULL}, {12, "3.6"}, {14, "3.6"}, {15, "3.7"}, {21, "3.9"}, {22, "4.0"},
		 {25, "4.0"}, {33, "4.4"}, {34, NULL}, {0, NULL}, {-1, NULL}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *is = kafka_release_of(t[i].level);

		assert_true(is ? t[i].is && !strcmp(is, t[i].is) : !t[i].is);
	}
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
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_release_of),
		cmocka_unit_test(test_redundant),
		cmocka_unit_test(test_voters),
		cmocka_unit_test(test_stamp),
	};

	return cmocka_run_group_tests_name("kafka, model", tests, NULL, NULL);
}
