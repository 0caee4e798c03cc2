/* The PostgreSQL client against a real server: every outcome. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/client_kit.h"
#include "test/lib/pg_server.h"
#include "test/system/postgres/room.h"

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
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_down_and_up),
		cmocka_unit_test(test_several_hosts),
		cmocka_unit_test(test_payload),
		cmocka_unit_test(test_inforce),
		cmocka_unit_test(test_probe_standby),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
