/* Acknowledged and not there, there and refused, there twice; and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/measure.h"
#include "measure/parts.h"
#include "test/lib/synth.h"
#include "test/unit/measure/told.h"

static void test_nothing_lost(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	steady(&r.h, 100);
	insert(&r.h, 100, 3 * SEC, OP_INFO);
	insert(&r.h, 101, 3 * SEC, OP_INFO);
	insert(&r.h, 102, 3 * SEC, OP_FAIL);
	add(r.events, "final", 9 * SEC, "{\"present\":[[0,50],[51,100]],\"duplicates\":[],\"registers\":{}}");
	measure(&r);
	assert_true(r.m.loss.known);
	assert_int_equal(r.m.loss.acked, 100);
	assert_int_equal(r.m.loss.lost, 0);
	assert_int_equal(r.m.loss.phantom, 0);
	assert_int_equal(r.m.loss.unknown, 2);
	assert_int_equal(r.m.loss.unknown_present, 1);
	assert_int_equal(r.m.loss.bytes, 0);
	end(&r);
}

static void test_lost_phantom_duplicate(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	steady(&r.h, 100);
	insert(&r.h, 200, 3 * SEC, OP_FAIL);
	add(r.events, "final", 9 * SEC,
	    "{\"present\":[[0,9],[12,97],[200,200],[500,501]],\"duplicates\":[[5,3],[7,2]],\"registers\":{}}");
	measure(&r);
	assert_int_equal(r.m.loss.lost, 4);
	assert_int_equal(r.m.loss.n, 4);
	assert_int_equal(r.m.loss.writes[0].value, 10);
	assert_int_equal(r.m.loss.writes[3].value, 99);
	assert_int_equal(r.m.loss.span_ns, 89 * 10 * MS);
	assert_int_equal(r.m.loss.phantom, 3); /* refused 200, never sent 500 and 501 */
	assert_int_equal(r.m.loss.duplicate, 3);
	assert_int_equal(r.m.loss.bytes, -1);
	end(&r);
}

static void message(struct history *h, enum op_f f, int64_t value, int64_t t, enum op_outcome o)
{
	put(h, f, 0, value, t, o);
}

/* A message that somebody received or that is there is not lost. */
static void test_messages(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	for (int i = 0; i < 10; i++)
		message(&r.h, OP_SEND, i, SEC + i * 10 * MS, OP_OK);
	message(&r.h, OP_SEND, 20, 2 * SEC, OP_INFO);
	message(&r.h, OP_SEND, 21, 2 * SEC, OP_INFO);
	message(&r.h, OP_SEND, 22, 2 * SEC, OP_FAIL);
	message(&r.h, OP_SEND, 23, 2 * SEC, OP_FAIL);
	message(&r.h, OP_RECEIVE, 0, 3 * SEC, OP_OK);
	message(&r.h, OP_RECEIVE, 0, 3 * SEC, OP_OK); /* again: no duplicate of what is there */
	message(&r.h, OP_RECEIVE, 22, 3 * SEC, OP_OK);
	message(&r.h, OP_RECEIVE, 99, 3 * SEC, OP_OK);
	message(&r.h, OP_RECEIVE, 1, 3 * SEC, OP_INFO); /* never came */
	add(r.events, "final", 9 * SEC,
	    "{\"present\":[],\"duplicates\":[],\"registers\":{},\"messages\":["
	    "{\"part\":0,\"off\":5,\"val\":[3,4,5,6,7,20]},{\"part\":1,\"off\":0,\"val\":[8,9,9]}]}");
	measure(&r);
	assert_true(r.m.loss.known);
	assert_string_equal(r.m.loss.of, "send");
	assert_int_equal(r.m.loss.acked, 10);
	assert_int_equal(r.m.loss.lost, 2);
	assert_int_equal(r.m.loss.writes[0].value, 1);
	assert_int_equal(r.m.loss.writes[1].value, 2);
	assert_int_equal(r.m.loss.truncated, 1); /* 0 was received, and its log has it no more */
	assert_int_equal(r.m.loss.phantom, 2); /* refused 22, never sent 99 */
	assert_int_equal(r.m.loss.duplicate, 1);
	assert_int_equal(r.m.loss.unknown, 2);
	assert_int_equal(r.m.loss.unknown_present, 1);
	end(&r);

	/* A queue keeps nothing that was received. */
	begin(&r);
	message(&r.h, OP_SEND, 0, SEC, OP_OK);
	message(&r.h, OP_SEND, 1, SEC, OP_OK);
	message(&r.h, OP_RECEIVE, 0, 3 * SEC, OP_OK);
	for (size_t i = 0; i < r.h.n; i++)
		r.h.ops[i].offset = OP_NO_VALUE;
	add(r.events, "final", 9 * SEC,
	    "{\"present\":[],\"duplicates\":[],\"registers\":{},\"messages\":[{\"part\":0,\"val\":[1]}]}");
	measure(&r);
	assert_int_equal(r.m.loss.lost, 0);
	assert_int_equal(r.m.loss.truncated, 0);
	end(&r);

	/* What is in the queue was not read, so nobody knows. */
	begin(&r);
	steady(&r.h, 3);
	message(&r.h, OP_SEND, 1, SEC, OP_OK);
	add(r.events, "final", 9 * SEC, "{\"present\":[[0,2]],\"duplicates\":[],\"registers\":{}}");
	measure(&r);
	assert_false(r.m.loss.known);
	assert_string_equal(r.m.loss.of, "write");
	assert_int_equal(r.m.loss.acked, 4);
	end(&r);
}

