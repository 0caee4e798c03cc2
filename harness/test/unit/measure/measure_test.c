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
#include "measure/parts.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/synth.h"

/* Losses, recovery, two primaries, noise, and what is broken. */

#define MS NS_PER_MS
#define SEC NS_PER_S

static void add(cJSON *events, const char *kind, int64_t t, const char *more)
{
	struct err e = { 0 };
	cJSON *o = json_parse(more, "test", &e);

	assert_non_null(o);
	json_set_i64(o, "t", t);
	json_set_i64(o, "s", 0);
	json_set_str(o, "k", kind);
	json_push(events, o);
}

static void put(struct history *h, enum op_f f, int64_t key, int64_t value, int64_t t, enum op_outcome o)
{
	struct op op = { .f = f, .key = key, .value = value, .expect = OP_NO_VALUE, .t_intended = t,
			 .t_invoke = t, .t_return = t + 2 * MS, .outcome = o, .sent = true };

	op.process = (uint32_t)(value % 8);
	if (o == OP_FAIL)
		mem_copy_str(op.error, sizeof(op.error), "server: refused");
	if (o == OP_INFO)
		mem_copy_str(op.error, sizeof(op.error), "timeout: deadline");
	history_add(h, &op);
}

static void insert(struct history *h, int64_t value, int64_t t, enum op_outcome o)
{
	put(h, OP_INSERT, OP_NO_VALUE, value, t, o);
}

/* Inserts 0..n-1, one each 10 ms from 1 s on. */
static void steady(struct history *h, int n)
{
	int i;

	for (i = 0; i < n; i++)
		insert(h, i, SEC + i * 10 * MS, OP_OK);
}

struct run {
	struct history h;
	cJSON *events;
	struct measured m;
};

static void begin(struct run *r)
{
	memset(r, 0, sizeof(*r));
	r->events = cJSON_CreateArray();
}

static void measure(struct run *r)
{
	history_sort(&r->h);
	measure_scenario(&r->h, evidence_kept(r->events, 0), &r->m);
}

static void end(struct run *r)
{
	measured_free(&r->m);
	history_free(&r->h);
	cJSON_Delete(r->events);
}

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
	assert_int_equal(r.m.loss.phantom, 2); /* refused 22, never sent 99 */
	assert_int_equal(r.m.loss.duplicate, 1);
	assert_int_equal(r.m.loss.unknown, 2);
	assert_int_equal(r.m.loss.unknown_present, 1);
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

static void test_redirections(void **state)
{
	static const char *const via[] = {"10.1.0.1:6379", "10.1.0.2:6379 MOVED", "10.1.0.2:6379 MOVED",
					  "10.1.0.2:6379 ASK", "10.1.0.3:6379 ASK TRYAGAIN"};
	struct run r;

	(void)state;
	begin(&r);
	add(r.events, "scenario", SEC, "{\"system\":\"redis-cluster\"}");
	for (size_t i = 0; i < ARRAY_LEN(via); i++) {
		struct op op = {.f = OP_INSERT, .value = (int64_t)i, .key = OP_NO_VALUE, .expect = OP_NO_VALUE,
				.t_intended = SEC, .t_invoke = SEC, .t_return = SEC + MS, .outcome = OP_OK,
				.sent = true};

		mem_copy_str(op.via, sizeof(op.via), via[i]);
		history_add(&r.h, &op);
	}
	measure(&r);
	assert_int_equal(measured_redirected(&r.m, "moved"), 2);
	assert_int_equal(measured_redirected(&r.m, "ask"), 2);
	assert_int_equal(measured_redirected(&r.m, "tryagain"), 1);
	assert_int_equal(measured_redirected(&r.m, "elsewhere"), 0);
	end(&r);
}

