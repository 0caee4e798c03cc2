#include "run/beforehand.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/choose.h"

/* ---- nodes, of those that members may be on ---- */

static bool has_node(const struct engine_ops *ops, const struct nodes *seen, const char *name)
{
	for (size_t i = 0; ops->workers && ops->workers[i]; i++)
		if (!strcmp(ops->workers[i], name))
			return true;
	for (size_t i = 0; i < seen->n; i++)
		if (!strcmp(seen->v[i].name, name))
			return true;
	return false;
}

static int no_node(const struct engine_ops *ops, const struct nodes *seen, const struct step *step,
		   struct err *e)
{
	struct buf names = {0};
	int r;

	for (size_t i = 0; ops->workers && ops->workers[i]; i++)
		buf_fmt(&names, "%snode/%s", names.len ? ", " : "", ops->workers[i]);
	for (size_t i = 0; i < seen->n; i++)
		if (seen->v[i].worker)
			buf_fmt(&names, "%snode/%s", names.len ? ", " : "", seen->v[i].name);
	r = yaml_error(yaml_get(step->at, "target"), e, "the engine %s has no node \"%s\": %s", ops->name,
		       target_node_name(step->target), buf_cstr(&names));
	buf_free(&names);
	return r;
}

int beforehand_nodes(const struct engine_ops *ops, struct engine *en, const struct plan *plans,
		     size_t n, struct err *e)
{
	struct err all = {0}, one = {0};
	struct nodes seen = {0};
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		const struct scenario *sc = &plans[i].sc;

		for (size_t k = 0; k < sc->nsteps && !r; k++) {
			const struct step *s = &sc->steps[k];

			if (s->kind != STEP_FAULT || !target_node_name(s->target))
				continue;
			if (!ops->workers && !en)
				continue;
			if (!ops->workers && !seen.n)
				r = ops->nodes(en, &seen, e);
			if (!r && !has_node(ops, &seen, target_node_name(s->target))) {
				no_node(ops, &seen, s, &one);
				err_add(&all, &one);
			}
		}
	}
	nodes_free(&seen);
	if (!r && all.kind)
		*e = all;
	return r || all.kind ? -1 : 0;
}

/* ---- a dry run ---- */

/* That objects are refused may be the very thing that is on trial. */
static bool expects_refusal(const struct plan *p)
{
	for (size_t i = 0; i < p->sc.nexpects; i++)
		if (p->sc.expects[i].metric == EXPECT_STANDS && !p->sc.expects[i].want)
			return true;
	return false;
}

static int check_manifests(struct arena *a, const struct engine_ops *ops, const struct plan *p,
			   struct err *e)
{
	/* A user's cluster may be newer than our table of fields. */
	bool ours = ops->workers != NULL;
	struct err all = {0}, one = {0};

	if (ops->check)
		return ops->check(a, &p->manifest, e);
	if (!(ops->caps & ENGINE_CAP_CONTAINERS))
		return 0;
	for (size_t i = 0; i < p->manifest.n; i++)
		if (manifest_check_inside(p->manifest.objects[i], &one) ||
		    (ours && manifest_check_own(p->manifest.objects[i], &one)))
			err_add(&all, &one);
	if (manifest_admit(a, &p->manifest, ours, &one))
		err_add(&all, &one);
	return err_all(&all, e);
}

static void on_engine(struct arena *a, const struct engine_ops *ops, const struct plan *p,
		      struct err *all)
{
	struct err one = {0};

	if (beforehand_nodes(ops, NULL, p, 1, &one))
		err_add(all, &one);
	if (check_manifests(a, ops, p, &one) && !(one.kind == ERR_REFUSED && expects_refusal(p)))
		err_add(all, &one);
	if (one.kind)
		log_info("%s", one.msg);
}

/* Where nobody knows yet which engine it will be, a mistake is what no engine
 * takes: the first one's words. */
static void on_any_engine(struct arena *a, const struct plan *p, struct err *all)
{
	static const char *const candidates[] = {"kind", "docker", "local"};
	struct err first = {0};

	for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
		const struct engine_ops *ops = engine_find(candidates[i]);
		struct err e = {0};

		if (!engine_runs(ops, p->sc.system, &e))
			continue;
		e = (struct err){0};
		on_engine(a, ops, p, &e);
		if (!e.kind)
			return;
		if (!first.kind)
			first = e;
	}
	if (first.kind)
		err_add(all, &first);
}

