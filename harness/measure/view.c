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

void view_narrow(const struct view *v, view_part *belongs, int64_t which, struct view *out)
{
	size_t i;

	*out = *v;
	out->nops = 0;
	out->ops = mem_alloc((v->nops + 1) * sizeof(*out->ops));
	for (i = 0; i < v->nops; i++)
		if (belongs(v->ops[i], which))
			out->ops[out->nops++] = v->ops[i];
}

void view_narrow_free(struct view *v)
{
	free(v->ops);
	v->ops = NULL;
	v->nops = 0;
}

size_t view_shards(const struct view *v, int64_t **out)
{
	int64_t *all = mem_alloc((v->nops + 1) * sizeof(*all));
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < v->nops; i++)
		if (v->ops[i]->shard && (!n || all[n - 1] != v->ops[i]->shard))
			all[n++] = v->ops[i]->shard;
	if (n)
		qsort(all, n, sizeof(*all), by_i64);
	for (size_t i = 0; i < n && kept < VIEW_SHARDS_MOST; i++)
		if (!kept || all[kept - 1] != all[i])
			all[kept++] = all[i];
	*out = all;
	return kept;
}

bool in_group(const struct op *op, int64_t which)
{
	return (int64_t)op->group == which;
}

bool group_apart(const struct evidence *ev, uint32_t group, int64_t t_ns)
{
	const struct group_seen *g = evidence_group(ev, group);

	for (size_t i = 0; g && i < ev->nfaults; i++) {
		const struct fault_record *r = &ev->faults[i];

		if (r->does.lasts && r->does.whole_node &&
		    (fault_hits_node(r, g->node) || fault_hits(r, g->member)) && r->injected_ns &&
		    t_ns >= r->injected_ns && (!r->healed_ns || t_ns < r->healed_ns))
			return true;
	}
	return false;
}

void view_free(struct view *v)
{
	free(v->ops);
	memset(v, 0, sizeof(*v));
}

void view_instants(const struct view *v, int64_t slow, struct instants *served,
		   struct instants *refused)
{
	for (size_t i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		int64_t by = op->t_invoke + slow;

		if (view_served(v, op))
			*VEC_PUSH(served->v, served->n, served->alloc) = op->t_return;
		else if (view_refused(v, op))
			*VEC_PUSH(refused->v, refused->n, refused->alloc) =
				op->t_return < by ? op->t_return : by;
	}
	if (served->n)
		qsort(served->v, served->n, sizeof(*served->v), by_i64);
	if (refused->n)
		qsort(refused->v, refused->n, sizeof(*refused->v), by_i64);
}

size_t instants_to(const struct instants *t, int64_t at)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->v[mid] <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

size_t instants_between(const struct instants *t, int64_t from, int64_t to)
{
	size_t first = instants_to(t, from), last = instants_to(t, to - 1);

	return last > first ? last - first : 0;
}
