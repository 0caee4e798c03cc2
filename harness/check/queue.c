#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "check/backlog.h"
#include "check/queue/parts.h"
#include "system/system.h"

/* Does every message that was acknowledged arrive, once and in order? What a
 * queue or a partitioned log owes to those who send to it and receive from it
 * (compare Jepsen's checkers total-queue and kafka):
 *
 *  - What was acknowledged was received, or is there at the end. A send of
 *    unknown fate may turn up or not.
 *  - Nothing turns up that was refused, or that nobody sent.
 *  - A message comes again only as long as its receiver's acknowledgement had
 *    not been confirmed: delivery is at least once. It stands at one offset.
 *    And it comes as new once, from a system that marks what it delivers again
 *    (RabbitMQ: "If the redelivered flag is not set then it is guaranteed that
 *    the message has not been seen before", rabbitmq.com/docs/reliability,
 *    "Data Safety on the Consumer Side"). An acknowledgement that was lost with
 *    its connection is no excuse: what returns to its queue comes marked.
 *  - What one client sent to one partition, one after the other and both
 *    acknowledged, stands in that order, and each consumer gets it in that
 *    order; nor do a consumer's offsets go back. Deliveries that the system
 *    marks as repeated, and those of a message that came before, are exempt:
 *    they may come late.
 *  - A log keeps what it gave out: consumers get what is committed, and that
 *    stays (Kafka: "committed" is what all in-sync replicas have, and only that
 *    is given out, kafka.apache.org/documentation, "Replication"). What is
 *    missing before the first message that its log still has, retention may
 *    have taken: of that nobody knows.
 *  - An offset holds one value for ever, whoever says so: an acknowledgement, a
 *    delivery, the final read.
 *
 * All by sorting: n log n in the operations. */

static int by_value(const void *a, const void *b)
{
	return queue_cmp(((const struct sent *)a)->value, ((const struct sent *)b)->value);
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

static uint32_t consumer_of(const struct queue *q, const struct op *op)
{
	return q->model && q->model->one_consumer ? op->group : op->process;
}

static void deliver(struct queue *q, const struct op *op)
{
	struct sent *s = find(q, op->value);
	bool there;

	q->received++;
	q->marked += op->redelivered;
	if (!s) {
		queue_breach(q, INVENTED, op, NULL, NULL);
		return;
	}
	there = stands(q, s, op->partition, op->offset, op);
	if (s->op->outcome == OP_FAIL && !s->got)
		queue_breach(q, REFUSED, s->op, op, NULL);
	if (s->confirmed && s->confirmed->t_return <= op->t_invoke)
		queue_breach(q, TWICE, s->op, s->confirmed, op);
	else if (!there)
		queue_breach(q, TWICE, s->op, op, NULL);
	else if (s->as_new && !op->redelivered)
		queue_breach(q, AS_NEW, s->op, s->as_new, op);
	else
		q->again += s->got != NULL;
	if (!s->got && !op->redelivered)
		*VEC_PUSH(q->first, q->nfirst, q->afirst) =
			(struct delivery){ op, s, consumer_of(q, op) };
	if (!s->got)
		s->got = op;
	if (!s->as_new && q->model && q->model->marks_repeats && !op->redelivered)
		s->as_new = op;
	if (op->acked == OP_ACK_DONE && (!s->confirmed || op->t_return < s->confirmed->t_return))
		s->confirmed = op;
}

static void find_left(struct queue *q, const struct final_message *m, int64_t rank)
{
	struct sent *s = find(q, m->value);
	bool there;

	if (!s) {
		queue_breach_left(q, INVENTED, NULL, NULL, m);
		return;
	}
	there = stands(q, s, m->partition, m->offset, NULL);
	if (s->op->outcome == OP_FAIL && !s->got)
		queue_breach_left(q, REFUSED, s->op, NULL, m);
	if (s->left || !there)
		queue_breach_left(q, TWICE, s->op, s->got, m);
	else if (s->confirmed && m->offset == OP_NO_VALUE)
		queue_breach_left(q, TWICE, s->op, s->confirmed, m);
	else if (s->as_new && !m->redelivered)
		queue_breach_left(q, AS_NEW, s->op, s->as_new, m);
	if (!q->nplaces && !s->left && !s->got && !m->redelivered) { /* a queue, in its order */
		s->partition = m->partition;
		s->offset = rank;
	}
	s->left = true;
}

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int c = queue_cmp(x->partition, y->partition);

	c = c ? c : queue_cmp(x->offset, y->offset);
	return c ? c : queue_cmp(x->value, y->value);
}

