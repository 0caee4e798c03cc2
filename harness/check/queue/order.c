/* In which order messages stand, and in which consumers got them. */
#include <stdlib.h>

#include "base/mem.h"
#include "check/queue/parts.h"

static int by_producer(const void *a, const void *b)
{
	const struct sent *x = *(struct sent *const *)a, *y = *(struct sent *const *)b;
	int c = queue_cmp(x->op->process, y->op->process);

	c = c ? c : queue_cmp(x->partition, y->partition);
	c = c ? c : queue_cmp(x->op->t_invoke, y->op->t_invoke);
	return c ? c : queue_cmp(x->value, y->value);
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
			queue_breach(q, SENT_ORDER, top->op, v[i]->op, NULL);
	}
	free(v);
}

/* What one consumer got of one partition, or of that what one client had sent. Its clients'
 * calls may overlap: that one delivery was before another one is certain when it returned
 * before the other was called for. */
struct line {
	int (*cmp)(const void *a, const void *b);
	int64_t (*rank)(const struct delivery *d); /* by which they should come */
	void (*found)(struct queue *q, const struct delivery *top, const struct delivery *d);
};

static int by_return(const void *a, const void *b)
{
	const struct delivery *x = *(struct delivery *const *)a, *y = *(struct delivery *const *)b;

	return queue_cmp(x->op->t_return, y->op->t_return);
}

static int by_call(const void *a, const void *b)
{
	const struct delivery *x = *(struct delivery *const *)a, *y = *(struct delivery *const *)b;

	return queue_cmp(x->op->t_invoke, y->op->t_invoke);
}

/* `called` and `returned` are the same n of one line. */
static void one_line(struct queue *q, const struct line *l, struct delivery **called,
		     struct delivery **returned, size_t n)
{
	const struct delivery *top = NULL;
	size_t k = 0;

	qsort(called, n, sizeof(*called), by_call);
	qsort(returned, n, sizeof(*returned), by_return);
	for (size_t i = 0; i < n; i++) {
		for (; k < n && returned[k]->op->t_return <= called[i]->op->t_invoke; k++)
			if (!top || l->rank(returned[k]) >= l->rank(top))
				top = returned[k];
		if (top && l->rank(called[i]) < l->rank(top))
			l->found(q, top, called[i]);
	}
}

static void each_line(struct queue *q, const struct line *l)
{
	struct delivery **called = mem_alloc((q->nfirst + 1) * sizeof(*called));
	struct delivery **returned = mem_alloc((q->nfirst + 1) * sizeof(*returned));
	size_t n = 0, from = 0;

	for (size_t i = 0; i < q->nfirst; i++)
		if (l->rank(&q->first[i]) != OP_NO_VALUE)
			called[n++] = &q->first[i];
	if (n)
		qsort(called, n, sizeof(*called), l->cmp);
	for (size_t i = 0; i < n; i++)
		returned[i] = called[i];
	for (size_t i = 1; i <= n; i++) {
		if (i < n && !l->cmp(&called[from], &called[i]))
			continue;
		one_line(q, l, called + from, returned + from, i - from);
		from = i;
	}
	free(called);
	free(returned);
}

static int by_consumer(const void *a, const void *b)
{
	const struct delivery *x = *(struct delivery *const *)a, *y = *(struct delivery *const *)b;
	int c = queue_cmp(x->consumer, y->consumer);

	return c ? c : queue_cmp(x->op->partition, y->op->partition);
}

static int by_both(const void *a, const void *b)
{
	const struct delivery *x = *(struct delivery *const *)a, *y = *(struct delivery *const *)b;
	int c = queue_cmp(x->sent->op->process, y->sent->op->process);

	return c ? c : by_consumer(a, b);
}

static int64_t offset_of(const struct delivery *d)
{
	return d->op->offset;
}

static int64_t sent_at(const struct delivery *d)
{
	return d->sent->op->outcome == OP_OK ? d->sent->op->t_invoke : OP_NO_VALUE;
}

static void offset_back(struct queue *q, const struct delivery *top, const struct delivery *d)
{
	queue_breach(q, OFFSET_BACK, top->op, d->op, NULL);
}

static void got_before(struct queue *q, const struct delivery *top, const struct delivery *d)
{
	queue_breach(q, GOT_ORDER, d->sent->op, top->op, d->op);
}

void queue_order(struct queue *q)
{
	static const struct line offsets = {by_consumer, offset_of, offset_back};
	static const struct line sends = {by_both, sent_at, got_before};

	sent_order(q);
	each_line(q, &offsets);
	each_line(q, &sends);
}
