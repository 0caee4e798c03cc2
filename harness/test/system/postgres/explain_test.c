/* What the evidence tells of a failover by Patroni. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "system/model.h"
#include "test/lib/evidence_help.h"
#include "test/system/postgres/tale.h"

static void tale_tell_with(struct tale *t, int64_t first_ack, const char *inforce)
{
	struct evidence ev;

	evidence_tell_inforce(t->events, parse(inforce));
	evidence_make(t->events, 0, fault_effects, &ev);
	assert_int_equal(ev.nfaults, 1);
	model_postgres.predict(&ev, &ev.faults[0], &t->p);
	t->m.effective = 10 * SEC + 50 * MS;
	t->m.first_ack = first_ack;
	model_postgres.explain(&ev, &ev.faults[0], &t->p, &t->m);
	evidence_free(&ev);
}

static void tale_tell(struct tale *t, int64_t first_ack)
{
	tale_tell_with(t, first_ack, defaults);
}

static void test_lease_expires(void **state)
{
	struct tale t;

	(void)state;
	tale_begin(&t, "{\"fault\":\"node-down\"," PRIMARY "}");
	others(&t, 10100 * MS, 40 * SEC, 37 * SEC);
	lease(&t, 36500 * MS, "postgres-1");
	service(&t, 37200 * MS, "10.1.0.2 postgres-1");
	tale_tell(&t, 37300 * MS);
	assert_string_equal(t.m.mechanism, "lease expires");
	assert_int_equal(t.m.detected, 35 * SEC);
	assert_int_equal(t.m.elected, 36500 * MS);
	assert_true(llabs(t.m.promoted - 37 * SEC) <= 150 * MS);
	assert_int_equal(t.m.routed, 37200 * MS);
	assert_non_null(strstr(t.m.how_elected, "postgres-0 to postgres-1"));
	assert_non_null(strstr(t.m.why_mechanism, "31.5 s after its last renewal"));
	/* It was 5 s old, give or take what the watch took, and not 0 to 10. */
	assert_true(t.m.window.known);
	assert_int_equal(t.m.window.lo_ns, 24 * SEC);
	assert_int_equal(t.m.window.hi_ns, 42500 * MS);
	assert_non_null(strstr(t.m.window.how, "last renewal that was seen, 5.0 s before the fault"));
	tale_end(&t);
}

/* Whoever it is about, the whole name is told. */
static void test_long_names(void **state)
{
	struct tale t;

	(void)state;
	tale_begin(&t, "{\"fault\":\"node-down\"," PRIMARY "}");
	others(&t, 10100 * MS, 40 * SEC, 37 * SEC);
	lease(&t, 36500 * MS, "postgres-1");
	service(&t, 37200 * MS, "10.1.0.2 postgres-1");
	t.events = evidence_renamed(t.events, "postgres-", LONG_NAME "-");
	tale_tell(&t, 37300 * MS);
	assert_string_equal(t.m.how_elected, "the leader in " LONG_NAME "-cluster changed from " LONG_NAME "-0 to "
			    LONG_NAME "-1");
	assert_non_null(strstr(t.m.how_promoted, LONG_NAME "-1 as a writable primary"));
	assert_string_equal(t.m.how_routed, "the addresses of " LONG_NAME "-master came to hold 10.1.0.2 of " LONG_NAME "-1");
	assert_non_null(strstr(t.m.why_mechanism, LONG_NAME "-1 leads instead of " LONG_NAME "-0,"));
	tale_end(&t);
}

/* A replica that takes the lease of a killed primary, which could give nothing
 * up, 20 s before its end: nobody's rule. */
static void test_lease_taken_too_early(void **state)
{
	struct tale t;

	(void)state;
	tale_begin(&t, "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," PRIMARY "}");
	others(&t, 10100 * MS, 20 * SEC, 15 * SEC);
	lease(&t, 15 * SEC, "postgres-1");
	tale_tell(&t, 15100 * MS);
	assert_string_equal(t.m.mechanism, "lease taken too early");
	assert_false(has(&t.p, t.m.mechanism) || t.m.window.known);
	assert_non_null(strstr(t.m.why_mechanism, "took the lease 20.0 s before it would have expired"));
	tale_end(&t);
	/* One that is told to end may have given it up unseen. */
	tale_begin(&t, "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"graceful\"}," PRIMARY "}");
	others(&t, 10100 * MS, 20 * SEC, 15 * SEC);
	lease(&t, 15 * SEC, "postgres-1");
	tale_tell(&t, 15100 * MS);
	assert_string_equal(t.m.mechanism, "lease released");
	tale_end(&t);
}

