/* YAML as it is read: trees, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "test/unit/yaml/arena.h"
#include "yaml/yaml.h"

static void assert_json(const char *text, const char *json)
{
	cJSON *o = yaml_to_json(parse(text));
	char *s = cJSON_PrintUnformatted(o);

	assert_string_equal(s, json);
	free(s);
	cJSON_Delete(o);
}

static void test_json(void **state)
{
	static const struct {
		const char *yaml, *json;
	} t[] = {
		{"a: 1", "{\"a\":1}"},
		{"[1, -2, +3, 0x1f, 0o17, 0644, 08]", "[1,-2,3,31,15,420,8]"},
		{"[1.5, .5, 1e3, -1.25e-2, 1., 1.5.2, 1-2]",
		 "[1.5,0.5,1000,-0.0125,1,\"1.5.2\",\"1-2\"]"},
		/* As kubectl: YAML 1.1 words are booleans, sexagesimals and dates are texts. */
		{"[true, false, True, on, off, yes, no, y, N, oN, Yes]",
		 "[true,false,true,true,false,true,false,true,false,\"oN\",true]"},
		{"['on', \"yes\", \"6379\"]", "[\"on\",\"yes\",\"6379\"]"},
		{"[1_000, 0b101, -0x10, 0o8, 09, 1:20, 2024-01-17, 0X1F, 1__0, _1]",
		 "[1000,5,-16,\"0o8\",9,\"1:20\",\"2024-01-17\",31,10,\"_1\"]"},
		{"{on: 1, 010: 2, 0x10: 3, 'no': 4}", "{\"true\":1,\"8\":2,\"16\":3,\"no\":4}"},
		{"[!!int 12, !!bool true, !!null x, !!float 1]", "[12,true,\"x\",1]"},
		{"{a: !!map {b: !!seq [1]}}", "{\"a\":{\"b\":[1]}}"},
		{"{a: &x 1, b: *x, c: [*x, *x]}", "{\"a\":1,\"b\":1,\"c\":[1,1]}"},
		{"{a: &x {b: [1]}, c: *x}", "{\"a\":{\"b\":[1]},\"c\":{\"b\":[1]}}"},
		{"{&k a: 1, b: *k}", "{\"a\":1,\"b\":\"a\"}"},
		{"{a: &x 1, b: &x 2, c: *x}", "{\"a\":1,\"b\":2,\"c\":2}"},
		{"{a: &x {p: 1, q: 2}, b: {<<: *x, q: 3}}",
		 "{\"a\":{\"p\":1,\"q\":2},\"b\":{\"q\":3,\"p\":1}}"},
		{"{a: &x {p: 1}, b: &y {p: 2, r: 3}, c: {q: 0, <<: [*x, *y]}}",
		 "{\"a\":{\"p\":1},\"b\":{\"p\":2,\"r\":3},\"c\":{\"q\":0,\"p\":1,\"r\":3}}"},
		{"{'<<': {b: 1}}", "{\"<<\":{\"b\":1}}"},
		{"a:\n  <<: {b: 1}", "{\"a\":{\"b\":1}}"},
		{"[null, ~, '', \"null\", 'true', \"1\"]", "[null,null,\"\",\"null\",\"true\",\"1\"]"},
		{"a:\nb:", "{\"a\":null,\"b\":null}"},
		{"[9007199254740992, 9007199254740993]", "[9007199254740992,9007199254740993]"},
		{"[.inf, .nan, 1e999, 0x, 99999999999999999999]",
		 "[\".inf\",\".nan\",\"1e999\",\"0x\",1e+20]"},
		{"!!str 12", "\"12\""},
		{"? a\n: b", "{\"a\":\"b\"}"},
		{"a: |\n  x\n   y\n\n  z\n", "{\"a\":\"x\\n y\\n\\nz\\n\"}"},
		{"a: |-\n  x\nb: >\n  x\n  y\n", "{\"a\":\"x\",\"b\":\"x y\\n\"}"},
		{"a: |+\n  x\n\nb: 1", "{\"a\":\"x\\n\\n\",\"b\":1}"},
		{"{}", "{}"},
		{"1:2", "\"1:2\""},
		{"- a\n- - b\n  - c\n", "[\"a\",[\"b\",\"c\"]]"},
		{"true: 1\n1: 2", "{\"true\":1,\"1\":2}"},
		{"{a: '&x', b: \"*x\"}", "{\"a\":\"&x\",\"b\":\"*x\"}"},
		{"\xef\xbb\xbf" "a: \xc3\xa4", "{\"a\":\"\xc3\xa4\"}"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(t); i++)
		assert_json(t[i].yaml, t[i].json);
}

