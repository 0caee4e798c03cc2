#include "run/plan.h"

#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "check/check.h"
#include "fault/fault.h"
#include "system/system.h"

static const char *const *fault_params(const char *fault)
{
	const struct fault_ops *f = fault_find(fault);

	return f ? f->params : NULL;
}

static int check_fault_steps(const struct plan *p, struct err *e)
{
	for (size_t i = 0; i < p->sc.nsteps; i++) {
		const struct step *s = &p->sc.steps[i];
		const struct fault_ops *f;
		cJSON *params;
		int r;

		if (s->kind != STEP_FAULT)
			continue;
		f = fault_find(s->fault);
		if (!f)
			return yaml_error(s->at, e, "no fault is called %s", s->fault);
		if (!f->lasting && s->duration_ns)
			return yaml_error(s->at, e, "%s is over once it has happened: remove `for`",
					  s->fault);
		params = cJSON_CreateObject();
		r = f->check ? f->check(s->params, params, e) : 0;
		cJSON_Delete(params);
		if (r)
			return -1;
	}
	return 0;
}

static int read_settings(struct arena *a, const char *root, struct plan *p,
			 const struct setting_arg *sets, size_t nsets, struct err *e)
{
	const struct ynode *own = p->sc.settings;
	const char *path = arena_fmt(a, "%s/fixtures/%s/settings.yaml", root, p->system->fixture);
	const char *value;

	/* A system without knobs has no such file. */
	if (file_exists(path) && settings_load(a, path, &p->settings, e))
		return -1;
	for (size_t i = 0; own && i < own->n; i++) {
		if (yaml_to_string(own->items[i], &value, e) ||
		    settings_set(a, &p->settings, own->keys[i]->text, value, "scenario",
				 own->keys[i], e))
			return -1;
	}
	for (size_t i = 0; i < nsets; i++) {
		if (settings_set(a, &p->settings, sets[i].name, sets[i].value, "--set", NULL, e))
			return -1;
	}
	return settings_check(&p->settings, e);
}

/* What several systems share (storage classes) comes first. */
static int read_manifests(struct arena *a, const char *root, struct plan *p, struct err *e)
{
	const char *dir = arena_fmt(a, "%s/fixtures/%s/%s", root, p->system->fixture, p->sc.variant);
	const char *storage = arena_fmt(a, "%s/fixtures/storage", root);
	struct manifest own = {0}, shared = {0};
	size_t n = 0;

	if (!file_exists(dir))
		return yaml_error(yaml_get(p->sc.root, "variant"), e,
				  "system %s has no variant \"%s\" (no folder %s)",
				  p->sc.system, p->sc.variant, dir);
	if (manifest_read_dir(a, dir, &own, e))
		return -1;
	if (file_exists(storage) && yaml_get(p->sc.root, "storage") == NULL &&
	    !p->system->processes_only && manifest_read_dir(a, storage, &shared, e))
		return -1;
	p->manifest.objects = arena_alloc(a, (own.n + shared.n + 1) * sizeof(struct ynode *));
	for (size_t i = 0; i < shared.n; i++)
		p->manifest.objects[n++] = shared.objects[i];
	for (size_t i = 0; i < own.n; i++)
		p->manifest.objects[n++] = own.objects[i];
	p->manifest.n = n;
	p->changes = own.ignored;
	return 0;
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

static void add_members(const cJSON *of, cJSON *out)
{
	const char *workload = json_str(of, "workload", "");
	const char *pattern = json_str(of, "member_host", "{pod}");
	const char *name = strchr(workload, '/') ? strchr(workload, '/') + 1 : workload;
	const char *hole = strstr(pattern, "{pod}");
	int64_t n = json_i64(of, "expected_members", 0);

	for (int64_t i = 0; i < n; i++) {
		cJSON *m = cJSON_CreateObject();
		char pod[300], host[600];

		snprintf(pod, sizeof(pod), "%s-%lld", name, (long long)i);
		if (hole)
			snprintf(host, sizeof(host), "%.*s%s%s", (int)(hole - pattern), pattern,
				 pod, hole + 5);
		else
			snprintf(host, sizeof(host), "%s", pattern);
		json_set_str(m, "name", pod);
		json_set_str(m, "host", host);
		json_push(out, m);
	}
}

cJSON *plan_members(const struct plan *p)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *more;

	add_members(p->access, out);
	cJSON_ArrayForEach(more, json_get(p->access, "also"))
		add_members(more, out);
	return out;
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

		if (list && strcmp(p->sc.variant, "corrected")) {
			if (s->at)
				return yaml_error(s->at, e, "%s: %s is an overlay of the variant corrected only",
						  s->name, s->value);
			return err_set(e, ERR_INPUT, "%s %s=%s is an overlay of the variant corrected only; "
				       "%s is %s", s->changed_by, s->name, s->value, p->sc.name, p->sc.variant);
		}
		for (size_t k = 0; list && k < list->n; k++)
			if (apply_overlay(a, p, s, list->items[k]->text, e))
				return -1;
	}
	return 0;
}

