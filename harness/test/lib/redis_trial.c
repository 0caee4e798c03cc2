#include "test/lib/redis_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct op redis_trial_run(struct client_trial *t, enum op_f what, int64_t key, int64_t value,
			  int64_t expect)
{
	struct op op = client_call(t, what, key, value, expect, DEADLINE_NS);

	assert_true(op.t_return - op.t_invoke < DEADLINE_NS + SLACK_NS);
	assert_int_equal(op.outcome == OP_OK, op.error[0] == '\0');
	return op;
}

bool redis_trial_says(const struct redis_server *s, const char *line, const char *what,
		      int64_t within_ns)
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
