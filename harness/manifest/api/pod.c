#include <stdint.h>
#include <string.h>

#include "manifest/api/api.h"

/* What an API server refuses in a pod (pkg/apis/core/validation): the rules
 * that are met in practice, in its words. */

struct pod {
	struct admission *w;
	const struct ynode *spec, *claims;
	const char *path; /* of the spec, with a dot */
};

static bool seen_before(const struct ynode *list, size_t i, const char *key)
{
	for (size_t k = 0; k < i; k++)
		if (*api_text(list->items[i], key) &&
		    !strcmp(api_text(list->items[k], key), api_text(list->items[i], key)))
			return true;
	return false;
}

static const struct ynode *at_or(const struct ynode *map, const char *key)
{
	const struct ynode *n = yaml_get(map, key);

	return n ? n : map;
}

/* A name that is there, well formed, and the only one of its list. */
static void check_name(struct admission *w, const struct ynode *list, size_t i, const char *path, const char *key,
		       const char *(*form)(const char *))
{
	const struct ynode *n = at_or(list->items[i], key);
	const char *name = api_text(list->items[i], key), *wrong;

	path = arena_fmt(w->a, "%s.%s", path, key);
	if (!*name)
		api_refuse(w, n, path, "Required value");
	else if ((wrong = form ? form(name) : NULL))
		api_refuse(w, n, path, "Invalid value: \"%.80s\": %s", name, wrong);
	else if (seen_before(list, i, key))
		api_refuse(w, n, path, "Duplicate value: \"%.80s\"", name);
}

static size_t items(const struct ynode *list)
{
	return list && list->kind == Y_LIST ? list->n : 0;
}

/* A port: a number from 1 to 65535, or, where that may be, a name. */
static void check_port(struct admission *w, const struct ynode *map, const char *path, const char *key, bool name_too)
{
	const struct ynode *n = yaml_get(map, key);
	const char *wrong;

	path = arena_fmt(w->a, "%s.%s", path, key);
	if (!n || (n->kind == Y_SCALAR && yaml_type(n) == YAML_IS_INT)) {
		if (!n)
			api_refuse(w, map, path, "Required value");
		else if (api_number(map, key) < 1 || api_number(map, key) > 65535)
			api_refuse(w, n, path, "Invalid value: %s: must be between 1 and 65535, inclusive", n->text);
		return;
	}
	wrong = name_too && n->kind == Y_SCALAR ? api_port_name(n->text) : NULL;
	if (wrong)
		api_refuse(w, n, path, "Invalid value: \"%.80s\": %s", n->text, wrong);
}

/* ---- volumes and their mounts ---- */

static void check_empty_dir(struct admission *w, const struct ynode *dir, const char *path)
{
	const struct ynode *size = yaml_get(dir, "sizeLimit");

	if (size && size->kind == Y_SCALAR && *size->text == '-' && strpbrk(size->text, "123456789"))
		api_refuse(w, size, arena_fmt(w->a, "%s.emptyDir.sizeLimit", path),
			   "Forbidden: SizeLimit field must be a valid resource quantity");
}

static void check_volumes(const struct pod *p)
{
	const struct ynode *list = yaml_get(p->spec, "volumes");

	for (size_t i = 0; i < items(list); i++) {
		const char *path = arena_fmt(p->w->a, "%svolumes[%zu]", p->path, i);
		const struct ynode *v = list->items[i], *source = NULL;
		size_t sources = 0;

		check_name(p->w, list, i, path, "name", api_dns_label);
		for (size_t k = 0; v->kind == Y_MAP && k < v->n; k++) {
			if (!strcmp(v->keys[k]->text, "name") || yaml_is_null(v->items[k]))
				continue;
			source = v->items[k];
			if (++sources > 1)
				api_refuse(p->w, v->keys[k], arena_fmt(p->w->a, "%s.%s", path, v->keys[k]->text),
					   "Forbidden: may not specify more than 1 volume type");
		}
		check_empty_dir(p->w, yaml_get(v, "emptyDir"), path);
		if (yaml_get(v, "persistentVolumeClaim") && !*api_text(source, "claimName"))
			api_refuse(p->w, source, arena_fmt(p->w->a, "%s.persistentVolumeClaim.claimName", path), "Required value");
		if (yaml_get(v, "secret") && !*api_text(source, "secretName"))
			api_refuse(p->w, source, arena_fmt(p->w->a, "%s.secret.secretName", path), "Required value");
		if (yaml_get(v, "configMap") && !*api_text(source, "name"))
			api_refuse(p->w, source, arena_fmt(p->w->a, "%s.configMap.name", path), "Required value");
	}
}

