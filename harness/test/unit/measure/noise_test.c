/* A generator that stood still, a machine without processors, a load that was
 * not sent: seen in the time that a length is about, whatever the average. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/measure.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/synth.h"

#define MS NS_PER_MS
#define SEC NS_PER_S

enum { CLIENTS = 16 };

/* 200 operations a second from 10 s to 50 s, the fault at 15 s. */
struct run {
	struct history h;
	cJSON *events;
	struct measured m;
	int64_t value;
};

static cJSON *event(struct run *r, const char *kind, int64_t t, const char *more)
{
	struct err e = {0};
	cJSON *o = json_parse(more, "test", &e);

	assert_non_null(o);
	json_set_i64(o, "t", t);
	json_set_i64(o, "s", 0);
	json_set_str(o, "k", kind);
	json_push(r->events, o);
	return o;
}

static void begin(struct run *r, const char *load)
{
	memset(r, 0, sizeof(*r));
	r->events = cJSON_CreateArray();
	event(r, "scenario", SEC, load);
}

#define LOAD "{\"load\":{\"rate\":200,\"clients\":16,\"deadline_ns\":1000000000}}"

static struct op *call(struct run *r, int64_t ti, int64_t tc, int64_t tr, enum op_outcome o)
{
	struct op op = {.f = OP_INSERT,
			.key = OP_NO_VALUE,
			.value = ++r->value,
			.expect = OP_NO_VALUE,
			.t_intended = ti,
			.t_invoke = tc,
			.t_return = tr,
			.outcome = o,
			.sent = o != OP_FAIL};

	op.process = (uint32_t)(r->value % CLIENTS);
	if (o == OP_FAIL)
		op.error = "connect: refused";
	if (o == OP_INFO)
		op.error = "timeout: deadline";
	history_add(&r->h, &op);
	return &r->h.ops[r->h.n - 1];
}

/* Nobody calls in [from, to): what was due is called right after. With `down`,
 * in which all that is called is refused. */
static void load(struct run *r, int64_t from, int64_t to, const struct synth_down *down, bool meant)
{
	int64_t backlog = to;

	for (int64_t ti = 10 * SEC; ti < 50 * SEC; ti += 5 * MS) {
		int64_t tc = ti;

		if (ti >= from && ti <= backlog) {
			tc = backlog;
			backlog += MS / 3;
		}
		call(r, meant ? ti : tc, tc, tc + 2 * MS,
		     down && tc >= down->from && tc < down->to ? OP_FAIL : OP_OK);
	}
}

static void measure(struct run *r)
{
	synth_add_fault(r->events, "kill", "kill-pod", 15 * SEC);
	history_sort(&r->h);
	measure_scenario(&r->h, evidence_kept(r->events, 0), &r->m);
}

static void end(struct run *r)
{
	measured_free(&r->m);
	history_free(&r->h);
	cJSON_Delete(r->events);
}

static const struct noise *of(const struct run *r, enum noise_of what)
{
	return &r->m.faults[0].noise[what];
}

static void near(int64_t got, int64_t want)
{
	assert_in_range(got, want - 10 * MS, want + 10 * MS);
}

/* Whether or not the history tells when operations were meant to be called. */
static void test_stood_still(void **state)
{
	struct run r;

	(void)state;
	for (int meant = 0; meant < 2; meant++) {
		begin(&r, LOAD);
		load(&r, 27 * SEC, 30 * SEC, NULL, meant);
		measure(&r);
		assert_int_equal(r.m.nstood, 1);
		near(r.m.stood[0].from_ns, 27 * SEC);
		near(r.m.stood[0].to_ns, 30 * SEC);
		assert_true(of(&r, NOISE_OUTAGE)->too_noisy);
		assert_string_equal(of(&r, NOISE_OUTAGE)->why,
				    "the generator stood still for 3.00 s, 12.0 s after the fault");
		assert_false(r.m.calm_noise.too_noisy);
		assert_false(r.m.load.not_as_asked);
		end(&r);
	}
}

