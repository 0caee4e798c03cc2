/* What is there: pods, nodes, logs. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "engine/kube/kube.h"

static char *containers_beside(const cJSON *o)
{
	const cJSON *c = json_path(o, "spec.containers.0");
	struct buf names = {0};

	while (c && (c = c->next))
		buf_fmt(&names, "%s%s", names.len ? " " : "", json_str(c, "name", ""));
	return names.s ? names.s : mem_strdup("");
}

static void read_pod(const cJSON *o, struct pod *p)
{
	mem_copy_str(p->name, sizeof(p->name), kube_meta(o, "name"));
	mem_copy_str(p->uid, sizeof(p->uid), kube_meta(o, "uid"));
	mem_copy_str(p->node, sizeof(p->node), json_str(json_get(o, "spec"), "nodeName", ""));
	mem_copy_str(p->ip, sizeof(p->ip), json_str(json_get(o, "status"), "podIP", ""));
	mem_copy_str(p->phase, sizeof(p->phase), json_str(json_get(o, "status"), "phase", ""));
	p->ready = kube_pod_ready(o);
	p->deleting = json_get(json_get(o, "metadata"), "deletionTimestamp") != NULL;
	p->restarts = kube_pod_restarts(o);
	p->beside = containers_beside(o);
}

int kube_engine_pods(struct engine *en, struct pods *out, struct err *e)
{
	struct kube *k = (struct kube *)en;
	cJSON *list = NULL;
	const cJSON *o;
	char path[300];

	if (kube_connect(k, true, e))
		return -1;
	/* "!ordeal.dev/agent": not our own load agent. */
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods?labelSelector=%%21ordeal.dev%%2Fagent",
		 k->base.namespace);
	if (kube_get(k->k, path, &list, e))
		return -1;
	cJSON_ArrayForEach(o, json_get(list, "items"))
		read_pod(o, VEC_PUSH(out->v, out->n, out->alloc));
	cJSON_Delete(list);
	return 0;
}

int kube_engine_nodes(struct engine *en, struct nodes *out, struct err *e)
{
	struct kube *k = (struct kube *)en;

	return kube_connect(k, true, e) ? -1 : kube_list_nodes(k, out, e);
}

int kube_list_nodes(struct kube *k, struct nodes *out, struct err *e)
{
	cJSON *list = NULL;
	const cJSON *o;

	if (kube_get(k->k, "/api/v1/nodes", &list, e))
		return -1;
	cJSON_ArrayForEach(o, json_get(list, "items")) {
		struct node_info *n = VEC_PUSH(out->v, out->n, out->alloc);

		mem_copy_str(n->name, sizeof(n->name), kube_meta(o, "name"));
		mem_copy_str(n->cidr, sizeof(n->cidr), json_str(json_get(o, "spec"), "podCIDR", ""));
		n->worker = !json_get(json_path(o, "metadata.labels"),
				      "node-role.kubernetes.io/control-plane");
		n->ready = kube_condition(o, "Ready", NULL);
	}
	cJSON_Delete(list);
	return 0;
}

int kube_engine_logs(struct engine *en, const char *pod, const char *container, bool previous,
		     int lines, struct buf *out, struct err *e)
{
	struct kube *k = (struct kube *)en;
	struct kube_request q = {0};
	char path[600], first[128], what[200];
	cJSON *o = NULL;
	int status = 0;

	if (kube_connect(k, true, e))
		return -1;
	snprintf(what, sizeof(what), "the log of pod %s", pod);
	if (!*container) {
		snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s", k->base.namespace, pod);
		if (kube_get(k->k, path, &o, e))
			return -1;
		mem_copy_str(first, sizeof(first),
			     json_str(json_path(o, "spec.containers.0"), "name", ""));
		cJSON_Delete(o);
		container = first;
	}
	snprintf(path, sizeof(path),
		 "/api/v1/namespaces/%s/pods/%s/log?container=%s&tailLines=%d%s",
		 k->base.namespace, pod, container, lines, previous ? "&previous=true" : "");
	q.path = path;
	if (kube_http(k->k, &q, out, &status, e))
		return -1;
	if (status < 300)
		return 0;
	kube_status_error(status, buf_cstr(out), "read", what, e);
	buf_reset(out);
	return -1;
}
