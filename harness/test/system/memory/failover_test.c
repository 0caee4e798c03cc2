/* The toy store: what three members do when one is killed, stopped or told to
 * end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "memoryd/store.h"
#include "system/client_kit.h"
#include "system/model.h"
#include "test/lib/memory_cluster.h"
#include "test/system/memory/room.h"

extern const struct model_ops model_memory;

/* Inserts until it is acknowledged; values that may be there or not are
 * left behind. Returns the acknowledged one. */
static int64_t insert_until_ok(struct client *c, int64_t *next)
{
	int64_t end_ns = clock_mono_ns() + 30 * NS_PER_S;

	while (clock_mono_ns() < end_ns) {
		struct op op = do_op(c, OP_INSERT, OP_NO_VALUE, OP_NO_VALUE, (*next)++);

		if (op.outcome == OP_OK)
			return op.value;
		clock_sleep_until(clock_mono_ns() + 5 * NS_PER_MS);
	}
	fail_msg("no write was acknowledged for 30 s");
	return -1;
}

static bool has(const struct final_read *f, int64_t value)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->values[i] == value)
			return true;
	return false;
}

static void a_killed_primary_costs_nothing_acknowledged(void **state)
{
	static const char *const quick[] = {"--ttl-ms", "1000", "--loop-ms", "100", NULL};
	int64_t next = 1, acked[400];
	size_t n = 0;
	struct memory_cluster mc;
	struct sample s;
	struct final_read f;
	struct client *c;
	struct err e = {0};
	int old, now;

	(void)state;
	memory_cluster_up(&mc, quick);
	c = client_memory.client_new(&mc.acc, 0);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 100; i++)
			acked[n++] = insert_until_ok(c, &next);
		old = memory_cluster_primary(&mc, -1);
		memory_cluster_signal(&mc, old, SIGKILL);
		for (int i = 0; i < 100; i++)
			acked[n++] = insert_until_ok(c, &next);
		now = memory_cluster_primary(&mc, old);
		assert_int_not_equal(now, old);
		memory_cluster_start(&mc, old);
		memory_cluster_await_redundant(&mc);
		memory_cluster_sample(&mc, old, &s);
		assert_int_equal(s.role, ROLE_REPLICA);
		assert_true(s.timeline >= 2 + round);
		/* What it had missed was copied, and it says so. */
		assert_string_equal(json_str(json_get(s.extra, "resync"), "kind", ""), "partial");
		assert_true(json_i64(json_get(s.extra, "resync"), "bytes", 0) >= 100 * MEMORY_ENTRY_BYTES);
		cJSON_Delete(s.extra);
	}
	assert_int_equal(client_memory.final_read(&mc.acc, 0, &f, DEADLINE_NS, &e), 0);
	for (size_t i = 0; i < n; i++)
		if (!has(&f, acked[i]))
			fail_msg("%lld was acknowledged and is gone", (long long)acked[i]);
	final_read_free(&f);
	client_memory.client_free(c);
	memory_cluster_down(&mc);
}

/* Every call to a frozen primary ends by its own deadline, and nothing but
 * `info` or `fail` comes of it; when it wakes up it serves nobody. */
static void a_frozen_primary_hangs_nobody(void **state)
{
	static const char *const quick[] = {"--ttl-ms", "1000", "--loop-ms", "100", NULL};
	struct memory_cluster mc;
	struct sample s;
	struct client *c;
	struct op op = {.f = OP_INSERT, .key = OP_NO_VALUE, .value = 1, .expect = OP_NO_VALUE};
	int64_t next = 2;
	int old;

	(void)state;
	memory_cluster_up(&mc, quick);
	c = client_memory.client_new(&mc.acc, 0);
	assert_int_equal(do_op(c, OP_WRITE, 0, OP_NO_VALUE, 1).outcome, OP_OK);
	old = memory_cluster_primary(&mc, -1);
	memory_cluster_signal(&mc, old, SIGSTOP);
	call_make(&client_memory, c, &op, trial_room(), 200 * NS_PER_MS);
	assert_int_equal(op.outcome, OP_INFO); /* it was sent */
	assert_true(op.sent && !strncmp(op.error, "timeout", 7));
	assert_true(op.t_return - op.t_invoke >= 195 * NS_PER_MS); /* all but its reserve */
	assert_true(op.t_return - op.t_invoke < 5 * NS_PER_S);
	insert_until_ok(c, &next);
	assert_int_equal(do_op(c, OP_WRITE, 0, OP_NO_VALUE, 2).outcome, OP_OK);
	memory_cluster_signal(&mc, old, SIGCONT);
	memory_cluster_await_redundant(&mc);
	memory_cluster_sample(&mc, old, &s);
	assert_int_equal(s.role, ROLE_REPLICA);
	assert_false(s.writable);
	cJSON_Delete(s.extra);
	assert_int_equal(do_op(c, OP_READ, 0, OP_NO_VALUE, OP_NO_VALUE).value, 2);
	client_memory.client_free(c);
	memory_cluster_down(&mc);
}

