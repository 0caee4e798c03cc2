#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/loss_cause.h"
#include "measure/parts.h"

/* What became of the writes: every insert and every message carries a value
 * of its own, and after everything has healed and settled the "final" event
 * lists the values that are there. A message that somebody received is there
 * as well.
 *
 * lost: acknowledged, not there. phantom: certainly not applied, and there
 * all the same; or there though nobody ever tried it. unknown: the client
 * never learnt; either end is right. duplicate: there more than once. */

struct range {
	int64_t lo, hi;
};

/* What bears on a loss besides the write itself. */
struct losing {
	const struct model_ops *model;
	const struct fault_seen *faults;
	size_t nfaults;
	struct loss_evidence evidence;
};

struct present {
	struct range *v;
	size_t n, alloc;
};

static int by_lo(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

static bool i64_of(const cJSON *n, int64_t *out)
{
	if (!cJSON_IsNumber(n))
		return false;
	*out = (int64_t)n->valuedouble;
	return true;
}

static void present_of(const cJSON *final, struct present *p)
{
	const cJSON *r;
	int64_t lo, hi;

	cJSON_ArrayForEach(r, json_get(final, "present")) {
		struct range *x;

		if (!i64_of(cJSON_GetArrayItem(r, 0), &lo) || !i64_of(cJSON_GetArrayItem(r, 1), &hi) ||
		    hi < lo)
			continue;
		x = VEC_PUSH(p->v, p->n, p->alloc);
		x->lo = lo;
		x->hi = hi;
	}
	if (p->n)
		qsort(p->v, p->n, sizeof(*p->v), by_lo);
}

static bool is_present(const struct present *p, int64_t value)
{
	size_t lo = 0, hi = p->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->v[mid].hi < value)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < p->n && p->v[lo].lo <= value;
}

/* Is this fault's work still going on at t? Until its outage is over, until
 * it is healed, and until its effect has come at all. */
static bool at_work(const struct fault_seen *f, int64_t t)
{
	const struct fault_record *r = f->rec;

	return (f->outage.any && (t <= f->outage.up_hi || !f->outage.ended)) ||
	       (r->does.lasts && (!r->healed_ns || t <= r->healed_ns)) || t <= r->effective_ns;
}

/* A write that was acknowledged while a fault was at work is that fault's
 * loss: say, taken by a primary that had already been deposed. One that was
 * acknowledged in peace fell to the next fault that came: it had not reached
 * the member that took over. */
static const struct fault_seen *culprit(const struct fault_seen *faults, size_t n, int64_t acked_ns)
{
	const struct fault_seen *before = NULL, *after = NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct fault_seen *f = &faults[i];

		if (!f->rec->injected_ns)
			continue;
		if (f->rec->injected_ns <= acked_ns) {
			if (!before || f->rec->injected_ns > before->rec->injected_ns)
				before = f;
		} else if (!after || f->rec->injected_ns < after->rec->injected_ns) {
			after = f;
		}
	}
	if (before && (at_work(before, acked_ns) || !after))
		return before;
	return after;
}

static void add_lost(const struct losing *l, const struct op *op, struct loss *out, size_t *alloc)
{
	const struct fault_seen *f = culprit(l->faults, l->nfaults, op->t_return);
	struct lost_write w = {
		.value = op->value, .process = op->process, .group = op->group, .shard = op->shard,
		.t_return = op->t_return,
	};

	mem_copy_str(w.fault, sizeof(w.fault), f ? f->rec->id : "");
	mem_copy_str(w.via, sizeof(w.via), op->via);
	loss_cause_find(&l->evidence, l->model, op, f ? f->rec : NULL, &w);
	if (w.cause == LOSS_EVICTED) {
		out->evicted++;
		return;
	}
	out->by_cause[w.cause]++;
	*VEC_PUSH(out->writes, out->n, *alloc) = w;
}

static int by_return(const void *a, const void *b)
{
	const struct lost_write *x = a, *y = b;

	if (x->t_return != y->t_return)
		return x->t_return < y->t_return ? -1 : 1;
	return (x->value > y->value) - (x->value < y->value);
}

/* Values that nobody ever sent: the ranges' size less what the history
 * accounts for. */
static int64_t invented(const struct present *p, const int64_t *tried, size_t n)
{
	int64_t total = 0;
	size_t i;

	for (i = 0; i < p->n; i++)
		total += p->v[i].hi - p->v[i].lo + 1;
	for (i = 0; i < n; i++)
		if ((!i || tried[i] != tried[i - 1]) && is_present(p, tried[i]))
			total--;
	return total > 0 ? total : 0;
}

/* Those of one kind, of which `p` is what is there. */
static void count(const struct view *v, enum op_f f, const struct present *p, const struct losing *l,
		  struct loss *out, size_t *alloc)
{
	int64_t *tried = mem_alloc((v->nops + 1) * sizeof(*tried));
	size_t ntried = 0, i;

	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		bool there;

		if (op->f != f)
			continue;
		there = is_present(p, op->value);
		tried[ntried++] = op->value;
		if (op->outcome == OP_OK) {
			out->acked++;
			if (!there && out->known)
				add_lost(l, op, out, alloc);
		} else if (op->outcome == OP_INFO) {
			out->unknown++;
			out->unknown_present += there;
		} else {
			out->phantom += there;
		}
	}
	if (ntried)
		qsort(tried, ntried, sizeof(*tried), by_i64);
	out->phantom += invented(p, tried, ntried);
	free(tried);
}

