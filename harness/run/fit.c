/* Whether what a scenario asks for fits the system, its fixture and each other. */
#include "run/fit.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "check/check.h"
#include "fault/fault.h"
#include "system/system.h"

enum { PODS_NAMED = 1000 }; /* of a StatefulSet */

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

/* The pods of StatefulSets, whoever they are: members, and others that matter to them
 * (Sentinels, a store). A member's name only once. */
static cJSON *target_names(const struct plan *p)
{
	cJSON *members = plan_members(p), *names = cJSON_CreateArray(), *o;
	const cJSON *m;

	cJSON_ArrayForEach(m, members)
		json_pushf(names, "%s", json_str(m, "name", ""));
	cJSON_Delete(members);
	for (size_t i = 0; i < p->manifest.n; i++) {
		int64_t n;

		o = yaml_to_json(p->manifest.objects[i]);
		n = strcmp(json_str(o, "kind", ""), "StatefulSet") ? 0 : json_i64(json_get(o, "spec"), "replicas", 1);
		for (int64_t k = 0; k < n && k < PODS_NAMED; k++) {
			char *name = mem_fmt("%s-%lld", json_str(json_get(o, "metadata"), "name", ""), (long long)k);
			bool known = false;

			cJSON_ArrayForEach(m, names)
				known = known || !strcmp(m->valuestring, name);
			if (!known)
				json_pushf(names, "%s", name);
			free(name);
		}
		cJSON_Delete(o);
	}
	return names;
}

/* Who is not made by the fixture cannot be a target. Nodes are the engine's matter. */
int fit_targets(const struct plan *p, struct err *e)
{
	cJSON *names = target_names(p);
	struct err all = {0}, one = {0};
	const cJSON *m;

	for (size_t i = 0; i < p->sc.nsteps; i++) {
		const struct step *s = &p->sc.steps[i];
		bool known = s->kind != STEP_FAULT || !s->fault || target_is_role(s->target) ||
			     target_node_name(s->target);
		struct buf list = {0};

		cJSON_ArrayForEach(m, names) {
			known = known || !strcmp(s->target, m->valuestring);
			buf_fmt(&list, "%s, ", m->valuestring);
		}
		if (!known && yaml_error(yaml_get(s->at, "target"), &one,
					 "%s has no member \"%s\": a target is primary, replica, "
					 "any, all, %sor node/NAME",
					 p->sc.system, s->target, buf_cstr(&list)))
			err_add(&all, &one);
		buf_free(&list);
	}
	cJSON_Delete(names);
	return err_all(&all, e);
}

/* What is run has to be among the manifests, the settings' overlays included. */
int fit_runs(const struct plan *p, struct err *e)
{
	const char *names[64] = {NULL}, *near;
	struct err all = {0}, one = {0};
	size_t n = 0;

	for (size_t i = 0; i < p->manifest.n && n < ARRAY_LEN(names) - 1; i++) {
		const struct ynode *kind = yaml_get(p->manifest.objects[i], "kind");
		const struct ynode *name = yaml_path(p->manifest.objects[i], "metadata.name");

		if (kind && kind->kind == Y_SCALAR && !strcmp(kind->text, "CronJob") && name && name->kind == Y_SCALAR)
			names[n++] = name->text;
	}
	for (size_t i = 0; i < p->sc.nsteps; i++) {
		const struct step *s = &p->sc.steps[i];
		bool known = s->kind != STEP_RUN || !*s->cron_job;

		for (size_t k = 0; k < n; k++)
			known = known || !strcmp(names[k], s->cron_job);
		near = known ? NULL : yaml_nearest(s->cron_job, names);
		if (!known && yaml_error(yaml_get(s->at, "run"), &one, "the manifests of %s have no CronJob \"%.60s\"%s%s%s",
					 p->sc.system, s->cron_job, near ? "; did you mean \"" : "", near ? near : "",
					 near ? "\"?" : ""))
			err_add(&all, &one);
	}
	return err_all(&all, e);
}

/* Only what the system's clients can do may be asked of them. */
static int check_mix(const struct plan *p, const struct ynode *load, struct err *e)
{
	uint32_t lacking = load_spec_ops(&p->sc.load) & ~p->system->ops;
	const struct ynode *mix = load ? yaml_get(load, "mix") : NULL, *at;
	struct err all = {0}, one = {0};
	char has[OP_SET_MAX];

	for (int f = 0; f < OP_KINDS; f++) {
		const char *name = op_f_name((enum op_f)f);

		if (!(lacking & OP_BIT(f)))
			continue;
		at = mix ? yaml_get(mix, name) : yaml_get(p->sc.root, "system");
		yaml_error(at, &one, "system %s cannot `%s`%s: it has %s", p->sc.system, name,
			   mix ? "" : ", which is in the mix that a load has unless it says another",
			   op_set_text(p->system->ops, has));
		err_add(&all, &one);
	}
	return err_all(&all, e);
}