/* Before the first fault it is what "normal" is made of. */
/* Writes were down for two seconds, and nobody could have seen that they were back. */
static void test_certain_without_the_standstill(void **state)
{
	const struct synth_down down = {26 * SEC, 28 * SEC, SYNTH_REFUSE};
	struct run r;

	(void)state;
	begin(&r, LOAD);
	load(&r, 27 * SEC, 30 * SEC, &down, true);
	measure(&r);
	assert_in_range(r.m.worst->lo_ns, 900 * MS, 2 * SEC);
	assert_in_range(r.m.worst->hi_ns, 4 * SEC, 4100 * MS);
	assert_in_range(r.m.worst->down.lo_ns, 900 * MS, 2 * SEC);
	end(&r);
}

static void test_stood_still_before(void **state)
{
	struct run r;

	(void)state;
	begin(&r, LOAD);
	load(&r, 12 * SEC, 14 * SEC, NULL, true);
	measure(&r);
	assert_true(r.m.calm_noise.too_noisy);
	assert_false(of(&r, NOISE_OUTAGE)->too_noisy);
	end(&r);
}

/* Nobody calls because everybody waits: that is the system's doing. */
static void test_hanging_is_not_standing(void **state)
{
	struct run r;
	int i;

	(void)state;
	for (int late = 0; late < 2; late++) {
		int64_t back = late ? 24 * SEC : 21 * SEC;

		begin(&r, LOAD);
		for (i = 0; i < 2000; i++)
			call(&r, 10 * SEC + i * 5 * MS, 10 * SEC + i * 5 * MS,
			     10 * SEC + i * 5 * MS + 2 * MS, OP_OK);
		for (i = 0; i < CLIENTS; i++)
			call(&r, 20 * SEC + i * 5 * MS, 20 * SEC + i * 5 * MS, back + i * 5 * MS,
			     OP_INFO);
		for (i = 0; i < 400; i++)
			call(&r, 20200 * MS + i * 5 * MS, back + i * 5 * MS,
			     back + i * 5 * MS + 2 * MS, OP_OK);
		measure(&r);
		/* Those who came back three seconds after their deadline were stopped. */
		assert_int_equal(r.m.nstood, late);
		if (late)
			assert_in_range(r.m.stood[0].from_ns, 21 * SEC, 21100 * MS);
		assert_true(of(&r, NOISE_OUTAGE)->too_noisy == late);
		end(&r);
	}
}

/* A length is not worth less for a moment that is small beside it. */
static void test_small_beside_the_length(void **state)
{
	struct synth_down down = {.from = 15 * SEC, .to = 25 * SEC, .mode = SYNTH_REFUSE};
	struct run r;

	(void)state;
	begin(&r, LOAD);
	load(&r, 17 * SEC, 17400 * MS, &down, true);
	measure(&r);
	near(r.m.faults[0].outage.seen_ns, 10 * SEC);
	near(of(&r, NOISE_OUTAGE)->stood_ns, 400 * MS);
	assert_false(of(&r, NOISE_OUTAGE)->too_noisy);
	end(&r);

	down.to = 17 * SEC;
	begin(&r, LOAD);
	load(&r, 15500 * MS, 15900 * MS, &down, true);
	measure(&r);
	near(r.m.faults[0].outage.seen_ns, 2 * SEC);
	assert_true(of(&r, NOISE_OUTAGE)->too_noisy);
	assert_non_null(strstr(of(&r, NOISE_OUTAGE)->why, "0.40 s, 0.5 s after the fault"));
	end(&r);
}

/* Rows of a heartbeat, of which one is given more. */
static void rows(struct run *r, const char *calm, int64_t at, const char *other)
{
	for (int64_t t = 11 * SEC; t <= 50 * SEC; t += SEC)
		event(r, "noise", t, t == at ? other : calm);
	event(r, "noise", 50 * SEC, "{\"source\":\"load\",\"lateness_p50_ms\":0.1,\"lateness_p99_ms\":0.3,"
	      "\"lateness_max_ms\":2,\"cpu_some_pct\":20,\"steal_pct\":1,\"due\":8000}");
}

