#include "history/read.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"
#include "history/schema.h"

enum { OP_LINE_MOST = 64 << 10 };

#define CLOCKS_NS NS_PER_S /* no two estimates of a clock are further apart */

/* ---- history.jsonl ---- */

struct reading_ops {
	struct history *h;
	struct file_at *at;
	bool mixed;               /* the lines since the last block are not all of one writer */
	uint32_t scenario, group; /* of the last line */
};

static struct stream *stream_of(struct history *h, uint32_t scenario, uint32_t group)
{
	struct stream *s;

	for (size_t i = 0; i < h->nstreams; i++)
		if (h->streams[i].scenario == scenario && h->streams[i].group == group)
			return &h->streams[i];
	s = VEC_PUSH(h->streams, h->nstreams, h->streams_alloc);
	s->scenario = scenario;
	s->group = group;
	return s;
}

static int close_block(struct reading_ops *r, const cJSON *o, struct err *e)
{
	struct block_sum whole = {0}, *open = &r->at->open;
	struct stream *s;
	struct block b;

	if (block_from_json(o, &b, e))
		return -1;
	s = stream_of(r->h, b.scenario, b.group);
	if (s->ended)
		return err_set(e, ERR_INPUT, "a block behind the one that said it was the last: lines are doubled");
	if (open->lines && (r->mixed || r->scenario != b.scenario || r->group != b.group))
		return err_set(e, ERR_INPUT, "the block's lines are not of its scenario and group: lines are "
			       "missing, or out of order");
	if (block_verify(&b, open, s->ops, e))
		return -1;
	whole = (struct block_sum){s->ops, 0, s->sum};
	block_join(&whole, open);
	s->ops = whole.lines;
	s->sum = whole.crc;
	s->ended = b.end;
	*open = (struct block_sum){0};
	r->mixed = false;
	r->at->blocks = true;
	return 0;
}

static int add_op(void *arg, cJSON *o, const char *text, size_t len, int line, struct err *e)
{
	struct reading_ops *r = arg;
	struct op_room room;
	struct op op;
	int failed;

	if (block_is(o)) {
		failed = close_block(r, o, e);
	} else {
		failed = op_from_json(o, &room, &op, e);
		if (!failed) {
			r->mixed = r->mixed || (r->at->open.lines && (op.scenario != r->scenario ||
								      op.group != r->group));
			block_add(&r->at->open, text, len);
			op.line = line;
			r->scenario = op.scenario;
			r->group = op.group;
			history_add(r->h, &op);
		}
	}
	cJSON_Delete(o);
	return failed;
}

/* Another tool's history, which tells neither of these, may have the same read
 * of one client twice. */
static bool same(const struct op *x, const struct op *y)
{
	bool ours = x->via[0] || x->t_intended != x->t_invoke;

	return ours && !strcmp(x->via, y->via) && x->t_intended == y->t_intended &&
	       x->scenario == y->scenario && x->process == y->process && x->group == y->group &&
	       x->f == y->f && x->outcome == y->outcome && x->key == y->key &&
	       x->value == y->value && x->expect == y->expect && x->t_invoke == y->t_invoke &&
	       x->t_return == y->t_return;
}

/* Those that are the same in everything are neighbours, once sorted. */
static int no_op_twice(const char *path, const struct history *h, struct err *e)
{
	for (size_t i = 1; i < h->n; i++)
		if (same(&h->ops[i - 1], &h->ops[i]))
			return err_set(e, ERR_INPUT, "%s:%d: the operation of line %d once more: lines are doubled",
				       path, h->ops[i].line, h->ops[i - 1].line);
	return 0;
}

static bool brings(const struct op *op)
{
	return (op->f == OP_INSERT || op->f == OP_SEND) && op->value != OP_NO_VALUE;
}

static int by_value(const void *a, const void *b)
{
	const struct op *x = *(const struct op *const *)a, *y = *(const struct op *const *)b;

	if (x->scenario != y->scenario)
		return x->scenario < y->scenario ? -1 : 1;
	if (x->f != y->f)
		return x->f < y->f ? -1 : 1;
	return (x->value > y->value) - (x->value < y->value);
}

static int by_value_and_line(const void *a, const void *b)
{
	const struct op *x = *(const struct op *const *)a, *y = *(const struct op *const *)b;
	int c = by_value(a, b);

	return c ? c : (x->line > y->line) - (x->line < y->line);
}

static int no_value_twice(const char *path, struct op *const *v, size_t n, struct err *e)
{
	for (size_t i = 1; i < n; i++)
		if (!by_value(&v[i - 1], &v[i]))
			return err_set(e, ERR_INPUT, "%s:%d: the value %lld was %s before, in line %d", path, v[i]->line,
				       (long long)v[i]->value, v[i]->f == OP_SEND ? "sent" : "inserted", v[i - 1]->line);
	return 0;
}

