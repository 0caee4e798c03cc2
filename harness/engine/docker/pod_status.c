/* What a pod's thread tells the store: the pod's status and events, in the
 * form of Kubernetes. All with the lock. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/docker.h"
#include "engine/docker/plan.h"

/* A pod of a node that is down stays as it was last seen, until the
 * controllers' patience ends (node-monitor-grace-period). */
#define NODE_GRACE_NS (50 * NS_PER_S)
/* An API server forgets them after an hour. */
enum { EVENTS_KEPT = 1000 };

static bool all_ready(const struct docker_pod *p)
{
	for (size_t i = 0; i < p->nc; i++)
		if (!p->c[i].init && !(p->c[i].running && p->c[i].ready && !p->c[i].hooking))
			return false;
	return p->sandbox && p->initialized;
}

static void add_condition(cJSON *list, const cJSON *before, const char *type, bool yes,
			  const char *why)
{
	cJSON *c = cJSON_CreateObject();
	const cJSON *old;
	char now[32];

	store_now(now);
	json_set_str(c, "type", type);
	json_set_str(c, "status", yes ? "True" : "False");
	if (!yes && why)
		json_set_str(c, "reason", why);
	cJSON_ArrayForEach(old, before)
		if (!strcmp(json_str(old, "type", ""), type) &&
		    !strcmp(json_str(old, "status", ""), yes ? "True" : "False"))
			snprintf(now, sizeof(now), "%s", json_str(old, "lastTransitionTime", now));
	json_set_str(c, "lastTransitionTime", now);
	json_push(list, c);
}

/* A kubelet tells the pod's address once it has started the containers, their
 * hooks included, or the first init container. */
static bool has_address(struct docker_pod *p)
{
	for (size_t i = 0; i < p->nc && !p->addressed; i++) {
		if (p->c[i].init && (p->c[i].running || p->c[i].done))
			p->addressed = true;
		else if (!p->c[i].init && plan_has_hook(p->c[i].spec) && !p->c[i].hooked)
			return false;
	}
	p->addressed = true;
	return p->ip[0] != '\0';
}

static cJSON *ended(const struct docker_container *c)
{
	cJSON *t = cJSON_CreateObject();

	json_set_i64(t, "exitCode", c->exit_code);
	json_set_str(t, "reason", c->ended);
	json_set_str(t, "finishedAt", c->finished_at);
	return t;
}

static cJSON *container_status(const struct docker_container *c)
{
	cJSON *o = cJSON_CreateObject(), *state = cJSON_CreateObject(), *s;
	bool up = c->running && !c->hooking; /* nobody hears of it before its hook is over */

	json_set_str(o, "name", c->name);
	json_set_str(o, "image", json_str(c->spec, "image", ""));
	json_set_str(o, "imageID", ""); /* required, and empty is allowed */
	json_set_i64(o, "restartCount", c->restarts);
	json_set_bool(o, "ready", up && c->ready);
	json_set_bool(o, "started", up && c->started);
	if (up) {
		s = cJSON_AddObjectToObject(state, "running");
		json_set_str(s, "startedAt", c->started_at);
	} else if (c->done) {
		json_set(state, "terminated", ended(c));
	} else {
		s = cJSON_AddObjectToObject(state, "waiting");
		json_set_str(s, "reason", c->waiting[0] ? c->waiting : "ContainerCreating");
		if (c->message[0])
			json_set_str(s, "message", c->message);
	}
	json_set(o, "state", state);
	if (c->exit_code >= 0 && !c->done) {
		s = cJSON_AddObjectToObject(o, "lastState");
		json_set(s, "terminated", ended(c));
	}
	return o;
}

