/* Outages that are not the same for all clients: of groups, shards and kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/measure.h"
#include "test/lib/synth.h"
#include "test/unit/measure/room.h"

enum { SECONDS = 40, DOWN_FROM = 12, DOWN_TO = 20 };

/* One operation each 5 ms, by turns; those that `down` picks fail between 12 s
 * and 20 s. */
typedef bool picks(const struct op *op);

static void load_past(struct run *r, picks *down, int shards, const char *fault)
{
	cJSON *e;
	static const enum op_f kinds[] = { OP_INSERT, OP_CAS, OP_INSERT, OP_READ, OP_INSERT };
	int64_t i;

	for (i = 0; i < SECONDS * 200; i++) {
		int64_t t = i * 5 * MS;
		struct op op = {.f = kinds[i % 5],
				.process = (uint32_t)(i % 16),
				.value = i,
				.key = i % 8,
				.expect = OP_NO_VALUE,
				.t_intended = t,
				.t_invoke = t,
				.t_return = t + 2 * MS,
				.sent = true,
				.group = i % 4 == 3,
				.shard = shards ? (uint32_t)(i * 7 / 5 % shards) + 1 : 0};

		if (op.f == OP_INSERT)
			op.key = OP_NO_VALUE;
		if (t >= DOWN_FROM * SEC && t < DOWN_TO * SEC && down(&op)) {
			op.outcome = OP_FAIL;
			op.error = "server: refused";
		}
		history_add(&r->h, &op);
	}
	synth_add_fault(r->events, "cut", fault, DOWN_FROM * SEC);
	cJSON_ArrayForEach(e, r->events)
		if (!strcmp(json_str(e, "k", ""), "fault"))
			json_set(e, "targets", cJSON_Parse("[{\"member\":\"m0\",\"node\":\"n1\",\"role\":\"primary\"}]"));
	event(r, "group", 1, "{\"g\":1,\"name\":\"minority\",\"node\":\"n1\",\"member\":\"m0\",\"clients\":4,\"rate\":50}");
}

static void load(struct run *r, picks *down, int shards)
{
	load_past(r, down, shards, "partition-node");
}

static void down_for_8_s(const struct outage *o)
{
	assert_true(o->any && o->ended);
	/* The next write of a part comes up to 140 ms later. */
	is_about(o->lo_ns, 7900 * MS, 8150 * MS);
	is_about(o->hi_ns, 8000 * MS, 8150 * MS);
}

static bool the_others(const struct op *op) { return op->group == 0; }

static bool the_minority(const struct op *op) { return op->group == 1; }

static bool one_shard(const struct op *op) { return op->shard == 2; }

static bool the_inserts(const struct op *op) { return op->f == OP_INSERT; }

static bool everything(const struct op *op) { (void)op; return true; }

static bool every_second(const struct op *op) { return (op->value + op->value / 16) % 2; }

static void test_majority_is_the_outage(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, the_others, 0);
	measure(&r);
	f = &r.m.faults[0];
	down_for_8_s(&f->outage);
	assert_string_equal(f->outage_of, "");
	assert_non_null(fault_part(f, "group", "minority"));
	assert_false(fault_part(f, "group", "minority")->outage.any);
	end(&r);
}

/* A send is a write: it has an outage, and one of its own kind. */
static void test_sends_are_writes(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, the_inserts, 0);
	for (size_t i = 0; i < r.h.n; i++)
		if (r.h.ops[i].f == OP_INSERT)
			r.h.ops[i].f = OP_SEND;
		else if (r.h.ops[i].f == OP_READ)
			r.h.ops[i].f = OP_RECEIVE;
	measure(&r);
	f = &r.m.faults[0];
	assert_string_equal(f->outage_of, "kind send");
	down_for_8_s(&f->outage);
	assert_true(fault_part(f, "kind", "receive")->reads);
	assert_false(fault_part(f, "kind", "receive")->outage.any);
	end(&r);
}

static void test_minority_is_not(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, the_minority, 0);
	measure(&r);
	f = &r.m.faults[0];
	assert_false(f->outage.any);
	down_for_8_s(&fault_part(f, "group", "minority")->outage);
	end(&r);
}

/* Nothing holds it apart: what it meets is the service's own. */
static void test_group_that_nothing_cut_off(void **state)
{
	const struct served_row *row;
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load_past(&r, the_minority, 0, "kill-pod");
	measure(&r);
	f = &r.m.faults[0];
	assert_string_equal(f->outage_of, "group minority");
	down_for_8_s(&f->outage);
	/* 28 s, of which 400 of the group's operations failed in 8. */
	row = fault_served(f, "all", "");
	assert_int_equal(row->due, 5600);
	assert_int_equal(row->served, 5200);
	assert_true(fault_served(f, "reads", "")->served < fault_served(f, "reads", "")->due);
	assert_true(fault_served(f, "client", NULL)->served < fault_served(f, "client", NULL)->due);
	assert_non_null(fault_part(f, "group", "minority, reads"));
	end(&r);
}

/* While a cut holds it apart it has a row of its own, and counts in no other. */
static void test_group_that_is_cut_off(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, the_minority, 0);
	measure(&r);
	f = &r.m.faults[0];
	assert_int_equal(fault_served(f, "all", "")->due, 4200);
	assert_int_equal(fault_served(f, "all", "")->served, 4200);
	assert_int_equal(fault_served(f, "group", "minority")->due, 1400);
	assert_true(fault_served(f, "group", "minority")->apart);
	assert_null(fault_part(f, "group", "minority, reads"));
	end(&r);
}

