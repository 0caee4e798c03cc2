#ifndef ORDEAL_APISERVER_CALL_H
#define ORDEAL_APISERVER_CALL_H

#include <microhttpd.h>

#include "apiserver/request.h"
#include "apiserver/serve.h"

/* One request under way, its answers, and what it changes; between serve.c and
 * call.c only. */

struct serve {
	const struct serve_conf *conf;
	struct MHD_Daemon *daemon;
};

struct call {
	struct serve *s;
	struct MHD_Connection *conn;
	struct buf body;
	struct api_request is;
	const struct kind *kind;
	const char *ns, *name; /* NULL: not given */
	bool admin;
	char account_ns[64], account[254];
};

enum MHD_Result call_answer_text(const struct call *rq, int status, const char *type, const char *text, size_t len);
/* Takes `o` over. */
enum MHD_Result call_answer(const struct call *rq, int status, cJSON *o);
/* A Status object, as clients know it; `fmt` has one %s, for `what`. */
enum MHD_Result call_refuse(const struct call *rq, int status, const char *reason, const char *fmt,
			    const char *what);

/* POST, PUT, PATCH, DELETE, with the store's lock. */
enum MHD_Result call_write(const struct call *rq);

/* A query's argument, NULL: not given. */
const char *call_arg(const struct call *rq, const char *key);

#endif
