#include <string.h>

#include "manifest/parts.h"

/* Finding one's way in an object, and telling what was changed in it. */

const char *manifest_text(const struct ynode *object, const char *path)
{
	const struct ynode *n = yaml_path((struct ynode *)object, path);

	return n && n->kind == Y_SCALAR ? n->text : "";
}

const char *manifest_kind(const struct ynode *object)
{
	return manifest_text(object, "kind");
}

const char *manifest_object_name(struct arena *a, const struct ynode *object)
{
	return arena_fmt(a, "%s/%s", manifest_kind(object), manifest_text(object, "metadata.name"));
}

struct ynode *manifest_pod_spec(const struct ynode *object, const char **path)
{
	static const struct {
		const char *kind, *path;
	} places[] = {
		{"Pod", "spec"},
		{"CronJob", "spec.jobTemplate.spec.template.spec"},
		{"StatefulSet", "spec.template.spec"},
		{"Deployment", "spec.template.spec"},
		{"DaemonSet", "spec.template.spec"},
		{"ReplicaSet", "spec.template.spec"},
		{"Job", "spec.template.spec"},
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(places); i++) {
		if (strcmp(places[i].kind, manifest_kind(object)))
			continue;
		if (path)
			*path = places[i].path;
		return yaml_path((struct ynode *)object, places[i].path);
	}
	return NULL;
}

void adaptation_add(struct arena *a, struct adaptations *log, const struct ynode *object,
		    int line, const char *path, const char *from, const char *to, const char *why)
{
	struct adaptation *bigger;

	if (log->n >= log->alloc) {
		log->alloc = log->alloc ? log->alloc * 2 : 16;
		bigger = arena_alloc(a, log->alloc * sizeof(*bigger));
		if (log->n)
			memcpy(bigger, log->v, log->n * sizeof(*bigger));
		log->v = bigger;
	}
	log->v[log->n++] = (struct adaptation){
		.file = object->file,
		.line = line,
		.object = manifest_object_name(a, object),
		.path = arena_strdup(a, path),
		.from = from ? arena_strdup(a, from) : NULL,
		.to = to ? arena_strdup(a, to) : NULL,
		.why = arena_strdup(a, why),
	};
}
