/* Which primaries their group has voted out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "history/evidence.h"
#include "test/lib/evidence_help.h"

/* An answer at t that took 10 ms, by one who leads or follows, of this view. */
#define SAYS(t, m, role, writable, view, majority, primary) "{\"k\":\"sample\",\"t\":" t ",\"m\":\"" m "\",\"ok\":true," \
	"\"took_ms\":10,\"role\":\"" role "\",\"writable\":" writable ",\"x\":{\"group\":{\"view\":\"" view "\"," \
	"\"majority\":" majority ",\"primary\":\"" primary ".mysql:3306\"}}}"
#define OLD(t, view) SAYS(t, "m-0", "primary", "true", view, "true", "m-0")
#define NEW(t, view) SAYS(t, "m-1", "primary", "true", view, "true", "m-1")

/* Whether the last one who was heard leads. */
static bool last_leads(const char *events)
{
	struct evidence ev;
	cJSON *hold;
	bool leads;

	evidence_of(events, &ev, &hold);
	leads = ev.nsamples && sample_leads(&ev.samples[ev.nsamples - 1]);
	evidence_free(&ev);
	cJSON_Delete(hold);
	return leads;
}

static void test_voted_out(void **state)
{
	(void)state;
	assert_true(last_leads("[" OLD("1000000000", "77:3") "]"));
	assert_false(last_leads("[" NEW("1000000000", "77:4") "," OLD("1100000000", "77:3") "]"));
	/* A replica tells of it as well. */
	assert_false(last_leads("[" SAYS("1000000000", "m-2", "replica", "false", "77:4", "true", "m-1") ","
				OLD("1100000000", "77:3") "]"));
	assert_true(last_leads("[" NEW("1000000000", "77:4") "," OLD("1100000000", "77:5") "]"));
}

static void test_not_voted_out(void **state)
{
	(void)state;
	/* Asked before the other's answer came: it may have been so a moment ago. */
	assert_true(last_leads("[" NEW("1000000000", "77:4") "," OLD("1005000000", "77:3") "]"));
	/* Somebody else left, and it has not heard of it yet. */
	assert_true(last_leads("[" SAYS("1000000000", "m-1", "replica", "false", "77:4", "true", "m-0") ","
			       OLD("1100000000", "77:3") "]"));
	/* Another group, started anew, counts from the beginning. */
	assert_true(last_leads("[" NEW("1000000000", "77:4") "," OLD("1100000000", "88:1") "]"));
	/* Who sees no majority tells of no vote. */
	assert_true(last_leads("[" SAYS("1000000000", "m-1", "primary", "false", "77:4", "false", "m-1") ","
			       OLD("1100000000", "77:3") "]"));
	/* One whose name begins alike is another. */
	assert_false(last_leads("[" SAYS("1000000000", "m-1", "replica", "false", "77:4", "true", "m-01") ","
				OLD("1100000000", "77:3") "]"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_voted_out),
		cmocka_unit_test(test_not_voted_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