static void test_no_final_read(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	steady(&r.h, 10);
	measure(&r);
	assert_false(r.m.loss.known);
	assert_int_equal(r.m.loss.acked, 10);
	assert_int_equal(r.m.loss.lost, 0);
	end(&r);
}

static void test_registers(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	steady(&r.h, 10);
	put(&r.h, OP_WRITE, 0, 1, 1 * SEC, OP_OK);
	put(&r.h, OP_WRITE, 0, 2, 2 * SEC, OP_OK); /* ends as 1: the 2 was lost */
	put(&r.h, OP_WRITE, 1, 3, 1 * SEC, OP_INFO);
	put(&r.h, OP_WRITE, 1, 4, 2 * SEC, OP_OK); /* ends as 3: it may have come late */
	put(&r.h, OP_WRITE, 2, 5, 1 * SEC, OP_OK); /* ends as 99: nobody wrote that */
	put(&r.h, OP_WRITE, 3, 6, 1 * SEC, OP_OK);
	put(&r.h, OP_WRITE, 3, 7, 1 * SEC + MS, OP_OK); /* overlap: either is right */
	add(r.events, "final", 9 * SEC,
	    "{\"present\":[[0,9]],\"duplicates\":[],\"registers\":{\"0\":1,\"1\":3,\"2\":99,\"3\":6,\"4\":null}}");
	measure(&r);
	assert_int_equal(r.m.loss.lost, 1);
	assert_int_equal(r.m.loss.phantom, 1);
	assert_int_equal(r.m.loss.odd_registers, 2);
	assert_int_equal(cJSON_GetArraySize(r.m.loss.odd), 2);
	assert_non_null(strstr(cJSON_GetArrayItem(r.m.loss.odd, 0)->valuestring, "register 0"));
	assert_non_null(strstr(cJSON_GetArrayItem(r.m.loss.odd, 1)->valuestring, "no client wrote"));
	end(&r);
}

static const struct lost_write *lost(const struct run *r, int64_t value)
{
	size_t i;

	for (i = 0; i < r->m.loss.n; i++)
		if (r->m.loss.writes[i].value == value)
			return &r->m.loss.writes[i];
	fail_msg("value %lld was not lost", (long long)value);
	return NULL;
}

/* Two kills. Each loses what was acknowledged shortly before it; and during
 * the first, the deposed primary acknowledges once more. */
