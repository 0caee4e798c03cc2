#include "test/lib/redis_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "system/client_kit.h"

int redis_trial_begin(void **state)
{
	struct redis_trial *t = *state;

	if (t)
		t->c = t->sys->client_new(&t->acc, 7);
	return 0;
}

int redis_trial_end(void **state)
{
	struct redis_trial *t = *state;

	if (t)
		t->sys->client_free(t->c);
	return 0;
}

void *redis_trial_need(void **state)
{
	if (!*state) {
		print_message("# skipped: %s\n", redis_server_missing());
		skip();
	}
	return *state;
}

struct op redis_trial_run(struct redis_trial *t, enum op_f what, int64_t key, int64_t value, int64_t expect)
{
	struct op op = {.f = what, .key = key, .value = value, .expect = expect};

	call_make(t->sys, t->c, &op, DEADLINE_NS);
	assert_true(op.t_return - op.t_invoke < DEADLINE_NS + SLACK_NS);
	assert_int_equal(op.outcome == OP_OK, op.error[0] == '\0');
	return op;
}

bool redis_trial_says(const struct redis_server *s, const char *line, const char *what, int64_t within_ns)
{
	int64_t end_ns = clock_mono_ns() + within_ns;
	bool found = false;

	while (!found && clock_mono_ns() < end_ns) {
		char *a = redis_server_call(s, "%s", line);

		found = a && strstr(a, what);
		free(a);
		if (!found)
			clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
	}
	return found;
}
