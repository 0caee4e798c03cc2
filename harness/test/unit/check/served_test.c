#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check/check.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/synth.h"

/* Verdicts on what was served after a fault, from the history on: 200 calls a
 * second by 64 clients in turn, each served within 4 ms, the fault 10 s after the
 * load began. */

#define MS NS_PER_MS
#define SEC NS_PER_S
#define BEGIN (1000 * SEC)
#define FAULT (BEGIN + 10 * SEC)

typedef void meets(struct op *op, int64_t t); /* t: ns after the fault */

struct trial {
	struct history h;
	cJSON *events;
	struct judged *j;
	size_t n;
};

static void refuse(struct op *op)
{
	op->outcome = OP_FAIL;
	op->t_return = op->t_invoke + MS;
	op->error = "connect: refused";
}

static void note(struct trial *t, const char *text)
{
	struct err e = { 0 };
	cJSON *o = json_parse(text, "test", &e);

	assert_non_null(o);
	json_set_i64(o, "s", 0);
	json_push(t->events, o);
}

static void trial_make(struct trial *t, meets *fn)
{
	static const enum op_f mix[] = { OP_INSERT, OP_INSERT, OP_READ, OP_CAS, OP_INSERT };

	memset(t, 0, sizeof(*t));
	t->events = cJSON_CreateArray();
	for (int64_t i = 0; i < 6000; i++) {
		struct op op = {.process = (uint32_t)(i % 64),
				.f = mix[i % 5],
				.key = OP_NO_VALUE,
				.value = i,
				.expect = OP_NO_VALUE,
				.outcome = OP_OK,
				.sent = true};

		op.t_intended = op.t_invoke = BEGIN + i * 5 * MS;
		op.t_return = op.t_invoke + 4 * MS;
		if (fn)
			fn(&op, op.t_invoke - FAULT);
		history_add(&t->h, &op);
	}
	history_sort(&t->h);
	note(t, "{\"k\":\"stands\",\"ok\":true,\"t\":1}");
	note(t, "{\"k\":\"phase\",\"phase\":\"done\",\"t\":1040000000000}");
	synth_add_fault(t->events, "kill", "kill-pod", FAULT);
}

static const char *load = ""; /* that the scenario asks for */

/* Judges this one expectation; the trial ends with it. */
static enum verdict judged(struct trial *t, const char *expect, double *measured,
			   char why[JUDGED_WHY_BYTES])
{
	struct measured m;
	struct buf b = { 0 };
	enum verdict v;

	buf_fmt(&b, "{\"k\":\"scenario\",\"t\":1,\"load\":{%s},\"expect\":[%s]}", load, expect);
	note(t, b.s);
	buf_free(&b);
	measure_scenario(&t->h, evidence_kept(t->events, 0), &m);
	judge_scenario(&t->h, evidence_kept(t->events, 0), &m, &t->j, &t->n);
	assert_int_equal(t->n, 1);
	v = t->j[0].verdict;
	*measured = t->j[0].measured;
	memcpy(why, t->j[0].why, sizeof(t->j[0].why));
	judged_free(t->j, t->n);
	measured_free(&m);
	history_free(&t->h);
	return v;
}

static void expect(meets *fn, const char *text, enum verdict want, double lo, double hi,
		   const char *says)
{
	struct trial t;
	double measured;
	char why[JUDGED_WHY_BYTES];
	enum verdict v;

	trial_make(&t, fn);
	v = judged(&t, text, &measured, why);
	if (v != want || (isnan(measured) ? !isnan(lo) : !(measured >= lo && measured <= hi)) ||
	    !strstr(why, says))
		fail_msg("%s: %s, %g: %s", text, verdict_name(v), measured, why);
	cJSON_Delete(t.events);
}

static void reads(struct op *op, int64_t t)
{
	if (t >= 0 && t < 15 * SEC && op->f == OP_READ)
		refuse(op);
}

