/* Messages as they lie in the log. */
#include <string.h>

#include "system/kafka/wire.h"

void kafka_put_fetch(struct buf *b, const char *topic, int partition, int64_t offset, int32_t bytes)
{
	kafka_put_i32(b, -1);
	kafka_put_i32(b, 0); /* no waiting */
	kafka_put_i32(b, 0);
	kafka_put_i32(b, bytes);
	kafka_put_i8(b, 0);
	kafka_put_i32(b, 1);
	kafka_put_str(b, topic);
	kafka_put_i32(b, 1);
	kafka_put_i32(b, partition);
	kafka_put_i64(b, offset);
	kafka_put_i32(b, bytes);
}

bool kafka_read_fetch(struct kafka_reader *r, struct kafka_fetched *out)
{
	int64_t n;

	memset(out, 0, sizeof(*out));
	kafka_get(r, 4);
	if (kafka_get_count(r, 6) != 1)
		return false;
	kafka_drop_str(r);
	if (kafka_get_count(r, 30) != 1)
		return false;
	kafka_get(r, 4);
	out->code = kafka_get_int(r, 2);
	out->high = kafka_get(r, 8);
	kafka_get(r, 8);
	kafka_skip(r, 16 * (int64_t)kafka_get_count(r, 16)); /* aborted transactions */
	n = kafka_get(r, 4);
	out->records = n > 0 ? kafka_skip(r, n) : NULL;
	out->nrecords = n > 0 ? (size_t)n : 0;
	return !r->bad;
}

int32_t kafka_fetched_epoch(const struct kafka_fetched *f)
{
	struct kafka_reader r = {f->records, f->nrecords, false};

	kafka_get(&r, 8);
	kafka_get(&r, 4);
	return r.n < 4 ? -1 : (int32_t)kafka_get(&r, 4);
}

/* "Record": attributes, time, place within the batch, key, value, headers. */
static bool one_record(struct kafka_reader *batch, int64_t base, kafka_record_fn *fn, void *arg,
		       bool *more)
{
	int64_t n = kafka_get_zigzag(batch), at, length;
	const unsigned char *body = kafka_skip(batch, n), *value;
	struct kafka_reader r = {body, batch->bad ? 0 : (size_t)n, batch->bad};

	kafka_get(&r, 1);
	kafka_get_zigzag(&r);
	at = kafka_get_zigzag(&r);
	length = kafka_get_zigzag(&r);
	kafka_skip(&r, length > 0 ? length : 0);
	length = kafka_get_zigzag(&r);
	value = kafka_skip(&r, length > 0 ? length : 0);
	if (r.bad || at < 0)
		return false;
	*more = fn(arg, base + at, value, length > 0 ? (size_t)length : 0);
	return true;
}

/* "Record Batch": its head has 61 bytes, 12 of which its length leaves out. */
static bool one_batch(const unsigned char *p, size_t n, kafka_record_fn *fn, void *arg,
		      int64_t *next, bool *more)
{
	struct kafka_reader r = {p, n, false};
	int64_t base = kafka_get(&r, 8), last, count, attributes;

	kafka_get(&r, 4);
	kafka_get(&r, 4);
	if (kafka_get(&r, 1) != 2)
		return false;
	kafka_get(&r, 4); /* the checksum: TCP's and the broker's are enough here */
	attributes = kafka_get(&r, 2);
	last = kafka_get(&r, 4);
	kafka_skip(&r, 30); /* times, the producer */
	count = kafka_get(&r, 4);
	if (r.bad || last < 0 || count < 0 || attributes & 7)
		return false;
	for (int64_t i = 0; i < count && *more && !(attributes & 0x20); i++)
		if (!one_record(&r, base, fn, arg, more))
			return false;
	*next = base + last + 1;
	return true;
}

bool kafka_each_record(const struct kafka_fetched *f, kafka_record_fn *fn, void *arg, int64_t *next)
{
	const unsigned char *p = f->records;
	size_t left = f->nrecords;
	bool more = true;

	while (left >= 12 && more) {
		struct kafka_reader head = {p + 8, 4, false};
		int64_t n = kafka_get(&head, 4);

		if (n < 49)
			return false;
		if ((uint64_t)n > left - 12)
			break; /* the rest was cut off */
		if (!one_batch(p, (size_t)n + 12, fn, arg, next, &more))
			return false;
		p += n + 12;
		left -= (size_t)n + 12;
	}
	return true;
}
