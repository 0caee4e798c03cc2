#ifndef ORDEAL_SYSTEM_REDIS_PEER_H
#define ORDEAL_SYSTEM_REDIS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/redis/conn.h"

/* A server, and the connection to it that is kept between calls. One thread
 * owns it; a zeroed one is empty. */
struct redis_peer {
	char host[256];
	int port;
	bool readonly;           /* says READONLY first: a cluster's replica then answers reads */
	const char *role; /* is asked first, and has to begin its ROLE with this; NULL: is not */
	struct redis_conn *conn; /* NULL: none now */
};

/* From now on this one; a connection to another is dropped. */
void redis_peer_move(struct redis_peer *p, const char *host, int port);

/* A connection that the server has not closed; NULL with an error text. `cost`
 * is added to; it may be NULL. */
struct redis_conn *redis_peer_conn(struct redis_peer *p, int64_t until_ns, struct redis_cost *cost,
				   char *error, size_t size);

/* Sends one command and waits for its reply, which is the caller's; connects
 * before when it has to. NULL: there was none in time, with an error text, and
 * the connection is dropped. */
redisReply *redis_peer_ask(struct redis_peer *p, int argc, const char *const *argv,
			   int64_t until_ns, struct redis_cost *cost, char *error, size_t size);

/* The first word of a reply to ROLE, "" when it is none. */
const char *redis_role(const redisReply *r);

/* It was connected to, and the server has closed that or said something
 * unasked. Never waits. */
bool redis_peer_gone(const struct redis_peer *p);

void redis_peer_drop(struct redis_peer *p);

#endif
