/* Three real MySQLs, a primary and two replicas, as the sampler sees them and the model
 * judges them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>

#include "system/model.h"
#include "system/mysql/gtid.h"
#include "test/system/mysql/room.h"

extern const struct model_ops model_mysql;

#define WAITING "SELECT COUNT(*) FROM performance_schema.processlist WHERE STATE LIKE 'Waiting for semi-sync ACK%'"

struct room {
	struct fixture *f;
	struct probe *p[SERVERS_MAX];
	struct sample s[SERVERS_MAX];
	char why[WHY_BYTES];
};

static int start(void **state)
{
	static const char *const options[] = {
		"--plugin-load-add=semisync_source.so;semisync_replica.so;mysql_clone.so", NULL};
	struct fixture *f;

	if (room_start(state, 3, options))
		return -1;
	f = *state;
	for (size_t i = 1; f && i < 3; i++) {
		if (mysql_server_follow(&f->s[i], &f->s[0])) {
			room_stop(state);
			return -1;
		}
		sql_at(&f->s[i], "SET GLOBAL super_read_only = ON");
	}
	return 0;
}

static void enter(struct room *r, void **state)
{
	memset(r, 0, sizeof(*r));
	r->f = need(state);
	for (size_t i = 0; i < r->f->n; i++)
		r->p[i] = client_mysql.probe_new(&r->f->t.acc, &r->f->m[i]);
}

static void forget(struct room *r)
{
	for (size_t i = 0; i < SERVERS_MAX; i++) {
		cJSON_Delete(r->s[i].extra);
		r->s[i].extra = NULL;
	}
}

static void leave(struct room *r)
{
	forget(r);
	for (size_t i = 0; i < r->f->n; i++)
		client_mysql.probe_free(r->p[i]);
}

static bool look(struct room *r)
{
	forget(r);
	for (size_t i = 0; i < r->f->n; i++) {
		sample_begin(&r->s[i], &r->f->m[i]);
		client_mysql.probe(r->p[i], &r->s[i], LONG_NS);
	}
	return model_mysql.redundant(r->s, r->f->n, r->why);
}

/* Until the members are redundant, or (`words`) are not, for a reason with these in it. */
static void until(struct room *r, const char *words)
{
	int64_t end_ns = clock_mono_ns() + 2 * LONG_NS;
	bool reached = false;

	while (!reached && clock_mono_ns() < end_ns) {
		bool is = look(r);

		reached = words ? !is && strstr(r->why, words) : is;
		if (!reached)
			clock_sleep_until(clock_mono_ns() + 50 * NS_PER_MS);
	}
	if (!reached)
		fail_msg("never %s%s; at last: %s", words ? "not redundant: " : "redundant", words ? words : "", r->why);
}

static int64_t number(const struct sample *s, const char *key)
{
	return json_i64(s->extra, key, -1);
}

static void test_roles(void **state)
{
	struct room r;
	const cJSON *source;

	enter(&r, state);
	until(&r, NULL);
	assert_true(r.s[0].ok && r.s[0].writable);
	assert_int_equal(r.s[0].role, ROLE_PRIMARY);
	assert_true(*json_str(r.s[0].extra, "run_id", ""));
	assert_true(*json_str(r.s[0].extra, "executed", ""));
	assert_true(number(&r.s[0], "threads") > 0);
	assert_null(json_get(r.s[0].extra, "semi"));
	for (size_t i = 1; i < 3; i++) {
		assert_int_equal(r.s[i].role, ROLE_REPLICA);
		assert_false(r.s[i].writable);
		assert_true(json_bool(r.s[i].extra, "read_only", false));
		source = json_get(r.s[i].extra, "source");
		assert_string_equal(json_str(source, "host", ""), r.f->s[0].ip);
		assert_string_equal(json_str(source, "uuid", ""), json_str(r.s[0].extra, "uuid", "?"));
		assert_string_equal(json_str(source, "receiver", ""), "on");
		assert_string_equal(json_str(source, "applier", ""), "on");
		assert_null(json_get(r.s[i].extra, "errant"));
	}
	assert_string_not_equal(json_str(r.s[1].extra, "uuid", "?"), json_str(r.s[2].extra, "uuid", "?"));
	leave(&r);
}

