#include "apiserver/serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "apiserver/rbac.h"
#include "apiserver/watch.h"

enum { BODY_CAP = 4 << 20, THREADS = 200 };

struct serve {
	const struct serve_conf *conf;
	struct MHD_Daemon *daemon;
};

struct request {
	struct serve *s;
	struct MHD_Connection *conn;
	const char *method;
	struct buf body;
	char path[512]; /* cut into words */
	const struct kind *kind;
	const char *ns, *name, *sub; /* NULL: not given */
	char group[64];
	bool admin;
	const char *account_ns, *account; /* with the lock */
};

/* ---- answers ---- */

static enum MHD_Result answer_text(struct MHD_Connection *c, int status, const char *type,
				   const char *text, size_t len)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, (void *)(uintptr_t)text,
								 MHD_RESPMEM_MUST_COPY);
	enum MHD_Result ok;

	MHD_add_response_header(r, "Content-Type", type);
	ok = MHD_queue_response(c, (unsigned)status, r);
	MHD_destroy_response(r);
	return ok;
}

/* Takes `o` over. */
static enum MHD_Result answer(struct MHD_Connection *c, int status, cJSON *o)
{
	char *text = json_text(o);
	enum MHD_Result ok = answer_text(c, status, "application/json", text, strlen(text));

	free(text);
	cJSON_Delete(o);
	return ok;
}

/* A Status object, as clients know it. */
static enum MHD_Result refuse(const struct request *rq, int status, const char *reason,
			      const char *fmt, const char *what)
{
	cJSON *o = cJSON_CreateObject();
	char message[400];

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
	return answer(rq->conn, status, o);
}

static const char *arg_of(const struct request *rq, const char *key)
{
	return MHD_lookup_connection_value(rq->conn, MHD_GET_ARGUMENT_KIND, key);
}

static bool arg_true(const struct request *rq, const char *key)
{
	const char *v = arg_of(rq, key);

	return v && (!strcasecmp(v, "true") || !strcmp(v, "1"));
}

/* ---- changing ---- */

static enum MHD_Result found(const struct request *rq, int status, const cJSON *o)
{
	return answer(rq->conn, status, cJSON_Duplicate(o, 1));
}

/* A version that is given must be the present one. */
static bool conflicts(const cJSON *body, const cJSON *have)
{
	const char *given = json_str(json_get(body, "metadata"), "resourceVersion", "");

	return *given && strcmp(given, json_str(json_get(have, "metadata"), "resourceVersion", ""));
}

static void name_it(const struct request *rq, cJSON *body)
{
	cJSON *meta = cJSON_GetObjectItem(body, "metadata");

	if (!meta)
		meta = cJSON_AddObjectToObject(body, "metadata");
	if (rq->name)
		json_set_str(meta, "name", rq->name);
	if (rq->kind->namespaced && rq->ns)
		json_set_str(meta, "namespace", rq->ns);
	cJSON_DeleteItemFromObject(meta, "resourceVersion");
}

static enum MHD_Result create(const struct request *rq, cJSON *body)
{
	struct store *s = rq->s->conf->store;
	const char *name;

	name_it(rq, body);
	name = json_str(json_get(body, "metadata"), "name", "");
	if (!*name) {
		cJSON_Delete(body);
		return refuse(rq, 422, "Invalid", "%s needs a name", rq->kind->name);
	}
	if (store_get(s, rq->kind->id, rq->ns, name)) {
		cJSON_Delete(body);
		return refuse(rq, 409, "AlreadyExists", "%s exists already", rq->kind->name);
	}
	return found(rq, 201, store_put(s, rq->kind->id, body));
}

/* PUT and PATCH. */
static enum MHD_Result alter(const struct request *rq, cJSON *body, bool merge)
{
	struct store *s = rq->s->conf->store;
	const cJSON *have = store_get(s, rq->kind->id, rq->ns, rq->name);
	cJSON *o;

	if (!have || conflicts(body, have)) {
		cJSON_Delete(body);
		return have ? refuse(rq, 409, "Conflict",
				     "%s: the object has been modified; please apply your changes to the "
				     "latest version and try again", rq->name) :
			      refuse(rq, 404, "NotFound", "\"%s\" not found", rq->name);
	}
	name_it(rq, body);
	if (merge) {
		o = cJSON_Duplicate(have, 1);
		store_merge(o, body);
		cJSON_Delete(body);
		body = o;
	}
	return found(rq, 200, store_put(s, rq->kind->id, body));
}

static enum MHD_Result delete_one(const struct request *rq, const cJSON *options)
{
	struct store *s = rq->s->conf->store;
	const cJSON *have = store_get(s, rq->kind->id, rq->ns, rq->name);
	const char *uid = json_str(json_get(options, "preconditions"), "uid", NULL);

