#include "check/calls.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

enum {
	CALLS_MS = 1000,  /* a client may be free and unasked for so long, besides its deadline */
	/* ... or for so many operations' time, where few are due; so many of a kind */
	CALLS_DUE = 10,
	KIND_DUE = 20,
};

struct call {
	int64_t t_ns;
	enum op_f f;
};

struct calls {
	const struct evidence *ev;
	const struct measured *m;
	struct call *v;
	size_t n, alloc;
};

static int64_t free_limit(const struct calls *c, double rate, int due)
{
	int64_t told = c->ev->load.deadline_ns, deadline = told ? told : c->m->longest_op_ns;
	int64_t limit = CALLS_MS * NS_PER_MS;

	if (rate > 0 && (double)due * 1e9 / rate > (double)limit)
		limit = json_whole((double)due * 1e9 / rate);
	return limit + (deadline > 0 ? deadline : 0);
}

static int by_time(const void *a, const void *b)
{
	int64_t x = ((const struct call *)a)->t_ns, y = ((const struct call *)b)->t_ns;

	return (x > y) - (x < y);
}

struct calls *calls_new(const struct history *h, const struct evidence *ev,
			const struct measured *m)
{
	struct calls *c = mem_alloc(sizeof(*c));

	c->ev = ev;
	c->m = m;
	for (size_t i = 0; i < h->n; i++) {
		const struct op *op = &h->ops[i];

		if ((int64_t)op->scenario == ev->scenario && !op->group)
			*VEC_PUSH(c->v, c->n, c->alloc) = (struct call){op->t_invoke, op->f};
	}
	if (c->n)
		qsort(c->v, c->n, sizeof(*c->v), by_time);
	return c;
}

void calls_free(struct calls *c)
{
	free(c->v);
	free(c);
}

int64_t calls_last(const struct calls *c)
{
	return c->n ? c->v[c->n - 1].t_ns : 0;
}

const char *calls_plural(enum op_f f)
{
	static const char *const words[OP_KINDS] = {"inserts", "reads", "writes", "compare-and-sets",
						    "reads of replicas", "sends", "receives"};

	return words[f];
}

/* No time longer than the limit without a call of these kinds. */
static bool no_hole(const struct calls *c, uint32_t kinds, const char *what, int64_t limit,
		    int64_t from, int64_t to, char *why, size_t size)
{
	int64_t last = from;

	for (size_t i = 0; i <= c->n; i++) {
		int64_t t = i < c->n ? c->v[i].t_ns : to;

		if (t < from || (i < c->n && !(kinds & OP_BIT(c->v[i].f))))
			continue;
		if (t - last > limit) {
			snprintf(why, size, "no%s%s was called for %.1f s, from %.1f s after the load began: what happened "
				 "then was not seen", *what ? "ne of the " : "thing", what, in_s(t - last),
				 in_s(last - c->m->begin_ns));
			return false;
		}
		last = t;
	}
	return true;
}

bool calls_throughout(const struct calls *c, uint32_t kinds, int64_t from, int64_t to, char *why,
		      size_t size)
{
	const int *mix = c->ev->load.mix;
	double rate = c->ev->load.rate, all = 0;

	if (!no_hole(c, OP_ANY, "", free_limit(c, rate, CALLS_DUE), from, to, why, size))
		return false;
	for (int f = 0; f < OP_KINDS; f++)
		all += mix[f];
	for (size_t i = 0; i < c->ev->ngroups; i++)
		rate -= c->ev->groups[i].rate;
	for (int f = 0; f < OP_KINDS && rate > 0 && all > 0; f++) {
		double part = rate * mix[f] / all;

		if (kinds & OP_BIT(f) && part > 0 &&
		    !no_hole(c, OP_BIT(f), calls_plural((enum op_f)f),
			     free_limit(c, part, KIND_DUE), from, to, why, size))
			return false;
	}
	return true;
}
