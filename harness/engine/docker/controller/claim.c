#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "engine/docker/controller/controller.h"

/* What becomes of claims that are deleted, and of their volumes: as with the
 * finalizer kubernetes.io/pvc-protection, a claim stays for as long as a pod uses
 * it, and a volume goes with its claim (reclaim policy Delete). */

static const cJSON *claim_of(const struct docker *d, const char *ns, const char *name)
{
	return store_get(&d->store, KIND_PERSISTENT_VOLUME_CLAIM, ns, name);
}

bool claim_ending(const struct docker *d, const char *ns, const char *claim)
{
	return json_get(json_get(claim_of(d, ns, claim), "metadata"), "deletionTimestamp") != NULL;
}

static bool uses(const cJSON *pod, const char *claim)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, json_path(pod, "spec.volumes"))
		if (!strcmp(json_str(json_get(v, "persistentVolumeClaim"), "claimName", ""), claim))
			return true;
	return false;
}

/* By a pod's object, or by one whose object is gone and which still ends. */
static bool in_use(const struct docker *d, const char *ns, const char *claim)
{
	for (size_t i = 0; i < d->store.n; i++)
		if (d->store.v[i].kind->id == KIND_POD && !strcmp(kube_meta(d->store.v[i].object, "namespace"), ns) &&
		    uses(d->store.v[i].object, claim))
			return true;
	for (size_t i = 0; i < d->npods; i++)
		if (!strcmp(d->pods[i]->ns, ns) && uses(d->pods[i]->object, claim))
			return true;
	return false;
}

void claims_end(struct docker *d)
{
	for (size_t i = d->store.n; i-- > 0;) {
		const cJSON *o = d->store.v[i].object;
		const char *ns = kube_meta(o, "namespace"), *name = kube_meta(o, "name");

		if (d->store.v[i].kind->id == KIND_PERSISTENT_VOLUME_CLAIM &&
		    claim_ending(d, ns, name) && !in_use(d, ns, name))
			store_delete(&d->store, KIND_PERSISTENT_VOLUME_CLAIM, ns, name);
	}
}

/* Its claim is no more, or is another one of that name. */
static bool released(const struct docker *d, const cJSON *pv)
{
	const cJSON *ref = json_path(pv, "spec.claimRef");
	const cJSON *claim = claim_of(d, json_str(ref, "namespace", ""), json_str(ref, "name", ""));

	return ref && (!claim || strcmp(kube_meta(claim, "uid"), json_str(ref, "uid", "")));
}

void claims_reclaim(struct docker *d)
{
	for (size_t i = d->store.n; i-- > 0;) {
		struct err e = {0};
		char name[300];
		int r;

		if (i >= d->store.n || d->store.v[i].kind->id != KIND_PERSISTENT_VOLUME ||
		    !released(d, d->store.v[i].object))
			continue;
		mem_copy_str(name, sizeof(name), kube_meta(d->store.v[i].object, "name"));
		store_unlock(&d->store);
		r = docker_volume_remove(d, name, &e);
		store_lock(&d->store);
		if (r)
			docker_event(d, "PersistentVolume", "", name, true, "VolumeFailedDelete", "%s", e.msg);
		else
			store_delete(&d->store, KIND_PERSISTENT_VOLUME, NULL, name);
	}
}
