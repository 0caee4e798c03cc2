/* The Kafka client against a real broker of each release: what is sent is there, once and
 * in order; no call outlives its deadline; what did not leave is told from what did. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/system/kafka/room.h"

static struct sample ask(struct fixture *f, struct probe *p, int64_t limit_ns)
{
	struct sample s;

	sample_begin(&s, &f->m);
	client_kafka.probe(p, &s, limit_ns);
	return s;
}

static void sent_and_received(struct fixture *f)
{
	struct op op;

	for (int i = 0; i < 5; i++) {
		op = call(f, OP_SEND, 1, 100 + i, LONG_NS);
		must_be(&op, OP_OK, "");
		assert_int_equal(op.partition, 1);
		assert_int_equal(op.shard, 2);
		assert_int_equal(op.offset, i);
		assert_true(op.sent);
		assert_int_equal(strncmp(op.via, "127.0.0.1:", 10), 0);
		assert_null(strstr(op.via, "resent"));
	}
	for (int i = 0; i < 5; i++) {
		op = call(f, OP_RECEIVE, 1, OP_NO_VALUE, LONG_NS);
		must_be(&op, OP_OK, "");
		assert_int_equal(op.value, 100 + i);
		assert_int_equal(op.offset, i);
		assert_int_equal(op.acked, OP_ACK_DONE);
	}
	op = call(f, OP_RECEIVE, 1, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_true(op.value == OP_NO_VALUE && op.offset == OP_NO_VALUE);
	f->sent[1] = 5;
}

/* Another consumer, as one that was started anew: it goes on where the group is. */
static void commits_last(struct fixture *f)
{
	struct op op = call(f, OP_SEND, 1, 105, LONG_NS);

	must_be(&op, OP_OK, "");
	f->sent[1]++;
	client_kafka.client_free(f->c);
	client_kafka.shared_free(f->acc.shared);
	f->acc.shared = NULL; /* and one of a client's own */
	f->c = client_kafka.client_new(&f->acc, 4);
	op = call(f, OP_RECEIVE, 1, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_int_equal(op.value, 105);
	assert_int_equal(op.acked, OP_ACK_DONE);
}

static void probe(struct fixture *f)
{
	struct probe *p = client_kafka.probe_new(&f->acc, &f->m);
	struct sample s = ask(f, p, LONG_NS);
	const cJSON *voter;

	if (!s.ok)
		fail_msg("%s", s.error);
	assert_int_equal(s.role, ROLE_PRIMARY);
	assert_true(s.writable);
	assert_int_equal(s.shards, 3);
	assert_int_equal(json_i64(s.extra, "id", -1), 7);
	assert_true(json_bool(s.extra, "controller", false));
	assert_int_equal(json_i64(s.extra, "quorum_leader", -1), 7);
	assert_true(json_i64(s.extra, "quorum_epoch", -1) > 0 && json_i64(s.extra, "quorum_high", -1) > 0);
	voter = cJSON_GetArrayItem(json_get(s.extra, "voters"), 0);
	assert_int_equal(cJSON_GetArraySize(json_get(s.extra, "voters")), 1);
	assert_int_equal(json_i64(voter, "id", -1), 7);
	assert_int_equal(json_i64(voter, "behind", -1), 0);
	assert_int_equal(json_i64(voter, "lag_ms", -1), 0);
	assert_int_equal(cJSON_GetArrayItem(json_get(s.extra, "offline"), 1)->valueint, 0);
	assert_int_equal(cJSON_GetArraySize(json_get(s.extra, "fenced")), 0);
	assert_int_equal(cJSON_GetArrayItem(json_get(s.extra, "end"), 1)->valuedouble, f->sent[1]);
	assert_int_equal(cJSON_GetArrayItem(json_get(s.extra, "high"), 1)->valuedouble, f->sent[1]);
	cJSON_Delete(s.extra);
	client_kafka.probe_free(p);
}

static void settings(struct fixture *f)
{
	cJSON *list = cJSON_CreateArray(), *o;
	struct err e = {0};
	int found = 0;

	if (client_kafka.inforce(&f->acc, list, &e))
		fail_msg("%s", e.msg);
	cJSON_ArrayForEach(o, list) {
		const char *name = json_str(o, "name", ""), *value = json_str(o, "value", "");

		found += (!strcmp(name, "session_timeout") && !strcmp(value, "9000")) ||
			 (!strcmp(name, "quorum_fetch_timeout") && !strcmp(value, "2000")) ||
			 (!strcmp(name, "min_insync_replicas") && !strcmp(value, "1")) ||
			 (!strcmp(name, "unclean_leader_election") && !strcmp(value, "off")) ||
			 (!strcmp(name, "acks") && !strcmp(value, "all")) ||
			 (!strcmp(name, "linger") && !strcmp(value, "0")) ||
			 (!strcmp(name, "retries") && !strcmp(value, "0")) ||
			 (!strcmp(name, "delivery_timeout") && !strcmp(value, "0")) ||
			 (!strcmp(name, "in_flight") && !strcmp(value, "1")) ||
			 (!strcmp(name, "metadata_refresh") && !strcmp(value, "1000")) ||
			 (!strcmp(name, "version") && strlen(value) == 3 && !strncmp(value, f->s.version, 3));
	}
	assert_int_equal(found, 11);
	cJSON_Delete(list);
}

/* What the broker refuses before it appends anything. */
static void refused(struct fixture *f)
{
	struct op op = call(f, OP_SEND, PARTITIONS + 3, 1, LONG_NS);

	assert_int_equal(op.outcome, OP_FAIL);
	assert_true(op.error[0]);
	assert_false(op.sent);
}

/* The whole broker stands still: connections live on, nobody answers. */
static void frozen(struct fixture *f)
{
	struct probe *p = client_kafka.probe_new(&f->acc, &f->m);
	struct final_read r;
	struct err e = {0};
	struct sample s;
	struct op op;
	int64_t from;

	client_kafka.client_free(f->c);
	f->c = client_kafka.client_new(&f->acc, 5);
	op = call(f, OP_SEND, 0, 1, DEADLINE_NS);
	must_be(&op, OP_OK, "");
	kafka_server_signal(&f->s, SIGSTOP);
	op = call(f, OP_SEND, 0, 2, DEADLINE_NS);
	must_be(&op, OP_INFO, "timeout:");
	assert_true(op.sent);
	op = call(f, OP_SEND, 0, 3, DEADLINE_NS);
	assert_true(op.outcome == OP_INFO || (op.outcome == OP_FAIL && !op.sent));
	op = call(f, OP_RECEIVE, 0, OP_NO_VALUE, DEADLINE_NS);
	assert_int_not_equal(op.outcome, OP_OK);
	s = ask(f, p, DEADLINE_NS);
	assert_false(s.ok);
	cJSON_Delete(s.extra);
	client_kafka.probe_free(p);
	from = clock_mono_ns();
	assert_int_equal(client_kafka.final_read(&f->acc, PARTITIONS, &r, DEADLINE_NS, &e), -1);
	final_read_free(&r);
	assert_true(clock_mono_ns() - from <= DEADLINE_NS + SLACK_NS);
	kafka_server_signal(&f->s, SIGCONT);
}

/* The clients' own settings reach the library. A message waits for others for as long as
 * `linger` says. */
static void set_by_hand(struct fixture *f)
{
	struct op op;

	json_set_i64(f->acc.conf, "linger_ms", 400);
	client_kafka.client_free(f->c);
	f->c = client_kafka.client_new(&f->acc, 6);
	for (int i = 0; i < 2; i++) {
		op = call(f, OP_SEND, 1, 106 + i, LONG_NS);
		must_be(&op, OP_OK, "");
		assert_true(op.t_return - op.t_invoke >= 400 * NS_PER_MS);
		f->sent[1]++;
	}
	/* Longer than a message lives: refused by the library, and that is told. */
	client_kafka.client_free(f->c);
	f->c = client_kafka.client_new(&f->acc, 6);
	op = call(f, OP_SEND, 1, 1, 300 * NS_PER_MS);
	must_be(&op, OP_FAIL, "client: librdkafka:");
	json_set_i64(f->acc.conf, "delivery_timeout_ms", 300);
	client_kafka.client_free(f->c);
	f->c = client_kafka.client_new(&f->acc, 6);
	op = call(f, OP_SEND, 1, 1, LONG_NS);
	must_be(&op, OP_FAIL, "client: librdkafka:");
	json_set_i64(f->acc.conf, "delivery_timeout_ms", 5000);
	json_set_i64(f->acc.conf, "linger_ms", 0);
	json_set_i64(f->acc.conf, "retries", 3);
	/* More in flight than it allows with numbered messages. */
	json_set_str(f->acc.conf, "idempotence", "on");
	for (int in_flight = 6; in_flight >= 5; in_flight--) {
		json_set_i64(f->acc.conf, "in_flight", in_flight);
		client_kafka.client_free(f->c);
		f->c = client_kafka.client_new(&f->acc, 6);
		op = call(f, OP_SEND, 1, 108, LONG_NS);
		must_be(&op, in_flight > 5 ? OP_FAIL : OP_OK, in_flight > 5 ? "client: librdkafka:" : "");
		assert_true(in_flight <= 5 || strstr(op.error, "max.in.flight"));
	}
	f->sent[1]++;
	json_set_str(f->acc.conf, "idempotence", "off");
	json_set_i64(f->acc.conf, "in_flight", 1);
	json_set_i64(f->acc.conf, "delivery_timeout_ms", 0);
	json_set_i64(f->acc.conf, "retries", 0);
}

/* What is there in the end: all that was acknowledged, each once; what was told to have
 * been refused or never sent is not. */
static void final(struct fixture *f)
{
	bool seen[4] = {false};
	struct final_read r;
	struct err e = {0};
	size_t ones = 0;

	if (client_kafka.final_read(&f->acc, PARTITIONS, &r, LONG_NS, &e))
		fail_msg("%s", e.msg);
	assert_true(r.drained);
	assert_int_equal(r.nanswers, PARTITIONS);
	for (size_t i = 0; i < r.nanswers; i++) {
		assert_int_equal(r.answers[i].role, ROLE_PRIMARY);
		assert_int_equal(r.answers[i].shard, i + 1);
		assert_string_equal(r.answers[i].member, "kafka-0");
	}
	for (size_t i = 0; i < r.nmessages; i++) {
		const struct final_message *m = &r.messages[i];

		if (m->partition == 1) {
			assert_int_equal(m->offset, ones);
			assert_int_equal(m->value, 100 + (int64_t)ones++);
			continue;
		}
		assert_in_range(m->value, 1, 3);
		assert_false(seen[m->value]);
		seen[m->value] = true;
	}
	assert_int_equal(ones, f->sent[1]);
	assert_true(seen[1]);
	final_read_free(&r);
}

/* Nobody listens any more: nothing leaves, and that is known. Then it is back. */
static void dead_and_back(struct fixture *f)
{
	int64_t end_ns;
	struct op op;

	kafka_server_kill(&f->s);
	op = call(f, OP_SEND, 0, 50, DEADLINE_NS);
	assert_int_not_equal(op.outcome, OP_OK);
	op = call(f, OP_SEND, 0, 51, DEADLINE_NS);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_false(op.sent);
	op = call(f, OP_RECEIVE, 0, OP_NO_VALUE, DEADLINE_NS);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_int_equal(kafka_server_start(&f->s), 0);
	end_ns = clock_mono_ns() + LONG_NS;
	do
		op = call(f, OP_SEND, 0, clock_mono_ns(), DEADLINE_NS);
	while (op.outcome != OP_OK && clock_mono_ns() < end_ns);
	must_be(&op, OP_OK, "");
	op = call(f, OP_RECEIVE, 0, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_int_equal(op.value, 1);
}

ON_EACH(sent_and_received)
ON_EACH(commits_last)
ON_EACH(probe)
ON_EACH(settings)
ON_EACH(refused)
ON_EACH(frozen)
ON_EACH(set_by_hand)
ON_EACH(final)
ON_EACH(dead_and_back)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sent_and_received),
		cmocka_unit_test(test_commits_last),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_set_by_hand),
		cmocka_unit_test(test_final),
		cmocka_unit_test(test_dead_and_back),
	};

#ifdef __SANITIZE_THREAD__
	puts("1..0 # SKIP librdkafka starts threads by thrd_create(), which this thread sanitizer does not "
	     "know: it crashes in what they call of ours");
	return 0;
#endif
	return cmocka_run_group_tests_name("kafka, client", tests, start, stop);
}
