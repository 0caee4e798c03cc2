/* Kafka's protocol as bytes: whole answers are read, and whatever was cut off or turned
 * into something else is refused within its bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "system/kafka/wire.h"

struct got {
	int64_t offsets[8];
	char values[8][16];
	size_t n, most;
};

static bool note(void *arg, int64_t offset, const unsigned char *value, size_t n)
{
	struct got *g = arg;

	g->offsets[g->n] = offset;
	memcpy(g->values[g->n], value, n < 15 ? n : 15);
	return ++g->n < g->most;
}

static struct kafka_reader reader(const struct buf *b)
{
	/* A copy of its own: a byte too far is seen by the sanitizer. */
	unsigned char *copy = mem_alloc(b->len ? b->len : 1);

	if (b->len)
		memcpy(copy, b->s, b->len);
	return (struct kafka_reader){copy, b->len, false};
}

/* Whether what `read` makes of the first n bytes is a whole answer. */
static bool whole(const struct buf *b, size_t n, bool (*read)(struct kafka_reader *r))
{
	const struct buf part = {.s = b->s, .len = n};
	struct kafka_reader r = reader(&part);
	const unsigned char *copy = r.p;
	bool yes = read(&r);

	free((void *)(uintptr_t)copy);
	return yes;
}

static void every_cut_is_refused(const struct buf *b, bool (*read)(struct kafka_reader *r))
{
	assert_true(whole(b, b->len, read));
	for (size_t n = 0; n < b->len; n++)
		if (whole(b, n, read))
			fail_msg("%zu of %zu bytes are taken for the whole", n, b->len);
}

static void put_ids(struct buf *b, int n, int from)
{
	kafka_put_i32(b, n);
	for (int i = 0; i < n; i++)
		kafka_put_i32(b, from + i);
}

static void put_metadata_answer(struct buf *b)
{
	kafka_put_i32(b, 0);
	kafka_put_i32(b, 2);
	for (int i = 0; i < 2; i++) {
		kafka_put_i32(b, i);
		kafka_put_str(b, i ? "b" : "a");
		kafka_put_i32(b, 9092 + i);
		kafka_put_str(b, NULL);
	}
	kafka_put_str(b, "cluster");
	kafka_put_i32(b, 1);
	kafka_put_i32(b, 1);
	kafka_put_i16(b, 0);
	kafka_put_str(b, "ordeal");
	kafka_put_i8(b, 0);
	kafka_put_i32(b, 2);
	for (int i = 1; i >= 0; i--) { /* in no order */
		kafka_put_i16(b, i ? KAFKA_LEADER_NOT_AVAILABLE : 0);
		kafka_put_i32(b, i);
		kafka_put_i32(b, i ? -1 : 1);
		kafka_put_i32(b, 4 + i);
		put_ids(b, 3, 0);
		put_ids(b, 2, 1);
		put_ids(b, 1, 0);
	}
}

static struct kafka_metadata md;

static bool read_metadata(struct kafka_reader *r)
{
	return kafka_read_metadata(r, &md);
}

static void test_metadata(void **state)
{
	struct buf b = {0};

	(void)state;
	put_metadata_answer(&b);
	every_cut_is_refused(&b, read_metadata);
	assert_true(whole(&b, b.len, read_metadata));
	assert_int_equal(md.nbrokers, 2);
	assert_string_equal(md.brokers[1].host, "b");
	assert_int_equal(md.brokers[1].port, 9093);
	assert_int_equal(md.npartitions, 2);
	assert_int_equal(md.partitions[0].leader, 1);
	assert_int_equal(md.partitions[0].epoch, 4);
	assert_int_equal(md.partitions[0].nisr, 2);
	assert_int_equal(md.partitions[0].offline[0], 0);
	assert_int_equal(md.partitions[1].leader, -1);
	buf_free(&b);
}

static struct kafka_quorum quorum;

static bool read_quorum(struct kafka_reader *r)
{
	return kafka_read_describe_quorum(r, &quorum);
}

static void test_quorum(void **state)
{
	static const char name[] = "__cluster_metadata";
	struct buf b = {0};

	(void)state;
	kafka_put_i8(&b, 0);
	kafka_put_i16(&b, 0);
	kafka_put_i8(&b, 2);
	kafka_put_i8(&b, (int)sizeof(name));
	buf_str(&b, name);
	kafka_put_i8(&b, 2);
	kafka_put_i32(&b, 0);
	kafka_put_i16(&b, 0);
	kafka_put_i32(&b, 2);
	kafka_put_i32(&b, 5);
	kafka_put_i64(&b, 700);
	kafka_put_i8(&b, 3);
	for (int i = 0; i < 2; i++) {
		kafka_put_i32(&b, i);
		kafka_put_i64(&b, 700 - i);
		kafka_put_i64(&b, 9000);
		kafka_put_i64(&b, 9000 - 40 * i);
		kafka_put_i8(&b, 0);
	}
	every_cut_is_refused(&b, read_quorum);
	assert_true(whole(&b, b.len, read_quorum));
	assert_int_equal(quorum.leader, 2);
	assert_int_equal(quorum.epoch, 5);
	assert_int_equal(quorum.high, 700);
	assert_int_equal(quorum.nvoters, 2);
	assert_int_equal(quorum.voters[1].end, 699);
	assert_int_equal(quorum.voters[1].whole_ms, 8960);
	buf_free(&b);
}