/* Every system's table is whole, and no longer than what is counted. */
static void test_redirection_tables(void **state)
{
	size_t n, tables = 0;
	const struct system *all = system_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct redirection *r = all[i].model->redirections;
		size_t k = 0;

		for (; r && r[k].word; k++) {
			assert_true(k < REDIRECTIONS_MAX);
			assert_null(strchr(r[k].word, ' '));
			assert_true(*r[k].word && *r[k].key && *r[k].before && *r[k].after);
		}
		tables += k > 0;
	}
	assert_true(tables > 0);
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
		mem_copy_str(r.h.ops[r.h.n - 1].via, sizeof(r.h.ops[0].via),
			     t < 12 * SEC ? "10.0.0.1:5432" : "10.0.0.2:5432");
	}
	insert(&r.h, 5000, 13 * SEC, OP_OK);
	mem_copy_str(r.h.ops[r.h.n - 1].via, sizeof(r.h.ops[0].via), "10.0.0.1");
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
		mem_copy_str(r.h.ops[r.h.n - 1].via, sizeof(r.h.ops[0].via), "10.0.0.2:5432");
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

static bool all_ok(const struct sample *s, size_t n, char *why)
{
	size_t i;

	*why = '\0';
	for (i = 0; i < n; i++) {
		if (!s[i].ok) {
			snprintf(why, WHY_BYTES, "%s does not answer", s[i].member);
			return false;
		}
	}
	return n > 0;
}

static const struct model_ops toy = { .redundant = all_ok };

/* Measures recovery with a system of our own. */
static void recover(struct run *r)
{
	struct view v;

	measure(r);
	view_make(&v, &r->h, evidence_kept(r->events, 0));
	recovery_make(&v, &toy, &r->m);
	view_free(&v);
}

static void members(struct run *r, int64_t t, bool m1_ok, int lag)
{
	cJSON *s = synth_sample("m1", t + MS, m1_ok, m1_ok ? "replica" : "unknown", false, 1);

	if (m1_ok)
		json_set_i64(s, "lag_bytes", lag);
	json_push(r->events, synth_sample("m0", t, true, "primary", true, 1));
	json_push(r->events, s);
}

static void test_redundant(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 3000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (t = SEC; t < 30 * SEC; t += 100 * MS) {
		bool away = t > 10 * SEC && t < 14 * SEC, again = t > 16 * SEC && t < 17 * SEC;
		bool blip = t == 20 * SEC;

		members(&r, t, !away && !again && !blip, t > 10 * SEC && t < 19 * SEC ? 500000 : 8000);
	}
	recover(&r);
	/* It came back, fell out again, and came back at 17 s; one lost probe
	 * at 20 s is no loss of redundancy. */
	assert_true(llabs(r.m.faults[0].redundant_ns - 7 * SEC) < 5 * MS);
	assert_true(llabs(r.m.faults[0].lag_zero_ns - 9 * SEC) < 5 * MS);
	assert_int_equal(r.m.redundant_ns, r.m.faults[0].redundant_ns);
	end(&r);
}

/* The last probe before the watch ends may be the lost one, too. */
static void test_last_probe_lost(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 2000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (t = SEC; t < 18 * SEC; t += 100 * MS)
		members(&r, t, t <= 10 * SEC || (t > 14 * SEC && t < 17900 * MS), 8000);
	recover(&r);
	assert_true(llabs(r.m.redundant_ns - 4 * SEC) < 150 * MS);
	end(&r);
}

static void tell(struct run *r, const char *state, const char *targets)
{
	cJSON *e = synth_fault("cut", "partition-node", state, 10 * SEC);

	if (*targets)
		json_set(e, "targets", cJSON_Parse(targets));
	json_push(r->events, e);
}

/* Each agent tells of its part; with one of them missing, or one target, nobody
 * knows that it took effect there. */
