#ifndef ORDEAL_BASE_HTTPD_H
#define ORDEAL_BASE_HTTPD_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/err.h"

/* What the servers on libmicrohttpd have in common. Each connection has a thread
 * of its own. */

struct httpd_conf {
	const char *listen; /* for messages */
	const struct sockaddr *at;
	unsigned connections; /* at most, at once ... */
	unsigned connections_each; /* ... and from one address; 0: as many */
	size_t headers_bytes; /* what a request's headers may take; 0: what the library does */
	unsigned idle_s;      /* after which a connection is closed; 0: never */
	const char *cert, *key; /* of TLS, PEM; NULL: plain HTTP */
	bool shared_port;     /* another of this user's may listen there, too */
	MHD_NotifyConnectionCallback on_connection; /* NULL: nobody asks */
	void *visits;         /* of on_connection */
	MHD_AccessHandlerCallback on_request;
	MHD_RequestCompletedCallback on_completed;
	void *arg;            /* of on_request */
};

/* NULL with an error. MHD_stop_daemon() ends it. */
struct MHD_Daemon *httpd_start(const struct httpd_conf *conf, struct err *e);
/* The port in use. */
int httpd_port(struct MHD_Daemon *d);

/* Takes a piece of a request's body, if this call has one: on_request is called
 * once for the headers, once for each piece and once at the end (microhttpd.h,
 * MHD_AccessHandlerCallback). `body` may be NULL: nobody wants it. */
bool httpd_piece(struct buf *body, const char *data, size_t *size);

/* Queues an answer; the text is copied. `header` "": no other one. */
enum MHD_Result httpd_answer(struct MHD_Connection *c, int status, const char *type,
			     const char *text, size_t len, const char *header, const char *value);

#endif
