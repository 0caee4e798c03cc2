#include "apiserver/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/admit.h"
#include "apiserver/rbac.h"
#include "base/httpd.h"
#include "base/json.h"
#include "base/mem.h"

/* ---- answers ---- */

enum MHD_Result call_answer_text(const struct call *rq, int status, const char *type, const char *text, size_t len)
{
	return httpd_answer(rq->conn, status, type, text, len, "", NULL);
}

/* Takes `o` over. */
enum MHD_Result call_answer(const struct call *rq, int status, cJSON *o)
{
	char *text = json_text(o);
	enum MHD_Result ok = call_answer_text(rq, status, "application/json", text, strlen(text));

	free(text);
	cJSON_Delete(o);
	return ok;
}

/* A Status object, as clients know it. */
enum MHD_Result call_refuse(const struct call *rq, int status, const char *reason, const char *fmt, const char *what)
{
	cJSON *o = cJSON_CreateObject();
	char message[2048];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(message, sizeof(message), fmt, what ? what : "");
#pragma GCC diagnostic pop
	json_set_str(o, "kind", "Status");
	json_set_str(o, "apiVersion", "v1");
	json_set(o, "metadata", cJSON_CreateObject());
	json_set_str(o, "status", status < 300 ? "Success" : "Failure");
	json_set_str(o, "message", message);
	json_set_str(o, "reason", reason);
	json_set_i64(o, "code", status);
	return call_answer(rq, status, o);
}

const char *call_arg(const struct call *rq, const char *key)
{
	return MHD_lookup_connection_value(rq->conn, MHD_GET_ARGUMENT_KIND, key);
}

/* ---- changing ---- */

static enum MHD_Result found(const struct call *rq, int status, const cJSON *o)
{
	return call_answer(rq, status, cJSON_Duplicate(o, 1));
}

/* A version that is given must be the present one. */
static bool conflicts(const cJSON *body, const cJSON *have)
{
	const char *given = json_str(json_get(body, "metadata"), "resourceVersion", "");

	return *given && strcmp(given, json_str(json_get(have, "metadata"), "resourceVersion", ""));
}

/* What an API server says itself, whatever is sent; `have` NULL: nothing yet. */
static void take_over(cJSON *body, const cJSON *have)
{
	static const char *const own[] = {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
					  "generation", "selfLink", "managedFields", "resourceVersion"};
	const cJSON *old = json_get(have, "metadata"), *status = json_get(have, "status");
	cJSON *meta = cJSON_GetObjectItemCaseSensitive(body, "metadata");

	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		cJSON_DeleteItemFromObjectCaseSensitive(meta, own[i]);
		if (json_get(old, own[i]))
			json_set(meta, own[i], cJSON_Duplicate(json_get(old, own[i]), 1));
	}
	/* That is a subresource, and the controllers' own. */
	cJSON_DeleteItemFromObjectCaseSensitive(body, "status");
	if (status)
		json_set(body, "status", cJSON_Duplicate(status, 1));
}

/* A word of the metadata that the path says as well; NULL: they agree. */
static const char *disagrees(const struct call *rq, cJSON *body)
{
	cJSON *meta = cJSON_GetObjectItemCaseSensitive(body, "metadata");

	if (!meta)
		meta = cJSON_AddObjectToObject(body, "metadata");
	if (!cJSON_IsObject(meta))
		return "metadata has to be a map";
	if (rq->name && strcmp(json_str(meta, "name", rq->name), rq->name))
		return "the name of the object does not match the name on the URL";
	if (rq->kind->namespaced && strcmp(json_str(meta, "namespace", rq->ns), rq->ns))
		return "the namespace of the object does not match the namespace on the URL";
	if (rq->name)
		json_set_str(meta, "name", rq->name);
	if (rq->kind->namespaced)
		json_set_str(meta, "namespace", rq->ns);
	return NULL;
}

static void note(void *arg, const char *path, const char *what)
{
	struct buf *b = arg;

	buf_fmt(b, "%s%s: %s", b->len ? ", " : "", path, what);
}

/* Takes `body` over. */
static enum MHD_Result store_it(const struct call *rq, int status, cJSON *body)
{
	const struct serve_conf *c = rq->s->conf;
	const struct account a = {rq->account_ns, rq->account};
	struct buf why = {.cap = 2000};
	enum MHD_Result ok;

	if (admit(rq->kind, body, c->subnet, note, &why)) {
		ok = call_refuse(rq, 422, "Invalid", "%s", buf_cstr(&why));
		buf_free(&why);
		cJSON_Delete(body);
		return ok;
	}
	if (!rq->admin && !rbac_may_give(c->store, &a, rq->ns ? rq->ns : "", rq->kind, body)) {
		cJSON_Delete(body);
		return call_refuse(rq, 403, "Forbidden", "%s: attempting to grant RBAC permissions not currently held",
			      rq->kind->plural);
	}
	return found(rq, status, store_put(c->store, rq->kind->id, body));
}

static enum MHD_Result create(const struct call *rq, cJSON *body)
{
	const char *wrong = disagrees(rq, body), *name;

