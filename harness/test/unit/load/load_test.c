/* The open-loop generator and the sampler, against a system of the test's
 * own that answers, hangs or refuses at will. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/block.h"
#include "load/heartbeat.h"
#include "load/load.h"
#include "load/present.h"
#include "load/sampler.h"

#define LONG_NS (60 * NS_PER_S)

/* The toy's callbacks find it by its one member, to which acc.members points. */
struct toy {
	struct member member; /* must come first */
	atomic_bool hang, refuse, slow_probe;
	atomic_int slow_ms; /* what an answer takes; 0: nothing */
	atomic_int slow_start_ms; /* what making a client takes */
	atomic_int now, most; /* operations under way */
	atomic_int calls;
	atomic_int hung_reads; /* so many final reads get no answer */
	atomic_int_fast64_t reg;
};

struct client {
	struct toy *toy;
};

static struct client *toy_client_new(const struct access *acc, uint32_t process)
{
	struct client *c = mem_alloc(sizeof(*c));

	(void)process;
	c->toy = (struct toy *)acc->members;
	clock_sleep_until(clock_mono_ns() + atomic_load(&c->toy->slow_start_ms) * NS_PER_MS);
	return c;
}

static void toy_invoke(struct client *c, struct op *op, int64_t until_ns)
{
	struct toy *t = c->toy;
	int now = atomic_fetch_add(&t->now, 1) + 1;
	int_fast64_t expect = op->expect;

	if (now > atomic_load(&t->most))
		atomic_store(&t->most, now);
	atomic_fetch_add(&t->calls, 1);
	op->sent = true;
	op->outcome = OP_OK;
	if (atomic_load(&t->slow_ms))
		clock_sleep_until(op->t_invoke + atomic_load(&t->slow_ms) * NS_PER_MS);
	if (atomic_load(&t->refuse)) {
		op->sent = false;
		op->connect_ns = 1;
		op->outcome = OP_FAIL;
		mem_copy_str(op->error, sizeof(op->error), "connect: toy");
	} else if (atomic_load(&t->hang)) {
		clock_sleep_until(until_ns);
		op->outcome = OP_INFO;
		mem_copy_str(op->error, sizeof(op->error), "timeout: toy");
	} else if (op->f == OP_READ) {
		op->value = atomic_load(&t->reg);
	} else if (op->f == OP_WRITE) {
		atomic_store(&t->reg, op->value);
	} else if (op->f == OP_CAS && !atomic_compare_exchange_strong(&t->reg, &expect, op->value)) {
		op->outcome = OP_FAIL;
		mem_copy_str(op->error, sizeof(op->error), "mismatch: toy");
	}
	op->t_return = clock_mono_ns();
	atomic_fetch_sub(&t->now, 1);
}

static void toy_client_free(struct client *c)
{
	free(c);
}

struct probe {
	struct toy *toy;
};

static struct probe *toy_probe_new(const struct access *acc, const struct member *m)
{
	struct probe *p = mem_alloc(sizeof(*p));

	(void)m;
	p->toy = (struct toy *)acc->members;
	return p;
}

static void toy_probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	int64_t from = clock_mono_ns();

	if (atomic_load(&p->toy->slow_probe))
		clock_sleep_until(from + timeout_ns);
	s->ok = !atomic_load(&p->toy->slow_probe);
	s->role = ROLE_PRIMARY;
	s->writable = s->ok;
	s->extra = cJSON_CreateObject();
	json_set_str(s->extra, "note", "toy");
	s->t_ns = clock_mono_ns();
	s->took_ns = s->t_ns - from;
}

static void toy_probe_free(struct probe *p)
{
	free(p);
}

static int toy_final_read(const struct access *acc, int keys, struct final_read *out,
			  int64_t timeout_ns, struct err *e)
{
	struct toy *t = (struct toy *)acc->members;

	memset(out, 0, sizeof(*out));
	out->registers = mem_alloc((size_t)keys * sizeof(*out->registers));
	out->nregisters = (size_t)keys;
	out->registers[0] = atomic_load(&t->reg);
	*VEC_PUSH(out->values, out->n, out->alloc) = 7;
	if (atomic_fetch_sub(&t->hung_reads, 1) <= 0)
		return 0;
	clock_sleep_until(clock_mono_ns() + timeout_ns);
	return err_set(e, ERR_BROKEN, "timeout: toy");
}

static bool toy_redundant(const struct sample *s, size_t n, char *why)
{
	snprintf(why, 200, "%s", s[0].ok ? "" : "not heard");
	return n == 1 && s[0].ok;
}

static const struct client_ops toy_client = {
	.name = "toy", .ops = OP_BIT(OP_INSERT) | (OP_REGISTERS & ~OP_BIT(OP_READ_REPLICA)) | OP_MESSAGES,
	.client_new = toy_client_new, .invoke = toy_invoke,
	.client_free = toy_client_free, .probe_new = toy_probe_new, .probe = toy_probe,
	.probe_free = toy_probe_free, .final_read = toy_final_read,
};
static const struct model_ops toy_model = {.redundant = toy_redundant};
static const struct system toy_ops = {&toy_client, &toy_model};

