#ifndef ORDEAL_TEST_FUZZ_API_H
#define ORDEAL_TEST_FUZZ_API_H

#include <stddef.h>
#include <stdint.h>

/* A request to the API that engine docker serves: "METHOD /path?query", the body,
 * and in a third line what is stored of the object already. */
void fuzz_api(const uint8_t *data, size_t size);

#endif
