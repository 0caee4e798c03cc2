#include "apiserver/call.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/httpd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "apiserver/body.h"
#include "apiserver/delete.h"
#include "apiserver/list.h"
#include "apiserver/rbac.h"
#include "apiserver/version.h"
#include "apiserver/visits.h"
#include "apiserver/watch.h"

/* What a caller can make us hold. Of one whom we do not know: a connection, its
 * headers and no body, for some seconds; and no address has all connections. */
enum {
	BODY_CAP = 3 << 20, /* as kube-apiserver has it */
	HEADERS_CAP = 32 << 10,
	UNKNOWN_S = 10, KNOWN_S = 600, /* without a byte either way */
};

/* A cluster's figures where it has any. What they add up to is half a GiB. */
const struct serve_limits serve_limits = {
	.object_bytes = 3 << 19,
	.object_memory = 16 << 20,
	.map_keys = 4096,
	.objects = 5000,
	.store_memory = 64 << 20,
	.held_bytes = 128 << 20,
	.watches = 256,
	.connections = 512,
	.unknown_ns = UNKNOWN_S * NS_PER_S,
	.request_ns = 60 * NS_PER_S, /* kube-apiserver's --request-timeout */
	.watch_ns = 3700 * NS_PER_S, /* the longest there is, and a little */
	.idle_ns = KNOWN_S * NS_PER_S,
};

/* The driver's own are on loopback, and trusted to end. */
static void within(struct call *rq, int64_t ns)
{
	visits_within(rq->s->visits, rq->conn, rq->admin ? 0 : ns);
}

static bool arg_true(struct call *rq, const char *key)
{
	const char *v = call_arg(rq, key);

	return v && (!strcasecmp(v, "true") || !strcmp(v, "1"));
}

static enum MHD_Result read_log(struct call *rq)
{
	const char *tail = call_arg(rq, "tailLines"), *container = call_arg(rq, "container");
	const struct serve_conf *c = rq->s->conf;
	struct buf out = {0};
	struct err e = {0};
	enum MHD_Result ok;

	if (!rq->admin)
		pthread_mutex_lock(&rq->s->logging);
	if (c->log(c->arg, rq->ns, rq->name, container ? container : "", arg_true(rq, "previous"),
		   tail ? (int)strtol(tail, NULL, 10) : 1000, arg_true(rq, "timestamps"), &out, &e))
		ok = call_refuse(rq, 400, "BadRequest", "%.390s", e.msg);
	else
		ok = call_answer_text(rq, 200, "text/plain", buf_cstr(&out), out.len);
	if (!rq->admin)
		pthread_mutex_unlock(&rq->s->logging);
	buf_free(&out);
	return ok;
}

/* ---- requests ---- */

/* NULL: not given; "" without a value. */
static const char *query(struct MHD_Connection *conn, const char *key)
{
	const char *value = NULL;
	size_t len = 0;

	if (!MHD_lookup_connection_value_n(conn, MHD_GET_ARGUMENT_KIND, key, strlen(key), &value,
					   &len))
		return NULL;
	return value ? value : "";
}

/* Whom the token names; false: nobody we know. Takes the lock. */
static bool identify(struct call *rq)
{
	const char *h = MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, "Authorization");
	const struct serve_conf *c = rq->s->conf;
	const char *ns, *name;
	bool known;

	if (!h || strncasecmp(h, "Bearer ", 7))
		return false;
	h += 7;
	rq->admin = random_is(c->admin_token, h);
	if (rq->admin)
		return true;
	store_lock(c->store);
	known = c->account(c->arg, h, &ns, &name);
	if (known) {
		mem_copy_str(rq->account_ns, sizeof(rq->account_ns), ns);
		mem_copy_str(rq->account, sizeof(rq->account), name);
	}
	store_unlock(c->store);
	return known;
}

/* The kind that the path means, as far as it is served there. */
static bool find_kind(struct call *rq)
{
	const struct api_request *is = &rq->is;
	char api[200];

	if (!is->resource || is->odd)
		return false;
	snprintf(api, sizeof(api), "%s%s%s", is->group, *is->group ? "/" : "", is->version);
	rq->kind = store_plural(is->kind);
	rq->name = *is->name ? is->name : NULL;
	rq->ns = *is->ns ? is->ns : NULL;
	if (!rq->kind || strcmp(rq->kind->api, api))
		return false;
	if (rq->kind->namespaced)
		return rq->ns || (!rq->name && !strcmp(is->method, "GET"));
	return !rq->ns || rq->kind->id == KIND_NAMESPACE;
}

