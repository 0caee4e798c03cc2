#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "report/times.h"
#include "test/lib/evidence_help.h"
#include "test/lib/evidence_kept.h"

/* Where a run's time went. */

#define S(n) ((int64_t)((n) * 1e9))

/* Seconds in, ns out: what the events of this test are written in. */
static cJSON *events_of(const char *text)
{
	cJSON *all = test_json(text), *ev;

	cJSON_ArrayForEach(ev, all) {
		int64_t t_ns = S(json_num(ev, "t", 0));

		cJSON_DeleteItemFromObject(ev, "t");
		json_set_i64(ev, "t", t_ns);
	}
	return all;
}

static const char one_scenario[] =
	"[{\"t\":1,\"k\":\"run\"},{\"t\":1,\"k\":\"phase\",\"phase\":\"engine\"},"
	"{\"t\":3,\"k\":\"phase\",\"phase\":\"agents\"},"
	"{\"t\":4,\"k\":\"scenario\",\"s\":0},{\"t\":4.5,\"s\":0,\"k\":\"phase\",\"phase\":\"apply\"},"
	"{\"t\":6,\"s\":0,\"k\":\"phase\",\"phase\":\"ready\"},"
	"{\"t\":9,\"s\":0,\"k\":\"phase\",\"phase\":\"setup\"},"
	"{\"t\":9.5,\"s\":0,\"k\":\"phase\",\"phase\":\"converge\"},"
	"{\"t\":10,\"s\":0,\"k\":\"phase\",\"phase\":\"load\"},"
	"{\"t\":10,\"s\":0,\"k\":\"phase\",\"phase\":\"steady\"},"
	"{\"t\":20,\"s\":0,\"k\":\"fault\",\"state\":\"planned\"},"
	"{\"t\":22,\"s\":0,\"k\":\"phase\",\"phase\":\"await\",\"detail\":\"writes\"},"
	"{\"t\":50,\"s\":0,\"k\":\"phase\",\"phase\":\"settle\"},"
	"{\"t\":51,\"s\":0,\"k\":\"phase\",\"phase\":\"unsettled\"},"
	"{\"t\":53,\"s\":0,\"k\":\"phase\",\"phase\":\"final\"},"
	"{\"t\":54,\"s\":0,\"k\":\"phase\",\"phase\":\"cleanup\"},"
	"{\"t\":58,\"s\":0,\"k\":\"phase\",\"phase\":\"done\"},"
	"{\"t\":60,\"k\":\"phase\",\"phase\":\"agents\"},{\"t\":61,\"k\":\"end\"}]";

static void each_second_has_one_place(void **state)
{
	struct fault_record rec = {.id = "pause",
				   .name = "pause",
				   .bites = true,
				   .injected_ns = S(21),
				   .effective_ns = S(22),
				   .healed_ns = S(48),
				   .does = {.lasts = true}};
	struct fault_seen f = {.rec = &rec, .window_end_ns = S(50),
			       .redundant_ns = S(20)};
	struct measured m = {.faults = &f, .nfaults = 1, .stands = true};
	cJSON *events = events_of(one_scenario);
	struct scenario_report s = {.index = 0, .m = &m, .ev = evidence_kept(events, 0)};
	struct run_report run = {.ev = evidence_kept(events, -1), .scenarios = &s, .n = 1};
	static const double want[TIME_PLACES] = {
		[TIME_STEADY] = 10, [TIME_OUTAGE] = 7.5, [TIME_RECOVERY] = 12.5,
		/* 21 to 22 before it bit, 42 to 48 after all was well again */
		[TIME_HELD] = 7, [TIME_SETTLE] = 3, [TIME_ENGINE] = 2, [TIME_AGENTS] = 2,
		[TIME_APPLY] = 2, [TIME_READY] = 3, [TIME_SETUP] = 0.5, [TIME_CONVERGE] = 0.5,
		[TIME_STEPS] = 3, [TIME_FINAL] = 1, [TIME_REMOVE] = 4, [TIME_JUDGE] = 2,
	};
	struct run_time t;
	int64_t sum = 0;

	(void)state;
	f.outage.any = f.outage.ended = true;
	f.outage.down_lo = S(22.2);
	f.outage.down_hi = S(22.5);
	f.outage.up_lo = S(30);
	f.outage.up_hi = S(30.4);
	time_measure(&run, &t);
	assert_true(t.known);
	assert_int_equal(t.total_ns, S(60));
	for (int i = 0; i < TIME_PLACES; i++) {
		if (t.at_ns[i] != S(want[i]))
			fail_msg("%s: %.3f s, not %.3f", time_key(i), (double)t.at_ns[i] / 1e9, want[i]);
		sum += t.at_ns[i];
	}
	assert_int_equal(sum, t.total_ns);
	assert_int_equal(t.needed_ns, S(40.5));
	assert_true(time_ratio(&t) > 1.481 && time_ratio(&t) < 1.482);
	cJSON_Delete(events);
}

/* The time that a scenario gives is not the harness's. */
static void what_does_not_come_up_takes_what_it_is_given(void **state)
{
	struct measured m = {.stands = false, .stands_why = "no pod was made"};
	cJSON *events = events_of("[{\"t\":1,\"k\":\"run\"},{\"t\":2,\"k\":\"scenario\",\"s\":0},"
				  "{\"t\":3,\"s\":0,\"k\":\"phase\",\"phase\":\"ready\"},"
				  "{\"t\":33,\"s\":0,\"k\":\"phase\",\"phase\":\"cleanup\"},"
				  "{\"t\":35,\"k\":\"end\"}]");
	struct scenario_report s = {.index = 0, .m = &m, .ev = evidence_kept(events, 0)};
	struct run_report run = {.ev = evidence_kept(events, -1), .scenarios = &s, .n = 1};
	struct arena a = {0};
	struct run_time t;

	(void)state;
	time_measure(&run, &t);
	assert_string_equal(time_rest(&a, &t), "The rest, 4.00 s: images and objects 1.00 s, logs and "
						"removal 2.00 s, judging and the rest 1.00 s.");
	t.at_ns[TIME_APPLY] = t.at_ns[TIME_REMOVE] = t.at_ns[TIME_JUDGE] = NS_PER_S / 100;
	assert_string_equal(time_rest(&a, &t), "");
	arena_free(&a);
	assert_int_equal(t.at_ns[TIME_GIVEN], S(30));
	assert_int_equal(t.at_ns[TIME_READY], 0);
	assert_int_equal(t.needed_ns, S(30));
	/* A scenario that broke was given nothing. */
	m.stands_why = NULL;
	time_measure(&run, &t);
	assert_int_equal(t.at_ns[TIME_READY], S(30));
	assert_int_equal(t.needed_ns, 0);
	cJSON_Delete(events);
}

/* Killed before its end: how long it took is not known. */
static void without_an_end_nothing_is_claimed(void **state)
{
	cJSON *events = events_of("[{\"t\":1,\"k\":\"run\"},{\"t\":2,\"k\":\"phase\",\"phase\":\"engine\"}]");
	struct run_report run = {.ev = evidence_kept(events, -1)};
	struct arena a = {0};
	struct run_time t;

	(void)state;
	time_measure(&run, &t);
	assert_false(t.known);
	assert_string_equal(time_story(&a, &t), "");
	assert_string_equal(time_rest(&a, &t), "");
	arena_free(&a);
	cJSON_Delete(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_second_has_one_place),
		cmocka_unit_test(what_does_not_come_up_takes_what_it_is_given),
		cmocka_unit_test(without_an_end_nothing_is_claimed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