static bool is_role(const char *target)
{
	static const char *const roles[] = {"primary", "replica", "any", "all", "minority"};

	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		if (!strcmp(target, roles[i]))
			return true;
	}
	return false;
}

/* A member that the fixture does not make cannot be a target. Nodes are the
 * engine's matter. */
static int check_targets(const struct plan *p, struct err *e)
{
	cJSON *members = plan_members(p);
	const cJSON *m;
	int r = 0;

	for (size_t i = 0; i < p->sc.nsteps && !r; i++) {
		const struct step *s = &p->sc.steps[i];
		bool known = s->kind != STEP_FAULT || is_role(s->target) ||
			     target_node_name(s->target);
		struct buf names = {0};

		cJSON_ArrayForEach(m, members) {
			known = known || !strcmp(s->target, json_str(m, "name", ""));
			buf_fmt(&names, "%s, ", json_str(m, "name", ""));
		}
		if (!known)
			r = yaml_error(yaml_get(s->at, "target"), e,
				       "%s has no member \"%s\": a target is primary, replica, "
				       "any, all, %sor node/NAME",
				       p->sc.system, s->target, buf_cstr(&names));
		buf_free(&names);
	}
	cJSON_Delete(members);
	return r;
}

/* Only what the system's clients can do may be asked of them. */
static int check_mix(const struct plan *p, const struct ynode *load, struct err *e)
{
	uint32_t lacking = load_spec_ops(&p->sc.load) & ~p->system->ops;
	const struct ynode *mix = load ? yaml_get(load, "mix") : NULL, *at;
	char has[OP_SET_MAX];
	const char *name;
	int f = 0;

	if (!lacking)
		return 0;
	while (!(lacking & OP_BIT(f)))
		f++;
	name = op_f_name((enum op_f)f);
	at = mix ? yaml_get(mix, name) : yaml_get(p->sc.root, "system");
	return yaml_error(at, e, "system %s cannot `%s`%s: it has %s", p->sc.system, name,
			  mix ? "" : ", which is in the mix that a load has unless it says another",
			  op_set_text(p->system->ops, has));
}

/* A checker of what the load does not do would find nothing, ever. */
static int check_checkers(const struct plan *p, struct err *e)
{
	char lacking[OP_SET_MAX];

	for (size_t i = 0; i < p->sc.nexpects; i++) {
		const struct expectation *x = &p->sc.expects[i];
		const struct checker_ops *c = x->checker ? checker_find(x->checker) : NULL;
		uint32_t none = c ? c->needs & ~load_spec_ops(&p->sc.load) : 0;

		if (none)
			return yaml_error(x->at, e, "the checker %s judges what the load does not do: give %s a "
					  "weight in its mix", x->checker, op_set_text(none, lacking));
	}
	return 0;
}

