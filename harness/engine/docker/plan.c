#include "engine/docker/plan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

/* ---- environment ---- */

char *plan_expand(const char *text, const cJSON *env)
{
	struct buf b = {0};
	char *out;

	while (*text) {
		const char *end = !strncmp(text, "$(", 2) ? strchr(text, ')') : NULL;
		const char *value = NULL;

		if (!strncmp(text, "$$", 2)) {
			buf_char(&b, '$');
			text += 2;
			continue;
		}
		if (end) {
			char *name = mem_fmt("%.*s", (int)(end - text - 2), text + 2);

			value = json_str(env, name, NULL);
			free(name);
		}
		if (value) {
			buf_str(&b, value);
			text = end + 1;
		} else {
			buf_char(&b, *text++);
		}
	}
	out = mem_strdup(buf_cstr(&b));
	buf_free(&b);
	return out;
}

static void env_fmt(cJSON *env, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void env_fmt(cJSON *env, const char *name, const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	json_set_str(env, name, buf_cstr(&b));
	buf_free(&b);
}

/* "redis-master" -> "REDIS_MASTER" */
static void variable_name(const char *service, char *out, size_t size)
{
	size_t i;

	for (i = 0; service[i] && i < size - 1; i++)
		out[i] = service[i] == '-' ? '_' : (char)toupper((unsigned char)service[i]);
	out[i] = '\0';
}

/* As the kubelet does for every Service of the namespace that has an address
 * ("Environment variables", Service documentation). */
static void add_service(cJSON *env, const cJSON *svc)
{
	const char *ip = json_str(json_get(svc, "spec"), "clusterIP", "");
	const cJSON *port;
	char n[128], name[300], p[64];
	bool first = true;

	if (!*ip || !strcmp(ip, "None"))
		return;
	variable_name(json_str(json_get(svc, "metadata"), "name", ""), n, sizeof(n));
	snprintf(name, sizeof(name), "%s_SERVICE_HOST", n);
	json_set_str(env, name, ip);
	cJSON_ArrayForEach(port, json_path(svc, "spec.ports")) {
		int64_t num = json_i64(port, "port", 0);
		const char *proto = !strcmp(json_str(port, "protocol", "TCP"), "UDP") ? "udp" : "tcp";

		if (first) {
			snprintf(name, sizeof(name), "%s_SERVICE_PORT", n);
			env_fmt(env, name, "%lld", (long long)num);
			snprintf(name, sizeof(name), "%s_PORT", n);
			env_fmt(env, name, "%s://%s:%lld", proto, ip, (long long)num);
		}
		first = false;
		if (json_str(port, "name", NULL)) {
			variable_name(json_str(port, "name", ""), p, sizeof(p));
			snprintf(name, sizeof(name), "%s_SERVICE_PORT_%s", n, p);
			env_fmt(env, name, "%lld", (long long)num);
		}
		snprintf(p, sizeof(p), "%lld_%s", (long long)num, *proto == 'u' ? "UDP" : "TCP");
		snprintf(name, sizeof(name), "%s_PORT_%s", n, p);
		env_fmt(env, name, "%s://%s:%lld", proto, ip, (long long)num);
		snprintf(name, sizeof(name), "%s_PORT_%s_PROTO", n, p);
		json_set_str(env, name, proto);
		snprintf(name, sizeof(name), "%s_PORT_%s_PORT", n, p);
		env_fmt(env, name, "%lld", (long long)num);
		snprintf(name, sizeof(name), "%s_PORT_%s_ADDR", n, p);
		json_set_str(env, name, ip);
	}
}

static const char *field(const cJSON *pod, const char *path, const char *ip, const char *host_ip)
{
	const cJSON *v, *meta = json_get(pod, "metadata");
	char key[200];

	if (!strcmp(path, "status.podIP") || !strcmp(path, "status.podIPs"))
		return ip;
	if (!strcmp(path, "status.hostIP") || !strcmp(path, "status.hostIPs"))
		return host_ip;
	if (sscanf(path, "metadata.labels['%199[^']']", key) == 1)
		return json_str(json_get(meta, "labels"), key, "");
	if (sscanf(path, "metadata.annotations['%199[^']']", key) == 1)
		return json_str(json_get(meta, "annotations"), key, "");
	v = json_path(pod, path);
	return cJSON_IsString(v) ? v->valuestring : NULL;
}

/* The value of a key of a ConfigMap or Secret; Secrets in the store have
 * plain text in stringData (the engine decodes data when it takes them). */
static const char *value_of(const cJSON *object, const char *key)
{
	const char *v = json_str(json_get(object, "stringData"), key, NULL);

	return v ? v : json_str(json_get(object, "data"), key, NULL);
}

static int from_key(const struct store *s, const char *ns, const char *plural, const cJSON *ref,
		    const char **value, struct err *e)
{
	const char *name = json_str(ref, "name", ""), *key = json_str(ref, "key", "");
	const char *kind = *plural == 's' ? "secret" : "configmap";
	const cJSON *o = store_get(s, plural, ns, name);
	bool optional = json_bool(ref, "optional", false);

	*value = NULL;
	if (!o)
		return optional ? 0 : err_set(e, ERR_BROKEN, "%s \"%s\" not found", kind, name);
	*value = value_of(o, key);
	if (!*value && !optional)
		return err_set(e, ERR_BROKEN, "couldn't find key %s in %s %s/%s", key,
			       *plural == 's' ? "Secret" : "ConfigMap", ns, name);
	return 0;
}

static int add_all(const struct store *s, const char *ns, const cJSON *from, cJSON *env, struct err *e)
{
	const cJSON *ref = json_get(from, "configMapRef"), *o, *v;
	const char *plural = ref ? "configmaps" : "secrets", *prefix = json_str(from, "prefix", "");
	static const char *const parts[] = {"data", "stringData"};

	if (!ref)
		ref = json_get(from, "secretRef");
	o = store_get(s, plural, ns, json_str(ref, "name", ""));
	if (!o)
		return json_bool(ref, "optional", false) ? 0 :
		       err_set(e, ERR_BROKEN, "%s \"%s\" not found",
			       *plural == 's' ? "secret" : "configmap", json_str(ref, "name", ""));
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		cJSON_ArrayForEach(v, json_get(o, parts[i])) {
			char *name = mem_fmt("%s%s", prefix, v->string);

			if (cJSON_IsString(v))
				json_set_str(env, name, v->valuestring);
			free(name);
		}
	}
	return 0;
}

