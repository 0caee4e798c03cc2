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
#include "test/unit/measure/half.h"

/* Service that is neither all there nor all gone. */

static void refuse(struct op *op)
{
	op->outcome = OP_FAIL;
	op->t_return = op->t_invoke + MS;
	op->error = "connect: refused";
}

static void hang(struct op *op, int64_t until)
{
	if (op->t_return < until)
		op->t_return = until;
}

/* A call is due every 5 ms, so nothing is known more closely. */
static void assert_length(int64_t lo, int64_t hi, int64_t truth, int64_t error)
{
	if (lo < truth - error || lo > hi || hi > truth + error)
		fail_msg("[%lld, %lld] ms is not %lld ms within %lld ms", (long long)(lo / MS), (long long)(hi / MS),
			 (long long)(truth / MS), (long long)(error / MS));
}

/* ---- service that flickers ---- */

/* Five times down for 4 s, with one call served between. */
static void flickers(struct op *op, int64_t t)
{
	if (t >= 0 && t < 20 * SEC && t % (4 * SEC) >= 5 * MS)
		refuse(op);
}

static void test_flapping(void **state)
{
	const struct fault_seen *f;
	struct world w;

	(void)state;
	world_make(&w, 40 * SEC, flickers);
	f = measure(&w);
	assert_true(f->outage.any && f->outage.ended);
	assert_int_equal(f->outage.times, 5);
	assert_int_equal(f->outage.more, 0);
	assert_length(f->outage.lo_ns, f->outage.hi_ns, 20 * SEC, 25 * MS);
	assert_int_equal(f->outage.down.times, 5);
	assert_length(f->outage.down.lo_ns, f->outage.down.hi_ns, 20 * SEC - 5 * 4 * MS, 60 * MS);
	world_end(&w);
}

/* Down for 2 s, twice, and up for 5 s between: two outages. */
static void twice(struct op *op, int64_t t)
{
	if ((t >= 0 && t < 2 * SEC) || (t >= 7 * SEC && t < 9 * SEC))
		refuse(op);
}

static void test_two_outages(void **state)
{
	const struct fault_seen *f;
	struct world w;

	(void)state;
	world_make(&w, 40 * SEC, twice);
	f = measure(&w);
	assert_int_equal(f->outage.times, 1);
	assert_int_equal(f->outage.more, 1);
	assert_length(f->outage.lo_ns, f->outage.hi_ns, 2 * SEC, 25 * MS);
	assert_int_equal(f->outage.down.times, 2);
	assert_length(f->outage.down.lo_ns, f->outage.down.hi_ns, 4 * SEC, 40 * MS);
	world_end(&w);
}

/* Right after 5 s without service, 20 ms of it, and a stumble of 400 ms. */
static void stumbles(struct op *op, int64_t t)
{
	if (t >= 0 && t < 5400 * MS && !(t >= 5 * SEC && t < 5020 * MS))
		refuse(op);
}

static void test_stumble_after_recovery(void **state)
{
	const struct fault_seen *f;
	struct world w;

	(void)state;
	world_make(&w, 40 * SEC, stumbles);
	f = measure(&w);
	assert_length(f->outage.lo_ns, f->outage.hi_ns, 5 * SEC, 25 * MS);
	assert_int_equal(f->outage.more, 1);
	world_end(&w);
}

/* One call in 105 ms is served, 20 s long: slow service, not an outage of 20 s. */
static void trickles(struct op *op, int64_t t)
{
	op->f = OP_INSERT;
	if (t >= 0 && t < 20 * SEC && t % (105 * MS) >= 5 * MS)
		refuse(op);
}

static void test_trickle(void **state)
{
	const struct fault_seen *f;
	struct world w;

	(void)state;
	world_make(&w, 40 * SEC, trickles);
	f = measure(&w);
	assert_string_equal(f->outage_of, "");
	assert_true(f->outage.hi_ns < 500 * MS);
	assert_true(f->outage.down.times >= 50);
	world_end(&w);
}

/* ---- what is normal ---- */

