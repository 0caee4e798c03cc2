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
	size_t n = 0, pads = 0;
	unsigned bits = 0;
	int have = 0, v;

	for (; *s; s++) {
		if (*s == '\n' || *s == '\r')
			continue;
		n++;
		if (*s == '=') {
			pads++;
			continue;
		}
		v = pads ? -1 : base64_value(*s);
		if (v < 0)
			return -1;
		bits = (bits << 6 | (unsigned)v) & 0xffffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_char(out, (char)(bits >> have & 0xff));
		}
	}
	return n % 4 || pads > 2 ? -1 : 0;
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
