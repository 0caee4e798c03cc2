/* An operation as a line of history.jsonl: see doc/HISTORY.md. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/op.h"

static const char *const ack_names[] = {"none", "sent", "ok"};

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

static void put_text(struct line *l, const char *key, const char *value)
{
	if (value && *value)
		put_str(l, key, value);
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

static void put_pair(struct line *l, const char *before, const struct op_late *late)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s[%" PRId64 ",%" PRId64 "]", before, late->value, late->t);

	put(l, text, (size_t)n);
}

static void put_late(struct line *l, const struct op *op)
{
	for (int i = 0; i < op->nlate; i++)
		put_pair(l, i ? "," : ",\"conf\":[", &op->late[i]);
	if (op->nlate)
		put(l, "]", 1);
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
	put_text(&l, "err", op->error);
	put_text(&l, "via", op->via);
	put_text(&l, "tx", op->tx);
	put_late(&l, op);
	put(&l, "}\n", 2);
	out[l.len] = '\0';
	return l.len;
}

/* ---- reading ---- */

enum kind {
	TIME,    /* whole ns on a timeline */
	SPAN,    /* whole ns from 0 up */
	VALUE,   /* a whole number that JSON carries exactly; null: none */
	PLACE,   /* the same from 0 up, and no null */
	NUMBER,  /* from 0 to INT32_MAX */
	SMALL,   /* from 0 to 65535 */
	CLIENT,  /* from 0 to UINT32_MAX */
	KIND, OUTCOME, ACK, /* words */
	FLAG,
	TEXT,    /* cut off where it is too long */
	LATE,    /* pairs of a VALUE and a TIME */
};

static const struct field {
	const char *key;
	enum kind kind;
	size_t at, size; /* in struct op, a TEXT's in struct op_room */
} fields[] = {
#define WORDS(key, member)                                                                         \
	{                                                                                          \
		key, TEXT, offsetof(struct op_room, member), sizeof(((struct op_room *)0)->member) \
	}
#define FIELD(key, kind, member)                                                                   \
	{                                                                                          \
		key, kind, offsetof(struct op, member), sizeof(((struct op *)0)->member)           \
	}
	FIELD("p", CLIENT, process),
	FIELD("tc", TIME, t_invoke),
	FIELD("tr", TIME, t_return),
	FIELD("f", KIND, f),
	FIELD("o", OUTCOME, outcome),
#define NEEDED 5 /* those before */
	FIELD("s", NUMBER, scenario),
	FIELD("g", SMALL, group),
	FIELD("sh", SMALL, shard),
	FIELD("key", VALUE, key),
	FIELD("val", VALUE, value),
	FIELD("exp", VALUE, expect),
	FIELD("part", PLACE, partition),
	FIELD("off", PLACE, offset),
	FIELD("tag", PLACE, tag),
	FIELD("redel", FLAG, redelivered),
	FIELD("ack", ACK, acked),
	FIELD("ti", TIME, t_intended),
	FIELD("find", SPAN, find_ns),
	FIELD("dns", SPAN, dns_ns),
	FIELD("con", SPAN, connect_ns),
	FIELD("slip", SPAN, slip_ns),
	FIELD("late", SPAN, late_ns),
	FIELD("sent", FLAG, sent),
	WORDS("err", error),
	WORDS("via", via),
	WORDS("tx", tx),
	{"conf", LATE, 0, 0},
#undef FIELD
#undef WORDS
};

#define EXACT (INT64_C(1) << 53)

/* The numbers that a kind may be; false: it is no number. */
static bool range_of(enum kind kind, double *lo, double *hi)
{
	static const struct { double lo, hi;
	} ranges[] = {
		[TIME] = {-(double)JSON_I64_MOST, (double)JSON_I64_MOST},
		[SPAN] = {0, (double)JSON_I64_MOST},
		[VALUE] = {-(double)EXACT, (double)EXACT},
		[PLACE] = {0, (double)EXACT},
		[NUMBER] = {0, INT32_MAX},
		[SMALL] = {0, UINT16_MAX},
		[CLIENT] = {0, UINT32_MAX},
	};

	if (kind > CLIENT)
		return false;
	*lo = ranges[kind].lo;
	*hi = ranges[kind].hi;
	return true;
}

