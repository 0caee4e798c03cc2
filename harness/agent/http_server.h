#ifndef ORDEAL_AGENT_HTTP_SERVER_H
#define ORDEAL_AGENT_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/http_reply.h"

/* The HTTP side of both agents: routes, the token, JSON in and out. Each
 * connection has a thread of its own, so a slow handler delays nobody else;
 * handlers must therefore be safe to run at the same time. */

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

#endif