int beforehand(struct arena *a, const struct engine_ops *ops, const struct plan *plans, size_t n,
	       struct err *e)
{
	struct err all = {0}, one = {0};

	for (size_t i = 0; i < n; i++) {
		if (!plans[i].checkable) {
			if (ops && beforehand_nodes(ops, NULL, &plans[i], 1, &one))
				err_add(&all, &one);
			continue;
		}
		if (ops && !engine_runs(ops, plans[i].sc.system, &one)) {
			err_prefix(&one, "%s", plan_path(&plans[i], plans[i].sc.file));
			err_add(&all, &one);
		} else if (ops) {
			on_engine(a, ops, &plans[i], &all);
		} else {
			on_any_engine(a, &plans[i], &all);
		}
	}
	if (all.kind) {
		*e = all;
		e->kind = ERR_INPUT; /* nothing has been tried that could be refused */
	}
	return all.kind ? -1 : 0;
}

/* ---- volumes ---- */

/* The smallest claim of a member; 0: none is known. */
static int64_t claim_bytes(const struct plan *p, int64_t cap)
{
	const char *workload = json_str(p->access, "workload", "");
	int64_t least = 0;

	for (size_t i = 0; i < p->manifest.n; i++) {
		const struct ynode *o = p->manifest.objects[i], *kind = yaml_get(o, "kind");
		const struct ynode *name = yaml_path((struct ynode *)o, "metadata.name");
		const struct ynode *claims = yaml_path((struct ynode *)o, "spec.volumeClaimTemplates");
		size_t len = kind && kind->kind == Y_SCALAR ? strlen(kind->text) : 0;

		if (!len || !name || name->kind != Y_SCALAR || strncmp(workload, kind->text, len) ||
		    workload[len] != '/' || strcmp(workload + len + 1, name->text))
			continue;
		for (size_t k = 0; claims && claims->kind == Y_LIST && k < claims->n; k++) {
			int64_t v = quantity_bytes_of(yaml_path(claims->items[k], "spec.resources.requests.storage"));

			if (v > 0 && (!least || v < least))
				least = v;
		}
	}
	return cap && least > cap ? cap : least;
}

/* Bytes a second that are to be kept: what inserts and sends carry. */
static double written_per_second(const struct load_spec *l)
{
	int sum = 0;

	for (int f = 0; f < OP_KINDS; f++)
		sum += l->mix[f];
	return sum ? l->rate * (l->mix[OP_INSERT] + l->mix[OP_SEND]) / sum * l->payload_bytes : 0;
}

/* Of the engines that may be chosen yet, each has the same largest claim. */
static int64_t largest_claim(const struct engine_ops *ops, int64_t asked)
{
	return asked ? asked : ops ? ops->claim_max_bytes : engine_find("docker")->claim_max_bytes;
}

void beforehand_warn(const struct engine_ops *ops, int64_t claim_max, const struct plan *p)
{
	const struct ynode *at = yaml_get(yaml_get(p->sc.root, "load"), "payload");
	int64_t claim = claim_bytes(p, largest_claim(ops, claim_max)), surely_ns = 0,
		perhaps_ns = 0;
	double each = written_per_second(&p->sc.load), surely, perhaps;

	for (size_t i = 0; i < p->sc.nsteps; i++) {
		const struct step *s = &p->sc.steps[i];

		surely_ns += s->kind == STEP_STEADY ? s->duration_ns : 0;
		if (s->kind == STEP_STEADY || s->kind == STEP_AWAIT || s->kind == STEP_RUN)
			perhaps_ns += s->duration_ns;
	}
	surely = each * (double)surely_ns / 1e9;
	perhaps = each * (double)perhaps_ns / 1e9;
	if (!at || !claim || perhaps < (double)claim)
		return;
	log_warn("%s:%d:%d: this load %s fill its volume: %.0f bytes a second make %.1f GiB in %.0f s, and a claim is of "
		 "%.1f GiB", at->file, at->line, at->column, surely >= (double)claim ? "will" : "may", each,
		 (surely >= (double)claim ? surely : perhaps) / 0x1p30,
		 (double)(surely >= (double)claim ? surely_ns : perhaps_ns) / 1e9,
		 (double)claim / 0x1p30);
}
