/* When a CronJob is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "manifest/schedule.h"

static int64_t at(const char *rfc3339)
{
	int64_t ns;

	assert_int_equal(clock_parse_rfc3339(rfc3339, &ns), 0);
	return ns / NS_PER_S;
}

static void expect(const char *schedule, const char *zone, const char *after, const char *due)
{
	struct schedule s;
	struct zone *z = NULL;
	struct err e = {0};
	char got[32];
	int64_t t;

	if (schedule_parse(schedule, &s, &e) || zone_load(zone, &z, &e))
		fail_msg("%s", e.msg);
	t = schedule_next(&s, z, at(after));
	zone_free(z);
	clock_rfc3339(t * NS_PER_S, got);
	if (t != at(due))
		fail_msg("\"%s\" %s after %s: %s instead of %s", schedule, zone, after, got, due);
}

static void due(void **state)
{
	(void)state;
	expect("0 2 * * *", "", "2026-11-29T19:20:11Z", "2026-11-30T02:00:00Z");
	/* Later than the time itself. */
	expect("0 2 * * *", "", "2026-11-30T02:00:00Z", "2026-12-01T02:00:00Z");
	expect("* * * * *", "", "2026-11-30T02:00:59Z", "2026-11-30T02:01:00Z");
	expect("*/15 9-17 * * mon-fri", "", "2026-11-27T17:45:00Z", "2026-11-30T09:00:00Z");
	expect("5,35 */6 1 JAN,Jul *", "", "2026-07-01T18:05:00Z", "2026-07-01T18:35:00Z");
	expect("5,35 */6 1 JAN,Jul *", "", "2026-07-01T18:35:00Z", "2027-01-01T00:05:00Z");
	/* From ten past, every 20 minutes. */
	expect("10/20 * * * *", "", "2026-01-01T00:31:00Z", "2026-01-01T00:50:00Z");
	expect("0 0 29 2 *", "", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z");
	/* With both a day and a weekday either will do, with one of them alone that one ... */
	expect("0 0 13 * 5", "", "2026-11-29T00:00:00Z", "2026-12-04T00:00:00Z");
	expect("0 0 13 * ?", "", "2026-11-29T00:00:00Z", "2026-12-13T00:00:00Z");
	expect("0 0 * * 5", "", "2026-11-29T00:00:00Z", "2026-12-04T00:00:00Z");
	/* ... and a * with a step counts as a word of its own. */
	expect("0 0 */31 * 5", "", "2026-11-29T00:00:00Z", "2026-12-01T00:00:00Z");
	expect("@hourly", "", "2026-11-29T19:20:11Z", "2026-11-29T20:00:00Z");
	expect("@weekly", "", "2026-11-28T19:20:11Z", "2026-11-29T00:00:00Z");
	expect("@yearly", "", "2026-11-29T19:20:11Z", "2027-01-01T00:00:00Z");
	expect("@every 1h30m", "", "2026-11-29T19:20:11Z", "2026-11-29T20:50:11Z");
}

static void zones(void **state)
{
	(void)state;
	expect("0 2 * * *", "Europe/Berlin", "2026-11-29T19:20:11Z", "2026-11-30T01:00:00Z");
	expect("0 2 * * *", "Europe/Berlin", "2026-07-01T19:20:11Z", "2026-07-02T00:00:00Z");
	expect("0 9 * * *", "Asia/Kolkata", "2026-07-01T00:00:00Z", "2026-07-01T03:30:00Z");
	expect("0 9 * * *", "America/St_Johns", "2026-07-01T00:00:00Z", "2026-07-01T11:30:00Z");
	/* In spring there is no half past two, in autumn there are two. */
	expect("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z");
	expect("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z");
	expect("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z");
	/* Beyond what the file lists its rule holds, north and south. */
	expect("0 12 * * *", "Europe/Berlin", "2090-07-01T00:00:00Z", "2090-07-01T10:00:00Z");
	expect("0 12 * * *", "Europe/Berlin", "2090-01-01T00:00:00Z", "2090-01-01T11:00:00Z");
	expect("0 12 * * *", "America/New_York", "2090-03-12T00:00:00Z", "2090-03-12T16:00:00Z");
	expect("0 12 * * *", "America/New_York", "2090-03-11T00:00:00Z", "2090-03-11T17:00:00Z");
	expect("0 12 * * *", "Australia/Sydney", "2090-01-01T00:00:00Z", "2090-01-01T01:00:00Z");
	expect("0 12 * * *", "Australia/Sydney", "2090-07-01T00:00:00Z", "2090-07-01T02:00:00Z");
	expect("0 12 * * *", "Etc/UTC", "2090-07-01T00:00:00Z", "2090-07-01T12:00:00Z");
}