/* All stands still for 450 ms before the fault, and for 1.2 s after it. */
static void hiccups(struct op *op, int64_t t)
{
	if (t >= -5 * SEC && t < -4550 * MS)
		hang(op, BEGIN + 5450 * MS);
	if (t >= -2 * SEC && t < -1600 * MS)
		hang(op, BEGIN + 8400 * MS);
	if (t >= 0 && t < 1200 * MS)
		hang(op, BEGIN + 11200 * MS);
}

static void test_baseline_hiccups(void **state)
{
	const struct fault_seen *f;
	struct world w;

	(void)state;
	world_make(&w, 40 * SEC, hiccups);
	f = measure(&w);
	assert_true(f->outage.any && f->outage.ended);
	assert_true(f->outage.seen_ns > 1190 * MS && f->outage.seen_ns < 1210 * MS);
	assert_true(f->outage.lo_ns > 0 && f->outage.lo_ns <= 1200 * MS &&
		    f->outage.hi_ns >= 1200 * MS);
	world_end(&w);
}

/* Five refused in a row are an outage, however short. */
static void blinks(struct op *op, int64_t t)
{
	if (t >= 0 && t < 25 * MS)
		refuse(op);
}

static void test_short_with_failures(void **state)
{
	const struct fault_seen *f;
	struct world w;

	(void)state;
	world_make(&w, 20 * SEC, blinks);
	f = measure(&w);
	assert_true(f->outage.any);
	assert_true(f->outage.lo_ns > 0 && f->outage.hi_ns < 50 * MS);
	world_end(&w);
}

/* One write in ten fails all the time: it did before, too. */
static void errs(struct op *op, int64_t t)
{
	(void)t;
	if (op->value % 10 == 3 || op->value % 10 == 4)
		refuse(op);
}

static void test_background_errors(void **state)
{
	struct world w;

	(void)state;
	world_make(&w, 40 * SEC, errs);
	assert_false(measure(&w)->outage.any);
	world_end(&w);
}

/* ---- the load's end ---- */

static void test_last_read_hangs(void **state)
{
	struct op op = {.process = 70,
			.f = OP_READ_REPLICA,
			.key = 1,
			.value = OP_NO_VALUE,
			.outcome = OP_INFO,
			.sent = true,
			.error = "timeout: no answer in time"};
	struct world w;

	(void)state;
	world_make(&w, 20 * SEC, NULL);
	op.t_intended = op.t_invoke = BEGIN + 20 * SEC - MS;
	op.t_return = op.t_invoke + SEC;
	history_add(&w.h, &op);
	assert_false(measure(&w)->outage.any);
	world_end(&w);
}

/* One write that was sent as the load ended is not enough either. */
static void test_last_write_hangs(void **state)
{
	struct op op = {.process = 70,
			.f = OP_INSERT,
			.key = OP_NO_VALUE,
			.value = 99999,
			.outcome = OP_INFO,
			.sent = true,
			.error = "timeout: no answer in time"};
	struct world w;

	(void)state;
	world_make(&w, 20 * SEC, NULL);
	op.t_intended = op.t_invoke = BEGIN + 20 * SEC - MS;
	op.t_return = op.t_invoke + SEC;
	history_add(&w.h, &op);
	assert_false(measure(&w)->outage.any);
	world_end(&w);
}

/* ---- some clients, some kinds ---- */

static void odd_clients(struct op *op, int64_t t)
{
	if (t >= 0 && t < 30 * SEC && op->process % 2)
		refuse(op);
}

static void test_half_the_clients(void **state)
{
	const struct partial_outage *p;
	const struct fault_seen *f;
	struct world w;

	(void)state;
	world_make(&w, 60 * SEC, odd_clients);
	f = measure(&w);
	assert_string_equal(f->outage_of, "clients 32 of 64");
	assert_length(f->outage.lo_ns, f->outage.hi_ns, 30 * SEC, 40 * MS);
	p = fault_part(f, "clients", "32 of 64");
	assert_true(p && p->proven && !p->reads);
	assert_ptr_equal(w.m.worst, &f->outage);
	world_end(&w);
}

