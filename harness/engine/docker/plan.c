#include "engine/docker/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/daemon.h"
#include "manifest/parts.h"

/* ---- container ---- */

static cJSON *words(const cJSON *list, const cJSON *env)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *w;

	cJSON_ArrayForEach(w, list) {
		char *text = plan_expand(cJSON_IsString(w) ? w->valuestring : "", env);

		json_push(out, cJSON_CreateString(text));
		free(text);
	}
	return out;
}

cJSON *plan_static_words(const cJSON *container, const cJSON *argv)
{
	cJSON *env = cJSON_CreateObject(), *out;
	const cJSON *v;

	cJSON_ArrayForEach(v, json_get(container, "env"))
		json_set_str(env, json_str(v, "name", ""), json_str(v, "value", ""));
	out = words(argv, env);
	cJSON_Delete(env);
	return out;
}

int plan_probe_grace(const cJSON *pod, const cJSON *container, bool started)
{
	static const char key[] = "terminationGracePeriodSeconds";
	const cJSON *probe = json_get(container, started ? "livenessProbe" : "startupProbe");

	return (int)json_i64(probe, key, json_i64(json_get(pod, "spec"), key, 30));
}

bool plan_has_hook(const cJSON *container)
{
	return json_path(container, "lifecycle.postStart.exec.command") != NULL;
}

int64_t plan_probe_number(const cJSON *probe, const char *key)
{
	static const struct {
		const char *key;
		int64_t dflt;
	} all[] = {{"timeoutSeconds", 1}, {"periodSeconds", 10}, {"successThreshold", 1}, {"failureThreshold", 3}};
	int64_t v = json_i64(probe, key, 0);

	for (size_t i = 0; v <= 0 && i < ARRAY_LEN(all); i++)
		if (!strcmp(all[i].key, key))
			return all[i].dflt;
	return v > 0 ? v : 0;
}

const char *plan_quantity(const cJSON *map, const char *key, char text[40])
{
	const cJSON *v = json_get(map, key);

	if (cJSON_IsString(v))
		return v->valuestring;
	if (!cJSON_IsNumber(v))
		return NULL;
	snprintf(text, 40, "%.15g", v->valuedouble);
	return text;
}

void plan_bind(cJSON *binds, const char *from, const char *to, bool read_only)
{
	json_pushf(binds, "%s:%s%s%s", from, *to == '/' ? "" : "/", to, read_only ? ":ro" : "");
}

/* As a kubelet gives it to the kernel (MilliCPUToQuota()): whatever the machine has, and
 * no less than the kernel takes. Docker's own NanoCpus are neither. */
static void add_quota(cJSON *host, int64_t millicores)
{
	enum { PERIOD_US = 100000, LEAST_US = 1000 };
	int64_t quota = millicores < INT64_MAX / PERIOD_US ? millicores * PERIOD_US / 1000 :
							     INT64_MAX / 1000;

	json_set_i64(host, "CpuPeriod", PERIOD_US);
	json_set_i64(host, "CpuQuota", quota < LEAST_US ? LEAST_US : quota);
}

/* As the kubelet's runtimes do: shares 1024 a core, quota by the limit. */
static void add_resources(cJSON *host, const cJSON *resources)
{
	const cJSON *limits = json_get(resources, "limits"), *requests = json_get(resources, "requests");
	char text[40];
	const char *q;

	q = plan_quantity(limits, "memory", text);
	if (q && quantity_bytes(q) > 0) {
		json_set_i64(host, "Memory", quantity_bytes(q));
		json_set_i64(host, "MemorySwap", quantity_bytes(q));
	}
	q = plan_quantity(limits, "cpu", text);
	if (q && quantity_millicores(q) > 0)
		add_quota(host, quantity_millicores(q));
	q = plan_quantity(requests, "cpu", text);
	if (!q)
		q = plan_quantity(limits, "cpu", text);
	if (q && quantity_millicores(q) > 0) {
		/* A kernel's most is what a kubelet gives at most (MilliCPUToShares()), too. */
		int64_t cpu = quantity_millicores(q);
		int64_t shares = cpu < 256000 ? cpu * 1024 / 1000 : 262144;

		json_set_i64(host, "CpuShares", shares < 2 ? 2 : shares);
	}
}

/* Besides what the pod drops: a packet that it makes itself passes the rules that
 * cut it off, and on the bridge it could take others' addresses. */
static cJSON *dropped(const cJSON *list)
{
	cJSON *out = cJSON_IsArray(list) ? cJSON_Duplicate(list, 1) : cJSON_CreateArray();
	const cJSON *it;

	cJSON_ArrayForEach(it, out)
		if (cJSON_IsString(it) && (!strcasecmp(it->valuestring, "ALL") || !strcmp(it->valuestring, "NET_RAW")))
			return out;
	json_push(out, cJSON_CreateString("NET_RAW"));
	return out;
}