static int level;

static bool read_api_versions(struct kafka_reader *r)
{
	return kafka_read_api_versions(r, &level);
}

static void put_feature(struct buf *b, const char *name, int newest)
{
	kafka_put_i8(b, (int)strlen(name) + 1);
	buf_str(b, name);
	kafka_put_i16(b, 1);
	kafka_put_i16(b, newest);
	kafka_put_i8(b, 0);
}

/* Its own features are the tag 0; what the cluster has agreed on is another one. */
static void test_api_versions(void **state)
{
	struct buf b = {0}, features = {0};

	(void)state;
	kafka_put_i8(&features, 3);
	put_feature(&features, "group.version", 1);
	put_feature(&features, "metadata.version", 33);
	kafka_put_i16(&b, 0);
	kafka_put_i8(&b, 2);
	kafka_put_i16(&b, 18);
	kafka_put_i16(&b, 0);
	kafka_put_i16(&b, 4);
	kafka_put_i8(&b, 0);
	kafka_put_i32(&b, 0);
	kafka_put_i8(&b, 2);
	kafka_put_i8(&b, 0);
	kafka_put_i8(&b, (int)features.len);
	buf_add(&b, features.s, features.len);
	kafka_put_i8(&b, 2);
	kafka_put_i8(&b, 3);
	buf_add(&b, "abc", 3);
	every_cut_is_refused(&b, read_api_versions);
	assert_true(whole(&b, b.len, read_api_versions));
	assert_int_equal(level, 33);
	/* None are told. */
	buf_reset(&b);
	kafka_put_i16(&b, 0);
	kafka_put_i8(&b, 1);
	kafka_put_i32(&b, 0);
	kafka_put_i8(&b, 0);
	assert_true(whole(&b, b.len, read_api_versions));
	assert_int_equal(level, 0);
	/* An answer of the version 0, as to who asks for one that the broker has not. */
	b.s[1] = 35;
	assert_false(whole(&b, b.len, read_api_versions));
	buf_free(&b);
	buf_free(&features);
}

static void put_varint(struct buf *b, int64_t v)
{
	uint64_t z = v < 0 ? ~((uint64_t)v << 1) : (uint64_t)v << 1;

	for (; z > 0x7f; z >>= 7)
		buf_char(b, (char)(0x80 | (z & 0x7f)));
	buf_char(b, (char)z);
}

static void put_batch(struct buf *out, int64_t base, int n, int attributes,
		      const char *const *values)
{
	struct buf b = {0}, one = {0};

	for (int i = 0; i < n; i++) {
		buf_reset(&one);
		kafka_put_i8(&one, 0);
		put_varint(&one, 5 * i);
		put_varint(&one, i);
		put_varint(&one, -1); /* no key */
		put_varint(&one, (int64_t)strlen(values[i]));
		buf_str(&one, values[i]);
		put_varint(&one, 0);
		put_varint(&b, (int64_t)one.len);
		buf_add(&b, one.s, one.len);
	}
	kafka_put_i64(out, base);
	kafka_put_i32(out, (int32_t)(49 + b.len));
	kafka_put_i32(out, 0);
	kafka_put_i8(out, 2);
	kafka_put_i32(out, 0);
	kafka_put_i16(out, attributes);
	kafka_put_i32(out, n - 1);
	kafka_put_i64(out, 0);
	kafka_put_i64(out, 0);
	kafka_put_i64(out, -1);
	kafka_put_i16(out, -1);
	kafka_put_i32(out, -1);
	kafka_put_i32(out, n);
	if (b.len)
		buf_add(out, b.s, b.len);
	buf_free(&b);
	buf_free(&one);
}

static bool each(const struct buf *b, size_t len, struct got *g, int64_t *next)
{
	const struct buf part = {.s = b->s, .len = len};
	struct kafka_reader r = reader(&part);
	const struct kafka_fetched f = {.records = r.p, .nrecords = len};
	bool ok;

	memset(g, 0, sizeof(*g));
	g->most = ARRAY_LEN(g->offsets);
	ok = kafka_each_record(&f, note, g, next);
	free((void *)(uintptr_t)r.p);
	return ok;
}

