#include "engine/docker/controller/controller.h"

#include <stdio.h>
#include <string.h>

#include "apiserver/admit.h"
#include "base/json.h"
#include "base/random.h"
#include "engine/docker/plan.h"

cJSON *workload_reference(const cJSON *w)
{
	cJSON *owner = cJSON_CreateObject();

	json_set_str(owner, "apiVersion", json_str(w, "apiVersion", ""));
	json_set_str(owner, "kind", json_str(w, "kind", ""));
	json_set_str(owner, "name", kube_meta(w, "name"));
	json_set_str(owner, "uid", kube_meta(w, "uid"));
	json_set_bool(owner, "controller", true);
	json_set_bool(owner, "blockOwnerDeletion", true);
	return owner;
}

cJSON *workload_pod(const cJSON *w, const cJSON *template, const char *name)
{
	const cJSON *labels = json_path(template, "metadata.labels");
	const cJSON *notes = json_path(template, "metadata.annotations");
	cJSON *pod = cJSON_CreateObject(), *m;

	m = cJSON_AddObjectToObject(pod, "metadata");
	json_set_str(m, "name", name);
	json_set_str(m, "namespace", kube_meta(w, "namespace"));
	json_set(m, "labels", labels ? cJSON_Duplicate(labels, 1) : cJSON_CreateObject());
	if (notes)
		json_set(m, "annotations", cJSON_Duplicate(notes, 1));
	json_push(cJSON_AddArrayToObject(m, "ownerReferences"), workload_reference(w));
	json_set(pod, "spec", cJSON_Duplicate(json_get(template, "spec"), 1));
	return pod;
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
	const char *sa = json_str(json_get(pod, "spec"), "serviceAccountName", NULL), *ns = kube_meta(w, "namespace");
	const char *kind = json_str(w, "kind", ""), *name = kube_meta(w, "name"), *pod_name = kube_meta(pod, "name");
	struct buf why = {0};

	if (admit(kind_by_id(KIND_POD), pod, &docker_nets, first_reason, &why)) {
		docker_event(d, kind, ns, name, true, "FailedCreate",
			     "create Pod %s in %s %s failed error: Pod \"%s\" is invalid: %s", pod_name, kind, name,
			     pod_name, buf_cstr(&why));
		buf_free(&why);
		return true;
	}
	if (!sa || store_get(&d->store, KIND_SERVICE_ACCOUNT, ns, sa))
		return false;
	docker_event(d, kind, ns, name, true, "FailedCreate",
		     "create Pod %s in %s %s failed error: pods \"%s\" is forbidden: error looking up service "
		     "account %s/%s: serviceaccount \"%s\" not found", pod_name, kind, name, pod_name, ns, sa, sa);
	return true;
}

bool workload_launch(struct docker *d, const cJSON *w, cJSON *pod, const char *node)
{
	struct err e = {0};
	int at;

	if (refused(d, w, pod)) {
		cJSON_Delete(pod);
		return false;
	}
	at = plan_node(&d->store, pod, docker_node_names, DOCKER_NODES, node, &e);
	if (at < 0) {
		docker_event(d, "Pod", kube_meta(pod, "namespace"), kube_meta(pod, "name"), true, "FailedScheduling",
			     "%s", e.msg);
		cJSON_Delete(pod);
		return false;
	}
	json_set_str(cJSON_GetObjectItem(pod, "spec"), "nodeName", docker_node_names[at]);
	docker_pod_begin(d, store_put(&d->store, KIND_POD, pod), NULL);
	return true;
}

bool workload_name_free(struct docker *d, const char *ns, const char *name)
{
	return !store_get(&d->store, KIND_POD, ns, name) && !docker_pod_find(d, ns, name);
}

bool workload_owns(const cJSON *w, const cJSON *object)
{
	return !strcmp(json_str(json_path(object, "metadata.ownerReferences.0"), "uid", ""), kube_meta(w, "uid"));
}

/* As the API server makes names from metadata.generateName: what is too long
 * for a label is cut before the part that is made up (SimpleNameGenerator). */
void workload_name(const cJSON *w, char name[WORKLOAD_NAME_BYTES])
{
	enum { SUFFIX_BYTES = 5 };
	char suffix[SUFFIX_BYTES + 1];

	random_hex(suffix, sizeof(suffix) - 1);
	snprintf(name, WORKLOAD_NAME_BYTES, "%.*s-%s", WORKLOAD_NAME_BYTES - SUFFIX_BYTES - 2, kube_meta(w, "name"),
		 suffix);
}

bool workload_ending(const cJSON *pod)
{
	return json_get(json_get(pod, "metadata"), "deletionTimestamp") != NULL;
}

bool workload_over(const cJSON *pod)
{
	const char *phase = json_str(json_get(pod, "status"), "phase", "");

	return !strcmp(phase, "Failed") || !strcmp(phase, "Succeeded");
}

void workload_status(struct docker *d, enum kind_id kind, const cJSON *w, cJSON *status)
{
	cJSON *o = cJSON_Duplicate(w, 1);

	json_set(o, "status", status);
	store_put(&d->store, kind, o);
}
