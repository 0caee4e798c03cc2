#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/kube/kube.h"

#define NODE_AGENTS "/apis/apps/v1/namespaces/" KUBE_SYSTEM_NS "/daemonsets/node-agent"
#define ROLLOUT_WITHIN_NS (180 * NS_PER_S)
#define LOAD_WITHIN_NS (90 * NS_PER_S)
#define HEAL_TIMEOUT_NS (90 * NS_PER_S)
#define GONE_WITHIN_NS (90 * NS_PER_S)

/* The build context of the agents' image: this very binary, alone, so that
 * its hash and its layer change only when the program does. */
static int prepare_context(struct kube *k, char out[PATH_MAX + 40], struct err *e)
{
	struct buf self = {0};
	char path[PATH_MAX + 60];
	int r;

	snprintf(out, PATH_MAX + 40, "%s/agent-image", k->cache);
	snprintf(path, sizeof(path), "%s/ordeal", out);
	r = file_mkdirs(out, e);
	if (!r)
		r = file_read("/proc/self/exe", &self, e);
	if (!r)
		r = file_write_atomic(path, self.s, self.len, e);
	buf_free(&self);
	if (!r && chmod(path, 0755))
		r = err_set(e, ERR_BROKEN, "cannot make %s executable: %s", path, strerror(errno));
	return r;
}

/* The image that an earlier run's agents have: good enough to heal with. */
static int running_image(struct kube *k, struct err *e)
{
	cJSON *ds = NULL;

	if (kube_get(k->k, NODE_AGENTS, &ds, e))
		return -1;
	mem_copy_str(k->agent_image, sizeof(k->agent_image),
		     json_str(json_path(ds, "spec.template.spec.containers.0"), "image", ""));
	cJSON_Delete(ds);
	return 0;
}

static int choose_image(struct kube *k, struct err *e)
{
	const char *given = getenv("ORDEAL_AGENT_IMAGE");
	char context[PATH_MAX + 40];
	const char *ref = NULL;

	if (given && *given) {
		mem_copy_str(k->agent_image, sizeof(k->agent_image), given);
		return 0;
	}
	if (!k->kind && running_image(k, e))
		return -1;
	if (!k->kind && k->agent_image[0])
		return 0;
	if (!k->kind)
		return err_set(e, ERR_INPUT,
			       "set ORDEAL_AGENT_IMAGE to the agents' image: build it from "
			       "fixtures/images/agent/Dockerfile (with the ordeal binary beside it) and "
			       "push it to where this cluster pulls from");
	if (prepare_context(k, context, e) || images_build(&k->images, "agent", context, &ref, e))
		return -1;
	mem_copy_str(k->agent_image, sizeof(k->agent_image), ref);
	return 0;
}

/* Why a DaemonSet's pod does not run: the first that says. */
static void why_not(struct kube *k, char *out, size_t size)
{
	struct err e = {0};
	cJSON *list = NULL;
	const cJSON *pod, *c = NULL;

	snprintf(out, size, "no pod of it says why");
	if (kube_get(k->k, "/api/v1/namespaces/" KUBE_SYSTEM_NS "/pods", &list, &e))
		return;
	cJSON_ArrayForEach(pod, json_get(list, "items")) {
		const cJSON *state = json_path(pod, "status.containerStatuses.0.state");
		const cJSON *wait = json_get(state, "waiting");

		if (kube_pod_ready(pod))
			continue;
		if (!wait)
			wait = json_get(state, "terminated");
		if (!wait)
			kube_condition(pod, "Ready", &c);
		snprintf(out, size, "pod %s on %s: %s: %s", kube_meta(pod, "name"),
			 json_str(json_get(pod, "spec"), "nodeName", "no node"),
			 json_str(wait ? wait : c, "reason", json_str(json_get(pod, "status"), "phase", "?")),
			 json_str(wait ? wait : c, "message", ""));
		break;
	}
	cJSON_Delete(list);
}

