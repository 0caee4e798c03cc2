#include "yaml/parts.h"

#include <limits.h>
#include <string.h>
#include <yaml.h>

#include "base/file.h"
#include "base/mem.h"

/* From libyaml's events to a tree. libyaml itself does not recurse; the caps
 * keep a hostile or mistaken file from costing more than a moment. */

enum {
	YAML_FILE_MAX = 8 * 1024 * 1024,
	YAML_DEPTH_MAX = 64,
	YAML_NODES_MAX = 400000,
	YAML_MAP_MAX = 5000, /* keys: looking for duplicates is quadratic */
	JSON_VALUES_MAX = 5000, /* one behind the other: each has a parser of its own */
};

/* A value with a name (&name); the last one of a name counts. */
struct anchor {
	const char *name;
	struct ynode *node;
	bool open; /* its end is yet to come */
	struct anchor *next;
};

/* A collection that is still open. */
struct frame {
	struct ynode *node;
	struct ynode *key; /* a map's key that waits for its value */
	struct anchor *anchor;
	bool merges; /* has a key << */
};

struct reader {
	struct arena *a;
	const char *file;
	yaml_parser_t parser;
	const char *text; /* the parser's: the whole file, or one value of JSON ... */
	size_t len;
	size_t line, column; /* ... that begins here, from 0 */
	struct frame stack[YAML_DEPTH_MAX];
	size_t depth, nodes;
	struct ynode *root; /* of the document under way */
	struct anchor *anchors;
	struct ynode **docs;
	size_t ndocs, docs_alloc;
};

/* Pointers to nodes, doubled in the arena: what is left behind is given
 * back with the rest. */
static void push_node(struct arena *a, struct ynode ***v, size_t n, size_t *alloc,
		      struct ynode *node)
{
	struct ynode **bigger;

	if (n >= *alloc) {
		*alloc = *alloc ? *alloc * 2 : 4;
		bigger = arena_alloc(a, *alloc * sizeof(*bigger));
		if (n)
			memcpy(bigger, *v, n * sizeof(*bigger));
		*v = bigger;
	}
	(*v)[n] = node;
}

/* From 1, in the file. */
static size_t line_of(const struct reader *r, const yaml_mark_t *at)
{
	return r->line + at->line + 1;
}

static size_t column_of(const struct reader *r, const yaml_mark_t *at)
{
	return at->column + 1 + (at->line ? 0 : r->column);
}

static int mark_error(struct reader *r, const yaml_mark_t *at, struct err *e, const char *what)
{
	return err_set(e, ERR_INPUT, "%s:%zu:%zu: %s", r->file, line_of(r, at), column_of(r, at),
		       what);
}

/* What is no text has a place in the file only, in bytes. */
static int reader_error(struct reader *r, struct err *e)
{
	size_t line = r->line + 1, column = r->column + 1, at = r->parser.problem_offset;

	for (size_t i = 0; i < at && i < r->len; i++) {
		column = r->text[i] == '\n' ? 1 : column + 1;
		line += r->text[i] == '\n';
	}
	return err_set(e, ERR_INPUT, "%s:%zu:%zu: no YAML text: %s", r->file, line, column,
		       r->parser.problem ? r->parser.problem : "unreadable");
}

/* libyaml's own message, with a remedy for the mistakes that are common. */
static int parser_error(struct reader *r, struct err *e)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem ? p->problem : "unreadable";
	const char *remedy = "";

	if (p->error == YAML_READER_ERROR)
		return reader_error(r, e);
	if (p->error == YAML_MEMORY_ERROR)
		return err_set(e, ERR_BROKEN, "%s: out of memory", r->file);
	if (strstr(problem, "character that cannot start any token"))
		remedy = "; is there a tab, or a text that begins with @, ` or %? Indent with "
			 "spaces and quote such a text";
	else if (strstr(problem, "tab character"))
		remedy = "; indent with spaces";
	else if (strstr(problem, "mapping values are not allowed"))
		remedy = "; quote a text that holds \": \", or check the indentation";
	else if (strstr(problem, "did not find expected key"))
		remedy = "; check the indentation";
	return err_set(e, ERR_INPUT, "%s:%zu:%zu: %s%s%s%s", r->file, line_of(r, &p->problem_mark),
		       column_of(r, &p->problem_mark), p->context ? p->context : "",
		       p->context ? ", " : "", problem, remedy);
}

static int new_node(struct reader *r, enum ynode_kind kind, const yaml_event_t *ev,
		    struct ynode **out, struct err *e)
{
	struct ynode *n;

