#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/rng.h"
#include "test/unit/check/queue/run.h"

/* checker_queue on histories made by hand: each breach alone, and what looks
 * like one and is none. */

static void all_arrive(void **state)
{
	struct run r;

	(void)state;
	healthy(&r);
	put(&r, OP_RECEIVE, 5, 0, NONE, 300, 301, OP_OK);   /* nothing to take */
	put(&r, OP_RECEIVE, 5, 0, NONE, 310, 910, OP_INFO); /* silence */
	put(&r, OP_RECEIVE, 5, 0, 777, 320, 321, OP_FAIL);  /* brought nothing, whatever it says */
	passes(&r, ALL_TEN, "all 10 acknowledged sends were received or are there, in order; of 8 deliveries "
	       "0 came again before");
	/* A queue forgets what was acknowledged. */
	healthy(&r);
	for (size_t i = 0; i < r.h.n; i++)
		r.h.ops[i].offset = NONE;
	passes(&r, "[{\"part\":0,\"val\":[108,109]}]", "all 10");
}

static void nothing_to_judge(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	unknown(&r, "[]", "no send was acknowledged");
	begin(&r);
	put(&r, OP_SEND, 0, 0, 1, 0, 5, OP_INFO);
	got(&r, 1, 0, 1, NONE, 10, OP_ACK_DONE);
	unknown(&r, "[]", "no send was acknowledged");
	begin(&r);
	sent(&r, 0, 0, 1, 0, 0);
	unknown(&r, "[{\"part\":0,\"off\":0,\"val\":[1]}]", "nothing was received");
	healthy(&r);
	unknown(&r, NULL, "no final read of the messages was made, and 2 acknowledged sends were never received");
	begin(&r);
	sent(&r, 0, 0, 1, 0, 0);
	sent(&r, 1, 0, 1, 1, 5);
	got(&r, 2, 0, 1, 0, 20, OP_ACK_DONE);
	unknown(&r, "[]", "value 1 was sent twice");
}

static void another_scenario_counts_not(void **state)
{
	struct run r;

	(void)state;
	healthy(&r);
	for (size_t i = 0; i < r.h.n; i++)
		r.h.ops[i].scenario = 1;
	fails(&r, ALL_TEN, "messages: 10 never sent by anybody", "at the end partition 0 holds 100");
}

static void lost(void **state)
{
	struct run r;

	(void)state;
	healthy(&r);
	fails(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,106,107,108]}]",
	      "messages: 1 acknowledged and never received, nor there at the end",
	      "client 1 sent 109 to partition 0, offset 9 (0.090 to 0.092 s): acknowledged");
	/* What somebody received is not lost when a queue has forgotten it, nor
	 * what was of unknown fate. */
	healthy(&r);
	put(&r, OP_SEND, 3, 0, 200, 100, 600, OP_INFO);
	for (size_t i = 0; i < r.h.n; i++)
		r.h.ops[i].offset = NONE;
	passes(&r, "[{\"part\":0,\"val\":[108,109]}]", "all 10");
}

static void unknown_fate_may_turn_up(void **state)
{
	struct run r;

	(void)state;
	healthy(&r);
	put(&r, OP_SEND, 3, 0, 200, 100, 600, OP_INFO);
	put(&r, OP_SEND, 3, 0, 201, 610, 900, OP_INFO);
	got(&r, 5, 0, 200, 10, 1000, OP_ACK_DONE);
	passes(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,106,107,108,109,200,201]}]", "all 10");
}

static void refused(void **state)
{
	struct run r;
	struct op *op;

	(void)state;
	healthy(&r);
	op = put(&r, OP_SEND, 3, 0, 200, 100, 101, OP_FAIL);
	op->error = "refused: no";
	got(&r, 5, 0, 200, 10, 200, OP_ACK_DONE);
	got(&r, 6, 0, 200, 10, 150, OP_ACK_NONE);
	fails(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,106,107,108,109,200]}]",
	      "messages: 1 refused, and turned up all the same",
	      "\"client 3 sent 200 to partition 0 (0.100 to 0.101 s): refused: refused: no\",\"client 6 received 200");
	/* Nobody took it, but it is there. */
	healthy(&r);
	put(&r, OP_SEND, 3, 0, 200, 100, 101, OP_FAIL);
	fails(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,106,107,108,109,200]}]",
	      "messages: 1 refused, and turned up all the same",
	      "at the end partition 0 holds 200 at offset 10");
	/* It is nowhere: so it should be. */
	healthy(&r);
	put(&r, OP_SEND, 3, 0, 200, 100, 101, OP_FAIL);
	passes(&r, ALL_TEN, "all 10");
}