static void test_effective_everywhere(void **state)
{
	static const char two[] = "[{\"member\":\"m0\",\"node\":\"n0\",\"role\":\"primary\"},"
				  "{\"member\":\"m1\",\"node\":\"n1\",\"role\":\"replica\"}]";
	static const char one[] = "[{\"member\":\"m0\",\"node\":\"n0\",\"role\":\"primary\"}]";
	static const struct {
		const char *injecting[2], *effective[2]; /* NULL: no such event */
		bool bites;
	} runs[] = {
		{{two, two}, {two, two}, true},
		{{two, two}, {two, NULL}, false},
		{{two, NULL}, {two, NULL}, false}, /* two nodes have two agents */
		{{two, two}, {one, one}, false},
		{{two, two}, {"", ""}, true},      /* they need not say it again */
		{{one, NULL}, {one, NULL}, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
		struct run r;

		begin(&r);
		steady(&r.h, 2000);
		for (int k = 0; k < 2; k++)
			if (runs[i].injecting[k])
				tell(&r, "injecting", runs[i].injecting[k]);
		for (int k = 0; k < 2; k++)
			if (runs[i].effective[k])
				tell(&r, "effective", runs[i].effective[k]);
		recover(&r);
		if (r.m.faults[0].rec->bites != runs[i].bites)
			fail_msg("run %zu", i);
		assert_string_equal(r.m.faults[0].rec->target, runs[i].injecting[0] == two ? "m0, m1" : "m0");
		end(&r);
	}
}

/* The second fault comes while the first one is not over: both were, at 25 s. */
static void test_redundant_after_the_next_fault(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 3000);
	synth_add_fault(r.events, "one", "kill-pod", 10 * SEC);
	synth_add_fault(r.events, "two", "kill-pod", 13 * SEC);
	for (t = SEC; t < 30 * SEC; t += 100 * MS)
		members(&r, t, t <= 10 * SEC || t >= 25 * SEC, 0);
	recover(&r);
	assert_true(llabs(r.m.faults[0].redundant_ns - 15 * SEC) < 5 * MS);
	assert_int_equal(r.m.faults[0].redundant_lo_ns, 3 * SEC); /* that long by itself */
	assert_true(llabs(r.m.faults[1].redundant_ns - 12 * SEC) < 5 * MS);
	assert_int_equal(r.m.faults[1].redundant_lo_ns, r.m.faults[1].redundant_ns);
	assert_true(r.m.faults[1].apart_before && !r.m.faults[0].apart_before);
	assert_int_equal(r.m.redundant_ns, r.m.faults[0].redundant_ns);
	assert_ptr_equal(r.m.slowest, &r.m.faults[0]);
	end(&r);

	/* At the same moment, before anybody could notice anything. */
	begin(&r);
	steady(&r.h, 3000);
	synth_add_fault(r.events, "one", "pause", 10 * SEC);
	synth_add_fault(r.events, "two", "pause", 10 * SEC + 250 * MS);
	for (t = SEC; t < 30 * SEC; t += 100 * MS)
		members(&r, t, t <= 10 * SEC + 300 * MS || t >= 25 * SEC, 0);
	recover(&r);
	assert_true(llabs(r.m.faults[0].redundant_ns - 15 * SEC) < 5 * MS);
	end(&r);

	/* The first one was over when the second one came. */
	begin(&r);
	steady(&r.h, 3000);
	synth_add_fault(r.events, "one", "kill-pod", 10 * SEC);
	synth_add_fault(r.events, "two", "kill-pod", 20 * SEC);
	for (t = SEC; t < 30 * SEC; t += 100 * MS)
		members(&r, t, t <= 10 * SEC || (t >= 14 * SEC && t < 20 * SEC) || t > 27 * SEC, 0);
	recover(&r);
	assert_true(llabs(r.m.faults[0].redundant_ns - 4 * SEC) < 5 * MS);
	assert_int_equal(r.m.faults[0].redundant_lo_ns, r.m.faults[0].redundant_ns);
	assert_ptr_equal(r.m.slowest, &r.m.faults[1]);
	end(&r);
}

static void test_never_redundant(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 2000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (t = SEC; t < 21 * SEC; t += 100 * MS)
		members(&r, t, t <= 10 * SEC, 0);
	recover(&r);
	assert_int_equal(r.m.redundant_ns, -1);
	assert_string_equal(r.m.slowest->redundant_why, "m1 does not answer");
	assert_int_equal(r.m.lag_zero_ns, -1);
	end(&r);
}

static void test_never_lost_redundancy(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 2000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (t = SEC; t < 21 * SEC; t += 100 * MS)
		members(&r, t, true, 0);
	recover(&r);
	assert_int_equal(r.m.redundant_ns, 0);
	end(&r);
}

