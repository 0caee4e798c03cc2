#include "kube/client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define DEFAULT_TIMEOUT_NS (30 * NS_PER_S)
#define CONNECT_TIMEOUT_NS (10 * NS_PER_S)
/* A quiet stream hears at least a bookmark a minute from the API server. */
#define QUIET_STREAM_S 90L

struct kube_client {
	CURL *curl;
	const struct kube_conf *conf;
	const volatile int *stop;
	int ignored;
	char error[CURL_ERROR_SIZE];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

int kube_client_new(const struct kube_conf *conf, const volatile int *stop,
		    struct kube_client **out, struct err *e)
{
	struct kube_client *k;

	*out = NULL;
	pthread_once(&curl_once, curl_start);
	k = mem_alloc(sizeof(*k));
	k->conf = conf;
	k->stop = stop;
	k->curl = curl_easy_init();
	if (!k->curl) {
		free(k);
		return err_set(e, ERR_BROKEN, "libcurl does not start");
	}
	*out = k;
	return 0;
}

void kube_client_free(struct kube_client *k)
{
	if (!k)
		return;
	curl_easy_cleanup(k->curl);
	free(k);
}

void kube_client_ignore(struct kube_client *k, bool present)
{
	k->ignored = present && k->stop ? __atomic_load_n(k->stop, __ATOMIC_RELAXED) : 0;
}

bool kube_client_stopped(const struct kube_client *k)
{
	int now = k->stop ? __atomic_load_n(k->stop, __ATOMIC_RELAXED) : 0;

	return now && now != k->ignored;
}

struct exchange {
	struct kube_client *k;
	const struct kube_request *q;
	struct buf *answer;
	bool ended_by_reader;
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	long status = 0;

	curl_easy_getinfo(x->k->curl, CURLINFO_RESPONSE_CODE, &status);
	/* A refusal is no stream: its text belongs into the error. */
	if (x->q->on_data && status < 300) {
		if (x->q->on_data(x->q->arg, data, size * n)) {
			x->ended_by_reader = true;
			return 0;
		}
	} else if (x->answer) {
		buf_add(x->answer, data, size * n);
	}
	return size * n;
}

static int on_progress(void *arg, curl_off_t dlt, curl_off_t dln, curl_off_t ult, curl_off_t uln)
{
	const struct exchange *x = arg;

	(void)dlt, (void)dln, (void)ult, (void)uln;
	return kube_client_stopped(x->k);
}

static void set_blob(CURL *c, CURLoption opt, const struct buf *b)
{
	struct curl_blob blob = {b->s, b->len, CURL_BLOB_NOCOPY};

	if (b->len)
		curl_easy_setopt(c, opt, &blob);
}

static void set_tls(CURL *c, const struct kube_conf *conf)
{
	set_blob(c, CURLOPT_CAINFO_BLOB, &conf->ca);
	set_blob(c, CURLOPT_SSLCERT_BLOB, &conf->cert);
	set_blob(c, CURLOPT_SSLKEY_BLOB, &conf->key);
	curl_easy_setopt(c, CURLOPT_SSLCERTTYPE, "PEM");
	curl_easy_setopt(c, CURLOPT_SSLKEYTYPE, "PEM");
	if (conf->insecure) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static void set_limits(CURL *c, const struct kube_request *q)
{
	int64_t limit_ns = q->timeout_ns > 0 ? q->timeout_ns : DEFAULT_TIMEOUT_NS;
	int64_t connect_ns = limit_ns < CONNECT_TIMEOUT_NS ? limit_ns : CONNECT_TIMEOUT_NS;

	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_ns / NS_PER_MS) + 1);
	if (q->forever) {
		curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, QUIET_STREAM_S);
	} else {
		curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(limit_ns / NS_PER_MS) + 1);
	}
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPIDLE, 10L);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPINTVL, 5L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
}