	if (!have)
		return refuse(rq, 404, "NotFound", "\"%s\" not found", rq->name);
	if (uid && strcmp(uid, json_str(json_get(have, "metadata"), "uid", "")))
		return refuse(rq, 409, "Conflict", "%s: the UID is another one", rq->name);
	if (rq->kind->id == KIND_POD)
		rq->s->conf->delete_pod(rq->s->conf->arg, rq->ns, rq->name,
					(int)json_i64(options, "gracePeriodSeconds", -1));
	else
		store_delete(s, rq->kind->id, rq->ns, rq->name);
	return refuse(rq, 200, "", "%s", "deleted");
}

static enum MHD_Result delete_all(const struct request *rq)
{
	struct store *s = rq->s->conf->store;
	cJSON *list = store_list(s, rq->kind, rq->ns, arg_of(rq, "labelSelector"),
				 arg_of(rq, "fieldSelector"));
	const cJSON *o;

	cJSON_ArrayForEach(o, json_get(list, "items")) {
		const char *name = json_str(json_get(o, "metadata"), "name", "");

		if (rq->kind->id == KIND_POD)
			rq->s->conf->delete_pod(rq->s->conf->arg, rq->ns, name, -1);
		else
			store_delete(s, rq->kind->id, rq->ns, name);
	}
	return answer(rq->conn, 200, list);
}

static enum MHD_Result read_log(const struct request *rq)
{
	const char *tail = arg_of(rq, "tailLines"), *container = arg_of(rq, "container");
	const struct serve_conf *c = rq->s->conf;
	struct buf out = {0};
	struct err e = {0};
	enum MHD_Result ok;

	if (c->log(c->arg, rq->ns, rq->name, container ? container : "", arg_true(rq, "previous"),
		   tail ? (int)strtol(tail, NULL, 10) : 1000, arg_true(rq, "timestamps"), &out, &e))
		ok = refuse(rq, 400, "BadRequest", "%.390s", e.msg);
	else
		ok = answer_text(rq->conn, 200, "text/plain", buf_cstr(&out), out.len);
	buf_free(&out);
	return ok;
}

/* ---- requests ---- */

/* "/api/v1/namespaces/NS/PLURAL/NAME/SUB", "/apis/GROUP/V/PLURAL/NAME" ... */
static bool read_path(struct request *rq, const char *url)
{
	char *words[10], *rest = rq->path, *w;
	size_t n = 0, at;

	mem_copy_str(rq->path, sizeof(rq->path), url);
	while (n < ARRAY_LEN(words) && (w = strsep(&rest, "/")))
		if (*w)
			words[n++] = w;
	if (n >= 3 && !strcmp(words[0], "api") && !strcmp(words[1], "v1")) {
		at = 2;
	} else if (n >= 4 && !strcmp(words[0], "apis")) {
		mem_copy_str(rq->group, sizeof(rq->group), words[1]);
		at = 3;
	} else {
		return false;
	}
	if (!strcmp(words[at], "namespaces") && n > at + 2) {
		rq->ns = words[at + 1];
		at += 2;
	}
	rq->kind = store_plural(words[at]);
	rq->name = n > at + 1 ? words[at + 1] : NULL;
	rq->sub = n > at + 2 ? words[at + 2] : NULL;
	return rq->kind && n <= at + 3;
}

/* With the lock; false: nobody we know. */
static bool identify(struct request *rq)
{
	const char *h = MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, "Authorization");
	const struct serve_conf *c = rq->s->conf;

	if (!h || strncasecmp(h, "Bearer ", 7))
		return false;
	h += 7;
	rq->admin = !strcmp(h, c->admin_token);
	return rq->admin || c->account(c->arg, h, &rq->account_ns, &rq->account);
}

static const char *verb_of(const struct request *rq)
{
	if (!strcmp(rq->method, "GET"))
		return rq->name ? "get" : arg_true(rq, "watch") ? "watch" : "list";
	if (!strcmp(rq->method, "POST"))
		return "create";
	if (!strcmp(rq->method, "PUT"))
		return "update";
	if (!strcmp(rq->method, "DELETE"))
		return rq->name ? "delete" : "deletecollection";
	return "patch";
}

static bool allowed(const struct request *rq)
{
	char what[80];

	if (rq->admin)
		return true;
	snprintf(what, sizeof(what), "%s%s%s", rq->kind->plural, rq->sub ? "/" : "",
		 rq->sub ? rq->sub : "");
	return rq->ns && !strcmp(rq->ns, rq->account_ns) &&
	       rbac_allows(rq->s->conf->store, rq->ns, rq->account, verb_of(rq), rq->group, what,
			   rq->name ? rq->name : "");
}

