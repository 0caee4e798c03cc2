#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "yaml/yaml.h"

/* The YAML reader: what it takes, where it says things stood, and the exact
 * message for what it refuses. */

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena = (struct arena){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct ynode *parse(const char *text)
{
	struct ynode **docs;
	struct err e = {0};
	size_t n;

	if (yaml_read_text(&arena, "t.yaml", text, &docs, &n, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(n, 1);
	return docs[0];
}

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
		{"a: \x01", "t.yaml: byte 4: no YAML text: control characters are not allowed"},
		{"a: \xff\xfe", "t.yaml: byte 4: no YAML text: invalid leading UTF-8 octet"},
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

static void test_path(void **state)
{
	static const char text[] = "a:\n  b.c: {d: [x, {name: n1, v: 7}, {name: n2, v: 8}]}\n"
				   "data:\n  patroni.yaml: |\n    x: 1\nlist: [[1, 2], [3]]\n";
	static const struct {
		const char *path, *text;
	} t[] = {
		{"a.\"b.c\".d[0]", "x"},
		{"a.\"b.c\".d[1].v", "7"},
		{"a.\"b.c\".d[name=n2].v", "8"},
		{"a.\"b.c\".d[name=n3].v", NULL},
		{"data.\"patroni.yaml\"", "x: 1\n"},
		{"data.patroni.yaml", NULL},
		{"list[0][1]", "2"},
		{"list[1][0]", "3"},
		{"list[2]", NULL},
		{"list[-1]", NULL},
		{"list[0", NULL},
		{"list[0]x", NULL},
		{"list[]", NULL},
		{"list[99999999999999999999]", NULL},
		{"a.", NULL},
		{".a", NULL},
		{"a..b", NULL},
		{"a.\"b", NULL},
		{"a[0]", NULL},
		{"list.x", NULL},
		{"nothing", NULL},
		{"nothing[0]", NULL},
	};
	struct ynode *root = parse(text), *n;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(t); i++) {
		n = yaml_path(root, t[i].path);
		if (!t[i].text && n)
			fail_msg("%s leads somewhere", t[i].path);
		if (t[i].text) {
			if (!n)
				fail_msg("%s leads nowhere", t[i].path);
			assert_string_equal(n->text, t[i].text);
		}
	}
	assert_ptr_equal(yaml_path(root, ""), root);
	assert_int_equal(yaml_path(root, "data.\"patroni.yaml\"")->line, 4);
}

static void test_edit(void **state)
{
	struct ynode *root = parse("{a: 1, b: [x]}"), *n;
	int i;

	(void)state;
	yaml_set(&arena, root, "a", yaml_new_scalar(&arena, "2", true));
	yaml_set(&arena, root, "c.d", yaml_new_scalar(&arena, "2", false));
	assert_true(yaml_remove(root, "b"));
	assert_false(yaml_remove(root, "b"));
	assert_false(yaml_remove(NULL, "b"));
	n = yaml_new_list(&arena);
	for (i = 0; i < 20; i++)
		yaml_append(&arena, n, yaml_new_map(&arena));
	assert_int_equal(n->n, 20);
	yaml_set(&arena, root, "l", n);
	assert_string_equal(yaml_path(root, "l")->file, "t.yaml");
	assert_string_equal(yaml_path(root, "a")->text, "2");
	assert_int_equal(root->n, 3);
	assert_string_equal(root->keys[1]->text, "c.d");
	for (i = 0; i < 40; i++)
		yaml_set(&arena, root, arena_fmt(&arena, "k%d", i), yaml_new_map(&arena));
	assert_int_equal(root->n, 43);
	assert_non_null(yaml_get(root, "k39"));
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
		const char *message;
	} t[] = {
		{"250ms", 250000000, NULL},
		{"1.5s", 1500000000, NULL},
		{"2m", INT64_C(120000000000), NULL},
		{"1h", INT64_C(3600000000000), NULL},
		{"1m30s", INT64_C(90000000000), NULL},
		{"0s", 0, NULL},
		{"10us", 10000, NULL},
		{"7ns", 7, NULL},
		{"'5s'", INT64_C(5000000000), NULL},
		{"30", 0, "t.yaml:1:1: the duration 30 has no unit; did you mean 30s or 30ms?"},
		{"1m30", 0, "t.yaml:1:1: the duration 1m30 has no unit; did you mean 1m30s or "
			    "1m30ms?"},
		{"-3s", 0, "t.yaml:1:1: a duration cannot be negative: -3s"},
		{"3 s", 0, "t.yaml:1:1: a duration is needed here, like 250ms, 1.5s, 2m or 1h, not 3 "
			   "s"},
		{"3d", 0, "t.yaml:1:1: a duration is needed here, like 250ms, 1.5s, 2m or 1h, not 3d"},
		{"soon", 0, "t.yaml:1:1: a duration is needed here, like 250ms, 1.5s, 2m or 1h, not "
			    "soon"},
		{"1..5s", 0, NULL},
		{".5s", 0, NULL},
		{"1e3s", 0, NULL},
		{"infs", 0, NULL},
		{"0x1s", 0, NULL},
		{"[1s]", 0, "t.yaml:1:1: a duration is needed here, like 250ms, 1.5s, 2m or 1h, not a "
			    "list"},
		{"9999999h", 0, "t.yaml:1:1: the duration 9999999h is too long: at most 1000h"},
		{"11111111111111111111111111111111111111111s", 0, NULL},
	};
	int64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(t); i++) {
		struct err e = {0};
		bool good = t[i].ns || !strcmp(t[i].text, "0s");
		int rc = yaml_to_duration_ns(parse(t[i].text), &ns, &e);

		if (good != !rc)
			fail_msg("%s: %s", t[i].text, rc ? e.msg : "taken, but wrong");
		if (good)
			assert_int_equal(ns, t[i].ns);
		else if (t[i].message)
			assert_string_equal(e.msg, t[i].message);
	}
}

