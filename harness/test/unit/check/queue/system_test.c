#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "test/unit/check/queue/run.h"

/* checker_queue where it matters what the system is: a log keeps what was received, a broker
 * that marks what it delivers again gives nothing out as new twice, and clients may read as
 * one consumer. */

static void begin_on(struct run *r, const char *system)
{
	cJSON *e = cJSON_CreateObject();

	begin(r);
	json_set_i64(e, "t", 0);
	json_set_i64(e, "s", 0);
	json_set_str(e, "k", "scenario");
	json_set_str(e, "name", "x");
	json_set_str(e, "system", system);
	json_push(r->events, e);
}

static void ten_sent(struct run *r, bool offsets)
{
	for (int i = 0; i < 10; i++)
		sent(r, i % 2, 0, 100 + i, offsets ? i : NONE, i * 10);
}

static void ten_got(struct run *r, bool offsets, int64_t from_ms, enum op_ack acked)
{
	for (int i = 0; i < 10; i++)
		got(r, 5, 0, 100 + i, offsets ? i : NONE, from_ms + i * 10, acked);
}

/* All ten, and all received. */
static void log_read(struct run *r)
{
	begin_on(r, "kafka");
	ten_sent(r, true);
	ten_got(r, true, 200, OP_ACK_DONE);
}

static void a_log_is_cut_back(void **state)
{
	struct run r;

	(void)state;
	log_read(&r);
	fails(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103]}]",
	      "messages: 6 received, and no more in their log at the end",
	      "\"client 0 sent 104 to partition 0, offset 4 (0.040 to 0.042 s): acknowledged\",\"client 5 "
	      "received 104 of partition 0, offset 4");
	log_read(&r);
	fails(&r, "[]", "messages: 10 received, and no more in their log at the end", "received 100");
	/* Another partition's messages are no help. */
	log_read(&r);
	sent(&r, 3, 1, 200, 0, 100);
	fails(&r, "[{\"part\":1,\"off\":0,\"val\":[200]}]",
	      "messages: 10 received, and no more in their log at the end", "received 100");
	/* Nobody knew whether it was sent, until somebody received it. */
	log_read(&r);
	put(&r, OP_SEND, 3, 0, 110, 100, 150, OP_INFO);
	got(&r, 5, 0, 110, 10, 300, OP_ACK_DONE);
	fails(&r, ALL_TEN, "messages: 1 received, and no more in their log at the end", "fate unknown");
	/* Only the end tells that it is a log. */
	begin(&r);
	ten_sent(&r, false);
	ten_got(&r, false, 200, OP_ACK_DONE);
	fails(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,106,107,108]}]",
	      "messages: 1 received, and no more in their log at the end", "received 109");
	/* What nobody received is lost, and counts once. */
	healthy(&r);
	fails(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105]}]",
	      "messages: 2 acknowledged and never received, nor there at the end; "
	      "2 received, and no more in their log at the end", "received 106");
}

/* A log may give up what is oldest. */
static void a_log_begins_later(void **state)
{
	struct run r;

	(void)state;
	log_read(&r);
	unknown(&r, "[{\"part\":0,\"off\":4,\"val\":[104,105,106,107,108,109]}]",
		"4 received messages stood before the first that their log still has");
	log_read(&r);
	fails(&r, "[{\"part\":0,\"off\":4,\"val\":[104,105,106,107,108]}]",
	      "messages: 1 received, and no more in their log at the end", "received 109");
}

static void twice_as_new(void **state)
{
	static const char twice[] = "messages: 10 given out as new more than once";
	static const enum op_ack acks[] = {OP_ACK_SENT, OP_ACK_NONE};
	struct run r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(acks); i++) {
		begin_on(&r, "rabbitmq");
		ten_sent(&r, false);
		ten_got(&r, false, 200, acks[i]);
		ten_got(&r, false, 400, OP_ACK_SENT);
		fails(&r, "[]", twice, "\"client 5 received 100 of partition 0 (0.400 to 0.402 s)");
	}
	/* All are there at the end, as if nobody had had them. */
	begin_on(&r, "rabbitmq");
	ten_sent(&r, false);
	ten_got(&r, false, 200, OP_ACK_SENT);
	fails(&r, "[{\"part\":0,\"val\":[109,108,107,106,105,104,103,102,101,100]}]", twice,
	      "at the end queue 0 still holds 109");
}

