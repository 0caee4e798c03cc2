/* Bounded volumes and fill-disk, on real loop-mounted file systems (as root
 * only). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "node/loop.h"
#include "node/volume_store.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "fault/fill.h"
#include "test/lib/fault_help.h"

#define MIB (INT64_C(1) << 20)

struct fixture {
	char dir[64];
	struct volume_store store;
	char data[512];
	bool up;
	char why[1024];
};

static int make_volume(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));
	cJSON *about = cJSON_CreateObject();
	struct err e = {0};

	*state = f;
	help_temp(f->dir);
	f->store.root = "";
	snprintf(f->store.dir, sizeof(f->store.dir), "%s/volumes", f->dir);
	json_set_str(about, "claim", "data-db-0");
	if (geteuid() != 0 || access("/dev/loop-control", W_OK))
		snprintf(f->why, sizeof(f->why), "needs root and loop devices");
	else if (file_mkdirs(f->store.dir, &e) || volume_make(&f->store, "v1", 64 * MIB, about, &e))
		mem_copy_str(f->why, sizeof(f->why), e.msg);
	else
		f->up = true;
	volume_data_path(&f->store, "v1", f->data);
	cJSON_Delete(about);
	return 0;
}

static int remove_volume(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	int r = f->up ? volume_remove(&f->store, "v1", &e) : 0;

	if (r)
		print_message("# %s\n", e.msg);
	help_remove(f->dir);
	free(f);
	return r;
}

/* Only what root lacks is skipped; a volume that cannot be made is a failure. */
static void need_volume(const struct fixture *f)
{
	if (f->up)
		return;
	if (geteuid() == 0 && !access("/dev/loop-control", W_OK))
		fail_msg("%s", f->why);
	print_message("# skipped: %s\n", f->why);
	skip();
}

