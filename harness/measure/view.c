#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/parts.h"

int by_i64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

struct keyed {
	int64_t t;
	size_t order; /* qsort is not stable */
	const void *p;
};

static int by_key(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->t != y->t)
		return x->t < y->t ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static void keep(struct keyed **k, size_t *n, size_t *alloc, int64_t t, const void *p)
{
	struct keyed *x = VEC_PUSH(*k, *n, *alloc);

	x->t = t;
	x->order = *n;
	x->p = p;
}

void view_make(struct view *v, const struct history *h, const struct evidence *ev)
{
	struct keyed *k = NULL;
	size_t n = 0, alloc = 0, i;

	memset(v, 0, sizeof(*v));
	v->ev = ev;
	for (i = 0; i < h->n; i++)
		if ((int64_t)h->ops[i].scenario == ev->scenario)
			keep(&k, &n, &alloc, h->ops[i].t_invoke, &h->ops[i]);
	if (n)
		qsort(k, n, sizeof(*k), by_key);
	v->ops = mem_alloc(n * sizeof(*v->ops));
	v->nops = n;
	for (i = 0; i < n; i++)
		v->ops[i] = k[i].p;
	free(k);
}

void view_free(struct view *v)
{
	free(v->ops);
	memset(v, 0, sizeof(*v));
}
