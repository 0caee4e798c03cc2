#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "engine/kube/kube.h"

#define HEALTH_TIMEOUT_NS (5 * NS_PER_S)

void kube_agents_forget(struct kube *k)
{
	k->nagents = 0;
}

static struct agent_pod *known_agent(struct kube *k, const char *node)
{
	for (size_t i = 0; i < k->nagents; i++)
		if (!strcmp(k->agents[i].node, node))
			return &k->agents[i];
	return NULL;
}

/* Reads anew which pods the node agents are. */
static int find_agents(struct kube *k, struct err *e)
{
	cJSON *list = NULL;
	const cJSON *o;

	if (kube_get(k->k,
		     "/api/v1/namespaces/" KUBE_SYSTEM_NS "/pods?labelSelector=ordeal.dev%2Fagent%3Dnode",
		     &list, e))
		return -1;
	kube_agents_forget(k);
	cJSON_ArrayForEach(o, json_get(list, "items")) {
		struct agent_pod *a;

		if (json_get(json_get(o, "metadata"), "deletionTimestamp"))
			continue;
		a = VEC_PUSH(k->agents, k->nagents, k->agents_alloc);
		mem_copy_str(a->node, sizeof(a->node), json_str(json_get(o, "spec"), "nodeName", ""));
		mem_copy_str(a->pod, sizeof(a->pod), kube_meta(o, "name"));
	}
	cJSON_Delete(list);
	return 0;
}

/* The pod that is this agent, as the start of its proxy path. */
static int agent_path(struct kube *k, const char *agent, char *out, size_t size, struct err *e)
{
	const char *node = agent + strlen("node/");
	const struct agent_pod *a;

	if (!strcmp(agent, "load")) {
		snprintf(out, size, "/api/v1/namespaces/%s/pods/" KUBE_LOAD_POD ":%d/proxy",
			 k->base.namespace, KUBE_LOAD_PORT);
		return 0;
	}
	if (!strncmp(agent, "load/", 5)) {
		snprintf(out, size, "/api/v1/namespaces/%s/pods/" KUBE_LOAD_POD "-%s:%d/proxy",
			 k->base.namespace, agent + 5, KUBE_LOAD_PORT);
		return 0;
	}
	if (strncmp(agent, "node/", 5))
		return err_set(e, ERR_INPUT, "there is no agent \"%s\"", agent);
	a = known_agent(k, node);
	if (!a) {
		if (find_agents(k, e))
			return -1;
		a = known_agent(k, node);
	}
	if (!a)
		return err_set(e, ERR_BROKEN, "no agent runs on node %s", node);
	snprintf(out, size, "/api/v1/namespaces/" KUBE_SYSTEM_NS "/pods/%s:%d/proxy", a->pod,
		 KUBE_NODE_PORT);
	return 0;
}

/* The API server's proxy refuses with a Status object of its own; agents
 * answer with {"error": ...}. */
static bool proxy_refused(int status, const struct buf *answer, const char *agent, struct err *e)
{
	cJSON *o;
	bool refused;

	if (status < 400)
		return false;
	o = cJSON_Parse(buf_cstr(answer));
	refused = !strcmp(json_str(o, "kind", ""), "Status");
	if (refused)
		err_set(e, ERR_BROKEN, "the agent %s cannot be reached: the API server says %d: %s",
			agent, status, json_str(o, "message", ""));
	cJSON_Delete(o);
	return refused;
}

int kube_call_agent(struct kube *k, const char *agent, const char *method, const char *path,
		    const char *body, int64_t timeout_ns, struct buf *answer, int *status,
		    struct err *e)
{
	char token[100], url[900], start[500] = "";
	const char *const headers[] = {token, NULL};
	struct kube_request q = {.method = method, .body = body, .headers = headers,
				 .timeout_ns = timeout_ns, .path = url};
	bool host = !strcmp(agent, "host");

	if (host && !k->host)
		return err_set(e, ERR_UNSUPPORTED, "no agent runs beside the driver");
	/* The API server keeps Authorization for itself. */
	snprintf(token, sizeof(token), "X-Ordeal-Token: %s", engine_agent_token(&k->base.conf, agent));
	if (!body && !strcmp(method, "POST"))
		q.body = "";
	if (!host && agent_path(k, agent, start, sizeof(start), e))
		return -1;
	snprintf(url, sizeof(url), "%s%s", start, path);
	if (kube_http(host ? k->host : k->k, &q, answer, status, e))
		return err_prefix(e, "agent %s", agent);
	if (host || !proxy_refused(*status, answer, agent, e))
		return 0;
	/* Its pod may have been replaced: look again next time. */
	kube_agents_forget(k);
	return -1;
}

int kube_engine_call(struct engine *en, const char *agent, const char *method, const char *path,
		     const char *body, int64_t timeout_ns, struct buf *answer, int *status,
		     struct err *e)
{
	struct kube *k = (struct kube *)en;

	if (kube_connect(k, true, e))
		return -1;
	return kube_call_agent(k, agent, method, path, body, timeout_ns, answer, status, e);
}

int kube_agent_wait(struct kube *k, const char *agent, int64_t deadline_ns, struct err *e)
{
	struct buf answer = {0};
	struct err last = {0};
	int status = 0, r;

	for (;;) {
		r = kube_call_agent(k, agent, "GET", "/v1/health", NULL, HEALTH_TIMEOUT_NS, &answer,
				    &status, &last);
		if (!r && status == 200)
			break;
		if (!r)
			err_set(&last, ERR_BROKEN, "it answers %d: %.200s", status, buf_cstr(&answer));
		if (clock_mono_ns() > deadline_ns) {
			r = err_set(e, ERR_BROKEN, "the agent %s did not come up in time: %s", agent,
				    last.msg);
			break;
		}
		if (kube_nap(k, e)) {
			r = -1;
			break;
		}
	}
	buf_free(&answer);
	return r;
}
