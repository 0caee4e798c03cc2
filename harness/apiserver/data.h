#ifndef ORDEAL_APISERVER_DATA_H
#define ORDEAL_APISERVER_DATA_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/buf.h"
#include "kube/kinds.h"

/* What ConfigMaps and Secrets hold. As an API server keeps them: a Secret's data
 * are base64, and its stringData are only for writing. */

/* Writes stringData into data. NULL, or the key of data whose value is no base64. */
const char *data_settle(enum kind_id kind, cJSON *object);

/* binaryData become files and no variables, as by a kubelet. */
enum data_use { DATA_FILES, DATA_VARIABLES };

/* The bytes of a key, which may be any; false: there is no such key. */
bool data_value(const cJSON *object, enum data_use use, const char *key, struct buf *out);

/* For each key in its order, until fn returns other than 0, which is returned. */
int data_each(const cJSON *object, enum data_use use,
	      int (*fn)(void *arg, const char *key, const struct buf *value), void *arg);

#endif
