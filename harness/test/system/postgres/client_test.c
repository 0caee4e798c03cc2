/* The PostgreSQL client against a real server: every outcome. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "system/client_kit.h"
#include "test/lib/pg_server.h"
#include "test/system/postgres/room.h"

static void test_operations(void **state)
{
	struct fixture *f = need(state);
	struct op op = client_insert(&f->t, 1, LONG_NS);

	must_be(&op, OP_OK, "");
	assert_true(op.sent && op.connect_ns > 0);
	assert_string_equal(op.via, "127.0.0.1");
	assert_true(op.t_return >= op.t_invoke && op.t_invoke > 0);
	client_registers(&f->t);
}

static void test_final_read(void **state)
{
	struct fixture *f = need(state);

	sql(f, "INSERT INTO ordeal_insert VALUES (100, 0), (100, 0), (9007199254740992, 0)");
	client_final_read(&f->t);
}

/* A primary that no longer takes writes: the open connection must go. */
static void test_read_only(void **state)
{
	struct fixture *f = need(state);
	struct op op = client_insert(&f->t, 6, LONG_NS);

	must_be(&op, OP_OK, "");
	sql(f, "ALTER SYSTEM SET default_transaction_read_only = on");
	sql(f, "SELECT pg_reload_conf()");
	wait_for_sql(f, "SHOW default_transaction_read_only", "on");
	do
		op = client_insert(&f->t, 7, LONG_NS);
	while (op.outcome == OP_OK); /* its backend hears of it a moment later */
	must_be(&op, OP_FAIL, "25006:");
	assert_true(op.sent);
	op = client_insert(&f->t, 8, LONG_NS);
	must_be(&op, OP_FAIL, "connect: session is read-only");
	assert_false(op.sent);
	sql(f, "ALTER SYSTEM RESET default_transaction_read_only");
	sql(f, "SELECT pg_reload_conf()");
	wait_for_sql(f, "SHOW default_transaction_read_only", "off");
	op = client_insert(&f->t, 9, LONG_NS);
	must_be(&op, OP_OK, "");
}

static void test_down_and_up(void **state)
{
	struct fixture *f = need(state);
	struct client_server s = it(f);

	client_down_and_up(&f->t, &s);
}

/* As an application lists them to libpq. */
static void test_several_hosts(void **state)
{
	struct fixture *f = need(state);
	struct client_server s = it(f);

	client_several_hosts(&f->t, &s, "127.0.0.1", f->s.port);
}

/* Neither a list of many hosts is cut, whose right one may be the last, nor a password. */
static void test_long_words(void **state)
{
	struct fixture *f = need(state);
	cJSON *is = f->t.acc.conf, *conf = cJSON_Duplicate(is, 1);
	char password[201], sql_text[300];
	struct buf hosts = {0};
	struct client *plain = f->t.c;
	struct op op;

	for (int i = 0; i < 100; i++)
		buf_str(&hosts, "127.1.1.1,");
	buf_str(&hosts, "127.0.0.1");
	snprintf(password, sizeof(password), "%0200d", 7);
	snprintf(sql_text, sizeof(sql_text), "CREATE ROLE long SUPERUSER LOGIN PASSWORD '%s'", password);
	sql(f, sql_text);
	json_set_str(conf, "write_host", buf_cstr(&hosts));
	json_set_str(conf, "client_user", "long");
	json_set_str(conf, "client_password", password);
	f->t.acc.conf = conf;
	f->t.c = client_postgres.client_new(&f->t.acc, 9);
	op = client_insert(&f->t, 50, LONG_NS);
	client_postgres.client_free(f->t.c);
	f->t.acc.conf = is;
	f->t.c = plain;
	cJSON_Delete(conf);
	buf_free(&hosts);
	must_be(&op, OP_OK, "");
}

/* A payload makes a full disk felt; it must survive no compression. */
static void test_payload(void **state)
{
	struct fixture *f = need(state);
	struct client *plain = f->t.c;
	struct op op;

	f->t.acc.payload_bytes = 4000;
	f->t.c = client_postgres.client_new(&f->t.acc, 8);
	op = client_insert(&f->t, 40, LONG_NS);
	must_be(&op, OP_OK, "");
	wait_for_sql(f, "SELECT length(payload) FROM ordeal_insert WHERE value = 40", "4000");
	wait_for_sql(f, "SELECT pg_column_size(payload) >= 4000 FROM ordeal_insert WHERE value = 40",
		     "t");
	client_postgres.client_free(f->t.c);
	f->t.acc.payload_bytes = 0;
	f->t.c = plain;
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

	assert_int_equal(client_postgres.inforce(&f->t.acc, settings, &e), 0);
	assert_string_equal(json_str(setting(settings, "synchronous_commit"), "value", ""), "on");
	assert_string_equal(json_str(setting(settings, "shared_buffers"), "value", ""), "16777216");
	assert_string_equal(json_str(setting(settings, "shared_buffers"), "unit", ""), "bytes");
	assert_string_equal(json_str(setting(settings, "fsync"), "unit", ""), "bool");
	cJSON_Delete(settings);
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
	p = client_postgres.probe_new(&f->t.acc, &f->m);
	q = client_postgres.probe_new(&acc, &m);
	wait_for_sql(f, "SELECT state FROM pg_stat_replication", "streaming");
	s = client_ask(&f->t, p, LONG_NS);
	assert_true(s.ok && s.writable);
	assert_int_equal(s.role, ROLE_PRIMARY);
	assert_int_equal(s.timeline, 1);
	assert_true(s.position > 0 && s.lag_bytes == -1);
	row = cJSON_GetArrayItem(json_get(s.extra, "replication"), 0);
	assert_string_equal(json_str(row, "name", ""), "standby");
	assert_string_equal(json_str(row, "sync_state", ""), "async");
	cJSON_Delete(s.extra);
	do { /* until all has been replayed */
		s = client_ask(&f->t, q, LONG_NS);
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
		s = client_ask(&f->t, p, LONG_NS);
		assert_false(s.ok);
		cJSON_Delete(s.extra);
	} while (!s.closed && clock_mono_ns() < end_ns);
	assert_true(s.closed);
	do {
		s = client_ask(&f->t, q, LONG_NS);
		assert_true(s.ok);
		cJSON_Delete(s.extra);
	} while (s.lag_bytes != -1 && clock_mono_ns() < end_ns);
	assert_int_equal(s.lag_bytes, -1);
	s = client_ask(&f->t, p, LONG_NS);
	assert_false(s.ok);
	assert_true(s.error[0]);
	cJSON_Delete(s.extra);

	free(pg_server_sql(&standby, "SELECT pg_promote()"));
	s = client_ask(&f->t, q, LONG_NS);
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
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_down_and_up),
		cmocka_unit_test(test_several_hosts),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_payload),
		cmocka_unit_test(test_inforce),
		cmocka_unit_test(test_probe_standby),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