static void test_reads(void **state)
{
	(void)state;
	/* 800 of 4,000 calls are reads, 600 of them fail. */
	expect(reads, "{\"metric\":\"availability\",\"at_least\":90}", VERDICT_FAIL, 84.9, 85.1, "least of read: 25.0 %");
	expect(reads, "{\"metric\":\"availability\",\"at_least\":80}", VERDICT_PASS, 84.9, 85.1, "of 4000 operations");
	expect(reads, "{\"metric\":\"availability\",\"at_least\":80,\"of\":\"reads\"}", VERDICT_FAIL, 24.9, 25.1,
	       "of 800 reads");
	expect(reads, "{\"metric\":\"availability\",\"at_least\":99,\"of\":\"writes\"}", VERDICT_PASS, 100, 100, "3200");
	expect(reads, "{\"metric\":\"availability\",\"at_least\":99,\"of\":\"cas\"}", VERDICT_PASS, 100, 100,
	       "of 800 operations of the kind cas that were due");
	expect(reads, "{\"metric\":\"downtime\",\"at_most\":10000000000,\"of\":\"reads\"}", VERDICT_FAIL, 14900, 15100,
	       "reads were down 1 time");
	expect(reads, "{\"metric\":\"downtime\",\"at_most\":0}", VERDICT_PASS, 0, 0, "writes were not down");
	expect(reads, "{\"metric\":\"outage\",\"at_most\":0}", VERDICT_PASS, 0, 0, "writes did not stop");
}

static void odd_clients(struct op *op, int64_t t)
{
	if (t >= 0 && t < 15 * SEC && op->process % 2)
		refuse(op);
}

static void test_half_of_the_clients(void **state)
{
	(void)state;
	expect(odd_clients, "{\"metric\":\"outage\",\"at_most\":5000000000}", VERDICT_FAIL, 14700, 15300,
	       "clients 32 of 64");
	expect(odd_clients, "{\"metric\":\"downtime\",\"at_most\":5000000000}", VERDICT_FAIL, 14700, 15300, "down 1 time");
	expect(odd_clients, "{\"metric\":\"availability\",\"at_least\":50}", VERDICT_PASS, 62, 63, "2500 were served");
	expect(odd_clients, "{\"metric\":\"availability\",\"at_least\":50,\"of\":\"client\"}", VERDICT_FAIL, 24, 27,
	       "operations of client 1 that were due");
}

/* Five times 2 s, with one call served between. */
static void flickers(struct op *op, int64_t t)
{
	if (t >= 0 && t < 10 * SEC && t % (2 * SEC) >= 5 * MS)
		refuse(op);
}

static void test_flapping(void **state)
{
	(void)state;
	expect(flickers, "{\"metric\":\"outage\",\"at_most\":3000000000}", VERDICT_FAIL, 9900, 10100, "in 5 pieces");
	expect(flickers, "{\"metric\":\"downtime\",\"at_most\":5000000000}", VERDICT_FAIL, 9900, 10100, "down 5 times");
	expect(flickers, "{\"metric\":\"downtime\",\"at_most\":11000000000}", VERDICT_PASS, 9900, 10100, "down 5 times");
}

/* A third is served, and takes 800 ms. */
static void slow(struct op *op, int64_t t)
{
	if (t < 0)
		return;
	if (op->value % 3) {
		op->outcome = OP_FAIL;
		op->sent = false;
		op->t_invoke = op->t_return = op->t_intended + SEC;
		op->error = "client: not sent, its turn did not come before the deadline";
	} else {
		op->t_return = op->t_invoke + 800 * MS;
	}
}

static void test_slow(void **state)
{
	(void)state;
	expect(slow, "{\"metric\":\"availability\",\"at_least\":90}", VERDICT_FAIL, 33, 34, "2667 never left their client");
	expect(slow, "{\"metric\":\"latency\",\"at_most\":200000000}", VERDICT_FAIL, 800, 800, "2667 of 4000 were not served");
	expect(slow, "{\"metric\":\"latency\",\"at_most\":900000000,\"of\":\"reads\"}", VERDICT_PASS, 800, 800, "reads");
	expect(NULL, "{\"metric\":\"latency\",\"at_most\":200000000}", VERDICT_PASS, 4, 4, "half of them 4.0 ms");
}

/* Nobody calls for 1.5 s, and what was due is called right after. */
static void stood_still(struct op *op, int64_t t)
{
	if (t < 3 * SEC || t >= 4490 * MS)
		return;
	op->t_invoke = FAULT + 4483 * MS + t / 1000;
	op->t_return = op->t_invoke + 4 * MS;
	op->slip_ns = op->t_invoke - op->t_intended;
}

/* The same, and 600 operations more are refused. */
static void stood_and_down(struct op *op, int64_t t)
{
	stood_still(op, t);
	if (t >= 10 * SEC && t < 13 * SEC)
		refuse(op);
}

