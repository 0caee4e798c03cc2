#include "kube/read.h"

#include <string.h>

#include "base/json.h"

const char *kube_meta(const cJSON *object, const char *key)
{
	return json_str(json_get(object, "metadata"), key, "");
}

const char *kube_label(const cJSON *object, const char *key)
{
	return json_str(json_get(json_get(object, "metadata"), "labels"), key, "");
}

bool kube_condition(const cJSON *object, const char *type, const cJSON **condition)
{
	const cJSON *c;

	cJSON_ArrayForEach(c, json_path(object, "status.conditions")) {
		if (strcmp(json_str(c, "type", ""), type))
			continue;
		if (condition)
			*condition = c;
		return !strcmp(json_str(c, "status", ""), "True");
	}
	if (condition)
		*condition = NULL;
	return false;
}

bool kube_pod_ready(const cJSON *pod)
{
	return kube_condition(pod, "Ready", NULL) &&
	       !json_get(json_get(pod, "metadata"), "deletionTimestamp");
}

int kube_pod_restarts(const cJSON *pod)
{
	const cJSON *c;
	int64_t n = 0;

	cJSON_ArrayForEach(c, json_path(pod, "status.containerStatuses"))
		n += json_i64(c, "restartCount", 0);
	return (int)n;
}

bool kube_volume_is_ours(const cJSON *pv)
{
	const char *by = json_str(json_path(pv, "metadata.annotations"),
				  "pv.kubernetes.io/provisioned-by", "");

	return !strcmp(by, KUBE_PROVISIONER) || *kube_label(pv, KUBE_RUN_LABEL);
}
