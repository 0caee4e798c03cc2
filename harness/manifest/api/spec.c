#include <string.h>

#include "manifest/api/api.h"
#include "manifest/names.h"

/* What an API server refuses in a pod's spec beside its containers and volumes
 * (pkg/apis/core/validation): names and addresses, and what it tolerates. */

static const char *item_text(const struct ynode *list, size_t i)
{
	return list->items[i]->kind == Y_SCALAR ? list->items[i]->text : "";
}

static void check_text(struct admission *w, const struct ynode *at, const char *path,
		       const char *text, const char *wrong)
{
	if (wrong)
		api_refuse(w, at, path, "Invalid value: \"%.80s\": %s", text, wrong);
}

static void check_aliases(struct admission *w, const struct ynode *spec, const char *path)
{
	const struct ynode *list = yaml_get(spec, "hostAliases");

	for (size_t i = 0; i < api_items(list); i++) {
		const struct ynode *names = yaml_get(list->items[i], "hostnames");
		const char *at = arena_fmt(w->a, "%shostAliases[%zu]", path, i), *ip = api_text(list->items[i], "ip");

		check_text(w, api_at_or(list->items[i], "ip"), arena_fmt(w->a, "%s.ip", at), ip, api_address(ip));
		for (size_t k = 0; k < api_items(names); k++)
			check_text(w, names->items[k], arena_fmt(w->a, "%s.hostnames[%zu]", at, k), item_text(names, k),
				   api_dns_subdomain(item_text(names, k)));
	}
}

/* Options are one line of a file: an API server takes any text, and so there would be
 * more lines. */
static void check_options(struct admission *w, const struct ynode *config, const char *path)
{
	static const char *const parts[] = {"name", "value"};
	const struct ynode *list = yaml_get(config, "options");

	for (size_t i = 0; i < api_items(list); i++) {
		const char *at = arena_fmt(w->a, "%soptions[%zu]", path, i);

		if (!*api_text(list->items[i], "name"))
			api_refuse(w, api_at_or(list->items[i], "name"), at, "Required value: must not be empty");
		for (size_t k = 0; k < ARRAY_LEN(parts); k++)
			check_text(w, api_at_or(list->items[i], parts[k]),
				   arena_fmt(w->a, "%s.%s", at, parts[k]),
				   api_text(list->items[i], parts[k]),
				   api_one_word(api_text(list->items[i], parts[k])));
	}
}

static void check_dns(struct admission *w, const struct ynode *spec, const char *path)
{
	enum { SERVERS_MAX = 3, SEARCHES_MAX = 32, SEARCHES_BYTES = 2048 };
	const struct ynode *config = yaml_get(spec, "dnsConfig"), *servers = yaml_get(config, "nameservers");
	const struct ynode *searches = yaml_get(config, "searches");
	size_t bytes = api_items(searches) ? api_items(searches) - 1 : 0;

	if (!strcmp(api_text(spec, "dnsPolicy"), "None") && !api_items(servers))
		api_refuse(w, api_at_or(spec, "dnsPolicy"), arena_fmt(w->a, "%sdnsConfig.nameservers", path),
			   "Required value: must provide at least one DNS nameserver when `dnsPolicy` is None");
	path = arena_fmt(w->a, "%sdnsConfig.", path);
	if (api_items(servers) > SERVERS_MAX)
		api_refuse(w, servers, arena_fmt(w->a, "%snameservers", path), "Invalid value: must not have more than %d nameservers",
			   SERVERS_MAX);
	for (size_t i = 0; i < api_items(servers); i++)
		check_text(w, servers->items[i], arena_fmt(w->a, "%snameservers[%zu]", path, i), item_text(servers, i),
			   api_address(item_text(servers, i)));
	for (size_t i = 0; i < api_items(searches); i++) {
		bytes += strlen(item_text(searches, i));
		check_text(w, searches->items[i], arena_fmt(w->a, "%ssearches[%zu]", path, i), item_text(searches, i),
			   name_is_search_domain(item_text(searches, i)) ? NULL : api_dns_subdomain("_"));
	}
	if (api_items(searches) > SEARCHES_MAX || bytes > SEARCHES_BYTES)
		api_refuse(w, searches, arena_fmt(w->a, "%ssearches", path), api_items(searches) > SEARCHES_MAX ?
			   "Invalid value: must not have more than %d search paths" :
			   "Invalid value: must not have more than %d characters (including spaces) in the search list",
			   api_items(searches) > SEARCHES_MAX ? SEARCHES_MAX : SEARCHES_BYTES);
	check_options(w, config, path);
}

static void check_toleration(struct admission *w, const struct ynode *t, const char *path)
{
	static const char *const operators[] = {"Equal", "Exists", NULL};
	static const char *const effects[] = {"NoExecute", "NoSchedule", "PreferNoSchedule", NULL};
	const char *key = api_text(t, "key"), *op = api_text(t, "operator"), *value = api_text(t, "value");

	if (*key)
		check_text(w, yaml_get(t, "key"), arena_fmt(w->a, "%skey", path), key, api_label_key(key));
	else if (strcmp(op, "Exists"))
		api_refuse(w, api_at_or(t, "operator"), arena_fmt(w->a, "%soperator", path), "Invalid value: \"%.40s\": operator must be "
			   "Exists when `key` is empty, which means \"match all values and all keys\"", op);
	api_one_of(w, t, path, "operator", operators);
	if (!strcmp(op, "Exists") && *value)
		api_refuse(w, yaml_get(t, "value"), arena_fmt(w->a, "%soperator", path),
			   "Invalid value: \"%.80s\": value must be empty when `operator` is 'Exists'", value);
	else if (!*op || !strcmp(op, "Equal"))
		check_text(w, api_at_or(t, "value"), arena_fmt(w->a, "%soperator", path), value, api_label_value(value));
	api_one_of(w, t, path, "effect", effects);
	if (yaml_get(t, "tolerationSeconds") && strcmp(api_text(t, "effect"), "NoExecute"))
		api_refuse(w, api_at_or(t, "effect"), arena_fmt(w->a, "%seffect", path),
			   "Invalid value: \"%.40s\": effect must be 'NoExecute' when `tolerationSeconds` is set", api_text(t, "effect"));
}

void api_check_spec(struct admission *w, const struct ynode *spec, const char *path)
{
	const struct ynode *list = yaml_get(spec, "tolerations");

	check_aliases(w, spec, path);
	check_dns(w, spec, path);
	for (size_t i = 0; i < api_items(list); i++)
		check_toleration(w, list->items[i], arena_fmt(w->a, "%stolerations[%zu].", path, i));
}