static void invented(void **state)
{
	struct run r;

	(void)state;
	healthy(&r);
	got(&r, 5, 0, 999, 10, 200, OP_ACK_DONE);
	fails(&r, ALL_TEN, "messages: 1 never sent by anybody", "client 5 received 999");
	healthy(&r);
	fails(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,106,107,108,109]},"
	      "{\"part\":1,\"val\":[5]}]", "messages: 1 never sent by anybody",
	      "at the end queue 1 still holds 5");
}

static void delivered_again(void **state)
{
	struct run r;

	(void)state;
	/* After a confirmed acknowledgement, whatever the system says of it. */
	healthy(&r);
	got(&r, 6, 0, 103, 3, 400, OP_ACK_DONE)->redelivered = true;
	fails(&r, ALL_TEN,
	      "messages: 1 delivered again after their acknowledgement was confirmed, or there twice",
	      "(0.080 to 0.082 s): acknowledged, which was confirmed\",\"client 6 received 103 of partition 0, "
	      "offset 3 (0.400 to 0.402 s): marked as redelivered, acknowledged, which was confirmed\"");
	/* The first one's acknowledgement was lost on the way. */
	healthy(&r);
	got(&r, 5, 0, 108, 8, 300, OP_ACK_SENT);
	got(&r, 6, 0, 108, 8, 400, OP_ACK_DONE)->redelivered = true;
	passes(&r, ALL_TEN, "1 came again before their acknowledgement was confirmed, 1 were marked");
	/* It took none at all, and the system marks nothing: as in Kafka. */
	healthy(&r);
	got(&r, 5, 0, 108, 8, 300, OP_ACK_NONE);
	got(&r, 6, 0, 108, 8, 400, OP_ACK_NONE);
	passes(&r, ALL_TEN, "1 came again before their acknowledgement was confirmed, 0 were marked");
	/* At the same time: the second was on its way before the confirmation. */
	healthy(&r);
	got(&r, 5, 0, 108, 8, 300, OP_ACK_DONE);
	got(&r, 6, 0, 108, 8, 301, OP_ACK_DONE);
	passes(&r, ALL_TEN, "1 came again");
}

static void there_twice(void **state)
{
	struct run r;

	(void)state;
	healthy(&r);
	fails(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,106,107,108,109,104]}]",
	      "messages: 1 delivered again after their acknowledgement was confirmed, or there twice",
	      "at the end partition 0 holds 104 at offset 10");
	/* A queue that still has what was acknowledged would deliver it again. */
	healthy(&r);
	for (size_t i = 0; i < r.h.n; i++)
		r.h.ops[i].offset = NONE;
	fails(&r, "[{\"part\":0,\"val\":[107,108,109]}]",
	      "messages: 1 delivered again after their acknowledgement was confirmed, or there twice",
	      "at the end queue 0 still holds 107");
	/* One that was received and not acknowledged may still be there. */
	healthy(&r);
	for (size_t i = 0; i < r.h.n; i++) {
		r.h.ops[i].offset = NONE;
		if (r.h.ops[i].value == 107)
			r.h.ops[i].acked = OP_ACK_SENT;
	}
	passes(&r, "[{\"part\":0,\"redel\":true,\"val\":[107]},{\"part\":0,\"val\":[108,109]}]", "all 10");
}

