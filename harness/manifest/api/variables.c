#include <string.h>

#include "manifest/api/api.h"

/* What an API server refuses in a container's environment (pkg/apis/core/validation). */

/* metadata.labels['KEY'] with a key that there can be. */
static bool is_subscript(const char *path, const char *map)
{
	size_t n = strlen(map), len = strlen(path);
	char key[320];

	if (len < n + 4 || len - n - 4 >= sizeof(key) || strncmp(path, map, n) || strncmp(path + n, "['", 2) ||
	    strcmp(path + len - 2, "']"))
		return false;
	memcpy(key, path + n + 2, len - n - 4);
	key[len - n - 4] = '\0';
	return !api_label_key(key);
}

static bool known_field(const char *path)
{
	static const char *const paths[] = {"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
					    "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP",
					    "status.podIPs"};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (!strcmp(paths[i], path))
			return true;
	return is_subscript(path, "metadata.labels") || is_subscript(path, "metadata.annotations");
}

/* Of a ConfigMap or a Secret. */
static void check_reference(struct admission *w, const struct ynode *ref, const char *path)
{
	const char *name = api_text(ref, "name"), *wrong = api_dns_subdomain(name);

	path = arena_fmt(w->a, "%s.name", path);
	if (!*name)
		api_refuse(w, api_at_or(ref, "name"), path, "Required value");
	else if (wrong)
		api_refuse(w, yaml_get(ref, "name"), path, "Invalid value: \"%.80s\": %s", name, wrong);
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
		api_refuse(w, api_at_or(field, "fieldPath"), arena_fmt(w->a, "%s.fieldRef.fieldPath", path),
			   *field_path ? "Unsupported value: \"%.80s\": supported values: \"metadata.name\", \"metadata.namespace\", "
			   "\"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", "
			   "\"status.podIP\", \"status.podIPs\", and metadata.labels['KEY'], metadata.annotations['KEY']" :
			   "Required value%s", field_path);
	if (*api_text(field, "apiVersion") && strcmp(api_text(field, "apiVersion"), "v1"))
		api_refuse(w, yaml_get(field, "apiVersion"), arena_fmt(w->a, "%s.fieldRef.fieldPath", path), "Invalid value: \"%.80s\": "
			   "error converting fieldPath: unsupported pod version: %.40s", field_path, api_text(field, "apiVersion"));
	for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
		const struct ynode *ref = yaml_get(from, refs[i]);
		const char *key = api_text(ref, "key"), *at = arena_fmt(w->a, "%s.%s", path, refs[i]);

		if (!ref)
			continue;
		if (!*key)
			api_refuse(w, ref, arena_fmt(w->a, "%s.key", at), "Required value");
		else if (api_data_key(key))
			api_refuse(w, yaml_get(ref, "key"), arena_fmt(w->a, "%s.key", at), "Invalid value: \"%.80s\": %s", key,
				   api_data_key(key));
		check_reference(w, ref, at);
	}
}

void api_check_variables(struct admission *w, const struct ynode *container, const char *path)
{
	const struct ynode *list = yaml_get(container, "env"), *from;

	for (size_t i = 0; i < api_items(list); i++) {
		const struct ynode *v = list->items[i];
		const char *at = arena_fmt(w->a, "%s.env[%zu]", path, i), *name = api_text(v, "name");

		if (!*name)
			api_refuse(w, api_at_or(v, "name"), arena_fmt(w->a, "%s.name", at), "Required value");
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
	for (size_t i = 0; i < api_items(list); i++) {
		const struct ynode *v = list->items[i], *map = yaml_get(v, "configMapRef"), *secret = yaml_get(v, "secretRef");
		const char *at = arena_fmt(w->a, "%s.envFrom[%zu]", path, i);

		if (map)
			check_reference(w, map, arena_fmt(w->a, "%s.configMapRef", at));
		if (secret)
			check_reference(w, secret, arena_fmt(w->a, "%s.secretRef", at));
		if (!map == !secret)
			api_refuse(w, v, at, map ?
				   "Invalid value: \"\": may not have more than one field specified at a time" :
				   "Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`");
	}
}
