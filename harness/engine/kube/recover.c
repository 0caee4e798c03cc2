#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/kube/kube.h"

#define HEAL_TIMEOUT_NS (90 * NS_PER_S)
#define REMOVE_WITHIN_NS (120 * NS_PER_S)
#define READY_WITHIN_NS (60 * NS_PER_S)
#define AGAIN_WITHIN_NS (60 * NS_PER_S)

/* Takes over an agent's list of sentences. */
static void take_words(cJSON *found, const char *agent, const cJSON *list)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, list)
		json_pushf(found, "%s: %s", agent,
			   cJSON_IsString(s) ? s->valuestring : json_str(s, "what", "?"));
}

int kube_left(const char *agent, int status, const char *answer, struct err *e)
{
	cJSON *o = cJSON_Parse(answer);
	struct buf words = {0};
	const cJSON *s;
	bool clean = status < 300 && json_bool(o, "clean", false);

	cJSON_ArrayForEach(s, json_get(o, "found"))
		buf_fmt(&words, "%s%s", words.len ? ", " : "", cJSON_IsString(s) ? s->valuestring : "?");
	cJSON_Delete(o);
	if (!clean && words.len)
		err_set(e, ERR_BROKEN, "agent %s has healed, and there is still: %s", agent, buf_cstr(&words));
	else if (!clean)
		err_set(e, ERR_BROKEN, "agent %s does not say whether anything is left: %.400s", agent, answer);
	buf_free(&words);
	return clean ? 0 : -1;
}

int kube_all_seen(const struct nodes *nodes, struct err *e)
{
	struct buf names = {0};
	int r = 0;

	for (size_t i = 0; i < nodes->n; i++) {
		if (!nodes->v[i].ready)
			buf_fmt(&names, "%s%s", names.len ? ", " : "", nodes->v[i].name);
	}
	if (names.len)
		r = err_set(e, ERR_BROKEN,
			    "not Ready, so not looked at: %s. What else there was of faults is healed, and nothing "
			    "was removed; once the node is back, or deleted, run `ordeal recover` again",
			    buf_cstr(&names));
	buf_free(&names);
	return r;
}

/* Heals all that an agent knows of, then asks what is left all the same. */
static int heal_agent(struct kube *k, const char *agent, cJSON *found, struct err *e)
{
	struct buf answer = {0};
	cJSON *o;
	int status = 0, r;

	r = kube_call_agent(k, agent, "DELETE", "/v1/faults", NULL, HEAL_TIMEOUT_NS, &answer, &status,
			    e);
	if (!r && status >= 300)
		r = err_set(e, ERR_BROKEN, "agent %s cannot heal: %.*s", agent, (int)strcspn(buf_cstr(&answer), "\n"),
			    buf_cstr(&answer));
	if (!r) {
		o = cJSON_Parse(buf_cstr(&answer));
		if (json_i64(o, "healed", 0))
			json_pushf(found, "%s: healed %lld faults", agent,
				   (long long)json_i64(o, "healed", 0));
		take_words(found, agent, json_get(o, "evidence"));
		cJSON_Delete(o);
		r = kube_call_agent(k, agent, "GET", "/v1/residue", NULL, HEAL_TIMEOUT_NS, &answer,
				    &status, e);
	}
	if (!r)
		r = kube_left(agent, status, buf_cstr(&answer), e);
	buf_free(&answer);
	return r;
}

/* A node that was started again a moment ago is Ready before its Services lead anywhere. */
static int heal_in_time(struct kube *k, const char *agent, cJSON *found, struct err *e)
{
	int64_t deadline = clock_mono_ns() + AGAIN_WITHIN_NS;

	while (heal_agent(k, agent, found, e)) {
		if (clock_mono_ns() >= deadline)
			return -1;
		log_info("%s; asking it again", e->msg);
		if (kube_nap(k, e))
			return -1;
	}
	return 0;
}

/* Namespaces with the run's label, the agents' own left out. */
static int run_namespaces(struct kube *k, cJSON **out, struct err *e)
{
	cJSON *list = NULL;
	const cJSON *o;

	*out = NULL;
	if (kube_get(k->k, "/api/v1/namespaces?" KUBE_RUN_SELECTOR, &list, e))
		return -1;
	*out = cJSON_CreateArray();
	cJSON_ArrayForEach(o, json_get(list, "items")) {
		if (strcmp(kube_meta(o, "name"), KUBE_SYSTEM_NS))
			json_push(*out, cJSON_CreateString(kube_meta(o, "name")));
	}
	cJSON_Delete(list);
	return 0;
}

