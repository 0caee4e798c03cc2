/* The open-loop generator, against a system that answers, hangs or refuses at will. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "load/load.h"
#include "test/unit/load/toy.h"

/* Only a load that has ended says that there is no more, and goes on saying so. */
static void test_history_ends(void **state)
{
	struct buf b = {0};
	struct history h;
	struct rig r;
	bool whole;

	(void)state;
	rig_init(&r);
	begin(&r);
	await_ops(&r, 200);
	read_pieces(&r, &h, &whole);
	assert_false(whole);
	assert_true(h.n >= 200);
	history_free(&h);
	load_stop(r.l);
	read_pieces(&r, &h, &whole);
	assert_true(whole);
	assert_int_equal(load_history(r.l, (int64_t)h.n, 100, &b), h.n);
	assert_non_null(strstr(b.s, ",\"n\":0,\"sum\":\"00000000\",\"end\":true}\n"));
	buf_free(&b);
	history_free(&h);
	load_free(r.l);
}

static void test_schedule(void **state)
{
	struct history h;
	struct rig r;
	int64_t insert = 0, kinds[4] = {0};

	(void)state;
	rig_init(&r);
	begin(&r);
	assert_true(load_running(r.l));
	await_ops(&r, 600);
	load_stop(r.l);
	load_stop(r.l);
	assert_false(load_running(r.l));
	history_of(&r, &h);
	assert_int_equal(h.n, count(&r));
	for (size_t i = 0; i < h.n; i++)
		assert_true(h.ops[i].scenario == 3 && h.ops[i].process < 8);
	qsort(h.ops, h.n, sizeof(*h.ops), by_intended);
	for (size_t i = 0; i < h.n; i++) {
		const struct op *op = &h.ops[i];

		/* Whatever happened, number i belongs to t0 + i / rate. */
		assert_true(llabs(op->t_intended - r.t0 - (int64_t)i * 500000) <= 1);
		assert_true(op->t_invoke >= op->t_intended && op->t_return >= op->t_invoke);
		kinds[op->f]++;
		if (op->f == OP_INSERT) /* unique, in the order of intention */
			assert_int_equal(op->value, ++insert);
		else
			assert_int_equal(op->key, 0);
	}
	for (int f = 0; f < 4; f++)
		assert_true(kinds[f] > 0);
	assert_true(kinds[OP_INSERT] > kinds[OP_READ]);
	history_free(&h);
	load_free(r.l);
}

/* Compare-and-set must have a fair chance, or it tests nothing. */
static void test_cas_succeeds(void **state)
{
	int64_t ok = 0, mismatch = 0;
	struct history h;
	struct rig r;

	(void)state;
	rig_init(&r);
	r.conf.mix[OP_INSERT] = r.conf.mix[OP_WRITE] = 0;
	r.conf.rate = 500;
	begin(&r);
	await_ops(&r, 200);
	load_stop(r.l);
	history_of(&r, &h);
	for (size_t i = 0; i < h.n; i++) {
		ok += h.ops[i].f == OP_CAS && h.ops[i].outcome == OP_OK;
		mismatch += h.ops[i].f == OP_CAS && h.ops[i].outcome == OP_FAIL;
	}
	assert_true(ok > mismatch);
	history_free(&h);
	load_free(r.l);
}

/* Messages have values of their own, in the order of intention; what is to be
 * received is asked of a partition and comes without a value. */
static void test_send_receive(void **state)
{
	int64_t sends = 0, receives = 0;
	struct load_stats st;
	struct history h;
	struct rig r;

	(void)state;
	rig_init(&r);
	memset(r.conf.mix, 0, sizeof(r.conf.mix));
	r.conf.mix[OP_SEND] = 3;
	r.conf.mix[OP_RECEIVE] = 2;
	r.conf.keys = 4;
	begin(&r);
	await_ops(&r, 200);
	load_stats(r.l, &st);
	assert_true(st.last_write_ok_ns > 0);
	load_stop(r.l);
	history_of(&r, &h);
	qsort(h.ops, h.n, sizeof(*h.ops), by_intended);
	for (size_t i = 0; i < h.n; i++) {
		const struct op *op = &h.ops[i];

		assert_in_range(op->key, 0, 3);
		assert_int_equal(op->offset, OP_NO_VALUE);
		if (op->f == OP_SEND)
			assert_int_equal(op->value, ++sends);
		else
			assert_int_equal(op->value, OP_NO_VALUE);
		receives += op->f == OP_RECEIVE;
	}
	assert_true(sends > receives && receives > 0);
	history_free(&h);
	load_free(r.l);
}

