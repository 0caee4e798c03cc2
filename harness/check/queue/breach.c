/* What checker_queue found: how many of each kind, and the earliest one as its witness. */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "check/queue/parts.h"

static const char *const counted[BREACHES] = {
	[LOST] = "acknowledged and never received, nor there at the end",
	[REFUSED] = "refused, and turned up all the same",
	[INVENTED] = "never sent by anybody",
	[TWICE] = "delivered again after their acknowledgement was confirmed, or there twice",
	[AS_NEW] = "given out as new more than once",
	[GONE] = "received, and no more in their log at the end",
	[SENT_ORDER] = "stored before what their client had sent earlier",
	[GOT_ORDER] = "received before what their client had sent earlier",
	[OFFSET_BACK] = "received after a later offset",
	[TWO_VALUES] = "at an offset that held another value",
};

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
static cJSON *breach(struct queue *q, enum queue_breach what, int64_t t)
{
	if (q->found[what].n++ && q->found[what].t <= t)
		return NULL;
	cJSON_Delete(q->found[what].witness);
	q->found[what].t = t;
	return q->found[what].witness = cJSON_CreateArray();
}

void queue_breach(struct queue *q, enum queue_breach what, const struct op *a, const struct op *b,
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

void queue_breach_left(struct queue *q, enum queue_breach what, const struct op *a,
		       const struct op *b, const struct final_message *m)
{
	cJSON *w = breach(q, what, INT64_MAX);

	if (!w)
		return;
	tell(q, w, a);
	tell(q, w, b);
	tell_left(w, m->value, m->partition, m->offset);
}

void queue_breach_places(struct queue *q, const struct place *a, const struct place *b)
{
	const struct place *p[] = { a, b };
	int64_t t = 0;
	cJSON *w;
	int k;

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

bool queue_condemn(struct queue *q, struct buf *b, struct check_result *out)
{
	enum queue_breach k;

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
