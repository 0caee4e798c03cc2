/* Metadata of any object (apimachinery's objectmeta.go). */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/admit_parts.h"
#include "base/json.h"
#include "base/mem.h"
#include "manifest/names.h"

/* TotalAnnotationSizeLimitB, of keys and values together. */
enum { ANNOTATIONS_MAX = 256 << 10 };

size_t admit_bytes(const cJSON *map, bool keys)
{
	size_t sum = 0;
	const cJSON *v;

	json_each_member(v, map)
		sum += (keys ? strlen(v->string) : 0) +
		       (cJSON_IsString(v) ? strlen(v->valuestring) : 0);
	return sum;
}

void admit_annotations(struct admitting *a, const char *path, const cJSON *map)
{
	const cJSON *v;

	json_each_member(v, map) {
		char *key = mem_strdup(v->string);

		/* In whatever letters. */
		for (char *c = key; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		if (!name_is_label_key(key))
			admit_text(a, path, v->string, ADMIT_LABEL_KEY);
		free(key);
	}
}

/* "GROUP/VERSION" or "VERSION". */
static bool has_version(const char *api)
{
	const char *slash = strchr(api, '/');

	return slash ? slash[1] && !strchr(slash + 1, '/') : *api;
}

static void admit_owners(struct admitting *a, const cJSON *meta)
{
	static const char *const keys[] = {"kind", "name", "uid"};
	static const char at[] = "metadata.ownerReferences";
	const cJSON *o, *controller = NULL;
	char path[ADMIT_PATH_BYTES];

	cJSON_ArrayForEach(o, json_get(meta, "ownerReferences")) {
		const char *api = json_str(o, "apiVersion", "");

		admit_path(path, "%s.apiVersion", at);
		if (!has_version(api))
			admit_say(a, path, "Invalid value: \"%.80s\": version must not be empty", api);
		for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
			admit_path(path, "%s.%s", at, keys[i]);
			if (!*json_str(o, keys[i], ""))
				admit_say(a, path, "Invalid value: \"\": must not be empty");
		}
		if (!strcmp(api, "v1") && !strcmp(json_str(o, "kind", ""), "Event"))
			admit_say(a, at, "Invalid value: /v1, Kind=Event is disallowed from being an owner");
		if (!json_bool(o, "controller", false))
			continue;
		if (controller)
			admit_say(a, at, "Invalid value: Only one reference can have Controller set to true. Found \"true\" in "
				  "references for %.60s/%.80s and %.60s/%.80s", json_str(controller, "kind", ""),
				  json_str(controller, "name", ""), json_str(o, "kind", ""), json_str(o, "name", ""));
		else
			controller = o;
	}
}

static bool is_standard(const char *finalizer)
{
	static const char *const words[] = {"kubernetes", "orphan", "foregroundDeletion"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcmp(words[i], finalizer))
			return true;
	return false;
}

static void admit_finalizers(struct admitting *a, const cJSON *meta)
{
	bool orphan = false, foreground = false;
	char path[ADMIT_PATH_BYTES];
	const cJSON *v;
	int i = 0;

	cJSON_ArrayForEach(v, json_get(meta, "finalizers")) {
		const char *name = cJSON_IsString(v) ? v->valuestring : "";

		admit_path(path, "metadata.finalizers[%d]", i++);
		admit_text(a, "metadata.finalizers", name, ADMIT_LABEL_KEY);
		if (!strchr(name, '/') && !is_standard(name))
			admit_say(a, path, "Invalid value: \"%.80s\": name is neither a standard finalizer name nor is it "
				  "fully qualified", name);
		orphan = orphan || !strcmp(name, "orphan");
		foreground = foreground || !strcmp(name, "foregroundDeletion");
	}
	if (orphan && foreground)
		admit_say(a, "metadata.finalizers", "Invalid value: finalizer foregroundDeletion and orphan cannot be both set");
}

static enum admit_syntax name_syntax(enum kind_id id)
{
	switch (id) {
	case KIND_NAMESPACE:
		return ADMIT_LABEL;
	case KIND_SERVICE:
		return ADMIT_LABEL_1035;
	case KIND_ROLE:
	case KIND_ROLE_BINDING:
		return ADMIT_SEGMENT;
	default:
		return ADMIT_SUBDOMAIN;
	}
}

/* Written twice, or in other letters, it would be read in two ways. */
static void admit_words(struct admitting *a, const char *path, const cJSON *map)
{
	enum { MOST = 64 };
	const cJSON *v, *w;
	char at[ADMIT_PATH_BYTES];
	int n = 0;

	json_each_member(v, map) {
		if (++n > MOST) {
			admit_say(a, path, "Too many: at most %d fields", MOST);
			return;
		}
		for (w = v->next; w; w = w->next) {
			if (strcasecmp(v->string, w->string))
				continue;
			admit_path(at, "%s%s%.80s", path, *path ? "." : "", w->string);
			admit_say(a, at, "strict decoding error: duplicate or unknown field \"%.80s\"", w->string);
		}
	}
}

void admit_meta(struct admitting *a, const struct kind *kind, const cJSON *object)
{
	static const char *const known[] = {"metadata", "spec", "status", "data", "subsets", "name", "namespace", "uid",
					    "resourceVersion", "labels"};
	const cJSON *m = json_get(object, "metadata"), *v;

	admit_words(a, "", object);
	if (!cJSON_IsObject(m)) {
		admit_say(a, "metadata", "Required value: metadata has to be a map");
		return;
	}
	admit_words(a, "metadata", m);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		for (v = i < 5 ? object->child : m->child; v; v = v->next)
			if (!strcasecmp(v->string, known[i]) && strcmp(v->string, known[i]))
				admit_say(a, "metadata", "strict decoding error: unknown field \"%.80s\"", v->string);
	admit_member(a, "metadata", m, "name", name_syntax(kind->id), true);
	admit_member(a, "metadata", m, "namespace", ADMIT_LABEL, false);
	admit_most(a, "metadata", m, "labels", ADMIT_LABELS_MOST);
	admit_most(a, "metadata", m, "ownerReferences", ADMIT_ITEMS_MOST);
	admit_most(a, "metadata", m, "finalizers", ADMIT_ITEMS_MOST);
	admit_labels(a, "metadata.labels", json_get(m, "labels"));
	admit_owners(a, m);
	admit_finalizers(a, m);
	admit_annotations(a, "metadata.annotations", json_get(m, "annotations"));
	if (admit_bytes(json_get(m, "annotations"), true) > ANNOTATIONS_MAX)
		admit_say(a, "metadata.annotations", "Too long: may not be more than %d bytes", ANNOTATIONS_MAX);
}
