/* The MySQL client against a real server: every outcome. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "system/mysql/conn.h"
#include "system/mysql/gtid.h"
#include "test/system/mysql/room.h"

#define NOBODY_THERE "SELECT COUNT(*) FROM performance_schema.processlist WHERE USER = 'ordeal'"
#define WAITING NOBODY_THERE " AND STATE LIKE 'Waiting%'"

static int start(void **state)
{
	return room_start(state, 1, NULL);
}

/* That the server has this transaction among what it executed. */
static void executed(struct fixture *f, const char *tx)
{
	char *all = mysql_server_sql(&f->s[0], true, "SELECT @@GLOBAL.gtid_executed");
	struct gtid_set one, has;

	assert_true(gtid_parse(tx, &one) && gtid_count(&one) == 1);
	assert_true(gtid_parse(all, &has));
	assert_true(gtid_within(&one, &has));
	gtid_free(&one);
	gtid_free(&has);
	free(all);
}

static void test_operations(void **state)
{
	struct fixture *f = need(state);
	struct op op = client_insert(&f->t, 1, LONG_NS);
	char last[OP_TX_MAX];

	must_be(&op, OP_OK, "");
	assert_true(op.sent && op.connect_ns > 0 && *op.via);
	assert_true(op.t_return >= op.t_invoke && op.t_invoke > 0);
	executed(f, op.tx);
	mem_copy_str(last, sizeof(last), op.tx);
	client_registers(&f->t);
	op = client_call(&f->t, OP_READ, 2, OP_NO_VALUE, OP_NO_VALUE, LONG_NS);
	assert_string_equal(op.tx, "");
	op = client_call(&f->t, OP_CAS, 2, 16, 12, LONG_NS);
	executed(f, op.tx);
	assert_string_not_equal(op.tx, last);
	op = client_call(&f->t, OP_CAS, 2, 11, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_FAIL, "mismatch:");
	assert_string_equal(op.tx, "");
	op = client_call(&f->t, OP_WRITE, 2, 12, OP_NO_VALUE, LONG_NS);
	executed(f, op.tx);
}

/* A password is the whole of it. */
static void test_long_password(void **state)
{
	struct fixture *f = need(state);
	char password[201], sql[300];
	struct op op;

	snprintf(password, sizeof(password), "%0200d", 7);
	snprintf(sql, sizeof(sql), "CREATE USER lengthy IDENTIFIED BY '%s'", password);
	sql_at(&f->s[0], sql);
	sql_at(&f->s[0], "GRANT ALL ON ordeal.* TO lengthy");
	client_mysql.client_free(f->t.c);
	json_set_str(f->t.acc.conf, "user", "lengthy");
	json_set_str(f->t.acc.conf, "password", password);
	f->t.c = client_mysql.client_new(&f->t.acc, 8);
	op = client_call(&f->t, OP_WRITE, 4, 16, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_OK, "");
}

/* The server notes in its log whoever leaves without a word; a load that connects anew
 * again and again would leave nothing else in it. */
static void test_goodbye(void **state)
{
	struct fixture *f = need(state);
	struct op op = client_call(&f->t, OP_WRITE, 3, 16, OP_NO_VALUE, LONG_NS);

	must_be(&op, OP_OK, "");
	client_mysql.client_free(f->t.c);
	assert_true(mysql_server_until(&f->s[0], NOBODY_THERE, "0"));
	assert_false(mysql_server_logged(&f->s[0], "[MY-010914]", 0));
	f->t.c = client_mysql.client_new(&f->t.acc, 7);
	op = client_call(&f->t, OP_WRITE, 3, 15, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_OK, "");
}

static void test_final_read(void **state)
{
	struct fixture *f = need(state);

	sql_at(&f->s[0], "INSERT INTO ordeal.ordeal_insert (value) VALUES (100), (100), (9007199254740992)");
	client_final_read(&f->t);
}

/* A primary that takes no writes any more: the open connection must go, and what it
 * reads is no answer of a primary. */