static bool has_name(const struct ynode *list, const char *inside, const char *name)
{
	for (size_t i = 0; i < items(list); i++) {
		const struct ynode *o = inside ? yaml_get(list->items[i], inside) : list->items[i];

		if (!strcmp(api_text(o, "name"), name))
			return true;
	}
	return false;
}

static bool climbs(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2)
		if ((p == path || p[-1] == '/') && (!p[2] || p[2] == '/'))
			return true;
	return false;
}

static void check_mounts(const struct pod *p, const struct ynode *container, const char *path)
{
	const struct ynode *list = yaml_get(container, "volumeMounts");

	for (size_t i = 0; i < items(list); i++) {
		const struct ynode *m = list->items[i];
		const char *at = arena_fmt(p->w->a, "%s.volumeMounts[%zu]", path, i), *name = api_text(m, "name");
		const char *where = api_text(m, "mountPath"), *sub = api_text(m, "subPath");

		if (!*name)
			api_refuse(p->w, m, arena_fmt(p->w->a, "%s.name", at), "Required value");
		else if (!has_name(yaml_get(p->spec, "volumes"), NULL, name) && !has_name(p->claims, "metadata", name))
			api_refuse(p->w, yaml_get(m, "name"), arena_fmt(p->w->a, "%s.name", at), "Not found: \"%.80s\"", name);
		if (!*where)
			api_refuse(p->w, m, arena_fmt(p->w->a, "%s.mountPath", at), "Required value");
		else if (seen_before(list, i, "mountPath"))
			api_refuse(p->w, yaml_get(m, "mountPath"), arena_fmt(p->w->a, "%s.mountPath", at),
				   "Invalid value: \"%.200s\": must be unique", where);
		else if (strchr(where, ':'))
			api_refuse(p->w, yaml_get(m, "mountPath"), arena_fmt(p->w->a, "%s.mountPath", at),
				   "Invalid value: \"%.200s\": must not contain ':'", where);
		if (*sub == '/')
			api_refuse(p->w, yaml_get(m, "subPath"), arena_fmt(p->w->a, "%s.subPath", at),
				   "Invalid value: \"%.200s\": must be a relative path", sub);
		else if (climbs(sub))
			api_refuse(p->w, yaml_get(m, "subPath"), arena_fmt(p->w->a, "%s.subPath", at),
				   "Invalid value: \"%.200s\": must not contain '..'", sub);
	}
}

/* ---- probes and hooks ---- */

static void check_handler(struct admission *w, const struct ynode *h, const char *path, const char *const *kinds)
{
	const struct ynode *exec = yaml_get(h, "exec"), *http = yaml_get(h, "httpGet");
	static const char *const schemes[] = {"HTTP", "HTTPS", NULL};
	size_t found = 0;

	for (size_t i = 0; kinds[i]; i++) {
		const struct ynode *n = yaml_get(h, kinds[i]);
		const char *at = arena_fmt(w->a, "%s.%s", path, kinds[i]);

		if (!n)
			continue;
		if (++found > 1)
			api_refuse(w, n, at, "Forbidden: may not specify more than 1 handler type");
		if (strcmp(kinds[i], "exec") && strcmp(kinds[i], "sleep"))
			check_port(w, n, at, "port", strcmp(kinds[i], "grpc") != 0);
	}
	if (!found)
		api_refuse(w, h, path, "Required value: must specify a handler type");
	if (exec && !items(yaml_get(exec, "command")))
		api_refuse(w, exec, arena_fmt(w->a, "%s.exec.command", path), "Required value");
	if (http)
		api_one_of(w, http, arena_fmt(w->a, "%s.httpGet.", path), "scheme", schemes);
}

