#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check/backlog.h"
#include "check/check.h"

/* Does every message that was acknowledged arrive, once and in order? What a
 * queue or a partitioned log owes to those who send to it and receive from it
 * (compare Jepsen's checkers total-queue and kafka):
 *
 *  - What was acknowledged was received, or is there at the end. A send of
 *    unknown fate may turn up or not.
 *  - Nothing turns up that was refused, or that nobody sent.
 *  - A message comes again only as long as its receiver's acknowledgement had
 *    not been confirmed: delivery is at least once. It stands at one offset.
 *  - What one client sent to one partition, one after the other and both
 *    acknowledged, stands in that order, and each consumer gets it in that
 *    order; nor do a consumer's offsets go back. Deliveries that the system
 *    marks as repeated, and those of a message that came before, are exempt:
 *    they may come late.
 *  - An offset holds one value for ever, whoever says so: an acknowledgement, a
 *    delivery, the final read.
 *
 * All by sorting: n log n in the operations. */

enum breach {
	LOST, REFUSED, INVENTED, TWICE, SENT_ORDER, GOT_ORDER, OFFSET_BACK, TWO_VALUES, BREACHES
};

static const char *const counted[BREACHES] = {
	[LOST] = "acknowledged and never received, nor there at the end",
	[REFUSED] = "refused, and turned up all the same",
	[INVENTED] = "never sent by anybody",
	[TWICE] = "delivered again after their acknowledgement was confirmed, or there twice",
	[SENT_ORDER] = "stored before what their client had sent earlier",
	[GOT_ORDER] = "received before what their client had sent earlier",
	[OFFSET_BACK] = "received after a later offset",
	[TWO_VALUES] = "at an offset that held another value",
};

struct sent {
	int64_t value;
	const struct op *op;
	int64_t partition, offset;   /* where it stands, by whoever told first; OP_NO_VALUE */
	const struct op *got;        /* by whom first */
	const struct op *confirmed;  /* the first receiver whose acknowledgement was confirmed */
	bool left;
};

/* Somebody said that this value stands there. */
struct place {
	int64_t partition, offset, value;
	const struct op *op; /* NULL: the final read */
};

/* A first delivery, not marked as repeated. */
struct delivery {
	const struct op *op;
	const struct sent *sent;
	size_t order;
};

struct queue {
	struct view v;
	int64_t begin;
	struct sent *sent; /* by value */
	size_t nsent, asent;
	struct place *places;
	size_t nplaces, aplaces;
	struct delivery *first;
	size_t nfirst, afirst;
	bool drained; /* what was left was read */
	int64_t acked, unseen, received, again, marked;
	struct {
		int64_t n, t;
		cJSON *witness; /* of the earliest */
	} found[BREACHES];
};