/* Nodes that are not Ready cannot run one; they are not waited for. */
static int await_rollout(struct kube *k, int64_t deadline_ns, struct err *e)
{
	char why[400];

	for (;;) {
		cJSON *ds = NULL;
		const cJSON *s;
		int64_t want, updated, ready;
		bool seen;

		if (kube_get(k->k, NODE_AGENTS, &ds, e))
			return -1;
		s = json_get(ds, "status");
		seen = json_i64(s, "observedGeneration", 0) >=
		       json_i64(json_get(ds, "metadata"), "generation", 1);
		want = json_i64(s, "desiredNumberScheduled", 0);
		updated = json_i64(s, "updatedNumberScheduled", 0);
		ready = json_i64(s, "numberReady", 0);
		cJSON_Delete(ds);
		if (seen && want && updated == want && ready == want)
			return 0;
		if (clock_mono_ns() > deadline_ns) {
			why_not(k, why, sizeof(why));
			return err_set(e, ERR_BROKEN,
				       "only %lld of %lld node agents came up in time: %s",
				       (long long)ready, (long long)want, why);
		}
		if (kube_nap(k, e))
			return -1;
	}
}

static int await_nodes(struct kube *k, int64_t deadline_ns, struct err *e)
{
	struct nodes nodes = {0};
	char agent[ENGINE_AGENT_BYTES];
	int r;

	kube_agents_forget(k);
	r = kube_list_nodes(k, &nodes, e);
	for (size_t i = 0; !r && i < nodes.n; i++) {
		if (!nodes.v[i].ready)
			continue;
		snprintf(agent, sizeof(agent), "node/%s", nodes.v[i].name);
		r = kube_agent_wait(k, agent, deadline_ns, e);
	}
	nodes_free(&nodes);
	return r;
}

/* A class that the cluster has already stays as it is. */
static int absent_class(struct kube *k, cJSON *object, bool *skip, struct err *e)
{
	enum kube_owner owner;
	char path[300];

	snprintf(path, sizeof(path), "/apis/storage.k8s.io/v1/storageclasses/%s",
		 kube_meta(object, "name"));
	if (kube_owner_of(k, path, &owner, NULL, e))
		return -1;
	*skip = owner != KUBE_ABSENT;
	return 0;
}

/* What would lie outside of a namespace, such as a role, and is there by that
 * name already is not taken over. Only looks. */
static int refuse_foreign(struct kube *k, cJSON *object, bool *skip, struct err *e)
{
	enum kube_owner owner;
	struct kube_kind kk;
	char path[512];

	*skip = true;
	if (kube_kind_find(k->k, json_str(object, "apiVersion", ""), json_str(object, "kind", ""), &kk, e))
		return -1;
	if (kk.namespaced)
		return 0;
	kube_kind_path(&kk, NULL, kube_meta(object, "name"), path);
	if (kube_owner_of(k, path, &owner, NULL, e))
		return -1;
	if (owner == KUBE_FOREIGN)
		return err_set(e, ERR_INPUT, "the %s \"%s\" exists and is not ordeal's (it has no label "
			       KUBE_RUN_LABEL "); it stays as it is: ordeal's agents need that name; take "
			       "another cluster", json_str(object, "kind", ""), kube_meta(object, "name"));
	return 0;
}

static int as_it_is(struct kube *k, cJSON *object, bool *skip, struct err *e)
{
	(void)k, (void)object, (void)skip, (void)e;
	return 0;
}

int kube_agents_start(struct kube *k, struct err *e)
{
	int64_t deadline = clock_mono_ns() + ROLLOUT_WITHIN_NS;

	if (kube_connect(k, false, e) || choose_image(k, e) ||
	    kube_apply_template(k, "node-agent.yaml", refuse_foreign, e))
		return -1;
	if (k->kind && host_agent_up(k, e))
		return -1;
	if (kube_apply_template(k, "node-agent.yaml", as_it_is, e) ||
	    kube_apply_template(k, "storage-classes.yaml", absent_class, e) ||
	    await_rollout(k, deadline, e))
		return -1;
	return await_nodes(k, deadline, e);
}

int kube_engine_agents_up(struct engine *en, struct err *e)
{
	struct kube *k = (struct kube *)en;

	return kube_connect(k, false, e) || kube_refuse_foreign(k, e) || kube_agents_start(k, e) ?
		       -1 :
		       0;
}

/* Faults first: a pod that is deleted without a word heals as well, but
 * nobody would hear whether it could. */
