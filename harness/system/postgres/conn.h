#ifndef ORDEAL_SYSTEM_POSTGRES_CONN_H
#define ORDEAL_SYSTEM_POSTGRES_CONN_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/client.h"

/* libpq with one deadline over everything: name resolution, connecting,
 * authentication, sending and waiting. Its non-blocking calls only, and an
 * address instead of a name, since libpq resolves names without a limit
 * (libpq, "Connection Status Functions": PQconnectPoll and hostaddr).
 * No call here takes longer than its until_ns (CLOCK_MONOTONIC), whatever the
 * server or the network do; none tries any host twice. */

struct pg_login {
	/* One name, or several with commas between, as libpq has them: then the
	 * one that was right before is tried first, the others after it, each for
	 * its share of what time is left (pg_open() keeps which in `next`). */
	const char *host;
	const char *user, *password, *database;
	char port[8];
	/* Refuse a server that would not take writes; it says so while
	 * connecting (PostgreSQL 14 and later), at no cost. */
	bool read_write;
	/* Refuse a server that is no standby; likewise. */
	bool standby;
	unsigned next;
};

/* From access.yaml: write_host, port, user, password, database; for clients
 * client_user and client_password where it has them. `host` NULL: write_host. The texts
 * are the access's and the caller's. */
void pg_login_from(struct pg_login *l, const struct access *acc, const char *host, bool client);

struct pg_cost {
	int64_t dns_ns, connect_ns;
	char address[64]; /* that was connected to */
};

/* NULL with "dns: ...", "connect: ..." or "timeout: ..." in error, of the last
 * host that was tried; nothing of the caller's was sent then. */
PGconn *pg_open(struct pg_login *l, int64_t until_ns, struct pg_cost *cost, char *error,
		size_t size);

/* Whether that error says that nobody is let in: no server at that address, or
 * one that shuts down, starts or recovers (postmaster.c, canAcceptConnections;
 * a refused connection has no SQLSTATE in libpq, so the words tell). */
bool pg_closed(const char *error);

enum pg_end {
	PG_ANSWERED, /* *res is set: PQclear() */
	PG_TIMEOUT,  /* silence until until_ns */
	PG_BROKEN,   /* the connection ended first; error says how */
};

/* Sends one statement (text parameters) and waits for its result. After
 * anything but PG_ANSWERED the connection is of no use. */
enum pg_end pg_query(PGconn *c, const char *sql, int n, const char *const *values, int64_t until_ns,
		     PGresult **res, char *error, size_t size);

/* The server has closed an idle connection. Never waits. What it said before
 * goes to the connection's notice receiver. */
bool pg_gone(PGconn *c);

/* Throws a connection away without waiting for anyone. NULL is fine. */
void pg_drop(PGconn *c);

/* Copies the first line of a message, without libpq's prefix and newline. */
void pg_brief(char *out, size_t size, const char *class, const char *message);

#endif
