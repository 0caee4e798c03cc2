/* MySQL's fixture with its runbook, its own scripts on real servers: who leads at first, what the
 * controller does when that one dies, and what becomes of it when it is back with what nobody
 * else has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "test/lib/mysql_fixture.h"

#define ROWS "SELECT GROUP_CONCAT(id ORDER BY id) FROM ordeal.t"
#define RECEIVES "SELECT COUNT(*) FROM performance_schema.replication_connection_status WHERE CHANNEL_NAME = '' AND SERVICE_STATE = 'ON'"
#define OPEN "SELECT NOT (@@GLOBAL.super_read_only OR @@GLOBAL.read_only OR @@GLOBAL.offline_mode)"
#define WAITING "SELECT COUNT(*) FROM performance_schema.processlist WHERE STATE LIKE 'Waiting for semi-sync ACK%'"
#define SEMI_SYNC "SELECT CONCAT(VARIABLE_NAME, '=', VARIABLE_VALUE) FROM performance_schema.global_status " \
	"WHERE VARIABLE_NAME IN ('Rpl_semi_sync_source_clients', 'Rpl_semi_sync_source_status') ORDER BY 1 DESC LIMIT 1"

/* The first member leads; the others are cloned from it and follow, read-only. */
static void test_first_start(void **state)
{
	struct mysql_fixture *f = mysql_fixture_need(state);

	mysql_fixture_until_role(f, 0, "primary");
	for (int i = 1; i < MYSQL_MEMBERS; i++) {
		mysql_fixture_until_role(f, i, "replica");
		assert_true(mysql_server_until(&f->s[i], "SELECT @@GLOBAL.super_read_only", "1"));
		assert_true(mysql_server_until(&f->s[i], RECEIVES, "1"));
	}
	assert_true(mysql_server_until(&f->s[0], OPEN, "1"));
	assert_true(mysql_server_until(&f->s[0], SEMI_SYNC, "Rpl_semi_sync_source_status=ON"));
	mysql_fixture_sql(f, 0, "CREATE TABLE ordeal.t (id INT PRIMARY KEY)");
	mysql_fixture_sql(f, 0, "INSERT INTO ordeal.t VALUES (1)");
	for (int i = 1; i < MYSQL_MEMBERS; i++)
		assert_true(mysql_server_until(&f->s[i], ROWS, "1"));
	mysql_fixture_told(f, "agent-1", (const char *const[]){"up", "cloning", "cloned", "following"}, 4, "\"source\": \"mysql-0\"");
}

/* The primary dies with what no replica has. The controller goes through its runbook; whoever
 * has most leads, and the other one follows it. */
static void test_failover(void **state)
{
	static const char *const steps[] = {"suspect", "detected", "claimed", "unlabelled", "fencing", "fenced", "receiver-stopped", "position",
					    "candidate", "applied", "promoted", "labelled", "repointed", "done"};
	struct mysql_fixture *f = mysql_fixture_need(state);

	for (int i = 1; i < MYSQL_MEMBERS; i++) {
		kill(f->agent[i], SIGSTOP); /* or it would start it again */
		mysql_fixture_sql(f, i, "STOP REPLICA IO_THREAD");
	}
	mysql_fixture_sql(f, 0, "SET GLOBAL rpl_semi_sync_source_timeout = 100");
	mysql_fixture_sql(f, 0, "INSERT INTO ordeal.t VALUES (2)");
	mysql_fixture_kill_server(f, 0);
	for (int i = 1; i < MYSQL_MEMBERS; i++)
		kill(f->agent[i], SIGCONT);
	mysql_fixture_until_role(f, 1, "primary");
	mysql_fixture_until_role(f, 2, "replica");
	assert_true(mysql_server_until(&f->s[1], OPEN, "1"));
	mysql_fixture_sql(f, 1, "INSERT INTO ordeal.t VALUES (3)");
	assert_true(mysql_server_until(&f->s[2], ROWS, "1,3"));
	mysql_fixture_told(f, "controller", steps, ARRAY_LEN(steps), "\"new\": \"mysql-1\"");
	mysql_fixture_told(f, "controller", (const char *const[]){"fenced"}, 1, "\"how\": \"gone\"");
}

/* It comes back, read-only, and what only it has is named; then its data are another's. */
static void test_errant(void **state)
{
	struct mysql_fixture *f = mysql_fixture_need(state);

	mysql_fixture_start_server(f, 0);
	mysql_fixture_until_role(f, 0, "replica");
	assert_true(mysql_server_until(&f->s[0], ROWS, "1,3"));
	assert_true(mysql_server_until(&f->s[0], "SELECT @@GLOBAL.super_read_only", "1"));
	mysql_fixture_told(f, "agent-0", (const char *const[]){"errant"}, 1, "\"source\": \"mysql-1\", \"action\": \"clone\"");
	mysql_fixture_told(f, "agent-0", (const char *const[]){"errant", "cloning", "cloned", "following"}, 4, "\"source\": \"mysql-1\"");
}

