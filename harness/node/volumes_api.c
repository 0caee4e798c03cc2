#include "node/volumes_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/volumes.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/read.h"

#define PV_NODE "ordeal.dev/node"
#define HOSTNAME "kubernetes.io/hostname"

int volumes_api_open(struct volumes_api *a, const struct kube_conf *conf, const char *node,
		     struct err *e)
{
	mem_copy_str(a->node, sizeof(a->node), node);
	return kube_client_new(conf, NULL, &a->k, e);
}

void volumes_api_close(struct volumes_api *a)
{
	kube_client_free(a->k);
	a->k = NULL;
}

void claims_free(struct claims *c)
{
	for (size_t i = 0; i < c->n; i++)
		cJSON_Delete(c->v[i].modes);
	free(c->v);
	memset(c, 0, sizeof(*c));
}

bool claims_want(const struct claims *c, const char *pv)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->v[i].pv, pv))
			return true;
	return false;
}

/* Classes are seen from every namespace; what is claimed in one that no run
 * made would be gone with the run, and is not ours to serve. */
static bool in_run(const cJSON *namespaces, const cJSON *claim)
{
	const cJSON *o;

	cJSON_ArrayForEach(o, json_get(namespaces, "items"))
		if (!strcmp(kube_meta(o, "name"), kube_meta(claim, "namespace")))
			return true;
	return false;
}

static void take_claim(const struct volumes_api *a, const cJSON *namespaces, const cJSON *o,
		       struct claims *out)
{
	const cJSON *meta = json_get(o, "metadata"), *spec = json_get(o, "spec");
	const cJSON *notes = json_get(meta, "annotations");
	struct claim *c;

	if (strcmp(json_str(notes, CLAIM_PROVISIONER, ""), KUBE_PROVISIONER) ||
	    strcmp(json_str(notes, CLAIM_NODE, ""), a->node) || json_str(spec, "volumeName", "")[0] ||
	    json_get(meta, "deletionTimestamp") || !in_run(namespaces, o))
		return;
	c = VEC_PUSH(out->v, out->n, out->alloc);
	mem_copy_str(c->ns, sizeof(c->ns), json_str(meta, "namespace", ""));
	mem_copy_str(c->name, sizeof(c->name), json_str(meta, "name", ""));
	mem_copy_str(c->uid, sizeof(c->uid), json_str(meta, "uid", ""));
	mem_copy_str(c->class, sizeof(c->class), json_str(spec, "storageClassName", ""));
	mem_copy_str(c->size, sizeof(c->size),
		     json_str(json_path(spec, "resources.requests"), "storage", ""));
	c->block = !strcmp(json_str(spec, "volumeMode", ""), "Block");
	c->modes = cJSON_Duplicate(json_get(spec, "accessModes"), 1);
	snprintf(c->pv, sizeof(c->pv), "pvc-%s", c->uid);
}

int volumes_api_claims(struct volumes_api *a, struct claims *out, struct err *e)
{
	const cJSON *it;
	cJSON *list = NULL, *namespaces = NULL;
	int r = -1;

	memset(out, 0, sizeof(*out));
	if (kube_get(a->k, "/api/v1/persistentvolumeclaims", &list, e) ||
	    kube_get(a->k, "/api/v1/namespaces?" KUBE_RUN_SELECTOR, &namespaces, e))
		goto out;
	cJSON_ArrayForEach(it, json_get(list, "items"))
		take_claim(a, namespaces, it, out);
	r = 0;
out:
	cJSON_Delete(list);
	cJSON_Delete(namespaces);
	return r;
}

int volumes_api_pvs(struct volumes_api *a, cJSON **out, struct err *e)
{
	return kube_get(a->k, "/api/v1/persistentvolumes", out, e);
}

bool volumes_api_here(const struct volumes_api *a, const cJSON *pv)
{
	const cJSON *notes = json_path(pv, "metadata.annotations");

	return !strcmp(json_str(notes, PV_PROVISIONED_BY, ""), KUBE_PROVISIONER) &&
	       !strcmp(json_str(notes, PV_NODE, ""), a->node);
}

/* Local volumes are tied to a node by its hostname label, which need not be
 * the node's name. */
static int learn_hostname(struct volumes_api *a, struct err *e)
{
	cJSON *node = NULL;
	char path[300];

	if (a->hostname[0])
		return 0;
	snprintf(path, sizeof(path), "/api/v1/nodes/%s", a->node);
	if (kube_get(a->k, path, &node, e))
		return -1;
	mem_copy_str(a->hostname, sizeof(a->hostname),
		     json_str(json_path(node, "metadata.labels"), HOSTNAME, a->node));
	cJSON_Delete(node);
	return 0;
}

/* Delete unless the class says otherwise; we reclaim all the same, but the
 * object shall tell what was asked for. */
