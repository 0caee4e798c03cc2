/* nftables in network namespaces of the test's own (as root only). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/nft.h"

enum { NAMESPACES = 3 };

#define TABLE NFT_PREFIX "t"
#define SCRIPT \
	"table inet " TABLE "\ndelete table inet " TABLE "\ntable inet " TABLE " {\n" \
	"\t" NFT_MARK "\n\tcounter cut_in { packets 7 bytes 70 }\n\tcounter cut_out { packets 9 bytes 90 }\n}\n"

static char paths[NAMESPACES][64];
static int fds[NAMESPACES], threads_before;

/* A namespace lives as long as somebody has it open. */
static void *new_namespace(void *fd)
{
	*(int *)fd = unshare(CLONE_NEWNET) ? -1 : open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return NULL;
}

static int threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = -2; /* "." and ".." */

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int make(void **state)
{
	pthread_t t;

	(void)state;
	for (int i = 0; i < NAMESPACES; i++) {
		assert_int_equal(pthread_create(&t, NULL, new_namespace, &fds[i]), 0);
		pthread_join(t, NULL);
		snprintf(paths[i], sizeof(paths[i]), "/proc/self/fd/%d", fds[i]);
	}
	threads_before = threads();
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	for (int i = 0; i < NAMESPACES; i++)
		close(fds[i]);
	return 0;
}

static void need_root(void)
{
	if (fds[0] >= 0)
		return;
	print_message("# skipped: needs root, for network namespaces\n");
	skip();
}

static void must(int r, const struct err *e)
{
	if (r)
		fail_msg("%s", e->msg);
}

static void has_tables(const char *path, const char *want)
{
	struct buf names = {0};
	struct err e = {0};

	must(nft_our_tables(path, &names, &e), &e);
	assert_string_equal(buf_cstr(&names), want);
	buf_free(&names);
}

static void counted(const char *path, bool want, int64_t want_in, int64_t want_out)
{
	struct err e = {0};
	int64_t in, out;
	bool there;

	must(nft_counters(path, TABLE, &there, &in, &out, &e), &e);
	assert_int_equal(there, want);
	assert_int_equal(in, want_in);
	assert_int_equal(out, want_out);
}

static void makes_reads_and_removes(void **state)
{
	struct err e = {0};

	(void)state;
	need_root();
	has_tables(paths[0], "");
	counted(paths[0], false, 0, 0);
	must(nft_run(paths[0], "table inet other { }", &e), &e);
	/* Called as ours are is not made by us. */
	must(nft_run(paths[0], "table inet " NFT_PREFIX "theirs { }", &e), &e);
	must(nft_run(paths[0], SCRIPT, &e), &e);
	has_tables(paths[0], TABLE "\n");
	has_tables(paths[1], "");
	counted(paths[0], true, 7, 9);
	must(nft_delete_table(paths[0], TABLE, &e), &e);
	must(nft_delete_table(paths[0], TABLE, &e), &e);
	has_tables(paths[0], "");
	/* Others' tables stay. */
	assert_int_equal(nft_delete_table(paths[0], "other", &e), -1);
	must(nft_run(paths[0], "delete table inet other", &e), &e);
}

static void says_what_is_wrong(void **state)
{
	struct err e = {0};

	(void)state;
	need_root();
	assert_int_equal(nft_run(paths[0], "table inet x { chain y { drop it } }", &e), -1);
	assert_non_null(strstr(e.msg, "syntax error"));
	assert_null(strchr(e.msg, '\n'));
	assert_int_equal(nft_run(paths[0], "delete table inet nothing", &e), -1);
	assert_non_null(strstr(e.msg, "No such file or directory"));
	/* All of a script or nothing. */
	assert_int_equal(nft_run(paths[0], SCRIPT "delete table inet nothing", &e), -1);
	has_tables(paths[0], "");
	/* A namespace that is gone has no tables, and takes none. */
	assert_int_equal(nft_run("/run/netns/nobody", SCRIPT, &e), -1);
	assert_non_null(strstr(e.msg, "/run/netns/nobody: No such file"));
	has_tables("/run/netns/nobody", "");
	counted("/run/netns/nobody", false, 0, 0);
}

static void namespace_of(char out[64])
{
	ssize_t n = readlink("/proc/thread-self/ns/net", out, 63);

	assert_true(n > 0);
	out[n] = '\0';
}

static void the_caller_stays_where_it_is(void **state)
{
	int64_t end = clock_mono_ns() + 60 * NS_PER_S;
	char before[64], after[64];
	struct err e = {0};

	(void)state;
	need_root();
	namespace_of(before);
	must(nft_run(paths[0], SCRIPT, &e), &e);
	namespace_of(after);
	assert_string_equal(before, after);
	/* Its thread ends. */
	while (threads() > threads_before && clock_mono_ns() < end)
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	assert_int_equal(threads(), threads_before);
	must(nft_delete_table(paths[0], TABLE, &e), &e);
}

static void *again_and_again(void *arg)
{
	int self = *(int *)arg, bad = 0;
	struct err e = {0};

	for (int i = 0; i < 40; i++) {
		int64_t in = 0, out = 0;
		bool there = false;

		bad += nft_run(paths[self], SCRIPT, &e) != 0;
		bad += nft_counters(paths[self], TABLE, &there, &in, &out, &e) || in != 7 ||
		       out != 9;
		bad += nft_delete_table(paths[self], TABLE, &e) != 0;
	}
	*(int *)arg = bad;
	return NULL;
}

static void many_at_once(void **state)
{
	pthread_t t[NAMESPACES];
	int n[NAMESPACES];

	(void)state;
	need_root();
	for (int i = 0; i < NAMESPACES; i++) {
		n[i] = i;
		assert_int_equal(pthread_create(&t[i], NULL, again_and_again, &n[i]), 0);
	}
	for (int i = 0; i < NAMESPACES; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(n[i], 0);
		has_tables(paths[i], "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_reads_and_removes),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(the_caller_stays_where_it_is),
		cmocka_unit_test(many_at_once),
	};

	return cmocka_run_group_tests_name("nft", tests, make, unmake);
}
