/* The agents of a run, and calls to them. Of a node's agent there is only what
 * it would answer: faults are called as they are, by the driver, which is on
 * every node. The load agent is a pod. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/faults.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/random.h"
#include "engine/docker/docker.h"

/* A run that does not call for so long has lost its way. */
#define DEAD_MAN_NS (15 * NS_PER_S)
#define SILENCE_NS (5 * NS_PER_S)

static void nap(void)
{
	clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
}

static int reach(struct docker *d, struct docker_agent *a, struct err *e)
{
	kube_client_free(a->client);
	a->client = NULL;
	kube_conf_free(&a->conf);
	a->conf.server = mem_fmt("http://%s", a->addr);
	return kube_client_new(&a->conf, d->kube.base.conf.interrupted, &a->client, e);
}

static int open_node(struct docker *d, int i, struct err *e)
{
	struct docker_faults *f = &d->nodes[i];

	if (docker_node_open(&f->node, docker_node_names[i], d->state, e))
		return -1;
	f->api = (struct node_api){.mode = "docker", .node = &f->node,
				   .faults = node_faults_new(&f->node, DEAD_MAN_NS)};
	return node_faults_run(f->api.faults, e);
}

int docker_agents_up(struct engine *en, struct err *e)
{
	struct docker *d = (struct docker *)en;

	for (int i = 0; i < DOCKER_NODES; i++)
		if (open_node(d, i, e))
			return -1;
	return docker_guard_start(d, e);
}

int docker_agents_down(struct engine *en, struct err *e)
{
	struct docker *d = (struct docker *)en;
	int r = 0;

	for (int i = 0; i < DOCKER_NODES; i++) {
		struct docker_faults *f = &d->nodes[i];

		if (f->api.faults && node_faults_stop(f->api.faults, e))
			r = -1;
		node_faults_free(f->api.faults);
		f->api.faults = NULL;
		docker_node_close(&f->node);
	}
	return docker_guard_stop(d, e) ? -1 : r;
}

/* "node/NAME"; the machine that the nodes are on is the first of them. */
static struct docker_faults *find_node(struct docker *d, const char *agent)
{
	if (!strcmp(agent, "host"))
		return &d->nodes[0];
	for (size_t i = 0; i < ARRAY_LEN(d->nodes); i++)
		if (!strncmp(agent, "node/", 5) && !strcmp(d->nodes[i].node.name, agent + 5))
			return &d->nodes[i];
	return NULL;
}

static int ask_node(struct docker *d, struct docker_faults *f, const char *method, const char *path,
		    const char *body, struct buf *answer, int *status, struct err *e)
{
	struct http_reply rp = {0};

	/* Nothing is broken that would stay so if we were killed. */
	if (!strcmp(method, "POST") && !strcmp(path, "/v1/faults") && !proc_alive(d->guard))
		return err_set(e, ERR_BROKEN, "the process that undoes faults when this one is killed is gone");
	docker_guard_renew(d);
	node_api_call(&f->api, method, path, body, &rp);
	*status = rp.status;
	buf_add(answer, buf_cstr(&rp.body), rp.body.len);
	buf_free(&rp.body);
	return 0;
}

static struct docker_agent *find_load(struct docker *d, const char *agent)
{
	for (size_t i = 0; i < ARRAY_LEN(d->agents); i++)
		if (!strcmp(d->agents[i].name, agent))
			return &d->agents[i];
	return NULL;
}

/* What a run waits by: its history can be read all the same, and faults be
 * undone. */
static bool waits_on(const char *agent, const char *path)
{
	return !strcmp(agent, "load") &&
	       (!strncmp(path, "/v1/status", 10) || !strncmp(path, "/v1/samples", 11));
}

static int refuse_without_docker(struct docker *d, struct err *e)
{
	int64_t since_ns;

	store_lock(&d->store);
	since_ns = d->silent_ns ? clock_mono_ns() - d->silent_ns : 0;
	store_unlock(&d->store);
	if (since_ns < SILENCE_NS)
		return 0;
	return err_set(e, ERR_BROKEN, "Docker at %s has not answered for %lld s: nothing is started again, so this "
		       "trial is void; start Docker, then `ordeal down --engine docker` removes what is left",
		       d->api.socket, (long long)(since_ns / NS_PER_S));
}

int docker_call(struct engine *en, const char *agent, const char *method, const char *path,
		const char *body, int64_t timeout_ns, struct buf *answer, int *status,
		struct err *e)
{
	struct docker *d = (struct docker *)en;
	struct docker_faults *f = find_node(d, agent);
	struct docker_agent *a = find_load(d, agent);
	char token[100];
	const char *const headers[] = {token, NULL};
	struct kube_request q = {.method = method, .body = body, .headers = headers,
				 .timeout_ns = timeout_ns, .path = path};

	if (f && f->api.faults)
		return ask_node(d, f, method, path, body, answer, status, e);
	if (!a || !a->client)
		return err_set(e, ERR_BROKEN, "engine docker has no agent %s%s", agent, a || f ? " now" : "");
	if (waits_on(agent, path) && refuse_without_docker(d, e))
		return -1;
	snprintf(token, sizeof(token), "X-Ordeal-Token: %s", engine_agent_token(&d->kube.base.conf, agent));
	if (!body && !strcmp(method, "POST"))
		q.body = "";
	/* The end of a run needs its agents also when it was interrupted. */
	kube_client_ignore(a->client, true);
	return kube_http(a->client, &q, answer, status, e) ? err_prefix(e, "agent %s", agent) : 0;
}

