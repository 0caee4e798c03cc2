#include <string.h>

#include "manifest/parts.h"

/* Manifests that a program wrote: nulls, and what the API server had filled in
 * when somebody dumped an object. */

/* Maps whose values are texts: a null in one is an empty text to Go's decoder. In one of
 * quantities it is 0 (Quantity.UnmarshalJSON()), elsewhere it is absent. */
static bool holds_texts(const char *key)
{
	static const char *const maps[] = {"data", "stringData", "labels", "annotations", "matchLabels",
					   "parameters", "nodeSelector"};

	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		if (!strcmp(maps[i], key))
			return true;
	return false;
}

static void put_text(struct ynode *n, const char *text)
{
	n->text = text;
	n->plain = false;
}

static bool of_texts(const struct ynode *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i]->kind == Y_SCALAR && !yaml_is_null(list->items[i]))
			return true;
	return false;
}

/* A field that the API does not have is refused, whatever stands in it. */
static bool may_be_absent(const char *kind, const char *path)
{
	return !manifest_has_field(kind, "metadata") || manifest_has_field(kind, path);
}

struct nulls {
	struct arena *a;
	const char *kind;
};

static bool ends_with(const char *path, const char *end)
{
	size_t len = strlen(path), n = strlen(end);

	return len >= n && !strcmp(path + len - n, end);
}

/* Texts that are absent to Go's decoder when they are empty (no pointer, omitempty), and have
 * a default or none: charts write them. Not a storageClassName, which means none. */
static bool is_absent_when_empty(const char *kind, const char *path)
{
	static const char *const ends[] = {".ports[].name", ".ports[].hostIP", ".ports[].protocol", ".httpGet.host",
					   ".tcpSocket.host", ".volumeMounts[].subPath", ".volumeMounts[].subPathExpr",
					   ".spec.nodeName", ".spec.dnsPolicy"};
	static const char *const service[] = {"spec.type", "spec.sessionAffinity", "spec.externalName",
					      "spec.loadBalancerIP"};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (!strncmp(path, "spec.", 5) && !strstr(path, ".metadata.") && ends_with(path, ends[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(service); i++)
		if (!strcmp(kind, "Service") && !strcmp(path, service[i]))
			return true;
	return ends_with(path, "spec.volumeName") && (!strcmp(kind, "PersistentVolumeClaim") || strstr(path, "volumeClaimTemplates[]."));
}

/* Of null and of texts that are as good. */
static bool is_absent(const struct nulls *w, const struct ynode *v, const char *path)
{
	return yaml_is_null(v) ||
	       (v->kind == Y_SCALAR && !*v->text && is_absent_when_empty(w->kind, path));
}

/* A Service's selector is labels, all others have some inside. */
static bool is_map_of_texts(const struct nulls *w, const char *path, const char *key)
{
	return holds_texts(key) || (!strcmp(w->kind, "Service") && !strcmp(path, "spec.selector"));
}

static bool is_map_of_quantities(const char *path)
{
	return ends_with(path, ".resources.limits") || ends_with(path, ".resources.requests") ||
	       ends_with(path, "spec.overhead");
}

/* What a null among these is; NULL: absent. */
static const char *null_in(const struct nulls *w, const struct ynode *v, const char *path,
			   const char *key)
{
	if (v->kind == Y_LIST)
		return of_texts(v) ? "" : NULL;
	return !key ? NULL : is_map_of_texts(w, path, key) ? "" : is_map_of_quantities(path) ? "0" : NULL;
}

/* `path` is generic, with []; `null` is what a null is here. */
static void drop_nulls(const struct nulls *w, struct ynode *n, const char *path, const char *null)
{
	for (size_t i = 0; i < n->n;) {
		const char *key = n->kind == Y_MAP ? n->keys[i]->text : NULL;
		struct ynode *v = n->items[i];
		const char *at = n->kind == Y_LIST ? arena_fmt(w->a, "%s[]", path) :
						     arena_fmt(w->a, "%s%s%s", path, *path ? "." : "", key);

		if (!is_absent(w, v, at)) {
			if (v->kind != Y_SCALAR)
				drop_nulls(w, v, at, null_in(w, v, at, key));
			i++;
		} else if (null) {
			put_text(v, null);
			i++;
		} else if (n->kind == Y_MAP && may_be_absent(w->kind, at)) {
			yaml_remove(n, key);
		} else {
			i++;
		}
	}
}

static void drop(struct arena *a, struct ynode *object, struct ynode *map, const char *path,
		 const char *key, struct adaptations *log)
{
	const struct ynode *v = yaml_get(map, key);

	if (!v)
		return;
	if (v->kind == Y_SCALAR || v->n)
		adaptation_add(a, log, object, v->line, arena_fmt(a, "%s%s", path, key),
			       v->kind == Y_SCALAR ? v->text : "(as written)", NULL, "the API server fills it in");
	yaml_remove(map, key);
}

static void drop_filled_in(struct arena *a, struct ynode *object, struct ynode *at,
			   const char *path, struct adaptations *log)
{
	static const char *const keys[] = {"uid", "resourceVersion", "creationTimestamp", "generation", "selfLink",
					   "managedFields"};
	struct ynode *meta = yaml_get(at, "metadata");

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		drop(a, object, meta, arena_fmt(a, "%smetadata.", path), keys[i], log);
	drop(a, object, at, path, "status", log);
}

/* An address that another cluster's server gave: no other has that to give. */
static void drop_address(struct arena *a, struct ynode *object, struct adaptations *log)
{
	struct ynode *spec = yaml_get(object, "spec");

	if (strcmp(manifest_kind(object), "Service") || !*manifest_text(object, "metadata.uid") ||
	    !strcmp(manifest_text(object, "spec.clusterIP"), "None"))
		return;
	drop(a, object, spec, "spec.", "clusterIP", log);
	drop(a, object, spec, "spec.", "clusterIPs", log);
}

void manifest_plain(struct arena *a, struct ynode *object, struct adaptations *log)
{
	const struct nulls w = {a, manifest_kind(object)};
	struct ynode *templates;

	drop_nulls(&w, object, "", NULL);
	drop_address(a, object, log);
	drop_filled_in(a, object, object, "", log);
	if (yaml_path(object, "spec.template"))
		drop_filled_in(a, object, yaml_path(object, "spec.template"), "spec.template.", log);
	templates = yaml_path(object, "spec.volumeClaimTemplates");
	for (size_t i = 0; templates && templates->kind == Y_LIST && i < templates->n; i++)
		drop_filled_in(a, object, templates->items[i], arena_fmt(a, "spec.volumeClaimTemplates[%zu].", i), log);
}
