#include "measure/spans.h"

#include <stdlib.h>

#include "base/mem.h"
#include "history/sample.h"

static int by_from(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

/* What several show counts once. */
void spans_disjoint(struct spans *s)
{
	size_t i, n = 0;

	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_from);
	for (i = 0; i < s->n; i++) {
		struct span x = s->v[i], *last = n ? &s->v[n - 1] : NULL;

		if (last && x.from <= last->to && x.shards == last->shards) {
			last->to = x.to > last->to ? x.to : last->to;
			continue;
		}
		if (last && x.from < last->to)
			x.from = last->to;
		if (x.to > x.from)
			s->v[n++] = x;
	}
	s->n = n;
}

void spans_both(const struct spans *a, const struct spans *b, struct spans *out)
{
	size_t i = 0, j = 0;

	while (i < a->n && j < b->n) {
		const struct span *x = &a->v[i], *y = &b->v[j];
		int64_t from = x->from > y->from ? x->from : y->from;
		int64_t to = x->to < y->to ? x->to : y->to;

		/* What both led; all of the one where the other names none. */
		if (to > from && shards_rival(x->shards, y->shards))
			*VEC_PUSH(out->v, out->n, out->alloc) =
				(struct span){from, to,
					      x->shards && y->shards ? x->shards & y->shards :
								       x->shards | y->shards};
		if (x->to < y->to)
			i++;
		else
			j++;
	}
}

int64_t spans_overlap(const struct spans *a, const struct spans *b)
{
	struct spans both = { 0 };
	int64_t sum = 0;

	spans_both(a, b, &both);
	for (size_t i = 0; i < both.n; i++)
		sum += both.v[i].to - both.v[i].from;
	free(both.v);
	return sum;
}
