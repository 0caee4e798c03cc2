#include "base/base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_value(char ch)
{
	const char *p = ch ? strchr(alphabet, ch) : NULL;

	return p ? (int)(p - alphabet) : -1;
}

int base64_decode(const char *s, struct buf *out)
{
	unsigned bits = 0;
	int have = 0, v, letters = 0, padding = 0;

	for (; *s; s++) {
		if (*s == '\n' || *s == '\r')
			continue;
		if (*s == '=') {
			padding++;
			continue;
		}
		v = base64_value(*s);
		if (v < 0 || padding)
			return -1;
		letters++;
		bits = (bits << 6 | (unsigned)v) & 0xffffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_char(out, (char)(bits >> have & 0xff));
		}
	}
	return (letters + padding) % 4 || padding > 2 ? -1 : 0;
}

void base64_encode(const char *s, struct buf *out)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t left = strlen(s);

	for (; left; left -= left < 3 ? left : 3, u += 3) {
		unsigned bits = (unsigned)u[0] << 16 | (left > 1 ? (unsigned)u[1] << 8 : 0) |
				(left > 2 ? (unsigned)u[2] : 0);

		buf_char(out, alphabet[bits >> 18]);
		buf_char(out, alphabet[bits >> 12 & 63]);
		buf_char(out, left > 1 ? alphabet[bits >> 6 & 63] : '=');
		buf_char(out, left > 2 ? alphabet[bits & 63] : '=');
	}
}
