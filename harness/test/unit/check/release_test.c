/* What another release did says nothing of the one that was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "test/lib/trial.h"

static void test_release(void **state)
{
	static const char expect[] = "[{\"metric\":\"lost\",\"at_most\":0}]";
	static const struct {
		const char *asked, *source, *told;
		enum verdict is;
	} t[] = {
		{"4.4.0", "scenario", "4.4", VERDICT_PASS},   {"4.4.0", "scenario", "3.6", VERDICT_UNKNOWN},
		{"4.0", "--set", "4.0.5", VERDICT_PASS},      {"4.0", "--set", "4.01", VERDICT_UNKNOWN},
		{"3.10", "scenario", "3.1", VERDICT_UNKNOWN}, {"4.0", "system default", "3.10.8", VERDICT_PASS},
		{"4.4.0", "scenario", NULL, VERDICT_PASS},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char asked[200], text[200];
		struct trial x;

		trial_begin(&x);
		snprintf(asked, sizeof(asked), "\"settings\":[{\"name\":\"version\",\"value\":\"%s\",\"source\":\"%s\"}]",
			 t[i].asked, t[i].source);
		snprintf(text, sizeof(text), "{\"k\":\"inforce\",\"settings\":[{\"name\":\"version\",\"value\":\"%s\"}]}",
			 t[i].told);
		if (t[i].told)
			trial_event(&x, text);
		if (trial_judge_of(&x, expect, asked)->verdict != t[i].is)
			fail_msg("%zu: %s", i, x.j->why);
		assert_true(t[i].is == VERDICT_PASS || strstr(x.j->why, "it asks for version"));
		trial_end(&x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_release),
	};

	return cmocka_run_group_tests_name("release", tests, NULL, NULL);
}
