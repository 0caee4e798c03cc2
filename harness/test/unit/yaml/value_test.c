/* YAML trees: paths, edits and the values of scalars. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "test/unit/yaml/arena.h"
#include "yaml/yaml.h"

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
		cmocka_unit_test_setup_teardown(test_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_edit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_durations, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scalars, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nearest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