static void test_refused(void **state)
{
	static const struct {
		const char *yaml, *message;
	} t[] = {
		{"a: 1\nb: 2\na: 3\n", "t.yaml:3:1: the key \"a\" is there twice (first in line 1): "
				       "remove one"},
		{"x: {a: 1, 'a': 2}", "t.yaml:1:11: the key \"a\" is there twice (first in line 1): "
				      "remove one"},
		{"a: *x", "t.yaml:1:4: nothing before this alias (*name) has its name (&name)"},
		{"a: &x [*x]", "t.yaml:1:8: this alias (*name) stands inside of what it names"},
		{"a: &x 1\n---\nb: *x", "t.yaml:3:4: nothing before this alias (*name) has its name (&name)"},
		{"a: {<<: 1}", "t.yaml:1:9: a merge key (<<) takes a map, or a list of maps"},
		{"a: {<<: [1]}", "t.yaml:1:10: a merge key (<<) takes a map, or a list of maps"},
		{"a: !!binary aGk=",
		 "t.yaml:1:4: this tag (!name) is not supported: leave it out, or quote a text"},
		{"a: !x [1]", "t.yaml:1:4: this tag (!name) is not supported: leave it out"},
		{"a: !x {b: 1}", "t.yaml:1:4: this tag (!name) is not supported: leave it out"},
		{"? [a]\n: b", "t.yaml:1:3: a key must be a plain word, not a map or a list"},
		{"{a: {b: c}: d}", NULL},
		{"?\n: b", "t.yaml:1:2: a key is missing before the colon"},
		{"{: b}", NULL},
		{": b", NULL},
		{"a: \"x\\0y\"", "t.yaml:1:4: a text may not hold a NUL character"},
		{"a:\n\tb: 1",
		 "t.yaml:2:1: while scanning for the next token, found character that cannot start "
		 "any token; is there a tab, or a text that begins with @, ` or %? Indent with spaces "
		 "and quote such a text"},
		{"a: b: c", "t.yaml:1:5: mapping values are not allowed in this context; quote a text "
			    "that holds \": \", or check the indentation"},
		{"a: 1\n b: 2", "t.yaml:2:3: mapping values are not allowed in this context; quote a "
				"text that holds \": \", or check the indentation"},
		{"a: [1, 2", "t.yaml:2:1: while parsing a flow sequence, did not find expected ',' or "
			     "']'"},
		{"a: \"x", "t.yaml:1:6: while scanning a quoted scalar, found unexpected end of "
			   "stream"},
		{"a: \x01", "t.yaml:1:4: no YAML text: control characters are not allowed"},
		{"a: 1\nb: \x01", "t.yaml:2:4: no YAML text: control characters are not allowed"},
		{"a: \xff\xfe", "t.yaml:1:4: no YAML text: invalid leading UTF-8 octet"},
		{"- a\nb: 1", NULL},
		{"a: 'x\n", NULL},
		{"%YAML 9.9\n---\na: 1", NULL},
		{"}", NULL},
	};
	struct ynode **docs;
	size_t i, n;

	(void)state;
	for (i = 0; i < ARRAY_LEN(t); i++) {
		struct err e = {0};

		if (!yaml_read_text(&arena, "t.yaml", t[i].yaml, &docs, &n, &e))
			fail_msg("taken, but wrong: %s", t[i].yaml);
		assert_int_equal(e.kind, ERR_INPUT);
		if (t[i].message)
			assert_string_equal(e.msg, t[i].message);
	}
}