/* A member that nobody could ask for more than a second is no evidence. */
static void test_stale_answers(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 2000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	for (t = SEC; t < 21 * SEC; t += 100 * MS) {
		json_push(r.events, synth_sample("m0", t, true, "primary", true, 1));
		if (t < 12 * SEC || t > 15 * SEC)
			json_push(r.events, synth_sample("m1", t + MS, true, "replica", false, 1));
	}
	recover(&r);
	assert_true(llabs(r.m.redundant_ns - 5 * SEC) < 150 * MS);
	end(&r);
}

static void test_no_samples(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	steady(&r.h, 2000);
	synth_add_fault(r.events, "kill", "kill-pod", 10 * SEC);
	recover(&r);
	assert_int_equal(r.m.redundant_ns, -1);
	assert_int_equal(r.m.nsamples, 0);
	end(&r);
}

static void two(struct run *r, int64_t from, int64_t to, int64_t from2, int64_t to2)
{
	int64_t t;

	for (t = 0; t < 20 * SEC; t += 100 * MS) {
		bool a = t >= from && t < to, b = t >= from2 && t < to2;

		json_push(r->events, synth_sample("m0", t, true, a ? "primary" : "replica", a, 1));
		json_push(r->events, synth_sample("m1", t + 50 * MS, true, b ? "primary" : "replica", b, 2));
	}
}

static void test_two_primaries(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	two(&r, 0, 12 * SEC, 10 * SEC, 20 * SEC);
	measure(&r);
	/* Two seconds, less what lies between answers. */
	assert_true(r.m.dual_primary_ns > 1600 * MS && r.m.dual_primary_ns <= 2 * SEC);
	assert_true(r.m.dual_primary_samples >= 36);
	end(&r);
}

/* Primaries of different shards are what a sharded system is; of one shard,
 * or when one does not say of which, they are rivals. */
static void test_primaries_of_shards(void **state)
{
	static const struct {
		int a, b;
		bool rivals;
	} t[] = {{1, 2, false}, {1, 1, true}, {0, 2, true}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct run r;
		cJSON *e;

		begin(&r);
		two(&r, 0, 20 * SEC, 0, 20 * SEC);
		cJSON_ArrayForEach(e, r.events) {
			int shard = strcmp(json_str(e, "m", ""), "m0") ? t[i].b : t[i].a;

			if (!strcmp(json_str(e, "k", ""), "sample") && shard)
				json_set_i64(e, "shard", shard);
		}
		measure(&r);
		assert_int_equal(r.m.dual_primary_ns > 15 * SEC, t[i].rivals);
		assert_int_equal(r.m.dual_primary_samples > 0, t[i].rivals);
		end(&r);
	}
}

/* A hand-over between two rounds of questions is no split: the newest
 * answers of both say "primary" for a moment, but at different times. */
static void test_hand_over(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	two(&r, 0, 10 * SEC, 10 * SEC, 20 * SEC);
	measure(&r);
	assert_int_equal(r.m.dual_primary_ns, 0);
	assert_int_equal(r.m.dual_primary_samples, 0);
	end(&r);
}

/* The old primary hangs, its last answer stays "primary": no evidence. */
static void test_silent_primary(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	for (t = 0; t < 20 * SEC; t += 100 * MS) {
		if (t < 5 * SEC)
			json_push(r.events, synth_sample("m0", t, true, "primary", true, 1));
		json_push(r.events, synth_sample("m1", t + 50 * MS, true, t > 8 * SEC ? "primary" : "replica",
						 t > 8 * SEC, 2));
	}
	measure(&r);
	assert_int_equal(r.m.dual_primary_ns, 0);
	assert_int_equal(r.m.dual_primary_unseen_ns, 0);
	end(&r);
}

/* "Primary" before and after a long silence says nothing of the silence. */
static void test_long_silence(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	for (t = 0; t < 20 * SEC; t += 100 * MS) {
		bool other = t > 6 * SEC && t < 8 * SEC;

		if (t < 5 * SEC || t > 9 * SEC)
			json_push(r.events, synth_sample("m0", t, true, "primary", true, 1));
		json_push(r.events, synth_sample("m1", t + 50 * MS, true, other ? "primary" : "replica", other, 2));
	}
	measure(&r);
	assert_int_equal(r.m.dual_primary_ns, 0);
	end(&r);
}

