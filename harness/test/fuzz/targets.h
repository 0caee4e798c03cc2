#ifndef ORDEAL_TEST_FUZZ_TARGETS_H
#define ORDEAL_TEST_FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

/* What a fuzzer feeds: each takes any bytes, aborts when a promise of the
 * parser is broken, and leaks nothing. test/fuzz/corpus_test.c feeds them the corpus and
 * mutations of it every day; harness/test/fuzz/ holds the entry points for
 * libFuzzer. */
struct fuzz_target {
	const char *name; /* folder below harness/test/fuzz/corpus */
	void (*run)(const uint8_t *data, size_t size);
	/* By what it is made of; NULL: by bytes. */
	size_t (*mutate)(uint8_t *data, size_t size, size_t room, struct rng *r);
};

extern const struct fuzz_target fuzz_targets[]; /* ends with a NULL name */

/* For libFuzzer: runs the target of this name. */
int fuzz_run(const char *name, const uint8_t *data, size_t size);

#endif