/* Zones of every kind: with and without summer's time, behind and ahead, by the half
 * hour, south of the equator, and one whose winter is the exception. */
static void as_the_c_library_has_it(void **state)
{
	static const char *const names[] = {
		"Europe/Berlin", "Europe/Dublin", "America/New_York", "America/St_Johns", "America/Sao_Paulo", "Africa/Casablanca",
		"Asia/Kolkata", "Asia/Kathmandu", "Asia/Gaza", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia",
		"America/Santiago", "Antarctica/Troll", "Etc/GMT+7",
	};
	struct zone *z;
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(setenv("TZ", names[i], 1), 0);
		tzset();
		if (zone_load(names[i], &z, &e))
			fail_msg("%s", e.msg);
		for (int64_t t = at("1950-01-01T00:00:00Z"); t < at("2120-01-01T00:00:00Z"); t += 86400 * 3 + 1777) {
			time_t now = (time_t)t;
			struct tm tm;

			localtime_r(&now, &tm);
			if (tm.tm_gmtoff != zone_offset(z, t))
				fail_msg("%s at %lld: %lld instead of %ld", names[i], (long long)t,
					 (long long)zone_offset(z, t), tm.tm_gmtoff);
		}
		zone_free(z);
	}
	unsetenv("TZ");
}

static void none_within_five_years(void **state)
{
	struct schedule s;
	struct err e = {0};

	(void)state;
	assert_int_equal(schedule_parse("0 0 30 2 *", &s, &e), 0);
	assert_int_equal(schedule_next(&s, NULL, at("2026-01-01T00:00:00Z")), 0);
}

static void refused(void **state)
{
	static const char *const bad[][2] = {
		{"", "empty spec string"},
		{"* * * *", "expected exactly 5 fields, found 4"},
		{"0 0 0 * * *", "expected exactly 5 fields, found 6"},
		{"60 * * * *", "end of range (60) above maximum (59)"},
		{"* * 0 * *", "beginning of range (0) below minimum (1)"},
		{"* * * * 7", "end of range (7) above maximum (6)"},
		{"30-10 * * * *", "beginning of range (30) beyond end of range (10)"},
		{"*/0 * * * *", "step of range should be a positive number"},
		{"x * * * *", "failed to parse int from x"},
		{"-1 * * * *", "failed to parse int from"},
		{"* * * foo *", "failed to parse int from foo"},
		{", * * * *", "empty"},
		{"@dayly", "unrecognized descriptor: @dayly"},
		{"@every soon", "failed to parse duration"},
		{"@every 5", "failed to parse duration"},
		{"TZ=UTC 0 0 * * *", "use timeZone field instead"},
		{"99999999999999999999 * * * *", "failed to parse int"},
	};
	struct schedule s;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = {0};

		if (!schedule_parse(bad[i][0], &s, &e))
			fail_msg("\"%s\" was taken", bad[i][0]);
		assert_int_equal(e.kind, ERR_INPUT);
		if (!strstr(e.msg, bad[i][1]))
			fail_msg("\"%s\": %s", bad[i][0], e.msg);
	}
}

static void no_such_zone(void **state)
{
	static const char *const bad[] = {"Europe/Berlino", "/etc/passwd", "Europe/../../../etc/passwd", "zone.tab", "CET-1"};
	struct zone *z;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = {0};

		assert_int_equal(zone_load(bad[i], &z, &e), -1);
		assert_null(z);
		assert_non_null(strstr(e.msg, "unknown time zone"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(due),
		cmocka_unit_test(zones),
		cmocka_unit_test(as_the_c_library_has_it),
		cmocka_unit_test(none_within_five_years),
		cmocka_unit_test(refused),
		cmocka_unit_test(no_such_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