static void stored_out_of_order(void **state)
{
	struct run r;

	(void)state;
	healthy(&r);
	sent(&r, 0, 0, 300, 12, 100);
	sent(&r, 0, 0, 301, 11, 110);
	fails(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,106,107,108,109]},"
	      "{\"part\":0,\"off\":11,\"val\":[301,300]}]",
	      "messages: 1 stored before what their client had sent earlier",
	      "\"client 0 sent 300 to partition 0, offset 12 (0.100 to 0.102 s): acknowledged\",\"client 0 sent 301");
	/* The offset is told by the final read alone. */
	healthy(&r);
	sent(&r, 0, 0, 300, NONE, 100);
	sent(&r, 0, 0, 301, NONE, 110);
	fails(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,106,107,108,109]},"
	      "{\"part\":0,\"off\":11,\"val\":[301,300]}]",
	      "messages: 1 stored before what their client had sent earlier", "client 0 sent 301");
	/* Different clients, different partitions, and what was of unknown fate
	 * have no order. */
	healthy(&r);
	sent(&r, 0, 0, 300, 12, 100);
	sent(&r, 1, 0, 301, 11, 110);
	sent(&r, 0, 1, 302, 0, 120);
	put(&r, OP_SEND, 2, 0, 303, 100, 150, OP_INFO);
	sent(&r, 2, 0, 304, 13, 160);
	passes(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,106,107,108,109]},"
	       "{\"part\":0,\"off\":11,\"val\":[301,300,304,303]},{\"part\":1,\"off\":0,\"val\":[302]}]", "all 14");
}

static void received_out_of_order(void **state)
{
	static const char ends[] = "[{\"part\":0,\"val\":[108,109]}]";
	struct run r;

	(void)state;
	/* A queue: no offsets, so only one client's messages at one consumer tell. */
	healthy(&r);
	for (size_t i = 0; i < r.h.n; i++)
		r.h.ops[i].offset = NONE;
	sent(&r, 0, 0, 300, NONE, 200);
	sent(&r, 0, 0, 301, NONE, 210);
	got(&r, 7, 0, 301, NONE, 300, OP_ACK_DONE);
	got(&r, 7, 0, 300, NONE, 310, OP_ACK_DONE);
	fails(&r, ends, "messages: 1 received before what their client had sent earlier",
	      "\"client 0 sent 300 to partition 0 (0.200 to 0.202 s): acknowledged\",\"client 7 received 301 of "
	      "partition 0 (0.300 to 0.302 s): acknowledged, which was confirmed\",\"client 7 received 300");
	/* Two consumers may be as late as they like. */
	healthy(&r);
	for (size_t i = 0; i < r.h.n; i++)
		r.h.ops[i].offset = NONE;
	sent(&r, 0, 0, 300, NONE, 200);
	sent(&r, 0, 0, 301, NONE, 210);
	got(&r, 7, 0, 301, NONE, 300, OP_ACK_DONE);
	got(&r, 8, 0, 300, NONE, 310, OP_ACK_DONE);
	passes(&r, ends, "all 12");
	/* What comes again comes late. */
	healthy(&r);
	for (size_t i = 0; i < r.h.n; i++)
		r.h.ops[i].offset = NONE;
	sent(&r, 0, 0, 300, NONE, 200);
	sent(&r, 0, 0, 301, NONE, 210);
	got(&r, 7, 0, 301, NONE, 300, OP_ACK_DONE);
	got(&r, 7, 0, 300, NONE, 310, OP_ACK_DONE)->redelivered = true;
	passes(&r, ends, "1 were marked as redelivered");
	/* What is left is drained in its order, what comes again aside. */
	for (int k = 0; k < 2; k++) {
		healthy(&r);
		for (size_t i = 0; i < r.h.n; i++)
			r.h.ops[i].offset = NONE;
		sent(&r, 0, 0, 300, NONE, 200);
		sent(&r, 0, 0, 301, NONE, 210);
		if (k)
			passes(&r, "[{\"part\":0,\"redel\":true,\"val\":[301]},{\"part\":0,\"val\":[109,108,300]}]", "all 12");
		else
			fails(&r, "[{\"part\":0,\"val\":[108,301,109,300]}]", "messages: 1 stored before what their client "
			      "had sent earlier", "\"client 0 sent 300 to partition 0 (0.200 to 0.202 s)");
	}
}