struct rig {
	struct toy toy;
	struct access acc;
	struct load_conf conf;
	struct load *l;
	int64_t t0;
};

static void rig_init(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	mem_copy_str(r->toy.member.name, sizeof(r->toy.member.name), "toy-0");
	atomic_store(&r->toy.reg, OP_NO_VALUE);
	r->acc = (struct access){.members = &r->toy.member, .n = 1};
	r->conf = (struct load_conf){
		.sys = &toy_client, .acc = &r->acc, .rate = 2000, .clients = 8,
		.deadline_ns = 200 * NS_PER_MS, .keys = 1, .mix = {[OP_INSERT] = 4, [OP_READ] = 1,
		[OP_WRITE] = 1, [OP_CAS] = 2}, .seed = 42, .scenario = 3,
	};
}

static void begin(struct rig *r)
{
	struct err e = {0};

	if (load_start(&r->conf, &r->l, &r->t0, &e))
		fail_msg("%s", e.msg);
}

static int64_t count(struct rig *r)
{
	struct load_stats st;

	load_stats(r->l, &st);
	return st.ok + st.fail + st.info;
}

static void await_ops(struct rig *r, int64_t n)
{
	int64_t end_ns = clock_mono_ns() + LONG_NS;

	while (count(r) < n && clock_mono_ns() < end_ns)
		clock_sleep_until(clock_mono_ns() + 2 * NS_PER_MS);
	assert_true(count(r) >= n);
}

/* Through the text that the driver reads, each piece with its block; *whole
 * (may be NULL): the load said that this is all. */
static void read_pieces(struct rig *r, struct history *h, bool *whole)
{
	struct block_sum got = {0};
	struct err e = {0};
	bool all = false;
	int64_t next = 0;

	memset(h, 0, sizeof(*h));
	while (!all) {
		struct block_sum piece = {0};
		struct buf b = {0};
		const char *line, *nl;

		next = load_history(r->l, got.lines, 100, &b);
		if (!b.len)
			break;
		for (line = b.s; (nl = strchr(line, '\n')); line = nl + 1) {
			cJSON *o = cJSON_Parse(line);
			struct block block;
			struct op op;

			assert_non_null(o);
			if (block_is(o)) {
				assert_int_equal(nl[1], '\0');
				if (block_from_json(o, &block, &e) || block_verify(&block, &piece, got.lines, &e))
					fail_msg("%s", e.msg);
				all = block.end;
			} else {
				assert_int_equal(op_from_json(o, &op, &e), 0);
				history_add(h, &op);
				block_add(&piece, line, (size_t)(nl - line) + 1);
			}
			cJSON_Delete(o);
		}
		block_join(&got, &piece);
		assert_int_equal(got.lines, next);
		buf_free(&b);
	}
	if (whole)
		*whole = all;
}

static void history_of(struct rig *r, struct history *h)
{
	read_pieces(r, h, NULL);
}

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

