#ifndef ORDEAL_APISERVER_SAME_H
#define ORDEAL_APISERVER_SAME_H

#include <stdbool.h>

#include <cjson/cJSON.h>

/* Whether two values are the same, in whatever order keys stand. cJSON_Compare() looks
 * for each key of a map from the first on: thirty maps of 4,000 keys took it seconds,
 * with the store's lock. */
bool same_json(const cJSON *a, const cJSON *b);

#endif