/* A replica's read is answered by a replica; what it has not got yet is counted. */
static void test_behind(void **state)
{
	struct room r;
	struct op op;

	enter(&r, state);
	op = client_call(&r.f->t, OP_WRITE, 1, 7, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_OK, "");
	until(&r, NULL);
	while (r.s[2].lag_tx != 0)
		look(&r);
	assert_int_equal(r.s[2].lag_ns, 0);
	op = client_call(&r.f->t, OP_READ_REPLICA, 1, OP_NO_VALUE, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_int_equal(op.value, 7);

	/* It receives and does not apply. */
	sql_at(&r.f->s[2], "STOP REPLICA SQL_THREAD");
	for (int i = 0; i < 5; i++) {
		op = client_insert(&r.f->t, 100 + i, LONG_NS);
		must_be(&op, OP_OK, "");
	}
	until(&r, "mysql-2 applies nothing");
	while (number(&r.s[2], "queued_n") < 5)
		look(&r);
	assert_int_equal(r.s[2].lag_tx, 5);
	assert_int_equal(number(&r.s[2], "queued_n"), 5);
	assert_non_null(strstr(json_str(r.s[2].extra, "queued", ""), json_str(r.s[0].extra, "uuid", "?")));
	assert_true(r.s[2].lag_ns > 0);
	sql_at(&r.f->s[2], "START REPLICA SQL_THREAD");
	until(&r, NULL);

	/* It receives nothing. */
	sql_at(&r.f->s[2], "STOP REPLICA IO_THREAD");
	op = client_insert(&r.f->t, 110, LONG_NS);
	must_be(&op, OP_OK, "");
	until(&r, "mysql-2 receives nothing");
	assert_int_equal(r.s[2].lag_tx, 1);
	assert_int_equal(r.s[2].lag_ns, -1); /* without its source its lag is not known */
	sql_at(&r.f->s[2], "START REPLICA IO_THREAD");
	until(&r, NULL);
	leave(&r);
}

/* One that holds back what it has received is as far behind in time as it was told to be, and
 * redundant: it has it. An idle time is no lag. */
static void test_held_back(void **state)
{
	int64_t first_ns, idle_ns;
	struct room r;
	struct op op;

	enter(&r, state);
	until(&r, NULL);
	sql_at(&r.f->s[2], "STOP REPLICA SQL_THREAD");
	sql_at(&r.f->s[2], "CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 3600");
	sql_at(&r.f->s[2], "START REPLICA SQL_THREAD");
	until(&r, NULL);
	assert_int_equal(r.s[2].lag_tx, 0);
	idle_ns = clock_mono_ns();
	clock_sleep_until(idle_ns + NS_PER_S);
	look(&r);
	first_ns = clock_mono_ns();
	for (int i = 0; i < 5; i++) {
		op = client_insert(&r.f->t, 500 + i, LONG_NS);
		must_be(&op, OP_OK, "");
	}
	while (number(&r.s[2], "queued_n") < 5)
		look(&r);
	assert_int_equal(r.s[2].lag_tx, 5);
	clock_sleep_until(first_ns + 400 * NS_PER_MS);
	if (!look(&r))
		fail_msg("%s", r.why);
	print_message("# %.3f s behind\n", (double)r.s[2].lag_ns / 1e9);
	assert_true(r.s[2].lag_ns >= 350 * NS_PER_MS);
	assert_true(r.s[2].lag_ns <= clock_mono_ns() - first_ns + 500 * NS_PER_MS);
	sql_at(&r.f->s[2], "STOP REPLICA SQL_THREAD");
	sql_at(&r.f->s[2], "CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 0");
	sql_at(&r.f->s[2], "START REPLICA SQL_THREAD");
	do
		look(&r);
	while (r.s[2].lag_tx);
	assert_int_equal(r.s[2].lag_ns, 0);
	leave(&r);
}

/* What only a replica has is named, and its follower is none to rely on. */
static void test_errant(void **state)
{
	struct room r;
	struct gtid_set s;
	char *made;

	enter(&r, state);
	until(&r, NULL);
	sql_at(&r.f->s[2], "SET GLOBAL read_only = OFF");
	made = mysql_server_sql(&r.f->s[2], false, "INSERT INTO ordeal.ordeal_insert (id, value) VALUES (1000000, 5)");
	assert_non_null(made);
	free(made);
	until(&r, "mysql-2 is a replica, and takes writes");
	sql_at(&r.f->s[2], "SET GLOBAL super_read_only = ON");
	until(&r, "mysql-2 has transactions that mysql-0 never had");
	assert_true(gtid_parse(json_str(r.s[2].extra, "errant", ""), &s));
	assert_int_equal(gtid_count(&s), 1);
	assert_true(gtid_keep(&s, json_str(r.s[2].extra, "uuid", ""), true));
	assert_int_equal(gtid_count(&s), 1);
	gtid_free(&s);
	print_message("# %s\n", r.why);
	leave(&r);
}

/* A source that was told to wait for acknowledgements, and does not: the sampler sees it,
 * clients do not, and the log has the moment. */
/* The source waits for its replicas again. */
static bool semi_sync(const struct room *r)
{
	const cJSON *semi = json_get(r->s[0].extra, "semi");

	return json_bool(semi, "on", false) && json_i64(semi, "clients", 0) == 2;
}

static void test_semi_sync(void **state)
{
	int64_t end_ns;
	struct room r;
	struct op op;

	enter(&r, state);
	until(&r, NULL);
	sql_at(&r.f->s[0], "SET GLOBAL rpl_semi_sync_source_timeout = 500");
	sql_at(&r.f->s[0], "SET GLOBAL rpl_semi_sync_source_enabled = ON");
	for (size_t i = 1; i < 3; i++) {
		sql_at(&r.f->s[i], "SET GLOBAL rpl_semi_sync_replica_enabled = ON");
		sql_at(&r.f->s[i], "STOP REPLICA IO_THREAD");
	}
	op = client_insert(&r.f->t, 300, LONG_NS);
	must_be(&op, OP_OK, ""); /* nobody has it but the source */
	assert_true(op.t_return - op.t_invoke >= 400 * NS_PER_MS);
	look(&r);
	assert_false(json_bool(json_get(r.s[0].extra, "semi"), "on", true));
	assert_true(mysql_server_logged(&r.f->s[0], "[MY-011153]", LONG_NS));
	assert_true(mysql_server_logged(&r.f->s[0], "[MY-011155]", LONG_NS));
	for (size_t i = 1; i < 3; i++)
		sql_at(&r.f->s[i], "START REPLICA IO_THREAD");
	until(&r, NULL);
	/* Who follows again has not acknowledged anything yet. */
	end_ns = clock_mono_ns() + LONG_NS;
	while (!semi_sync(&r) && clock_mono_ns() < end_ns) {
		clock_sleep_until(clock_mono_ns() + 50 * NS_PER_MS);
		look(&r);
	}
	assert_true(semi_sync(&r));
	assert_true(json_bool(r.s[1].extra, "semi_replica", false));
	assert_true(mysql_server_logged(&r.f->s[0], "[MY-011156]", LONG_NS));
	sql_at(&r.f->s[0], "SET GLOBAL rpl_semi_sync_source_enabled = OFF");
	leave(&r);
}

/* Whoever closes a primary waits behind a commit that waits for a replica, and the commit does
 * not end with its client. In the order that the runbook has (clients out, then no more
 * waiting, then read-only) it is closed at once, and nobody is told that the commit is good. */
static void test_fence(void **state)
{
	struct client_inserting waits;
	struct my_conn *closer;
	struct room r;
	char why[OP_ERROR_MAX];

	enter(&r, state);
	until(&r, NULL);
	for (size_t i = 1; i < 3; i++) {
		sql_at(&r.f->s[i], "SET GLOBAL rpl_semi_sync_replica_enabled = ON");
		sql_at(&r.f->s[i], "STOP REPLICA IO_THREAD");
	}
	sql_at(&r.f->s[0], "SET GLOBAL rpl_semi_sync_source_timeout = 3600000");
	sql_at(&r.f->s[0], "SET GLOBAL rpl_semi_sync_source_enabled = ON");
	client_insert_begin(&waits, &r.f->t, 400);
	assert_true(mysql_server_until(&r.f->s[0], WAITING, "1"));
	closer = mysql_server_conn(&r.f->s[0]);
	assert_non_null(closer);
	assert_int_equal(my_query(closer, "SET GLOBAL super_read_only = ON", clock_mono_ns() + 2 * NS_PER_S, NULL, why,
				  sizeof(why)), MY_TIMEOUT);
	my_drop(closer);
	assert_true(mysql_server_until(&r.f->s[0], WAITING, "1"));
	sql_at(&r.f->s[0], "SET GLOBAL offline_mode = ON");
	client_insert_end(&waits);
	must_be(&waits.op, OP_INFO, "broken:");
	assert_true(mysql_server_until(&r.f->s[0], WAITING, "1")); /* still, without its client */
	sql_at(&r.f->s[0], "SET GLOBAL rpl_semi_sync_source_enabled = OFF");
	sql_at(&r.f->s[0], "SET GLOBAL super_read_only = ON");
	assert_true(mysql_server_until(&r.f->s[0], "SELECT COUNT(*) FROM ordeal.ordeal_insert WHERE value = 400", "1"));
	sql_at(&r.f->s[0], "SET GLOBAL read_only = OFF");
	sql_at(&r.f->s[0], "SET GLOBAL offline_mode = OFF");
	for (size_t i = 1; i < 3; i++)
		sql_at(&r.f->s[i], "START REPLICA IO_THREAD");
	until(&r, NULL);
	leave(&r);
}

/* One that is down lets nobody in; one that was started anew is another process. */
static void test_restart(void **state)
{
	struct room r;
	char run[64];

	enter(&r, state);
	until(&r, NULL);
	mem_copy_str(run, sizeof(run), json_str(r.s[2].extra, "run_id", ""));
	assert_true(*run);
	mysql_server_stop(&r.f->s[2]);
	until(&r, "mysql-2 does not answer");
	while (!r.s[2].closed) /* the connection that it had breaks first */
		look(&r);
	assert_int_equal(mysql_server_start(&r.f->s[2]), 0);
	sql_at(&r.f->s[2], "SET GLOBAL super_read_only = ON");
	until(&r, NULL);
	assert_string_not_equal(json_str(r.s[2].extra, "run_id", ""), run);
	/* It goes by the process, not by the connection. */
	mem_copy_str(run, sizeof(run), json_str(r.s[2].extra, "run_id", ""));
	client_mysql.probe_free(r.p[2]);
	r.p[2] = client_mysql.probe_new(&r.f->t.acc, &r.f->m[2]);
	look(&r);
	assert_string_equal(json_str(r.s[2].extra, "run_id", ""), run);
	leave(&r);
}

/* A replica is cloned anew: another's data, its own name, and a sign of it. Nobody
 * restarts this server, so it ends. */
static void test_clone(void **state)
{
	char sql[200], uuid[64], *told;
	struct room r;

	enter(&r, state);
	until(&r, "mysql-2 has transactions"); /* the errant one */
	mem_copy_str(uuid, sizeof(uuid), json_str(r.s[2].extra, "uuid", ""));
	assert_null(json_get(r.s[2].extra, "cloned"));
	snprintf(sql, sizeof(sql), "SET GLOBAL clone_valid_donor_list = '%s:%d'", r.f->s[0].ip, r.f->s[0].port);
	sql_at(&r.f->s[2], "SET GLOBAL read_only = OFF");
	sql_at(&r.f->s[2], sql);
	snprintf(sql, sizeof(sql), "CLONE INSTANCE FROM repl@'%s':%d IDENTIFIED BY 'secret'", r.f->s[0].ip,
		 r.f->s[0].port);
	told = mysql_server_sql(&r.f->s[2], true, sql);
	assert_null(told); /* 3707, or the connection ends */
	mysql_server_stop(&r.f->s[2]);
	assert_int_equal(mysql_server_start(&r.f->s[2]), 0);
	sql_at(&r.f->s[2], "SET GLOBAL super_read_only = ON");
	assert_int_equal(mysql_server_follow(&r.f->s[2], &r.f->s[0]), 0);
	until(&r, NULL);
	assert_true(*json_str(r.s[2].extra, "cloned", ""));
	assert_string_equal(json_str(r.s[2].extra, "uuid", ""), uuid);
	assert_null(json_get(r.s[2].extra, "errant"));
	leave(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_behind),
		cmocka_unit_test(test_semi_sync),
		cmocka_unit_test(test_fence),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_held_back),
		cmocka_unit_test(test_errant),
		cmocka_unit_test(test_clone),
	};

	return cmocka_run_group_tests(tests, start, room_stop);
}