static void check_probe(struct admission *w, const struct ynode *container, const char *path, const char *which)
{
	static const char *const kinds[] = {"exec", "httpGet", "tcpSocket", "grpc", NULL};
	static const char *const numbers[] = {"initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
					      "failureThreshold"};
	const struct ynode *probe = yaml_get(container, which), *n;
	bool readiness = !strcmp(which, "readinessProbe");
	const char *dot;

	if (!probe || probe->kind != Y_MAP)
		return;
	path = arena_fmt(w->a, "%s.%s", path, which);
	dot = arena_fmt(w->a, "%s.", path);
	check_handler(w, probe, path, kinds);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		api_at_least(w, probe, dot, numbers[i], 0);
	if (!readiness && api_number(probe, "successThreshold") > 1)
		api_refuse(w, yaml_get(probe, "successThreshold"), arena_fmt(w->a, "%ssuccessThreshold", dot),
			   "Invalid value: %s: must be 1", api_text(probe, "successThreshold"));
	n = yaml_get(probe, "terminationGracePeriodSeconds");
	if (n && readiness)
		api_refuse(w, n, arena_fmt(w->a, "%sterminationGracePeriodSeconds", dot),
			   "Invalid value: %s: must not be set for readinessProbes", api_text(probe, "terminationGracePeriodSeconds"));
	else
		api_at_least(w, probe, dot, "terminationGracePeriodSeconds", 1);
}

/* An init container without restartPolicy runs to its end: nobody asks it. */
static void check_init(struct admission *w, const struct ynode *container, const char *path)
{
	static const char *const none[] = {"lifecycle", "livenessProbe", "readinessProbe", "startupProbe"};

	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		if (yaml_get(container, none[i]))
			api_refuse(w, yaml_get(container, none[i]), arena_fmt(w->a, "%s.%s", path, none[i]),
				   "Forbidden: may not be set for init containers without restartPolicy=Always");
}

/* ---- resources ---- */

static bool standard_resource(const char *name)
{
	return !strcmp(name, "cpu") || !strcmp(name, "memory") || !strcmp(name, "ephemeral-storage") ||
	       !strncmp(name, "hugepages-", 10) || strchr(name, '/');
}

static int64_t amount(const struct ynode *n, const char *name)
{
	return !strcmp(name, "cpu") ? quantity_millicores_of(n) : quantity_bytes_of(n);
}

static void check_resources(struct admission *w, const struct ynode *container, const char *path)
{
	static const char *const both[] = {"limits", "requests"};
	const struct ynode *r = yaml_get(container, "resources"), *limits = yaml_get(r, "limits"), *map;

	for (size_t k = 0; k < ARRAY_LEN(both); k++) {
		map = yaml_get(r, both[k]);
		for (size_t i = 0; map && map->kind == Y_MAP && i < map->n; i++) {
			const struct ynode *n = map->items[i], *limit;
			const char *name = map->keys[i]->text, *at = arena_fmt(w->a, "%s.resources.%s", path, both[k]);

			if (!standard_resource(name))
				api_refuse(w, map->keys[i], arena_fmt(w->a, "%s[%s]", at, name),
					   "Invalid value: \"%.80s\": must be a standard resource for containers", name);
			if (n->kind != Y_SCALAR)
				continue;
			if (*n->text == '-' && strpbrk(n->text, "123456789"))
				api_refuse(w, n, arena_fmt(w->a, "%s[%s]", at, name),
					   "Invalid value: \"%.60s\": must be greater than or equal to 0", n->text);
			limit = k ? yaml_get(limits, name) : NULL;
			if (limit && limit->kind == Y_SCALAR && amount(limit, name) >= 0 && amount(n, name) > amount(limit, name))
				api_refuse(w, n, at, "Invalid value: \"%.60s\": must be less than or equal to %s limit of %.60s",
					   n->text, name, limit->text);
		}
	}
}

/* ---- environment ---- */

static bool known_field(const char *path)
{
	static const char *const paths[] = {"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
					    "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP",
					    "status.podIPs"};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (!strcmp(paths[i], path))
			return true;
	return !strncmp(path, "metadata.labels['", 17) || !strncmp(path, "metadata.annotations['", 22);
}

static void check_source(struct admission *w, const struct ynode *from, const char *path)
{
	const struct ynode *field = yaml_get(from, "fieldRef");
	const char *field_path = api_text(field, "fieldPath");
	static const char *const refs[] = {"configMapKeyRef", "secretKeyRef"};

	if (from->kind == Y_MAP && from->n != 1)
		api_refuse(w, from, path, from->n ? "Invalid value: \"\": may not have more than one field specified at a time" :
			   "Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or "
			   "`secretKeyRef`");
	if (field && !known_field(field_path))
		api_refuse(w, at_or(field, "fieldPath"), arena_fmt(w->a, "%s.fieldRef.fieldPath", path),
			   *field_path ? "Unsupported value: \"%.80s\": supported values: \"metadata.name\", \"metadata.namespace\", "
			   "\"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", "
			   "\"status.podIP\", \"status.podIPs\", and metadata.labels['KEY'], metadata.annotations['KEY']" :
			   "Required value%s", field_path);
	for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
		const struct ynode *ref = yaml_get(from, refs[i]);

		if (ref && !*api_text(ref, "key"))
			api_refuse(w, ref, arena_fmt(w->a, "%s.%s.key", path, refs[i]), "Required value");
		if (ref && !*api_text(ref, "name"))
			api_refuse(w, ref, arena_fmt(w->a, "%s.%s.name", path, refs[i]), "Required value");
	}
}

