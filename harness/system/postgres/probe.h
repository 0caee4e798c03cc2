#ifndef ORDEAL_SYSTEM_POSTGRES_PROBE_H
#define ORDEAL_SYSTEM_POSTGRES_PROBE_H

#include "system/client.h"

/* Asking the members of PostgreSQL under Patroni directly; the signatures
 * are those of client_ops. */
struct probe *postgres_probe_new(const struct access *acc, const struct member *m);
void postgres_probe(struct probe *p, struct sample *s, int64_t timeout_ns);
void postgres_probe_free(struct probe *p);
int postgres_inforce(const struct access *acc, cJSON *out, struct err *e);

#endif
