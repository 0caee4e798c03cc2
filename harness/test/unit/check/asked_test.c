/* What was put to the test is what the steps ask for, where the files are today's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "test/lib/trial.h"
#include "test/unit/check/judged.h"

#define STANDS "[{\"metric\":\"stands\",\"want\":true}]"
#define TODAY "{\"k\":\"run\",\"t\":1,\"format\":2}"
#define OLD "{\"k\":\"run\",\"t\":1}"
#define STEP "{\"step\":\"fault\",\"fault\":\"pause\",\"id\":\"f\",\"target\":\"any\""

/* A fault that took effect 10 s after the load began, and was healed 20 s later. */
static void is_in(const char *run, const char *fault, const char *more, const char *steps,
		  enum verdict v, const char *says)
{
	static const char *const states[] = {"injecting", "effective", "healed"};
	const struct judged *j;
	char e[400], script[600];
	struct trial t;

	trial_begin(&t);
	trial_event(&t, run);
	trial_note(&t, "stands", true);
	trial_forget(&t, "fault", 0);
	for (int i = 0; i < 3; i++) {
		snprintf(e, sizeof(e), "{\"k\":\"fault\",\"t\":%d000000000,\"id\":\"f\",\"fault\":\"%s\",\"state\":\"%s\","
			 "\"evidence\":[\"seen\"],\"targets\":[{\"member\":\"m9\"}]%s}", i < 2 ? 10 : 30, fault, states[i], more);
		trial_event(&t, e);
	}
	snprintf(script, sizeof(script), "\"steps\":[%s]", steps);
	j = trial_judge_of(&t, STANDS, script);
	if (j->verdict != v || (says && !strstr(j->why, says)))
		fail_msg("%s is %s: %s", steps, verdict_name(j->verdict), j->why);
	trial_end(&t);
}

static void is(const char *fault, const char *more, const char *steps, enum verdict v,
	       const char *says)
{
	is_in(TODAY, fault, more, steps, v, says);
	is_in(OLD, fault, more, steps, VERDICT_PASS, NULL);
}

static void test_another_fault(void **state)
{
	(void)state;
	is("pause", "", STEP "}", VERDICT_PASS, NULL);
	is("node-down", "", STEP "}", VERDICT_UNKNOWN, "the steps ask for pause, and fault f was node-down");
}

static void test_another_way(void **state)
{
	static const char both[] = STEP ",\"params\":{\"fault\":\"pause\",\"target\":\"any\",\"direction\":\"both\",\"api\":\"cut\"}}";

	(void)state;
	is("pause", ",\"params\":{\"direction\":\"both\",\"api\":\"cut\",\"dns\":\"keep\"}", both, VERDICT_PASS, NULL);
	is("pause", ",\"params\":{\"direction\":\"in\",\"api\":\"cut\"}", both, VERDICT_UNKNOWN,
	   "the steps ask for direction: both, and fault f had direction: in");
	is("pause", ",\"params\":{\"direction\":\"both\",\"api\":\"keep\"}", both, VERDICT_UNKNOWN, "fault f had api: keep");
	is("pause", "", both, VERDICT_UNKNOWN, "nothing tells with what words fault f was made");
}

static void test_no_target(void **state)
{
	(void)state;
	is("pause", "", "{\"step\":\"fault\",\"fault\":\"pause\",\"id\":\"f\"}", VERDICT_UNKNOWN,
	   "the steps do not tell whom fault f was to hit");
}

/* For as long as it was to last. */
static void test_undone_early(void **state)
{
	static const char heal[] = ",{\"step\":\"heal\",\"id\":\"f\"}";
	char steps[400];

	(void)state;
	is("pause", "", STEP ",\"for_ns\":20000000000}", VERDICT_PASS, NULL);
	is("pause", "", STEP ",\"for_ns\":25000000000}", VERDICT_UNKNOWN,
	   "fault f was undone 20.0 s after it was injected, and the steps ask for 25.0 s");
	is("pause", ",\"te\":6000000000", STEP ",\"for_ns\":25000000000}", VERDICT_PASS, NULL);
	is("kill-pod", "", "{\"step\":\"fault\",\"fault\":\"kill-pod\",\"id\":\"f\",\"target\":\"any\",\"for_ns\":25000000000}",
	   VERDICT_PASS, NULL); /* it does not last */
	for (int s = 15; s <= 25; s += 10) {
		snprintf(steps, sizeof(steps), "{\"step\":\"steady\",\"duration_ns\":60000000000}," STEP
			 "},{\"step\":\"steady\",\"duration_ns\":%d000000000}%s", s, heal);
		is("pause", "", steps, s < 20 ? VERDICT_PASS : VERDICT_UNKNOWN, s < 20 ? NULL : "ask for 25.0 s");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_fault), cmocka_unit_test(test_another_way),
		cmocka_unit_test(test_no_target),     cmocka_unit_test(test_undone_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
