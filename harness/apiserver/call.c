#include "apiserver/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/admit.h"
#include "apiserver/data.h"
#include "apiserver/decode.h"
#include "apiserver/ending.h"
#include "apiserver/immutable.h"
#include "apiserver/rbac.h"
#include "apiserver/same.h"
#include "base/httpd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "kube/read.h"

enum { SHORT_BYTES = 4096 };
#define HELD "too many requests: more is under way or not taken yet than this server holds, please try again later"

/* ---- answers ---- */

bool call_hold(struct call *rq, size_t bytes)
{
	size_t all = __atomic_add_fetch(&rq->s->held, bytes, __ATOMIC_RELAXED);

	if (rq->admin || all <= rq->s->limits->held_bytes) {
		rq->held += bytes;
		return true;
	}
	__atomic_sub_fetch(&rq->s->held, bytes, __ATOMIC_RELAXED);
	return false;
}

enum MHD_Result call_answer_text(struct call *rq, int status, const char *type, const char *text,
				 size_t len)
{
	/* What is told in a few words is told always. */
	if (len > SHORT_BYTES && !call_hold(rq, len))
		return call_refuse(rq, 429, "TooManyRequests", "%s", HELD);
	return httpd_answer(rq->conn, status, type, text, len, status == 429 || status == 504 ? "Retry-After" : "", "1");
}

/* Takes `o` over. */
enum MHD_Result call_answer(struct call *rq, int status, cJSON *o)
{
	char *text = json_text(o);
	enum MHD_Result ok = call_answer_text(rq, status, "application/json", text, strlen(text));

	free(text);
	cJSON_Delete(o);
	return ok;
}

/* A Status object, as clients know it. */
enum MHD_Result call_refuse(struct call *rq, int status, const char *reason, const char *fmt,
			    const char *what)
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

const char *call_arg(struct call *rq, const char *key)
{
	return MHD_lookup_connection_value(rq->conn, MHD_GET_ARGUMENT_KIND, key);
}

/* "All", in the query or among DeleteOptions: all is done but the change itself. */
static const char *dry_word(struct call *rq)
{
	const cJSON *first = cJSON_GetArrayItem(json_get(rq->sent, "dryRun"), 0);
	const char *query = call_arg(rq, "dryRun");

	if (query || strcmp(rq->is.method, "DELETE") || !first)
		return query;
	return cJSON_IsString(first) ? first->valuestring : "";
}

bool call_dry(struct call *rq)
{
	return dry_word(rq) != NULL;
}

const char *call_dry_wrong(struct call *rq)
{
	const char *word = dry_word(rq);

	return word && strcmp(word, "All") ? "dryRun: Unsupported value: supported values: \"All\"" : NULL;
}

/* ---- changing ---- */

static enum MHD_Result found(struct call *rq, int status, const cJSON *o)
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

/* It counts the versions of a spec, from 1. */
static void set_generation(cJSON *body, const cJSON *have)
{
	const cJSON *old = json_get(have, "spec"), *new = json_get(body, "spec");
	cJSON *meta = cJSON_GetObjectItemCaseSensitive(body, "metadata");
	int64_t n = json_i64(json_get(have, "metadata"), "generation", 0);

	if (new && (!old || !same_json(old, new)))
		json_set_i64(meta, "generation", n + 1);
}

/* A word of the metadata that the path says as well; NULL: they agree. */
static const char *disagrees(struct call *rq, cJSON *body)
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

struct notes {
	struct buf text;
	int n;
};

static void note(void *arg, const char *path, const char *what)
{
	struct notes *w = arg;

	buf_fmt(&w->text, "%s%s: %s", w->n++ ? ", " : "", path, what);
}

/* ---- limits ---- */

/* What looking for each key of a large map among all its keys takes, for all such maps: a
 * patch's are looked for so, with the lock. */
static double pairs_of(const cJSON *o)
{
	enum { SMALL = 64 };
	double n = cJSON_IsObject(o) ? cJSON_GetArraySize(o) : 0, sum = n > SMALL ? n * n : 0;
	const cJSON *v;

	cJSON_ArrayForEach(v, o)
		sum += v->child ? pairs_of(v) : 0;
	return sum;
}

struct list_of call_list_of(struct call *rq)
{
	return (struct list_of){rq->kind, call_arg(rq, "labelSelector"), call_arg(rq, "fieldSelector")};
}

enum MHD_Result call_answer_list(struct call *rq, const struct store_view *view)
{
	const struct list_of l = call_list_of(rq);
	struct buf text = {0};
	enum MHD_Result ok;