/* All are down for 5 s, and every fifth client for 20 s more. */
static void fifth_later(struct op *op, int64_t t)
{
	if (t >= 0 && t < (op->process % 5 ? 5 : 25) * SEC)
		refuse(op);
}

static void test_some_come_back_later(void **state)
{
	const struct fault_seen *f;
	struct world w;

	(void)state;
	world_make(&w, 60 * SEC, fifth_later);
	f = measure(&w);
	assert_string_equal(f->outage_of, "clients 13 of 64");
	assert_true(f->outage.lo_ns > 24 * SEC && f->outage.hi_ns < 26 * SEC);
	world_end(&w);
}

/* Inserts fail and compare-and-sets do not: many a client has four inserts in a
 * row, but no client is worse off than another. */
static void inserts(struct op *op, int64_t t)
{
	if (t >= 0 && t < 20 * SEC && op->f == OP_INSERT)
		refuse(op);
}

static void test_kind_is_no_share_of_clients(void **state)
{
	const struct fault_seen *f;
	struct world w;

	(void)state;
	world_make(&w, 40 * SEC, inserts);
	f = measure(&w);
	assert_string_equal(f->outage_of, "kind insert");
	for (size_t i = 0; i < f->nparts; i++)
		assert_string_not_equal(f->parts[i].what, "clients");
	world_end(&w);
}

static void reads(struct op *op, int64_t t)
{
	if (t >= 0 && t < 30 * SEC && op->f == OP_READ)
		refuse(op);
}

static void test_reads_down(void **state)
{
	const struct partial_outage *p;
	const struct fault_seen *f;
	struct world w;

	(void)state;
	world_make(&w, 60 * SEC, reads);
	f = measure(&w);
	assert_false(f->outage.any); /* of writes */
	p = fault_part(f, "kind", "read");
	assert_true(p && p->reads && p->proven);
	assert_length(p->outage.lo_ns, p->outage.hi_ns, 30 * SEC, 60 * MS);
	world_end(&w);
}

/* ---- whose outage ---- */

static void down_9s(struct op *op, int64_t t)
{
	if (t >= 0 && t < 9 * SEC)
		refuse(op);
}

/* The second fault meets a system that is down: the first one's outage was met by
 * it, and what it found running is not its own. */
static void test_second_fault_meets_it(void **state)
{
	const struct fault_seen *f;
	struct world w;

	(void)state;
	world_make(&w, 40 * SEC, down_9s);
	synth_add_fault(w.events, "again", "kill-pod", BEGIN + 13 * SEC);
	f = measure(&w);
	assert_int_equal(w.m.nfaults, 2);
	assert_false(f[0].outage.running);
	assert_string_equal(f[0].outage.met->id, "again");
	assert_length(f[0].outage.lo_ns, f[0].outage.hi_ns, 9 * SEC, 25 * MS);
	assert_true(f[1].outage.running);
	assert_null(f[1].outage.met);
	assert_length(f[1].outage.lo_ns, f[1].outage.hi_ns, 6 * SEC, 25 * MS);
	world_end(&w);
}

/* ---- clocks ---- */

static void test_clocks_apart(void **state)
{
	int64_t lo, hi;
	struct world w;
	cJSON *e;

	(void)state;
	world_make(&w, 40 * SEC, down_9s);
	measure(&w);
	lo = w.m.worst->lo_ns;
	hi = w.m.worst->hi_ns;
	measured_free(&w.m);
	cJSON_ArrayForEach(e, w.events)
		json_set_i64(e, "te", 500 * MS);
	measure(&w);
	assert_int_equal(w.m.worst->lo_ns, lo - 500 * MS);
	assert_int_equal(w.m.worst->hi_ns, hi + 500 * MS);
	world_end(&w);
}

/* ---- parts ---- */

static void after_heal(struct op *op, int64_t t)
{
	if (t >= 5 * SEC && t < 8 * SEC)
		refuse(op);
}