static void test_caps(void **state)
{
	struct buf b = {0};
	struct err e = {0};
	struct ynode **docs;
	size_t n;
	int i;

	(void)state;
	for (i = 0; i < 65; i++)
		buf_char(&b, '[');
	assert_int_equal(yaml_read_text(&arena, "t", buf_cstr(&b), &docs, &n, &e), -1);
	assert_string_equal(e.msg,
			    "t:1:65: maps and lists are nested too deeply: more than 64 levels");
	buf_reset(&b);
	for (i = 0; i < 5001; i++)
		buf_fmt(&b, "k%d: 1\n", i);
	assert_int_equal(yaml_read_text(&arena, "t", buf_cstr(&b), &docs, &n, &e), -1);
	assert_string_equal(e.msg, "t:5001:1: the map has more than 5000 keys");
	buf_reset(&b);
	for (i = 0; i < 64; i++)
		buf_char(&b, '[');
	for (i = 0; i < 64; i++)
		buf_char(&b, ']');
	assert_int_equal(yaml_read_text(&arena, "t", buf_cstr(&b), &docs, &n, &e), 0);
	/* Nested aliases: nine of nine of nine ... */
	buf_reset(&b);
	buf_str(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
	for (i = 1; i < 9; i++) {
		buf_fmt(&b, "a%d: &a%d [", i, i);
		for (n = 0; n < 9; n++)
			buf_fmt(&b, "%s*a%d", n ? "," : "", i - 1);
		buf_str(&b, "]\n");
	}
	assert_int_equal(yaml_read_text(&arena, "t", buf_cstr(&b), &docs, &n, &e), -1);
	assert_non_null(strstr(e.msg, "the file is too large: more than 400000 values"));
	buf_reset(&b);
	buf_str(&b, "a: &a ");
	for (i = 0; i < 50; i++)
		buf_char(&b, '[');
	for (i = 0; i < 50; i++)
		buf_char(&b, ']');
	buf_str(&b, "\nb: [[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]\n");
	assert_int_equal(yaml_read_text(&arena, "t", buf_cstr(&b), &docs, &n, &e), -1);
	assert_string_equal(e.msg, "t:2:19: maps and lists are nested too deeply: more than 64 levels");
	buf_free(&b);
}

/* A file without end is read up to the limit, and no further. */
static void test_endless(void **state)
{
	struct ynode **docs;
	struct err e = {0};
	size_t n;

	(void)state;
	assert_int_equal(yaml_read_file(&arena, "/dev/zero", &docs, &n, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(e.msg, "/dev/zero is larger than 8388608 bytes");
}

/* Nothing of a file reaches a terminal as it is. */
static void test_harmless(void **state)
{
	struct err e = {0};

	(void)state;
	yaml_error(parse("\"\\e[31m\\x7f\\x9b1m\\u202eevil \\u00e4\""), &e, "unknown \"%s\"",
		   parse("\"\\e[31m\\x7f\\x9b1m\\u202eevil \\u00e4\"")->text);
	assert_string_equal(e.msg, "t.yaml:1:1: unknown \"?[31m???1m???evil \xc3\xa4\"");
}

/* Changing one use of an anchor leaves the others. */
static void test_copies(void **state)
{
	struct ynode *root = parse("{a: &x {b: 1}, c: *x, d: {<<: *x}}");

	(void)state;
	yaml_path(root, "c.b")->text = "2";
	yaml_path(root, "d.b")->text = "3";
	assert_string_equal(yaml_path(root, "a.b")->text, "1");
	assert_false(yaml_path(root, "a.b")->alias);
	assert_true(yaml_path(root, "c.b")->alias);
	assert_int_equal(yaml_path(root, "c")->column, 19);
}

static void test_documents(void **state)
{
	struct ynode **docs;
	struct err e = {0};
	size_t n;

	(void)state;
	assert_int_equal(yaml_read_text(&arena, "t", "---\na: 1\n---\n# nothing\n---\nb: 2\n", &docs,
					&n, &e), 0);
	assert_int_equal(n, 3);
	assert_non_null(yaml_get(docs[0], "a"));
	assert_int_equal(docs[1]->kind, Y_SCALAR);
	assert_int_equal(yaml_get(docs[2], "b")->line, 6);
	assert_int_equal(yaml_get(docs[2], "b")->column, 4);
	assert_int_equal(yaml_read_text(&arena, "t", "", &docs, &n, &e), 0);
	assert_int_equal(n, 0);
	assert_int_equal(yaml_read_text(&arena, "t", "# only words\n", &docs, &n, &e), 0);
	assert_int_equal(n, 0);
}

static void test_files(void **state)
{
	struct ynode **docs;
	struct err e = {0};
	size_t n;

	(void)state;
	assert_int_equal(yaml_read_file(&arena, "/nonexistent/x.yaml", &docs, &n, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_non_null(strstr(e.msg, "/nonexistent/x.yaml"));
	assert_int_equal(yaml_read_file(&arena, "/", &docs, &n, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_caps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_documents, setup, teardown),
		cmocka_unit_test_setup_teardown(test_endless, setup, teardown),
		cmocka_unit_test_setup_teardown(test_harmless, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
