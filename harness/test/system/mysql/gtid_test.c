/* Sets of GTIDs: a table of what is one and what is not, and the server's own
 * GTID_SUBTRACT() and GTID_SUBSET() on sets by chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/rng.h"
#include "system/mysql/gtid.h"
#include "test/system/mysql/room.h"

#define A "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define B "5c2a8d10-0000-11f0-8000-0123456789ab"

/* NULL: it is none. */
static const struct {
	const char *in, *out;
} texts[] = {
	{"", ""},
	{" \n", ""},
	{",,", ""},
	{A ":1", A ":1"},
	{"3E11FA47-71CA-11E1-9E33-C80AA9429562:1-3", A ":1-3"},
	{A ":5:1-3:4", A ":1-5"},
	{A ":7-9:1-2", A ":1-2:7-9"},
	{A ":1-3,\n" B ":4", A ":1-3," B ":4"},
	{B ":4," A ":1-3," A ":2-8", A ":1-8," B ":4"},
	{A " : 1 - 3 : 5 , " B ":1", A ":1-3:5," B ":1"},
	{A ":tag:1-3", A ":tag:1-3"},
	{A ":1-2:Tag_1:1-3:9", A ":1-2:tag_1:1-3:9"},
	{A ":b:2:a:1," A ":3", A ":3:a:1:b:2"},
	{A ":9223372036854775806", A ":9223372036854775806"},
	{A ":3-1", ""},
	{A, ""},
	{A "," B ":1", B ":1"},
	{A ":", NULL},
	{A ":1:", NULL},
	{A ":tag", ""},
	{A ":tag:", NULL},
	{A "::1", NULL},
	{A ":tag:1-2:other:3", A ":other:3:tag:1-2"},
	{A ":0", NULL},
	{A ":-1", NULL},
	{A ":1-", NULL},
	{A ":1 2", NULL},
	{A ":9223372036854775807", NULL},
	{A ":99999999999999999999", NULL},
	{"3e11fa4771ca11e19e33c80aa9429562:1", A ":1"},
	{"3e11fa47-71ca11e19e33c80aa9429562:1", NULL},
	{"3e11fa47-71ca-11e1-9e33-c80aa942956:1", NULL},
	{"anonymous", NULL},
	{A ":abcdefghijabcdefghijabcdefghijabc:1", NULL},
	{A ":1;" B ":1", NULL},
};

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct gtid_set s;
		char *text;

		if (gtid_parse(texts[i].in, &s) != (texts[i].out != NULL))
			fail_msg("\"%s\" is %s", texts[i].in, texts[i].out ? "refused" : "taken");
		text = gtid_text(&s);
		assert_string_equal(text, texts[i].out ? texts[i].out : "");
		free(text);
		gtid_free(&s);
	}
}

static const struct {
	const char *a, *b, *rest;
} differences[] = {
	{A ":1-10", "", A ":1-10"},
	{"", A ":1-10", ""},
	{A ":1-10", A ":1-10", ""},
	{A ":1-10", A ":3-4:8", A ":1-2:5-7:9-10"},
	{A ":1-10", A ":1:10", A ":2-9"},
	{A ":1-3:7-9," B ":1-2", A ":2-8," B ":2-3", A ":1:9," B ":1"},
	{A ":1-3:7-9," B ":1-2", B ":1-2", A ":1-3:7-9"},
	{A ":1-3:t:1-3", A ":1-3", A ":t:1-3"},
	{A ":1-3:t:1-3", A ":t:2", A ":1-3:t:1:3"},
	{A ":5-6," B ":5-6", A ":1-9", B ":5-6"},
};

static void test_differences(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(differences); i++) {
		struct gtid_set a, b, rest;
		char *text;

		assert_true(gtid_parse(differences[i].a, &a) && gtid_parse(differences[i].b, &b));
		gtid_subtract(&a, &b, &rest);
		text = gtid_text(&rest);
		assert_string_equal(text, differences[i].rest);
		assert_int_equal(gtid_within(&a, &b), !*text);
		/* What is left and what is common make it whole again. */
		assert_true(gtid_within(&rest, &a));
		gtid_add(&b, &rest);
		assert_true(gtid_within(&a, &b));
		free(text);
		gtid_free(&a);
		gtid_free(&b);
		gtid_free(&rest);
	}
}