	if (wrong) {
		cJSON_Delete(body);
		return call_refuse(rq, 400, "BadRequest", "%s", wrong);
	}
	name = json_str(json_get(body, "metadata"), "name", "");
	if (*name && store_get(rq->s->conf->store, rq->kind->id, rq->ns, name)) {
		cJSON_Delete(body);
		return call_refuse(rq, 409, "AlreadyExists", "%s exists already", rq->kind->name);
	}
	take_over(body, NULL);
	return store_it(rq, 201, body);
}

/* What no update changes: a running pod, and a Service's address. */
static const char *frozen(const struct call *rq, const cJSON *have, const cJSON *body)
{
	const cJSON *old = json_get(have, "spec"), *new = json_get(body, "spec");

	if (rq->kind->id == KIND_POD && (!old != !new || (old && !cJSON_Compare(old, new, 1))))
		return "spec: Forbidden: pod updates may not change it";
	if (rq->kind->id == KIND_SERVICE && *json_str(old, "clusterIP", "") &&
	    strcmp(json_str(old, "clusterIP", ""), json_str(new, "clusterIP", json_str(old, "clusterIP", ""))))
		return "spec.clusterIP: Invalid value: field is immutable";
	return NULL;
}

/* PUT and PATCH. */
static enum MHD_Result alter(const struct call *rq, cJSON *body, bool merge)
{
	const cJSON *have = store_get(rq->s->conf->store, rq->kind->id, rq->ns, rq->name);
	const char *wrong = disagrees(rq, body), *uid;
	cJSON *o;

	uid = json_str(json_get(body, "metadata"), "uid", "");
	if (!have || wrong || conflicts(body, have) ||
	    (*uid && strcmp(uid, json_str(json_get(have, "metadata"), "uid", "")))) {
		cJSON_Delete(body);
		return !have ? call_refuse(rq, 404, "NotFound", "\"%s\" not found", rq->name) :
		       wrong ? call_refuse(rq, 400, "BadRequest", "%s", wrong) :
			       call_refuse(rq, 409, "Conflict",
				      "%s: the object has been modified; please apply your changes to the "
				      "latest version and try again", rq->name);
	}
	if (merge) {
		o = cJSON_Duplicate(have, 1);
		store_merge(o, body);
		cJSON_Delete(body);
		body = o;
	}
	if (!cJSON_IsObject(json_get(body, "metadata"))) {
		cJSON_Delete(body);
		return call_refuse(rq, 400, "BadRequest", "%s", "metadata has to be a map");
	}
	take_over(body, have);
	wrong = frozen(rq, have, body);
	if (wrong) {
		cJSON_Delete(body);
		return call_refuse(rq, 422, "Invalid", "%s", wrong);
	}
	return store_it(rq, 200, body);
}

static enum MHD_Result delete_one(const struct call *rq, const cJSON *options)
{
	struct store *s = rq->s->conf->store;
	const cJSON *have = store_get(s, rq->kind->id, rq->ns, rq->name);
	const char *uid = json_str(json_get(options, "preconditions"), "uid", NULL);

	if (!have)
		return call_refuse(rq, 404, "NotFound", "\"%s\" not found", rq->name);
	if (uid && strcmp(uid, json_str(json_get(have, "metadata"), "uid", "")))
		return call_refuse(rq, 409, "Conflict", "%s: the UID is another one", rq->name);
	if (rq->kind->id == KIND_POD)
		rq->s->conf->delete_pod(rq->s->conf->arg, rq->ns, rq->name,
					(int)json_i64(options, "gracePeriodSeconds", -1));
	else
		store_delete(s, rq->kind->id, rq->ns, rq->name);
	return call_refuse(rq, 200, "", "%s", "deleted");
}

static enum MHD_Result delete_all(const struct call *rq)
{
	struct store *s = rq->s->conf->store;
	cJSON *list = store_list(s, rq->kind, rq->ns, call_arg(rq, "labelSelector"),
				 call_arg(rq, "fieldSelector"));
	const cJSON *o;

	cJSON_ArrayForEach(o, json_get(list, "items")) {
		const char *name = json_str(json_get(o, "metadata"), "name", "");

		if (rq->kind->id == KIND_POD)
			rq->s->conf->delete_pod(rq->s->conf->arg, rq->ns, name, -1);
		else
			store_delete(s, rq->kind->id, rq->ns, name);
	}
	return call_answer(rq, 200, list);
}

enum MHD_Result call_write(const struct call *rq)
{
	const char *method = rq->is.method;
	struct err e = {0};
	cJSON *body = rq->body.len ? json_parse(buf_cstr(&rq->body), "the request", &e) : NULL;
	enum MHD_Result ok;

	if (!strcmp(method, "DELETE")) {
		ok = rq->name ? delete_one(rq, body) : delete_all(rq);
		cJSON_Delete(body);
		return ok;
	}
	if (!cJSON_IsObject(body)) {
		cJSON_Delete(body);
		return call_refuse(rq, 400, "BadRequest", "%s", rq->body.len ? e.msg : "no body");
	}
	if (!strcmp(method, "POST") && !rq->name)
		return create(rq, body);
	if (rq->name && (!strcmp(method, "PUT") || !strcmp(method, "PATCH")))
		return alter(rq, body, !strcmp(method, "PATCH"));
	cJSON_Delete(body);
	return call_refuse(rq, 405, "MethodNotAllowed", "%s", method);
}
