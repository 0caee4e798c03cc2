#include "apiserver/data.h"

#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"

static const char *wrong_in(const cJSON *map)
{
	const cJSON *v;

	json_each_member(v, map) {
		struct buf plain = {0};
		int r = cJSON_IsNull(v)	  ? 0 :
			cJSON_IsString(v) ? base64_decode(v->valuestring, &plain) :
					    -1;

		buf_free(&plain);
		if (r)
			return v->string;
	}
	return NULL;
}

const char *data_settle(enum kind_id kind, cJSON *object)
{
	const cJSON *plain = json_get(object, "stringData"), *v;
	cJSON *data = cJSON_GetObjectItemCaseSensitive(object, "data");
	const char *wrong;

	if (kind != KIND_SECRET)
		return kind == KIND_CONFIG_MAP ? wrong_in(json_get(object, "binaryData")) : NULL;
	wrong = wrong_in(data);
	if (wrong)
		return wrong;
	if (plain && plain->child && !cJSON_IsObject(data)) {
		json_set(object, "data", cJSON_CreateObject());
		data = cJSON_GetObjectItemCaseSensitive(object, "data");
	}
	cJSON_ArrayForEach(v, plain) {
		struct buf text = {0};

		base64_encode(cJSON_IsString(v) ? v->valuestring : "", &text);
		json_set_str(data, v->string, buf_cstr(&text));
		buf_free(&text);
	}
	cJSON_DeleteItemFromObjectCaseSensitive(object, "stringData");
	return NULL;
}

static bool is_secret(const cJSON *object)
{
	return !strcmp(json_str(object, "kind", ""), kind_by_id(KIND_SECRET)->name);
}

static void read_value(const cJSON *v, bool encoded, struct buf *out)
{
	const char *text = cJSON_IsString(v) ? v->valuestring : "";

	buf_reset(out);
	if (encoded)
		base64_decode(text, out); /* data_settle() did so, too */
	else
		buf_str(out, text);
}

/* A Secret has no binaryData: what stands under that name there nobody has looked at. */
static const cJSON *binary_of(const cJSON *object, enum data_use use)
{
	return use == DATA_FILES && !is_secret(object) ? json_get(object, "binaryData") : NULL;
}

bool data_value(const cJSON *object, enum data_use use, const char *key, struct buf *out)
{
	const cJSON *v = json_get(json_get(object, "data"), key);
	const cJSON *binary = json_get(binary_of(object, use), key);

	if (v)
		read_value(v, is_secret(object), out);
	else if (binary)
		read_value(binary, true, out);
	return v || binary;
}

int data_each(const cJSON *object, enum data_use use,
	      int (*fn)(void *arg, const char *key, const struct buf *value), void *arg)
{
	const cJSON *const maps[] = {json_get(object, "data"), binary_of(object, use)};
	struct buf value = {0};
	const cJSON *v;
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		cJSON_ArrayForEach(v, maps[i]) {
			read_value(v, i || is_secret(object), &value);
			r = r ? r : fn(arg, v->string, &value);
		}
	buf_free(&value);
	return r;
}
