#include "scenario/scenario.h"

#include "base/clock.h"
#include "scenario/parts.h"

#define READY_WITHIN_NS (240 * NS_PER_S)

/* A scenario file as a whole, and its head. The load is read in
 * scenario/load_spec.c, steps in scenario/steps.c, expectations in
 * scenario/expect.c. */

static int read_settings(const struct ynode *n, struct err *e)
{
	struct err all = {0}, one = {0};
	const char *text;

	if (n->kind != Y_MAP)
		return yaml_error(n, e, "settings must be a map of a setting's name to its value");
	for (size_t i = 0; i < n->n; i++)
		if (yaml_to_string(n->items[i], &text, &one))
			err_add(&all, &one);
	return err_all(&all, e);
}

static int need_text(const struct ynode *root, const char *key, const char *example,
		     const char **out, struct err *e)
{
	const struct ynode *n = yaml_get(root, key);

	if (!n)
		return yaml_error(root, e, "the scenario has no %s; add: %s", key, example);
	return yaml_to_string(n, out, e);
}

static int read_name(const struct ynode *root, struct scenario *out, struct err *e)
{
	if (need_text(root, "name", "name: system-what-happens", &out->name, e))
		return -1;
	if (!scenario_is_name(out->name))
		return yaml_error(yaml_get(root, "name"), e, "a name has lower case letters, "
				  "digits and hyphens, at most 40, not \"%.60s\"", out->name);
	return 0;
}

static int read_system(const struct ynode *root, const struct scenario_names *names,
		       struct scenario *out, struct err *e)
{
	const char *name;

	if (need_text(root, "system", "system: postgres", &name, e) ||
	    scenario_word(yaml_get(root, "system"), names->systems, "system", &name, e))
		return -1;
	out->system = name;
	return 0;
}

static int read_ready_within(const struct ynode *n, struct scenario *out, struct err *e)
{
	if (yaml_to_duration_ns(n, &out->ready_within_ns, e))
		return -1;
	if (out->ready_within_ns < NS_PER_S || out->ready_within_ns > 3600 * NS_PER_S)
		return yaml_error(n, e, "ready_within is between 1s and 1h, not %s", n->text);
	return 0;
}

/* Each is looked at, whatever is wrong with those before. */
static void read_head(const struct ynode *root, const struct scenario_names *names,
		      struct scenario *out, struct err *all)
{
	static const char *const keys[] = {"name", "title", "about", "compare", "system", "variant",
					   "settings", "ready_within", "load", "steps",
					   "expect", NULL};
	static const char *const variants[] = {"documented", "corrected", NULL};
	const struct ynode *n;
	struct err one = {0};

	if (yaml_check_keys(root, keys, "the scenario", &one))
		err_add(all, &one);
	if (read_name(root, out, &one))
		err_add(all, &one);
	out->title = out->name;
	if ((n = yaml_get(root, "title")) && scenario_line(n, &out->title, &one))
		err_add(all, &one);
	if ((n = yaml_get(root, "about")) && yaml_to_string(n, &out->about, &one))
		err_add(all, &one);
	if ((n = yaml_get(root, "compare")) && scenario_line(n, &out->compare, &one))
		err_add(all, &one);
	if (read_system(root, names, out, &one))
		err_add(all, &one);
	out->variant = "corrected";
	if ((n = yaml_get(root, "variant")) &&
	    scenario_word(n, variants, "variant", &out->variant, &one)) {
		out->variant = NULL;
		err_add(all, &one);
	}
	out->ready_within_ns = READY_WITHIN_NS;
	if ((n = yaml_get(root, "ready_within")) && read_ready_within(n, out, &one))
		err_add(all, &one);
	out->settings = yaml_get(root, "settings");
	if (out->settings && read_settings(out->settings, &one)) {
		if (out->settings->kind != Y_MAP)
			out->settings = NULL;
		err_add(all, &one);
	}
	if (load_spec_read(yaml_get(root, "load"), &out->load, &one))
		err_add(all, &one);
}

static void read_body(struct arena *a, const struct ynode *root, const struct scenario_names *names,
		      struct scenario *out, struct err *all)
{
	const struct ynode *steps = yaml_get(root, "steps"), *expects = yaml_get(root, "expect");
	struct err one = {0};

	if (!steps && yaml_error(root, &one, "the scenario has no steps; add: steps: [{steady: 10s}]"))
		err_add(all, &one);
	if (steps && scenario_read_steps(a, steps, names, out, &one))
		err_add(all, &one);
	if (!expects && yaml_error(root, &one, "the scenario expects nothing; add: expect: [{lost: "
				   "{at_most: 0}}]"))
		err_add(all, &one);
	if (expects && scenario_read_expects(a, expects, names, out, &one))
		err_add(all, &one);
}

int scenario_read(struct arena *a, const char *path, const struct scenario_names *names,
		  struct scenario *out, struct err *e)
{
	struct err all = {0};
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
	if (docs[0]->kind != Y_MAP)
		return yaml_error(docs[0], e, "a scenario is a map (name: ..., system: ..., steps: "
				  "...)");
	out->root = docs[0];
	read_head(docs[0], names, out, &all);
	read_body(a, docs[0], names, out, &all);
	if (all.kind)
		*e = all;
	return all.kind ? -1 : 0;
}
