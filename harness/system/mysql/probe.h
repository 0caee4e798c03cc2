#ifndef ORDEAL_SYSTEM_MYSQL_PROBE_H
#define ORDEAL_SYSTEM_MYSQL_PROBE_H

#include "system/client.h"

/* Asking the members of MySQL directly; the signatures are those of client_ops.
 * Read are performance_schema and variables, by an account that is let in where
 * offline_mode and max_connections keep applications out (CONNECTION_ADMIN).
 *
 * sample.extra, what is not known left out:
 *   run_id     another one: another process (when it began, by its own error log)
 *   uuid       server_uuid, and `version`
 *   read_only, offline   true where it is so (read_only: super_read_only, or that alone)
 *   executed   gtid_executed; `purged` the same of gtid_purged, where it is not empty
 *   threads    Threads_connected
 *   semi       on a semi-synchronous source: {on (it waits), clients, no (fell back so
 *              often), wait_for}; how long and where it waits are settings in force
 *   semi_replica  true: as a replica it acknowledges
 *   source     on a replica: {host, uuid, receiver ("on", "off", "connecting"), applier,
 *              error, applier_error}
 *   queued     what it received and has not executed: a set; `queued_n` how many
 *   errant     what it has executed, its source has not, and its source cannot be about to:
 *              a set; of its source's own that it has and its source has not: `ahead`
 *   source_err why its source was not asked, or that another server is at its address
 *   group      {state, role, view, primary, members {host:port: state}, queue}
 *   cloned     when its data was last cloned, as clone_status tells */
struct probe *mysql_probe_new(const struct access *acc, const struct member *m);
void mysql_probe(struct probe *p, struct sample *s, int64_t timeout_ns);
void mysql_probe_free(struct probe *p);

/* sample.timeline: in a group the number of its view within the group's life; else
 * unknown. lag_tx: what its source had executed right after, and it had not. lag_ns, of one that is
 * connected: since the oldest that it lacks was committed, by the one that it is applying, or
 * at most: since the newest that it has was (performance_schema, original commit timestamps: of
 * the source's clock, held against the replica's), or since it last had all; 0: it lacks
 * nothing. */

#endif
