#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "report/story.h"
#include "report/text.h"

#define MS NS_PER_MS

static void durations_keep_three_figures(void **state)
{
	(void)state;
	assert_string_equal(text_duration(-1).s, "unknown");
	assert_string_equal(text_duration(0).s, "0 s");
	assert_string_equal(text_duration(MS / 2).s, "0.5 ms");
	assert_string_equal(text_duration(430 * MS).s, "430 ms");
	assert_string_equal(text_duration(1310 * MS).s, "1.31 s");
	assert_string_equal(text_duration(31234 * MS).s, "31.2 s");
	assert_string_equal(text_duration(120000 * MS).s, "120 s");
	assert_string_equal(text_duration(900000 * MS).s, "15.0 min");
}

/* What is shown must contain what was measured, whatever the rounding. */
static void intervals_contain_what_they_stand_for(void **state)
{
	static const int64_t at[] = {3, 430, 999, 1310, 31234, 120007};
	static const int64_t width[] = {0, 1, 7, 20, 52, 333, 2000};
	double mid, half;

	(void)state;
	assert_string_equal(text_interval(31180 * MS, 31220 * MS).s, "31.20 s ± 0.02 s");
	assert_string_equal(text_interval(5, 3).s, "unknown");
	assert_string_equal(text_interval(2000 * MS, 2000 * MS).s, "2.000 s");
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		for (size_t k = 0; k < ARRAY_LEN(width); k++) {
			int64_t lo = at[i] * MS, hi = lo + width[k] * MS + 1234;
			const struct text t = text_interval(lo, hi);
			double unit = strstr(t.s, "ms") ? 1e6 : 1e9;

			mid = half = 0;
			assert_true(sscanf(t.s, "%lf %*s ± %lf", &mid, &half) >= 1);
			assert_true((mid - half) * unit <= (double)lo + 1);
			assert_true((mid + half) * unit >= (double)hi - 2000);
		}
	}
}

static void other_figures(void **state)
{
	(void)state;
	assert_string_equal(text_range(20 * NS_PER_S, 42 * NS_PER_S).s, "20–42 s");
	assert_string_equal(text_range(300 * MS, 2 * NS_PER_S).s, "0.3–2 s");
	assert_string_equal(text_count(1234567).s, "1,234,567");
	assert_string_equal(text_count(999).s, "999");
	assert_string_equal(text_count(-1).s, "unknown");
	assert_string_equal(text_bytes(16777216).s, "16 MiB");
	assert_string_equal(text_bytes(1023).s, "1023 B");
	assert_string_equal(text_figure(NAN, "ms").s, "not measured");
	assert_string_equal(text_figure(31234, "ms").s, "31.2 s");
	assert_string_equal(text_figure(1, "bool").s, "yes");
	assert_string_equal(text_figure(12345, "count").s, "12,345");
	assert_string_equal(text_date("2026-11-24T06:11:02.512Z").s, "24 November 2026, 06:11 UTC");
	assert_string_equal(text_date("yesterday").s, "");
}

