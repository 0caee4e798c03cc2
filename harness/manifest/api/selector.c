#include <string.h>

#include "manifest/api/api.h"

/* What an API server refuses in selectors (apimachinery, pkg/apis/meta/v1/validation). */

static bool in_values(const struct ynode *values, const char *text)
{
	for (size_t i = 0; i < api_items(values); i++)
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
	for (size_t i = 0; i < api_items(list); i++) {
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

void api_check_requirements(struct admission *w, const struct ynode *selector, const char *path)
{
	const struct ynode *list = yaml_get(selector, "matchExpressions");

	api_check_labels(w, yaml_get(selector, "matchLabels"), arena_fmt(w->a, "%s.matchLabels", path));
	for (size_t i = 0; i < api_items(list); i++) {
		const char *at = arena_fmt(w->a, "%s.matchExpressions[%zu]", path, i), *op = api_text(list->items[i], "operator");
		bool many = api_items(yaml_get(list->items[i], "values"));

		if (!strcmp(op, "In") || !strcmp(op, "NotIn")) {
			if (!many)
				api_refuse(w, list->items[i], arena_fmt(w->a, "%s.values", at),
					   "Required value: must be specified when `operator` is 'In' or 'NotIn'");
		} else if (!strcmp(op, "Exists") || !strcmp(op, "DoesNotExist")) {
			if (many)
				api_refuse(w, list->items[i], arena_fmt(w->a, "%s.values", at),
					   "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
		} else {
			api_refuse(w, list->items[i], arena_fmt(w->a, "%s.operator", at), "Invalid value: \"%.40s\": not a valid selector operator",
				   op);
		}
	}
}

void api_check_selector(struct admission *w, const struct ynode *spec)
{
	const struct ynode *selector = yaml_get(spec, "selector"), *template = yaml_get(spec, "template");
	const struct ynode *labels = yaml_path((struct ynode *)template, "metadata.labels");

	if (!selector) {
		api_refuse(w, spec, "spec.selector", "Required value");
		return;
	}
	api_check_requirements(w, selector, "spec.selector");
	if (!api_items(yaml_get(selector, "matchExpressions")) &&
	    (!yaml_get(selector, "matchLabels") || !yaml_get(selector, "matchLabels")->n))
		api_refuse(w, selector, "spec.selector", "Invalid value: {}: empty selector is invalid for %s", w->kind);
	else if (template && !fits(selector, labels))
		api_refuse(w, labels ? labels : template, "spec.template.metadata.labels",
			   "Invalid value: `selector` does not match template `labels`");
}
