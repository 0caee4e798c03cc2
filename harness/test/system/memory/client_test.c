/* The toy store: its lease and its log on their own, then three members as
 * real processes, their clients, and what they do when one is killed,
 * stopped or told to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "test/lib/evidence_help.h"
#include "test/lib/memory_cluster.h"
#include "memoryd/args.h"
#include "memoryd/lease.h"
#include "memoryd/net.h"
#include "memoryd/store.h"
#include "system/client_kit.h"
#include "system/memory/wire.h"
#include "system/model.h"

extern const struct client_ops client_memory;
extern const struct model_ops model_memory;

#define DEADLINE_NS (2 * NS_PER_S)

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

/* ---- three members ---- */

static struct op do_op(struct client *c, enum op_f f, int64_t key, int64_t expect, int64_t value)
{
	struct op op = {.f = f, .key = key, .expect = expect, .value = value};

	call_make(&client_memory, c, &op, DEADLINE_NS);
	assert_true(op.t_return >= op.t_invoke && op.t_invoke > 0);
	return op;
}

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

static void operations_mean_what_they_say(void **state)
{
	struct memory_cluster mc;
	struct final_read f;
	struct client *c;
	struct err e = {0};
	struct op op;
	cJSON *v;

	(void)state;
	memory_cluster_up(&mc, NULL);
	assert_int_equal(client_memory.setup(&mc.acc, 4, DEADLINE_NS, &e), 0);
	c = client_memory.client_new(&mc.acc, 0);
	op = do_op(c, OP_READ, 1, OP_NO_VALUE, OP_NO_VALUE);
	assert_int_equal(op.outcome, OP_OK);
	assert_int_equal(op.value, OP_NO_VALUE);
	assert_true(op.connect_ns > 0 && op.dns_ns > 0);
	assert_true(!strncmp(op.via, "127.", 4));
	op = do_op(c, OP_WRITE, 1, OP_NO_VALUE, 5);
	assert_int_equal(op.outcome, OP_OK);
	assert_int_equal(op.connect_ns, 0); /* the connection is kept */
	assert_int_equal(do_op(c, OP_CAS, 1, 5, 6).outcome, OP_OK);
	op = do_op(c, OP_CAS, 1, 5, 7);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_true(op.sent && !strncmp(op.error, "mismatch", 8));
	assert_int_equal(do_op(c, OP_CAS, 2, 5, 7).outcome, OP_FAIL);
	assert_int_equal(do_op(c, OP_READ, 1, OP_NO_VALUE, OP_NO_VALUE).value, 6);
	assert_int_equal(do_op(c, OP_INSERT, OP_NO_VALUE, OP_NO_VALUE, 100).outcome, OP_OK);
	assert_int_equal(do_op(c, OP_INSERT, OP_NO_VALUE, OP_NO_VALUE, 100).outcome, OP_OK);
	assert_int_equal(client_memory.final_read(&mc.acc, 3, &f, DEADLINE_NS, &e), 0);
	assert_int_equal(f.n, 2); /* duplicates are told */
	assert_int_equal(f.registers[0], OP_NO_VALUE);
	assert_int_equal(f.registers[1], 6);
	/* Who told all this, and as what. */
	assert_int_equal(f.nanswers, 1);
	assert_int_equal(f.answers[0].role, ROLE_PRIMARY);
	assert_true(*f.answers[0].address);
	assert_true(*f.answers[0].member);
	final_read_free(&f);
	v = cJSON_CreateArray();
	assert_int_equal(client_memory.inforce(&mc.acc, v, &e), 0);
	assert_int_equal(cJSON_GetArraySize(v), 6);
	cJSON_Delete(v);
	client_memory.client_free(c);
	memory_cluster_down(&mc);
}

static void send_until_ok(struct client *c, int64_t key, int64_t value)
{
	int64_t end_ns = clock_mono_ns() + 30 * NS_PER_S;

	while (do_op(c, OP_SEND, key, OP_NO_VALUE, value).outcome != OP_OK) {
		if (clock_mono_ns() > end_ns)
			fail_msg("no send was acknowledged for 30 s");
		clock_sleep_until(clock_mono_ns() + 5 * NS_PER_MS);
	}
}

static void receive_is(struct client *c, int64_t key, int64_t value, int64_t offset, bool redelivered)
{
	struct op op = do_op(c, OP_RECEIVE, key, OP_NO_VALUE, OP_NO_VALUE);

	assert_int_equal(op.outcome, OP_OK);
	assert_int_equal(op.value, value);
	assert_int_equal(op.offset, offset);
	assert_int_equal(op.partition, key);
	assert_int_equal(op.redelivered, redelivered);
	assert_int_equal(op.acked, value == OP_NO_VALUE ? OP_ACK_NONE : OP_ACK_DONE);
}