static void add_security(cJSON *body, cJSON *host, const cJSON *pod, const cJSON *container)
{
	const cJSON *user = plan_security(container, pod, "runAsUser"), *group = plan_security(container, pod, "runAsGroup");
	const cJSON *sc = json_get(container, "securityContext"), *psc = json_path(pod, "spec.securityContext");
	const cJSON *more = json_get(psc, "fsGroup"), *it;
	cJSON *groups = cJSON_AddArrayToObject(host, "GroupAdd");
	char text[64];

	if (cJSON_IsNumber(user)) {
		if (cJSON_IsNumber(group))
			snprintf(text, sizeof(text), "%.0f:%.0f", user->valuedouble, group->valuedouble);
		else
			snprintf(text, sizeof(text), "%.0f", user->valuedouble);
		json_set_str(body, "User", text);
	}
	if (cJSON_IsNumber(more))
		json_pushf(groups, "%.0f", more->valuedouble);
	cJSON_ArrayForEach(it, json_get(psc, "supplementalGroups"))
		json_pushf(groups, "%.0f", it->valuedouble);
	if (json_get(json_get(sc, "capabilities"), "add"))
		json_set(host, "CapAdd", cJSON_Duplicate(json_get(json_get(sc, "capabilities"), "add"), 1));
	json_set(host, "CapDrop", dropped(json_get(json_get(sc, "capabilities"), "drop")));
	if (json_bool(sc, "readOnlyRootFilesystem", false))
		json_set_bool(host, "ReadonlyRootfs", true);
	if (!json_bool(sc, "allowPrivilegeEscalation", true))
		json_push(cJSON_AddArrayToObject(host, "SecurityOpt"), cJSON_CreateString("no-new-privileges"));
}

cJSON *plan_container(const cJSON *pod, const cJSON *container, const cJSON *env)
{
	cJSON *body = cJSON_CreateObject(), *host, *list;
	const cJSON *v;

	json_set_str(body, "Image", json_str(container, "image", ""));
	list = cJSON_AddArrayToObject(body, "Env");
	cJSON_ArrayForEach(v, env)
		json_pushf(list, "%s=%s", v->string, v->valuestring);
	if (json_get(container, "command"))
		json_set(body, "Entrypoint", words(json_get(container, "command"), env));
	if (json_get(container, "args"))
		json_set(body, "Cmd", words(json_get(container, "args"), env));
	if (json_str(container, "workingDir", NULL))
		json_set_str(body, "WorkingDir", json_str(container, "workingDir", ""));
	json_set_bool(body, "Tty", json_bool(container, "tty", false));
	json_set_bool(body, "OpenStdin", json_bool(container, "stdin", false));
	host = cJSON_AddObjectToObject(body, "HostConfig");
	add_resources(host, json_get(container, "resources"));
	add_security(body, host, pod, container);
	docker_bound_log(host);
	return body;
}

/* ---- placing ---- */

bool plan_selects(const cJSON *selector, const cJSON *labels)
{
	const cJSON *e, *map = json_get(selector, "matchLabels"), *v;

	if (!selector || (map && map->child && !store_map_fits(map, labels)))
		return false;
	cJSON_ArrayForEach(e, json_get(selector, "matchExpressions")) {
		const char *op = json_str(e, "operator", ""), *have = json_str(labels, json_str(e, "key", ""), NULL);
		bool in = false;

		cJSON_ArrayForEach(v, json_get(e, "values"))
			in = in || (have && cJSON_IsString(v) && !strcmp(v->valuestring, have));
		if ((!strcmp(op, "In") && !in) || (!strcmp(op, "NotIn") && in) ||
		    (!strcmp(op, "Exists") && !have) || (!strcmp(op, "DoesNotExist") && have))
			return false;
	}
	return true;
}

/* How many pods on the node fit the term, the pod itself aside; *all counts
 * every pod there. */
static int pods_on(const struct store *s, const cJSON *pod, const char *node, const cJSON *selector,
		   int *all)
{
	const char *ns = json_str(json_get(pod, "metadata"), "namespace", "");
	int n = 0;

	store_assert_locked(s);
	*all = 0;
	for (size_t i = 0; i < s->n; i++) {
		const cJSON *o = s->v[i].object, *m = json_get(o, "metadata");

		if (s->v[i].kind->id != KIND_POD || strcmp(json_str(m, "namespace", ""), ns) ||
		    strcmp(json_str(json_get(o, "spec"), "nodeName", ""), node) ||
		    !strcmp(json_str(m, "name", ""), json_str(json_get(pod, "metadata"), "name", "")))
			continue;
		(*all)++;
		n += plan_selects(selector, json_get(m, "labels"));
	}
	return n;
}

