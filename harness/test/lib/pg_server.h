#ifndef ORDEAL_TEST_LIB_PG_SERVER_H
#define ORDEAL_TEST_LIB_PG_SERVER_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "system/client.h"

/* A PostgreSQL 15 of a test's own: a data folder in a temporary one, a free
 * port of 127.0.0.1, run by a plain user when the test is root's. */

struct pg_server {
	char dir[PATH_MAX - 64];
	int port;
	pid_t pid; /* the postmaster; 0: not running */
};

/* NULL, or why there cannot be one here (for skip()). */
const char *pg_server_missing(void);

/* Made with initdb or, with `primary`, as its streaming standby; started and
 * answering. Returns 0 or -1 (said on standard error). */
int pg_server_new(struct pg_server *s, const struct pg_server *primary);
int pg_server_start(struct pg_server *s);
/* A fast shutdown, as an administrator's. */
void pg_server_stop(struct pg_server *s);
/* Ends it however it is, and removes its folder. */
void pg_server_free(struct pg_server *s);

/* A signal to the postmaster and all its processes. */
void pg_server_signal(const struct pg_server *s, int sig);

/* Runs statements as superuser; the first value of the last result, "" when
 * there is none. The caller frees it. NULL: an error, said on standard error. */
char *pg_server_sql(const struct pg_server *s, const char *sql);

/* access.yaml's content for it, and one member. */
void pg_server_access(const struct pg_server *s, struct member *m, struct access *acc);

#endif
