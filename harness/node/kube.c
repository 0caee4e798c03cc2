/* A Kubernetes node: pods are seen through /proc and cgroups, asked after and
 * deleted through the API server. */
#include "node/kube.h"

#include <glob.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "node/env.h"
#include "node/volumes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define API_TIMEOUT_NS (5 * NS_PER_S)
#define PODS_FRESH_NS (250 * NS_PER_MS)
#define CONTROL_PLANE "node-role.kubernetes.io%2Fcontrol-plane"

/* GET with our short time limit; NULL without an error for 404. */
static int api_get(struct node_kube *k, const char *path, cJSON **out, struct err *e)
{
	struct kube_request q = {.path = path, .timeout_ns = API_TIMEOUT_NS};
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

static const char *first_claim(const cJSON *pod)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, json_path(pod, "spec.volumes")) {
		const char *claim = json_str(json_get(v, "persistentVolumeClaim"), "claimName", NULL);

		if (claim)
			return claim;
	}
	return NULL;
}

/* Where the kubelet mounted a volume that is not ours. */
static int kubelet_path(const struct node_kube *k, const char *uid, const char *pv, char *path,
			size_t size, struct err *e)
{
	char pattern[600];
	struct stat st;
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/var/lib/kubelet/pods/%s/volumes/kubernetes.io~*/%s",
		 k->root, uid, pv);
	if (glob(pattern, 0, NULL, &g) || !g.gl_pathc)
		return err_set(e, ERR_BROKEN, "volume %s of pod %s is not mounted on this node", pv, uid);
	/* CSI drivers mount one level deeper. */
	snprintf(path, size, "%s/mount", g.gl_pathv[0]);
	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		snprintf(path, size, "%s", g.gl_pathv[0]);
	globfree(&g);
	return 0;
}

static int volume_path(struct node_kube *k, const char *ns, const cJSON *pod, char *path,
		       size_t size, struct err *e)
{
	const char *claim = first_claim(pod), *name = json_str(json_get(pod, "metadata"), "name", "");
	const char *local, *pv_name;
	cJSON *pvc = NULL, *pv = NULL;
	char url[700];
	int r = -1;

	if (!claim)
		return err_set(e, ERR_UNSUPPORTED, "pod %s has no claim, so no volume to fill", name);
	snprintf(url, sizeof(url), "/api/v1/namespaces/%s/persistentvolumeclaims/%s", ns, claim);
	if (api_get(k, url, &pvc, e))
		goto out;
	pv_name = json_str(json_get(pvc, "spec"), "volumeName", "");
	if (!pv_name[0]) {
		err_set(e, ERR_BROKEN, "claim %s of pod %s has no volume", claim, name);
		goto out;
	}
	snprintf(url, sizeof(url), "/api/v1/persistentvolumes/%s", pv_name);
	if (api_get(k, url, &pv, e))
		goto out;
	local = json_str(json_path(pv, "spec.local"), "path", NULL);
	if (local) {
		snprintf(path, size, "%s%s", k->root, local);
		r = 0;
	} else {
		r = kubelet_path(k, json_str(json_get(pod, "metadata"), "uid", ""), pv_name, path,
				 size, e);
	}
out:
	cJSON_Delete(pvc);
	cJSON_Delete(pv);
	return r;
}

static int get_pod(struct node_kube *k, const char *ns, const char *name, cJSON **pod,
		   struct err *e)
{
	char url[500];

	snprintf(url, sizeof(url), "/api/v1/namespaces/%s/pods/%s", ns, name);
	return api_get(k, url, pod, e);
}

static int volume(struct node *n, const char *ns, const char *name, char *path, size_t size,
		  struct err *e)
{
	struct node_kube *k = n->impl;
	cJSON *pod = NULL;
	int r = get_pod(k, ns, name, &pod, e);

