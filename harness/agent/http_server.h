#ifndef ORDEAL_AGENT_HTTP_SERVER_H
#define ORDEAL_AGENT_HTTP_SERVER_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* The HTTP side of both agents: routes, the token, JSON in and out. Each
 * connection has a thread of its own, so a slow handler delays nobody else;
 * handlers must therefore be safe to run at the same time. */

struct http_request {
	const char *method, *path; /* path without the query */
	const char *rest;          /* what follows the route's prefix, "" when nothing */
	const char *body;          /* NUL-terminated, "" when there is none */
	size_t body_len;
	void *connection;          /* private: for http_query(); NULL: there is none */
};

/* Zeroed, then status 200 and JSON, when the handler gets it. */
struct http_reply {
	int status;
	struct buf body;
	const char *type;                /* content type; NULL: application/json */
	char header[32], header_value[64]; /* one extra header; header "" means none */
};

typedef void http_handler(void *arg, const struct http_request *rq, struct http_reply *rp);

struct http_route {
	const char *method;
	/* "/v1/faults" matches exactly that; "/v1/faults/" everything below it,
	 * with the remainder (never empty) in rq->rest. */
	const char *path;
	http_handler *handler;
};

/* Finds the route and lets its handler answer; 404 or 405 when there is none.
 * For a caller in the same process as well: then rq->connection is NULL, and
 * no query parameter is there. */
void http_dispatch(const struct http_route *routes, void *arg, const struct http_request *rq,
		   struct http_reply *rp);

struct http_conf {
	const char *listen;            /* "ADDR:PORT", "[V6ADDR]:PORT"; port 0: the kernel's choice */
	const char *token;             /* every request must carry it; "" and NULL are refused */
	const struct http_route *routes; /* ends with a NULL method; must outlive the server */
	void *arg;                     /* for the handlers */
	size_t body_cap_bytes;         /* of a request; 0: 4 MiB. Beyond: 413 */
	/* Called for every authorised request before its handler; may be NULL. */
	void (*authorised)(void *arg);
};

struct http_server;

/* Starts answering. Block SIGTERM and SIGINT before, so that the server's
 * threads inherit that and the main thread can wait for the signals. */
int http_server_start(const struct http_conf *conf, struct http_server **out, struct err *e);

/* The port in use. */
int http_server_port(const struct http_server *s);

/* Prints "listening ADDR:PORT" with the real port on standard output and
 * flushes it, for a parent that reads it from a pipe. */
void http_server_announce(const struct http_server *s);

/* Ends it; waits for handlers under way. NULL is fine. */
void http_server_stop(struct http_server *s);

/* A query parameter: its text (as long as the request), NULL when absent;
 * or as a number, `dflt` when absent, -1 when it is no number from 0 up. */
const char *http_query(const struct http_request *rq, const char *name);
int64_t http_query_i64(const struct http_request *rq, const char *name, int64_t dflt);

/* The body as a JSON object, which the caller deletes; on anything else it
 * answers 400 and returns NULL. */
cJSON *http_body_object(const struct http_request *rq, struct http_reply *rp);

/* Answers 200 with `o` and deletes it. */
void http_reply_json(struct http_reply *rp, cJSON *o);

/* Answers {"error": ...} with this status. */
void http_reply_error(struct http_reply *rp, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same from an err: 400 for bad input, 409 for what cannot be done
 * here, 500 for the rest. */
void http_reply_err(struct http_reply *rp, const struct err *e);

#endif
