/* The toy store's clients against three members as real processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "memoryd/net.h"
#include "memoryd/store.h"
#include "system/client_kit.h"
#include "system/memory/wire.h"
#include "system/model.h"
#include "test/lib/memory_cluster.h"
#include "test/system/memory/room.h"

static void operations_mean_what_they_say(void **state)
{
	struct memory_cluster mc;
	struct final_read f;
	struct client *c;
	struct err e = {0};
	struct op op;
	cJSON *v;

	(void)state;
	memory_cluster_up(&mc, NULL);
	assert_int_equal(client_memory.setup(&mc.acc, 4, DEADLINE_NS, &e), 0);
	c = client_memory.client_new(&mc.acc, 0);
	op = do_op(c, OP_READ, 1, OP_NO_VALUE, OP_NO_VALUE);
	assert_int_equal(op.outcome, OP_OK);
	assert_int_equal(op.value, OP_NO_VALUE);
	assert_true(op.connect_ns > 0 && op.dns_ns > 0);
	assert_true(!strncmp(op.via, "127.", 4));
	op = do_op(c, OP_WRITE, 1, OP_NO_VALUE, 5);
	assert_int_equal(op.outcome, OP_OK);
	assert_int_equal(op.connect_ns, 0); /* the connection is kept */
	assert_int_equal(do_op(c, OP_CAS, 1, 5, 6).outcome, OP_OK);
	op = do_op(c, OP_CAS, 1, 5, 7);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_true(op.sent && !strncmp(op.error, "mismatch", 8));
	assert_int_equal(do_op(c, OP_CAS, 2, 5, 7).outcome, OP_FAIL);
	assert_int_equal(do_op(c, OP_READ, 1, OP_NO_VALUE, OP_NO_VALUE).value, 6);
	assert_int_equal(do_op(c, OP_INSERT, OP_NO_VALUE, OP_NO_VALUE, 100).outcome, OP_OK);
	assert_int_equal(do_op(c, OP_INSERT, OP_NO_VALUE, OP_NO_VALUE, 100).outcome, OP_OK);
	assert_int_equal(client_memory.final_read(&mc.acc, 3, &f, DEADLINE_NS, &e), 0);
	assert_int_equal(f.n, 2); /* duplicates are told */
	assert_int_equal(f.registers[0], OP_NO_VALUE);
	assert_int_equal(f.registers[1], 6);
	/* Who told all this, and as what. */
	assert_int_equal(f.nanswers, 1);
	assert_int_equal(f.answers[0].role, ROLE_PRIMARY);
	assert_true(*f.answers[0].address);
	assert_true(*f.answers[0].member);
	final_read_free(&f);
	v = cJSON_CreateArray();
	assert_int_equal(client_memory.inforce(&mc.acc, v, &e), 0);
	assert_int_equal(cJSON_GetArraySize(v), 6);
	cJSON_Delete(v);
	client_memory.client_free(c);
	memory_cluster_down(&mc);
}

static void send_until_ok(struct client *c, int64_t key, int64_t value)
{
	int64_t end_ns = clock_mono_ns() + 30 * NS_PER_S;

	while (do_op(c, OP_SEND, key, OP_NO_VALUE, value).outcome != OP_OK) {
		if (clock_mono_ns() > end_ns)
			fail_msg("no send was acknowledged for 30 s");
		clock_sleep_until(clock_mono_ns() + 5 * NS_PER_MS);
	}
}

static void receive_is(struct client *c, int64_t key, int64_t value, int64_t offset,
		       bool redelivered)
{
	struct op op = do_op(c, OP_RECEIVE, key, OP_NO_VALUE, OP_NO_VALUE);

	assert_int_equal(op.outcome, OP_OK);
	assert_int_equal(op.value, value);
	assert_int_equal(op.offset, offset);
	assert_int_equal(op.partition, key);
	assert_int_equal(op.redelivered, redelivered);
	assert_int_equal(op.acked, value == OP_NO_VALUE ? OP_ACK_NONE : OP_ACK_DONE);
}

