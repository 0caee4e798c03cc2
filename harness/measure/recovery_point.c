#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "measure/parts.h"
#include "system/why.h"

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
		out->after += its && fault->everywhere_ns &&
			      l->writes[i].t_call > fault->everywhere_ns + fault->te_ns;
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

/* ---- the position ---- */

/* An acknowledged write of before the fault, by the name of its transaction. */
struct named {
	const char *tx;
	enum op_f f;
	int64_t key, value, t_return;
	bool there;
};

struct names {
	struct named *v;
	size_t n, alloc;
};

static void add_op(struct names *names, const struct op *op, int64_t until)
{
	if (*op->tx && op->t_return < until)
		*VEC_PUSH(names->v, names->n, names->alloc) =
			(struct named){op->tx, op->f, op->key, op->value, op->t_return, true};
}

static void names_make(const struct view *v, const struct loss *l, const struct fault_record *fault,
		       struct names *out)
{
	int64_t *lost, until = fault->injected_ns - fault->te_ns;
	const struct lost_write *first;
	size_t n = lost_values(l, fault->id, &lost, &first);

	for (size_t i = 0; i < l->n; i++) {
		const struct lost_write *w = &l->writes[i];

		if (*w->tx && w->t_return < until && !strcmp(w->fault, fault->id))
			*VEC_PUSH(out->v, out->n, out->alloc) =
				(struct named){w->tx, w->f, w->key, w->value, w->t_return, false};
	}
	for (size_t i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];

		if (op->f == OP_INSERT && op->outcome == OP_OK &&
		    !bsearch(&op->value, lost, n, sizeof(*lost), by_i64))
			add_op(out, op, until);
	}
	for (size_t i = 0; i < l->nkept; i++)
		add_op(out, l->kept[i], until);
	free(lost);
}

/* Of those that are there without the position's having them, or the other way round, the
 * first. `how` names the position. */
static void compare(const struct names *names, const bool *has, const char *how,
		    struct recovery_point *out)
{
	const struct named *odd = NULL;
	char name[LOST_WRITE_NAME_MAX];
	struct lost_write w = {0};
	size_t n = 0;

	for (size_t i = 0; i < names->n; i++) {
		if (has[i] == names->v[i].there)
			continue;
		n++;
		if (!odd || names->v[i].t_return < odd->t_return)
			odd = &names->v[i];
	}
	out->put_back = odd ? POINT_INCONSISTENT : POINT_CONSISTENT;
	why_say(out->how, "%sconsistent with %s", odd ? "not " : "", how);
	if (!odd)
		return;
	w.f = odd->f;
	w.key = odd->key;
	w.value = odd->value;
	mem_copy_str(w.tx, sizeof(w.tx), odd->tx);
	why_add(out->how, ": %s is %s", lost_write_name(&w, name),
		odd->there ? "there, and not in it" : "in it, and lost");
	if (n > 1)
		why_add(out->how, ", the first of %zu such writes", n);
}

static bool took_all_volumes(const struct evidence *ev, const struct fault_record *fault)
{
	if (!fault_does(fault, EFFECT_STORAGE_EMPTY))
		return false;
	for (size_t i = 0; i < ev->nmembers; i++)
		if (!fault_hits(fault, ev->members[i]))
			return false;
	return ev->nmembers > 0;
}

static void position_of(const struct view *v, const struct model_ops *model, const struct loss *l,
			const struct fault_record *fault, struct recovery_point *out)
{
	struct names names = {0};
	char how[WHY_BYTES] = "";
	const char **tx;
	bool *has;

	names_make(v, l, fault, &names);
	tx = mem_alloc((names.n + 1) * sizeof(*tx));
	has = mem_alloc((names.n + 1) * sizeof(*has));
	for (size_t i = 0; i < names.n; i++)
		tx[i] = names.v[i].tx;
	out->put_back = POINT_UNTOLD;
	if (!names.n || !model || !model->put_back)
		why_say(out->how, "its position was not compared: acknowledgements do not name transactions");
	else if (!model->put_back(v->ev, fault, tx, names.n, has, how))
		why_say(out->how, "its position was not compared: %s", how);
	else
		compare(&names, has, how, out);
	free(tx);
	free(has);
	free(names.v);
}

void recovery_points_make(const struct view *v, const struct model_ops *model, struct measured *m)
{
	for (size_t i = 0; m->loss.known && i < m->nfaults; i++) {
		struct fault_seen *f = &m->faults[i];

		if (!f->rec->injected_ns)
			continue;
		point_of(v, &m->loss, f->rec, &f->point);
		/* What is there at the end is what the last one left. */
		if (!f->next && took_all_volumes(v->ev, f->rec))
			position_of(v, model, &m->loss, f->rec, &f->point);
	}
}
