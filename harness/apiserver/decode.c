#include "apiserver/decode.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "manifest/api/types.h"
#include "manifest/manifest.h"

struct decoding {
	const struct kind *kind;
	struct buf *why;
};

/* Where it is: a field's name below its struct's, as Go's encoding/json tells it. */
struct at {
	const char *type, *path;
};

static const char *word(const cJSON *v)
{
	return cJSON_IsObject(v) ? "object" : cJSON_IsArray(v) ? "array" : cJSON_IsString(v) ? "string" :
	       cJSON_IsBool(v) ? "bool" : "number";
}

static int wrong(const struct decoding *d, const cJSON *v, const struct at *at, const char *want)
{
	const char *version = strrchr(d->kind->api, '/');

	buf_fmt(d->why, "%s in version \"%s\" cannot be handled as a %s: json: cannot unmarshal %s into Go struct field "
		"%s.%s of type %s", d->kind->name, version ? version + 1 : d->kind->api, d->kind->name, word(v), at->type,
		at->path, want);
	return -1;
}

static int quantity(const struct decoding *d, const cJSON *v, const struct at *at)
{
	const char *text = cJSON_IsString(v) ? v->valuestring : "";

	if (cJSON_IsNumber(v) || quantity_bytes(text) >= 0 ||
	    (*text == '-' && quantity_bytes(text + 1) >= 0))
		return 0;
	if (!cJSON_IsString(v))
		return wrong(d, v, at, "resource.Quantity");
	buf_fmt(d->why, "%s: quantities must match the regular expression "
		"'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'", at->path);
	return -1;
}

static bool is_whole(const cJSON *v, double lo, double hi)
{
	return cJSON_IsNumber(v) && v->valuedouble >= lo && v->valuedouble <= hi &&
	       v->valuedouble == (double)(int64_t)v->valuedouble;
}

static int letter(const struct decoding *d, const cJSON *v, char type, const struct at *at)
{
	switch (type) {
	case 's':
		return cJSON_IsString(v) ? 0 : wrong(d, v, at, "string");
	case 'y':
		return cJSON_IsString(v) ? 0 : wrong(d, v, at, "[]uint8");
	case 'b':
		return cJSON_IsBool(v) ? 0 : wrong(d, v, at, "bool");
	case 'i':
		return is_whole(v, INT32_MIN, INT32_MAX) ? 0 : wrong(d, v, at, "int32");
	case 'l':
		return is_whole(v, -0x1p62, 0x1p62) ? 0 : wrong(d, v, at, "int64");
	case 'p':
		return cJSON_IsString(v) || is_whole(v, INT32_MIN, INT32_MAX) ? 0 : wrong(d, v, at, "int32");
	case 'q':
		return quantity(d, v, at);
	default:
		return 0;
	}
}

static int decode(const struct decoding *d, const cJSON *v, const char *type, size_t len,
		  const struct at *at);

static int decode_struct(const struct decoding *d, const cJSON *v, const struct api_type *t,
			 const char *path)
{
	const cJSON *f;
	size_t len = 0;
	int r = 0;

	cJSON_ArrayForEach(f, v) {
		const char *type = api_field_type(t, f->string, &len);
		struct buf below = {0};

		if (!type || r)
			continue;
		buf_fmt(&below, "%s%s%s", path, *path ? "." : "", f->string);
		r = decode(d, f, type, len, &(struct at){t->name, buf_cstr(&below)});
		buf_free(&below);
	}
	return r;
}

static int decode(const struct decoding *d, const cJSON *v, const char *type, size_t len,
		  const struct at *at)
{
	const struct api_type *t;
	char want[80];
	const cJSON *it;
	int r = 0;

	if (cJSON_IsNull(v))
		return 0;
	if (*type == '[' || *type == '{') {
		snprintf(want, sizeof(want), "%s%.*s", *type == '[' ? "[]" : "map[string]", (int)len - 2, type + 1);
		if (*type == '[' ? !cJSON_IsArray(v) : !cJSON_IsObject(v))
			return wrong(d, v, at, want);
		cJSON_ArrayForEach(it, v)
			r = r ? r : decode(d, it, type + 1, len - 2, at);
		return r;
	}
	if (len == 1)
		return letter(d, v, *type, at);
	t = api_type(type, len);
	snprintf(want, sizeof(want), "v1.%.*s", (int)len, type);
	return cJSON_IsObject(v) ? decode_struct(d, v, t, at->path) : wrong(d, v, at, want);
}

int decode_check(const struct kind *kind, const cJSON *body, struct buf *why)
{
	static const char meta[] = "ObjectMeta";
	const struct decoding d = {kind, why};
	const struct api_type *t = api_type(kind->name, strlen(kind->name));
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(body, "metadata");

	if (m && decode(&d, m, meta, strlen(meta), &(struct at){kind->name, "metadata"}))
		return -1;
	return t ? decode_struct(&d, body, t, "") : 0;
}

/* ---- what is wrong is put right, or taken out ---- */

static void to_text(cJSON *v)
{
	char *text;

	if (!cJSON_IsNumber(v) && !cJSON_IsBool(v) && !cJSON_IsRaw(v))
		return;
	text = json_text(v);
	free(v->valuestring);
	v->valuestring = text;
	v->type = (v->type & ~0xff) | cJSON_String;
}

static void settle_fields(cJSON *o, const struct api_type *t);

/* False: it has to go. */
static bool settle(cJSON *v, const char *type, size_t len)
{
	bool container = *type == '[' || *type == '{' || len > 1;
	cJSON *it, *next;

	if (cJSON_IsNull(v) || (!container && *type != 's'))
		return true;
	if (!container) {
		to_text(v);
		return true;
	}
	if (*type == '[' ? !cJSON_IsArray(v) : !cJSON_IsObject(v))
		return false;
	if (len > 1 && *type != '[' && *type != '{') {
		settle_fields(v, api_type(type, len));
		return true;
	}
	for (it = v->child; it; it = next) {
		next = it->next;
		if (!settle(it, type + 1, len - 2))
			cJSON_Delete(cJSON_DetachItemViaPointer(v, it));
	}
	return true;
}

static void settle_fields(cJSON *o, const struct api_type *t)
{
	size_t len = 0;
	cJSON *f, *next;

	for (f = o->child; t && f; f = next) {
		const char *type = api_field_type(t, f->string, &len);

		next = f->next;
		if (type && !settle(f, type, len))
			cJSON_Delete(cJSON_DetachItemViaPointer(o, f));
	}
}

void decode_settle(const struct kind *kind, cJSON *body)
{
	cJSON *meta = cJSON_GetObjectItemCaseSensitive(body, "metadata");

	if (cJSON_IsObject(meta))
		settle_fields(meta, api_type("ObjectMeta", strlen("ObjectMeta")));
	settle_fields(body, api_type(kind->name, strlen(kind->name)));
}
