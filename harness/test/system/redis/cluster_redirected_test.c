/* The Redis Cluster client against real servers on loopback: every redirection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/redis/slots.h"
#include "test/lib/redis_server.h"
#include "test/lib/redis_trial.h"
#include "test/system/redis/cluster_room.h"

/* A planned failover: the client still believes in the old owner. */
static void test_moved(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	int64_t v = value_in(1, 1);
	struct op op;

	assert_int_equal(INSERT(f, v).outcome, OP_OK);
	call_ok(&f->s[3], "CLUSTER FAILOVER");
	assert_true(redis_trial_says(&f->s[0], "ROLE", "slave", LONG_NS));
	op = INSERT(f, value_in(1, v + 1));
	assert_int_equal(op.outcome, OP_OK);
	assert_non_null(strstr(op.via, " MOVED"));
	assert_int_equal(strncmp(op.via, f->s[3].ip, strlen(f->s[3].ip)), 0);
	assert_int_equal(op.shard, 1);
	/* It has learnt, once the one that it asks knows. */
	assert_true(redis_trial_says(&f->s[1], "CLUSTER SLOTS", f->s[3].ip, LONG_NS));
	do
		op = INSERT(f, value_in(1, op.value + 1));
	while (strstr(op.via, "MOVED"));
	assert_int_equal(op.outcome, OP_OK);
}

/* A slot on its way: what is not here is asked for there. */
static void test_ask(void **state)
{
	struct fixture *f = client_trial_need(state, redis_server_missing());
	char line[120], key[48], *from = redis_server_call(&f->s[0], "CLUSTER MYID"),
	     *to = redis_server_call(&f->s[1], "CLUSTER MYID");
	int64_t v = value_in(1, 1);
	struct op op;
	int slot;

	snprintf(key, sizeof(key), "ordeal:insert:%lld", (long long)v);
	slot = redis_slot(key, strlen(key));
	snprintf(line, sizeof(line), "CLUSTER SETSLOT %d IMPORTING %s", slot, from);
	call_ok(&f->s[1], line);
	snprintf(line, sizeof(line), "CLUSTER SETSLOT %d MIGRATING %s", slot, to);
	call_ok(&f->s[0], line);
	op = INSERT(f, v);
	assert_int_equal(op.outcome, OP_OK);
	assert_non_null(strstr(op.via, " ASK"));
	assert_int_equal(strncmp(op.via, f->s[1].ip, strlen(f->s[1].ip)), 0);
	free(from);
	free(to);
	snprintf(line, sizeof(line), "CLUSTER SETSLOT %d STABLE", slot);
	call_ok(&f->s[0], line);
	call_ok(&f->s[1], line);
}

/* A server that owns all slots and says TRYAGAIN to the first `times` commands:
 * a real one says it only to several keys at once, which no call here has. */
struct hesitant {
	int fd, port, times;
	pthread_t thread;
};

static void *hesitate(void *arg)
{
	struct hesitant *h = arg;
	int fd = accept(h->fd, NULL, NULL);
	char text[4096], answer[200];
	ssize_t n;

	while (fd >= 0 && (n = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		snprintf(answer, sizeof(answer), "+OK\r\n");
		if (strstr(text, "SLOTS"))
			snprintf(answer, sizeof(answer), "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n"
				 "$9\r\n127.0.0.1\r\n:%d\r\n$1\r\na\r\n", h->port);
		else if (h->times-- > 0)
			snprintf(answer, sizeof(answer), "-TRYAGAIN Multiple keys request during "
				 "rehashing of slot\r\n");
		if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
			break;
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static struct op against_hesitant(int times)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct hesitant h = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .times = times};
	struct member m = {.name = "redis-cluster-0", .host = "127.0.0.1"};
	struct client_trial t = {.sys = &SYS, .acc = {.members = &m, .n = 1}};
	socklen_t len = sizeof(at);
	struct op op;

	assert_int_equal(bind(h.fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(h.fd, 1), 0);
	assert_int_equal(getsockname(h.fd, (struct sockaddr *)&at, &len), 0);
	h.port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&h.thread, NULL, hesitate, &h), 0);
	t.acc.conf = cJSON_CreateObject();
	json_set_i64(t.acc.conf, "port", h.port);
	t.c = SYS.client_new(&t.acc, 0);
	op = redis_trial_run(&t, OP_INSERT, OP_NO_VALUE, 1, OP_NO_VALUE);
	SYS.client_free(t.c);
	pthread_join(h.thread, NULL);
	close(h.fd);
	cJSON_Delete(t.acc.conf);
	return op;
}

static void test_tryagain(void **state)
{
	struct op op = against_hesitant(2);

	(void)state;
	assert_int_equal(op.outcome, OP_OK);
	assert_non_null(strstr(op.via, " TRYAGAIN"));
	assert_null(strstr(strstr(op.via, " TRYAGAIN") + 1, " TRYAGAIN"));
	assert_true(op.t_return - op.t_invoke >= 20 * NS_PER_MS);

	/* It never comes to an end: refused, by the deadline, and nothing was done. */
	op = against_hesitant(1 << 20);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_int_equal(strncmp(op.error, "TRYAGAIN", 8), 0);
	assert_true(op.t_return - op.t_invoke >= DEADLINE_NS / 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, client_trial_begin, client_trial_end)
	const struct CMUnitTest tests[] = {
		T(test_ask),
		cmocka_unit_test(test_tryagain),
		/* From here on nothing is as it was. */
		T(test_moved),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
