/* What a setting allows is accepted while it is in force. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "check/check.h"
#include "test/lib/trial.h"
#include "test/unit/check/judged.h"

/* A loss that a setting allows, while that setting is in force. */
static void test_accepted(void **state)
{
	static const char expect[] = "[{\"metric\":\"lost\",\"accepted\":\"asynchronous\",\"setting\":{\"name\":"
				     "\"min_replicas\",\"value\":\"0\"}}]";
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.m.loss.lost = 0;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	t.m.loss.lost = 7;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "nobody told"));
	trial_event(&t, "{\"k\":\"inforce\",\"settings\":[{\"name\":\"min-replicas\",\"value\":\"0\"}]}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	assert_non_null(strstr(t.j->why, "7 of 1000"));
	assert_non_null(strstr(t.j->why, "min_replicas being 0 in force: asynchronous"));
	trial_forget(&t, "inforce", 0);
	trial_event(&t, "{\"k\":\"inforce\",\"settings\":[{\"name\":\"min-replicas\",\"value\":\"1\"}]}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	assert_non_null(strstr(t.j->why, "in force it was 1"));
	trial_forget(&t, "inforce", 0);
	/* Told twice, it is neither: at once, or one after the other. */
	trial_event(&t, "{\"k\":\"inforce\",\"settings\":[{\"name\":\"min-replicas\",\"value\":\"0\"},{\"name\":\"min_replicas\",\"value\":\"1\"}]}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "not for certain"));
	trial_forget(&t, "inforce", 0);
	trial_event(&t, "{\"k\":\"inforce\",\"t\":1,\"settings\":[{\"name\":\"min-replicas\",\"value\":\"1\"}]}");
	trial_event(&t, "{\"k\":\"inforce\",\"t\":2,\"settings\":[{\"name\":\"min-replicas\",\"value\":\"0\"}]}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "told to be 1 and 0"));
	trial_end(&t);
}

static const char *reset(const struct evidence *ev, const char *setting)
{
	(void)ev;
	return strcmp(setting, "pre_stop") ? NULL : "reset";
}

static const char *none(const struct evidence *ev, const char *setting)
{
	(void)ev;
	(void)setting;
	return "none";
}

/* What members did counts, and not what they were to do. */
static void test_acted(void **state)
{
	static const char expect[] = "[{\"metric\":\"lost\",\"accepted\":\"they are reset\",\"setting\":{\"name\":"
				     "\"pre_stop\",\"value\":\"reset\"}}]";
	static const struct {
		const char *(*acted)(const struct evidence *ev, const char *setting);
		const char *told;
		enum verdict is;
	} rows[] = {
		{reset, "none", VERDICT_PASS}, {none, "reset", VERDICT_FAIL},
		{NULL, "none", VERDICT_FAIL}, {NULL, "reset", VERDICT_PASS},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct model_ops model = {.acted = rows[i].acted};
		char text[120];
		struct trial t;

		trial_begin(&t);
		t.m.loss.lost = 7;
		t.m.model = &model;
		snprintf(text, sizeof(text), "{\"k\":\"inforce\",\"settings\":[{\"name\":\"pre_stop\",\"value\":\"%s\"}]}", rows[i].told);
		trial_event(&t, text);
		assert_int_equal(trial_judge(&t, expect)->verdict, rows[i].is);
		trial_end(&t);
	}
}

/* No setting allows that what had long been acknowledged before anything happened is
 * lost, or all there is. */
static void test_accepted_too_old(void **state)
{
	static const char expect[] = "[{\"metric\":\"lost\",\"accepted\":\"asynchronous\",\"setting\":{\"name\":"
				     "\"min_replicas\",\"value\":\"0\"}}]";
	const struct lost_write late = {.f = OP_INSERT, .fault = "kill", .cause = LOSS_NOT_REPLICATED,
					.t_return = 9 * SEC};
	struct lost_write w[2] = {late, late};
	struct trial t;

	(void)state;
	trial_begin(&t);
	trial_event(&t, "{\"k\":\"inforce\",\"settings\":[{\"name\":\"min-replicas\",\"value\":\"0\"}]}");
	t.m.loss.lost = 2;
	t.m.loss.writes = w;
	t.m.loss.n = 2;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	w[0].t_return = SEC;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "; 1 of them had been acknowledged up to 9.0 s before the first fault"));
	/* Its server began anew without it, or the fault took the volume, or nothing was whole
	 * before. */
	w[0].cause = LOSS_RESTART;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	w[0].cause = LOSS_UNKNOWN;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	t.rec.does.what |= EFFECT_STORAGE_EMPTY;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	t.rec.does.what &= ~(unsigned)EFFECT_STORAGE_EMPTY;
	t.fault.apart_before = true;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	t.fault.apart_before = false;
	w[0].t_return = 9 * SEC;
	t.m.loss.acked = 2;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "; that is all that was acknowledged"));
	t.m.loss.writes = NULL;
	t.m.loss.n = 0;
	trial_end(&t);
}

