#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/plan.h"
#include "engine/docker/controller/controller.h"

/* StatefulSets: pods by number, with claims of their own, in order, and renewed
 * from the highest down when the template has changed (Kubernetes
 * documentation, "StatefulSets": Pod Management Policies, Update strategies). */

#define REVISION "controller-revision-hash"

static const char *meta(const cJSON *o, const char *key)
{
	return kube_meta(o, key);
}

/* ---- revisions ---- */

#define FNV_PRIME UINT32_C(16777619)
#define FNV_BASIS UINT32_C(2166136261)

static uint32_t mix(uint32_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * FNV_PRIME;
	return h;
}

/* FNV-1a; members of an object count in whatever order they come. */
static uint32_t hash(const cJSON *v)
{
	uint32_t h = FNV_BASIS;
	const cJSON *it;
	char *text;

	if (cJSON_IsObject(v)) {
		cJSON_ArrayForEach(it, v)
			h += mix(hash(it), it->string);
	} else if (cJSON_IsArray(v)) {
		cJSON_ArrayForEach(it, v)
			h = (h ^ hash(it)) * FNV_PRIME;
	} else {
		text = json_text(v);
		h = mix(h, text);
		free(text);
	}
	return h;
}

void stateful_revision(const cJSON *set, char out[STATEFUL_REVISION_BYTES])
{
	enum { HASH_DIGITS = 8 };

	/* It becomes a label's value. */
	snprintf(out, STATEFUL_REVISION_BYTES, "%.*s-%08" PRIx32, STATEFUL_REVISION_BYTES - HASH_DIGITS - 2,
		 meta(set, "name"), hash(json_path(set, "spec.template")));
}

static const char *revision_of(const cJSON *pod)
{
	return kube_label(pod, REVISION);
}

/* What is kept of a set between two looks at it: the template of those pods that
 * no update has reached. */
static struct docker_set *kept(struct docker *d, const cJSON *set, const char *update)
{
	struct docker_set *k;

	for (size_t i = 0; i < d->nsets; i++)
		if (!strcmp(d->sets[i].uid, meta(set, "uid")))
			return &d->sets[i];
	k = VEC_PUSH(d->sets, d->nsets, d->asets);
	*k = (struct docker_set){.uid = mem_strdup(meta(set, "uid")),
				 .template = cJSON_Duplicate(json_path(set, "spec.template"), 1)};
	mem_copy_str(k->revision, sizeof(k->revision), update);
	return k;
}

void docker_sets_free(struct docker *d)
{
	for (size_t i = 0; i < d->nsets; i++) {
		free(d->sets[i].uid);
		cJSON_Delete(d->sets[i].template);
	}
	free(d->sets);
	d->sets = NULL;
	d->nsets = d->asets = 0;
}

/* ---- order and update ---- */

void stateful_read(const cJSON *set, const char *update, struct stateful *out)
{
	const cJSON *spec = json_get(set, "spec"), *strategy = json_get(spec, "updateStrategy");

	*out = (struct stateful){
		.replicas = plan_at_once(spec, "replicas", DOCKER_NODES), .min_ready_s = json_i64(spec, "minReadySeconds", 0),
		.parallel = !strcmp(json_str(spec, "podManagementPolicy", ""), "Parallel"),
		.rolling = strcmp(json_str(strategy, "type", ""), "OnDelete") != 0,
		.partition = json_i64(json_get(strategy, "rollingUpdate"), "partition", 0), .update = update};
}

bool stateful_available(const cJSON *pod, int64_t min_ready_s, int64_t now_s)
{
	const cJSON *ready;
	int64_t since_ns;

	if (!pod || !kube_condition(pod, "Ready", &ready))
		return false;
	return min_ready_s <= 0 || (!clock_parse_rfc3339(json_str(ready, "lastTransitionTime", ""), &since_ns) &&
				    since_ns / NS_PER_S + min_ready_s <= now_s);
}

static bool well(const cJSON *pod)
{
	return pod && kube_pod_ready(pod) && !workload_ending(pod);
}

int64_t stateful_update(const struct stateful *s, const cJSON *const *pods)
{
	for (int64_t i = s->replicas - 1; s->rolling && i >= 0 && i >= s->partition; i--) {
		if (pods[i] && strcmp(revision_of(pods[i]), s->update) && !workload_ending(pods[i]))
			return i;
		if (!well(pods[i]))
			return -1;
	}
	return -1;
}

/* ---- pods ---- */

/* The claims of a pod, made when they are not there; *first, NULL before, gets
 * the name of the first. False: one is being deleted, and has to be gone first. */
static bool add_claims(struct docker *d, const cJSON *set, const char *pod, cJSON *spec,
		       char **first)
{
	const char *ns = meta(set, "namespace");
	const cJSON *t;
	cJSON *volumes = cJSON_GetObjectItem(spec, "volumes");
	bool ok = true;

	cJSON_ArrayForEach(t, json_path(set, "spec.volumeClaimTemplates")) {
		cJSON *v = cJSON_CreateObject(), *c, *m;
		char *name = mem_fmt("%s-%s", meta(t, "name"), pod);

		json_set_str(v, "name", meta(t, "name"));
		json_set_str(cJSON_AddObjectToObject(v, "persistentVolumeClaim"), "claimName", name);
		if (!volumes)
			volumes = cJSON_AddArrayToObject(spec, "volumes");
		json_push(volumes, v);
		if (claim_ending(d, ns, name)) {
			docker_event(d, "StatefulSet", ns, meta(set, "name"), true, "FailedCreate",
				     "create Pod %s in StatefulSet %s failed error: pvc %s is being deleted", pod,
				     meta(set, "name"), name);
			ok = false;
		} else if (!store_get(&d->store, KIND_PERSISTENT_VOLUME_CLAIM, ns, name)) {
			c = cJSON_Duplicate(t, 1);
			m = cJSON_GetObjectItem(c, "metadata");
			json_set_str(m, "name", name);
			json_set_str(m, "namespace", ns);
			docker_claim_new(d, c);
		}
		if (*first)
			free(name);
		else
			*first = name;
	}
	return ok;
}