#define ROW(more) "{\"source\":\"load\",\"span_ms\":1000,\"late_max_ms\":0.4,\"late_sum_ms\":5" more "}"
#define CALM ROW(",\"cpu_some_pct\":20,\"steal_pct\":0.5")

static void test_in_the_faults_own_window(void **state)
{
	struct synth_down down = {.from = 15 * SEC, .to = 15900 * MS, .mode = SYNTH_REFUSE};
	struct run r;

	(void)state;
	begin(&r, LOAD);
	load(&r, 0, 0, &down, true);
	rows(&r, CALM, 0, "");
	measure(&r);
	assert_false(of(&r, NOISE_OUTAGE)->too_noisy || of(&r, NOISE_OUTAGE)->pressed);
	assert_true(of(&r, NOISE_OUTAGE)->steal_pct > 0.4 && of(&r, NOISE_OUTAGE)->steal_pct < 0.6);
	assert_true(of(&r, NOISE_OUTAGE)->cpu_some_pct > 19 &&
		    of(&r, NOISE_OUTAGE)->cpu_some_pct < 21);
	end(&r);

	begin(&r, LOAD);
	load(&r, 0, 0, &down, true);
	rows(&r, CALM, 16 * SEC, ROW(",\"cpu_some_pct\":20,\"steal_pct\":60"));
	measure(&r);
	assert_true(of(&r, NOISE_OUTAGE)->too_noisy);
	assert_non_null(strstr(of(&r, NOISE_OUTAGE)->why, "hypervisor"));
	assert_false(r.m.noise.too_noisy); /* 2 % of the load on average */
	end(&r);

	begin(&r, LOAD);
	load(&r, 0, 0, &down, true);
	rows(&r, CALM, 16 * SEC, ROW(",\"cpu_some_pct\":85,\"steal_pct\":0"));
	measure(&r);
	assert_true(of(&r, NOISE_OUTAGE)->pressed && !of(&r, NOISE_OUTAGE)->too_noisy);
	assert_true(of(&r, NOISE_OUTAGE)->waited > 0.84 && of(&r, NOISE_OUTAGE)->waited < 0.86);
	assert_false(r.m.noise.pressed);
	end(&r);

	begin(&r, LOAD);
	load(&r, 0, 0, &down, true);
	rows(&r, CALM, 16 * SEC, ROW(",\"cpu_some_pct\":75,\"steal_pct\":20"));
	measure(&r);
	assert_true(of(&r, NOISE_OUTAGE)->pressed && of(&r, NOISE_OUTAGE)->waited < 0.21);
	assert_non_null(strstr(of(&r, NOISE_OUTAGE)->why, "the hypervisor took 20 %"));
	end(&r);

	begin(&r, LOAD);
	load(&r, 0, 0, &down, true);
	rows(&r, CALM, 14 * SEC, ROW(",\"cpu_some_pct\":99,\"steal_pct\":60"));
	measure(&r);
	assert_false(of(&r, NOISE_OUTAGE)->too_noisy || of(&r, NOISE_OUTAGE)->pressed);
	end(&r);
}

static void samples(struct run *r, int64_t whole)
{
	for (int64_t t = 11 * SEC; t < 50 * SEC; t += SEC / 4)
		for (int i = 0; i < 2; i++)
			if (!i || t < 15 * SEC || t >= whole)
				json_push(r->events, synth_sample(i ? "m1" : "m0", t, true, i ? "replica" : "primary", !i, 1));
}

