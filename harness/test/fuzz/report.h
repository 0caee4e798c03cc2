#ifndef ORDEAL_TEST_FUZZ_REPORT_H
#define ORDEAL_TEST_FUZZ_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

/* A run's two files, events.jsonl, a line "%%" and history.jsonl, through
 * evidence, measures, checks and every reporter. */
void fuzz_report(const uint8_t *data, size_t size);

/* Changes a field or two of some lines of such a file, which stays lines of JSON:
 * extreme numbers, long and hostile texts, fields that are gone or of another
 * type, lines twice or gone. Returns the new size, at most `room`. */
size_t fuzz_report_mutate(uint8_t *data, size_t size, size_t room, struct rng *r);

#endif