static void test_scalars(void **state)
{
	struct err e = {0};
	const char *s;
	int64_t v;
	double d;
	bool b;

	(void)state;
	assert_int_equal(yaml_to_i64(parse("-12"), &v, &e), 0);
	assert_int_equal(v, -12);
	assert_int_equal(yaml_to_i64(parse("'12'"), &v, &e), -1);
	assert_string_equal(e.msg, "t.yaml:1:1: a whole number is needed here, not the text \"12\"");
	assert_int_equal(yaml_to_i64(parse("1.5"), &v, &e), -1);
	assert_int_equal(yaml_to_i64(parse("9223372036854775808"), &v, &e), -1);
	assert_string_equal(e.msg, "t.yaml:1:1: the number 9223372036854775808 is too large");
	assert_int_equal(yaml_to_i64(parse("{}"), &v, &e), -1);
	assert_string_equal(e.msg, "t.yaml:1:1: a whole number is needed here, not a map");
	assert_int_equal(yaml_to_num(parse("1.5"), &d, &e), 0);
	assert_true(d > 1.49 && d < 1.51);
	assert_int_equal(yaml_to_num(parse("nan"), &d, &e), -1);
	assert_int_equal(yaml_to_num(parse("0x10"), &d, &e), -1);
	assert_int_equal(yaml_to_num(parse("1e999"), &d, &e), -1);
	assert_int_equal(yaml_to_bool(parse("true"), &b, &e), 0);
	assert_true(b);
	assert_int_equal(yaml_to_bool(parse("yes"), &b, &e), -1);
	assert_string_equal(e.msg, "t.yaml:1:1: true or false is needed here, not yes");
	assert_int_equal(yaml_to_bool(parse("'true'"), &b, &e), -1);
	assert_int_equal(yaml_to_string(parse("{a: }")->items[0], &s, &e), -1);
	assert_string_equal(e.msg, "t.yaml:1:5: a text is needed here, not nothing");
	assert_int_equal(yaml_to_string(parse("''"), &s, &e), 0);
	assert_string_equal(s, "");
}

static void test_nearest(void **state)
{
	static const char *const words[] = {"steady", "fault", "heal", "await", "at_most", NULL};
	static const struct {
		const char *word, *near;
	} t[] = {
		{"stedy", "steady"}, {"faults", "fault"}, {"Fault", "fault"}, {"await", "await"},
		{"hael", "heal"},    {"at-most", "at_most"}, {"atmost", "at_most"}, {"xyzzy", NULL},
		{"h", NULL},	     {"", NULL},	  {"steadily-and-slowly", NULL},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
	};
	const char *near;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(t); i++) {
		near = yaml_nearest(t[i].word, words);
		if (!t[i].near)
			assert_null(near);
		else if (!near)
			fail_msg("%s suggests nothing", t[i].word);
		else
			assert_string_equal(near, t[i].near);
	}
}

static void test_keys(void **state)
{
	static const char *const words[] = {"rate", "clients", NULL};
	struct err e = {0};

	(void)state;
	assert_int_equal(yaml_check_keys(parse("{rate: 1, clients: 2}"), words, "load", &e), 0);
	assert_int_equal(yaml_check_keys(parse("{rate: 1, cleints: 2}"), words, "load", &e), -1);
	assert_string_equal(e.msg,
			    "t.yaml:1:11: unknown key \"cleints\" in load; did you mean \"clients\"?");
	assert_int_equal(yaml_check_keys(parse("{zzzz: 2}"), words, "load", &e), -1);
	assert_string_equal(e.msg,
			    "t.yaml:1:2: unknown key \"zzzz\" in load; known are: rate, clients");
	assert_int_equal(yaml_check_keys(parse("[1]"), words, "load", &e), -1);
	assert_string_equal(e.msg, "t.yaml:1:1: load must be a map (key: value), not a list");
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
		cmocka_unit_test_setup_teardown(test_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_edit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_durations, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scalars, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nearest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
