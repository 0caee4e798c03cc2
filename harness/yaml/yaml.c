#include "yaml/yaml.h"

#include <limits.h>
#include <string.h>
#include <yaml.h>

#include "base/file.h"

/* From libyaml's events to a tree. libyaml itself does not recurse; the caps
 * keep a hostile or mistaken file from costing more than a moment. */

enum {
	YAML_FILE_MAX = 8 * 1024 * 1024,
	YAML_DEPTH_MAX = 64,
	YAML_NODES_MAX = 400000,
	YAML_MAP_MAX = 5000, /* keys: looking for duplicates is quadratic */
};

/* A collection that is still open. */
struct frame {
	struct ynode *node;
	struct ynode *key; /* a map's key that waits for its value */
};

struct reader {
	struct arena *a;
	const char *file;
	yaml_parser_t parser;
	struct frame stack[YAML_DEPTH_MAX];
	size_t depth, nodes;
	struct ynode *root; /* of the document under way */
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

static int mark_error(struct reader *r, const yaml_mark_t *at, struct err *e, const char *what)
{
	return err_set(e, ERR_INPUT, "%s:%zu:%zu: %s", r->file, at->line + 1, at->column + 1,
		       what);
}

/* libyaml's own message, with a remedy for the mistakes that are common. */
static int parser_error(struct reader *r, struct err *e)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem ? p->problem : "unreadable";
	const char *remedy = "";

	if (p->error == YAML_READER_ERROR)
		return err_set(e, ERR_INPUT, "%s: byte %zu: no YAML text: %s", r->file,
			       p->problem_offset + 1, problem);
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
	if (p->context)
		return err_set(e, ERR_INPUT, "%s:%zu:%zu: %s, %s%s", r->file,
			       p->problem_mark.line + 1, p->problem_mark.column + 1, p->context,
			       problem, remedy);
	return err_set(e, ERR_INPUT, "%s:%zu:%zu: %s%s", r->file, p->problem_mark.line + 1,
		       p->problem_mark.column + 1, problem, remedy);
}

static int new_node(struct reader *r, enum ynode_kind kind, const yaml_event_t *ev,
		    struct ynode **out, struct err *e)
{
	struct ynode *n;

	if (++r->nodes > YAML_NODES_MAX)
		return mark_error(r, &ev->start_mark, e,
				  "the file is too large: more than 400000 values");
	if (ev->start_mark.line >= INT_MAX || ev->start_mark.column >= INT_MAX)
		return mark_error(r, &ev->start_mark, e, "the file is too large");
	n = arena_alloc(r->a, sizeof(*n));
	n->kind = kind;
	n->file = r->file;
	n->line = (int)ev->start_mark.line + 1;
	n->column = (int)ev->start_mark.column + 1;
	*out = n;
	return 0;
}

static int add_key(struct reader *r, struct frame *f, struct ynode *key, struct err *e)
{
	const struct ynode *map = f->node;
	size_t i;

	if (key->kind != Y_SCALAR)
		return yaml_error(key, e, "a key must be a plain word, not a map or a list");
	if (key->plain && !strcmp(key->text, "<<"))
		return yaml_error(key, e, "merge keys (<<) are not supported: write the keys out");
	if (key->plain && !*key->text)
		return yaml_error(key, e, "a key is missing before the colon");
	if (map->n >= YAML_MAP_MAX)
		return yaml_error(key, e, "the map has more than %d keys", YAML_MAP_MAX);
	for (i = 0; i < map->n; i++) {
		if (!strcmp(map->keys[i]->text, key->text))
			return yaml_error(key, e,
					  "the key \"%s\" is there twice (first in line %d): "
					  "remove one",
					  key->text, map->keys[i]->line);
	}
	f->key = key;
	(void)r;
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
		return add_key(r, f, n, e);
	if (f->node->kind == Y_MAP) {
		key_alloc = f->node->alloc;
		push_node(r->a, &f->node->keys, f->node->n, &key_alloc, f->key);
		f->key = NULL;
	}
	push_node(r->a, &f->node->items, f->node->n, &f->node->alloc, n);
	f->node->n++;
	return 0;
}

static int on_scalar(struct reader *r, const yaml_event_t *ev, struct err *e)
{
	const char *text = (const char *)ev->data.scalar.value;
	const char *tag = (const char *)ev->data.scalar.tag;
	struct ynode *n;
	char *copy;

	if (ev->data.scalar.anchor)
		return mark_error(r, &ev->start_mark, e,
				  "anchors (&name) are not supported: write the value out");
	if (tag && strcmp(tag, "!") && strcmp(tag, YAML_STR_TAG))
		return mark_error(r, &ev->start_mark, e,
				  "tags (!name) are not supported: leave it out, or quote a text");
	if (memchr(text, '\0', ev->data.scalar.length))
		return mark_error(r, &ev->start_mark, e, "a text may not hold a NUL character");
	if (new_node(r, Y_SCALAR, ev, &n, e))
		return -1;
	copy = arena_alloc(r->a, ev->data.scalar.length + 1);
	memcpy(copy, text, ev->data.scalar.length);
	n->text = copy;
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !tag;
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
	if (anchor)
		return mark_error(r, &ev->start_mark, e,
				  "anchors (&name) are not supported: write the value out");
	if (tag)
		return mark_error(r, &ev->start_mark, e,
				  "tags (!name) are not supported: leave it out");
	if (r->depth >= YAML_DEPTH_MAX)
		return mark_error(r, &ev->start_mark, e,
				  "maps and lists are nested too deeply: more than 64 levels");
	if (new_node(r, kind, ev, &n, e) || attach(r, n, e))
		return -1;
	r->stack[r->depth++] = (struct frame){.node = n};
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
		r->depth--;
		return 0;
	case YAML_ALIAS_EVENT:
		return mark_error(r, &ev->start_mark, e,
				  "aliases (*name) are not supported: write the value out");
	case YAML_DOCUMENT_START_EVENT:
		r->root = NULL;
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

static int read_bytes(struct arena *a, const char *name, const char *data, size_t len,
		      struct ynode ***docs, size_t *n, struct err *e)
{
	struct reader r = {.a = a};
	yaml_event_t ev;
	bool end = false;
	int rc = 0;

	*docs = NULL;
	*n = 0;
	r.file = arena_strdup(a, name);
	if (len > YAML_FILE_MAX)
		return err_set(e, ERR_INPUT, "%s: the file is too large: more than 8 MiB", name);
	if (!yaml_parser_initialize(&r.parser))
		return err_set(e, ERR_BROKEN, "%s: out of memory", name);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)data, len);
	while (!rc && !end) {
		if (!yaml_parser_parse(&r.parser, &ev)) {
			rc = parser_error(&r, e);
			break;
		}
		rc = on_event(&r, &ev, &end, e);
		yaml_event_delete(&ev);
	}
	yaml_parser_delete(&r.parser);
	if (rc)
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
	struct buf b = {0};
	int rc = -1;

	if (!file_read(path, &b, e))
		rc = read_bytes(a, path, buf_cstr(&b), b.len, docs, n, e);
	else if (e->kind != ERR_INTERRUPTED)
		e->kind = ERR_INPUT; /* the user named this file */
	buf_free(&b);
	return rc;
}
