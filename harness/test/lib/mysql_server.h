#ifndef ORDEAL_TEST_LIB_MYSQL_SERVER_H
#define ORDEAL_TEST_LIB_MYSQL_SERVER_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "system/mysql/conn.h"

/* A MySQL of a test's own, from build/mysql (kind/build/mysql.sh): a data folder in a
 * temporary one, 127.0.0.ID and a port that several of them share, GTIDs on. Its
 * accounts are not in its binary log: admin (all rights), ordeal (its database alone),
 * probe and repl, each with the password "secret". */

struct mysql_server {
	char dir[PATH_MAX - 64];
	char ip[16];
	int port;
	unsigned id; /* server_id */
	pid_t pid;   /* 0: not running */
	char options[8][96]; /* of the command line, besides those that all have; "" ends them */
};

/* NULL, or why there cannot be one here (for skip()). */
const char *mysql_server_missing(void);

/* Started and answering; new, or with a copy of the data of `like`, which is stopped, and
 * a server_uuid of its own. `options` as "--name=value", NULL ends them. Port 0: a free
 * one. Returns 0 or -1 (said on standard error). */
int mysql_server_new(struct mysql_server *s, unsigned id, int port, const char *const options[],
		     const struct mysql_server *like);
int mysql_server_start(struct mysql_server *s);
/* A shutdown as an administrator's. */
void mysql_server_stop(struct mysql_server *s);
void mysql_server_signal(const struct mysql_server *s, int sig);
/* Ends it however it is, and removes its folder. */
void mysql_server_free(struct mysql_server *s);

/* One statement as admin, without a trace in the binary log where `quiet`; the first
 * value of its rows, "" when there is none. The caller frees it. NULL: an error, said on
 * standard error. */
char *mysql_server_sql(const struct mysql_server *s, bool quiet, const char *sql);
/* Until the statement's first value is `want`, for a minute at most. */
bool mysql_server_until(const struct mysql_server *s, const char *sql, const char *want);

/* Whether its error log has a line with this code ("MY-011153"), or will have within so long. */
bool mysql_server_logged(const struct mysql_server *s, const char *code, int64_t within_ns);

/* As admin; my_drop() ends it. NULL: said on standard error. */
struct my_conn *mysql_server_conn(const struct mysql_server *s);

/* Its source from now on, by position of GTIDs; started. */
int mysql_server_follow(const struct mysql_server *s, const struct mysql_server *source);

/* access.yaml's content for these, and a member each (mysql-0, ...). */
void mysql_server_access(const struct mysql_server *s, size_t n, struct member *m,
			 struct access *acc);

#endif
