/* Verdicts of counts and words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check/check.h"
#include "scenario/metrics.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/trial.h"
#include "test/unit/check/judged.h"

static void check(const struct checker_ops *c, const struct history *h, const cJSON *events,
		  const struct check_budget *b, struct check_result *r)
{
	const struct evidence *ev = evidence_kept(events, 0);
	struct measured m;

	measure_scenario(h, ev, &m);
	c->check(h, ev, &m, b, r);
	measured_free(&m);
}

static void test_worse(void **state)
{
	(void)state;
	assert_int_equal(verdict_worse(VERDICT_PASS, VERDICT_SKIP), VERDICT_SKIP);
	assert_int_equal(verdict_worse(VERDICT_UNKNOWN, VERDICT_SKIP), VERDICT_UNKNOWN);
	assert_int_equal(verdict_worse(VERDICT_UNKNOWN, VERDICT_FAIL), VERDICT_FAIL);
	assert_int_equal(verdict_worse(VERDICT_BROKEN, VERDICT_FAIL), VERDICT_BROKEN);
	assert_int_equal(verdict_worse(VERDICT_PASS, VERDICT_PASS), VERDICT_PASS);
	assert_string_equal(verdict_name(VERDICT_UNKNOWN), "UNKNOWN");
}

static void test_list(void **state)
{
	const struct checker_ops *const *c;
	int n = 0;

	(void)state;
	/* On an empty history every checker is undecided. */
	for (c = checker_all(); *c; c++, n++) {
		const struct check_budget b = { SEC, 1 << 20 };
		struct history h = { 0 };
		cJSON *events = cJSON_CreateArray();
		struct check_result r;

		assert_ptr_equal(checker_find((*c)->name), *c);
		assert_true(*(*c)->summary);
		check(*c, &h, events, &b, &r);
		assert_int_equal(r.verdict, VERDICT_UNKNOWN);
		assert_true(*r.why);
		cJSON_Delete(r.witness);
		cJSON_Delete(events);
	}
	assert_true(n >= 2);
	assert_null(checker_find("tea_leaves"));
}

/* An older run's: nothing counts its lines. */
#define LOADED "\"load\":{\"rate\":200}"

static void test_lost(void **state)
{
	static const char none[] = "[{\"metric\":\"lost\",\"at_most\":0}]";
	struct lost_write w[2] = { { .value = 7, .fault = "kill" }, { .value = 8, .fault = "other" } };
	struct trial t;

	(void)state;
	trial_begin(&t);
	assert_int_equal(trial_judge(&t, none)->verdict, VERDICT_PASS);
	assert_true(t.j->measured == 0 && t.j->limit == 0);
	t.m.loss.writes = w;
	t.m.loss.n = 2;
	t.m.loss.lost = 2;
	assert_int_equal(trial_judge(&t, none)->verdict, VERDICT_FAIL);
	assert_true(t.j->measured == 2);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":1,\"fault\":\"kill\"}]")->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":2}]")->verdict, VERDICT_PASS);
	/* Of one more nobody knows. */
	t.m.loss.maybe_lost = 1;
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":1}]")->verdict, VERDICT_FAIL);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":2}]")->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":3}]")->verdict, VERDICT_PASS);
	t.m.loss = (struct loss){ .known = false, .acked = 1000 };
	assert_int_equal(trial_judge(&t, none)->verdict, VERDICT_UNKNOWN);
	assert_true(isnan(t.j->measured));
	t.m.loss = (struct loss){ .known = true };
	assert_int_equal(trial_judge(&t, none)->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"phantom\",\"at_most\":0}]")->verdict, VERDICT_UNKNOWN);
	t.m.loss = (struct loss){ .known = true, .acked = 5, .unread = 3 };
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"phantom\",\"at_most\":0}]")->verdict, VERDICT_UNKNOWN);
	t.m.loss = (struct loss){ .known = true, .acked = 5, .phantom = 1, .duplicate = 2 };
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"phantom\",\"at_most\":0}]")->verdict, VERDICT_FAIL);
	/* Nobody sent it: or the line is missing from a history that nothing counts. */
	t.m.loss.unsent = 1;
	assert_int_equal(trial_judge_of(&t, "[{\"metric\":\"phantom\",\"at_most\":0}]", LOADED)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "nothing counts its lines"));
	/* Another tool's, of which nobody tells a load, is all that happened. */
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"phantom\",\"at_most\":0}]")->verdict, VERDICT_FAIL);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"duplicate\",\"at_most\":2}]")->verdict, VERDICT_PASS);
	trial_end(&t);
}