/* Takes one by hand, and does not acknowledge it. */
static void hold(struct memory_cluster *mc, struct wire *w, const char *says)
{
	int64_t end_ns = clock_mono_ns() + 30 * NS_PER_S, dns_ns, connect_ns;
	const char *line;
	struct err e = {0};

	wire_init(w);
	assert_int_equal(wire_find_primary(w, &mc->acc, end_ns, &dns_ns, &connect_ns, &e), WIRE_OK);
	assert_int_equal(wire_send(w, "receive 1", end_ns, &e), WIRE_OK);
	assert_int_equal(wire_line(w, &line, end_ns, &e), WIRE_OK);
	assert_string_equal(line, says);
}

/* What is held comes again when its holder is gone, also from another primary;
 * what was acknowledged does not. */
static void messages_come_at_least_once(void **state)
{
	static const char *const quick[] = {"--ttl-ms", "1000", "--loop-ms", "100", NULL};
	struct memory_cluster mc;
	struct final_read f;
	struct client *c;
	struct err e = {0};
	struct wire w;
	bool again = false;
	int64_t end_ns;
	struct op op;

	(void)state;
	memory_cluster_up(&mc, quick);
	c = client_memory.client_new(&mc.acc, 0);
	receive_is(c, 1, OP_NO_VALUE, OP_NO_VALUE, false);
	for (int i = 0; i < 5; i++) {
		op = do_op(c, OP_SEND, 1, OP_NO_VALUE, 100 + i);
		assert_int_equal(op.outcome, OP_OK);
		assert_int_equal(op.offset, i);
	}
	assert_int_equal(do_op(c, OP_SEND, 2, OP_NO_VALUE, 200).offset, 0);
	receive_is(c, 1, 100, 0, false);
	hold(&mc, &w, "message 1 101 0");
	receive_is(c, 1, 102, 2, false); /* not what somebody holds */
	wire_close(&w);
	end_ns = clock_mono_ns() + 30 * NS_PER_S;
	do { /* until the member has seen that connection's end */
		op = do_op(c, OP_RECEIVE, 1, OP_NO_VALUE, OP_NO_VALUE);
		assert_int_equal(op.redelivered, op.value == 101);
		again = again || op.value == 101;
	} while ((!again || op.value != OP_NO_VALUE) && clock_mono_ns() < end_ns);
	assert_true(again);

	send_until_ok(c, 1, 110);
	hold(&mc, &w, "message 5 110 0");
	memory_cluster_signal(&mc, memory_cluster_primary(&mc, -1), SIGKILL);
	send_until_ok(c, 1, 120);
	receive_is(c, 1, 110, 5, true);
	wire_close(&w);
	assert_int_equal(client_memory.final_read(&mc.acc, 0, &f, DEADLINE_NS, &e), 0);
	assert_true(f.drained);
	/* A log keeps all that was sent; 120 may stand there more than once. */
	assert_true(f.nmessages >= 8);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(f.messages[i].partition, 1);
		assert_int_equal(f.messages[i].offset, i);
		assert_int_equal(f.messages[i].value, 100 + i);
	}
	assert_int_equal(f.messages[f.nmessages - 1].partition, 2);
	assert_int_equal(f.messages[f.nmessages - 1].value, 200);
	final_read_free(&f);
	client_memory.client_free(c);
	memory_cluster_down(&mc);
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
	call_make(&client_memory, c, &op, 200 * NS_PER_MS);
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

