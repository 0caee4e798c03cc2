/* What makes a node's pods and keeps their data, asked of the API server and
 * changed there: nothing but what a run has made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "kube/read.h"
#include "node/kube.h"

#define RESTARTED "kubectl.kubernetes.io/restartedAt"
#define MERGE_PATCH "application/merge-patch+json"

static int get_pod(struct node *n, const char *ns, const char *name, cJSON **pod, struct err *e)
{
	char url[500];

	snprintf(url, sizeof(url), "/api/v1/namespaces/%s/pods/%s", ns, name);
	return kube_node_get(n->impl, url, pod, e);
}

int kube_pod_look(struct node *n, const char *ns, const char *name, struct node_pod *out,
		  struct err *e)
{
	cJSON *pod = NULL;

	memset(out, 0, sizeof(*out));
	if (get_pod(n, ns, name, &pod, e))
		return -1;
	mem_copy_str(out->uid, sizeof(out->uid), kube_meta(pod, "uid"));
	mem_copy_str(out->node, sizeof(out->node), json_str(json_get(pod, "spec"), "nodeName", ""));
	out->deleting = json_get(json_get(pod, "metadata"), "deletionTimestamp") != NULL;
	out->ready = kube_pod_ready(pod);
	cJSON_Delete(pod);
	return 0;
}

/* Whether everything in it is a run's: its engine has made it. */
static int is_ours(struct node *n, const char *ns, bool *ours, struct err *e)
{
	cJSON *o = NULL;
	char url[300];

	snprintf(url, sizeof(url), "/api/v1/namespaces/%s", ns);
	if (kube_node_get(n->impl, url, &o, e))
		return -1;
	*ours = *kube_label(o, KUBE_RUN_LABEL) != '\0';
	cJSON_Delete(o);
	return 0;
}

static int check_ours(struct node *n, const char *ns, struct err *e)
{
	bool ours;

	if (is_ours(n, ns, &ours, e))
		return -1;
	return ours ? 0 : err_set(e, ERR_UNSUPPORTED, "the namespace %s carries no label " KUBE_RUN_LABEL
				  ": it is not a run's, and stays as it is", ns);
}

static void set_path(const char *ns, const char *set, char url[500])
{
	snprintf(url, 500, "/apis/apps/v1/namespaces/%s/statefulsets/%s", ns, set);
}

static const cJSON *owner_of(const cJSON *pod)
{
	const cJSON *o;

	cJSON_ArrayForEach(o, json_path(pod, "metadata.ownerReferences"))
		if (!strcmp(json_str(o, "kind", ""), "StatefulSet"))
			return o;
	return NULL;
}

static int read_set(struct node *n, const char *ns, const cJSON *owner, struct node_set *out,
		    struct err *e)
{
	const cJSON *strategy;
	cJSON *set = NULL;
	char url[500];

	set_path(ns, json_str(owner, "name", ""), url);
	if (kube_node_get(n->impl, url, &set, e))
		return -1;
	if (set && !strcmp(kube_meta(set, "uid"), json_str(owner, "uid", ""))) {
		strategy = json_path(set, "spec.updateStrategy");
		mem_copy_str(out->name, sizeof(out->name), kube_meta(set, "name"));
		mem_copy_str(out->uid, sizeof(out->uid), kube_meta(set, "uid"));
		out->rolling = strcmp(json_str(strategy, "type", ""), "OnDelete") != 0;
		out->partition = json_i64(json_get(strategy, "rollingUpdate"), "partition", 0);
	}
	cJSON_Delete(set);
	return 0;
}

int kube_set_of(struct node *n, const char *ns, const char *name, struct node_set *out,
		struct err *e)
{
	cJSON *pod = NULL;
	int r;

	memset(out, 0, sizeof(*out));
	if (get_pod(n, ns, name, &pod, e))
		return -1;
	r = owner_of(pod) ? read_set(n, ns, owner_of(pod), out, e) : 0;
	cJSON_Delete(pod);
	return r;
}

