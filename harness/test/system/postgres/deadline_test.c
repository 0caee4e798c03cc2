/* The PostgreSQL client against a real server: no call that outlives its
 * deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "test/lib/pg_server.h"
#include "test/system/postgres/room.h"

#define DEADLINE_NS (400 * NS_PER_MS)

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_cancelled_wait),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
