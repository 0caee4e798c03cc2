#ifndef ORDEAL_APISERVER_BODY_H
#define ORDEAL_APISERVER_BODY_H

#include <cjson/cJSON.h>

#include "base/buf.h"

/* What is sent, as far as everybody who reads it reads the same: whole, and one value for
 * each key. The caller deletes it. NULL with a reason, or without one when nothing was
 * sent. */
cJSON *body_read(struct buf *sent, const char **why);

/* A key that a map of it, at any depth, has twice; NULL: none. Looks for each key among all
 * of its map, whose size the caller has bounded. */
const char *body_twice(const cJSON *o);

#endif
