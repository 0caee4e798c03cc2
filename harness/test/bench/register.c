/* The checker of linearizable registers beside Porcupine, the program named in
 * the argument: the same histories, one after the other. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/rng.h"
#include "check/register/register.h"

enum { CLIENTS = 8, ABSENT = -1 };

struct done {
	struct reg_op op;
	int64_t effect;
};

static int by_effect(const void *a, const void *b)
{
	const struct done *x = a, *y = b;

	return (x->effect > y->effect) - (x->effect < y->effect);
}

static int by_call(const void *a, const void *b)
{
	const struct reg_op *x = a, *y = b;

	return (x->call > y->call) - (x->call < y->call);
}

/* A true register: each operation takes effect at one instant inside its
 * interval. One write in twenty gets no answer, if that is wanted. */
static void history(struct reg_op *ops, size_t n, bool doubtful)
{
	struct rng r = {1};
	struct done *d = mem_alloc(n * sizeof(*d));
	int64_t free_at[CLIENTS] = {0}, value = ABSENT;

	for (size_t i = 0; i < n; i++) {
		int64_t *at = &free_at[rng_below(&r, CLIENTS)];
		int64_t call = *at + 1 + (int64_t)rng_below(&r, 50);

		d[i].effect = call + 1 + (int64_t)rng_below(&r, 50);
		*at = d[i].effect + 1 + (int64_t)rng_below(&r, 50);
		d[i].op = (struct reg_op){.f = (enum reg_f)rng_below(&r, 3),
					  .value = (int64_t)i,
					  .call = call,
					  .ret = *at};
	}
	qsort(d, n, sizeof(*d), by_effect);
	for (size_t i = 0; i < n; i++) {
		struct reg_op *op = &d[i].op;

		op->expect = value;
		if (op->f == REG_CAS && rng_below(&r, 2)) {
			op->f = REG_MISMATCH;
			op->expect = (int64_t)n;
		}
		if (op->f == REG_READ) {
			op->value = value;
		} else if (op->f != REG_MISMATCH) {
			value = op->value;
			op->maybe = doubtful && !rng_below(&r, 20);
		}
		ops[i] = *op;
	}
	free(d);
	qsort(ops, n, sizeof(*ops), by_call);
}

/* One line an operation, as porcupine/main.go reads it. */
static void say(const struct reg_op *ops, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		buf_fmt(out, "%d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %d\n", (int)ops[i].f,
			ops[i].value, ops[i].expect, ops[i].call, ops[i].ret, ops[i].maybe);
}

/* Prints "true SECONDS". */
static double peer(const char *program, const struct reg_op *ops, size_t n)
{
	const char *const argv[] = {program, NULL};
	struct buf in = {0}, said = {0};
	struct err e = {0};
	double s = -1;

	say(ops, n, &in);
	if (proc_must(argv, buf_cstr(&in), 120 * NS_PER_S, &said, &e))
		fprintf(stderr, "%s\n", e.msg);
	else if (sscanf(buf_cstr(&said), "true %lf", &s) != 1)
		fprintf(stderr, "porcupine: %s\n", buf_cstr(&said));
	buf_free(&in);
	buf_free(&said);
	return s;
}

static int compare(const char *program, size_t n, bool doubtful)
{
	struct reg_budget budget = {.steps = INT64_MAX, .memory_bytes = (size_t)1 << 30};
	struct reg_op *ops = mem_alloc(n * sizeof(*ops));
	int64_t from;
	double own, other;
	enum reg_answer a;

	history(ops, n, doubtful);
	from = clock_mono_ns();
	a = reg_linearizable(ops, n, ABSENT, &budget);
	own = (double)(clock_mono_ns() - from) / (double)NS_PER_S;
	printf("%zu operations, %s: ordeal %s in %.4f s", n, doubtful ? "of one write in twenty no answer" : "all answered",
	       a == REG_YES ? "yes" : a == REG_NO ? "NO" : "undecided", own);
	other = program ? peer(program, ops, n) : -1;
	if (other >= 0)
		printf(", porcupine yes in %.4f s, ordeal : porcupine %.3f", other, own / other);
	printf("\n");
	free(ops);
	return a != REG_YES || (program && other < 0);
}

int main(int argc, char **argv)
{
	const char *program = argc > 1 && access(argv[1], X_OK) == 0 ? argv[1] : NULL;
	int r = 0;

	if (!program)
		printf("# without porcupine: no Go to build it with\n");
	r |= compare(program, 5000, false);
	r |= compare(program, 5000, true);
	return r;
}