static void add_target(cJSON *events, const char *member)
{
	cJSON *e, *list, *t;

	cJSON_ArrayForEach(e, events) {
		if (strcmp(json_str(e, "k", ""), "fault"))
			continue;
		list = cJSON_CreateArray();
		t = cJSON_CreateObject();
		json_set_str(t, "member", member);
		json_set_str(t, "role", "primary");
		json_set_str(t, "node", "worker2");
		json_push(list, t);
		json_set(e, "targets", list);
	}
}

/* Behind a partition it may have gone on serving: not excluded. */
static void test_unseen_primary(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 1900);
	synth_add_fault(r.events, "cut", "partition-node", 5 * SEC);
	json_push(r.events, synth_fault("cut", "partition-node", "healed", 15 * SEC));
	add_target(r.events, "m0");
	for (t = 0; t < 20 * SEC; t += 100 * MS) {
		bool hidden = t > 5 * SEC && t < 15 * SEC;

		json_push(r.events, synth_sample("m0", t, !hidden, hidden ? "unknown" : t < 6 * SEC ? "primary" : "replica",
						 t <= 5 * SEC, 1));
		json_push(r.events, synth_sample("m1", t + 50 * MS, true, t > 8 * SEC ? "primary" : "replica",
						 t > 8 * SEC, 2));
	}
	measure(&r);
	assert_int_equal(r.m.dual_primary_ns, 0);
	assert_true(r.m.dual_primary_unseen_ns > 6 * SEC && r.m.dual_primary_unseen_ns < 7 * SEC);
	assert_string_equal(r.m.faults[0].rec->target, "m0");
	assert_string_equal(r.m.faults[0].rec->role, "primary");
	assert_string_equal(r.m.faults[0].rec->node, "worker2");
	assert_true(r.m.faults[0].rec->undone);
	assert_true(r.m.faults[0].demoted_ns >= 0 && r.m.faults[0].demoted_ns <= 100 * MS);
	end(&r);
}

/* Once healed it is heard to let nobody in, long before it follows; by one
 * beside it that was heard already behind the partition. In a silence between
 * it may have been anything. */
static void closed_one(bool witness, bool silence, int64_t demoted_ns, int64_t unseen_ns)
{
	struct run r;
	int64_t t;

	begin(&r);
	steady(&r.h, 2900);
	synth_add_fault(r.events, "cut", "partition-node", 5 * SEC);
	json_push(r.events, synth_fault("cut", "partition-node", "healed", 15 * SEC));
	add_target(r.events, "m0");
	for (t = 0; t < 30 * SEC; t += 100 * MS) {
		bool up = t <= 5 * SEC || t >= 25 * SEC;
		bool heard = t > 15 * SEC && !(silence && t > 18 * SEC && t < 19 * SEC);
		cJSON *e = synth_sample("m0", t, up, !up ? "unknown" : t < 6 * SEC ? "primary" : "replica", t <= 5 * SEC, 1);

		if (!up && heard)
			json_set_bool(e, "closed", true);
		json_push(r.events, e);
		e = synth_sample("m0", t + MS, up, json_str(e, "role", ""), t <= 5 * SEC, 1);
		if (!up && t > 7 * SEC)
			json_set_bool(e, "closed", true);
		json_set_str(e, "k", "witness");
		if (witness)
			json_push(r.events, e);
		else
			cJSON_Delete(e);
		json_push(r.events, synth_sample("m1", t + 50 * MS, true, t > 8 * SEC ? "primary" : "replica",
						 t > 8 * SEC, 2));
	}
	measure(&r);
	if (llabs(r.m.faults[0].demoted_ns - demoted_ns) > 200 * MS ||
	    llabs(r.m.dual_primary_unseen_ns - unseen_ns) > 200 * MS)
		fail_msg("demoted after %lld ms, unseen for %lld ms", (long long)(r.m.faults[0].demoted_ns / MS),
			 (long long)(r.m.dual_primary_unseen_ns / MS));
	end(&r);
}

