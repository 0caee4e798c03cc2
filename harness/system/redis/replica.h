#ifndef ORDEAL_SYSTEM_REDIS_REPLICA_H
#define ORDEAL_SYSTEM_REDIS_REPLICA_H

#include "system/model.h"

/* Whether a replica follows, and how it came to follow again: the same in both
 * systems. Read of sample.extra: what system/redis/probe.h names. */

/* A text of sample.extra, "" when it is absent. */
const char *redis_extra(const struct sample *s, const char *key);

/* Is it a replica whose data is read and whose link stands? `why` (WHY_BYTES)
 * says what is missing; for one that is no replica, its name and `is`. */
bool redis_follows(const struct sample *s, const char *is, char *why);

/* From the counters of INFO's section "stats": sync_full, sync_partial_ok.
 * How many bytes a copy had is not told there. */
void redis_resync(const struct evidence *ev, int64_t from_ns, int64_t to_ns, bool back,
		  struct recovery_info *out);

#endif
