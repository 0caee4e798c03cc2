#ifndef ORDEAL_BASE_HTTP_REPLY_H
#define ORDEAL_BASE_HTTP_REPLY_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Requests, routes and replies, whatever carries them: a server, or a call
 * within one process. */

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
