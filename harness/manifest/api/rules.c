#include <stdlib.h>
#include <string.h>

#include "manifest/api/api.h"

/* What an API server refuses in an object besides its pods: the rules that are
 * met in practice, in its words (pkg/apis of Kubernetes, validation). */

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
		/* these are parts of a path: their syntax is wider */
		if (!strcmp(rbac[i], w->kind))
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

/* ---- workloads ---- */

static bool has_word(const struct ynode *list, const char *word)
{
	for (size_t i = 0; i < api_items(list); i++)
		if (list->items[i]->kind == Y_SCALAR && !strcmp(list->items[i]->text, word))
			return true;
	return false;
}

void api_check_claim(struct admission *w, const struct ynode *spec, const char *path)
{
	static const char *const modes[] = {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod", NULL};
	static const char *const volume[] = {"Block", "Filesystem", NULL};
	const struct ynode *list = yaml_get(spec, "accessModes"), *size = yaml_path((struct ynode *)spec, "resources.requests.storage");
	const char *class = api_text(spec, "storageClassName"), *wrong;

	/* What has another type, or no form, has been told. */
	if (!list || (list->kind == Y_LIST && !list->n))
		api_refuse(w, spec, arena_fmt(w->a, "%saccessModes", path), "Required value: at least 1 access mode is required");
	for (size_t i = 0; i < api_items(list); i++) {
		size_t k = 0;

		while (modes[k] &&
		       (list->items[i]->kind != Y_SCALAR || strcmp(modes[k], list->items[i]->text)))
			k++;
		if (!modes[k])
			api_refuse(w, list->items[i], arena_fmt(w->a, "%saccessModes", path),
				   "Unsupported value: \"%.60s\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", "
				   "\"ReadWriteOnce\", \"ReadWriteOncePod\"", list->items[i]->kind == Y_SCALAR ? list->items[i]->text : "");
	}
	if (api_items(list) > 1 && has_word(list, "ReadWriteOncePod"))
		api_refuse(w, list, arena_fmt(w->a, "%saccessModes", path), "Forbidden: may not use ReadWriteOncePod with other access modes");
	if (*class && (wrong = api_dns_subdomain(class)))
		api_refuse(w, yaml_get(spec, "storageClassName"), arena_fmt(w->a, "%sstorageClassName", path), "Invalid value: \"%.80s\": %s",
			   class, wrong);
	if (!size)
		api_refuse(w, spec, arena_fmt(w->a, "%sresources[storage]", path), "Required value");
	else if (!quantity_bytes_of(size) || (size->kind == Y_SCALAR && *size->text == '-'))
		api_refuse(w, size, arena_fmt(w->a, "%sresources[storage]", path), "Invalid value: \"%.60s\": must be greater than zero",
			   size->kind == Y_SCALAR ? size->text : "");
	api_one_of(w, spec, path, "volumeMode", volume);
}

/* Pods as a number or a share of all. */
static void check_share(struct admission *w, const struct ynode *map, const char *path,
			const char *key)
{
	const struct ynode *n = yaml_get(map, key);
	const char *text = api_text(map, key);
	size_t digits = strspn(text, "0123456789");

	if (!n || n->kind != Y_SCALAR)
		return;
	path = arena_fmt(w->a, "%s%s", path, key);
	if (yaml_type(n) == YAML_IS_INT) {
		if (*text == '-' && strpbrk(text, "123456789"))
			api_refuse(w, n, path, "Invalid value: %.20s: must be greater than or equal to 0", text);
	} else if (!digits || strcmp(text + digits, "%")) {
		api_refuse(w, n, path, "Invalid value: \"%.60s\": a valid percent string must be a numeric string followed by an "
			   "ending '%%' (e.g. '1%%', or '93%%', regex used for validation is '[0-9]+%%')", text);
	} else if (digits > 9 || strtol(text, NULL, 10) > 100) {
		api_refuse(w, n, path, "Invalid value: \"%.60s\": must not be greater than 100%%", text);
	}
}

static bool is_zero(const struct ynode *map, const char *key)
{
	const char *text = api_text(map, key);

	return *text && text[strspn(text, "0")] == (strchr(text, '%') ? '%' : '\0');
}

/* How pods are made anew, and what becomes of claims. */
static void check_updates(struct admission *w, const struct ynode *spec)
{
	static const char *const sets[] = {"OnDelete", "RollingUpdate", NULL}, *const ways[] = {"Recreate", "RollingUpdate", NULL};
	static const char *const keep[] = {"Delete", "Retain", NULL};
	const struct ynode *set = yaml_get(spec, "updateStrategy"), *way = yaml_get(spec, "strategy");
	const struct ynode *rolling = yaml_get(way, "rollingUpdate"), *claims = yaml_get(spec, "persistentVolumeClaimRetentionPolicy");

	api_one_of(w, set, "spec.updateStrategy.", "type", sets);
	if (!strcmp(api_text(set, "type"), "OnDelete") && yaml_get(set, "rollingUpdate"))
		api_refuse(w, yaml_get(set, "rollingUpdate"), "spec.updateStrategy.rollingUpdate",
			   "Invalid value: only allowed for updateStrategy 'RollingUpdate'");
	api_at_least(w, yaml_get(set, "rollingUpdate"), "spec.updateStrategy.rollingUpdate.", "partition", 0);
	api_one_of(w, claims, "spec.persistentVolumeClaimRetentionPolicy.", "whenDeleted", keep);
	api_one_of(w, claims, "spec.persistentVolumeClaimRetentionPolicy.", "whenScaled", keep);
	api_one_of(w, way, "spec.strategy.", "type", ways);
	if (rolling && !strcmp(api_text(way, "type"), "Recreate")) {
		api_refuse(w, rolling, "spec.strategy.rollingUpdate",
			   "Forbidden: may not be specified when strategy `type` is 'Recreate'");
		return;
	}
	check_share(w, rolling, "spec.strategy.rollingUpdate.", "maxUnavailable");
	check_share(w, rolling, "spec.strategy.rollingUpdate.", "maxSurge");
	if (is_zero(rolling, "maxUnavailable") && is_zero(rolling, "maxSurge"))
		api_refuse(w, rolling, "spec.strategy.rollingUpdate.maxUnavailable",
			   "Invalid value: %.20s: may not be 0 when `maxSurge` is 0", api_text(rolling, "maxUnavailable"));
}

/* Of a Deployment, whose time to get on is 600 s unless it is told. */
static void check_progress(struct admission *w, const struct ynode *spec)
{
	enum { USUAL_S = 600 };
	const struct ynode *limit = yaml_get(spec, "progressDeadlineSeconds");
	int64_t seconds = limit ? api_number(spec, "progressDeadlineSeconds") : USUAL_S, ready = api_number(spec, "minReadySeconds");

	if (strcmp(w->kind, "Deployment"))
		return;
	api_at_least(w, spec, "spec.", "progressDeadlineSeconds", 0);
	if (seconds >= 0 && seconds <= (ready > 0 ? ready : 0))
		api_refuse(w, limit ? limit : yaml_get(spec, "minReadySeconds"), "spec.progressDeadlineSeconds",
			   "Invalid value: %lld: must be greater than minReadySeconds", (long long)seconds);
}

/* A hash is of up to ten letters (pkg/controller/history, HashControllerRevision()). */
enum { SET_NAME_MAX = 63 - 1 - 10 };

static void check_workload(struct admission *w)
{
	static const char *const numbers[] = {"replicas", "minReadySeconds", "revisionHistoryLimit"};
	static const char *const always[] = {"Always", NULL};
	static const char *const order[] = {"OrderedReady", "Parallel", NULL};
	const struct ynode *spec = yaml_get(w->object, "spec"), *template = yaml_get(spec, "template");
	const struct ynode *claims = yaml_get(spec, "volumeClaimTemplates");

	if (!spec) {
		api_refuse(w, NULL, "spec", "Required value");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		api_at_least(w, spec, "spec.", numbers[i], 0);
	api_check_selector(w, spec);
	check_progress(w, spec);
	api_one_of(w, spec, "spec.", "podManagementPolicy", order);
	if (!strcmp(w->kind, "StatefulSet") && strlen(w->name) > SET_NAME_MAX)
		api_refuse(w, yaml_get(yaml_get(w->object, "metadata"), "name"), "metadata.name",
			   "Invalid value: \"%.260s\": its pods could not be made: with a revision's hash behind it, it is the value of "
			   "their label controller-revision-hash, and longer than 63 bytes", w->name);
	check_updates(w, spec);
	for (size_t i = 0; i < api_items(claims); i++) {
		const char *at = arena_fmt(w->a, "spec.volumeClaimTemplates[%zu].", i);
		const char *name = api_text(yaml_get(claims->items[i], "metadata"), "name"), *wrong = api_dns_subdomain(name);

		if (wrong)
			api_refuse(w, claims->items[i], arena_fmt(w->a, "%smetadata.name", at), "Invalid value: \"%.80s\": %s", name, wrong);
		api_check_claim(w, api_at_or(claims->items[i], "spec"), arena_fmt(w->a, "%sspec.", at));
	}
	api_one_of(w, yaml_get(template, "spec"), "spec.template.spec.", "restartPolicy", always);
	if (yaml_get(yaml_get(template, "spec"), "activeDeadlineSeconds"))
		api_refuse(w, yaml_get(yaml_get(template, "spec"), "activeDeadlineSeconds"), "spec.template.spec.activeDeadlineSeconds",
			   "Forbidden: activeDeadlineSeconds in %s is not Supported",
			   !strcmp(w->kind, "Deployment") ? "ReplicaSet" : w->kind);
	if (!template)
		api_refuse(w, spec, "spec.template.spec.containers", "Required value");
	else
		api_check_pod(w, template, "spec.template.", claims);
}

/* ---- services ---- */

static void check_service_port(struct admission *w, const struct ynode *ports, size_t i,
			       const char *type)
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
		api_refuse(w, api_at_or(p, "port"), arena_fmt(w->a, "%s.port", at),
			   "Invalid value: %.20s: must be between 1 and 65535, inclusive", yaml_get(p, "port") ? api_text(p, "port") : "0");
	if (target && target->kind == Y_SCALAR && yaml_type(target) == YAML_IS_INT &&
	    (api_number(p, "targetPort") < 1 || api_number(p, "targetPort") > 65535))
		api_refuse(w, target, arena_fmt(w->a, "%s.targetPort", at),
			   "Invalid value: %s: must be between 1 and 65535, inclusive", target->text);
	else if (target && target->kind == Y_SCALAR && yaml_type(target) != YAML_IS_INT &&
		 (wrong = api_port_name(target->text)))
		api_refuse(w, target, arena_fmt(w->a, "%s.targetPort", at), "Invalid value: \"%.80s\": %s", target->text, wrong);
	if (api_number(p, "nodePort") > 0 && (!*type || !strcmp(type, "ClusterIP")))
		api_refuse(w, yaml_get(p, "nodePort"), arena_fmt(w->a, "%s.nodePort", at),
			   "Forbidden: may not be used when `type` is 'ClusterIP'");
	else if (api_number(p, "nodePort") > 0 && (api_number(p, "nodePort") < 30000 || api_number(p, "nodePort") > 32767))
		api_refuse(w, yaml_get(p, "nodePort"), arena_fmt(w->a, "%s.nodePort", at), "Invalid value: %s: provided port is not in the "
			   "valid range. The range of valid ports is 30000-32767", api_text(p, "nodePort"));
	api_one_of(w, p, arena_fmt(w->a, "%s.", at), "protocol", protocols);
}

/* The list of addresses and the one of before there were two families. */
static void check_addresses(struct admission *w, const struct ynode *spec, const char *ip)
{
	const struct ynode *list = yaml_get(spec, "clusterIPs");
	const char *first = api_items(list) && list->items[0]->kind == Y_SCALAR ? list->items[0]->text : "";

	if (!api_items(list))
		return;
	if (!*ip)
		api_refuse(w, list, "spec.clusterIPs", "Invalid value: [\"%.60s\"]: must be empty when `clusterIP` is not specified", first);
	else if (strcmp(first, ip))
		api_refuse(w, list, "spec.clusterIPs", "Invalid value: [\"%.60s\"]: first value must match `clusterIP`", first);
	else if (!strcmp(ip, "None") && api_items(list) > 1)
		api_refuse(w, list, "spec.clusterIPs", "Invalid value: [\"None\"]: 'None' must be the first and only value");
}

static void check_service(struct admission *w)
{
	static const char *const types[] = {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort", NULL};
	static const char *const affinity[] = {"ClientIP", "None", NULL}, *const policy[] = {"Cluster", "Local", NULL};
	const struct ynode *spec = yaml_get(w->object, "spec"), *ports = yaml_get(spec, "ports");
	const char *type = api_text(spec, "type"), *ip = api_text(spec, "clusterIP");
	bool headless = !strcmp(ip, "None"), external = !strcmp(type, "ExternalName");

	if (!api_items(ports) && !headless && !external)
		api_refuse(w, spec, "spec.ports", "Required value");
	for (size_t i = 0; i < api_items(ports); i++)
		check_service_port(w, ports, i, type);
	api_one_of(w, spec, "spec.", "type", types);
	api_one_of(w, spec, "spec.", "sessionAffinity", affinity);
	api_one_of(w, spec, "spec.", "internalTrafficPolicy", policy);
	api_one_of(w, spec, "spec.", "externalTrafficPolicy", policy);
	if ((!*type || !strcmp(type, "ClusterIP")) && *api_text(spec, "externalTrafficPolicy") && !api_items(yaml_get(spec, "externalIPs")))
		api_refuse(w, yaml_get(spec, "externalTrafficPolicy"), "spec.externalTrafficPolicy",
			   "Invalid value: \"%.60s\": may only be set for externally-accessible services", api_text(spec, "externalTrafficPolicy"));
	check_addresses(w, spec, ip);
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
	for (size_t i = 0; i < api_items(list); i++) {
		const char *at = arena_fmt(w->a, "subjects[%zu].", i);

		if (!*api_text(list->items[i], "name"))
			api_refuse(w, list->items[i], arena_fmt(w->a, "%sname", at), "Required value");
		/* Else the binding's. */
		if (!strcmp(w->kind, "ClusterRoleBinding") && !strcmp(api_text(list->items[i], "kind"), "ServiceAccount") &&
		    !*api_text(list->items[i], "namespace"))
			api_refuse(w, list->items[i], arena_fmt(w->a, "%snamespace", at), "Required value");
		api_one_of(w, list->items[i], at, "kind", who);
	}
}

static void check_role(struct admission *w)
{
	const struct ynode *list = yaml_get(w->object, "rules");

	for (size_t i = 0; i < api_items(list); i++) {
		const char *at = arena_fmt(w->a, "rules[%zu].", i);
		bool urls = api_items(yaml_get(list->items[i], "nonResourceURLs"));

		if (!api_items(yaml_get(list->items[i], "verbs")))
			api_refuse(w, list->items[i], arena_fmt(w->a, "%sverbs", at), "Required value: verbs must contain at least one value");
		if (!urls && !api_items(yaml_get(list->items[i], "apiGroups")))
			api_refuse(w, list->items[i], arena_fmt(w->a, "%sapiGroups", at),
				   "Required value: resource rules must supply at least one api group");
		if (!urls && !api_items(yaml_get(list->items[i], "resources")))
			api_refuse(w, list->items[i], arena_fmt(w->a, "%sresources", at),
				   "Required value: resource rules must supply at least one resource");
	}
}

static void check_budget(struct admission *w)
{
	const struct ynode *spec = yaml_get(w->object, "spec");

	if (yaml_get(spec, "minAvailable") && yaml_get(spec, "maxUnavailable"))
		api_refuse(w, spec, "spec", "Invalid value: minAvailable and maxUnavailable cannot be both set");
	check_share(w, spec, "spec.", "minAvailable");
	check_share(w, spec, "spec.", "maxUnavailable");
	api_check_requirements(w, yaml_get(spec, "selector"), "spec.selector");
}

static void check_class(struct admission *w)
{
	static const char *const policies[] = {"Delete", "Retain", NULL}, *const modes[] = {"Immediate", "WaitForFirstConsumer", NULL};

	if (!*api_text(w->object, "provisioner"))
		api_refuse(w, NULL, "provisioner", "Required value");
	api_one_of(w, w->object, "", "reclaimPolicy", policies);
	api_one_of(w, w->object, "", "volumeBindingMode", modes);
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
		api_check_data(w);
	else if (!strcmp(w->kind, "PersistentVolumeClaim"))
		api_check_claim(w, api_at_or(w->object, "spec"), "spec.");
	else if (strstr(w->kind, "RoleBinding"))
		check_binding(w);
	else if (!strcmp(w->kind, "Role") || !strcmp(w->kind, "ClusterRole"))
		check_role(w);
	else if (!strcmp(w->kind, "PodDisruptionBudget"))
		check_budget(w);
	else if (!strcmp(w->kind, "StorageClass"))
		check_class(w);
}

bool manifest_is_served(const struct ynode *object)
{
	static const char *const also[][2] = {{"HorizontalPodAutoscaler", "autoscaling/v1"}, {"Event", "events.k8s.io/v1"}};
	const char *served = api_version_of(manifest_kind(object)), *asked = api_text(object, "apiVersion");

	for (size_t i = 0; i < sizeof(also) / sizeof(also[0]); i++)
		if (!strcmp(manifest_kind(object), also[i][0]) && !strcmp(asked, also[i][1]))
			return true;
	return manifest_is_custom(object) || (served && !strcmp(served, asked));
}

static bool check_version(struct admission *w)
{
	const char *served = api_version_of(w->kind),
		   *near = served ? NULL : api_nearest_kind(w->a, w->kind);

	if (manifest_is_served(w->object))
		return true;
	api_refuse(w, served ? api_at_or(w->object, "apiVersion") : yaml_get(w->object, "kind"), NULL,
		   "no matches for kind \"%.80s\" in version \"%.80s\"%s%s%s%s%s", w->kind, api_text(w->object, "apiVersion"),
		   served ? ": it is served as " : "", served ? served : "", near ? "; did you mean \"" : "", near ? near : "",
		   near ? "\"?" : "");
	return false;
}

int manifest_admit(struct arena *a, const struct manifest *m, bool strict, struct err *e)
{
	struct err all = {0};

	for (size_t i = 0; i < m->n; i++) {
		struct admission w = {a, m->objects[i], manifest_kind(m->objects[i]),
				      manifest_text(m->objects[i], "metadata.name"), strict, &all};

		if (!manifest_is_custom(m->objects[i]) && check_version(&w) && api_decode(&w))
			api_check_object(&w);
	}
	if (all.kind)
		*e = all;
	return all.kind ? -1 : 0;
}
