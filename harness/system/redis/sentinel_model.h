#ifndef ORDEAL_SYSTEM_REDIS_SENTINEL_MODEL_H
#define ORDEAL_SYSTEM_REDIS_SENTINEL_MODEL_H

#include "system/model.h"

/* What Redis Sentinel is allowed to do, and how to read from the evidence what
 * it did: the functions of model_redis_sentinel.
 *
 * What they read of sample.extra besides what system/redis/probe.h names
 * (optional; what is absent is not assumed):
 *   me            host:port by which the Sentinels know this member
 *   of            on a replica: host:port of its master
 *   followers     on a master: replicas that are online
 *   misconf, noreplicas   booleans: why a master takes no writes
 *   sentinel      what one Sentinel says of the master: host, and error or
 *                 names (host:port), flags ("master,s_down,..."), epoch,
 *                 others (Sentinels it knows), of (how many there are), replicas
 *
 * And the servers' and the Sentinels' own logs (system/redis/log.h). */
bool redis_sentinel_redundant(const struct sample *s, size_t n, char *why);
void redis_sentinel_predict(const struct evidence *ev, const struct fault_record *fault, struct prediction *out);
void redis_sentinel_explain(const struct evidence *ev, const struct fault_record *fault,
			    const struct prediction *pred, struct milestones *m);
/* LOSS_MINORITY: it went to a master that had been replaced. Also for writes
 * during a partition, whoever sent them. */
enum loss_cause redis_sentinel_loss_cause(const struct evidence *ev, const struct op *op,
					  const struct fault_record *fault, char *why);

#endif
