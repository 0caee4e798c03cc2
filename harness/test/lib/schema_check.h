#ifndef ORDEAL_TEST_LIB_SCHEMA_CHECK_H
#define ORDEAL_TEST_LIB_SCHEMA_CHECK_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/buf.h"

/* Checks a value against a JSON Schema (draft 2020-12), as far as our own
 * schema goes: type, enum, minimum, required, properties,
 * additionalProperties, items, and $ref to #/$defs/NAME. A keyword that it
 * does not know is a failure, so that none is silently without effect. Adds
 * one line a violation to `why`; true when there is none. */
bool schema_check(const cJSON *schema, const cJSON *value, struct buf *why);

#endif
