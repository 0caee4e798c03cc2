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
static const char *const ack_names[] = {"none", "sent", "ok"};
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

enum op_error op_error_class(const struct op *op)
{
	if (!op->error[0])
		return OP_ERR_NONE;
	for (size_t i = OP_ERR_NONE + 1; i < ARRAY_LEN(error_words); i++) {
		size_t len = strlen(error_words[i]);

		if (!strncmp(op->error, error_words[i], len) && (op->error[len] == ':' || !op->error[len]))
			return (enum op_error)i;
	}
	return OP_ERR_OTHER;
}

void op_error_set(struct op *op, enum op_error class, const char *detail)
{
	snprintf(op->error, sizeof(op->error), "%s: %s", error_words[class], detail);
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

static int index_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(name, names[i]))
			return (int)i;
	}
	return -1;
}

void history_add(struct history *h, const struct op *op)
{
	*VEC_PUSH(h->ops, h->n, h->alloc) = *op;
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
	return (x->value > y->value) - (x->value < y->value);
}

void history_sort(struct history *h)
{
	if (h->n)
		qsort(h->ops, h->n, sizeof(*h->ops), by_invoke);
}

void history_free(struct history *h)
{
	free(h->ops);
	memset(h, 0, sizeof(*h));
}

/* A JSON string body. Errors come from servers: every byte must be made
 * harmless, and what is no UTF-8 becomes '?'. */
static size_t escape(const char *s, char *out, size_t size)
{
	size_t n = 0;

	for (; *s && n + 7 < size; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\') {
			out[n++] = '\\';
			out[n++] = (char)c;
		} else if (c < 0x20 || c >= 0x7f) {
			out[n++] = c < 0x20 ? ' ' : '?';
		} else {
			out[n++] = (char)c;
		}
	}
	out[n] = '\0';
	return n;
}

struct line {
	char *s;
	size_t len, size;
};

static void put(struct line *l, const char *s, size_t n)
{
	if (n > l->size - l->len)
		n = l->size - l->len;
	memcpy(l->s + l->len, s, n);
	l->len += n;
}

/* printf takes most of the time of writing a history; this does not. */
static void put_num(struct line *l, const char *key, int64_t v)
{
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	char d[24];
	size_t n = sizeof(d);

	do
		d[--n] = (char)('0' + u % 10);
	while (u /= 10);
	if (v < 0)
		d[--n] = '-';
	put(l, ",\"", 2);
	put(l, key, strlen(key));
	put(l, "\":", 2);
	put(l, d + n, sizeof(d) - n);
}

static void put_str(struct line *l, const char *key, const char *value)
{
	char text[2 * OP_ERROR_MAX + 8];
	size_t n = escape(value, text, sizeof(text));

	put(l, ",\"", 2);
	put(l, key, strlen(key));
	put(l, "\":\"", 3);
	put(l, text, n);
	put(l, "\"", 1);
}

static void put_message(struct line *l, const struct op *op)
{
	if (op->partition != OP_NO_VALUE && op->partition != op->key)
		put_num(l, "part", op->partition);
	if (op->offset != OP_NO_VALUE)
		put_num(l, "off", op->offset);
	if (op->tag != OP_NO_VALUE)
		put_num(l, "tag", op->tag);
	if (op->redelivered)
		put(l, ",\"redel\":true", 13);
	if (op->acked)
		put_str(l, "ack", ack_names[op->acked]);
}

size_t op_to_line(const struct op *op, char *out, size_t size)
{
	struct line l = {.s = out, .size = size - 1};

	put_num(&l, "s", op->scenario);
	out[0] = '{'; /* in place of the first comma */
	put_num(&l, "p", op->process);
	if (op->group)
		put_num(&l, "g", op->group);
	if (op->shard)
		put_num(&l, "sh", op->shard);
	put_str(&l, "f", op_f_name(op->f));
	put_str(&l, "o", op_outcome_name(op->outcome));
	if (op->key != OP_NO_VALUE)
		put_num(&l, "key", op->key);
	if (op->value != OP_NO_VALUE)
		put_num(&l, "val", op->value);
	if (op->expect != OP_NO_VALUE)
		put_num(&l, "exp", op->expect);
	if (OP_BIT(op->f) & OP_MESSAGES)
		put_message(&l, op);
	put_num(&l, "ti", op->t_intended);
	put_num(&l, "tc", op->t_invoke);
	put_num(&l, "tr", op->t_return);
	if (op->find_ns)
		put_num(&l, "find", op->find_ns);
	if (op->dns_ns)
		put_num(&l, "dns", op->dns_ns);
	if (op->connect_ns)
		put_num(&l, "con", op->connect_ns);
	if (op->slip_ns >= NS_PER_MS)
		put_num(&l, "slip", op->slip_ns);
	if (op->late_ns >= NS_PER_MS)
		put_num(&l, "late", op->late_ns);
	if (!op->sent)
		put(&l, ",\"sent\":false", 13);
	if (op->error[0])
		put_str(&l, "err", op->error);
	if (op->via[0])
		put_str(&l, "via", op->via);
	put(&l, "}\n", 2);
	out[l.len] = '\0';
	return l.len;
}