/* A final value v of a register is explained when some write of v may have
 * been the last: one that was not certainly followed by another acknowledged
 * write. A write of unknown fate may have come at any later time. */
static bool explained(const struct view *v, int64_t key, int64_t value)
{
	int64_t newest = INT64_MIN; /* the latest call of an acknowledged write */
	bool any = false;
	size_t i;

	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];

		if ((op->f == OP_WRITE || op->f == OP_CAS) && op->key == key && op->outcome == OP_OK) {
			any = true;
			if (op->t_invoke > newest)
				newest = op->t_invoke;
		}
	}
	if (value == OP_NO_VALUE)
		return !any;
	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];

		if ((op->f != OP_WRITE && op->f != OP_CAS) || op->key != key || op->value != value)
			continue;
		if (op->outcome == OP_INFO || (op->outcome == OP_OK && op->t_return >= newest))
			return true;
	}
	return false;
}

static bool ever_written(const struct view *v, int64_t key, int64_t value)
{
	size_t i;

	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];

		if ((op->f == OP_WRITE || op->f == OP_CAS) && op->key == key && op->outcome != OP_FAIL &&
		    (op->value == value || value == OP_NO_VALUE))
			return true;
	}
	return false;
}

static void registers(const struct view *v, const cJSON *final, const struct losing *l, struct loss *out)
{
	const cJSON *r;

	cJSON_ArrayForEach(r, json_get(final, "registers")) {
		int64_t key = r->string ? strtoll(r->string, NULL, 10) : -1, value = OP_NO_VALUE;

		i64_of(r, &value);
		if (explained(v, key, value))
			continue;
		if (value == OP_NO_VALUE && l->evidence.evicted > 0) {
			out->evicted++;
			continue;
		}
		out->stale_registers++;
		if (!out->stale)
			out->stale = cJSON_CreateArray();
		json_pushf(out->stale,
			   ever_written(v, key, value) ?
			   "register %lld holds %lld at the end, but a later write of it had been acknowledged" :
			   "register %lld holds %lld at the end, which no client wrote",
			   (long long)key, (long long)value);
	}
}

/* Each value once, in order; returns how many went. */
static int64_t squeeze(struct present *p)
{
	size_t i, n = 0, all = p->n;

	if (all)
		qsort(p->v, all, sizeof(*p->v), by_lo);
	for (i = 0; i < all; i++)
		if (!n || p->v[n - 1].lo != p->v[i].lo)
			p->v[n++] = p->v[i];
	p->n = n;
	return (int64_t)(all - n);
}

static void sends(const struct view *v, const struct messages *left, const struct losing *l,
		  struct loss *out, size_t *alloc)
{
	struct present p = { 0 };
	size_t i;

	for (i = 0; i < left->n; i++)
		*VEC_PUSH(p.v, p.n, p.alloc) = (struct range){ left->v[i].value, left->v[i].value };
	out->duplicate += squeeze(&p);
	for (i = 0; i < v->nops; i++)
		if (op_received(v->ops[i]))
			*VEC_PUSH(p.v, p.n, p.alloc) =
				(struct range){ v->ops[i]->value, v->ops[i]->value };
	squeeze(&p);
	count(v, OP_SEND, &p, l, out, alloc);
	free(p.v);
}

static bool any(const struct view *v, enum op_f f)
{
	size_t i;

	for (i = 0; i < v->nops; i++)
		if (v->ops[i]->f == f)
			return true;
	return false;
}

static void duplicates(const cJSON *final, struct loss *out)
{
	const cJSON *d;
	int64_t count;

	cJSON_ArrayForEach(d, json_get(final, "duplicates"))
		if (i64_of(cJSON_GetArrayItem(d, 1), &count) && count > 1)
			out->duplicate += count - 1;
}

void loss_make(const struct view *v, const struct model_ops *model, const struct fault_seen *faults,
	       size_t nfaults, struct loss *out)
{
	const cJSON *final = v->ev->final;
	struct losing l = { .model = model, .faults = faults, .nfaults = nfaults };
	bool sent = any(v, OP_SEND), drained;
	struct present p = { 0 };
	struct messages left;
	size_t alloc = 0;

	memset(out, 0, sizeof(*out));
	drained = messages_left(final, &left);
	out->of = !sent ? "insert" : any(v, OP_INSERT) ? "write" : "send";
	out->known = cJSON_IsArray(json_get(final, "present")) && (drained || !sent);
	if (out->known)
		present_of(final, &p);
	loss_evidence_make(v, &l.evidence);
	count(v, OP_INSERT, &p, &l, out, &alloc);
	if (sent || left.n)
		sends(v, &left, &l, out, &alloc);
	if (out->known) {
		duplicates(final, out);
		registers(v, final, &l, out);
	}
	out->lost = (int64_t)out->n;
	if (out->n) {
		qsort(out->writes, out->n, sizeof(*out->writes), by_return);
		out->span_ns = out->writes[out->n - 1].t_return - out->writes[0].t_return;
		out->bytes = -1;
	}
	free(p.v);
	free(left.v);
}
