#ifndef ORDEAL_HISTORY_SCHEMA_H
#define ORDEAL_HISTORY_SCHEMA_H

#include <cjson/cJSON.h>

#include "base/err.h"

/* Whether an event has what its kind needs, and each field that is known its
 * type; an optional one may be null as well. Of fields that are not known
 * nothing is asked. ERR_INPUT. */
int event_check(const cJSON *event, struct err *e);

#endif
