#ifndef ORDEAL_APISERVER_ADMIT_H
#define ORDEAL_APISERVER_ADMIT_H

#include <cjson/cJSON.h>

#include "kube/kinds.h"

/* What an object has to keep to before it is stored, whoever brings it: names,
 * keys, addresses and paths in it end up in folders, hosts files, rules and
 * containers. Kubernetes' own validation, and beyond it what would reach out of
 * the pod: addresses that are not of our network, capabilities that rule the
 * host. */

/* `path` is the field, as yaml_path() follows it; `what` says what is wrong. */
typedef void admit_fn(void *arg, const char *path, const char *what);

/* Tells everything that is wrong; how many that was. `subnet` is the pods'
 * network, "A.B.C.D/BITS". */
int admit(const struct kind *kind, const cJSON *object, const char *subnet, admit_fn *fn, void *arg);

#endif
