#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/base64.h"
#include "manifest/api/api.h"

/* What an API server's decoder refuses: values of another type than their
 * field's, and fields that there are not. In its words, which are those of
 * Go's encoding/json. */

/* Where the walk is: in a field of a type, by its path with and without places
 * in lists (Go's decoder leaves these out). */
struct place {
	const char *type; /* the struct's */
	const char *path, *bare;
};

static const char *json_word(const struct ynode *n)
{
	if (n->kind != Y_SCALAR)
		return n->kind == Y_MAP ? "object" : "array";
	switch (yaml_type(n)) {
	case YAML_IS_BOOL:
		return "bool";
	case YAML_IS_INT:
	case YAML_IS_FLOAT:
		return "number";
	default:
		return "string";
	}
}

static bool is_secret(const struct admission *w)
{
	return !strcmp(w->kind, "Secret");
}

/* False when the object has another shape than was expected, and nobody can look
 * further into it. */
static bool wrong_type(struct admission *w, const struct ynode *n, const struct place *p,
		       const char *what, const char *want)
{
	const char *version = strrchr(api_text(w->object, "apiVersion"), '/'), *remedy = "";
	bool scalar = n->kind == Y_SCALAR;
	bool simple = strncmp(want, "v1.", 3) && strncmp(want, "[]", 2) && strncmp(want, "map[", 4);

	version = version ? version + 1 : api_text(w->object, "apiVersion");
	if (scalar && !strcmp(want, "string"))
		remedy = "; put it in quotes if a text is meant";
	else if (scalar && !n->plain && simple)
		remedy = "; leave the quotes out";
	api_refuse(w, n, NULL, "%s in version \"%s\" cannot be handled as a %s: json: cannot unmarshal %s into Go struct "
		   "field %s.%s of type %s (here: %.60s)%s", w->kind, version, w->kind, what, p->type, p->bare, want,
		   !scalar ? what : is_secret(w) ? "a Secret's value" : n->text, remedy);
	return scalar && strncmp(want, "v1.", 3) && strncmp(want, "[]v1.", 5) && strncmp(want, "map[", 4);
}

static bool whole_number(const struct ynode *n, int64_t lo, int64_t hi)
{
	cJSON *o;
	bool good;

	if (yaml_type(n) != YAML_IS_INT && yaml_type(n) != YAML_IS_FLOAT)
		return false;
	o = yaml_to_json(n);
	/* 1.0 and 1e3 are JSON's 1 and 1000 on their way to the server. */
	if (yaml_type(n) == YAML_IS_FLOAT && (!cJSON_IsNumber(o) || fabs(o->valuedouble) > 0x1p53 ||
					      trunc(o->valuedouble) != o->valuedouble)) {
		cJSON_Delete(o);
		return false;
	}
	/* Raw beyond 10^15: no such number is near an int32, and all fit an int64. */
	good = cJSON_IsRaw(o) ? hi == INT64_MAX :
				cJSON_IsNumber(o) && o->valuedouble >= (double)lo &&
					o->valuedouble <= (double)hi;
	cJSON_Delete(o);
	return good;
}

static bool decode_number(struct admission *w, const struct ynode *n, const struct place *p,
			  bool wide)
{
	const char *want = wide ? "int64" : "int32";

	if (n->kind == Y_SCALAR &&
	    whole_number(n, wide ? INT64_MIN : INT32_MIN, wide ? INT64_MAX : INT32_MAX))
		return true;
	if (n->kind == Y_SCALAR && !strcmp(json_word(n), "number"))
		return wrong_type(w, n, p, arena_fmt(w->a, "number %.40s", n->text), want);
	return wrong_type(w, n, p, json_word(n), want);
}

static bool decode_quantity(struct admission *w, const struct ynode *n, const struct place *p)
{
	const char *text = n->kind == Y_SCALAR ? n->text : json_word(n);
	size_t number;

	if (n->kind == Y_SCALAR && strcmp(json_word(n), "bool") &&
	    (quantity_bytes_of(n) >= 0 || (*text == '-' && quantity_bytes(text + 1) >= 0)))
		return true;
	/* resource.ParseQuantity: the form first, then the suffix. */
	number = strspn(text, "+-0123456789.");
	if (number && strspn(text + number, "eEinumkKMGTP0123456789") == strlen(text + number) && text[number])
		api_refuse(w, n, p->path, "Invalid value: \"%.60s\": unable to parse quantity's suffix", text);
	else
		api_refuse(w, n, p->path, "Invalid value: \"%.60s\": quantities must match the regular expression "
			   "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'", text);
	return n->kind == Y_SCALAR;
}

static bool decode_base64(struct admission *w, const struct ynode *n, const struct place *p)
{
	struct buf plain = {0};
	int r;

	if (n->kind != Y_SCALAR || strcmp(json_word(n), "string"))
		return wrong_type(w, n, p, json_word(n), "[]uint8");
	r = base64_decode(n->text, &plain);
	buf_free(&plain);
	if (r)
		api_refuse(w, n, NULL, "%s \"%s\": %s is no base64; plain text belongs in %s", w->kind, w->name, p->path,
			   is_secret(w) ? "stringData" : "data");
	return true;
}

static bool decode(struct admission *w, const struct ynode *n, const char *type,
		   const struct place *p);

