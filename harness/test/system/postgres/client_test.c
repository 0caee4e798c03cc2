/* The PostgreSQL client against a real server: every outcome, and no call
 * that outlives its deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "test/lib/pg_server.h"
#include "system/client_kit.h"

extern const struct client_ops client_postgres;

#define DEADLINE_NS (400 * NS_PER_MS)
#define LONG_NS (20 * NS_PER_S)
/* What is promised is 50 ms; a test must hold on a starved machine too, and
 * what it guards against is a wait without end. */
#define SLACK_NS (2 * NS_PER_S)

struct fixture {
	struct pg_server s;
	struct member m;
	struct access acc;
	struct client *c;
};

static int stop(void **state)
{
	struct fixture *f = *state;

	if (!f)
		return 0;
	if (f->c)
		client_postgres.client_free(f->c);
	pg_server_free(&f->s);
	cJSON_Delete(f->acc.conf);
	free(f);
	return 0;
}

static int start(void **state)
{
	struct fixture *f;
	struct err e = {0};

	if (pg_server_missing())
		return 0;
	f = mem_alloc(sizeof(*f));
	*state = f;
	if (pg_server_new(&f->s, NULL))
		goto fail;
	pg_server_access(&f->s, &f->m, &f->acc);
	if (client_postgres.setup(&f->acc, 4, LONG_NS, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		goto fail;
	}
	f->c = client_postgres.client_new(&f->acc, 7);
	return 0;
fail:
	stop(state); /* cmocka does not */
	*state = NULL;
	return -1;
}

static struct fixture *need(void **state)
{
	if (!*state) {
		print_message("# skipped: %s\n", pg_server_missing());
		skip();
	}
	return *state;
}

static struct op call(struct fixture *f, enum op_f kind, int64_t key, int64_t value, int64_t expect,
		      int64_t deadline_ns)
{
	struct op op = {.f = kind, .key = key, .value = value, .expect = expect};

	call_make(&client_postgres, f->c, &op, deadline_ns);
	return op;
}

static struct op insert(struct fixture *f, int64_t value, int64_t deadline_ns)
{
	return call(f, OP_INSERT, OP_NO_VALUE, value, OP_NO_VALUE, deadline_ns);
}

static void must_be(const struct op *op, enum op_outcome want, const char *error)
{
	if (op->outcome != want || strncmp(op->error, error, strlen(error)) ||
	    (!*error && op->error[0]))
		fail_msg("%s: %s \"%s\", wanted %s \"%s\"", op_f_name(op->f),
			 op_outcome_name(op->outcome), op->error, op_outcome_name(want), error);
}

static void sql(struct fixture *f, const char *text)
{
	char *v = pg_server_sql(&f->s, text);

	assert_non_null(v);
	free(v);
}

static void wait_for_sql(struct fixture *f, const char *text, const char *want)
{
	int64_t end_ns = clock_mono_ns() + LONG_NS;
	bool same = false;

	while (!same && clock_mono_ns() < end_ns) {
		char *v = pg_server_sql(&f->s, text);

		same = v && !strcmp(v, want);
		free(v);
		clock_sleep_until(clock_mono_ns() + 5 * NS_PER_MS);
	}
	if (!same)
		fail_msg("never became %s: %s", want, text);
}

static void test_operations(void **state)
{
	struct fixture *f = need(state);
	struct op op = insert(f, 1, LONG_NS);

	must_be(&op, OP_OK, "");
	assert_true(op.sent && op.connect_ns > 0);
	assert_string_equal(op.via, "127.0.0.1");
	assert_true(op.t_return >= op.t_invoke && op.t_invoke > 0);
	op = call(f, OP_READ, 2, OP_NO_VALUE, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_int_equal(op.value, OP_NO_VALUE);
	assert_int_equal(op.connect_ns, 0); /* the connection was kept */
	op = call(f, OP_CAS, 2, 10, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_OK, "");
	op = call(f, OP_CAS, 2, 11, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_FAIL, "mismatch:");
	op = call(f, OP_CAS, 2, 12, 10, LONG_NS);
	must_be(&op, OP_OK, "");
	op = call(f, OP_CAS, 2, 13, 10, LONG_NS);
	must_be(&op, OP_FAIL, "mismatch:");
	op = call(f, OP_WRITE, 3, 14, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_OK, "");
	op = call(f, OP_WRITE, 3, 15, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_OK, "");
	op = call(f, OP_READ, 3, OP_NO_VALUE, OP_NO_VALUE, LONG_NS);
	assert_int_equal(op.value, 15);
	op = call(f, OP_READ, 2, OP_NO_VALUE, OP_NO_VALUE, LONG_NS);
	assert_int_equal(op.value, 12);
	/* A primary is no replica, and is not read instead of one. */
	op = call(f, OP_READ_REPLICA, 2, OP_NO_VALUE, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_FAIL, "connect:");
	assert_false(op.sent);
}

static void test_final_read(void **state)
{
	struct fixture *f = need(state);
	struct final_read r;
	struct err e = {0};
	int64_t sum = 0;

	sql(f, "INSERT INTO ordeal_insert VALUES (100, 0), (100, 0), (9007199254740992, 0)");
	assert_int_equal(client_postgres.final_read(&f->acc, 4, &r, LONG_NS, &e), 0);
	assert_int_equal(r.n, 4);
	for (size_t i = 0; i < r.n; i++)
		sum += r.values[i];
	assert_int_equal(sum, 1 + 200 + INT64_C(9007199254740992));
	assert_int_equal(r.nregisters, 4);
	assert_int_equal(r.registers[0], OP_NO_VALUE);
	assert_int_equal(r.registers[2], 12);
	assert_int_equal(r.registers[3], 15);
	/* Who told all this, and as what. */
	assert_int_equal(r.nanswers, 1);
	assert_int_equal(r.answers[0].role, ROLE_PRIMARY);
	assert_true(*r.answers[0].address);
	final_read_free(&r);

	/* Setup again begins anew. */
	assert_int_equal(client_postgres.setup(&f->acc, 4, LONG_NS, &e), 0);
	assert_int_equal(client_postgres.final_read(&f->acc, 4, &r, LONG_NS, &e), 0);
	assert_int_equal(r.n, 0);
	final_read_free(&r);
}

static void in_time(const struct op *op, int64_t limit_ns, const char *what)
{
	int64_t over = op->t_return - op->t_invoke - limit_ns;

	print_message("# %s: %.1f ms past its deadline of %lld ms\n", what, (double)over / 1e6,
		      (long long)(limit_ns / NS_PER_MS));
	if (over > SLACK_NS)
		fail_msg("%s took too long", what);
}

/* The whole server stands still, as under a freezer: kernel and connections
 * live on, nobody answers. */
static void test_frozen(void **state)
{
	struct fixture *f = need(state);
	struct sample s = {0};
	struct probe *p = client_postgres.probe_new(&f->acc, &f->m);
	struct final_read r;
	struct err e = {0};
	int64_t from;
	struct op op;

	op = insert(f, 2, LONG_NS);
	must_be(&op, OP_OK, "");
	client_postgres.probe(p, &s, LONG_NS);
	assert_true(s.ok);
	cJSON_Delete(s.extra);
	pg_server_signal(&f->s, SIGSTOP);

	op = insert(f, 3, DEADLINE_NS);
	must_be(&op, OP_INFO, "timeout:");
	assert_true(op.sent);
	in_time(&op, DEADLINE_NS, "an open connection");
	op = insert(f, 4, DEADLINE_NS);
	must_be(&op, OP_FAIL, "timeout:");
	assert_false(op.sent);
	in_time(&op, DEADLINE_NS, "a new connection");

	s = (struct sample){0};
	client_postgres.probe(p, &s, DEADLINE_NS);
	assert_false(s.ok);
	assert_true(s.took_ns <= DEADLINE_NS + SLACK_NS);
	cJSON_Delete(s.extra);
	from = clock_mono_ns();
	assert_int_equal(client_postgres.final_read(&f->acc, 4, &r, DEADLINE_NS, &e), -1);
	final_read_free(&r);
	assert_true(clock_mono_ns() - from <= DEADLINE_NS + SLACK_NS);
	from = clock_mono_ns();
	client_postgres.probe_free(p);
	client_postgres.client_free(f->c);
	assert_true(clock_mono_ns() - from <= SLACK_NS);

	f->c = client_postgres.client_new(&f->acc, 7);
	pg_server_signal(&f->s, SIGCONT);
	op = insert(f, 5, LONG_NS);
	must_be(&op, OP_OK, "");
}

/* A primary that no longer takes writes: the open connection must go. */
static void test_read_only(void **state)
{
	struct fixture *f = need(state);
	struct op op = insert(f, 6, LONG_NS);

	must_be(&op, OP_OK, "");
	sql(f, "ALTER SYSTEM SET default_transaction_read_only = on");
	sql(f, "SELECT pg_reload_conf()");
	wait_for_sql(f, "SHOW default_transaction_read_only", "on");
	do
		op = insert(f, 7, LONG_NS);
	while (op.outcome == OP_OK); /* its backend hears of it a moment later */
	must_be(&op, OP_FAIL, "25006:");
	assert_true(op.sent);
	op = insert(f, 8, LONG_NS);
	must_be(&op, OP_FAIL, "connect: session is read-only");
	assert_false(op.sent);
	sql(f, "ALTER SYSTEM RESET default_transaction_read_only");
	sql(f, "SELECT pg_reload_conf()");
	wait_for_sql(f, "SHOW default_transaction_read_only", "off");
	op = insert(f, 9, LONG_NS);
	must_be(&op, OP_OK, "");
}

static void test_down_and_up(void **state)
{
	struct fixture *f = need(state);
	struct op op = insert(f, 10, LONG_NS);

	must_be(&op, OP_OK, "");
	pg_server_stop(&f->s);
	op = insert(f, 11, LONG_NS);
	must_be(&op, OP_FAIL, "connect:");
	assert_false(op.sent);
	assert_int_equal(pg_server_start(&f->s), 0);
	op = insert(f, 12, LONG_NS);
	must_be(&op, OP_OK, "");
	/* Restarted behind the back of an idle connection: seen before sending,
	 * so there is no doubt about anything. */
	pg_server_stop(&f->s);
	assert_int_equal(pg_server_start(&f->s), 0);
	op = insert(f, 13, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_true(op.connect_ns > 0);
}

/* Several hosts, as an application lists them to libpq: one that refuses, one
 * that is silent, and the server. */
static void test_several_hosts(void **state)
{
	struct fixture *f = need(state);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->s.port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct access acc = f->acc;
	struct client *mine = f->c;
	struct op op;

	assert_int_equal(inet_pton(AF_INET, "127.0.0.8", &at.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 8), 0);
	acc.conf = cJSON_Duplicate(f->acc.conf, 1);
	json_set_str(acc.conf, "write_host", "127.0.0.9,127.0.0.8,127.0.0.1");
	f->c = client_postgres.client_new(&acc, 8);
	op = insert(f, 50, NS_PER_S);
	must_be(&op, OP_OK, "");
	/* The silent one had half of the second, the rest was left for the last. */
	assert_true(op.connect_ns >= 400 * NS_PER_MS);
	/* From now on the one that was right comes first. */
	pg_server_stop(&f->s);
	assert_int_equal(pg_server_start(&f->s), 0);
	op = insert(f, 51, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_true(op.connect_ns > 0 && op.connect_ns < LONG_NS / 4);
	/* None takes writes. */
	pg_server_stop(&f->s);
	op = insert(f, 52, NS_PER_S);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_false(op.sent);
	assert_true(op.t_return - op.t_invoke < NS_PER_S + SLACK_NS);
	assert_int_equal(pg_server_start(&f->s), 0);
	client_postgres.client_free(f->c);
	f->c = mine;
	cJSON_Delete(acc.conf);
	close(fd);
}

struct running {
	struct fixture *f;
	struct op op;
	int64_t value;
};

static void *run_insert(void *arg)
{
	struct running *r = arg;

	r->op = insert(r->f, r->value, LONG_NS);
	return NULL;
}

/* The server dies with a statement under way: nobody knows its fate. */
static void test_killed(void **state)
{
	struct fixture *f = need(state);
	struct running r = {.f = f, .value = 20};
	char info[100];
	pthread_t t;
	PGconn *locker;
	PGresult *res;

	snprintf(info, sizeof(info), "hostaddr=127.0.0.1 port=%d user=postgres password=secret "
		 "dbname=postgres", f->s.port);
	locker = PQconnectdb(info);
	res = PQexec(locker, "BEGIN; LOCK TABLE ordeal_insert");
	assert_int_equal(PQresultStatus(res), PGRES_COMMAND_OK);
	PQclear(res);
	assert_int_equal(pthread_create(&t, NULL, run_insert, &r), 0);
	wait_for_sql(f, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'", "1");
	pg_server_signal(&f->s, SIGKILL);
	pthread_join(t, NULL);
	PQfinish(locker);
	assert_int_equal(r.op.outcome, OP_INFO);
	assert_true(r.op.sent);
	pg_server_stop(&f->s);
	assert_int_equal(pg_server_start(&f->s), 0);
}

/* Acknowledged by the primary alone, because someone cancelled the wait for
 * its standby: the answer is a success with a warning. */
static void test_cancelled_wait(void **state)
{
	struct fixture *f = need(state);
	struct running r = {.f = f, .value = 30};
	pthread_t t;

	sql(f, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
	sql(f, "SELECT pg_reload_conf()");
	wait_for_sql(f, "SHOW synchronous_standby_names", "nobody");
	assert_int_equal(pthread_create(&t, NULL, run_insert, &r), 0);
	wait_for_sql(f, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", "1");
	sql(f, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
	pthread_join(t, NULL);
	must_be(&r.op, OP_INFO, "warning: canceling wait for synchronous replication");
	/* And in silence, past the deadline. */
	r.op = insert(f, 31, DEADLINE_NS);
	must_be(&r.op, OP_INFO, "timeout:");
	in_time(&r.op, DEADLINE_NS, "a wait for a standby");
	sql(f, "ALTER SYSTEM RESET synchronous_standby_names");
	sql(f, "SELECT pg_reload_conf()");
	wait_for_sql(f, "SHOW synchronous_standby_names", "");
	/* An error of the statement: certainly rolled back, connection kept. */
	r.op = insert(f, 32, LONG_NS);
	must_be(&r.op, OP_OK, "");
	sql(f, "ALTER TABLE ordeal_insert ADD CONSTRAINT small CHECK (value < 1000)");
	r.op = insert(f, 1000, LONG_NS);
	must_be(&r.op, OP_FAIL, "23514:");
	r.op = insert(f, 33, LONG_NS);
	must_be(&r.op, OP_OK, "");
	assert_int_equal(r.op.connect_ns, 0);
}

/* A payload makes a full disk felt; it must survive no compression. */
static void test_payload(void **state)
{
	struct fixture *f = need(state);
	struct client *plain = f->c;
	struct op op;

	f->acc.payload_bytes = 4000;
	f->c = client_postgres.client_new(&f->acc, 8);
	op = insert(f, 40, LONG_NS);
	must_be(&op, OP_OK, "");
	wait_for_sql(f, "SELECT length(payload) FROM ordeal_insert WHERE value = 40", "4000");
	wait_for_sql(f, "SELECT pg_column_size(payload) >= 4000 FROM ordeal_insert WHERE value = 40",
		     "t");
	client_postgres.client_free(f->c);
	f->acc.payload_bytes = 0;
	f->c = plain;
}

static const cJSON *setting(const cJSON *settings, const char *name)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, settings) {
		if (!strcmp(json_str(s, "name", ""), name))
			return s;
	}
	fail_msg("no setting %s", name);
	return NULL;
}

static void test_inforce(void **state)
{
	struct fixture *f = need(state);
	cJSON *settings = cJSON_CreateArray();
	struct err e = {0};

	assert_int_equal(client_postgres.inforce(&f->acc, settings, &e), 0);
	assert_string_equal(json_str(setting(settings, "synchronous_commit"), "value", ""), "on");
	assert_string_equal(json_str(setting(settings, "shared_buffers"), "value", ""), "16777216");
	assert_string_equal(json_str(setting(settings, "shared_buffers"), "unit", ""), "bytes");
	assert_string_equal(json_str(setting(settings, "fsync"), "unit", ""), "bool");
	cJSON_Delete(settings);
}

static struct sample ask(struct probe *p)
{
	const struct member m = {.name = "asked"};
	struct sample s;

	sample_begin(&s, &m);
	client_postgres.probe(p, &s, LONG_NS);
	return s;
}

static void test_probe_standby(void **state)
{
	struct fixture *f = need(state);
	struct pg_server standby;
	struct member m;
	struct access acc;
	struct probe *p, *q;
	struct sample s;
	const cJSON *row;
	int64_t end_ns = clock_mono_ns() + LONG_NS;

	assert_int_equal(pg_server_new(&standby, &f->s), 0);
	pg_server_access(&standby, &m, &acc);
	p = client_postgres.probe_new(&f->acc, &f->m);
	q = client_postgres.probe_new(&acc, &m);
	wait_for_sql(f, "SELECT state FROM pg_stat_replication", "streaming");
	s = ask(p);
	assert_true(s.ok && s.writable);
	assert_int_equal(s.role, ROLE_PRIMARY);
	assert_int_equal(s.timeline, 1);
	assert_true(s.position > 0 && s.lag_bytes == -1);
	row = cJSON_GetArrayItem(json_get(s.extra, "replication"), 0);
	assert_string_equal(json_str(row, "name", ""), "standby");
	assert_string_equal(json_str(row, "sync_state", ""), "async");
	cJSON_Delete(s.extra);
	do { /* until all has been replayed */
		s = ask(q);
		assert_true(s.ok && !s.writable);
		assert_int_equal(s.role, ROLE_REPLICA);
		assert_string_equal(json_str(s.extra, "receiver", ""), "streaming");
		cJSON_Delete(s.extra);
	} while ((s.lag_bytes != 0 || s.lag_ns != 0) && clock_mono_ns() < end_ns);
	assert_int_equal(s.lag_bytes, 0);
	assert_int_equal(s.timeline, 1);

	/* Without its source its lag is not known, whatever it replayed. */
	pg_server_stop(&f->s);
	do { /* the connection that it had may break first */
		s = ask(p);
		assert_false(s.ok);
		cJSON_Delete(s.extra);
	} while (!s.closed && clock_mono_ns() < end_ns);
	assert_true(s.closed);
	do {
		s = ask(q);
		assert_true(s.ok);
		cJSON_Delete(s.extra);
	} while (s.lag_bytes != -1 && clock_mono_ns() < end_ns);
	assert_int_equal(s.lag_bytes, -1);
	s = ask(p);
	assert_false(s.ok);
	assert_true(s.error[0]);
	cJSON_Delete(s.extra);

	free(pg_server_sql(&standby, "SELECT pg_promote()"));
	s = ask(q);
	assert_true(s.ok && s.writable);
	assert_int_equal(s.role, ROLE_PRIMARY);
	assert_int_equal(s.timeline, 2);
	cJSON_Delete(s.extra);
	client_postgres.probe_free(p);
	client_postgres.probe_free(q);
	pg_server_free(&standby);
	cJSON_Delete(acc.conf);
	assert_int_equal(pg_server_start(&f->s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_final_read),
		cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_down_and_up),
		cmocka_unit_test(test_several_hosts),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_cancelled_wait),
		cmocka_unit_test(test_payload),
		cmocka_unit_test(test_inforce),
		cmocka_unit_test(test_probe_standby),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