/* What is missing is the cache's own doing as far as members tell of it; where none tells, it may
 * be anything. */
static void test_evicted(void **state)
{
	static const char none[] = "[{\"metric\":\"evicted\",\"at_most\":0}]";
	struct trial t;

	(void)state;
	trial_begin(&t);
	assert_int_equal(trial_judge(&t, none)->verdict, VERDICT_PASS);
	t.m.loss.maybe_lost = 2;
	assert_int_equal(trial_judge(&t, none)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "no member told how many keys it evicted, and perhaps 2 writes are missing"));
	trial_event(&t, "{\"k\":\"sample\",\"t\":100000000000,\"m\":\"m0\",\"ok\":true,\"role\":\"primary\",\"writable\":true,"
			"\"x\":{\"evicted_keys\":0}}");
	assert_int_equal(trial_judge(&t, none)->verdict, VERDICT_PASS);
	trial_end(&t);
	/* What cannot evict cannot miss it. */
	trial_begin(&t);
	assert_int_equal(trial_judge_of(&t, none, "\"system\":\"redis-cluster\"")->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge_of(&t, none, "\"system\":\"mysql\"")->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "mysql evicts nothing"));
	trial_end(&t);
}

static void test_errors_clear(void **state)
{
	static const char expect[] = "[{\"metric\":\"errors_clear\",\"want\":true}]";
	struct op op = {.f = OP_INSERT,
			.outcome = OP_FAIL,
			.t_invoke = 11 * SEC,
			.t_return = 11 * SEC,
			.error = "53100: could not extend file"};
	struct trial t;
	int i;

	(void)state;
	trial_begin(&t);
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	for (i = 0; i < 20; i++)
		history_add(&t.h, &op);
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN); /* too few */
	for (i = 0; i < 20; i++)
		history_add(&t.h, &op);
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	op.outcome = OP_INFO;
	op.error = "timeout: no answer";
	for (i = 0; i < 20; i++)
		history_add(&t.h, &op);
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	trial_end(&t);
	/* Where nothing tells why one failed, it may have been silence. */
	trial_begin(&t);
	op.outcome = OP_FAIL;
	op.error = "";
	for (i = 0; i < 40; i++)
		history_add(&t.h, &op);
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "of 40 of them nothing tells why"));
	trial_end(&t);
}

/* No limit at all is one that nothing can be above. */
static void test_unreachable_limit(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.m.loss.lost = 1000; /* every one of them */
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":999}]")->verdict, VERDICT_FAIL);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_most\":1000}]")->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "cannot be missed: only 1000"));
	trial_end(&t);
}

/* Nor is one that nothing can miss. */
static void test_never_missed(void **state)
{
	static const char load[] = "\"load\":{\"deadline_ns\":1000000000}";
	struct trial t;

	(void)state;
	trial_begin(&t);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_least\":0}]")->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "no limit that could be missed"));
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"outage\",\"at_least\":0}]")->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"lost\",\"at_least\":0,\"at_most\":3}]")->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge_of(&t, "[{\"metric\":\"deadline\",\"at_most\":1500000000}]", load)->verdict, VERDICT_PASS);
	assert_int_equal(trial_judge_of(&t, "[{\"metric\":\"deadline\",\"at_most\":2000000000}]", load)->verdict, VERDICT_UNKNOWN);
	/* What missed it could. */
	t.m.longest_own_ns = 3 * SEC;
	assert_int_equal(trial_judge_of(&t, "[{\"metric\":\"deadline\",\"at_most\":2000000000}]", load)->verdict, VERDICT_FAIL);
	trial_end(&t);
}

static void test_unknown_words(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"karma\",\"at_most\":0}]")->verdict, VERDICT_UNKNOWN);
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"check\",\"checker\":\"tea\"}]")->verdict, VERDICT_UNKNOWN);
	trial_end(&t);
}

