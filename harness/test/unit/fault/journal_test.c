/* The undo journal: what is written is read again, whatever else lies there. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "fault/journal.h"
#include "test/lib/fault_help.h"

static void begin(const char *dir, const char *id, struct journal_entry *j)
{
	cJSON *plan = help_plan(id, "pause", "db-0", "uid-1", "{\"a\": 1}");
	struct err e = {0};

	assert_int_equal(journal_begin(dir, plan, j, &e), 0);
	cJSON_Delete(plan);
}

static void survives_the_process(void **state)
{
	struct journal_list list;
	struct journal_entry j;
	struct err e = {0};
	char dir[64];

	(void)state;
	help_temp(dir);
	begin(dir, "kill-1", &j);
	json_set_str(j.record, "pod", "db-0");
	assert_false(journal_on_disk(&j));
	assert_int_equal(journal_write(&j, &e), 0);
	assert_true(journal_on_disk(&j));
	j.injected_ns = INT64_C(123456789012345);
	snprintf(j.state, sizeof(j.state), "on");
	assert_int_equal(journal_write(&j, &e), 0);

	assert_int_equal(journal_read_all(dir, &list, &e), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.ntorn, 0);
	assert_string_equal(list.v[0].id, "kill-1");
	assert_string_equal(list.v[0].fault, "pause");
	assert_string_equal(list.v[0].state, "on");
	assert_true(list.v[0].injected_ns == INT64_C(123456789012345));
	assert_string_equal(json_str(list.v[0].record, "pod", ""), "db-0");
	assert_int_equal(json_i64(json_get(list.v[0].plan, "params"), "a", 0), 1);
	assert_int_equal(journal_remove(&list.v[0], &e), 0);
	assert_int_equal(journal_remove(&list.v[0], &e), 0);
	journal_list_free(&list);

	assert_int_equal(journal_read_all(dir, &list, &e), 0);
	assert_int_equal(list.n, 0);
	journal_list_free(&list);
	journal_entry_free(&j);
	help_remove(dir);
}

/* A torn file must neither hide the others nor pass as an entry. */
static void torn_files_are_told(void **state)
{
	struct journal_list list;
	struct journal_entry j;
	struct err e = {0};
	struct buf whole = {0};
	char dir[64], path[600];

	(void)state;
	help_temp(dir);
	begin(dir, "b", &j);
	assert_int_equal(journal_write(&j, &e), 0);
	assert_int_equal(file_read(j.path, &whole, &e), 0);
	/* Every prefix of an entry, as a crash without care would leave it. */
	for (size_t len = 0; len < whole.len; len++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/journal/a.json", dir);
		f = fopen(path, "w");
		assert_non_null(f);
		assert_int_equal(fwrite(whole.s, 1, len, f), len);
		assert_int_equal(fclose(f), 0);
		assert_int_equal(journal_read_all(dir, &list, &e), 0);
		assert_int_equal(list.n, 1);
		assert_string_equal(list.v[0].id, "b");
		assert_int_equal(list.ntorn, 1);
		assert_string_equal(list.torn[0], path);
		journal_list_free(&list);
	}
	buf_free(&whole);
	journal_entry_free(&j);
	help_remove(dir);
}

static void an_entry_under_another_name_is_torn(void **state)
{
	struct journal_list list;
	struct journal_entry j;
	struct err e = {0};
	char dir[64], path[600];

	(void)state;
	help_temp(dir);
	begin(dir, "one", &j);
	assert_int_equal(journal_write(&j, &e), 0);
	snprintf(path, sizeof(path), "%s/journal/two.json", dir);
	assert_int_equal(rename(j.path, path), 0);
	assert_int_equal(journal_read_all(dir, &list, &e), 0);
	assert_int_equal(list.n, 0);
	assert_int_equal(list.ntorn, 1);
	journal_list_free(&list);
	journal_entry_free(&j);
	help_remove(dir);
}

static void refuses_bad_ids(void **state)
{
	static const char *const bad[] = {"", "a/b", "../x", ".hidden", "a b", "a;drop",
		"0123456789012345678901234567890123456789012345678901234567890123"};
	struct journal_entry j;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cJSON *plan = help_plan(bad[i], "pause", "db-0", "u", NULL);
		struct err e = {0};

		assert_int_equal(journal_begin("/tmp", plan, &j, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		cJSON_Delete(plan);
	}
}

static void says_when_it_cannot_write(void **state)
{
	struct journal_entry j;
	struct err e = {0};
	char dir[64], path[200];
	FILE *f;

	(void)state;
	help_temp(dir);
	/* A file where the folder should be stops root as well. */
	snprintf(path, sizeof(path), "%s/journal", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	begin(dir, "x", &j);
	assert_int_equal(journal_write(&j, &e), -1);
	assert_non_null(strstr(e.msg, "journal"));
	journal_entry_free(&j);
	help_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_the_process),
		cmocka_unit_test(torn_files_are_told),
		cmocka_unit_test(an_entry_under_another_name_is_torn),
		cmocka_unit_test(refuses_bad_ids),
		cmocka_unit_test(says_when_it_cannot_write),
	};

	return cmocka_run_group_tests_name("undo journal", tests, NULL, NULL);
}