/* The bearer token, as it is now; "" for none. */
static int read_token(const struct kube_conf *conf, struct buf *out, struct err *e)
{
	if (conf->token) {
		buf_str(out, conf->token);
		return 0;
	}
	if (!conf->token_file)
		return 0;
	return kube_token_read(conf->token_file, out, e);
}

static int make_headers(const struct kube_conf *conf, const struct kube_request *q,
			struct curl_slist **out, struct err *e)
{
	struct buf token = {0}, line = {0};

	if (read_token(conf, &token, e)) {
		buf_free(&token);
		return -1;
	}
	if (token.len) {
		buf_fmt(&line, "Authorization: Bearer %s", token.s);
		*out = curl_slist_append(*out, line.s);
		buf_reset(&line);
	}
	buf_free(&token);
	if (q->body) {
		buf_fmt(&line, "Content-Type: %s", q->type ? q->type : KUBE_JSON);
		*out = curl_slist_append(*out, line.s);
	}
	buf_free(&line);
	/* No round trip for "100 Continue". */
	*out = curl_slist_append(*out, "Expect:");
	*out = curl_slist_append(*out, "Accept: application/json, */*");
	for (size_t i = 0; q->headers && q->headers[i]; i++)
		*out = curl_slist_append(*out, q->headers[i]);
	return 0;
}

/* --resolve and friends are not needed: a tls-server-name differs from the
 * host only in what the certificate is checked against, which libcurl takes
 * from the URL; CONNECT_TO sends the connection to the real host. What stands
 * behind the host is part of the URL as it was. */
static struct curl_slist *connect_to(const struct kube_conf *conf, struct buf *url)
{
	const char *host = conf->server + strlen("https://");
	size_t whole = strcspn(host, "/"), len = whole;
	struct curl_slist *l;
	struct buf b = {0};
	char port[16] = "443";

	while (len && host[len - 1] != ':' && host[len - 1] != ']')
		len--;
	if (len && host[len - 1] == ':') {
		snprintf(port, sizeof(port), "%.*s", (int)(whole - len), host + len);
		len--;
	} else {
		len = whole;
	}
	buf_fmt(url, "https://%s:%s%s", conf->server_name, port, host + whole);
	buf_fmt(&b, "%s:%s:%.*s:%s", conf->server_name, port, (int)len, host, port);
	l = curl_slist_append(NULL, b.s);
	buf_free(&b);
	return l;
}

static bool loopback(const char *server)
{
	return strstr(server, "://127.") || strstr(server, "://localhost") ||
	       strstr(server, "://[::1]");
}

static int exchange_error(const struct exchange *x, CURLcode code, struct err *e)
{
	const struct kube_request *q = x->q;

	if (code == CURLE_ABORTED_BY_CALLBACK && kube_client_stopped(x->k))
		return err_set(e, ERR_INTERRUPTED, "interrupted");
	return err_set(e, ERR_BROKEN, "%s %s%.*s: %s", q->method ? q->method : "GET",
		       x->k->conf->server, (int)strcspn(q->path, "?"), q->path,
		       x->k->error[0] ? x->k->error : curl_easy_strerror(code));
}

int kube_http(struct kube_client *k, const struct kube_request *q, struct buf *answer,
	      int *status, struct err *e)
{
	struct exchange x = {k, q, answer, false};
	struct curl_slist *headers = NULL, *to = NULL;
	struct buf url = {0};
	CURL *c = k->curl;
	CURLcode code;
	long got = 0;
	int r = 0;

	*status = 0;
	if (answer)
		buf_reset(answer);
	if (make_headers(k->conf, q, &headers, e))
		return -1;
	curl_easy_reset(c);
	k->error[0] = '\0';
	if (k->conf->server_name && !strncmp(k->conf->server, "https://", 8))
		to = connect_to(k->conf, &url);
	else
		buf_str(&url, k->conf->server);
	buf_str(&url, q->path);
	curl_easy_setopt(c, CURLOPT_URL, url.s);
	curl_easy_setopt(c, CURLOPT_CONNECT_TO, to);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, k->error);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	if (loopback(k->conf->server))
		curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	if (q->body)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body);
	if (q->method)
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
	set_tls(c, k->conf);
	set_limits(c, q);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &x);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, &x);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	code = curl_easy_perform(c);
	if (code != CURLE_OK && !x.ended_by_reader)
		r = exchange_error(&x, code, e);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &got);
	*status = (int)got;
	curl_slist_free_all(headers);
	curl_slist_free_all(to);
	buf_free(&url);
	return r;
}

