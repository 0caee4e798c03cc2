/* The controllers and the scheduler: StatefulSets, Deployments, Jobs and
 * Services become pods, claims, endpoints, names and addresses. One thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/admit.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "engine/docker/docker.h"
#include "engine/docker/plan.h"

#define TICK_NS (20 * NS_PER_MS)
#define AGAIN_NS (NS_PER_S)
#define PING_EVERY_NS (2 * NS_PER_S)
#define PING_WITHIN_NS (5 * NS_PER_S)

const char *const docker_node_names[DOCKER_NODES + 1] = {"ordeal-control", "ordeal-node1", "ordeal-node2",
						     "ordeal-node3", NULL};

/* ---- pods of workloads ---- */

static const char *meta(const cJSON *o, const char *key)
{
	return json_str(json_get(o, "metadata"), key, "");
}

static cJSON *pod_from(const cJSON *w, const char *name)
{
	const cJSON *t = json_path(w, "spec.template");
	cJSON *pod = cJSON_CreateObject(), *m, *spec, *owner = cJSON_CreateObject();

	m = cJSON_AddObjectToObject(pod, "metadata");
	json_set_str(m, "name", name);
	json_set_str(m, "namespace", meta(w, "namespace"));
	json_set(m, "labels", json_path(t, "metadata.labels") ?
		 cJSON_Duplicate(json_path(t, "metadata.labels"), 1) : cJSON_CreateObject());
	if (json_path(t, "metadata.annotations"))
		json_set(m, "annotations", cJSON_Duplicate(json_path(t, "metadata.annotations"), 1));
	json_set_str(owner, "apiVersion", json_str(w, "apiVersion", ""));
	json_set_str(owner, "kind", json_str(w, "kind", ""));
	json_set_str(owner, "name", meta(w, "name"));
	json_set_str(owner, "uid", meta(w, "uid"));
	json_push(cJSON_AddArrayToObject(m, "ownerReferences"), owner);
	spec = cJSON_Duplicate(json_get(t, "spec"), 1);
	json_set(pod, "spec", spec);
	return pod;
}

/* The claims of a StatefulSet's pod, made when they are not there; *first,
 * NULL before, gets the name of the first. */
static void add_claims(struct docker *d, const cJSON *sts, const char *pod, cJSON *spec, char **first)
{
	const char *ns = meta(sts, "namespace");
	const cJSON *t;
	cJSON *volumes = cJSON_GetObjectItem(spec, "volumes");

	cJSON_ArrayForEach(t, json_path(sts, "spec.volumeClaimTemplates")) {
		cJSON *v = cJSON_CreateObject(), *c, *m;
		char *name = mem_fmt("%s-%s", meta(t, "name"), pod);

		json_set_str(v, "name", meta(t, "name"));
		json_set_str(cJSON_AddObjectToObject(v, "persistentVolumeClaim"), "claimName", name);
		if (!volumes)
			volumes = cJSON_AddArrayToObject(spec, "volumes");
		json_push(volumes, v);
		if (!store_get(&d->store, KIND_PERSISTENT_VOLUME_CLAIM, ns, name)) {
			c = cJSON_Duplicate(t, 1);
			m = cJSON_GetObjectItem(c, "metadata");
			json_set_str(m, "name", name);
			json_set_str(m, "namespace", ns);
			json_set_str(cJSON_AddObjectToObject(c, "status"), "phase", "Pending");
			store_put(&d->store, KIND_PERSISTENT_VOLUME_CLAIM, c);
		}
		if (*first)
			free(name);
		else
			*first = name;
	}
}

static void first_reason(void *arg, const char *path, const char *what)
{
	struct buf *b = arg;

	if (!b->len)
		buf_fmt(b, "%s: %s", path, what);
}

