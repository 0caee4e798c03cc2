#ifndef ORDEAL_SYSTEM_REDIS_SENTINEL_RULES_H
#define ORDEAL_SYSTEM_REDIS_SENTINEL_RULES_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/system.h"

/* What Redis Sentinel is allowed to do, and how to read from the evidence what
 * it did: the pure half of system_redis_sentinel. The signatures are those of
 * system_ops.
 *
 * What these functions read of sample.extra (optional; what is absent is not
 * assumed):
 *   me            host:port by which the Sentinels know this member
 *   of            on a replica: host:port of its master
 *   link          on a replica: master_link_status, "up" or "down"
 *   followers     on a master: replicas that are online
 *   loading, syncing, misconf, noreplicas   booleans
 *   sync_full, sync_partial, evicted_keys   counters since the process began
 *   run_id        the process' id, its first 8 digits: another one restarted
 *   sentinel      what one Sentinel says of the master: host, and error or
 *                 names (host:port), flags ("master,s_down,..."), epoch,
 *                 others (Sentinels it knows), of (how many there are), replicas
 *
 * And of the log events, the servers' and the Sentinels' own lines
 * (system/redis/log.h). */
bool redis_sentinel_redundant(const struct sample *s, size_t n, char *why);
void redis_sentinel_predict(const cJSON *fault, const cJSON *inforce, struct prediction *out);
void redis_sentinel_explain(const cJSON *events, const cJSON *fault,
			    const struct prediction *pred, struct milestones *m);
/* LOSS_MINORITY: it went to a master that had been replaced. Also for writes
 * during a partition, whoever sent them. */
enum loss_cause redis_sentinel_loss_cause(const cJSON *events, const struct op *op,
					  const cJSON *fault, char *why);

#endif
