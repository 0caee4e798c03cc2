#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/loss_cause.h"
#include "measure/loss_evicted.h"
#include "measure/loss_registers.h"
#include "measure/parts.h"

/* What became of the writes: every insert and every message carries a value
 * of its own, and after everything has healed and settled the "final" event
 * lists the values that are there. A message that somebody received is there
 * as well. Of registers it tells the last values, whose past loss_registers.c
 * finds.
 *
 * lost: acknowledged, not there (of registers: not in the past of what is
 * there). phantom: certainly not applied, and there
 * all the same; or there though nobody ever tried it. unknown: the client
 * never learnt; either end is right. duplicate: there more than once. */

/* What bears on a loss besides the write itself. */
struct losing {
	const struct model_ops *model;
	const struct fault_seen *faults;
	size_t nfaults;
	const struct evidence *ev;
	struct evictions evictions;
};

struct present {
	struct value_range *v;
	size_t n, alloc;
};

static int by_lo(const void *a, const void *b)
{
	const struct value_range *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

static void present_of(const struct final_seen *final, struct present *p)
{
	for (size_t i = 0; i < final->npresent; i++)
		*VEC_PUSH(p->v, p->n, p->alloc) = final->present[i];
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
	       (r->does.lasts && (!r->healed_ns || t <= r->healed_ns)) || t <= r->everywhere_ns;
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

/* `evictable`: that its key was thrown out would explain it. */
static void add_lost(const struct losing *l, const struct op *op, bool evictable, struct loss *out,
		     size_t *alloc)
{
	const struct fault_seen *f = culprit(l->faults, l->nfaults, op_promised_ns(op));
	struct lost_write w = {
		.f = op->f,
		.key = op->key,
		.value = op->value,
		.process = op->process,
		.group = op->group,
		.shard = op->shard,
		.t_call = op->t_invoke,
		.t_return = op_promised_ns(op),
	};

	mem_copy_str(w.fault, sizeof(w.fault), f ? f->rec->id : "");
	mem_copy_str(w.via, sizeof(w.via), op->via);
	mem_copy_str(w.tx, sizeof(w.tx), op->tx);
	loss_cause_find(l->ev, l->model, op, f ? f->rec : NULL, &w);
	if (!w.cause && evictable && l->evictions.keys > 0)
		w.cause = LOSS_EVICTED;
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
static void count(const struct view *v, enum op_f f, const struct present *p,
		  const struct losing *l, struct loss *out, size_t *alloc)
{
	int64_t *tried = mem_alloc((v->nops + 1) * sizeof(*tried)), unsent;
	size_t ntried = 0, i;

	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		bool there;

		if (op->f != f)
			continue;
		there = is_present(p, op->value);
		tried[ntried++] = op->value;
		if (op_promised(op)) {
			out->acked++;
			out->acked_late += op->t_confirmed != 0;
			if (!there && out->known)
				add_lost(l, op, true, out, alloc);
		} else if (op->outcome == OP_INFO) {
			out->unknown++;
			out->unknown_present += there;
		} else {
			out->phantom += there;
		}
	}
	if (ntried)
		qsort(tried, ntried, sizeof(*tried), by_i64);
	unsent = invented(p, tried, ntried);
	out->phantom += unsent;
	out->unsent += unsent;
	free(tried);
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

/* A log tells where its messages stand, and keeps what was received. */
static bool is_log(const struct view *v, const struct final_seen *left)
{
	bool log = false;

	for (size_t i = 0; left && i < left->nmessages && !log; i++)
		log = left->messages[i].offset != OP_NO_VALUE;
	for (size_t i = 0; left && !left->nmessages && i < v->nops && !log; i++)
		log = v->ops[i]->f == OP_SEND && v->ops[i]->offset != OP_NO_VALUE;
	return log;
}

/* Those of `there` that are not among what is left in their log. */
static int64_t truncated(const struct view *v, const struct present *left,
			 const struct present *there)
{
	int64_t n = 0;

	for (size_t i = 0; i < v->nops; i++)
		n += v->ops[i]->f == OP_SEND && op_promised(v->ops[i]) &&
		     is_present(there, v->ops[i]->value) && !is_present(left, v->ops[i]->value);
	return n;
}

/* `left`: of the final read, of which nothing is known when it is NULL. */
static void sends(const struct view *v, const struct final_seen *left, const struct losing *l,
		  struct loss *out, size_t *alloc)
{
	struct present p = { 0 }, in_log = { 0 };
	size_t i;

	for (i = 0; left && i < left->nmessages; i++)
		*VEC_PUSH(p.v, p.n, p.alloc) =
			(struct value_range){ left->messages[i].value, left->messages[i].value };
	out->duplicate += squeeze(&p);
	for (i = 0; i < p.n; i++)
		*VEC_PUSH(in_log.v, in_log.n, in_log.alloc) = p.v[i];
	for (i = 0; i < v->nops; i++)
		if (op_received(v->ops[i]))
			*VEC_PUSH(p.v, p.n, p.alloc) =
				(struct value_range){ v->ops[i]->value, v->ops[i]->value };
	squeeze(&p);
	count(v, OP_SEND, &p, l, out, alloc);
	if (is_log(v, left))
		out->truncated = truncated(v, &in_log, &p);
	free(in_log.v);
	free(p.v);
}

/* A message was received, or (op NULL) stands there at the end. */
struct coming {
	int64_t value, t;
	const struct op *op;
};

static int by_coming(const void *a, const void *b)
{
	const struct coming *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return (x->t > y->t) - (x->t < y->t);
}

/* All comings as new, each message's in their order; heap. */
static struct coming *comings(const struct view *v, const struct final_seen *left, size_t *n)
{
	struct coming *c = NULL;
	size_t alloc = 0;

	*n = 0;
	for (size_t i = 0; i < v->nops; i++)
		if (op_received(v->ops[i]) && !v->ops[i]->redelivered)
			*VEC_PUSH(c, *n, alloc) =
				(struct coming){v->ops[i]->value, v->ops[i]->t_return, v->ops[i]};
	for (size_t i = 0; left && i < left->nmessages; i++)
		if (!left->messages[i].redelivered)
			*VEC_PUSH(c, *n, alloc) =
				(struct coming){left->messages[i].value, INT64_MAX, NULL};
	if (*n)
		qsort(c, *n, sizeof(*c), by_coming);
	return c;
}

static void came_back(const struct view *v, const struct final_seen *left,
		      const struct model_ops *model, struct loss *out)
{
	size_t n;
	struct coming *c = comings(v, left, &n);

	for (size_t i = 0, next; i < n; i = next) {
		bool back = false, reset = false;

		for (next = i + 1; next < n && c[next].value == c[i].value; next++) {
			if (!c[i].op || c[i].op->acked == OP_ACK_NONE)
				continue;
			back = true;
			reset = reset || (model->emptied &&
					  model->emptied(v->ev, c[i].t, c[next].t));
		}
		out->back += back;
		out->back_reset += reset;
	}
	free(c);
}

static bool any(const struct view *v, enum op_f f)
{
	size_t i;

	for (i = 0; i < v->nops; i++)
		if (v->ops[i]->f == f)
			return true;
	return false;
}

static void registers(const struct view *v, const struct final_seen *final, const struct losing *l,
		      struct loss *out, size_t *alloc)
{
	struct registers_seen r;

	registers_find(v, final, &r);
	out->acked += r.acked;
	out->unknown += r.unknown;
	out->unknown_present += r.unknown_present;
	out->untold += r.untold;
	out->unread += r.unread;
	out->maybe_lost += r.doubtful;
	out->phantom += r.phantom;
	out->unsent += r.unsent;
	out->odd_registers = r.odd;
	out->odd = r.sentences;
	out->kept = r.kept;
	out->nkept = r.nkept;
	for (size_t i = 0; i < r.n; i++)
		add_lost(l, r.lost[i].op, r.lost[i].evictable, out, alloc);
	free(r.lost);
}

static bool final_tells(const struct evidence *ev, bool sent, struct loss *out)
{
	const char *why = !ev->final ? "no final read was made" :
			  !ev->final->has_present ? "the final read does not tell which values are there" :
			  sent && !ev->final->has_messages ? "no final read of the messages was made" : "";
	char doubt[200];

	snprintf(out->why_unknown, sizeof(out->why_unknown), "%s", why);
	if (*why || evidence_final_entitled(ev, doubt, sizeof(doubt)))
		return !*why;
	snprintf(out->why_unknown, sizeof(out->why_unknown), "the final read cannot be relied on: %s", doubt);
	return false;
}

static const char *counted(const struct view *v)
{
	bool inserts = any(v, OP_INSERT), sends = any(v, OP_SEND);
	bool registers = any(v, OP_WRITE) || any(v, OP_CAS);

	if (inserts + sends + registers > 1)
		return "write";
	return sends ? "send" : registers ? "register write" : "insert";
}

static void sum_up(struct loss *out)
{
	for (size_t i = 0; i < out->n; i++) {
		const struct lost_write *w = &out->writes[i];

		out->by_cause[w->cause]++;
		if (w->f == OP_INSERT)
			out->lost_inserts++;
		else if (w->f == OP_SEND)
			out->lost_messages++;
		else
			out->lost_register_writes++;
	}
	out->lost = (int64_t)out->n;
	if (!out->n)
		return;
	qsort(out->writes, out->n, sizeof(*out->writes), by_return);
	out->span_ns = out->writes[out->n - 1].t_return - out->writes[0].t_return;
	out->bytes = -1;
}

void loss_make(const struct view *v, const struct model_ops *model, const struct fault_seen *faults,
	       size_t nfaults, struct loss *out)
{
	struct losing l = { .model = model, .faults = faults, .nfaults = nfaults, .ev = v->ev };
	const struct final_seen *final;
	bool sent = any(v, OP_SEND);
	struct present p = { 0 };
	size_t alloc = 0;

	memset(out, 0, sizeof(*out));
	out->of = counted(v);
	out->known = final_tells(v->ev, sent, out);
	final = out->known ? v->ev->final : NULL;
	if (final)
		present_of(final, &p);
	evictions_make(v->ev, v->nops ? v->ops[0]->t_invoke : INT64_MAX, &l.evictions);
	count(v, OP_INSERT, &p, &l, out, &alloc);
	if (sent || (final && final->nmessages))
		sends(v, final, &l, out, &alloc);
	if (model && model->marks_repeats)
		came_back(v, final, model, out);
	registers(v, final, &l, out, &alloc);
	if (final)
		out->duplicate += final->duplicates;
	out->once_untold = final && !final->has_duplicates && any(v, OP_INSERT);
	evictions_excuse(&l.evictions, out);
	sum_up(out);
	evictions_free(&l.evictions);
	free(p.v);
}

const char *lost_write_name(const struct lost_write *w, char out[LOST_WRITE_NAME_MAX])
{
	const char *as = w->tx[0] ? " as " : "";

	if (w->f == OP_INSERT || w->f == OP_SEND)
		snprintf(out, LOST_WRITE_NAME_MAX, "value %lld%s%s", (long long)w->value, as, w->tx);
	else
		snprintf(out, LOST_WRITE_NAME_MAX, "value %lld to register %lld%s%s", (long long)w->value,
			 (long long)w->key, as, w->tx);
	return out;
}
