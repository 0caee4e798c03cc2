#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "measure/parts.h"

/* To which moment a system went back that lost what was acknowledged. Where it is one
 * moment (a backup that was put back, the position of a member that took over), what
 * was acknowledged before that is there, and what was called after it is not. So a
 * write that is there although it was called after a lost one had been acknowledged
 * proves that there is none: whoever was told of both saw them in that order. */

/* The values of the lost inserts, in their order; heap. Of `first` the earliest
 * acknowledgement among the fault's, of all kinds. */
static size_t lost_values(const struct loss *l, const char *fault, int64_t **out,
			  const struct lost_write **first)
{
	size_t n = 0;

	*out = mem_alloc((l->n + 1) * sizeof(**out));
	*first = NULL;
	for (size_t i = 0; i < l->n; i++) {
		const struct lost_write *w = &l->writes[i];

		if (w->f == OP_INSERT)
			(*out)[n++] = w->value;
		if (!strcmp(w->fault, fault) && (!*first || w->t_return < (*first)->t_return))
			*first = w;
	}
	if (n)
		qsort(*out, n, sizeof(**out), by_i64);
	return n;
}

static int64_t since(int64_t from, int64_t until, int64_t te)
{
	return until - from + te > 0 ? until - from + te : 0;
}

/* Called when the first lost one had been acknowledged, and acknowledged before the fault. */
static bool is_beyond(const struct op *op, const struct lost_write *first, int64_t until)
{
	return op->t_invoke > first->t_return && op->t_return < until;
}

static void point_of(const struct view *v, const struct loss *l, const struct fault_record *fault,
		     struct recovery_point *out)
{
	const struct lost_write *first;
	int64_t *lost, until = fault->injected_ns;
	size_t n;

	memset(out, 0, sizeof(*out));
	n = lost_values(l, fault->id, &lost, &first);
	for (size_t i = 0; i < l->n; i++) {
		bool its = !strcmp(l->writes[i].fault, fault->id);

		out->lost += its;
		out->after += its && fault->effective_ns &&
			      l->writes[i].t_call > fault->effective_ns + fault->te_ns;
	}
	if (first) {
		out->lo_ns = since(first->t_return, until, -fault->te_ns);
		out->hi_ns = since(first->t_call, until, fault->te_ns);
	}
	for (size_t i = 0; first && i < v->nops; i++) {
		const struct op *op = v->ops[i];

		out->beyond += op->f == OP_INSERT && op->outcome == OP_OK &&
			       is_beyond(op, first, until - fault->te_ns) &&
			       !bsearch(&op->value, lost, n, sizeof(*lost), by_i64);
	}
	for (size_t i = 0; first && i < l->nkept; i++)
		out->beyond += is_beyond(l->kept[i], first, until - fault->te_ns);
	free(lost);
}

void recovery_points_make(const struct view *v, struct measured *m)
{
	for (size_t i = 0; m->loss.known && i < m->nfaults; i++)
		if (m->faults[i].rec->injected_ns)
			point_of(v, &m->loss, m->faults[i].rec, &m->faults[i].point);
}
