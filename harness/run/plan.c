#include "run/plan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "check/check.h"
#include "fault/fault.h"
#include "run/fit.h"
#include "system/system.h"

static const char *const *fault_params(const char *fault)
{
	const struct fault_ops *f = fault_find(fault);

	return f ? f->params : NULL;
}

static int check_fault_step(const struct step *s, struct err *e)
{
	const struct fault_ops *f = fault_find(s->fault);
	struct err all = {0}, one = {0};
	cJSON *params;

	if (!f)
		return yaml_error(s->at, e, "no fault is called %s", s->fault);
	if (!f->lasting && s->duration_ns) {
		yaml_error(yaml_get(s->at, "for"), &one, "%s is over once it has happened: remove `for`", s->fault);
		err_add(&all, &one);
	}
	params = cJSON_CreateObject();
	if (f->check && f->check(s->params, params, &one))
		err_add(&all, &one);
	cJSON_Delete(params);
	return err_all(&all, e);
}

/* All of them; those that could not be read are left out. */
static int check_fault_steps(const struct plan *p, struct err *e)
{
	struct err all = {0}, one = {0};

	for (size_t i = 0; i < p->sc.nsteps; i++)
		if (p->sc.steps[i].kind == STEP_FAULT && p->sc.steps[i].fault &&
		    check_fault_step(&p->sc.steps[i], &one))
			err_add(&all, &one);
	if (all.kind)
		*e = all;
	return all.kind ? -1 : 0;
}

static int read_settings(struct arena *a, const char *root, struct plan *p,
			 const struct setting_arg *sets, size_t nsets, struct err *e)
{
	const struct ynode *own = p->sc.settings;
	const char *path = arena_fmt(a, "%s/fixtures/%s/settings.yaml", root, p->system->fixture);
	struct err all = {0}, one = {0};
	const char *value;

	/* A system without knobs has no such file. */
	if (file_exists(path) && settings_load(a, path, &p->settings, e))
		return -1;
	for (size_t i = 0; own && i < own->n; i++) {
		/* That it is no text was told as the file was read. */
		if (yaml_to_string(own->items[i], &value, &one))
			one = (struct err){0};
		else if (settings_set(a, &p->settings, own->keys[i]->text, value, "scenario",
				      own->keys[i], &one))
			err_add(&all, &one);
	}
	for (size_t i = 0; i < nsets; i++) {
		if (settings_set(a, &p->settings, sets[i].name, sets[i].value, "--set", NULL, &one))
			err_add(&all, &one);
	}
	p->settings.deadline_ms = p->sc.load.deadline_ns / NS_PER_MS;
	if (!all.kind)
		return settings_check(&p->settings, e);
	*e = all;
	return -1;
}

/* What several systems share (storage classes) comes first. */
static int read_manifests(struct arena *a, const char *root, struct plan *p, struct err *e)
{
	const char *dir = arena_fmt(a, "%s/fixtures/%s/%s", root, p->system->fixture, p->sc.variant);
	const char *storage = arena_fmt(a, "%s/fixtures/storage", root);
	struct manifest own = {0}, shared = {0};
	size_t n = 0;
	int r;

	if (!file_exists(dir))
		return yaml_error(yaml_get(p->sc.root, "variant"), e,
				  "system %s has no variant \"%s\" (no folder %s)",
				  p->sc.system, p->sc.variant, dir);
	/* Of the objects that can be read, what is wrong with them is told, too. */
	r = manifest_read_dir(a, dir, &own, e);
	if (!r && file_exists(storage) && yaml_get(p->sc.root, "storage") == NULL &&
	    !p->system->processes_only && manifest_read_dir(a, storage, &shared, e))
		return -1;
	p->manifest.objects = arena_alloc(a, (own.n + shared.n + 1) * sizeof(struct ynode *));
	for (size_t i = 0; i < shared.n; i++)
		p->manifest.objects[n++] = shared.objects[i];
	for (size_t i = 0; i < own.n; i++)
		p->manifest.objects[n++] = own.objects[i];
	p->manifest.n = n;
	p->changes = own.ignored;
	return r;
}

static bool workload_is_whole(const cJSON *o)
{
	return json_str(o, "workload", NULL) && json_str(o, "member_host", NULL) &&
	       json_i64(o, "expected_members", 0) >= 1;
}

static int read_access(struct arena *a, const char *root, struct plan *p, struct err *e)
{
	struct ynode **docs;
	const cJSON *more;
	size_t n;
	const char *path = arena_fmt(a, "%s/fixtures/%s/%s/access.yaml", root, p->system->fixture,
				     p->sc.variant);

	if (yaml_read_file(a, path, &docs, &n, e))
		return -1;
	if (n != 1 || docs[0]->kind != Y_MAP)
		return err_set(e, ERR_INPUT, "%s: one map is expected here", path);
	p->access = yaml_to_json(docs[0]);
	if (!workload_is_whole(p->access))
		return err_set(e, ERR_INPUT,
			       "%s: needs workload, member_host and expected_members", path);
	cJSON_ArrayForEach(more, json_get(p->access, "also"))
		if (!workload_is_whole(more))
			return err_set(e, ERR_INPUT, "%s: each entry of also needs workload, member_host "
				       "and expected_members", path);
	return 0;
}

