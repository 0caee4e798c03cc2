#ifndef ORDEAL_SYSTEM_REDIS_SENTINEL_PROBE_H
#define ORDEAL_SYSTEM_REDIS_SENTINEL_PROBE_H

#include "system/client.h"

/* Asking a Redis directly, and one of the Sentinels beside it: the signatures
 * are those of client_ops. What goes into sample.extra is in
 * system/redis/sentinel_model.h. */
struct probe *redis_sentinel_probe_new(const struct access *acc, const struct member *m);
void redis_sentinel_probe(struct probe *p, struct sample *s, int64_t timeout_ns);
void redis_sentinel_probe_free(struct probe *p);
int redis_sentinel_inforce(const struct access *acc, cJSON *out, struct err *e);

#endif