static int cmp(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Sentences about one operation, or, without one, about what the final read found. */
static void tell(const struct queue *q, cJSON *w, const struct op *op)
{
	static const char *const acks[] = {
		[OP_ACK_NONE] = "not acknowledged", [OP_ACK_SENT] = "acknowledged, without an answer",
		[OP_ACK_DONE] = "acknowledged, which was confirmed",
	};
	char where[64] = "";

	if (!op)
		return;
	if (op->offset != OP_NO_VALUE)
		snprintf(where, sizeof(where), ", offset %lld", (long long)op->offset);
	if (op->f == OP_SEND)
		json_pushf(w, "client %u sent %lld to partition %lld%s (%.3f to %.3f s)%s%s: %s%s%s", op->process,
			   (long long)op->value, (long long)op->partition, where,
			   in_s(op->t_invoke - q->begin), in_s(op->t_return - q->begin),
			   *op->via ? " at " : "", op->via,
			   op->outcome == OP_OK ? "acknowledged" : op->outcome == OP_FAIL ? "refused" :
			   op->t_confirmed ? "acknowledged later" : "fate unknown", *op->error ? ": " : "", op->error);
	else
		json_pushf(w, "client %u received %lld of partition %lld%s (%.3f to %.3f s)%s%s: %s%s",
			   op->process, (long long)op->value, (long long)op->partition, where,
			   in_s(op->t_invoke - q->begin), in_s(op->t_return - q->begin),
			   *op->via ? " at " : "", op->via, op->redelivered ? "marked as redelivered, " : "",
			   acks[op->acked]);
}

static void tell_left(cJSON *w, int64_t value, int64_t partition, int64_t offset)
{
	if (offset == OP_NO_VALUE)
		json_pushf(w, "at the end queue %lld still holds %lld", (long long)partition, (long long)value);
	else
		json_pushf(w, "at the end partition %lld holds %lld at offset %lld", (long long)partition,
			   (long long)value, (long long)offset);
}

/* Counts a breach that showed at t. When it is the earliest of its kind: an
 * array for its witness, else NULL. */
static cJSON *breach(struct queue *q, enum breach what, int64_t t)
{
	if (q->found[what].n++ && q->found[what].t <= t)
		return NULL;
	cJSON_Delete(q->found[what].witness);
	q->found[what].t = t;
	return q->found[what].witness = cJSON_CreateArray();
}

static void breach_by(struct queue *q, enum breach what, const struct op *a, const struct op *b,
		      const struct op *c)
{
	const struct op *last = c ? c : b ? b : a;
	cJSON *w = breach(q, what, last->t_return);

	if (!w)
		return;
	tell(q, w, a);
	tell(q, w, b);
	tell(q, w, c);
}

static void breach_left(struct queue *q, enum breach what, const struct op *a, const struct op *b,
			const struct final_message *m)
{
	cJSON *w = breach(q, what, INT64_MAX);

	if (!w)
		return;
	tell(q, w, a);
	tell(q, w, b);
	tell_left(w, m->value, m->partition, m->offset);
}

static int by_value(const void *a, const void *b)
{
	return cmp(((const struct sent *)a)->value, ((const struct sent *)b)->value);
}

static struct sent *find(struct queue *q, int64_t value)
{
	const struct sent key = { .value = value };

	return q->nsent ? bsearch(&key, q->sent, q->nsent, sizeof(key), by_value) : NULL;
}

/* False: it stands somewhere else already. */
static bool stands(struct queue *q, struct sent *s, int64_t partition, int64_t offset,
		   const struct op *op)
{
	if (offset == OP_NO_VALUE)
		return true;
	*VEC_PUSH(q->places, q->nplaces, q->aplaces) =
		(struct place){partition, offset, s->value, op};
	if (s->offset == OP_NO_VALUE) {
		s->partition = partition;
		s->offset = offset;
	}
	return s->partition == partition && s->offset == offset;
}

/* False: two sends of one value, which nobody can tell apart. */
static bool collect_sends(struct queue *q, int64_t *twice)
{
	size_t i;

	for (i = 0; i < q->v.nops; i++)
		if (q->v.ops[i]->f == OP_SEND)
			*VEC_PUSH(q->sent, q->nsent, q->asent) = (struct sent){
				.value = q->v.ops[i]->value, .op = q->v.ops[i],
				.partition = OP_NO_VALUE, .offset = OP_NO_VALUE };
	if (q->nsent)
		qsort(q->sent, q->nsent, sizeof(*q->sent), by_value);
	for (i = 0; i < q->nsent; i++) {
		struct sent *s = &q->sent[i];

		*twice = s->value;
		if (i && s[-1].value == s->value)
			return false;
		q->acked += op_promised(s->op);
		if (op_promised(s->op))
			stands(q, s, s->op->partition, s->op->offset, s->op);
	}
	return true;
}

static void deliver(struct queue *q, const struct op *op, size_t order)
{
	struct sent *s = find(q, op->value);
	bool there;

	q->received++;
	q->marked += op->redelivered;
	if (!s) {
		breach_by(q, INVENTED, op, NULL, NULL);
		return;
	}
	there = stands(q, s, op->partition, op->offset, op);
	if (s->op->outcome == OP_FAIL && !s->got)
		breach_by(q, REFUSED, s->op, op, NULL);
	if (s->confirmed && s->confirmed->t_return <= op->t_invoke)
		breach_by(q, TWICE, s->op, s->confirmed, op);
	else if (!there)
		breach_by(q, TWICE, s->op, op, NULL);
	else
		q->again += s->got != NULL;
	if (!s->got && !op->redelivered)
		*VEC_PUSH(q->first, q->nfirst, q->afirst) = (struct delivery){ op, s, order };
	if (!s->got)
		s->got = op;
	if (op->acked == OP_ACK_DONE && (!s->confirmed || op->t_return < s->confirmed->t_return))
		s->confirmed = op;
}

static void find_left(struct queue *q, const struct final_message *m, int64_t rank)
{
	struct sent *s = find(q, m->value);
	bool there;

	if (!s) {
		breach_left(q, INVENTED, NULL, NULL, m);
		return;
	}
	there = stands(q, s, m->partition, m->offset, NULL);
	if (s->op->outcome == OP_FAIL && !s->got)
		breach_left(q, REFUSED, s->op, NULL, m);
	if (s->left || !there)
		breach_left(q, TWICE, s->op, s->got, m);
	else if (s->confirmed && m->offset == OP_NO_VALUE)
		breach_left(q, TWICE, s->op, s->confirmed, m);
	if (!q->nplaces && !s->left && !s->got && !m->redelivered) { /* a queue, in its order */
		s->partition = m->partition;
		s->offset = rank;
	}
	s->left = true;
}

static void look_for_lost(struct queue *q)
{
	size_t i;

	for (i = 0; i < q->nsent; i++) {
		const struct sent *s = &q->sent[i];

		if (!op_promised(s->op) || s->got || s->left)
			continue;
		if (q->drained)
			breach_by(q, LOST, s->op, NULL, NULL);
		else
			q->unseen++;
	}
}

static int by_producer(const void *a, const void *b)
{
	const struct sent *x = *(struct sent *const *)a, *y = *(struct sent *const *)b;
	int c = cmp(x->op->process, y->op->process);

	c = c ? c : cmp(x->partition, y->partition);
	c = c ? c : cmp(x->op->t_invoke, y->op->t_invoke);
	return c ? c : cmp(x->value, y->value);
}

/* By offsets, or as a queue was drained: what each client sent to each partition. */
static void sent_order(struct queue *q)
{
	struct sent **v = mem_alloc((q->nsent + 1) * sizeof(struct sent *)), *top = NULL;
	size_t n = 0, i;

	for (i = 0; i < q->nsent; i++)
		if (q->sent[i].op->outcome == OP_OK && q->sent[i].offset != OP_NO_VALUE)
			v[n++] = &q->sent[i];
	qsort(v, n, sizeof(*v), by_producer);
	for (i = 0; i < n; i++) {
		if (!i || v[i]->op->process != top->op->process ||
		    v[i]->partition != top->partition || v[i]->offset > top->offset)
			top = v[i];
		else if (v[i]->offset < top->offset)
			breach_by(q, SENT_ORDER, top->op, v[i]->op, NULL);
	}
	free(v);
}

static int by_consumer(const void *a, const void *b)
{
	const struct delivery *x = a, *y = b;
	int c = cmp(x->op->process, y->op->process);

	c = c ? c : cmp(x->op->partition, y->op->partition);
	return c ? c : cmp((int64_t)x->order, (int64_t)y->order);
}

static int by_both(const void *a, const void *b)
{
	const struct delivery *x = a, *y = b;
	int c = cmp(x->sent->op->process, y->sent->op->process);

	return c ? c : by_consumer(a, b);
}

static bool same_partition(const struct op *a, const struct op *b)
{
	return a->process == b->process && a->partition == b->partition;
}

/* What one consumer got of one partition. */
static void offsets_back(struct queue *q)
{
	const struct op *top = NULL;
	size_t i;

	if (q->nfirst)
		qsort(q->first, q->nfirst, sizeof(*q->first), by_consumer);
	for (i = 0; i < q->nfirst; i++) {
		const struct op *op = q->first[i].op;

		if (!top || !same_partition(op, top) || op->offset >= top->offset)
			top = op;
		else if (op->offset != OP_NO_VALUE)
			breach_by(q, OFFSET_BACK, top, op, NULL);
	}
}

/* What one consumer got of what one client had sent to one partition. */
static void got_order(struct queue *q)
{
	const struct delivery *top = NULL;
	size_t i;

	if (q->nfirst)
		qsort(q->first, q->nfirst, sizeof(*q->first), by_both);
	for (i = 0; i < q->nfirst; i++) {
		const struct delivery *d = &q->first[i];

		if (d->sent->op->outcome != OP_OK)
			continue;
		if (!top || !same_partition(d->op, top->op) ||
		    d->sent->op->process != top->sent->op->process ||
		    d->sent->op->t_invoke >= top->sent->op->t_invoke)
			top = d;
		else
			breach_by(q, GOT_ORDER, d->sent->op, top->op, d->op);
	}
}

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int c = cmp(x->partition, y->partition);

	c = c ? c : cmp(x->offset, y->offset);
	return c ? c : cmp(x->value, y->value);
}