static void reclaim_policy(struct volumes_api *a, const char *class, char *out, size_t size)
{
	struct err ignored = {0};
	cJSON *o = NULL;
	char path[400];

	snprintf(path, sizeof(path), "/apis/storage.k8s.io/v1/storageclasses/%s", class);
	kube_get(a->k, path, &o, &ignored);
	mem_copy_str(out, size, json_str(o, "reclaimPolicy", "Delete"));
	cJSON_Delete(o);
}

static cJSON *child(cJSON *o, const char *key)
{
	return cJSON_AddObjectToObject(o, key);
}

static void tie_to_node(cJSON *spec, const char *hostname)
{
	cJSON *terms = cJSON_AddArrayToObject(child(child(spec, "nodeAffinity"), "required"),
					      "nodeSelectorTerms");
	cJSON *term = cJSON_CreateObject(), *expr = cJSON_CreateObject(), *exprs;

	json_push(terms, term);
	exprs = cJSON_AddArrayToObject(term, "matchExpressions");
	json_push(exprs, expr);
	json_set_str(expr, "key", HOSTNAME);
	json_set_str(expr, "operator", "In");
	json_push(cJSON_AddArrayToObject(expr, "values"), cJSON_CreateString(hostname));
}

int volumes_api_create_pv(struct volumes_api *a, const struct claim *c, const char *path,
			  struct err *e)
{
	cJSON *pv = cJSON_CreateObject(), *meta, *notes, *spec, *ref;
	char policy[32];
	int status = 0, r;

	if (learn_hostname(a, e)) {
		cJSON_Delete(pv);
		return -1;
	}
	reclaim_policy(a, c->class, policy, sizeof(policy));
	json_set_str(pv, "apiVersion", "v1");
	json_set_str(pv, "kind", "PersistentVolume");
	meta = child(pv, "metadata");
	json_set_str(meta, "name", c->pv);
	notes = child(meta, "annotations");
	json_set_str(notes, PV_PROVISIONED_BY, KUBE_PROVISIONER);
	json_set_str(notes, PV_NODE, a->node);
	spec = child(pv, "spec");
	json_set_str(child(spec, "capacity"), "storage", c->size);
	json_set(spec, "accessModes", cJSON_Duplicate(c->modes, 1));
	json_set_str(spec, "persistentVolumeReclaimPolicy", policy);
	json_set_str(spec, "storageClassName", c->class);
	json_set_str(spec, "volumeMode", "Filesystem");
	json_set_str(child(spec, "local"), "path", path);
	ref = child(spec, "claimRef");
	json_set_str(ref, "apiVersion", "v1");
	json_set_str(ref, "kind", "PersistentVolumeClaim");
	json_set_str(ref, "namespace", c->ns);
	json_set_str(ref, "name", c->name);
	json_set_str(ref, "uid", c->uid);
	tie_to_node(spec, a->hostname);
	r = kube_send(a->k, "POST", "/api/v1/persistentvolumes", KUBE_JSON, pv, NULL, &status, e);
	cJSON_Delete(pv);
	return r && status == 409 ? 0 : r; /* it is there already */
}

int volumes_api_delete_pv(struct volumes_api *a, const char *name, struct err *e)
{
	char path[300];

	snprintf(path, sizeof(path), "/api/v1/persistentvolumes/%s", name);
	return kube_delete(a->k, path, NULL, -1, NULL, NULL, e);
}

void volumes_api_tell(struct volumes_api *a, const struct claim *c, const char *message)
{
	cJSON *ev = cJSON_CreateObject(), *meta, *of;
	struct err e = {0};
	char path[200], now[32];

	clock_rfc3339(clock_real_ns(), now);
	/* Kubernetes' metav1.Time has whole seconds. */
	mem_copy_str(now + 19, sizeof(now) - 19, "Z");
	json_set_str(ev, "apiVersion", "v1");
	json_set_str(ev, "kind", "Event");
	meta = child(ev, "metadata");
	json_set_str(meta, "generateName", "ordeal-volume-");
	json_set_str(meta, "namespace", c->ns);
	of = child(ev, "involvedObject");
	json_set_str(of, "apiVersion", "v1");
	json_set_str(of, "kind", "PersistentVolumeClaim");
	json_set_str(of, "namespace", c->ns);
	json_set_str(of, "name", c->name);
	json_set_str(of, "uid", c->uid);
	json_set_str(ev, "type", "Warning");
	json_set_str(ev, "reason", "ProvisioningFailed");
	json_set_str(ev, "message", message);
	json_set_str(ev, "firstTimestamp", now);
	json_set_str(ev, "lastTimestamp", now);
	json_set_i64(ev, "count", 1);
	json_set_str(child(ev, "source"), "component", "ordeal-node-agent");
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/events", c->ns);
	if (kube_send(a->k, "POST", path, KUBE_JSON, ev, NULL, NULL, &e))
		log_warn("claim %s/%s: its event could not be told: %s", c->ns, c->name, e.msg);
	cJSON_Delete(ev);
}
