#ifndef ORDEAL_TEST_UNIT_LOAD_TOY_H
#define ORDEAL_TEST_UNIT_LOAD_TOY_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/block.h"
#include "load/load.h"

/* A system of the test's own that answers, hangs or refuses at will, and a load
 * on it. Include cmocka before. */

#define LONG_NS (60 * NS_PER_S)

/* The toy's callbacks find it by its one member, to which acc.members points. */
struct toy {
	struct member member; /* must come first */
	atomic_bool hang, refuse, slow_probe;
	atomic_int slow_ms; /* what an answer takes; 0: nothing */
	atomic_int slow_start_ms; /* what making a client takes, but for the first ... */
	atomic_int fast_starts;
	atomic_int now, most; /* operations under way */
	atomic_int calls;
	atomic_int hung_reads; /* so many final reads get no answer */
	atomic_int_fast64_t reg;
};

struct client {
	struct toy *toy;
};

static inline struct client *toy_client_new(const struct access *acc, uint32_t process)
{
	struct client *c = mem_alloc(sizeof(*c));

	(void)process;
	c->toy = (struct toy *)acc->members;
	if (atomic_fetch_sub(&c->toy->fast_starts, 1) <= 0)
		clock_sleep_until(clock_mono_ns() +
				  atomic_load(&c->toy->slow_start_ms) * NS_PER_MS);
	return c;
}

static inline void toy_invoke(struct client *c, struct op *op, int64_t until_ns)
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
		mem_copy_str(op->room->error, sizeof(op->room->error), "connect: toy");
	} else if (atomic_load(&t->hang)) {
		clock_sleep_until(until_ns);
		op->outcome = OP_INFO;
		mem_copy_str(op->room->error, sizeof(op->room->error), "timeout: toy");
	} else if (op->f == OP_READ) {
		op->value = atomic_load(&t->reg);
	} else if (op->f == OP_WRITE) {
		atomic_store(&t->reg, op->value);
	} else if (op->f == OP_CAS &&
		   !atomic_compare_exchange_strong(&t->reg, &expect, op->value)) {
		op->outcome = OP_FAIL;
		mem_copy_str(op->room->error, sizeof(op->room->error), "mismatch: toy");
	}
	op->t_return = clock_mono_ns();
	atomic_fetch_sub(&t->now, 1);
}

static inline void toy_client_free(struct client *c)
{
	free(c);
}

struct probe {
	struct toy *toy;
};

static inline struct probe *toy_probe_new(const struct access *acc, const struct member *m)
{
	struct probe *p = mem_alloc(sizeof(*p));

	(void)m;
	p->toy = (struct toy *)acc->members;
	return p;
}

static inline void toy_probe(struct probe *p, struct sample *s, int64_t timeout_ns)
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

static inline void toy_probe_free(struct probe *p)
{
	free(p);
}

static inline int toy_final_read(const struct access *acc, int keys, struct final_read *out,
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

static const struct client_ops toy_client = {
	.name = "toy", .ops = OP_BIT(OP_INSERT) | (OP_REGISTERS & ~OP_BIT(OP_READ_REPLICA)) | OP_MESSAGES,
	.client_new = toy_client_new, .invoke = toy_invoke,
	.client_free = toy_client_free, .probe_new = toy_probe_new, .probe = toy_probe,
	.probe_free = toy_probe_free, .final_read = toy_final_read,
};

struct rig {
	struct toy toy;
	struct access acc;
	struct load_conf conf;
	struct load *l;
	int64_t t0;
};

static inline void rig_init(struct rig *r)
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

static inline void begin(struct rig *r)
{
	struct err e = {0};

	if (load_start(&r->conf, &r->l, &r->t0, &e))
		fail_msg("%s", e.msg);
}

static inline int64_t count(struct rig *r)
{
	struct load_stats st;

	load_stats(r->l, &st);
	return st.ok + st.fail + st.info;
}

static inline void await_ops(struct rig *r, int64_t n)
{
	int64_t end_ns = clock_mono_ns() + LONG_NS;

	while (count(r) < n && clock_mono_ns() < end_ns)
		clock_sleep_until(clock_mono_ns() + 2 * NS_PER_MS);
	assert_true(count(r) >= n);
}

/* Through the text that the driver reads, each piece with its block; *whole
 * (may be NULL): the load said that this is all. */
static inline void read_pieces(struct rig *r, struct history *h, bool *whole)
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
			struct op_room room;
			struct block block;
			struct op op;

			assert_non_null(o);
			if (block_is(o)) {
				assert_int_equal(nl[1], '\0');
				if (block_from_json(o, &block, &e) ||
				    block_verify(&block, &piece, got.lines, &e))
					fail_msg("%s", e.msg);
				all = block.end;
			} else {
				assert_int_equal(op_from_json(o, &room, &op, &e), 0);
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

static inline void history_of(struct rig *r, struct history *h)
{
	read_pieces(r, h, NULL);
}

static inline int by_intended(const void *a, const void *b)
{
	const struct op *x = a, *y = b;

	return (x->t_intended > y->t_intended) - (x->t_intended < y->t_intended);
}

#endif