/* Pod number i, by the template of before where no update has reached it. */
static void launch(struct docker *d, const cJSON *w, const struct stateful *s,
		   const struct docker_set *k, const char *name, int64_t i)
{
	bool old = s->rolling && i < s->partition;
	cJSON *pod = workload_pod(w, old ? k->template : json_path(w, "spec.template"), name);
	cJSON *spec = cJSON_GetObjectItem(pod, "spec");
	cJSON *labels = cJSON_GetObjectItem(cJSON_GetObjectItem(pod, "metadata"), "labels");
	char index[24], *claim = NULL;

	snprintf(index, sizeof(index), "%lld", (long long)i);
	json_set_str(spec, "hostname", name);
	json_set_str(spec, "subdomain", json_str(json_get(w, "spec"), "serviceName", ""));
	json_set_str(labels, "statefulset.kubernetes.io/pod-name", name);
	json_set_str(labels, "apps.kubernetes.io/pod-index", index);
	json_set_str(labels, REVISION, old ? k->revision : s->update);
	if (add_claims(d, w, name, spec, &claim))
		workload_launch(d, w, pod, claim ? docker_claim_node(d, meta(w, "namespace"), claim) : NULL);
	else
		cJSON_Delete(pod);
	free(claim);
}

static void end(struct docker *d, const cJSON *w, const cJSON *pod)
{
	char name[256];

	mem_copy_str(name, sizeof(name), meta(pod, "name"));
	docker_event(d, "StatefulSet", meta(w, "namespace"), meta(w, "name"), false, "SuccessfulDelete",
		     "delete Pod %s in StatefulSet %s successful", name, meta(w, "name"));
	docker_pod_delete(d, meta(w, "namespace"), name, -1);
}

/* What is in the status besides what its revisions are called. */
struct counts {
	int64_t pods, ready, available, updated, current;
};

static void tell(struct docker *d, const cJSON *w, const struct stateful *s, struct docker_set *k,
		 const struct counts *n)
{
	cJSON *o = cJSON_CreateObject();

	/* completeRollingUpdate() */
	if (s->rolling && n->updated == n->pods && n->ready == n->pods && n->pods == s->replicas &&
	    strcmp(k->revision, s->update)) {
		mem_copy_str(k->revision, sizeof(k->revision), s->update);
		cJSON_Delete(k->template);
		k->template = cJSON_Duplicate(json_path(w, "spec.template"), 1);
	}
	json_set_i64(o, "observedGeneration", json_i64(json_get(w, "metadata"), "generation", 0));
	json_set_i64(o, "replicas", n->pods);
	json_set_i64(o, "readyReplicas", n->ready);
	json_set_i64(o, "availableReplicas", n->available);
	json_set_i64(o, "currentReplicas", strcmp(k->revision, s->update) ? n->current : n->updated);
	json_set_i64(o, "updatedReplicas", n->updated);
	json_set_str(o, "currentRevision", k->revision);
	json_set_str(o, "updateRevision", s->update);
	workload_status(d, KIND_STATEFUL_SET, w, o);
}

static void count(const struct stateful *s, const struct docker_set *k, const cJSON *pod,
		  struct counts *n)
{
	n->pods++;
	n->ready += kube_pod_ready(pod);
	n->available += stateful_available(pod, s->min_ready_s, clock_real_ns() / NS_PER_S);
	n->updated += !strcmp(revision_of(pod), s->update);
	n->current += !strcmp(revision_of(pod), k->revision);
}

void stateful_set(struct docker *d, const cJSON *w)
{
	const char *ns = meta(w, "namespace");
	char update[STATEFUL_REVISION_BYTES];
	struct counts n = {0};
	struct docker_set *k;
	struct stateful s;
	const cJSON **pods;
	bool blocked = false;
	int64_t next;

	stateful_revision(w, update);
	stateful_read(w, update, &s);
	k = kept(d, w, update);
	stateful_own(d, w, s.replicas);
	pods = mem_alloc(((size_t)s.replicas + 1) * sizeof(*pods));
	for (int64_t i = 0; i < s.replicas; i++) {
		char *name = mem_fmt("%s-%lld", meta(w, "name"), (long long)i);

		pods[i] = store_get(&d->store, KIND_POD, ns, name);
		if (!pods[i] && !blocked && workload_name_free(d, ns, name)) {
			launch(d, w, &s, k, name, i);
			pods[i] = store_get(&d->store, KIND_POD, ns, name);
		}
		/* One that was evicted is made anew. */
		if (pods[i] && workload_over(pods[i]) && !workload_ending(pods[i])) {
			end(d, w, pods[i]);
			pods[i] = store_get(&d->store, KIND_POD, ns, name);
		}
		free(name);
		if (pods[i])
			count(&s, k, pods[i], &n);
		if (!s.parallel &&
		    (!well(pods[i]) ||
		     !stateful_available(pods[i], s.min_ready_s, clock_real_ns() / NS_PER_S)))
			blocked = true;
	}
	next = blocked ? -1 : stateful_update(&s, pods);
	if (next >= 0)
		end(d, w, pods[next]);
	tell(d, w, &s, k, &n);
	free(pods);
}
