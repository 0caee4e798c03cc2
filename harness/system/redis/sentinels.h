#ifndef ORDEAL_SYSTEM_REDIS_SENTINELS_H
#define ORDEAL_SYSTEM_REDIS_SENTINELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/client.h"
#include "system/redis/peer.h"

/* Where the Sentinels say that the master is. One thread owns it. Source:
 * "Guidelines for Redis clients with support for Redis Sentinel". */

enum { SENTINELS_MAX = 9 };

struct sentinels {
	const char *host[SENTINELS_MAX]; /* of access.yaml, which outlives this */
	size_t n;
	int port;
	const char *master;      /* its name to the Sentinels */
	size_t next;             /* whom to ask first */
	struct redis_peer news;  /* subscribed to +switch-master */
};

void sentinels_init(struct sentinels *s, const struct access *acc);

/* Asks one after the other, each for a share of the time, until one tells where
 * `master` is; subscribes to the news of that one. False: an error text. `cost`
 * is added to. */
bool sentinels_ask(struct sentinels *s, struct redis_peer *master, int64_t until_ns,
		   struct redis_cost *cost, char *error, size_t size);

/* Has a +switch-master come since? Never waits. True: `master` is where the newest
 * one says. When the connection for news has gone, there are none: what it would
 * have told shows in the next failure. */
bool sentinels_news(struct sentinels *s, struct redis_peer *master);

#endif