static int heal_node(struct kube *k, const char *node, struct err *e)
{
	struct buf answer = {0};
	char agent[ENGINE_AGENT_BYTES];
	int status = 0, r;

	snprintf(agent, sizeof(agent), "node/%s", node);
	r = kube_call_agent(k, agent, "DELETE", "/v1/faults", NULL, HEAL_TIMEOUT_NS, &answer, &status,
			    e);
	if (!r && status >= 300)
		r = err_set(e, ERR_BROKEN, "the agent of node %s cannot heal: %.400s", node,
			    buf_cstr(&answer));
	buf_free(&answer);
	return r;
}

int kube_engine_agents_down(struct engine *en, struct err *e)
{
	struct kube *k = (struct kube *)en;
	struct nodes nodes = {0};
	struct err first = {0}, later = {0};
	int r = 0;

	if (kube_connect(k, true, e))
		return -1;
	/* Nodes that it stopped must be back before theirs are asked. */
	if (k->kind && host_agent_down(k, &first))
		r = -1;
	if (kube_list_nodes(k, &nodes, r ? &later : &first))
		r = -1;
	for (size_t i = 0; i < nodes.n; i++)
		if (nodes.v[i].ready && k->nagents &&
		    heal_node(k, nodes.v[i].name, r ? &later : &first))
			r = -1;
	nodes_free(&nodes);
	if (kube_remove_namespace(k, KUBE_SYSTEM_NS, clock_mono_ns() + GONE_WITHIN_NS,
				  r ? &later : &first))
		r = -1;
	else if (kube_remove_cluster_objects(k, NULL, r ? &later : &first))
		r = -1;
	kube_agents_forget(k);
	if (r)
		*e = first;
	return r;
}

/* On kind the clients live beside the control plane, and nowhere else. */
static int place_load(struct kube *k, cJSON *object, bool *skip, struct err *e)
{
	cJSON *spec = cJSON_GetObjectItem(object, "spec");

	(void)skip, (void)e;
	if (k->kind && !strcmp(json_str(object, "kind", ""), "Pod"))
		json_set_str(cJSON_AddObjectToObject(spec, "nodeSelector"),
			     "node-role.kubernetes.io/control-plane", "");
	return 0;
}

int kube_load_agent_up(struct kube *k, struct err *e)
{
	if (!k->agent_image[0])
		return err_set(e, ERR_BROKEN, "agents_up comes before apply");
	return kube_apply_template(k, "load-agent.yaml", place_load, e);
}

int kube_load_agent_wait(struct kube *k, struct err *e)
{
	return kube_agent_wait(k, "load", clock_mono_ns() + LOAD_WITHIN_NS, e);
}

/* The same pod on a node of the system's own. It gets no share of the
 * processor for sure: none may be left there. */
static int place_beside(struct kube *k, cJSON *object, bool *skip, struct err *e)
{
	cJSON *spec = cJSON_GetObjectItem(object, "spec"), *requests;
	char *name;

	(void)e;
	*skip = strcmp(json_str(object, "kind", ""), "Pod") != 0; /* its Secret is there */
	if (*skip)
		return 0;
	name = mem_fmt(KUBE_LOAD_POD "-%s", k->beside_group);
	json_set_str(cJSON_GetObjectItem(object, "metadata"), "name", name);
	free(name);
	json_set_str(spec, "nodeName", k->beside_node);
	cJSON_DeleteItemFromObject(spec, "affinity");
	requests = cJSON_GetObjectItem(
		cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(spec, "containers"), 0),
				    "resources"), "requests");
	cJSON_DeleteItemFromObject(requests, "cpu");
	return 0;
}

int kube_engine_load_beside(struct engine *en, const char *group, const char *node,
			    int64_t deadline_ns, struct err *e)
{
	struct kube *k = (struct kube *)en;
	char agent[64];
	int r;

	if (kube_connect(k, false, e))
		return -1;
	k->beside_group = group;
	k->beside_node = node;
	r = kube_apply_template(k, "load-agent.yaml", place_beside, e);
	k->beside_group = k->beside_node = NULL;
	snprintf(agent, sizeof(agent), "load/%s", group);
	return r ? -1 : kube_agent_wait(k, agent, deadline_ns, e);
}
