#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "node/kube.h"

#define TIMEOUT_NS (5 * NS_PER_S)

int kube_node_get(struct node_kube *k, const char *path, cJSON **out, struct err *e)
{
	struct kube_request q = {.path = path, .timeout_ns = TIMEOUT_NS};
	struct buf b = {0};
	int status = 0, r;

	*out = NULL;
	pthread_mutex_lock(&k->lock);
	r = kube_http(k->client, &q, &b, &status, e);
	pthread_mutex_unlock(&k->lock);
	if (!r && status != 404 && status >= 300)
		r = kube_status_error(status, buf_cstr(&b), "read", path, e);
	if (!r && status < 300) {
		*out = json_parse(buf_cstr(&b), path, e);
		r = *out ? 0 : -1;
	}
	buf_free(&b);
	return r;
}

int kube_node_send(struct node_kube *k, const char *method, const char *path, const char *type,
		   const cJSON *body, bool gone_is_fine, struct err *e)
{
	char *text = json_text(body);
	struct kube_request q = {.method = method,
				 .path = path,
				 .type = type,
				 .body = text,
				 .timeout_ns = TIMEOUT_NS};
	struct buf b = {0};
	int status = 0, r;

	pthread_mutex_lock(&k->lock);
	r = kube_http(k->client, &q, &b, &status, e);
	pthread_mutex_unlock(&k->lock);
	/* 409: another one of that name is there already. */
	if (!r && status >= 300 && !(gone_is_fine && (status == 404 || status == 409)))
		r = kube_status_error(status, buf_cstr(&b), method, path, e);
	buf_free(&b);
	free(text);
	return r;
}

cJSON *kube_delete_options(const char *uid, int grace_s)
{
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "apiVersion", "v1");
	json_set_str(o, "kind", "DeleteOptions");
	if (grace_s >= 0)
		json_set_i64(o, "gracePeriodSeconds", grace_s);
	json_set_str(cJSON_AddObjectToObject(o, "preconditions"), "uid", uid);
	return o;
}
