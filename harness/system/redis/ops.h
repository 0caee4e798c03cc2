#ifndef ORDEAL_SYSTEM_REDIS_OPS_H
#define ORDEAL_SYSTEM_REDIS_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "history/op.h"
#include "system/client.h"
#include "system/redis/conn.h"

/* The operations of a trial as Redis commands, and how all values are found
 * again: the same for a single master and for a cluster. Each value has a key
 * of its own, so that an eviction takes one at a time; its list has one
 * element for each time that it was inserted. */

struct redis_command {
	int argc;
	const char *argv[6]; /* point into this very struct: do not copy it */
	char key[48], value[24], expect[24];
};

/* What each insert carries (payload_make()); never empty, for an empty list is no
 * list. The caller frees it. */
char *redis_payload(uint32_t seed, size_t bytes);

/* `payload` is not copied. */
void redis_command_make(const struct op *op, const char *payload, struct redis_command *k);

/* Fills outcome, value and error from the server's reply, which may be an
 * error: such a server has not executed the command (Redis protocol, "Simple
 * errors"; the script's only write is its last step). */
void redis_command_answered(struct op *op, const redisReply *r);

/* Does an error say that this server is no master, or no more, or not yet: that
 * where to send commands has to be asked again? */
bool redis_misdirected(const char *error);

/* One command that must succeed; `host` is for the message. *out, when wanted,
 * is the caller's. */
int redis_must(struct redis_conn *c, const char *host, int argc, const char *const *argv,
	       int64_t until_ns, redisReply **out, struct err *e);

/* Appends every value of this server to out, each as often as it is there. */
int redis_values(struct redis_conn *c, const char *host, struct final_read *out, int64_t until_ns,
		 struct err *e);

/* Notes in `out` who this server is and which role it says it has. */
int redis_answered(struct redis_conn *c, const char *host, const struct access *acc, uint32_t shard,
		   struct final_read *out, int64_t until_ns, struct err *e);

/* The name of a register's key. */
void redis_register_key(int64_t key, char out[48]);
/* OP_NO_VALUE: it is not there. */
int redis_register(struct redis_conn *c, const char *host, int64_t key, int64_t *value,
		   int64_t until_ns, struct err *e);

#endif
