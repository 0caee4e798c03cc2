#ifndef ORDEAL_TEST_FUZZ_SEAL_H
#define ORDEAL_TEST_FUZZ_SEAL_H

#include <stddef.h>

#include "base/buf.h"

/* A run's files (events.jsonl, a line "%%", history.jsonl) with the sums of their blocks
 * (doc/HISTORY.md) made anew, so that what was changed in the lines is read at all. */
void fuzz_seal(const char *data, size_t size, struct buf *out);

#endif
