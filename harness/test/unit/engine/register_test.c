/* Folders of runs are found whatever the cache folder is now. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "engine/register.h"
#include "test/lib/fault_help.h"

static size_t registered(const char *at, const char *folder)
{
	struct register_list all;
	struct err e = {0};
	size_t n = 0;

	assert_int_equal(register_read(at, "docker", &all, &e), 0);
	for (size_t i = 0; i < all.n; i++)
		n += !strcmp(all.v[i], folder);
	n += 10 * all.n;
	free(all.v);
	return n;
}

static void keeps_folders(void **state)
{
	char dir[64], at[100], path[200];
	struct err e = {0};
	struct stat st;

	(void)state;
	help_temp(dir);
	snprintf(at, sizeof(at), "%s/a/b", dir);
	assert_int_equal(registered(at, "/x/docker"), 0);
	assert_int_equal(register_add(at, "/x/docker", &e), 0);
	assert_int_equal(register_add(at, "/x/docker", &e), 0);
	assert_int_equal(register_add(at, "/y [z]/docker", &e), 0);
	assert_int_equal(registered(at, "/x/docker"), 21);
	assert_int_equal(registered(at, "/y [z]/docker"), 21);
	assert_int_equal(stat(at, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(register_drop(at, "/x/docker", &e), 0);
	assert_int_equal(register_drop(at, "/x/docker", &e), 0);
	assert_int_equal(registered(at, "/x/docker"), 10);
	/* Nothing else is ever cleaned. */
	assert_int_equal(register_add(at, "/etc", &e), 0);
	assert_int_equal(register_add(at, "relative/docker", &e), 0);
	assert_int_equal(register_add(at, "/x/../docker", &e), 0);
	snprintf(path, sizeof(path), "%s/note", at);
	assert_int_equal(file_write_atomic(path, "/n/docker", 9, &e), 0);
	assert_int_equal(registered(at, "/n/docker"), 10);
	help_remove(dir);
}

static void has_a_place(void **state)
{
	char at[PATH_MAX];
	struct err e = {0};

	(void)state;
	setenv("ORDEAL_REGISTER", "/x", 1);
	assert_int_equal(register_place("local", at, &e), 0);
	assert_string_equal(at, "/x/local");
	unsetenv("ORDEAL_REGISTER");
	setenv("HOME", "/elsewhere", 1);
	/* Whatever HOME is. */
	if (register_place("local", at, &e) == 0) {
		assert_null(strstr(at, "elsewhere"));
		assert_string_equal(strrchr(at, '/'), "/local");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_folders),
					   cmocka_unit_test(has_a_place)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
