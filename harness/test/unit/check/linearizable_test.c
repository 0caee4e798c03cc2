#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check/check.h"
#include "test/lib/evidence_kept.h"

/* Known anomalies, and what the checker makes of a run. */

struct run {
	struct history h;
	cJSON *events;
	struct check_result res;
};

/* What the load agent did is told, so that no line is missing. */
static void counted(struct run *r)
{
	cJSON *e = cJSON_CreateObject();

	json_set_i64(e, "t", 1);
	json_set_i64(e, "s", 0);
	json_set_str(e, "k", "load");
	json_set_i64(e, "ops", 3);
	json_push(r->events, e);
}

static void uncounted(struct run *r)
{
	cJSON_DeleteItemFromArray(r->events, 0);
}

static void begin(struct run *r)
{
	memset(r, 0, sizeof(*r));
	r->events = cJSON_CreateArray();
	counted(r);
}

static void put(struct run *r, int process, enum op_f f, int64_t key, int64_t value, int64_t expect,
		int64_t from_ms, int64_t to_ms, enum op_outcome o)
{
	struct op op = {.process = (uint32_t)process,
			.f = f,
			.key = key,
			.value = value,
			.expect = expect,
			.t_intended = from_ms * NS_PER_MS,
			.t_invoke = from_ms * NS_PER_MS,
			.t_return = to_ms * NS_PER_MS,
			.outcome = o,
			.sent = true};

	history_add(&r->h, &op);
}

static void final(struct run *r, const char *registers)
{
	cJSON *e = cJSON_CreateObject();
	struct err err = { 0 };

	json_set_i64(e, "t", 100 * NS_PER_S);
	json_set_i64(e, "s", 0);
	json_set_str(e, "k", "final");
	if (registers)
		json_set(e, "registers", json_parse(registers, "test", &err));
	json_push(r->events, e);
}

static enum verdict check(struct run *r)
{
	const struct check_budget b = { 10 * NS_PER_S, (size_t)256 << 20 };
	const struct checker_ops *c = checker_find("linearizable");

	assert_non_null(c);
	history_sort(&r->h);
	cJSON_Delete(r->res.witness);
	c->check(&r->h, evidence_kept(r->events, 0), NULL, &b, &r->res);
	return r->res.verdict;
}

static void end(struct run *r)
{
	cJSON_Delete(r->res.witness);
	history_free(&r->h);
	cJSON_Delete(r->events);
}

static void test_stale_read(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 3, 10, OP_NO_VALUE, 0, 5, OP_OK);
	put(&r, 1, OP_READ, 3, 10, OP_NO_VALUE, 6, 8, OP_OK);
	put(&r, 0, OP_WRITE, 3, 11, OP_NO_VALUE, 10, 15, OP_OK);
	assert_int_equal(check(&r), VERDICT_PASS);
	put(&r, 1, OP_READ, 3, 10, OP_NO_VALUE, 20, 22, OP_OK);
	put(&r, 1, OP_READ, 3, 11, OP_NO_VALUE, 30, 32, OP_OK);
	assert_int_equal(check(&r), VERDICT_FAIL);
	assert_non_null(strstr(r.res.why, "register 3: client 1 read 10"));
	/* What came after is no part of the witness; the reads before neither. */
	assert_int_equal(cJSON_GetArraySize(r.res.witness), 3);
	assert_non_null(strstr(cJSON_GetArrayItem(r.res.witness, 2)->valuestring, "read 10"));
	end(&r);
}

static void test_lost_update(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 1, OP_CAS, 0, 2, 1, 2, 6, OP_OK);
	put(&r, 2, OP_CAS, 0, 3, 1, 3, 7, OP_OK); /* both from 1 */
	assert_int_equal(check(&r), VERDICT_FAIL);
	end(&r);
}

