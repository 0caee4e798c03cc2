#include <string.h>

#include "manifest/api/api.h"

/* What an API server refuses in what says where a pod may run (pkg/apis/core/validation):
 * affinity and topology spread. */

#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED "preferredDuringSchedulingIgnoredDuringExecution"

static void check_topology_key(struct admission *w, const struct ynode *term, const char *path)
{
	const char *key = api_text(term, "topologyKey"), *wrong = api_label_key(key);

	path = arena_fmt(w->a, "%stopologyKey", path);
	if (!*key)
		api_refuse(w, api_at_or(term, "topologyKey"), path, "Required value: can not be empty");
	else if (wrong)
		api_refuse(w, yaml_get(term, "topologyKey"), path, "Invalid value: \"%.80s\": %s", key, wrong);
}

static void check_term(struct admission *w, const struct ynode *term, const char *path)
{
	static const char *const selectors[] = {"labelSelector", "namespaceSelector"};

	for (size_t i = 0; i < ARRAY_LEN(selectors); i++)
		api_check_requirements(w, yaml_get(term, selectors[i]), arena_fmt(w->a, "%s%s", path, selectors[i]));
	check_topology_key(w, term, path);
}

static void check_weight(struct admission *w, const struct ynode *item, const char *path)
{
	int64_t weight = api_number(item, "weight");

	if (weight < 1 || weight > 100)
		api_refuse(w, api_at_or(item, "weight"), arena_fmt(w->a, "%sweight", path),
			   "Invalid value: %.20s: must be in the range 1-100", yaml_get(item, "weight") ? api_text(item, "weight") : "0");
}

static void check_pods(struct admission *w, const struct ynode *affinity, const char *path)
{
	const struct ynode *list = yaml_get(affinity, REQUIRED);

	for (size_t i = 0; i < api_items(list); i++)
		check_term(w, list->items[i], arena_fmt(w->a, "%s" REQUIRED "[%zu].", path, i));
	list = yaml_get(affinity, PREFERRED);
	for (size_t i = 0; i < api_items(list); i++) {
		const char *at = arena_fmt(w->a, "%s" PREFERRED "[%zu].", path, i);

		check_weight(w, list->items[i], at);
		check_term(w, api_at_or(list->items[i], "podAffinityTerm"), arena_fmt(w->a, "%spodAffinityTerm.", at));
	}
}

static void check_node_term(struct admission *w, const struct ynode *term, const char *path)
{
	const struct ynode *list = yaml_get(term, "matchExpressions");

	for (size_t i = 0; i < api_items(list); i++) {
		const char *at = arena_fmt(w->a, "%smatchExpressions[%zu].", path, i), *op = api_text(list->items[i], "operator");
		size_t n = api_items(yaml_get(list->items[i], "values"));
		const char *wrong = api_label_key(api_text(list->items[i], "key"));

		if (wrong)
			api_refuse(w, api_at_or(list->items[i], "key"), arena_fmt(w->a, "%skey", at), "Invalid value: \"%.80s\": %s",
				   api_text(list->items[i], "key"), wrong);
		if (!strcmp(op, "In") || !strcmp(op, "NotIn")) {
			if (!n)
				api_refuse(w, list->items[i], arena_fmt(w->a, "%svalues", at),
					   "Required value: must be specified when `operator` is 'In' or 'NotIn'");
		} else if (!strcmp(op, "Exists") || !strcmp(op, "DoesNotExist")) {
			if (n)
				api_refuse(w, list->items[i], arena_fmt(w->a, "%svalues", at),
					   "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
		} else if (!strcmp(op, "Gt") || !strcmp(op, "Lt")) {
			if (n != 1)
				api_refuse(w, list->items[i], arena_fmt(w->a, "%svalues", at),
					   "Required value: must be specified single value when `operator` is 'Lt' or 'Gt'");
		} else {
			api_refuse(w, api_at_or(list->items[i], "operator"), arena_fmt(w->a, "%soperator", at),
				   "Invalid value: \"%.40s\": not a valid selector operator", op);
		}
	}
}

static void check_nodes(struct admission *w, const struct ynode *affinity, const char *path)
{
	const struct ynode *required = yaml_get(affinity, REQUIRED), *list = yaml_get(required, "nodeSelectorTerms");

	if (required && !api_items(list))
		api_refuse(w, required, arena_fmt(w->a, "%s" REQUIRED ".nodeSelectorTerms", path),
			   "Required value: must have at least one node selector term");
	for (size_t i = 0; i < api_items(list); i++)
		check_node_term(w, list->items[i], arena_fmt(w->a, "%s" REQUIRED ".nodeSelectorTerms[%zu].", path, i));
	list = yaml_get(affinity, PREFERRED);
	for (size_t i = 0; i < api_items(list); i++) {
		const char *at = arena_fmt(w->a, "%s" PREFERRED "[%zu].", path, i);

		check_weight(w, list->items[i], at);
		check_node_term(w, yaml_get(list->items[i], "preference"), arena_fmt(w->a, "%spreference.", at));
	}
}

static void check_spread(struct admission *w, const struct ynode *c, const char *path)
{
	static const char *const ways[] = {"DoNotSchedule", "ScheduleAnyway", NULL};

	if (api_number(c, "maxSkew") <= 0)
		api_refuse(w, api_at_or(c, "maxSkew"), arena_fmt(w->a, "%smaxSkew", path),
			   "Invalid value: %.20s: must be greater than zero", yaml_get(c, "maxSkew") ? api_text(c, "maxSkew") : "0");
	check_topology_key(w, c, path);
	if (!*api_text(c, "whenUnsatisfiable"))
		api_refuse(w, api_at_or(c, "whenUnsatisfiable"), arena_fmt(w->a, "%swhenUnsatisfiable", path),
			   "Unsupported value: \"\": supported values: \"DoNotSchedule\", \"ScheduleAnyway\"");
	api_one_of(w, c, path, "whenUnsatisfiable", ways);
	api_check_requirements(w, yaml_get(c, "labelSelector"), arena_fmt(w->a, "%slabelSelector", path));
}

void api_check_placement(struct admission *w, const struct ynode *spec, const char *path)
{
	static const char *const both[] = {"podAffinity", "podAntiAffinity"};
	const struct ynode *affinity = yaml_get(spec, "affinity"), *list = yaml_get(spec, "topologySpreadConstraints");

	for (size_t i = 0; i < ARRAY_LEN(both); i++)
		check_pods(w, yaml_get(affinity, both[i]), arena_fmt(w->a, "%saffinity.%s.", path, both[i]));
	check_nodes(w, yaml_get(affinity, "nodeAffinity"), arena_fmt(w->a, "%saffinity.nodeAffinity.", path));
	for (size_t i = 0; i < api_items(list); i++)
		check_spread(w, list->items[i], arena_fmt(w->a, "%stopologySpreadConstraints[%zu].", path, i));
}
