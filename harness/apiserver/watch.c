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
/* Objects or changes that a selector is held against before the lock is given back: one of
 * a hundred terms takes a tenth of a millisecond for each. */
enum { LOOKED_AT = 64 };

/* What is to be told: collected with the store's lock, printed without it. */
struct line {
	const char *type;
	struct store_kept *kept;
};

struct watching {
	struct store *store;
	const struct kind *kind;
	char *ns, *labels, *fields;
	int64_t version, end_ns, silent_ns;
	bool listing;  /* what is there, in the order of its versions, comes first */
	int64_t there; /* what was so when it began */
	struct line *lines;
	size_t nlines, alines, at; /* those before `at` are printed */
	size_t bytes; /* of all lines' objects */
	struct buf pending;
	size_t sent;
	bool gone;
};

/* But for selectors, which take their time. */
static bool wanted(const struct watching *w, const struct kind *kind, const cJSON *object)
{
	return kind == w->kind &&
	       (!w->ns || !w->kind->namespaced ||
		!strcmp(json_str(json_get(object, "metadata"), "namespace", ""), w->ns));
}

static bool selects(const struct watching *w, const cJSON *object)
{
	return store_labels_fit(w->labels, json_get(json_get(object, "metadata"), "labels"));
}

/* What a change is to this watch; NULL: nothing. An object whose labels fit no more is as
 * good as deleted, and one whose labels do from now on is new (apiserver's cacher does so). */
static const char *event_of(const struct watching *w, const struct store_change *c)
{
	bool is, was;

	if (!store_fields_fit(w->fields, c->object))
		return NULL;
	is = selects(w, c->object);
	was = c->labels ? store_labels_fit(w->labels, c->labels) : is;
	if (strcmp(c->type, "MODIFIED") || is == was)
		return is ? c->type : NULL;
	return is ? "ADDED" : "DELETED";
}

static void add_line(struct watching *w, const char *type, struct store_kept *kept, size_t bytes)
{
	*VEC_PUSH(w->lines, w->nlines, w->alines) = (struct line){type, store_hold_it(kept)};
	w->bytes += bytes;
}

static void print_line(struct watching *w)
{
	struct line *l = &w->lines[w->at++];
	char *text = json_text(l->kept->object);

	buf_fmt(&w->pending, "{\"type\":\"%s\",\"object\":%s}\n", l->type, text);
	free(text);
	store_let_go(l->kept);
	l->kept = NULL;
}

static void drop_lines(struct watching *w)
{
	for (; w->at < w->nlines; w->at++)
		store_let_go(w->lines[w->at].kept);
	w->nlines = w->at = w->bytes = 0;
}

struct there {
	int64_t version;
	const struct store_item *item;
};

static int by_version(const void *a, const void *b)
{
	const struct there *x = a, *y = b;

	return (x->version > y->version) - (x->version < y->version);
}

/* The next of what is there (no version, or 0, is asked for: "get state and start at any").
 * What changes before its turn comes as a change, after it. */
static void list_more(struct watching *w)
{
	const struct store *s = w->store;
	struct there *all = mem_alloc((s->n + 1) * sizeof(*all));
	size_t n = 0, i = 0;

	if (!w->there)
		w->there = s->version;
	for (size_t k = 0; k < s->n; k++) {
		const cJSON *o = s->v[k].object;
		int64_t version = json_i64(json_get(o, "metadata"), "resourceVersion", 0);

		if (version > w->version && version <= w->there && wanted(w, s->v[k].kind, o))
			all[n++] = (struct there){version, &s->v[k]};
	}
	qsort(all, n, sizeof(*all), by_version);
	for (; i < n && i < LOOKED_AT && w->bytes < PENDING_BYTES; i++) {
		const cJSON *o = all[i].item->object;

		if (store_fields_fit(w->fields, o) && selects(w, o))
			add_line(w, "ADDED", all[i].item->kept, all[i].item->bytes);
		w->version = all[i].version;
	}
	w->listing = i < n;
	if (!w->listing)
		w->version = w->there;
	free(all);
}

static void changes_more(struct watching *w)
{
	const struct store *s = w->store;
	int64_t next = s->version;
	size_t looked_at = 0;

	for (size_t i = 0; i < s->nchanges; i++) {
		const struct store_change *c = &s->changes[i];
		const char *type;

		if (c->version <= w->version || !wanted(w, c->kind, c->object))
			continue;
		type = event_of(w, c);
		if (type)
			add_line(w, type, c->kept, c->bytes);
		if (++looked_at < LOOKED_AT && w->bytes < PENDING_BYTES)
			continue;
		next = s->changes[i].version;
		break;
	}
	/* One that was asked for ahead of its time waits until it has been. */
	if (next > w->version)
		w->version = next;
}

/* Waits for something to be told. */
static void collect(struct watching *w)
{
	struct store *s = w->store;

	drop_lines(w);
	store_lock(s);
	while (!w->nlines && !w->pending.len && !s->closing && clock_mono_ns() < w->end_ns &&
	       !w->gone) {
		if (w->listing) {
			list_more(w);
			store_yield(s);
			continue;
		}
		if (w->version < s->forgotten) {
			buf_str(&w->pending, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,"
					     "\"reason\":\"Expired\",\"message\":\"too old resource version\"}}\n");
			w->gone = true;
			break;
		}
		changes_more(w);
		if (w->nlines)
			break;
		if (w->version < s->version) {
			store_yield(s);
			continue;
		}
		if (clock_mono_ns() > w->silent_ns + ALIVE_NS)
			buf_char(&w->pending, '\n');
		else
			store_wait(s, w->end_ns < w->silent_ns + ALIVE_NS ? w->end_ns :
				   w->silent_ns + ALIVE_NS + NS_PER_MS);
	}
	store_unlock(s);
}

/* Fills `pending` with what comes next; false: the stream is over. */
static bool gather(struct watching *w)
{
	buf_reset(&w->pending);
	w->sent = 0;
	if (w->at == w->nlines)
		collect(w);
	while (w->at < w->nlines && w->pending.len < PENDING_BYTES)
		print_line(w);
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
	drop_lines(w);
	free(w->lines);
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
	w->listing = w->version <= 0;
	w->silent_ns = clock_mono_ns();
	w->end_ns = w->silent_ns +
		    (seconds > 0 && seconds < 2 * LIMIT_S ? seconds : LIMIT_S) * NS_PER_S;
	r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 32768, watch_read, w, watch_free);
	MHD_add_response_header(r, "Content-Type", "application/json");
	ok = MHD_queue_response(conn, 200, r);
	MHD_destroy_response(r);
	return ok;
}
