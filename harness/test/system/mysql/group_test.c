/* A group of three real MySQLs (group replication, single primary): how clients find the
 * primary, what they are told when there is none, and what the sampler sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>

#include "system/model.h"
#include "test/system/mysql/room.h"

extern const struct model_ops model_mysql;

#define GROUP "c0ffee00-0000-11f0-8000-000000000001"
#define EXPEL "0"
/* Suspected after 5 s, and then there is work to do. */
#define MOVED_NS (60 * NS_PER_S)

static void set(const struct mysql_server *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void set(const struct mysql_server *s, const char *fmt, ...)
{
	char text[300] = "SET GLOBAL group_replication_";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + strlen(text), sizeof(text) - strlen(text), fmt, ap);
	va_end(ap);
	sql_at(s, text);
}

/* The group's own port of each is on an address that an interface has: no other of
 * 127.0.0.0/8 will do. */
static void join(const struct fixture *f, size_t i, bool first)
{
	const struct mysql_server *s = &f->s[i];
	int port = s->port < 32768 ? s->port + 1 : s->port - 4;

	set(s, "local_address = '127.0.0.1:%d'", port + (int)i);
	set(s, "group_seeds = '127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d'", port, port + 1, port + 2);
	set(s, "recovery_get_public_key = ON");
	set(s, "exit_state_action = READ_ONLY");
	set(s, "bootstrap_group = %s", first ? "ON" : "OFF");
	sql_at(s, "START GROUP_REPLICATION USER = 'repl', PASSWORD = 'secret'");
	set(s, "bootstrap_group = OFF");
}

static int start(void **state)
{
	static const char *const options[] = {
		"--plugin-load-add=group_replication.so;mysql_clone.so", "--group-replication-group-name=" GROUP,
		"--group-replication-start-on-boot=OFF", "--group-replication-member-expel-timeout=" EXPEL, NULL};
	struct fixture *f;
	char hosts[64];

	if (room_start(state, 3, options))
		return -1;
	f = *state;
	for (size_t i = 0; f && i < 3; i++)
		join(f, i, !i);
	if (f) {
		/* The primary comes last. */
		snprintf(hosts, sizeof(hosts), "%s,%s,%s", f->s[2].ip, f->s[1].ip, f->s[0].ip);
		json_set_str(f->t.acc.conf, "write_host", hosts);
		client_trial_anew(&f->t);
	}
	return 0;
}

static bool look(struct fixture *f, struct sample *s, char *why)
{
	for (size_t i = 0; i < f->n; i++) {
		struct probe *p = client_mysql.probe_new(&f->t.acc, &f->m[i]);

		cJSON_Delete(s[i].extra);
		sample_begin(&s[i], &f->m[i]);
		client_mysql.probe(p, &s[i], 2 * NS_PER_S);
		client_mysql.probe_free(p);
	}
	return model_mysql.redundant(s, f->n, why);
}

static void whole(struct fixture *f, struct sample *s)
{
	int64_t end_ns = clock_mono_ns() + MOVED_NS;
	char why[WHY_BYTES] = "";

	while (!look(f, s, why) && clock_mono_ns() < end_ns)
		clock_sleep_until(clock_mono_ns() + 100 * NS_PER_MS);
	if (!look(f, s, why))
		fail_msg("never whole: %s", why);
}

static void forget(struct sample *s)
{
	for (size_t i = 0; i < SERVERS_MAX; i++)
		cJSON_Delete(s[i].extra);
}

static void test_members(void **state)
{
	struct fixture *f = need(state);
	struct sample s[SERVERS_MAX] = {0};
	const cJSON *group;

	whole(f, s);
	assert_int_equal(s[0].role, ROLE_PRIMARY);
	assert_true(s[0].writable && s[0].timeline > 0);
	for (size_t i = 0; i < 3; i++) {
		group = json_get(s[i].extra, "group");
		assert_string_equal(json_str(group, "state", ""), "ONLINE");
		assert_int_equal(cJSON_GetArraySize(json_get(group, "members")), 3);
		assert_int_equal(s[i].timeline, s[0].timeline);
		assert_null(json_get(s[i].extra, "errant"));
	}
	assert_int_equal(s[1].role, ROLE_REPLICA);
	assert_false(s[1].writable);
	forget(s);
}

/* A secondary names the primary; reads of a replica go to none. */
static void test_found_by_asking(void **state)
{
	struct fixture *f = need(state);
	struct op op = client_insert(&f->t, 1, LONG_NS);

	must_be(&op, OP_OK, "");
	assert_true(op.find_ns > 0);
	assert_non_null(strstr(op.tx, GROUP));
	op = client_call(&f->t, OP_CAS, 1, 5, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_OK, "");
	op = client_call(&f->t, OP_READ_REPLICA, 1, OP_NO_VALUE, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_OK, "");
}