/* One of several loads: its group, its clients and its values are its own. */
static void test_group(void **state)
{
	struct history h;
	struct err e = {0};
	struct rig r;

	(void)state;
	rig_init(&r);
	r.conf.group = 1;
	r.conf.first_process = 100;
	r.conf.first_value = INT64_C(1) << 40;
	begin(&r);
	await_ops(&r, 100);
	load_stop(r.l);
	history_of(&r, &h);
	for (size_t i = 0; i < h.n; i++) {
		assert_int_equal(h.ops[i].group, 1);
		assert_in_range(h.ops[i].process, 100, 107);
		if (h.ops[i].f == OP_INSERT || h.ops[i].f == OP_WRITE)
			assert_true(h.ops[i].value > INT64_C(1) << 40);
	}
	history_free(&h);
	load_free(r.l);
	r.conf.mix[OP_READ_REPLICA] = 1;
	assert_int_equal(load_start(&r.conf, &r.l, &r.t0, &e), -1);
	assert_string_equal(e.msg, "load: the clients of toy cannot read_replica: they have insert, read, "
			    "write, cas, send, receive");
}

/* A system that refuses at once is not stormed; and once it is back, so is
 * the rate. */
static void test_refusing(void **state)
{
	int64_t tried = 0, ok = 0, end_ns;
	struct history h;
	struct rig r;

	(void)state;
	rig_init(&r);
	r.conf.rate = 1000;
	atomic_store(&r.toy.refuse, true);
	begin(&r);
	end_ns = r.t0 + NS_PER_S;
	clock_sleep_until(end_ns);
	atomic_store(&r.toy.refuse, false);
	await_ops(&r, 1500);
	load_stop(r.l);
	history_of(&r, &h);
	for (size_t i = 0; i < h.n; i++) {
		tried += !strncmp(h.ops[i].error, "connect:", 8) && h.ops[i].t_invoke < end_ns;
		ok += h.ops[i].outcome == OP_OK;
	}
	/* 8 at full speed, then one every 15 ms. */
	assert_true(tried >= 8 && tried <= 8 + 8 + 1000 / 15 + 1);
	assert_true(ok > 200);
	history_free(&h);
	load_free(r.l);
}

static void test_stop_is_quick(void **state)
{
	struct rig r;
	int64_t from;

	(void)state;
	rig_init(&r);
	r.conf.rate = 0.01; /* the next operation is 100 s away */
	begin(&r);
	await_ops(&r, 1);
	from = clock_mono_ns();
	load_stop(r.l);
	assert_true(clock_mono_ns() - from < 20 * NS_PER_S);
	assert_int_equal(count(&r), 1);
	load_free(r.l);
}

static void test_refused(void **state)
{
	struct err e = {0};
	struct rig r;

	(void)state;
	rig_init(&r);
	r.conf.rate = 0;
	assert_int_equal(load_start(&r.conf, &r.l, &r.t0, &e), -1);
	r.conf.rate = 10;
	r.conf.clients = 0;
	assert_int_equal(load_start(&r.conf, &r.l, &r.t0, &e), -1);
	r.conf.clients = 1;
	memset(r.conf.mix, 0, sizeof(r.conf.mix));
	assert_int_equal(load_start(&r.conf, &r.l, &r.t0, &e), -1);
	r.conf.mix[OP_CAS] = 1;
	r.conf.keys = 0;
	assert_int_equal(load_start(&r.conf, &r.l, &r.t0, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedule),
		cmocka_unit_test(test_cas_succeeds),
		cmocka_unit_test(test_history_ends),
		cmocka_unit_test(test_send_receive),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_refusing),
		cmocka_unit_test(test_stop_is_quick),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
