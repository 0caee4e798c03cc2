/* Buffers, memory, errors, JSON, time, random numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/procs.h"
#include "base/random.h"
#include "base/rng.h"
#include "base/tame.h"

static void buffer_grows_and_stops_at_its_cap(void **state)
{
	struct buf b = {.cap = 10};

	(void)state;
	assert_string_equal(buf_cstr(&b), "");
	buf_str(&b, "12345");
	buf_fmt(&b, "%d", 678);
	assert_false(b.over);
	buf_str(&b, "9abcdef");
	assert_true(b.over);
	assert_string_equal(buf_cstr(&b), "123456789a");
	buf_free(&b);
	for (int i = 0; i < 1000; i++)
		buf_fmt(&b, "%d,", i % 10);
	buf_free(&b);
}

static void long_formats_survive(void **state)
{
	struct buf b = {0};
	char want[3000];

	(void)state;
	memset(want, 'x', sizeof(want) - 1);
	want[sizeof(want) - 1] = '\0';
	buf_fmt(&b, "%s", want);
	assert_string_equal(buf_cstr(&b), want);
	buf_free(&b);
}

static void arena_gives_zeroed_aligned_memory(void **state)
{
	struct arena a = {0};

	(void)state;
	for (size_t size = 1; size < 200000; size = size * 3 + 1) {
		unsigned char *p = arena_alloc(&a, size);

		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
	assert_string_equal(arena_fmt(&a, "%s-%d", "a", 7), "a-7");
	arena_free(&a);
	assert_null(a.head);
}

static void errors_keep_their_kind_under_a_prefix(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(err_set(&e, ERR_INPUT, "no %s", "file"), -1);
	assert_int_equal(err_prefix(&e, "reading %d", 3), -1);
	assert_string_equal(e.msg, "reading 3: no file");
	assert_int_equal(e.kind, ERR_INPUT);
}

static void rfc3339_goes_both_ways(void **state)
{
	int64_t ns = INT64_C(1700000000123000000), back;
	char text[32];

	(void)state;
	clock_rfc3339(ns, text);
	assert_string_equal(text, "2023-11-14T22:13:20.123Z");
	assert_int_equal(clock_parse_rfc3339(text, &back), 0);
	assert_int_equal(back, ns);
	assert_int_equal(clock_parse_rfc3339("2023-11-14T23:13:20.123456+01:00", &back), 0);
	assert_int_equal(back, ns + 456000);
	assert_int_equal(clock_parse_rfc3339("yesterday", &back), -1);
	assert_int_equal(clock_parse_rfc3339("2023-11-14T22:13:20.1x", &back), -1);
}

static void polling_ends_at_its_time(void **state)
{
	int fd[2];
	struct pollfd p = {.events = POLLIN};
	int64_t from = clock_mono_ns(), late;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	p.fd = fd[0];
	assert_false(clock_poll_until(&p, 1, from - 1));
	assert_int_equal(clock_overslept_ns(), 0); /* it did not sleep */
	assert_false(clock_poll_until(&p, 1, from + 30 * NS_PER_MS));
	late = clock_overslept_ns();
	assert_true(late > 0 && clock_mono_ns() >= from + 30 * NS_PER_MS + late);
	assert_int_equal(clock_overslept_ns(), 0);
	assert_int_equal(write(fd[1], "x", 1), 1);
	assert_true(clock_poll_until(&p, 1, clock_mono_ns() + 60 * NS_PER_S));
	assert_int_equal(p.revents, POLLIN);
	assert_int_equal(clock_overslept_ns(), 0);
	close(fd[0]);
	close(fd[1]);
}

static void json_integers_are_exact(void **state)
{
	(void)state;
	for (int shift = 40; shift <= 53; shift++) {
		for (int64_t d = -9; d <= 0; d++) {
			int64_t v = (INT64_C(1) << shift) + d;
			struct err e = {0};
			cJSON *o = cJSON_CreateObject(), *back;
			char *text;

			json_set_i64(o, "v", v);
			json_set_i64(o, "n", -v);
			assert_true(json_i64(o, "v", 0) == v && json_i64(o, "n", 0) == -v);
			assert_true(json_num(o, "v", 0) == (double)v);
			text = json_text(o);
			back = json_parse(text, "text", &e);
			assert_true(json_i64(back, "v", 0) == v && json_i64(back, "n", 0) == -v);
			free(text);
			cJSON_Delete(o);
			cJSON_Delete(back);
		}
	}
}

