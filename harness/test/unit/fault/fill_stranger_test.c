/* fill-disk where the volume's pod has put something else in its files' place. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "fault/fill.h"
#include "test/lib/fault_help.h"

enum { HANGS_S = 20 };

struct place {
	char dir[64], fill[128], probe[160], other[128];
};

static void make_place(struct place *p)
{
	help_temp(p->dir);
	snprintf(p->fill, sizeof(p->fill), "%s/" FILL_PREFIX "f1", p->dir);
	snprintf(p->probe, sizeof(p->probe), "%s.probe", p->fill);
	snprintf(p->other, sizeof(p->other), "%s/other", p->dir);
	alarm(HANGS_S); /* opening a FIFO waits for ever */
}

static void end_place(struct place *p)
{
	alarm(0);
	help_remove(p->dir);
}

static void refused_as_fill(struct place *p)
{
	int64_t size = 0;
	struct err e = {0};

	assert_int_equal(fill_to(p->fill, fill_device(p->fill), 1, &e), -1);
	assert_non_null(strstr(e.msg, "no plain file with one name"));
	assert_int_equal(fill_remove(p->fill, fill_device(p->fill), &size, &e), 0);
}

static void nothing_but_a_plain_file_is_filled(void **state)
{
	struct err e = {0};
	struct place p;

	(void)state;
	make_place(&p);
	assert_int_equal(mkfifo(p.fill, 0666), 0);
	refused_as_fill(&p);
	assert_true(file_absent(p.fill));
	assert_int_equal(symlink(p.other, p.fill), 0);
	refused_as_fill(&p);
	assert_true(file_absent(p.other));
	assert_int_equal(file_write_atomic(p.other, "x", 1, &e), 0);
	assert_int_equal(link(p.other, p.fill), 0);
	refused_as_fill(&p);
	assert_true(file_exists(p.other));
	assert_int_equal(mkdir(p.fill, 0755), 0);
	refused_as_fill(&p);
	end_place(&p);
}

static void a_device_is_not_opened(void **state)
{
	struct fill_state s;
	struct err e = {0};
	struct place p;

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: needs root\n");
		skip();
	}
	make_place(&p);
	/* No driver is behind it: whoever opens it is told ENXIO or ENODEV. */
	assert_int_equal(mknod(p.fill, S_IFBLK | 0600, makedev(241, 77)), 0);
	refused_as_fill(&p);
	assert_int_equal(mknod(p.probe, S_IFBLK | 0600, makedev(241, 77)), 0);
	assert_int_equal(fill_look(p.fill, true, &s, &e), 0);
	assert_false(s.no_room);
	assert_true(file_absent(p.probe));
	end_place(&p);
}

static void a_probe_is_a_new_file(void **state)
{
	struct fill_state s;
	struct err e = {0};
	struct place p;
	struct stat st;

	(void)state;
	make_place(&p);
	assert_int_equal(mkfifo(p.probe, 0666), 0);
	assert_int_equal(fill_look(p.fill, true, &s, &e), 0);
	assert_false(s.no_room);
	assert_true(file_absent(p.probe));
	/* Another name of a file of the system's is not written through. */
	assert_int_equal(file_write_atomic(p.other, "data", 4, &e), 0);
	assert_int_equal(link(p.other, p.probe), 0);
	assert_int_equal(fill_look(p.fill, true, &s, &e), 0);
	assert_int_equal(stat(p.other, &st), 0);
	assert_int_equal(st.st_size, 4);
	/* Where none can be written nobody knows whether there is room. */
	assert_int_equal(mkdir(p.probe, 0755), 0);
	assert_int_equal(fill_look(p.fill, true, &s, &e), -1);
	end_place(&p);
}

/* What a link leads to is not the fill file. */
static void a_link_has_no_size(void **state)
{
	struct fill_state s;
	struct err e = {0};
	struct place p;

	(void)state;
	make_place(&p);
	assert_int_equal(file_write_atomic(p.other, "data", 4, &e), 0);
	assert_int_equal(symlink(p.other, p.fill), 0);
	assert_int_equal(fill_look(p.fill, false, &s, &e), 0);
	assert_int_equal(s.fill_bytes, 0);
	end_place(&p);
}

/* Filled by hand: the disk of a test is everybody's. */
static void fill(const struct place *p)
{
	struct err e = {0};

	assert_int_equal(fill_to(p->fill, fill_device(p->fill), 1, &e), 0);
	assert_int_equal(truncate(p->fill, 1 << 20), 0);
}

static void remove_fill(const struct place *p, int64_t want)
{
	struct err e = {0};
	int64_t size = 0;

	if (fill_remove(p->fill, fill_device(p->fill), &size, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(size, want);
	assert_true(file_absent(p->fill));
}

/* What the pod does with our file keeps no room from it, and what it calls like ours is
 * its own. */
static void it_gives_its_room_back_wherever_it_is(void **state)
{
	char deep[200], path[240];
	struct err e = {0};
	struct place p;
	struct stat st;
	int fd;

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: needs root\n");
		skip();
	}
	make_place(&p);
	fill(&p);
	fd = open(p.fill, O_RDONLY | O_CLOEXEC);
	remove_fill(&p, 1 << 20);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	close(fd);
	/* A second name, and another one, far below. */
	fill(&p);
	assert_int_equal(link(p.fill, p.other), 0);
	remove_fill(&p, 1 << 20);
	assert_true(file_absent(p.other));
	fill(&p);
	snprintf(deep, sizeof(deep), "%s/a/b/c", p.dir);
	assert_int_equal(file_mkdirs(deep, &e), 0);
	snprintf(path, sizeof(path), "%s/hidden", deep);
	assert_int_equal(rename(p.fill, path), 0);
	remove_fill(&p, -1);
	assert_true(file_absent(path));
	/* Beside a stranger in its place, which loses its name and no more. */
	fill(&p);
	assert_int_equal(rename(p.fill, path), 0);
	assert_int_equal(file_write_atomic(p.other, "x", 1, &e), 0);
	assert_int_equal(link(p.other, p.fill), 0);
	remove_fill(&p, 1);
	assert_true(file_absent(path));
	assert_int_equal(stat(p.other, &st), 0);
	assert_int_equal(st.st_size, 1);
	end_place(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_gives_its_room_back_wherever_it_is),
		cmocka_unit_test(nothing_but_a_plain_file_is_filled),
		cmocka_unit_test(a_device_is_not_opened),
		cmocka_unit_test(a_probe_is_a_new_file),
		cmocka_unit_test(a_link_has_no_size),
	};

	return cmocka_run_group_tests_name("fill-disk, strangers' files", tests, NULL, NULL);
}
