#ifndef ORDEAL_SYSTEM_HTTP_CALL_H
#define ORDEAL_SYSTEM_HTTP_CALL_H

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdint.h>

#include "base/buf.h"
#include "history/op.h"

/* One question to a member's HTTP interface, in two halves, so that one
 * thread can ask others in between and all share one deadline. until_ns is
 * CLOCK_MONOTONIC, held to the millisecond. */

struct http_call {
	CURLM *multi;
	CURL *easy; /* NULL: none; error says why */
	struct buf answer;
	char error[OP_ERROR_MAX];
};

/* Connects and asks "GET path", or, with a body of JSON, "POST path"; waits
 * until the question is sent only. `address` is numeric: names are resolved
 * elsewhere. http_end() must follow. */
void http_begin(struct http_call *c, const char *address, int port, const char *path,
		const char *body, int64_t until_ns);

/* Waits for the answer, takes what is there already even when the time is
 * over, and closes. NULL with c->error, or an object for the caller to delete.
 * A zeroed call, which nobody began, keeps its error. */
cJSON *http_end(struct http_call *c, int64_t until_ns);

#endif
