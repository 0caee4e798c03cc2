#ifndef ORDEAL_SYSTEM_REDIS_CONN_H
#define ORDEAL_SYSTEM_REDIS_CONN_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One connection to one Redis server, with one deadline over everything. Of
 * hiredis only what writes commands and reads replies: its sockets resolve
 * names without a limit, and its asynchronous ones reconnect. No call here
 * takes longer than its until_ns (CLOCK_MONOTONIC), whatever the server or
 * the network do; none tries anything twice. */

struct redis_conn;

struct redis_cost {
	int64_t dns_ns, connect_ns;
	int64_t find_ns; /* asking others where, apart from both */
};

/* NULL with "dns: ...", "connect: ..." or "timeout: ..." in error; nothing
 * of the caller's was sent then. `cost` is added to; it may be NULL. */
struct redis_conn *redis_open(const char *host, int port, int64_t until_ns,
			      struct redis_cost *cost, char *error, size_t size);

/* "10.244.1.7:6379": what was connected to. */
const char *redis_address(const struct redis_conn *c);

enum redis_end {
	REDIS_ANSWERED, /* *reply is set: freeReplyObject(); it may be an error reply */
	REDIS_TIMEOUT,  /* silence until until_ns */
	REDIS_BROKEN,   /* the connection ended first; error says how */
};

/* Sends one command and waits for its reply. After anything but
 * REDIS_ANSWERED the connection is of no use. */
enum redis_end redis_call(struct redis_conn *c, int argc, const char *const *argv,
			  int64_t until_ns, redisReply **reply, char *error, size_t size);

/* The two halves, for several commands at once: what was put goes out with
 * the next redis_get(); a command's words must not hold NUL bytes. */
void redis_put(struct redis_conn *c, int argc, const char *const *argv);
enum redis_end redis_get(struct redis_conn *c, int64_t until_ns, redisReply **reply, char *error,
			 size_t size);

/* The server has closed an idle connection, or said something unasked. Never
 * waits. */
bool redis_gone(struct redis_conn *c);

/* NULL is fine; waits for nobody. */
void redis_drop(struct redis_conn *c);

/* "key:value" lines of INFO and CLUSTER INFO: copies the value of the first
 * such line; false and "" when there is none. */
bool redis_field(const char *text, const char *key, char *out, size_t size);
int64_t redis_number(const char *text, const char *key, int64_t dflt);

/* The text of a string or status reply, "" for anything else. */
const char *redis_text(const redisReply *r);

#endif
