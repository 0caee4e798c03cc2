/* RabbitMQ's clients against a broker of the test's own: what each answer leaves open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test/system/rabbitmq/room.h"

/* On a busy machine a thread wakes late. */
#define LATE_NS (2 * NS_PER_S)

static void sent_and_received(void **state)
{
	struct room r;
	struct op op;

	(void)state;
	enter(&r, "{}");
	op = call(&r, OP_SEND, 0, 41, PLENTY_NS);
	assert_int_equal(op.outcome, OP_OK);
	assert_true(op.sent && op.connect_ns > 0);
	assert_int_equal(op.tag, 1);
	assert_non_null(strstr(op.via, "127.0.0.1:"));
	send_ok(&r, 42);
	for (int64_t v = 41; v <= 42; v++) {
		op = call(&r, OP_RECEIVE, 0, OP_NO_VALUE, PLENTY_NS);
		assert_int_equal(op.outcome, OP_OK);
		assert_int_equal(op.value, v);
		assert_false(op.redelivered);
		assert_int_equal(op.acked, OP_ACK_SENT);
	}
	/* Nothing more: the queue says so, well before the deadline. */
	op = call(&r, OP_RECEIVE, 0, OP_NO_VALUE, NS_PER_S);
	assert_int_equal(op.outcome, OP_OK);
	assert_int_equal(op.value, OP_NO_VALUE);
	assert_true(op.t_return - op.t_invoke < NS_PER_S);
	leave(&r);
}

/* A message in the hand of a consumer that goes away comes again, and is marked. */
static void comes_again(void **state)
{
	struct room r;
	struct op op;

	(void)state;
	enter(&r, "{}");
	send_ok(&r, 1);
	send_ok(&r, 2);
	/* The first is acknowledged, the second already delivered. */
	assert_int_equal(call(&r, OP_RECEIVE, 0, OP_NO_VALUE, PLENTY_NS).value, 1);
	op = call(&r, OP_RECEIVE, 1, OP_NO_VALUE, NS_PER_S);
	assert_int_equal(op.outcome, OP_OK);
	client_rabbitmq.client_free(r.c);
	r.c = client_rabbitmq.client_new(&r.acc, 4);
	op = call(&r, OP_RECEIVE, 0, OP_NO_VALUE, PLENTY_NS);
	assert_int_equal(op.value, 2);
	assert_true(op.redelivered);
	leave(&r);
}

static void delete_queue(const char *name)
{
	char *expr = mem_fmt("{ok, Q} = rabbit_amqqueue:lookup({resource, <<\"/\">>, queue, <<\"%s\">>}), "
			     "{ok, _} = rabbit_amqqueue:delete(Q, false, false, <<\"test\">>), <<\"gone\">>.", name);
	char *said = rabbit_server_eval(&server, expr);

	assert_non_null(said);
	free(said);
	free(expr);
}

/* To a queue that is not there: told with mandatory, and lied about without. */
static void no_route(void **state)
{
	struct room r;
	struct op op;

	(void)state;
	enter(&r, "{}");
	delete_queue("ordeal.0");
	op = call(&r, OP_SEND, 0, 7, PLENTY_NS);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_non_null(strstr(op.error, "returned"));
	/* The channel is none the worse for it. */
	assert_int_equal(call(&r, OP_SEND, 1, 8, PLENTY_NS).outcome, OP_OK);
	leave(&r);
	enter(&r, "{\"mandatory\": \"off\"}");
	delete_queue("ordeal.0");
	assert_int_equal(call(&r, OP_SEND, 0, 7, PLENTY_NS).outcome, OP_OK);
	leave(&r);
}

/* An alarm: the first publish goes out and is not answered, what follows is not sent, both
 * say why; once it is over, the same connection goes on. */
