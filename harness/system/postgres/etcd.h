#ifndef ORDEAL_SYSTEM_POSTGRES_ETCD_H
#define ORDEAL_SYSTEM_POSTGRES_ETCD_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/http_call.h"

/* What one member of an etcd cluster knows, by its v2 interface or by v3 as
 * JSON ("gRPC gateway" in etcd's documentation). The two have keys of their
 * own. until_ns is CLOCK_MONOTONIC. */

/* Asks for the value of a key as this very member has it, without a round of
 * its quorum, so that one that is cut off tells what it still believes.
 * `address` is numeric. etcd_end() must follow. */
void etcd_begin(struct http_call *c, bool v2, const char *address, int port, const char *key,
		int64_t until_ns);

/* Writes the key's value, "" when the key is absent. Returns 0; -1 with
 * c->error when the member did not tell. */
int etcd_end(struct http_call *c, int64_t until_ns, char *value, size_t size);

/* Its version, in `out`. Returns 0; -1 with `why`. */
int etcd_version(const char *address, int port, int64_t until_ns, char *out, size_t size, char *why,
		 size_t why_size);

#endif