static bool decode_letter(struct admission *w, const struct ynode *n, char type,
			  const struct place *p)
{
	switch (type) {
	case 's':
		return !strcmp(json_word(n), "string") || wrong_type(w, n, p, json_word(n), "string");
	case 'b':
		return !strcmp(json_word(n), "bool") || wrong_type(w, n, p, json_word(n), "bool");
	case 'i':
		return decode_number(w, n, p, false);
	case 'l':
		return decode_number(w, n, p, true);
	case 'p':
		return !strcmp(json_word(n), "string") || decode_number(w, n, p, false);
	case 'q':
		return decode_quantity(w, n, p);
	case 'y':
		return decode_base64(w, n, p);
	default:
		return true;
	}
}

static const char *nearest_field(struct admission *w, const struct api_type *t, const char *name)
{
	const char *words[80];
	size_t n = 0;

	for (const char *f = t->fields; f && *f && n < ARRAY_LEN(words) - 1;
	     f = strchr(f, ' '), f = f ? f + 1 : f)
		words[n++] = arena_fmt(w->a, "%.*s", (int)strcspn(f, ":"), f);
	words[n] = NULL;
	return yaml_nearest(name, words);
}

static void unknown_field(struct admission *w, const struct ynode *key, const struct api_type *t,
			  const char *path)
{
	const char *near = nearest_field(w, t, key->text);

	api_refuse(w, key, NULL, "%s \"%s\": strict decoding error: unknown field \"%s\"%s%s%s", w->kind, w->name, path,
		   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static bool is_object(const struct api_type *t)
{
	return api_version_of(t->name) != NULL;
}

/* All fields are looked at, whatever is wrong with the first. */
static bool decode_struct(struct admission *w, const struct ynode *n, const struct api_type *t,
			  const struct place *at)
{
	bool good = true;

	if (n->kind != Y_MAP)
		return wrong_type(w, n, at, json_word(n), arena_fmt(w->a, "v1.%s", t->name));
	for (size_t i = 0; i < n->n; i++) {
		const char *name = n->keys[i]->text, *dot = *at->path ? "." : "", *type;
		struct place p = {t->name, arena_fmt(w->a, "%s%s%s", at->path, dot, name),
				  arena_fmt(w->a, "%s%s%s", at->bare, dot, name)};
		size_t len = 0;

		type = api_field_type(t, name, &len);
		if (!type && is_object(t)) {
			type = !strcmp(name, "metadata") ? "ObjectMeta" :
			       !strcmp(name, "apiVersion") || !strcmp(name, "kind") ? "s" : NULL;
			len = type ? strlen(type) : 0;
		}
		if (type)
			good = decode(w, n->items[i], arena_fmt(w->a, "%.*s", (int)len, type), &p) && good;
		else if (w->strict)
			unknown_field(w, n->keys[i], t, p.path);
	}
	return good;
}

static const char *go_type(struct admission *w, const char *type)
{
	static const struct {
		char letter;
		const char *go;
	} letters[] = {{'s', "string"}, {'i', "int32"}, {'l', "int64"}, {'b', "bool"}, {'y', "[]uint8"},
		     {'q', "resource.Quantity"}};

	for (size_t i = 0; i < ARRAY_LEN(letters); i++)
		if (type[0] == letters[i].letter && !type[1])
			return letters[i].go;
	return arena_fmt(w->a, "v1.%s", type);
}

static bool decode(struct admission *w, const struct ynode *n, const char *type,
		   const struct place *p)
{
	const char *inner = arena_fmt(w->a, "%.*s", (int)strlen(type) - 2, type + 1);
	bool good = true;

	if (yaml_is_null(n))
		return true;
	if (*type == '[') {
		if (n->kind != Y_LIST)
			return wrong_type(w, n, p, json_word(n), arena_fmt(w->a, "[]%s", go_type(w, inner)));
		for (size_t i = 0; i < n->n; i++) {
			struct place below = {p->type, arena_fmt(w->a, "%s[%zu]", p->path, i), p->bare};

			good = decode(w, n->items[i], inner, &below) && good;
		}
		return good;
	}
	if (*type == '{') {
		if (n->kind != Y_MAP)
			return wrong_type(w, n, p, json_word(n), arena_fmt(w->a, "map[string]%s", go_type(w, inner)));
		for (size_t i = 0; i < n->n; i++) {
			struct place below = {p->type, arena_fmt(w->a, "%s.%s", p->path, n->keys[i]->text), p->bare};

			good = decode(w, n->items[i], inner, &below) && good;
		}
		return good;
	}
	if (!type[1])
		return decode_letter(w, n, *type, p);
	return decode_struct(w, n, api_type(type, strlen(type)), p);
}

bool api_decode(struct admission *w)
{
	struct place top = {w->kind, "", ""};
	const struct api_type *t = api_type(w->kind, strlen(w->kind));

	return !t || decode_struct(w, w->object, t, &top);
}

bool manifest_has_field(const char *kind, const char *path)
{
	const struct api_type *t = api_type(kind, strlen(kind));
	const char *type;
	size_t len = 0;
	char name[80];

	while (t && *path) {
		size_t n = strcspn(path, ".[");

		if (n >= sizeof(name))
			return false;
		memcpy(name, path, n);
		name[n] = '\0';
		path += n;
		type = api_field_type(t, name, &len);
		if (!type && is_object(t) && (!strcmp(name, "metadata") || !strcmp(name, "apiVersion") || !strcmp(name, "kind"))) {
			type = "ObjectMeta";
			len = strlen(type);
		}
		if (!type)
			return false;
		if (*type == '{' || *type == '*')
			return true;
		if (*type == '[') {
			type++;
			len -= 2;
			path += *path == '[' ? strcspn(path, "]") + 1 : 0;
		}
		path += *path == '.';
		if (*path)
			t = api_type(type, len);
	}
	return t != NULL;
}