/* Takes one by hand, and does not acknowledge it. */
static void hold(struct memory_cluster *mc, struct wire *w, const char *says)
{
	int64_t end_ns = clock_mono_ns() + 30 * NS_PER_S, dns_ns, connect_ns;
	const char *line;
	struct err e = {0};

	wire_init(w);
	assert_int_equal(wire_find_primary(w, &mc->acc, end_ns, &dns_ns, &connect_ns, &e), WIRE_OK);
	assert_int_equal(wire_send(w, "receive 1", end_ns, &e), WIRE_OK);
	assert_int_equal(wire_line(w, &line, end_ns, &e), WIRE_OK);
	assert_string_equal(line, says);
}

/* What is held comes again when its holder is gone, also from another primary;
 * what was acknowledged does not. */
static void messages_come_at_least_once(void **state)
{
	static const char *const quick[] = {"--ttl-ms", "1000", "--loop-ms", "100", NULL};
	struct memory_cluster mc;
	struct final_read f;
	struct client *c;
	struct err e = {0};
	struct wire w;
	bool again = false;
	int64_t end_ns;
	struct op op;

	(void)state;
	memory_cluster_up(&mc, quick);
	c = client_memory.client_new(&mc.acc, 0);
	receive_is(c, 1, OP_NO_VALUE, OP_NO_VALUE, false);
	for (int i = 0; i < 5; i++) {
		op = do_op(c, OP_SEND, 1, OP_NO_VALUE, 100 + i);
		assert_int_equal(op.outcome, OP_OK);
		assert_int_equal(op.offset, i);
	}
	assert_int_equal(do_op(c, OP_SEND, 2, OP_NO_VALUE, 200).offset, 0);
	receive_is(c, 1, 100, 0, false);
	hold(&mc, &w, "message 1 101 0");
	receive_is(c, 1, 102, 2, false); /* not what somebody holds */
	wire_close(&w);
	end_ns = clock_mono_ns() + 30 * NS_PER_S;
	do { /* until the member has seen that connection's end */
		op = do_op(c, OP_RECEIVE, 1, OP_NO_VALUE, OP_NO_VALUE);
		assert_int_equal(op.redelivered, op.value == 101);
		again = again || op.value == 101;
	} while ((!again || op.value != OP_NO_VALUE) && clock_mono_ns() < end_ns);
	assert_true(again);

	send_until_ok(c, 1, 110);
	hold(&mc, &w, "message 5 110 0");
	memory_cluster_signal(&mc, memory_cluster_primary(&mc, -1), SIGKILL);
	send_until_ok(c, 1, 120);
	receive_is(c, 1, 110, 5, true);
	wire_close(&w);
	assert_int_equal(client_memory.final_read(&mc.acc, 0, &f, DEADLINE_NS, &e), 0);
	assert_true(f.drained);
	/* A log keeps all that was sent; 120 may stand there more than once. */
	assert_true(f.nmessages >= 8);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(f.messages[i].partition, 1);
		assert_int_equal(f.messages[i].offset, i);
		assert_int_equal(f.messages[i].value, 100 + i);
	}
	assert_int_equal(f.messages[f.nmessages - 1].partition, 2);
	assert_int_equal(f.messages[f.nmessages - 1].value, 200);
	final_read_free(&f);
	client_memory.client_free(c);
	memory_cluster_down(&mc);
}

/* What a replica has got it answers, and the primary never answers for it. */
static void replicas_answer_reads(void **state)
{
	static const char *const quick[] = {"--ttl-ms", "1000", "--loop-ms", "100", NULL};
	struct memory_cluster mc;
	struct sample before, after;
	struct client *c;
	int64_t end_ns;
	int primary;
	struct op op;

	(void)state;
	memory_cluster_up(&mc, quick);
	mc.acc.payload_bytes = 100;
	c = client_memory.client_new(&mc.acc, 1);
	assert_int_equal(do_op(c, OP_WRITE, 0, OP_NO_VALUE, 7).outcome, OP_OK);
	primary = memory_cluster_primary(&mc, -1);
	end_ns = clock_mono_ns() + 20 * NS_PER_S;
	do {
		op = do_op(c, OP_READ_REPLICA, 0, OP_NO_VALUE, OP_NO_VALUE);
		assert_int_equal(op.outcome, OP_OK);
	} while (op.value != 7 && clock_mono_ns() < end_ns);
	assert_int_equal(op.value, 7);
	assert_true(op.sent);
	assert_string_not_equal(op.via, mc.acc.members[primary].host);
	memory_cluster_sample(&mc, primary, &before);
	assert_int_equal(do_op(c, OP_INSERT, OP_NO_VALUE, OP_NO_VALUE, 1).outcome, OP_OK);
	memory_cluster_sample(&mc, primary, &after);
	/* One entry for the value, four that hold 100 bytes more. */
	assert_int_equal(after.position - before.position, 5 * MEMORY_ENTRY_BYTES);
	cJSON_Delete(before.extra);
	cJSON_Delete(after.extra);
	client_memory.client_free(c);
	memory_cluster_down(&mc);
}

