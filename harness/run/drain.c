/* What the load agents recorded, into the two files. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "history/op.h"
#include "run/stage.h"

#define DRAIN_TIMEOUT_NS (20 * NS_PER_S)
#define BESIDE_TIMEOUT_NS (NS_PER_S)
#define BESIDE_RETRY_NS (5 * NS_PER_S)
#define BESIDE_ALL_WITHIN_NS (40 * NS_PER_S)
#define RETRY_NS (200 * NS_PER_MS)

/* Appends one line with its times moved to the driver's timeline. */
static int move_line(const char *line, size_t len, int64_t offset_ns, struct buf *out,
		     struct err *e)
{
	cJSON *o = cJSON_ParseWithLength(line, len);
	char moved[OP_LINE_MAX];
	struct op_room room;
	struct op op;
	int r = o ? op_from_json(o, &room, &op, e) : err_set(e, ERR_BROKEN, "a line is no JSON");

	cJSON_Delete(o);
	if (r)
		return err_prefix(e, "history of the load agent");
	op.t_intended += offset_ns;
	op.t_invoke += offset_ns;
	op.t_return += offset_ns;
	for (int i = 0; i < op.nlate; i++)
		room.late[i].t += offset_ns;
	buf_add(out, moved, op_to_line(&op, moved, sizeof(moved)));
	return 0;
}

/* The last line of an answer: its block. */
static const char *last_line(const struct buf *answer)
{
	const char *p = answer->len ? answer->s + answer->len - 1 : NULL;

	if (!p || *p != '\n')
		return NULL;
	while (p > answer->s && p[-1] != '\n')
		p--;
	return p;
}

/* Whether an answer is what the agent sent: its block says. *ops: the bytes
 * before the block. */
static int read_block(const struct buf *answer, int64_t from, struct block *b, size_t *ops,
		      struct err *e)
{
	const char *at = last_line(answer);
	cJSON *o = at ? cJSON_ParseWithLength(at, answer->len - (size_t)(at - answer->s)) : NULL;
	struct block_sum sum = {0};
	int r;

	if (!o || !block_is(o)) {
		r = err_set(e, ERR_BROKEN, "the load agent's answer was cut off on its way");
	} else {
		*ops = (size_t)(at - answer->s);
		block_add(&sum, answer->s, *ops);
		r = block_from_json(o, b, e) || block_verify(b, &sum, from, e) ? -1 : 0;
		if (r) {
			e->kind = ERR_BROKEN;
			err_prefix(e, "the load agent's answer was damaged on its way");
		}
	}
	cJSON_Delete(o);
	return r;
}

/* Moves the lines to the driver's timeline, and the block with them. */
static int move_all(const struct buf *answer, size_t ops, int64_t offset_ns, struct block *b,
		    struct buf *out, struct err *e)
{
	const char *p = answer->s, *end = answer->s + ops, *nl;
	struct block_sum sum = {0};
	char line[BLOCK_LINE_MAX];

	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (move_line(p, (size_t)(nl - p), offset_ns, out, e))
			return -1;
	}
	block_add(&sum, buf_cstr(out), out->len);
	b->crc = sum.crc;
	buf_add(out, line, block_to_line(b, line));
	return 0;
}

static void tell_whole(struct stage *st, const struct block *b, const struct fetched *f)
{
	cJSON *ev = event_new(st->scenario, "history");
	char sum[12];

	snprintf(sum, sizeof(sum), "%08" PRIx32, f->ops.crc);
	json_set_i64(ev, "g", b->group);
	json_set_i64(ev, "ops", f->ops.lines);
	json_set_str(ev, "sum", sum);
	event_emit(&st->events, ev);
}

/* Most runs share a kernel, and pass the agent's bytes on untouched. */
static int add_history(struct stage *st, const struct agent_clock *c, const struct buf *answer,
		       struct fetched *f, struct err *e)
{
	const struct buf *from = answer;
	struct block_sum sum = {0};
	struct buf moved = {0};
	struct block b;
	size_t ops = 0;
	int r = -1;

	if (read_block(answer, f->ops.lines, &b, &ops, e))
		return -1;
	if (c->offset_ns) {
		if (move_all(answer, ops, c->offset_ns, &b, &moved, e))
			goto out;
		from = &moved;
	}
	if (append_write(&st->history, from->s, from->len, e))
		goto out;
	block_add(&sum, from->s, (size_t)(last_line(from) - from->s));
	block_join(&f->ops, &sum);
	f->all = b.end;
	if (f->all)
		tell_whole(st, &b, f);
	r = 0;
out:
	buf_free(&moved);
	return r;
}

