/* RabbitMQ's confirms, against a broker of the test's own: those that come too late, and
 * refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test/system/rabbitmq/room.h"

/* A server that falls silent: the deadline holds, and nobody knows. The channel is kept, its
 * late confirm taken, or not, as the client likes. */
static void silent(void **state)
{
	static const char *const how[] = {"{\"heartbeat\": 0}", "{\"heartbeat\": 0, \"on_silence\": \"reconnect\"}"};
	struct room r;
	struct op op;
	int64_t ended_ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(how); i++) {
		enter(&r, how[i]);
		send_ok(&r, 1);
		rabbit_server_signal(&server, SIGSTOP);
		op = call(&r, OP_SEND, 0, 2, 300 * NS_PER_MS);
		rabbit_server_signal(&server, SIGCONT);
		assert_int_equal(op.outcome, OP_INFO);
		assert_true(op.sent);
		assert_int_equal(op_error_class(&op), OP_ERR_TIMEOUT);
		assert_true(op.t_return - op.t_invoke <= 300 * NS_PER_MS + 200 * NS_PER_MS);
		ended_ns = op.t_return;
		op = call(&r, OP_SEND, 0, 3, PLENTY_NS);
		assert_int_equal(op.outcome, OP_OK);
		assert_int_equal(op.connect_ns == 0, i == 0);
		/* What its channel heard meanwhile is told, once. */
		assert_int_equal(op.nlate, i == 0);
		assert_true(i || (op.late[0].value == 2 && op.late[0].t >= ended_ns &&
				  op.late[0].t <= op.t_return));
		assert_int_equal(call(&r, OP_SEND, 0, 4, PLENTY_NS).nlate, 0);
		leave(&r);
	}
}

static void evaluate(const char *expr, const char *expected)
{
	char *said = rabbit_server_eval(&server, expr);

	assert_non_null(said);
	assert_string_equal(said, expected);
	free(said);
}

/* A queue that is full and refuses what it has no room for (rabbitmq.com/docs/maxlength): the
 * broker says nack. */
static void refused(void **state)
{
	static const char full[] =
		"ok = rabbit_policy:set(<<\"/\">>, <<\"full\">>, <<\"^ordeal\">>, [{<<\"max-length\">>, 1}, "
		"{<<\"overflow\">>, <<\"reject-publish\">>}], 1, <<\"queues\">>, <<\"test\">>), <<\"ok\">>.";
	static const char not_full[] = "rabbit_policy:delete(<<\"/\">>, <<\"full\">>, <<\"test\">>), <<\"ok\">>.";
	static const char *const how[] = {"{}", "{\"queue_type\": \"classic\", \"mirrored\": \"off\"}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(how); i++) {
		int64_t value = 1, until_ns = clock_mono_ns() + PLENTY_NS;
		struct room r;
		struct op op;

		enter(&r, how[i]);
		evaluate(full, "ok");
		/* A policy, and that a queue is full, are heard of a moment later. */
		do {
			op = call(&r, OP_SEND, 0, value++, PLENTY_NS);
			assert_true(op.sent);
		} while (op.outcome == OP_OK && clock_mono_ns() < until_ns);
		assert_string_equal(op.error, "nack");
		assert_int_equal(op.outcome, i == 0 ? OP_FAIL : OP_INFO);
		/* The channel is none the worse for it, once there is room. */
		do {
			op = call(&r, OP_RECEIVE, 0, OP_NO_VALUE, NS_PER_S);
			assert_int_equal(op.outcome, OP_OK);
			op = call(&r, OP_SEND, 0, value++, PLENTY_NS);
		} while (op.outcome != OP_OK && clock_mono_ns() < until_ns);
		assert_int_equal(op.outcome, OP_OK);
		assert_int_equal(op.connect_ns, 0);
		evaluate(not_full, "ok");
		leave(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests_name("rabbitmq, confirms", tests, begin_all, end_all);
}