static void test_lease_released(void **state)
{
	struct tale t;

	(void)state;
	tale_begin(&t, "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"force\"}," PRIMARY "}");
	others(&t, 10100 * MS, 20 * SEC, 12 * SEC);
	lease(&t, 11 * SEC, NULL);
	lease(&t, 11500 * MS, "postgres-1");
	service(&t, 11700 * MS, "10.1.0.2 postgres-1");
	tale_tell(&t, 12020 * MS);
	assert_string_equal(t.m.mechanism, "lease released");
	assert_int_equal(t.m.detected, 11 * SEC);
	assert_int_equal(t.m.elected, 11500 * MS);
	/* Seen a little after the first acknowledgement: never later than it. */
	assert_true(t.m.promoted <= 12020 * MS);
	/* The Service led there before it was promoted. */
	assert_int_equal(t.m.routed, t.m.promoted);
	assert_non_null(strstr(t.m.how_routed, "before its promotion"));
	tale_end(&t);
}

/* A survivor's sample with what its member of etcd has under the leader's key. */
static void store(struct tale *t, int64_t at, const char *leader)
{
	char text[300];

	snprintf(text, sizeof(text),
		 "{\"k\":\"sample\",\"m\":\"postgres-2\",\"ok\":true,\"role\":\"replica\",\"writable\":false,\"tl\":1,"
		 "\"took_ms\":2,\"x\":{\"store\":{\"host\":\"etcd-2.etcd\",\"leader\":\"%s\"}}}", leader);
	put(t, at, text);
}

/* The same from an etcd: the fault at 10 s, the key gone and taken later. */
static void etcd_tale(struct tale *t, const char *how, int64_t gone, int64_t taken, int64_t acked)
{
	char fault[200];

	snprintf(fault, sizeof(fault), "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"%s\"}," PRIMARY "}", how);
	tale_begin(t, fault);
	for (int64_t at = 9 * SEC; at < acked; at += 100 * MS)
		store(t, at, at < gone ? "postgres-0" : at < taken ? "" : "postgres-1");
	others(t, 10100 * MS, acked + SEC, taken + 300 * MS);
	tale_tell_with(t, acked, with_etcd);
	assert_int_equal(t->m.detected, gone);
	assert_int_equal(t->m.elected, taken);
	assert_true(llabs(t->m.promoted - taken - 300 * MS) <= 150 * MS);
	assert_int_equal(t->m.routed, t->m.promoted);
	assert_non_null(strstr(t->m.how_detected, "the leader's key in etcd is gone"));
	assert_non_null(strstr(t->m.how_elected, "the leader's key in etcd changed from postgres-0 to postgres-1"));
	assert_non_null(strstr(t->m.how_routed, "clients ask each member"));
}

static void test_etcd_tells(void **state)
{
	struct tale t;

	(void)state;
	etcd_tale(&t, "crash", 38 * SEC, 38500 * MS, 39 * SEC);
	assert_string_equal(t.m.mechanism, "lease expires");
	assert_non_null(strstr(t.m.why_mechanism, "was there until 28.0 s after the fault"));
	tale_end(&t);
	etcd_tale(&t, "force", 11 * SEC, 11500 * MS, 12 * SEC);
	assert_string_equal(t.m.mechanism, "lease released");
	assert_non_null(strstr(t.m.why_mechanism, "gone 1.0 s after the fault"));
	tale_end(&t);
}