static void markup_and_dirt_are_made_harmless(void **state)
{
	struct arena a = {0};

	(void)state;
	assert_string_equal(text_xml(&a, "<a href=\"x\">'&'</a>"),
			    "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
	assert_string_equal(text_xml(&a, NULL), "");
	assert_string_equal(text_xml_figures(&a, "down 6.17 s ± 0.001 s, 12 & 3 ms; 40 s. 3 samples"),
			    "down 6.17\u00a0s ±\u00a00.001\u00a0s, 12 &amp; 3\u00a0ms; 40\u00a0s. 3 samples");
	assert_string_equal(text_clean(&a, "\033[1;31mred\033[0m\r\n"), "red\n");
	assert_string_equal(text_clean(&a, "a\001b"), "a\xef\xbf\xbd" "b");
	/* Latin-1, an overlong slash, half of a pair, a cut sequence, U+FFFF. */
	assert_string_equal(text_clean(&a, "caf\xe9"), "caf\xef\xbf\xbd");
	assert_null(strchr(text_clean(&a, "\xc0\xaf"), '/'));
	assert_null(strstr(text_clean(&a, "\xed\xa0\x80"), "\xed\xa0"));
	assert_string_equal(text_clean(&a, "\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd");
	assert_null(strstr(text_clean(&a, "\xef\xbf\xbf"), "\xef\xbf\xbf"));
	assert_string_equal(text_clean(&a, "± € 😀"), "± € 😀");
	/* C1 controls and marks that turn the writing around. */
	assert_string_equal(text_clean(&a, "a\xc2\x9b" "31mb\xc2\x85\xe2\x80\xae" "c\xe2\x81\xa6\x7f"),
			    "a\xef\xbf\xbd" "31mb\xef\xbf\xbd\xef\xbf\xbd" "c\xef\xbf\xbd\xef\xbf\xbd");
	assert_null(strstr(text_xml(&a, "\xc2\x9d" "0;x\xe2\x80\x8f"), "\xc2\x9d"));
	arena_free(&a);
}

static struct fault_seen one_fault(void)
{
	static const struct fault_record rec = {.id = "kill",
						.name = "kill-pod",
						.how = "crash",
						.state = "",
						.target = "postgres-0",
						.role = "primary",
						.node = "",
						.injected_ns = 1,
						.bites = true,
						.does = {.what = EFFECT_POD_RECREATED}};
	struct fault_seen f = {.rec = &rec, .redundant_ns = 48 * NS_PER_S};

	f.outage = (struct outage){.any = true, .ended = true, .lo_ns = 31180 * MS,
				   .hi_ns = 31220 * MS};
	return f;
}

/* As its file tells it, on these members and nodes. */
static const char *told(struct arena *a, const char *fault, const char *params,
			const struct fault_target *t, size_t n)
{
	struct fault_record rec = {.id = "f",
				   .name = fault,
				   .how = "",
				   .state = "",
				   .target = "m-0, m-1",
				   .node = "",
				   .targets = (struct fault_target *)t,
				   .ntargets = n,
				   .role = t->role_told};
	struct fault_seen f = {.rec = &rec};
	cJSON *p = cJSON_Parse(params);

	fault_effects(fault, p, &rec.does);
	cJSON_Delete(p);
	return story_fault(a, &f);
}

static void faults_are_told_by_what_they_did(void **state)
{
	static const struct fault_target all[] = {
		{.member = "m-0", .node = "n0", .role_told = "replica"},
		{.member = "m-1", .node = "n1", .role_told = "primary"},
		{.member = "m-2", .node = "n1", .role_told = "replica"},
	};
	static const struct fault_target replicas[] = {
		{.member = "m-0", .node = "n0", .role_told = "replica"},
		{.member = "m-2", .node = "n2", .role_told = "replica"},
	};
	struct arena a = {0};

	(void)state;
	assert_string_equal(told(&a, "node-down", "{}", all, 1), "a replica's node was stopped");
	assert_string_equal(told(&a, "node-down", "{}", all, 3), "2 nodes were stopped, the primary's among them");
	assert_string_equal(told(&a, "node-down", "{}", all + 1, 2), "the primary's node was stopped");
	assert_string_equal(told(&a, "node-down", "{}", replicas, 2), "2 nodes were stopped");
	assert_string_equal(told(&a, "pause", "{}", all, 3), "3 pods were frozen, the primary among them");
	assert_string_equal(told(&a, "kill-pod", "{\"how\":\"force\"}", replicas, 2), "2 pods were deleted by force");
	assert_string_equal(told(&a, "kill-process", "{}", replicas, 2), "the server processes of 2 pods were killed");
	/* One way, or both. */
	assert_string_equal(told(&a, "partition-node", "{\"direction\":\"in\"}", all + 1, 1),
			    "the primary's node was cut off, inbound only");
	assert_string_equal(told(&a, "partition-node", "{\"direction\":\"out\"}", all + 1, 1),
			    "the primary's node was cut off, outbound only");
	assert_string_equal(told(&a, "partition-node", "{\"direction\":\"both\"}", all + 1, 1), "the primary's node was cut off");
	assert_string_equal(told(&a, "partition-node", "{\"direction\":\"in\"}", all, 3),
			    "2 nodes were cut off, inbound only, the primary's among them");
	arena_free(&a);
}

static void sentences_say_what_was_measured(void **state)
{
	struct fault_seen f = one_fault();
	struct measured m = {.faults = &f, .nfaults = 1, .worst = &f.outage, .stands = true,
			     .redundant_ns = 48 * NS_PER_S,
			     .loss = {.known = true, .acked = 100}};
	struct evidence ev = {0};
	struct scenario_report s = {
		.m = &m,
		.ev = &ev,
		.verdict = VERDICT_PASS,
		.counts.of = {[EXPECT_LOST] = {true, true}, [EXPECT_PHANTOM] = {true, true}}};
	struct arena a = {0};

	(void)state;
	assert_string_equal(story_scenario(&a, &s),
			    "Writes were down 31.20 s ± 0.02 s after the primary was killed; nothing "
			    "acknowledged was lost; redundant again after 48.0 s.");
	f.outage.ended = false;
	m.loss.lost = 3;
	m.redundant_ns = -1;
	m.dual_primary_ns = 2 * NS_PER_S;
	assert_string_equal(story_scenario(&a, &s),
			    "Writes stopped when the primary was killed and were not back at the end, "
			    "at least 31.2 s later; 3 of 100 acknowledged writes were lost; full "
			    "redundancy was not seen again before the load ended; two primaries were writable at once for "
			    "at least 2.00 s.");
	/* And who is missing. */
	m.slowest = &f;
	mem_copy_str(f.redundant_why, sizeof(f.redundant_why), "m-2 does not answer");
	assert_non_null(strstr(story_scenario(&a, &s), "redundancy was not seen again before the load ended: m-2 "
			       "does not answer; two"));
	m.dual_history = (struct dual_history){.ns = NS_PER_S, .turns = 399, .within_ns = 2 * NS_PER_S, .a = "m-0",
					       .b = "m-1"};
	assert_non_null(strstr(story_scenario(&a, &s), "for at least 2.00 s (m-0 and m-1 acknowledged writes in "
						       "turn 399 times within 2.00 s)."));
	m.dual_primary_ns = 0;
	m.dual_history = (struct dual_history){0};
	m.dual_primary_acks = 1;
	assert_non_null(strstr(story_scenario(&a, &s), "two primaries were writable at once for a moment."));
	m.loss.lost_register_writes = 2;
	m.loss.maybe_lost = 1;
	assert_non_null(strstr(story_scenario(&a, &s), "; at least 3 of 100 acknowledged writes were lost, 2 of "
						       "them to registers; full"));
	f.point = (struct recovery_point){.lost = 3, .lo_ns = 13740 * MS, .hi_ns = 13750 * MS};
	assert_non_null(strstr(story_scenario(&a, &s), "; what survived is of one moment, at least 13.7 s before the fault;"));
	m.loss.maybe_lost = 0;
	assert_non_null(strstr(story_scenario(&a, &s), "; what survived is of one moment, 13.745 s ± 0.005 s before the "
			       "fault;"));
	f.point.beyond = 2;
	assert_null(strstr(story_scenario(&a, &s), "survived"));
	assert_string_equal(story_point_words(&a, &m, &f), "what survived is of no single moment: 2 writes are there that "
			    "were called after a lost write had been acknowledged");
	/* All of it was acknowledged after the fault. */
	f.point = (struct recovery_point){.lost = 3};
	assert_null(strstr(story_scenario(&a, &s), "survived"));
	m.loss = (struct loss){.known = true,
			       .acked = 100,
			       .lost = 3,
			       .maybe_lost = 1,
			       .evicted = 1,
			       .more_missing = true};
	assert_non_null(strstr(story_scenario(&a, &s), "; at least 3 of 100 acknowledged writes were lost; at most "
						       "1 key was evicted for want of memory; full"));
	m.loss = (struct loss){.acked = 100, .why_unknown = "nobody looked"};
	assert_non_null(strstr(story_scenario(&a, &s), "lost is not known: nobody looked;"));
	m.broken = true;
	m.broken_why = "the agent was gone.\n";
	assert_string_equal(story_scenario(&a, &s), "Nothing can be concluded: the agent was gone.");
	arena_free(&a);
}

/* Service that is neither all there nor all gone is named. */
static void sentences_name_bad_service(void **state)
{
	struct partial_outage reads = {.what = "kind", .name = "read", .reads = true, .proven = true};
	struct served_row all = {.what = "all", .due = 4000, .served = 1320, .p50_ns = 800 * MS};
	struct fault_seen f = one_fault();
	struct measured m = {.faults = &f, .nfaults = 1, .worst = &f.outage, .stands = true,
			     .redundant_ns = 0, .baseline_p50_ns = 4 * MS,
			     .loss = {.known = true, .acked = 100}};
	struct evidence ev = {0};
	struct scenario_report s = {.m = &m, .ev = &ev, .verdict = VERDICT_PASS,
				    .counts.of[EXPECT_OUTAGE] = {true, true}};
	struct arena a = {0};

	(void)state;
	f.outage.times = 5;
	f.outage.down = (struct downtime){
		.times = 5, .ended = true, .lo_ns = 30 * NS_PER_S, .hi_ns = 31 * NS_PER_S};
	mem_copy_str(f.outage_of, sizeof(f.outage_of), "clients 32 of 64");
	assert_non_null(strstr(story_scenario(&a, &s),
			       "Writes of 32 of 64 clients were down 31.20 s ± 0.02 s after the primary was "
			       "killed (5 times, 30.5 s ± 0.5 s in all); "));
	f.outage = (struct outage){.ended = true};
	f.parts = &reads;
	f.nparts = 1;
	reads.outage = (struct outage){
		.any = true, .ended = true, .lo_ns = 29900 * MS, .hi_ns = 30100 * MS};
	assert_non_null(strstr(story_scenario(&a, &s), "Writes never stopped when the primary was killed; "
						       "reads were down 30.0 s ± 0.1 s; "));
	f.nparts = 0;
	f.served = &all;
	f.nserved = 1;
	f.window_end_ns = 20 * NS_PER_S;
	assert_non_null(strstr(story_scenario(&a, &s), "; of 4,000 operations that were due after it 1,320 were "
						       "served (33 %); half of what was served took more than "
						       "800 ms; "));
	arena_free(&a);
}

/* Of losses no more than the evidence lets a verdict say. */
static void losses_rest_on_what_was_seen(void **state)
{
	struct fault_seen f = one_fault();
	struct measured m = {.faults = &f,
			     .nfaults = 1,
			     .worst = &f.outage,
			     .stands = true,
			     .redundant_ns = 0,
			     .loss = {.known = true, .acked = 100, .phantom = 2, .duplicate = 1}};
	struct evidence ev = {0};
	struct scenario_report s = {.m = &m, .ev = &ev, .verdict = VERDICT_UNKNOWN};
	struct arena a = {0};

	(void)state;
	f.point = (struct recovery_point){.lost = 3, .lo_ns = 13740 * MS, .hi_ns = 13750 * MS};
	assert_non_null(strstr(story_scenario(&a, &s), "; whether acknowledged writes were lost is not known; redundant"));
	m.loss.lost = 3;
	assert_non_null(strstr(story_scenario(&a, &s), "; whether acknowledged writes were lost is not known; redundant"));
	s.counts.of[EXPECT_LOST].there = true;
	assert_non_null(strstr(story_scenario(&a, &s), "; 3 of 100 acknowledged writes were lost; what survived"));
	m.loss.lost = 0;
	f.point = (struct recovery_point){0};
	assert_non_null(strstr(story_scenario(&a, &s), "; nothing acknowledged was seen to be lost, which is too little to say "
						       "that nothing was; "));
	s.counts.of[EXPECT_LOST].absent = true;
	assert_non_null(strstr(story_scenario(&a, &s), "; nothing acknowledged was lost; redundant"));
	m.loss.untold = 5; /* that plain writes may have overwritten */
	assert_non_null(strstr(story_scenario(&a, &s), "; nothing acknowledged was lost; of 5 acknowledged writes to "
						       "registers nothing is told; redundant"));
	assert_null(strstr(story_scenario(&a, &s), "there all the same"));
	s.counts.of[EXPECT_PHANTOM].there = true;
	assert_non_null(strstr(story_scenario(&a, &s), "; 2 writes that had failed, or that nobody sent, were there all the "
						       "same; 1 write is there more than once; "));
	arena_free(&a);
}

/* What nobody looked at is not told as seen, and what was only planned is no fault. */
static void sentences_rest_on_what_was_seen(void **state)
{
	struct fault_seen f[3] = {one_fault(), one_fault(), one_fault()};
	struct fault_record planned = *f[0].rec;
	struct measured m = {.faults = f,
			     .nfaults = 1,
			     .worst = &f[0].outage,
			     .stands = true,
			     .redundant_ns = -1,
			     .loss = {.known = true, .acked = 100, .maybe_lost = 1}};
	struct evidence ev = {0};
	struct scenario_report s = {.m = &m, .ev = &ev, .verdict = VERDICT_UNKNOWN,
				    .counts.of[EXPECT_LOST] = {true, true}};
	struct arena a = {0};

	(void)state;
	planned.effective_ns = 1;
	f[0].rec = &planned;
	f[0].outage.down_lo = planned.effective_ns + 5 * NS_PER_S;
	assert_non_null(strstr(story_scenario(&a, &s), "Writes were down 31.20 s ± 0.02 s after the primary was killed (they "
						       "stopped 5.00 s later); "));
	f[0].outage.m.from_heal = true;
	planned.healed_ns = f[0].outage.down_lo;
	assert_non_null(strstr(story_scenario(&a, &s), " (they stopped 5.00 s later, when that was undone); "));
	planned.healed_ns -= 2 * NS_PER_S;
	assert_non_null(strstr(story_scenario(&a, &s), " (they stopped 5.00 s later, when that had been undone); "));
	f[0] = f[1];
	f[0].outage.running = true;
	assert_non_null(strstr(story_scenario(&a, &s), "Writes were down already when the primary was killed, and came "
						       "back after 31.20 s ± 0.02 s; "));
	planned.injected_ns = 0;
	f[1].outage = (struct outage){.ended = true};
	f[0].outage = f[1].outage;
	assert_string_equal(story_scenario(&a, &s),
			    "Writes were not seen to stop when the primary was killed, which is too little to say that they "
			    "went on; whether 1 acknowledged "
			    "write of registers was lost is not known; full redundancy was not seen again before the load ended.");
	f[0].rec = &planned;
	m.dual_primary_samples = 1;
	assert_string_equal(story_scenario(&a, &s),
			    "No fault was injected; whether 1 acknowledged write of registers was lost is not known; "
			    "two primaries were writable at once for a moment.");
	m.nfaults = 3;
	assert_non_null(strstr(story_scenario(&a, &s), "2 faults: writes were down up to 31.2 s when the primary was "
						       "killed; "));
	s.counts.of[EXPECT_OUTAGE].absent = true;
	assert_non_null(strstr(story_scenario(&a, &s), "2 faults: writes went on when the primary was killed, and "
						       "writes were down up to 31.2 s when the primary was killed; "));
	f[2].outage.ended = false;
	assert_non_null(strstr(story_scenario(&a, &s), "writes were down more than 31.2 s, to the end, when"));
	f[2].outage.ended = true;
	f[2].outage.hi_ns = f[2].outage.lo_ns;
	f[1].outage = f[2].outage;
	assert_non_null(strstr(story_scenario(&a, &s), "2 faults: writes were down 31.2 s after each; "));
	/* Nor is a length that does not count one of them. */
	f[2].noise[NOISE_OUTAGE].too_noisy = true;
	f[2].outage.lo_ns = f[2].outage.hi_ns = 90 * NS_PER_S;
	assert_non_null(strstr(story_scenario(&a, &s), "2 faults: writes were down 31."));
	assert_null(strstr(story_scenario(&a, &s), "to 90"));
	f[1].noise[NOISE_OUTAGE].too_noisy = true;
	assert_non_null(strstr(story_scenario(&a, &s), "2 faults: how long writes were down is not known; "));
	f[1].noise[NOISE_OUTAGE].too_noisy = f[2].noise[NOISE_OUTAGE].too_noisy = false;
	f[2].outage = f[1].outage;
	/* An outage that was there before a fault is not that fault's. */
	f[2].outage.running = true;
	f[2].outage.lo_ns = 1000000000;
	assert_non_null(strstr(story_scenario(&a, &s), "2 faults: writes were down 31."));
	assert_non_null(strstr(story_scenario(&a, &s), " after the primary was killed, and already when the primary was killed; "));
	arena_free(&a);
}

static void parts_follow_each_other(void **state)
{
	struct outage o = {.any = true, .ended = true};
	struct outage_part p[OUTAGE_PARTS_MAX];

	(void)state;
	o.m = (struct milestones){.effective = 100, .detected = 110, .promoted = 130,
				  .routed = 125, .first_ack = 140};
	assert_int_equal(outage_parts(&o, p), 4);
	assert_string_equal(p[0].key, "detected");
	assert_int_equal(p[0].len_ns, 10);
	assert_false(p[0].more);
	/* Who was elected is not known: the next piece says it holds both. */
	assert_string_equal(p[1].key, "promoted");
	assert_int_equal(p[1].len_ns, 20);
	assert_true(p[1].more);
	/* An instant before its cause is no negative piece. */
	assert_int_equal(p[2].len_ns, 0);
	assert_int_equal(p[3].at_ns, 40);
	o.m.effective = 0;
	assert_int_equal(outage_parts(&o, p), 0);
}

static void lost_writes_are_counted_by_fault(void **state)
{
	struct lost_write w[] = {{.fault = "kill"}, {.fault = "other"}, {.fault = "kill"}};
	struct fault_seen f = one_fault();
	struct measured m = {.loss = {.known = true, .writes = w, .n = 3, .lost = 3}};

	(void)state;
	assert_int_equal(story_lost_by(&m, &f), 2);
	m.loss.known = false;
	assert_int_equal(story_lost_by(&m, &f), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_keep_three_figures),
		cmocka_unit_test(intervals_contain_what_they_stand_for),
		cmocka_unit_test(other_figures),
		cmocka_unit_test(markup_and_dirt_are_made_harmless),
		cmocka_unit_test(faults_are_told_by_what_they_did),
		cmocka_unit_test(sentences_say_what_was_measured),
		cmocka_unit_test(sentences_name_bad_service),
		cmocka_unit_test(sentences_rest_on_what_was_seen),
		cmocka_unit_test(losses_rest_on_what_was_seen),
		cmocka_unit_test(parts_follow_each_other),
		cmocka_unit_test(lost_writes_are_counted_by_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
