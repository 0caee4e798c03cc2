/* Redis Cluster's arithmetic and texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "system/redis/conn.h"
#include "system/redis/log.h"
#include "system/redis/slots.h"

/* The specification's own examples. */
static void test_slots(void **state)
{
	(void)state;
	assert_int_equal(redis_crc16("123456789", 9), 0x31c3);
	assert_int_equal(redis_crc16("", 0), 0);
	assert_int_equal(redis_slot("123456789", 9), 0x31c3 % 16384);
#define SLOT(s) redis_slot(s, strlen(s))
	assert_int_equal(SLOT("{user1000}.following"), SLOT("{user1000}.followers"));
	assert_int_equal(SLOT("{user1000}.following"), SLOT("user1000"));
	assert_int_equal(SLOT("foo{}{bar}"), redis_crc16("foo{}{bar}", 10) % 16384);
	assert_int_equal(SLOT("foo{{bar}}zap"), SLOT("{bar"));
	assert_int_equal(SLOT("foo{bar}{zap}"), SLOT("bar"));
	assert_int_equal(SLOT("foo{bar"), redis_crc16("foo{bar", 7) % 16384);
	assert_int_equal(SLOT("}a{b}"), SLOT("b"));
}

static void test_ranges(void **state)
{
	bool map[REDIS_SLOTS] = {false};

	(void)state;
	assert_int_equal(redis_slots_count("0-5460"), 5461);
	assert_int_equal(redis_slots_count("0-5460 7000 8000-8001"), 5464);
	assert_int_equal(redis_slots_count(""), 0);
	assert_int_equal(redis_slots_count("nonsense"), 0);
	assert_int_equal(redis_slots_count("5-99999999999999999999"), 0);
	assert_int_equal(redis_slots_common("0-5460", "5460-10922"), 5460);
	assert_int_equal(redis_slots_common("0-5460", "5461-10922"), -1);
	assert_int_equal(redis_slots_common("1 3 5", "2 4 5-6"), 5);
	assert_int_equal(redis_slots_first("700 3-5"), 3);
	assert_int_equal(redis_slots_first(""), -1);
	assert_true(redis_slots_mark("0-10", map));
	assert_true(redis_slots_mark("12", map));
	assert_false(redis_slots_mark("10-11", map));
	assert_true(map[10] && map[11] && map[12] && !map[13]);
}

static void test_redirect(void **state)
{
	static const char *const none[] = {"", "MOVED", "MOVED x 1:2", "MOVED 3 host", "MOVED 16384 h:1",
					   "ASK -1 h:1", "ASK 1 h:70000", "ERR MOVED 1 h:1", "MOVED 1"};
	struct redis_redirect r;

	(void)state;
	assert_true(redis_redirect("MOVED 3999 127.0.0.1:6381", &r));
	assert_false(r.ask);
	assert_int_equal(r.slot, 3999);
	assert_string_equal(r.host, "127.0.0.1");
	assert_int_equal(r.port, 6381);
	assert_true(redis_redirect("ASK 1 redis-cluster-2.redis-cluster-headless:6379", &r));
	assert_true(r.ask);
	assert_string_equal(r.host, "redis-cluster-2.redis-cluster-headless");
	assert_true(redis_redirect("MOVED 1 :6379", &r));
	assert_string_equal(r.host, "");
	assert_true(redis_redirect("MOVED 1 fd00::1:6379", &r));
	assert_string_equal(r.host, "fd00::1");
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_false(redis_redirect(none[i], &r));
}

static const char nodes[] =
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 10.0.0.1:6379@16379,redis-cluster-0.h myself,master - 0 "
	"1700000000000 1 connected 0-5460\n"
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 10.0.0.2:6379@16379 master,fail? - 1 2 2 connected "
	"5461-10922 [5462->-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n"
	"cccccccccccccccccccccccccccccccccccccccc 10.0.0.3:6379@16379 master - 1 2 3 disconnected "
	"10923-16382 16383\n"
	"dddddddddddddddddddddddddddddddddddddddd 10.0.0.4:6379@16379 slave,fail "
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 0 2 1 connected\n"
	"rubbish\n";

