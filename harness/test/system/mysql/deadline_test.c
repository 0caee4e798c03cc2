/* The MySQL client against a real server: no call that outlives its deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "system/mysql/conn.h"
#include "test/system/mysql/room.h"

#define DEADLINE_NS (400 * NS_PER_MS)

static int start(void **state)
{
	static const char *const options[] = {"--plugin-load-add=semisync_source.so", NULL};

	return room_start(state, 1, options);
}

/* The whole server stands still, as under a freezer: kernel and connections live on,
 * nobody answers. */
static void test_frozen(void **state)
{
	struct fixture *f = need(state);
	struct client_server s = it(f);

	client_frozen(&f->t, &f->m[0], &s, DEADLINE_NS);
}

/* It is frozen after it let the client in: the statement is being prepared, nothing of it
 * was sent yet. */
static void test_frozen_while_preparing(void **state)
{
	struct fixture *f = need(state);
	struct op op = client_call(&f->t, OP_WRITE, 1, 6, OP_NO_VALUE, LONG_NS);

	must_be(&op, OP_OK, "");
	mysql_server_signal(&f->s[0], SIGSTOP);
	op = client_call(&f->t, OP_CAS, 1, 7, 6, DEADLINE_NS); /* its first on this connection */
	must_be(&op, OP_FAIL, "timeout:");
	assert_false(op.sent);
	in_time(&op, DEADLINE_NS, "a statement's preparation");
	mysql_server_signal(&f->s[0], SIGCONT);
	op = client_call(&f->t, OP_CAS, 1, 8, 6, LONG_NS);
	must_be(&op, OP_OK, "");
}

/* A commit waits for a replica that is not there, in silence. In the end it is
 * there, whether or not anybody was told. */
static void test_waits_for_replica(void **state)
{
	struct fixture *f = need(state);
	struct op op;

	sql_at(&f->s[0], "SET GLOBAL rpl_semi_sync_source_timeout = 3000");
	sql_at(&f->s[0], "SET GLOBAL rpl_semi_sync_source_enabled = ON");
	op = client_insert(&f->t, 30, DEADLINE_NS);
	must_be(&op, OP_INFO, "timeout:");
	in_time(&op, DEADLINE_NS, "a wait for a replica");
	/* The time-out falls back to asynchronous, and the answer is a plain success. */
	assert_true(mysql_server_until(&f->s[0], "SELECT VARIABLE_VALUE FROM performance_schema.global_status "
				       "WHERE VARIABLE_NAME = 'Rpl_semi_sync_source_status'", "OFF"));
	op = client_insert(&f->t, 31, LONG_NS);
	must_be(&op, OP_OK, "");
	sql_at(&f->s[0], "SET GLOBAL rpl_semi_sync_source_enabled = OFF");
	assert_true(mysql_server_until(&f->s[0], "SELECT COUNT(*) FROM ordeal.ordeal_insert WHERE value IN (30, 31)",
				       "2"));
}

/* The server dies with a statement under way: nobody knows its fate. */
static void test_killed(void **state)
{
	struct fixture *f = need(state);
	struct client_inserting r;
	struct my_conn *locker = mysql_server_conn(&f->s[0]);
	char why[OP_ERROR_MAX];

	assert_non_null(locker);
	assert_int_equal(my_query(locker, "LOCK TABLES ordeal.ordeal_insert READ", clock_mono_ns() + LONG_NS, NULL,
				  why, sizeof(why)), MY_ANSWERED);
	client_insert_begin(&r, &f->t, 20);
	assert_true(mysql_server_until(&f->s[0], "SELECT COUNT(*) FROM performance_schema.processlist "
				       "WHERE USER = 'ordeal' AND STATE LIKE 'Waiting%'", "1"));
	mysql_server_signal(&f->s[0], SIGKILL);
	client_insert_end(&r);
	my_drop(locker);
	assert_int_equal(r.op.outcome, OP_INFO);
	assert_true(r.op.sent);
	assert_non_null(strstr(r.op.error, "(2013)"));
	mysql_server_stop(&f->s[0]);
	assert_int_equal(mysql_server_start(&f->s[0]), 0);
}

/* ---- a name server that never answers ---- */

/* /etc/resolv.conf of this process alone names one that takes questions and is silent. */
static int name_server(const char *dir, int *fd)
{
	static const char conf[] = "nameserver 127.0.0.53\noptions timeout:2 attempts:1\n";
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
	char path[PATH_MAX];
	struct err e = {0};

	snprintf(path, sizeof(path), "%s/resolv.conf", dir);
	*fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (inet_pton(AF_INET, "127.0.0.53", &at.sin_addr) != 1 || bind(*fd, (struct sockaddr *)&at, sizeof(at)) ||
	    file_write_atomic(path, conf, sizeof(conf) - 1, &e) || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL))
		return -errno;
	return 0;
}

/* Our calls end in time. The library's own do not, whatever its time-outs are: it
 * is why it is given an address. */
static void test_silent_name_server(void **state)
{
	const unsigned one_second = 1;
	struct fixture *f = need(state);
	struct access acc = f->t.acc;
	struct client *mine = f->t.c;
	int64_t from, took;
	struct op op;
	MYSQL *m, *done;
	int fd, r = name_server(f->s[0].dir, &fd), wants;

	if (r) {
		close(fd);
		print_message("# skipped: no name server of one's own: %s\n", strerror(-r));
		skip();
	}
	acc.conf = cJSON_Duplicate(f->t.acc.conf, 1);
	json_set_str(acc.conf, "write_host", "mysql-primary.test");
	f->t.c = client_mysql.client_new(&acc, 8);
	op = client_insert(&f->t, 40, DEADLINE_NS);
	must_be(&op, OP_FAIL, "timeout:");
	assert_false(op.sent);
	assert_true(op.dns_ns >= DEADLINE_NS * 9 / 10 && op.connect_ns == 0);
	in_time(&op, DEADLINE_NS, "a name server that never answers");
	client_mysql.client_free(f->t.c);
	f->t.c = mine;
	cJSON_Delete(acc.conf);

	m = mysql_init(NULL);
	mysql_options(m, MYSQL_OPT_NONBLOCK, NULL);
	mysql_options(m, MYSQL_OPT_CONNECT_TIMEOUT, &one_second);
	from = clock_mono_ns();
	wants = mysql_real_connect_start(&done, m, "mysql-primary.test", "u", "p", NULL, 3306, NULL, 0);
	took = clock_mono_ns() - from;
	print_message("# the library's own call that never waits waited for %.1f s\n", in_s(took));
	assert_true(took > 3 * NS_PER_S / 2); /* of the 2 s that glibc has one server wait */
	while (wants)
		wants = mysql_real_connect_cont(&done, m, MYSQL_WAIT_TIMEOUT);
	mysql_close(m);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_frozen_while_preparing),
		cmocka_unit_test(test_waits_for_replica),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_silent_name_server),
	};

	return cmocka_run_group_tests(tests, start, room_stop);
}
