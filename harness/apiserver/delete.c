#include "apiserver/delete.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/ending.h"
#include "apiserver/list.h"
#include "base/json.h"
#include "kube/read.h"

/* DeleteOptions, from the body or, without one, from the query. */
struct deletion {
	int grace_s; /* -1: not said */
	const char *uid, *version; /* preconditions; NULL: none */
	enum ending_policy policy;
	bool dry;
};

static int seconds(int64_t s)
{
	/* A pod's own strategy makes 1 of what is below nothing. */
	return s < 0 ? 1 : s > INT_MAX ? INT_MAX : (int)s;
}

/* Why a policy is none; NULL: it is one. */
static const char *read_policy(const char *word, enum ending_policy *out)
{
	static const char *const words[] = {"Background", "Foreground", "Orphan"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i], word)) {
			*out = (enum ending_policy)i;
			return NULL;
		}
	return "DeleteOptions is invalid: propagationPolicy: Unsupported value: supported values: \"Foreground\", "
	       "\"Background\", \"Orphan\"";
}

static const char *read_options(struct call *rq, struct deletion *d)
{
	const cJSON *o = rq->sent, *v;
	const char *grace = o ? NULL : call_arg(rq, "gracePeriodSeconds");
	const char *policy = o ? json_str(o, "propagationPolicy", NULL) : call_arg(rq, "propagationPolicy");
	const char *orphan = o ? NULL : call_arg(rq, "orphanDependents");
	bool orphan_said = orphan || cJSON_IsBool(json_get(o, "orphanDependents"));

	/* Of a Job so since before there were policies (pkg/registry/batch/job). */
	*d = (struct deletion){.grace_s = -1,
			       .policy = rq->kind->id == KIND_JOB ? ENDING_ORPHAN :
								    ENDING_BACKGROUND};
	if (grace)
		d->grace_s = seconds(strtoll(grace, NULL, 10));
	v = json_get(o, "gracePeriodSeconds");
	if (cJSON_IsNumber(v))
		d->grace_s = seconds(json_i64(o, "gracePeriodSeconds", 0));
	d->uid = json_str(json_get(o, "preconditions"), "uid", NULL);
	d->version = json_str(json_get(o, "preconditions"), "resourceVersion", NULL);
	if (policy && orphan_said)
		return "DeleteOptions is invalid: orphanDependents and deletionPropagation cannot be both set";
	if (orphan_said)
		d->policy = json_bool(o, "orphanDependents", false) || (orphan && !strcmp(orphan, "true")) ? ENDING_ORPHAN : ENDING_BACKGROUND;
	d->dry = call_dry(rq);
	return policy ? read_policy(policy, &d->policy) : NULL;
}

static void end(const struct call *rq, const char *name, const struct deletion *d)
{
	if (d->dry)
		return;
	if (rq->kind->id == KIND_POD)
		rq->s->conf->delete_pod(rq->s->conf->arg, rq->ns, name, d->grace_s);
	else
		ending_begin(rq->s->conf->store, rq->kind->id, rq->ns, name, d->policy);
}

/* Why an object is not the one that is meant; NULL: it is. */
static const char *is_another(const cJSON *have, const struct deletion *d)
{
	const cJSON *meta = json_get(have, "metadata");

	if (d->uid && strcmp(d->uid, json_str(meta, "uid", "")))
		return "%s: the UID is another one";
	return d->version && strcmp(d->version, json_str(meta, "resourceVersion", "")) ? "%s: the resourceVersion is another one" : NULL;
}

static enum MHD_Result delete_one(struct call *rq, const struct deletion *d)
{
	struct store *s = rq->s->conf->store;
	const cJSON *have;
	const char *other;
	bool there;

	store_lock(s);
	have = store_get(s, rq->kind->id, rq->ns, rq->name);
	there = have != NULL;
	other = is_another(have, d);
	if (there && !other)
		end(rq, rq->name, d);
	store_unlock(s);
	if (!there)
		return call_refuse(rq, 404, "NotFound", "\"%s\" not found", rq->name);
	return other ? call_refuse(rq, 409, "Conflict", other, rq->name) : call_refuse(rq, 200, "", "%s", "deleted");
}

/* One by one, as an API server does it: others have their turn in between. */
static enum MHD_Result delete_all(struct call *rq, const struct deletion *d)
{
	const struct list_of l = call_list_of(rq);
	struct store *s = rq->s->conf->store;
	struct store_view view;
	enum MHD_Result ok;

	store_lock(s);
	store_view(s, rq->kind, rq->ns, &view);
	store_unlock(s);
	for (size_t i = 0; i < view.n; i++) {
		const char *name = kube_meta(view.v[i]->object, "name");

		if (!list_has(&l, view.v[i]->object))
			continue;
		store_lock(s);
		if (!is_another(store_get(s, rq->kind->id, rq->ns, name), d))
			end(rq, name, d);
		store_unlock(s);
	}
	ok = call_answer_list(rq, &view);
	store_view_free(&view);
	return ok;
}

enum MHD_Result delete_write(struct call *rq)
{
	struct deletion d;
	const char *wrong;

	if (rq->body.len && !cJSON_IsObject(rq->sent))
		return call_refuse(rq, 400, "BadRequest", "%s", "the body is no JSON object");
	wrong = call_dry_wrong(rq);
	if (!wrong)
		wrong = read_options(rq, &d);
	if (wrong)
		return call_refuse(rq, 422, "Invalid", "%s", wrong);
	return rq->name ? delete_one(rq, &d) : delete_all(rq, &d);
}