static int add_one(const struct store *s, const cJSON *pod, const cJSON *var, const char *ip,
		   const char *host_ip, cJSON *env, struct err *e)
{
	const char *ns = json_str(json_get(pod, "metadata"), "namespace", ""), *value = NULL;
	const cJSON *from = json_get(var, "valueFrom"), *ref;
	const char *name = json_str(var, "name", "");
	char *text;

	if (!from) {
		text = plan_expand(json_str(var, "value", ""), env);
		json_set_str(env, name, text);
		free(text);
		return 0;
	}
	if ((ref = json_get(from, "fieldRef"))) {
		value = field(pod, json_str(ref, "fieldPath", ""), ip, host_ip);
		if (!value)
			return err_set(e, ERR_BROKEN, "fieldPath %s is not supported",
				       json_str(ref, "fieldPath", ""));
	} else if ((ref = json_get(from, "secretKeyRef"))) {
		if (from_key(s, ns, "secrets", ref, &value, e))
			return -1;
	} else if ((ref = json_get(from, "configMapKeyRef"))) {
		if (from_key(s, ns, "configmaps", ref, &value, e))
			return -1;
	}
	if (value)
		json_set_str(env, name, value);
	return 0;
}

cJSON *plan_env(const struct store *s, const cJSON *pod, const cJSON *container, const char *ip,
		const char *host_ip, struct err *e)
{
	const char *ns = json_str(json_get(pod, "metadata"), "namespace", "");
	cJSON *env = cJSON_CreateObject();
	const cJSON *it;

	if (json_bool(json_get(pod, "spec"), "enableServiceLinks", true))
		for (size_t i = 0; i < s->n; i++)
			if (!strcmp(s->v[i].kind->plural, "services") &&
			    !strcmp(json_str(json_get(s->v[i].object, "metadata"), "namespace", ""), ns))
				add_service(env, s->v[i].object);
	cJSON_ArrayForEach(it, json_get(container, "envFrom"))
		if (add_all(s, ns, it, env, e))
			goto fail;
	cJSON_ArrayForEach(it, json_get(container, "env"))
		if (add_one(s, pod, it, ip, host_ip, env, e))
			goto fail;
	return env;
fail:
	cJSON_Delete(env);
	return NULL;
}

/* ---- container ---- */

static cJSON *words(const cJSON *list, const cJSON *env)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *w;

	cJSON_ArrayForEach(w, list) {
		char number[40], *text;

		snprintf(number, sizeof(number), "%.15g", w->valuedouble);
		text = plan_expand(cJSON_IsString(w) ? w->valuestring : number, env);
		json_push(out, cJSON_CreateString(text));
		free(text);
	}
	return out;
}

