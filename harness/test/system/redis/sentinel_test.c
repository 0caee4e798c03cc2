/* The Sentinel client against real servers on loopback: a master, a replica,
 * three Sentinels. Every outcome, a real failover, and no call that outlives
 * its deadline. It takes seconds until they all know each other, so there is
 * one set for all tests: those that break it come last, each after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/model.h"
#include "test/lib/redis_server.h"
#include "test/lib/redis_trial.h"
#include "test/lib/server_port.h"

extern const struct client_ops client_redis_sentinel;
extern const struct model_ops model_redis_sentinel;
#define SYS client_redis_sentinel
#define MODEL model_redis_sentinel

enum { DATA = 2, SENTINELS = 3, DOWN_AFTER_MS = 1000 };

struct fixture {
	struct client_trial t;
	struct redis_server s[DATA], x[SENTINELS];
	struct member m[DATA];
};

static int stop(void **state)
{
	struct fixture *f = *state;

	if (!f)
		return 0;
	for (int i = 0; i < SENTINELS; i++)
		redis_server_free(&f->x[i]);
	for (int i = 0; i < DATA; i++)
		redis_server_free(&f->s[i]);
	cJSON_Delete(f->t.acc.conf);
	free(f);
	return 0;
}

static bool start_all(struct fixture *f, int port, int sentinel_port)
{
	cJSON *hosts = cJSON_CreateArray();
	char ip[32], conf[500];

	f->t.sys = &SYS;
	f->t.acc = (struct access){.members = f->m, .n = DATA, .conf = cJSON_CreateObject()};
	json_set_i64(f->t.acc.conf, "port", port);
	json_set_i64(f->t.acc.conf, "sentinel_port", sentinel_port);
	json_set_str(f->t.acc.conf, "master_name", "mymaster");
	for (int i = 0; i < SENTINELS; i++)
		json_pushf(hosts, "127.0.78.%d", 11 + i);
	json_set(f->t.acc.conf, "sentinels", hosts);
	for (int i = 0; i < DATA; i++) {
		snprintf(ip, sizeof(ip), "127.0.78.%d", i + 1);
		/* It would be known by where it connects from, 127.0.0.1. */
		if (i)
			snprintf(conf, sizeof(conf), "repl-diskless-sync-delay 0\nreplica-announce-ip %s\n"
				 "replicaof 127.0.78.1 %d", ip, port);
		else
			snprintf(conf, sizeof(conf), "repl-diskless-sync-delay 0\nreplica-announce-ip %s", ip);
		if (redis_server_new(&f->s[i], ip, port, conf))
			return false;
		snprintf(f->m[i].name, sizeof(f->m[i].name), "redis-%d", i);
		mem_copy_str(f->m[i].host, sizeof(f->m[i].host), ip);
	}
	if (!redis_trial_says(&f->s[1], "INFO replication", "master_link_status:up", LONG_NS))
		return false;
	for (int i = 0; i < SENTINELS; i++) {
		snprintf(ip, sizeof(ip), "127.0.78.%d", 11 + i);
		snprintf(conf, sizeof(conf), "sentinel announce-ip %s\n"
			 "sentinel monitor mymaster 127.0.78.1 %d 2\n"
			 "sentinel down-after-milliseconds mymaster %d\n"
			 "sentinel failover-timeout mymaster 3000", ip, port, DOWN_AFTER_MS);
		if (redis_server_new(&f->x[i], ip, sentinel_port, conf))
			return false;
	}
	for (int i = 0; i < SENTINELS; i++)
		if (!redis_trial_says(&f->x[i], "SENTINEL MASTER mymaster", "num-other-sentinels\n2", LONG_NS) ||
		    !redis_trial_says(&f->x[i], "SENTINEL MASTER mymaster", "num-slaves\n1", LONG_NS))
			return false;
	return true;
}

static int start(void **state)
{
	struct fixture *f;
	struct err e = {0};

	*state = NULL;
	if (redis_server_missing())
		return 0;
	f = mem_alloc(sizeof(*f));
	*state = f;
	if (start_all(f, server_port(), server_port()) &&
	    !SYS.setup(&f->t.acc, 4, LONG_NS, &e))
		return 0;
	fprintf(stderr, "the servers do not find each other %s\n", e.msg);
	stop(state); /* cmocka does not */
	*state = NULL;
	return -1;
}

#define INSERT(f, v) redis_trial_run(&f->t, OP_INSERT, OP_NO_VALUE, v, OP_NO_VALUE)

