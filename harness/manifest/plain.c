#include <string.h>

#include "manifest/parts.h"

/* Manifests that a program wrote: nulls, and what the API server had filled in
 * when somebody dumped an object. */

/* Maps whose values are texts: a null in one is an empty text to Go's decoder,
 * elsewhere it is absent. */
static bool holds_texts(const char *key)
{
	static const char *const maps[] = {"data", "stringData", "labels", "annotations", "matchLabels",
					   "parameters", "nodeSelector"};

	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		if (!strcmp(maps[i], key))
			return true;
	return false;
}

static void make_empty(struct ynode *n)
{
	n->text = "";
	n->plain = false;
}

static bool of_texts(const struct ynode *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i]->kind == Y_SCALAR && !yaml_is_null(list->items[i]))
			return true;
	return false;
}

static void drop_nulls(struct ynode *n, bool texts)
{
	for (size_t i = 0; i < n->n;) {
		struct ynode *v = n->items[i];

		if (!yaml_is_null(v)) {
			if (v->kind != Y_SCALAR)
				drop_nulls(v, v->kind == Y_LIST ?
						      of_texts(v) :
						      n->kind == Y_MAP &&
							      holds_texts(n->keys[i]->text));
			i++;
		} else if (texts) {
			make_empty(v);
			i++;
		} else if (n->kind == Y_MAP) {
			yaml_remove(n, n->keys[i]->text);
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

void manifest_plain(struct arena *a, struct ynode *object, struct adaptations *log)
{
	struct ynode *templates;

	drop_nulls(object, false);
	drop_filled_in(a, object, object, "", log);
	if (yaml_path(object, "spec.template"))
		drop_filled_in(a, object, yaml_path(object, "spec.template"), "spec.template.", log);
	templates = yaml_path(object, "spec.volumeClaimTemplates");
	for (size_t i = 0; templates && templates->kind == Y_LIST && i < templates->n; i++)
		drop_filled_in(a, object, templates->items[i], arena_fmt(a, "spec.volumeClaimTemplates[%zu].", i), log);
}