/* Nothing stops while the fault is on; writes do when it is healed. */
static void test_parts_from_the_heal(void **state)
{
	const struct outage *o;
	struct world w;

	(void)state;
	world_make(&w, 40 * SEC, after_heal);
	json_push(w.events, synth_fault("kill", "partition-node", "healed", BEGIN + 15 * SEC));
	o = &measure(&w)->outage;
	assert_true(o->m.from_heal);
	assert_int_equal(o->m.effective, BEGIN + 15 * SEC);
	assert_true(o->m.first_ack - o->m.effective > 2900 * MS &&
		    o->m.first_ack - o->m.effective < 3100 * MS);
	world_end(&w);

	world_make(&w, 40 * SEC, down_9s); /* it began with the fault */
	json_push(w.events, synth_fault("kill", "partition-node", "healed", BEGIN + 15 * SEC));
	o = &measure(&w)->outage;
	assert_false(o->m.from_heal);
	assert_int_equal(o->m.effective, BEGIN + 10 * SEC);
	world_end(&w);
}

/* The others had a new leader 3 s before it began, with the heal or while the fault is on. */
static void not_by_what_was_before(int64_t healed)
{
	const struct outage *o;
	struct world w;
	cJSON *e;

	world_make(&w, 40 * SEC, after_heal);
	e = cJSON_CreateObject();
	json_set_str(e, "k", "scenario");
	json_set_str(e, "system", "rabbitmq");
	json_set_i64(e, "s", 0);
	json_set_i64(e, "t", BEGIN - SEC);
	json_push(w.events, e);
	json_push(w.events, synth_fault("kill", "partition-node", "healed", BEGIN + healed));
	for (int64_t t = BEGIN; t < BEGIN + 40 * SEC; t += 100 * MS) {
		bool moved = t >= BEGIN + 12 * SEC;

		json_push(w.events, synth_sample("m0", t, true, moved ? "replica" : "primary", !moved, 1 + moved));
		json_push(w.events, synth_sample("m1", t + MS, true, moved ? "primary" : "replica", moved, 1 + moved));
	}
	o = &measure(&w)->outage;
	assert_int_equal(o->m.from_heal, healed == 15 * SEC);
	assert_true(o->m.promoted > BEGIN + 11 * SEC && o->m.promoted < BEGIN + 13 * SEC);
	assert_string_equal(o->m.mechanism, "");
	assert_non_null(strstr(o->m.why_mechanism, "had brought another primary 3.0 s before this outage began"));
	world_end(&w);
}

static void test_not_by_what_was_before(void **state)
{
	(void)state;
	not_by_what_was_before(15 * SEC);
	not_by_what_was_before(30 * SEC);
}

/* ---- what was served ---- */

static void test_served(void **state)
{
	const struct served_row *r;
	const struct fault_seen *f;
	struct world w;

	(void)state;
	world_make(&w, 40 * SEC, odd_clients);
	f = measure(&w);
	r = fault_served(f, "all", "");
	assert_int_equal(r->due, 6000);
	assert_int_equal(r->served, 3000);
	assert_int_equal(r->p99_ns, 4 * MS);
	assert_int_equal(fault_served(f, "writes", "")->due + fault_served(f, "reads", "")->due, 6000);
	assert_int_equal(fault_served(f, "kind", "read")->due, 1200);
	r = fault_served(f, "client", NULL);
	assert_string_equal(r->name, "1");
	assert_int_equal(r->served, 0);
	assert_null(fault_served(f, "shard", NULL));
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flapping),
		cmocka_unit_test(test_two_outages),
		cmocka_unit_test(test_stumble_after_recovery),
		cmocka_unit_test(test_trickle),
		cmocka_unit_test(test_baseline_hiccups),
		cmocka_unit_test(test_short_with_failures),
		cmocka_unit_test(test_background_errors),
		cmocka_unit_test(test_last_read_hangs),
		cmocka_unit_test(test_last_write_hangs),
		cmocka_unit_test(test_half_the_clients),
		cmocka_unit_test(test_some_come_back_later),
		cmocka_unit_test(test_kind_is_no_share_of_clients),
		cmocka_unit_test(test_reads_down),
		cmocka_unit_test(test_second_fault_meets_it),
		cmocka_unit_test(test_clocks_apart),
		cmocka_unit_test(test_parts_from_the_heal),
		cmocka_unit_test(test_not_by_what_was_before),
		cmocka_unit_test(test_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