	list_text(&l, view, &text);
	ok = call_answer_text(rq, 200, "application/json", buf_cstr(&text), text.len);
	buf_free(&text);
	return ok;
}

const char *call_too_large(const struct call *rq, const cJSON *o)
{
	const struct serve_limits *l = rq->s->limits;
	struct json_size size = json_size(o);

	if (rq->admin)
		return NULL;
	if (size.keys > l->map_keys || pairs_of(o) > (double)l->map_keys * (double)l->map_keys)
		return "request is too large: maps of it have more keys than are served here";
	return size.bytes > l->object_memory ? "request is too large: it has more values than are served here" : NULL;
}

/* As etcd says it. */
static bool exceeds_etcd(const struct call *rq, const cJSON *o)
{
	char *text = rq->admin ? NULL : json_text(o);
	bool yes = text && strlen(text) > rq->s->limits->object_bytes;

	free(text);
	return yes;
}

/* A ResourceQuota's answer: no object more, or no larger one. */
static bool exceeds_quota(struct call *rq, const cJSON *o)
{
	const struct serve_limits *l = rq->s->limits;
	const struct store *s = rq->s->conf->store;
	const char *name = json_str(json_get(o, "metadata"), "name", "");
	size_t was = store_bytes_of(s, rq->kind->id, rq->ns, name), is = json_size(o).bytes;

	if (rq->admin)
		return false;
	return (!was && s->n >= l->objects) || (is > was && s->bytes - was + is > l->store_memory);
}

/* "StatefulSet.apps "web" is invalid", as clients know it. */
static void name_invalid(const struct kind *kind, const cJSON *o, struct buf *b)
{
	const char *slash = strchr(kind->api, '/');

	buf_fmt(b, "%s%s%.*s \"%.253s\" is invalid: ", kind->name, slash ? "." : "",
		slash ? (int)(slash - kind->api) : 0, kind->api, json_str(json_get(o, "metadata"), "name", ""));
}

/* A Service's address is its own. */
static void address_taken(const struct call *rq, const cJSON *body, struct notes *why)
{
	const struct store *s = rq->s->conf->store;
	const char *ip = json_str(json_get(body, "spec"), "clusterIP", ""), *name = kube_meta(body, "name");
	char what[300];

	for (size_t i = 0; rq->kind->id == KIND_SERVICE && i < s->n; i++) {
		const cJSON *o = s->v[i].object;

		if (s->v[i].kind->id != KIND_SERVICE || !admit_same_address(body, o) ||
		    (!strcmp(kube_meta(o, "name"), name) && !strcmp(kube_meta(o, "namespace"), rq->ns ? rq->ns : "")))
			continue;
		snprintf(what, sizeof(what), ADMIT_ALLOCATED, ip, ip);
		note(why, "spec.clusterIPs", what);
		return;
	}
}

/* Of what manifests hold the driver has been told before; here somebody else writes. */
static bool is_dropped(const struct call *rq, const cJSON *was, const cJSON *body, struct buf *why)
{
	const struct serve_conf *c = rq->s->conf;

	return !rq->admin && c->drops && !(was && same_json(json_get(was, "spec"), json_get(body, "spec"))) &&
	       c->drops(c->arg, rq->kind, body, why);
}

/* Takes `body` over; `was` NULL: it is new. */
static enum MHD_Result store_it(struct call *rq, int status, const cJSON *was, cJSON *body)
{
	const struct serve_conf *c = rq->s->conf;
	const struct account a = {rq->account_ns, rq->account};
	struct notes why = {.text = {.cap = 2000}};
	bool patch = !strcmp(rq->is.method, "PATCH");
	const char *wrong;
	enum MHD_Result ok;