/* ---- the API that we serve ---- */

void docker_serve_conf(struct docker *d, struct serve_conf *c, unsigned per_address)
{
	if (!d->admin_token[0])
		random_hex(d->admin_token, sizeof(d->admin_token) - 1);
	*c = (struct serve_conf){.store = &d->store,
				 .admin_token = d->admin_token,
				 .nets = {DOCKER_SUBNET, DOCKER_SERVICES},
				 .per_address = per_address,
				 .account = docker_account_of,
				 .delete_pod = docker_pod_delete,
				 .drops = docker_drops,
				 .log = docker_pod_log,
				 .arg = d};
}

/* ---- the load agents ---- */

static void load_pod(struct docker *d, const char *name, const char *node)
{
	cJSON *pod = cJSON_CreateObject(), *m, *spec, *c = cJSON_CreateObject(), *s;
	char listen[40];
	const char *const argv[] = {"ordeal", "load-agent", "--listen", listen};

	snprintf(listen, sizeof(listen), "0.0.0.0:%d", KUBE_LOAD_PORT);
	m = cJSON_AddObjectToObject(pod, "metadata");
	json_set_str(m, "name", name);
	json_set_str(m, "namespace", d->kube.base.namespace);
	json_set_str(cJSON_AddObjectToObject(m, "labels"), KUBE_AGENT_LABEL, "load");
	spec = cJSON_AddObjectToObject(pod, "spec");
	json_set_str(spec, "nodeName", node);
	/* Its history lives in its memory: one that died must be seen, not replaced. */
	json_set_str(spec, "restartPolicy", "Never");
	json_set_i64(spec, "terminationGracePeriodSeconds", 1);
	json_set_str(c, "name", "agent");
	json_set_str(c, "image", d->agent_image);
	json_set(c, "command", cJSON_CreateStringArray(argv, 4));
	s = cJSON_AddObjectToObject(c, "securityContext");
	json_set_i64(s, "runAsUser", 65534);
	json_set_i64(s, "runAsGroup", 65534);
	json_push(cJSON_AddArrayToObject(spec, "containers"), c);
	store_lock(&d->store);
	docker_pod_begin(d, store_put(&d->store, KIND_POD, pod), d->kube.base.conf.load_token);
	store_unlock(&d->store);
}

static bool healthy(struct docker *d, const char *agent, struct err *e)
{
	struct buf answer = {0};
	int status = 0;
	bool ok = docker_call((struct engine *)d, agent, "GET", "/v1/health", NULL, NS_PER_S, &answer, &status,
			      e) == 0 && status == 200;

	buf_free(&answer);
	return ok;
}

static int load_wait(struct docker *d, struct docker_agent *a, const char *pod, int64_t deadline_ns,
		     struct err *e)
{
	const volatile int *stop = d->kube.base.conf.interrupted;
	struct docker_pod *p;
	char ip[64] = "";

	for (;;) {
		store_lock(&d->store);
		p = docker_pod_find(d, d->kube.base.namespace, pod);
		if (p && p->c[0].running)
			mem_copy_str(ip, sizeof(ip), p->ip);
		else if (p && p->c[0].message[0])
			err_set(e, ERR_BROKEN, "%s", p->c[0].message);
		store_unlock(&d->store);
		if (ip[0] && !a->client) {
			snprintf(a->addr, sizeof(a->addr), "%s:%d", ip, KUBE_LOAD_PORT);
			if (reach(d, a, e))
				return -1;
		}
		if (a->client && healthy(d, a->name, e))
			return 0;
		if (stop && *stop)
			return err_set(e, ERR_INTERRUPTED, "interrupted");
		if (clock_mono_ns() > deadline_ns)
			return err_prefix(e, "the load agent %s does not come up", pod);
		nap();
	}
}

int docker_load_up(struct docker *d, int64_t deadline_ns, struct err *e)
{
	struct docker_agent *a = &d->agents[0];

	mem_copy_str(a->name, sizeof(a->name), "load");
	load_pod(d, KUBE_LOAD_POD, docker_node_names[0]);
	return load_wait(d, a, KUBE_LOAD_POD, deadline_ns, e);
}

int docker_load_beside(struct engine *en, const char *group, const char *node, int64_t deadline_ns,
		       struct err *e)
{
	struct docker *d = (struct docker *)en;
	struct docker_agent *a = &d->agents[1];
	char pod[64];

	snprintf(a->name, sizeof(a->name), "load/%s", group);
	snprintf(pod, sizeof(pod), KUBE_LOAD_POD "-%s", group);
	load_pod(d, pod, node);
	return load_wait(d, a, pod, deadline_ns, e);
}

void docker_load_forget(struct docker *d)
{
	for (size_t i = 0; i < ARRAY_LEN(d->agents); i++) {
		kube_client_free(d->agents[i].client);
		d->agents[i].client = NULL;
		kube_conf_free(&d->agents[i].conf);
	}
}
