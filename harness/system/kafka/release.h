#ifndef ORDEAL_SYSTEM_KAFKA_RELEASE_H
#define ORDEAL_SYSTEM_KAFKA_RELEASE_H

#include "history/evidence.h"

/* The release whose brokers have this as their newest metadata.version, "3.6": a patch changes
 * none. NULL: it is older than 3.6, or newer than what is known here
 * (MetadataVersion.java of 4.4.0). */
const char *kafka_release_of(int level);

/* The release that ran, 306 of 3.6, 404 of 4.4: as the brokers told it among the settings in
 * force, or, where they were not asked, as their logs have it. 0: neither tells, or logs tell
 * of several. */
int kafka_release(const struct evidence *ev);

#endif
