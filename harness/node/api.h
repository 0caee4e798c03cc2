#ifndef ORDEAL_NODE_API_H
#define ORDEAL_NODE_API_H

#include "base/http_reply.h"
#include "node/faults.h"

/* What a node agent is asked (agent.h): over HTTP in `ordeal node-agent`, or
 * by a call where the driver is on the node itself. */
struct node_api {
	const char *mode;
	const struct node *node;
	struct node_faults *faults;
};

/* Their argument is a struct node_api. */
extern const struct http_route node_api_routes[];

/* Each request renews the dead-man timer: for http_conf.authorised. */
void node_api_renew(void *api);

/* Answers as the agent would over HTTP. `body` may be NULL. `rp` is zeroed by
 * the caller, who frees its body. Any thread may call. */
void node_api_call(struct node_api *a, const char *method, const char *path, const char *body,
		   struct http_reply *rp);

#endif
