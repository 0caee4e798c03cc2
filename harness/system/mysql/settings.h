#ifndef ORDEAL_SYSTEM_MYSQL_SETTINGS_H
#define ORDEAL_SYSTEM_MYSQL_SETTINGS_H

#include "system/client.h"

/* client_ops.inforce: the variables of the primary, by the names that the fixture's
 * settings give them; then others that decide what may be lost. */
int mysql_inforce(const struct access *acc, cJSON *out, struct err *e);

#endif
