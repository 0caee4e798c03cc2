#ifndef ORDEAL_MANIFEST_ZONE_H
#define ORDEAL_MANIFEST_ZONE_H

#include <stdint.h>

#include "base/err.h"

/* A time zone of the system's database, by its own name ("Europe/Berlin"): what
 * setting TZ would do for a whole process. */
struct zone;

/* ERR_INPUT when there is no such zone. "UTC" and "" give NULL, which is UTC. */
int zone_load(const char *name, struct zone **out, struct err *e);
void zone_free(struct zone *z);

/* How many seconds its clocks are ahead of UTC at this time; 0 for NULL. */
int64_t zone_offset(const struct zone *z, int64_t t_s);

#endif
