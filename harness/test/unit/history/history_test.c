/* history.jsonl and events.jsonl: what is written is read back, and what is
 * malformed is refused with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"
#include "history/op.h"
#include "history/read.h"

struct fixture {
	char path[64];
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));
	int fd;

	mem_copy_str(f->path, sizeof(f->path), "/tmp/ordeal-history-XXXXXX");
	fd = mkstemp(f->path);
	*state = f;
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int r = unlink(f->path);

	free(f);
	return r;
}

static void put(struct fixture *f, const char *text)
{
	FILE *out = fopen(f->path, "we");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static struct op example(void)
{
	struct op op = {
		.scenario = 2,
		.process = 63,
		.f = OP_CAS,
		.outcome = OP_INFO,
		.key = 7,
		.value = INT64_C(9007199254740991),
		.expect = 5,
		.t_intended = INT64_C(8640000123456789),
		.t_invoke = INT64_C(8640000123456790),
		.t_return = INT64_C(8640001123456790),
		.find_ns = 5,
		.dns_ns = 12,
		.connect_ns = 34,
		.late_ns = 2 * NS_PER_MS,
		.slip_ns = 3 * NS_PER_MS,
		.sent = true,
		.error = "timeout: no answer in time",
		.via = "10.244.1.7",
		.tx = "3e11fa47-71ca-11e1-9e33-c80aa9429562:nightly:23",
	};

	return op;
}

static void same(const struct op *a, const struct op *b)
{
	assert_int_equal(a->scenario, b->scenario);
	assert_int_equal(a->process, b->process);
	assert_int_equal(a->group, b->group);
	assert_int_equal(a->shard, b->shard);
	assert_int_equal(a->f, b->f);
	assert_int_equal(a->outcome, b->outcome);
	assert_int_equal(a->key, b->key);
	assert_int_equal(a->value, b->value);
	assert_int_equal(a->expect, b->expect);
	if (OP_BIT(a->f) & OP_MESSAGES) {
		assert_int_equal(a->partition, b->partition);
		assert_int_equal(a->offset, b->offset);
		assert_int_equal(a->tag, b->tag);
		assert_int_equal(a->redelivered, b->redelivered);
		assert_int_equal(a->acked, b->acked);
	}
	assert_int_equal(a->t_intended, b->t_intended);
	assert_int_equal(a->t_invoke, b->t_invoke);
	assert_int_equal(a->t_return, b->t_return);
	assert_int_equal(a->find_ns, b->find_ns);
	assert_int_equal(a->dns_ns, b->dns_ns);
	assert_int_equal(a->connect_ns, b->connect_ns);
	assert_int_equal(a->late_ns, b->late_ns);
	assert_int_equal(a->slip_ns, b->slip_ns);
	assert_int_equal(a->sent, b->sent);
	assert_string_equal(a->error, b->error);
	assert_string_equal(a->via, b->via);
	assert_string_equal(a->tx, b->tx);
	assert_int_equal(a->nlate, b->nlate);
	for (int i = 0; i < a->nlate; i++) {
		assert_int_equal(a->late[i].value, b->late[i].value);
		assert_int_equal(a->late[i].t, b->late[i].t);
	}
}

static void round_trip(const struct op *op)
{
	char line[OP_LINE_MAX];
	struct err e = {0};
	struct op_room room;
	struct op back;
	size_t len = op_to_line(op, line, sizeof(line));
	cJSON *o;

	assert_int_equal(len, strlen(line));
	assert_int_equal(line[strlen(line) - 1], '\n');
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	o = cJSON_Parse(line);
	assert_non_null(o);
	if (op_from_json(o, &room, &back, &e))
		fail_msg("%s", e.msg);
	same(op, &back);
	cJSON_Delete(o);
}

static void test_round_trip(void **state)
{
	struct op op = example();
	struct op_room room;

	(void)state;
	round_trip(&op);
	op.group = 1;
	op.shard = 3;
	op.f = OP_READ_REPLICA;
	round_trip(&op);
	op.key = op.expect = -1; /* a value as any other */
	round_trip(&op);
	op.key = op.expect = OP_NO_VALUE;
	op.f = OP_INSERT;
	op.sent = false;
	op.outcome = OP_FAIL;
	op.error = op.via = op.tx = "";
	op.find_ns = op.late_ns = op.slip_ns = op.dns_ns = op.connect_ns = 0;
	round_trip(&op);
	op.value = OP_NO_VALUE;
	op.f = OP_READ;
	round_trip(&op);
	/* All that a server may say in an error. */
	memset(&room, 0, sizeof(room));
	op_room_begin(&op, &room);
	memset(room.error, '"', sizeof(room.error) - 1);
	memset(room.via, '\\', sizeof(room.via) - 1);
	memset(room.tx, '"', sizeof(room.tx) - 1);
	round_trip(&op);
	/* And of as many earlier sends. */
	for (op.nlate = 0; op.nlate < OP_LATE_MAX; op.nlate++)
		room.late[op.nlate] =
			(struct op_late){op.t_return - op.nlate, INT64_C(9007199254740991)};
	round_trip(&op);
}

