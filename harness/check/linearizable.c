#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check/check.h"
#include "check/register/register.h"
#include "measure/parts.h"

/* Do the registers behave as if every operation took place at one instant
 * between its call and its return (Herlihy and Wing, 1990)? Linearizability
 * is local: a history is linearizable when each register's is. The values
 * that the final read found count as reads after everything.
 *
 * A register that nothing wrote is absent (OP_NO_VALUE). Failed operations
 * took no effect and are left out, except a compare-and-set that found
 * another value: that is something seen. Reads of unknown fate say nothing.
 *
 * A register is put to the test when a write reached it (one was acknowledged,
 * or its value was seen, or a compare-and-set was answered) and somebody looked
 * (a read, an answered compare-and-set, the final read). Others are looked at as
 * well, for a value that nobody wrote may turn up in them; but that they are in
 * order is no evidence. */

enum { WITNESS_MAX = 24, WITNESS_SHARE = 4, NAMED_MAX = 8 };

/* One register's operations, as they were called. */
struct regs {
	int64_t key;
	struct reg_op *v;
	size_t n;
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

struct keyed {
	int64_t key;
	size_t order;
	struct reg_op op;
};

struct all {
	struct keyed *v;
	size_t n, alloc;
	struct reg_op *ops;
	struct regs *regs;
	size_t nregs;
	bool final; /* the final values are known */
	bool untold; /* the final read does not tell them */
	bool counted; /* no line of the history is missing */
};

static void add(struct all *all, int64_t key, const struct reg_op *op)
{
	struct keyed *k = VEC_PUSH(all->v, all->n, all->alloc);

	k->key = key;
	k->order = all->n;
	k->op = *op;
}

static int by_register(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static void collect(const struct view *v, struct all *all)
{
	char why[200];
	/* Values of nobody knows whom prove nothing. */
	bool sound = evidence_final_sound(v->ev, why, sizeof(why));
	const struct final_seen *final = v->ev->final;
	struct reg_op r;
	int64_t last = 0;
	size_t i, nfinal;

	memset(all, 0, sizeof(*all));
	for (i = 0; i < v->nops; i++)
		last = v->ops[i]->t_invoke > last ? v->ops[i]->t_invoke : last;
	/* Read before the last operations, they are no final ones. */
	if (final && last - final->t_ns > NS_PER_S)
		sound = false;
	for (i = 0; i < v->nops; i++)
		if (translate(v->ops[i], &r))
			add(all, v->ops[i]->key, &r);
	nfinal = final && sound ? final->nregisters : 0;
	all->final = nfinal > 0;
	all->counted = evidence_counts_ops(v->ev);
	all->untold = final && !final->nregisters;
	for (i = 0; i < nfinal; i++) {
		r = (struct reg_op){ .f = REG_READ, .call = INT64_MAX - 1, .ret = INT64_MAX,
				     .value = final->registers[i].value };
		add(all, final->registers[i].key, &r);
	}
	if (all->n)
		qsort(all->v, all->n, sizeof(*all->v), by_register);
	all->ops = mem_alloc((all->n + 1) * sizeof(*all->ops));
	all->regs = mem_alloc((all->n + 1) * sizeof(*all->regs));
	for (i = 0; i < all->n; i++) {
		all->ops[i] = all->v[i].op;
		if (!i || all->v[i - 1].key != all->v[i].key)
			all->regs[all->nregs++] = (struct regs){ all->v[i].key, &all->ops[i], 0 };
		all->regs[all->nregs - 1].n++;
	}
	free(all->v);
}

static int by_seen(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Did a write reach it, and did somebody look? */
static bool put_to_the_test(const struct regs *k)
{
	int64_t *seen = mem_alloc((k->n + 1) * sizeof(*seen));
	bool written = false, looked = false;
	size_t i, n = 0;

	for (i = 0; i < k->n; i++) {
		const struct reg_op *r = &k->v[i];

		written = written || (r->f != REG_READ && !r->maybe);
		looked = looked || (r->f != REG_WRITE && !r->maybe);
		if (r->f == REG_READ)
			seen[n++] = r->value;
	}
	if (n)
		qsort(seen, n, sizeof(*seen), by_seen);
	for (i = 0; i < k->n && !written && n; i++)
		written = k->v[i].maybe && bsearch(&k->v[i].value, seen, n, sizeof(*seen), by_seen);
	free(seen);
	return written && looked;
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

static void explain_no(struct regs *k, int64_t begin, struct reg_budget *left,
		       struct check_result *out)
{
	struct reg_budget share = *left;
	size_t n, last;
	char what[96];

	share.steps = left->steps / WITNESS_SHARE;
	n = reg_shrink(k->v, k->n, OP_NO_VALUE, &share, &last);
	deed(&k->v[last], what, sizeof(what));
	out->verdict = VERDICT_FAIL;
	if (k->v[last].tag)
		snprintf(out->why, sizeof(out->why),
			 "register %lld: client %u %s, returning at %.3f s, which no order of the operations explains",
			 (long long)k->key, ((const struct op *)k->v[last].tag)->process, what,
			 seconds(k->v[last].ret, begin));
	else
		snprintf(out->why, sizeof(out->why),
			 "register %lld: %s, which no order of the operations explains",
			 (long long)k->key, what);
	out->witness = cJSON_CreateArray();
	witness(k, n, last, begin, out->witness);
}

struct tally {
	size_t ops, registers; /* of those put to the test */
	size_t untested, open;
	size_t finals; /* of `registers` those whose final value is known */
	size_t gaps; /* registers that are in order but for lines that may be missing */
	int64_t gap; /* the first of them */
	int64_t named[NAMED_MAX]; /* the first of those undecided */
	enum reg_end ended_by;    /* what ended the last of them */
};

/* Whether it would be in order if lines were missing: each value that somebody saw
 * and nobody wrote may have been written at any time, and what was found not to
 * be another value may have been one that nobody saw. No other lost operation
 * helps, for each writes a value of its own: what nobody saw of it can be left
 * out. An answer that is not known is a yes. */
static bool lines_explain(const struct regs *k, const struct reg_budget *left)
{
	struct reg_op *ops = mem_alloc((2 * k->n + 1) * sizeof(*ops));
	int64_t *written = mem_alloc((k->n + 1) * sizeof(*written));
	struct reg_budget budget = *left;
	size_t n = 0, nw = 0;
	enum reg_answer a;

	for (size_t i = 0; i < k->n; i++)
		if (k->v[i].f == REG_WRITE || k->v[i].f == REG_CAS)
			written[nw++] = k->v[i].value;
	if (nw)
		qsort(written, nw, sizeof(*written), by_seen);
	for (size_t i = 0; i < k->n; i++) {
		const struct reg_op *r = &k->v[i];
		int64_t saw = r->f == REG_CAS ? r->expect : r->value;

		if (r->f == REG_WRITE || r->f == REG_MISMATCH || r->maybe || saw == OP_NO_VALUE ||
		    (nw && bsearch(&saw, written, nw, sizeof(*written), by_seen)))
			continue;
		ops[n++] = (struct reg_op){.f = REG_WRITE,
					   .value = saw,
					   .expect = OP_NO_VALUE,
					   .maybe = true,
					   .call = k->v[0].call - 1};
	}
	for (size_t i = 0; i < k->n; i++)
		if (k->v[i].f != REG_MISMATCH)
			ops[n++] = k->v[i];
	a = reg_linearizable(ops, n, OP_NO_VALUE, &budget);
	free(ops);
	free(written);
	return a != REG_NO;
}

static void check_one(struct regs *k, bool counted, int64_t begin, struct reg_budget *left,
		      int64_t share, struct tally *t, struct check_result *out)
{
	struct reg_budget mine = *left;
	enum reg_answer a;

	mine.steps = share;
	a = reg_linearizable(k->v, k->n, OP_NO_VALUE, &mine);
	left->steps -= share - mine.steps;
	if (a == REG_NO && !counted && lines_explain(k, left)) {
		if (!t->gaps++)
			t->gap = k->key;
	} else if (a == REG_NO) {
		explain_no(k, begin, left, out);
	} else if (a == REG_UNDECIDED) {
		if (t->open < NAMED_MAX)
			t->named[t->open] = k->key;
		t->open++;
		t->ended_by = mine.ended_by;
	} else if (put_to_the_test(k)) {
		t->ops += k->n;
		t->registers++;
		t->finals += !k->v[k->n - 1].tag;
	} else if (k->v[0].tag) {
		t->untested++; /* the final read alone, which found nothing, is not worth a word */
	}
}

static void say_open(const struct tally *t, size_t all, const struct check_budget *budget,
		     struct check_result *out)
{
	char names[160] = "", memory[48], time[48];
	size_t i, at = 0;

	for (i = 0; i < t->open && i < NAMED_MAX; i++)
		at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%lld", i ? ", " : "",
				       (long long)t->named[i]);
	if (t->open > NAMED_MAX)
		snprintf(names + at, sizeof(names) - at, ", ...");
	snprintf(memory, sizeof(memory), "%zu MiB are full", budget->memory_bytes >> 20);
	snprintf(time, sizeof(time), "share of %.4g s of work is done", in_s(budget->time_ns));
	out->verdict = VERDICT_UNKNOWN;
	if (t->ended_by == REG_END_TIME)
		snprintf(out->why, sizeof(out->why),
			 "undecided on %zu of %zu registers (%s): this machine used up %.0f s of processor time before the work of the search was done; a faster one may decide it",
			 t->open, all, names, in_s(budget->time_ns));
	else
		snprintf(out->why, sizeof(out->why),
			 "undecided on %zu of %zu registers (%s): too many orders are possible, and the search's %s",
			 t->open, all, names, t->ended_by == REG_END_MEMORY ? memory : time);
}

static void say_pass(const struct tally *t, const struct all *all, struct check_result *out)
{
	char rest[120] = "", finals[120] = "";

	if (t->untested)
		snprintf(rest, sizeof(rest), "; %zu more register%s say%s nothing: no write reached %s, or nobody looked",
			 t->untested, t->untested == 1 ? "" : "s", t->untested == 1 ? "s" : "",
			 t->untested == 1 ? "it" : "them");
	if (t->finals == t->registers)
		snprintf(finals, sizeof(finals), ", the final values included");
	else if (t->finals)
		snprintf(finals, sizeof(finals), ", the final values of %zu of them included: of the others the final read "
			 "does not tell it", t->finals);
	else if (all->final || all->untold)
		snprintf(finals, sizeof(finals), ", without the final values, which the final read does not tell");
	out->verdict = VERDICT_PASS;
	snprintf(out->why, sizeof(out->why), "%zu operations on %zu register%s are linearizable%s%s", t->ops,
		 t->registers, t->registers == 1 ? "" : "s", finals, rest);
}

static void check_all(struct all *all, int64_t begin, const struct check_budget *budget,
		      struct check_result *out)
{
	struct reg_budget left = { .steps = budget->time_ns / REG_NS_PER_STEP,
				   .memory_bytes = budget->memory_bytes,
				   .cpu_end_ns = clock_thread_cpu_ns() + budget->time_ns };
	struct tally t = { 0 };
	size_t i;

	/* Each register has its share, so that a hard one does not leave the
	 * others unlooked at; what an easy one leaves goes to the next. */
	for (i = 0; i < all->nregs && out->verdict != VERDICT_FAIL; i++)
		check_one(&all->regs[i], all->counted, begin, &left,
			  left.steps / (int64_t)(all->nregs - i), &t, out);
	if (out->verdict == VERDICT_FAIL)
		return;
	if (t.gaps) {
		out->verdict = VERDICT_UNKNOWN;
		snprintf(out->why, sizeof(out->why), "on %zu of %zu registers (the first is %lld) no order explains what was "
			 "seen, unless the history lacks operations: nothing counts its lines, and some may be missing",
			 t.gaps, all->nregs, (long long)t.gap);
	} else if (t.open) {
		say_open(&t, all->nregs, budget, out);
	} else if (t.registers) {
		say_pass(&t, all, out);
	} else {
		out->verdict = VERDICT_UNKNOWN;
		snprintf(out->why, sizeof(out->why),
			 "no register was put to the test: none had both a write that reached it and an operation that looked (reads of replicas do not count)");
	}
}

static void check(const struct history *h, const struct evidence *ev, const struct measured *m,
		  const struct check_budget *budget, struct check_result *out)
{
	struct view v;
	struct all all;

	(void)m;
	*out = (struct check_result){ .verdict = VERDICT_UNKNOWN };
	view_make(&v, h, ev);
	collect(&v, &all);
	check_all(&all, v.nops ? v.ops[0]->t_intended : 0, budget, out);
	free(all.ops);
	free(all.regs);
	view_free(&v);
}

extern const struct checker_ops checker_linearizable;
const struct checker_ops checker_linearizable = {
	.name = "linearizable",
	.breach = "is not linearizable",
	.summary = "registers behave as if each operation took place at one instant (read, write, cas)",
	.about = OP_REGISTERS & ~OP_BIT(OP_READ_REPLICA),
	.check = check,
};
