#include "apiserver/version.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

/* NULL: strconv.ParseUint() takes it, as an API server does; else its complaint. */
static const char *version_complaint(const char *text)
{
	if (strspn(text, "0123456789") != strlen(text))
		return "invalid syntax";
	errno = 0;
	return strtoull(text, NULL, 10) && errno ? "value out of range" : NULL;
}

static bool is(const struct call *rq, const char *verb)
{
	return !strcmp(rq->is.verb, verb);
}

/* What is asked for; "" and 0: anything will do, so far as is known. */
static const char *asked(struct call *rq)
{
	const char *v = call_arg(rq, "resourceVersion");

	return v ? v : "";
}

static const char *match_of(struct call *rq)
{
	const char *v = is(rq, "get") ? NULL : call_arg(rq, "resourceVersionMatch");

	return v ? v : "";
}

static bool exactly(struct call *rq)
{
	const char *match = match_of(rq), *limit = call_arg(rq, "limit");

	/* A page is, without a word on it. */
	return is(rq, "list") &&
	       (!strcmp(match, "Exact") || (!*match && limit && strtoll(limit, NULL, 10) > 0));
}

static void add(struct buf *b, int *n, const char *field, const char *what)
{
	buf_fmt(b, "%s%s: %s", (*n)++ ? ", " : "", field, what);
}

/* ValidateListOptions() of apimachinery, of a server without the gate WatchList: clients that
 * ask for a list by a watch take this for an answer, and list. */
static int check_options(struct call *rq, struct buf *b)
{
	const char *match = match_of(rq), *initial = call_arg(rq, "sendInitialEvents");
	bool watch = is(rq, "watch"), exact = !strcmp(match, "Exact"), newer = !strcmp(match, "NotOlderThan");
	int n = 0;

	if (watch && initial && !newer)
		add(b, &n, "resourceVersionMatch", "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
	if (watch && initial)
		add(b, &n, "sendInitialEvents", "Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled");
	if (watch && *match && !initial)
		add(b, &n, "resourceVersionMatch", "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
	if (!watch && *match && !*asked(rq))
		add(b, &n, "resourceVersionMatch", "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
	if (*match && !newer && (watch || !exact))
		buf_fmt(b, "%sresourceVersionMatch: Unsupported value: \"%.60s\": supported values: %s", n++ ? ", " : "", match,
			watch ? "\"NotOlderThan\"" : "\"Exact\", \"NotOlderThan\", \"\"");
	if (!watch && exact && !strcmp(asked(rq), "0"))
		add(b, &n, "resourceVersionMatch", "Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
	if (!watch && initial)
		add(b, &n, "sendInitialEvents", "Forbidden: sendInitialEvents is forbidden for list");
	return n;
}

bool version_wrong(struct call *rq, enum MHD_Result *answered)
{
	bool list = is(rq, "list") || is(rq, "deletecollection");
	struct buf b = {.cap = 1500};
	const char *why = version_complaint(asked(rq));
	int n = 0;

	if (!list && !is(rq, "watch") && !is(rq, "get"))
		return false;
	if (!is(rq, "get"))
		n = check_options(rq, &b);
	if (n) {
		*answered = call_refuse(rq, 422, "Invalid", n > 1 ? "ListOptions.meta.k8s.io \"\" is invalid: [%s]" :
					"ListOptions.meta.k8s.io \"\" is invalid: %s", buf_cstr(&b));
	} else if (why) {
		buf_fmt(&b, "resourceVersion: Invalid value: \"%.60s\": strconv.ParseUint: parsing \"%.60s\": %s",
			asked(rq), asked(rq), why);
		/* A get's and a watch's are no error of its own there. */
		*answered = list ? call_refuse(rq, 400, "BadRequest", "invalid resource version: %s", buf_cstr(&b)) :
				   call_refuse(rq, 500, "InternalError", "%s", buf_cstr(&b));
	}
	buf_free(&b);
	return n || why;
}

/* Nothing of what is listed has changed since. */
static bool unchanged_since(const struct call *rq, int64_t version)
{
	const struct store *s = rq->s->conf->store;

	store_assert_locked(s);
	if (version < s->forgotten)
		return false;
	for (size_t i = 0; i < s->nchanges; i++) {
		const struct store_change *c = &s->changes[i];

		if (c->version > version && c->kind == rq->kind &&
		    (!rq->ns || !rq->kind->namespaced ||
		     !strcmp(json_str(json_get(c->object, "metadata"), "namespace", ""), rq->ns)))
			return false;
	}
	return true;
}

enum version_had version_had(struct call *rq, int64_t *of)
{
	const struct store *s = rq->s->conf->store;
	uint64_t version = strtoull(asked(rq), NULL, 10);

	store_assert_locked(s);
	*of = s->version;
	if (!version)
		return VERSION_HAD;
	if (version > (uint64_t)s->version)
		return VERSION_AHEAD;
	if (!exactly(rq))
		return VERSION_HAD;
	*of = (int64_t)version;
	return unchanged_since(rq, *of) ? VERSION_HAD : VERSION_GONE;
}

/* At once, where an API server waits for three seconds: no version is on its way here. */
static enum MHD_Result refuse_ahead(struct call *rq, int64_t newest)
{
	cJSON *o = cJSON_CreateObject(), *details, *cause = cJSON_CreateObject();
	char *message = mem_fmt("Timeout: Too large resource version: %s, current: %lld", asked(rq), (long long)newest);

	json_set_str(o, "kind", "Status");
	json_set_str(o, "apiVersion", "v1");
	json_set(o, "metadata", cJSON_CreateObject());
	json_set_str(o, "status", "Failure");
	json_set_str(o, "message", message);
	json_set_str(o, "reason", "Timeout");
	details = cJSON_AddObjectToObject(o, "details");
	/* By this client-go knows that its version is of another past, and lists anew. */
	json_set_str(cause, "reason", "ResourceVersionTooLarge");
	json_set_str(cause, "message", "Too large resource version");
	json_push(cJSON_AddArrayToObject(details, "causes"), cause);
	if (!exactly(rq))
		json_set_i64(details, "retryAfterSeconds", 1);
	json_set_i64(o, "code", 504);
	free(message);
	return call_answer(rq, 504, o);
}

enum MHD_Result version_refuse(struct call *rq, enum version_had had, int64_t newest)
{
	if (had == VERSION_AHEAD)
		return refuse_ahead(rq, newest);
	return call_refuse(rq, 410, "Expired", "%s", "The resourceVersion for the provided list is too old.");
}