static void test_messages(void **state)
{
	struct op op = example();
	char line[OP_LINE_MAX];

	(void)state;
	op.f = OP_SEND;
	op.partition = op.key;
	op.offset = op.tag = op.expect = OP_NO_VALUE;
	round_trip(&op);
	op.offset = 0;
	round_trip(&op);
	op.f = OP_RECEIVE;
	op.redelivered = true;
	op.acked = OP_ACK_SENT;
	round_trip(&op);
	op.offset = OP_NO_VALUE;
	op.tag = INT64_C(9007199254740991);
	op.acked = OP_ACK_DONE;
	op.key = OP_NO_VALUE; /* the system chose */
	op.partition = 3;
	round_trip(&op);
	op_to_line(&op, line, sizeof(line));
	assert_non_null(strstr(line, ",\"part\":3,\"tag\":9007199254740991,\"redel\":true,\"ack\":\"ok\",\"ti\":"));
	/* Of other kinds nothing of this is said. */
	op.f = OP_WRITE;
	op_to_line(&op, line, sizeof(line));
	assert_null(strstr(line, "part"));
	assert_null(strstr(line, "redel"));
}

static void test_errors(void **state)
{
	static const struct {
		const char *text;
		enum op_error class;
	} t[] = {
		{"", OP_ERR_NONE}, {"mismatch: the value was 7", OP_ERR_MISMATCH}, {"timeout", OP_ERR_TIMEOUT},
		{"timeout: no answer", OP_ERR_TIMEOUT}, {"timeouts: 3", OP_ERR_OTHER}, {"dns: no", OP_ERR_DNS},
		{"connect: refused", OP_ERR_CONNECT}, {"broken: reset", OP_ERR_BROKEN},
		{"warning: waited", OP_ERR_WARNING}, {"client: not sent", OP_ERR_CLIENT},
		{"57P03: cannot connect now", OP_ERR_OTHER}, {"MISCONF errors writing", OP_ERR_OTHER},
	};
	struct op op = {.f = OP_CAS, .outcome = OP_FAIL};
	struct op_room room;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		op.error = t[i].text;
		assert_int_equal(op_error_class(&op), t[i].class);
		assert_int_equal(op_mismatch(&op), t[i].class == OP_ERR_MISMATCH);
		assert_int_equal(op_found_down(&op),
				 t[i].class != OP_ERR_MISMATCH && t[i].class != OP_ERR_CLIENT);
	}
	op_room_begin(&op, &room);
	op_error_set(&op, OP_ERR_CONNECT, "refused");
	assert_string_equal(op.error, "connect: refused");
	op.f = OP_READ; /* says nothing of writes */
	assert_false(op_found_down(&op));
	op.f = OP_INSERT;
	op.outcome = OP_OK;
	assert_false(op_found_down(&op));
	assert_true(op_acked_write(&op));
}

