#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "manifest/parts.h"
#include "manifest/settings_rules.h"

/* Putting settings where settings.yaml says. */

static struct ynode *find_object(struct arena *a, const struct manifest *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		if (!strcmp(manifest_object_name(a, m->objects[i]), name))
			return m->objects[i];
	}
	return NULL;
}

static bool flag(const struct ynode *place, const char *key)
{
	struct err ignored = {0};
	bool v = false;
	const struct ynode *n = yaml_get(place, key);

	return n && !yaml_to_bool(n, &v, &ignored) && v;
}

/* As it is written into YAML. Patroni and Kubernetes read true and false;
 * on and off are booleans to YAML 1.1 readers only. */
static const char *spelling(const struct setting *st)
{
	if (strcmp(st->unit, "bool"))
		return st->value;
	return strcmp(st->value, "on") ? "false" : "true";
}

/* "on", "yes" and "true" are the same to a bool. */
static bool same(const struct setting *st, const char *there)
{
	if (strcmp(st->unit, "bool"))
		return !strcmp(there, st->value);
	if (!strcmp(st->value, "on"))
		return !strcmp(there, "true") || !strcmp(there, "on") || !strcmp(there, "yes");
	return !strcmp(there, "false") || !strcmp(there, "off") || !strcmp(there, "no");
}

/* Sizes as Redis writes them: 64mb is 64 * 1024^2, 64m is 64 * 1000^2
 * (redis.conf, "Note on units"). */
static bool same_size(const struct setting *st, const char *there)
{
	static const struct {
		const char *suffix;
		int64_t bytes;
	} units[] = {{"", 1}, {"b", 1}, {"k", 1000}, {"kb", 1 << 10}, {"m", 1000000},
		     {"mb", 1 << 20}, {"g", 1000000000}, {"gb", 1 << 30}};
	char *end;
	long long n = strtoll(there, &end, 10);
	size_t i;

	if (end == there || strcmp(st->unit, "bytes"))
		return false;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcasecmp(end, units[i].suffix))
			return n <= INT64_MAX / units[i].bytes &&
			       n * units[i].bytes == strtoll(st->value, NULL, 10);
	return false;
}

/* A text as the file has it, for the lines of the report: several settings
 * may add lines to one text. */
struct original {
	const struct ynode *node;
	const char *text;
	struct original *next;
};

struct placing {
	struct arena *a;
	const struct setting *st;
	const struct ynode *place;
	struct ynode *object;
	struct adaptations *log;
	struct original **originals;
	const char *why;
	bool found; /* the place exists or was made */
};

/* "60s" is 60 of the unit s, to whoever reads times at that place. */
static bool same_time(const struct placing *p, const char *text)
{
	bool time = !strcmp(p->st->unit, "s") || !strcmp(p->st->unit, "ms");
	char why[200];
	const char *value = time ? settings_value(p->a, p->st, text, why) : NULL;

	return value && !strcmp(value, p->st->value);
}

static int missing(const struct placing *p, const char *path, struct err *e)
{
	return yaml_error(p->place, e, "the setting %s has its place in %s at %s, which %s does not "
			  "have; correct the path, or add create: true or optional: true",
			  p->st->name, manifest_object_name(p->a, p->object), path,
			  p->object->file);
}

/* A value of ConfigMaps and Secrets is always a text. */
static bool is_text(const struct ynode *object, const char *path)
{
	const char *kind = manifest_kind(object);

	return (!strcmp(kind, "ConfigMap") || !strcmp(kind, "Secret")) &&
	       (!strncmp(path, "data.", 5) || !strncmp(path, "stringData.", 11));
}

/* A missing place: made when it may be and when there is something to say.
 * A default that nobody changed needs no place: it is what the system does
 * by itself. */
static int put_missing(struct placing *p, const char *path, struct err *e)
{
	const char *parent, *leaf, *value = spelling(p->st);
	struct ynode *map;

	if (!flag(p->place, "create"))
		return flag(p->place, "optional") ? 0 : missing(p, path, e);
	map = path_split(p->a, path, &parent, &leaf) ? yaml_path(p->object, parent) : NULL;
	if (!map || map->kind != Y_MAP)
		return flag(p->place, "optional") ? 0 : missing(p, path, e);
	p->found = true;
	if (!strcmp(p->st->value, p->st->dflt))
		return 0;
	yaml_set(p->a, map, leaf, yaml_new_scalar(p->a, value, !is_text(p->object, path)));
	adaptation_add(p->a, p->log, p->object, map->line, path, NULL, value, p->why);
	return 0;
}

static int put_plain(struct placing *p, const char *path, struct err *e)
{
	struct ynode *n = yaml_path(p->object, path);

	if (!n)
		return put_missing(p, path, e);
	if (n->kind != Y_SCALAR)
		return yaml_error(n, e, "the setting %s needs a single value here", p->st->name);
	p->found = true;
	if (same(p->st, n->text) || same_time(p, n->text))
		return 0;
	adaptation_add(p->a, p->log, p->object, n->line, path, n->text, spelling(p->st), p->why);
	n->text = spelling(p->st);
	return 0;
}

