/* One connection to Redis, on a socket whose other end the test holds: what a
 * server may do wrong, and that no call outlives its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "system/redis/conn.h"
#include "system/redis/ops.h"

#define SHORT_NS (150 * NS_PER_MS)
#define LONG_NS (20 * NS_PER_S)
/* A test must hold on a starved machine too. */
#define SLACK_NS (2 * NS_PER_S)

struct fixture {
	int listener, peer, port;
	struct redis_conn *c;
	char why[120];
};

static int start(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);

	*state = f;
	f->peer = -1;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->listener < 0 || bind(f->listener, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(f->listener, 4) || getsockname(f->listener, (struct sockaddr *)&a, &len))
		return -1;
	f->port = ntohs(a.sin_port);
	f->c = redis_open("127.0.0.1", f->port, clock_mono_ns() + LONG_NS, NULL, f->why, sizeof(f->why));
	if (!f->c)
		return -1;
	f->peer = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	return f->peer < 0 ? -1 : 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;

	redis_drop(f->c);
	if (f->peer >= 0)
		close(f->peer);
	close(f->listener);
	free(f);
	return 0;
}

static void say(const struct fixture *f, const char *text)
{
	assert_int_equal(send(f->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static enum redis_end ping(struct fixture *f, int64_t ns, redisReply **r)
{
	static const char *const words[] = {"PING"};

	return redis_call(f->c, 1, words, clock_mono_ns() + ns, r, f->why, sizeof(f->why));
}

static void test_answer(void **state)
{
	struct fixture *f = *state;
	char got[64] = "";
	redisReply *r;

	say(f, "+PONG\r\n");
	assert_int_equal(ping(f, LONG_NS, &r), REDIS_ANSWERED);
	assert_string_equal(redis_text(r), "PONG");
	freeReplyObject(r);
	assert_int_equal(recv(f->peer, got, sizeof(got) - 1, 0), 14);
	assert_string_equal(got, "*1\r\n$4\r\nPING\r\n");
}

/* An error reply is an answer. */
static void test_error(void **state)
{
	struct fixture *f = *state;
	struct op op = {.f = OP_INSERT, .outcome = OP_INFO};
	struct op_room room;
	redisReply *r;

	op_room_begin(&op, &room);
	say(f, "-MISCONF Errors writing to the AOF file: No space left on device\r\n");
	assert_int_equal(ping(f, LONG_NS, &r), REDIS_ANSWERED);
	assert_int_equal(r->type, REDIS_REPLY_ERROR);
	redis_command_answered(&op, r);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_string_equal(op.error, "MISCONF: Errors writing to the AOF file: No space left on device");
	freeReplyObject(r);
}

static void test_silence(void **state)
{
	struct fixture *f = *state;
	int64_t from = clock_mono_ns();
	redisReply *r;

	assert_int_equal(ping(f, SHORT_NS, &r), REDIS_TIMEOUT);
	assert_null(r);
	assert_in_range(clock_mono_ns() - from, SHORT_NS, SHORT_NS + SLACK_NS);
	assert_int_equal(strncmp(f->why, "timeout", 7), 0);
}

/* Half an answer is none, however long it is dribbled on. */
static void test_half(void **state)
{
	struct fixture *f = *state;
	redisReply *r;

	say(f, "$10\r\n12345");
	assert_int_equal(ping(f, SHORT_NS, &r), REDIS_TIMEOUT);
	assert_null(r);
}

static void test_closed(void **state)
{
	struct fixture *f = *state;
	redisReply *r;

	assert_false(redis_gone(f->c));
	say(f, "$10\r\n12345");
	close(f->peer);
	f->peer = -1;
	assert_int_equal(ping(f, LONG_NS, &r), REDIS_BROKEN);
	assert_null(r);
	assert_int_equal(strncmp(f->why, "broken", 6), 0);
	assert_true(redis_gone(f->c));
}

static void test_nonsense(void **state)
{
	struct fixture *f = *state;
	redisReply *r;

	say(f, "HTTP/1.1 400 Bad Request\r\n\r\n");
	assert_int_equal(ping(f, LONG_NS, &r), REDIS_BROKEN);
	assert_null(r);
}

/* The answers of several commands come in their order. */
static void test_several(void **state)
{
	static const char *const a[] = {"GET", "a"}, *const b[] = {"GET", "b"};
	struct fixture *f = *state;
	redisReply *r;

	redis_put(f->c, 2, a);
	redis_put(f->c, 2, b);
	say(f, "$1\r\n1\r\n$-1\r\n");
	assert_int_equal(redis_get(f->c, clock_mono_ns() + LONG_NS, &r, f->why, sizeof(f->why)),
			 REDIS_ANSWERED);
	assert_string_equal(redis_text(r), "1");
	freeReplyObject(r);
	assert_int_equal(redis_get(f->c, clock_mono_ns() + LONG_NS, &r, f->why, sizeof(f->why)),
			 REDIS_ANSWERED);
	assert_int_equal(r->type, REDIS_REPLY_NIL);
	assert_string_equal(redis_text(r), "");
	freeReplyObject(r);
}

static void test_nobody(void **state)
{
	struct fixture *f = *state;
	struct redis_cost cost = {0};

	redis_drop(f->c);
	close(f->listener);
	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	f->c = redis_open("127.0.0.1", f->port, clock_mono_ns() + LONG_NS, &cost, f->why, sizeof(f->why));
	assert_null(f->c);
	assert_int_equal(strncmp(f->why, "connect", 7), 0);
	f->c = redis_open("127.0.0.1", f->port, clock_mono_ns() - 1, &cost, f->why, sizeof(f->why));
	assert_null(f->c);
}

/* What goes over the wire for each operation. */
static void test_commands(void **state)
{
	struct op op = {.f = OP_INSERT, .key = OP_NO_VALUE, .value = 17, .expect = OP_NO_VALUE};
	struct redis_command k;
	char *payload = redis_payload(3, 100), *other = redis_payload(4, 100);

	(void)state;
	assert_int_equal(strlen(payload), 100);
	assert_string_not_equal(payload, other);
	redis_command_make(&op, payload, &k);
	assert_int_equal(k.argc, 3);
	assert_string_equal(k.argv[0], "RPUSH");
	assert_string_equal(k.argv[1], "ordeal:insert:17");
	assert_ptr_equal(k.argv[2], payload);
	op = (struct op){.f = OP_CAS, .key = 2, .value = 6, .expect = OP_NO_VALUE};
	redis_command_make(&op, payload, &k);
	assert_int_equal(k.argc, 6);
	assert_string_equal(k.argv[3], "ordeal:register:2");
	assert_string_equal(k.argv[4], ""); /* absent */
	assert_string_equal(k.argv[5], "6");
	free(payload);
	free(other);
	/* Without a payload a value is not empty: an empty list is no list. */
	payload = redis_payload(3, 0);
	assert_string_equal(payload, "1");
	free(payload);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		T(test_answer), T(test_error), T(test_silence), T(test_half), T(test_closed),
		T(test_nonsense), T(test_several), T(test_nobody), cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