/* A replica that stands still for long is no reason for a write to wait; nor
 * is it told as following. */
static void one_replica_is_enough(void **state)
{
	struct memory_cluster mc;
	struct sample s[3];
	struct client *c;
	char why[WHY_BYTES];
	int primary, other;

	(void)state;
	memory_cluster_up(&mc, NULL);
	c = client_memory.client_new(&mc.acc, 0);
	primary = memory_cluster_primary(&mc, -1);
	other = (primary + 1) % 3;
	memory_cluster_signal(&mc, other, SIGSTOP);
	assert_int_equal(do_op(c, OP_INSERT, OP_NO_VALUE, OP_NO_VALUE, 1).outcome, OP_OK);
	for (int i = 0; i < 3; i++)
		memory_cluster_sample(&mc, i, &s[i]);
	assert_false(s[other].ok);
	assert_true(!strncmp(s[other].error, "timeout", 7));
	assert_false(model_memory.redundant(s, 3, why));
	assert_non_null(strstr(why, "does not answer"));
	for (int i = 0; i < 3; i++)
		cJSON_Delete(s[i].extra);
	memory_cluster_signal(&mc, other, SIGCONT);
	memory_cluster_await_redundant(&mc);
	client_memory.client_free(c);
	memory_cluster_down(&mc);
}

static void sigterm_gives_the_lease_up(void **state)
{
	/* By the lease's own end it would take longer than the test waits. */
	static const char *const slow[] = {"--ttl-ms", "60000", "--loop-ms", "100", NULL};
	struct memory_cluster mc;
	int old;

	(void)state;
	memory_cluster_up(&mc, slow);
	old = memory_cluster_primary(&mc, -1);
	memory_cluster_signal(&mc, old, SIGTERM);
	assert_int_not_equal(memory_cluster_primary(&mc, old), old);
	memory_cluster_down(&mc);
}

static void a_restart_within_the_lease_goes_on(void **state)
{
	static const char *const slow[] = {"--ttl-ms", "60000", "--loop-ms", "100", NULL};
	struct memory_cluster mc;
	struct sample s;
	struct client *c;
	int64_t next = 1;
	int old;

	(void)state;
	memory_cluster_up(&mc, slow);
	c = client_memory.client_new(&mc.acc, 0);
	insert_until_ok(c, &next);
	old = memory_cluster_primary(&mc, -1);
	memory_cluster_signal(&mc, old, SIGKILL);
	memory_cluster_start(&mc, old);
	insert_until_ok(c, &next);
	assert_int_equal(memory_cluster_primary(&mc, -1), old);
	memory_cluster_sample(&mc, old, &s);
	assert_int_equal(s.timeline, 1);
	assert_true(json_bool(s.extra, "resumed", false));
	cJSON_Delete(s.extra);
	client_memory.client_free(c);
	memory_cluster_down(&mc);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_primary_costs_nothing_acknowledged),
		cmocka_unit_test(a_frozen_primary_hangs_nobody),
		cmocka_unit_test(one_replica_is_enough),
		cmocka_unit_test(sigterm_gives_the_lease_up),
		cmocka_unit_test(a_restart_within_the_lease_goes_on),
	};
	int code;

	if (memory_cluster_dispatch(argc, argv, &code))
		return code;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
