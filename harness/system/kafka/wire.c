#include "system/kafka/wire.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static const struct {
	enum kafka_api api;
	int version;
	bool flexible; /* its head ends with tags */
} versions[] = {
	{KAFKA_FETCH, 4, false},
	{KAFKA_LIST_OFFSETS, 4, false},
	{KAFKA_METADATA, 7, false},
	{KAFKA_OFFSET_COMMIT, 6, false},
	{KAFKA_OFFSET_FETCH, 5, false},
	{KAFKA_FIND_COORDINATOR, 1, false},
	{KAFKA_API_VERSIONS, 3, true},
	{KAFKA_CREATE_TOPICS, 4, false},
	{KAFKA_OFFSET_FOR_LEADER_EPOCH, 3, false},
	{KAFKA_DESCRIBE_CONFIGS, 2, false},
	{KAFKA_DESCRIBE_QUORUM, 1, true},
};

const char *kafka_code_text(int code, char out[24])
{
	static const char *const words[] = {
		[1] = "offset out of range", [2] = "corrupt message", [3] = "unknown topic or partition",
		[5] = "leader not available", [6] = "not leader", [7] = "request timed out",
		[8] = "broker not available", [9] = "replica not available", [10] = "message too large",
		[13] = "network exception", [14] = "coordinator loading", [15] = "coordinator not available",
		[16] = "not coordinator", [19] = "not enough replicas",
		[20] = "not enough replicas after append", [22] = "illegal generation",
		[25] = "unknown member", [27] = "rebalance in progress", [41] = "not controller",
		[56] = "storage error", [72] = "listener not found", [74] = "fenced leader epoch",
		[75] = "unknown leader epoch",
	};

	if ((size_t)code < ARRAY_LEN(words) && words[code])
		return words[code];
	snprintf(out, 24, "error %d", code);
	return out;
}

static void put(struct buf *b, int64_t v, int bytes)
{
	while (bytes--)
		buf_char(b, (char)(v >> (8 * bytes)));
}

void kafka_put_i8(struct buf *b, int v)
{
	put(b, v, 1);
}

void kafka_put_i16(struct buf *b, int v)
{
	put(b, v, 2);
}

void kafka_put_i32(struct buf *b, int32_t v)
{
	put(b, v, 4);
}

void kafka_put_i64(struct buf *b, int64_t v)
{
	put(b, v, 8);
}

void kafka_put_str(struct buf *b, const char *s)
{
	kafka_put_i16(b, s ? (int)strlen(s) : -1);
	if (s)
		buf_str(b, s);
}

void kafka_request_begin(struct buf *b, enum kafka_api api, int32_t id)
{
	size_t i = 0;

	while (versions[i].api != api)
		i++;
	buf_reset(b);
	kafka_put_i32(b, 0);
	kafka_put_i16(b, api);
	kafka_put_i16(b, versions[i].version);
	kafka_put_i32(b, id);
	kafka_put_str(b, "ordeal");
	if (versions[i].flexible)
		kafka_put_i8(b, 0);
}

void kafka_request_end(struct buf *b)
{
	size_t n = b->len - 4;

	for (int i = 0; i < 4; i++)
		b->s[i] = (char)(n >> (8 * (3 - i)));
}

int64_t kafka_get(struct kafka_reader *r, size_t bytes)
{
	uint64_t v = 0;

	if (r->bad || r->n < bytes) {
		r->bad = true;
		return 0;
	}
	for (size_t i = 0; i < bytes; i++)
		v = v << 8 | r->p[i];
	r->p += bytes;
	r->n -= bytes;
	switch (bytes) {
	case 1: return (int8_t)v;
	case 2: return (int16_t)v;
	case 4: return (int32_t)v;
	default: return (int64_t)v;
	}
}

int kafka_get_int(struct kafka_reader *r, size_t bytes)
{
	return (int)kafka_get(r, bytes);
}

int32_t kafka_get_count(struct kafka_reader *r, size_t least)
{
	int32_t n = (int32_t)kafka_get(r, 4);

	if (n < 0)
		return 0;
	if ((size_t)n > r->n / least)
		r->bad = true;
	return r->bad ? 0 : n;
}

const unsigned char *kafka_skip(struct kafka_reader *r, int64_t n)
{
	const unsigned char *at = r->p;

	if (r->bad || n < 0 || (uint64_t)n > r->n) {
		r->bad = true;
		return at;
	}
	r->p += n;
	r->n -= (size_t)n;
	return at;
}

void kafka_get_str(struct kafka_reader *r, char *out, size_t size)
{
	int64_t n = kafka_get(r, 2);
	const unsigned char *at = n > 0 ? kafka_skip(r, n) : NULL;

	*out = '\0';
	if (at && !r->bad)
		snprintf(out, size, "%.*s", (int)n, (const char *)at);
}

void kafka_drop_str(struct kafka_reader *r)
{
	int64_t n = kafka_get(r, 2);

	if (n > 0)
		kafka_skip(r, n);
}

uint64_t kafka_get_varint(struct kafka_reader *r)
{
	uint64_t v = 0;

	for (int shift = 0; shift < 64; shift += 7) {
		uint64_t byte = (uint64_t)kafka_get(r, 1) & 0xff;

		v |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
	r->bad = true;
	return 0;
}

int64_t kafka_get_zigzag(struct kafka_reader *r)
{
	uint64_t v = kafka_get_varint(r);

	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* Of the flexible versions: a count is one more, and 0 is null. */
int64_t kafka_get_compact(struct kafka_reader *r, size_t least)
{
	uint64_t n = kafka_get_varint(r);

	if (n && n - 1 > r->n / least)
		r->bad = true;
	return r->bad || !n ? 0 : (int64_t)n - 1;
}

void kafka_drop_tags(struct kafka_reader *r)
{
	for (uint64_t n = kafka_get_varint(r); n && !r->bad; n--) {
		kafka_get_varint(r);
		kafka_skip(r, (int64_t)(kafka_get_varint(r) & INT64_MAX));
	}
}