	if (++r->nodes > YAML_NODES_MAX)
		return mark_error(r, &ev->start_mark, e,
				  "the file is too large: more than 400000 values");
	if (line_of(r, &ev->start_mark) > INT_MAX || column_of(r, &ev->start_mark) > INT_MAX)
		return mark_error(r, &ev->start_mark, e, "the file is too large");
	n = arena_alloc(r->a, sizeof(*n));
	n->kind = kind;
	n->file = r->file;
	n->line = (int)line_of(r, &ev->start_mark);
	n->column = (int)column_of(r, &ev->start_mark);
	*out = n;
	return 0;
}

static bool is_merge(const struct ynode *key)
{
	return key->plain && !strcmp(key->text, "<<");
}

static int add_key(struct frame *f, struct ynode *key, struct err *e)
{
	const struct ynode *map = f->node;
	size_t i;

	if (key->kind != Y_SCALAR)
		return yaml_error(key, e, "a key must be a plain word, not a map or a list");
	if (yaml_is_null(key))
		return yaml_error(key, e, *key->text ? "a key may not be null: quote it if a text is meant" :
				  "a key is missing before the colon");
	if (map->n >= YAML_MAP_MAX)
		return yaml_error(key, e, "the map has more than %d keys", YAML_MAP_MAX);
	f->merges = f->merges || is_merge(key);
	for (i = 0; i < map->n && !is_merge(key); i++) {
		if (!strcmp(map->keys[i]->text, key->text))
			return yaml_error(key, e,
					  "the key \"%s\" is there twice (first in line %d): "
					  "remove one",
					  key->text, map->keys[i]->line);
	}
	f->key = key;
	return 0;
}

/* Puts a finished scalar, or a collection that begins, where it belongs. */
static int attach(struct reader *r, struct ynode *n, struct err *e)
{
	struct frame *f;
	size_t key_alloc;

	if (!r->depth) {
		r->root = n;
		return 0;
	}
	f = &r->stack[r->depth - 1];
	if (f->node->kind == Y_MAP && !f->key)
		return add_key(f, n, e);
	if (f->node->kind == Y_MAP) {
		key_alloc = f->node->alloc;
		push_node(r->a, &f->node->keys, f->node->n, &key_alloc, f->key);
		f->key = NULL;
	}
	push_node(r->a, &f->node->items, f->node->n, &f->node->alloc, n);
	f->node->n++;
	return 0;
}

/* ---- anchors, aliases, merge keys ---- */

static struct anchor *name_node(struct reader *r, const yaml_char_t *name, struct ynode *n,
				bool open)
{
	struct anchor *a;

	if (!name)
		return NULL;
	a = arena_alloc(r->a, sizeof(*a));
	*a = (struct anchor){arena_strdup(r->a, (const char *)name), n, open, r->anchors};
	r->anchors = a;
	return a;
}

/* Each alias has nodes of its own, so that one can be changed without the
 * others; they count as if they had been written out, which bounds what a
 * few nested aliases can ask for. -1: too many, or too deep. */
static int copy_node(struct reader *r, const struct ynode *from, size_t depth, struct ynode **out)
{
	struct ynode *n;

	if (++r->nodes > YAML_NODES_MAX || depth > YAML_DEPTH_MAX)
		return -1;
	n = arena_alloc(r->a, sizeof(*n));
	*n = *from;
	n->alias = true;
	n->alloc = n->n;
	*out = n;
	if (!n->n)
		return 0;
	n->items = arena_alloc(r->a, n->n * sizeof(*n->items));
	if (n->kind == Y_MAP)
		n->keys = arena_alloc(r->a, n->n * sizeof(*n->keys));
	for (size_t i = 0; i < n->n; i++) {
		if (copy_node(r, from->items[i], depth + 1, &n->items[i]) ||
		    (n->kind == Y_MAP && copy_node(r, from->keys[i], depth + 1, &n->keys[i])))
			return -1;
	}
	return 0;
}