static bool allowed(struct call *rq)
{
	const struct account a = {rq->account_ns, rq->account};

	return rq->admin || rbac_allows(rq->s->conf->store, &a, &rq->is);
}

static enum MHD_Result get_it(struct call *rq, const struct store_kept *it)
{
	enum MHD_Result ok;
	char *text;

	if (!it)
		return call_refuse(rq, 404, "NotFound", "\"%s\" not found", rq->name);
	text = json_text(it->object);
	ok = call_answer_text(rq, 200, "application/json", text, strlen(text));
	free(text);
	return ok;
}

/* With the lock, which is given back. */
static enum MHD_Result read_it(struct call *rq)
{
	struct store *s = rq->s->conf->store;
	struct store_view view = {0};
	struct store_kept *it = NULL;
	enum version_had had;
	enum MHD_Result ok;
	int64_t of;

	had = version_had(rq, &of);
	if (had != VERSION_HAD) {
		of = s->version;
		store_unlock(s);
		return version_refuse(rq, had, of);
	}
	if (rq->name)
		it = store_hold(s, rq->kind->id, rq->ns, rq->name);
	else
		store_view(s, rq->kind, rq->ns, &view);
	view.version = of;
	store_unlock(s);
	ok = rq->name ? get_it(rq, it) : call_answer_list(rq, &view);
	store_let_go(it);
	store_view_free(&view);
	return ok;
}

static enum MHD_Result begin_watch(struct call *rq)
{
	rq->watching = !rq->admin;
	if (rq->watching &&
	    __atomic_add_fetch(&rq->s->watches, 1, __ATOMIC_RELAXED) > rq->s->limits->watches)
		return call_refuse(rq, 429, "TooManyRequests", "%s", "too many watches, please try again later");
	within(rq, rq->s->limits->watch_ns);
	return watch_answer(rq->conn, rq->s->conf->store, rq->kind, rq->ns);
}

/* False: it has been answered. */
static bool read_sent(struct call *rq, enum MHD_Result *answered)
{
	const char *why, *large;

	rq->sent = body_read(&rq->body, &why);
	large = why ? NULL : call_too_large(rq, rq->sent);
	if (why)
		*answered = call_refuse(rq, 400, "BadRequest", "%s", why);
	else if (large)
		*answered = call_refuse(rq, 413, "RequestEntityTooLarge", "%s", large);
	else if ((why = body_twice(rq->sent)))
		*answered = call_refuse(rq, 400, "BadRequest", "strict decoding error: duplicate field \"%.80s\"", why);
	return !why && !large;
}

static enum MHD_Result write_it(struct call *rq)
{
	struct store *s = rq->s->conf->store;
	enum MHD_Result ok;

	if (!rq->admin)
		pthread_mutex_lock(&rq->s->writing);
	if (read_sent(rq, &ok)) {
		if (!strcmp(rq->is.method, "DELETE")) {
			ok = delete_write(rq);
		} else {
			store_lock(s);
			ok = call_write(rq);
			store_unlock(s);
		}
	}
	cJSON_Delete(rq->sent);
	rq->sent = NULL;
	if (!rq->admin)
		pthread_mutex_unlock(&rq->s->writing);
	return ok;
}

static enum MHD_Result answer(struct call *rq, bool served)
{
	struct store *s = rq->s->conf->store;
	const struct api_request *is = &rq->is;
	bool get = !strcmp(is->verb, "get"), may;
	enum MHD_Result answered;
	const struct list_of l = call_list_of(rq);
	const char *large = rq->admin ? NULL : list_too_long(&l);

	if (large)
		return call_refuse(rq, 400, "BadRequest", "%s", large);
	store_lock(s);
	may = allowed(rq);
	if (may && served && !*is->sub && version_wrong(rq, &answered)) {
		store_unlock(s);
		return answered;
	}
	if (may && served && !*is->sub && (get || !strcmp(is->verb, "list")))
		return read_it(rq);
	store_unlock(s);
	if (!may)
		return call_refuse(rq, 403, "Forbidden", "no role of the service account allows it: %s", is->url);
	if (served && !*is->sub)
		return !strcmp(is->verb, "watch") ? begin_watch(rq) : write_it(rq);
	if (served && get && !strcmp(is->sub, "log") && rq->kind->id == KIND_POD && rq->ns && rq->name)
		return read_log(rq);
	return call_refuse(rq, 404, "NotFound", "%s is not served by the engine docker", is->url);
}

/* One list of an account's at a time; who waits for his turn holds nothing of what the others
 * change meanwhile. */
