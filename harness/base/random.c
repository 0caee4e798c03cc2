#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { HEX_MAX = 512 };

void random_bytes(void *out, size_t n)
{
	if (getrandom(out, n, 0) != (ssize_t)n)
		abort();
}

static void to_hex(const unsigned char *raw, char *out, size_t digits)
{
	for (size_t i = 0; i < digits; i++)
		out[i] = "0123456789abcdef"[i % 2 ? raw[i / 2] & 15 : raw[i / 2] >> 4];
	out[digits] = '\0';
}

void random_hex(char *out, size_t digits)
{
	unsigned char raw[HEX_MAX / 2];

	random_bytes(raw, (digits + 1) / 2);
	to_hex(raw, out, digits);
}

bool random_is(const char *want, const char *got)
{
	size_t wlen = strlen(want), glen = strlen(got);
	unsigned diff = wlen != glen;

	for (size_t i = 0; i < wlen; i++)
		diff |= (unsigned)((unsigned char)want[i] ^ (unsigned char)(i < glen ? got[i] : 0));
	return diff == 0;
}

void random_uuid(char out[RANDOM_UUID_SIZE])
{
	unsigned char raw[16];
	char hex[33];

	random_bytes(raw, sizeof(raw));
	raw[6] = (raw[6] & 0x0f) | 0x40; /* version */
	raw[8] = (raw[8] & 0x3f) | 0x80; /* variant */
	to_hex(raw, hex, 32);
	snprintf(out, RANDOM_UUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		 hex + 20);
}