static void stalled(meets *fn, const char *text, enum verdict want, const char *says)
{
	struct trial t;
	double measured;
	char why[JUDGED_WHY_BYTES];

	trial_make(&t, fn);
	for (int i = 1; i <= 30; i++) {
		char event[200];

		snprintf(event, sizeof(event), "{\"k\":\"noise\",\"source\":\"load\",\"t\":%lld,\"span_ms\":1000,"
			 "\"late_max_ms\":1,\"late_sum_ms\":1,\"due\":200,\"called\":200}", (long long)(BEGIN + i * SEC));
		note(&t, event);
	}
	if (judged(&t, text, &measured, why) != want || !strstr(why, says))
		fail_msg("%s: %g: %s", text, measured, why);
	cJSON_Delete(t.events);
}

/* What the generator held up is no fault of the system's. */
static void test_stalled_generator(void **state)
{
	(void)state;
	stalled(stood_still, "{\"metric\":\"latency\",\"at_most\":200000000}", VERDICT_UNKNOWN, "stood still for 1.49 s");
	stalled(stood_still, "{\"metric\":\"downtime\",\"at_most\":3000000000}", VERDICT_UNKNOWN, "stood still for 1.49 s");
	stalled(stood_and_down, "{\"metric\":\"availability\",\"at_least\":90}", VERDICT_UNKNOWN, "stood still for 1.49 s");
	stalled(stood_and_down, "{\"metric\":\"availability\",\"at_least\":95}", VERDICT_FAIL, "");
	stalled(stood_and_down, "{\"metric\":\"downtime\",\"at_most\":1000000000}", VERDICT_FAIL, "");
}

static void one_client(struct op *op, int64_t t)
{
	if (t >= 0 && t < 15 * SEC && op->process == 7)
		refuse(op);
}

/* One of 64: nothing to the others, all to this one. */
static void test_one_client(void **state)
{
	(void)state;
	expect(one_client, "{\"metric\":\"downtime\",\"at_most\":5000000000,\"of\":\"client\"}", VERDICT_FAIL, 14000,
	       16000, "client 7 was down 1 time");
	expect(one_client, "{\"metric\":\"downtime\",\"at_most\":5000000000}", VERDICT_PASS, 0, 50, "writes");
	expect(NULL, "{\"metric\":\"downtime\",\"at_most\":0,\"of\":\"client\"}", VERDICT_PASS, 0, 0, "not down");
}

static void one_group(struct op *op, int64_t t)
{
	op->group = op->process % 4;
	if (t >= 0 && t < 15 * SEC && op->group == 2)
		refuse(op);
}

static void grouped(const char *text, double lo, double hi, const char *says)
{
	struct trial t;
	double measured;
	char why[JUDGED_WHY_BYTES];

	trial_make(&t, one_group);
	for (int g = 1; g < 4; g++) {
		char event[160];

		snprintf(event, sizeof(event), "{\"k\":\"group\",\"t\":1,\"g\":%d,\"name\":\"g%d\",\"node\":\"n%d\","
			 "\"member\":\"m0\",\"clients\":16,\"rate\":50}", g, g, g);
		note(&t, event);
	}
	if (judged(&t, text, &measured, why) != VERDICT_FAIL || measured < lo || measured > hi ||
	    !strstr(why, says))
		fail_msg("%s: %g: %s", text, measured, why);
	cJSON_Delete(t.events);
}

/* Clients that stand elsewhere are clients too, where nothing cuts them off. */
static void test_group(void **state)
{
	(void)state;
	grouped("{\"metric\":\"outage\",\"at_most\":5000000000}", 14700, 15300, "group g2");
	grouped("{\"metric\":\"downtime\",\"at_most\":5000000000}", 14700, 15300, "group g2");
	grouped("{\"metric\":\"downtime\",\"at_most\":5000000000,\"of\":\"client\"}", 14700, 15700, "client");
	grouped("{\"metric\":\"downtime\",\"at_most\":5000000000,\"of\":\"reads\"}", 14700, 15300, "down 1 time");
	grouped("{\"metric\":\"availability\",\"at_least\":90}", 81, 82, "least of group g2: 25.0 %");
	grouped("{\"metric\":\"availability\",\"at_least\":90,\"of\":\"writes\"}", 81, 82, "3200 writes");
	grouped("{\"metric\":\"availability\",\"at_least\":90,\"of\":\"client\"}", 24, 27, "client 2");
}