static void test_read_only(void **state)
{
	struct fixture *f = need(state);
	struct op op = client_insert(&f->t, 6, LONG_NS);

	must_be(&op, OP_OK, "");
	sql_at(&f->s[0], "SET GLOBAL super_read_only = ON");
	op = client_call(&f->t, OP_READ, 3, OP_NO_VALUE, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_FAIL, "role:");
	op = client_insert(&f->t, 7, LONG_NS);
	must_be(&op, OP_FAIL, "connect:");
	assert_false(op.sent);
	/* And of one that had to be told by the server. */
	sql_at(&f->s[0], "SET GLOBAL read_only = OFF");
	op = client_insert(&f->t, 8, LONG_NS);
	must_be(&op, OP_OK, "");
	sql_at(&f->s[0], "SET GLOBAL super_read_only = ON");
	op = client_insert(&f->t, 9, LONG_NS);
	must_be(&op, OP_FAIL, "1290:");
	assert_true(op.sent);
	/* Now it is one that reads of a replica want. */
	op = client_call(&f->t, OP_READ_REPLICA, 3, OP_NO_VALUE, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_OK, "");
	sql_at(&f->s[0], "SET GLOBAL read_only = OFF");
	op = client_call(&f->t, OP_READ_REPLICA, 3, OP_NO_VALUE, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_FAIL, "role:");
	op = client_insert(&f->t, 10, LONG_NS);
	must_be(&op, OP_OK, "");
}

/* Offline: whoever has no right to be there is thrown out, and not let in again. */
static void test_offline(void **state)
{
	struct fixture *f = need(state);
	struct op op = client_insert(&f->t, 11, LONG_NS);
	struct probe *p = client_mysql.probe_new(&f->t.acc, &f->m[0]);
	struct sample s;

	must_be(&op, OP_OK, "");
	sql_at(&f->s[0], "SET GLOBAL offline_mode = ON");
	assert_true(mysql_server_until(&f->s[0], NOBODY_THERE, "0"));
	op = client_insert(&f->t, 13, LONG_NS);
	must_be(&op, OP_FAIL, "connect:");
	assert_non_null(strstr(op.error, "(3032)"));
	/* The probe is. */
	s = client_ask(&f->t, p, LONG_NS);
	assert_true(s.ok && !s.writable && json_bool(s.extra, "offline", false));
	cJSON_Delete(s.extra);
	client_mysql.probe_free(p);
	sql_at(&f->s[0], "SET GLOBAL offline_mode = OFF");
	op = client_insert(&f->t, 14, LONG_NS);
	must_be(&op, OP_OK, "");
}

static void test_down_and_up(void **state)
{
	struct fixture *f = need(state);
	struct client_server s = it(f);

	client_down_and_up(&f->t, &s);
}

/* What the server says to an idle connection before it closes it lies there unread:
 * 4031 when it was idle for too long, 1053 when it was killed. Neither is taken for
 * the answer to the next statement. */