/* Whatever the recovery took, and whichever agent's machine was at rest. */
static void test_in_the_outages_own_seconds(void **state)
{
	struct synth_down down = {.from = 15 * SEC, .to = 17 * SEC, .mode = SYNTH_REFUSE};
	struct run r;

	(void)state;
	begin(&r, LOAD);
	load(&r, 0, 0, &down, true);
	samples(&r, 45 * SEC);
	for (int64_t t = 11 * SEC; t <= 50 * SEC; t += SEC) {
		event(&r, "noise", t, t > 15 * SEC && t <= 17 * SEC ? ROW(",\"cpu_some_pct\":100,\"steal_pct\":0") : CALM);
		event(&r, "noise", t, "{\"source\":\"load/minority\",\"span_ms\":1000,\"cpu_some_pct\":0,\"steal_pct\":0}");
	}
	measure(&r);
	near(r.m.faults[0].outage.seen_ns, 2 * SEC);
	assert_true(of(&r, NOISE_OUTAGE)->pressed && of(&r, NOISE_OUTAGE)->cpu_some_pct > 98);
	assert_true(of(&r, NOISE_DOWNTIME)->pressed);
	assert_false(r.m.noise.pressed);
	end(&r);
}

/* A p99 is about the slow ones, and when these were. */
static void test_while_they_were_slow(void **state)
{
	struct run r;

	(void)state;
	begin(&r, LOAD);
	load(&r, 0, 0, NULL, true);
	for (size_t i = 0; i < r.h.n; i++)
		if (r.h.ops[i].t_intended >= 20 * SEC && r.h.ops[i].t_intended < 24 * SEC)
			r.h.ops[i].t_return += 250 * MS;
	for (int64_t t = 11 * SEC; t <= 50 * SEC; t += SEC)
		event(&r, "noise", t, t > 20 * SEC && t <= 25 * SEC ? ROW(",\"cpu_some_pct\":100,\"steal_pct\":0") : CALM);
	measure(&r);
	assert_true(of(&r, NOISE_SERVED)->pressed && of(&r, NOISE_SERVED)->cpu_some_pct > 98);
	end(&r);
}

/* One call in twenty was late, long after the outage: its length counts, and so
 * does what was written; the fault's p99 does not, for it may be one of those. */
static void test_late_at_another_time(void **state)
{
	struct synth_down down = {.from = 15 * SEC, .to = 16 * SEC, .mode = SYNTH_REFUSE};
	struct run r;

	(void)state;
	begin(&r, LOAD);
	load(&r, 0, 0, &down, true);
	rows(&r, CALM, 0, "");
	event(&r, "noise", 50 * SEC, "{\"source\":\"load\",\"lateness_p99_ms\":130,\"lateness_max_ms\":140}");
	for (size_t i = 0; i < r.h.n; i++)
		if (r.h.ops[i].t_intended > 30 * SEC && i % 10 == 0)
			r.h.ops[i].slip_ns = 130 * MS;
	measure(&r);
	assert_false(r.m.noise.too_noisy);
	assert_false(of(&r, NOISE_OUTAGE)->too_noisy);
	assert_true(of(&r, NOISE_SERVED)->too_noisy);
	end(&r);
}

/* The agent was stopped while all its clients hung: only its heartbeat tells. */
static void test_heartbeat_missed(void **state)
{
	struct synth_down down = {.from = 15 * SEC, .to = 18 * SEC, .mode = SYNTH_REFUSE};
	struct run r;

	(void)state;
	for (int beside = 0; beside < 2; beside++) {
		begin(&r, LOAD);
		load(&r, 0, 0, &down, true);
		rows(&r, CALM, 17 * SEC, beside ? "{\"source\":\"load/minority\",\"span_ms\":1600,\"late_max_ms\":1500}" :
		     "{\"source\":\"load\",\"span_ms\":1600,\"late_max_ms\":1500,\"late_sum_ms\":1501}");
		measure(&r);
		/* Of the other clients' agent it says nothing. */
		assert_int_equal(r.m.nstood, !beside);
		assert_true(of(&r, NOISE_OUTAGE)->too_noisy == !beside);
		if (!beside)
			assert_string_equal(of(&r, NOISE_OUTAGE)->why,
					    "the generator stood still for 1.50 s, 0.5 s after the fault");
		end(&r);
	}
}

