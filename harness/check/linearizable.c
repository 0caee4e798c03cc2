#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check/check.h"
#include "check/register.h"
#include "measure/parts.h"

/* Do the registers behave as if every operation took place at one instant
 * between its call and its return (Herlihy and Wing, 1990)? Linearizability
 * is local: a history is linearizable when each register's is. The values
 * that the final read found count as reads after everything.
 *
 * A register that nothing wrote is absent (OP_NO_VALUE). Failed operations
 * took no effect and are left out, except a compare-and-set that found
 * another value: that is something seen. Reads of unknown fate say nothing. */

enum { WITNESS_MAX = 24, NS_PER_STEP = 1000 };

struct regs {
	struct reg_op *v;
	size_t n, alloc;
};

static bool translate(const struct op *op, struct reg_op *r)
{
	*r = (struct reg_op){ .value = op->value, .expect = op->expect, .call = op->t_invoke,
			      .ret = op->t_return, .maybe = op->outcome == OP_INFO, .tag = op };
	switch (op->f) {
	case OP_READ:
		r->f = REG_READ;
		return op->outcome == OP_OK;
	case OP_WRITE:
		r->f = REG_WRITE;
		return op->outcome != OP_FAIL;
	case OP_CAS:
		r->f = op_mismatch(op) ? REG_MISMATCH : REG_CAS;
		return op->outcome != OP_FAIL || op_mismatch(op);
	case OP_INSERT:
	case OP_READ_REPLICA: /* may be behind by design */
	case OP_SEND:
	case OP_RECEIVE:
		break;
	}
	return false;
}

static void collect(const struct view *v, int64_t key, const cJSON *registers, struct regs *out)
{
	char name[24];
	const cJSON *final;
	struct reg_op r;
	size_t i;

	out->n = 0;
	for (i = 0; i < v->nops; i++)
		if (v->ops[i]->key == key && translate(v->ops[i], &r))
			*VEC_PUSH(out->v, out->n, out->alloc) = r;
	snprintf(name, sizeof(name), "%lld", (long long)key);
	final = json_get(registers, name);
	if (!final)
		return;
	r = (struct reg_op){ .f = REG_READ, .call = INT64_MAX - 1, .ret = INT64_MAX,
			     .value = json_i64(registers, name, OP_NO_VALUE) };
	*VEC_PUSH(out->v, out->n, out->alloc) = r;
}

static void value_text(int64_t value, char *out, size_t size)
{
	if (value == OP_NO_VALUE)
		snprintf(out, size, "nothing");
	else
		snprintf(out, size, "%lld", (long long)value);
}

/* What was done, as words. */
static void deed(const struct reg_op *r, char *out, size_t size)
{
	char v[24], x[24];

	value_text(r->value, v, sizeof(v));
	value_text(r->expect, x, sizeof(x));
	switch (r->f) {
	case REG_READ:
		snprintf(out, size, r->tag ? "read %s" : "the final read found %s", v);
		break;
	case REG_WRITE:
		snprintf(out, size, "wrote %s", v);
		break;
	case REG_CAS:
		snprintf(out, size, "changed %s to %s", x, v);
		break;
	case REG_MISMATCH:
		snprintf(out, size, "found it was not %s", x);
		break;
	}
}

static double seconds(int64_t t, int64_t begin)
{
	return in_s(t - begin);
}

static void sentence(const struct reg_op *r, int64_t begin, cJSON *w)
{
	const struct op *op = r->tag;
	char what[96];

	deed(r, what, sizeof(what));
	if (!op)
		json_pushf(w, "%s", what);
	else if (op->outcome == OP_INFO)
		json_pushf(w, "client %u %s or not: fate unknown, called at %.3f s", op->process, what,
			   seconds(op->t_invoke, begin));
	else
		json_pushf(w, "client %u %s (%.3f to %.3f s)%s%s", op->process, what,
			   seconds(op->t_invoke, begin), seconds(op->t_return, begin),
			   *op->via ? " at " : "", op->via);
}

/* Everything is stated, unless it is too much: then the oldest go, which
 * matter least. */
static void witness(const struct regs *k, size_t n, size_t last, int64_t begin, cJSON *w)
{
	size_t from = n > WITNESS_MAX ? n - WITNESS_MAX : 0, i;

	if (from)
		json_pushf(w, "(%zu earlier operations on this register left out)", from);
	for (i = from; i < n; i++)
		if (i != last)
			sentence(&k->v[i], begin, w);
	sentence(&k->v[last], begin, w);
}