static void test_closed(void **state)
{
	(void)state;
	closed_one(false, false, 0, 7 * SEC);
	closed_one(false, true, 4 * SEC, 7 * SEC);
	closed_one(true, false, 0, 0);
}

static void test_still_primary(void **state)
{
	struct run r;
	int64_t t;

	(void)state;
	begin(&r);
	steady(&r.h, 1900);
	synth_add_fault(r.events, "freeze", "pause", 5 * SEC);
	json_push(r.events, synth_fault("freeze", "pause", "healed", 10 * SEC));
	add_target(r.events, "m0");
	for (t = 0; t < 20 * SEC; t += 100 * MS) {
		bool hidden = t > 5 * SEC && t < 10 * SEC;

		json_push(r.events, synth_sample("m0", t, !hidden, "primary", !hidden, 1));
		json_push(r.events, synth_sample("m1", t + 50 * MS, true, t > 8 * SEC ? "primary" : "replica",
						 t > 8 * SEC, 2));
	}
	measure(&r);
	assert_int_equal(r.m.faults[0].demoted_ns, -1);
	assert_true(r.m.faults[0].still_primary);
	assert_true(r.m.dual_primary_ns > 8 * SEC);
	end(&r);
}

static void test_noise(void **state)
{
	struct run r;
	size_t i;

	(void)state;
	begin(&r);
	steady(&r.h, 1000);
	add(r.events, "noise", 11 * SEC, "{\"source\":\"load\",\"lateness_p99_ms\":2.5,\"cpu_some_pct\":71.5,\"steal_pct\":0.4}");
	measure(&r);
	assert_false(r.m.noise.too_noisy);
	assert_true(r.m.noise.cpu_some_pct > 71 && r.m.noise.lateness_p99_ms == 2.5);
	measured_free(&r.m);

	add(r.events, "noise", 12 * SEC, "{\"lateness_p99_ms\":150}");
	measure(&r);
	assert_true(r.m.noise.too_noisy);
	assert_non_null(strstr(r.m.noise.why, "150"));
	end(&r);

	begin(&r);
	steady(&r.h, 1000);
	for (i = 0; i < r.h.n; i += 20)
		r.h.ops[i].t_intended -= 120 * MS;
	measure(&r);
	assert_true(r.m.noise.too_noisy);
	end(&r);

	begin(&r);
	steady(&r.h, 1000);
	add(r.events, "noise", 11 * SEC, "{\"steal_pct\":49}");
	measure(&r);
	assert_false(r.m.noise.too_noisy);
	measured_free(&r.m);
	add(r.events, "noise", 12 * SEC, "{\"steal_pct\":51}");
	measure(&r);
	assert_true(r.m.noise.too_noisy);
	assert_non_null(strstr(r.m.noise.why, "hypervisor"));
	end(&r);
}

/* Queueing behind an outage is the system's doing, not noise. */
static void test_queue_is_no_noise(void **state)
{
	struct run r;
	int i;

	(void)state;
	begin(&r);
	steady(&r.h, 1000);
	synth_add_fault(r.events, "kill", "kill-pod", 11 * SEC);
	for (i = 0; i < 200; i++) {
		insert(&r.h, 1000 + i, 15 * SEC + i * MS, OP_OK);
		r.h.ops[r.h.n - 1].t_intended = 12 * SEC;
	}
	measure(&r);
	assert_false(r.m.noise.too_noisy);
	end(&r);
}

static void test_broken(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	steady(&r.h, 100);
	json_push(r.events, synth_fault("kill", "kill-pod", "injecting", SEC));
	json_push(r.events, synth_fault("kill", "kill-pod", "no-effect", 2 * SEC));
	measure(&r);
	assert_true(r.m.broken);
	assert_non_null(strstr(r.m.broken_why, "kill had no measurable effect"));
	assert_false(r.m.faults[0].rec->bites);
	end(&r);

	begin(&r);
	steady(&r.h, 100);
	add(r.events, "broken", SEC, "{\"where\":\"load agent\",\"what\":\"it went away\"}");
	add(r.events, "stands", SEC, "{\"ok\":true}");
	measure(&r);
	assert_true(r.m.broken);
	assert_string_equal(r.m.broken_why, "load agent: it went away");
	assert_true(r.m.stands);
	end(&r);

	begin(&r);
	steady(&r.h, 100);
	json_push(r.events, synth_fault("fill", "fill-disk", "injecting", SEC));
	measure(&r);
	assert_true(r.m.broken); /* never seen to bite */
	end(&r);
}