static int on_alias(struct reader *r, const yaml_event_t *ev, struct err *e)
{
	const char *name = (const char *)ev->data.alias.anchor;
	const struct anchor *a;
	struct ynode *n;

	for (a = r->anchors; a && strcmp(a->name, name); a = a->next)
		;
	if (!a)
		return mark_error(r, &ev->start_mark, e,
				  "nothing before this alias (*name) has its name (&name)");
	if (a->open)
		return mark_error(r, &ev->start_mark, e, "this alias (*name) stands inside of what it names");
	if (copy_node(r, a->node, r->depth, &n))
		return mark_error(r, &ev->start_mark, e,
				  r->nodes > YAML_NODES_MAX ? "the file is too large: more than 400000 values" :
				  "maps and lists are nested too deeply: more than 64 levels");
	n->line = (int)line_of(r, &ev->start_mark);
	n->column = (int)column_of(r, &ev->start_mark);
	return attach(r, n, e);
}

/* The keys of `from` that the map has not. */
static int merge_map(struct reader *r, struct ynode *map, const struct ynode *from, struct err *e)
{
	size_t key_alloc;

	if (from->kind != Y_MAP)
		return yaml_error(from, e, "a merge key (<<) takes a map, or a list of maps");
	for (size_t i = 0; i < from->n; i++) {
		if (yaml_get(map, from->keys[i]->text))
			continue;
		if (map->n >= YAML_MAP_MAX)
			return yaml_error(from, e, "the map has more than %d keys", YAML_MAP_MAX);
		key_alloc = map->alloc;
		push_node(r->a, &map->keys, map->n, &key_alloc, from->keys[i]);
		push_node(r->a, &map->items, map->n, &map->alloc, from->items[i]);
		map->items[map->n++]->alias = true;
	}
	return 0;
}

/* Keys that the map itself has go before merged ones, and those of an earlier
 * map before a later one's (YAML 1.1, "Merge Key Language-Independent Type"). */
static int merge(struct reader *r, struct ynode *map, struct err *e)
{
	for (size_t i = 0; i < map->n;) {
		const struct ynode *from = map->items[i];

		if (!is_merge(map->keys[i])) {
			i++;
			continue;
		}
		map->n--;
		memmove(&map->keys[i], &map->keys[i + 1], (map->n - i) * sizeof(*map->keys));
		memmove(&map->items[i], &map->items[i + 1], (map->n - i) * sizeof(*map->items));
		for (size_t k = 0; from->kind == Y_LIST && k < from->n; k++)
			if (merge_map(r, map, from->items[k], e))
				return -1;
		if (from->kind != Y_LIST && merge_map(r, map, from, e))
			return -1;
	}
	return 0;
}

static int on_close(struct reader *r, struct err *e)
{
	struct frame *f = &r->stack[--r->depth];

	if (f->anchor)
		f->anchor->open = false;
	return f->merges ? merge(r, f->node, e) : 0;
}

/* ---- events ---- */

/* !!int and its like say what a plain scalar is by itself; 1: it is a text
 * by its tag, or by none. */
static int scalar_tag(const char *tag)
{
	static const char *const plain[] = {YAML_INT_TAG, YAML_BOOL_TAG, YAML_FLOAT_TAG,
					    YAML_NULL_TAG};

	for (size_t i = 0; tag && i < ARRAY_LEN(plain); i++)
		if (!strcmp(plain[i], tag))
			return 0;
	return !tag || !strcmp(tag, "!") || !strcmp(tag, YAML_STR_TAG) ? 1 : -1;
}

static int on_scalar(struct reader *r, const yaml_event_t *ev, struct err *e)
{
	const char *text = (const char *)ev->data.scalar.value;
	const char *tag = (const char *)ev->data.scalar.tag;
	int is_text = scalar_tag(tag);
	struct ynode *n;
	char *copy;

	if (is_text < 0)
		return mark_error(r, &ev->start_mark, e,
				  "this tag (!name) is not supported: leave it out, or quote a text");
	if (memchr(text, '\0', ev->data.scalar.length))
		return mark_error(r, &ev->start_mark, e, "a text may not hold a NUL character");
	if (new_node(r, Y_SCALAR, ev, &n, e))
		return -1;
	copy = arena_alloc(r->a, ev->data.scalar.length + 1);
	memcpy(copy, text, ev->data.scalar.length);
	n->text = copy;
	n->plain = !is_text || (ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !tag);
	name_node(r, ev->data.scalar.anchor, n, false);
	return attach(r, n, e);
}

static int on_open(struct reader *r, enum ynode_kind kind, const yaml_event_t *ev,
		   struct err *e)
{
	const yaml_char_t *anchor, *tag;
	struct ynode *n;