static void blocked(void **state)
{
	static const char set[] = "rabbit_alarm:set_alarm({{resource_limit, disk, node()}, []}), <<\"ok\">>.";
	static const char clear[] = "rabbit_alarm:clear_alarm({resource_limit, disk, node()}), <<\"ok\">>.";
	int64_t end_ns = clock_mono_ns() + PLENTY_NS;
	struct room r;
	struct op op;
	char *said;

	(void)state;
	enter(&r, "{}");
	send_ok(&r, 1);
	said = rabbit_server_eval(&server, set);
	assert_non_null(said);
	free(said);
	/* The broker tells its connections of an alarm a moment after it is set. */
	do {
		op = call(&r, OP_SEND, 0, 2, NS_PER_S);
	} while (op.outcome == OP_OK && clock_mono_ns() < end_ns);
	assert_int_equal(op.outcome, op.sent ? OP_INFO : OP_FAIL);
	assert_int_equal(op_error_class(&op), OP_ERR_BLOCKED);
	op = call(&r, OP_SEND, 0, 3, NS_PER_S / 2);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_false(op.sent);
	assert_string_equal(op.error, "blocked: low on disk");
	said = rabbit_server_eval(&server, clear);
	assert_non_null(said);
	free(said);
	op = call(&r, OP_SEND, 0, 4, PLENTY_NS);
	assert_int_equal(op.outcome, OP_OK);
	assert_int_equal(op.connect_ns, 0);
	leave(&r);
}

/* Two heartbeats without a byte, and it is taken for dead before anything is sent. */
static void heartbeats(void **state)
{
	struct room r;
	struct op op;

	(void)state;
	enter(&r, "{\"heartbeat\": 1}");
	send_ok(&r, 1);
	rabbit_server_signal(&server, SIGSTOP);
	clock_sleep_until(clock_mono_ns() + 2200 * NS_PER_MS);
	op = call(&r, OP_SEND, 0, 2, 300 * NS_PER_MS);
	rabbit_server_signal(&server, SIGCONT);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_false(op.sent);
	leave(&r);
}

/* Each of these values once; those that were never delivered before in their order. */
static void holds(const struct final_read *f, int64_t from, int64_t to)
{
	int64_t last = 0, sum = 0;

	assert_int_equal(f->nmessages, to - from + 1);
	for (size_t i = 0; i < f->nmessages; i++) {
		const struct final_message *m = &f->messages[i];

		assert_true(m->value >= from && m->value <= to &&
			    (m->redelivered || m->value > last));
		last = m->redelivered ? last : m->value;
		sum += m->value;
	}
	assert_int_equal(sum, (from + to) * (to - from + 1) / 2);
}

/* What is left is all that was sent and not acknowledged, whoever holds it. */
static void drained(void **state)
{
	struct final_read out;
	struct err e = {0};
	struct room r;

	(void)state;
	enter(&r, "{}");
	for (int64_t v = 1; v <= 20; v++)
		send_ok(&r, v);
	assert_int_equal(call(&r, OP_RECEIVE, 0, OP_NO_VALUE, PLENTY_NS).value, 1);
	/* It holds the second in its hand: nothing is complete before that is back. */
	assert_int_equal(rabbit_final_read(&r.acc, 2, &out, 3 * NS_PER_S, &e), -1);
	assert_non_null(strstr(e.msg, "1 others still consume"));
	assert_int_equal(out.nmessages, 0);
	final_read_free(&out);
	client_rabbitmq.client_free(r.c);
	if (rabbit_final_read(&r.acc, 2, &out, PLENTY_NS, &e))
		fail_msg("%s", e.msg);
	assert_true(out.drained);
	holds(&out, 2, 20);
	assert_int_equal(out.nanswers, 1);
	assert_int_equal(out.answers[0].role, ROLE_PRIMARY);
	final_read_free(&out);
	/* It takes nothing away. */
	assert_int_equal(rabbit_final_read(&r.acc, 2, &out, PLENTY_NS, &e), 0);
	holds(&out, 2, 20);
	final_read_free(&out);
	r.c = client_rabbitmq.client_new(&r.acc, 5);
	leave(&r);
}

/* Who consumes and has nothing in hand keeps nothing back. */
static void drained_beside(void **state)
{
	struct final_read out;
	struct err e = {0};
	struct room r;

	(void)state;
	enter(&r, "{}");
	send_ok(&r, 1);
	assert_int_equal(call(&r, OP_RECEIVE, 0, OP_NO_VALUE, PLENTY_NS).value, 1);
	if (rabbit_final_read(&r.acc, 2, &out, PLENTY_NS, &e))
		fail_msg("%s", e.msg);
	assert_true(out.drained);
	assert_int_equal(out.nmessages, 0);
	final_read_free(&out);
	leave(&r);
}

