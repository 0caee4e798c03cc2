#ifndef ORDEAL_SYSTEM_MEMORY_RULES_H
#define ORDEAL_SYSTEM_MEMORY_RULES_H

#include "system/system.h"

/* The pure half of system_memory; the signatures are those of system_ops.
 * Samples carry the member's own status (memoryd/role.c) as `x`. */

enum { MEMORY_KEYS_LIMIT = 4096 };

bool memory_redundant(const struct sample *s, size_t n, char *why);
void memory_predict(const cJSON *fault, const cJSON *inforce, struct prediction *out);
void memory_explain(const cJSON *events, const cJSON *fault,
		    const struct prediction *pred, struct milestones *m);
void memory_resync(const cJSON *events, int64_t from_ns, int64_t to_ns, struct recovery_info *out);

#endif
