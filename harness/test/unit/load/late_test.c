/* How late the open-loop generator is, by the system's doing and by its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "load/heartbeat.h"
#include "load/load.h"
#include "test/unit/load/toy.h"

/* A system that is slow, but answers, is no reason to hold anything back: all
 * clients are busy at once, though answers take a good part of the deadline. */
static void test_slow(void **state)
{
	struct history h;
	struct rig r;
	int64_t held = 0;

	(void)state;
	rig_init(&r);
	r.conf.rate = 400;
	r.conf.clients = 8;
	r.conf.deadline_ns = 2 * NS_PER_S;
	atomic_store(&r.toy.slow_ms, 100);
	begin(&r);
	await_ops(&r, 80);
	load_stop(r.l);
	history_of(&r, &h);
	history_sort(&h);
	/* From the time on at which all are busy, whoever gets free goes on at
	 * once; with 8 clients held back it would be a quarter of a second. */
	for (size_t i = 16; i < 72; i++)
		held += h.ops[i].t_invoke - h.ops[i - 8].t_invoke;
	assert_true(held / 56 < 200 * NS_PER_MS);
	assert_int_equal(atomic_load(&r.toy.most), 8);
	history_free(&h);
	load_free(r.l);
}

/* The system hangs: attempts go on, evenly; what finds no client is given up
 * and says so; and nothing is dropped from the record. */
static void test_hang(void **state)
{
	int64_t unsent = 0, timeouts = 0, last = 0, gap = 0, end_ns;
	struct load_stats st;
	struct history h;
	struct rig r;

	(void)state;
	rig_init(&r);
	r.conf.rate = 400;
	r.conf.clients = 32;
	r.conf.deadline_ns = 500 * NS_PER_MS;
	atomic_store(&r.toy.hang, true);
	begin(&r);
	end_ns = r.t0 + 2 * NS_PER_S;
	clock_sleep_until(end_ns);
	load_stats(r.l, &st);
	assert_true(st.queued > 0);
	atomic_store(&r.toy.hang, false);
	await_ops(&r, 900);
	load_stop(r.l);
	history_of(&r, &h);
	history_sort(&h);
	for (size_t i = 0; i < h.n; i++) {
		const struct op *op = &h.ops[i];

		if (!op->sent) {
			assert_int_equal(op->outcome, OP_FAIL);
			assert_int_equal(strncmp(op->error, "client:", 7), 0);
			assert_true(op->t_return - op->t_intended > r.conf.deadline_ns);
			unsent++;
			continue;
		}
		timeouts += op->outcome == OP_INFO;
		if (op->t_invoke < end_ns) {
			if (last && op->t_invoke - last > gap)
				gap = op->t_invoke - last;
			last = op->t_invoke;
		}
		assert_true(op->t_invoke - op->t_intended <= r.conf.deadline_ns + LONG_NS / 30);
	}
	qsort(h.ops, h.n, sizeof(*h.ops), by_intended);
	for (size_t i = 0; i < h.n; i++)
		assert_true(llabs(h.ops[i].t_intended - r.t0 - (int64_t)i * 2500000) <= 1);
	print_message("# hanging: %lld tried, %lld not sent, at most %.0f ms between attempts\n",
		      (long long)timeouts, (long long)unsent, (double)gap / 1e6);
	assert_true(unsent > 0 && timeouts > 0);
	/* Without the pacing it would be all but the whole deadline: 420 ms. On a machine that
	 * stands still by itself it says nothing: after 80 ms all clients are due at once. */
	load_stats(r.l, &st);
	if (st.lateness_max_ms < 40)
		assert_true(gap < 300 * NS_PER_MS);
	assert_true(atomic_load(&r.toy.most) <= 32);
	history_free(&h);
	load_free(r.l);
}

/* All clients wait for 300 ms, and are answered: what was held back for them
 * goes on with their answers, not when their deadlines would have ended. */
