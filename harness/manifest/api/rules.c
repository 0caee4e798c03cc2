#include <string.h>

#include "manifest/api/api.h"

/* What an API server refuses in an object besides its pods: the rules that are
 * met in practice, in its words (pkg/apis of Kubernetes, validation). */

static size_t items(const struct ynode *list)
{
	return list && list->kind == Y_LIST ? list->n : 0;
}

static const struct ynode *at_or(const struct ynode *map, const char *key)
{
	const struct ynode *n = yaml_get(map, key);

	return n ? n : map;
}

static void check_meta(struct admission *w)
{
	static const char *const rbac[] = {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"};
	const struct ynode *meta = yaml_get(w->object, "metadata"), *ns = yaml_get(meta, "namespace");
	const char *(*form)(const char *) = api_dns_subdomain, *wrong;

	if (!strcmp(w->kind, "Service"))
		form = api_dns_label_1035;
	else if (!strcmp(w->kind, "Namespace"))
		form = api_dns_label;
	for (size_t i = 0; i < ARRAY_LEN(rbac); i++)
		if (!strcmp(rbac[i], w->kind)) /* these are parts of a path: their syntax is wider */
			form = NULL;
	wrong = form ? form(w->name) : strpbrk(w->name, "/%") ? "may not contain '/' or '%'" : NULL;
	if (wrong)
		api_refuse(w, yaml_get(meta, "name"), "metadata.name", "Invalid value: \"%.80s\": %s", w->name, wrong);
	wrong = ns && *api_text(meta, "namespace") ? api_dns_label(ns->text) : NULL;
	if (wrong)
		api_refuse(w, ns, "metadata.namespace", "Invalid value: \"%.80s\": %s", ns->text, wrong);
	api_check_labels(w, yaml_get(meta, "labels"), "metadata.labels");
	ns = yaml_get(meta, "annotations");
	for (size_t i = 0; ns && ns->kind == Y_MAP && i < ns->n; i++)
		if ((wrong = api_label_key(ns->keys[i]->text)))
			api_refuse(w, ns->keys[i], "metadata.annotations", "Invalid value: \"%.80s\": %s", ns->keys[i]->text, wrong);
}

/* ---- selectors ---- */

static bool in_values(const struct ynode *values, const char *text)
{
	for (size_t i = 0; i < items(values); i++)
		if (values->items[i]->kind == Y_SCALAR && !strcmp(values->items[i]->text, text))
			return true;
	return false;
}

static bool fits(const struct ynode *selector, const struct ynode *labels)
{
	const struct ynode *map = yaml_get(selector, "matchLabels"), *list = yaml_get(selector, "matchExpressions"), *have;

	for (size_t i = 0; map && map->kind == Y_MAP && i < map->n; i++) {
		have = yaml_get(labels, map->keys[i]->text);
		if (!have || have->kind != Y_SCALAR || map->items[i]->kind != Y_SCALAR ||
		    strcmp(have->text, map->items[i]->text))
			return false;
	}
	for (size_t i = 0; i < items(list); i++) {
		const char *op = api_text(list->items[i], "operator");
		bool in;

		have = yaml_get(labels, api_text(list->items[i], "key"));
		in = have && have->kind == Y_SCALAR && in_values(yaml_get(list->items[i], "values"), have->text);
		if ((!strcmp(op, "In") && !in) || (!strcmp(op, "NotIn") && in) || (!strcmp(op, "Exists") && !have) ||
		    (!strcmp(op, "DoesNotExist") && have))
			return false;
	}
	return true;
}

static void check_requirements(struct admission *w, const struct ynode *selector, const char *path)
{
	static const char *const operators[] = {"In", "NotIn", "Exists", "DoesNotExist", NULL};
	const struct ynode *list = yaml_get(selector, "matchExpressions");

	api_check_labels(w, yaml_get(selector, "matchLabels"), arena_fmt(w->a, "%s.matchLabels", path));
	for (size_t i = 0; i < items(list); i++) {
		const char *at = arena_fmt(w->a, "%s.matchExpressions[%zu]", path, i), *op = api_text(list->items[i], "operator");
		bool many = items(yaml_get(list->items[i], "values"));

		api_one_of(w, list->items[i], arena_fmt(w->a, "%s.", at), "operator", operators);
		if ((!strcmp(op, "In") || !strcmp(op, "NotIn")) && !many)
			api_refuse(w, list->items[i], arena_fmt(w->a, "%s.values", at),
				   "Required value: must be specified when `operator` is 'In' or 'NotIn'");
		if ((!strcmp(op, "Exists") || !strcmp(op, "DoesNotExist")) && many)
			api_refuse(w, list->items[i], arena_fmt(w->a, "%s.values", at),
				   "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
	}
}

static void check_selector(struct admission *w, const struct ynode *spec)
{
	const struct ynode *selector = yaml_get(spec, "selector"), *template = yaml_get(spec, "template");
	const struct ynode *labels = yaml_path((struct ynode *)template, "metadata.labels");

	if (!selector) {
		api_refuse(w, spec, "spec.selector", "Required value");
		return;
	}
	check_requirements(w, selector, "spec.selector");
	if (!items(yaml_get(selector, "matchExpressions")) &&
	    (!yaml_get(selector, "matchLabels") || !yaml_get(selector, "matchLabels")->n))
		api_refuse(w, selector, "spec.selector", "Invalid value: {}: empty selector is invalid for %s", w->kind);
	else if (template && !fits(selector, labels))
		api_refuse(w, labels ? labels : template, "spec.template.metadata.labels",
			   "Invalid value: `selector` does not match template `labels`");
}

/* ---- workloads ---- */

void api_check_claim(struct admission *w, const struct ynode *spec, const char *path)
{
	static const char *const modes[] = {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod", NULL};
	static const char *const volume[] = {"Block", "Filesystem", NULL};
	const struct ynode *list = yaml_get(spec, "accessModes"), *size = yaml_path((struct ynode *)spec, "resources.requests.storage");

	if (!items(list))
		api_refuse(w, spec, arena_fmt(w->a, "%saccessModes", path), "Required value: at least 1 access mode is required");
	for (size_t i = 0; i < items(list); i++) {
		size_t k = 0;

		while (modes[k] && (list->items[i]->kind != Y_SCALAR || strcmp(modes[k], list->items[i]->text)))
			k++;
		if (!modes[k])
			api_refuse(w, list->items[i], arena_fmt(w->a, "%saccessModes", path),
				   "Unsupported value: \"%.60s\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", "
				   "\"ReadWriteOnce\", \"ReadWriteOncePod\"", list->items[i]->kind == Y_SCALAR ? list->items[i]->text : "");
	}
	if (!size)
		api_refuse(w, spec, arena_fmt(w->a, "%sresources[storage]", path), "Required value");
	else if (quantity_bytes_of(size) <= 0)
		api_refuse(w, size, arena_fmt(w->a, "%sresources[storage]", path), "Invalid value: \"%.60s\": must be greater than zero",
			   size->kind == Y_SCALAR ? size->text : "");
	api_one_of(w, spec, path, "volumeMode", volume);
}

static void check_workload(struct admission *w)
{
	static const char *const numbers[] = {"replicas", "minReadySeconds", "revisionHistoryLimit"};
	static const char *const always[] = {"Always", NULL};
	static const char *const order[] = {"OrderedReady", "Parallel", NULL};
	static const char *const sets[] = {"OnDelete", "RollingUpdate", NULL}, *const ways[] = {"Recreate", "RollingUpdate", NULL};
	const struct ynode *spec = yaml_get(w->object, "spec"), *template = yaml_get(spec, "template");
	const struct ynode *claims = yaml_get(spec, "volumeClaimTemplates");

	if (!spec) {
		api_refuse(w, NULL, "spec", "Required value");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		api_at_least(w, spec, "spec.", numbers[i], 0);
	check_selector(w, spec);
	api_one_of(w, spec, "spec.", "podManagementPolicy", order);
	api_one_of(w, yaml_get(spec, "updateStrategy"), "spec.updateStrategy.", "type", sets);
	api_one_of(w, yaml_get(spec, "strategy"), "spec.strategy.", "type", ways);
	if (!strcmp(api_text(yaml_get(spec, "strategy"), "type"), "Recreate") &&
	    yaml_get(yaml_get(spec, "strategy"), "rollingUpdate"))
		api_refuse(w, yaml_get(yaml_get(spec, "strategy"), "rollingUpdate"), "spec.strategy.rollingUpdate",
			   "Forbidden: may not be specified when strategy `type` is 'Recreate'");
	for (size_t i = 0; i < items(claims); i++) {
		const char *at = arena_fmt(w->a, "spec.volumeClaimTemplates[%zu].", i);
		const char *name = api_text(yaml_get(claims->items[i], "metadata"), "name"), *wrong = api_dns_subdomain(name);

		if (wrong)
			api_refuse(w, claims->items[i], arena_fmt(w->a, "%smetadata.name", at), "Invalid value: \"%.80s\": %s", name, wrong);
		api_check_claim(w, at_or(claims->items[i], "spec"), arena_fmt(w->a, "%sspec.", at));
	}
	api_one_of(w, yaml_get(template, "spec"), "spec.template.spec.", "restartPolicy", always);
	if (!template)
		api_refuse(w, spec, "spec.template.spec.containers", "Required value");
	else
		api_check_pod(w, template, "spec.template.", claims);
}

/* ---- services ---- */

static void check_service_port(struct admission *w, const struct ynode *ports, size_t i, const char *type)
{
	static const char *const protocols[] = {"SCTP", "TCP", "UDP", NULL};
	const struct ynode *p = ports->items[i], *target = yaml_get(p, "targetPort");
	const char *at = arena_fmt(w->a, "spec.ports[%zu]", i), *name = api_text(p, "name"), *wrong;
	int64_t port = api_number(p, "port");

	if (!*name && ports->n > 1)
		api_refuse(w, p, arena_fmt(w->a, "%s.name", at), "Required value");
	else if (*name && (wrong = api_dns_label(name)))
		api_refuse(w, yaml_get(p, "name"), arena_fmt(w->a, "%s.name", at), "Invalid value: \"%.80s\": %s", name, wrong);
	for (size_t k = 0; k < i; k++) {
		const struct ynode *other = ports->items[k];
		const char *a = api_text(p, "protocol"), *b = api_text(other, "protocol");

		if (*name && !strcmp(name, api_text(other, "name")))
			api_refuse(w, yaml_get(p, "name"), arena_fmt(w->a, "%s.name", at), "Duplicate value: \"%.80s\"", name);
		if (port >= 0 && port == api_number(other, "port") && !strcmp(*a ? a : "TCP", *b ? b : "TCP"))
			api_refuse(w, p, at, "Duplicate value: port %lld, protocol %s", (long long)port, *a ? a : "TCP");
	}
	if (!yaml_get(p, "port") || (yaml_type(yaml_get(p, "port")) == YAML_IS_INT && (port < 1 || port > 65535)))
		api_refuse(w, at_or(p, "port"), arena_fmt(w->a, "%s.port", at),
			   "Invalid value: %.20s: must be between 1 and 65535, inclusive", yaml_get(p, "port") ? api_text(p, "port") : "0");
	if (target && target->kind == Y_SCALAR && yaml_type(target) == YAML_IS_INT &&
	    (api_number(p, "targetPort") < 1 || api_number(p, "targetPort") > 65535))
		api_refuse(w, target, arena_fmt(w->a, "%s.targetPort", at),
			   "Invalid value: %s: must be between 1 and 65535, inclusive", target->text);
	else if (target && target->kind == Y_SCALAR && yaml_type(target) != YAML_IS_INT && (wrong = api_port_name(target->text)))
		api_refuse(w, target, arena_fmt(w->a, "%s.targetPort", at), "Invalid value: \"%.80s\": %s", target->text, wrong);
	if (api_number(p, "nodePort") > 0 && (!*type || !strcmp(type, "ClusterIP")))
		api_refuse(w, yaml_get(p, "nodePort"), arena_fmt(w->a, "%s.nodePort", at),
			   "Forbidden: may not be used when `type` is 'ClusterIP'");
	api_one_of(w, p, arena_fmt(w->a, "%s.", at), "protocol", protocols);
}

static void check_service(struct admission *w)
{
	static const char *const types[] = {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort", NULL};
	static const char *const affinity[] = {"ClientIP", "None", NULL}, *const policy[] = {"Cluster", "Local", NULL};
	const struct ynode *spec = yaml_get(w->object, "spec"), *ports = yaml_get(spec, "ports");
	const char *type = api_text(spec, "type"), *ip = api_text(spec, "clusterIP");
	bool headless = !strcmp(ip, "None"), external = !strcmp(type, "ExternalName");

	if (!items(ports) && !headless && !external)
		api_refuse(w, spec, "spec.ports", "Required value");
	for (size_t i = 0; i < items(ports); i++)
		check_service_port(w, ports, i, type);
	api_one_of(w, spec, "spec.", "type", types);
	api_one_of(w, spec, "spec.", "sessionAffinity", affinity);
	api_one_of(w, spec, "spec.", "internalTrafficPolicy", policy);
	api_one_of(w, spec, "spec.", "externalTrafficPolicy", policy);
	if (headless && (!strcmp(type, "NodePort") || !strcmp(type, "LoadBalancer")))
		api_refuse(w, yaml_get(spec, "clusterIP"), "spec.clusterIP",
			   "Invalid value: \"None\": may not be set to 'None' for %s services", type);
	else if (*ip && !headless && api_address(ip))
		api_refuse(w, yaml_get(spec, "clusterIP"), "spec.clusterIP", "Invalid value: \"%.60s\": %s", ip, api_address(ip));
	if (external && !*api_text(spec, "externalName"))
		api_refuse(w, spec, "spec.externalName", "Required value");
	api_check_labels(w, yaml_get(spec, "selector"), "spec.selector");
}

/* ---- the rest ---- */

enum { DATA_MAX = 1024 * 1024 };

static void check_data(struct admission *w)
{
	static const char *const maps[] = {"data", "binaryData", "stringData"};
	size_t bytes = 0;

	for (size_t k = 0; k < ARRAY_LEN(maps); k++) {
		const struct ynode *map = yaml_get(w->object, maps[k]);

		for (size_t i = 0; map && map->kind == Y_MAP && i < map->n; i++) {
			const char *key = map->keys[i]->text, *wrong = api_data_key(key);
			const char *at = arena_fmt(w->a, "%s[%s]", maps[k], key);

			if (wrong)
				api_refuse(w, map->keys[i], at, "Invalid value: \"%.80s\": %s", key, wrong);
			if (k == 1 && yaml_get(yaml_get(w->object, "data"), key))
				api_refuse(w, map->keys[i], at, "Invalid value: \"%.80s\": duplicate of key present in data", key);
			bytes += map->items[i]->kind == Y_SCALAR ? strlen(map->items[i]->text) : 0;
		}
	}
	if (bytes > DATA_MAX)
		api_refuse(w, NULL, "data", "Too long: may not be more than %d bytes", DATA_MAX);
}

static void check_binding(struct admission *w)
{
	static const char *const kinds[] = {"Role", "ClusterRole", NULL}, *const who[] = {"ServiceAccount", "User", "Group", NULL};
	const struct ynode *ref = yaml_get(w->object, "roleRef"), *list = yaml_get(w->object, "subjects");

	if (!*api_text(ref, "name"))
		api_refuse(w, ref, "roleRef.name", "Required value");
	if (!*api_text(ref, "kind"))
		api_refuse(w, ref, "roleRef.kind", "Required value");
	api_one_of(w, ref, "roleRef.", "kind", kinds);
	if (*api_text(ref, "apiGroup") && strcmp(api_text(ref, "apiGroup"), "rbac.authorization.k8s.io"))
		api_refuse(w, yaml_get(ref, "apiGroup"), "roleRef.apiGroup",
			   "Unsupported value: \"%.60s\": supported values: \"rbac.authorization.k8s.io\"", api_text(ref, "apiGroup"));
	for (size_t i = 0; i < items(list); i++) {
		const char *at = arena_fmt(w->a, "subjects[%zu].", i);

		if (!*api_text(list->items[i], "name"))
			api_refuse(w, list->items[i], arena_fmt(w->a, "%sname", at), "Required value");
		if (!strcmp(api_text(list->items[i], "kind"), "ServiceAccount") && !*api_text(list->items[i], "namespace"))
			api_refuse(w, list->items[i], arena_fmt(w->a, "%snamespace", at), "Required value");
		api_one_of(w, list->items[i], at, "kind", who);
	}
}

static void check_role(struct admission *w)
{
	const struct ynode *list = yaml_get(w->object, "rules");

	for (size_t i = 0; i < items(list); i++) {
		const char *at = arena_fmt(w->a, "rules[%zu].", i);
		bool urls = items(yaml_get(list->items[i], "nonResourceURLs"));

		if (!items(yaml_get(list->items[i], "verbs")))
			api_refuse(w, list->items[i], arena_fmt(w->a, "%sverbs", at), "Required value: verbs must contain at least one value");
		if (!urls && !items(yaml_get(list->items[i], "apiGroups")))
			api_refuse(w, list->items[i], arena_fmt(w->a, "%sapiGroups", at),
				   "Required value: resource rules must supply at least one api group");
		if (!urls && !items(yaml_get(list->items[i], "resources")))
			api_refuse(w, list->items[i], arena_fmt(w->a, "%sresources", at),
				   "Required value: resource rules must supply at least one resource");
	}
}

static void check_budget(struct admission *w)
{
	const struct ynode *spec = yaml_get(w->object, "spec");

	if (yaml_get(spec, "minAvailable") && yaml_get(spec, "maxUnavailable"))
		api_refuse(w, spec, "spec", "Invalid value: minAvailable and maxUnavailable cannot be both set");
	check_requirements(w, yaml_get(spec, "selector"), "spec.selector");
}

void api_check_object(struct admission *w)
{
	if (!api_version_of(w->kind))
		return;
	check_meta(w);
	if (!strcmp(w->kind, "StatefulSet") || !strcmp(w->kind, "Deployment"))
		check_workload(w);
	else if (!strcmp(w->kind, "Job"))
		api_check_job_object(w);
	else if (!strcmp(w->kind, "CronJob"))
		api_check_cron_job(w);
	else if (!strcmp(w->kind, "Service"))
		check_service(w);
	else if (!strcmp(w->kind, "ConfigMap") || !strcmp(w->kind, "Secret"))
		check_data(w);
	else if (!strcmp(w->kind, "PersistentVolumeClaim"))
		api_check_claim(w, at_or(w->object, "spec"), "spec.");
	else if (strstr(w->kind, "RoleBinding"))
		check_binding(w);
	else if (!strcmp(w->kind, "Role") || !strcmp(w->kind, "ClusterRole"))
		check_role(w);
	else if (!strcmp(w->kind, "PodDisruptionBudget"))
		check_budget(w);
	else if (!strcmp(w->kind, "StorageClass") && !*api_text(w->object, "provisioner"))
		api_refuse(w, NULL, "provisioner", "Required value");
}

/* Whether the kind is served in this version; what Kubernetes does not have is
 * somebody else's. */
static bool check_version(struct admission *w)
{
	const char *served = api_version_of(w->kind), *asked = api_text(w->object, "apiVersion");

	if (!served || !strcmp(served, asked))
		return true;
	if (!strcmp(w->kind, "HorizontalPodAutoscaler") && !strcmp(asked, "autoscaling/v1"))
		return true;
	api_refuse(w, at_or(w->object, "apiVersion"), NULL, "no matches for kind \"%s\" in version \"%.80s\": it is served as %s",
		   w->kind, asked, served);
	return false;
}

int manifest_admit(struct arena *a, const struct manifest *m, bool strict, struct err *e)
{
	struct err all = {0};

	for (size_t i = 0; i < m->n; i++) {
		struct admission w = {a, m->objects[i], manifest_kind(m->objects[i]),
				      manifest_text(m->objects[i], "metadata.name"), strict, &all};

		if (check_version(&w) && api_decode(&w))
			api_check_object(&w);
	}
	if (all.kind)
		*e = all;
	return all.kind ? -1 : 0;
}