/* Nodes are told apart by kubernetes.io/hostname alone; a term by a label that
 * they lack, a zone, binds nothing, as on a cluster whose nodes lack it. */
static bool by_host(const cJSON *term)
{
	return !strcmp(json_str(term, "topologyKey", ""), "kubernetes.io/hostname");
}

static bool forbidden(const struct store *s, const cJSON *pod, const char *node)
{
	const cJSON *t;
	int all;

	cJSON_ArrayForEach(t, json_path(pod, "spec.affinity.podAntiAffinity."
					     "requiredDuringSchedulingIgnoredDuringExecution"))
		if (by_host(t) && pods_on(s, pod, node, json_get(t, "labelSelector"), &all))
			return true;
	return false;
}

static int64_t cost(const struct store *s, const cJSON *pod, const char *node)
{
	const cJSON *w;
	int64_t sum = 0;
	int all = 0, n;

	cJSON_ArrayForEach(w, json_path(pod, "spec.affinity.podAntiAffinity."
					     "preferredDuringSchedulingIgnoredDuringExecution")) {
		const cJSON *t = json_get(w, "podAffinityTerm");

		n = pods_on(s, pod, node, json_get(t, "labelSelector"), &all);
		if (by_host(t))
			sum += n * json_i64(w, "weight", 1) * 1000;
	}
	pods_on(s, pod, node, NULL, &all);
	return sum + all;
}

/* The kubelet's --max-pods. */
enum { PODS_A_NODE = 110 };

int64_t plan_at_once(const cJSON *spec, const char *key, int nodes)
{
	int64_t want = json_i64(spec, key, 1), most = (int64_t)PODS_A_NODE * (nodes - 1);

	return want < most ? want : most;
}

static bool full(const struct store *s, const cJSON *pod, const char *node)
{
	int all;

	pods_on(s, pod, node, NULL, &all);
	return all >= PODS_A_NODE;
}

int plan_node(const struct store *s, const cJSON *pod, const char *const *nodes, int n,
	      const char *fixed, struct err *e)
{
	int64_t best_cost = INT64_MAX;
	int best = -1, nfull = 0;

	for (int i = 1; i < n; i++) {
		int64_t c;

		if (full(s, pod, nodes[i])) {
			nfull++;
			continue;
		}
		if ((fixed && *fixed && strcmp(fixed, nodes[i])) || forbidden(s, pod, nodes[i]))
			continue;
		c = cost(s, pod, nodes[i]);
		if (c < best_cost) {
			best_cost = c;
			best = i;
		}
	}
	if (best < 0 && nfull)
		err_set(e, ERR_BROKEN, "0/%d nodes are available: %d Too many pods", n - 1, nfull);
	else if (best < 0)
		err_set(e, ERR_BROKEN, "0/%d nodes are available: %d node(s) didn't match pod "
			"anti-affinity rules or hold the pod's volume", n - 1, n - 1);
	return best;
}

/* ---- claims ---- */

static int64_t claim_bytes(const struct ynode *one)
{
	int64_t n = quantity_bytes_of(yaml_path((struct ynode *)one, "spec.resources.requests.storage"));

	return n > 0 ? n : 0;
}

/* The sum with `times` claims of that size; without an end where a number has one. */
static int64_t with_claims(int64_t sum, int64_t size, int64_t times)
{
	int64_t all;

	if (times <= 0)
		return sum;
	return __builtin_mul_overflow(size, times, &all) || __builtin_add_overflow(sum, all, &sum) ?
		       INT64_MAX : sum;
}

int64_t plan_claim_bytes(const struct manifest *m)
{
	int64_t sum = 0;

	for (size_t i = 0; i < m->n; i++) {
		struct ynode *o = m->objects[i], *templates = yaml_path(o, "spec.volumeClaimTemplates");
		const char *replicas = manifest_text(o, "spec.replicas");

		if (!strcmp(manifest_kind(o), "PersistentVolumeClaim"))
			sum = with_claims(sum, claim_bytes(o), 1);
		for (size_t j = 0; templates && j < templates->n; j++)
			sum = with_claims(sum, claim_bytes(templates->items[j]),
					  *replicas ? strtoll(replicas, NULL, 10) : 1);
	}
	return sum;
}

/* ---- services ---- */

