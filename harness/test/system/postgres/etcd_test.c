/* What etcd answers, word for word as version 3.4 gave it, from a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "system/postgres/etcd.h"
#include "test/lib/one_answer.h"

#define HEADER \
	"{\"header\":{\"cluster_id\":\"14841639068965178418\",\"member_id\":\"10276657743932975437\"," \
	"\"revision\":\"9\",\"raft_term\":\"2\"}"

static int ask(bool v2, const char *body, const char *question, char value[64], char error[96])
{
	int64_t until_ns = clock_mono_ns() + 20 * NS_PER_S;
	struct http_call c;
	struct one_answer a;
	int r;

	one_answer_listen(&a);
	etcd_begin(&c, v2, "127.0.0.1", a.port, "/service/postgres-cluster/leader", until_ns);
	one_answer_give(&a, "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n", body);
	assert_non_null(strstr(a.question, question));
	r = etcd_end(&c, until_ns, value, 64);
	mem_copy_str(error, 96, c.error);
	assert_null(c.easy);
	return r;
}

static int answer(const char *body, char value[64], char error[96])
{
	return ask(false, body, "{\"serializable\":true,"
		   "\"key\":\"L3NlcnZpY2UvcG9zdGdyZXMtY2x1c3Rlci9sZWFkZXI=\"}", value, error);
}

static int answer_v2(const char *body, char value[64], char error[96])
{
	return ask(true, body, "GET /v2/keys/service/postgres-cluster/leader HTTP/1.0\r\n", value, error);
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
	assert_int_equal(answer_v2("{\"action\":\"get\",\"node\":{\"key\":\"/service/postgres-cluster/leader\","
				"\"value\":\"postgres-2\",\"expiration\":\"2026-11-28T15:31:02.1Z\",\"ttl\":26,"
				"\"modifiedIndex\":35,\"createdIndex\":17}}", value, error), 0);
	assert_string_equal(value, "postgres-2");
	assert_int_equal(answer_v2("{\"errorCode\":100,\"message\":\"Key not found\","
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
		{"", "answer: empty"},
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
