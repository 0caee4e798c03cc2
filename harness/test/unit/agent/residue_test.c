/* What faults have left in a volume is found by our mark, not by a name that its pod
 * may use too. */
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
#include "fault/fill.h"
#include "node/residue.h"
#include "test/lib/fault_help.h"

struct place {
	char dir[64], data[80], link[80], fill[120], other[120];
	cJSON *found;
	struct err e;
	struct residue s;
};

static void make_place(struct place *p)
{
	memset(p, 0, sizeof(*p));
	if (geteuid() != 0) {
		print_message("# skipped: needs root\n");
		skip();
	}
	help_temp(p->dir);
	snprintf(p->data, sizeof(p->data), "%s/data", p->dir);
	snprintf(p->link, sizeof(p->link), "%s/link", p->dir);
	snprintf(p->fill, sizeof(p->fill), "%s/" FILL_PREFIX "f1", p->data);
	snprintf(p->other, sizeof(p->other), "%s/" FILL_PREFIX "theirs", p->data);
	assert_int_equal(mkdir(p->data, 0755), 0);
	p->found = cJSON_CreateArray();
	p->s = (struct residue){.root = "", .remove = true, .found = p->found, .e = &p->e};
}

static void end_place(struct place *p)
{
	cJSON_Delete(p->found);
	help_remove(p->dir);
}

static void finds(struct place *p, const char *dir, int n)
{
	cJSON_Delete(p->found);
	p->found = p->s.found = cJSON_CreateArray();
	residue_files(&p->s, dir);
	assert_int_equal(cJSON_GetArraySize(p->found), n);
	assert_int_equal(p->s.r, 0);
}

static void a_fill_file_is_found_and_goes(void **state)
{
	struct place p;

	(void)state;
	make_place(&p);
	assert_int_equal(fill_to(p.fill, fill_device(p.fill), 1, &p.e), 0);
	p.s.remove = false;
	finds(&p, p.data, 1);
	assert_non_null(strstr(cJSON_GetArrayItem(p.found, 0)->valuestring, p.fill));
	assert_true(file_exists(p.fill));
	p.s.remove = true;
	finds(&p, p.data, 1);
	assert_true(file_absent(p.fill));
	finds(&p, p.data, 0);
	end_place(&p);
}

/* Or recover would never be over, or take away what is another's. */
static void what_others_have_called_so_is_theirs(void **state)
{
	struct place p;

	(void)state;
	make_place(&p);
	assert_int_equal(mkdir(p.other, 0755), 0);
	finds(&p, p.data, 0);
	assert_int_equal(rmdir(p.other), 0);
	assert_int_equal(file_write_atomic(p.other, "x", 1, &p.e), 0);
	finds(&p, p.data, 0);
	assert_true(file_exists(p.other));
	assert_int_equal(unlink(p.other), 0);
	assert_int_equal(symlink("/", p.other), 0);
	finds(&p, p.data, 0);
	end_place(&p);
}

static void a_link_in_the_folders_place_is_not_followed(void **state)
{
	struct place p;

	(void)state;
	make_place(&p);
	assert_int_equal(fill_to(p.fill, fill_device(p.fill), 1, &p.e), 0);
	assert_int_equal(symlink(p.data, p.link), 0);
	finds(&p, p.link, 0);
	assert_true(file_exists(p.fill));
	finds(&p, p.fill, 0);
	snprintf(p.link, sizeof(p.link), "%s/nowhere", p.dir);
	finds(&p, p.link, 0);
	end_place(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fill_file_is_found_and_goes),
		cmocka_unit_test(what_others_have_called_so_is_theirs),
		cmocka_unit_test(a_link_in_the_folders_place_is_not_followed),
	};

	return cmocka_run_group_tests_name("residue", tests, NULL, NULL);
}