static void test_counts(void **state)
{
	struct gtid_set s;
	char brief[64];

	(void)state;
	assert_true(gtid_parse(A ":1-3:5:t:1-10," B ":7", &s));
	assert_int_equal(gtid_count(&s), 15);
	gtid_brief(&s, brief, sizeof(brief));
	assert_string_equal(brief, A ":1-3:5:t:1-10,...");
	gtid_brief(&s, brief, sizeof(A ":1-3:5"));
	assert_string_equal(brief, A ":...");
	gtid_brief(&s, brief, 4);
	assert_string_equal(brief, "...");
	assert_false(gtid_keep(&s, "nobody", true));
	assert_int_equal(gtid_count(&s), 15);
	assert_true(gtid_keep(&s, A, true));
	assert_int_equal(gtid_count(&s), 14);
	assert_true(gtid_keep(&s, A, false));
	assert_int_equal(gtid_count(&s), 0);
	gtid_free(&s);
	assert_true(gtid_parse(A ":1-9223372036854775806," B ":1-9223372036854775806", &s));
	assert_int_equal(gtid_count(&s), INT64_MAX);
	gtid_free(&s);
}

/* ---- the server's word ---- */

static int start(void **state)
{
	return room_start(state, 1, NULL);
}

static void strip(char *s)
{
	char *to = s;

	for (; *s; s++)
		if (*s != '\n')
			*to++ = *s;
	*to = '\0';
}

/* The first value, "" for NULL, without line breaks; NULL: the server refuses it. */
static char *told(struct my_conn *c, const char *fmt, const char *a, const char *b)
{
	MYSQL_RES *res = NULL;
	char why[OP_ERROR_MAX], sql[4096], *out = NULL;
	MYSQL_ROW row;

	snprintf(sql, sizeof(sql), "SELECT %s('%s', '%s')", fmt, a, b);
	if (my_query(c, sql, clock_mono_ns() + LONG_NS, &res, why, sizeof(why)) == MY_ANSWERED &&
	    res) {
		row = mysql_fetch_row(res);
		out = mem_strdup(row && row[0] ? row[0] : "");
		strip(out);
	}
	mysql_free_result(res);
	return out;
}

static void test_texts_at_server(void **state)
{
	struct fixture *f = need(state);
	struct my_conn *c = mysql_server_conn(&f->s[0]);
	int wrong = 0;

	assert_non_null(c);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		char *out = told(c, "GTID_SUBTRACT", texts[i].in, "");

		if (!out != !texts[i].out || (out && strcmp(out, texts[i].out))) {
			print_error("of \"%s\" the server makes \"%s\", not \"%s\"\n", texts[i].in,
				    out ? out : "an error", texts[i].out ? texts[i].out : "an error");
			wrong++;
		}
		free(out);
	}
	my_drop(c);
	assert_int_equal(wrong, 0);
}

static void by_chance(struct rng *rng, struct buf *b)
{
	static const char *const sources[] = {A, B, A ":a", A ":b_2"};
	size_t n = rng_below(rng, 5);

	for (size_t i = 0; i < n; i++) {
		buf_fmt(b, "%s%s", i ? "," : "", sources[rng_below(rng, ARRAY_LEN(sources))]);
		for (size_t k = 0; k <= rng_below(rng, 4); k++) {
			unsigned lo = 1 + (unsigned)rng_below(rng, 30);

			buf_fmt(b, ":%u-%u", lo, lo + (unsigned)rng_below(rng, 6));
		}
	}
}

static void test_sets_at_server(void **state)
{
	struct fixture *f = need(state);
	struct my_conn *c = mysql_server_conn(&f->s[0]);
	struct rng rng = {7};

	assert_non_null(c);
	for (int i = 0; i < 2000; i++) {
		struct buf x = {0}, y = {0};
		struct gtid_set a, b, rest;
		char *mine, *its, *subset;

		by_chance(&rng, &x);
		by_chance(&rng, &y);
		assert_true(gtid_parse(buf_cstr(&x), &a) && gtid_parse(buf_cstr(&y), &b));
		gtid_subtract(&a, &b, &rest);
		mine = gtid_text(&rest);
		its = told(c, "GTID_SUBTRACT", buf_cstr(&x), buf_cstr(&y));
		subset = told(c, "GTID_SUBSET", buf_cstr(&x), buf_cstr(&y));
		assert_non_null(its);
		if (strcmp(mine, its) || (*subset == '1') != gtid_within(&a, &b))
			fail_msg("\"%s\" without \"%s\": \"%s\", the server says \"%s\" (subset %s)", buf_cstr(&x),
				 buf_cstr(&y), mine, its, subset);
		free(mine);
		free(its);
		free(subset);
		gtid_free(&a);
		gtid_free(&b);
		gtid_free(&rest);
		buf_free(&x);
		buf_free(&y);
	}
	my_drop(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_texts_at_server),
		cmocka_unit_test(test_sets_at_server),
	};

	return cmocka_run_group_tests(tests, start, room_stop);
}
