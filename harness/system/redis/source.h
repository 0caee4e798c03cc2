#ifndef ORDEAL_SYSTEM_REDIS_SOURCE_H
#define ORDEAL_SYSTEM_REDIS_SOURCE_H

#include <stdint.h>

#include "base/clock.h"
#include "system/redis/conn.h"
#include "system/system.h"

/* A replica knows its own offset only, so its master is asked for its own
 * right after, over a connection of its own. One thread owns it. */
struct redis_source {
	struct redis_conn *conn; /* NULL: none now */
	char at[300];            /* host:port of the master */
};

/* What such a second question may take: a mute server must not make the
 * replica's answer old, nor delay the next question to the replica. */
#define REDIS_SECOND_MAX_NS (50 * NS_PER_MS)

/* Fills s->lag_bytes of a replica whose INFO is given and whose position is
 * filled in; leaves it when its master does not tell in time. */
void redis_source_lag(struct redis_source *m, const char *info, struct sample *s, int64_t until_ns);
void redis_source_drop(struct redis_source *m);

#endif
