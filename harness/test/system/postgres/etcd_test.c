/* What etcd answers, word for word as version 3.4 gave it, read from a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "system/postgres/etcd.h"

#define HEADER \
	"{\"header\":{\"cluster_id\":\"14841639068965178418\",\"member_id\":\"10276657743932975437\"," \
	"\"revision\":\"9\",\"raft_term\":\"2\"}"

static int answer(const char *body, char value[64], char error[96])
{
	static const char head[] = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n";
	struct http_call c = {0};
	int pair[2], r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_true(send(pair[1], head, strlen(head), 0) > 0);
	assert_true(!*body || send(pair[1], body, strlen(body), 0) > 0);
	close(pair[1]);
	c.fd = pair[0];
	r = etcd_end(&c, clock_mono_ns() + 5 * NS_PER_S, value, 64);
	strcpy(error, c.error);
	assert_int_equal(c.fd, -1);
	return r;
}

static void test_leader(void **state)
{
	char value[64], error[96];

	(void)state;
	assert_int_equal(answer(HEADER ",\"kvs\":[{\"key\":\"L3NlcnZpY2UvcG9zdGdyZXMtY2x1c3Rlci9sZWFkZXI=\","
				"\"create_revision\":\"7\",\"mod_revision\":\"7\",\"version\":\"1\","
				"\"value\":\"cG9zdGdyZXMtMQ==\",\"lease\":\"7587858379024236038\"}],"
				"\"count\":\"1\"}", value, error), 0);
	assert_string_equal(value, "postgres-1");
	/* No such key. */
	assert_int_equal(answer(HEADER "}", value, error), 0);
	assert_string_equal(value, "");
}

static void test_leader_v2(void **state)
{
	char value[64], error[96];

	(void)state;
	assert_int_equal(answer("{\"action\":\"get\",\"node\":{\"key\":\"/service/postgres-cluster/leader\","
				"\"value\":\"postgres-2\",\"expiration\":\"2026-11-28T15:31:02.1Z\",\"ttl\":26,"
				"\"modifiedIndex\":35,\"createdIndex\":17}}", value, error), 0);
	assert_string_equal(value, "postgres-2");
	assert_int_equal(answer("{\"errorCode\":100,\"message\":\"Key not found\","
				"\"cause\":\"/service/postgres-cluster/leader\",\"index\":40}", value, error), 0);
	assert_string_equal(value, "");
}

static void test_no_answer(void **state)
{
	static const struct {
		const char *body, *error;
	} t[] = {
		{"{\"error\":\"etcdserver: request timed out\",\"message\":\"etcdserver: request timed out\","
		 "\"code\":14}", "etcd: etcdserver: request timed out"},
		{"{\"errorCode\":300,\"message\":\"Raft Internal Error\",\"index\":0}",
		 "etcd: Raft Internal Error"},
		{"{}", "etcd: an answer that is not understood"},
		{HEADER ",\"kvs\":[{\"value\":\"!\"}]}", "etcd: an answer that is not understood"},
		{"oops", "answer: not understood"},
		{"", "answer: not understood"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char value[64], error[96];

		assert_int_equal(answer(t[i].body, value, error), -1);
		assert_string_equal(value, "");
		assert_string_equal(error, t[i].error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leader),
		cmocka_unit_test(test_leader_v2),
		cmocka_unit_test(test_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