/* A commit that waits for a replica holds nobody up who closes its server, and is acknowledged
 * to nobody. Opened again it goes on: the controller finds that nobody has more. */
static void test_fence(void **state)
{
	struct mysql_fixture *f = mysql_fixture_need(state);
	struct my_login l = {.port = 3306, .user = "ordeal", .password = "client-pass", .database = ""};
	char why[OP_ERROR_MAX];
	struct my_cost cost = {0};
	struct my_conn *c;

	mem_copy_str(l.host, sizeof(l.host), f->s[1].ip);
	c = my_open(&l, clock_mono_ns() + 120 * NS_PER_S, &cost, why, sizeof(why));
	if (!c)
		fail_msg("%s", why);
	for (int i = 0; i < MYSQL_MEMBERS; i += 2) {
		kill(f->agent[i], SIGSTOP);
		mysql_fixture_sql(f, i, "STOP REPLICA IO_THREAD");
	}
	mysql_fixture_sql(f, 1, "SET GLOBAL rpl_semi_sync_source_timeout = 3600000");
	/* Until it waits, at least; then it is closed. */
	assert_int_equal(my_query(c, "INSERT INTO ordeal.t VALUES (9)", clock_mono_ns() + 2 * NS_PER_S, NULL, why, sizeof(why)), MY_TIMEOUT);
	my_drop(c);
	assert_true(mysql_server_until(&f->s[1], WAITING, "1"));
	mysql_fixture_run(f, 1, "close", "from common import *\nbegan = time.monotonic()\nServer(os.environ[\"POD_IP\"], 60).shut()\n"
			  "log(\"shut\", took=time.monotonic() - began)\n");
	mysql_fixture_told(f, "close", (const char *const[]){"shut"}, 1, "");
	for (int i = 0; i < MYSQL_MEMBERS; i += 2)
		kill(f->agent[i], SIGCONT);
	assert_true(mysql_server_until(&f->s[1], OPEN, "1"));
	assert_true(mysql_server_until(&f->s[0], ROWS, "1,3,9"));
}

/* Replicas that hold back what they have received: it is applied before one of them leads. */
static void test_delayed(void **state)
{
	struct mysql_fixture *f = mysql_fixture_need(state);

	for (int i = 0; i < MYSQL_MEMBERS; i += 2) {
		kill(f->agent[i], SIGSTOP);
		assert_true(mysql_server_until(&f->s[i], RECEIVES, "1"));
		mysql_fixture_sql(f, i, "STOP REPLICA SQL_THREAD");
		mysql_fixture_sql(f, i, "CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 3600");
		mysql_fixture_sql(f, i, "START REPLICA SQL_THREAD");
		kill(f->agent[i], SIGCONT);
	}
	assert_true(mysql_server_until(&f->s[1], SEMI_SYNC, "Rpl_semi_sync_source_status=ON"));
	mysql_fixture_sql(f, 1, "INSERT INTO ordeal.t VALUES (10)"); /* acknowledged, by one at least */
	mysql_fixture_kill_server(f, 1);
	mysql_fixture_until_role(f, 0, "primary");
	assert_true(mysql_server_until(&f->s[0], ROWS, "1,3,9,10"));
	mysql_fixture_until_role(f, 2, "replica");
	assert_true(mysql_server_until(&f->s[2], ROWS, "1,3,9,10"));
}

/* Told to end they do so by themselves: as its container's first process each gets no signal
 * that it does not handle, and its pod would be there until the grace is over. */
static void test_told_to_end(void **state)
{
	struct mysql_fixture *f = mysql_fixture_need(state);
	pid_t *const told[] = {&f->agent[2], &f->controller};

	for (size_t i = 0; i < ARRAY_LEN(told); i++) {
		int status = -1;

		assert_int_equal(kill(*told[i], SIGTERM), 0);
		kill(*told[i], SIGCONT); /* of a test that failed */
		assert_int_equal(waitpid(*told[i], &status, 0), *told[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		*told[i] = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_start),
		cmocka_unit_test(test_failover),
		cmocka_unit_test(test_errant),
		cmocka_unit_test(test_fence),
		cmocka_unit_test(test_delayed),
		cmocka_unit_test(test_told_to_end),
	};

	return cmocka_run_group_tests(tests, mysql_fixture_begin, mysql_fixture_end);
}
