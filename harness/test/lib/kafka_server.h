#ifndef ORDEAL_TEST_LIB_KAFKA_SERVER_H
#define ORDEAL_TEST_LIB_KAFKA_SERVER_H

#include <limits.h>
#include <sys/types.h>

#include "system/client.h"

/* A Kafka of a test's own, broker and controller in one, from build/kafka
 * (kind/build/kafka.sh): a temporary folder, 127.0.0.1 and two ports. */

struct kafka_server {
	char dir[PATH_MAX - 64];
	const char *version;
	int port, controller_port;
	pid_t pid; /* 0: not running */
};

/* NULL, or why there cannot be one here (for skip()). */
const char *kafka_server_missing(void);

/* Made and answering. Returns 0 or -1 (said on standard error). */
int kafka_server_new(struct kafka_server *s, const char *version);
int kafka_server_start(struct kafka_server *s);
void kafka_server_signal(const struct kafka_server *s, int sig);
/* SIGKILL; the folder stays. */
void kafka_server_kill(struct kafka_server *s);
void kafka_server_free(struct kafka_server *s);

/* access.yaml's content for it, with its one member. */
void kafka_server_access(const struct kafka_server *s, struct member *m, struct access *acc);

#endif
