#ifndef ORDEAL_TEST_LIB_REDIS_SERVER_H
#define ORDEAL_TEST_LIB_REDIS_SERVER_H

#include <limits.h>
#include <sys/types.h>

/* A Redis of a test's own: a temporary folder, an address of 127.0.0.0/8. */

struct redis_server {
	char dir[PATH_MAX - 64];
	char ip[32];
	int port;
	pid_t pid; /* 0: not running */
};

/* NULL, or why there cannot be one here (for skip()). */
const char *redis_server_missing(void);

/* Started and answering; `more` are lines of configuration besides the
 * address, the folder and "save ''", and may begin with "sentinel". Returns 0 or -1
 * (said on standard error). */
int redis_server_new(struct redis_server *s, const char *ip, int port, const char *more);
int redis_server_start(struct redis_server *s);
void redis_server_signal(const struct redis_server *s, int sig);
/* Ends it however it is; the folder stays. */
void redis_server_kill(struct redis_server *s);
void redis_server_free(struct redis_server *s);

/* Words separated by blanks; the reply as text ("" nil, errors begin with
 * "ERROR "), lists joined by newlines. The caller frees it; NULL: no answer. */
char *redis_server_call(const struct redis_server *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