static void test_unknown_fate(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 1, OP_WRITE, 0, 2, OP_NO_VALUE, 2, 1002, OP_INFO);
	put(&r, 2, OP_READ, 0, 1, OP_NO_VALUE, 1500, 1501, OP_OK);
	put(&r, 2, OP_READ, 0, 2, OP_NO_VALUE, 2500, 2501, OP_OK); /* it came late */
	assert_int_equal(check(&r), VERDICT_PASS);
	put(&r, 2, OP_READ, 0, 1, OP_NO_VALUE, 3500, 3501, OP_OK); /* and cannot go again */
	assert_int_equal(check(&r), VERDICT_FAIL);
	end(&r);
}

static void test_failed_write_seen(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_FAIL);
	put(&r, 2, OP_READ, 0, 1, OP_NO_VALUE, 5, 6, OP_OK);
	assert_int_equal(check(&r), VERDICT_FAIL);
	end(&r);
}

static void test_mismatch_counts(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 1, OP_CAS, 0, 5, 9, 2, 3, OP_FAIL);
	r.h.ops[r.h.n - 1].error = "mismatch: it is 1";
	assert_int_equal(check(&r), VERDICT_PASS);
	put(&r, 1, OP_CAS, 0, 6, 1, 4, 5, OP_FAIL);
	r.h.ops[r.h.n - 1].error = "mismatch: no";
	assert_int_equal(check(&r), VERDICT_FAIL); /* it was 1 all along */
	end(&r);
}

static void test_final_values(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 0, OP_WRITE, 0, 2, OP_NO_VALUE, 2, 3, OP_OK);
	final(&r, "{\"0\":2}");
	assert_int_equal(check(&r), VERDICT_PASS);
	assert_non_null(strstr(r.res.why, "final values"));
	end(&r);

	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 0, OP_WRITE, 0, 2, OP_NO_VALUE, 2, 3, OP_OK);
	final(&r, "{\"0\":1}");
	assert_int_equal(check(&r), VERDICT_FAIL);
	assert_non_null(strstr(r.res.why, "final read found 1"));
	end(&r);

	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 0, OP_READ, 0, 1, OP_NO_VALUE, 2, 3, OP_OK);
	final(&r, NULL);
	assert_int_equal(check(&r), VERDICT_PASS);
	assert_non_null(strstr(r.res.why, "without the final values"));
	end(&r);

	/* Told, and of no register. */
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 0, OP_READ, 0, 1, OP_NO_VALUE, 2, 3, OP_OK);
	final(&r, "{}");
	assert_int_equal(check(&r), VERDICT_PASS);
	assert_non_null(strstr(r.res.why, "without the final values"));
	end(&r);

	/* Said to have been made before the last operations: it tells nothing of them. */
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 0, OP_WRITE, 0, 2, OP_NO_VALUE, 150000, 151000, OP_OK);
	put(&r, 0, OP_READ, 0, 2, OP_NO_VALUE, 152000, 153000, OP_OK);
	final(&r, "{\"0\":1}");
	assert_int_equal(check(&r), VERDICT_PASS);
	assert_null(strstr(r.res.why, "the final values included"));
	end(&r);

	/* Of one of two. */
	begin(&r);
	for (int k = 0; k < 2; k++) {
		put(&r, 0, OP_WRITE, k, 1 + k, OP_NO_VALUE, 0, 1, OP_OK);
		put(&r, 0, OP_READ, k, 1 + k, OP_NO_VALUE, 2, 3, OP_OK);
	}
	final(&r, "{\"0\":1}");
	assert_int_equal(check(&r), VERDICT_PASS);
	assert_null(strstr(r.res.why, "the final values included"));
	assert_non_null(strstr(r.res.why, "the final values of 1 of them included"));
	end(&r);
}

/* A value that nobody wrote is a lost line's where nothing counts them; that one
 * came back is not. */
