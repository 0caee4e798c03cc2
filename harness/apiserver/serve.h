#ifndef ORDEAL_APISERVER_SERVE_H
#define ORDEAL_APISERVER_SERVE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "apiserver/admit.h"
#include "apiserver/store.h"

/* The part of Kubernetes' API that pods and agents use, over a store: get,
 * list, watch, create, replace, patch, delete, delete collection, and pods'
 * logs. Over TLS to pods; every request carries a bearer token. */

/* What callers whom we know can make us hold, all of them together but the
 * admin: who asks for more is told 413 (an object), 403 (all objects) or 429 (as
 * long as it is so). */
struct serve_limits {
	size_t object_bytes; /* of an object as JSON: etcd's --max-request-bytes */
	size_t object_memory; /* of an object as it is held: a 0 in a list has two bytes as JSON */
	size_t map_keys;     /* of any map of it; its square is for the squares of all large maps */
	size_t objects;      /* those of the driver counted along */
	size_t store_memory; /* of all objects as they are held */
	size_t held_bytes;   /* of bodies under way, and of answers that are not taken yet */
	unsigned watches;
	unsigned connections; /* of all */
	/* By when a connection is cut, whatever comes and goes on it: until somebody we know
	 * has asked, with his request until it is answered, with a watch, between requests. */
	int64_t unknown_ns, request_ns, watch_ns, idle_ns;
};

struct serve_conf {
	struct store *store;
	const struct serve_limits *limits; /* NULL: serve_limits */
	const char *admin_token; /* may do everything; the driver's alone */
	const char *cert, *key;  /* PEM; NULL: plain HTTP, for ourselves on loopback */
	struct admit_nets nets;
	unsigned per_address;    /* how many connections one address may have; 0: all */
	/* The service account of a token, if it is anybody's; borrowed for as
	 * long as the lock is held, with which it is called. */
	bool (*account)(void *arg, const char *token, const char **ns, const char **account);
	/* A pod is to be deleted; grace_s < 0: its own. With the lock. */
	void (*delete_pod)(void *arg, const char *ns, const char *name, int grace_s);
	/* What whoever plays the cluster would do otherwise than it says, in `why`; with the
	 * lock. NULL: nothing. */
	bool (*drops)(void *arg, const struct kind *kind, const cJSON *object, struct buf *why);
	/* Without the lock. */
	int (*log)(void *arg, const char *ns, const char *pod, const char *container, bool previous,
		   int lines, bool timestamps, struct buf *out, struct err *e);
	void *arg;
};

extern const struct serve_limits serve_limits;

struct serve;

/* Answers at an IPv4 address; port 0: the kernel's choice. `conf` is
 * borrowed. One thread a connection. */
int serve_start(const struct serve_conf *conf, const char *address, int port, struct serve **out,
		struct err *e);
int serve_port(const struct serve *s);
/* Ends watches, too: store.closing must have been set. NULL is fine. */
void serve_stop(struct serve *s);

#endif
