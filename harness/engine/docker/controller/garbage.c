#include <string.h>

#include "apiserver/ending.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/controller/controller.h"

static bool is_collected(enum kind_id id)
{
	return id == KIND_POD || id == KIND_JOB || id == KIND_PERSISTENT_VOLUME_CLAIM;
}

/* Jobs, pods and claims go with what made them. */
static void collect(struct docker *d, enum kind_id id, const cJSON *o)
{
	char ns[64], name[256];
	bool wait;

	if (workload_ending(o) || !ending_is_garbage(&d->store, o, &wait))
		return;
	mem_copy_str(ns, sizeof(ns), kube_meta(o, "namespace"));
	mem_copy_str(name, sizeof(name), kube_meta(o, "name"));
	if (id == KIND_POD)
		docker_pod_delete(d, ns, name, -1);
	else
		ending_begin(&d->store, id, ns, name,
			     wait ? ENDING_FOREGROUND_FIRST : ENDING_BACKGROUND);
}

/* A workload that waited for what it owns. */
static void go_on(struct docker *d, enum kind_id id, const cJSON *o)
{
	char ns[64], name[256];

	if (!workload_ending(o))
		return;
	mem_copy_str(ns, sizeof(ns), kube_meta(o, "namespace"));
	mem_copy_str(name, sizeof(name), kube_meta(o, "name"));
	ending_go_on(&d->store, id, ns, name);
}

void garbage_collect(struct docker *d)
{
	/* What goes takes others' places. */
	for (size_t i = d->store.n; i-- > 0; i = i < d->store.n ? i : d->store.n) {
		enum kind_id id = d->store.v[i].kind->id;

		if (is_collected(id))
			collect(d, id, d->store.v[i].object);
		if (i < d->store.n && d->store.v[i].kind->id == id && id != KIND_POD &&
		    id != KIND_PERSISTENT_VOLUME_CLAIM)
			go_on(d, id, d->store.v[i].object);
	}
}
