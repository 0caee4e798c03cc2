/* The PostgreSQL client against a real server: no call that outlives its
 * deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "test/lib/pg_server.h"
#include "test/system/postgres/room.h"

#define DEADLINE_NS (400 * NS_PER_MS)

/* The whole server stands still, as under a freezer: kernel and connections
 * live on, nobody answers. */
static void test_frozen(void **state)
{
	struct fixture *f = need(state);
	struct client_server s = it(f);

	client_frozen(&f->t, &f->m, &s, DEADLINE_NS);
}

/* The server dies with a statement under way: nobody knows its fate. */
static void test_killed(void **state)
{
	struct fixture *f = need(state);
	struct client_inserting r;
	char info[100];
	PGconn *locker;
	PGresult *res;

	snprintf(info, sizeof(info), "hostaddr=127.0.0.1 port=%d user=postgres password=secret "
		 "dbname=postgres", f->s.port);
	locker = PQconnectdb(info);
	res = PQexec(locker, "BEGIN; LOCK TABLE ordeal_insert");
	assert_int_equal(PQresultStatus(res), PGRES_COMMAND_OK);
	PQclear(res);
	client_insert_begin(&r, &f->t, 20);
	wait_for_sql(f, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'", "1");
	pg_server_signal(&f->s, SIGKILL);
	client_insert_end(&r);
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
	struct client_inserting r;

	sql(f, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
	sql(f, "SELECT pg_reload_conf()");
	wait_for_sql(f, "SHOW synchronous_standby_names", "nobody");
	client_insert_begin(&r, &f->t, 30);
	wait_for_sql(f, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", "1");
	sql(f, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
	client_insert_end(&r);
	must_be(&r.op, OP_INFO, "warning: canceling wait for synchronous replication");
	/* And in silence, past the deadline. */
	r.op = client_insert(&f->t, 31, DEADLINE_NS);
	must_be(&r.op, OP_INFO, "timeout:");
	in_time(&r.op, DEADLINE_NS, "a wait for a standby");
	sql(f, "ALTER SYSTEM RESET synchronous_standby_names");
	sql(f, "SELECT pg_reload_conf()");
	wait_for_sql(f, "SHOW synchronous_standby_names", "");
	/* An error of the statement: certainly rolled back, connection kept. */
	r.op = client_insert(&f->t, 32, LONG_NS);
	must_be(&r.op, OP_OK, "");
	sql(f, "ALTER TABLE ordeal_insert ADD CONSTRAINT small CHECK (value < 1000)");
	r.op = client_insert(&f->t, 1000, LONG_NS);
	must_be(&r.op, OP_FAIL, "23514:");
	r.op = client_insert(&f->t, 33, LONG_NS);
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