static void a_volume_has_its_size(void **state)
{
	struct err e = {0};
	struct fixture *f = *state;
	struct statvfs v;
	char image[500];
	struct stat st;
	cJSON *all;

	need_volume(f);
	snprintf(image, sizeof(image), "%s/v1.img", f->store.dir);
	assert_int_equal(stat(image, &st), 0);
	assert_true(st.st_size == 64 * MIB);
	/* Its room on the disk is taken, not promised. */
	assert_true((int64_t)st.st_blocks * 512 >= 64 * MIB);
	assert_int_equal(statvfs(f->data, &v), 0);
	assert_true((int64_t)(v.f_blocks * v.f_frsize) <= 64 * MIB);
	assert_true((int64_t)(v.f_bavail * v.f_frsize) > 40 * MIB);
	/* Nothing is kept for root; ext4 keeps 2 % for itself while it is mounted. */
	assert_true(v.f_bfree - v.f_bavail <= v.f_blocks / 40);
	assert_true((v.f_flag & ST_NODEV) && (v.f_flag & ST_NOSUID));
	assert_int_equal(stat(f->data, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0777);
	assert_int_equal(volume_list(&f->store, &all, &e), 0);
	assert_int_equal(cJSON_GetArraySize(all), 1);
	assert_string_equal(json_str(cJSON_GetArrayItem(all, 0), "claim", ""), "data-db-0");
	assert_true(json_bool(cJSON_GetArrayItem(all, 0), "mounted", false));
	cJSON_Delete(all);
}

/* As after a restart of the node. */
static void is_mounted_again_with_what_was_in_it(void **state)
{
	struct fixture *f = *state;
	char path[600], mount[500];
	struct err e = {0};

	need_volume(f);
	snprintf(path, sizeof(path), "%s/kept", f->data);
	snprintf(mount, sizeof(mount), "%s/v1", f->store.dir);
	assert_int_equal(file_write_atomic(path, "x", 1, &e), 0);
	assert_int_equal(loop_unmount("", mount, &e), 0);
	assert_false(file_exists(f->data)); /* so the kubelet starts no pod on it */
	assert_int_equal(volume_mount(&f->store, "v1", &e), 0);
	assert_true(file_exists(path));
	assert_int_equal(volume_mount(&f->store, "v1", &e), 0);
}

static void refuses_what_the_disk_cannot_hold(void **state)
{
	struct fixture *f = *state;
	cJSON *about = cJSON_CreateObject();
	char path[500];
	struct err e = {0};

	need_volume(f);
	assert_int_equal(volume_make(&f->store, "huge", INT64_C(1) << 50, about, &e), -1);
	assert_int_equal(e.kind, ERR_UNSUPPORTED);
	assert_non_null(strstr(e.msg, "1125899906842624 bytes are wanted"));
	snprintf(path, sizeof(path), "%s/huge.img", f->store.dir);
	assert_false(file_exists(path));
	snprintf(path, sizeof(path), "%s/huge.json", f->store.dir);
	assert_false(file_exists(path));
	cJSON_Delete(about);
}

static void removing_twice_is_fine(void **state)
{
	struct fixture *f = *state;
	cJSON *about = cJSON_CreateObject();
	struct err e = {0};

	need_volume(f);
	assert_int_equal(volume_make(&f->store, "v2", 16 * MIB, about, &e), 0);
	assert_int_equal(volume_remove(&f->store, "v2", &e), 0);
	assert_int_equal(volume_remove(&f->store, "v2", &e), 0);
	cJSON_Delete(about);
}

/* ---- the fault ---- */

static char volume_dir[512];

static bool volume_gone_now;

static int fake_volume_now(struct node *n, struct node_volume *v, bool *gone, struct err *e)
{
	(void)n;
	(void)e;
	assert_string_equal(v->name, "pv-1");
	*gone = volume_gone_now;
	snprintf(v->path, sizeof(v->path), "%s", volume_gone_now ? "" : volume_dir);
	return 0;
}

static int fake_volume(struct node *n, const char *ns, const char *pod, struct node_volume *v,
		       struct err *e)
{
	bool gone;

	(void)ns;
	(void)pod;
	snprintf(v->name, sizeof(v->name), "pv-1");
	return fake_volume_now(n, v, &gone, e);
}

static const struct node_ops FAKE = {.name = "fake", .volume = fake_volume, .volume_now = fake_volume_now};

struct fill {
	const struct fault_ops *f;
	struct node node;
	struct journal_entry j;
	cJSON *evidence;
};

static void fill(struct fixture *f, struct fill *x, const char *params)
{
	cJSON *plan = help_plan("fill-1", "fill-disk", "db-0", "u", params);
	struct err e = {0};

	memset(x, 0, sizeof(*x));
	snprintf(volume_dir, sizeof(volume_dir), "%s", f->data);
	x->f = fault_find("fill-disk");
	x->node.ops = &FAKE;
	snprintf(x->node.state_dir, sizeof(x->node.state_dir), "%s", f->dir);
	x->evidence = cJSON_CreateArray();
	assert_int_equal(journal_begin(f->dir, plan, &x->j, &e), 0);
	if (x->f->inject(&x->node, &x->j, &e))
		fail_msg("%s", e.msg);
	assert_true(journal_on_disk(&x->j));
	cJSON_Delete(plan);
}

static bool bites(struct fill *x)
{
	struct err e = {0};
	bool yes = false;

	assert_int_equal(x->f->observe(&x->node, &x->j, x->evidence, &yes, &e), 0);
	return yes;
}

static void end_fill(struct fill *x)
{
	struct err e = {0};

	assert_int_equal(journal_remove(&x->j, &e), 0);
	journal_entry_free(&x->j);
	cJSON_Delete(x->evidence);
}

static int64_t free_bytes(const char *path)
{
	struct statvfs v;

	assert_int_equal(statvfs(path, &v), 0);
	return (int64_t)(v.f_bfree * v.f_frsize);
}

static bool no_room_for_a_byte(const char *dir)
{
	char path[600];
	bool no_room;
	int fd;

	snprintf(path, sizeof(path), "%s/one", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == ENOSPC;
	no_room = write(fd, "x", 1) < 0 && errno == ENOSPC;
	close(fd);
	unlink(path);
	return no_room;
}

static void full_means_full_and_stays_so(void **state)
{
	struct fixture *f = *state;
	int64_t before, host_before;
	struct err e = {0};
	char path[600];
	struct fill x;
	int fd;

	need_volume(f);
	before = free_bytes(f->data);
	host_before = free_bytes(f->dir);
	snprintf(path, sizeof(path), "%s/system-file", f->data);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fallocate(fd, 0, 0, 4 * MIB), 0);
	close(fd);

	fill(f, &x, "{\"to\": \"full\"}");
	assert_true(no_room_for_a_byte(f->data));
	assert_true(bites(&x));
	/* The system gives some room up; it is taken again. */
	assert_int_equal(unlink(path), 0);
	assert_false(bites(&x));
	assert_int_equal(x.f->follow(&x.node, &x.j, &e), 0);
	assert_true(bites(&x));
	assert_true(no_room_for_a_byte(f->data));

	assert_int_equal(x.f->heal(&x.node, &x.j, x.evidence, &e), 0);
	assert_false(no_room_for_a_byte(f->data));
	assert_true(free_bytes(f->data) >= before - MIB);
	/* The disk below never noticed; others use it at the same time. */
	assert_true(free_bytes(f->dir) > host_before - 1024 * MIB);
	assert_int_equal(x.f->heal(&x.node, &x.j, x.evidence, &e), 0);
	end_fill(&x);
}

static void a_percentage_leaves_the_rest(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	struct statvfs v;
	struct fill x;
	double used;

	need_volume(f);
	fill(f, &x, "{\"to\": \"80%\"}");
	assert_true(bites(&x));
	assert_int_equal(statvfs(f->data, &v), 0);
	used = 100.0 * (double)(v.f_blocks - v.f_bfree) /
	       (double)(v.f_blocks - v.f_bfree + v.f_bavail);
	assert_true(used > 79 && used < 82);
	assert_false(no_room_for_a_byte(f->data));
	assert_int_equal(x.f->heal(&x.node, &x.j, x.evidence, &e), 0);
	assert_true(free_bytes(f->data) > 40 * MIB);
	end_fill(&x);
}

/* What is as full already is not filled by this fault. */
static void no_effect_where_it_was_as_full_before(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	char path[600];
	struct fill x;
	int fd;

	need_volume(f);
	snprintf(path, sizeof(path), "%s/system-file", f->data);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fallocate(fd, 0, 0, 32 * MIB), 0);
	close(fd);
	fill(f, &x, "{\"to\": \"20%\"}");
	assert_false(bites(&x));
	assert_non_null(strstr(x.evidence->child->valuestring, "a file of 0 bytes: it was as full before"));
	assert_int_equal(x.f->heal(&x.node, &x.j, x.evidence, &e), 0);
	end_fill(&x);
	/* To the last block. */
	assert_int_equal(fill_to(path, fill_device(path), 100, &e), 0);
	fill(f, &x, "{\"to\": \"full\"}");
	assert_true(no_room_for_a_byte(f->data));
	assert_false(bites(&x));
	assert_int_equal(x.f->heal(&x.node, &x.j, x.evidence, &e), 0);
	end_fill(&x);
}

