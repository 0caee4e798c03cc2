#ifndef ORDEAL_TEST_LIB_RABBIT_SERVER_H
#define ORDEAL_TEST_LIB_RABBIT_SERVER_H

#include <limits.h>
#include <sys/types.h>

#include "system/client.h"

/* A RabbitMQ of a test's own, from build/rabbitmq (kind/build/rabbitmq.sh): one node,
 * its data in a temporary folder, its ports and its epmd's on 127.0.0.1. */

struct rabbit_server {
	char dir[PATH_MAX - 64];
	int port, distribution_port, epmd_port;
	pid_t pid, epmd; /* 0: not running */
};

/* NULL, or why there cannot be one here (for skip()). */
const char *rabbit_server_missing(void);

/* Started, with all that a client needs. Returns 0 or -1 (said on standard error). */
int rabbit_server_new(struct rabbit_server *s);
/* The same data again. */
int rabbit_server_start(struct rabbit_server *s);
void rabbit_server_signal(const struct rabbit_server *s, int sig);
void rabbit_server_kill(struct rabbit_server *s);
/* Ends it however it is, and removes its folder. */
void rabbit_server_free(struct rabbit_server *s);

/* What the broker says to an expression whose value is a binary; the caller frees it.
 * NULL: an error, said on standard error. */
char *rabbit_server_eval(const struct rabbit_server *s, const char *expr);

/* access.yaml's content for it, and one member; `more` is JSON whose keys are added. */
void rabbit_server_access(const struct rabbit_server *s, const char *more, struct member *m,
			  struct access *acc);

#endif