int plan_port(const cJSON *pod, const cJSON *port)
{
	const cJSON *c, *p;

	if (cJSON_IsNumber(port))
		return (int)port->valuedouble;
	if (!cJSON_IsString(port))
		return 0;
	if (port->valuestring[0] && strspn(port->valuestring, "0123456789") == strlen(port->valuestring))
		return (int)strtol(port->valuestring, NULL, 10);
	cJSON_ArrayForEach(c, json_path(pod, "spec.containers"))
		cJSON_ArrayForEach(p, json_get(c, "ports"))
			if (!strcmp(json_str(p, "name", ""), port->valuestring))
				return (int)json_i64(p, "containerPort", 0);
	return 0;
}

/* A pod has a name only below the headless Service that its subdomain names
 * (ShouldSetHostname in pkg/controller/util/endpoint). */
static cJSON *address_of(const cJSON *pod, const cJSON *service)
{
	bool named = !strcmp(json_str(json_get(pod, "spec"), "subdomain", ""),
			     json_str(json_get(service, "metadata"), "name", "?")) &&
		     !strcmp(json_str(json_get(service, "spec"), "clusterIP", ""), "None");
	const cJSON *m = json_get(pod, "metadata");
	cJSON *a = cJSON_CreateObject(), *ref;

	json_set_str(a, "ip", json_str(json_get(pod, "status"), "podIP", ""));
	if (named)
		json_set_str(a, "hostname", json_str(json_get(pod, "spec"), "hostname", ""));
	json_set_str(a, "nodeName", json_str(json_get(pod, "spec"), "nodeName", ""));
	ref = cJSON_AddObjectToObject(a, "targetRef");
	json_set_str(ref, "kind", "Pod");
	json_set_str(ref, "name", json_str(m, "name", ""));
	json_set_str(ref, "namespace", json_str(m, "namespace", ""));
	json_set_str(ref, "uid", json_str(m, "uid", ""));
	return a;
}

static bool pod_is_ready(const cJSON *pod)
{
	const cJSON *c;

	if (json_get(json_get(pod, "metadata"), "deletionTimestamp"))
		return false;
	cJSON_ArrayForEach(c, json_path(pod, "status.conditions"))
		if (!strcmp(json_str(c, "type", ""), "Ready"))
			return !strcmp(json_str(c, "status", ""), "True");
	return false;
}

static cJSON *subset_ports(const cJSON *service, const cJSON *pod)
{
	cJSON *ports = cJSON_CreateArray();
	const cJSON *p;

	cJSON_ArrayForEach(p, json_path(service, "spec.ports")) {
		const cJSON *target = json_get(p, "targetPort");
		cJSON *o = cJSON_CreateObject();

		if (json_str(p, "name", NULL))
			json_set_str(o, "name", json_str(p, "name", ""));
		json_set_i64(o, "port", plan_port(pod, target ? target : json_get(p, "port")));
		json_set_str(o, "protocol", json_str(p, "protocol", "TCP"));
		json_push(ports, o);
	}
	return ports;
}

cJSON *plan_subsets(const struct store *s, const cJSON *service)
{
	const char *ns = json_str(json_get(service, "metadata"), "namespace", "");
	bool all = json_bool(json_get(service, "spec"), "publishNotReadyAddresses", false);
	cJSON *subsets = cJSON_CreateArray(), *ready = cJSON_CreateArray(),
	      *not = cJSON_CreateArray();
	cJSON *subset = cJSON_CreateObject();
	const cJSON *sample = NULL;

	store_assert_locked(s);
	for (size_t i = 0; i < s->n; i++) {
		const cJSON *pod = s->v[i].object, *m = json_get(pod, "metadata");
		const char *phase = json_str(json_get(pod, "status"), "phase", "");

		if (s->v[i].kind->id != KIND_POD || strcmp(json_str(m, "namespace", ""), ns) ||
		    !store_map_fits(json_path(service, "spec.selector"), json_get(m, "labels")) ||
		    !*json_str(json_get(pod, "status"), "podIP", "") || !strcmp(phase, "Succeeded") ||
		    !strcmp(phase, "Failed"))
			continue;
		sample = pod;
		json_push(all || pod_is_ready(pod) ? ready : not, address_of(pod, service));
	}
	if (sample) {
		if (cJSON_GetArraySize(ready))
			json_set(subset, "addresses", cJSON_Duplicate(ready, 1));
		if (cJSON_GetArraySize(not))
			json_set(subset, "notReadyAddresses", cJSON_Duplicate(not, 1));
		json_set(subset, "ports", subset_ports(service, sample));
		json_push(subsets, cJSON_Duplicate(subset, 1));
	}
	cJSON_Delete(ready);
	cJSON_Delete(not);
	cJSON_Delete(subset);
	return subsets;
}
