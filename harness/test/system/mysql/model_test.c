/* MySQL: whether all is whole, and what its rules allow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "test/system/mysql/tale.h"

/* ---- what is whole ---- */

#define FOLLOWS(uuid, more) "{\"uuid\":\"u1\",\"source\":{\"uuid\":\"" uuid "\",\"receiver\":\"on\",\"applier\":\"on\"" more "}}"

static void test_redundant(void **state)
{
	static const struct {
		const char *primary, *replica;
		enum role role;
		bool writable;
		const char *why; /* NULL: it is whole */
	} rows[] = {
		{"{\"uuid\":\"u0\"}", FOLLOWS("u0", ""), ROLE_REPLICA, false, NULL},
		{"{\"uuid\":\"u0\"}", FOLLOWS("u9", ""), ROLE_REPLICA, false, "follows u9, not mysql-0"},
		{"{\"uuid\":\"u0\"}", "{\"uuid\":\"u1\"}", ROLE_UNKNOWN, false, "mysql-1 is no replica: nobody ever told it of a source"},
		{"{\"uuid\":\"u0\"}", FOLLOWS("u0", ""), ROLE_REPLICA, true, "takes writes"},
		{"{\"uuid\":\"u0\"}", "{\"uuid\":\"u1\"}", ROLE_PRIMARY, true, "both writable"},
		{"{\"uuid\":\"u0\"}", "{\"source\":{\"uuid\":\"u0\",\"receiver\":\"connecting\",\"applier\":\"on\",\"error\":\"13114: purged\"}}",
		 ROLE_REPLICA, false, "receives nothing: its receiver is connecting, 13114: purged"},
		{"{\"uuid\":\"u0\"}", "{\"source\":{\"uuid\":\"u0\",\"receiver\":\"on\",\"applier\":\"off\",\"applier_error\":\"1062: twice\"}}",
		 ROLE_REPLICA, false, "applies nothing: 1062: twice"},
		{"{\"uuid\":\"u0\"}", "{\"errant\":\"u1:5-7\",\"source\":{\"uuid\":\"u0\",\"receiver\":\"on\",\"applier\":\"on\"}}",
		 ROLE_REPLICA, false, "mysql-1 has transactions that mysql-0 never had: u1:5-7"},
		{"{\"uuid\":\"u0\",\"semi\":{\"on\":true,\"clients\":1,\"wait_for\":1}}", FOLLOWS("u0", ""), ROLE_REPLICA, false, NULL},
		{"{\"uuid\":\"u0\",\"semi\":{\"on\":false,\"clients\":1,\"wait_for\":1}}", FOLLOWS("u0", ""), ROLE_REPLICA, false,
		 "does not wait for acknowledgements"},
		{"{\"uuid\":\"u0\",\"semi\":{\"on\":true,\"clients\":0,\"wait_for\":1}}", FOLLOWS("u0", ""), ROLE_REPLICA, false,
		 "does not wait for acknowledgements"},
		{"{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}", "{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}", ROLE_REPLICA, false, NULL},
		{"{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}", "{\"group\":{\"state\":\"RECOVERING\",\"view\":\"1:3\"}}", ROLE_REPLICA, false,
		 "mysql-1 is RECOVERING in the group"},
		{"{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}", "{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:2\"}}", ROLE_REPLICA, false,
		 "view 1:2"},
		{"{\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}", "{}", ROLE_REPLICA, false, "mysql-1 is not in the group"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample s[2] = {{.member = "mysql-0",
				       .ok = true,
				       .role = ROLE_PRIMARY,
				       .writable = true,
				       .extra = parse(rows[i].primary)},
				      {.member = "mysql-1",
				       .ok = true,
				       .role = rows[i].role,
				       .writable = rows[i].writable,
				       .extra = parse(rows[i].replica)}};
		char why[WHY_BYTES];
		bool is = model_mysql.redundant(s, 2, why);

		if (is != !rows[i].why || (!is && !strstr(why, rows[i].why)))
			fail_msg("row %zu: %s", i, is ? "whole" : why);
		cJSON_Delete(s[0].extra);
		cJSON_Delete(s[1].extra);
	}
}

/* Whoever follows has received what the primary has, whenever it may apply it. */
#define SOURCE "\"source\":{\"uuid\":\"u0\",\"receiver\":\"on\",\"applier\":\"on\"}"
#define BEHIND(more) "{\"uuid\":\"u1\"," more "," SOURCE "}"
#define GROUP(more) "{" more "\"group\":{\"state\":\"ONLINE\",\"view\":\"1:3\"}}"

static void test_received(void **state)
{
	static const struct {
		const char *primary, *replica, *why; /* NULL: it is whole */
		int64_t lag_tx;
	} rows[] = {
		/* Nothing tells whether it has what the primary has. */
		{"{\"uuid\":\"u0\"}", BEHIND("\"source_err\":\"timeout\""), "nobody could hold mysql-1 against mysql-0: timeout", -1},
		{"{\"uuid\":\"u0\"}", FOLLOWS("u0", ""), "nobody could hold mysql-1 against mysql-0", -1},
		{GROUP(""), GROUP("\"source_err\":\"timeout\","), "nobody could hold mysql-1 against mysql-0: timeout", -1},
		/* It has them, and applies them when it comes to that; or they never came. */
		{"{\"uuid\":\"u0\"}", BEHIND("\"queued_n\":5000"), NULL, 5000},
		{"{\"uuid\":\"u0\"}", BEHIND("\"queued_n\":324"), "mysql-1 has not received 746 transactions that mysql-0 has", 1070},
		{"{\"uuid\":\"u0\"}", FOLLOWS("u0", ""), NULL, 100},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample s[2] = {{.member = "mysql-0",
				       .ok = true,
				       .role = ROLE_PRIMARY,
				       .writable = true,
				       .extra = parse(rows[i].primary)},
				      {.member = "mysql-1",
				       .ok = true,
				       .role = ROLE_REPLICA,
				       .lag_tx = rows[i].lag_tx,
				       .extra = parse(rows[i].replica)}};
		char why[WHY_BYTES];
		bool is = model_mysql.redundant(s, 2, why);

		if (is != !rows[i].why || (!is && !strstr(why, rows[i].why)))
			fail_msg("row %zu: %s", i, is ? "whole" : why);
		cJSON_Delete(s[0].extra);
		cJSON_Delete(s[1].extra);
	}
}

/* Of a long set whole runs are told, and that there are more. */
static void test_errant_is_cut_off_between_runs(void **state)
{
	char why[WHY_BYTES], *end, x[4000] = "{" SOURCE ",\"errant\":\"" UUID_1;
	struct sample s[2] = {{.member = "mysql-0",
			       .ok = true,
			       .role = ROLE_PRIMARY,
			       .writable = true,
			       .extra = parse("{\"uuid\":\"u0\"}")},
			      {.member = "mysql-1", .ok = true, .role = ROLE_REPLICA}};

	(void)state;
	for (int i = 100; i < 400; i += 2)
		snprintf(x + strlen(x), sizeof(x) - strlen(x), ":%d00-%d77", i, i);
	snprintf(x + strlen(x), sizeof(x) - strlen(x), "\"}");
	s[1].extra = parse(x);
	assert_false(model_mysql.redundant(s, 2, why));
	end = strrchr(why, ':');
	assert_non_null(strstr(why, "mysql-1 has transactions that mysql-0 never had: " UUID_1 ":10000-10077:"));
	assert_string_equal(end, ":...");
	*end = '\0';
	assert_string_equal(why + strlen(why) - 2, "77");
	cJSON_Delete(s[0].extra);
	cJSON_Delete(s[1].extra);
}

/* ---- what is allowed ---- */

static struct tale foretell(const char *fault, const char *inforce)
{
	struct tale t;

	tale_begin(&t, fault, inforce);
	tale_tell(&t, 0);
	return t;
}

static void test_nobody(void **state)
{
	struct tale t = foretell(kill_primary, "failover=none semi_sync=off");

	(void)state;
	assert_int_equal(t.p.n, 1);
	assert_non_null(mechanism(&t, "same member restarts"));
	tale_end(&t);
	/* A node that stays away: no end is known. */
	t = foretell("{\"fault\":\"node-down\"," PRIMARY "}", "failover=none semi_sync=off");
	assert_false(t.p.known);
	assert_non_null(strstr(t.p.note, "Nobody fails over"));
	tale_end(&t);
	t = foretell("{\"fault\":\"pause\",\"healed_ns\":30000000000," PRIMARY "}", "failover=none semi_sync=off");
	assert_int_equal(t.p.n, 1);
	assert_non_null(mechanism(&t, "fault ends"));
	tale_end(&t);
}

static void pod_on(struct tale *t, const char *name, const char *node)
{
	cJSON *e = parse("{\"k\":\"object\",\"type\":\"pod\",\"uid\":\"u\",\"phase\":\"Running\",\"ready\":true}");

	json_set_str(e, "name", name);
	json_set_str(e, "node", node);
	put(t, SEC, e);
}

/* Of two controllers one may be lost with the primary's node, and takes its lock along; with
 * both of them nobody follows the runbook. */
static void test_controllers(void **state)
{
	static const char down[] = "{\"fault\":\"node-down\",\"targets\":[{\"member\":\"mysql-0\",\"role\":\"primary\",\"node\":\"n0\"}]}";
	int64_t hi[2];
	struct tale t;

	(void)state;
	for (int lost = 0; lost < 3; lost++) {
		const struct mechanism *m;

		tale_begin(&t, down, "failover=runbook detector_timeout=10 fence_timeout=5 apply_timeout=60 semi_sync=off");
		pod_on(&t, "mysql-0", "n0");
		pod_on(&t, "mysql-1", "n1");
		pod_on(&t, "mysql-failover-a", lost > 0 ? "n0" : "n2");
		pod_on(&t, "mysql-failover-b", lost > 1 ? "n0" : "n1");
		sample(&t, SEC, "mysql-0", ROLE_PRIMARY, true, NULL);
		sample(&t, SEC, "mysql-1", ROLE_REPLICA, false, NULL);
		tale_tell(&t, 0);
		m = mechanism(&t, "replica promoted");
		if (lost < 2) {
			assert_non_null(m);
			hi[lost] = m->hi_ns;
		} else {
			assert_null(m);
			assert_non_null(strstr(t.p.note, "no controller, was left"));
		}
		tale_end(&t);
	}
	assert_int_equal(hi[1] - hi[0], 5 * SEC);
}

static void test_runbook(void **state)
{
	const char *settings = "failover=runbook detector_timeout=10 fence_timeout=5 apply_timeout=60 semi_sync=off";
	struct tale t = foretell(kill_primary, settings);
	const struct mechanism *m = mechanism(&t, "replica promoted");

	(void)state;
	/* It races with the pod that comes back. */
	assert_non_null(mechanism(&t, "same member restarts"));
	assert_non_null(m);
	assert_int_equal(m->lo_ns, 9 * SEC);
	assert_true(m->hi_ns >= 15 * SEC && m->hi_ns <= 25 * SEC);
	tale_end(&t);
	/* One that stands still is fenced in vain first. */
	t = foretell("{\"fault\":\"pause\"," PRIMARY "}", settings);
	m = mechanism(&t, "replica promoted");
	assert_non_null(m);
	assert_true(m->hi_ns >= 20 * SEC && m->hi_ns <= 32 * SEC);
	tale_end(&t);
	/* Shorter than the detector: nobody takes over. */
	t = foretell("{\"fault\":\"pause\",\"healed_ns\":13000000000," PRIMARY "}", settings);
	assert_null(mechanism(&t, "replica promoted"));
	assert_non_null(mechanism(&t, "fault ends"));
	tale_end(&t);
	/* What nobody told is taken at its default, and that is said. */
	t = foretell("{\"fault\":\"pause\"," PRIMARY "}", "failover=runbook semi_sync=off");
	assert_non_null(strstr(t.p.note, "detector_timeout"));
	tale_end(&t);
}

/* What the scenario asked for is in force as far as the running system says so. */
static void test_asked_for(void **state)
{
	static const char asked[] = "{\"k\":\"scenario\",\"name\":\"x\",\"settings\":[{\"name\":\"failover\",\"value\":\"runbook\"},"
				    "{\"name\":\"detector_timeout\",\"value\":\"10\"},{\"name\":\"fence_timeout\",\"value\":\"5\"},"
				    "{\"name\":\"apply_timeout\",\"value\":\"60\"},{\"name\":\"semi_sync_timeout\",\"value\":\"3000\"}]}";
	static const struct {
		const char *inforce, *assumed; /* NULL: nothing */
	} told[] = {
		{"", "failover"},
		{"server_version=9", NULL}, /* of its controller MySQL has no variable */
		{"failover=runbook", NULL},
		{"failover=runbook semi_sync=on semi_sync_replicas=1", "default: semi_sync_timeout."},
	};
	struct tale t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(told); i++) {
		tale_begin(&t, kill_primary, told[i].inforce);
		put(&t, 1, parse(asked));
		tale_tell(&t, 0);
		assert_int_equal(t.p.assumed, told[i].assumed != NULL);
		if (told[i].assumed && !strstr(t.p.note, told[i].assumed))
			fail_msg("%s: %s", told[i].inforce, t.p.note);
		tale_end(&t);
	}
}

