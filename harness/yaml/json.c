#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yaml/parts.h"

/* What of JSON is not YAML: values one behind the other, and halves of characters. */

size_t yaml_json_end(const char *s, size_t len)
{
	static const char outside[] = " \t\r\n:,+-.0123456789Eaeflnrstu";
	size_t depth = 0;
	bool text = false;

	for (size_t i = 0; i < len; i++) {
		if (text && s[i] == '\\')
			i++;
		else if (s[i] == '"')
			text = !text;
		else if (text)
			continue;
		else if (s[i] == '{' || s[i] == '[')
			depth++;
		else if ((s[i] == '}' || s[i] == ']') && depth <= 1)
			return depth ? i + 1 : 0;
		else if (s[i] == '}' || s[i] == ']')
			depth--;
		else if (!s[i] || !strchr(outside, s[i]))
			return 0;
	}
	return 0;
}

size_t yaml_json_values(const char *data, size_t len)
{
	size_t n = 0, at = 0, value;

	for (;; n++) {
		while (at < len && strchr(" \t\r\n", data[at]) && data[at])
			at++;
		if (at == len)
			return n;
		value = data[at] == '{' ? yaml_json_end(data + at, len - at) : 0;
		if (!value)
			return 0;
		at += value;
	}
}

/* Of \uXXXX; -1: that is not what stands there. */
static long unit(const char *s, size_t len)
{
	char digits[5] = "";

	if (len < 6 || s[0] != '\\' || s[1] != 'u')
		return -1;
	memcpy(digits, s + 2, 4);
	return strspn(digits, "0123456789abcdefABCDEF") == 4 ? strtol(digits, NULL, 16) : -1;
}

static bool is_half(long v, long from)
{
	return v >= from && v < from + 0x400;
}

/* How many bytes of `s` have become one character, or a lone half what Go makes of it. */
static size_t join(const char *s, size_t len, struct buf *out)
{
	long high = unit(s, len), low = high < 0 || len < 12 ? -1 : unit(s + 6, len - 6), c;

	if (!is_half(high, 0xd800) && !is_half(high, 0xdc00))
		return 0;
	if (!is_half(high, 0xd800) || !is_half(low, 0xdc00)) {
		buf_str(out, "\\uFFFD");
		return 6;
	}
	c = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	buf_char(out, (char)(0xf0 | c >> 18));
	buf_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
	buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
	buf_char(out, (char)(0x80 | (c & 0x3f)));
	return 12;
}

void yaml_of_json(const char *s, size_t len, struct buf *out)
{
	size_t shorter = 0, n;
	bool text = false;

	for (size_t i = 0; i < len; i += n) {
		n = text ? join(s + i, len - i, out) : 0;
		if (n) {
			shorter += n == 12 ? 11 : 0;
			continue;
		}
		n = text && s[i] == '\\' && i + 1 < len ? 2 : 1;
		buf_add(out, s + i, n);
		if (s[i] != '"')
			continue;
		text = !text;
		/* What is behind it stays in its column. */
		for (; !text && shorter; shorter--)
			buf_char(out, ' ');
	}
}
