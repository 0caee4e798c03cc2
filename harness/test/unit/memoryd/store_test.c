/* The toy store's server: its lease, its log and its options, on their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "memoryd/args.h"
#include "memoryd/lease.h"
#include "memoryd/store.h"
#include "test/system/memory/room.h"

static void temp_dir(char dir[64])
{
	snprintf(dir, 64, "/tmp/ordeal-test.XXXXXX");
	assert_non_null(mkdtemp(dir));
}

static void remove_dir(const char *dir)
{
	struct err e = {0};

	assert_int_equal(file_remove_tree(dir, &e), 0);
}

static void only_one_changes_a_lease(void **state)
{
	struct memory_lease *a, *b;
	struct lease_state sa, sb;
	struct err e = {0};
	char dir[64];

	(void)state;
	temp_dir(dir);
	assert_int_equal(memory_lease_open(dir, &a, &e), 0);
	assert_int_equal(memory_lease_open(dir, &b, &e), 0);
	memory_lease_read(a, &sa);
	memory_lease_read(b, &sb);
	assert_int_equal(sa.holder, -1);
	assert_true(memory_lease_change(a, &sa, 2, 1, 123456789));
	/* b read before: it is too late, and learns who was faster. */
	assert_false(memory_lease_change(b, &sb, 1, 1, 123456789));
	assert_int_equal(sb.holder, 2);
	assert_int_equal(sb.epoch, 1);
	assert_int_equal(sb.expires_ms, 123456789);
	assert_true(memory_lease_change(b, &sb, 14, 1048575, INT64_C(1) << 39));
	memory_lease_read(a, &sa);
	assert_int_equal(sa.holder, 14);
	assert_int_equal(sa.epoch, 1048575);
	assert_int_equal(sa.expires_ms, INT64_C(1) << 39);
	memory_lease_close(a);
	memory_lease_close(b);
	remove_dir(dir);
}

static void what_was_acknowledged_never_shrinks(void **state)
{
	struct memory_lease *l;
	struct err e = {0};
	char dir[64];

	(void)state;
	temp_dir(dir);
	assert_int_equal(memory_lease_open(dir, &l, &e), 0);
	/* A later epoch counts for more than any length. */
	assert_true(memory_reach(2, 10) > memory_reach(1, 1000000));
	memory_lease_commit(l, memory_reach(1, 50));
	memory_lease_commit(l, memory_reach(1, 40));
	assert_int_equal(memory_lease_committed(l), memory_reach(1, 50));
	memory_lease_commit(l, memory_reach(2, 45));
	assert_int_equal(memory_lease_committed(l), memory_reach(2, 45));
	memory_lease_close(l);
	remove_dir(dir);
}

static void a_log_survives_and_a_torn_end_is_cut(void **state)
{
	struct memory_store s;
	struct err e = {0};
	char dir[64], path[128];
	FILE *f;

	(void)state;
	temp_dir(dir);
	assert_int_equal(memory_store_open(&s, dir, true, &e), 0);
	memory_store_add(&s, ENTRY_INSERT, 0, 11, 1);
	memory_store_add(&s, ENTRY_SET, 3, 7, 1);
	memory_store_add(&s, ENTRY_SET, 3, 8, 2);
	assert_int_equal(memory_store_flush(&s, &e), 0);
	memory_store_add(&s, ENTRY_INSERT, 0, 12, 2); /* never flushed: lost with the process */
	memory_store_close(&s);

	snprintf(path, sizeof(path), "%s/log", dir);
	f = fopen(path, "a");
	assert_non_null(f);
	fwrite("half an entry", 1, 13, f);
	fclose(f);
	assert_int_equal(memory_store_open(&s, dir, true, &e), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.log[0].value, 11);
	assert_int_equal(s.regs[3].value, 8);
	assert_int_equal(memory_store_epoch(&s, 3), 2);
	assert_int_equal(memory_store_epoch(&s, 0), 0);
	assert_int_equal(memory_store_until(&s, 1), 2);
	assert_int_equal(memory_store_until(&s, 0), 0);

	/* What a cut takes away is gone from the registers as well. */
	assert_int_equal(memory_store_truncate(&s, 2, &e), 0);
	assert_int_equal(s.regs[3].value, 7);
	memory_store_add(&s, ENTRY_INSERT, 0, 13, 3);
	assert_int_equal(memory_store_flush(&s, &e), 0);
	memory_store_close(&s);
	assert_int_equal(memory_store_open(&s, dir, false, &e), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.log[2].value, 13);
	memory_store_close(&s);
	remove_dir(dir);
}

