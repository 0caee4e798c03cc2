#ifndef ORDEAL_SYSTEM_REDIS_CLUSTER_RULES_H
#define ORDEAL_SYSTEM_REDIS_CLUSTER_RULES_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/system.h"

/* What Redis Cluster is allowed to do, and how to read from the evidence what
 * it did: the pure half of system_redis_cluster. The signatures are those of
 * system_ops.
 *
 * What these functions read of sample.extra (optional; what is absent is not
 * assumed):
 *   id            the node's id, its first 8 digits
 *   of            on a replica: the id of its master
 *   slots         on a master: what it owns by its own word, "0-5460"
 *   map           who owns what by this member's word: {"0-5460": id}
 *   pfail, fail   ids of nodes that this member suspects, or knows as failed
 *   state         cluster_state, "ok" or "fail"
 *   link          on a replica: master_link_status, "up" or "down"
 *   loading, syncing  booleans
 *   sync_full, sync_partial   resynchronisations that it has served
 *   run_id        the process' id, its first 8 digits: another one restarted
 *
 * And of the log events, the servers' own lines (system/redis/log.h). */
bool redis_cluster_redundant(const struct sample *s, size_t n, char *why);
void redis_cluster_predict(const cJSON *fault, const cJSON *inforce, struct prediction *out);
void redis_cluster_explain(const cJSON *events, const cJSON *fault,
			   const struct prediction *pred, struct milestones *m);
void redis_cluster_resync(const cJSON *events, int64_t from_ns, int64_t to_ns,
			  struct recovery_info *out);

#endif