/* The agent was killed; another one, or the volume, is there later. */
static void heals_from_the_journal_alone(void **state)
{
	struct fixture *f = *state;
	struct journal_list all;
	char mount[500];
	struct err e = {0};
	struct fill x;

	need_volume(f);
	fill(f, &x, NULL);
	assert_int_equal(journal_read_all(f->dir, &all, &e), 0);
	assert_int_equal(all.n, 1);
	assert_int_equal(x.f->heal(&x.node, &all.v[0], x.evidence, &e), 0);
	assert_true(free_bytes(f->data) > 40 * MIB);
	/* Without the volume there is nothing to give back. */
	snprintf(mount, sizeof(mount), "%s/v1", f->store.dir);
	assert_int_equal(loop_unmount("", mount, &e), 0);
	volume_gone_now = true;
	assert_int_equal(x.f->heal(&x.node, &all.v[0], x.evidence, &e), 0);
	volume_gone_now = false;
	journal_list_free(&all);
	end_fill(&x);
}

static bool fill_file_in(const char *dir)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/" FILL_PREFIX "fill-1", dir);
	return file_exists(path);
}

/* The volume is mounted for a new pod elsewhere, and no more where the old one
 * had it. */
static void finds_the_volume_of_a_pod_made_anew(void **state)
{
	struct fixture *f = *state;
	char before[512], after[512], mount[500];
	struct err e = {0};
	struct fill x;

	need_volume(f);
	snprintf(mount, sizeof(mount), "%s/v1", f->store.dir);
	snprintf(before, sizeof(before), "%s/pod-1", f->dir);
	snprintf(after, sizeof(after), "%s/pod-2", f->dir);
	assert_true(help_sh("mkdir %s %s && mount --bind %s %s", before, after, f->data, before));
	memcpy(f->data, before, sizeof(before));
	fill(f, &x, NULL);
	assert_true(bites(&x));
	assert_true(help_sh("umount %s", before));

	/* Mounted for nobody: neither healed, nor the node's own disk filled. */
	assert_int_equal(x.f->heal(&x.node, &x.j, x.evidence, &e), -1);
	assert_non_null(strstr(e.msg, "not mounted"));
	assert_int_equal(x.f->follow(&x.node, &x.j, &e), 0);
	assert_false(fill_file_in(before));
	assert_false(bites(&x));

	assert_true(help_sh("mount --bind %s/data %s", mount, after));
	snprintf(volume_dir, sizeof(volume_dir), "%s", after);
	assert_true(fill_file_in(after));
	assert_true(bites(&x));
	assert_int_equal(x.f->follow(&x.node, &x.j, &e), 0);
	assert_int_equal(x.f->heal(&x.node, &x.j, x.evidence, &e), 0);
	assert_false(fill_file_in(after));
	assert_false(no_room_for_a_byte(after));
	assert_true(help_sh("umount %s", after));
	end_fill(&x);
}

