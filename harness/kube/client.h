#ifndef ORDEAL_KUBE_CLIENT_H
#define ORDEAL_KUBE_CLIENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "kube/config.h"

/* A client of the Kubernetes API: one connection, kept alive, used by one
 * thread at a time. Every request has a time limit; an error says what was
 * asked of which object, the HTTP status and the server's own message. */
struct kube_client;

/* `conf` is borrowed and must outlive the client. `stop` (may be NULL): while
 * it reads non-zero and other than kube_client_ignore() noted, requests end
 * with ERR_INTERRUPTED within about a second. */
int kube_client_new(const struct kube_conf *conf, const volatile int *stop,
		    struct kube_client **out, struct err *e);
void kube_client_free(struct kube_client *k);

/* Cleaning up after an interruption must work: from now on the present
 * value of *stop does not interrupt (true), or any value does (false). */
void kube_client_ignore(struct kube_client *k, bool present);
bool kube_client_stopped(const struct kube_client *k);

struct kube_request {
	const char *method;       /* NULL: GET */
	const char *path;         /* "/api/v1/..." with its query */
	const char *type;         /* content type of the body */
	const char *body;         /* NULL: none */
	const char *const *headers; /* NULL-terminated "Name: value"; NULL: none */
	int64_t timeout_ns;       /* 0: 30 s */
	/* Streaming: called with each piece as it comes; non-zero ends the
	 * request. NULL: the answer is collected. */
	int (*on_data)(void *arg, const char *data, size_t len);
	void *arg;
	bool forever;             /* no time limit, but ended after 60 s without a byte */
};

/* One exchange. 0 for any HTTP answer; *status is its code. `answer` (may be
 * NULL with on_data) is reset first. */
int kube_http(struct kube_client *k, const struct kube_request *q, struct buf *answer,
	      int *status, struct err *e);

/* Sets an ERR_BROKEN from an answer: "cannot VERB WHAT: the API server says
 * 403: message". */
int kube_status_error(int status, const char *body, const char *verb, const char *what,
		      struct err *e);

/* GET of one object or list. 404 is no error: *out is NULL then. The caller
 * deletes *out. */
int kube_get(struct kube_client *k, const char *path, cJSON **out, struct err *e);

/* Sends a body and reads the answer; *out may be NULL. Any status of 300 or
 * more is an error, *status (may be NULL) tells it. */
int kube_send(struct kube_client *k, const char *method, const char *path, const char *type,
	      const cJSON *body, cJSON **out, int *status, struct err *e);

/* DELETE with foreground, background or orphan propagation (NULL: the
 * server's default); grace_s < 0: the object's own. 404 is fine; *found (may
 * be NULL) tells. */
int kube_delete(struct kube_client *k, const char *path, const char *propagation, int grace_s,
		const char *uid, bool *found, struct err *e);

#define KUBE_JSON "application/json"
#define KUBE_APPLY_PATCH "application/apply-patch+yaml"

#endif