/* A setting that the system does not have allows nothing. */
static int check_accepted(const struct plan *p, struct err *e)
{
	for (size_t i = 0; i < p->sc.nexpects; i++) {
		const struct expectation *x = &p->sc.expects[i];

		if (x->setting && !settings_find(&p->settings, x->setting))
			return yaml_error(x->at, e, "%s has no setting \"%.60s\" that could allow this", p->sc.system,
					  x->setting);
	}
	return 0;
}

static int check_load(const struct plan *p, struct err *e)
{
	const struct ynode *load = yaml_get(p->sc.root, "load");
	const char *workload = json_str(p->access, "workload", "");

	if (check_mix(p, load, e) || check_checkers(p, e))
		return -1;
	for (size_t i = 0; i < p->sc.nsteps; i++) {
		const struct step *s = &p->sc.steps[i];

		if (s->kind == STEP_FAULT && !strcmp(s->target, "minority") && !p->sc.load.minority)
			return yaml_error(yaml_get(s->at, "target"), e, "the target minority is the member "
					  "that a minority of the clients stands beside: give load.minority");
	}
	if (!p->sc.load.minority)
		return 0;
	if (!*workload)
		return yaml_error(yaml_get(load, "minority"), e, "%s has no members for a minority to "
				  "stand beside", p->sc.system);
	for (size_t i = 0; i < p->sc.nsteps; i++) {
		const struct step *s = &p->sc.steps[i];
		struct effects does = {0};

		if (s->kind == STEP_FAULT)
			fault_effects(s->fault, NULL, &does);
		/* They keep their history in memory until it is fetched. */
		if (does.what & EFFECT_NODE_GONE)
			return yaml_error(s->at, e, "%s may take the minority of the clients down with "
					  "their node, and what they saw: leave load.minority out", s->fault);
	}
	return 0;
}

int plan_read(struct arena *a, const char *root, const char *path, const struct setting_arg *sets,
	      size_t nsets, struct plan *out, struct err *e)
{
	const char *systems[64] = {0}, *faults[64] = {0}, *checkers[64] = {0};
	struct scenario_names names = {systems, faults, checkers, fault_params};
	const struct system *all;
	size_t n;

	memset(out, 0, sizeof(*out));
	out->root = arena_strdup(a, root);
	all = system_all(&n);
	for (size_t i = 0; i < n && i < ARRAY_LEN(systems) - 1; i++)
		systems[i] = all[i].client->name;
	for (size_t i = 0; fault_all()[i] && i < ARRAY_LEN(faults) - 1; i++)
		faults[i] = fault_all()[i]->name;
	for (size_t i = 0; checker_all()[i] && i < ARRAY_LEN(checkers) - 1; i++)
		checkers[i] = checker_all()[i]->name;
	if (scenario_read(a, path, &names, &out->sc, e))
		return -1;
	out->system = system_find(out->sc.system)->client;
	if (!out->system->fixture)
		return err_set(e, ERR_INPUT, "%s: system %s has no fixture", path, out->sc.system);
	if (check_fault_steps(out, e) || read_settings(a, root, out, sets, nsets, e) || check_accepted(out, e) ||
	    read_manifests(a, root, out, e) || read_access(a, root, out, e) ||
	    apply_overlays(a, out, e) || check_targets(out, e) || check_load(out, e))
		return -1;
	return manifest_apply_settings(a, &out->manifest, &out->settings, &out->changes, e);
}

static cJSON *settings_json(const struct settings *s)
{
	cJSON *v = cJSON_CreateArray();

	for (size_t i = 0; i < s->n; i++) {
		cJSON *o = cJSON_CreateObject();
		bool secret = setting_is_secret(&s->v[i]);

		json_set_str(o, "name", s->v[i].name);
		json_set_str(o, "value", secret ? "(hidden)" : s->v[i].value);
		json_set_str(o, "unit", s->v[i].unit);
		json_set_str(o, "default", secret ? "(hidden)" : s->v[i].dflt);
		json_set_str(o, "source", s->v[i].changed_by ? s->v[i].changed_by : s->v[i].source);
		json_push(v, o);
	}
	return v;
}