/* Of two shards the second is down for 10 s; nothing tells of which its operations are. */
static void half_untold(struct op *op, int64_t t)
{
	op->shard = op->value % 2 ? 0 : 1;
	if (!op->shard && t >= 0 && t < 10 * SEC)
		refuse(op);
}

static void whole_told(struct op *op, int64_t t)
{
	(void)t;
	op->shard = op->value % 2 ? 2 : 1;
}

static void test_shards_untold(void **state)
{
	static const char says[] = "nothing tells of which shard they were";

	(void)state;
	expect(half_untold, "{\"metric\":\"availability\",\"at_least\":90,\"of\":\"shard\"}", VERDICT_UNKNOWN, 99, 101, says);
	expect(half_untold, "{\"metric\":\"downtime\",\"at_most\":1000000000,\"of\":\"shard\"}", VERDICT_UNKNOWN, 0, 1, says);
	expect(whole_told, "{\"metric\":\"availability\",\"at_least\":90,\"of\":\"shard\"}", VERDICT_PASS, 99, 101, "were served");
}

/* For 10 s nobody was free for what was due of the second shard. */
static void never_sent(struct op *op, int64_t t)
{
	half_untold(op, t);
	op->sent = !(op->outcome == OP_FAIL);
	op->error = op->sent ? op->error : "client: none was free";
	op->shard = op->sent ? (uint32_t)(op->value % 2 + 1) : 0;
}

static void never_sent_of_keys(struct op *op, int64_t t)
{
	op->key = op->value % 2;
	never_sent(op, t);
}

static void test_shards_never_sent(void **state)
{
	(void)state;
	expect(never_sent, "{\"metric\":\"availability\",\"at_least\":90,\"of\":\"shard\"}", VERDICT_UNKNOWN, 49, 51,
	       "of which shard 1000 more were that never left their clients nothing tells");
	expect(never_sent, "{\"metric\":\"availability\",\"at_least\":30,\"of\":\"shard\"}", VERDICT_PASS, 49, 51, "shard 2");
	/* What others of their key were they are. */
	expect(never_sent_of_keys, "{\"metric\":\"availability\",\"at_least\":90,\"of\":\"shard\"}", VERDICT_FAIL, 49, 51,
	       "of 2000 operations of shard 2 that were due in the 19999 ms after it 1000 were served; 1000 never left");
}

/* Down until the end, 20 s later. */
static void for_good(struct op *op, int64_t t)
{
	if (t >= 0)
		refuse(op);
}

static void test_what_was_watched(void **state)
{
	(void)state;
	expect(for_good, "{\"metric\":\"outage\",\"at_least\":30000000000}", VERDICT_UNKNOWN, 19900, 20100, "did not come back");
	expect(for_good, "{\"metric\":\"outage\",\"at_least\":10000000000}", VERDICT_PASS, 19900, 20100, "did not come back");
	expect(for_good, "{\"metric\":\"outage\",\"at_most\":10000000000}", VERDICT_FAIL, 19900, 20100, "did not come back");
	expect(for_good, "{\"metric\":\"outage\",\"at_most\":30000000000}", VERDICT_UNKNOWN, 19900, 20100, "did not come back");
	expect(for_good, "{\"metric\":\"downtime\",\"at_most\":30000000000}", VERDICT_UNKNOWN, 19900, 20100, "more than");
	expect(for_good, "{\"metric\":\"latency\",\"at_most\":30000000000}", VERDICT_UNKNOWN, NAN, NAN, "too few");
}

static void down_9s(struct op *op, int64_t t)
{
	if (t >= 0 && t < 9 * SEC)
		refuse(op);
}

/* Of an outage of 9 s that a second fault met after 4 s, the first answers for 4 s
 * at least, the second for nothing for certain. */
static void second_fault(const char *text, enum verdict want)
{
	struct trial t;
	double measured;
	char why[JUDGED_WHY_BYTES];

	trial_make(&t, down_9s);
	synth_add_fault(t.events, "again", "kill-pod", FAULT + 4 * SEC);
	if (judged(&t, text, &measured, why) != want)
		fail_msg("%s: %s", text, why);
	cJSON_Delete(t.events);
}