/* Elected, and not yet open: nothing is sent to it, where it would wait. */
static void test_not_yet_open(void **state)
{
	struct fixture *f = need(state);
	struct op op;

	sql_at(&f->s[0], "SET GLOBAL super_read_only = ON");
	client_trial_anew(&f->t);
	op = client_insert(&f->t, 2, LONG_NS);
	sql_at(&f->s[0], "SET GLOBAL super_read_only = OFF");
	sql_at(&f->s[0], "SET GLOBAL read_only = OFF");
	must_be(&op, OP_FAIL, "connect:");
	assert_false(op.sent);
	op = client_insert(&f->t, 3, LONG_NS);
	must_be(&op, OP_OK, "");
}

/* The primary dies. Another one is found as soon as the group has it. */
static void test_killed_primary(void **state)
{
	struct fixture *f = need(state);
	struct sample s[SERVERS_MAX] = {0};
	char why[WHY_BYTES];
	size_t primary = 0;
	int64_t died, end_ns;
	struct op op = client_insert(&f->t, 10, LONG_NS);

	must_be(&op, OP_OK, "");
	mysql_server_signal(&f->s[0], SIGKILL);
	died = clock_mono_ns();
	end_ns = died + MOVED_NS;
	do
		op = client_insert(&f->t, 11 + (clock_mono_ns() - died) / NS_PER_MS, NS_PER_S);
	while (op.outcome != OP_OK && clock_mono_ns() < end_ns);
	must_be(&op, OP_OK, "");
	print_message("# with member_expel_timeout %s a write was acknowledged %.1f s after the primary died\n",
		      EXPEL, in_s(clock_mono_ns() - died));
	/* Whoever is the primary now has logged what explains it. */
	look(f, s, why);
	while (primary < 3 && s[primary].role != ROLE_PRIMARY)
		primary++;
	assert_true(primary < 3);
	assert_true(mysql_server_logged(&f->s[primary], "[MY-011493]", LONG_NS)); /* unreachable */
	assert_true(mysql_server_logged(&f->s[primary], "[MY-011499]", LONG_NS)); /* removed */
	assert_true(mysql_server_logged(&f->s[primary], "[MY-011507]", LONG_NS)); /* elected */
	assert_true(mysql_server_logged(&f->s[primary], "[MY-011510]", LONG_NS)); /* primary */
	/* It comes back as a secondary. */
	mysql_server_stop(&f->s[0]);
	assert_int_equal(mysql_server_start(&f->s[0]), 0);
	join(f, 0, false);
	whole(f, s);
	assert_int_equal(s[0].role, ROLE_REPLICA);
	forget(s);
}

/* Two of three stand still: the primary has no majority. Its commits hang, and, where it
 * is told to give up, fail with what may or may not have reached the others. */
static void test_minority(void **state)
{
	struct fixture *f = need(state);
	struct sample s[SERVERS_MAX] = {0};
	int64_t end_ns = clock_mono_ns() + MOVED_NS;
	char why[WHY_BYTES];
	size_t primary = 0;
	struct op op = client_insert(&f->t, 100000, LONG_NS);

	must_be(&op, OP_OK, "");
	look(f, s, why);
	while (primary < 2 && s[primary].role != ROLE_PRIMARY)
		primary++;
	set(&f->s[primary], "unreachable_majority_timeout = 6");
	for (size_t i = 0; i < 3; i++)
		if (i != primary)
			mysql_server_signal(&f->s[i], SIGSTOP);
	op = client_insert(&f->t, 100002, LONG_NS);
	print_message("# without a majority, in the end: %s \"%s\"\n", op_outcome_name(op.outcome), op.error);
	must_be(&op, OP_INFO, "3100:");
	/* The primary knows. */
	do
		look(f, s, why);
	while (s[primary].writable && clock_mono_ns() < end_ns);
	assert_true(s[primary].ok && !s[primary].writable);
	assert_true(mysql_server_logged(&f->s[primary], "[MY-011496]", LONG_NS)); /* no majority, for N s */
	op = client_insert(&f->t, 100003, LONG_NS);
	must_be(&op, OP_FAIL, "connect:");
	for (size_t i = 0; i < 3; i++)
		mysql_server_signal(&f->s[i], SIGCONT);
	forget(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_found_by_asking),
		cmocka_unit_test(test_not_yet_open),
		cmocka_unit_test(test_killed_primary),
		cmocka_unit_test(test_minority),
	};

	return cmocka_run_group_tests(tests, start, room_stop);
}