/* The line of the file that a path inside a text is in. */
static int file_line(struct placing *p, const struct ynode *n, const char *inside)
{
	struct original *o;

	for (o = *p->originals; o && o->node != n; o = o->next)
		;
	if (!o) {
		o = arena_alloc(p->a, sizeof(*o));
		*o = (struct original){.node = n, .text = n->text, .next = *p->originals};
		*p->originals = o;
	}
	/* A block text begins in the line after its key. */
	return strchr(o->text, '\n') ? n->line + inside_line(p->a, o->text, inside) : n->line;
}

/* Inside a text that is YAML: only the one scalar's bytes change. */
static int put_inside(struct placing *p, const char *path, const char *inside, struct err *e)
{
	struct ynode *n = yaml_path(p->object, path);
	const char *value = spelling(p->st), *from = NULL, *text;
	bool create = flag(p->place, "create");
	const char *what;
	int line;

	if (!n || n->kind != Y_SCALAR)
		return flag(p->place, "optional") ? 0 : missing(p, path, e);
	what = arena_fmt(p->a, "%s:%d: in the text of %s", n->file, n->line, path);
	if (!inside_has(p->a, n->text, inside)) {
		if (!create && flag(p->place, "optional"))
			return 0;
		if (create && !strcmp(p->st->value, p->st->dflt)) {
			p->found = true;
			return 0;
		}
	}
	text = inside_set(p->a, what, n->text, inside, value, create, &from, e);
	if (!text)
		return err_prefix(e, "the setting %s", p->st->name);
	p->found = true;
	if (text == n->text || (from && (same(p->st, from) || same_time(p, from))))
		return 0;
	line = file_line(p, n, inside);
	adaptation_add(p->a, p->log, p->object, line, arena_fmt(p->a, "%s: %s", path, inside),
		       from, value, p->why);
	n->text = text;
	return 0;
}

/* Readers of "words value" (redis.conf) take booleans as yes and no, those of "name = value"
 * (Java's properties, rabbitmq.conf) as true and false. */
static const char *line_spelling(const struct setting *st, const char *words)
{
	if (strcmp(st->unit, "bool") || words[strlen(words) - 1] == '=')
		return spelling(st);
	return strcmp(st->value, "on") ? "no" : "yes";
}

/* In a text of lines. */
static int put_line(struct placing *p, const char *path, const char *words, struct err *e)
{
	struct ynode *n = yaml_path(p->object, path);
	const char *value = line_spelling(p->st, words), *from;
	int line = 0;

	if (!n || n->kind != Y_SCALAR)
		return flag(p->place, "optional") ? 0 : missing(p, path, e);
	from = line_get(p->a, n->text, words, &line);
	if (!from && !flag(p->place, "create"))
		return flag(p->place, "optional") ? 0 : missing(p, path, e);
	p->found = true;
	if (from ? same(p->st, from) || same_size(p->st, from) || same_time(p, from) :
		   !strcmp(p->st->value, p->st->dflt))
		return 0;
	n->text = line_set(p->a, n->text, words, value, &line);
	adaptation_add(p->a, p->log, p->object, n->line + line,
		       arena_fmt(p->a, "%s: %s", path, words), from, value, p->why);
	return 0;
}

static int put_everywhere(struct arena *a, struct manifest *m, const struct setting *st,
			  struct adaptations *log, struct original **originals, struct err *e)
{
	struct ynode *where = yaml_get(st->node, "where"), *inside, *words;
	struct placing p = {.a = a, .st = st, .log = log, .originals = originals};
	const char *object, *path;
	size_t i;
	int rc;

	p.why = st->changed_by ? arena_fmt(a, "setting %s (%s)", st->name, st->changed_by) :
				 arena_fmt(a, "setting %s (its default)", st->name);
	for (i = 0; i < where->n; i++) {
		p.place = where->items[i];
		object = yaml_get(p.place, "object")->text;
		path = yaml_get(p.place, "path")->text;
		inside = yaml_get(p.place, "inside");
		words = yaml_get(p.place, "line");
		p.object = find_object(a, m, object);
		if (!p.object && flag(p.place, "optional"))
			continue;
		if (!p.object)
			return yaml_error(p.place, e, "the setting %s has its place in %s, which the "
					  "manifests do not have", st->name, object);
		rc = inside ? put_inside(&p, path, inside->text, e) :
		     words ? put_line(&p, path, words->text, e) : put_plain(&p, path, e);
		if (rc)
			return rc;
	}
	if (p.found || !st->changed_by)
		return 0;
	if (st->at)
		return yaml_error(st->at, e, "the setting %s has no place in this variant's "
				  "manifests", st->name);
	return err_set(e, ERR_INPUT, "%s %s: the setting has no place in this variant's manifests",
		       st->changed_by, st->name);
}

int manifest_apply_settings(struct arena *a, struct manifest *m, const struct settings *s,
			    struct adaptations *log, struct err *e)
{
	struct original *originals = NULL;
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (yaml_get(s->v[i].node, "where") && put_everywhere(a, m, &s->v[i], log, &originals, e))
			return -1;
	}
	return 0;
}