static void two_values(struct queue *q)
{
	size_t i;

	if (q->nplaces)
		qsort(q->places, q->nplaces, sizeof(*q->places), by_place);
	for (i = 1; i < q->nplaces; i++) {
		const struct place *p[] = { &q->places[i - 1], &q->places[i] };
		int64_t t = 0;
		cJSON *w;
		int k;

		if (p[0]->partition != p[1]->partition || p[0]->offset != p[1]->offset ||
		    p[0]->value == p[1]->value)
			continue;
		for (k = 0; k < 2; k++)
			t = !p[k]->op ? INT64_MAX : p[k]->op->t_return > t ? p[k]->op->t_return : t;
		w = breach(q, TWO_VALUES, t);
		for (k = 0; w && k < 2; k++) {
			if (p[k]->op)
				tell(q, w, p[k]->op);
			else
				tell_left(w, p[k]->value, p[k]->partition, p[k]->offset);
		}
	}
}

/* Counts of all breaches, and the earliest of each kind. */
static bool condemn(struct queue *q, struct buf *b, struct check_result *out)
{
	enum breach k;

	for (k = 0; k < BREACHES; k++) {
		if (!q->found[k].n)
			continue;
		buf_fmt(b, "%s%lld %s", b->len ? "; " : "messages: ", (long long)q->found[k].n, counted[k]);
		if (!out->witness)
			out->witness = cJSON_CreateArray();
		json_pushf(out->witness, "%s:", counted[k]);
		while (cJSON_GetArraySize(q->found[k].witness))
			json_push(out->witness, cJSON_DetachItemFromArray(q->found[k].witness, 0));
		cJSON_Delete(q->found[k].witness);
	}
	return b->len;
}