static void test_stalled_once(void **state)
{
	int64_t last = 0, gap = 0;
	struct load_stats st;
	struct history h;
	struct rig r;

	(void)state;
	rig_init(&r);
	r.conf.rate = 200;
	r.conf.deadline_ns = 2 * NS_PER_S;
	begin(&r);
	await_ops(&r, 20);
	atomic_store(&r.toy.slow_ms, 300);
	clock_sleep_until(clock_mono_ns() + 100 * NS_PER_MS);
	atomic_store(&r.toy.slow_ms, 0);
	await_ops(&r, 700);
	load_stop(r.l);
	history_of(&r, &h);
	history_sort(&h);
	for (size_t i = 0; i < h.n; i++) {
		if (last && h.ops[i].t_invoke - last > gap)
			gap = h.ops[i].t_invoke - last;
		last = h.ops[i].t_invoke;
	}
	print_message("# stalled: at most %.0f ms between calls\n", (double)gap / 1e6);
	assert_true(gap > 100 * NS_PER_MS);
	load_stats(r.l, &st);
	if (st.lateness_max_ms < 100)
		assert_true(gap < 500 * NS_PER_MS);
	history_free(&h);
	load_free(r.l);
}

/* Clients that are not there when they should be: the generator's own lateness,
 * for nobody was busy. */
static void test_own_lateness(void **state)
{
	struct load_stats st;
	struct history h;
	struct rig r;

	(void)state;
	rig_init(&r);
	r.conf.rate = 200;
	r.conf.deadline_ns = 2 * NS_PER_S;
	atomic_store(&r.toy.slow_start_ms, 300);
	begin(&r);
	await_ops(&r, 100);
	load_stop(r.l);
	history_of(&r, &h);
	qsort(h.ops, h.n, sizeof(*h.ops), by_intended);
	/* The first was due at once, number 30 in the middle of the time. */
	assert_true(h.ops[0].slip_ns >= 299 * NS_PER_MS);
	assert_true(h.ops[30].slip_ns >= 149 * NS_PER_MS);
	for (size_t i = 0; i < h.n; i++)
		assert_true(h.ops[i].slip_ns <=
			    h.ops[i].t_invoke - h.ops[i].t_intended + NS_PER_MS);
	load_stats(r.l, &st);
	assert_true(st.lateness_max_ms >= 299);
	assert_true(st.lateness_p99_ms >= 149);
	history_free(&h);
	load_free(r.l);
}