static bool is_via(const struct op *op, const struct redis_server *s)
{
	size_t n = strlen(s->ip);

	return !strncmp(op->via, s->ip, n) && op->via[n] == ':';
}

static void test_operations(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	struct op op = INSERT(f, 1);

	assert_int_equal(op.outcome, OP_OK);
	assert_true(is_via(&op, &f->s[0]));
	op = redis_trial_run(&f->t, OP_READ, 1, OP_NO_VALUE, OP_NO_VALUE);
	assert_int_equal(op.outcome, OP_OK);
	assert_int_equal(op.value, OP_NO_VALUE);
	assert_int_equal(op.connect_ns, 0); /* it kept its connection */
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
	for (int64_t v = 1; v <= 600; v++)
		assert_int_equal(INSERT(f, v).outcome, OP_OK);
	INSERT(f, 7); /* twice: it has to show */
	redis_trial_run(&f->t, OP_WRITE, 2, 44, OP_NO_VALUE);
	if (SYS.final_read(&f->t.acc, 4, &r, LONG_NS, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(r.n, 601);
	qsort(r.values, r.n, sizeof(*r.values), by_value);
	for (int64_t v = 1; v <= 600; v++)
		assert_int_equal(r.values[v - 1 + (v > 7)], v);
	assert_int_equal(r.values[7], 7);
	assert_int_equal(r.nregisters, 4);
	assert_int_equal(r.registers[2], 44);
	assert_int_equal(r.registers[0], OP_NO_VALUE);
	/* Who told all this, and as what. */
	assert_int_equal(r.nanswers, 1);
	assert_int_equal(r.answers[0].role, ROLE_PRIMARY);
	assert_true(*r.answers[0].address);
	final_read_free(&r);
}

/* A replica answers what it was given, and is never replaced by its master. */
static void test_replica_reads(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	int64_t end_ns = clock_mono_ns() + LONG_NS;
	struct op op;

	assert_int_equal(redis_trial_run(&f->t, OP_WRITE, 3, 77, OP_NO_VALUE).outcome, OP_OK);
	do
		op = redis_trial_run(&f->t, OP_READ_REPLICA, 3, OP_NO_VALUE, OP_NO_VALUE);
	while (op.value != 77 && clock_mono_ns() < end_ns);
	assert_int_equal(op.outcome, OP_OK);
	assert_int_equal(op.value, 77);
	assert_true(is_via(&op, &f->s[1]));
}

static void ask_member(struct fixture *f, int i, struct sample *s, int64_t timeout_ns)
{
	struct probe *p = SYS.probe_new(&f->t.acc, &f->m[i]);

	sample_begin(s, &f->m[i]);
	SYS.probe(p, s, timeout_ns);
	SYS.probe_free(p);
}

static void test_probe(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	const cJSON *view;
	struct sample s[DATA];
	char why[WHY_BYTES], me[64];

	for (int i = 0; i < DATA; i++) {
		ask_member(f, i, &s[i], 3 * NS_PER_S);
		if (!s[i].ok)
			fail_msg("%s: %s", s[i].member, s[i].error);
	}
	assert_int_equal(s[0].role, ROLE_PRIMARY);
	assert_true(s[0].writable);
	assert_int_equal(json_i64(s[0].extra, "followers", 0), 1);
	assert_int_equal(s[1].role, ROLE_REPLICA);
	assert_false(s[1].writable);
	assert_true(s[1].lag_bytes >= 0);
	view = json_get(s[1].extra, "sentinel");
	assert_string_equal(json_str(view, "host", ""), "127.0.78.12");
	snprintf(me, sizeof(me), "127.0.78.1:%d", f->s[0].port);
	assert_string_equal(json_str(view, "names", ""), me);
	assert_int_equal(json_i64(view, "others", 0), 2);
	if (!MODEL.redundant(s, DATA, why))
		fail_msg("%s", why);
	for (int i = 0; i < DATA; i++)
		cJSON_Delete(s[i].extra);
	/* It wants a replica more than there is. */
	free(redis_server_call(&f->s[0], "CONFIG SET min-replicas-to-write 2"));
	ask_member(f, 0, &s[0], 3 * NS_PER_S);
	assert_false(s[0].writable);
	assert_true(json_bool(s[0].extra, "noreplicas", false));
	assert_int_equal(strncmp(INSERT(f, 1001).error, "NOREPLICAS", 10), 0);
	cJSON_Delete(s[0].extra);
	free(redis_server_call(&f->s[0], "CONFIG SET min-replicas-to-write 0"));
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
		const char *name = json_str(s, "name", ""), *value = json_str(s, "value", "");

		found += !strcmp(name, "down-after-milliseconds") && !strcmp(value, "1000");
		found += !strcmp(name, "quorum") && !strcmp(value, "2");
		found += !strcmp(name, "appendonly") && !strcmp(value, "off");
		found += !strcmp(name, "repl-backlog-size") && !strcmp(value, "1048576");
	}
	assert_int_equal(found, 4);
	cJSON_Delete(a);
}

/* The client's own Sentinel falls silent: the next one is asked. */
static void test_mute_sentinel(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	int i = 7 % SENTINELS;

	redis_server_signal(&f->x[i], SIGSTOP);
	assert_int_equal(INSERT(f, 2001).outcome, OP_OK);
	redis_server_signal(&f->x[i], SIGCONT);
	assert_true(redis_trial_says(&f->x[i], "PING", "PONG", LONG_NS));
}

/* Silence is doubt. Once a replica is promoted, the client goes there, though
 * the old master's connection never broke. */
static void test_failover(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	int64_t end_ns, v = 3000;
	struct op op;

	/* Whoever stood still for 2 s does nothing for 30 (TILT). */
	end_ns = clock_mono_ns() + 60 * NS_PER_S;
	assert_int_equal(INSERT(f, v).outcome, OP_OK);
	redis_server_signal(&f->s[0], SIGSTOP);
	op = INSERT(f, ++v);
	assert_int_equal(op.outcome, OP_INFO);
	assert_true(op.sent);
	assert_int_equal(strncmp(op.error, "timeout", 7), 0);
	do
		op = INSERT(f, ++v);
	while (op.outcome != OP_OK && clock_mono_ns() < end_ns);
	assert_int_equal(op.outcome, OP_OK);
	assert_true(is_via(&op, &f->s[1]));
}

/* The old master wakes up as one, and is made a replica. */
static void test_demoted(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());

	redis_server_signal(&f->s[0], SIGCONT);
	assert_true(redis_trial_says(&f->s[0], "ROLE", "slave", 2 * LONG_NS));
	assert_true(redis_trial_says(&f->s[0], "INFO replication", "master_link_status:up", LONG_NS));
}

