#ifndef ORDEAL_SYSTEM_REDIS_CLUSTER_MODEL_H
#define ORDEAL_SYSTEM_REDIS_CLUSTER_MODEL_H

#include "system/model.h"

/* What Redis Cluster is allowed to do, and how to read from the evidence what
 * it did: the functions of model_redis_cluster.
 *
 * What they read of sample.extra besides what system/redis/probe.h names
 * (optional; what is absent is not assumed):
 *   id            the node's id, its first 8 digits
 *   of            on a replica: the id of its master
 *   slots         on a master: what it owns by its own word, "0-5460"
 *   map           who owns what by this member's word: {"0-5460": id}
 *   pfail, fail   ids of nodes that this member suspects, or knows as failed
 *   state         cluster_state, "ok" or "fail"
 *
 * And the servers' own logs (system/redis/log.h). */
bool redis_cluster_redundant(const struct sample *s, size_t n, char *why);
void redis_cluster_predict(const struct evidence *ev, const struct fault_record *fault,
			   struct prediction *out);
void redis_cluster_explain(const struct evidence *ev, const struct fault_record *fault,
			   const struct prediction *pred, struct milestones *m);

#endif
