#ifndef ORDEAL_SYSTEM_MYSQL_CONN_H
#define ORDEAL_SYSTEM_MYSQL_CONN_H

#include <mysql.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history/op.h"
#include "system/client.h"

/* MariaDB's Connector/C with one deadline over everything: name resolution,
 * connecting, authentication, sending and waiting. Its own time-outs are whole
 * seconds for each wait and do not cover getaddrinfo(), which it calls even in
 * its non-blocking mode; so it gets an address, and of its calls only those
 * that never wait ("Non-blocking API Reference", MariaDB Connector/C): when the
 * time is over it is told so, and ends what it was doing by itself.
 * No call here takes longer than its until_ns (CLOCK_MONOTONIC). Nothing is tried
 * twice: MYSQL_OPT_RECONNECT is off, and one address is given. Without TLS: its
 * handshake would wait. */

struct my_login {
	char host[256]; /* one name */
	int port;
	const char *user, *password;
	const char *database; /* "" none */
};

/* From access.yaml: port, and what is named `user` and `password` there
 * ("probe_user", ...); without them "user" and "password". The texts are
 * the access's. */
void my_login_from(struct my_login *l, const struct access *acc, const char *user,
		   const char *password);

struct my_cost {
	int64_t dns_ns, connect_ns; /* added to */
};

/* One connection; one thread owns it. */
struct my_conn {
	MYSQL *m;          /* NULL: thrown away already */
	bool late;         /* the time was over: of no use any more */
	char address[64];  /* that was connected to */
	/* What the server said of itself when it was connected to. */
	char name[64];     /* @@hostname */
	char uuid[40];     /* @@server_uuid */
	bool read_only;    /* read_only or super_read_only */
	MYSQL_STMT *stmts[8]; /* prepared, by the caller's numbers; my_prepare() */
};

/* NULL with "dns: ...", "connect: ..." or "timeout: ..." in error; nothing of the
 * caller's was sent then. Each commit's GTID comes with its answer from then on. */
struct my_conn *my_open(const struct my_login *l, int64_t until_ns, struct my_cost *cost,
			char *error, size_t size);

/* Whether that error says that nobody is let in: no server at that address, one
 * that starts or shuts down (1053), or that is offline to all but administrators
 * (3032). */
bool my_closed(const char *error);

/* How a call ended. */
enum my_end {
	MY_ANSWERED, /* well */
	MY_REFUSED,  /* the server's error: mysql_errno() of the connection */
	MY_BROKEN,   /* the connection ended first; the same */
	MY_TIMEOUT,  /* silence until until_ns */
};

/* One statement as text. *res is its rows, all read, NULL when it has none:
 * mysql_free_result(). After MY_BROKEN and MY_TIMEOUT the connection is of no use.
 * Unless it was answered well, the error says why, with the number in front. */
enum my_end my_query(struct my_conn *c, const char *sql, int64_t until_ns, MYSQL_RES **res,
		     char *error, size_t size);

/* The prepared statement of this number, made of `sql` when it is not there yet.
 * NULL: no statement; nothing of the caller's was sent, the error as in my_query().
 * The connection is of no use then. */
MYSQL_STMT *my_prepare(struct my_conn *c, unsigned number, const char *sql, int64_t until_ns,
		       char *error, size_t size);
/* With parameters and results bound; the rows are read. Then mysql_stmt_fetch() does
 * not wait, and mysql_stmt_free_result() may be called. */
enum my_end my_execute(struct my_conn *c, MYSQL_STMT *s, int64_t until_ns, char *error,
		       size_t size);

/* The number of the error that the last call ended with; 0 none. `s` may be NULL. */
unsigned my_errno(const struct my_conn *c, MYSQL_STMT *s);

/* The GTID of the commit that the last answer acknowledges; "" none
 * (session_track_gtids). */
void my_gtid(struct my_conn *c, char *out, size_t size);

/* Something lies unread on an idle connection: a farewell (1053, 4031), or its end. It would
 * be taken for the next answer, since packets' numbers are not looked at. Never waits. */
bool my_gone(const struct my_conn *c);

/* Throws a connection away without waiting for anyone. NULL is fine. */
void my_drop(struct my_conn *c);

#endif