static void a_new_volume_is_not_the_one_that_was_filled(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	char mount[500];
	struct fill x;

	need_volume(f);
	fill(f, &x, NULL);
	snprintf(mount, sizeof(mount), "%s/v1", f->store.dir);
	assert_int_equal(loop_unmount("", mount, &e), 0);
	volume_gone_now = true;
	assert_int_equal(x.f->follow(&x.node, &x.j, &e), -1);
	assert_false(bites(&x));
	assert_int_equal(x.f->heal(&x.node, &x.j, x.evidence, &e), 0);
	volume_gone_now = false;
	end_fill(&x);
}

static void never_fills_the_node(void **state)
{
	struct fixture *f = *state;
	cJSON *plan = help_plan("fill-2", "fill-disk", "db-0", "u", NULL);
	struct node node = {.ops = &FAKE};
	struct journal_entry j;
	char why[300] = "";
	struct err e = {0};

	snprintf(volume_dir, sizeof(volume_dir), "%s", f->dir);
	snprintf(node.state_dir, sizeof(node.state_dir), "%s", f->dir);
	assert_false(fault_find("fill-disk")->supported(&node, plan, why, sizeof(why)));
	assert_non_null(strstr(why, "no file system of its own"));
	assert_int_equal(journal_begin(f->dir, plan, &j, &e), 0);
	assert_int_equal(fault_find("fill-disk")->inject(&node, &j, &e), -1);
	assert_false(journal_on_disk(&j));
	journal_entry_free(&j);
	cJSON_Delete(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_volume_has_its_size, make_volume, remove_volume),
		cmocka_unit_test_setup_teardown(is_mounted_again_with_what_was_in_it, make_volume,
						remove_volume),
		cmocka_unit_test_setup_teardown(refuses_what_the_disk_cannot_hold, make_volume,
						remove_volume),
		cmocka_unit_test_setup_teardown(removing_twice_is_fine, make_volume, remove_volume),
		cmocka_unit_test_setup_teardown(full_means_full_and_stays_so, make_volume,
						remove_volume),
		cmocka_unit_test_setup_teardown(a_percentage_leaves_the_rest, make_volume,
						remove_volume),
		cmocka_unit_test_setup_teardown(no_effect_where_it_was_as_full_before, make_volume,
						remove_volume),
		cmocka_unit_test_setup_teardown(heals_from_the_journal_alone, make_volume,
						remove_volume),
		cmocka_unit_test_setup_teardown(finds_the_volume_of_a_pod_made_anew, make_volume,
						remove_volume),
		cmocka_unit_test_setup_teardown(a_new_volume_is_not_the_one_that_was_filled,
						make_volume, remove_volume),
		cmocka_unit_test_setup_teardown(never_fills_the_node, make_volume, remove_volume),
	};

	return cmocka_run_group_tests_name("fill-disk, volumes", tests, NULL, NULL);
}