static void test_worst_shard(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, one_shard, 3);
	measure(&r);
	f = &r.m.faults[0];
	assert_string_equal(f->outage_of, "shard 2");
	down_for_8_s(&f->outage);
	assert_false(fault_part(f, "shard", "1")->outage.any);
	assert_false(fault_part(f, "shard", "3")->outage.any);
	assert_ptr_equal(r.m.worst, &f->outage);
	end(&r);
}

/* A call that waited long does not tell when a shard came back; then its own
 * members do, whatever those of other shards say all the while. */
static void test_shard_by_its_members(void **state)
{
	const struct fault_seen *f;
	struct run r;
	size_t n = 0;
	int64_t t;

	(void)state;
	begin(&r);
	load(&r, one_shard, 3);
	for (size_t i = 0; i < r.h.n; i++) {
		const struct op *op = &r.h.ops[i];

		if (!one_shard(op) || op->t_invoke < DOWN_TO * SEC - 900 * MS ||
		    op->t_invoke >= DOWN_TO * SEC)
			r.h.ops[n++] = *op;
	}
	r.h.n = n;
	for (size_t i = 0; i < n; i++)
		if (one_shard(&r.h.ops[i]) && r.h.ops[i].t_invoke >= DOWN_TO * SEC &&
		    r.h.ops[i].f != OP_READ) {
			r.h.ops[i].t_invoke -= 800 * MS;
			break;
		}
	for (t = (DOWN_FROM - 1) * SEC; t < (DOWN_TO + 2) * SEC; t += 100 * MS) {
		bool back = t >= DOWN_TO * SEC;
		cJSON *other = synth_sample("m1", t, true, "primary", true, 1);
		cJSON *own = synth_sample("m2", t, true, back ? "primary" : "replica", back, 1);

		json_set_i64(other, "shard", 1);
		json_set_i64(own, "shard", 2);
		json_push(r.events, other);
		json_push(r.events, own);
	}
	measure(&r);
	f = &r.m.faults[0];
	assert_string_equal(f->outage_of, "shard 2");
	is_about(f->outage.up_lo, DOWN_TO * SEC - 110 * MS, DOWN_TO * SEC);
	is_about(f->outage.up_hi, DOWN_TO * SEC, DOWN_TO * SEC + 50 * MS);
	end(&r);
}

/* Calls hang at the end; the first that is served had asked others for 400 ms
 * who serves it, and so says nothing of these 400 ms. */
static void test_time_to_find(void **state)
{
	const struct outage *o;
	bool served = false;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, everything, 0);
	for (size_t i = 0; i < r.h.n; i++) {
		struct op *op = &r.h.ops[i];

		if (op->t_invoke >= DOWN_TO * SEC - 500 * MS && op->t_invoke < DOWN_TO * SEC)
			op->t_return = op->t_invoke + 600 * MS;
		if (op->t_invoke < DOWN_TO * SEC || served || op->f == OP_READ || op->group)
			continue;
		op->t_invoke -= 400 * MS;
		op->find_ns = 400 * MS;
		served = true;
	}
	measure(&r);
	o = &r.m.faults[0].outage;
	assert_true(o->any && o->ended);
	is_about(o->up_lo, DOWN_TO * SEC - 20 * MS, DOWN_TO * SEC);
	is_about(o->up_hi, DOWN_TO * SEC, DOWN_TO * SEC + 20 * MS);
	end(&r);
}

static void test_worst_kind(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, the_inserts, 0);
	measure(&r);
	f = &r.m.faults[0];
	assert_string_equal(f->outage_of, "kind insert");
	down_for_8_s(&f->outage);
	assert_false(fault_part(f, "kind", "cas")->outage.any);
	assert_false(fault_part(f, "kind", "read")->outage.any);
	end(&r);
}

/* When all fail together, all together tell best when it began and ended. */
static void test_all_together(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, everything, 3);
	measure(&r);
	f = &r.m.faults[0];
	assert_string_equal(f->outage_of, "");
	down_for_8_s(&f->outage);
	assert_true(f->outage.hi_ns - f->outage.lo_ns <= 30 * MS);
	end(&r);
}

/* Half of all tries fail, of each kind, to each shard and of each client: nothing
 * was down. */
static void test_every_second_fails(void **state)
{
	const struct fault_seen *f;
	struct run r;

	(void)state;
	begin(&r);
	load(&r, every_second, 0);
	measure(&r);
	f = &r.m.faults[0];
	assert_string_equal(f->outage_of, "");
	assert_true(f->outage.hi_ns < 500 * MS);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_majority_is_the_outage),
		cmocka_unit_test(test_minority_is_not),
		cmocka_unit_test(test_group_that_nothing_cut_off),
		cmocka_unit_test(test_group_that_is_cut_off),
		cmocka_unit_test(test_sends_are_writes),
		cmocka_unit_test(test_worst_shard),
		cmocka_unit_test(test_shard_by_its_members),
		cmocka_unit_test(test_time_to_find),
		cmocka_unit_test(test_worst_kind),
		cmocka_unit_test(test_all_together),
		cmocka_unit_test(test_every_second_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
