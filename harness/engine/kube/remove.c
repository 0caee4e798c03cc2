#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/kube/kube.h"

/* Deletes a whole collection of the namespace; what is being deleted already
 * is only watched. */
static int delete_collection(struct kube *k, const char *base, const char *ns, const char *plural,
			     int grace_s, struct err *e)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/namespaces/%s/%s", base, ns, plural);
	return kube_delete(k->k, path, "Background", grace_s, NULL, NULL, e);
}

static const char *claim_ns(const cJSON *pv)
{
	return json_str(json_path(pv, "spec.claimRef"), "namespace", "");
}

static const char *claim_name(const cJSON *pv)
{
	return json_str(json_path(pv, "spec.claimRef"), "name", "?");
}

static const char *policy(const cJSON *pv)
{
	return json_str(json_get(pv, "spec"), "persistentVolumeReclaimPolicy", "Retain");
}

/* Ours are reclaimed by the node agents whatever their policy, once they are
 * released. All others that claims of the run were bound to are somebody
 * else's: what becomes of them is for their policy to say, and for us to tell. */
static int tell_kept(struct kube *k, const char *ns, struct err *e)
{
	cJSON *list = NULL;
	const cJSON *pv;

	if (kube_get(k->k, "/api/v1/persistentvolumes", &list, e))
		return -1;
	cJSON_ArrayForEach(pv, json_get(list, "items"))
		if (!strcmp(claim_ns(pv), ns) && !kube_volume_is_ours(pv) && strcmp(policy(pv), "Delete"))
			log_warn("volume %s, which the claim %s was bound to, is not ordeal's: it stays with "
				 "what the run wrote to it (%s)", kube_meta(pv, "name"), claim_name(pv), policy(pv));
	cJSON_Delete(list);
	return 0;
}

/* What still holds a namespace back, for the error. */
static void what_is_left(struct kube *k, const char *ns, char *out, size_t size)
{
	char path[200];
	struct err e = {0};
	cJSON *list = NULL, *o = NULL;
	const cJSON *pod = NULL, *c;

	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods", ns);
	if (kube_get(k->k, path, &list, &e) == 0)
		pod = json_path(list, "items.0");
	if (pod) {
		snprintf(out, size, "pod %s on node %s is still there", kube_meta(pod, "name"),
			 json_str(json_get(pod, "spec"), "nodeName", "(none)"));
	} else {
		snprintf(path, sizeof(path), "/api/v1/namespaces/%s", ns);
		kube_get(k->k, path, &o, &e);
		kube_condition(o, "NamespaceContentRemaining", &c);
		snprintf(out, size, "%s", json_str(c, "message", "its content is gone, itself not yet"));
	}
	cJSON_Delete(list);
	cJSON_Delete(o);
}

static int await_gone(struct kube *k, const char *ns, const char *uid, int64_t deadline_ns,
		      struct err *e)
{
	char path[160], left[400], now[KUBE_UID_BYTES];
	enum kube_owner owner;

	snprintf(path, sizeof(path), "/api/v1/namespaces/%s", ns);
	for (;;) {
		/* One of that name that somebody made since is none of ours. */
		if (kube_owner_of(k, path, &owner, now, e))
			return -1;
		if (owner == KUBE_ABSENT || strcmp(now, uid))
			return 0;
		if (clock_mono_ns() > deadline_ns) {
			what_is_left(k, ns, left, sizeof(left));
			return err_set(e, ERR_BROKEN, "the namespace %s did not go away in time: %s", ns,
				       left);
		}
		if (kube_nap(k, e))
			return -1;
	}
}