static void test_farewells(void **state)
{
	struct fixture *f = need(state);
	struct op op;
	char *id, kill[64];

	sql_at(&f->s[0], "SET GLOBAL wait_timeout = 1");
	op = client_insert(&f->t, 30, LONG_NS); /* on an older one */
	must_be(&op, OP_OK, "");
	client_trial_anew(&f->t);
	op = client_insert(&f->t, 31, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_true(mysql_server_until(&f->s[0], NOBODY_THERE, "0"));
	op = client_insert(&f->t, 32, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_true(op.connect_ns > 0);
	sql_at(&f->s[0], "SET GLOBAL wait_timeout = 28800");
	client_trial_anew(&f->t);
	op = client_insert(&f->t, 33, LONG_NS);
	must_be(&op, OP_OK, "");
	id = mysql_server_sql(&f->s[0], true, "SELECT MAX(ID) FROM performance_schema.processlist "
			      "WHERE USER = 'ordeal'");
	assert_non_null(id);
	snprintf(kill, sizeof(kill), "KILL %s", id);
	free(id);
	sql_at(&f->s[0], kill);
	assert_true(mysql_server_until(&f->s[0], NOBODY_THERE, "0"));
	op = client_insert(&f->t, 34, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_true(op.connect_ns > 0);
}

/* A write that waits for a lock, and what is done to it then. */
static struct op waiting(struct fixture *f, int64_t value, const char *how)
{
	struct client_inserting r;
	struct my_conn *locker = mysql_server_conn(&f->s[0]);
	char why[OP_ERROR_MAX], *id, text[64];

	assert_non_null(locker);
	if (my_query(locker, "LOCK TABLES ordeal.ordeal_insert READ", clock_mono_ns() + LONG_NS, NULL, why,
		     sizeof(why)) != MY_ANSWERED)
		fail_msg("%s", why);
	client_insert_begin(&r, &f->t, value);
	assert_true(mysql_server_until(&f->s[0], WAITING, "1"));
	id = mysql_server_sql(&f->s[0], true, "SELECT MAX(ID) FROM performance_schema.processlist "
			      "WHERE USER = 'ordeal' AND STATE LIKE 'Waiting%'");
	assert_non_null(id);
	snprintf(text, sizeof(text), "%s %s", how, id);
	free(id);
	sql_at(&f->s[0], text);
	client_insert_end(&r);
	my_drop(locker);
	return r.op;
}

/* KILL QUERY ends the statement, which is rolled back; KILL ends the session, and what
 * that says may be said of a commit as well. */
static void test_killed_statement(void **state)
{
	struct fixture *f = need(state);
	struct op op = waiting(f, 40, "KILL QUERY");

	must_be(&op, OP_FAIL, "1317:");
	op = client_insert(&f->t, 41, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_int_equal(op.connect_ns, 0);
	op = waiting(f, 42, "KILL");
	print_message("# KILL gives \"%s\"\n", op.error);
	assert_int_equal(op.outcome, OP_INFO);
	assert_true(op.sent);
}

/* Errors of the statement: certainly rolled back, connection kept. */
static void test_errors(void **state)
{
	struct fixture *f = need(state);
	struct op op = client_insert(&f->t, 50, LONG_NS);

	must_be(&op, OP_OK, "");
	sql_at(&f->s[0], "ALTER TABLE ordeal.ordeal_insert ADD UNIQUE (value)");
	op = client_insert(&f->t, 50, LONG_NS);
	must_be(&op, OP_FAIL, "1062:");
	op = client_insert(&f->t, 51, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_int_equal(op.connect_ns, 0);
	sql_at(&f->s[0], "ALTER TABLE ordeal.ordeal_insert DROP INDEX value");
	sql_at(&f->s[0], "RENAME TABLE ordeal.ordeal_insert TO ordeal.elsewhere");
	op = client_insert(&f->t, 52, LONG_NS);
	must_be(&op, OP_FAIL, "1146:");
	sql_at(&f->s[0], "RENAME TABLE ordeal.elsewhere TO ordeal.ordeal_insert");
	op = client_insert(&f->t, 53, LONG_NS);
	must_be(&op, OP_OK, "");
}

static void test_several_hosts(void **state)
{
	struct fixture *f = need(state);
	struct client_server s = it(f);

	client_several_hosts(&f->t, &s, f->s[0].ip, f->s[0].port);
}

/* A payload makes a full disk felt. */
static void test_payload(void **state)
{
	struct fixture *f = need(state);
	struct client *plain = f->t.c;
	struct op op;

	f->t.acc.payload_bytes = 40000; /* several packets of the network */
	f->t.c = client_mysql.client_new(&f->t.acc, 8);
	op = client_insert(&f->t, 70, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_true(mysql_server_until(&f->s[0], "SELECT LENGTH(payload) FROM ordeal.ordeal_insert WHERE value = 70",
				       "40000"));
	client_mysql.client_free(f->t.c);
	f->t.acc.payload_bytes = 0;
	f->t.c = plain;
}

static const char *setting(const cJSON *settings, const char *name)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, settings) {
		if (!strcmp(json_str(s, "name", ""), name))
			return json_str(s, "value", "");
	}
	fail_msg("no setting %s", name);
	return NULL;
}

static void test_inforce(void **state)
{
	struct fixture *f = need(state);
	cJSON *settings = cJSON_CreateArray();
	struct err e = {0};

	json_set_str(f->t.acc.conf, "failover", "runbook");
	assert_int_equal(client_mysql.inforce(&f->t.acc, settings, &e), 0);
	assert_string_equal(setting(settings, "sync_binlog"), "0");
	assert_string_equal(setting(settings, "gtid_mode"), "on");
	assert_string_equal(setting(settings, "replica_net_timeout"), "4");
	assert_string_equal(setting(settings, "failover"), "runbook");
	cJSON_Delete(settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_goodbye),
		cmocka_unit_test(test_final_read),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_offline),
		cmocka_unit_test(test_down_and_up),
		cmocka_unit_test(test_farewells),
		cmocka_unit_test(test_killed_statement),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_several_hosts),
		cmocka_unit_test(test_payload),
		cmocka_unit_test(test_inforce),
		cmocka_unit_test(test_long_password),
	};

	return cmocka_run_group_tests(tests, start, room_stop);
}
