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

#define HIDDEN "(hidden)"

/* What a report may show of a value: nothing of a Secret's, and no password of
 * a URL ("scheme://user:password@host"). */
static const char *shown(struct arena *a, const struct ynode *object, const char *path,
			 const char *text)
{
	const char *p, *colon, *at;
	size_t user;

	if (!text)
		return NULL;
	if (!strcmp(manifest_kind(object), "Secret") && (!strncmp(path, "data", 4) || !strncmp(path, "stringData", 10)))
		return HIDDEN;
	for (p = text; (p = strstr(p, "://")); p = at) {
		p += 3;
		user = strcspn(p, ":@/ \n\"'");
		colon = p + user;
		at = *colon == ':' ? colon + 1 + strcspn(colon + 1, "@/ \n\"'") : colon;
		if (*colon != ':' || *at != '@')
			continue;
		user = (size_t)(colon + 1 - text) + strlen(HIDDEN);
		text = arena_fmt(a, "%.*s" HIDDEN "%s", (int)(colon + 1 - text), text, at);
		at = text + user;
	}
	return arena_strdup(a, text);
}

const char *manifest_article(const char *kind)
{
	return *kind && strchr("AEIO", *kind) ? "an" : "a";
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
		.from = shown(a, object, path, from),
		.to = shown(a, object, path, to),
		.why = arena_strdup(a, why),
	};
}
