/* Partitions follow pods that are restarted, and are undone, with real network
 * namespaces (as root only). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/nft.h"
#include "test/lib/fault_help.h"
#include "test/unit/fault/partition_place.h"

static void follows_a_new_sandbox(void **state)
{
	struct buf names = {0};
	struct err e = {0};
	char path[100];
	struct cutting c;

	(void)state;
	need_place();
	place.a_now = place.fresh;
	cut(&c, NULL);
	/* The sandbox ends, the pod gets another one. */
	assert_true(help_sh("ip netns del %s", place.fresh));
	place.a_now = place.fresher;
	snprintf(path, sizeof(path), "/run/netns/%s", place.fresher);
	assert_no_tables(path);
	assert_int_equal(c.f->follow(&c.node, &c.j, &e), 0);
	assert_int_equal(nft_our_tables(path, &names, &e), 0);
	assert_string_equal(buf_cstr(&names), NFT_PREFIX "cut_1\n");
	mend(&c);
	assert_no_tables(path);
	assert_no_tables(place.node_path);
	place.a_now = place.a;
	buf_free(&names);
	end_cut(&c);
}

static void assert_table(const char *path)
{
	struct buf names = {0};
	struct err e = {0};

	assert_int_equal(nft_our_tables(path, &names, &e), 0);
	assert_string_equal(buf_cstr(&names), NFT_PREFIX "cut_1\n");
	buf_free(&names);
}

/* A namespace that nobody can enter for a while: as if nft failed. */
static void cuts_off_a_restarted_pod_though_nft_failed(void **state)
{
	char path[100], away[120];
	struct err e = {0};
	struct cutting c;

	(void)state;
	need_place();
	assert_true(help_sh("ip netns add %s", place.fresh));
	place.a_now = place.fresh;
	cut(&c, NULL);
	/* Its first sandbox ends, and the rules with it. */
	assert_true(help_sh("ip netns del %s", place.fresh));
	place.a_now = place.fresher;
	snprintf(path, sizeof(path), "/run/netns/%s", place.fresher);
	snprintf(away, sizeof(away), "%s-away", path);
	/* Its path leads to what is no namespace, and has an inode all the same. */
	assert_true(help_sh("touch %s && mount --bind %s %s && umount %s", away, path, away, path));
	assert_int_equal(c.f->follow(&c.node, &c.j, &e), -1);
	assert_non_null(strstr(e.msg, "db-0 is not cut off"));
	assert_int_equal(c.f->follow(&c.node, &c.j, &e), -1);
	assert_true(help_sh("mount --bind %s %s && umount %s && rm %s", away, path, away, away));
	assert_int_equal(c.f->follow(&c.node, &c.j, &e), 0);
	assert_table(path);
	/* Somebody in the pod takes the rules away. */
	assert_int_equal(nft_delete_table(path, NFT_PREFIX "cut_1", &e), 0);
	json_set_i64(c.j.record, "seen_ns", 1);
	assert_int_equal(c.f->follow(&c.node, &c.j, &e), 0);
	assert_table(path);
	mend(&c);
	assert_no_tables(path);
	assert_no_tables(place.node_path);
	place.a_now = place.a;
	end_cut(&c);
}

/* What cannot be known is not called undone. */
static void is_not_healed_where_nft_fails(void **state)
{
	struct err e = {0};
	struct cutting c;

	(void)state;
	need_place();
	cut(&c, NULL);
	assert_true(help_sh("touch %s-away && mount --bind %s %s-away && umount %s", place.a_path, place.a_path,
			    place.a_path, place.a_path));
	json_set_i64(cJSON_GetArrayItem(cJSON_GetObjectItem(c.j.record, "pods"), 0), "inode", 1);
	assert_int_equal(c.f->heal(&c.node, &c.j, c.evidence, &e), -1);
	assert_true(help_sh("mount --bind %s-away %s && umount %s-away && rm %s-away", place.a_path, place.a_path,
			    place.a_path, place.a_path));
	mend(&c);
	assert_no_tables(place.a_path);
	end_cut(&c);
}

/* The agent died between the journal and the change, or after it; the next
 * one has only the file. */
static void heals_from_the_journal_alone(void **state)
{
	struct journal_list all;
	struct err e = {0};
	struct cutting c;

	(void)state;
	need_place();
	cut(&c, NULL);
	assert_int_equal(journal_read_all(c.node.state_dir, &all, &e), 0);
	assert_int_equal(all.n, 1);
	assert_int_equal(c.f->heal(&c.node, &all.v[0], c.evidence, &e), 0);
	assert_no_tables(place.a_path);
	assert_no_tables(place.node_path);
	assert_int_equal(c.f->heal(&c.node, &all.v[0], c.evidence, &e), 0);
	journal_list_free(&all);
	end_cut(&c);
}

static void touches_only_its_own_tables(void **state)
{
	struct err e = {0};

	(void)state;
	need_place();
	assert_int_equal(nft_delete_table(place.node_path, "t", &e), -1);
	assert_int_equal(nft_run(place.node_path, "list table ip t", &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_a_new_sandbox),
		cmocka_unit_test(cuts_off_a_restarted_pod_though_nft_failed),
		cmocka_unit_test(is_not_healed_where_nft_fails),
		cmocka_unit_test(heals_from_the_journal_alone),
		cmocka_unit_test(touches_only_its_own_tables),
	};

	return cmocka_run_group_tests_name("partition", tests, make_place, unmake_place);
}
