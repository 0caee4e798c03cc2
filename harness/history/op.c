#include "history/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

static const char *const f_names[OP_KINDS] = {
	[OP_INSERT] = "insert", [OP_READ] = "read", [OP_WRITE] = "write", [OP_CAS] = "cas",
	[OP_READ_REPLICA] = "read_replica", [OP_SEND] = "send", [OP_RECEIVE] = "receive",
};
static const char *const outcome_names[] = {"ok", "fail", "info"};
static const char *const error_words[] = {
#define WORD(id, word) [OP_ERR_##id] = word,
	OP_ERR_LIST(WORD)
#undef WORD
};

const char *op_f_name(enum op_f f)
{
	return (size_t)f < ARRAY_LEN(f_names) ? f_names[f] : "?";
}

const char *op_outcome_name(enum op_outcome o)
{
	return (size_t)o < ARRAY_LEN(outcome_names) ? outcome_names[o] : "?";
}

char *op_set_text(uint32_t set, char out[OP_SET_MAX])
{
	size_t n = 0;

	out[0] = '\0';
	for (int f = 0; f < OP_KINDS; f++)
		if (set & OP_BIT(f))
			n += (size_t)snprintf(out + n, OP_SET_MAX - n, "%s%s", n ? ", " : "", f_names[f]);
	return out;
}

void op_room_begin(struct op *op, struct op_room *room)
{
	room->error[0] = room->via[0] = room->tx[0] = '\0';
	op->error = room->error;
	op->via = room->via;
	op->tx = room->tx;
	op->late = room->late;
	op->nlate = 0;
	op->room = room;
}

enum op_error op_error_class(const struct op *op)
{
	if (!op->error || !op->error[0])
		return OP_ERR_NONE;
	for (size_t i = OP_ERR_NONE + 1; i < ARRAY_LEN(error_words); i++) {
		size_t len = strlen(error_words[i]);

		if (!strncmp(op->error, error_words[i], len) &&
		    (op->error[len] == ':' || !op->error[len]))
			return (enum op_error)i;
	}
	return OP_ERR_OTHER;
}

void op_error_set(struct op *op, enum op_error class, const char *detail)
{
	snprintf(op->room->error, sizeof(op->room->error), "%s: %s", error_words[class], detail);
}

bool op_is_write(const struct op *op)
{
	return OP_BIT(op->f) & OP_WRITES;
}

bool op_acked_write(const struct op *op)
{
	return op_is_write(op) && op->outcome == OP_OK;
}

bool op_mismatch(const struct op *op)
{
	return op->f == OP_CAS && op->outcome == OP_FAIL && op_error_class(op) == OP_ERR_MISMATCH;
}

bool op_answered(const struct op *op)
{
	return op->outcome == OP_OK || op_mismatch(op);
}

bool op_promised(const struct op *op)
{
	return op->outcome == OP_OK || op->t_confirmed;
}

int64_t op_promised_ns(const struct op *op)
{
	return op->t_confirmed ? op->t_confirmed : op->t_return;
}

/* A mismatch is neither: the server was alive, but it wrote nothing, so a
 * full disk or a commit that waits for a standby would not have shown. And
 * an operation that the generator itself gave up says nothing of the
 * service. */
bool op_refused(const struct op *op)
{
	return !op_answered(op) && op_error_class(op) != OP_ERR_CLIENT;
}

bool op_found_down(const struct op *op)
{
	return op_is_write(op) && op_refused(op);
}

bool op_received(const struct op *op)
{
	return op->f == OP_RECEIVE && op->outcome == OP_OK && op->value != OP_NO_VALUE;
}

void history_add(struct history *h, const struct op *op)
{
	struct op *kept = VEC_PUSH(h->ops, h->n, h->alloc);

	*kept = *op;
	kept->error = texts_keep(&h->texts, op->error);
	kept->via = texts_keep(&h->texts, op->via);
	kept->tx = texts_keep_one(&h->texts, op->tx);
	kept->late = texts_keep_bytes(&h->texts, op->late, (size_t)op->nlate * sizeof(*op->late));
	kept->room = NULL;
}

/* By time; operations that began in the same nanosecond keep the order of
 * their processes, so that the result never depends on qsort. */
static int by_invoke(const void *a, const void *b)
{
	const struct op *x = a, *y = b;

	if (x->t_invoke != y->t_invoke)
		return x->t_invoke < y->t_invoke ? -1 : 1;
	if (x->t_return != y->t_return)
		return x->t_return < y->t_return ? -1 : 1;
	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

void history_sort(struct history *h)
{
	if (h->n)
		qsort(h->ops, h->n, sizeof(*h->ops), by_invoke);
}

void history_free(struct history *h)
{
	free(h->ops);
	free(h->streams);
	texts_free(&h->texts);
	memset(h, 0, sizeof(*h));
}
