/* The controllers and the scheduler: StatefulSets, Deployments, Jobs, CronJobs and
 * Services become pods, claims, endpoints, names and addresses. One thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/docker/controller/controller.h"
#include "engine/docker/plan.h"

#define TICK_NS (20 * NS_PER_MS)
#define AGAIN_NS (NS_PER_S)
#define PING_EVERY_NS (2 * NS_PER_S)
#define PING_WITHIN_NS (5 * NS_PER_S)

/* ---- Deployments ---- */

/* As many pods with names of chance as are wanted. */
static void deployment(struct docker *d, const cJSON *w)
{
	const cJSON *spec = json_get(w, "spec");
	int64_t want = plan_at_once(spec, "replicas", DOCKER_NODES), live = 0, nready = 0;
	cJSON *status = cJSON_CreateObject();

	for (size_t i = 0; i < d->store.n; i++) {
		const cJSON *pod = d->store.v[i].object;

		if (d->store.v[i].kind->id != KIND_POD || !workload_owns(w, pod))
			continue;
		live += !workload_ending(pod) && !workload_over(pod);
		nready += kube_pod_ready(pod);
	}
	while (live < want) {
		char name[WORKLOAD_NAME_BYTES];

		workload_name(w, name);
		if (!workload_launch(d, w, workload_pod(w, json_get(spec, "template"), name), NULL))
			break;
		live++;
	}
	json_set_i64(status, "observedGeneration", json_i64(json_get(w, "metadata"), "generation", 0));
	json_set_i64(status, "replicas", live);
	json_set_i64(status, "readyReplicas", nready);
	json_set_i64(status, "availableReplicas", nready);
	workload_status(d, KIND_DEPLOYMENT, w, status);
}

/* ---- services ---- */

/* DOCKER_SERVICES, by 250 of each 256. */
enum { SERVICES_MOST = 16 * 250 - 1 };

static const char *service_ip(unsigned n, char ip[32])
{
	snprintf(ip, 32, DOCKER_PREFIX ".%u.%u", 96 + n / 250, n % 250 + 1);
	return ip;
}

/* By a Service that says its address itself. */
static bool is_taken(const struct docker *d, const char *ip)
{
	for (size_t i = 0; i < d->store.n; i++)
		if (d->store.v[i].kind->id == KIND_SERVICE &&
		    !strcmp(json_str(json_get(d->store.v[i].object, "spec"), "clusterIP", ""), ip))
			return true;
	return false;
}

static void service(struct docker *d, const cJSON *svc)
{
	const char *ns = kube_meta(svc, "namespace"), *name = kube_meta(svc, "name");
	cJSON *o, *m;

	if (json_get(svc, "spec") && !*json_str(json_get(svc, "spec"), "clusterIP", "")) {
		unsigned n = d->next_service + 1;
		char ip[32];

		while (n <= SERVICES_MOST && is_taken(d, service_ip(n, ip)))
			n++;
		if (n > SERVICES_MOST) {
			docker_event(d, "Service", ns, name, true, "FailedAllocateIP",
				     "failed to allocate a serviceIP: range is full");
			return;
		}
		d->next_service = n;
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
	static const struct {
		enum kind_id kind;
		void (*fn)(struct docker *d, const cJSON *object);
	} controllers[] = {{KIND_STATEFUL_SET, stateful_set},
			   {KIND_DEPLOYMENT, deployment},
			   {KIND_JOB, job},
			   {KIND_CRON_JOB, cron_job},
			   {KIND_SERVICE, service}};

	garbage_collect(d);
	claims_end(d);
	/* By index: putting and launching may move or add items. */
	for (size_t i = 0; i < d->store.n; i++) {
		for (size_t k = 0; k < ARRAY_LEN(controllers); k++) {
			cJSON *o;

			if (i >= d->store.n || controllers[k].kind != d->store.v[i].kind->id)
				continue;
			/* One that waits for its end makes nothing any more. */
			if (controllers[k].kind != KIND_SERVICE &&
			    workload_ending(d->store.v[i].object))
				break;
			o = cJSON_Duplicate(d->store.v[i].object, 1);
			controllers[k].fn(d, o);
			cJSON_Delete(o);
			break;
		}
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
			claims_reclaim(d);
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
