#ifndef ORDEAL_SYSTEM_POSTGRES_MODEL_H
#define ORDEAL_SYSTEM_POSTGRES_MODEL_H

#include "system/model.h"

/* What PostgreSQL under Patroni is allowed to do, and how to read from the
 * evidence what it did: model_postgres (model.c) and its two large parts.
 *
 * What is read of sample.extra (all optional; what is absent is not assumed):
 *   replication       on a primary, one item a row of pg_stat_replication:
 *                     [{"name": application_name, "state": "streaming",
 *                       "sync_state": "sync|quorum|potential|async"}]
 *   receiver          on a replica: status in pg_stat_wal_receiver
 *                     ("streaming", "" when it has none)
 *   source            on a replica: the address that it receives from ("" none)
 *   cluster_unlocked  true while Patroni's REST API of this member says so
 *   patroni_role, patroni_state   of the same answer
 *   store             what one member of etcd has under the leader's key:
 *                     {"host", "leader" ("" nobody) or "error"}
 *
 * Of inforce (settings as the running system reports them): ttl, loop_wait,
 * retry_timeout, primary_start_timeout, synchronous_mode. One that is missing
 * is taken at Patroni's default, and the rule's text says so. */

/* Of model_ops. */
void postgres_predict(const struct evidence *ev, const struct fault_record *fault,
		      struct prediction *out);
void postgres_explain(const struct evidence *ev, const struct fault_record *fault,
		      const struct prediction *pred, struct milestones *m);

/* Whom commits wait for by a sample's "replication"; NULL: nobody. */
const char *postgres_sync_standby(const cJSON *replication);

#endif
