#include "apiserver/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

/* White space that tells a dead client from a silent one. */
#define ALIVE_NS (15 * NS_PER_S)
#define LIMIT_S INT64_C(1800) /* of a watch whose own is missing or senseless */
enum { PENDING_BYTES = 256 << 10 }; /* of a client that does not read: so much and one object */

struct watching {
	struct store *store;
	const struct kind *kind;
	char *ns, *labels, *fields;
	int64_t version, end_ns, silent_ns;
	struct buf pending;
	size_t sent;
	bool gone;
};

static bool wanted(const struct watching *w, const struct store_change *c)
{
	const cJSON *m = json_get(c->object, "metadata");

	return c->version > w->version && c->kind == w->kind &&
	       (!w->ns || !w->kind->namespaced || !strcmp(json_str(m, "namespace", ""), w->ns)) &&
	       store_labels_fit(w->labels, json_get(m, "labels")) &&
	       store_fields_fit(w->fields, c->object);
}

static void add_line(struct watching *w, const char *type, const cJSON *object)
{
	char *text = json_text(object);

	buf_fmt(&w->pending, "{\"type\":\"%s\",\"object\":%s}\n", type, text);
	free(text);
}

/* Fills `pending` with the next changes; false: the stream is over. */
static bool gather(struct watching *w)
{
	struct store *s = w->store;
	int64_t next = 0;

	buf_reset(&w->pending);
	w->sent = 0;
	store_lock(s);
	while (!w->pending.len && !s->closing && clock_mono_ns() < w->end_ns && !w->gone) {
		if (w->version < s->forgotten) {
			buf_str(&w->pending, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,"
					     "\"reason\":\"Expired\",\"message\":\"too old resource version\"}}\n");
			w->gone = true;
			break;
		}
		for (size_t i = 0; i < s->nchanges && w->pending.len < PENDING_BYTES; i++) {
			if (wanted(w, &s->changes[i]))
				add_line(w, s->changes[i].type, s->changes[i].object);
			next = s->changes[i].version;
		}
		w->version = w->pending.len < PENDING_BYTES ? s->version : next;
		if (w->pending.len)
			break;
		if (clock_mono_ns() > w->silent_ns + ALIVE_NS)
			buf_char(&w->pending, '\n');
		else
			store_wait(s, w->silent_ns + ALIVE_NS + NS_PER_MS);
	}
	store_unlock(s);
	w->silent_ns = clock_mono_ns();
	return w->pending.len > 0;
}

static ssize_t watch_read(void *arg, uint64_t pos, char *out, size_t max)
{
	struct watching *w = arg;
	size_t n;

	(void)pos;
	if (w->sent == w->pending.len && !gather(w))
		return MHD_CONTENT_READER_END_OF_STREAM;
	n = w->pending.len - w->sent;
	if (n > max)
		n = max;
	memcpy(out, w->pending.s + w->sent, n);
	w->sent += n;
	return (ssize_t)n;
}

static void watch_free(void *arg)
{
	struct watching *w = arg;

	free(w->ns);
	free(w->labels);
	free(w->fields);
	buf_free(&w->pending);
	free(w);
}

static const char *arg_of(struct MHD_Connection *conn, const char *key)
{
	return MHD_lookup_connection_value(conn, MHD_GET_ARGUMENT_KIND, key);
}

enum MHD_Result watch_answer(struct MHD_Connection *conn, struct store *store,
			     const struct kind *kind, const char *ns)
{
	const char *labels = arg_of(conn, "labelSelector"), *fields = arg_of(conn, "fieldSelector");
	const char *from = arg_of(conn, "resourceVersion"), *limit = arg_of(conn, "timeoutSeconds");
	struct watching *w = mem_alloc(sizeof(*w));
	struct MHD_Response *r;
	enum MHD_Result ok;
	int64_t seconds = limit ? strtoll(limit, NULL, 10) : LIMIT_S;

	w->store = store;
	w->kind = kind;
	w->ns = ns ? mem_strdup(ns) : NULL;
	w->labels = mem_strdup(labels ? labels : "");
	w->fields = mem_strdup(fields ? fields : "");
	w->version = from ? strtoll(from, NULL, 10) : 0;
	w->silent_ns = clock_mono_ns();
	w->end_ns = w->silent_ns +
		    (seconds > 0 && seconds < 2 * LIMIT_S ? seconds : LIMIT_S) * NS_PER_S;
	r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 32768, watch_read, w, watch_free);
	MHD_add_response_header(r, "Content-Type", "application/json");
	ok = MHD_queue_response(conn, 200, r);
	MHD_destroy_response(r);
	return ok;
}
