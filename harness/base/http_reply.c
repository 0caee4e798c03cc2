#include "base/http_reply.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static bool route_matches(const struct http_route *rt, const char *path, const char **rest)
{
	size_t len = strlen(rt->path);

	if (rt->path[len - 1] != '/') {
		*rest = "";
		return strcmp(rt->path, path) == 0;
	}
	*rest = path + len;
	return strncmp(rt->path, path, len) == 0 && path[len];
}

void http_dispatch(const struct http_route *routes, void *arg, const struct http_request *rq,
		   struct http_reply *rp)
{
	struct http_request with_rest = *rq;
	const struct http_route *rt;
	bool path_known = false;

	rp->status = 200;
	for (rt = routes; rt->method; rt++) {
		if (!route_matches(rt, rq->path, &with_rest.rest))
			continue;
		path_known = true;
		if (strcmp(rt->method, rq->method) == 0)
			break;
	}
	if (rt->method)
		rt->handler(arg, &with_rest, rp);
	else if (path_known)
		http_reply_error(rp, 405, "%s does not answer to %s", rq->path, rq->method);
	else
		http_reply_error(rp, 404, "there is no %s here", rq->path);
}

cJSON *http_body_object(const struct http_request *rq, struct http_reply *rp)
{
	struct err e = {0};
	cJSON *o = json_parse(rq->body, "request", &e);

	if (cJSON_IsObject(o))
		return o;
	http_reply_error(rp, 400, "%s", o ? "request: not a JSON object" : e.msg);
	cJSON_Delete(o);
	return NULL;
}

void http_reply_json(struct http_reply *rp, cJSON *o)
{
	char *text = json_text(o);

	rp->status = 200;
	buf_reset(&rp->body);
	buf_str(&rp->body, text);
	buf_char(&rp->body, '\n');
	free(text);
	cJSON_Delete(o);
}

void http_reply_error(struct http_reply *rp, int status, const char *fmt, ...)
{
	cJSON *o = cJSON_CreateObject();
	struct buf b = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	json_set_str(o, "error", buf_cstr(&b));
	http_reply_json(rp, o);
	rp->status = status;
	buf_free(&b);
}

void http_reply_err(struct http_reply *rp, const struct err *e)
{
	int status = e->kind == ERR_INPUT ? 400 : e->kind == ERR_UNSUPPORTED ? 409 : 500;

	http_reply_error(rp, status, "%s", e->msg);
}