static void test_sets(void **state)
{
	char text[OP_SET_MAX];

	(void)state;
	assert_string_equal(op_set_text(0, text), "");
	assert_string_equal(op_set_text(OP_WRITES, text), "insert, write, cas, send");
	assert_string_equal(op_set_text(UINT32_MAX, text),
			    "insert, read, write, cas, read_replica, send, receive");
}

static void test_hostile_text(void **state)
{
	struct op op = example(), back;
	struct op_room room;
	char line[OP_LINE_MAX];
	struct err e = {0};
	cJSON *o;

	(void)state;
	op.error = "a\nb\tc\x01 \xff\xc3";
	op_to_line(&op, line, sizeof(line));
	o = cJSON_Parse(line);
	assert_non_null(o);
	assert_int_equal(op_from_json(o, &room, &back, &e), 0);
	assert_string_equal(back.error, "a b c  ??");
	cJSON_Delete(o);
}

#define SENT "{\"p\":0,\"tc\":1,\"tr\":2,\"f\":\"send\",\"o\":\"ok\",\"key\":1,\"val\":5"

static void test_refused(void **state)
{
	static const struct {
		const char *line, *why;
	} t[] = {
		{"[]", "must be a JSON object"},
		{"{}", "needs the number \"p\""},
		{"{\"p\":0,\"tc\":1}", "needs the number \"tr\""},
		{"{\"p\":0,\"tc\":1,\"tr\":\"2\"}", "needs the number \"tr\""},
		{"{\"p\":0,\"tc\":1,\"tr\":2}", "needs the word \"f\""},
		{"{\"p\":0,\"tc\":1,\"tr\":2,\"f\":\"append\",\"o\":\"ok\"}", "unknown \"f\": \"append\""},
		{"{\"p\":0,\"tc\":1,\"tr\":2,\"f\":\"read\",\"o\":\"yes\"}", "unknown \"o\": \"yes\""},
		{"{\"p\":-1,\"tc\":1,\"tr\":2,\"f\":\"read\",\"o\":\"ok\",\"key\":1}", "from 0 up"},
		{"{\"p\":0,\"tc\":3,\"tr\":2,\"f\":\"read\",\"o\":\"ok\",\"key\":1}", "before it was called"},
		{"{\"p\":0,\"ti\":2,\"tc\":1,\"tr\":3,\"f\":\"read\",\"o\":\"ok\",\"key\":1}", "before it was due"},
		{"{\"p\":0,\"tc\":2,\"tr\":6,\"find\":2,\"dns\":1,\"con\":2,\"f\":\"read\",\"o\":\"ok\",\"key\":1}", "took longer than all of it"},
		{SENT ",\"part\":\"0\"}", "\"part\" must be a number from 0 up"},
		{SENT ",\"off\":-1}", "\"off\" must be a number from 0 up"},
		{SENT ",\"tag\":true}", "\"tag\" must be a number from 0 up"},
		{SENT ",\"redel\":1}", "\"redel\" must be true or false"},
		{SENT ",\"ack\":true}", "needs the word \"ack\""},
		{SENT ",\"ack\":\"yes\"}", "unknown \"ack\": \"yes\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		cJSON *o = cJSON_Parse(t[i].line);
		struct op_room room;
		struct err e = {0};
		struct op op;

		assert_non_null(o);
		assert_int_equal(op_from_json(o, &room, &op, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		if (!strstr(e.msg, t[i].why))
			fail_msg("%s: %s", t[i].line, e.msg);
		cJSON_Delete(o);
	}
}

#define GOOD "{\"p\":1,\"f\":\"read\",\"o\":\"ok\",\"key\":1,\"tc\":5,\"tr\":6}\n"

static void test_read(void **state)
{
	struct fixture *f = *state;
	struct history h = {0};
	struct err e = {0};

	put(f, GOOD "\n" GOOD "{\"p\":1,\"f\":\"re");
	assert_int_equal(history_read(f->path, &h, &e), 0);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.torn, 4);
	assert_int_equal(h.ops[0].t_intended, 5); /* absent: as the call */
	assert_int_equal(h.ops[1].line, 3);
	assert_true(h.ops[0].sent);
	assert_int_equal(h.nstreams, 0);
	history_free(&h);

	put(f, "");
	assert_int_equal(history_read(f->path, &h, &e), 0);
	assert_int_equal(h.n, 0);
	assert_int_equal(h.torn, 0);
	assert_int_equal(history_read("/nonexistent/h", &h, &e), -1);
}

static void test_sort(void **state)
{
	struct history h = {0};
	struct op op = example();

	(void)state;
	for (int i = 0; i < 100; i++) {
		op.t_invoke = (i * 37) % 100 / 2; /* each time twice */
		op.process = (uint32_t)i;
		history_add(&h, &op);
	}
	history_sort(&h);
	for (size_t i = 1; i < h.n; i++) {
		assert_true(h.ops[i].t_invoke >= h.ops[i - 1].t_invoke);
		if (h.ops[i].t_invoke == h.ops[i - 1].t_invoke)
			assert_true(h.ops[i].process > h.ops[i - 1].process);
	}
	history_free(&h);
}

/* A class, the longest name, and what is said of it; in the longest line. */
static void test_longest(void **state)
{
	struct op op = example();
	struct op_room room;
	char name[254], detail[300];

	(void)state;
	memset(&room, 0, sizeof(room));
	op_room_begin(&op, &room);
	memset(name, 'h', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(detail, sizeof(detail), "the name server has no answer for %s", name);
	op_error_set(&op, OP_ERR_DNS, detail);
	assert_string_equal(op.error + strlen("dns: "), detail);
	round_trip(&op);
	memset(room.error, '"', sizeof(room.error) - 1);
	memset(room.via, '"', sizeof(room.via) - 1);
	memset(room.tx, '"', sizeof(room.tx) - 1);
	op.f = OP_RECEIVE;
	op.scenario = op.process = INT32_MAX;
	op.group = op.shard = UINT16_MAX;
	op.value = op.expect = -(INT64_C(1) << 53);
	op.key = op.partition = op.offset = op.tag = INT64_C(1) << 53;
	op.partition--;
	op.redelivered = true;
	op.acked = OP_ACK_SENT;
	round_trip(&op);
}

static void test_many(void **state)
{
	struct fixture *f = *state;
	struct history h = {0};
	struct op op = example();
	char line[OP_LINE_MAX];
	struct err e = {0};
	FILE *out = fopen(f->path, "we");
	int64_t from = clock_mono_ns(), written;

	for (int i = 0; i < 100000; i++) {
		op.value = i;
		fwrite(line, 1, op_to_line(&op, line, sizeof(line)), out);
	}
	assert_int_equal(fclose(out), 0);
	written = clock_mono_ns();
	assert_int_equal(history_read(f->path, &h, &e), 0);
	print_message("# 100000 operations: %.0f ms to write, %.0f ms to read\n",
		      (double)(written - from) / 1e6, (double)(clock_mono_ns() - written) / 1e6);
	assert_int_equal(h.n, 100000);
	for (size_t i = 0; i < h.n; i++)
		assert_int_equal(h.ops[i].value, i);
	history_free(&h);
}

static void test_events_of(void **state)
{
	cJSON *all = cJSON_Parse("[{\"k\":\"run\"},{\"k\":\"a\",\"s\":0},{\"k\":\"b\",\"s\":1},"
				 "{\"k\":\"c\",\"s\":0},{\"k\":\"end\"}]");
	cJSON *own = events_of(all, 0), *e;
	struct buf kinds = {0};

	(void)state;
	cJSON_ArrayForEach(e, own)
		buf_fmt(&kinds, "%s ", json_str(e, "k", "?"));
	assert_string_equal(buf_cstr(&kinds), "run a c end ");
	buf_free(&kinds);
	cJSON_Delete(own);
	assert_int_equal(cJSON_GetArraySize(all), 5);
	assert_true(event_is(cJSON_GetArrayItem(all, 1), "a"));
	cJSON_Delete(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_refused),
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_longest),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test(test_events_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