static int refuse_number(const struct field *f, const cJSON *v, double lo, double hi, struct err *e)
{
	bool needed = f < fields + NEEDED;

	if (!cJSON_IsNumber(v) && needed)
		return err_set(e, ERR_INPUT, "an operation needs the number \"%s\"", f->key);
	if (f->kind == NUMBER || f->kind == SMALL)
		return err_set(e, ERR_INPUT, "\"%s\" must be a number from 0 to %.0f", f->key, hi);
	return err_set(e, ERR_INPUT, "\"%s\" must be a%s number%s%s", f->key,
		       lo < 0 ? " whole" : "", lo < 0 ? "" : " from 0 up",
		       cJSON_IsNumber(v) && (v->valuedouble > hi || v->valuedouble < lo) &&
				       hi == (double)EXACT ?
			       ", at most 2^53" :
			       "");
}

static int read_number(const struct field *f, const cJSON *v, void *to, struct err *e)
{
	double lo = 0, hi = 0;
	int64_t n;

	if (f->kind == VALUE && cJSON_IsNull(v))
		return 0;
	range_of(f->kind, &lo, &hi);
	if (!cJSON_IsNumber(v) || !(v->valuedouble >= lo && v->valuedouble <= hi) ||
	    v->valuedouble != floor(v->valuedouble))
		return refuse_number(f, v, lo, hi, e);
	n = (int64_t)v->valuedouble;
	if (f->size == sizeof(n))
		memcpy(to, &n, sizeof(n));
	else
		*(uint32_t *)to = (uint32_t)n;
	return 0;
}

/* The place of a word in the list that belongs to the field; -1: none. */
static int word_of(enum kind kind, const char *name)
{
	int n = kind == KIND ? OP_KINDS : kind == OUTCOME ? OP_INFO + 1 : (int)ARRAY_LEN(ack_names);

	for (int i = 0; i < n; i++) {
		const char *word = kind == KIND	   ? op_f_name((enum op_f)i) :
				   kind == OUTCOME ? op_outcome_name((enum op_outcome)i) :
						     ack_names[i];

		if (!strcmp(name, word))
			return i;
	}
	return -1;
}

static int read_word(const struct field *f, const cJSON *v, struct op *op, struct err *e)
{
	int i;

	if (!cJSON_IsString(v))
		return err_set(e, ERR_INPUT, "an operation needs the word \"%s\"", f->key);
	i = word_of(f->kind, v->valuestring);
	if (i < 0)
		return err_set(e, ERR_INPUT, "unknown \"%s\": \"%.40s\"", f->key, v->valuestring);
	if (f->kind == KIND)
		op->f = (enum op_f)i;
	else if (f->kind == OUTCOME)
		op->outcome = (enum op_outcome)i;
	else
		op->acked = (enum op_ack)i;
	return 0;
}

static bool whole_within(const cJSON *v, double most)
{
	return cJSON_IsNumber(v) && fabs(v->valuedouble) <= most &&
	       v->valuedouble == floor(v->valuedouble);
}

static int read_late(const cJSON *v, struct op *op, struct err *e)
{
	const cJSON *pair;

	cJSON_ArrayForEach(pair, v) {
		const cJSON *value = cJSON_GetArrayItem(pair, 0), *t = cJSON_GetArrayItem(pair, 1);

		if (!cJSON_IsArray(pair) || cJSON_GetArraySize(pair) != 2 ||
		    !whole_within(value, (double)EXACT) || !whole_within(t, (double)JSON_I64_MOST))
			break;
		if (op->nlate == OP_LATE_MAX)
			return err_set(e, ERR_INPUT, "\"conf\" has more than %d", OP_LATE_MAX);
		op->room->late[op->nlate++] =
			(struct op_late){(int64_t)value->valuedouble, (int64_t)t->valuedouble};
	}
	if (!cJSON_IsArray(v) || pair)
		return err_set(e, ERR_INPUT, "\"conf\" must be a list of values and times, [[value, time], ...]");
	return 0;
}