/* More than one consumer may have in hand. */
static void drained_many(void **state)
{
	struct final_read out;
	struct err e = {0};
	struct room r;

	(void)state;
	enter(&r, "{\"confirms\": \"off\"}");
	for (int64_t v = 1; v <= 5100; v++)
		call(&r, OP_SEND, 0, v, PLENTY_NS);
	if (rabbit_final_read(&r.acc, 2, &out, PLENTY_NS, &e))
		fail_msg("%s", e.msg);
	holds(&out, 1, 5100);
	for (size_t i = 1; i < out.nmessages; i++)
		assert_true(out.messages[i].value > out.messages[i - 1].value);
	final_read_free(&out);
	leave(&r);
}

/* Who consumes from a queue that is not there declares it, with his next call. */
static void declared_anew(void **state)
{
	struct room r;
	struct op op;

	(void)state;
	enter(&r, "{}");
	delete_queue("ordeal.0");
	op = call(&r, OP_RECEIVE, 0, OP_NO_VALUE, PLENTY_NS);
	assert_int_not_equal(op.outcome, OP_OK);
	assert_non_null(strstr(op.error, "404"));
	op = call(&r, OP_RECEIVE, 0, OP_NO_VALUE, PLENTY_NS);
	if (op.outcome != OP_OK)
		fail_msg("%s", op.error);
	assert_int_equal(op.value, OP_NO_VALUE);
	send_ok(&r, 9);
	assert_int_equal(call(&r, OP_RECEIVE, 0, OP_NO_VALUE, PLENTY_NS).value, 9);
	leave(&r);
}

static const char *told(const cJSON *settings, const char *name)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, settings)
		if (!strcmp(json_str(it, "name", ""), name))
			return json_str(it, "value", "");
	return "";
}

/* What a member says of itself, and the settings in force. */
static void probed(void **state)
{
	cJSON *settings = cJSON_CreateArray();
	struct err e = {0};
	struct sample s;
	struct probe *p;
	struct room r;
	int64_t before;

	(void)state;
	enter(&r, "{}");
	send_ok(&r, 1);
	p = client_rabbitmq.probe_new(&r.acc, &r.m);
	sample_begin(&s, &r.m);
	client_rabbitmq.probe(p, &s, PLENTY_NS);
	if (!s.ok)
		fail_msg("%s", s.error);
	assert_int_equal(s.role, ROLE_PRIMARY);
	assert_true(s.writable && s.timeline > 0 && json_i64(s.extra, "starts", 0) == 1);
	assert_true(json_i64(s.extra, "of", 0) == 2 && json_i64(s.extra, "kept", 0) == 2);
	assert_int_equal(json_i64(s.extra, "led", 0), 2);
	assert_int_equal(json_i64(s.extra, "led_hash", 0), json_i64(s.extra, "of_hash", -1));
	before = s.position;
	cJSON_Delete(s.extra);
	send_ok(&r, 2);
	/* The member that confirmed it may have applied it a moment before it says so. */
	for (int64_t until = clock_mono_ns() + PLENTY_NS;
	     s.position <= before && clock_mono_ns() < until;) {
		sample_begin(&s, &r.m);
		client_rabbitmq.probe(p, &s, PLENTY_NS);
		assert_string_equal(json_str(s.extra, "boot", ""), "ready");
		cJSON_Delete(s.extra);
	}
	assert_true(s.position > before);
	/* One that is frozen costs its time and no more. */
	rabbit_server_signal(&server, SIGSTOP);
	sample_begin(&s, &r.m);
	client_rabbitmq.probe(p, &s, 200 * NS_PER_MS);
	rabbit_server_signal(&server, SIGCONT);
	assert_false(s.ok || s.closed);
	assert_true(s.took_ns < 200 * NS_PER_MS + LATE_NS);
	cJSON_Delete(s.extra);
	client_rabbitmq.probe_free(p);
	assert_int_equal(client_rabbitmq.inforce(&r.acc, settings, &e), 0);
	assert_string_equal(told(settings, "queue_type"), "quorum");
	assert_string_equal(told(settings, "partition_handling"), "ignore");
	assert_string_equal(told(settings, "detector_poll"), "5000");
	assert_string_equal(told(settings, "net_ticktime"), "60000");
	assert_string_equal(told(settings, "confirms"), "on");
	cJSON_Delete(settings);
	leave(&r);
}

