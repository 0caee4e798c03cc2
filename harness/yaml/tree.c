#include "yaml/yaml.h"

#include <stdlib.h>
#include <string.h>

/* Finding and changing what is in a tree. */

struct ynode *yaml_get(const struct ynode *map, const char *key)
{
	size_t i;

	if (!map || map->kind != Y_MAP)
		return NULL;
	for (i = 0; i < map->n; i++) {
		if (!strcmp(map->keys[i]->text, key))
			return map->items[i];
	}
	return NULL;
}

static struct ynode *get_part(const struct ynode *map, const char *key, size_t len)
{
	size_t i;

	if (!map || map->kind != Y_MAP)
		return NULL;
	for (i = 0; i < map->n; i++) {
		if (!strncmp(map->keys[i]->text, key, len) && !map->keys[i]->text[len])
			return map->items[i];
	}
	return NULL;
}

/* The item of a list whose `key` is the text `value`. */
static struct ynode *select_item(const struct ynode *list, const char *key, size_t key_len,
				 const char *value, size_t value_len)
{
	const struct ynode *v;
	size_t i;

	for (i = 0; i < list->n; i++) {
		v = get_part(list->items[i], key, key_len);
		if (v && v->kind == Y_SCALAR && strlen(v->text) == value_len &&
		    !memcmp(v->text, value, value_len))
			return list->items[i];
	}
	return NULL;
}

/* "[3]" or "[name=postgres]"; sets *end behind the bracket. */
static struct ynode *index_step(const struct ynode *list, const char *p, const char **end)
{
	const char *close = strchr(p, ']'), *eq;
	unsigned long i;
	char *digits_end;

	if (!close || !list || list->kind != Y_LIST)
		return NULL;
	*end = close + 1;
	p++;
	eq = memchr(p, '=', (size_t)(close - p));
	if (eq)
		return select_item(list, p, (size_t)(eq - p), eq + 1, (size_t)(close - eq - 1));
	if (*p < '0' || *p > '9')
		return NULL;
	i = strtoul(p, &digits_end, 10);
	if (digits_end != close || i >= list->n)
		return NULL;
	return list->items[i];
}

struct ynode *yaml_path(struct ynode *root, const char *path)
{
	struct ynode *at = root;
	const char *p = path, *end = p;

	while (at && *p) {
		if (*p == '[') {
			at = index_step(at, p, &end);
			p = end;
		} else if (*p == '"') {
			end = strchr(p + 1, '"');
			if (!end)
				return NULL;
			at = get_part(at, p + 1, (size_t)(end - p - 1));
			p = end + 1;
		} else {
			end = p + strcspn(p, ".[");
			if (end == p)
				return NULL;
			at = get_part(at, p, (size_t)(end - p));
			p = end;
		}
		if (!at)
			return NULL;
		if (*p == '.') {
			if (!*++p)
				return NULL;
		} else if (*p && *p != '[') {
			return NULL;
		}
	}
	return at;
}

struct ynode *yaml_new_scalar(struct arena *a, const char *text, bool plain)
{
	struct ynode *n = arena_alloc(a, sizeof(*n));

	n->kind = Y_SCALAR;
	n->text = arena_strdup(a, text);
	n->plain = plain;
	return n;
}

struct ynode *yaml_new_map(struct arena *a)
{
	struct ynode *n = arena_alloc(a, sizeof(*n));

	n->kind = Y_MAP;
	return n;
}

struct ynode *yaml_new_list(struct arena *a)
{
	struct ynode *n = arena_alloc(a, sizeof(*n));

	n->kind = Y_LIST;
	return n;
}

/* Room for one more; keys grow along in a map. */
static void grow(struct arena *a, struct ynode *n)
{
	struct ynode **items, **keys;

	if (n->n < n->alloc)
		return;
	n->alloc = n->alloc ? n->alloc * 2 : 4;
	items = arena_alloc(a, n->alloc * sizeof(*items));
	if (n->n)
		memcpy(items, n->items, n->n * sizeof(*items));
	n->items = items;
	if (n->kind != Y_MAP)
		return;
	keys = arena_alloc(a, n->alloc * sizeof(*keys));
	if (n->n)
		memcpy(keys, n->keys, n->n * sizeof(*keys));
	n->keys = keys;
}

/* What is new stands where its parent stands, so that a later error about
 * it still leads somewhere. */
static void place(struct ynode *n, const struct ynode *parent)
{
	if (n->file)
		return;
	n->file = parent->file;
	n->line = parent->line;
	n->column = parent->column;
}

void yaml_set(struct arena *a, struct ynode *map, const char *key, struct ynode *value)
{
	size_t i;

	place(value, map);
	for (i = 0; i < map->n; i++) {
		if (!strcmp(map->keys[i]->text, key)) {
			map->items[i] = value;
			return;
		}
	}
	grow(a, map);
	map->keys[map->n] = yaml_new_scalar(a, key, false);
	place(map->keys[map->n], map);
	map->items[map->n++] = value;
}

void yaml_append(struct arena *a, struct ynode *list, struct ynode *value)
{
	place(value, list);
	grow(a, list);
	list->items[list->n++] = value;
}

bool yaml_remove(struct ynode *map, const char *key)
{
	size_t i;

	if (!map || map->kind != Y_MAP)
		return false;
	for (i = 0; i < map->n; i++) {
		if (strcmp(map->keys[i]->text, key))
			continue;
		memmove(&map->keys[i], &map->keys[i + 1],
			(map->n - i - 1) * sizeof(*map->keys));
		memmove(&map->items[i], &map->items[i + 1],
			(map->n - i - 1) * sizeof(*map->items));
		map->n--;
		return true;
	}
	return false;
}
