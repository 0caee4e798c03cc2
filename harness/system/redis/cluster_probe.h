#ifndef ORDEAL_SYSTEM_REDIS_CLUSTER_PROBE_H
#define ORDEAL_SYSTEM_REDIS_CLUSTER_PROBE_H

#include "system/client.h"

/* Asking the members of a Redis Cluster directly; the signatures are those of
 * client_ops. What goes into sample.extra is in system/redis/cluster_model.h. */
struct probe *redis_cluster_probe_new(const struct access *acc, const struct member *m);
void redis_cluster_probe(struct probe *p, struct sample *s, int64_t timeout_ns);
void redis_cluster_probe_free(struct probe *p);
int redis_cluster_inforce(const struct access *acc, cJSON *out, struct err *e);

#endif
