#include <string.h>

#include "base/buf.h"
#include "manifest/parts.h"

/* Other manifests made out of a variant's, by the rules of an overlay.yaml
 * (manifest.h). Each change is recorded. */

struct laying {
	struct arena *a;
	struct manifest *m;
	struct adaptations *log;
	const char *why;
};

static const char whole[] = "(the object)";

static int find(const struct laying *l, const struct ynode *name, size_t *at, struct err *e)
{
	const char *text;

	if (yaml_to_string(name, &text, e))
		return -1;
	for (*at = 0; *at < l->m->n; (*at)++)
		if (!strcmp(manifest_object_name(l->a, l->m->objects[*at]), text))
			return 0;
	return yaml_error(name, e, "the manifests have no %s to change", text);
}

static int remove_objects(struct laying *l, const struct ynode *names, struct err *e)
{
	size_t at;

	if (names && names->kind != Y_LIST)
		return yaml_error(names, e, "remove must be a list of Kind/name");
	for (size_t i = 0; names && i < names->n; i++) {
		if (find(l, names->items[i], &at, e))
			return -1;
		adaptation_add(l->a, l->log, l->m->objects[at], l->m->objects[at]->line, whole, "there",
			       NULL, l->why);
		l->m->n--;
		memmove(&l->m->objects[at], &l->m->objects[at + 1],
			(l->m->n - at) * sizeof(*l->m->objects));
	}
	return 0;
}

/* {name: ...} out of a list. */
static int remove_item(struct laying *l, struct ynode *object, struct ynode *list, const char *path,
		       const struct ynode *name, struct err *e)
{
	const struct ynode *n;
	const char *text;

	if (yaml_to_string(name, &text, e))
		return -1;
	for (size_t i = 0; list->kind == Y_LIST && i < list->n; i++) {
		n = yaml_get(list->items[i], "name");
		if (!n || n->kind != Y_SCALAR || strcmp(n->text, text))
			continue;
		adaptation_add(l->a, l->log, object, n->line, path, text, NULL, l->why);
		list->n--;
		memmove(&list->items[i], &list->items[i + 1], (list->n - i) * sizeof(*list->items));
		return 0;
	}
	return yaml_error(name, e, "%s of %s has no %s to remove", path,
			  manifest_object_name(l->a, object), text);
}

static int remove_part(struct laying *l, struct ynode *object, const char *path,
		       const struct ynode *what, struct err *e)
{
	struct ynode *there = yaml_path(object, path);
	const char *parent, *leaf;
	bool yes = false;

	if (what->kind == Y_LIST) {
		for (size_t i = 0; i < what->n; i++)
			if (remove_item(l, object, there, path, what->items[i], e))
				return -1;
		return 0;
	}
	if (yaml_to_bool(what, &yes, e))
		return -1;
	if (!yes || !path_split(l->a, path, &parent, &leaf))
		return yaml_error(what, e, "remove is true, for a key of a map, or a list of names");
	adaptation_add(l->a, l->log, object, there->line, path,
		       there->kind == Y_SCALAR ? there->text : "there", NULL, l->why);
	yaml_remove(*parent ? yaml_path(object, parent) : object, leaf);
	return 0;
}

static int replace_text(struct laying *l, struct ynode *object, const char *path,
			const struct ynode *old, const struct ynode *new, struct err *e)
{
	struct ynode *n = yaml_path(object, path);
	const char *from, *to, *at;
	int line = n->line;

	if (yaml_to_string(old, &from, e) || yaml_to_string(new, &to, e))
		return -1;
	if (n->kind != Y_SCALAR)
		return yaml_error(old, e, "%s is no text", path);
	at = *from ? strstr(n->text, from) : NULL;
	if (!at || strstr(at + 1, from))
		return yaml_error(old, e, "this text must stand exactly once in %s of %s", path,
				  manifest_object_name(l->a, object));
	line += strchr(n->text, '\n') != NULL; /* a block begins below its key */
	for (const char *c = n->text; c < at; c++)
		line += *c == '\n';
	adaptation_add(l->a, l->log, object, line, path, from, to, l->why);
	n->text = arena_fmt(l->a, "%.*s%s%s", (int)(at - n->text), n->text, to, at + strlen(from));
	return 0;
}