int kube_status_error(int status, const char *body, const char *verb, const char *what,
		      struct err *e)
{
	cJSON *o = cJSON_Parse(body);
	const char *message = json_str(o, "message", NULL);
	const char *hint = "";

	if (status == 401)
		hint = " (the kubeconfig's token or certificate is not accepted)";
	err_set(e, ERR_BROKEN, "cannot %s %s: the API server says %d: %s%s", verb, what, status,
		message ? message : *body ? body : "(nothing)", hint);
	cJSON_Delete(o);
	return -1;
}

/* "pods/postgres-0 in production" reads better than a path. */
static void what_of(const char *path, char *out, size_t size)
{
	const char *ns = strstr(path, "/namespaces/"), *rest, *slash;
	int len = (int)strcspn(path, "?");

	if (ns && (slash = strchr(ns + 12, '/')) && slash < path + len) {
		rest = slash + 1;
		snprintf(out, size, "%.*s in %.*s", (int)(path + len - rest), rest,
			 (int)(slash - ns - 12), ns + 12);
		return;
	}
	snprintf(out, size, "%.*s", len, path);
}

int kube_get(struct kube_client *k, const char *path, cJSON **out, struct err *e)
{
	struct kube_request q = {.path = path};
	struct buf b = {0};
	char what[300];
	int status, r;

	*out = NULL;
	what_of(path, what, sizeof(what));
	r = kube_http(k, &q, &b, &status, e);
	if (!r && status != 404) {
		if (status >= 300)
			r = kube_status_error(status, buf_cstr(&b), "get", what, e);
		else if (!(*out = json_parse(buf_cstr(&b), what, e)))
			r = -1;
	}
	buf_free(&b);
	return r;
}

int kube_send(struct kube_client *k, const char *method, const char *path, const char *type,
	      const cJSON *body, cJSON **out, int *status, struct err *e)
{
	struct kube_request q = {.method = method, .path = path, .type = type};
	char *text = body ? json_text(body) : NULL;
	struct buf b = {0};
	char what[300];
	int code, r;

	if (out)
		*out = NULL;
	what_of(path, what, sizeof(what));
	q.body = text;
	r = kube_http(k, &q, &b, &code, e);
	if (!r && code >= 300)
		r = kube_status_error(code, buf_cstr(&b), method, what, e);
	if (!r && out && !(*out = json_parse(buf_cstr(&b), what, e)))
		r = -1;
	if (status)
		*status = code;
	free(text);
	buf_free(&b);
	return r;
}

int kube_delete(struct kube_client *k, const char *path, const char *propagation, int grace_s,
		const char *uid, bool *found, struct err *e)
{
	cJSON *o = cJSON_CreateObject(), *pre;
	int status = 0, r;

	json_set_str(o, "kind", "DeleteOptions");
	json_set_str(o, "apiVersion", "v1");
	if (propagation)
		json_set_str(o, "propagationPolicy", propagation);
	if (grace_s >= 0)
		json_set_i64(o, "gracePeriodSeconds", grace_s);
	if (uid) {
		pre = cJSON_CreateObject();
		json_set_str(pre, "uid", uid);
		json_set(o, "preconditions", pre);
	}
	r = kube_send(k, "DELETE", path, KUBE_JSON, o, NULL, &status, e);
	cJSON_Delete(o);
	if (found)
		*found = status != 404;
	if (r && status == 404) {
		memset(e, 0, sizeof(*e));
		return 0;
	}
	return r;
}