	if (!r && !pod)
		r = err_set(e, ERR_BROKEN, "there is no pod %s in %s", name, ns);
	if (!r)
		r = volume_path(k, ns, pod, path, size, e);
	cJSON_Delete(pod);
	return r;
}

static int pod_uid(struct node *n, const char *ns, const char *name, char uid[64], bool *deleting,
		   struct err *e)
{
	const cJSON *meta;
	cJSON *pod = NULL;

	uid[0] = '\0';
	*deleting = false;
	if (get_pod(n->impl, ns, name, &pod, e))
		return -1;
	meta = json_get(pod, "metadata");
	mem_copy_str(uid, 64, json_str(meta, "uid", ""));
	*deleting = json_get(meta, "deletionTimestamp") != NULL;
	cJSON_Delete(pod);
	return 0;
}

static int pod_delete(struct node *n, const char *ns, const char *name, const char *uid,
		      int grace_s, struct err *e)
{
	struct node_kube *k = n->impl;
	cJSON *body = cJSON_CreateObject(), *pre;
	struct kube_request q = {.method = "DELETE", .type = KUBE_JSON, .timeout_ns = API_TIMEOUT_NS};
	struct buf answer = {0};
	char url[500], *text;
	int status = 0, r;

	json_set_str(body, "apiVersion", "v1");
	json_set_str(body, "kind", "DeleteOptions");
	if (grace_s >= 0)
		json_set_i64(body, "gracePeriodSeconds", grace_s);
	pre = cJSON_AddObjectToObject(body, "preconditions");
	json_set_str(pre, "uid", uid);
	text = json_text(body);
	cJSON_Delete(body);
	snprintf(url, sizeof(url), "/api/v1/namespaces/%s/pods/%s", ns, name);
	q.path = url;
	q.body = text;
	pthread_mutex_lock(&k->lock);
	r = kube_http(k->client, &q, &answer, &status, e);
	pthread_mutex_unlock(&k->lock);
	/* 409: another pod of that name is there already. */
	if (!r && status >= 300 && status != 404 && status != 409)
		r = kube_status_error(status, buf_cstr(&answer), "delete", name, e);
	buf_free(&answer);
	free(text);
	return r;
}

static int list_pods(struct node_kube *k, const char *ns, struct err *e)
{
	cJSON *list = NULL;
	char url[500];

	snprintf(url, sizeof(url), "/api/v1/namespaces/%s/pods?fieldSelector=spec.nodeName%%3D%s", ns,
		 k->n->name);
	if (api_get(k, url, &list, e))
		return -1;
	cJSON_Delete(k->pods);
	k->pods = list;
	mem_copy_str(k->pods_ns, sizeof(k->pods_ns), ns);
	k->pods_ns_at = clock_mono_ns();
	return 0;
}

/* Called from the faults' side only, which does one thing at a time. */
static int pods(struct node *n, const char *ns, cJSON *out, struct err *e)
{
	struct node_kube *k = n->impl;
	const cJSON *pod;
	char ip[64];

	if ((strcmp(k->pods_ns, ns) || clock_mono_ns() - k->pods_ns_at > PODS_FRESH_NS) &&
	    list_pods(k, ns, e))
		return -1;
	cJSON_ArrayForEach(pod, json_get(k->pods, "items")) {
		const char *phase = json_str(json_get(pod, "status"), "phase", "");
		cJSON *o;

		if (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"))
			continue;
		o = cJSON_CreateObject();
		json_set_str(o, "name", json_str(json_get(pod, "metadata"), "name", ""));
		json_set_str(o, "uid", json_str(json_get(pod, "metadata"), "uid", ""));
		mem_copy_str(ip, sizeof(ip), json_str(json_get(pod, "status"), "podIP", ""));
		/* The kubelet tells it some time after the pod has begun to use it. */
		if (!ip[0])
			kube_sandbox_ip(n, json_str(json_get(pod, "metadata"), "uid", ""), ip);
		json_set_str(o, "ip", ip);
		json_push(out, o);
	}
	return 0;
}

static int own_addresses(cJSON *own, struct err *e)
{
	struct ifaddrs *all, *it;
	char text[NI_MAXHOST];

	if (getifaddrs(&all))
		return err_set(e, ERR_BROKEN, "cannot list the node's addresses");
	for (it = all; it; it = it->ifa_next) {
		int family = it->ifa_addr ? it->ifa_addr->sa_family : AF_UNSPEC;
		socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) :
				sizeof(struct sockaddr_in6);

		if ((family != AF_INET && family != AF_INET6) || (it->ifa_flags & IFF_LOOPBACK))
			continue;
		if (getnameinfo(it->ifa_addr, len, text, sizeof(text), NULL, 0, NI_NUMERICHOST))
			continue;
		if (strchr(text, '%')) /* link-local: of no use to a pod */
			continue;
		json_push(own, cJSON_CreateString(text));
	}
	freeifaddrs(all);
	return 0;
}