static void test_who_lost_it(void **state)
{
	struct run r;
	int i;

	(void)state;
	begin(&r);
	add(r.events, "object", 1, "{\"type\":\"pod\",\"name\":\"m0\",\"ip\":\"10.0.0.1\"}");
	add(r.events, "object", 1, "{\"type\":\"pod\",\"name\":\"m1\",\"ip\":\"10.0.0.2\"}");
	for (i = 0; i < 2000; i++) {
		int64_t t = SEC + i * 10 * MS;
		bool first = t > 10 * SEC && t < 12 * SEC, second = t > 16 * SEC && t < 17 * SEC;

		insert(&r.h, i, t, first || second ? OP_FAIL : OP_OK);
		r.h.ops[r.h.n - 1].via = t < 12 * SEC ? "10.0.0.1:5432" : "10.0.0.2:5432";
	}
	insert(&r.h, 5000, 13 * SEC, OP_OK);
	r.h.ops[r.h.n - 1].via = "10.0.0.1";
	for (i = 5; i < 230; i++) {
		int64_t t = i * 100 * MS;
		bool old = t <= 10 * SEC, mid = t >= 12 * SEC && t <= 16 * SEC;

		json_push(r.events, synth_sample("m0", t, old, old ? "primary" : "unknown", old, 1));
		json_push(r.events, synth_sample("m1", t + MS, true, mid ? "primary" : "replica", mid, 2));
		json_push(r.events, synth_sample("m2", t + 2 * MS, true, t >= 17 * SEC ? "primary" : "replica",
						 t >= 17 * SEC, 3));
	}
	synth_add_fault(r.events, "one", "kill-pod", 10 * SEC);
	json_push(r.events, synth_fault("one", "kill-pod", "healed", 20 * SEC)); /* its record was closed */
	synth_add_fault(r.events, "two", "kill-pod", 16 * SEC);
	/* 899, 900 went with the first kill; 1499, 1500 with the second. */
	add(r.events, "final", 30 * SEC,
	    "{\"present\":[[0,898],[1100,1498],[1600,1999]],\"duplicates\":[],\"registers\":{}}");
	measure(&r);
	assert_int_equal(r.m.loss.lost, 5);
	assert_string_equal(lost(&r, 900)->fault, "one");
	assert_int_equal(lost(&r, 900)->cause, LOSS_NOT_REPLICATED);
	assert_string_equal(lost(&r, 1499)->fault, "two");
	assert_int_equal(lost(&r, 1499)->cause, LOSS_NOT_REPLICATED);
	assert_int_equal(lost(&r, 5000)->cause, LOSS_MINORITY);
	end(&r);
}

/* m2 is far ahead by its position, but of a log that has parted from m1's: it
 * stayed on timeline 1 when m1 began the second, and cannot have m1's writes.
 * Had it followed m1, nothing would tell why they are gone. */
static enum loss_cause overruled(int timeline_of_m2)
{
	enum loss_cause cause;
	struct run r;

	begin(&r);
	add(r.events, "object", 1, "{\"type\":\"pod\",\"name\":\"m1\",\"ip\":\"10.0.0.2\"}");
	for (int i = 0; i < 1000; i++) {
		insert(&r.h, i, SEC + i * 10 * MS, i < 900 ? OP_OK : OP_FAIL);
		r.h.ops[r.h.n - 1].via = "10.0.0.2:5432";
	}
	for (int i = 5; i < 130; i++) {
		int64_t t = i * 100 * MS;
		bool over = t > 10 * SEC;
		cJSON *m1 = synth_sample("m1", t, true, over ? "replica" : "primary", !over, 2);
		cJSON *m2 = synth_sample("m2", t + MS, true, over ? "primary" : "replica", over,
					 over ? 3 : timeline_of_m2);

		json_set_i64(m1, "pos", 1000 + i);
		json_set_i64(m2, "pos", 5000);
		json_push(r.events, m1);
		json_push(r.events, m2);
	}
	synth_add_fault(r.events, "one", "partition-node", 10 * SEC);
	add(r.events, "final", 30 * SEC, "{\"present\":[[0,799]],\"duplicates\":[],\"registers\":{}}");
	measure(&r);
	assert_int_equal(r.m.loss.lost, 100);
	cause = lost(&r, 850)->cause;
	end(&r);
	return cause;
}

