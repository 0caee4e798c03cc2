#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "engine/kube/kube.h"
#include "engine/kube/why.h"
#include "yaml/yaml.h"

#define LOOK_EVERY_NS (NS_PER_S)
enum { LAST_WORDS_LINES = 4 };

/* What was seen to be in the way, and since when. */
struct suspicion {
	struct why why;
	int64_t since_ns;
};

struct view {
	cJSON *pods, *claims, *events;
};

static void view_free(struct view *v)
{
	cJSON_Delete(v->pods);
	cJSON_Delete(v->claims);
	cJSON_Delete(v->events);
	memset(v, 0, sizeof(*v));
}

static int look(struct kube *k, struct view *v, struct err *e)
{
	static const char *const plurals[] = {"pods", "persistentvolumeclaims", "events"};
	cJSON **to[] = {&v->pods, &v->claims, &v->events};
	char path[200];

	for (size_t i = 0; i < ARRAY_LEN(plurals); i++) {
		snprintf(path, sizeof(path), "/api/v1/namespaces/%s/%s", k->base.namespace, plurals[i]);
		if (kube_get(k->k, path, to[i], e))
			return -1;
	}
	return 0;
}

static bool is_workload(const struct ynode *o)
{
	static const char *const kinds[] = {"StatefulSet", "Deployment", "DaemonSet", "Job", "Pod"};
	const struct ynode *kind = yaml_get(o, "kind");

	for (size_t i = 0; kind && kind->kind == Y_SCALAR && i < ARRAY_LEN(kinds); i++)
		if (!strcmp(kind->text, kinds[i]))
			return true;
	return false;
}

/* The object as it is now in the cluster; NULL with no error: it is gone. */
static int live(struct kube *k, const struct ynode *node, cJSON **out, struct err *e)
{
	cJSON *o = yaml_to_json(node);
	struct kube_kind kk;
	char path[512];
	int r;

	*out = NULL;
	r = kube_kind_find(k->k, json_str(o, "apiVersion", ""), json_str(o, "kind", ""), &kk, e);
	if (!r) {
		kube_kind_path(&kk, k->base.namespace, kube_meta(o, "name"), path);
		r = kube_get(k->k, path, out, e);
	}
	if (!r && !*out)
		r = err_set(e, ERR_BROKEN, "%s/%s is gone from the cluster", json_str(o, "kind", "?"),
			    kube_meta(o, "name"));
	cJSON_Delete(o);
	return r;
}

/* Lines on one line. */
static void flatten(char *log, struct buf *out)
{
	char *rest = log, *line;

	while ((line = strsep(&rest, "\n")))
		if (*line)
			buf_fmt(out, "%s%s", out->len ? " / " : "", line);
}

/* Ends an error with what the container in question said last. */
static void add_last_words(struct kube *k, const struct why *y, struct err *e)
{
	struct buf log = {0}, words = {0};
	struct err quiet = {0};
	size_t at = strlen(e->msg);

	if (y->container[0])
		kube_engine_logs((struct engine *)k, y->pod, y->container, y->previous,
				 LAST_WORDS_LINES, &log, &quiet);
	/* The kubelet keeps the log of one life before, and not for ever. */
	if (y->container[0] && y->previous && !log.len)
		kube_engine_logs((struct engine *)k, y->pod, y->container, false, LAST_WORDS_LINES,
				 &log, &quiet);
	if (log.len) {
		flatten(log.s, &words);
		snprintf(e->msg + at, sizeof(e->msg) - at, "; its %s: %s",
			 y->running ? "log ends" : "last words", buf_cstr(&words));
	}
	buf_free(&log);
	buf_free(&words);
}

static int give_up(struct kube *k, const struct why *y, const char *how, struct err *e)
{
	err_set(e, ERR_BROKEN, "%s%s", y->text, how);
	add_last_words(k, y, e);
	return -1;
}

/* Looks at one workload that is not ready; 1 when waiting is useless. */
static bool hopeless(const cJSON *w, const struct view *v, struct suspicion *s)
{
	int64_t now = clock_mono_ns();
	struct why y;

	why_not_ready(w, v->pods, v->claims, v->events, &y);
	if (strcmp(y.key, s->why.key) || !s->since_ns)
		s->since_ns = now;
	s->why = y;
	return y.certain_after_ns >= 0 && now - s->since_ns >= y.certain_after_ns;
}

/* One round over all workloads: *first is the first one's cause, *ready
 * whether all are. Returns -1 with a final error when waiting is useless. */
static int round_of(struct kube *k, const struct manifest *m, struct suspicion *s, bool look_now,
		    bool *ready, const struct why **first, struct err *e)
{
	struct view v = {0};
	int have, want, r = 0;

	*ready = true;
	*first = NULL;
	for (size_t i = 0; !r && i < m->n; i++) {
		cJSON *w = NULL;

		if (!is_workload(m->objects[i]))
			continue;
		r = live(k, m->objects[i], &w, e);
		if (!r && !why_ready(w, &have, &want)) {
			*ready = false;
			if (look_now && !v.pods)
				r = look(k, &v, e);
			if (!r && v.pods && hopeless(w, &v, &s[i]))
				r = give_up(k, &s[i].why, "", e);
			if (!*first)
				*first = &s[i].why;
		}
		cJSON_Delete(w);
	}
	view_free(&v);
	return r;
}

int kube_engine_wait_ready(struct engine *en, const struct manifest *m, int64_t deadline_ns,
			   struct err *e)
{
	struct kube *k = (struct kube *)en;
	struct suspicion *s;
	const struct why *first;
	int64_t looked_ns = 0;
	bool ready = false;
	int r;

	if (kube_connect(k, false, e))
		return -1;
	s = mem_alloc((m->n + 1) * sizeof(*s));
	for (;;) {
		bool late = clock_mono_ns() > deadline_ns;
		bool now = late || clock_mono_ns() - looked_ns > LOOK_EVERY_NS;

		if (now)
			looked_ns = clock_mono_ns();
		r = round_of(k, m, s, now, &ready, &first, e);
		if (r || ready)
			break;
		if (late) {
			r = give_up(k, first, " (not ready in time)", e);
			break;
		}
		r = kube_nap(k, e);
		if (r)
			break;
	}
	free(s);
	return r;
}
