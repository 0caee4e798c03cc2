/* Partitions: who is cut off from whom, and the rules as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "base/nft.h"
#include "fault/partition.h"
#include "test/unit/fault/partition_place.h"

/* ---- values ---- */

static void nobody_refuses_itself(const struct partition *p)
{
	assert_true(p->n <= PARTITION_NODES_MAX);
	for (size_t i = 0; i < p->n && i < PARTITION_NODES_MAX; i++)
		assert_false(p->refuses[i] >> i & 1);
}

static void isolation(void **state)
{
	struct partition p = partition_isolate(4, 1 << 1);

	(void)state;
	nobody_refuses_itself(&p);
	assert_int_equal(p.refuses[1], 0xd);
	assert_int_equal(p.refuses[0], 0x2);
	assert_int_equal(p.refuses[3], 0x2);
	p = partition_isolate(3, 0x3);
	assert_int_equal(p.refuses[0], 0x6);
	assert_int_equal(p.refuses[1], 0x5);
	assert_int_equal(p.refuses[2], 0x3);
	p = partition_isolate(3, 0);
	assert_int_equal(p.refuses[0] | p.refuses[1] | p.refuses[2], 0);
}

static void halves(void **state)
{
	struct partition p = partition_halves(5);

	(void)state;
	nobody_refuses_itself(&p);
	assert_int_equal(p.refuses[0], 0x1c);
	assert_int_equal(p.refuses[1], 0x1c);
	assert_int_equal(p.refuses[4], 0x3);
}

static void bridge(void **state)
{
	struct partition p = partition_bridge(5, 2);

	(void)state;
	nobody_refuses_itself(&p);
	assert_int_equal(p.refuses[2], 0);
	assert_int_equal(p.refuses[0], 0x18);
	assert_int_equal(p.refuses[4], 0x3);
}

/* A node of clients alone, before, between or after the members, is of no side. */
static void among(void **state)
{
	struct partition q = partition_shaped("bridge", 4, 0xe);

	(void)state;
	nobody_refuses_itself(&q);
	assert_int_equal(q.n, 4);
	assert_int_equal(q.refuses[0], 0);
	assert_int_equal(q.refuses[1], 0x8);
	assert_int_equal(q.refuses[2], 0);
	assert_int_equal(q.refuses[3], 0x2);
	assert_int_equal(partition_shaped("isolate", 4, 0x1).refuses[0], 0xe);
	q = partition_shaped("halves", 3, 0x5);
	assert_int_equal(q.refuses[0], 0x4);
	assert_int_equal(q.refuses[1], 0);
	assert_int_equal(q.refuses[2], 0x1);
}

static int count(uint32_t v)
{
	return __builtin_popcount(v);
}

/* Everyone sees a majority, itself included, and no two the same one. */
static void ring(void **state)
{
	(void)state;
	for (size_t n = 3; n <= 7; n++) {
		struct partition p = partition_ring(n);

		nobody_refuses_itself(&p);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(n - (size_t)count(p.refuses[i]), n / 2 + 1);
			for (size_t k = i + 1; k < n; k++)
				assert_int_not_equal(p.refuses[i], p.refuses[k]);
		}
	}
}

/* ---- rules ---- */

static cJSON *list(const char *a, const char *b)
{
	cJSON *l = cJSON_CreateArray();

	if (a)
		json_push(l, cJSON_CreateString(a));
	if (b)
		json_push(l, cJSON_CreateString(b));
	return l;
}

static void rules_as_text(void **state)
{
	cJSON *refused = list("10.1.0.0/24", "fd00:1::/64"), *gone = list("10.96.0.1", "x; flush");
	struct partition_rules r = {.table = NFT_PREFIX "p", .in = true, .keep_dns = true,
				    .refused = refused, .gone = gone};
	struct buf b = {0};
	const char *in, *drop;

	(void)state;
	partition_sandbox_rules(&r, &b);
	in = strstr(buf_cstr(&b), "hook prerouting priority -300");
	assert_non_null(in);
	drop = strstr(in, "ip saddr @refused4 counter name cut_in drop");
	assert_non_null(drop);
	/* What is kept comes before what is dropped. */
	assert_true(strstr(in, "sport 53 accept") < drop);
	assert_non_null(strstr(in, "ip6 saddr @refused6 counter name cut_in drop"));
	assert_non_null(strstr(buf_cstr(&b), "10.1.0.0/24, 10.96.0.1"));
	assert_null(strstr(buf_cstr(&b), "hook output"));
	/* Nothing that is no address gets into a script. */
	assert_null(strstr(buf_cstr(&b), "flush"));
	buf_reset(&b);
	r.in = false;
	r.out = true;
	r.keep_dns = false;
	partition_sandbox_rules(&r, &b);
	assert_null(strstr(buf_cstr(&b), "prerouting"));
	assert_null(strstr(buf_cstr(&b), "53"));
	assert_non_null(strstr(buf_cstr(&b), "ip daddr @refused4 counter name cut_out drop"));
	buf_free(&b);
	cJSON_Delete(refused);
	cJSON_Delete(gone);
}

static void table_names(void **state)
{
	char name[96];

	(void)state;
	partition_table_name("cut-off.1", name);
	assert_string_equal(name, NFT_PREFIX "cut_off_1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isolation),
		cmocka_unit_test(halves),
		cmocka_unit_test(bridge),
		cmocka_unit_test(among),
		cmocka_unit_test(ring),
		cmocka_unit_test(rules_as_text),
		cmocka_unit_test(table_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
