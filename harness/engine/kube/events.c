#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "engine/kube/kube.h"

/* From API objects to the fields of "object" and "notice" events (see
 * history/event.h). */

static void tell(struct kube *k, const char *kind, cJSON *fields)
{
	pthread_mutex_lock(&k->watch_lock);
	k->watch_fn(k->watch_arg, kind, fields);
	pthread_mutex_unlock(&k->watch_lock);
}

static cJSON *object_fields(const char *type, const char *change, const cJSON *o)
{
	cJSON *f = cJSON_CreateObject();

	json_set_str(f, "type", type);
	json_set_str(f, "name", kube_meta(o, "name"));
	if (!strcmp(change, "DELETED"))
		json_set_bool(f, "gone", true);
	return f;
}

/* What a container waits for or how it ended last: the evidence of a crash. */
static void add_containers(cJSON *f, const cJSON *pod)
{
	cJSON *list = cJSON_CreateArray();
	const cJSON *c, *s, *ended;

	cJSON_ArrayForEach(c, json_path(pod, "status.containerStatuses")) {
		cJSON *o = cJSON_CreateObject();

		s = json_path(c, "state.waiting");
		ended = json_path(c, "state.terminated");
		if (!ended)
			ended = json_path(c, "lastState.terminated");
		json_set_str(o, "name", json_str(c, "name", ""));
		json_set_i64(o, "restarts", json_i64(c, "restartCount", 0));
		if (json_path(c, "state.running"))
			json_set_str(o, "started", json_str(json_path(c, "state.running"), "startedAt", ""));
		if (s)
			json_set_str(o, "waiting", json_str(s, "reason", ""));
		if (ended) {
			json_set_i64(o, "exit_code", json_i64(ended, "exitCode", -1));
			json_set_str(o, "ended", json_str(ended, "reason", ""));
			json_set_str(o, "ended_at", json_str(ended, "finishedAt", ""));
		}
		json_push(list, o);
	}
	json_set(f, "containers", list);
}

static void on_pod(void *arg, const char *change, const cJSON *o)
{
	cJSON *f = object_fields("pod", change, o);

	json_set_str(f, "uid", kube_meta(o, "uid"));
	json_set_str(f, "node", json_str(json_get(o, "spec"), "nodeName", ""));
	json_set_str(f, "ip", json_str(json_get(o, "status"), "podIP", ""));
	json_set_str(f, "phase", json_str(json_get(o, "status"), "phase", ""));
	json_set_bool(f, "ready", kube_pod_ready(o));
	json_set_i64(f, "restarts", kube_pod_restarts(o));
	json_set_bool(f, "deleted", json_get(json_get(o, "metadata"), "deletionTimestamp") != NULL);
	if (*kube_label(o, "role"))
		json_set_str(f, "role", kube_label(o, "role"));
	add_containers(f, o);
	tell(arg, "object", f);
}

static void add_addresses(cJSON *f, const char *key, const cJSON *o, const char *list)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *subset, *a;

	cJSON_ArrayForEach(subset, json_get(o, "subsets")) {
		cJSON_ArrayForEach(a, json_get(subset, list)) {
			const char *pod = json_str(json_get(a, "targetRef"), "name", NULL);

			json_pushf(out, "%s%s%s", json_str(a, "ip", ""), pod ? " " : "", pod ? pod : "");
		}
	}
	json_set(f, key, out);
}

static void on_endpoints(void *arg, const char *change, const cJSON *o)
{
	cJSON *f = object_fields("endpoints", change, o);
	const cJSON *notes = json_path(o, "metadata.annotations");

	add_addresses(f, "addrs", o, "addresses");
	add_addresses(f, "not_ready", o, "notReadyAddresses");
	if (notes)
		json_set(f, "annotations", cJSON_Duplicate(notes, 1));
	tell(arg, "object", f);
}

static void on_event(void *arg, const char *change, const cJSON *o)
{
	const cJSON *about = json_get(o, "involvedObject");
	const char *when = json_str(o, "lastTimestamp", NULL);
	char name[300];
	cJSON *f;

	/* Events expire; that is no news. */
	if (!strcmp(change, "DELETED"))
		return;
	f = cJSON_CreateObject();
	snprintf(name, sizeof(name), "%s/%s", json_str(about, "kind", ""), json_str(about, "name", ""));
	json_set_str(f, "object", name);
	json_set_str(f, "reason", json_str(o, "reason", ""));
	json_set_str(f, "message", json_str(o, "message", ""));
	json_set_str(f, "type", json_str(o, "type", ""));
	json_set_i64(f, "count", json_i64(o, "count", 1));
	json_set_str(f, "when", when ? when : json_str(o, "eventTime", ""));
	tell(arg, "notice", f);
}

static void on_node(void *arg, const char *change, const cJSON *o)
{
	cJSON *f = object_fields("node", change, o);

	json_set_bool(f, "ready", kube_condition(o, "Ready", NULL));
	tell(arg, "object", f);
}

int kube_engine_watch_start(struct engine *en, engine_watch_fn *fn, void *arg, struct err *e)
{
	struct kube *k = (struct kube *)en;
	const struct {
		const char *plural, *selector;
		kube_watch_fn *fn;
	} what[KUBE_WATCHES] = {
		/* Not our own load agent. */
		{"pods", "%21ordeal.dev%2Fagent", on_pod},
		{"endpoints", NULL, on_endpoints},
		{"events", NULL, on_event},
		{NULL, NULL, on_node},
	};
	char path[300];

	if (kube_connect(k, false, e))
		return -1;
	kube_engine_watch_stop(en);
	k->watch_fn = fn;
	k->watch_arg = arg;
	for (size_t i = 0; i < KUBE_WATCHES; i++) {
		if (what[i].plural)
			snprintf(path, sizeof(path), "/api/v1/namespaces/%s/%s", k->base.namespace,
				 what[i].plural);
		else
			snprintf(path, sizeof(path), "/api/v1/nodes");
		if (kube_watch_start(&k->conf, path, what[i].selector, what[i].fn, k,
				     &k->watches[i], e)) {
			kube_engine_watch_stop(en);
			return -1;
		}
	}
	return 0;
}

void kube_engine_watch_stop(struct engine *en)
{
	struct kube *k = (struct kube *)en;

	/* All at once: each takes up to a second to notice. */
	for (size_t i = 0; i < KUBE_WATCHES; i++)
		kube_watch_stop(k->watches[i]);
	for (size_t i = 0; i < KUBE_WATCHES; i++) {
		kube_watch_free(k->watches[i]);
		k->watches[i] = NULL;
	}
}