static enum MHD_Result handle(struct call *rq)
{
	bool served = find_kind(rq), alone = served && !rq->admin && !strcmp(rq->is.verb, "list");
	enum MHD_Result ok;

	if (alone)
		pthread_mutex_lock(&rq->s->listing);
	ok = answer(rq, served);
	if (alone)
		pthread_mutex_unlock(&rq->s->listing);
	return ok;
}

/* Headers are there, and nothing of the body. */
static enum MHD_Result begin(struct call *rq, const char *url, const char *method)
{
	const char *length = MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, "Content-Length");
	bool chunked = MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, "Transfer-Encoding");
	int64_t bytes;

	if (!identify(rq))
		return call_refuse(rq, 401, "Unauthorized", "%s", "Unauthorized");
	MHD_set_connection_option(rq->conn, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)KNOWN_S);
	rq->known = true;
	within(rq, rq->s->limits->request_ns);
	if (!api_request_read(&rq->is, method, url, query(rq->conn, "watch"), query(rq->conn, "fieldSelector")))
		return call_refuse(rq, 414, "RequestURITooLong", "%s", "the path is too long");
	bytes = chunked ? BODY_CAP : length ? strtoll(length, NULL, 10) : 0;
	if (bytes > BODY_CAP || bytes < 0)
		return call_refuse(rq, 413, "RequestEntityTooLarge", "%s", "Request entity too large: limit is 3145728");
	if (!call_hold(rq, (size_t)bytes))
		return call_refuse(rq, 429, "TooManyRequests", "%s", "too many requests, please try again later");
	return MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *len, void **mine)
{
	struct call *rq = *mine;

	(void)version;
	if (!rq) {
		*mine = rq = mem_alloc(sizeof(*rq));
		rq->s = arg;
		rq->conn = conn;
		rq->body.cap = BODY_CAP;
		return begin(rq, url, method);
	}
	if (httpd_piece(&rq->body, data, len))
		return rq->body.over ? MHD_NO : MHD_YES;
	return handle(rq);
}

static void on_done(void *arg, struct MHD_Connection *conn, void **mine,
		    enum MHD_RequestTerminationCode how)
{
	struct call *rq = *mine;

	(void)arg, (void)conn, (void)how;
	if (rq) {
		if (rq->known)
			within(rq, rq->s->limits->idle_ns);
		__atomic_sub_fetch(&rq->s->held, rq->held, __ATOMIC_RELAXED);
		if (rq->watching)
			__atomic_sub_fetch(&rq->s->watches, 1, __ATOMIC_RELAXED);
		buf_free(&rq->body);
	}
	free(rq);
	*mine = NULL;
}

static void free_it(struct serve *s)
{
	visits_free(s->visits);
	pthread_mutex_destroy(&s->writing);
	pthread_mutex_destroy(&s->listing);
	pthread_mutex_destroy(&s->logging);
	free(s);
}

int serve_start(const struct serve_conf *conf, const char *address, int port, struct serve **out,
		struct err *e)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct serve *s = mem_alloc(sizeof(*s));
	char name[64];

	*out = NULL;
	s->conf = conf;
	s->limits = conf->limits ? conf->limits : &serve_limits;
	pthread_mutex_init(&s->writing, NULL);
	pthread_mutex_init(&s->listing, NULL);
	pthread_mutex_init(&s->logging, NULL);
	inet_pton(AF_INET, address, &at.sin_addr);
	snprintf(name, sizeof(name), "%s:%d", address, port);
	s->visits = visits_new(s->limits->unknown_ns);
	if (!s->visits) {
		free_it(s);
		return err_set(e, ERR_BROKEN, "cannot start a thread");
	}
	s->daemon = httpd_start(&(struct httpd_conf){.listen = name,
						     .at = (const struct sockaddr *)&at,
						     .arg = s,
						     .connections = s->limits->connections,
						     .connections_each = conf->per_address,
						     .headers_bytes = HEADERS_CAP,
						     .cert = conf->cert,
						     .key = conf->key,
						     .idle_s = UNKNOWN_S,
						     .on_connection = visits_notify,
						     .visits = s->visits,
						     .on_request = on_request,
						     .on_completed = on_done},
				e);
	if (!s->daemon) {
		free_it(s);
		return -1;
	}
	*out = s;
	return 0;
}

int serve_port(const struct serve *s)
{
	return httpd_port(s->daemon);
}

void serve_stop(struct serve *s)
{
	if (!s)
		return;
	MHD_stop_daemon(s->daemon);
	free_it(s);
}
