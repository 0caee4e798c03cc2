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

/* A name that is there, well formed, and the only one of its list. */
static void check_name(struct admission *w, const struct ynode *list, size_t i, const char *path,
		       const char *key, const char *(*form)(const char *))
{
	const struct ynode *n = api_at_or(list->items[i], key);
	const char *name = api_text(list->items[i], key), *wrong;

	path = arena_fmt(w->a, "%s.%s", path, key);
	if (!*name)
		api_refuse(w, n, path, "Required value");
	else if ((wrong = form ? form(name) : NULL))
		api_refuse(w, n, path, "Invalid value: \"%.80s\": %s", name, wrong);
	else if (seen_before(list, i, key))
		api_refuse(w, n, path, "Duplicate value: \"%.80s\"", name);
}

/* A port: a number from 1 to 65535, or, where that may be, a name. */
static void check_port(struct admission *w, const struct ynode *map, const char *path,
		       const char *key, bool name_too)
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

	for (size_t i = 0; i < api_items(list); i++) {
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
	for (size_t i = 0; i < api_items(list); i++) {
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

	for (size_t i = 0; i < api_items(list); i++) {
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

static void check_handler(struct admission *w, const struct ynode *h, const char *path,
			  const char *const *kinds)
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
	if (exec && !api_items(yaml_get(exec, "command")))
		api_refuse(w, exec, arena_fmt(w->a, "%s.exec.command", path), "Required value");
	if (http)
		api_one_of(w, http, arena_fmt(w->a, "%s.httpGet.", path), "scheme", schemes);
	for (size_t i = 0; i < api_items(yaml_get(http, "httpHeaders")); i++) {
		const struct ynode *header = yaml_get(http, "httpHeaders")->items[i];
		const char *name = api_text(header, "name");

		if (!*name || name[strspn(name, "-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")])
			api_refuse(w, api_at_or(header, "name"), arena_fmt(w->a, "%s.httpGet.httpHeaders", path), "Invalid value: \"%.80s\": a "
				   "valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name')", name);
	}
}

static void check_probe(struct admission *w, const struct ynode *container, const char *path,
			const char *which)
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
			if (limit && quantity_is_more(n, limit))
				api_refuse(w, n, at, "Invalid value: \"%.60s\": must be less than or equal to %s limit of %.60s",
					   n->text, name, limit->text);
		}
	}
}

/* ---- containers ---- */

static void check_ports(struct admission *w, const struct ynode *container, const char *path)
{
	static const char *const protocols[] = {"SCTP", "TCP", "UDP", NULL};
	const struct ynode *list = yaml_get(container, "ports");

	for (size_t i = 0; i < api_items(list); i++) {
		const char *at = arena_fmt(w->a, "%s.ports[%zu]", path, i);

		if (yaml_get(list->items[i], "name"))
			check_name(w, list, i, at, "name", api_port_name);
		check_port(w, list->items[i], at, "containerPort", false);
		api_one_of(w, list->items[i], arena_fmt(w->a, "%s.", at), "protocol", protocols);
	}
}

static void check_group(struct admission *w, const struct ynode *n, const char *path)
{
	/* Beyond 10^15 it is raw, and beyond all of these. */
	cJSON *v = n->kind == Y_SCALAR && yaml_type(n) == YAML_IS_INT ? yaml_to_json(n) : NULL;

	if (v && (!cJSON_IsNumber(v) || v->valuedouble < 0 || v->valuedouble > INT32_MAX))
		api_refuse(w, n, path, "Invalid value: %s: must be between 0 and 2147483647, inclusive", n->text);
	cJSON_Delete(v);
}

static void check_profile(struct admission *w, const struct ynode *sc, const char *path,
			  const char *key)
{
	static const char *const profiles[] = {"Localhost", "RuntimeDefault", "Unconfined", NULL};
	const struct ynode *profile = yaml_get(sc, key);

	if (profile && !*api_text(profile, "type"))
		api_refuse(w, profile, arena_fmt(w->a, "%s.%s.type", path, key), "Required value: type is required when %s is set", key);
	api_one_of(w, profile, arena_fmt(w->a, "%s.%s.", path, key), "type", profiles);
}

static void check_security(struct admission *w, const struct ynode *sc, const char *path)
{
	static const char *const ids[] = {"runAsUser", "runAsGroup", "fsGroup"};
	static const char *const changes[] = {"Always", "OnRootMismatch", NULL};
	const struct ynode *groups = yaml_get(sc, "supplementalGroups");

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		if (yaml_get(sc, ids[i]))
			check_group(w, yaml_get(sc, ids[i]), arena_fmt(w->a, "%s.%s", path, ids[i]));
	for (size_t i = 0; i < api_items(groups); i++)
		check_group(w, groups->items[i], arena_fmt(w->a, "%s.supplementalGroups[%zu]", path, i));
	api_one_of(w, sc, arena_fmt(w->a, "%s.", path), "fsGroupChangePolicy", changes);
	check_profile(w, sc, path, "seccompProfile");
	check_profile(w, sc, path, "appArmorProfile");
}

/* A server takes blanks around it in a template, and then none of its pods. */
static void check_image(struct admission *w, const struct ynode *c, const char *path)
{
	const char *image = api_text(c, "image");
	size_t len = strlen(image);

	path = arena_fmt(w->a, "%simage", path);
	if (!len)
		api_refuse(w, api_at_or(c, "image"), path, "Required value");
	else if (strchr(" \t\r\n", image[0]) || strchr(" \t\r\n", image[len - 1]))
		api_refuse(w, yaml_get(c, "image"), path, "Invalid value: \"%.200s\": must not have leading or trailing whitespace", image);
}

static void check_container(const struct pod *p, const struct ynode *list, size_t i,
			    const char *key)
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
	api_check_variables(p->w, c, path);
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

void api_check_pod(struct admission *w, const struct ynode *template, const char *path,
		   const struct ynode *claims)
{
	static const char *const lists[] = {"initContainers", "containers"}, *const names[] = {"hostname", "subdomain"};
	static const char *const dns[] = {"ClusterFirstWithHostNet", "ClusterFirst", "Default", "None", NULL};
	struct pod p = {w, yaml_get(template, "spec"), claims, arena_fmt(w->a, "%sspec.", path)};
	const struct ynode *labels = yaml_path((struct ynode *)template, "metadata.labels");
	const char *wrong;

	api_check_labels(w, labels, arena_fmt(w->a, "%smetadata.labels", path));
	check_volumes(&p);
	if (!api_items(yaml_get(p.spec, "containers")))
		api_refuse(w, api_at_or(template, "spec"), arena_fmt(w->a, "%scontainers", p.path), "Required value");
	for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
		const struct ynode *list = yaml_get(p.spec, lists[k]);

		for (size_t i = 0; i < api_items(list); i++)
			check_container(&p, list, i, lists[k]);
	}
	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		if (*api_text(p.spec, names[k]) &&
		    (wrong = api_dns_label(api_text(p.spec, names[k]))))
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
