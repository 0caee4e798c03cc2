#include "system/etcd.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"

void etcd_begin(struct http_call *c, const char *address, int port, const char *key,
		int64_t until_ns)
{
	struct buf body = {0};

	buf_str(&body, "{\"serializable\":true,\"key\":\"");
	base64_encode(key, &body);
	buf_str(&body, "\"}");
	http_begin(c, address, port, "/v3/kv/range", buf_cstr(&body), until_ns);
	buf_free(&body);
}

int etcd_end(struct http_call *c, int64_t until_ns, char *value, size_t size)
{
	cJSON *o = http_end(c, until_ns);
	const cJSON *kv = cJSON_GetArrayItem(json_get(o, "kvs"), 0);
	struct buf text = {0};
	int r = o ? 0 : -1;

	*value = '\0';
	/* Every answer that is no error has a header. */
	if (o && (!json_get(o, "header") || base64_decode(json_str(kv, "value", ""), &text))) {
		snprintf(c->error, sizeof(c->error), "etcd: %.60s",
			 json_str(o, "error", "an answer that is not understood"));
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