	if (decode_check(rq->kind, body, &why.text)) {
		ok = patch ? call_refuse(rq, 422, "Invalid", "%s", buf_cstr(&why.text)) :
			     call_refuse(rq, 400, "BadRequest", "%s", buf_cstr(&why.text));
		buf_free(&why.text);
		cJSON_Delete(body);
		return ok;
	}
	wrong = data_settle(rq->kind->id, body);
	if (wrong) {
		ok = call_refuse(rq, 400, "BadRequest", "illegal base64 data in \"%.300s\"", wrong);
		cJSON_Delete(body);
		return ok;
	}
	name_invalid(rq->kind, body, &why.text);
	address_taken(rq, body, &why);
	if (why.n + admit(rq->kind, body, &c->nets, note, &why) +
	    (was ? immutable_check(rq->kind, was, body, note, &why) : 0) ||
	    is_dropped(rq, was, body, &why.text)) {
		ok = call_refuse(rq, 422, "Invalid", "%s", buf_cstr(&why.text));
		buf_free(&why.text);
		cJSON_Delete(body);
		return ok;
	}
	buf_free(&why.text);
	if (call_too_large(rq, body) || exceeds_etcd(rq, body)) {
		cJSON_Delete(body);
		return call_refuse(rq, 413, "RequestEntityTooLarge", "%s", "etcdserver: request is too large");
	}
	if (exceeds_quota(rq, body)) {
		cJSON_Delete(body);
		return call_refuse(rq, 403, "Forbidden", "%s is forbidden: exceeded quota: as many objects as are served here",
				   rq->kind->plural);
	}
	if (!rq->admin && !rbac_may_give(c->store, &a, rq->ns ? rq->ns : "", rq->kind, rq->name, body)) {
		cJSON_Delete(body);
		return call_refuse(rq, 403, "Forbidden", "%s: attempting to grant RBAC permissions not currently held",
			      rq->kind->plural);
	}
	if (call_dry(rq))
		return call_answer(rq, status, body);
	ok = found(rq, status, store_put(c->store, rq->kind->id, body));
	/* A pod and a claim end in their time. */
	if (rq->kind->id != KIND_POD && rq->kind->id != KIND_PERSISTENT_VOLUME_CLAIM && rq->name)
		ending_go_on(c->store, rq->kind->id, rq->ns, rq->name);
	return ok;
}

/* From metadata.generateName, as the API server does (SimpleNameGenerator). */
static void make_name(cJSON *body)
{
	enum { BASE_BYTES = 58, SUFFIX_BYTES = 5 };
	cJSON *meta = cJSON_GetObjectItemCaseSensitive(body, "metadata");
	char name[BASE_BYTES + SUFFIX_BYTES + 1], suffix[SUFFIX_BYTES + 1];
	const char *base = json_str(meta, "generateName", "");

	if (!*base || *json_str(meta, "name", ""))
		return;
	random_hex(suffix, SUFFIX_BYTES);
	snprintf(name, sizeof(name), "%.*s%s", BASE_BYTES, base, suffix);
	json_set_str(meta, "name", name);
}

static enum MHD_Result create(struct call *rq, cJSON *body)
{
	const char *wrong = disagrees(rq, body), *name;

	if (wrong) {
		cJSON_Delete(body);
		return call_refuse(rq, 400, "BadRequest", "%s", wrong);
	}
	make_name(body);
	name = json_str(json_get(body, "metadata"), "name", "");
	if (*name && store_get(rq->s->conf->store, rq->kind->id, rq->ns, name)) {
		cJSON_Delete(body);
		return call_refuse(rq, 409, "AlreadyExists", "%s exists already", rq->kind->name);
	}
	take_over(body, NULL);
	set_generation(body, NULL);
	return store_it(rq, 201, NULL, body);
}

/* PUT and PATCH. */
static enum MHD_Result alter(struct call *rq, cJSON *body, bool merge)
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
	set_generation(body, have);
	return store_it(rq, 200, have, body);
}

/* Lists are replaced by either, as those are that systems patch: labels and
 * annotations are maps. */
static bool merges(const struct call *rq)
{
	const char *type = MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, "Content-Type");

	return !type || strstr(type, "merge-patch+json") || !strncmp(type, "application/json;", 17) ||
	       !strcmp(type, "application/json");
}

enum MHD_Result call_write(struct call *rq)
{
	const char *method = rq->is.method;
	cJSON *body;

	if (call_dry_wrong(rq))
		return call_refuse(rq, 422, "Invalid", "%s", call_dry_wrong(rq));
	if (!strcmp(method, "PATCH") && !merges(rq))
		return call_refuse(rq, 415, "UnsupportedMediaType", "%s", "the body of the request was in an unknown format - "
				   "accepted media types include: application/merge-patch+json, "
				   "application/strategic-merge-patch+json");
	if (!cJSON_IsObject(rq->sent))
		return call_refuse(rq, 400, "BadRequest", "%s", rq->body.len ? "the body is no JSON object" : "no body");
	body = rq->sent;
	rq->sent = NULL;
	if (!strcmp(method, "POST") && !rq->name)
		return create(rq, body);
	if (rq->name && (!strcmp(method, "PUT") || !strcmp(method, "PATCH")))
		return alter(rq, body, !strcmp(method, "PATCH"));
	cJSON_Delete(body);
	return call_refuse(rq, 405, "MethodNotAllowed", "%s", method);
}