static void check_env(struct admission *w, const struct ynode *container, const char *path)
{
	const struct ynode *list = yaml_get(container, "env"), *from;

	for (size_t i = 0; i < items(list); i++) {
		const struct ynode *v = list->items[i];
		const char *at = arena_fmt(w->a, "%s.env[%zu]", path, i), *name = api_text(v, "name");

		if (!*name)
			api_refuse(w, at_or(v, "name"), arena_fmt(w->a, "%s.name", at), "Required value");
		else if (strchr(name, '='))
			api_refuse(w, yaml_get(v, "name"), arena_fmt(w->a, "%s.name", at),
				   "Invalid value: \"%.80s\": a valid environment variable name must not contain '='", name);
		from = yaml_get(v, "valueFrom");
		if (from && *api_text(v, "value"))
			api_refuse(w, from, arena_fmt(w->a, "%s.valueFrom", at),
				   "Invalid value: \"\": may not be specified when `value` is not empty");
		if (from)
			check_source(w, from, arena_fmt(w->a, "%s.valueFrom", at));
	}
	list = yaml_get(container, "envFrom");
	for (size_t i = 0; i < items(list); i++) {
		const struct ynode *v = list->items[i];
		bool map = yaml_get(v, "configMapRef"), secret = yaml_get(v, "secretRef");

		if (map == secret)
			api_refuse(w, v, arena_fmt(w->a, "%s.envFrom[%zu]", path, i), map ?
				   "Invalid value: \"\": may not have more than one field specified at a time" :
				   "Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`");
	}
}

/* ---- containers ---- */

static void check_ports(struct admission *w, const struct ynode *container, const char *path)
{
	static const char *const protocols[] = {"SCTP", "TCP", "UDP", NULL};
	const struct ynode *list = yaml_get(container, "ports");

	for (size_t i = 0; i < items(list); i++) {
		const char *at = arena_fmt(w->a, "%s.ports[%zu]", path, i);

		if (yaml_get(list->items[i], "name"))
			check_name(w, list, i, at, "name", api_port_name);
		check_port(w, list->items[i], at, "containerPort", false);
		api_one_of(w, list->items[i], arena_fmt(w->a, "%s.", at), "protocol", protocols);
	}
}

static void check_security(struct admission *w, const struct ynode *sc, const char *path)
{
	static const char *const ids[] = {"runAsUser", "runAsGroup", "fsGroup"};
	static const char *const changes[] = {"Always", "OnRootMismatch", NULL};
	static const char *const profiles[] = {"Localhost", "RuntimeDefault", "Unconfined", NULL};

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		const struct ynode *n = yaml_get(sc, ids[i]);
		int64_t v = api_number(sc, ids[i]);

		if (n && yaml_type(n) == YAML_IS_INT && (v < 0 || v > INT32_MAX))
			api_refuse(w, n, arena_fmt(w->a, "%s.%s", path, ids[i]),
				   "Invalid value: %s: must be between 0 and 2147483647, inclusive", n->text);
	}
	api_one_of(w, sc, arena_fmt(w->a, "%s.", path), "fsGroupChangePolicy", changes);
	api_one_of(w, yaml_get(sc, "seccompProfile"), arena_fmt(w->a, "%s.seccompProfile.", path), "type", profiles);
}

/* A server takes blanks around it in a template, and then none of its pods. */
static void check_image(struct admission *w, const struct ynode *c, const char *path)
{
	const char *image = api_text(c, "image");
	size_t len = strlen(image);

	path = arena_fmt(w->a, "%simage", path);
	if (!len)
		api_refuse(w, at_or(c, "image"), path, "Required value");
	else if (strchr(" \t\r\n", image[0]) || strchr(" \t\r\n", image[len - 1]))
		api_refuse(w, yaml_get(c, "image"), path, "Invalid value: \"%.200s\": must not have leading or trailing whitespace", image);
}

