#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/kube/kube.h"
#include "manifest/names.h"
#include "yaml/yaml.h"

#define GONE_WITHIN_NS (90 * NS_PER_S)

/* What others refer to comes first: a pod whose Secret comes late starts late,
 * by the kubelet's back-off. */
static int rank(const char *kind)
{
	static const char *const first[] = {"StorageClass", "ServiceAccount", "Secret", "ConfigMap",
					    "Role", "RoleBinding", "PersistentVolumeClaim",
					    "Service", "Endpoints"};

	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		if (!strcmp(first[i], kind))
			return (int)i;
	return (int)ARRAY_LEN(first);
}

/* A namespace left by an earlier run is emptied first, so that no old claim
 * or lock takes part. The new one is created, never applied: one that somebody
 * else makes in between is not taken over. */
static int make_namespace(struct kube *k, struct err *e)
{
	const char *ns = k->base.namespace;
	enum kube_owner owner;
	cJSON *o, *meta, *labels;
	char path[160];
	int r;

	snprintf(path, sizeof(path), "/api/v1/namespaces/%s", ns);
	if (kube_refuse_foreign(k, e) || kube_owner_of(k, path, &owner, NULL, e))
		return -1;
	if (owner == KUBE_OURS) {
		log_info("removing what an earlier run left in the namespace %s", ns);
		if (kube_remove_namespace(k, ns, clock_mono_ns() + GONE_WITHIN_NS, e))
			return -1;
	}
	o = cJSON_CreateObject();
	meta = cJSON_CreateObject();
	labels = cJSON_CreateObject();
	json_set_str(o, "apiVersion", "v1");
	json_set_str(o, "kind", "Namespace");
	json_set_str(meta, "name", ns);
	json_set_str(labels, KUBE_RUN_LABEL, k->base.conf.run_id);
	json_set(meta, "labels", labels);
	json_set(o, "metadata", meta);
	r = kube_send(k->k, "POST", "/api/v1/namespaces", KUBE_JSON, o, NULL, NULL, e);
	cJSON_Delete(o);
	return r;
}

/* A StorageClass of the manifest: its fields cannot be changed in place, and
 * one that is not ours stays as it is. */
static int apply_class(struct kube *k, cJSON *o, struct err *e)
{
	cJSON *meta = cJSON_GetObjectItem(o, "metadata"), *labels;
	static const char base[] = "/apis/storage.k8s.io/v1/storageclasses";
	char path[300], uid[KUBE_UID_BYTES];
	enum kube_owner owner;

	snprintf(path, sizeof(path), "%s/%s", base, kube_meta(o, "name"));
	if (kube_owner_of(k, path, &owner, uid, e))
		return -1;
	if (owner == KUBE_FOREIGN) {
		log_warn("StorageClass %s is the cluster's own and stays as it is",
			 kube_meta(o, "name"));
		return 0;
	}
	if (owner == KUBE_OURS && kube_delete(k->k, path, NULL, -1, uid, NULL, e))
		return -1;
	labels = cJSON_GetObjectItem(meta, "labels");
	if (!labels)
		labels = cJSON_AddObjectToObject(meta, "labels");
	json_set_str(labels, KUBE_RUN_LABEL, k->base.conf.run_id);
	return kube_send(k->k, "POST", base, KUBE_JSON, o, NULL, NULL, e);
}

/* Nothing outside the run's own namespace is touched. */
static int apply_object(struct kube *k, const struct ynode *node, struct err *e)
{
	cJSON *o = yaml_to_json(node);
	const char *kind = json_str(o, "kind", ""), *ns = kube_meta(o, "namespace");
	struct kube_kind kk;
	int r = 0;

	if (!name_is_segment(kube_meta(o, "name"))) {
		/* It would lead elsewhere. */
		r = yaml_error(node, e, "%s \"%.80s\": that cannot be the name of an object", kind,
			       kube_meta(o, "name"));
	} else if (!strcmp(kind, "StorageClass")) {
		r = apply_class(k, o, e);
	} else if (!strcmp(kind, "Namespace")) {
		if (strcmp(kube_meta(o, "name"), k->base.namespace))
			r = yaml_error(node, e, "a run has one namespace, %s", k->base.namespace);
	} else if (*ns && strcmp(ns, k->base.namespace)) {
		r = yaml_error(node, e, "%s %s lies in the namespace %s; a run touches only its own, %s",
			       kind, kube_meta(o, "name"), ns, k->base.namespace);
	} else if (kube_kind_find(k->k, json_str(o, "apiVersion", ""), kind, &kk, e)) {
		r = e->kind == ERR_INTERRUPTED ? -1 : yaml_error(node, e, "%s", e->msg);
	} else if (!kk.namespaced) {
		r = yaml_error(node, e, "%s %s would lie outside the run's namespace", kind,
			       kube_meta(o, "name"));
	} else if (kube_apply(k->k, k->base.namespace, o, e)) {
		r = err_prefix(e, "%s:%d", node->file, node->line);
	}
	cJSON_Delete(o);
	return r;
}

static const char *kind_of(const struct ynode *o)
{
	const struct ynode *n = yaml_get(o, "kind");

	return n && n->kind == Y_SCALAR ? n->text : "";
}

static int apply_all(struct kube *k, const struct manifest *m, struct err *e)
{
	int last = rank("");

	for (int i = 0; i <= last; i++) {
		for (size_t j = 0; j < m->n; j++) {
			if (rank(kind_of(m->objects[j])) != i)
				continue;
			if (kube_client_stopped(k->k))
				return err_set(e, ERR_INTERRUPTED, "interrupted");
			if (apply_object(k, m->objects[j], e))
				return -1;
		}
	}
	return 0;
}

int kube_engine_apply(struct engine *en, const struct manifest *m, struct err *e)
{
	struct kube *k = (struct kube *)en;
	struct arena a = {0};
	const char **refs = NULL;
	size_t n = 0;
	int r;

	r = manifest_images(&a, m, &refs, &n, e);
	if (!r)
		r = images_error(&k->images, refs, n, e);
	arena_free(&a);
	if (r || kube_connect(k, false, e) || kube_refuse_doomed(k, m, e) || make_namespace(k, e) ||
	    kube_load_agent_up(k, e) || apply_all(k, m, e))
		return -1;
	return kube_load_agent_wait(k, e);
}