static void test_unsupported(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	steady(&r.h, 100);
	json_push(r.events, synth_fault("off", "node-down", "planned", SEC));
	add(r.events, "unsupported", SEC, "{\"what\":\"no nodes here\"}");
	json_push(r.events, synth_fault("off", "node-down", "healing", SEC));
	measure(&r);
	assert_string_equal(r.m.unsupported, "no nodes here");
	assert_false(r.m.broken);
	end(&r);
}

/* Another scenario's trouble is not ours; the run's is. */
static void test_whose_trouble(void **state)
{
	struct run r;
	cJSON *e;

	(void)state;
	begin(&r);
	steady(&r.h, 100);
	add(r.events, "broken", SEC, "{\"what\":\"x\"}");
	e = cJSON_GetArrayItem(r.events, 0);
	cJSON_DeleteItemFromObject(e, "s");
	json_set_i64(e, "s", 3);
	measure(&r);
	assert_false(r.m.broken);
	measured_free(&r.m);
	cJSON_DeleteItemFromObject(e, "s");
	measure(&r);
	assert_true(r.m.broken);
	end(&r);
}

/* Names that are longer than any pod's, equal in all that is kept of them: each
 * sample counts for somebody who is known. */
static void test_long_names(void **state)
{
	struct run r;
	char name[300];
	int64_t t;
	int i;

	(void)state;
	begin(&r);
	steady(&r.h, 100);
	synth_add_fault(r.events, "kill", "kill-pod", SEC);
	for (t = 0; t < 6 * SEC; t += 100 * MS)
		for (i = 0; i < 40; i++) {
			snprintf(name, sizeof(name), "%0280d", i);
			json_push(r.events, synth_sample(name, t + i, true, "replica", false, 1));
		}
	measure(&r);
	assert_int_equal(r.m.nsamples, 60 * 40);
	assert_int_equal(r.m.redundant_ns, -1);
	end(&r);
}

static void test_stands(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	add(r.events, "stands", SEC, "{\"ok\":false,\"member\":\"postgres-0\",\"point\":\"creating containers\",\"reason\":\"secret not found\"}");
	measure(&r);
	assert_false(r.m.stands);
	assert_string_equal(r.m.stands_why, "postgres-0: creating containers: secret not found");
	end(&r);

	begin(&r);
	add(r.events, "stands", SEC, "{\"ok\":true}");
	insert(&r.h, 1, SEC, OP_FAIL);
	measure(&r);
	assert_false(r.m.stands);
	assert_non_null(strstr(r.m.stands_why, "acknowledged no write"));
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_lost),
		cmocka_unit_test(test_lost_phantom_duplicate),
		cmocka_unit_test(test_redirections),
		cmocka_unit_test(test_redirection_tables),
		cmocka_unit_test(test_no_final_read),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_who_lost_it),
		cmocka_unit_test(test_parted_logs),
		cmocka_unit_test(test_redundant),
		cmocka_unit_test(test_effective_everywhere),
		cmocka_unit_test(test_redundant_after_the_next_fault),
		cmocka_unit_test(test_last_probe_lost),
		cmocka_unit_test(test_never_redundant),
		cmocka_unit_test(test_never_lost_redundancy),
		cmocka_unit_test(test_stale_answers),
		cmocka_unit_test(test_no_samples),
		cmocka_unit_test(test_two_primaries),
		cmocka_unit_test(test_primaries_of_shards),
		cmocka_unit_test(test_hand_over),
		cmocka_unit_test(test_silent_primary),
		cmocka_unit_test(test_long_silence),
		cmocka_unit_test(test_unseen_primary),
		cmocka_unit_test(test_closed), cmocka_unit_test(test_still_primary),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_queue_is_no_noise),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_unsupported),
		cmocka_unit_test(test_whose_trouble),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