static void test_two_faults(void **state)
{
	(void)state;
	second_fault("{\"metric\":\"outage\",\"at_most\":7000000000}", VERDICT_FAIL);
	second_fault("{\"metric\":\"outage\",\"at_most\":7000000000,\"fault\":\"kill\"}", VERDICT_UNKNOWN);
	second_fault("{\"metric\":\"outage\",\"at_most\":3000000000,\"fault\":\"kill\"}", VERDICT_FAIL);
	second_fault("{\"metric\":\"outage\",\"at_most\":10000000000,\"fault\":\"kill\"}", VERDICT_PASS);
	second_fault("{\"metric\":\"outage\",\"at_most\":3000000000,\"fault\":\"again\"}", VERDICT_UNKNOWN);
	second_fault("{\"metric\":\"outage\",\"at_most\":6000000000,\"fault\":\"again\"}", VERDICT_PASS);
	second_fault("{\"metric\":\"downtime\",\"at_most\":3000000000,\"fault\":\"again\"}", VERDICT_UNKNOWN);
	second_fault("{\"metric\":\"downtime\",\"at_most\":7000000000,\"fault\":\"kill\"}", VERDICT_UNKNOWN);
	second_fault("{\"metric\":\"downtime\",\"at_most\":3000000000,\"fault\":\"kill\"}", VERDICT_FAIL);
	second_fault("{\"metric\":\"downtime\",\"at_most\":7000000000}", VERDICT_FAIL);
	second_fault("{\"metric\":\"availability\",\"at_least\":99,\"fault\":\"again\"}", VERDICT_UNKNOWN);
	second_fault("{\"metric\":\"availability\",\"at_least\":99}", VERDICT_FAIL);
}

static void sample(struct trial *t, const char *member, int64_t at, const char *role, bool writable)
{
	json_push(t->events, synth_sample(member, at, true, role, writable, 1));
}

static void freeze(struct trial *t, const char *id, int64_t from, int64_t to)
{
	static const char *const states[] = { "injecting", "effective", "healed" };
	const int64_t at[] = { from, from, to };

	for (int i = 0; i < 3; i++) {
		cJSON *e = synth_fault(id, "pause", states[i], at[i]);

		json_set(e, "targets", cJSON_Parse("[{\"member\":\"m0\",\"role\":\"primary\"}]"));
		json_push(t->events, e);
	}
}

/* Healed twice: demoted after 1 s, and after 8 s the other time. */
static enum verdict worst_demotion(const char *limit)
{
	struct trial t;
	double measured;
	char why[JUDGED_WHY_BYTES], text[100];
	enum verdict v;

	trial_make(&t, NULL);
	freeze(&t, "a", FAULT + SEC, FAULT + 2 * SEC);
	freeze(&t, "b", FAULT + 6 * SEC, FAULT + 7 * SEC);
	for (int i = 0; i < 20; i++) {
		bool leads = i < 3 || (i >= 5 && i < 15);

		sample(&t, "m0", FAULT + i * SEC, leads ? "primary" : "replica", leads);
	}
	snprintf(text, sizeof(text), "{\"metric\":\"demoted\",\"at_most\":%s}", limit);
	v = judged(&t, text, &measured, why);
	cJSON_Delete(t.events);
	return v;
}

static void test_worst_demotion(void **state)
{
	(void)state;
	assert_int_equal(worst_demotion("5000000000"), VERDICT_FAIL);
	assert_int_equal(worst_demotion("9000000000"), VERDICT_PASS);
}

static void undue(struct op *op, int64_t t)
{
	(void)t;
	op->undue = true;
}

/* Of a load at a rate whose history does not tell when operations were due. */
static void test_not_told_when_due(void **state)
{
	static const char latency[] = "{\"metric\":\"latency\",\"at_most\":200000000}";
	static const char share[] = "{\"metric\":\"availability\",\"at_least\":90}";

	(void)state;
	load = "\"rate\":200";
	expect(NULL, latency, VERDICT_PASS, 4, 4, "half of them");
	expect(undue, latency, VERDICT_UNKNOWN, 4, 4, "of 6000 operations nothing tells when they were due");
	expect(undue, share, VERDICT_UNKNOWN, 100, 100, "of 6000 operations nothing tells when they were due");
	load = "";
	/* One that another tool made has no rate, and sent when it could. */
	expect(undue, latency, VERDICT_PASS, 4, 4, "half of them");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_told_when_due),
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_half_of_the_clients),
		cmocka_unit_test(test_stalled_generator),
		cmocka_unit_test(test_one_client),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_flapping),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_what_was_watched),
		cmocka_unit_test(test_shards_untold), cmocka_unit_test(test_shards_never_sent),
		cmocka_unit_test(test_two_faults),
		cmocka_unit_test(test_worst_demotion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