static void json_helpers_default_and_follow_paths(void **state)
{
	struct err e = {0};
	cJSON *o = json_parse("{\"a\":{\"b\":[1,{\"c\":\"x\"}]},\"n\":\"42\"}", "text", &e);

	(void)state;
	assert_non_null(o);
	assert_string_equal(json_str(json_path(o, "a.b.1"), "c", ""), "x");
	assert_null(json_path(o, "a.z.1"));
	assert_int_equal(json_i64(o, "n", 0), 42);
	assert_int_equal(json_i64(o, "missing", -5), -5);
	cJSON_Delete(o);
	assert_null(json_parse("{\n\n oops", "some.json", &e));
	assert_non_null(strstr(e.msg, "some.json:3"));
}

/* Several mistakes, a line each; those without room are counted. */
static void errors_together(void **state)
{
	struct err all = {0}, one = {0}, more = {0};
	char line[101];
	int kept = 0;

	(void)state;
	err_set(&one, ERR_REFUSED, "first");
	assert_int_equal(err_add(&all, &one), -1);
	assert_int_equal(one.kind, ERR_NONE);
	assert_int_equal(all.kind, ERR_REFUSED);
	err_set(&one, ERR_INPUT, "second\nthird");
	err_add(&all, &one);
	assert_int_equal(all.kind, ERR_INPUT);
	assert_string_equal(all.msg, "first\nsecond\nthird");
	memset(line, 'x', 100);
	line[100] = '\0';
	for (int i = 0; i < 200; i++) {
		err_set(&one, ERR_INPUT, "%s", line);
		err_add(&more, &one);
	}
	for (const char *p = more.msg; (p = strstr(p, line)); p += 100)
		kept++;
	assert_true(kept > 70);
	assert_int_equal(more.left_out, 200 - kept);
	assert_non_null(strstr(more.msg, "more"));
	err_add(&all, &more);
	for (const char *p = (kept = 0, all.msg); (p = strstr(p, line)); p += 100)
		kept++;
	assert_int_equal(all.left_out, 200 - kept);
	assert_int_equal(strncmp(all.msg, "first\nsecond\nthird\nxxx", 22), 0);
	assert_non_null(strstr(all.msg, " more"));
	assert_null(strstr(strstr(all.msg, " more") + 1, " more"));
}

static void merge_replaces_and_moves(void **state)
{
	struct err e = {0};
	cJSON *to = json_parse("{\"a\":1,\"b\":2}", "to", &e);
	char *text;

	(void)state;
	json_merge(to, json_parse("{\"b\":3,\"c\":4}", "from", &e));
	json_merge(to, NULL);
	text = json_text(to);
	assert_string_equal(text, "{\"a\":1,\"b\":3,\"c\":4}");
	free(text);
	cJSON_Delete(to);
}

/* Each place of an array of two, and one beyond its end. */
static void an_item_goes_in_at_every_place(void **state)
{
	static const char *const want[] = {"[9,0,1]", "[0,9,1]", "[0,1,9]", "[0,1,9]"};
	struct err e = {0};

	(void)state;
	for (int at = 0; at < 4; at++) {
		cJSON *a = json_parse("[0,1]", "the array", &e);
		char *text;

		json_insert(a, at, cJSON_CreateNumber(9));
		text = json_text(a);
		assert_string_equal(text, want[at]);
		free(text);
		cJSON_Delete(a);
	}
}

static void the_seed_decides(void **state)
{
	struct rng a = {7}, b = {7}, c = {8};
	int same = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		uint64_t x = rng_next(&a);

		assert_true(x == rng_next(&b));
		same += x == rng_next(&c);
		assert_true(rng_below(&a, 3) < 3);
		rng_next(&b);
		rng_next(&c);
	}
	assert_int_equal(same, 0);
}

static void base64_goes_both_ways(void **state)
{
	static const char *const t[][2] = { /* RFC 4648, section 10 */
		{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe", "//4="},
	};
	static const char *const wrong[] = {"Zg==x", "Z!", "Zg", "Zg=", "Z===", "Zm9v Yg==", "plain text", "Zg==Zg==", "=", "===="};
	static const char *const broken[] = {"Zm9vYg==\n", "Zm9v\nYg==", "Zm9v\r\nYg=\n="};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct buf there = {0}, back = {0};

		base64_encode(t[i][0], &there);
		assert_string_equal(buf_cstr(&there), t[i][1]);
		assert_int_equal(base64_decode(t[i][1], &back), 0);
		assert_string_equal(buf_cstr(&back), t[i][0]);
		buf_free(&there);
		buf_free(&back);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct buf b = {0};

		if (!base64_decode(wrong[i], &b))
			fail_msg("%s is taken", wrong[i]);
		buf_free(&b);
	}
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		struct buf b = {0};

		assert_int_equal(base64_decode(broken[i], &b), 0);
		assert_string_equal(buf_cstr(&b), "foob");
		buf_free(&b);
	}
}