static int any_volume(struct kube *k, bool *any, struct err *e)
{
	cJSON *list = NULL;
	const cJSON *pv;

	*any = false;
	if (kube_get(k->k, "/api/v1/persistentvolumes", &list, e))
		return -1;
	cJSON_ArrayForEach(pv, json_get(list, "items")) {
		if (!strcmp(json_str(json_path(pv, "metadata.annotations"),
				     "pv.kubernetes.io/provisioned-by", ""),
			    KUBE_PROVISIONER))
			*any = true;
	}
	cJSON_Delete(list);
	return 0;
}

/* Lists the nodes once all are Ready, or the time is over: one that was started
 * again a moment ago is called Ready from before, then is not for seconds. */
static int list_ready(struct kube *k, struct nodes *nodes, struct err *e)
{
	int64_t deadline = clock_mono_ns() + READY_WITHIN_NS;

	for (;;) {
		bool ready = true;

		if (kube_list_nodes(k, nodes, e))
			return -1;
		for (size_t i = 0; i < nodes->n; i++)
			ready = ready && nodes->v[i].ready;
		if (ready || clock_mono_ns() >= deadline)
			return 0;
		nodes_free(nodes);
		if (kube_nap(k, e))
			return -1;
	}
}

/* Puts agents on every node once more, so that what their journals hold is
 * healed and their volumes are reclaimed. */
static int heal_nodes(struct kube *k, cJSON *found, struct err *e)
{
	struct nodes nodes = {0};
	char agent[ENGINE_AGENT_BYTES];
	int r;

	log_info("starting the agents once more, to heal what their journals hold");
	r = kube_agents_start(k, e);
	if (!r)
		r = list_ready(k, &nodes, e);
	for (size_t i = 0; !r && i < nodes.n; i++) {
		if (!nodes.v[i].ready)
			continue;
		snprintf(agent, sizeof(agent), "node/%s", nodes.v[i].name);
		r = heal_in_time(k, agent, found, e);
	}
	if (!r && k->host)
		r = heal_in_time(k, "host", found, e);
	/* Their agents, and what else leads back to them, stay. */
	if (!r)
		r = kube_all_seen(&nodes, e);
	nodes_free(&nodes);
	return r;
}

static int remove_all(struct kube *k, const cJSON *namespaces, cJSON *found, struct err *e)
{
	int64_t deadline = clock_mono_ns() + REMOVE_WITHIN_NS;
	const cJSON *ns;

	cJSON_ArrayForEach(ns, namespaces) {
		json_pushf(found, "namespace %s of an earlier run", ns->valuestring);
		if (kube_remove_namespace(k, ns->valuestring, deadline, e))
			return -1;
	}
	if (kube_remove_volumes(k, deadline, found, e))
		return -1;
	return kube_engine_agents_down((struct engine *)k, e);
}

int kube_engine_recover(struct engine *en, cJSON *found, struct err *e)
{
	struct kube *k = (struct kube *)en;
	enum kube_owner agents;
	cJSON *namespaces = NULL;
	bool volumes = false;
	int r = -1;

	if (kube_connect(k, true, e) ||
	    kube_owner_of(k, "/api/v1/namespaces/" KUBE_SYSTEM_NS, &agents, NULL, e) ||
	    run_namespaces(k, &namespaces, e) || any_volume(k, &volumes, e))
		goto out;
	if (agents == KUBE_OURS)
		json_pushf(found, "agents of an earlier run (namespace " KUBE_SYSTEM_NS ")");
	/* Only where agents were can a journal be; they go last, after healing. */
	if (agents == KUBE_OURS || volumes || cJSON_GetArraySize(namespaces)) {
		if (heal_nodes(k, found, e))
			goto out;
		kube_client_ignore(k->k, true);
		if (remove_all(k, namespaces, found, e))
			goto out;
	}
	/* Left over without their namespace: by a removal that was cut short. */
	r = kube_remove_cluster_objects(k, agents == KUBE_OURS ? NULL : found, e);
out:
	cJSON_Delete(namespaces);
	return r;
}
