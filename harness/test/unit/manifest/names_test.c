/* Names as Kubernetes takes them, by its own examples and at their ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "manifest/names.h"

static void all(bool (*good)(const char *), const char *const *yes, const char *const *no)
{
	for (; *yes; yes++)
		if (!good(*yes))
			fail_msg("refused: \"%s\"", *yes);
	for (; *no; no++)
		if (good(*no))
			fail_msg("taken: \"%s\"", *no);
}

#define LIST(...) (const char *const[]){__VA_ARGS__, NULL}

static void syntaxes(void **state)
{
	(void)state;
	all(name_is_label, LIST("a", "0", "a-b", "a--b", "9z"),
	    LIST("", "-a", "a-", "A", "a.b", "a_b", "a/b", "..", "a b", "a\n", "\xc3\xa9"));
	all(name_is_subdomain, LIST("a", "a.b", "a-1.b-2.c"), LIST("", ".", "..", "a.", ".a", "a..b", "a.-b", "A", "a/b"));
	all(name_is_segment, LIST("a", "system:node", "A B"), LIST("", ".", "..", "a/b", "a%b", "a\n"));
	all(name_is_key, LIST("a", "A.b-c_d", ".pgpass", "a..b"), LIST("", ".", "..", "..data", "a/b", "a b", "a\n"));
	all(name_is_port, LIST("http", "a1", "1a"), LIST("", "1", "-a", "a--b", "HTTP", "a-very-long-name"));
	all(name_is_variable, LIST("A", "a.b", "x y"), LIST("", "A=B", "A\n"));
	all(name_is_label_value, LIST("", "a", "A_b.c-D"), LIST("-a", "a-", "a b", "a/b"));
	all(name_is_label_key, LIST("app", "example.org/app", "a/B_c"), LIST("", "/a", "a/", "A/b", "a/b/c", "a b"));
	all(name_is_path_below, LIST("a", "a/b", "a..b", ".a", "..a", "a//b", "./a"),
	    LIST("", "/a", "..", "../a", "a/..", "a/../b"));
}

static void lengths(void **state)
{
	char s[300];

	(void)state;
	memset(s, 'a', sizeof(s));
	s[64] = '\0';
	assert_false(name_is_label(s));
	assert_false(name_is_label_value(s));
	assert_true(name_is_subdomain(s));
	s[63] = '\0';
	assert_true(name_is_label(s));
	assert_true(name_is_label_value(s));
	s[63] = s[64] = 'a';
	s[254] = '\0';
	assert_false(name_is_subdomain(s));
	assert_false(name_is_key(s));
	s[253] = '\0';
	assert_true(name_is_subdomain(s));
	assert_true(name_is_key(s));
}

static void addresses(void **state)
{
	static const char net[] = "10.240.0.0/16";
	static const char *const not_one[] = {"", "10.240.1", "10.240.1.256", "10.240.1.1 ", " 10.240.1.1", "10.240.01.1",
					      "0xa.240.1.1", "10.240.1.1/16", "10.240.1.1\n", "::1", "a"};

	(void)state;
	assert_true(name_is_address("10.240.0.1", net));
	assert_true(name_is_address("10.240.255.255", net));
	assert_false(name_is_address("10.241.0.0", net));
	assert_false(name_is_address("10.239.255.255", net));
	assert_true(name_is_address("8.8.8.8", NULL));
	for (size_t i = 0; i < ARRAY_LEN(not_one); i++)
		if (name_is_address(not_one[i], NULL))
			fail_msg("taken: \"%s\"", not_one[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syntaxes), cmocka_unit_test(lengths), cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