int kube_remove_namespace(struct kube *k, const char *ns, int64_t deadline_ns, struct err *e)
{
	static const char *const owners[][2] = {{"/apis/apps/v1", "statefulsets"},
						{"/apis/apps/v1", "deployments"},
						{"/apis/batch/v1", "cronjobs"},
						{"/apis/batch/v1", "jobs"}};
	enum kube_owner owner;
	char path[160], uid[KUBE_UID_BYTES];

	snprintf(path, sizeof(path), "/api/v1/namespaces/%s", ns);
	if (kube_owner_of(k, path, &owner, uid, e))
		return -1;
	if (owner == KUBE_ABSENT)
		return 0;
	if (owner == KUBE_FOREIGN)
		return err_set(e, ERR_INPUT, "the namespace %s is not ordeal's; it stays", ns);
	if (tell_kept(k, ns, e))
		return -1;
	/* From here on nothing new is made there. The namespace's controller
	 * looks 5 s later, and again much later if anything is left then: so
	 * pods go at once instead of by their grace, and claims with them. */
	if (kube_delete(k->k, path, "Background", -1, uid, NULL, e))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(owners); i++)
		if (delete_collection(k, owners[i][0], ns, owners[i][1], -1, e))
			return -1;
	if (delete_collection(k, "/api/v1", ns, "pods", 0, e) ||
	    delete_collection(k, "/api/v1", ns, "persistentvolumeclaims", -1, e))
		return -1;
	return await_gone(k, ns, uid, deadline_ns, e);
}

/* Waits until the node agents have reclaimed every volume of ours. With
 * `found`, says which there were. */
int kube_remove_volumes(struct kube *k, int64_t deadline_ns, cJSON *found, struct err *e)
{
	for (bool first = true;; first = false) {
		cJSON *list = NULL;
		const cJSON *pv;
		char left[128] = "";
		size_t n = 0;

		if (kube_get(k->k, "/api/v1/persistentvolumes", &list, e))
			return -1;
		cJSON_ArrayForEach(pv, json_get(list, "items")) {
			if (!kube_volume_is_ours(pv))
				continue;
			n++;
			mem_copy_str(left, sizeof(left), kube_meta(pv, "name"));
			if (found && first)
				json_pushf(found, "volume %s of claim %s/%s", left, claim_ns(pv),
					   claim_name(pv));
		}
		cJSON_Delete(list);
		if (!n)
			return 0;
		if (clock_mono_ns() > deadline_ns)
			return err_set(e, ERR_BROKEN,
				       "volume %s was not reclaimed in time: does the agent of its node run?",
				       left);
		if (kube_nap(k, e))
			return -1;
	}
}

int kube_engine_remove(struct engine *en, int64_t deadline_ns, struct err *e)
{
	struct kube *k = (struct kube *)en;

	if (kube_connect(k, true, e) ||
	    kube_remove_namespace(k, k->base.namespace, deadline_ns, e))
		return -1;
	return kube_remove_volumes(k, deadline_ns, NULL, e);
}

/* `name` NULL: whatever its name. */
static int remove_labelled(struct kube *k, const char *base, const char *kind, const char *name,
			   cJSON *found, struct err *e)
{
	cJSON *list = NULL;
	const cJSON *o;
	char path[400];
	int r = 0;

	snprintf(path, sizeof(path), "%s?%s", base, KUBE_RUN_SELECTOR);
	if (kube_get(k->k, path, &list, e))
		return -1;
	cJSON_ArrayForEach(o, json_get(list, "items")) {
		if (name && strcmp(kube_meta(o, "name"), name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", base, kube_meta(o, "name"));
		if (found)
			json_pushf(found, "%s %s", kind, kube_meta(o, "name"));
		if (kube_delete(k->k, path, NULL, -1, kube_meta(o, "uid"), NULL, e))
			r = -1;
	}
	cJSON_Delete(list);
	return r;
}

int kube_remove_cluster_objects(struct kube *k, cJSON *found, struct err *e)
{
	static const char *const kinds[][3] = {
		{"/apis/storage.k8s.io/v1/storageclasses", "StorageClass", NULL},
		{"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "ClusterRoleBinding", KUBE_NODE_ROLE},
		{"/apis/rbac.authorization.k8s.io/v1/clusterroles", "ClusterRole", KUBE_NODE_ROLE},
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (remove_labelled(k, kinds[i][0], kinds[i][1], kinds[i][2], found, e))
			return -1;
	return 0;
}