static void check_container(const struct pod *p, const struct ynode *list, size_t i, const char *key)
{
	static const char *const policies[] = {"Always", "IfNotPresent", "Never", NULL};
	static const char *const messages[] = {"FallbackToLogsOnError", "File", NULL};
	static const char *const probes[] = {"livenessProbe", "readinessProbe", "startupProbe"};
	static const char *const hooks[] = {"postStart", "preStop"}, *const kinds[] = {"exec", "httpGet", "tcpSocket", "sleep", NULL};
	const struct ynode *c = list->items[i], *other = yaml_get(p->spec, "containers"), *life = yaml_get(c, "lifecycle");
	const char *path = arena_fmt(p->w->a, "%s%s[%zu]", p->path, key, i), *dot = arena_fmt(p->w->a, "%s.", path);
	bool init = !strcmp(key, "initContainers");

	check_name(p->w, list, i, path, "name", api_dns_label);
	if (init && *api_text(c, "name") && has_name(other, NULL, api_text(c, "name")))
		api_refuse(p->w, yaml_get(c, "name"), arena_fmt(p->w->a, "%sname", dot), "Duplicate value: \"%.80s\"", api_text(c, "name"));
	check_image(p->w, c, dot);
	api_one_of(p->w, c, dot, "imagePullPolicy", policies);
	api_one_of(p->w, c, dot, "terminationMessagePolicy", messages);
	check_ports(p->w, c, path);
	check_env(p->w, c, path);
	check_mounts(p, c, path);
	check_resources(p->w, c, path);
	check_security(p->w, yaml_get(c, "securityContext"), arena_fmt(p->w->a, "%ssecurityContext", dot));
	if (init && strcmp(api_text(c, "restartPolicy"), "Always")) {
		check_init(p->w, c, path);
		return;
	}
	for (size_t k = 0; k < ARRAY_LEN(probes); k++)
		check_probe(p->w, c, path, probes[k]);
	for (size_t k = 0; k < ARRAY_LEN(hooks); k++)
		if (yaml_get(life, hooks[k]))
			check_handler(p->w, yaml_get(life, hooks[k]), arena_fmt(p->w->a, "%slifecycle.%s", dot, hooks[k]), kinds);
}

void api_check_pod(struct admission *w, const struct ynode *template, const char *path, const struct ynode *claims)
{
	static const char *const lists[] = {"initContainers", "containers"}, *const names[] = {"hostname", "subdomain"};
	static const char *const dns[] = {"ClusterFirstWithHostNet", "ClusterFirst", "Default", "None", NULL};
	struct pod p = {w, yaml_get(template, "spec"), claims, arena_fmt(w->a, "%sspec.", path)};
	const struct ynode *labels = yaml_path((struct ynode *)template, "metadata.labels");
	const char *wrong;

	api_check_labels(w, labels, arena_fmt(w->a, "%smetadata.labels", path));
	check_volumes(&p);
	if (!items(yaml_get(p.spec, "containers")))
		api_refuse(w, at_or(template, "spec"), arena_fmt(w->a, "%scontainers", p.path), "Required value");
	for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
		const struct ynode *list = yaml_get(p.spec, lists[k]);

		for (size_t i = 0; i < items(list); i++)
			check_container(&p, list, i, lists[k]);
	}
	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		if (*api_text(p.spec, names[k]) && (wrong = api_dns_label(api_text(p.spec, names[k]))))
			api_refuse(w, yaml_get(p.spec, names[k]), arena_fmt(w->a, "%s%s", p.path, names[k]),
				   "Invalid value: \"%.80s\": %s", api_text(p.spec, names[k]), wrong);
	api_one_of(w, p.spec, p.path, "dnsPolicy", dns);
	api_at_least(w, p.spec, p.path, "terminationGracePeriodSeconds", 0);
	api_at_least(w, p.spec, p.path, "activeDeadlineSeconds", 1);
	api_check_labels(w, yaml_get(p.spec, "nodeSelector"), arena_fmt(w->a, "%snodeSelector", p.path));
	api_check_spec(w, p.spec, p.path);
	api_check_placement(w, p.spec, p.path);
	check_security(w, yaml_get(p.spec, "securityContext"), arena_fmt(w->a, "%ssecurityContext", p.path));
}