const char *plan_path(const struct plan *p, const char *path)
{
	size_t len = strlen(p->root);

	return !strncmp(path, p->root, len) && path[len] == '/' ? path + len + 1 : path;
}

cJSON *plan_to_json(const struct plan *p)
{
	cJSON *o = scenario_to_json(&p->sc);

	json_set_str(o, "file", plan_path(p, p->sc.file));
	json_set(o, "settings", settings_json(&p->settings));
	if (p->repetitions) {
		char seed[32];

		snprintf(seed, sizeof(seed), "%llu", (unsigned long long)p->seed);
		json_set_str(o, "seed", seed);
		json_set_i64(o, "repetition", p->repetition);
		json_set_i64(o, "repetitions", p->repetitions);
		json_set_i64(o, "phase_ns", p->phase_ns);
	}
	return o;
}

static void print_step(const struct step *s, FILE *f)
{
	double seconds = (double)s->duration_ns / 1e9;

	switch (s->kind) {
	case STEP_STEADY:
		fprintf(f, "  steady load for %g s\n", seconds);
		break;
	case STEP_FAULT:
		fprintf(f, "  fault %s: %s on %s", s->id, s->fault, s->target);
		if (s->duration_ns)
			fprintf(f, ", healed after %g s", seconds);
		fputc('\n', f);
		break;
	case STEP_HEAL:
		fprintf(f, "  heal %s\n", s->id);
		break;
	case STEP_AWAIT:
		fprintf(f, "  await %s, at most %g s\n", await_word(s->await), seconds);
		break;
	}
}

void plan_print(const struct plan *p, FILE *f)
{
	const struct load_spec *l = &p->sc.load;

	fprintf(f, "%s: %s\n  system %s, variant %s, %zu objects\n", p->sc.name, p->sc.title,
		p->sc.system, p->sc.variant, p->manifest.n);
	fprintf(f, "  load %g operations/s by %d clients, deadline %g s\n", l->rate, l->clients,
		(double)l->deadline_ns / 1e9);
	if (l->minority)
		fprintf(f, "  %d of the clients stand beside the member that is primary then\n", l->minority);
	for (size_t i = 0; i < p->settings.n; i++) {
		const struct setting *s = &p->settings.v[i];

		if (s->changed_by)
			fprintf(f, "  setting %s = %s %s (%s; default %s)\n", s->name, s->value,
				s->unit, s->changed_by, s->dflt);
	}
	for (size_t i = 0; i < p->sc.nsteps; i++)
		print_step(&p->sc.steps[i], f);
	for (size_t i = 0; i < p->sc.nexpects; i++)
		fprintf(f, "  expect %s\n", p->sc.expects[i].name);
}

static int system_rank(const struct plan *p)
{
	size_t n;
	const struct system *all = system_all(&n);
	int i = 0;

	while ((size_t)i < n && all[i].client != p->system)
		i++;
	return i;
}

/* What its steps take at least. */
static int64_t length_ns(const struct plan *p)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->sc.nsteps; i++)
		if (p->sc.steps[i].kind != STEP_AWAIT)
			sum += p->sc.steps[i].duration_ns;
	return sum;
}

int plan_order(const void *a, const void *b)
{
	const struct plan *x = a, *y = b;
	int64_t lx = length_ns(x), ly = length_ns(y);
	bool whole_x = !strcmp(x->sc.variant, "corrected"), whole_y = !strcmp(y->sc.variant, "corrected");

	if (system_rank(x) != system_rank(y))
		return system_rank(x) - system_rank(y);
	/* What may never come up is waited for in vain. */
	if (whole_x != whole_y)
		return whole_x ? -1 : 1;
	if (lx != ly)
		return lx < ly ? -1 : 1;
	return strcmp(x->sc.name, y->sc.name);
}

void plan_free(struct plan *p)
{
	cJSON_Delete(p->access);
	p->access = NULL;
}