static void test_lost_line(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	uncounted(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 0, OP_CAS, 0, 3, 2, 4, 5, OP_OK);
	put(&r, 0, OP_READ, 0, 3, OP_NO_VALUE, 6, 7, OP_OK);
	assert_int_equal(check(&r), VERDICT_UNKNOWN);
	assert_non_null(strstr(r.res.why, "some may be missing"));
	counted(&r);
	assert_int_equal(check(&r), VERDICT_FAIL);
	end(&r);

	begin(&r);
	uncounted(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 0, OP_CAS, 0, 3, 2, 4, 5, OP_OK);
	put(&r, 0, OP_READ, 0, 3, OP_NO_VALUE, 6, 7, OP_OK);
	put(&r, 0, OP_READ, 0, 1, OP_NO_VALUE, 8, 9, OP_OK);
	assert_int_equal(check(&r), VERDICT_FAIL);
	end(&r);
}

static void test_nothing_to_judge(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	assert_int_equal(check(&r), VERDICT_UNKNOWN);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_INFO);
	assert_int_equal(check(&r), VERDICT_UNKNOWN);
	put(&r, 0, OP_INSERT, OP_NO_VALUE, 1, OP_NO_VALUE, 0, 1, OP_OK);
	assert_int_equal(check(&r), VERDICT_UNKNOWN);
	put(&r, 0, OP_WRITE, 1, 2, OP_NO_VALUE, 0, 1, OP_OK); /* nobody looked */
	assert_int_equal(check(&r), VERDICT_UNKNOWN);
	end(&r);
}

/* Only replicas were read, and what would have been written was refused. */
static void test_linearizable_of_nothing(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_READ_REPLICA, 0, OP_NO_VALUE, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 1, OP_CAS, 0, 1, OP_NO_VALUE, 2, 3, OP_FAIL);
	final(&r, "{\"0\":null}");
	assert_int_equal(check(&r), VERDICT_UNKNOWN);
	assert_non_null(strstr(r.res.why, "no register was put to the test"));
	end(&r);
}

static void test_nobody_wrote(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_READ, 0, OP_NO_VALUE, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 0, OP_READ, 0, OP_NO_VALUE, OP_NO_VALUE, 2, 3, OP_OK);
	put(&r, 1, OP_WRITE, 0, 7, OP_NO_VALUE, 2, 1003, OP_INFO); /* nor was this seen */
	assert_int_equal(check(&r), VERDICT_UNKNOWN);
	put(&r, 0, OP_WRITE, 1, 4, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 0, OP_READ, 1, 4, OP_NO_VALUE, 2, 3, OP_OK);
	assert_int_equal(check(&r), VERDICT_PASS);
	assert_non_null(strstr(r.res.why, "2 operations on 1 register are linearizable"));
	assert_non_null(strstr(r.res.why, "1 more register says nothing"));
	put(&r, 0, OP_READ, 0, 7, OP_NO_VALUE, 4, 5, OP_OK); /* now it was */
	assert_int_equal(check(&r), VERDICT_PASS);
	assert_non_null(strstr(r.res.why, "on 2 registers"));
	put(&r, 0, OP_READ, 0, 3, OP_NO_VALUE, 6, 7, OP_OK); /* which nobody wrote */
	assert_int_equal(check(&r), VERDICT_FAIL);
	end(&r);
}

/* A value in a register that no operation was for. */
static void test_final_value_from_nowhere(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	final(&r, "{\"0\":1,\"1\":null,\"2\":9}");
	assert_int_equal(check(&r), VERDICT_FAIL);
	assert_non_null(strstr(r.res.why, "register 2: the final read found 9"));
	end(&r);
}

static void test_other_scenario(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 0, 1, OP_NO_VALUE, 0, 1, OP_OK);
	put(&r, 0, OP_READ, 0, 5, OP_NO_VALUE, 3, 4, OP_OK);
	r.h.ops[1].scenario = 2;
	put(&r, 0, OP_READ, 0, 1, OP_NO_VALUE, 5, 6, OP_OK);
	assert_int_equal(check(&r), VERDICT_PASS);
	end(&r);
}