/* So is what may be lost, for all that is known. */
static void test_perhaps_accepted(void **state)
{
	static const char expect[] = "[{\"metric\":\"lost\",\"accepted\":\"asynchronous\",\"setting\":{\"name\":"
				     "\"min_replicas\",\"value\":\"0\"}}]";
	struct trial t;

	(void)state;
	trial_begin(&t);
	t.m.loss.maybe_lost = 7;
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	trial_event(&t, "{\"k\":\"inforce\",\"settings\":[{\"name\":\"min-replicas\",\"value\":\"1\"}]}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "in force it was 1"));
	trial_forget(&t, "inforce", 0);
	trial_event(&t, "{\"k\":\"inforce\",\"settings\":[{\"name\":\"min-replicas\",\"value\":\"0\"}]}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	trial_end(&t);
}

static void read_as(struct trial *t, int64_t value, int64_t at)
{
	const struct op op = {.f = OP_READ, .key = 1, .value = value, .expect = OP_NO_VALUE,
			      .t_invoke = at, .t_return = at + 1, .outcome = OP_OK};

	history_add(&t->h, &op);
}

/* What a checker finds may be allowed by a setting, too; that a value is there which nobody
 * wrote by none. */
static void test_check_accepted(void **state)
{
	static const char expect[] = "[{\"metric\":\"check\",\"checker\":\"linearizable\",\"accepted\":\"seen early\","
				     "\"setting\":{\"name\":\"wait_point\",\"value\":\"after_commit\"}}]";
	struct op op = {.f = OP_WRITE, .key = 1, .value = 5, .expect = OP_NO_VALUE,
			.t_invoke = 1, .t_return = 2, .outcome = OP_OK};
	struct trial t;

	(void)state;
	trial_begin(&t);
	history_add(&t.h, &op);
	op.value = 7;
	op.t_invoke = 3;
	op.t_return = 9;
	op.outcome = OP_INFO;
	history_add(&t.h, &op);
	read_as(&t, 5, 3);
	trial_event(&t, "{\"k\":\"load\",\"t\":100900000000,\"source\":\"load\",\"g\":0,\"ops\":2003}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	assert_non_null(strstr(t.j->why, "; nothing had to be accepted"));
	/* Seen, and gone again. */
	read_as(&t, 7, 5);
	read_as(&t, 5, 11);
	trial_forget(&t, "load", 0);
	trial_event(&t, "{\"k\":\"load\",\"t\":100900000000,\"source\":\"load\",\"g\":0,\"ops\":2005}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(t.j->why, "nobody told"));
	trial_event(&t, "{\"k\":\"inforce\",\"settings\":[{\"name\":\"wait_point\",\"value\":\"after_sync\"}]}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	assert_non_null(strstr(t.j->why, "in force it was after_sync"));
	trial_forget(&t, "inforce", 0);
	trial_event(&t, "{\"k\":\"inforce\",\"settings\":[{\"name\":\"wait_point\",\"value\":\"after_commit\"}]}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_PASS);
	assert_non_null(strstr(t.j->why, "which no order of the operations explains; accepted, wait_point being after_commit in force: seen early"));
	assert_true(t.j->measured < 1);
	/* It is found all the same with nothing accepted. */
	assert_int_equal(trial_judge(&t, "[{\"metric\":\"check\",\"checker\":\"linearizable\"}]")->verdict, VERDICT_FAIL);
	trial_end(&t);

	trial_begin(&t);
	op.outcome = OP_OK;
	history_add(&t.h, &op);
	read_as(&t, 6, 11);
	trial_event(&t, "{\"k\":\"load\",\"t\":100900000000,\"source\":\"load\",\"g\":0,\"ops\":2002}");
	trial_event(&t, "{\"k\":\"inforce\",\"settings\":[{\"name\":\"wait_point\",\"value\":\"after_commit\"}]}");
	assert_int_equal(trial_judge(&t, expect)->verdict, VERDICT_FAIL);
	assert_non_null(strstr(t.j->why, "no setting explains it"));
	trial_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_acted),
		cmocka_unit_test(test_accepted_too_old),
		cmocka_unit_test(test_perhaps_accepted),
		cmocka_unit_test(test_check_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
