/* Manifests become the objects of the API that we serve. */
#include <string.h>

#include "apiserver/data.h"
#include "base/json.h"
#include "engine/docker/docker.h"

static void put_object(struct docker *d, const struct ynode *node)
{
	cJSON *o = yaml_to_json(node);
	const struct kind *kind = store_kind(json_str(o, "kind", ""));
	cJSON *m = cJSON_GetObjectItem(o, "metadata");

	/* The run's own namespace is there. */
	if (!kind || !m || kind->id == KIND_NAMESPACE) {
		cJSON_Delete(o);
		return;
	}
	if (kind->namespaced && !json_str(m, "namespace", NULL))
		json_set_str(m, "namespace", d->kube.base.namespace);
	data_settle(kind->id, o);
	if (kind->id == KIND_PERSISTENT_VOLUME_CLAIM)
		docker_claim_new(d, o);
	else
		store_put(&d->store, kind->id, o);
}

/* Marked as on a cluster: who changes what is in it looks for that. */
static void put_namespace(struct docker *d)
{
	cJSON *o = cJSON_CreateObject(), *m = cJSON_AddObjectToObject(o, "metadata");

	json_set_str(m, "name", d->kube.base.namespace);
	json_set_str(cJSON_AddObjectToObject(m, "labels"), KUBE_RUN_LABEL, d->kube.base.conf.run_id);
	store_put(&d->store, KIND_NAMESPACE, o);
}

void docker_put(struct docker *d, const struct manifest *m)
{
	store_lock(&d->store);
	put_namespace(d);
	for (size_t i = 0; i < m->n; i++)
		put_object(d, m->objects[i]);
	store_unlock(&d->store);
}
