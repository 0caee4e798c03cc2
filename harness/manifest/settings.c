#include "manifest/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "manifest/manifest.h"
#include "manifest/settings_rules.h"

/* Reading settings.yaml and changing a setting. What makes combinations
 * impossible is in settings_rules.c; where values go, in place.c. */

static int need(const struct ynode *entry, const char *key, const char **out, struct err *e)
{
	const struct ynode *n = yaml_get(entry, key);

	if (!n)
		return yaml_error(entry, e, "a setting needs the key \"%s\"", key);
	return yaml_to_string(n, out, e);
}

static int check_places(const struct ynode *entry, struct err *e)
{
	static const char *const keys[] = {"object", "path", "inside", "line", "create", "optional",
					   NULL};
	const struct ynode *where = yaml_get(entry, "where"), *n;
	const char *text;
	bool flag;
	size_t i;

	if (!where || where->kind != Y_LIST || !where->n)
		return yaml_error(where ? where : entry, e, "a setting needs where: a list of "
				  "places in the manifests");
	for (i = 0; i < where->n; i++) {
		if (yaml_check_keys(where->items[i], keys, "a place", e))
			return -1;
		if (need(where->items[i], "object", &text, e) ||
		    need(where->items[i], "path", &text, e))
			return -1;
		n = yaml_get(where->items[i], "inside");
		if (n && yaml_to_string(n, &text, e))
			return -1;
		if (n && yaml_get(where->items[i], "line"))
			return yaml_error(n, e, "a text is YAML (inside) or has lines (line), not both");
		n = yaml_get(where->items[i], "line");
		if (n && (yaml_to_string(n, &text, e) || !*text))
			return yaml_error(n, e, "line: the first words of a line are expected");
		n = yaml_get(where->items[i], "create");
		if (n && yaml_to_bool(n, &flag, e))
			return -1;
		n = yaml_get(where->items[i], "optional");
		if (n && yaml_to_bool(n, &flag, e))
			return -1;
	}
	return 0;
}

static int check_overlays(const struct ynode *entry, struct err *e)
{
	const struct ynode *overlays = yaml_get(entry, "overlay");
	const char *text;

	if (yaml_get(entry, "where"))
		return yaml_error(overlays, e, "a setting has places (where) or overlays, not both");
	if (yaml_get(entry, "of") && yaml_to_string(yaml_get(entry, "of"), &text, e))
		return -1;
	if (overlays->kind != Y_MAP || !overlays->n)
		return yaml_error(overlays, e, "overlay must be a map from values to lists of folders");
	for (size_t i = 0; i < overlays->n; i++) {
		const struct ynode *list = overlays->items[i];

		if (list->kind != Y_LIST || !list->n)
			return yaml_error(list, e, "a list of folders is needed here");
		for (size_t k = 0; k < list->n; k++)
			if (yaml_to_string(list->items[k], &text, e))
				return -1;
	}
	return 0;
}

const char *setting_variant(const struct setting *s)
{
	const struct ynode *of = yaml_get(s->node, "of");

	return of ? of->text : "corrected";
}

const struct ynode *setting_overlays(const struct setting *s)
{
	return yaml_get(yaml_get(s->node, "overlay"), s->value);
}

const char *setting_access_key(const struct setting *s)
{
	const struct ynode *key = yaml_get(s->node, "access");

	return key ? key->text : NULL;
}

static int check_access(const struct ynode *entry, struct err *e)
{
	const struct ynode *access = yaml_get(entry, "access");
	const char *key;

	if (yaml_get(entry, "where") || yaml_get(entry, "overlay"))
		return yaml_error(access, e, "a setting is the clients' own (access), or has places (where) or overlays");
	return yaml_to_string(access, &key, e);
}

static int check_bounds(const struct ynode *entry, const char *unit, struct err *e)
{
	static const char *const ends[] = {"min", "max"};
	const struct ynode *n;
	const char *text;
	int64_t v;
	size_t i;

	for (i = 0; i < 2; i++) {
		n = yaml_get(entry, ends[i]);
		if (n && !settings_numeric(unit))
			return yaml_error(n, e, "%s is for numbers, and the unit is %s", ends[i],
					  unit);
		if (n && yaml_to_i64(n, &v, e))
			return -1;
	}
	n = yaml_get(entry, "choices");
	if (!n)
		return 0;
	if (n->kind != Y_LIST || !n->n)
		return yaml_error(n, e, "choices must be a list of words");
	for (i = 0; i < n->n; i++) {
		if (yaml_to_string(n->items[i], &text, e))
			return -1;
	}
	return 0;
}