/* What the API server refuses at creation; its owner keeps trying. */
static bool refused(struct docker *d, const cJSON *w, const cJSON *pod)
{
	const char *sa = json_str(json_get(pod, "spec"), "serviceAccountName", NULL), *ns = meta(w, "namespace");
	struct buf why = {0};

	if (admit(kind_by_id(KIND_POD), pod, DOCKER_SUBNET, first_reason, &why)) {
		docker_event(d, json_str(w, "kind", ""), ns, meta(w, "name"), true, "FailedCreate",
			     "create Pod %s in %s %s failed error: Pod \"%s\" is invalid: %s", meta(pod, "name"),
			     json_str(w, "kind", ""), meta(w, "name"), meta(pod, "name"), buf_cstr(&why));
		buf_free(&why);
		return true;
	}
	if (!sa || store_get(&d->store, KIND_SERVICE_ACCOUNT, ns, sa))
		return false;
	docker_event(d, json_str(w, "kind", ""), ns, meta(w, "name"), true, "FailedCreate",
		     "create Pod %s in %s %s failed error: pods \"%s\" is forbidden: error looking up service "
		     "account %s/%s: serviceaccount \"%s\" not found", meta(pod, "name"), json_str(w, "kind", ""),
		     meta(w, "name"), meta(pod, "name"), ns, sa, sa);
	return true;
}

/* Takes the pod over: puts it on a node and begins it. */
static void launch(struct docker *d, const cJSON *w, cJSON *pod, const char *node)
{
	struct err e = {0};
	int at;

	if (refused(d, w, pod)) {
		cJSON_Delete(pod);
		return;
	}
	at = plan_node(&d->store, pod, docker_node_names, DOCKER_NODES, node, &e);
	if (at < 0) {
		docker_event(d, "Pod", meta(pod, "namespace"), meta(pod, "name"), true, "FailedScheduling", "%s",
			     e.msg);
		cJSON_Delete(pod);
		return;
	}
	json_set_str(cJSON_GetObjectItem(pod, "spec"), "nodeName", docker_node_names[at]);
	docker_pod_begin(d, store_put(&d->store, KIND_POD, pod), NULL);
}

static bool ready(const cJSON *pod)
{
	return pod && kube_pod_ready(pod);
}

/* A name is free when nothing of its last bearer runs any more. */
static bool name_free(struct docker *d, const char *ns, const char *name)
{
	return !store_get(&d->store, KIND_POD, ns, name) && !docker_pod_find(d, ns, name);
}

static void set_status(struct docker *d, enum kind_id kind, const cJSON *w, int64_t have, int64_t nready, int64_t succeeded)
{
	cJSON *o = cJSON_Duplicate(w, 1), *s = cJSON_CreateObject();

	json_set_i64(s, "observedGeneration", json_i64(json_get(w, "metadata"), "generation", 0));
	json_set_i64(s, "replicas", have);
	json_set_i64(s, "readyReplicas", nready);
	json_set_i64(s, "availableReplicas", nready);
	json_set_i64(s, "succeeded", succeeded);
	json_set(o, "status", s);
	store_put(&d->store, kind, o);
}

/* Pod number i of a StatefulSet, with its claims. */
static void launch_numbered(struct docker *d, const cJSON *w, const char *name, int64_t i)
{
	cJSON *pod = pod_from(w, name), *spec = cJSON_GetObjectItem(pod, "spec");
	cJSON *labels = cJSON_GetObjectItem(cJSON_GetObjectItem(pod, "metadata"), "labels");
	char index[24], *claim = NULL;

	snprintf(index, sizeof(index), "%lld", (long long)i);
	json_set_str(spec, "hostname", name);
	json_set_str(spec, "subdomain", json_str(json_get(w, "spec"), "serviceName", ""));
	json_set_str(labels, "statefulset.kubernetes.io/pod-name", name);
	json_set_str(labels, "apps.kubernetes.io/pod-index", index);
	add_claims(d, w, name, spec, &claim);
	launch(d, w, pod, claim ? docker_claim_node(d, meta(w, "namespace"), claim) : NULL);
	free(claim);
}

static void stateful_set(struct docker *d, const cJSON *w)
{
	const char *ns = meta(w, "namespace");
	bool parallel = !strcmp(json_str(json_get(w, "spec"), "podManagementPolicy", ""), "Parallel");
	int64_t want = plan_at_once(json_get(w, "spec"), "replicas", DOCKER_NODES), have = 0, nready = 0;
	bool blocked = false;

	for (int64_t i = 0; i < want; i++) {
		char *name = mem_fmt("%s-%lld", meta(w, "name"), (long long)i);
		const cJSON *pod = store_get(&d->store, KIND_POD, ns, name);

		if (!pod && !blocked && name_free(d, ns, name)) {
			launch_numbered(d, w, name, i);
			pod = store_get(&d->store, KIND_POD, ns, name);
		}
		free(name);
		have += pod != NULL;
		nready += ready(pod);
		if (!parallel && !ready(pod))
			blocked = true;
	}
	set_status(d, KIND_STATEFUL_SET, w, have, nready, 0);
}