static int by_intended(const void *a, const void *b)
{
	const struct op *x = a, *y = b;

	return (x->t_intended > y->t_intended) - (x->t_intended < y->t_intended);
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
	/* Without the pacing it would be all but the whole deadline: 420 ms. On a
	 * machine that stands still by itself it says nothing. */
	load_stats(r.l, &st);
	if (st.lateness_max_ms < 100)
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
		assert_true(h.ops[i].slip_ns <= h.ops[i].t_invoke - h.ops[i].t_intended + NS_PER_MS);
	load_stats(r.l, &st);
	assert_true(st.lateness_max_ms >= 299);
	assert_true(st.lateness_p99_ms >= 149);
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

		assert_true(end_ms == 0 || (t_ms - span_ms >= end_ms - 0.01 && t_ms - span_ms < end_ms + 100));
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

static cJSON *samples_from(struct sampler *s, int64_t from)
{
	struct buf b = {0};
	cJSON *o;

	sampler_since(s, from, &b);
	o = cJSON_Parse(buf_cstr(&b));
	buf_free(&b);
	assert_non_null(o);
	return o;
}

static int64_t await_samples(struct sampler *s, int64_t n)
{
	int64_t end_ns = clock_mono_ns() + LONG_NS, next;

	do {
		cJSON *o = samples_from(s, 0);

		next = json_i64(o, "next", 0);
		cJSON_Delete(o);
	} while (next < n && clock_mono_ns() < end_ns);
	return next;
}

static void test_sampler(void **state)
{
	struct sampler *s;
	struct err e = {0};
	const cJSON *first;
	cJSON *o, *members;
	bool redundant;
	char why[WHY_BYTES];
	int64_t n, from;
	struct rig r;

	(void)state;
	rig_init(&r);
	assert_int_equal(sampler_start(&toy_ops, &r.acc, 5 * NS_PER_MS, 50 * NS_PER_MS, &s, &e), 0);
	n = await_samples(s, 10);
	assert_true(n >= 10);
	o = samples_from(s, 4);
	assert_true(cJSON_GetArraySize(json_get(o, "samples")) >= 6);
	first = cJSON_GetArrayItem(json_get(o, "samples"), 0);
	assert_string_equal(json_str(first, "m", ""), "toy-0");
	assert_true(json_bool(first, "ok", false) && json_i64(first, "t", 0) > 0);
	assert_string_equal(json_str(json_get(first, "x"), "note", ""), "toy");
	assert_null(json_get(first, "tl")); /* unknown is left out */
	cJSON_Delete(o);
	for (int tries = 0; tries < 1000; tries++) {
		members = sampler_members(s, &redundant, why);
		assert_int_equal(cJSON_GetArraySize(members), 1);
		cJSON_Delete(members);
		if (redundant)
			break;
		clock_sleep_until(clock_mono_ns() + 10 * NS_PER_MS);
	}
	assert_true(redundant);

	/* A slow member is asked less often, not in bursts afterwards. */
	atomic_store(&r.toy.slow_probe, true);
	await_samples(s, n + 4);
	o = samples_from(s, n + 1);
	from = json_i64(cJSON_GetArrayItem(json_get(o, "samples"), 0), "t", 0);
	assert_true(json_i64(cJSON_GetArrayItem(json_get(o, "samples"), 1), "t", 0) - from >=
		    50 * NS_PER_MS);
	cJSON_Delete(o);
	members = sampler_members(s, &redundant, why);
	assert_false(redundant);
	assert_string_equal(why, "not heard");
	cJSON_Delete(members);
	sampler_free(s);
}

static void test_present(void **state)
{
	int64_t values[] = {9, 1, 2, 3, 3, 3, 7, 8, 7};
	int64_t registers[] = {5, OP_NO_VALUE};
	struct final_message messages[] = {
		{5, 0, 0, false}, {9, 0, 1, false}, {7, 0, 4, false}, {8, 1, 5, false},
		{3, 2, OP_NO_VALUE, true}, {2, 2, OP_NO_VALUE, true}, {4, 2, OP_NO_VALUE, false},
	};
	struct final_read f = {.values = values, .n = ARRAY_LEN(values), .registers = registers,
			       .nregisters = 2};
	cJSON *o = present_json(&f);
	char *text = json_text(o);

	(void)state;
	assert_string_equal(text, "{\"present\":[[1,3],[7,9]],\"duplicates\":[[3,3],[7,2]],"
				  "\"registers\":{\"0\":5,\"1\":null}}");
	free(text);
	cJSON_Delete(o);
	f = (struct final_read){0};
	o = present_json(&f);
	assert_int_equal(cJSON_GetArraySize(json_get(o, "present")), 0);
	assert_null(json_get(o, "messages")); /* not read is not none */
	cJSON_Delete(o);
	f.drained = true;
	o = present_json(&f);
	assert_int_equal(cJSON_GetArraySize(json_get(o, "messages")), 0);
	cJSON_Delete(o);
	f.messages = messages;
	f.nmessages = ARRAY_LEN(messages);
	o = present_json(&f);
	text = json_text(json_get(o, "messages"));
	assert_string_equal(text, "[{\"part\":0,\"off\":0,\"val\":[5,9]},{\"part\":0,\"off\":4,\"val\":[7]},"
				  "{\"part\":1,\"off\":5,\"val\":[8]},{\"part\":2,\"redel\":true,\"val\":[3,2]},"
				  "{\"part\":2,\"val\":[4]}]");
	free(text);
	cJSON_Delete(o);
}

/* One connection that hangs must not make the loss unknown. */
static void test_read_again(void **state)
{
	const int64_t whole_ns = 4 * NS_PER_S;
	int64_t from = clock_mono_ns();
	struct final_read f;
	struct err e = {0};
	struct rig r;

	(void)state;
	rig_init(&r);
	atomic_store(&r.toy.reg, 5);
	atomic_store(&r.toy.hung_reads, 2);
	assert_int_equal(present_read(&toy_client, &r.acc, 2, whole_ns, &f, &e), 3);
	/* A tenth of the whole, then a little more. */
	assert_true(clock_mono_ns() - from >= whole_ns * 2 / 10);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.values[0], 7);
	assert_int_equal(f.nregisters, 2);
	assert_int_equal(f.registers[0], 5);
	final_read_free(&f);

	atomic_store(&r.toy.hung_reads, 1000);
	from = clock_mono_ns();
	assert_int_equal(present_read(&toy_client, &r.acc, 2, NS_PER_S, &f, &e), -1);
	assert_string_equal(e.msg, "timeout: toy");
	assert_true(clock_mono_ns() - from >= NS_PER_S * 8 / 10);
	assert_null(f.values);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedule),
		cmocka_unit_test(test_cas_succeeds),
		cmocka_unit_test(test_history_ends),
		cmocka_unit_test(test_send_receive),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_hang),
		cmocka_unit_test(test_stalled_once),
		cmocka_unit_test(test_own_lateness),
		cmocka_unit_test(test_heartbeat),
		cmocka_unit_test(test_refusing),
		cmocka_unit_test(test_stop_is_quick),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_sampler),
		cmocka_unit_test(test_present),
		cmocka_unit_test(test_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
