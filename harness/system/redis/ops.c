#include "system/redis/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/redis/slots.h"

#define INSERT_KEY "ordeal:insert:"
#define REGISTER_KEY "ordeal:register:"

enum { BATCH = 500 };

/* One key, so that it runs where the key is; all or nothing. */
static const char *const cas_script =
	"if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end "
	"redis.call('SET', KEYS[1], ARGV[2]) return 1";

char *redis_payload(uint32_t seed, size_t bytes)
{
	return bytes ? payload_make(seed, bytes) : mem_strdup("1");
}

static void register_key(int64_t key, char out[48])
{
	snprintf(out, 48, REGISTER_KEY "%lld", (long long)key);
}

static void add(struct redis_command *k, const char *word)
{
	k->argv[k->argc++] = word;
}

void redis_command_make(const struct op *op, const char *payload, struct redis_command *k)
{
	memset(k, 0, sizeof(*k));
	if (op->f == OP_INSERT)
		snprintf(k->key, sizeof(k->key), INSERT_KEY "%lld", (long long)op->value);
	else
		register_key(op->key, k->key);
	snprintf(k->value, sizeof(k->value), "%lld", (long long)op->value);
	if (op->expect != OP_NO_VALUE)
		snprintf(k->expect, sizeof(k->expect), "%lld", (long long)op->expect);
	switch (op->f) {
	case OP_INSERT:
		add(k, "RPUSH");
		add(k, k->key);
		add(k, payload);
		return;
	case OP_READ:
	case OP_READ_REPLICA:
		add(k, "GET");
		add(k, k->key);
		return;
	case OP_WRITE:
		add(k, "SET");
		add(k, k->key);
		add(k, k->value);
		return;
	case OP_CAS:
		add(k, "EVAL");
		add(k, cas_script);
		add(k, "1");
		add(k, k->key);
		add(k, k->expect);
		add(k, k->value);
		return;
	case OP_SEND: /* not among .ops */
	case OP_RECEIVE:
		return;
	}
}

/* "CLASS: the rest": an error's first word is its kind. */
static void refused(struct op *op, const char *error)
{
	size_t word = strcspn(error, " ");

	op->outcome = OP_FAIL;
	snprintf(op->room->error, sizeof(op->room->error), "%.*s:%.250s", (int)(word < 20 ? word : 20), error,
		 error + word);
}

void redis_command_answered(struct op *op, const redisReply *r)
{
	if (r->type == REDIS_REPLY_ERROR) {
		refused(op, r->str);
		return;
	}
	op->outcome = OP_OK;
	op->room->error[0] = '\0'; /* of a redirection */
	if (call_reads(op)) {
		op->value = r->type == REDIS_REPLY_STRING ? strtoll(r->str, NULL, 10) : OP_NO_VALUE;
	} else if (op->f == OP_CAS && r->type == REDIS_REPLY_INTEGER && !r->integer) {
		call_mismatch(op, "the register holds another value");
	}
}

redisReply *redis_send(struct redis_peer *p, struct op *op, const struct redis_command *k,
		       bool asking, int64_t until_ns)
{
	static const char *const word[] = {"ASKING"};
	redisReply *reply = NULL, *first = NULL;
	enum redis_end end = REDIS_ANSWERED;

	op->sent = true;
	op->outcome = OP_INFO; /* until there is an answer */
	if (asking)
		redis_put(p->conn, 1, word);
	redis_put(p->conn, k->argc, k->argv);
	if (asking)
		end = redis_get(p->conn, until_ns, &first, op->room->error,
				sizeof(op->room->error));
	if (end == REDIS_ANSWERED)
		end = redis_get(p->conn, until_ns, &reply, op->room->error,
				sizeof(op->room->error));
	freeReplyObject(first);
	if (end == REDIS_ANSWERED)
		redis_command_answered(op, reply);
	else
		redis_peer_drop(p);
	return reply;
}

void redis_cost_add(struct op *op, const struct redis_cost *cost)
{
	op->find_ns += cost->find_ns;
	op->dns_ns += cost->dns_ns;
	op->connect_ns += cost->connect_ns;
}

bool redis_misdirected(const redisReply *r)
{
	static const char *const words[] = {"CLUSTERDOWN", "READONLY", "LOADING", "MASTERDOWN", "UNBLOCKED"};

	for (size_t i = 0; r->type == REDIS_REPLY_ERROR && i < ARRAY_LEN(words); i++)
		if (!strncmp(r->str, words[i], strlen(words[i])))
			return true;
	return false;
}

int redis_must(struct redis_peer *p, int argc, const char *const *argv, int64_t until_ns,
	       redisReply **out, struct err *e)
{
	char why[120];
	redisReply *reply = redis_peer_ask(p, argc, argv, until_ns, NULL, why, sizeof(why));
	int r = 0;

	if (!reply)
		r = err_set(e, ERR_BROKEN, "%s of %s: %s", argv[0], p->host, why);
	else if (reply->type == REDIS_REPLY_ERROR)
		r = err_set(e, ERR_BROKEN, "%s of %s: %s", argv[0], p->host, reply->str);
	if (!r && out)
		*out = reply;
	else
		freeReplyObject(reply);
	return r;
}