static bool owned(const cJSON *pod, const cJSON *w)
{
	return !strcmp(json_str(json_path(pod, "metadata.ownerReferences.0"), "uid", ""), meta(w, "uid"));
}

/* As the API server makes names from metadata.generateName: what is too long
 * for a label is cut before the part that is made up (SimpleNameGenerator). */
enum { NAME_MAX_BYTES = 63, SUFFIX_BYTES = 5 };

/* Deployment and Job: as many pods with names of chance as are wanted. */
static void replicas(struct docker *d, const cJSON *w, bool job)
{
	const cJSON *spec = json_get(w, "spec");
	int64_t want = json_i64(spec, job ? "completions" : "replicas", 1), live = 0, nready = 0, good = 0, bad = 0;
	int64_t at_once = plan_at_once(spec, job ? "parallelism" : "replicas", DOCKER_NODES);

	for (size_t i = 0; i < d->store.n; i++) {
		const cJSON *pod = d->store.v[i].object;
		const char *phase = json_str(json_get(pod, "status"), "phase", "");

		if (d->store.v[i].kind->id != KIND_POD || !owned(pod, w))
			continue;
		good += !strcmp(phase, "Succeeded");
		bad += !strcmp(phase, "Failed");
		if (strcmp(phase, "Succeeded") && strcmp(phase, "Failed") &&
		    !json_get(json_get(pod, "metadata"), "deletionTimestamp"))
			live++;
		nready += ready(pod);
	}
	while (live < at_once && (!job || good + live < want) &&
	       (!job || bad <= json_i64(spec, "backoffLimit", 6))) {
		char name[NAME_MAX_BYTES + 1], suffix[SUFFIX_BYTES + 1];

		random_hex(suffix, sizeof(suffix) - 1);
		snprintf(name, sizeof(name), "%.*s-%s", NAME_MAX_BYTES - SUFFIX_BYTES - 1, meta(w, "name"), suffix);
		launch(d, w, pod_from(w, name), NULL);
		if (!store_get(&d->store, KIND_POD, meta(w, "namespace"), name))
			break;
		live++;
	}
	set_status(d, job ? KIND_JOB : KIND_DEPLOYMENT, w, live, nready, good);
}

/* ---- services ---- */

/* DOCKER_SERVICES, by 250 of each 256. */
enum { SERVICES_MOST = 16 * 250 - 1 };

static void service(struct docker *d, const cJSON *svc)
{
	const char *ns = meta(svc, "namespace"), *name = meta(svc, "name");
	cJSON *o, *m;

	if (json_get(svc, "spec") && !json_str(json_get(svc, "spec"), "clusterIP", NULL)) {
		unsigned n = d->next_service + 1;
		char ip[32];

		if (n > SERVICES_MOST) {
			docker_event(d, "Service", ns, name, true, "FailedAllocateIP",
				     "failed to allocate a serviceIP: range is full");
			return;
		}
		d->next_service = n;

		snprintf(ip, sizeof(ip), DOCKER_PREFIX ".%u.%u", 96 + n / 250, n % 250 + 1);
		o = cJSON_Duplicate(svc, 1);
		json_set_str(cJSON_GetObjectItem(o, "spec"), "clusterIP", ip);
		svc = store_put(&d->store, KIND_SERVICE, o);
	}
	if (!json_path(svc, "spec.selector"))
		return; /* its endpoints are somebody else's */
	o = store_copy(&d->store, KIND_ENDPOINTS, ns, name);
	if (!o) {
		o = cJSON_CreateObject();
		m = cJSON_AddObjectToObject(o, "metadata");
		json_set_str(m, "name", name);
		json_set_str(m, "namespace", ns);
	}
	json_set(o, "subsets", plan_subsets(&d->store, svc));
	store_put(&d->store, KIND_ENDPOINTS, o);
}

/* ---- nodes ---- */