/* A checker's answer and witness reach the judged line. */
static void test_check(void **state)
{
	static const char expect[] = "[{\"metric\":\"check\",\"checker\":\"linearizable\"}]";
	struct op op = {.f = OP_WRITE,
			.key = 1,
			.value = 5,
			.expect = OP_NO_VALUE,
			.t_invoke = 1,
			.t_return = 2,
			.outcome = OP_OK};
	struct trial t;

	(void)state;
	trial_begin(&t);
	history_add(&t.h, &op);
	op.f = OP_READ;
	op.t_invoke = 3;
	op.t_return = 4;
	history_add(&t.h, &op);
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	op.value = 6;
	op.t_invoke = 5;
	op.t_return = 6;
	history_add(&t.h, &op);
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	trial_event(&t, "{\"k\":\"load\",\"t\":100900000000,\"source\":\"load\",\"g\":0,\"ops\":2003}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	/* Nobody wrote 6: the read says it alone. */
	assert_int_equal(cJSON_GetArraySize(json_get(t.j->detail, "witness")), 1);
	trial_end(&t);
}

static void test_metrics(void **state)
{
	static const char *const units[] = {
		[METRIC_BOOL] = "bool", [METRIC_NS] = "ms", [METRIC_COUNT] = "count", [METRIC_CHECKER] = "bool",
		[METRIC_SHARE] = "%",
	};
	struct trial t;

	(void)state;
	trial_begin(&t);
	for (int i = 0; i < METRICS; i++) {
		const struct metric *m = metric_of((enum expect_metric)i);
		const struct judged *j;
		char expect[160];

		snprintf(expect, sizeof(expect), "[{\"metric\":\"%s\",\"at_most\":7,\"want\":true,"
			 "\"checker\":\"lost_writes\"}]", m->name);
		j = trial_judge(&t, expect); /* it says why */
		assert_null(strstr(j->why, "no metric is called"));
		assert_string_equal(j->unit, units[m->unit]);
	}
	trial_end(&t);
}

/* What nobody sent may be a line that is missing; what was refused is not. */
static void test_lost_lines(void **state)
{
	static const char expect[] = "[{\"metric\":\"check\",\"checker\":\"lost_writes\"}]";
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.m.loss = (struct loss){ .known = true, .of = "write", .acked = 5, .phantom = 2, .unsent = 2 };
	assert_int_equal(trial_judge_of(&t, expect, LOADED)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "some may be missing"));
	t.m.loss.phantom = 3;
	assert_int_equal(trial_judge_of(&t, expect, LOADED)->verdict, VERDICT_FAIL);
	t.m.loss.phantom = 2;
	trial_event(&t, "{\"k\":\"load\",\"t\":100900000000,\"source\":\"load\",\"g\":0,\"ops\":2000}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	trial_end(&t);
}

static void test_lost_writes(void **state)
{
	const struct check_budget b = { SEC, 1 << 20 };
	const struct checker_ops *c = checker_find("lost_writes");
	struct op op = {
		.f = OP_INSERT, .key = OP_NO_VALUE, .expect = OP_NO_VALUE, .outcome = OP_OK};
	cJSON *events = cJSON_CreateArray(), *e;
	struct history h = { 0 };
	struct check_result r;
	struct err err = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 30; i++) {
		op.value = i;
		op.t_intended = op.t_invoke = i * 1000;
		op.t_return = op.t_invoke + 500;
		history_add(&h, &op);
	}
	check(c, &h, events, &b, &r);
	assert_int_equal(r.verdict, VERDICT_UNKNOWN);
	e = json_parse("{\"s\":0,\"k\":\"final\",\"present\":[[0,29]]}", "test", &err);
	json_push(events, e);
	check(c, &h, events, &b, &r);
	assert_int_equal(r.verdict, VERDICT_UNKNOWN);
	assert_string_equal(r.why, "the final read does not tell which inserts are there twice");
	json_push(events, json_parse("{\"s\":0,\"k\":\"final\",\"present\":[[0,29]],\"duplicates\":[]}", "test", &err));
	check(c, &h, events, &b, &r);
	assert_int_equal(r.verdict, VERDICT_PASS);
	json_push(events, json_parse("{\"s\":0,\"k\":\"final\",\"present\":[[0,3],[28,29]]}", "test", &err));
	check(c, &h, events, &b, &r);
	assert_int_equal(r.verdict, VERDICT_FAIL);
	assert_int_equal(cJSON_GetArraySize(r.witness), 21);
	assert_string_equal(cJSON_GetArrayItem(r.witness, 20)->valuestring, "and 4 more");
	cJSON_Delete(r.witness);
	history_free(&h);
	cJSON_Delete(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worse),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_evicted),
		cmocka_unit_test(test_errors_clear),
		cmocka_unit_test(test_unreachable_limit),
		cmocka_unit_test(test_never_missed),
		cmocka_unit_test(test_unknown_words),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_lost_writes), cmocka_unit_test(test_lost_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