static void test_same_member(void **state)
{
	struct tale t;
	int64_t at;

	(void)state;
	tale_begin(&t, "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," PRIMARY "}");
	for (at = 10100 * MS; at < 30 * SEC; at += 100 * MS) {
		sample(&t, at, "postgres-0", at > 16 * SEC, at > 18 * SEC, 2);
		sample(&t, at + 2 * MS, "postgres-1", true, false, 1);
	}
	put(&t, 13 * SEC, "{\"k\":\"object\",\"type\":\"pod\",\"name\":\"postgres-0\",\"uid\":\"new\",\"ip\":\"10.1.0.9\",\"restarts\":0}");
	lease(&t, 17 * SEC, "postgres-0");
	service(&t, 19 * SEC, "10.1.0.9 postgres-0");
	tale_tell(&t, 19100 * MS);
	assert_string_equal(t.m.mechanism, "same member restarts");
	assert_int_equal(t.m.detected, 13 * SEC);
	assert_int_equal(t.m.elected, 0);
	assert_non_null(strstr(t.m.how_elected, "no election"));
	assert_true(llabs(t.m.promoted - 18 * SEC) <= 150 * MS);
	assert_int_equal(t.m.routed, 19 * SEC);
	tale_end(&t);
}

/* It was back too late for its old lease, and took a new one. */
static void test_same_member_after_the_lease(void **state)
{
	struct tale t;

	(void)state;
	tale_begin(&t, "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," PRIMARY "}");
	for (int64_t at = 10100 * MS; at < 60 * SEC; at += 100 * MS) {
		sample(&t, at, "postgres-0", at > 30 * SEC, at > 45 * SEC, 2);
		sample(&t, at + 2 * MS, "postgres-1", true, false, 1);
	}
	put(&t, 30 * SEC, "{\"k\":\"object\",\"type\":\"pod\",\"name\":\"postgres-0\",\"uid\":\"new\",\"ip\":\"10.1.0.9\",\"restarts\":0}");
	lease(&t, 44 * SEC, "postgres-0");
	tale_tell(&t, 46 * SEC);
	assert_string_equal(t.m.mechanism, "lease expires");
	assert_non_null(strstr(t.m.why_mechanism, "its lease was over, 39.0 s passed without a renewal"));
	assert_int_equal(t.m.window.hi_ns, 42500 * MS);
	tale_end(&t);
}

static void test_restarted_in_place(void **state)
{
	struct tale t;
	int64_t at;

	(void)state;
	tale_begin(&t, "{\"fault\":\"kill-process\",\"params\":{\"which\":\"server\"}," PRIMARY "}");
	for (at = 10100 * MS; at < 30 * SEC; at += 100 * MS)
		sample(&t, at, "postgres-0", at > 14 * SEC, at > 16 * SEC, 2);
	tale_tell(&t, 16200 * MS);
	assert_string_equal(t.m.mechanism, "PostgreSQL restarted in place");
	assert_int_equal(t.m.elected, 0);
	assert_int_equal(t.m.routed, 0);
	tale_end(&t);
}

/* Back with its node before the lease ended: the fault's end, and no restart
 * that nobody foresaw. */
static void test_node_comes_back(void **state)
{
	struct tale t;

	(void)state;
	tale_begin(&t, "{\"fault\":\"node-down\",\"healed_ns\":15000000000," PRIMARY "}");
	for (int64_t at = 10100 * MS; at < 40 * SEC; at += 100 * MS)
		sample(&t, at, "postgres-0", at > 25 * SEC, at > 25 * SEC, 2);
	put(&t, 16 * SEC, "{\"k\":\"object\",\"type\":\"pod\",\"name\":\"postgres-0\",\"uid\":\"u0\",\"ip\":\"10.1.0.9\",\"restarts\":1}");
	tale_tell(&t, 25200 * MS);
	assert_string_equal(t.m.mechanism, "fault ends");
	assert_true(has(&t.p, "fault ends"));
	tale_end(&t);
}

/* It served again while the fault was still on: that is not what ended it. */
static void test_fault_does_not_end(void **state)
{
	struct tale t;

	(void)state;
	tale_begin(&t, "{\"fault\":\"pause\",\"healed_ns\":35000000000," PRIMARY "}");
	for (int64_t at = 10100 * MS; at < 30 * SEC; at += 100 * MS)
		sample(&t, at, "postgres-0", at > 15 * SEC, at > 15 * SEC, 1);
	tale_tell(&t, 15050 * MS);
	assert_string_equal(t.m.mechanism, "");
	tale_end(&t);
}

