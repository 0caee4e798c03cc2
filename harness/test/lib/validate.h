#ifndef ORDEAL_TEST_LIB_VALIDATE_H
#define ORDEAL_TEST_LIB_VALIDATE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/buf.h"

/* What we write, judged by packaged validators (JSON::Validator, xmllint).
 * Where one is not installed the test is skipped, with the package's name: so
 * a test looks at all else first. */

/* Is the value as the JSON Schema says? `why` gets a line a violation. */
bool validate_json(const cJSON *schema, const cJSON *value, struct buf *why);

/* Is the text, HTML or XML, well-formed, and is each id given once? */
bool validate_markup(const char *text, bool html, struct buf *why);

/* The same, and the test fails when it is not. */
void must_be_well_formed(const char *text, bool html);

#endif