/* A run that tells of each call how late the generator was needs no guess. */
static void test_told_by_calls(void **state)
{
	struct synth_down down = {.from = 15 * SEC, .to = 18 * SEC, .mode = SYNTH_REFUSE};
	struct run r;
	size_t i;

	(void)state;
	begin(&r, LOAD);
	load(&r, 27 * SEC, 30 * SEC, &down, true); /* held back, say */
	rows(&r, CALM, 0, "");
	measure(&r);
	assert_int_equal(r.m.nstood, 0);
	assert_false(of(&r, NOISE_OUTAGE)->too_noisy);
	end(&r);

	begin(&r, LOAD);
	load(&r, 0, 0, &down, true);
	rows(&r, CALM, 0, "");
	for (i = 0; i < r.h.n; i += 5)
		if (r.h.ops[i].t_invoke > 15 * SEC && r.h.ops[i].t_invoke < 18 * SEC) {
			r.h.ops[i].t_intended -= 150 * MS;
			r.h.ops[i].slip_ns = 150 * MS;
		}
	measure(&r);
	assert_int_equal(r.m.nstood, 0); /* others called in between */
	assert_true(of(&r, NOISE_OUTAGE)->too_noisy);
	assert_non_null(strstr(of(&r, NOISE_OUTAGE)->why, "20 % of the operations more than 100 ms late"));
	assert_true(of(&r, NOISE_OUTAGE)->lateness_p99_ms == 150);
	end(&r);
}

static void give_up(struct op *op)
{
	op->sent = false;
	op->outcome = OP_FAIL;
	op->error = "client: not sent";
}

static void test_load_not_sent(void **state)
{
	struct run r;
	size_t i;

	(void)state;
	/* Given up before the fault. */
	begin(&r, LOAD);
	load(&r, 0, 0, NULL, true);
	for (i = 0; i < 1000; i += 10)
		give_up(&r.h.ops[i]);
	measure(&r);
	assert_true(r.m.load.not_as_asked);
	assert_string_equal(r.m.load.why, "before the first fault 100 of 1000 operations that were due never left "
			    "their clients (10.0 %, limit 5 %)");
	assert_int_equal(r.m.load.due, 8000);
	assert_int_equal(r.m.load.sent, 7900);
	end(&r);

	/* While the system was down: that is the system's. */
	begin(&r, LOAD);
	load(&r, 0, 0, NULL, true);
	for (i = 1001; i < 2000; i++)
		give_up(&r.h.ops[i]);
	measure(&r);
	assert_false(r.m.load.not_as_asked);
	assert_int_equal(r.m.load.due - r.m.load.sent, 999);
	end(&r);

	/* No line tells of them, but the rate does. */
	begin(&r, "{\"load\":{\"rate\":100000,\"clients\":16,\"deadline_ns\":1000000000}}");
	load(&r, 0, 0, NULL, true);
	measure(&r);
	assert_true(r.m.load.not_as_asked);
	assert_true(r.m.load.due > 3900000 && r.m.load.sent == 8000);
	assert_non_null(strstr(r.m.load.why, "(99.8 %"));
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stood_still),
		cmocka_unit_test(test_certain_without_the_standstill),
		cmocka_unit_test(test_stood_still_before),
		cmocka_unit_test(test_hanging_is_not_standing),
		cmocka_unit_test(test_small_beside_the_length),
		cmocka_unit_test(test_in_the_faults_own_window),
		cmocka_unit_test(test_in_the_outages_own_seconds),
		cmocka_unit_test(test_while_they_were_slow),
		cmocka_unit_test(test_late_at_another_time),
		cmocka_unit_test(test_heartbeat_missed),
		cmocka_unit_test(test_told_by_calls),
		cmocka_unit_test(test_load_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