static void explain_no(struct regs *k, int64_t key, int64_t begin, struct reg_budget *left,
		       struct check_result *out)
{
	size_t n, last;
	char what[96];

	n = reg_shrink(k->v, k->n, OP_NO_VALUE, left, &last);
	deed(&k->v[last], what, sizeof(what));
	out->verdict = VERDICT_FAIL;
	if (k->v[last].tag)
		snprintf(out->why, sizeof(out->why),
			 "register %lld: client %u %s, returning at %.3f s, which no order of the operations explains",
			 (long long)key, ((const struct op *)k->v[last].tag)->process, what,
			 seconds(k->v[last].ret, begin));
	else
		snprintf(out->why, sizeof(out->why),
			 "register %lld: %s, which no order of the operations explains",
			 (long long)key, what);
	out->witness = cJSON_CreateArray();
	witness(k, n, last, begin, out->witness);
}

struct keys {
	int64_t *v;
	size_t n, alloc;
};

static void keys_of(const struct view *v, struct keys *k, size_t *oks)
{
	size_t i, j = 0;

	for (i = 0; i < v->nops; i++)
		if (OP_BIT(v->ops[i]->f) & OP_REGISTERS) {
			*VEC_PUSH(k->v, k->n, k->alloc) = v->ops[i]->key;
			*oks += v->ops[i]->outcome == OP_OK;
		}
	if (!k->n)
		return;
	qsort(k->v, k->n, sizeof(*k->v), by_i64);
	for (i = 1; i < k->n; i++)
		if (k->v[i] != k->v[j])
			k->v[++j] = k->v[i];
	k->n = j + 1;
}

static void check_keys(const struct view *v, const struct keys *keys, struct reg_budget *left,
		       struct check_result *out)
{
	char why[200];
	/* Values of nobody knows whom prove nothing. */
	const cJSON *registers = evidence_final_sound(v->ev, why, sizeof(why)) ?
		json_get(v->ev->final, "registers") : NULL;
	struct regs k = { 0 };
	size_t i, total = 0, open = 0;
	int64_t share = left->steps / (int64_t)keys->n;

	for (i = 0; i < keys->n && out->verdict != VERDICT_FAIL; i++) {
		/* A key's own share, so that one hard register does not leave
		 * the others unlooked at. */
		struct reg_budget mine = { share, left->memory_bytes };
		enum reg_answer a;

		collect(v, keys->v[i], registers, &k);
		total += k.n;
		a = reg_linearizable(k.v, k.n, OP_NO_VALUE, &mine);
		open += a == REG_UNDECIDED;
		if (a == REG_NO)
			explain_no(&k, keys->v[i], v->ops[0]->t_intended, left, out);
	}
	free(k.v);
	if (out->verdict == VERDICT_FAIL)
		return;
	out->verdict = open ? VERDICT_UNKNOWN : VERDICT_PASS;
	if (open)
		snprintf(out->why, sizeof(out->why),
			 "the search ended undecided on %zu of %zu registers: too many operations of unknown fate",
			 open, keys->n);
	else
		snprintf(out->why, sizeof(out->why), "%zu operations on %zu registers are linearizable%s",
			 total, keys->n, registers ? ", the final values included" : "");
}

static void check(const struct history *h, const struct evidence *ev, const struct measured *m,
		  const struct check_budget *budget, struct check_result *out)
{
	/* Steps, not seconds: the same history gets the same answer on any
	 * machine. A step takes well below a microsecond. */
	struct reg_budget left = { budget->time_ns / NS_PER_STEP, budget->memory_bytes };
	struct keys keys = { 0 };
	struct view v;
	size_t oks = 0;

	(void)m;
	memset(out, 0, sizeof(*out));
	view_make(&v, h, ev);
	keys_of(&v, &keys, &oks);
	if (oks) {
		check_keys(&v, &keys, &left, out);
	} else {
		out->verdict = VERDICT_UNKNOWN;
		snprintf(out->why, sizeof(out->why), "no operation on a register was acknowledged");
	}
	free(keys.v);
	view_free(&v);
}

extern const struct checker_ops checker_linearizable;
const struct checker_ops checker_linearizable = {
	.name = "linearizable",
	.summary = "registers behave as if each operation took place at one instant (read, write, cas)",
	.about = OP_BIT(OP_READ) | OP_BIT(OP_WRITE) | OP_BIT(OP_CAS),
	.check = check,
};