/* Whether the first queue, a classic one, is said to be meant to have mirrors. */
static bool is_mirrored(const struct room *r, struct probe *p)
{
	const cJSON *its;
	struct sample s;
	bool is;

	sample_begin(&s, &r->m);
	client_rabbitmq.probe(p, &s, PLENTY_NS);
	assert_true(s.writable && json_i64(s.extra, "kept", 0) == json_i64(s.extra, "of", -1));
	assert_int_equal(json_i64(s.extra, "led_hash", 0), json_i64(s.extra, "of_hash", -1));
	its = cJSON_GetArrayItem(json_get(s.extra, "queues"), 0);
	assert_true(json_get(its, "mirrored") && !strcmp(json_str(its, "type", ""), "classic"));
	is = json_bool(its, "mirrored", false);
	cJSON_Delete(s.extra);
	return is;
}

/* On one node, and then by the policy of mirrors, which takes a moment. */
static void classic(void **state)
{
	static const char *const how[] = {"{\"queue_type\": \"classic\", \"mirrored\": \"off\"}", "{\"queue_type\": \"classic\"}"};

	(void)state;
	for (int mirrored = 0; mirrored < 2; mirrored++) {
		int64_t until = clock_mono_ns() + PLENTY_NS;
		struct err e = {0};
		struct probe *p;
		cJSON *settings;
		struct room r;

		enter(&r, how[mirrored]);
		send_ok(&r, 5);
		assert_int_equal(call(&r, OP_RECEIVE, 0, OP_NO_VALUE, PLENTY_NS).value, 5);
		p = client_rabbitmq.probe_new(&r.acc, &r.m);
		while (is_mirrored(&r, p) != mirrored)
			assert_true(clock_mono_ns() < until);
		client_rabbitmq.probe_free(p);
		settings = cJSON_CreateArray();
		assert_int_equal(client_rabbitmq.inforce(&r.acc, settings, &e), 0);
		assert_string_equal(told(settings, "mirrored"), mirrored ? "on" : "off");
		cJSON_Delete(settings);
		leave(&r);
	}
}

static void long_password(void **state)
{
	char password[201], more[300], expr[600], *said;
	struct room r;

	(void)state;
	if (rabbit_server_missing())
		skip();
	snprintf(password, sizeof(password), "%0200d", 7);
	snprintf(more, sizeof(more), "{\"user\": \"u\", \"password\": \"%s\"}", password);
	snprintf(expr, sizeof(expr), "rabbit_auth_backend_internal:add_user(<<\"u\">>, <<\"%s\">>, <<\"t\">>), "
		 "rabbit_auth_backend_internal:set_permissions(<<\"u\">>, <<\"/\">>, <<\".*\">>, <<\".*\">>, <<\".*\">>, "
		 "<<\"t\">>), <<\"done\">>.", password);
	said = rabbit_server_eval(&server, expr);
	assert_string_equal(said, "done");
	free(said);
	enter(&r, more);
	send_ok(&r, 7);
	leave(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sent_and_received),
		cmocka_unit_test(comes_again),
		cmocka_unit_test(no_route),
		cmocka_unit_test(blocked),
		cmocka_unit_test(heartbeats),
		cmocka_unit_test(drained),
		cmocka_unit_test(drained_beside),
		cmocka_unit_test(drained_many),
		cmocka_unit_test(probed),
		cmocka_unit_test(classic),
		cmocka_unit_test(declared_anew),
		cmocka_unit_test(long_password),
	};

	return cmocka_run_group_tests(tests, begin_all, end_all);
}
