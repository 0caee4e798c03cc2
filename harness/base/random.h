#ifndef ORDEAL_BASE_RANDOM_H
#define ORDEAL_BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/* What nobody can guess and no seed repeats (that is rng.h's), by
 * getrandom(2). Without it the program ends. */

enum { RANDOM_UUID_SIZE = 37 };

/* At most 256 bytes: that many always come whole. */
void random_bytes(void *out, size_t n);

/* A token of so many hexadecimal digits, up to 512, and a NUL. */
void random_hex(char *out, size_t digits);

/* Is it the token that is wanted? As slow whatever they have in common. */
bool random_is(const char *want, const char *got);

/* A UUID, version 4 (RFC 9562, 5.4), as text. */
void random_uuid(char out[RANDOM_UUID_SIZE]);

#endif
