#include "base/tame.h"

#include <string.h>

size_t tame_char(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 :
		   s[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) ||
	    (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe))
		return 0;
	return n;
}

/* U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069. */
static bool turns(const unsigned char *s, size_t len)
{
	if (len == 2)
		return s[0] == 0xd8 && s[1] == 0x9c;
	if (len != 3 || s[0] != 0xe2)
		return false;
	return (s[1] == 0x80 && (s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xaa && s[2] <= 0xae))) ||
	       (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9);
}

size_t tame_at(const char *text, const char *keep)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len;

	if (*s < 0x80)
		return (*s < ' ' && *s && !strchr(keep, *s)) || *s == 0x7f;
	len = tame_char(text);
	if (!len)
		return 1;
	return (len == 2 && s[0] == 0xc2 && s[1] < 0xa0) || turns(s, len) ? len : 0;
}

void tame(char *text, const char *keep)
{
	while (*text) {
		size_t bad = tame_at(text, keep), len = bad ? bad : tame_char(text);

		if (bad)
			memset(text, '?', bad);
		text += len;
	}
}

bool tame_is(const char *text, const char *keep)
{
	for (; *text; text += tame_char(text))
		if (tame_at(text, keep))
			return false;
	return true;
}