static void again_and_marked(void **state)
{
	struct run r;

	(void)state;
	begin_on(&r, "rabbitmq");
	ten_sent(&r, false);
	ten_got(&r, false, 200, OP_ACK_SENT);
	got(&r, 6, 0, 103, NONE, 400, OP_ACK_SENT)->redelivered = true;
	/* Taken late out of a hand whose connection was dead. */
	sent(&r, 0, 0, 110, NONE, 190);
	got(&r, 6, 0, 110, NONE, 410, OP_ACK_SENT)->redelivered = true;
	got(&r, 7, 0, 110, NONE, 420, OP_ACK_SENT);
	passes(&r, "[{\"part\":0,\"redel\":true,\"val\":[104]}]",
	       "of 13 deliveries 2 came again before their acknowledgement was confirmed, 2 were marked");
	/* Who marks nothing gives nothing out as new. */
	log_read(&r);
	for (size_t i = 0; i < r.h.n; i++)
		r.h.ops[i].acked = OP_ACK_SENT;
	ten_got(&r, true, 400, OP_ACK_DONE);
	passes(&r, ALL_TEN, "10 came again");
}

/* The later half to one client, and then the earlier one to another. */
static void halves(struct run *r, const char *system, uint32_t group)
{
	begin_on(r, system);
	ten_sent(r, true);
	for (int i = 0; i < 10; i++) {
		int offset = (i + 5) % 10, by = i < 5 ? 5 : 6;
		struct op *op = got(r, by, 0, 100 + offset, offset, 200 + 10 * i, OP_ACK_DONE);

		op->group = i < 5 ? 0 : group;
	}
}

static void one_consumer(void **state)
{
	struct run r;

	(void)state;
	halves(&r, "kafka", 0);
	fails(&r, ALL_TEN,
	      "messages: 5 received before what their client had sent earlier; 5 received after a later offset",
	      "after a later offset:\",\"client 5 received 109 of partition 0, offset 9 (0.240 to 0.242 s): "
	      "acknowledged, which was confirmed\",\"client 6 received 100");
	/* Who called first need not get the first one. */
	begin_on(&r, "kafka");
	ten_sent(&r, true);
	ten_got(&r, true, 200, OP_ACK_DONE);
	sent(&r, 0, 0, 110, 10, 290);
	sent(&r, 0, 0, 111, 11, 300);
	got(&r, 5, 0, 111, 11, 400, OP_ACK_DONE)->t_return += 20 * NS_PER_MS;
	got(&r, 6, 0, 110, 10, 410, OP_ACK_DONE);
	passes(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,106,107,108,109,110,111]}]", "all 12");
	/* Others, with a consumer of their own. */
	halves(&r, "kafka", 1);
	passes(&r, ALL_TEN, "all 10");
	/* Each client is a consumer. */
	halves(&r, "memory", 0);
	passes(&r, ALL_TEN, "all 10");
}

/* Of partition 0: its leader by this broker's word, in which epoch, and what is committed. */
static void broker_says(struct run *r, int id, int at_ms, int leader, int epoch, int high)
{
	char *text = mem_fmt("{\"k\":\"sample\",\"s\":0,\"t\":%d000000,\"m\":\"kafka-%d\",\"ok\":true,\"x\":"
			     "{\"id\":%d,\"leaders\":[%d],\"epochs\":[%d],\"high\":[%d]}}",
			     at_ms, id, id, leader, epoch, high);
	struct err e = {0};

	json_push(r->events, json_parse(text, "test", &e));
	free(text);
}

static void brokers_tell(void **state)
{
	static const char back[] = "by the members' own words, the high watermark of partition 0 went back from 10 "
		"(kafka-0, epoch 3) to 4 (kafka-1, epoch 4), so what had been committed was cut off";

	(void)state;
	for (int cut = 0; cut < 2; cut++) {
		struct run r;

		log_read(&r);
		broker_says(&r, 0, 100, 0, 3, 9);
		broker_says(&r, 0, 200, 0, 3, 10);
		broker_says(&r, 1, 200, 0, 3, -1); /* a follower tells of none */
		broker_says(&r, 1, 300, 1, 4, -1); /* nor does one that has just come to lead */
		broker_says(&r, 1, 400, 1, 4, cut ? 4 : 10);
		broker_says(&r, 1, 500, 1, 4, 12);
		broker_says(&r, 0, 600, 0, 3, 10); /* does not know yet that it leads no more */
		broker_says(&r, 2, 700, 1, 4, 3);
		if (cut)
			fails(&r, "[]", "messages: 10 received, and no more in their log at the end", back);
		else
			passes(&r, ALL_TEN, "marked as redelivered");
	}
	for (int cut = 0; cut < 2; cut++) {
		struct run r;

		log_read(&r);
		broker_says(&r, 0, 200, 0, 3, 10);
		broker_says(&r, 1, 400, 1, 4, cut ? 4 : 10);
		check(&r, ALL_TEN);
		assert_int_equal(r.res.verdict, VERDICT_PASS);
		assert_int_equal(strstr(r.res.why, back) != NULL, cut);
		end(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_is_cut_back), cmocka_unit_test(a_log_begins_later),
		cmocka_unit_test(twice_as_new),	     cmocka_unit_test(again_and_marked),
		cmocka_unit_test(one_consumer),	     cmocka_unit_test(brokers_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