static int load_one(struct arena *a, struct ynode *entry, struct settings *s, struct err *e)
{
	static const char *const keys[] = {"name", "unit", "default", "source", "about", "min", "max",
					   "choices", "where", "overlay", "of", "access", NULL};
	static const char *const units[] = {"s", "ms", "bytes", "count", "bool", "word", NULL};
	struct setting *st = &s->v[s->n];
	const char *text;
	size_t i;

	*st = (struct setting){.node = entry};
	if (yaml_check_keys(entry, keys, "a setting", e) || need(entry, "name", &st->name, e) ||
	    need(entry, "unit", &st->unit, e) || need(entry, "source", &st->source, e) ||
	    need(entry, "about", &st->about, e) || need(entry, "default", &text, e))
		return -1;
	if (settings_find(s, st->name))
		return yaml_error(entry, e, "the setting %s is there twice", st->name);
	for (i = 0; units[i] && strcmp(units[i], st->unit); i++)
		;
	if (!units[i])
		return yaml_error(yaml_get(entry, "unit"), e, "unknown unit \"%.40s\"; known are: s, "
				  "ms, bytes, count, bool, word", st->unit);
	if (check_bounds(entry, st->unit, e) ||
	    (yaml_get(entry, "access")	? check_access(entry, e) :
	     yaml_get(entry, "overlay") ? check_overlays(entry, e) :
					  check_places(entry, e)))
		return -1;
	st->dflt = settings_normal(a, st, yaml_get(entry, "default"), e);
	if (!st->dflt)
		return -1;
	st->value = st->dflt;
	s->n++;
	return 0;
}

int settings_load(struct arena *a, const char *path, struct settings *s, struct err *e)
{
	static const char *const keys[] = {"settings", "impossible", NULL};
	struct ynode **docs, *list;
	size_t n, i;

	*s = (struct settings){0};
	if (yaml_read_file(a, path, &docs, &n, e))
		return -1;
	if (n != 1)
		return err_set(e, ERR_INPUT, "%s:1:1: one document with settings: is needed, not %zu",
			       path, n);
	s->root = docs[0];
	if (yaml_check_keys(s->root, keys, "the settings file", e))
		return -1;
	list = yaml_get(s->root, "settings");
	if (!list || list->kind != Y_LIST)
		return yaml_error(list ? list : s->root, e, "settings: must be a list");
	s->v = arena_alloc(a, (list->n ? list->n : 1) * sizeof(*s->v));
	for (i = 0; i < list->n; i++) {
		if (load_one(a, list->items[i], s, e))
			return -1;
	}
	return settings_rules_load(a, s, e);
}

/* Every name, for a suggestion; in the arena. */
static const char *const *all_names(struct arena *a, const struct settings *s)
{
	const char **names = arena_alloc(a, (s->n + 1) * sizeof(*names));
	size_t i;

	for (i = 0; i < s->n; i++)
		names[i] = s->v[i].name;
	return names;
}

static const char *unknown(struct arena *a, const struct settings *s, const char *name)
{
	const char *near = yaml_nearest(name, all_names(a, s)), *text;
	struct buf known = {.cap = 600};

	if (near)
		return arena_fmt(a, "unknown setting \"%.60s\"; did you mean \"%s\"?", name, near);
	for (size_t i = 0; i < s->n; i++)
		buf_fmt(&known, "%s%s", i ? ", " : "", s->v[i].name);
	text = arena_fmt(a, "unknown setting \"%.60s\"; known are: %s", name, buf_cstr(&known));
	buf_free(&known);
	return text;
}

int settings_set(struct arena *a, struct settings *s, const char *name, const char *value,
		 const char *changed_by, const struct ynode *at, struct err *e)
{
	struct setting *st = (struct setting *)settings_find(s, name);
	const char *v, *text;
	char why[200];

	if (st) {
		v = settings_value(a, st, value, why);
		if (v) {
			st->value = v;
			st->changed_by = changed_by;
			st->at = at;
			return 0;
		}
		text = arena_fmt(a, "the setting %s %s", name, why);
	} else {
		text = unknown(a, s, name);
	}
	if (at)
		return yaml_error(at, e, "%s", text);
	return err_set(e, ERR_INPUT, "%s %.60s=%.60s: %s", changed_by, name, value, text);
}

bool setting_is_secret(const struct setting *s)
{
	const struct ynode *where = yaml_get(s->node, "where");

	for (size_t i = 0; where && i < where->n; i++) {
		const struct ynode *object = yaml_get(where->items[i], "object");

		if (object && object->kind == Y_SCALAR && !strncmp(object->text, "Secret/", 7))
			return true;
	}
	return false;
}
