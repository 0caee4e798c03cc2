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