/* Not 5 s and member_expel_timeout: the thread that expels looks every 15 s. */
static void test_group_timers(void **state)
{
	static const struct {
		int expel, about_s;
	} rows[] = {{0, 5}, {1, 20}, {5, 20}, {15, 20}, {16, 35}, {30, 35}};
	char text[120];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct mechanism *m;
		struct tale t;

		snprintf(text, sizeof(text), "failover=group-replication member_expel_timeout=%d unreachable_majority_timeout=0",
			 rows[i].expel);
		t = foretell("{\"fault\":\"pause\"," PRIMARY "}", text);
		m = mechanism(&t, "group elects");
		assert_non_null(m);
		assert_true(m->lo_ns <= rows[i].about_s * SEC &&
			    m->lo_ns >= (rows[i].about_s - 1) * SEC);
		/* A request to expel that comes to nothing is made again at the next look. */
		assert_true(m->hi_ns > (rows[i].about_s + 17) * SEC &&
			    m->hi_ns < (rows[i].about_s + 27) * SEC);
		tale_end(&t);
	}
}

static void lost_with_its_claim(const char *fault, const cJSON *params, struct effects *out)
{
	fault_effects(fault, params, out);
	out->what |= EFFECT_STORAGE_EMPTY;
}

static void test_group(void **state)
{
	const char *settings = "failover=group-replication member_expel_timeout=5 unreachable_majority_timeout=0";
	struct tale t = foretell("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"graceful\"}," PRIMARY "}", settings);

	(void)state;
	/* Who leaves is not waited for. */
	assert_non_null(mechanism(&t, "primary leaves"));
	assert_null(mechanism(&t, "group elects"));
	tale_end(&t);
	t = foretell("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"force\"}," PRIMARY "}", settings);
	assert_non_null(mechanism(&t, "primary leaves"));
	assert_non_null(mechanism(&t, "group elects"));
	tale_end(&t);
	t = foretell(kill_primary, settings);
	assert_null(mechanism(&t, "same member restarts"));
	assert_non_null(mechanism(&t, "group elects"));
	tale_end(&t);
	t = foretell("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," REPLICA "}", settings);
	assert_non_null(mechanism(&t, "group goes on"));
	tale_end(&t);
}