static int read_field(const struct field *f, const cJSON *v, struct op *op, struct err *e)
{
	char *to = (char *)op + f->at;

	if (f->kind == FLAG) {
		if (!cJSON_IsBool(v))
			return err_set(e, ERR_INPUT, "\"%s\" must be true or false", f->key);
		*(bool *)to = cJSON_IsTrue(v);
		return 0;
	}
	if (f->kind == TEXT) {
		if (!cJSON_IsString(v))
			return err_set(e, ERR_INPUT, "\"%s\" must be a text", f->key);
		mem_copy_str((char *)op->room + f->at, f->size, v->valuestring);
		return 0;
	}
	if (f->kind == LATE)
		return read_late(v, op, e);
	return f->kind >= KIND ? read_word(f, v, op, e) : read_number(f, v, to, e);
}

/* What is not in the object is left out of *seen. Keys that are not ours are
 * others' business. */
static int read_fields(const cJSON *o, struct op *op, uint32_t *seen, struct err *e)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, o) {
		size_t i = 0;

		while (i < ARRAY_LEN(fields) && strcmp(fields[i].key, v->string))
			i++;
		if (i == ARRAY_LEN(fields))
			continue;
		if (*seen & UINT32_C(1) << i)
			return err_set(e, ERR_INPUT, "\"%s\" is there twice", v->string);
		if (read_field(&fields[i], v, op, e))
			return -1;
		*seen |= UINT32_C(1) << i;
	}
	for (size_t i = 0; i < NEEDED; i++)
		if (!(*seen & UINT32_C(1) << i))
			return err_set(e, ERR_INPUT, "an operation needs the %s \"%s\"",
				       fields[i].kind >= KIND ? "word" : "number", fields[i].key);
	return 0;
}

/* Without its register, or its value, a write would be one of nothing, and an answer one
 * about nothing. A write of unknown fate may be what is there. */
static int is_of_something(const struct op *op, struct err *e)
{
	bool answer = op->outcome == OP_OK && !op_is_write(op);
	bool needs_key = OP_BIT(op->f) & OP_REGISTERS && (op_is_write(op) || answer);

	if (needs_key && op->key == OP_NO_VALUE)
		return err_set(e, ERR_INPUT, "a%s %s needs \"key\", the number of its register",
			       answer ? "n answered" : "", op_f_name(op->f));
	if (op_is_write(op) && op->outcome != OP_FAIL && op->value == OP_NO_VALUE)
		return err_set(e, ERR_INPUT, "%s %s needs \"val\", the value that it wrote",
			       op->outcome == OP_OK ? "an acknowledged" : "an unknown", op_f_name(op->f));
	return 0;
}

/* Due, called, returned: and no part of the way is longer than all of it. */
static int times_agree(const struct op *op, struct err *e)
{
	if (op->t_return < op->t_invoke)
		return err_set(e, ERR_INPUT, "an operation returned (\"tr\") before it was called (\"tc\")");
	if (op->t_intended > op->t_invoke)
		return err_set(e, ERR_INPUT, "an operation was called (\"tc\") before it was due (\"ti\")");
	if (op->find_ns > op->t_return - op->t_invoke ||
	    op->dns_ns > op->t_return - op->t_invoke - op->find_ns ||
	    op->connect_ns > op->t_return - op->t_invoke - op->find_ns - op->dns_ns)
		return err_set(e, ERR_INPUT, "an operation's parts (\"find\", \"dns\", \"con\") took longer than all of it");
	return 0;
}

int op_from_json(const cJSON *o, struct op_room *room, struct op *op, struct err *e)
{
	static const int64_t untold = INT64_MIN; /* no time that can be read */
	uint32_t seen = 0;

	memset(op, 0, sizeof(*op));
	op_room_begin(op, room);
	op->key = op->value = op->expect = op->partition = op->offset = op->tag = OP_NO_VALUE;
	op->t_intended = untold;
	op->sent = true;
	if (!cJSON_IsObject(o))
		return err_set(e, ERR_INPUT, "an operation must be a JSON object");
	if (read_fields(o, op, &seen, e))
		return -1;
	if (is_of_something(op, e))
		return -1;
	op->undue = op->t_intended == untold;
	if (op->undue)
		op->t_intended = op->t_invoke;
	if (times_agree(op, e))
		return -1;
	if (op->partition == OP_NO_VALUE && OP_BIT(op->f) & OP_MESSAGES)
		op->partition = op->key;
	return 0;
}
