#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/controller/controller.h"
#include "engine/docker/plan.h"

static bool has_controller(const cJSON *o)
{
	const cJSON *r;

	cJSON_ArrayForEach(r, json_path(o, "metadata.ownerReferences"))
		if (json_bool(r, "controller", false))
			return true;
	return false;
}

static int own_place(const cJSON *set, const cJSON *o)
{
	const cJSON *r;
	int i = 0;

	cJSON_ArrayForEach(r, json_path(o, "metadata.ownerReferences")) {
		if (!strcmp(json_str(r, "uid", ""), kube_meta(set, "uid")))
			return i;
		i++;
	}
	return -1;
}

static void set_owner(struct docker *d, const cJSON *set, enum kind_id id, const cJSON *o, bool own)
{
	int at = own_place(set, o);
	cJSON *copy, *meta;

	if ((at >= 0) == own || (own && has_controller(o)) || workload_ending(o))
		return;
	copy = cJSON_Duplicate(o, 1);
	meta = cJSON_GetObjectItemCaseSensitive(copy, "metadata");
	if (!own)
		cJSON_DeleteItemFromArray(cJSON_GetObjectItemCaseSensitive(meta, "ownerReferences"), at);
	else if (!cJSON_IsArray(json_get(meta, "ownerReferences")))
		json_set(meta, "ownerReferences", cJSON_CreateArray());
	if (own)
		json_push(cJSON_GetObjectItemCaseSensitive(meta, "ownerReferences"), workload_reference(set));
	store_put(&d->store, id, copy);
}

void stateful_own(struct docker *d, const cJSON *set, int64_t replicas)
{
	const char *ns = kube_meta(set, "namespace"), *name = kube_meta(set, "name");
	bool own = !strcmp(json_str(json_path(set, "spec.persistentVolumeClaimRetentionPolicy"), "whenDeleted", ""), "Delete");
	const cJSON *t;

	for (int64_t i = 0; i < replicas; i++) {
		char *pod = mem_fmt("%s-%lld", name, (long long)i);
		const cJSON *o = store_get(&d->store, KIND_POD, ns, pod);

		if (o && plan_selects(json_path(set, "spec.selector"), json_path(o, "metadata.labels")))
			set_owner(d, set, KIND_POD, o, true);
		cJSON_ArrayForEach(t, json_path(set, "spec.volumeClaimTemplates")) {
			char *claim = mem_fmt("%s-%s", kube_meta(t, "name"), pod);

			o = store_get(&d->store, KIND_PERSISTENT_VOLUME_CLAIM, ns, claim);
			if (o)
				set_owner(d, set, KIND_PERSISTENT_VOLUME_CLAIM, o, own);
			free(claim);
		}
		free(pod);
	}
}
