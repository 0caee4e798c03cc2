#include "scenario/scenario.h"

#include "base/clock.h"
#include "scenario/parts.h"

#define READY_WITHIN_NS (240 * NS_PER_S)

/* A scenario file as a whole, and its head. The load is read in
 * scenario/load_spec.c, steps in scenario/steps.c, expectations in
 * scenario/expect.c. */

static int read_settings(const struct ynode *n, struct err *e)
{
	const char *text;
	size_t i;

	if (n->kind != Y_MAP)
		return yaml_error(n, e, "settings must be a map of a setting's name to its value");
	for (i = 0; i < n->n; i++) {
		if (yaml_to_string(n->items[i], &text, e))
			return -1;
	}
	return 0;
}

static int need_text(const struct ynode *root, const char *key, const char *example,
		     const char **out, struct err *e)
{
	const struct ynode *n = yaml_get(root, key);

	if (!n)
		return yaml_error(root, e, "the scenario has no %s; add: %s", key, example);
	return yaml_to_string(n, out, e);
}

static int read_head(const struct ynode *root, const struct scenario_names *names,
		     struct scenario *out, struct err *e)
{
	static const char *const keys[] = {"name", "title", "about", "compare", "system", "variant",
					   "settings", "ready_within", "load", "steps",
					   "expect", NULL};
	static const char *const variants[] = {"documented", "corrected", NULL};
	const struct ynode *n;

	if (root->kind != Y_MAP)
		return yaml_error(root, e, "a scenario is a map (name: ..., system: ..., steps: "
				  "...)");
	if (yaml_check_keys(root, keys, "the scenario", e) ||
	    need_text(root, "name", "name: system-what-happens", &out->name, e))
		return -1;
	if (!scenario_is_name(out->name))
		return yaml_error(yaml_get(root, "name"), e, "a name has lower case letters, "
				  "digits and hyphens, at most 40, not \"%.60s\"", out->name);
	out->title = out->name;
	if ((n = yaml_get(root, "title")) && scenario_line(n, &out->title, e))
		return -1;
	if ((n = yaml_get(root, "about")) && yaml_to_string(n, &out->about, e))
		return -1;
	if ((n = yaml_get(root, "compare")) && scenario_line(n, &out->compare, e))
		return -1;
	if (need_text(root, "system", "system: postgres", &out->system, e) ||
	    scenario_word(yaml_get(root, "system"), names->systems, "system", &out->system, e))
		return -1;
	out->variant = "corrected";
	if ((n = yaml_get(root, "variant")) &&
	    scenario_word(n, variants, "variant", &out->variant, e))
		return -1;
	out->ready_within_ns = READY_WITHIN_NS;
	if ((n = yaml_get(root, "ready_within"))) {
		if (yaml_to_duration_ns(n, &out->ready_within_ns, e))
			return -1;
		if (out->ready_within_ns < NS_PER_S || out->ready_within_ns > 3600 * NS_PER_S)
			return yaml_error(n, e, "ready_within is between 1s and 1h, not %s", n->text);
	}
	out->settings = yaml_get(root, "settings");
	if (out->settings && read_settings(out->settings, e))
		return -1;
	return load_spec_read(yaml_get(root, "load"), &out->load, e);
}

int scenario_read(struct arena *a, const char *path, const struct scenario_names *names,
		  struct scenario *out, struct err *e)
{
	const struct ynode *root, *steps, *expects;
	struct ynode **docs;
	size_t n;

	*out = (struct scenario){.file = arena_strdup(a, path)};
	if (yaml_read_file(a, path, &docs, &n, e))
		return -1;
	if (!n || (docs[0]->kind == Y_SCALAR && docs[0]->plain && !*docs[0]->text))
		return err_set(e, ERR_INPUT, "%s:1:1: the file is empty: a scenario needs at least "
			       "name, system, steps and expect", path);
	if (n > 1)
		return yaml_error(docs[1], e, "a second document begins here: one scenario a "
				  "file");
	root = out->root = docs[0];
	if (read_head(root, names, out, e))
		return -1;
	steps = yaml_get(root, "steps");
	expects = yaml_get(root, "expect");
	if (!expects)
		return yaml_error(root, e, "the scenario expects nothing; add: expect: [{lost: "
				  "{at_most: 0}}]");
	if (!steps)
		return yaml_error(root, e, "the scenario has no steps; add: steps: [{steady: 10s}]");
	if (scenario_read_steps(a, steps, names, out, e))
		return -1;
	return scenario_read_expects(a, expects, names, out, e);
}
