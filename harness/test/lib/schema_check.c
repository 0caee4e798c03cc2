#include "test/lib/schema_check.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

struct check {
	const cJSON *root;
	struct buf *why;
	size_t violations;
};

static void visit(struct check *c, const cJSON *schema, const cJSON *v, const char *path);

static void violation(struct check *c, const char *path, const char *what, const char *detail)
{
	buf_fmt(c->why, "%s: %s %s\n", path, what, detail);
	c->violations++;
}

static bool is_type(const cJSON *v, const char *type)
{
	if (!strcmp(type, "object"))
		return cJSON_IsObject(v);
	if (!strcmp(type, "array"))
		return cJSON_IsArray(v);
	if (!strcmp(type, "string"))
		return cJSON_IsString(v);
	if (!strcmp(type, "boolean"))
		return cJSON_IsBool(v);
	if (!strcmp(type, "null"))
		return cJSON_IsNull(v);
	if (!strcmp(type, "integer"))
		return cJSON_IsNumber(v) && v->valuedouble == floor(v->valuedouble);
	return !strcmp(type, "number") && cJSON_IsNumber(v);
}

static void check_type(struct check *c, const cJSON *type, const cJSON *v, const char *path)
{
	const cJSON *t;
	bool ok = cJSON_IsString(type) && is_type(v, type->valuestring);

	cJSON_ArrayForEach(t, type)
		ok = ok || is_type(v, t->valuestring);
	if (!ok)
		violation(c, path, "wrong type", "");
}

static void check_enum(struct check *c, const cJSON *list, const cJSON *v, const char *path)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list) {
		if (cJSON_Compare(item, v, true))
			return;
	}
	violation(c, path, "is none of the allowed values", "");
}

static void check_properties(struct check *c, const cJSON *schema, const cJSON *v,
			     const char *path)
{
	const cJSON *props = json_get(schema, "properties"), *item;
	const cJSON *more = json_get(schema, "additionalProperties");
	char sub[512];

	if (!cJSON_IsObject(v))
		return;
	cJSON_ArrayForEach(item, v) {
		const cJSON *s = json_get(props, item->string);

		snprintf(sub, sizeof(sub), "%.400s.%.100s", path, item->string);
		if (!s && cJSON_IsFalse(more))
			violation(c, path, "has an undocumented key", item->string);
		else if (s || cJSON_IsObject(more))
			visit(c, s ? s : more, item, sub);
	}
}

static void check_items(struct check *c, const cJSON *items, const cJSON *v, const char *path)
{
	const cJSON *item;
	char sub[512];
	int i = 0;

	if (!cJSON_IsArray(v))
		return;
	cJSON_ArrayForEach(item, v) {
		snprintf(sub, sizeof(sub), "%.480s[%d]", path, i++);
		visit(c, items, item, sub);
	}
}

static void check_required(struct check *c, const cJSON *list, const cJSON *v, const char *path)
{
	const cJSON *key;

	cJSON_ArrayForEach(key, list) {
		if (cJSON_IsObject(v) && !json_get(v, key->valuestring))
			violation(c, path, "lacks", key->valuestring);
	}
}

static void check_ref(struct check *c, const char *ref, const cJSON *v, const char *path)
{
	static const char prefix[] = "#/$defs/";
	const cJSON *s = NULL;

	if (!strncmp(ref, prefix, strlen(prefix)))
		s = json_get(json_get(c->root, "$defs"), ref + strlen(prefix));
	if (s)
		visit(c, s, v, path);
	else
		violation(c, path, "refers to nothing:", ref);
}

static void visit(struct check *c, const cJSON *schema, const cJSON *v, const char *path)
{
	static const char *const silent[] = {"$schema", "$id", "$defs", "title", "description",
					     "properties", "additionalProperties"};
	const cJSON *k;

	cJSON_ArrayForEach(k, schema) {
		bool known = false;

		for (size_t i = 0; i < ARRAY_LEN(silent); i++)
			known = known || !strcmp(k->string, silent[i]);
		if (known)
			continue;
		if (!strcmp(k->string, "type"))
			check_type(c, k, v, path);
		else if (!strcmp(k->string, "enum"))
			check_enum(c, k, v, path);
		else if (!strcmp(k->string, "minimum") && cJSON_IsNumber(v) &&
			 v->valuedouble < k->valuedouble)
			violation(c, path, "is below the minimum", "");
		else if (!strcmp(k->string, "required"))
			check_required(c, k, v, path);
		else if (!strcmp(k->string, "items"))
			check_items(c, k, v, path);
		else if (!strcmp(k->string, "$ref"))
			check_ref(c, k->valuestring, v, path);
		else if (strcmp(k->string, "minimum"))
			violation(c, path, "uses a keyword that this check does not know:",
				  k->string);
	}
	check_properties(c, schema, v, path);
}

bool schema_check(const cJSON *schema, const cJSON *value, struct buf *why)
{
	struct check c = {.root = schema, .why = why};

	visit(&c, schema, value, "$");
	return !c.violations;
}
