#ifndef ORDEAL_SYSTEM_REDIS_OPS_H
#define ORDEAL_SYSTEM_REDIS_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "history/op.h"
#include "system/client.h"
#include "system/redis/map.h"
#include "system/redis/peer.h"

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

/* Sends it over the connection that is there (with ASKING before it), and fills
 * op from the reply, which is the caller's. NULL: there was none in time, and the
 * connection is dropped. */
redisReply *redis_send(struct redis_peer *p, struct op *op, const struct redis_command *k,
		       bool asking, int64_t until_ns);

/* Adds what the way there took. */
void redis_cost_add(struct op *op, const struct redis_cost *cost);

/* Does a reply say that this server is no master, or no more, or not yet: that
 * where to send commands has to be asked again? */
bool redis_misdirected(const redisReply *r);

/* ---- before and after the load: of a system's parts, each with its owner ---- */

/* One command that must succeed. *out, when wanted, is the caller's. */
int redis_must(struct redis_peer *p, int argc, const char *const *argv, int64_t until_ns,
	       redisReply **out, struct err *e);

/* Forgets everything. Registers appear with their first write. */
int redis_flush(const struct redis_range *parts, size_t n, int64_t until_ns, struct err *e);

/* client_ops.final_read: every value, each as often as it is there; the
 * registers; and who the owners say they are after that. The parts' numbers
 * begin with first_shard (0: it has none). */
int redis_read_all(const struct redis_range *parts, size_t n, uint32_t first_shard,
		   const struct access *acc, int keys, struct final_read *out, int64_t until_ns,
		   struct err *e);

#endif
