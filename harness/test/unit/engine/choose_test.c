/* Which engine `auto` is; a script of ours stands where kind/soon.sh does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/choose.h"

static char root[64];

static void answer(const char *script)
{
	char path[PATH_MAX];
	struct err e = {0};

	snprintf(path, sizeof(path), "%s/kind/soon.sh", root);
	assert_int_equal(file_write_atomic(path, script, strlen(script), &e), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

static int set_up(void **state)
{
	char path[PATH_MAX];
	struct err e = {0};

	(void)state;
	snprintf(root, sizeof(root), "/tmp/choose_test.XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(path, sizeof(path), "%s/kind", root);
	if (file_mkdirs(path, &e))
		return -1;
	snprintf(path, sizeof(path), "%s/fixtures", root);
	return file_mkdirs(path, &e) || setenv("ORDEAL_HOME", root, 1);
}

static int tear_down(void **state)
{
	struct err e = {0};

	(void)state;
	return file_remove_tree(root, &e);
}

static void soon(void **state)
{
	char why[300];
	struct err e = {0};

	(void)state;
	answer("#!/bin/sh\necho a cluster is up\n");
	assert_string_equal(engine_choose(why, sizeof(why), &e)->name, "kind");
	assert_string_equal(why, "engine kind, for a cluster is up; --engine docker (ENGINE=docker) for the other");
}

static void not_soon(void **state)
{
	bool is_root = geteuid() == 0;
	const struct engine_ops *ops;
	char why[300];
	struct err e = {0};

	(void)state;
	answer("#!/bin/sh\necho it would take an hour\nexit 1\n");
	ops = engine_choose(why, sizeof(why), &e);
	assert_string_equal(ops->name, is_root ? "docker" : "kind");
	assert_non_null(strstr(why, "it would take an hour"));
	assert_non_null(strstr(why, is_root ? "--engine kind" : "one has to be root"));
	/* A script that fails before it can say why. */
	answer("#!/bin/sh\nexit 127\n");
	ops = engine_choose(why, sizeof(why), &e);
	assert_string_equal(ops->name, is_root ? "docker" : "kind");
	assert_non_null(strstr(why, "no kind cluster is known"));
}

static void what_runs_where(void **state)
{
	struct err e = {0};

	(void)state;
	assert_true(engine_runs(engine_find("local"), "memory", &e));
	for (size_t i = 0; engine_all()[i]; i++) {
		const struct engine_ops *ops = engine_all()[i];
		bool local = !strcmp(ops->name, "local");

		memset(&e, 0, sizeof(e));
		assert_int_equal(engine_runs(ops, local ? "postgres" : "memory", &e), false);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_non_null(strstr(e.msg, ops->name));
		assert_true(local || engine_runs(ops, "postgres", &e));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(soon),
		cmocka_unit_test(not_soon),
		cmocka_unit_test(what_runs_where),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