/* What a replica has got it answers, and the primary never answers for it. */
static void replicas_answer_reads(void **state)
{
	static const char *const quick[] = {"--ttl-ms", "1000", "--loop-ms", "100", NULL};
	struct memory_cluster mc;
	struct sample before, after;
	struct client *c;
	int64_t end_ns;
	int primary;
	struct op op;

	(void)state;
	memory_cluster_up(&mc, quick);
	mc.acc.payload_bytes = 100;
	c = client_memory.client_new(&mc.acc, 1);
	assert_int_equal(do_op(c, OP_WRITE, 0, OP_NO_VALUE, 7).outcome, OP_OK);
	primary = memory_cluster_primary(&mc, -1);
	end_ns = clock_mono_ns() + 20 * NS_PER_S;
	do {
		op = do_op(c, OP_READ_REPLICA, 0, OP_NO_VALUE, OP_NO_VALUE);
		assert_int_equal(op.outcome, OP_OK);
	} while (op.value != 7 && clock_mono_ns() < end_ns);
	assert_int_equal(op.value, 7);
	assert_true(op.sent);
	assert_string_not_equal(op.via, mc.acc.members[primary].host);
	memory_cluster_sample(&mc, primary, &before);
	assert_int_equal(do_op(c, OP_INSERT, OP_NO_VALUE, OP_NO_VALUE, 1).outcome, OP_OK);
	memory_cluster_sample(&mc, primary, &after);
	/* One entry for the value, four that hold 100 bytes more. */
	assert_int_equal(after.position - before.position, 5 * MEMORY_ENTRY_BYTES);
	cJSON_Delete(before.extra);
	cJSON_Delete(after.extra);
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

static void replicas_and_nonsense_are_refused(void **state)
{
	static const char *const bad[] = {"insert x", "cas 1 2", "read 99999", "write 1 -5", "", "hello",
					  "send 1", "send 99999 1", "receive x", "ack 0", "ack 0 0"};
	struct memory_cluster mc;
	const char *line;
	struct wire w;
	struct err e = {0};
	char addr[64], text[300];
	int64_t end_ns = clock_mono_ns() + 30 * NS_PER_S;
	int port, primary;

	(void)state;
	memory_cluster_up(&mc, NULL);
	port = (int)json_i64(mc.acc.conf, "port", 0);
	primary = memory_cluster_primary(&mc, -1);
	wire_init(&w);
	assert_int_equal(memory_net_resolve(mc.members[(primary + 1) % 3].host, addr, &e), 0);
	assert_int_equal(wire_connect(&w, addr, port, end_ns, &e), WIRE_OK);
	assert_int_equal(wire_send(&w, "insert 1", end_ns, &e), WIRE_OK);
	assert_int_equal(wire_line(&w, &line, end_ns, &e), WIRE_OK);
	assert_string_equal(line, "err not the primary");
	assert_int_equal(memory_net_resolve(mc.members[primary].host, addr, &e), 0);
	assert_int_equal(wire_connect(&w, addr, port, end_ns, &e), WIRE_OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(wire_send(&w, bad[i], end_ns, &e), WIRE_OK);
		assert_int_equal(wire_line(&w, &line, end_ns, &e), WIRE_OK);
		if (strncmp(line, "err ", 4))
			fail_msg("\"%s\" was answered with \"%s\"", bad[i], line);
	}
	/* A line without an end is not kept for ever. */
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 40 && send(w.fd, text, strlen(text), MSG_NOSIGNAL) > 0; i++)
		;
	assert_int_equal(wire_line(&w, &line, end_ns, &e), WIRE_BROKEN);
	wire_close(&w);
	memory_cluster_down(&mc);
}

static void nobody_there_is_a_certain_failure(void **state)
{
	struct member m[2] = {{.name = "a", .host = "127.0.0.1"},
			      {.name = "b", .host = "no-such-name"}};
	struct access acc = {.members = m, .n = 2, .conf = cJSON_CreateObject()};
	struct op op = {.f = OP_INSERT, .key = OP_NO_VALUE, .value = 1, .expect = OP_NO_VALUE};
	struct client *c = client_memory.client_new(&acc, 0);
	struct probe *p = client_memory.probe_new(&acc, &m[1]);
	struct final_read f;
	struct sample s;
	struct err e = {0};
	int port = 0, fd;

	(void)state;
	/* A port that was free a moment ago. */
	assert_int_equal(memory_net_listen("127.0.0.1", &port, &fd, &e), 0);
	close(fd);
	json_set_i64(acc.conf, "port", port);
	call_make(&client_memory, c, &op, DEADLINE_NS);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_false(op.sent);
	assert_non_null(strstr(op.error, "no primary"));
	sample_begin(&s, &m[1]);
	client_memory.probe(p, &s, DEADLINE_NS);
	assert_false(s.ok);
	assert_non_null(strstr(s.error, "no-such-name"));
	assert_int_equal(client_memory.final_read(&acc, 2, &f, DEADLINE_NS, &e), -1);
	final_read_free(&f);
	client_memory.probe_free(p);
	client_memory.client_free(c);
	cJSON_Delete(acc.conf);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_one_changes_a_lease),
		cmocka_unit_test(what_was_acknowledged_never_shrinks),
		cmocka_unit_test(a_log_survives_and_a_torn_end_is_cut),
		cmocka_unit_test(partitions_follow_from_the_log),
		cmocka_unit_test(a_changed_byte_ends_the_log),
		cmocka_unit_test(bad_options_are_refused),
		cmocka_unit_test(operations_mean_what_they_say),
		cmocka_unit_test(messages_come_at_least_once),
		cmocka_unit_test(a_killed_primary_costs_nothing_acknowledged),
		cmocka_unit_test(a_frozen_primary_hangs_nobody),
		cmocka_unit_test(replicas_answer_reads),
		cmocka_unit_test(one_replica_is_enough),
		cmocka_unit_test(sigterm_gives_the_lease_up),
		cmocka_unit_test(a_restart_within_the_lease_goes_on),
		cmocka_unit_test(replicas_and_nonsense_are_refused),
		cmocka_unit_test(nobody_there_is_a_certain_failure),
	};
	int code;

	if (memory_cluster_dispatch(argc, argv, &code))
		return code;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
