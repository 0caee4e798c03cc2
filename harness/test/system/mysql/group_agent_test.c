/* MySQL's fixture with group replication, its own scripts on real servers: how the group is
 * started, and how it is started anew when all have left it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>

#include "test/lib/mysql_fixture.h"

#define ROWS "SELECT GROUP_CONCAT(id ORDER BY id) FROM ordeal.t"
#define OPEN "SELECT NOT (@@GLOBAL.super_read_only OR @@GLOBAL.read_only OR @@GLOBAL.offline_mode)"

static void test_first_start(void **state)
{
	struct mysql_fixture *f = mysql_fixture_need(state);

	mysql_fixture_until_role(f, 0, "primary");
	for (int i = 1; i < MYSQL_MEMBERS; i++)
		mysql_fixture_until_role(f, i, "replica");
	assert_true(mysql_server_until(&f->s[0], OPEN, "1"));
	mysql_fixture_sql(f, 0, "CREATE TABLE ordeal.t (id INT PRIMARY KEY)");
	mysql_fixture_sql(f, 0, "INSERT INTO ordeal.t VALUES (1)");
	for (int i = 1; i < MYSQL_MEMBERS; i++)
		assert_true(mysql_server_until(&f->s[i], ROWS, "1"));
	mysql_fixture_told(f, "agent-0", (const char *const[]){"bootstrapping", "bootstrapped", "initialised"}, 3, "");
	mysql_fixture_told(f, "agent-1", (const char *const[]){"cloning", "cloned", "joining", "joined"}, 4, "");
}

/* Two die, and the third gives up waiting for a majority and leaves. When the two are back
 * nobody is in a group; the one that has all starts it anew, and takes writes again. */
static void test_gives_up(void **state)
{
	struct mysql_fixture *f = mysql_fixture_need(state);

	mysql_fixture_sql(f, 0, "SET GLOBAL group_replication_unreachable_majority_timeout = 3");
	mysql_fixture_sql(f, 0, "SET GLOBAL group_replication_autorejoin_tries = 0");
	mysql_fixture_sql(f, 0, "INSERT INTO ordeal.t VALUES (2)");
	for (int i = 1; i < MYSQL_MEMBERS; i++)
		mysql_fixture_kill_server(f, i);
	mysql_fixture_until_role(f, 0, "");
	assert_true(mysql_server_until(&f->s[0], "SELECT @@GLOBAL.offline_mode AND @@GLOBAL.super_read_only", "1"));
	for (int i = 1; i < MYSQL_MEMBERS; i++)
		mysql_fixture_start_server(f, i);
	mysql_fixture_until_role(f, 0, "primary");
	assert_true(mysql_server_until(&f->s[0], OPEN, "1"));
	mysql_fixture_sql(f, 0, "INSERT INTO ordeal.t VALUES (3)");
	for (int i = 1; i < MYSQL_MEMBERS; i++) {
		mysql_fixture_until_role(f, i, "replica");
		assert_true(mysql_server_until(&f->s[i], ROWS, "1,2,3"));
	}
	mysql_fixture_told(f, "agent-0", (const char *const[]){"bootstrapped", "left", "bootstrapping", "bootstrapped"}, 4, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_start),
		cmocka_unit_test(test_gives_up),
	};

	return cmocka_run_group_tests(tests, mysql_fixture_begin_group, mysql_fixture_end);
}