static void test_records(void **state)
{
	static const char *const values[] = {"1 a", "2 b"};
	struct buf b = {0};
	struct got g;
	int64_t next = 40;
	size_t first;

	(void)state;
	put_batch(&b, 40, 2, 0, values);
	first = b.len;
	put_batch(&b, 42, 1, 0x20, values); /* a control batch */
	put_batch(&b, 43, 1, 0, values + 1);
	assert_true(each(&b, b.len, &g, &next));
	assert_int_equal(next, 44);
	assert_int_equal(g.n, 3);
	assert_int_equal(g.offsets[0], 40);
	assert_string_equal(g.values[1], "2 b");
	assert_int_equal(g.offsets[2], 43);
	/* Brokers cut the last batch off where the bytes end: that is no damage. */
	for (size_t n = 0; n <= b.len; n++) {
		next = 40;
		assert_true(each(&b, n, &g, &next));
		assert_int_equal(g.n, n < first ? 0 : n < b.len ? 2 : 3);
		assert_true(n < first ? next == 40 : next >= 42);
	}
	buf_free(&b);
}

/* What we cannot read is no empty answer. */
static void test_unreadable_records(void **state)
{
	static const char *const values[] = {"1 a"};
	struct buf b = {0};
	int64_t next = 0;
	struct got g;

	(void)state;
	put_batch(&b, 0, 1, 2, values); /* compressed */
	assert_false(each(&b, b.len, &g, &next));
	buf_reset(&b);
	put_batch(&b, 0, 1, 0, values);
	b.s[16] = 1; /* an older format */
	assert_false(each(&b, b.len, &g, &next));
	b.s[16] = 2;
	b.s[61] = 0x7e; /* a record that is longer than its batch */
	assert_false(each(&b, b.len, &g, &next));
	b.s[11] = 3; /* a batch that is shorter than its head */
	assert_false(each(&b, b.len, &g, &next));
	buf_free(&b);
}

static struct kafka_offset told;

static bool read_epoch_end(struct kafka_reader *r)
{
	return kafka_read_epoch_end(r, &told);
}

static bool read_committed(struct kafka_reader *r)
{
	return kafka_read_offset_fetch(r, &told);
}

static void put_topic(struct buf *b)
{
	kafka_put_i32(b, 0);
	kafka_put_i32(b, 1);
	kafka_put_str(b, "ordeal");
	kafka_put_i32(b, 1);
}

static void test_epochs(void **state)
{
	static const char *const values[] = {"1 a"};
	struct buf b = {0};
	struct kafka_fetched f;

	(void)state;
	put_topic(&b);
	kafka_put_i16(&b, 0);
	kafka_put_i32(&b, 2);
	kafka_put_i32(&b, 5);
	kafka_put_i64(&b, 42);
	every_cut_is_refused(&b, read_epoch_end);
	assert_true(whole(&b, b.len, read_epoch_end));
	assert_int_equal(told.code, 0);
	assert_int_equal(told.epoch, 5);
	assert_int_equal(told.offset, 42);
	buf_reset(&b);
	put_topic(&b);
	kafka_put_i32(&b, 2);
	kafka_put_i64(&b, 43);
	kafka_put_i32(&b, 6);
	kafka_put_str(&b, "");
	kafka_put_i16(&b, 0);
	kafka_put_i16(&b, 0);
	every_cut_is_refused(&b, read_committed);
	assert_true(whole(&b, b.len, read_committed));
	assert_int_equal(told.epoch, 6);
	assert_int_equal(told.offset, 43);
	buf_reset(&b);
	put_batch(&b, 0, 1, 0, values);
	b.s[15] = 7;
	f = (struct kafka_fetched){.records = (const unsigned char *)b.s, .nrecords = b.len};
	assert_int_equal(kafka_fetched_epoch(&f), 7);
	f.nrecords = 15;
	assert_int_equal(kafka_fetched_epoch(&f), -1);
	f = (struct kafka_fetched){0};
	assert_int_equal(kafka_fetched_epoch(&f), -1);
	buf_free(&b);
}

static void test_request(void **state)
{
	static const unsigned char want[] = {0, 0, 0, 16, 0,   10,  0,	 1,   0,   0,
					     0, 9, 0, 6,  'o', 'r', 'd', 'e', 'a', 'l'};
	struct buf b = {0};

	(void)state;
	kafka_request_begin(&b, KAFKA_FIND_COORDINATOR, 9);
	kafka_request_end(&b);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.s, want, sizeof(want));
	buf_free(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_quorum),
		cmocka_unit_test(test_api_versions),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_unreadable_records),
		cmocka_unit_test(test_epochs),
		cmocka_unit_test(test_request),
	};

	return cmocka_run_group_tests_name("kafka, protocol", tests, NULL, NULL);
}