struct values {
	int64_t *v;
	size_t n, alloc;
};

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* SCAN may name a key twice while a table is resized. */
static void unique(struct values *v)
{
	size_t n = 0;

	if (v->n)
		qsort(v->v, v->n, sizeof(*v->v), by_value);
	for (size_t i = 0; i < v->n; i++)
		if (!n || v->v[n - 1] != v->v[i])
			v->v[n++] = v->v[i];
	v->n = n;
}

static int scan(struct redis_peer *p, struct values *out, int64_t until_ns, struct err *e)
{
	char cursor[32] = "0";
	const char *const words[] = {"SCAN", cursor, "MATCH", INSERT_KEY "*", "COUNT", "1000"};

	do {
		redisReply *r = NULL, *keys;

		if (redis_must(p, 6, words, until_ns, &r, e))
			return -1;
		if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
		    r->element[1]->type != REDIS_REPLY_ARRAY) {
			freeReplyObject(r);
			return err_set(e, ERR_BROKEN, "SCAN of %s answered something else", p->host);
		}
		mem_copy_str(cursor, sizeof(cursor), redis_text(r->element[0]));
		keys = r->element[1];
		for (size_t i = 0; i < keys->elements; i++)
			*VEC_PUSH(out->v, out->n, out->alloc) = strtoll(
				redis_text(keys->element[i]) + strlen(INSERT_KEY), NULL, 10);
		freeReplyObject(r);
	} while (strcmp(cursor, "0"));
	unique(out);
	return 0;
}

/* Each value as often as its list is long. */
static int lengths(struct redis_conn *c, const char *host, const struct values *v,
		   struct final_read *out, int64_t until_ns, struct err *e)
{
	for (size_t i = 0; i < v->n; i += BATCH) {
		size_t end = i + BATCH < v->n ? i + BATCH : v->n;

		for (size_t k = i; k < end; k++) {
			char key[48];
			const char *const words[] = {"LLEN", key};

			snprintf(key, sizeof(key), INSERT_KEY "%lld", (long long)v->v[k]);
			redis_put(c, 2, words);
		}
		for (size_t k = i; k < end; k++) {
			redisReply *r = NULL;
			char why[120];
			long long n;

			if (redis_get(c, until_ns, &r, why, sizeof(why)) != REDIS_ANSWERED)
				return err_set(e, ERR_BROKEN, "LLEN of %s: %s", host, why);
			/* 0: evicted since SCAN named it. */
			n = r->type == REDIS_REPLY_INTEGER ? r->integer : -1;
			freeReplyObject(r);
			if (n < 0)
				return err_set(e, ERR_BROKEN, "LLEN of %s was refused", host);
			for (; n > 0; n--)
				final_read_value(out, v->v[k]);
		}
	}
	return 0;
}

static int read_values(struct redis_peer *p, struct final_read *out, int64_t until_ns,
		       struct err *e)
{
	struct values v = {0};
	int r = scan(p, &v, until_ns, e) || lengths(p->conn, p->host, &v, out, until_ns, e) ? -1 :
											      0;

	free(v.v);
	return r;
}

static int read_registers(const struct redis_range *parts, size_t n, int keys,
			  struct final_read *out, int64_t until_ns, struct err *e)
{
	for (int i = 0; i < keys; i++) {
		char key[48];
		const char *const words[] = {"GET", key};
		const struct redis_range *part;
		redisReply *r = NULL;

		register_key(i, key);
		part = redis_range_of(parts, n, redis_slot(key, strlen(key)));
		if (!part)
			return err_set(e, ERR_BROKEN, "nobody owns the slot of %s", key);
		if (redis_must(part->owner, 2, words, until_ns, &r, e))
			return -1;
		if (r->type == REDIS_REPLY_STRING)
			out->registers[i] = strtoll(r->str, NULL, 10);
		freeReplyObject(r);
	}
	return 0;
}

static int who_answered(struct redis_peer *p, uint32_t shard, const struct access *acc,
			struct final_read *out, int64_t until_ns, struct err *e)
{
	static const char *const words[] = {"ROLE"};
	redisReply *r = NULL;
	const char *role;

	if (redis_must(p, 1, words, until_ns, &r, e))
		return -1;
	role = redis_role(r);
	final_read_answered(out, acc, redis_address(p->conn), p->host,
			    !strcmp(role, "master") ? ROLE_PRIMARY :
			    !strcmp(role, "slave") ? ROLE_REPLICA : ROLE_UNKNOWN, shard);
	freeReplyObject(r);
	return 0;
}

/* Of those that have several parts. */
static bool came_before(const struct redis_range *parts, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (parts[k].owner == parts[i].owner)
			return true;
	return false;
}

int redis_flush(const struct redis_range *parts, size_t n, int64_t until_ns, struct err *e)
{
	static const char *const words[] = {"FLUSHALL"};
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		if (!came_before(parts, i))
			r = redis_must(parts[i].owner, 1, words, until_ns, NULL, e);
	return r;
}

int redis_read_all(const struct redis_range *parts, size_t n, uint32_t first_shard,
		   const struct access *acc, int keys, struct final_read *out, int64_t until_ns,
		   struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		if (!came_before(parts, i))
			r = read_values(parts[i].owner, out, until_ns, e);
	if (!r)
		r = read_registers(parts, n, keys, out, until_ns, e);
	for (size_t i = 0; i < n && !r; i++)
		r = who_answered(parts[i].owner, first_shard + (uint32_t)i, acc, out, until_ns, e);
	return r;
}