static void two_values(struct queue *q)
{
	size_t i;

	if (q->nplaces)
		qsort(q->places, q->nplaces, sizeof(*q->places), by_place);
	for (i = 1; i < q->nplaces; i++) {
		const struct place *a = &q->places[i - 1], *b = &q->places[i];

		if (a->partition == b->partition && a->offset == b->offset && a->value != b->value)
			queue_breach_places(q, a, b);
	}
}

static int by_partition(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return queue_cmp(x->partition, y->partition);
}

/* Of each partition, the first place that it has at the end; heap. The places are in order. */
static struct place *first_left(const struct queue *q, size_t *n)
{
	struct place *v = NULL;
	size_t alloc = 0;

	*n = 0;
	for (size_t i = 0; i < q->nplaces; i++)
		if (!q->places[i].op && (!*n || v[*n - 1].partition != q->places[i].partition))
			*VEC_PUSH(v, *n, alloc) = q->places[i];
	return v;
}

/* It was received, and is not there at the end. A queue, without offsets, keeps nothing. */
static void look_for_gone(struct queue *q, const struct sent *s, const struct place *left, size_t n)
{
	bool told = s->offset != OP_NO_VALUE;
	const struct place key = { .partition = told ? s->partition : s->got->partition };
	const struct place *first = n ? bsearch(&key, left, n, sizeof(*left), by_partition) : NULL;

	if (told && first && s->offset < first->offset)
		q->aged++;
	else if (told || first)
		queue_breach(q, GONE, s->op, s->got, NULL);
}

/* After two_values(). */
static void look_for_lost(struct queue *q)
{
	size_t n, i;
	struct place *left = first_left(q, &n);

	for (i = 0; i < q->nsent; i++) {
		const struct sent *s = &q->sent[i];

		if (s->left || (!op_promised(s->op) && !s->got))
			continue;
		if (!q->drained)
			q->unseen += !s->got;
		else if (!s->got)
			queue_breach(q, LOST, s->op, NULL, NULL);
		else
			look_for_gone(q, s, left, n);
	}
	free(left);
}

static void conclude(struct queue *q, struct check_result *out)
{
	struct buf b = { .cap = sizeof(out->why) - 1 };
	char cut[WHY_BYTES] = "";

	if (q->model && q->model->cut_back)
		q->model->cut_back(q->v.ev, cut);
	out->verdict = VERDICT_UNKNOWN;
	if (queue_condemn(q, &b, out)) {
		out->verdict = VERDICT_FAIL;
		if (*cut)
			json_pushf(out->witness, "by the members' own words, %s", cut);
	} else if (!q->acked) {
		buf_str(&b, "no send was acknowledged, so nothing was put to the test");
	} else if (!q->received) {
		buf_str(&b, "nothing was received, so delivery was not put to the test");
	} else if (!q->drained) {
		buf_fmt(&b, "no final read of the messages was made, and %lld acknowledged sends were never "
			"received", (long long)q->unseen);
	} else if (q->aged) {
		buf_fmt(&b, "%lld received messages stood before the first that their log still has, and whether "
			"they were lost or had reached their age nothing tells", (long long)q->aged);
	} else {
		out->verdict = VERDICT_PASS;
		buf_fmt(&b, "all %lld acknowledged sends were received or are there, in order; of %lld "
			"deliveries %lld came again before their acknowledgement was confirmed, %lld were "
			"marked as redelivered", (long long)q->acked, (long long)q->received,
			(long long)q->again, (long long)q->marked);
		backlog_tell(&q->v, &b);
		buf_fmt(&b, "%s%s", *cut ? "; by the members' own words, " : "", cut);
	}
	mem_copy_str(out->why, sizeof(out->why), buf_cstr(&b));
	buf_free(&b);
}

static void judge(struct queue *q, struct check_result *out)
{
	const struct final_seen *final = q->drained ? q->v.ev->final : NULL;
	size_t i, nleft = final ? final->nmessages : 0;

	for (i = 0; i < q->v.nops; i++)
		if (op_received(q->v.ops[i]))
			deliver(q, q->v.ops[i]);
	for (i = 0; i < nleft; i++)
		find_left(q, &final->messages[i], (int64_t)i);
	two_values(q);
	look_for_lost(q);
	queue_order(q);
	conclude(q, out);
}

static void check(const struct history *h, const struct evidence *ev, const struct measured *m,
		  const struct check_budget *budget, struct check_result *out)
{
	const struct system *sys = system_find(ev->script ? ev->script->system : "");
	struct queue q = { .model = sys ? sys->model : NULL };
	int64_t twice = 0;

	(void)m, (void)budget; /* a sort of the history */
	memset(out, 0, sizeof(*out));
	view_make(&q.v, h, ev);
	q.begin = q.v.nops ? q.v.ops[0]->t_intended : 0;
	q.drained = ev->final && ev->final->has_messages;
	if (collect_sends(&q, &twice)) {
		judge(&q, out);
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