static void conclude(struct queue *q, const struct loss *l, struct check_result *out)
{
	struct buf b = { .cap = sizeof(out->why) - 1 };

	out->verdict = VERDICT_UNKNOWN;
	if (condemn(q, &b, out)) {
		out->verdict = VERDICT_FAIL;
	} else if (!q->acked) {
		buf_str(&b, "no send was acknowledged, so nothing was put to the test");
	} else if (!q->received) {
		buf_str(&b, "nothing was received, so delivery was not put to the test");
	} else if (!q->drained) {
		buf_fmt(&b, "no final read of the messages was made, and %lld acknowledged sends were never "
			"received", (long long)q->unseen);
	} else {
		out->verdict = VERDICT_PASS;
		buf_fmt(&b, "all %lld acknowledged sends were received or are there, in order; of %lld "
			"deliveries %lld came again before their acknowledgement was confirmed, %lld were "
			"marked as redelivered", (long long)q->acked, (long long)q->received,
			(long long)(q->again - (l ? l->back_given : 0)), (long long)q->marked);
		backlog_tell(&q->v, l, &b);
	}
	mem_copy_str(out->why, sizeof(out->why), buf_cstr(&b));
	buf_free(&b);
}

static void check(const struct history *h, const struct evidence *ev, const struct measured *m,
		  const struct check_budget *budget, struct check_result *out)
{
	struct queue q = { 0 };
	int64_t twice = 0;
	size_t i, nleft;

	(void)budget; /* a sort of the history */
	memset(out, 0, sizeof(*out));
	view_make(&q.v, h, ev);
	q.begin = q.v.nops ? q.v.ops[0]->t_intended : 0;
	q.drained = ev->final && ev->final->has_messages;
	nleft = q.drained ? ev->final->nmessages : 0;
	if (collect_sends(&q, &twice)) {
		for (i = 0; i < q.v.nops; i++)
			if (op_received(q.v.ops[i]))
				deliver(&q, q.v.ops[i], i);
		for (i = 0; i < nleft; i++)
			find_left(&q, &ev->final->messages[i], (int64_t)i);
		look_for_lost(&q);
		sent_order(&q);
		offsets_back(&q);
		got_order(&q);
		two_values(&q);
		conclude(&q, m ? &m->loss : NULL, out);
	} else {
		out->verdict = VERDICT_UNKNOWN;
		snprintf(out->why, sizeof(out->why), "value %lld was sent twice, so nobody can tell which of "
			 "the two arrived", (long long)twice);
	}
	free(q.sent);
	free(q.places);
	free(q.first);
	view_free(&q.v);
}

extern const struct checker_ops checker_queue;
const struct checker_ops checker_queue = {
	.name = "queue",
	.needs = OP_MESSAGES,
	.about = OP_MESSAGES,
	.final = true,
	.breach = "breaks the rules of a queue",
	.summary = "every acknowledged message arrives, once and in order; no refused one does (send, receive)",
	.check = check,
};
