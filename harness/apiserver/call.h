#ifndef ORDEAL_APISERVER_CALL_H
#define ORDEAL_APISERVER_CALL_H

#include <microhttpd.h>

#include "apiserver/list.h"
#include "apiserver/request.h"
#include "apiserver/serve.h"

/* One request under way, its answers, and what it changes; between serve.c,
 * call.c and delete.c only. */

struct serve {
	const struct serve_conf *conf;
	const struct serve_limits *limits;
	struct MHD_Daemon *daemon;
	struct visits *visits;
	/* One body, one list, one log of an account's at a time is made into what takes many
	 * times its memory; before the store's lock. */
	pthread_mutex_t writing, listing, logging;
	size_t held;      /* atomic */
	unsigned watches; /* atomic */
};

struct call {
	struct serve *s;
	struct MHD_Connection *conn;
	struct buf body;
	cJSON *sent; /* the body while it is written; NULL: none, or no JSON */
	size_t held; /* of the server's */
	bool watching; /* counted as a watch */
	bool known;    /* and so his connection */
	struct api_request is;
	const struct kind *kind;
	const char *ns, *name; /* NULL: not given */
	bool admin;
	char account_ns[64], account[254];
};

enum MHD_Result call_answer_text(struct call *rq, int status, const char *type, const char *text,
				 size_t len);
/* Takes `o` over. */
enum MHD_Result call_answer(struct call *rq, int status, cJSON *o);
/* A Status object, as clients know it; `fmt` has one %s, for `what`. */
enum MHD_Result call_refuse(struct call *rq, int status, const char *reason, const char *fmt,
			    const char *what);

/* POST, PUT, PATCH, with the store's lock. */
enum MHD_Result call_write(struct call *rq);

/* Whether nothing is to be changed (dryRun), and why what is said of that makes no sense;
 * NULL: it does. */
bool call_dry(struct call *rq);
const char *call_dry_wrong(struct call *rq);

/* So many bytes more until the request is over; false: that is too much. */
bool call_hold(struct call *rq, size_t bytes);
/* Why a body is larger than an object may be; NULL: it is not. */
const char *call_too_large(const struct call *rq, const cJSON *o);

/* A query's argument, NULL: not given. */
const char *call_arg(struct call *rq, const char *key);
/* The list that is asked for by its selectors, and of what there is what they name: without
 * the store's lock. */
struct list_of call_list_of(struct call *rq);
enum MHD_Result call_answer_list(struct call *rq, const struct store_view *view);

#endif