static void partitions_follow_from_the_log(void **state)
{
	const struct memory_partition *p;
	struct memory_store s;
	struct err e = {0};
	char dir[64];

	(void)state;
	temp_dir(dir);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(memory_store_open(&s, dir, false, &e), 0);
		p = &s.parts[7];
		if (!round) {
			memory_store_add(&s, ENTRY_SEND, 7, 11, 1);
			memory_store_add(&s, ENTRY_SEND, 7, 12, 1);
			memory_store_add(&s, ENTRY_TAKE, 7, 1, 1);
			memory_store_add(&s, ENTRY_ACK, 7, 0, 1);
			memory_store_add(&s, ENTRY_ACK, 7, 99, 1); /* there is no such message */
			memory_store_add(&s, ENTRY_ACK, 7, 1, 2);
			assert_int_equal(memory_store_flush(&s, &e), 0);
		}
		assert_int_equal(p->n, 2);
		assert_int_equal(p->m[1].value, 12);
		assert_true(p->m[1].taken && p->m[1].acked && !p->m[0].taken);
		assert_int_equal(p->low, 2);
		if (round) {
			assert_int_equal(memory_store_truncate(&s, 5, &e), 0);
			assert_true(p->m[0].acked && p->m[1].taken && !p->m[1].acked);
			assert_int_equal(p->low, 1);
		}
		memory_store_close(&s);
	}
	remove_dir(dir);
}

static void a_changed_byte_ends_the_log(void **state)
{
	struct memory_store s;
	struct err e = {0};
	char dir[64], path[128];
	FILE *f;

	(void)state;
	temp_dir(dir);
	assert_int_equal(memory_store_open(&s, dir, false, &e), 0);
	for (int i = 0; i < 5; i++)
		memory_store_add(&s, ENTRY_INSERT, 0, i, 1);
	assert_int_equal(memory_store_flush(&s, &e), 0);
	memory_store_close(&s);
	snprintf(path, sizeof(path), "%s/log", dir);
	f = fopen(path, "r+");
	assert_non_null(f);
	fseek(f, 3 * MEMORY_ENTRY_BYTES + 20, SEEK_SET);
	fputc(0x5a, f);
	fclose(f);
	assert_int_equal(memory_store_open(&s, dir, false, &e), 0);
	assert_int_equal(s.n, 3);
	memory_store_close(&s);
	remove_dir(dir);
}

static void refuse(const char *want, int argc, const char *const argv[])
{
	struct memory_options o;
	struct arena a = {0};
	struct err e = {0};

	assert_int_equal(memory_args_read(argc, (char **)(uintptr_t)argv, &a, &o, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	if (!strstr(e.msg, want))
		fail_msg("\"%s\" does not say \"%s\"", e.msg, want);
	arena_free(&a);
}

#define REFUSE(want, ...) \
	do { \
		const char *const v[] = {"memory-server", __VA_ARGS__}; \
		refuse(want, (int)ARRAY_LEN(v), v); \
	} while (0)

static void bad_options_are_refused(void **state)
{
	(void)state;
	REFUSE("needed", "--name", "m0");
	REFUSE("needs a value", "--name");
	REFUSE("no option", "--nmae", "m0");
	REFUSE("ADDR:PORT", "--listen", "127.0.0.1");
	REFUSE("ADDR:PORT", "--listen", "127.0.0.1:70000");
	REFUSE("milliseconds", "--ttl-ms", "1s");
	REFUSE("on or off", "--sync", "perhaps");
	REFUSE("no bug", "--bug", "none-such");
	REFUSE("not among", "--name", "x", "--peers", "a,b", "--listen", "127.0.0.1:0", "--state", "s",
	       "--shared", "s");
	REFUSE("twice", "--name", "a", "--peers", "a,b", "--listen", "127.0.0.1:0", "--state", "s",
	       "--shared", "s", "--ttl-ms", "500", "--loop-ms", "300");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_one_changes_a_lease),
		cmocka_unit_test(what_was_acknowledged_never_shrinks),
		cmocka_unit_test(a_log_survives_and_a_torn_end_is_cut),
		cmocka_unit_test(partitions_follow_from_the_log),
		cmocka_unit_test(a_changed_byte_ends_the_log),
		cmocka_unit_test(bad_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