/* Of a client's own send, whose call had ended without an answer, and once. */
static bool confirms(const struct op *by, const struct op_late *late, const struct op *send)
{
	return send->process == by->process && send->group == by->group && send->line < by->line &&
	       send->outcome == OP_INFO && !send->t_confirmed && late->t <= by->t_return &&
	       late->t >= send->t_return - CLOCKS_NS;
}

/* Gives what was heard too late to the operations that it is of. */
static int confirm(const char *path, const struct history *h, struct op *const *v, size_t n,
		   struct err *e)
{
	for (size_t i = 0; i < h->n; i++) {
		const struct op *by = &h->ops[i];
		struct op like = {.scenario = by->scenario, .f = OP_SEND}, *key = &like;

		for (int k = 0; k < by->nlate; k++) {
			struct op *const *at;

			like.value = by->late[k].value;
			at = n ? bsearch(&key, v, n, sizeof(*v), by_value) : NULL;
			if (!at || !confirms(by, &by->late[k], *at))
				return err_set(e, ERR_INPUT, "%s:%d: \"conf\" tells of the value %lld, which is no send of its "
					       "client's that waited for it", path, by->line, (long long)like.value);
			(*at)->t_confirmed = by->late[k].t;
		}
	}
	return 0;
}

static int values_agree(const char *path, const struct history *h, struct err *e)
{
	struct op **v = mem_alloc((h->n + 1) * sizeof(*v));
	size_t n = 0;
	int r;

	for (size_t i = 0; i < h->n; i++)
		if (brings(&h->ops[i]))
			v[n++] = &h->ops[i];
	if (n)
		qsort(v, n, sizeof(*v), by_value_and_line);
	r = no_value_twice(path, v, n, e) || confirm(path, h, v, n, e) ? -1 : 0;
	free(v);
	return r;
}

