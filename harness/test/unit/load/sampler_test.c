/* The sampler and the final read, against a system that answers, hangs or
 * refuses at will. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "load/present.h"
#include "load/sampler.h"
#include "test/unit/load/toy.h"

static bool toy_redundant(const struct sample *s, size_t n, char *why)
{
	snprintf(why, 200, "%s", s[0].ok ? "" : "not heard");
	return n == 1 && s[0].ok;
}

static const struct model_ops toy_model = {.redundant = toy_redundant};

static const struct system toy_ops = {&toy_client, &toy_model};

static cJSON *samples_from(struct sampler *s, int64_t from)
{
	struct buf b = {0};
	cJSON *o;

	sampler_since(s, from, &b);
	o = cJSON_Parse(buf_cstr(&b));
	buf_free(&b);
	assert_non_null(o);
	return o;
}

static int64_t await_samples(struct sampler *s, int64_t n)
{
	int64_t end_ns = clock_mono_ns() + LONG_NS, next;

	do {
		cJSON *o = samples_from(s, 0);

		next = json_i64(o, "next", 0);
		cJSON_Delete(o);
	} while (next < n && clock_mono_ns() < end_ns);
	return next;
}

static void test_sampler(void **state)
{
	struct sampler *s;
	struct err e = {0};
	const cJSON *first;
	cJSON *o, *members;
	bool redundant;
	char why[WHY_BYTES];
	int64_t n, from;
	struct rig r;

	(void)state;
	rig_init(&r);
	atomic_store(&r.toy.slow_probe, true);
	assert_int_equal(sampler_start(&toy_ops, &r.acc, 5 * NS_PER_MS, 50 * NS_PER_MS, &s, &e), 0);
	members = sampler_members(s, &redundant, why);
	assert_false(redundant);
	/* Not heard yet: not behind by 0 of anything. */
	assert_null(json_get(cJSON_GetArrayItem(members, 0), "lag_bytes"));
	assert_null(json_get(cJSON_GetArrayItem(members, 0), "lag_tx"));
	cJSON_Delete(members);
	atomic_store(&r.toy.slow_probe, false);
	n = await_samples(s, 10);
	assert_true(n >= 10);
	o = samples_from(s, 4);
	assert_true(cJSON_GetArraySize(json_get(o, "samples")) >= 6);
	first = cJSON_GetArrayItem(json_get(o, "samples"), 0);
	assert_string_equal(json_str(first, "m", ""), "toy-0");
	assert_true(json_bool(first, "ok", false) && json_i64(first, "t", 0) > 0);
	assert_string_equal(json_str(json_get(first, "x"), "note", ""), "toy");
	assert_null(json_get(first, "tl")); /* unknown is left out */
	cJSON_Delete(o);
	for (int tries = 0; tries < 1000; tries++) {
		members = sampler_members(s, &redundant, why);
		assert_int_equal(cJSON_GetArraySize(members), 1);
		cJSON_Delete(members);
		if (redundant)
			break;
		clock_sleep_until(clock_mono_ns() + 10 * NS_PER_MS);
	}
	assert_true(redundant);

	/* A slow member is asked less often, not in bursts afterwards. */
	atomic_store(&r.toy.slow_probe, true);
	await_samples(s, n + 4);
	o = samples_from(s, n + 1);
	from = json_i64(cJSON_GetArrayItem(json_get(o, "samples"), 0), "t", 0);
	assert_true(json_i64(cJSON_GetArrayItem(json_get(o, "samples"), 1), "t", 0) - from >=
		    50 * NS_PER_MS);
	cJSON_Delete(o);
	members = sampler_members(s, &redundant, why);
	assert_false(redundant);
	assert_string_equal(why, "not heard");
	cJSON_Delete(members);
	sampler_free(s);
}

static void test_present(void **state)
{
	int64_t values[] = {9, 1, 2, 3, 3, 3, 7, 8, 7};
	int64_t registers[] = {5, OP_NO_VALUE};
	struct final_message messages[] = {
		{5, 0, 0, false}, {9, 0, 1, false}, {7, 0, 4, false}, {8, 1, 5, false},
		{3, 2, OP_NO_VALUE, true}, {2, 2, OP_NO_VALUE, true}, {4, 2, OP_NO_VALUE, false},
	};
	struct final_read f = {.values = values, .n = ARRAY_LEN(values), .registers = registers,
			       .nregisters = 2};
	cJSON *o = present_json(&f);
	char *text = json_text(o);

	(void)state;
	assert_string_equal(text, "{\"present\":[[1,3],[7,9]],\"duplicates\":[[3,3],[7,2]],"
				  "\"registers\":{\"0\":5,\"1\":null}}");
	free(text);
	cJSON_Delete(o);
	f = (struct final_read){0};
	o = present_json(&f);
	assert_int_equal(cJSON_GetArraySize(json_get(o, "present")), 0);
	assert_null(json_get(o, "messages")); /* not read is not none */
	cJSON_Delete(o);
	f.drained = true;
	o = present_json(&f);
	assert_int_equal(cJSON_GetArraySize(json_get(o, "messages")), 0);
	cJSON_Delete(o);
	f.messages = messages;
	f.nmessages = ARRAY_LEN(messages);
	o = present_json(&f);
	text = json_text(json_get(o, "messages"));
	assert_string_equal(text, "[{\"part\":0,\"off\":0,\"val\":[5,9]},{\"part\":0,\"off\":4,\"val\":[7]},"
				  "{\"part\":1,\"off\":5,\"val\":[8]},{\"part\":2,\"redel\":true,\"val\":[3,2]},"
				  "{\"part\":2,\"val\":[4]}]");
	free(text);
	cJSON_Delete(o);
}

/* One connection that hangs must not make the loss unknown. */
static void test_read_again(void **state)
{
	const int64_t whole_ns = 4 * NS_PER_S;
	int64_t from = clock_mono_ns();
	struct final_read f;
	struct err e = {0};
	struct rig r;

	(void)state;
	rig_init(&r);
	atomic_store(&r.toy.reg, 5);
	atomic_store(&r.toy.hung_reads, 2);
	assert_int_equal(present_read(&toy_client, &r.acc, 2, whole_ns, &f, &e), 3);
	/* A tenth of the whole, then a little more. */
	assert_true(clock_mono_ns() - from >= whole_ns * 2 / 10);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.values[0], 7);
	assert_int_equal(f.nregisters, 2);
	assert_int_equal(f.registers[0], 5);
	final_read_free(&f);

	atomic_store(&r.toy.hung_reads, 1000);
	from = clock_mono_ns();
	assert_int_equal(present_read(&toy_client, &r.acc, 2, NS_PER_S, &f, &e), -1);
	assert_string_equal(e.msg, "timeout: toy");
	assert_true(clock_mono_ns() - from >= NS_PER_S * 8 / 10);
	assert_null(f.values);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sampler),
		cmocka_unit_test(test_present),
		cmocka_unit_test(test_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