static void node_object(struct docker *d, int i)
{
	cJSON *o = cJSON_CreateObject(), *m, *c = cJSON_CreateObject();
	char cidr[32];

	m = cJSON_AddObjectToObject(o, "metadata");
	json_set_str(m, "name", docker_node_names[i]);
	m = cJSON_AddObjectToObject(m, "labels");
	json_set_str(m, "kubernetes.io/hostname", docker_node_names[i]);
	if (i == 0)
		json_set_str(m, "node-role.kubernetes.io/control-plane", "");
	snprintf(cidr, sizeof(cidr), DOCKER_PREFIX ".%d.0/24", 10 + i);
	json_set_str(cJSON_AddObjectToObject(o, "spec"), "podCIDR", cidr);
	json_set_str(c, "type", "Ready");
	json_set_str(c, "status", d->node_down[i] ? "Unknown" : "True");
	json_push(cJSON_AddArrayToObject(cJSON_AddObjectToObject(o, "status"), "conditions"), c);
	store_put(&d->store, KIND_NODE, o);
}

/* A file says that a node is down: whoever put it there need not know us. */
static void look_at_nodes(struct docker *d)
{
	char path[PATH_MAX];

	for (int i = 0; i < DOCKER_NODES; i++) {
		bool down;

		snprintf(path, sizeof(path), "%.3900s/down/%s", d->state, docker_node_names[i]);
		down = file_exists(path);
		if (down != d->node_down[i]) {
			d->node_down[i] = down;
			d->node_down_ns[i] = clock_mono_ns();
			store_wake(&d->store);
		}
		node_object(d, i);
	}
}

/* ---- the thread ---- */

static void reconcile(struct docker *d)
{
	/* By index: putting and launching may move or add items. */
	for (size_t i = 0; i < d->store.n; i++) {
		enum kind_id kind = d->store.v[i].kind->id;
		cJSON *o;

		if (kind != KIND_STATEFUL_SET && kind != KIND_DEPLOYMENT && kind != KIND_JOB && kind != KIND_SERVICE)
			continue;
		o = cJSON_Duplicate(d->store.v[i].object, 1);
		if (kind == KIND_STATEFUL_SET)
			stateful_set(d, o);
		else if (kind == KIND_SERVICE)
			service(d, o);
		else
			replicas(d, o, kind == KIND_JOB);
		cJSON_Delete(o);
	}
}

static void reap(struct docker *d)
{
	for (size_t i = d->npods; i-- > 0;) {
		struct docker_pod *p = d->pods[i];

		if (!p->over)
			continue;
		d->pods[i] = d->pods[--d->npods];
		store_unlock(&d->store);
		pthread_join(p->thread, NULL);
		docker_pod_free(p);
		store_lock(&d->store);
		i = d->npods;
	}
}

/* Without Docker nothing is started again: whoever waits has to know. Gives
 * the lock back meanwhile. */
static void ping(struct docker *d)
{
	struct err e = {0};
	int status = 0, r;

	store_unlock(&d->store);
	r = docker_http(&d->api, "GET", "/_ping", NULL, PING_WITHIN_NS, NULL, &status, &e);
	store_lock(&d->store);
	if (!r && status < 300)
		d->silent_ns = 0;
	else if (!d->silent_ns)
		d->silent_ns = clock_mono_ns();
}

static void *run(void *arg)
{
	struct docker *d = arg;
	int64_t seen = -1, tried_ns = 0, pinged_ns = 0;
	size_t pods = 0;

	store_lock(&d->store);
	while (!d->stop) {
		if (clock_mono_ns() - pinged_ns > PING_EVERY_NS) {
			ping(d);
			pinged_ns = clock_mono_ns();
		}
		look_at_nodes(d);
		reap(d);
		/* What was refused is tried again now and then. */
		if (d->store.version != seen || d->npods != pods ||
		    clock_mono_ns() - tried_ns > AGAIN_NS) {
			reconcile(d);
			seen = d->store.version;
			pods = d->npods;
			tried_ns = clock_mono_ns();
			store_unlock(&d->store);
			docker_net_sync(d);
			store_lock(&d->store);
			continue;
		}
		store_wait(&d->store, clock_mono_ns() + TICK_NS);
	}
	store_unlock(&d->store);
	return NULL;
}

int docker_controller_start(struct docker *d, struct err *e)
{
	d->stop = false;
	if (pthread_create(&d->controller, NULL, run, d))
		return err_set(e, ERR_BROKEN, "cannot start a thread");
	d->controlling = true;
	return 0;
}

void docker_controller_stop(struct docker *d)
{
	if (!d->controlling)
		return;
	store_lock(&d->store);
	d->stop = true;
	store_wake(&d->store);
	store_unlock(&d->store);
	pthread_join(d->controller, NULL);
	d->controlling = false;
}
