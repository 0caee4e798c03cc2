#include "node/api.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/version.h"

static void on_clock(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	cJSON *o = cJSON_CreateObject();
	char id[CLOCK_ID_BYTES];

	(void)arg;
	(void)rq;
	clock_id(id);
	json_set_i64(o, "mono_ns", clock_mono_ns());
	json_set_str(o, "clock", id);
	http_reply_json(rp, o);
}

static void on_health(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	const struct node_api *a = arg;
	cJSON *o = cJSON_CreateObject();

	(void)rq;
	json_set_str(o, "posture", "node");
	json_set_str(o, "mode", a->mode);
	json_set_str(o, "node", a->node->name);
	json_set_str(o, "version", ORDEAL_VERSION);
	json_set_i64(o, "pid", getpid());
	http_reply_json(rp, o);
}

static void on_lease(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	const struct node_api *a = arg;
	cJSON *o = cJSON_CreateObject();

	(void)rq; /* the request itself has renewed it */
	json_set_i64(o, "expires_in_ms", node_faults_expires_in_ns(a->faults) / NS_PER_MS);
	http_reply_json(rp, o);
}

static void on_inject(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	struct node_api *a = arg;
	cJSON *body = http_body_object(rq, rp), *out = NULL;
	struct err e = {0};

	if (!body)
		return;
	/* Either the plan itself or {"plan": it}. */
	if (node_faults_inject(a->faults, json_get(body, "plan") ? json_get(body, "plan") : body, &out,
			       &e))
		http_reply_err(rp, &e);
	else
		http_reply_json(rp, out);
	cJSON_Delete(body);
}

static void on_list(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	const struct node_api *a = arg;

	(void)rq;
	http_reply_json(rp, node_faults_list(a->faults));
}

typedef int one_fn(struct node_faults *f, const char *id, cJSON **out, struct err *e);

static void with_one(struct node_api *a, const char *id, one_fn *fn, struct http_reply *rp)
{
	struct err e = {0};
	cJSON *out = NULL;

	if (!node_faults_has(a->faults, id))
		http_reply_error(rp, 404, "no fault %.60s is known here", id);
	else if (fn(a->faults, id, &out, &e))
		http_reply_err(rp, &e);
	else
		http_reply_json(rp, out);
}

static void on_observe(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	with_one(arg, rq->rest, node_faults_observe, rp);
}

static void on_heal(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	with_one(arg, rq->rest, node_faults_heal, rp);
}

static void on_heal_all(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	struct node_api *a = arg;
	struct err e = {0};
	cJSON *out = NULL;

	(void)rq;
	if (node_faults_heal_all(a->faults, &out, &e))
		http_reply_err(rp, &e);
	else
		http_reply_json(rp, out);
}

static void on_residue(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	struct node_api *a = arg;

	(void)rq;
	http_reply_json(rp, node_faults_residue(a->faults));
}

void node_api_renew(void *api)
{
	node_faults_renew(((struct node_api *)api)->faults);
}

const struct http_route node_api_routes[] = {
	{"GET", "/v1/clock", on_clock},
	{"GET", "/v1/health", on_health},
	{"POST", "/v1/lease", on_lease},
	{"POST", "/v1/faults", on_inject},
	{"GET", "/v1/faults", on_list},
	{"DELETE", "/v1/faults", on_heal_all},
	{"GET", "/v1/faults/", on_observe},
	{"DELETE", "/v1/faults/", on_heal},
	{"GET", "/v1/residue", on_residue},
	{NULL, NULL, NULL},
};

void node_api_call(struct node_api *a, const char *method, const char *path, const char *body,
		   struct http_reply *rp)
{
	struct http_request rq = {.method = method, .path = path, .body = body ? body : "",
				  .body_len = body ? strlen(body) : 0};

	node_api_renew(a);
	http_dispatch(node_api_routes, a, &rq, rp);
}