/* The claim is gone with the pod: who comes back is empty. */
static void test_empty(void **state)
{
	static const char *const settings[] = {
		"failover=none semi_sync=off",
		"failover=runbook detector_timeout=10 fence_timeout=5 apply_timeout=60 semi_sync=off",
		"failover=group-replication member_expel_timeout=5 unreachable_majority_timeout=0"};
	static const char *const names[] = {"same member restarts", "replica promoted", "group elects"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct tale t;

		tale_begin(&t, kill_primary, settings[i]);
		evidence_make(t.events, 0, lost_with_its_claim, &t.ev);
		model_mysql.predict(&t.ev, &t.ev.faults[0], &t.p);
		assert_int_equal(t.p.n, 1);
		assert_non_null(mechanism(&t, names[i]));
		assert_true(strlen(t.p.mech[0].rule) < sizeof(t.p.mech[0].rule) - 1);
		assert_non_null(strstr(t.p.note, "comes back without data"));
		/* Given up as soon as it is seen to be empty. */
		assert_true(i != 1 || t.p.mech[0].lo_ns < SEC);
		tale_end(&t);
	}
}

static void test_replica(void **state)
{
	const char *kill = "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," REPLICA "}";
	struct tale t = foretell(kill, "failover=none semi_sync=off");

	(void)state;
	assert_non_null(mechanism(&t, "writes need no replica"));
	assert_int_equal(t.p.hi_ns, 0);
	tale_end(&t);
	/* Three members: another one is left. */
	tale_begin(&t, kill, "failover=none semi_sync=on semi_sync_timeout=10000 semi_sync_replicas=1");
	sample(&t, SEC, "mysql-0", ROLE_PRIMARY, true, NULL);
	sample(&t, SEC, "mysql-1", ROLE_REPLICA, false, NULL);
	sample(&t, SEC, "mysql-2", ROLE_REPLICA, false, NULL);
	tale_tell(&t, 0);
	assert_non_null(mechanism(&t, "another replica acknowledges"));
	tale_end(&t);
	/* Two: one time-out's stall, then nobody is waited for. */
	tale_begin(&t, kill, "failover=none semi_sync=on semi_sync_timeout=10000 semi_sync_replicas=1");
	sample(&t, SEC, "mysql-0", ROLE_PRIMARY, true, NULL);
	sample(&t, SEC, "mysql-1", ROLE_REPLICA, false, NULL);
	tale_tell(&t, 0);
	assert_non_null(mechanism(&t, "semi-sync falls back"));
	assert_int_equal(t.p.hi_ns, 11 * SEC);
	tale_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redundant),
		cmocka_unit_test(test_received),
		cmocka_unit_test(test_errant_is_cut_off_between_runs),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_runbook),
		cmocka_unit_test(test_asked_for),
		cmocka_unit_test(test_controllers),
		cmocka_unit_test(test_group_timers),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_replica),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