	if (kind == Y_MAP) {
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
	} else {
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
	}
	if (tag && strcmp((const char *)tag, kind == Y_MAP ? YAML_MAP_TAG : YAML_SEQ_TAG))
		return mark_error(r, &ev->start_mark, e,
				  "this tag (!name) is not supported: leave it out");
	if (r->depth >= YAML_DEPTH_MAX)
		return mark_error(r, &ev->start_mark, e,
				  "maps and lists are nested too deeply: more than 64 levels");
	if (new_node(r, kind, ev, &n, e) || attach(r, n, e))
		return -1;
	r->stack[r->depth++] = (struct frame){.node = n, .anchor = name_node(r, anchor, n, true)};
	return 0;
}

/* One event. Sets *end after the last. */
static int on_event(struct reader *r, const yaml_event_t *ev, bool *end, struct err *e)
{
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(r, ev, e);
	case YAML_MAPPING_START_EVENT:
		return on_open(r, Y_MAP, ev, e);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(r, Y_LIST, ev, e);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return on_close(r, e);
	case YAML_ALIAS_EVENT:
		return on_alias(r, ev, e);
	case YAML_DOCUMENT_START_EVENT:
		r->root = NULL;
		r->anchors = NULL; /* names do not outlive their document */
		r->depth = 0;
		return 0;
	case YAML_DOCUMENT_END_EVENT:
		if (r->root) {
			push_node(r->a, &r->docs, r->ndocs, &r->docs_alloc, r->root);
			r->ndocs++;
		}
		return 0;
	case YAML_STREAM_END_EVENT:
		*end = true;
		return 0;
	default:
		return 0;
	}
}

static int parse(struct reader *r, const char *text, size_t len, struct err *e)
{
	yaml_event_t ev;
	bool end = false;
	int rc = 0;

	if (!yaml_parser_initialize(&r->parser))
		return err_set(e, ERR_BROKEN, "%s: out of memory", r->file);
	r->text = text;
	r->len = len;
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, len);
	while (!rc && !end) {
		if (!yaml_parser_parse(&r->parser, &ev)) {
			rc = parser_error(r, e);
			break;
		}
		rc = on_event(r, &ev, &end, e);
		yaml_event_delete(&ev);
	}
	yaml_parser_delete(&r->parser);
	return rc;
}

/* Past so many bytes of JSON. */
static void advance(struct reader *r, const char *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		r->column = from[i] == '\n' ? 0 : r->column + ((from[i] & 0xc0) != 0x80);
		r->line += from[i] == '\n';
	}
}

static int parse_json(struct reader *r, const char *p, size_t len, size_t values, struct err *e)
{
	struct buf text = {.cap = YAML_FILE_MAX};
	int rc = 0;

	if (values > JSON_VALUES_MAX)
		return err_set(e, ERR_INPUT, "%s: more than %d values in one file", r->file, JSON_VALUES_MAX);
	for (; values && !rc; values--) {
		size_t before = strcspn(p, "{"), n = yaml_json_end(p + before, len - before);

		advance(r, p, before);
		buf_reset(&text);
		yaml_of_json(p + before, n, &text);
		rc = parse(r, buf_cstr(&text), text.len, e);
		advance(r, p + before, n);
		p += before + n;
		len -= before + n;
	}
	buf_free(&text);
	return rc;
}

static int read_bytes(struct arena *a, const char *name, const char *data, size_t len,
		      struct ynode ***docs, size_t *n, struct err *e)
{
	struct reader r = {.a = a};
	size_t values;

	*docs = NULL;
	*n = 0;
	r.file = arena_strdup(a, name);
	if (len > YAML_FILE_MAX)
		return err_set(e, ERR_INPUT, "%s: the file is too large: more than 8 MiB", name);
	values = yaml_json_values(data, len);
	if (values ? parse_json(&r, data, len, values, e) : parse(&r, data, len, e))
		return -1;
	*docs = r.docs;
	*n = r.ndocs;
	return 0;
}

int yaml_read_text(struct arena *a, const char *name, const char *text, struct ynode ***docs,
		   size_t *n, struct err *e)
{
	return read_bytes(a, name, text, strlen(text), docs, n, e);
}

int yaml_read_file(struct arena *a, const char *path, struct ynode ***docs, size_t *n,
		   struct err *e)
{
	struct buf b = {.cap = YAML_FILE_MAX};
	int rc = -1;

	if (!file_read(path, &b, e))
		rc = read_bytes(a, path, buf_cstr(&b), b.len, docs, n, e);
	else if (e->kind != ERR_INTERRUPTED)
		e->kind = ERR_INPUT; /* the user named this file */
	buf_free(&b);
	return rc;
}