static int by_client(const void *a, const void *b)
{
	const struct op *x = *(const struct op *const *)a, *y = *(const struct op *const *)b;

	if (x->scenario != y->scenario)
		return x->scenario < y->scenario ? -1 : 1;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

/* A client does one thing at a time, and its lines are in that order. What a load agent
 * recorded in one go may have been moved by another clock than what it did in the next. */
static int no_two_at_once(const char *path, const struct history *h, struct err *e)
{
	const struct op **v = mem_alloc((h->n + 1) * sizeof(*v));
	int r = 0;

	for (size_t i = 0; i < h->n; i++)
		v[i] = &h->ops[i];
	if (h->n)
		qsort(v, h->n, sizeof(*v), by_client);
	for (size_t i = 1; i < h->n && !r; i++)
		if (v[i]->scenario == v[i - 1]->scenario && v[i]->group == v[i - 1]->group &&
		    v[i]->process == v[i - 1]->process &&
		    v[i]->t_invoke < v[i - 1]->t_return - CLOCKS_NS)
			r = err_set(e, ERR_INPUT, "%s:%d: an operation returned (\"tr\") when its client had called the "
				    "next one already, that of line %d", path, v[i - 1]->line, v[i]->line);
	free(v);
	return r;
}

int history_read_from(const char *path, struct file_at *at, struct history *h, struct err *e)
{
	struct reading_ops r = {.h = h, .at = at};

	if (lines_each(path, OP_LINE_MOST, &at->lines, add_op, &r, e))
		return -1;
	h->torn = at->lines.torn ? at->lines.line + 1 : 0;
	h->torn_scenario = r.scenario;
	h->loose = at->blocks ? at->open.lines : 0;
	history_sort(h);
	return no_op_twice(path, h, e) || values_agree(path, h, e) ||
	       (at->blocks && no_two_at_once(path, h, e)) ? -1 : 0;
}

int history_read(const char *path, struct history *h, struct err *e)
{
	struct file_at at = {0};

	return history_read_from(path, &at, h, e);
}

/* ---- events.jsonl ---- */

struct reading_events {
	struct file_at *at;
	cJSON *events;
	char *last; /* the line before */
	size_t last_len;
	/* Which scenarios began, and the first line of each that was named. */
	struct named {
		int64_t scenario;
		int line;
		bool began, stood, read; /* its "scenario", "stands" and "final" were there */
	} *named;
	size_t nnamed, named_alloc;
	char **faults; /* the lines of those */
	size_t nfaults, faults_alloc;
};

static int close_events(struct file_at *at, const cJSON *o, struct err *e)
{
	struct block b;

	if (at->format < BLOCKS_FORMAT)
		return err_set(e, ERR_INPUT, "a block, though no \"run\" event before it has \"format\" %d: lines are missing, "
			       "or changed", BLOCKS_FORMAT);
	if (block_from_json(o, &b, e) || block_verify(&b, &at->open, at->next, e))
		return -1;
	at->next += b.lines;
	at->open = (struct block_sum){0};
	at->blocks = true;
	at->closed = b.end;
	return 0;
}

static struct named *name(struct reading_events *r, int64_t scenario, int line)
{
	for (size_t i = r->nnamed; i-- > 0;)
		if (r->named[i].scenario == scenario)
			return &r->named[i];
	*VEC_PUSH(r->named, r->nnamed, r->named_alloc) =
		(struct named){.scenario = scenario, .line = line};
	return &r->named[r->nnamed - 1];
}

/* One file tells of one run, and of each of its scenarios once. */
static int place(struct reading_events *r, const cJSON *o, int line, struct err *e)
{
	int64_t scenario = json_i64(o, "s", -1);
	struct named *n = scenario < 0 ? NULL : name(r, scenario, line);

	if (event_is(o, "run")) {
		if (r->at->format)
			return err_set(e, ERR_INPUT, "a second \"run\" begins: these are two runs' events");
		r->at->format = (int)json_i64(o, "format", 1);
		if (r->at->format < 1 || r->at->format > BLOCKS_FORMAT)
			return err_set(e, ERR_INPUT, "\"format\" %d is not known: a newer ordeal wrote this", r->at->format);
	} else if (n && event_is(o, "scenario")) {
		if (n->began)
			return err_set(e, ERR_INPUT, "scenario %lld begins once more: these are two runs' events, or "
				       "lines are doubled", (long long)scenario);
		n->began = true;
	} else if (n && (event_is(o, "stands") || event_is(o, "final"))) {
		bool *seen = event_is(o, "final") ? &n->read : &n->stood;

		if (*seen)
			return err_set(e, ERR_INPUT, "a second \"%s\" of scenario %lld", json_str(o, "k", ""), (long long)scenario);
		*seen = true;
	}
	return 0;
}

/* Each of a fault's events counts, so that one of them twice would be two targets'. */
static int fault_once(struct reading_events *r, const char *text, size_t len, struct err *e)
{
	for (size_t i = 0; i < r->nfaults; i++)
		if (strlen(r->faults[i]) == len && !memcmp(r->faults[i], text, len))
			return err_set(e, ERR_INPUT, "an event of a fault once more: lines are doubled");
	*VEC_PUSH(r->faults, r->nfaults, r->faults_alloc) = mem_fmt("%.*s", (int)len, text);
	return 0;
}

static int check_event(struct reading_events *r, const cJSON *o, const char *text, size_t len,
		       int line, struct err *e)
{
	if (r->last && r->last_len == len && !memcmp(r->last, text, len))
		return err_set(e, ERR_INPUT, "the line before once more: lines are doubled");
	return event_check(o, e) || place(r, o, line, e) || (event_is(o, "fault") && fault_once(r, text, len, e)) ? -1 : 0;
}

/* cJSON's own append keeps the last item at hand, so this is linear. */
static int add_event(void *arg, cJSON *o, const char *text, size_t len, int line, struct err *e)
{
	struct reading_events *r = arg;
	bool block = cJSON_IsObject(o) && block_is(o);
	int failed;

	if (r->at->closed)
		failed = err_set(e, ERR_INPUT, "a line behind the file's end");
	else
		failed = block ? close_events(r->at, o, e) : check_event(r, o, text, len, line, e);
	if (failed || block) {
		cJSON_Delete(o);
		return failed;
	}
	block_add(&r->at->open, text, len);
	r->last = mem_realloc(r->last, len);
	memcpy(r->last, text, len);
	r->last_len = len;
	cJSON_AddItemToArray(r->events, o);
	return 0;
}

/* An event of a scenario that never began would count nowhere. And who wrote
 * the last event closed the file. */
static int whole(const char *path, const struct reading_events *r, struct err *e)
{
	for (size_t i = 0; i < r->nnamed; i++)
		if (!r->named[i].began)
			return err_set(e, ERR_INPUT, "%s:%d: an event of scenario %lld, of which there is no \"scenario\" event",
				       path, r->named[i].line, (long long)r->named[i].scenario);
	if (r->at->format >= BLOCKS_FORMAT && !r->at->closed && events_last(r->events, "end"))
		return err_set(e, ERR_INPUT, "%s:%d: the run ended, but not this file: its last block is missing", path,
			       r->at->lines.line + 1);
	return 0;
}

static cJSON *read_events(const char *path, struct file_at *at, bool all, struct err *e)
{
	struct reading_events r = {.at = at, .events = cJSON_CreateArray()};

	if (lines_each(path, EVENT_LINE_MOST, &at->lines, add_event, &r, e) ||
	    (all && whole(path, &r, e))) {
		cJSON_Delete(r.events);
		r.events = NULL;
	}
	for (size_t i = 0; i < r.nfaults; i++)
		free(r.faults[i]);
	free(r.faults);
	free(r.last);
	free(r.named);
	return r.events;
}

cJSON *events_read_from(const char *path, struct file_at *at, struct err *e)
{
	return read_events(path, at, false, e);
}

cJSON *events_read(const char *path, struct err *e)
{
	struct file_at at = {0};

	return read_events(path, &at, true, e);
}