static void replicas_and_nonsense_are_refused(void **state)
{
	static const char *const bad[] = {"insert x", "cas 1 2", "read 99999", "write 1 -5", "", "hello",
					  "send 1", "send 99999 1", "receive x", "ack 0", "ack 0 0"};
	struct memory_cluster mc;
	const char *line;
	struct wire w;
	struct err e = {0};
	char addr[64], text[300];
	int64_t end_ns = clock_mono_ns() + 30 * NS_PER_S;
	int port, primary;

	(void)state;
	memory_cluster_up(&mc, NULL);
	port = (int)json_i64(mc.acc.conf, "port", 0);
	primary = memory_cluster_primary(&mc, -1);
	wire_init(&w);
	assert_int_equal(memory_net_resolve(mc.members[(primary + 1) % 3].host, addr, &e), 0);
	assert_int_equal(wire_connect(&w, addr, port, end_ns, &e), WIRE_OK);
	assert_int_equal(wire_send(&w, "insert 1", end_ns, &e), WIRE_OK);
	assert_int_equal(wire_line(&w, &line, end_ns, &e), WIRE_OK);
	assert_string_equal(line, "err not the primary");
	assert_int_equal(memory_net_resolve(mc.members[primary].host, addr, &e), 0);
	assert_int_equal(wire_connect(&w, addr, port, end_ns, &e), WIRE_OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(wire_send(&w, bad[i], end_ns, &e), WIRE_OK);
		assert_int_equal(wire_line(&w, &line, end_ns, &e), WIRE_OK);
		if (strncmp(line, "err ", 4))
			fail_msg("\"%s\" was answered with \"%s\"", bad[i], line);
	}
	/* A line without an end is not kept for ever. */
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 40 && send(w.fd, text, strlen(text), MSG_NOSIGNAL) > 0; i++)
		;
	assert_int_equal(wire_line(&w, &line, end_ns, &e), WIRE_BROKEN);
	wire_close(&w);
	memory_cluster_down(&mc);
}

static void nobody_there_is_a_certain_failure(void **state)
{
	struct member m[2] = {{.name = "a", .host = "127.0.0.1"},
			      {.name = "b", .host = "no-such-name"}};
	struct access acc = {.members = m, .n = 2, .conf = cJSON_CreateObject()};
	struct op op = {.f = OP_INSERT, .key = OP_NO_VALUE, .value = 1, .expect = OP_NO_VALUE};
	struct client *c = client_memory.client_new(&acc, 0);
	struct probe *p = client_memory.probe_new(&acc, &m[1]);
	struct final_read f;
	struct sample s;
	struct err e = {0};
	int port = 0, fd;

	(void)state;
	/* A port that was free a moment ago. */
	assert_int_equal(memory_net_listen("127.0.0.1", &port, &fd, &e), 0);
	close(fd);
	json_set_i64(acc.conf, "port", port);
	call_make(&client_memory, c, &op, trial_room(), DEADLINE_NS);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_false(op.sent);
	assert_non_null(strstr(op.error, "no primary"));
	sample_begin(&s, &m[1]);
	client_memory.probe(p, &s, DEADLINE_NS);
	assert_false(s.ok);
	assert_non_null(strstr(s.error, "no-such-name"));
	assert_int_equal(client_memory.final_read(&acc, 2, &f, DEADLINE_NS, &e), -1);
	final_read_free(&f);
	client_memory.probe_free(p);
	client_memory.client_free(c);
	cJSON_Delete(acc.conf);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations_mean_what_they_say),
		cmocka_unit_test(messages_come_at_least_once),
		cmocka_unit_test(replicas_answer_reads),
		cmocka_unit_test(replicas_and_nonsense_are_refused),
		cmocka_unit_test(nobody_there_is_a_certain_failure),
	};
	int code;

	if (memory_cluster_dispatch(argc, argv, &code))
		return code;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