static int need_i64(const cJSON *o, const char *key, int64_t *out, struct err *e)
{
	if (!cJSON_IsNumber(json_get(o, key)))
		return err_set(e, ERR_INPUT, "an operation needs the number \"%s\"", key);
	*out = json_i64(o, key, 0);
	return 0;
}

static int need_name(const cJSON *o, const char *key, const char *const *names, size_t n,
		     int *out, struct err *e)
{
	const char *name = json_str(o, key, NULL);

	if (!name)
		return err_set(e, ERR_INPUT, "an operation needs the word \"%s\"", key);
	*out = index_of(name, names, n);
	if (*out < 0)
		return err_set(e, ERR_INPUT, "unknown \"%s\": \"%.40s\"", key, name);
	return 0;
}

/* A number that is left out when it is 0. */
static int need_small(const cJSON *o, const char *key, uint32_t *out, struct err *e)
{
	int64_t v = json_i64(o, key, 0);

	if (v < 0 || v > UINT16_MAX)
		return err_set(e, ERR_INPUT, "\"%s\" must be a number from 0 to 65535", key);
	*out = (uint32_t)v;
	return 0;
}

/* A number from 0 up that may be left out. */
static int may_i64(const cJSON *o, const char *key, int64_t dflt, int64_t *out, struct err *e)
{
	const cJSON *n = json_get(o, key);

	*out = json_i64(o, key, dflt);
	if (n && (!cJSON_IsNumber(n) || *out < 0))
		return err_set(e, ERR_INPUT, "\"%s\" must be a number from 0 up", key);
	return 0;
}

static int read_message(const cJSON *o, struct op *op, struct err *e)
{
	const cJSON *redelivered = json_get(o, "redel");
	bool message = OP_BIT(op->f) & OP_MESSAGES;
	int ack = OP_ACK_NONE;

	if (may_i64(o, "part", message ? op->key : OP_NO_VALUE, &op->partition, e) ||
	    may_i64(o, "off", OP_NO_VALUE, &op->offset, e) ||
	    may_i64(o, "tag", OP_NO_VALUE, &op->tag, e))
		return -1;
	if (redelivered && !cJSON_IsBool(redelivered))
		return err_set(e, ERR_INPUT, "\"redel\" must be true or false");
	if (json_get(o, "ack") && need_name(o, "ack", ack_names, ARRAY_LEN(ack_names), &ack, e))
		return -1;
	op->redelivered = json_bool(o, "redel", false);
	op->acked = (enum op_ack)ack;
	return 0;
}

int op_from_json(const cJSON *o, struct op *op, struct err *e)
{
	int64_t process;
	int f, outcome;

	memset(op, 0, sizeof(*op));
	if (!cJSON_IsObject(o))
		return err_set(e, ERR_INPUT, "an operation must be a JSON object");
	if (need_i64(o, "p", &process, e) || need_i64(o, "tc", &op->t_invoke, e) ||
	    need_i64(o, "tr", &op->t_return, e) ||
	    need_name(o, "f", f_names, ARRAY_LEN(f_names), &f, e) ||
	    need_name(o, "o", outcome_names, ARRAY_LEN(outcome_names), &outcome, e))
		return -1;
	if (process < 0 || process > UINT32_MAX)
		return err_set(e, ERR_INPUT, "\"p\" must be a number from 0 up");
	if (op->t_return < op->t_invoke)
		return err_set(e, ERR_INPUT, "an operation returned (\"tr\") before it was called "
			       "(\"tc\")");
	op->process = (uint32_t)process;
	op->scenario = (uint32_t)json_i64(o, "s", 0);
	if (need_small(o, "g", &op->group, e) || need_small(o, "sh", &op->shard, e))
		return -1;
	op->f = (enum op_f)f;
	op->outcome = (enum op_outcome)outcome;
	op->key = json_i64(o, "key", OP_NO_VALUE);
	op->value = json_i64(o, "val", OP_NO_VALUE);
	op->expect = json_i64(o, "exp", OP_NO_VALUE);
	if (read_message(o, op, e))
		return -1;
	op->t_intended = json_i64(o, "ti", op->t_invoke);
	op->find_ns = json_i64(o, "find", 0);
	op->dns_ns = json_i64(o, "dns", 0);
	op->connect_ns = json_i64(o, "con", 0);
	op->slip_ns = json_i64(o, "slip", 0);
	op->late_ns = json_i64(o, "late", 0);
	op->sent = json_bool(o, "sent", true);
	mem_copy_str(op->error, sizeof(op->error), json_str(o, "err", ""));
	mem_copy_str(op->via, sizeof(op->via), json_str(o, "via", ""));
	return 0;
}
