#ifndef ORDEAL_APISERVER_ADMIT_H
#define ORDEAL_APISERVER_ADMIT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "kube/kinds.h"

/* What an object has to keep to before it is stored, whoever brings it: names,
 * keys, addresses and paths in it end up in folders, hosts files, rules and
 * containers. Kubernetes' own validation, and beyond it what would reach out of
 * the pod: addresses that are not of our network, capabilities that rule the
 * host. */

/* `path` is the field, as yaml_path() follows it; `what` says what is wrong. */
typedef void admit_fn(void *arg, const char *path, const char *what);

/* What an object may hold of addresses and ports: with each other they become rules
 * in every pod. Kubernetes' own controller writes no more into an Endpoints object
 * (maxCapacity). */
enum { ADMIT_ADDRESSES_MOST = 1000, ADMIT_PORTS_MOST = 100 };

/* Both "A.B.C.D/BITS": the pods' network, and what of it is for Services. */
struct admit_nets {
	const char *pods, *services;
};

/* Tells everything that is wrong; how many that was. */
int admit(const struct kind *kind, const cJSON *object, const struct admit_nets *nets, admit_fn *fn,
	  void *arg);

/* Has Service `a` the address of Service `b`? */
bool admit_same_address(const cJSON *a, const cJSON *b);
#define ADMIT_ALLOCATED "Invalid value: \"%s\": failed to allocate IP %s: provided IP is already allocated"

#endif