static void offsets_go_back(void **state)
{
	struct run r;

	(void)state;
	healthy(&r);
	got(&r, 7, 0, 109, 9, 300, OP_ACK_DONE);
	got(&r, 7, 0, 108, 8, 310, OP_ACK_DONE);
	fails(&r, ALL_TEN, "messages: 1 received after a later offset",
	      "\"client 7 received 109 of partition 0, offset 9 (0.300 to 0.302 s): acknowledged, which was "
	      "confirmed\",\"client 7 received 108");
	/* Back to what was not committed: each of these came before. */
	healthy(&r);
	got(&r, 7, 0, 108, 8, 300, OP_ACK_NONE);
	got(&r, 7, 0, 109, 9, 310, OP_ACK_NONE);
	got(&r, 7, 0, 108, 8, 400, OP_ACK_DONE);
	got(&r, 7, 0, 109, 9, 410, OP_ACK_DONE);
	passes(&r, ALL_TEN, "2 came again");
	/* Another partition has offsets of its own. */
	healthy(&r);
	sent(&r, 3, 1, 400, 0, 100);
	got(&r, 5, 1, 400, 0, 300, OP_ACK_DONE);
	passes(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,106,107,108,109]},"
	       "{\"part\":1,\"off\":0,\"val\":[400]}]", "all 11");
}

static void one_offset_two_values(void **state)
{
	struct run r;

	(void)state;
	/* Acknowledged, cut off, and its place given to another one. */
	healthy(&r);
	sent(&r, 3, 0, 300, 10, 100);
	sent(&r, 4, 0, 301, 10, 200);
	fails(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,106,107,108,109,301]}]",
	      "messages: 1 acknowledged and never received, nor there at the end; 1 at an offset that held "
	      "another value",
	      "at an offset that held another value:\",\"client 3 sent 300 to partition 0, offset 10 (0.100 to "
	      "0.102 s): acknowledged\",\"client 4 sent 301");
	/* The log was rewritten under a reader's feet. */
	healthy(&r);
	fails(&r, "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,107,106,108,109]}]",
	      "messages: 2 delivered again after their acknowledgement was confirmed, or there twice; 2 at an "
	      "offset that held another value", "at the end partition 0 holds 107 at offset 6");
}

/* In an order that makes the sorting work. */
static void many(void **state)
{
	enum { N = 100000, PARTITIONS = 16 };
	int64_t next[PARTITIONS] = { 0 }, from;
	struct rng rng = { .state = 7 };
	struct buf left = { 0 };
	struct run r;

	(void)state;
	begin(&r);
	for (int i = 0; i < N; i++) {
		int64_t p = (int64_t)rng_below(&rng, PARTITIONS);

		buf_fmt(&left, "%s{\"part\":%d,\"off\":%d,\"val\":[%d]}", i ? "," : "[", (int)p, (int)next[p], i);
		sent(&r, i % 64, p, i, next[p], i);
		got(&r, 64 + (int)rng_below(&rng, 8), p, i, next[p]++, i + 500, OP_ACK_DONE);
	}
	buf_str(&left, "]");
	from = clock_mono_ns();
	if (check(&r, buf_cstr(&left)) != VERDICT_PASS)
		fail_msg("%s", r.res.why);
	from = clock_mono_ns() - from;
	print_message("# %d operations judged in %.0f ms\n", 2 * N, (double)from / 1e6);
	assert_true(from < 30 * NS_PER_S);
	buf_free(&left);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_arrive),
		cmocka_unit_test(nothing_to_judge),
		cmocka_unit_test(another_scenario_counts_not),
		cmocka_unit_test(lost),
		cmocka_unit_test(unknown_fate_may_turn_up),
		cmocka_unit_test(refused),
		cmocka_unit_test(invented),
		cmocka_unit_test(delivered_again),
		cmocka_unit_test(there_twice),
		cmocka_unit_test(stored_out_of_order),
		cmocka_unit_test(received_out_of_order),
		cmocka_unit_test(offsets_go_back),
		cmocka_unit_test(one_offset_two_values),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