/* One register that is too hard leaves the verdict open, whatever order. */
static void test_undecided(void **state)
{
	const struct check_budget small = { 2000 * 1000, (size_t)64 << 20 };
	struct check_result res;
	struct run r;
	int i;

	(void)state;
	begin(&r);
	for (i = 0; i < 30; i++)
		put(&r, i, OP_WRITE, 0, i / 2, OP_NO_VALUE, 0, 100, OP_OK);
	for (i = 0; i < 60; i++)
		put(&r, i, OP_READ, 0, i % 15, OP_NO_VALUE, 200 + i * 10, 205 + i * 10, OP_OK);
	put(&r, 40, OP_WRITE, 1, 1, OP_NO_VALUE, 0, 100, OP_OK);
	history_sort(&r.h);
	checker_find("linearizable")->check(&r.h, evidence_kept(r.events, 0), NULL, &small, &res);
	assert_int_equal(res.verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(res.why, "1 of 2 registers (0)"));
	end(&r);
}

/* An outage leaves dozens of compare-and-sets of unknown fate behind; they
 * must not make the search explode. */
static void test_many_unknown(void **state)
{
	struct run r;
	int i;

	(void)state;
	begin(&r);
	for (i = 0; i < 300; i++) {
		put(&r, 0, OP_CAS, 0, i + 1, i ? i : OP_NO_VALUE, i * 10, i * 10 + 3, OP_OK);
		put(&r, 1, OP_READ, 0, i + 1, OP_NO_VALUE, i * 10 + 5, i * 10 + 6, OP_OK);
	}
	for (i = 0; i < 80; i++)
		put(&r, 2 + i, OP_CAS, 0, 1000 + i, 300, 3000 + i * 10, 4000 + i * 10, OP_INFO);
	for (i = 0; i < 300; i++) {
		put(&r, 0, OP_CAS, 0, 2001 + i, i ? 2000 + i : 1042, 6000 + i * 10, 6003 + i * 10,
		    OP_OK);
		put(&r, 1, OP_READ, 0, 2001 + i, OP_NO_VALUE, 6005 + i * 10, 6006 + i * 10, OP_OK);
	}
	assert_int_equal(check(&r), VERDICT_PASS);
	put(&r, 0, OP_READ, 0, 1041, OP_NO_VALUE, 20000, 20001, OP_OK);
	assert_int_equal(check(&r), VERDICT_FAIL);
	end(&r);
}

static void test_deterministic(void **state)
{
	struct run r;
	char *first, *second;

	(void)state;
	begin(&r);
	put(&r, 0, OP_WRITE, 3, 10, OP_NO_VALUE, 0, 5, OP_OK);
	put(&r, 0, OP_WRITE, 3, 11, OP_NO_VALUE, 10, 15, OP_OK);
	put(&r, 1, OP_READ, 3, 10, OP_NO_VALUE, 20, 22, OP_OK);
	check(&r);
	first = json_text(r.res.witness);
	check(&r);
	second = json_text(r.res.witness);
	assert_string_equal(first, second);
	free(first);
	free(second);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stale_read),
		cmocka_unit_test(test_lost_update),
		cmocka_unit_test(test_unknown_fate),
		cmocka_unit_test(test_failed_write_seen),
		cmocka_unit_test(test_mismatch_counts),
		cmocka_unit_test(test_final_values), cmocka_unit_test(test_lost_line),
		cmocka_unit_test(test_nothing_to_judge),
		cmocka_unit_test(test_linearizable_of_nothing),
		cmocka_unit_test(test_nobody_wrote),
		cmocka_unit_test(test_final_value_from_nowhere),
		cmocka_unit_test(test_other_scenario),
		cmocka_unit_test(test_undecided),
		cmocka_unit_test(test_many_unknown),
		cmocka_unit_test(test_deterministic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