static enum MHD_Result read_it(const struct request *rq)
{
	struct store *s = rq->s->conf->store;
	const cJSON *o;

	if (!rq->name)
		return answer(rq->conn, 200, store_list(s, rq->kind, rq->ns, arg_of(rq, "labelSelector"),
							arg_of(rq, "fieldSelector")));
	o = store_get(s, rq->kind->id, rq->ns, rq->name);
	return o ? found(rq, 200, o) : refuse(rq, 404, "NotFound", "\"%s\" not found", rq->name);
}

static enum MHD_Result write_it(const struct request *rq)
{
	struct err e = {0};
	cJSON *body = rq->body.len ? json_parse(buf_cstr(&rq->body), "the request", &e) : NULL;
	enum MHD_Result ok;

	if (!strcmp(rq->method, "DELETE")) {
		ok = rq->name ? delete_one(rq, body) : delete_all(rq);
		cJSON_Delete(body);
		return ok;
	}
	if (!cJSON_IsObject(body)) {
		cJSON_Delete(body);
		return refuse(rq, 400, "BadRequest", "%s", rq->body.len ? e.msg : "no body");
	}
	if (!strcmp(rq->method, "POST"))
		return create(rq, body);
	if (rq->name && (!strcmp(rq->method, "PUT") || !strcmp(rq->method, "PATCH")))
		return alter(rq, body, !strcmp(rq->method, "PATCH"));
	cJSON_Delete(body);
	return refuse(rq, 405, "MethodNotAllowed", "%s", rq->method);
}

static enum MHD_Result handle(struct request *rq, const char *url)
{
	struct store *s = rq->s->conf->store;
	enum MHD_Result ok;
	bool known = read_path(rq, url);

	store_lock(s);
	if (!identify(rq))
		ok = refuse(rq, 401, "Unauthorized", "%s", "Unauthorized");
	else if (!known)
		ok = refuse(rq, 404, "NotFound", "%s is not served by the engine docker", url);
	else if (!allowed(rq))
		ok = refuse(rq, 403, "Forbidden", "no role of the service account allows it: %s",
			    rq->kind->plural);
	else if (rq->sub || (!rq->name && arg_true(rq, "watch")))
		ok = MHD_NO; /* below: these take their time */
	else
		ok = strcmp(rq->method, "GET") ? write_it(rq) : read_it(rq);
	store_unlock(s);
	if (ok != MHD_NO)
		return ok;
	if (!rq->sub)
		return watch_answer(rq->conn, rq->s->conf->store, rq->kind, rq->ns);
	if (!strcmp(rq->sub, "log") && rq->ns && rq->name && !strcmp(rq->method, "GET"))
		return read_log(rq);
	return refuse(rq, 404, "NotFound", "%s is not served by the engine docker", url);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *data, size_t *len,
				  void **mine)
{
	struct request *rq = *mine;

	(void)version;
	if (!rq) {
		*mine = rq = mem_alloc(sizeof(*rq));
		rq->s = arg;
		rq->conn = conn;
		rq->body.cap = BODY_CAP;
		return MHD_YES;
	}
	if (*len) {
		buf_add(&rq->body, data, *len);
		*len = 0;
		return rq->body.over ? MHD_NO : MHD_YES;
	}
	rq->method = method;
	return handle(rq, url);
}

static void on_done(void *arg, struct MHD_Connection *conn, void **mine,
		    enum MHD_RequestTerminationCode how)
{
	struct request *rq = *mine;

	(void)arg, (void)conn, (void)how;
	if (rq)
		buf_free(&rq->body);
	free(rq);
	*mine = NULL;
}

int serve_start(const struct serve_conf *conf, const char *address, int port, struct serve **out,
		struct err *e)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct serve *s = mem_alloc(sizeof(*s));

	*out = NULL;
	s->conf = conf;
	inet_pton(AF_INET, address, &at.sin_addr);
	s->daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
				     MHD_USE_POLL | MHD_USE_ITC, (uint16_t)port, NULL, NULL, on_request, s,
				     MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL,
				     MHD_OPTION_CONNECTION_LIMIT, (unsigned)THREADS, MHD_OPTION_END);
	if (!s->daemon) {
		err_set(e, ERR_BROKEN, "cannot listen on %s:%d: %s", address, port, strerror(errno));
		free(s);
		return -1;
	}
	*out = s;
	return 0;
}

int serve_port(const struct serve *s)
{
	const union MHD_DaemonInfo *i = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return i ? i->port : 0;
}

void serve_stop(struct serve *s)
{
	if (!s)
		return;
	MHD_stop_daemon(s->daemon);
	free(s);
}