/* Keys over those of access.yaml; null removes one. */
static void lay_over(cJSON *access, const struct ynode *more)
{
	cJSON *o = yaml_to_json(more), *item, *next;

	for (item = o->child; item; item = next) {
		next = item->next;
		cJSON_DeleteItemFromObjectCaseSensitive(access, item->string);
		if (!cJSON_IsNull(item))
			json_set(access, item->string, cJSON_DetachItemViaPointer(o, item));
	}
	cJSON_Delete(o);
}

static int apply_overlay(struct arena *a, struct plan *p, const struct setting *s, const char *name,
			 struct err *e)
{
	const struct ynode *access = NULL;

	if (manifest_overlay(a, &p->manifest,
			     arena_fmt(a, "%s/fixtures/%s/overlays/%s", p->root, p->system->fixture, name),
			     arena_fmt(a, "setting %s = %s", s->name, s->value), &p->changes, &access, e))
		return -1;
	if (access)
		lay_over(p->access, access);
	return 0;
}

static int apply_overlays(struct arena *a, struct plan *p, struct err *e)
{
	for (size_t i = 0; i < p->settings.n; i++) {
		const struct setting *s = &p->settings.v[i];
		const struct ynode *list = setting_overlays(s);

		if (list && strcmp(p->sc.variant, setting_variant(s))) {
			if (s->at)
				return yaml_error(s->at, e, "%s: %s is an overlay of the variant %s only",
						  s->name, s->value, setting_variant(s));
			return err_set(e, ERR_INPUT, "%s %s=%s is an overlay of the variant %s only; "
				       "%s is %s", s->changed_by, s->name, s->value, setting_variant(s),
				       p->sc.name, p->sc.variant);
		}
		for (size_t k = 0; list && k < list->n; k++)
			if (apply_overlay(a, p, s, list->items[k]->text, e))
				return -1;
	}
	return 0;
}

/* The clients' own settings, into access.yaml's keys. */
static int put_clients(struct plan *p, struct err *e)
{
	for (size_t i = 0; i < p->settings.n; i++) {
		const struct setting *s = &p->settings.v[i];
		const char *key = setting_access_key(s);
		cJSON *value;

		if (!key)
			continue;
		if (!json_get(p->access, key))
			return yaml_error(s->node, e, "the setting %s has its place in access.yaml at %s, which "
					  "that of the variant %s does not have", s->name, key, p->sc.variant);
		value = setting_is_number(s) ? cJSON_CreateNumber(strtod(s->value, NULL)) :
					       cJSON_CreateString(s->value);
		cJSON_DeleteItemFromObjectCaseSensitive(p->access, key);
		json_set(p->access, key, value);
	}
	return 0;
}

/* What only the system and its fixture can say, as far as the file could be
 * read; all that is wrong goes into *all. */
static void read_for_system(struct arena *a, const char *root, const char *path,
			    const struct setting_arg *sets, size_t nsets, struct plan *out,
			    struct err *all)
{
	struct err one = {0};
	bool settings, whole;

	if (check_fault_steps(out, &one))
		err_add(all, &one);
	if (!out->sc.system)
		return;
	out->system = system_find(out->sc.system)->client;
	if (!out->system->fixture) {
		err_set(&one, ERR_INPUT, "%s: system %s has no fixture", path, out->sc.system);
		err_add(all, &one);
		return;
	}
	settings = !read_settings(a, root, out, sets, nsets, &one);
	if (!settings || fit_accepted(out, &one))
		err_add(all, &one);
	if (!out->sc.variant)
		return;
	whole = !read_manifests(a, root, out, &one);
	if (!whole)
		err_add(all, &one);
	/* What is wrong elsewhere is no reason to say nothing of them. */
	out->checkable = out->manifest.n > 0;
	if (read_access(a, root, out, &one) ||
	    (whole && settings && (apply_overlays(a, out, &one) || put_clients(out, &one)))) {
		err_add(all, &one);
		return;
	}
	if (whole && fit_targets(out, &one))
		err_add(all, &one);
	if (whole && fit_runs(out, &one))
		err_add(all, &one);
	if (fit_load(out, &one))
		err_add(all, &one);
	if (whole && settings &&
	    manifest_apply_settings(a, &out->manifest, &out->settings, &out->changes, &one))
		err_add(all, &one);
}

int plan_read(struct arena *a, const char *root, const char *path, const struct setting_arg *sets,
	      size_t nsets, struct plan *out, struct err *e)
{
	const char *systems[64] = {0}, *faults[64] = {0}, *checkers[64] = {0};
	struct scenario_names names = {systems, faults, checkers, fault_params};
	struct err all = {0}, one = {0};
	const struct system *known;
	size_t n;

	memset(out, 0, sizeof(*out));
	out->root = arena_strdup(a, root);
	known = system_all(&n);
	for (size_t i = 0; i < n && i < ARRAY_LEN(systems) - 1; i++)
		systems[i] = known[i].client->name;
	for (size_t i = 0; fault_all()[i] && i < ARRAY_LEN(faults) - 1; i++)
		faults[i] = fault_all()[i]->name;
	for (size_t i = 0; checker_all()[i] && i < ARRAY_LEN(checkers) - 1; i++)
		checkers[i] = checker_all()[i]->name;
	if (scenario_read(a, path, &names, &out->sc, &one))
		err_add(&all, &one);
	read_for_system(a, root, path, sets, nsets, out, &all);
	if (!all.kind)
		return 0;
	if (!out->checkable)
		plan_free(out);
	*e = all;
	return -1;
}

void plan_free(struct plan *p)
{
	cJSON_Delete(p->access);
	p->access = NULL;
}