static int by_ns(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* While attempts are spaced on purpose, a free client that does not come to wait for the
 * next one delays nothing: what waits for its attempt is not late by the sum of that. */
static void test_spaced(void **state)
{
	int64_t slips[400];
	struct history h;
	size_t n = 0;
	struct rig r;

	(void)state;
	rig_init(&r);
	r.conf.rate = 200;
	r.conf.clients = 2;
	r.conf.deadline_ns = 400 * NS_PER_MS;
	atomic_store(&r.toy.refuse, true);
	atomic_store(&r.toy.slow_ms, 10);
	atomic_store(&r.toy.fast_starts, 1);
	atomic_store(&r.toy.slow_start_ms, 2000);
	begin(&r);
	await_ops(&r, 250);
	load_stop(r.l);
	history_of(&r, &h);
	qsort(h.ops, h.n, sizeof(*h.ops), by_intended);
	for (size_t i = 100; i < h.n && n < 150; i++)
		slips[n++] = h.ops[i].slip_ns;
	qsort(slips, n, sizeof(*slips), by_ns);
	assert_int_equal(n, 150);
	print_message("# spaced: late by %.1f ms, and the tenth that was latest by %.1f\n",
		      (double)slips[75] / 1e6, (double)slips[135] / 1e6);
	/* It was 270 ms: of each 15 ms the 10 that the one call took. */
	assert_true(slips[75] < 60 * NS_PER_MS);
	history_free(&h);
	load_free(r.l);
}

static cJSON *rows_of(struct heartbeat *h, int64_t from)
{
	struct buf b = {0};
	struct err e = {0};
	cJSON *o;

	heartbeat_since(h, from, &b);
	o = json_parse(buf_cstr(&b), "rows", &e);
	assert_non_null(o);
	buf_free(&b);
	return o;
}

/* What was counted once stays counted, however many were handed out too late: what an
 * agent tells of a second is a difference. */
static void test_counts_only_grow(void **state)
{
	struct load_sent before = {0}, sent;
	struct rig r;

	(void)state;
	rig_init(&r);
	r.conf.rate = 100000;
	r.conf.clients = 64;
	r.conf.deadline_ns = NS_PER_MS;
	atomic_store(&r.toy.slow_ms, 1);
	begin(&r);
	for (int i = 0; i < 20000 || before.given_up < 1000; i++) {
		clock_sleep_until(clock_mono_ns() + 10000);
		load_sent(r.l, &sent);
		assert_true(sent.due >= before.due && sent.called >= before.called);
		assert_true(sent.given_up >= before.given_up &&
			    sent.called + sent.given_up <= sent.due);
		before = sent;
	}
	load_free(r.l);
}

/* What waits because all clients are busy is late, but not by the generator. It
 * watches itself: on a machine that stands still the figures say nothing. */
static void test_heartbeat(void **state)
{
	double slip_ms = 0, wait_ms = 0, late_ms = 0, end_ms = 0;
	int64_t due = 0, called = 0, given_up = 0;
	struct load_sent sent, first;
	struct heartbeat *beat;
	struct err e = {0};
	const cJSON *row;
	struct history h;
	struct rig r;
	cJSON *rows;

	(void)state;
	rig_init(&r);
	r.conf.rate = 400;
	r.conf.clients = 4;
	r.conf.deadline_ns = 400 * NS_PER_MS;
	atomic_store(&r.toy.slow_ms, 20); /* 4 clients do 200 a second */
	begin(&r);
	load_sent(r.l, &first);
	assert_int_equal(heartbeat_start(r.l, &beat, &e), 0);
	await_ops(&r, 600);
	load_stop(r.l);
	heartbeat_stop(beat);
	heartbeat_stop(beat);
	load_sent(r.l, &sent);
	rows = rows_of(beat, 0);
	assert_true(cJSON_GetArraySize(json_get(rows, "noise")) >= 2);
	assert_int_equal(json_i64(rows, "next", -1), cJSON_GetArraySize(json_get(rows, "noise")));
	cJSON_ArrayForEach(row, json_get(rows, "noise")) {
		double t_ms = (double)json_i64(row, "t", 0) / 1e6, span_ms = json_num(row, "span_ms", -1);

		assert_true(end_ms == 0 ||
			    (t_ms - span_ms >= end_ms - 0.01 && t_ms - span_ms < end_ms + 100));
		end_ms = t_ms;
		due += json_i64(row, "due", -1);
		called += json_i64(row, "called", -1);
		given_up += json_i64(row, "given_up", -1);
		if (json_num(row, "late_max_ms", -1) > late_ms)
			late_ms = json_num(row, "late_max_ms", -1);
		assert_true(json_num(row, "free_ms", -1) >= 0);
		assert_true(json_num(row, "late_sum_ms", -1) >= json_num(row, "late_max_ms", -1));
	}
	cJSON_Delete(rows);
	rows = rows_of(beat, 1);
	assert_true(cJSON_GetArraySize(json_get(rows, "noise")) == json_i64(rows, "next", -1) - 1);
	cJSON_Delete(rows);

	/* Nothing is counted twice, and nothing is forgotten. */
	assert_true(due <= sent.due && sent.due - due <= first.due + 200);
	assert_true(called <= sent.called && given_up <= sent.given_up);
	assert_true(sent.called + sent.given_up <= sent.due);
	assert_true(sent.given_up > 0);
	history_of(&r, &h);
	assert_int_equal(h.n, sent.called + sent.given_up);
	for (size_t i = 0; i < h.n; i++) {
		slip_ms += (double)h.ops[i].slip_ns / 1e6;
		wait_ms += (double)(h.ops[i].t_invoke - h.ops[i].t_intended) / 1e6;
	}
	print_message("# heartbeat: %.0f ms late at most; of %.0f ms that operations waited, %.0f ms by the "
		      "generator\n", late_ms, wait_ms, slip_ms);
	assert_true(wait_ms > 600 * 100);
	if (late_ms < 20)
		assert_true(slip_ms < wait_ms / 4);
	history_free(&h);
	heartbeat_free(beat);
	load_free(r.l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_hang),
		cmocka_unit_test(test_stalled_once),
		cmocka_unit_test(test_own_lateness),
		cmocka_unit_test(test_spaced),
		cmocka_unit_test(test_counts_only_grow),
		cmocka_unit_test(test_heartbeat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
