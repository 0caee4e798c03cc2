#include "system/postgres/etcd.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"

enum { V2_KEY_NOT_FOUND = 100 };

void etcd_begin(struct http_call *c, bool v2, const char *address, int port, const char *key,
		int64_t until_ns)
{
	struct buf text = {0};

	if (v2) {
		buf_fmt(&text, "/v2/keys%s", key);
		http_begin(c, address, port, buf_cstr(&text), NULL, until_ns);
	} else {
		buf_str(&text, "{\"serializable\":true,\"key\":\"");
		base64_encode(key, &text);
		buf_str(&text, "\"}");
		http_begin(c, address, port, "/v3/kv/range", buf_cstr(&text), until_ns);
	}
	buf_free(&text);
}

static bool value_v2(const cJSON *o, struct buf *out)
{
	const char *value = json_str(json_get(o, "node"), "value", NULL);

	if (value)
		buf_str(out, value);
	return value || json_i64(o, "errorCode", 0) == V2_KEY_NOT_FOUND;
}

/* Every answer that is no error has a header. */
static bool value_v3(const cJSON *o, struct buf *out)
{
	const cJSON *kv = cJSON_GetArrayItem(json_get(o, "kvs"), 0);

	return json_get(o, "header") && !base64_decode(json_str(kv, "value", ""), out);
}

int etcd_end(struct http_call *c, int64_t until_ns, char *value, size_t size)
{
	cJSON *o = http_end(c, until_ns);
	struct buf text = {0};
	int r = o ? 0 : -1;

	*value = '\0';
	if (o && !value_v2(o, &text) && !value_v3(o, &text)) {
		snprintf(c->error, sizeof(c->error), "etcd: %.60s",
			 json_str(o, "error", json_str(o, "message", "an answer that is not understood")));
		r = -1;
	}
	if (!r)
		mem_copy_str(value, size, buf_cstr(&text));
	buf_free(&text);
	cJSON_Delete(o);
	return r;
}

int etcd_version(const char *address, int port, int64_t until_ns, char *out, size_t size, char *why,
		 size_t why_size)
{
	struct http_call c;
	cJSON *o;

	http_begin(&c, address, port, "/version", NULL, until_ns);
	o = http_end(&c, until_ns);
	mem_copy_str(out, size, json_str(o, "etcdserver", ""));
	mem_copy_str(why, why_size, o ? "no version in its answer" : c.error);
	cJSON_Delete(o);
	return *out ? 0 : -1;
}
