/* A wall clock that is set while a scenario runs: what logs tell has no time then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/clock.h"
#include "history/evidence.h"
#include "test/lib/evidence_help.h"

static bool anything(struct log_line *line)
{
	line->t_ns = 0;
	return true;
}

static bool seen(void *arg, const struct log_line *line)
{
	(void)arg;
	(void)line;
	return true;
}

/* The run begins at 7 s, at 18:00:00; a phase of it at 17 s, when it is `wall`. */
static int64_t set_by(const char *wall, bool logs_tell)
{
	struct evidence ev;
	char events[600];
	int64_t set_ns;
	cJSON *hold;

	snprintf(events, sizeof(events),
		 "[{\"k\":\"run\",\"t\":7000000000,\"started\":\"2026-12-01T18:00:00.000Z\"},"
		 "{\"k\":\"phase\",\"t\":8000000000,\"phase\":\"load\",\"wall\":\"2026-12-01T18:00:01.000Z\"},"
		 "{\"k\":\"phase\",\"t\":17000000000,\"phase\":\"settle\"%s%s%s},"
		 "{\"k\":\"log\",\"t\":18000000000,\"member\":\"m\",\"text\":\"a line\"}]",
		 wall ? ",\"wall\":\"" : "", wall ? wall : "", wall ? "\"" : "");
	evidence_of(events, &ev, &hold);
	set_ns = ev.set_ns;
	assert_int_equal(evidence_log_each(&ev, anything, INT64_MIN, INT64_MAX, seen, NULL),
			 logs_tell);
	evidence_free(&ev);
	cJSON_Delete(hold);
	return set_ns;
}

static void test_set(void **state)
{
	(void)state;
	assert_int_equal(set_by("2026-12-01T18:00:10.000Z", true), 0);
	assert_int_equal(set_by("2026-12-01T18:00:10.400Z", true), 0);
	assert_int_equal(set_by("2026-12-01T18:00:23.250Z", false), 13250 * NS_PER_MS);
	assert_int_equal(set_by("2026-12-01T18:00:08.000Z", false), -2 * NS_PER_S);
	/* Older files do not tell. */
	assert_int_equal(set_by(NULL, true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