static void size_of_json(void **state)
{
	cJSON *small = cJSON_Parse("{\"a\":\"x\"}"), *zeros = cJSON_Parse("{\"a\":[0,0,0,0],\"b\":{\"c\":1,\"d\":2,\"e\":3}}");
	struct json_size one = json_size(small), two = json_size(zeros);

	(void)state;
	assert_int_equal(one.keys, 1);
	assert_int_equal(two.keys, 3);
	assert_in_range(one.bytes, 2 * sizeof(cJSON), 2 * sizeof(cJSON) + 100);
	assert_in_range(two.bytes, 10 * sizeof(cJSON), 10 * sizeof(cJSON) + 400);
	assert_int_equal(json_size(NULL).bytes, 0);
	cJSON_Delete(small);
	cJSON_Delete(zeros);
}

static void uuids_are_of_version_4(void **state)
{
	char a[RANDOM_UUID_SIZE], b[RANDOM_UUID_SIZE];
	size_t variants = 0;

	(void)state;
	for (int i = 0; i < 64; i++) {
		random_uuid(a);
		random_uuid(b);
		assert_string_not_equal(a, b);
		assert_int_equal(strlen(a), 36);
		assert_int_equal(strspn(a, "0123456789abcdef-"), 36);
		for (const char *p = "\x08\x0d\x12\x17"; *p; p++)
			assert_int_equal(a[(int)*p], '-');
		assert_int_equal(a[14], '4');
		assert_non_null(strchr("89ab", a[19]));
		variants |= (size_t)1 << (strcspn("89ab", (char[]){a[19], 0}));
	}
	assert_true(variants & (variants - 1)); /* its two free bits are random */
}

static void tokens_have_their_length(void **state)
{
	char a[65], b[65];

	(void)state;
	for (size_t n = 1; n < sizeof(a); n++) {
		random_hex(a, n);
		assert_int_equal(strspn(a, "0123456789abcdef"), n);
		assert_int_equal(a[n], '\0');
	}
	random_hex(b, sizeof(b) - 1);
	assert_string_not_equal(a, b);
}

static void messages_do_not_steer_the_terminal(void **state)
{
	char text[] = "a\x1b[31mb\r\x07\x7f\xc2\x9b" "1m\xc3\xa9\n\tc\x9b" "m\xe2\x80\xaez\xe2\x81\xa6\xd8\x9c\xe2";
	char line[] = "a\nb\tc";

	(void)state;
	assert_false(tame_is(text, "\n\t"));
	tame(text, "\n\t");
	assert_string_equal(text, "a?[31mb???\?\?1m\xc3\xa9\n\tc?m?\?\?z?\?\?\?\?\?");
	assert_true(tame_is(text, "\n\t"));
	assert_false(tame_is(text, ""));
	tame(line, "");
	assert_string_equal(line, "a?b?c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_of_json),
		cmocka_unit_test(buffer_grows_and_stops_at_its_cap),
		cmocka_unit_test(long_formats_survive),
		cmocka_unit_test(arena_gives_zeroed_aligned_memory),
		cmocka_unit_test(errors_keep_their_kind_under_a_prefix),
		cmocka_unit_test(rfc3339_goes_both_ways),
		cmocka_unit_test(polling_ends_at_its_time),
		cmocka_unit_test(json_integers_are_exact),
		cmocka_unit_test(json_helpers_default_and_follow_paths),
		cmocka_unit_test(errors_together),
		cmocka_unit_test(merge_replaces_and_moves),
		cmocka_unit_test(an_item_goes_in_at_every_place),
		cmocka_unit_test(base64_goes_both_ways),
		cmocka_unit_test(the_seed_decides),
		cmocka_unit_test(uuids_are_of_version_4),
		cmocka_unit_test(tokens_have_their_length),
		cmocka_unit_test(messages_do_not_steer_the_terminal),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
