#ifndef ORDEAL_TEST_UNIT_CHECK_QUEUE_RUN_H
#define ORDEAL_TEST_UNIT_CHECK_QUEUE_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "check/check.h"
#include "test/lib/evidence_kept.h"

/* Histories of messages made by hand, and what checker_queue says of them. */

struct run {
	struct history h;
	cJSON *events;
	struct check_result res;
};

static inline void begin(struct run *r)
{
	memset(r, 0, sizeof(*r));
	r->events = cJSON_CreateArray();
}

static inline void end(struct run *r)
{
	cJSON_Delete(r->res.witness);
	history_free(&r->h);
	cJSON_Delete(r->events);
}

static inline struct op *put(struct run *r, enum op_f f, int process, int64_t partition,
			     int64_t value, int64_t from_ms, int64_t to_ms, enum op_outcome o)
{
	struct op op = {.process = (uint32_t)process,
			.f = f,
			.key = partition,
			.partition = partition,
			.value = value,
			.expect = OP_NO_VALUE,
			.offset = OP_NO_VALUE,
			.tag = OP_NO_VALUE,
			.t_intended = from_ms * NS_PER_MS,
			.t_invoke = from_ms * NS_PER_MS,
			.t_return = to_ms * NS_PER_MS,
			.outcome = o,
			.sent = true};

	history_add(&r->h, &op);
	return &r->h.ops[r->h.n - 1];
}

/* Offsets are left out where they are OP_NO_VALUE: a queue. */
static inline void sent(struct run *r, int process, int64_t partition, int64_t value,
			int64_t offset, int64_t at_ms)
{
	put(r, OP_SEND, process, partition, value, at_ms, at_ms + 2, OP_OK)->offset = offset;
}

static inline struct op *got(struct run *r, int process, int64_t partition, int64_t value,
			     int64_t offset, int64_t at_ms, enum op_ack acked)
{
	struct op *op = put(r, OP_RECEIVE, process, partition, value, at_ms, at_ms + 2, OP_OK);

	op->offset = offset;
	op->acked = acked;
	return op;
}

/* `messages` as in a "final" event; NULL: there was none. */
static inline enum verdict check(struct run *r, const char *messages)
{
	const struct check_budget b = { 10 * NS_PER_S, (size_t)256 << 20 };
	const struct checker_ops *c = checker_find("queue");
	cJSON *e = cJSON_CreateObject();
	struct err err = { 0 };

	assert_non_null(c);
	json_set_i64(e, "t", 100 * NS_PER_S);
	json_set_i64(e, "s", 0);
	json_set_str(e, "k", "final");
	if (messages)
		json_set(e, "messages", json_parse(messages, "test", &err));
	json_push(r->events, e);
	history_sort(&r->h);
	cJSON_Delete(r->res.witness);
	c->check(&r->h, evidence_kept(r->events, 0), NULL, &b, &r->res);
	cJSON_Delete(cJSON_DetachItemFromArray(r->events, cJSON_GetArraySize(r->events) - 1));
	return r->res.verdict;
}

/* The whole `why`, and a piece of the witness. */
static inline void fails(struct run *r, const char *messages, const char *why, const char *witness)
{
	char *w;

	if (check(r, messages) != VERDICT_FAIL)
		fail_msg("%s: %s", verdict_name(r->res.verdict), r->res.why);
	assert_string_equal(r->res.why, why);
	w = json_text(r->res.witness);
	if (!strstr(w, witness))
		fail_msg("no \"%s\" in %s", witness, w);
	free(w);
	end(r);
}

static inline void passes(struct run *r, const char *messages, const char *why)
{
	if (check(r, messages) != VERDICT_PASS)
		fail_msg("%s: %s", verdict_name(r->res.verdict), r->res.why);
	if (!strstr(r->res.why, why))
		fail_msg("%s", r->res.why);
	assert_null(r->res.witness);
	end(r);
}

static inline void unknown(struct run *r, const char *messages, const char *why)
{
	if (check(r, messages) != VERDICT_UNKNOWN)
		fail_msg("%s: %s", verdict_name(r->res.verdict), r->res.why);
	if (!strstr(r->res.why, why))
		fail_msg("%s", r->res.why);
	end(r);
}

#define NONE OP_NO_VALUE

/* Ten messages of two clients, of which another two receive eight. */
static inline void healthy(struct run *r)
{
	begin(r);
	for (int i = 0; i < 10; i++)
		sent(r, i % 2, 0, 100 + i, i, i * 10);
	for (int i = 0; i < 8; i++)
		got(r, 5 + i % 2, 0, 100 + i, i, 50 + i * 10, OP_ACK_DONE);
}

#define ALL_TEN "[{\"part\":0,\"off\":0,\"val\":[100,101,102,103,104,105,106,107,108,109]}]"

#endif