static int check_keys(const struct plan *p, const struct ynode *load, struct err *e)
{
	int most = p->system->keys_max;

	if (!most || p->sc.load.keys <= most)
		return 0;
	return yaml_error(yaml_get(load, "keys"), e, "system %s has at most %d keys", p->sc.system, most);
}

/* A checker of what the load does not do would find nothing, ever. */
static int check_checkers(const struct plan *p, struct err *e)
{
	uint32_t ops = load_spec_ops(&p->sc.load);
	struct err all = {0}, one = {0};
	char lacking[OP_SET_MAX];

	for (size_t i = 0; i < p->sc.nexpects; i++) {
		const struct expectation *x = &p->sc.expects[i];
		const struct checker_ops *c = x->checker ? checker_find(x->checker) : NULL;
		uint32_t none = c ? c->needs & ~ops : 0;

		if (none)
			yaml_error(x->at, &one, "the checker %s judges what the load does not do: give %s a weight in its mix",
				   x->checker, op_set_text(none, lacking));
		else if (c && !(c->about & OP_WRITES & ops))
			yaml_error(x->at, &one, "the checker %s judges what the load does not do: give one of %s a weight in "
				   "its mix", x->checker, op_set_text(c->about & OP_WRITES, lacking));
		if (one.kind)
			err_add(&all, &one);
	}
	return err_all(&all, e);
}

/* What the system does not have it cannot show. */
static int check_caps(const struct plan *p, struct err *e)
{
	const struct system *system = system_find(p->sc.system);
	unsigned has = p->system->caps;
	struct err all = {0}, one = {0};

	for (size_t i = 0; i < p->sc.nexpects; i++) {
		const struct expectation *x = &p->sc.expects[i];

		if (of_word(x->of) == OF_SHARD && !(has & SYSTEM_SHARDS) &&
		    yaml_error(x->at, &one, "system %s has no shards: remove `of: shard`", p->sc.system))
			err_add(&all, &one);
		if (metric_of(x->metric)->flags & M_EVICTS && !(has & SYSTEM_EVICTS) &&
		    yaml_error(x->at, &one, "system %s evicts nothing: remove `%s`", p->sc.system,
			       metric_of(x->metric)->name))
			err_add(&all, &one);
		if (metric_of(x->metric)->flags & M_ERRANT && !(system && system->model->errant) &&
		    yaml_error(x->at, &one, "members of system %s do not tell which transactions they have: remove `%s`",
			       p->sc.system, metric_of(x->metric)->name))
			err_add(&all, &one);
	}
	return err_all(&all, e);
}

/* A setting that the system does not have allows nothing. */
int fit_accepted(const struct plan *p, struct err *e)
{
	struct err all = {0}, one = {0};

	for (size_t i = 0; i < p->sc.nexpects; i++) {
		const struct expectation *x = &p->sc.expects[i];

		if (x->setting && !settings_find(&p->settings, x->setting) &&
		    yaml_error(x->at, &one, "%s has no setting \"%.60s\" that could allow this", p->sc.system, x->setting))
			err_add(&all, &one);
	}
	return err_all(&all, e);
}

/* A share of the clients stands beside a member, and outlives what is done to it. */
static int check_minority(const struct plan *p, const struct ynode *load, struct err *e)
{
	struct err all = {0}, one = {0};

	for (size_t i = 0; i < p->sc.nsteps; i++) {
		const struct step *s = &p->sc.steps[i];
		struct effects does = {0};

		if (s->kind == STEP_FAULT && !strcmp(s->target, "minority") && !p->sc.load.minority &&
		    yaml_error(yaml_get(s->at, "target"), &one, "the target minority is the member that a minority of the "
			       "clients stands beside: give load.minority"))
			err_add(&all, &one);
		if (s->kind == STEP_FAULT && s->fault && p->sc.load.minority)
			fault_effects(s->fault, NULL, &does);
		/* They keep their history in memory until it is fetched. */
		if (does.what & EFFECT_NODE_GONE &&
		    yaml_error(s->at, &one, "%s may take the minority of the clients down with their node, and what they "
			       "saw: leave load.minority out", s->fault))
			err_add(&all, &one);
	}
	if (p->sc.load.minority && !*json_str(p->access, "workload", "") &&
	    yaml_error(yaml_get(load, "minority"), &one, "%s has no members for a minority to stand beside", p->sc.system))
		err_add(&all, &one);
	return err_all(&all, e);
}

int fit_load(const struct plan *p, struct err *e)
{
	const struct ynode *load = yaml_get(p->sc.root, "load");
	struct err all = {0}, one = {0};

	if (check_mix(p, load, &one))
		err_add(&all, &one);
	if (check_keys(p, load, &one))
		err_add(&all, &one);
	if (check_checkers(p, &one))
		err_add(&all, &one);
	if (check_caps(p, &one))
		err_add(&all, &one);
	if (check_minority(p, load, &one))
		err_add(&all, &one);
	return err_all(&all, e);
}
