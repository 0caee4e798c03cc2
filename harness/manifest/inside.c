#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "manifest/parts.h"

/* Changing one scalar of a YAML text that is itself a value, without
 * touching any other byte: comments, order and spelling stay the author's,
 * and the difference that the report shows is the whole difference. */

bool path_split(struct arena *a, const char *path, const char **parent, const char **leaf)
{
	const char *last = NULL, *p, *start;
	bool quoted = false;
	size_t len;
	char *s;

	for (p = path; *p; p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (*p == '.' && !quoted)
			last = p;
	}
	start = last ? last + 1 : path;
	len = strlen(start);
	if (!len || start[len - 1] == ']')
		return false;
	s = arena_strdup(a, path);
	s[last ? last - path : 0] = '\0';
	*parent = s;
	s = arena_strdup(a, start);
	if (*s == '"' && len >= 2 && s[len - 1] == '"') {
		s[len - 1] = '\0';
		s++;
	}
	*leaf = s;
	return *s != '\0';
}

/* Where a node begins: its column counts characters, the text has bytes. */
static const char *position(const char *text, const struct ynode *n)
{
	int line, column;

	for (line = 1; line < n->line; line++) {
		text = strchr(text, '\n');
		if (!text)
			return NULL;
		text++;
	}
	for (column = 1; column < n->column && *text; column++) {
		text++;
		while (((unsigned char)*text & 0xc0) == 0x80)
			text++;
	}
	return text;
}

/* Where a scalar that begins at p ends; NULL when it is one of the forms
 * that take several lines, which settings never have. */
static const char *scalar_end(const char *p, const struct ynode *n)
{
	size_t len = strlen(n->text);

	if (n->plain)
		return strncmp(p, n->text, len) ? NULL : p + len;
	if (*p == '\'') {
		for (p++; *p && *p != '\n'; p++) {
			if (*p == '\'' && p[1] != '\'')
				return p + 1;
			p += *p == '\'';
		}
	} else if (*p == '"') {
		for (p++; *p && *p != '\n'; p++) {
			if (*p == '"')
				return p + 1;
			if (*p == '\\' && p[1])
				p++;
		}
	}
	return NULL;
}

/* Words that YAML 1.1 readers (Patroni's among them) take for booleans or
 * nothing. true and false are meant as such: settings spell booleans so. */
static bool ambiguous(const char *value)
{
	static const char *const words[] = {"on", "off", "yes", "no", "y", "n", "null"};
	size_t i;

	for (i = 0; i < ARRAY_LEN(words); i++) {
		if (!strcasecmp(words[i], value))
			return true;
	}
	return false;
}

/* The value as YAML: bare when it can be read in one way only. */
static void add_value(struct buf *b, const char *value, bool quote)
{
	const char *p;

	quote = quote || ambiguous(value);
	for (p = value; isalnum((unsigned char)*p) || strchr("_./-", *p ? *p : ' '); p++)
		;
	if (!quote && !*p && (isalnum((unsigned char)*value) || *value == '/')) {
		buf_str(b, value);
		return;
	}
	buf_char(b, '\'');
	for (p = value; *p; p++) {
		if (*p == '\'')
			buf_char(b, '\'');
		buf_char(b, *p);
	}
	buf_char(b, '\'');
}

static const char *splice(struct arena *a, const char *text, const char *from, const char *to,
			  const struct buf *middle)
{
	return arena_fmt(a, "%.*s%s%s", (int)(from - text), text, buf_cstr(middle), to);
}

/* Puts "key: value" in front of the first key of a map; NULL when the map
 * stands where a line cannot be put in. */
static const char *insert_key(struct arena *a, const char *text, const struct ynode *map,
			      const char *key, const char *value)
{
	const char *at = position(text, map), *start;
	struct buf b = {0};
	const char *out;

	if (!at || map->alias)
		return NULL;
	if (*at == '{') {
		buf_fmt(&b, "%s: ", key);
		add_value(&b, value, false);
		buf_str(&b, map->n ? ", " : "");
		out = splice(a, text, at + 1, at + 1, &b);
		buf_free(&b);
		return out;
	}
	at = map->n ? position(text, map->keys[0]) : NULL;
	if (!at)
		return NULL;
	for (start = at; start > text && start[-1] == ' '; start--)
		;
	if (start > text && start[-1] != '\n')
		return NULL; /* "- key:" or the like */
	buf_fmt(&b, "%.*s%s: ", (int)(at - start), start, key);
	add_value(&b, value, false);
	buf_char(&b, '\n');
	out = splice(a, text, start, start, &b);
	buf_free(&b);
	return out;
}

static struct ynode *parse(struct arena *a, const char *what, const char *text, struct err *e)
{
	struct ynode **docs;
	size_t n;

	if (yaml_read_text(a, what, text, &docs, &n, e))
		return NULL;
	if (n != 1) {
		err_set(e, ERR_INPUT, "%s: one YAML document is needed there, not %zu", what, n);
		return NULL;
	}
	return docs[0];
}

bool inside_has(struct arena *a, const char *text, const char *path)
{
	struct err e = {0};
	struct ynode *root = parse(a, "", text, &e);
	const struct ynode *n = root ? yaml_path(root, path) : NULL;

	return n && n->kind == Y_SCALAR;
}

int inside_line(struct arena *a, const char *text, const char *path)
{
	const char *parent, *leaf;
	struct err e = {0};
	struct ynode *root = parse(a, "", text, &e), *n = root ? yaml_path(root, path) : NULL;

	if (n)
		return n->line;
	n = root && path_split(a, path, &parent, &leaf) ? yaml_path(root, parent) : NULL;
	if (!n)
		return 0;
	return n->kind == Y_MAP && n->n ? n->keys[0]->line : n->line;
}

/* The edited text must say what was wanted, whatever the author's layout. */
static const char *verified(struct arena *a, const char *what, const char *text,
			    const char *path, const char *value, struct err *e)
{
	struct err inner = {0};
	struct ynode *root = text ? parse(a, what, text, &inner) : NULL;
	const struct ynode *n = root ? yaml_path(root, path) : NULL;

	if (n && n->kind == Y_SCALAR && !strcmp(n->text, value))
		return text;
	err_set(e, ERR_INPUT, "%s: cannot change %s in its place; write it as one line \"key: "
		"value\"", what, path);
	return NULL;
}

const char *inside_set(struct arena *a, const char *what, const char *text, const char *path,
		       const char *value, bool create, const char **from, struct err *e)
{
	struct ynode *root = parse(a, what, text, e), *n, *map;
	const char *parent, *leaf, *start, *end, *out = NULL;
	struct buf b = {0};

	*from = NULL;
	if (!root)
		return NULL;
	n = yaml_path(root, path);
	if (!n) {
		map = path_split(a, path, &parent, &leaf) ? yaml_path(root, parent) : NULL;
		if (!create || !map || map->kind != Y_MAP) {
			err_set(e, ERR_INPUT, "%s: there is no %s", what, path);
			return NULL;
		}
		out = insert_key(a, text, map, leaf, value);
		return verified(a, what, out, path, value, e);
	}
	if (n->kind != Y_SCALAR) {
		err_set(e, ERR_INPUT, "%s:%d:%d: %s is no single value", what, n->line, n->column,
			path);
		return NULL;
	}
	*from = n->text;
	if (!strcmp(n->text, value))
		return text;
	start = n->alias ? NULL : position(text, n);
	end = start ? scalar_end(start, n) : NULL;
	if (end) {
		add_value(&b, value, !n->plain);
		out = splice(a, text, start, end, &b);
		buf_free(&b);
	}
	return verified(a, what, out, path, value, e);
}
