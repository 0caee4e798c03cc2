/* A Kubernetes node: pods are seen through /proc and cgroups, asked after and
 * deleted through the API server. */
#include "node/kube.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/env.h"
#include "node/volumes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define PODS_FRESH_NS (250 * NS_PER_MS)
#define CONTROL_PLANE "node-role.kubernetes.io%2Fcontrol-plane"

static int pod_uid(struct node *n, const char *ns, const char *name, char uid[64], bool *deleting,
		   struct err *e)
{
	struct node_pod pod;

	if (kube_pod_look(n, ns, name, &pod, e))
		return -1;
	mem_copy_str(uid, 64, pod.uid);
	*deleting = pod.deleting;
	return 0;
}

static int pod_delete(struct node *n, const char *ns, const char *name, const char *uid,
		      int grace_s, struct err *e)
{
	cJSON *body = kube_delete_options(uid, grace_s);
	char url[500];
	int r;

	snprintf(url, sizeof(url), "/api/v1/namespaces/%s/pods/%s", ns, name);
	r = kube_node_send(n->impl, "DELETE", url, KUBE_JSON, body, true, e);
	cJSON_Delete(body);
	return r;
}

static int list_pods(struct node_kube *k, const char *ns, struct err *e)
{
	cJSON *list = NULL;
	char url[500];

	snprintf(url, sizeof(url), "/api/v1/namespaces/%s/pods?fieldSelector=spec.nodeName%%3D%s", ns,
		 k->n->name);
	if (kube_node_get(k, url, &list, e))
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
	if (kube_node_get(n->impl, "/api/v1/nodes?labelSelector=" CONTROL_PLANE, &list, e))
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
	.volume = kube_volume,
	.volume_now = kube_volume_now,
	.pod_uid = pod_uid,
	.pod_delete = pod_delete,
	.pod_look = kube_pod_look,
	.set_of = kube_set_of,
	.set_restart = kube_set_restart,
	.claims = kube_claims,
	.claim_delete = kube_claim_delete,
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
