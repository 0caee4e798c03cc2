#include "kube/watch.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "kube/client.h"

#define RETRY_NS (500 * NS_PER_MS)
#define GONE 410
/* The server ends each stream after this long; the next one follows. */
#define STREAM_S 240

struct known {
	char uid[64], version[32];
	cJSON *stub; /* kind and metadata: all that is told of its end */
	bool seen;
};

struct kube_watch {
	pthread_t thread;
	struct kube_client *k;
	char path[512], selector[128];
	kube_watch_fn *fn;
	void *arg;
	volatile int stop;
	struct known *known;
	size_t n, alloc;
	char version[32]; /* where the stream goes on; "": list first */
	struct buf line;
	bool gone;
};

static bool stopping(const struct kube_watch *w)
{
	return __atomic_load_n(&w->stop, __ATOMIC_RELAXED);
}

static const char *meta(const cJSON *object, const char *key)
{
	return json_str(json_get(object, "metadata"), key, "");
}

static struct known *find(struct kube_watch *w, const char *uid)
{
	for (size_t i = 0; i < w->n; i++)
		if (!strcmp(w->known[i].uid, uid))
			return &w->known[i];
	return NULL;
}

static void forget(struct kube_watch *w, struct known *kn)
{
	cJSON_Delete(kn->stub);
	*kn = w->known[--w->n];
}

static cJSON *stub_of(const cJSON *object)
{
	cJSON *o = cJSON_CreateObject(), *m = cJSON_CreateObject();

	json_set_str(o, "kind", json_str(object, "kind", ""));
	json_set_str(m, "name", meta(object, "name"));
	json_set_str(m, "uid", meta(object, "uid"));
	json_set(o, "metadata", m);
	return o;
}

/* Tells a change unless it is known already, and remembers it. */
static void take(struct kube_watch *w, const char *type, const cJSON *object)
{
	const char *uid = meta(object, "uid"), *version = meta(object, "resourceVersion");
	struct known *kn = find(w, uid);

	if (!strcmp(type, "DELETED")) {
		if (kn)
			forget(w, kn);
		w->fn(w->arg, type, object);
		return;
	}
	if (kn && !strcmp(kn->version, version)) {
		kn->seen = true;
		return;
	}
	type = kn ? "MODIFIED" : "ADDED";
	if (!kn) {
		kn = VEC_PUSH(w->known, w->n, w->alloc);
		mem_copy_str(kn->uid, sizeof(kn->uid), uid);
		kn->stub = stub_of(object);
	}
	mem_copy_str(kn->version, sizeof(kn->version), version);
	kn->seen = true;
	w->fn(w->arg, type, object);
}

static int list(struct kube_watch *w)
{
	struct err e = {0};
	cJSON *all = NULL;
	const cJSON *o;
	char url[700];
	size_t i;

	snprintf(url, sizeof(url), "%s%s%s", w->path, w->selector[0] ? "?labelSelector=" : "",
		 w->selector);
	if (kube_get(w->k, url, &all, &e) || !all)
		return -1;
	for (i = 0; i < w->n; i++)
		w->known[i].seen = false;
	cJSON_ArrayForEach(o, json_get(all, "items"))
		take(w, "ADDED", o);
	for (i = w->n; i-- > 0;) {
		if (w->known[i].seen)
			continue;
		w->fn(w->arg, "DELETED", w->known[i].stub);
		forget(w, &w->known[i]);
	}
	mem_copy_str(w->version, sizeof(w->version), meta(all, "resourceVersion"));
	cJSON_Delete(all);
	return 0;
}

static void one_line(struct kube_watch *w, const char *text, size_t len)
{
	cJSON *o = cJSON_ParseWithLength(text, len);
	const cJSON *object = json_get(o, "object");
	const char *type = json_str(o, "type", "");

	if (!strcmp(type, "ERROR")) {
		w->gone = json_i64(object, "code", 0) == GONE;
	} else if (object) {
		if (strcmp(type, "BOOKMARK"))
			take(w, type, object);
		mem_copy_str(w->version, sizeof(w->version), meta(object, "resourceVersion"));
	}
	cJSON_Delete(o);
}

static int on_data(void *arg, const char *data, size_t len)
{
	struct kube_watch *w = arg;
	const char *end;

	while (len && (end = memchr(data, '\n', len))) {
		buf_add(&w->line, data, (size_t)(end - data));
		if (w->line.len)
			one_line(w, w->line.s, w->line.len);
		buf_reset(&w->line);
		len -= (size_t)(end - data) + 1;
		data = end + 1;
	}
	if (len)
		buf_add(&w->line, data, len);
	return w->gone || stopping(w);
}

/* One stream; false when it ended other than by the server's time limit. */
static bool stream(struct kube_watch *w)
{
	struct kube_request q = {.on_data = on_data, .arg = w, .forever = true};
	struct err e = {0};
	struct buf answer = {0};
	char url[900];
	int status = 0, r;

	snprintf(url, sizeof(url),
		 "%s?watch=1&allowWatchBookmarks=true&timeoutSeconds=%d&resourceVersion=%s%s%s",
		 w->path, STREAM_S, w->version, w->selector[0] ? "&labelSelector=" : "", w->selector);
	q.path = url;
	w->gone = false;
	r = kube_http(w->k, &q, &answer, &status, &e);
	buf_reset(&w->line);
	buf_free(&answer);
	if (w->gone || status == GONE)
		w->version[0] = '\0';
	return !r && status == 200;
}

static void nap(const struct kube_watch *w)
{
	int64_t end = clock_mono_ns() + RETRY_NS;

	while (!stopping(w) && clock_mono_ns() < end)
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
}

static void *run(void *arg)
{
	struct kube_watch *w = arg;

	while (!stopping(w)) {
		if (!w->version[0] && list(w))
			nap(w);
		else if (!stream(w) && w->version[0])
			nap(w);
	}
	return NULL;
}

int kube_watch_start(const struct kube_conf *conf, const char *path, const char *selector,
		     kube_watch_fn *fn, void *arg, struct kube_watch **out, struct err *e)
{
	struct kube_watch *w = mem_alloc(sizeof(*w));

	*out = NULL;
	mem_copy_str(w->path, sizeof(w->path), path);
	mem_copy_str(w->selector, sizeof(w->selector), selector ? selector : "");
	w->fn = fn;
	w->arg = arg;
	if (kube_client_new(conf, &w->stop, &w->k, e)) {
		free(w);
		return -1;
	}
	if (pthread_create(&w->thread, NULL, run, w)) {
		kube_client_free(w->k);
		free(w);
		return err_set(e, ERR_BROKEN, "cannot start a thread that watches %s", path);
	}
	*out = w;
	return 0;
}

void kube_watch_stop(struct kube_watch *w)
{
	if (w)
		__atomic_store_n(&w->stop, 1, __ATOMIC_RELAXED);
}

void kube_watch_free(struct kube_watch *w)
{
	if (!w)
		return;
	kube_watch_stop(w);
	pthread_join(w->thread, NULL);
	kube_client_free(w->k);
	for (size_t i = 0; i < w->n; i++)
		cJSON_Delete(w->known[i].stub);
	free(w->known);
	buf_free(&w->line);
	free(w);
}