/* The service's address, and those of the control plane's nodes behind it. */
static int addresses(struct node *n, cJSON *own, cJSON *api, struct err *e)
{
	const char *service = getenv("KUBERNETES_SERVICE_HOST");
	const cJSON *node, *a;
	cJSON *list = NULL;

	if (own_addresses(own, e))
		return -1;
	if (service)
		json_push(api, cJSON_CreateString(service));
	if (api_get(n->impl, "/api/v1/nodes?labelSelector=" CONTROL_PLANE, &list, e))
		return -1;
	cJSON_ArrayForEach(node, json_get(list, "items"))
		cJSON_ArrayForEach(a, json_path(node, "status.addresses"))
			if (!strcmp(json_str(a, "type", ""), "InternalIP"))
				json_push(api, cJSON_CreateString(json_str(a, "address", "")));
	cJSON_Delete(list);
	return 0;
}

static const struct node_ops KUBE_OPS = {
	.name = "kube",
	.pids = kube_pids,
	.netns = kube_netns,
	.freeze = kube_freeze,
	.frozen = kube_frozen,
	.volume = volume,
	.pod_uid = pod_uid,
	.pod_delete = pod_delete,
	.pods = pods,
	.addresses = addresses,
	.host_netns = "/proc/1/ns/net",
	.residue = kube_residue,
};

const struct node_ops *node_kube_ops(void)
{
	return &KUBE_OPS;
}

static void kube_close(struct node *n)
{
	struct node_kube *k = n->impl;

	if (!k)
		return;
	volumes_stop(k->volumes);
	kube_client_free(k->client);
	kube_conf_free(&k->conf);
	cJSON_Delete(k->pods);
	pthread_mutex_destroy(&k->lock);
	free(k);
	n->impl = NULL;
}

static int kube_open(struct node *n, struct err *e)
{
	struct node_kube *k = mem_alloc(sizeof(*k));

	k->n = n;
	k->root = KUBE_NODE_ROOT;
	n->impl = k;
	n->ops = &KUBE_OPS;
	pthread_mutex_init(&k->lock, NULL);
	if (!n->name[0]) {
		err_set(e, ERR_INPUT, "--mode kube needs --node, the node's name");
		goto fail;
	}
	if (!file_exists(KUBE_NODE_ROOT "/proc")) {
		err_set(e, ERR_BROKEN, "cannot see the node below " KUBE_NODE_ROOT
			": the agent needs hostPID and privileges");
		goto fail;
	}
	if (kubeconfig_in_cluster(&k->conf, e) || kube_client_new(&k->conf, NULL, &k->client, e) ||
	    volumes_start(n, &k->conf, &k->volumes, e))
		goto fail;
	return 0;
fail:
	kube_close(n);
	return -1;
}

const struct node_env node_env_kube = {
	.mode = "kube",
	.open = kube_open,
	.close = kube_close,
};
