#include "base/json.h"

#include <stdarg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define EXACT_LIMIT (INT64_C(1) << 52) /* what cJSON prints exactly lies below */

const cJSON *json_get(const cJSON *o, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o, key);
}

const char *json_str(const cJSON *o, const char *key, const char *dflt)
{
	const cJSON *v = json_get(o, key);

	return cJSON_IsString(v) ? v->valuestring : dflt;
}

int64_t json_i64(const cJSON *o, const char *key, int64_t dflt)
{
	const cJSON *v = json_get(o, key);
	char *end;
	long long n;

	if (cJSON_IsNumber(v) && fabs(v->valuedouble) <= (double)JSON_I64_MOST)
		return (int64_t)v->valuedouble;
	if ((cJSON_IsString(v) || cJSON_IsRaw(v)) && v->valuestring[0]) {
		n = strtoll(v->valuestring, &end, 10);
		if (!*end && n >= -JSON_I64_MOST && n <= JSON_I64_MOST)
			return n;
	}
	return dflt;
}

int64_t json_whole(double v)
{
	if (!(fabs(v) <= (double)JSON_I64_MOST))
		return isnan(v) ? 0 : v > 0 ? JSON_I64_MOST : -JSON_I64_MOST;
	return (int64_t)v;
}

double json_num(const cJSON *o, const char *key, double dflt)
{
	const cJSON *v = json_get(o, key);

	if (cJSON_IsRaw(v))
		return strtod(v->valuestring, NULL);
	return cJSON_IsNumber(v) ? v->valuedouble : dflt;
}

bool json_bool(const cJSON *o, const char *key, bool dflt)
{
	const cJSON *v = json_get(o, key);

	return cJSON_IsBool(v) ? cJSON_IsTrue(v) : dflt;
}

const cJSON *json_path(const cJSON *o, const char *path)
{
	char step[256];

	while (o && *path) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(step))
			return NULL;
		memcpy(step, path, len);
		step[len] = '\0';
		path += len + (path[len] == '.');
		if (cJSON_IsArray(o))
			o = cJSON_GetArrayItem(o, (int)strtol(step, NULL, 10));
		else
			o = json_get(o, step);
	}
	return o;
}

void json_set(cJSON *o, const char *key, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(o, key);
	cJSON_AddItemToObject(o, key, value);
}

void json_set_str(cJSON *o, const char *key, const char *value)
{
	json_set(o, key, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

void json_set_i64(cJSON *o, const char *key, int64_t value)
{
	char digits[24];

	if (value < EXACT_LIMIT && value > -EXACT_LIMIT) {
		json_set(o, key, cJSON_CreateNumber((double)value));
		return;
	}
	snprintf(digits, sizeof(digits), "%lld", (long long)value);
	json_set(o, key, cJSON_CreateRaw(digits));
}

void json_set_num(cJSON *o, const char *key, double value)
{
	json_set(o, key, cJSON_CreateNumber(value));
}

void json_set_bool(cJSON *o, const char *key, bool value)
{
	json_set(o, key, cJSON_CreateBool(value));
}

void json_push(cJSON *array, cJSON *value)
{
	cJSON_AddItemToArray(array, value);
}

void json_insert(cJSON *array, int at, cJSON *value)
{
	int after = cJSON_GetArraySize(array) - at;

	json_push(array, value);
	while (after-- > 0)
		json_push(array, cJSON_DetachItemFromArray(array, at));
}

void json_pushf(cJSON *array, const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	json_push(array, cJSON_CreateString(buf_cstr(&b)));
	buf_free(&b);
}

void json_merge(cJSON *to, cJSON *from)
{
	while (from && from->child) {
		cJSON *item = cJSON_DetachItemViaPointer(from, from->child);
		char *key = mem_strdup(item->string);

		json_set(to, key, item);
		free(key);
	}
	cJSON_Delete(from);
}

/* Line number of a byte offset, for parse errors. */
static int line_of(const char *text, const char *at)
{
	int line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

cJSON *json_parse(const char *text, const char *what, struct err *e)
{
	const char *end = NULL;
	cJSON *o = cJSON_ParseWithOpts(text, &end, 0);

	if (!o)
		err_set(e, ERR_INPUT, "%s:%d: not valid JSON", what,
			end ? line_of(text, end) : 1);
	return o;
}

cJSON *json_read_file(const char *path, struct err *e)
{
	struct buf b = {0};
	cJSON *o = NULL;

	if (file_read(path, &b, e) == 0)
		o = json_parse(buf_cstr(&b), path, e);
	buf_free(&b);
	return o;
}

char *json_text(const cJSON *o)
{
	char *text = cJSON_PrintUnformatted(o);

	return text ? text : mem_strdup("null");
}

enum { HEAP_BYTES = 16 }; /* of malloc's own, a piece */

static size_t text_bytes(const char *s)
{
	return s ? strlen(s) + 1 + HEAP_BYTES : 0;
}

/* cJSON parses no deeper than CJSON_NESTING_LIMIT. */
static void measure(const cJSON *o, struct json_size *out)
{
	const cJSON *v;
	size_t n = 0;

	out->bytes += sizeof(*o) + HEAP_BYTES + text_bytes(o->string) + text_bytes(o->valuestring);
	cJSON_ArrayForEach(v, o) {
		measure(v, out);
		n++;
	}
	if (cJSON_IsObject(o) && n > out->keys)
		out->keys = n;
}

struct json_size json_size(const cJSON *o)
{
	struct json_size out = {0};

	if (o)
		measure(o, &out);
	return out;
}

const char *json_key_twice(const cJSON *o)
{
	const cJSON *v, *w;

	json_each_member(v, o)
		for (w = v->next; w; w = w->next)
			if (!strcmp(v->string, w->string))
				return w->string;
	return NULL;
}
