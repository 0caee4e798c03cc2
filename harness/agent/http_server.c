#include "agent/http_server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/httpd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"

#define TOKEN_HEADER "X-Ordeal-Token"

enum {
	BODY_CAP_BYTES = 4 << 20,
	MAX_CONNECTIONS = 128,
	MAX_CONNECTIONS_EACH = 48, /* of an address: nobody keeps the others out */
	IDLE_S = 120,
};

struct http_server {
	struct MHD_Daemon *daemon;
	struct http_conf conf;
	char *token, *host;
	int port;
};

/* One request while its body arrives. */
struct exchange {
	struct buf body;
	bool refused; /* an answer is queued already */
};

static enum MHD_Result send_reply(struct MHD_Connection *c, const struct http_reply *rp)
{
	return httpd_answer(c, rp->status, rp->type ? rp->type : "application/json", rp->body.s ? rp->body.s : "",
			    rp->body.len, rp->header, rp->header_value);
}

static enum MHD_Result refuse(struct MHD_Connection *c, int status, const char *why)
{
	struct http_reply rp = {.status = status};
	enum MHD_Result res;

	http_reply_error(&rp, status, "%s", why);
	res = send_reply(c, &rp);
	buf_free(&rp.body);
	return res;
}

static enum MHD_Result answer(struct http_server *s, struct MHD_Connection *c, const char *path,
			      const char *method, struct exchange *x)
{
	struct http_request rq = {
		.method = method, .path = path, .body = buf_cstr(&x->body),
		.body_len = x->body.len, .connection = c,
	};
	struct http_reply rp = {0};
	enum MHD_Result res;

	http_dispatch(s->conf.routes, s->conf.arg, &rq, &rp);
	res = send_reply(c, &rp);
	buf_free(&rp.body);
	return res;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *path,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **state)
{
	struct http_server *s = arg;
	struct exchange *x = *state;
	const char *token;

	(void)version;
	if (!x) {
		*state = x = mem_alloc(sizeof(*x));
		x->body.cap = s->conf.body_cap_bytes;
		token = MHD_lookup_connection_value(c, MHD_HEADER_KIND, TOKEN_HEADER);
		if (random_is(s->token, token ? token : ""))
			return MHD_YES;
		x->refused = true;
		return refuse(c, 401, token ? "wrong " TOKEN_HEADER : "no " TOKEN_HEADER);
	}
	if (httpd_piece(x->refused ? NULL : &x->body, data, size) || x->refused)
		return MHD_YES;
	if (x->body.over)
		return refuse(c, 413, "the request's body is too large");
	if (s->conf.authorised)
		s->conf.authorised(s->conf.arg);
	return answer(s, c, path, method, x);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **state,
			 enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *state;

	(void)arg;
	(void)c;
	(void)why;
	if (!x)
		return;
	buf_free(&x->body);
	free(x);
	*state = NULL;
}

/* "ADDR:PORT" or "[V6ADDR]:PORT" into a socket address; *host is the heap's. */
static int resolve(const char *listen_on, char **host, struct addrinfo **ai, struct err *e)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				 .ai_socktype = SOCK_STREAM};
	const char *colon = listen_on ? strrchr(listen_on, ':') : NULL;
	size_t len;
	int r;

	if (!colon || colon == listen_on || !colon[1])
		return err_set(e, ERR_INPUT, "cannot listen on \"%s\": want ADDRESS:PORT",
			       listen_on ? listen_on : "");
	len = (size_t)(colon - listen_on);
	if (listen_on[0] == '[' && colon[-1] == ']')
		*host = mem_fmt("%.*s", (int)len - 2, listen_on + 1);
	else
		*host = mem_fmt("%.*s", (int)len, listen_on);
	r = getaddrinfo(*host, colon + 1, &hints, ai);
	if (r)
		return err_set(e, ERR_INPUT, "cannot listen on \"%s\": %s", listen_on,
			       gai_strerror(r));
	return 0;
}

int http_server_start(const struct http_conf *conf, struct http_server **out, struct err *e)
{
	struct addrinfo *ai = NULL;
	struct http_server *s;
	int r = -1;

	*out = NULL;
	if (!conf->token || !conf->token[0])
		return err_set(e, ERR_INPUT, "an agent does not start without a token: set ORDEAL_TOKEN");
	s = mem_alloc(sizeof(*s));
	s->conf = *conf;
	if (!s->conf.body_cap_bytes)
		s->conf.body_cap_bytes = BODY_CAP_BYTES;
	s->token = mem_strdup(conf->token);
	if (resolve(conf->listen, &s->host, &ai, e))
		goto out;
	s->daemon = httpd_start(&(struct httpd_conf){.listen = conf->listen,
						     .at = ai->ai_addr,
						     .arg = s,
						     .connections = MAX_CONNECTIONS,
						     .connections_each = MAX_CONNECTIONS_EACH,
						     .idle_s = IDLE_S,
						     .shared_port = true,
						     .on_request = on_request,
						     .on_completed = on_completed},
				e);
	if (!s->daemon)
		goto out;
	s->port = httpd_port(s->daemon);
	*out = s;
	r = 0;
out:
	if (ai)
		freeaddrinfo(ai);
	if (r)
		http_server_stop(s);
	return r;
}

int http_server_port(const struct http_server *s)
{
	return s->port;
}

void http_server_announce(const struct http_server *s)
{
	bool v6 = strchr(s->host, ':') != NULL;

	printf("listening %s%s%s:%d\n", v6 ? "[" : "", s->host, v6 ? "]" : "", s->port);
	fflush(stdout);
}

void http_server_stop(struct http_server *s)
{
	if (!s)
		return;
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	free(s->token);
	free(s->host);
	free(s);
}

const char *http_query(const struct http_request *rq, const char *name)
{
	return rq->connection ?
		       MHD_lookup_connection_value(rq->connection, MHD_GET_ARGUMENT_KIND, name) :
		       NULL;
}

int64_t http_query_i64(const struct http_request *rq, const char *name, int64_t dflt)
{
	const char *text = http_query(rq, name);
	long long n;
	char *end;

	if (!text)
		return dflt;
	errno = 0;
	n = strtoll(text, &end, 10);
	return errno || *end || end == text || n < 0 ? -1 : n;
}