/* A planned failover: nothing fails, the news alone moves the client. */
static void test_news(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	int64_t end_ns = clock_mono_ns() + 2 * LONG_NS, v = 4000;
	char *answer;
	struct op op;

	op = INSERT(f, v);
	assert_int_equal(op.outcome, OP_OK);
	assert_true(is_via(&op, &f->s[1]));
	do {
		answer = redis_server_call(&f->x[0], "SENTINEL FAILOVER mymaster");
		op.outcome = answer && !strcmp(answer, "OK") ? OP_OK : OP_FAIL;
		free(answer);
		if (op.outcome != OP_OK) /* not known as a good one yet */
			clock_sleep_until(clock_mono_ns() + 100 * NS_PER_MS);
	} while (op.outcome != OP_OK && clock_mono_ns() < end_ns);
	assert_int_equal(op.outcome, OP_OK);
	for (int i = 0; i < SENTINELS; i++)
		assert_true(redis_trial_says(&f->x[i], "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster", "127.0.78.1\n",
					LONG_NS));
	do
		op = INSERT(f, ++v);
	while (op.outcome != OP_OK && clock_mono_ns() < end_ns);
	assert_int_equal(op.outcome, OP_OK);
	assert_true(is_via(&op, &f->s[0]));
}

/* A dead master's closed port is no doubt; and without Sentinels nobody knows. */
static void test_dead(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	struct err e = {0};
	struct op op;

	INSERT(f, 5000);
	redis_server_kill(&f->s[0]);
	op = INSERT(f, 5001);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_false(op.sent);
	assert_int_equal(strncmp(op.error, "connect", 7), 0);
	for (int i = 0; i < SENTINELS; i++)
		redis_server_kill(&f->x[i]);
	op = INSERT(f, 5002);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_int_equal(SYS.setup(&f->t.acc, 4, NS_PER_S, &e), -1);
	assert_non_null(strstr(e.msg, "no master to be had by the Sentinels"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, client_trial_begin, client_trial_end)
	const struct CMUnitTest tests[] = {
		T(test_operations), T(test_final_read), T(test_replica_reads), T(test_probe),
		T(test_inforce), T(test_mute_sentinel),
		/* From here on nothing is as it was. */
		T(test_failover), T(test_demoted), T(test_news), T(test_dead),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
