#include "history/event.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

enum { BLOCK_EVENTS = 64 };

int event_log_open(struct event_log *l, const char *path, struct err *e)
{
	memset(l, 0, sizeof(*l));
	if (append_open(&l->file, path, e))
		return -1;
	pthread_mutex_init(&l->lock, NULL);
	return 0;
}

int event_log_close(struct event_log *l, struct err *e)
{
	int r;

	if (!l->file.open)
		return 0;
	r = append_close(&l->file, e);
	pthread_mutex_destroy(&l->lock);
	return r;
}

cJSON *event_new(int scenario, const char *kind)
{
	cJSON *o = cJSON_CreateObject();

	json_set_i64(o, "t", clock_mono_ns());
	if (scenario >= 0)
		json_set_i64(o, "s", scenario);
	json_set_str(o, "k", kind);
	return o;
}

/* A line with its newline. */
static char *line_of(const cJSON *event, size_t *len)
{
	char *text = json_text(event);

	*len = strlen(text) + 1;
	text = mem_realloc(text, *len + 1);
	memcpy(text + *len - 1, "\n", 2);
	return text;
}

/* The scenario that events are written of now did not end well: whoever reads
 * the file later should know, if there is room for one more line. */
static void tell_failure(struct event_log *l, int64_t scenario, const struct err *why)
{
	cJSON *o = event_new((int)scenario, "broken");
	size_t len;
	char *text;

	log_warn("%s", why->msg);
	json_set_str(o, "where", "the events");
	json_set_str(o, "what", why->msg);
	text = line_of(o, &len);
	append_last_words(&l->file, text, len);
	free(text);
	cJSON_Delete(o);
}

/* At the end of a scenario and of the run, and often enough between. */
static bool block_ends(const struct event_log *l, const cJSON *event)
{
	return l->open.lines >= BLOCK_EVENTS || event_is(event, "end") ||
	       (event_is(event, "phase") && !strcmp(json_str(event, "phase", ""), "done"));
}

/* Call with the lock held. */
static int write_event(struct event_log *l, const cJSON *event, struct err *e)
{
	struct block b = {.events = true, .from = l->written, .end = event_is(event, "end")};
	char line[BLOCK_LINE_MAX], *text;
	size_t len;
	int r;

	text = line_of(event, &len);
	r = len > EVENT_LINE_MOST ?
	    err_set(e, ERR_BROKEN, "an event \"%s\" is of more than %d bytes", json_str(event, "k", ""), EVENT_LINE_MOST) :
	    append_write(&l->file, text, len, e);
	if (!r)
		block_add(&l->open, text, len);
	free(text);
	if (r || !block_ends(l, event))
		return r;
	b.lines = l->open.lines;
	b.crc = l->open.crc;
	if (append_write(&l->file, line, block_to_line(&b, line), e))
		return -1;
	l->written += b.lines;
	l->open = (struct block_sum){0};
	return 0;
}

void event_emit(struct event_log *l, cJSON *event)
{
	struct err e = {0};

	if (l->file.open) {
		pthread_mutex_lock(&l->lock);
		if (!l->failed && write_event(l, event, &e)) {
			l->failed = true;
			l->why = e;
			tell_failure(l, json_i64(event, "s", -1), &e);
		}
		pthread_mutex_unlock(&l->lock);
	}
	cJSON_Delete(event);
}

int event_log_check(struct event_log *l, struct err *e)
{
	int r = 0;

	if (!l->file.open)
		return 0;
	pthread_mutex_lock(&l->lock);
	if (l->failed) {
		*e = l->why;
		r = -1;
	}
	pthread_mutex_unlock(&l->lock);
	return r;
}

int64_t event_t(const cJSON *event)
{
	return json_i64(event, "t", 0);
}

bool event_is(const cJSON *event, const char *kind)
{
	return !strcmp(json_str(event, "k", ""), kind);
}

cJSON *events_of(const cJSON *events, int scenario)
{
	cJSON *own = cJSON_CreateArray();
	cJSON *e;

	cJSON_ArrayForEach(e, events) {
		int64_t s = json_i64(e, "s", -1);

		if (s < 0 || s == scenario)
			cJSON_AddItemReferenceToArray(own, e);
	}
	return own;
}

void events_move(cJSON *from, cJSON *to)
{
	cJSON *ev;

	while ((ev = cJSON_DetachItemFromArray(from, 0)))
		json_push(to, ev);
}

void events_keep_run(cJSON *events)
{
	cJSON *ev, *next;

	for (ev = events->child; ev; ev = next) {
		next = ev->next;
		if (json_i64(ev, "s", -1) >= 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(events, ev));
	}
}

const cJSON *events_last(const cJSON *events, const char *kind)
{
	const cJSON *e, *last = NULL;

	cJSON_ArrayForEach(e, events)
		if (event_is(e, kind))
			last = e;
	return last;
}