int kube_set_restart(struct node *n, const char *ns, const char *set, const char *uid,
		     const char *stamp, struct err *e)
{
	cJSON *body = cJSON_CreateObject(), *o;
	char url[500];
	int r;

	if (check_ours(n, ns, e)) {
		cJSON_Delete(body);
		return -1;
	}
	json_set_str(cJSON_AddObjectToObject(body, "metadata"), "uid", uid);
	o = cJSON_AddObjectToObject(cJSON_AddObjectToObject(body, "spec"), "template");
	o = cJSON_AddObjectToObject(cJSON_AddObjectToObject(o, "metadata"), "annotations");
	json_set_str(o, RESTARTED, stamp);
	set_path(ns, set, url);
	r = kube_node_send(n->impl, "PATCH", url, MERGE_PATCH, body, false, e);
	cJSON_Delete(body);
	return r;
}

/* ---- claims ---- */

static void claim_path(const char *ns, const char *claim, char url[700])
{
	snprintf(url, 700, "/api/v1/namespaces/%s/persistentvolumeclaims/%s", ns, claim);
}

/* Its volume goes with it: one that somebody else has made is not ours to lose. A
 * claim without one is. */
static int volume_is_ours(struct node *n, const char *volume, bool *ours, struct err *e)
{
	cJSON *pv = NULL;
	char url[400];

	*ours = true;
	snprintf(url, sizeof(url), "/api/v1/persistentvolumes/%s", volume);
	if (*volume && kube_node_get(n->impl, url, &pv, e))
		return -1;
	if (pv)
		*ours = kube_volume_is_ours(pv);
	cJSON_Delete(pv);
	return 0;
}

static const char *volume_of(const cJSON *claim)
{
	return json_str(json_get(claim, "spec"), "volumeName", "");
}

static int add_claim(struct node *n, const char *ns, const char *name, cJSON *out, struct err *e)
{
	bool space = false, volume = false;
	cJSON *claim = NULL, *o;
	char url[700];
	int r;

	claim_path(ns, name, url);
	r = kube_node_get(n->impl, url, &claim, e);
	if (!r && claim)
		r = is_ours(n, ns, &space, e) || volume_is_ours(n, volume_of(claim), &volume, e) ?
			    -1 :
			    0;
	if (!r && claim) {
		o = cJSON_CreateObject();
		json_set_str(o, "name", name);
		json_set_str(o, "uid", kube_meta(claim, "uid"));
		json_set_str(o, "volume", volume_of(claim));
		json_set_bool(o, "ours", space && volume);
		json_push(out, o);
	}
	cJSON_Delete(claim);
	return r;
}

int kube_claims(struct node *n, const char *ns, const char *name, cJSON *out, struct err *e)
{
	const cJSON *v;
	cJSON *pod = NULL;
	int r = get_pod(n, ns, name, &pod, e);

	cJSON_ArrayForEach(v, json_path(pod, "spec.volumes")) {
		const char *claim = json_str(json_get(v, "persistentVolumeClaim"), "claimName", NULL);

		if (!r && claim)
			r = add_claim(n, ns, claim, out, e);
	}
	cJSON_Delete(pod);
	return r;
}

int kube_claim_delete(struct node *n, const char *ns, const char *name, const char *uid,
		      struct err *e)
{
	cJSON *claim = NULL, *body;
	bool ours = true;
	char url[700];
	int r;

	claim_path(ns, name, url);
	if (check_ours(n, ns, e) || kube_node_get(n->impl, url, &claim, e))
		return -1;
	r = volume_is_ours(n, volume_of(claim), &ours, e);
	if (!r && !ours)
		r = err_set(e, ERR_UNSUPPORTED, "the volume %s of claim %s is not a run's: it stays as it is",
			    volume_of(claim), name);
	cJSON_Delete(claim);
	if (r)
		return -1;
	body = kube_delete_options(uid, -1);
	r = kube_node_send(n->impl, "DELETE", url, KUBE_JSON, body, true, e);
	cJSON_Delete(body);
	return r;
}
