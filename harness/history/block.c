#include "history/block.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/json.h"

void block_add(struct block_sum *s, const char *text, size_t len)
{
	for (const char *p = text; (p = memchr(p, '\n', len - (size_t)(p - text))); p++)
		s->lines++;
	s->crc = (uint32_t)crc32_z(s->crc, (const unsigned char *)text, len);
	s->bytes += (int64_t)len;
}

void block_join(struct block_sum *s, const struct block_sum *more)
{
	s->crc = (uint32_t)crc32_combine(s->crc, more->crc, more->bytes);
	s->lines += more->lines;
	s->bytes += more->bytes;
}

size_t block_to_line(const struct block *b, char out[BLOCK_LINE_MAX])
{
	int n = snprintf(out, BLOCK_LINE_MAX, "{\"k\":\"block\"");

	if (!b->events)
		n += snprintf(out + n, BLOCK_LINE_MAX - (size_t)n, ",\"s\":%" PRIu32, b->scenario);
	if (b->group)
		n += snprintf(out + n, BLOCK_LINE_MAX - (size_t)n, ",\"g\":%" PRIu32, b->group);
	n += snprintf(out + n, BLOCK_LINE_MAX - (size_t)n, ",\"from\":%" PRId64 ",\"n\":%" PRId64
		      ",\"sum\":\"%08" PRIx32 "\"%s}\n", b->from, b->lines, b->crc, b->end ? ",\"end\":true" : "");
	return (size_t)n;
}

bool block_is(const cJSON *o)
{
	return !strcmp(json_str(o, "k", ""), "block");
}

static bool count(const cJSON *o, const char *key, int64_t most, bool needed, int64_t *out)
{
	const cJSON *v = json_get(o, key);

	*out = 0;
	if (!v)
		return !needed;
	*out = cJSON_IsNumber(v) ? json_whole(v->valuedouble) : -1;
	return *out >= 0 && *out <= most && (double)*out == v->valuedouble;
}

int block_from_json(const cJSON *o, struct block *b, struct err *e)
{
	const char *sum = json_str(o, "sum", "");
	int64_t scenario, group;
	char *end;

	memset(b, 0, sizeof(*b));
	if (!count(o, "s", INT32_MAX, false, &scenario) || !count(o, "g", UINT16_MAX, false, &group) ||
	    !count(o, "from", INT64_C(1) << 53, true, &b->from) ||
	    !count(o, "n", INT64_C(1) << 53, true, &b->lines))
		return err_set(e, ERR_INPUT, "a block needs the numbers \"from\" and \"n\", from 0 up");
	b->crc = (uint32_t)strtoul(sum, &end, 16);
	if (strlen(sum) != 8 || *end || strspn(sum, "0123456789abcdef") != 8)
		return err_set(e, ERR_INPUT, "a block's \"sum\" must be 8 hexadecimal digits");
	b->scenario = (uint32_t)scenario;
	b->group = (uint32_t)group;
	b->end = json_bool(o, "end", false);
	return 0;
}

int block_verify(const struct block *b, const struct block_sum *lines, int64_t from, struct err *e)
{
	if (b->from < from)
		return err_set(e, ERR_INPUT, "a block begins at number %" PRId64 ", which was there before: "
			       "lines are doubled, or out of order", b->from);
	if (b->from > from)
		return err_set(e, ERR_INPUT, "a block begins at number %" PRId64 " where %" PRId64
			       " was next: lines are missing", b->from, from);
	if (b->lines != lines->lines)
		return err_set(e, ERR_INPUT, "the block has %" PRId64 " lines and says that it was written "
			       "with %" PRId64 ": lines are %s", lines->lines, b->lines,
			       lines->lines < b->lines ? "missing" : "doubled, or were put in");
	if (b->crc != lines->crc)
		return err_set(e, ERR_INPUT, "the block's %" PRId64 " lines are not those that were written: "
			       "their sum is %08" PRIx32 " instead of %08" PRIx32, b->lines, lines->crc, b->crc);
	return 0;
}