void docker_pod_publish(struct docker_pod *p)
{
	struct store *s = &p->d->store;
	bool down = p->d->node_down[p->node_index] &&
		    clock_mono_ns() - p->d->node_down_ns[p->node_index] < NODE_GRACE_NS;
	/* Nobody hears from a node that is down. */
	cJSON *pod = p->dropped || down ? NULL : store_copy(s, KIND_POD, p->ns, p->name), *status,
	      *list, *inits;
	const cJSON *before;
	bool ready;

	store_assert_locked(s);
	if (!pod || strcmp(json_str(json_get(pod, "metadata"), "uid", ""), p->uid)) {
		cJSON_Delete(pod);
		return;
	}
	before = json_path(pod, "status.conditions");
	ready = all_ready(p);
	status = cJSON_CreateObject();
	json_set_str(status, "phase", p->phase);
	if (*p->evicted) {
		json_set_str(status, "reason", "Evicted");
		json_set_str(status, "message", p->evicted);
	}
	json_set_str(status, "hostIP", DOCKER_HOST_IP);
	if (has_address(p))
		json_set_str(status, "podIP", p->ip);
	list = cJSON_AddArrayToObject(status, "conditions");
	add_condition(list, before, "PodScheduled", true, NULL);
	add_condition(list, before, "Initialized", p->initialized, "ContainersNotInitialized");
	add_condition(list, before, "ContainersReady", ready, "ContainersNotReady");
	add_condition(list, before, "Ready", ready, "ContainersNotReady");
	list = cJSON_AddArrayToObject(status, "containerStatuses");
	inits = cJSON_CreateArray();
	for (size_t i = 0; i < p->nc; i++)
		json_push(p->c[i].init ? inits : list, container_status(&p->c[i]));
	if (cJSON_GetArraySize(inits))
		json_set(status, "initContainerStatuses", inits);
	else
		cJSON_Delete(inits);
	json_set(pod, "status", status);
	store_put(s, KIND_POD, pod);
}

static void forget(struct store *s, const cJSON *event)
{
	const cJSON *m = json_get(event, "metadata");
	char ns[64], name[300];

	mem_copy_str(ns, sizeof(ns), json_str(m, "namespace", ""));
	mem_copy_str(name, sizeof(name), json_str(m, "name", ""));
	store_delete(s, KIND_EVENT, ns, name);
}

void docker_event(struct docker *d, const char *kind, const char *ns, const char *name,
		  bool warning, const char *reason, const char *fmt, ...)
{
	struct store *s = &d->store;
	cJSON *o = NULL, *about;
	char message[800], id[300], now[32];
	const cJSON *oldest = NULL;
	int events = 0;
	va_list ap;

	store_assert_locked(s);
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	store_now(now);
	/* The same thing again only counts, as the API's clients have it. */
	for (size_t i = 0; i < s->n && !o; i++) {
		const cJSON *ev = s->v[i].object;

		if (s->v[i].kind->id != KIND_EVENT)
			continue;
		events++;
		if (!oldest)
			oldest = ev;
		if (!strcmp(json_str(ev, "reason", ""), reason) &&
		    !strcmp(json_str(ev, "message", ""), message) &&
		    !strcmp(json_str(json_get(ev, "involvedObject"), "name", ""), name))
			o = cJSON_Duplicate(ev, 1);
	}
	if (!o && events >= EVENTS_KEPT)
		forget(s, oldest);
	if (!o) {
		o = cJSON_CreateObject();
		about = cJSON_AddObjectToObject(o, "metadata");
		snprintf(id, sizeof(id), "%s.%llx", name, (unsigned long long)s->version);
		json_set_str(about, "name", id);
		json_set_str(about, "namespace", ns);
		about = cJSON_AddObjectToObject(o, "involvedObject");
		json_set_str(about, "kind", kind);
		json_set_str(about, "name", name);
		json_set_str(about, "namespace", ns);
		json_set_str(o, "reason", reason);
		json_set_str(o, "message", message);
		json_set_str(o, "type", warning ? "Warning" : "Normal");
		json_set_str(o, "firstTimestamp", now);
	}
	json_set_i64(o, "count", json_i64(o, "count", 0) + 1);
	json_set_str(o, "lastTimestamp", now);
	store_put(s, KIND_EVENT, o);
}
