/* A script of kind/ that fails: its own words are in the error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "engine/script.h"

static void expect(const char *body, int want, enum err_kind kind, const char *message,
		   int interrupted)
{
	char dir[] = "/tmp/ordeal-script-XXXXXX", path[64];
	struct buf used = {0};
	const volatile int stop = interrupted;
	struct err e = {0};
	FILE *f;
	int r;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/kind", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/kind/x.sh", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\nprintf %%s \"$ORDEAL_WHY\" >\"$0.why\"\n%s\n", body);
	fclose(f);
	assert_int_equal(chmod(path, 0700), 0);
	r = engine_script(dir, "x.sh", &stop, &e);
	assert_int_equal(r, want);
	if (want) {
		assert_int_equal(e.kind, kind);
		assert_string_equal(e.msg, message);
	}
	snprintf(path, sizeof(path), "%s/kind/x.sh.why", dir);
	assert_int_equal(file_read(path, &used, &e), 0);
	assert_true(used.len > 0);
	assert_false(file_exists(used.s)); /* nothing is left */
	buf_free(&used);
	assert_int_equal(file_remove_tree(dir, &e), 0);
}

static void test_scripts(void **state)
{
	(void)state;
	expect("exit 0", 0, 0, "", 0);
	expect("echo changed >\"$ORDEAL_WHY\"; exit 0", 0, 0, "", 0);
	expect("echo 'no such thing' >\"$ORDEAL_WHY\"; exit 7", -1, ERR_BROKEN,
	       "kind/x.sh failed (exit code 7): no such thing", 0);
	expect("exit 7", -1, ERR_BROKEN, "kind/x.sh failed (exit code 7); what it said is above", 0);
	expect("exit 130", -1, ERR_INTERRUPTED, "interrupted", 1);
}

/* What the scripts themselves do with it. */
static void test_die(void **state)
{
	char root[4096], body[4300];
	struct err e = {0};

	(void)state;
	assert_int_equal(file_project_root(root, &e), 0);
	snprintf(body, sizeof(body), "ORDEAL_CACHE=$(dirname \"$0\")/o exec bash -c '. %.4000s/kind/lib/common.sh; "
		 "die the disk is full' 2>/dev/null", root);
	expect(body, -1, ERR_BROKEN, "kind/x.sh failed (exit code 1): the disk is full", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_die),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