/* A quantity that YAML may have read as a number. */
static const char *quantity(const cJSON *map, const char *key, char text[40])
{
	const cJSON *v = json_get(map, key);

	if (cJSON_IsString(v))
		return v->valuestring;
	if (!cJSON_IsNumber(v))
		return NULL;
	snprintf(text, 40, "%.15g", v->valuedouble);
	return text;
}

/* As the kubelet's runtimes do: shares 1024 a core, quota by the limit. */
static void add_resources(cJSON *host, const cJSON *resources)
{
	const cJSON *limits = json_get(resources, "limits"), *requests = json_get(resources, "requests");
	char text[40];
	const char *q;

	q = quantity(limits, "memory", text);
	if (q && quantity_bytes(q) > 0) {
		json_set_i64(host, "Memory", quantity_bytes(q));
		json_set_i64(host, "MemorySwap", quantity_bytes(q));
	}
	q = quantity(limits, "cpu", text);
	if (q && quantity_millicores(q) > 0)
		json_set_i64(host, "NanoCpus", quantity_millicores(q) * 1000000);
	q = quantity(requests, "cpu", text);
	if (!q)
		q = quantity(limits, "cpu", text);
	if (q && quantity_millicores(q) > 0) {
		int64_t shares = quantity_millicores(q) * 1024 / 1000;

		json_set_i64(host, "CpuShares", shares < 2 ? 2 : shares);
	}
}

static const cJSON *either(const cJSON *container, const cJSON *pod, const char *key)
{
	const cJSON *v = json_get(json_get(container, "securityContext"), key);

	return v ? v : json_get(json_path(pod, "spec.securityContext"), key);
}

static void add_security(cJSON *body, cJSON *host, const cJSON *pod, const cJSON *container)
{
	const cJSON *user = either(container, pod, "runAsUser"), *group = either(container, pod, "runAsGroup");
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
	if (json_get(json_get(sc, "capabilities"), "drop"))
		json_set(host, "CapDrop", cJSON_Duplicate(json_get(json_get(sc, "capabilities"), "drop"), 1));
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
	return body;
}

/* ---- placing ---- */

static bool selects(const cJSON *selector, const cJSON *labels)
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

	*all = 0;
	for (size_t i = 0; i < s->n; i++) {
		const cJSON *o = s->v[i].object, *m = json_get(o, "metadata");

		if (strcmp(s->v[i].kind->plural, "pods") || strcmp(json_str(m, "namespace", ""), ns) ||
		    strcmp(json_str(json_get(o, "spec"), "nodeName", ""), node) ||
		    !strcmp(json_str(m, "name", ""), json_str(json_get(pod, "metadata"), "name", "")))
			continue;
		(*all)++;
		n += selects(selector, json_get(m, "labels"));
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

int plan_node(const struct store *s, const cJSON *pod, const char *const *nodes, int n,
	      const char *fixed, struct err *e)
{
	int64_t best_cost = INT64_MAX;
	int best = -1;

	for (int i = 1; i < n; i++) {
		int64_t c;

		if ((fixed && *fixed && strcmp(fixed, nodes[i])) || forbidden(s, pod, nodes[i]))
			continue;
		c = cost(s, pod, nodes[i]);
		if (c < best_cost) {
			best_cost = c;
			best = i;
		}
	}
	if (best < 0)
		err_set(e, ERR_BROKEN, "0/%d nodes are available: %d node(s) didn't match pod "
			"anti-affinity rules or hold the pod's volume", n - 1, n - 1);
	return best;
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

static cJSON *address_of(const cJSON *pod)
{
	const cJSON *m = json_get(pod, "metadata");
	cJSON *a = cJSON_CreateObject(), *ref;

	json_set_str(a, "ip", json_str(json_get(pod, "status"), "podIP", ""));
	if (json_str(json_get(pod, "spec"), "subdomain", NULL))
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
	cJSON *subsets = cJSON_CreateArray(), *ready = cJSON_CreateArray(), *not = cJSON_CreateArray();
	cJSON *subset = cJSON_CreateObject();
	const cJSON *sample = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const cJSON *pod = s->v[i].object, *m = json_get(pod, "metadata");
		const char *phase = json_str(json_get(pod, "status"), "phase", "");

		if (strcmp(s->v[i].kind->plural, "pods") || strcmp(json_str(m, "namespace", ""), ns) ||
		    !store_map_fits(json_path(service, "spec.selector"), json_get(m, "labels")) ||
		    !*json_str(json_get(pod, "status"), "podIP", "") || !strcmp(phase, "Succeeded") ||
		    !strcmp(phase, "Failed"))
			continue;
		sample = pod;
		json_push(all || pod_is_ready(pod) ? ready : not, address_of(pod));
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