static int drain_history(struct stage *st, const struct agent_clock *c, int64_t timeout_ns,
			 struct fetched *f, bool *more, struct err *e)
{
	struct buf b = {0};
	char path[80];
	int status = 0, r;

	*more = false;
	if (f->all)
		return 0;
	snprintf(path, sizeof(path), "/v1/history?from=%lld", (long long)f->ops.lines);
	r = st->ops->call(st->en, c->agent, "GET", path, NULL, timeout_ns, &b, &status, e);
	if (!r && status >= 300)
		r = stage_answer_error(c->agent, path, status, buf_cstr(&b), e);
	if (!r && b.len) {
		r = add_history(st, c, &b, f, e);
		*more = !r && !f->all;
	}
	buf_free(&b);
	return r;
}

/* What an agent lists as `list`, as events of a kind. */
static int drain_list(struct stage *st, const struct agent_clock *c, const char *list,
		      const char *kind, int64_t timeout_ns, int64_t *next, struct err *e)
{
	cJSON *a = NULL, *s;
	char path[80];

	snprintf(path, sizeof(path), "/v1/%s?from=%lld", list, (long long)*next);
	if (stage_call(st, c->agent, "GET", path, NULL, timeout_ns, &a, e))
		return -1;
	*next = json_i64(a, "next", *next);
	while ((s = cJSON_DetachItemFromArray(cJSON_GetObjectItem(a, list), 0))) {
		cJSON *ev = event_new(st->scenario, kind);

		json_set_i64(ev, "t", json_i64(s, "t", 0) + c->offset_ns);
		if (!strcmp(kind, "noise"))
			json_set_str(ev, "source", c->agent);
		if (c->error_ns)
			json_set_i64(ev, "te", c->error_ns);
		cJSON_DeleteItemFromObject(s, "t");
		json_merge(ev, s);
		event_emit(&st->events, ev);
	}
	cJSON_Delete(a);
	return 0;
}

static int drain_beside(struct stage *st, struct err *e)
{
	struct agent_clock c;
	bool more;

	if (stage_clock(st, STAGE_BESIDE_AGENT, &c, e))
		return -1;
	do {
		if (drain_history(st, &c, BESIDE_TIMEOUT_NS, &st->beside_got, &more, e))
			return -1;
	} while (more);
	return drain_list(st, &c, "samples", "witness", BESIDE_TIMEOUT_NS, &st->beside_next_sample, e) ||
	       drain_list(st, &c, "noise", "noise", BESIDE_TIMEOUT_NS, &st->beside_next_noise, e) ? -1 : 0;
}

/* Now and then while the run goes on; at its end with patience. */
static int tend_beside(struct stage *st, bool all, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + BESIDE_ALL_WITHIN_NS;
	struct err mute = {0};

	if (!st->beside || (!all && clock_mono_ns() < st->beside_retry_ns))
		return 0;
	while (drain_beside(st, &mute)) {
		st->beside_retry_ns = clock_mono_ns() + BESIDE_RETRY_NS;
		if (stage_files(st, e))
			return -1;
		if (!all)
			return 0;
		if (*st->interrupted || clock_mono_ns() > end_ns) {
			*e = mute;
			return err_prefix(e, "what the minority of the clients saw cannot be fetched");
		}
		clock_sleep_until(clock_mono_ns() + RETRY_NS);
	}
	return 0;
}

int stage_drain(struct stage *st, bool all, struct err *e)
{
	struct agent_clock c;
	bool more;

	if (!st->loading)
		return 0;
	st->drained_ns = clock_mono_ns();
	if (stage_clock(st, "load", &c, e))
		return -1;
	do {
		if (drain_history(st, &c, DRAIN_TIMEOUT_NS, &st->got, &more, e))
			return -1;
	} while (all && more);
	if (drain_list(st, &c, "samples", "sample", DRAIN_TIMEOUT_NS, &st->next_sample, e) ||
	    drain_list(st, &c, "noise", "noise", DRAIN_TIMEOUT_NS, &st->next_noise, e))
		return -1;
	return tend_beside(st, all, e);
}
