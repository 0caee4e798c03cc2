/* The Redis Cluster client against real servers on loopback: every outcome, and
 * no call that outlives its deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/client_kit.h"
#include "system/model.h"
#include "test/lib/redis_server.h"
#include "test/lib/redis_trial.h"
#include "test/system/redis/cluster_room.h"
#include "test/lib/server_port.h"

extern const struct model_ops model_redis_cluster;

#define MODEL model_redis_cluster

static void test_operations(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	bool seen[MASTERS + 1] = {false};
	struct op op;

	for (int64_t v = 1; v <= 60; v++) {
		op = INSERT(f, v);
		assert_int_equal(op.outcome, OP_OK);
		assert_in_range(op.shard, 1, MASTERS);
		seen[op.shard] = true;
		/* The owner answers itself. */
		assert_int_equal(strncmp(op.via, f->s[op.shard - 1].ip, strlen(f->s[0].ip)), 0);
	}
	assert_true(seen[1] && seen[2] && seen[3]);
	op = redis_trial_run(&f->t, OP_READ, 1, OP_NO_VALUE, OP_NO_VALUE);
	assert_int_equal(op.outcome, OP_OK);
	assert_int_equal(op.value, OP_NO_VALUE);
	assert_int_equal(redis_trial_run(&f->t, OP_CAS, 1, 5, OP_NO_VALUE).outcome, OP_OK);
	op = redis_trial_run(&f->t, OP_CAS, 1, 6, OP_NO_VALUE);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_int_equal(strncmp(op.error, "mismatch", 8), 0);
	assert_int_equal(redis_trial_run(&f->t, OP_CAS, 1, 6, 5).outcome, OP_OK);
	assert_int_equal(redis_trial_run(&f->t, OP_READ, 1, OP_NO_VALUE, OP_NO_VALUE).value, 6);
	assert_int_equal(redis_trial_run(&f->t, OP_WRITE, 1, 9, OP_NO_VALUE).outcome, OP_OK);
	assert_int_equal(redis_trial_run(&f->t, OP_READ, 1, OP_NO_VALUE, OP_NO_VALUE).value, 9);
}

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void test_final_read(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	struct final_read r;
	struct err e = {0};

	assert_int_equal(SYS.setup(&f->t.acc, 4, LONG_NS, &e), 0);
	for (int64_t v = 1; v <= 300; v++)
		assert_int_equal(INSERT(f, v).outcome, OP_OK);
	INSERT(f, 7); /* twice: it has to show */
	redis_trial_run(&f->t, OP_WRITE, 2, 44, OP_NO_VALUE);
	if (SYS.final_read(&f->t.acc, 4, &r, LONG_NS, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(r.n, 301);
	qsort(r.values, r.n, sizeof(*r.values), by_value);
	for (int64_t v = 1; v <= 300; v++)
		assert_int_equal(r.values[v - 1 + (v > 7)], v);
	assert_int_equal(r.values[7], 7);
	assert_int_equal(r.nregisters, 4);
	assert_int_equal(r.registers[2], 44);
	assert_int_equal(r.registers[0], OP_NO_VALUE);
	/* Who told all this, each for its shard, and as what. */
	assert_true(r.nanswers >= 3);
	for (size_t i = 0; i < r.nanswers; i++) {
		assert_int_equal(r.answers[i].role, ROLE_PRIMARY);
		assert_int_equal(r.answers[i].shard, i + 1);
		assert_true(*r.answers[i].address);
	}
	final_read_free(&r);
	/* A new setup throws it away. */
	assert_int_equal(SYS.setup(&f->t.acc, 4, LONG_NS, &e), 0);
	assert_int_equal(SYS.final_read(&f->t.acc, 4, &r, LONG_NS, &e), 0);
	assert_int_equal(r.n, 0);
	final_read_free(&r);
}

/* A replica answers what it was given, and is never replaced by its master. */
static void test_replica_reads(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	int64_t end_ns = clock_mono_ns() + LONG_NS;
	int64_t key = -1;
	struct op op;

	for (int64_t k = 0; k < 64 && key < 0; k++)
		if (redis_trial_run(&f->t, OP_WRITE, k, 100 + k, OP_NO_VALUE).shard == 1)
			key = k;
	assert_true(key >= 0);
	do
		op = redis_trial_run(&f->t, OP_READ_REPLICA, key, OP_NO_VALUE, OP_NO_VALUE);
	while (op.value != 100 + key && clock_mono_ns() < end_ns);
	assert_int_equal(op.outcome, OP_OK);
	assert_int_equal(op.value, 100 + key);
	assert_int_equal(strncmp(op.via, f->s[3].ip, strlen(f->s[3].ip)), 0);
	/* A shard that has none. */
	for (int64_t k = 0; k < 64; k++) {
		op = redis_trial_run(&f->t, OP_READ_REPLICA, k, OP_NO_VALUE, OP_NO_VALUE);
		if (op.shard != 2)
			continue;
		assert_int_equal(op.outcome, OP_FAIL);
		assert_false(op.sent);
		break;
	}
}

static void ask_member_for(struct fixture *f, int i, struct sample *s, int64_t timeout_ns)
{
	struct probe *p = SYS.probe_new(&f->t.acc, &f->m[i]);

	sample_begin(s, &f->m[i]);
	SYS.probe(p, s, timeout_ns);
	SYS.probe_free(p);
}

static void ask_member(struct fixture *f, int i, struct sample *s)
{
	ask_member_for(f, i, s, 3 * NS_PER_S);
}

/* Silence is doubt; a dead server's closed port is none. */
static void test_frozen_and_dead(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	int64_t v = value_in(2, 1);
	struct sample s;
	struct op op;

	assert_int_equal(INSERT(f, v).outcome, OP_OK);
	redis_server_signal(&f->s[1], SIGSTOP);
	op = INSERT(f, value_in(2, v + 1));
	assert_int_equal(op.outcome, OP_INFO);
	assert_true(op.sent);
	assert_int_equal(strncmp(op.error, "timeout", 7), 0);
	assert_int_equal(op.shard, 2);
	assert_true(op.t_return - op.t_invoke >= DEADLINE_NS / 2);
	/* The other shards do not mind. */
	assert_int_equal(INSERT(f, value_in(3, v)).outcome, OP_OK);
	redis_server_kill(&f->s[1]);
	op = INSERT(f, value_in(2, v + 2));
	assert_int_equal(op.outcome, OP_FAIL);
	assert_int_equal(op.shard, 2);
	ask_member(f, 1, &s);
	assert_true(!s.ok && s.closed);
	cJSON_Delete(s.extra);
}

/* A master that has missed the majority for the node timeout refuses. */
static void test_minority(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	int64_t end_ns = clock_mono_ns() + LONG_NS, v = value_in(1, 1000);
	struct op op;

	INSERT(f, v);
	redis_server_kill(&f->s[1]);
	redis_server_kill(&f->s[2]);
	do
		op = INSERT(f, v = value_in(1, v + 1));
	while (op.outcome == OP_OK && clock_mono_ns() < end_ns);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_true(op.sent);
	assert_int_equal(strncmp(op.error, "CLUSTERDOWN", 11), 0);
}

static void test_probe(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	struct sample s[N];
	char why[WHY_BYTES];

	for (int i = 0; i < N; i++) {
		ask_member(f, i, &s[i]);
		if (!s[i].ok)
			fail_msg("%s: %s", s[i].member, s[i].error);
	}
	assert_int_equal(s[1].role, ROLE_PRIMARY);
	assert_true(s[1].writable);
	assert_int_equal(s[1].shards, shard_bit(2));
	assert_string_equal(json_str(s[1].extra, "slots", ""), "5461-10922");
	assert_int_equal(s[3].role, ROLE_REPLICA);
	assert_false(s[3].writable);
	assert_int_equal(s[3].shards, shard_bit(1));
	assert_string_equal(json_str(s[3].extra, "link", ""), "up");
	assert_string_equal(json_str(s[3].extra, "of", ""), json_str(s[0].extra, "id", "?"));
	assert_true(s[3].lag_bytes >= 0 && s[3].lag_bytes < 10000);
	assert_int_equal(s[0].lag_bytes, -1);
	assert_true(s[0].timeline > 0);
	assert_int_equal(s[3].timeline, s[0].timeline);
	assert_false(MODEL.redundant(s, N, why));
	assert_non_null(strstr(why, "redis-cluster-1 has no replica"));
	for (int i = 0; i < N; i++)
		cJSON_Delete(s[i].extra);
	redis_server_signal(&f->s[2], SIGSTOP);
	ask_member_for(f, 2, &s[2], 300 * NS_PER_MS);
	assert_false(s[2].ok);
	assert_false(s[2].closed);
	assert_int_equal(strncmp(s[2].error, "timeout", 7), 0);
	assert_true(s[2].took_ns < 300 * NS_PER_MS + SLACK_NS);
	cJSON_Delete(s[2].extra);
	redis_server_signal(&f->s[2], SIGCONT);
	assert_true(redis_trial_says(&f->s[0], "CLUSTER INFO", "cluster_slots_ok:16384", LONG_NS));
	assert_true(redis_trial_says(&f->s[2], "CLUSTER INFO", "cluster_state:ok", LONG_NS));
}

static void test_inforce(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	cJSON *a = cJSON_CreateArray(), *s;
	struct err e = {0};
	int found = 0;

	if (SYS.inforce(&f->t.acc, a, &e))
		fail_msg("%s", e.msg);
	cJSON_ArrayForEach(s, a) {
		const char *name = json_str(s, "name", "");

		if (!strcmp(name, "cluster-node-timeout"))
			found += !strcmp(json_str(s, "value", ""), "1000");
		if (!strcmp(name, "cluster-require-full-coverage"))
			found += !strcmp(json_str(s, "value", ""), "off");
		if (!strcmp(name, "repl-backlog-size"))
			found += !strcmp(json_str(s, "value", ""), "1048576");
	}
	assert_int_equal(found, 3);
	cJSON_Delete(a);
}

/* Servers that nobody made a cluster of. */
static void test_not_formed(void **state)
{
	struct redis_server s = {0};
	struct member m = {.name = "redis-cluster-0", .host = "127.0.0.1"};
	struct access acc = {.members = &m, .n = 1};
	struct err e = {0};
	char conf[120];

	(void)state;
	if (redis_server_missing())
		skip();
	snprintf(conf, sizeof(conf), "cluster-enabled yes\ncluster-port %d", server_port());
	acc.conf = cJSON_CreateObject();
	assert_int_equal(redis_server_new(&s, "127.0.0.1", server_port(), conf), 0);
	json_set_i64(acc.conf, "port", s.port);
	assert_int_equal(SYS.setup(&acc, 4, 5 * NS_PER_S, &e), -1);
	assert_non_null(strstr(e.msg, "0 of 16384 slots"));
	redis_server_free(&s);
	assert_int_equal(SYS.setup(&acc, 4, NS_PER_S, &e), -1);
	cJSON_Delete(acc.conf);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, client_trial_begin, client_trial_end)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_formed),
		T(test_operations),
		T(test_final_read),
		T(test_replica_reads),
		T(test_inforce),
		T(test_probe),
		T(test_frozen_and_dead),
		T(test_minority),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