/* Items to a list, keys to a map that has none of them. */
static int add_part(struct laying *l, struct ynode *object, const char *path,
		    const struct ynode *what, struct err *e)
{
	struct ynode *there = yaml_path(object, path);
	bool list = what->kind == Y_LIST;

	if (what->kind == Y_SCALAR || what->kind != there->kind)
		return yaml_error(what, e, "%s of %s is no %s to add to", path, manifest_object_name(l->a, object),
				  list ? "list" : "map");
	for (size_t i = 0; i < what->n; i++) {
		const struct ynode *name = list ? yaml_get(what->items[i], "name") : what->keys[i];

		if (!list && yaml_get(there, name->text))
			return yaml_error(name, e, "%s of %s has %s already", path,
					  manifest_object_name(l->a, object), name->text);
		adaptation_add(l->a, l->log, object, there->line, path, NULL,
			       name && name->kind == Y_SCALAR ? arena_fmt(l->a, "%s added", name->text) : "added", l->why);
		if (list)
			yaml_append(l->a, there, what->items[i]);
		else
			yaml_set(l->a, there, name->text, what->items[i]);
	}
	return 0;
}

static int edit(struct laying *l, const struct ynode *rule, struct err *e)
{
	static const char *const keys[] = {"object", "path", "remove", "add", "replace", "with", NULL};
	const struct ynode *name = yaml_get(rule, "object"), *where = yaml_get(rule, "path");
	const struct ynode *remove = yaml_get(rule, "remove"), *old = yaml_get(rule, "replace");
	const struct ynode *new = yaml_get(rule, "with"), *add = yaml_get(rule, "add");
	const char *path;
	size_t at;

	if (yaml_check_keys(rule, keys, "an edit", e))
		return -1;
	if (!name || !where || !!remove + !!add + !!old != 1 || !old != !new)
		return yaml_error(rule, e, "an edit needs object, path, and remove, add, or replace and with");
	if (find(l, name, &at, e) || yaml_to_string(where, &path, e))
		return -1;
	if (!yaml_path(l->m->objects[at], path))
		return yaml_error(where, e, "%s has no %s",
				  manifest_object_name(l->a, l->m->objects[at]), path);
	if (add)
		return add_part(l, l->m->objects[at], path, add, e);
	return remove ? remove_part(l, l->m->objects[at], path, remove, e) :
			replace_text(l, l->m->objects[at], path, old, new, e);
}

static int add_objects(struct laying *l, const char *dir, struct err *e)
{
	size_t first = l->m->n;

	if (manifest_read_more(l->a, dir, l->m, e))
		return -1;
	for (size_t i = first; i < l->m->n; i++)
		adaptation_add(l->a, l->log, l->m->objects[i], l->m->objects[i]->line, whole, NULL, "added",
			       l->why);
	return 0;
}

int manifest_overlay(struct arena *a, struct manifest *m, const char *dir, const char *why,
		     struct adaptations *log, const struct ynode **access, struct err *e)
{
	static const char *const keys[] = {"about", "remove", "edit", "access", NULL};
	const char *path = arena_fmt(a, "%s/overlay.yaml", dir);
	struct laying l = {a, m, log, why};
	const struct ynode *edits;
	struct ynode **docs;
	size_t n;

	if (yaml_read_file(a, path, &docs, &n, e))
		return -1;
	if (n != 1)
		return err_set(e, ERR_INPUT, "%s: one document is expected here", path);
	if (yaml_check_keys(docs[0], keys, "an overlay", e))
		return -1;
	edits = yaml_get(docs[0], "edit");
	if (edits && edits->kind != Y_LIST)
		return yaml_error(edits, e, "edit must be a list");
	if (remove_objects(&l, yaml_get(docs[0], "remove"), e))
		return -1;
	for (size_t i = 0; edits && i < edits->n; i++)
		if (edit(&l, edits->items[i], e))
			return -1;
	*access = yaml_get(docs[0], "access");
	if (*access && (*access)->kind != Y_MAP)
		return yaml_error(*access, e, "access must be a map");
	return add_objects(&l, dir, e);
}