static void test_parted_logs(void **state)
{
	(void)state;
	assert_int_equal(overruled(1), LOSS_NOT_REPLICATED);
	assert_int_equal(overruled(2), LOSS_UNKNOWN);
}

/* Received at t by somebody who acknowledged it, or did not. */
static void receipt(struct history *h, int64_t value, int64_t t, bool acked, bool marked)
{
	message(h, OP_RECEIVE, value, t, OP_OK);
	h->ops[h->n - 1].acked = acked ? OP_ACK_SENT : OP_ACK_NONE;
	h->ops[h->n - 1].redelivered = marked;
}

/* Given out as new twice, and acknowledged the first time: it came back. What the broker marks,
 * or what nobody acknowledged, is delivered again as it always may be. */
static void test_came_back(void **state)
{
	static const char *const systems[] = {"rabbitmq", "kafka"};

	(void)state;
	for (int reset = 0; reset < 2; reset++)
		for (int k = 0; k < 2; k++) {
			bool counts = k == 0;
			char text[200];
			struct run r;

			begin(&r);
			snprintf(text, sizeof(text), "{\"name\":\"x\",\"system\":\"%s\"}", systems[k]);
			add(r.events, "scenario", 0, text);
			add(r.events, "sample", SEC, "{\"m\":\"r-0\",\"ok\":true,\"x\":{\"starts\":1,\"started_ms\":1000}}");
			snprintf(text, sizeof(text), "{\"m\":\"r-0\",\"ok\":true,\"x\":{\"starts\":%d,\"started_ms\":60000}}",
				 reset ? 1 : 2);
			add(r.events, "sample", 5 * SEC, text);
			add(r.events, "object", SEC, "{\"type\":\"pod\",\"name\":\"r-0\",\"uid\":\"a\",\"restarts\":0}");
			add(r.events, "object", 5 * SEC, "{\"type\":\"pod\",\"name\":\"r-0\",\"uid\":\"b\",\"restarts\":0}");
			for (int i = 0; i < 7; i++)
				message(&r.h, OP_SEND, i, SEC + i * 10 * MS, OP_OK);
			receipt(&r.h, 0, 2 * SEC, true, false); /* came back after the reset */
			receipt(&r.h, 0, 6 * SEC, true, false);
			receipt(&r.h, 1, 2 * SEC, true, false); /* the same, twice */
			receipt(&r.h, 1, 6 * SEC, true, false);
			receipt(&r.h, 1, 7 * SEC, true, false);
			receipt(&r.h, 2, 2 * SEC, true, false); /* before anybody was replaced */
			receipt(&r.h, 2, 3 * SEC, true, false);
			receipt(&r.h, 3, 2 * SEC, true, false); /* marked */
			receipt(&r.h, 3, 6 * SEC, true, true);
			receipt(&r.h, 4, 2 * SEC, false, false); /* never acknowledged */
			receipt(&r.h, 4, 6 * SEC, true, false);
			receipt(&r.h, 5, 2 * SEC, true, false); /* there at the end, as new */
			receipt(&r.h, 6, 2 * SEC, true, true);	/* taken late out of a dead hand */
			receipt(&r.h, 6, 6 * SEC, true, false);
			for (size_t i = 0; i < r.h.n; i++)
				r.h.ops[i].offset = OP_NO_VALUE;
			add(r.events, "final", 9 * SEC,
			    "{\"present\":[],\"duplicates\":[],\"registers\":{},\"messages\":[{\"part\":0,\"val\":[5]}]}");
			measure(&r);
			assert_int_equal(r.m.loss.lost, 0);
			assert_int_equal(r.m.loss.back, counts ? 4 : 0);
			assert_int_equal(r.m.loss.back_reset, counts && reset ? 3 : 0);
			end(&r);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_lost),
		cmocka_unit_test(test_lost_phantom_duplicate),
		cmocka_unit_test(test_no_final_read),
		cmocka_unit_test(test_messages), cmocka_unit_test(test_came_back),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_who_lost_it),
		cmocka_unit_test(test_parted_logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