static void test_fault_ends(void **state)
{
	struct tale t;
	int64_t at;

	(void)state;
	tale_begin(&t, "{\"fault\":\"pause\",\"healed_ns\":15000000000," PRIMARY "}");
	for (at = 10100 * MS; at < 30 * SEC; at += 100 * MS)
		sample(&t, at, "postgres-0", at > 15 * SEC, at > 15 * SEC, 1);
	tale_tell(&t, 15050 * MS);
	assert_string_equal(t.m.mechanism, "fault ends");
	assert_int_equal(t.m.promoted, 0);
	tale_end(&t);
}

/* The primary's own word of its standbys. */
static void standbys(struct tale *t, int64_t at, const char *one, const char *two)
{
	char text[400];

	snprintf(text, sizeof(text),
		 "{\"k\":\"sample\",\"m\":\"postgres-0\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"tl\":1,"
		 "\"took_ms\":2,\"x\":{\"replication\":[{\"name\":\"postgres-1\",\"sync_state\":\"%s\"},"
		 "{\"name\":\"postgres-2\",\"sync_state\":\"%s\"}]}}", one, two);
	put(t, at, text);
}

static void test_standby(void **state)
{
	static const struct {
		const char *before[2], *after[2], *mechanism, *why;
	} c[] = {
		{{"sync", "async"}, {"async", "sync"}, "synchronous standby replaced",
		 "postgres-2 is the synchronous standby of postgres-0 instead of postgres-1"},
		{{"sync", "async"}, {"sync", "async"}, "synchronous standby returns",
		 "postgres-1 is the synchronous standby of postgres-0 again"},
		{{"sync", "async"}, {"async", "async"}, "synchronous standby replaced",
		 "postgres-1 was the synchronous standby of postgres-0; commits wait for nobody now"},
		{{"async", "sync"}, {"async", "sync"}, "",
		 "postgres-0 is still the primary; its synchronous standby postgres-2 was not hit"},
		{{"async", "async"}, {"async", "async"}, "",
		 "postgres-0 is still the primary; it told of no synchronous standby"},
	};
	static const char sync_on[] = "[{\"name\":\"ttl\",\"value\":\"30\",\"unit\":\"s\"},{\"name\":\"loop_wait\",\"value\":\"10\","
		"\"unit\":\"s\"},{\"name\":\"synchronous_mode\",\"value\":\"on\",\"unit\":\"bool\"}]";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		struct tale t;

		tale_begin(&t, "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," REPLICA "}");
		standbys(&t, 9900 * MS, c[i].before[0], c[i].before[1]);
		standbys(&t, 13100 * MS, c[i].after[0], c[i].after[1]);
		tale_tell_with(&t, 13 * SEC, sync_on);
		assert_true(has(&t.p, "synchronous standby replaced") && has(&t.p, "synchronous standby returns"));
		assert_string_equal(t.m.mechanism, c[i].mechanism);
		assert_string_equal(t.m.why_mechanism, c[i].why);
		tale_end(&t);
	}
}

static void test_no_evidence(void **state)
{
	struct tale t;

	(void)state;
	tale_begin(&t, "{\"fault\":\"node-down\"," PRIMARY "}");
	tale_tell(&t, 37300 * MS); /* no sample after the fault */
	assert_string_equal(t.m.mechanism, "");
	assert_non_null(strstr(t.m.why_mechanism, "after the outage"));
	assert_int_equal(t.m.elected, 0);
	tale_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lease_expires),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_lease_taken_too_early),
		cmocka_unit_test(test_lease_released),
		cmocka_unit_test(test_etcd_tells),
		cmocka_unit_test(test_same_member),
		cmocka_unit_test(test_same_member_after_the_lease),
		cmocka_unit_test(test_restarted_in_place),
		cmocka_unit_test(test_fault_ends),
		cmocka_unit_test(test_fault_does_not_end),
		cmocka_unit_test(test_node_comes_back),
		cmocka_unit_test(test_standby),
		cmocka_unit_test(test_no_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