static void test_nodes(void **state)
{
	struct arena a = {0};
	struct redis_node *v;

	(void)state;
	assert_int_equal(redis_nodes(&a, nodes, &v), 4);
	assert_true(v[0].myself && v[0].is_master && v[0].linked && !v[0].fail && !v[0].pfail);
	assert_string_equal(v[0].address, "10.0.0.1:6379");
	assert_string_equal(v[0].slots, "0-5460");
	assert_string_equal(v[0].master, "");
	assert_int_equal(v[0].epoch, 1);
	assert_true(v[1].pfail && !v[1].fail);
	assert_string_equal(v[1].slots, "5461-10922");
	assert_false(v[2].linked);
	assert_string_equal(v[2].slots, "10923-16382 16383");
	assert_true(v[3].fail && !v[3].pfail && !v[3].is_master);
	assert_string_equal(v[3].master, v[0].id);
	assert_int_equal(redis_shard(v, 4, 0), 1);
	assert_int_equal(redis_shard(v, 4, 5461), 2);
	assert_int_equal(redis_shard(v, 4, 16000), 3);
	assert_int_equal(redis_shard(v, 1, 16000), 0);
	assert_int_equal(redis_shard(v, 4, -1), 0);
	free(v);
	arena_free(&a);
}

/* As moving slots about leaves them: to the last range an owner's own, and so of many. */
static void test_many(void **state)
{
	enum { NODES = 100 };
	struct arena a = {0};
	struct redis_node *v;
	struct buf text = {0};

	(void)state;
	for (int n = 1; n <= NODES; n++) {
		buf_fmt(&text, "%040d 10.0.0.%d:6379@16379 master - 0 0 1 connected", n, n);
		for (int i = n; i <= REDIS_SLOTS / 2; i += NODES)
			buf_fmt(&text, " %d", 2 * i - 1);
		buf_char(&text, '\n');
	}
	assert_int_equal(redis_nodes(&a, buf_cstr(&text), &v), NODES);
	assert_int_equal(redis_slots_count(v[0].slots), (REDIS_SLOTS / 2 - 1) / NODES + 1);
	assert_int_equal(redis_shard(v, NODES, REDIS_SLOTS - 1), REDIS_SLOTS / 2);
	buf_free(&text);
	free(v);
	arena_free(&a);
}

static void test_texts(void **state)
{
	static const char info[] = "# Replication\r\nrole:slave\r\nslave_repl_offset:42\r\nempty:\r\n";
	static const char *const none[] = {"", "1:S 24 Foo 2026 09:56:15.123 # x", "1:S 24 Nov 2026 09:56:15.123",
					   "Warning: something else that is long enough"};
	static const char line[] = "1:S 24 Nov 2026 09:56:15.123 # Failover election won: I'm the new master.\n1:S";
	struct log_line l = {.text = line, .len = strcspn(line, "\n")};
	char out[16];
	int64_t want;

	(void)state;
	assert_true(redis_field(info, "role", out, sizeof(out)));
	assert_string_equal(out, "slave");
	assert_false(redis_field(info, "rol", out, sizeof(out)));
	assert_int_equal(redis_number(info, "slave_repl_offset", -1), 42);
	assert_int_equal(redis_number(info, "empty", -1), -1);
	assert_int_equal(redis_number(info, "absent", -1), -1);

	assert_true(redis_log_stamp(&l));
	assert_int_equal(l.mark, 'S');
	assert_int_equal(l.len, strlen("Failover election won: I'm the new master."));
	assert_memory_equal(l.text, "Failover election won: I'm the new master.", l.len);
	assert_int_equal(clock_parse_rfc3339("2026-11-24T09:56:15.123Z", &want), 0);
	assert_int_equal(l.t_ns, want);
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		l = (struct log_line){.text = none[i], .len = strlen(none[i])};
		assert_false(redis_log_stamp(&l));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_redirect),
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
