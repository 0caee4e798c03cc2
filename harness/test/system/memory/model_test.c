/* What the toy store's rules allow, what its members' words prove, and when
 * it is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "fault/fault.h"
#include "system/model.h"
#include "test/lib/evidence_help.h"

extern const struct model_ops model_memory;

#define MS NS_PER_MS

#define INFORCE(restart, sync) \
	"[{\"name\":\"ttl\",\"value\":\"1500\"},{\"name\":\"loop\",\"value\":\"300\"}," \
	"{\"name\":\"restart\",\"value\":\"" restart "\"},{\"name\":\"sync\",\"value\":\"" sync "\"}]"

static struct prediction predict(const char *fault, const char *inforce)
{
	cJSON *events = cJSON_CreateArray();
	struct prediction p;
	struct evidence ev;

	evidence_tell_fault(events, test_json(fault));
	evidence_tell_inforce(events, test_json(inforce));
	evidence_make(events, 0, fault_effects, &ev);
	assert_int_equal(ev.nfaults, 1);
	model_memory.predict(&ev, &ev.faults[0], &p);
	for (size_t i = 0; i < p.n; i++) {
		assert_true(p.lo_ns <= p.mech[i].lo_ns && p.mech[i].hi_ns <= p.hi_ns);
		assert_true(p.mech[i].lo_ns <= p.mech[i].hi_ns);
		assert_true(*p.mech[i].rule && *p.mech[i].source);
	}
	assert_int_equal(p.known, p.n > 0);
	assert_true(p.known || *p.note);
	evidence_free(&ev);
	cJSON_Delete(events);
	return p;
}

#define PRIMARY "\"targets\":[{\"member\":\"m0\",\"role\":\"primary\"}]"

static void a_dead_primary_waits_for_its_lease(void **state)
{
	struct prediction p = predict("{\"fault\":\"kill-pod\",\"how\":\"crash\"," PRIMARY "}",
				      INFORCE("5000", "on"));

	(void)state;
	/* The restart comes too late to matter. */
	assert_int_equal(p.n, 1);
	assert_string_equal(p.mech[0].name, "lease expires");
	/* One look before the fault at most, give or take a busy machine. */
	assert_true(p.lo_ns <= 1200 * MS && p.lo_ns > 800 * MS);
	assert_true(p.hi_ns >= 2100 * MS && p.hi_ns < 5000 * MS);
}

static void a_quick_restart_races_the_lease(void **state)
{
	struct prediction p = predict("{\"fault\":\"kill-process\"," PRIMARY "}", INFORCE("1000", "on"));

	(void)state;
	assert_int_equal(p.n, 2);
	assert_true(p.lo_ns <= 1000 * MS && p.hi_ns >= 2100 * MS);
	/* And a very quick one leaves the lease no part. */
	p = predict("{\"fault\":\"kill-process\"," PRIMARY "}", INFORCE("100", "on"));
	assert_int_equal(p.n, 1);
	assert_string_equal(p.mech[0].name, "restart within the lease");
	assert_int_equal(p.lo_ns, 100 * MS);
}

static void a_polite_end_gives_the_lease_up(void **state)
{
	struct prediction p = predict("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"graceful\"}," PRIMARY
				      "}", INFORCE("2500", "on"));

	(void)state;
	assert_int_equal(p.n, 1);
	assert_string_equal(p.mech[0].name, "lease given up");
	assert_int_equal(p.lo_ns, 0);
	assert_true(p.hi_ns < 1200 * MS);
}

static void a_short_pause_ends_by_itself(void **state)
{
	struct prediction p = predict("{\"fault\":\"pause\",\"effective_ns\":1000000000,"
				      "\"healed_ns\":1600000000," PRIMARY "}", INFORCE("2500", "on"));

	(void)state;
	assert_int_equal(p.n, 1);
	assert_string_equal(p.mech[0].name, "thaw within the lease");
	assert_true(p.lo_ns > 300 * MS && p.lo_ns <= 600 * MS);
	assert_true(p.hi_ns >= 600 * MS && p.hi_ns < 1200 * MS);
	p = predict("{\"fault\":\"pause\",\"effective_ns\":1000000000,\"healed_ns\":9000000000," PRIMARY
		    "}", INFORCE("2500", "on"));
	assert_int_equal(p.n, 1);
	assert_string_equal(p.mech[0].name, "lease expires");
}

/* m0 is frozen for 9 s, and a replica for so long. */
static struct prediction beside(const char *until_ns, const char *sync)
{
	cJSON *events = cJSON_CreateArray(), *s = test_json(INFORCE("2500", "on")), *o;
	struct prediction p;
	struct evidence ev;
	char text[300];

	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "{\"k\":\"sample\",\"s\":0,\"t\":500000000,\"m\":\"m%d\",\"ok\":true}", i);
		json_push(events, test_json(text));
	}
	evidence_tell_fault(events, test_json("{\"id\":\"a\",\"fault\":\"pause\",\"injected_ns\":1000000000,"
					  "\"effective_ns\":1000000000,\"healed_ns\":10000000000," PRIMARY "}"));
	snprintf(text, sizeof(text), "{\"id\":\"b\",\"fault\":\"pause\",\"injected_ns\":1000000000,\"effective_ns\":1000000000,"
		 "\"healed_ns\":%s,\"targets\":[{\"member\":\"m1\",\"role\":\"replica\"}]}", until_ns);
	evidence_tell_fault(events, test_json(text));
	cJSON_ArrayForEach(o, s)
		if (!strcmp(json_str(o, "name", ""), "sync"))
			json_set_str(o, "value", sync);
	evidence_tell_inforce(events, s);
	evidence_make(events, 0, fault_effects, &ev);
	model_memory.predict(&ev, &ev.faults[0], &p);
	evidence_free(&ev);
	cJSON_Delete(events);
	return p;
}

static void who_takes_over_needs_a_replica(void **state)
{
	struct prediction p;

	(void)state;
	/* The one that is left takes the lease, and then its writes wait. */
	p = beside("6000000000", "on");
	assert_string_equal(p.mech[0].name, "lease expires");
	assert_int_equal(p.lo_ns, 4500 * MS);
	p = beside("6000000000", "off");
	assert_true(p.lo_ns < 1300 * MS);
	p = beside("1500000000", "on");
	assert_true(p.lo_ns < 1300 * MS);
}

static void one_replica_is_not_missed(void **state)
{
	static const char both[] = "{\"fault\":\"kill-pod\",\"targets\":[{\"role\":\"replica\"},"
				   "{\"role\":\"replica\"}]}";
	struct prediction p = predict("{\"fault\":\"kill-pod\",\"targets\":[{\"role\":\"replica\"}]}",
				      INFORCE("2500", "on"));

	(void)state;
	assert_true(p.known);
	assert_int_equal(p.lo_ns, 0);
	/* With both away a synchronous primary stands still: for how long no
	 * rule says. Without sync nobody waits. */
	assert_false(predict(both, INFORCE("2500", "on")).known);
	assert_true(predict(both, INFORCE("2500", "off")).known);
}

static void without_settings_nothing_is_predicted(void **state)
{
	(void)state;
	assert_false(predict("{\"fault\":\"kill-pod\"," PRIMARY "}", "[]").known);
	assert_false(predict("{\"fault\":\"fill-disk\"," PRIMARY "}", INFORCE("2500", "on")).known);
	assert_false(predict("{\"fault\":\"kill-pod\"}", INFORCE("2500", "on")).known);
}

static void sample(cJSON *events, const char *m, int64_t t_ms, const char *x)
{
	cJSON *e = cJSON_CreateObject();

	json_set_i64(e, "t", t_ms * MS);
	json_set_i64(e, "s", 0);
	json_set_str(e, "k", "sample");
	json_set_str(e, "m", m);
	json_set_bool(e, "ok", true);
	json_set(e, "x", test_json(x));
	json_push(events, e);
}

static struct milestones explain(cJSON *events, const char *fault)
{
	struct milestones m = {.effective = 10000 * MS, .first_ack = 11500 * MS, .resolved_ns = -1};
	struct evidence ev;

	evidence_tell_fault(events, test_json(fault));
	evidence_make(events, 0, fault_effects, &ev);
	assert_int_equal(ev.nfaults, 1);
	model_memory.explain(&ev, &ev.faults[0], NULL, &m);
	evidence_free(&ev);
	cJSON_Delete(events);
	return m;
}

static void a_failover_is_told_by_the_winner(void **state)
{
	cJSON *ev = cJSON_CreateArray();
	struct milestones m;

	(void)state;
	/* Long before: m0's own rise must not be taken for this one. */
	sample(ev, "m0", 9000, "{\"primary_ago_ns\":5000000000,\"client_ago_ns\":4000000000}");
	/* m2 saw the lease end at 11.30 s and left it to m1, which had more. */
	sample(ev, "m2", 11400, "{\"expired_ago_ns\":100000000}");
	sample(ev, "m1", 11600, "{\"expired_ago_ns\":200000000,\"primary_ago_ns\":200000000,"
				"\"client_ago_ns\":150000000,\"started_ago_ns\":9000000000}");
	m = explain(ev, "{\"fault\":\"kill-pod\",\"how\":\"crash\"," PRIMARY "}");
	assert_int_equal(m.detected, 11300 * MS);
	assert_int_equal(m.elected, 11400 * MS);
	assert_int_equal(m.promoted, 11400 * MS);
	assert_int_equal(m.routed, 11450 * MS);
	assert_string_equal(m.mechanism, "lease expires");
	assert_non_null(strstr(m.why_mechanism, "m1"));
	assert_true(*m.how_detected && *m.how_elected && *m.how_routed);
}

static void a_restarted_primary_is_no_failover(void **state)
{
	cJSON *ev = cJSON_CreateArray();
	struct milestones m;

	(void)state;
	sample(ev, "m0", 11600, "{\"primary_ago_ns\":300000000,\"client_ago_ns\":250000000,"
				"\"started_ago_ns\":310000000,\"resumed\":true}");
	m = explain(ev, "{\"fault\":\"kill-process\"," PRIMARY "}");
	assert_string_equal(m.mechanism, "restart within the lease");
	assert_int_equal(m.promoted, 11300 * MS);
	assert_int_equal(m.detected, 0); /* nobody found a lease over */
}

static void silence_explains_nothing(void **state)
{
	struct milestones m = explain(cJSON_CreateArray(), "{\"fault\":\"kill-pod\"," PRIMARY "}");

	(void)state;
	assert_int_equal(m.detected | m.elected | m.promoted | m.routed, 0);
	assert_string_equal(m.mechanism, "");
}

static void a_primary_that_stayed_one_was_thawed(void **state)
{
	cJSON *ev = cJSON_CreateArray();
	struct milestones m;

	(void)state;
	sample(ev, "m0", 11600, "{\"primary_ago_ns\":5000000000}");
	m = explain(ev, "{\"fault\":\"pause\"," PRIMARY "}");
	assert_string_equal(m.mechanism, "thaw within the lease");
	assert_int_equal(m.promoted, 0);
}

static void a_resync_counts_once(void **state)
{
	cJSON *ev = cJSON_CreateArray();
	struct recovery_info r;
	struct evidence e;

	(void)state;
	sample(ev, "m0", 12000, "{\"resync\":{\"kind\":\"partial\",\"bytes\":640,\"ago_ns\":100000000}}");
	sample(ev, "m0", 12100, "{\"resync\":{\"kind\":\"partial\",\"bytes\":640,\"ago_ns\":201000000}}");
	sample(ev, "m2", 12100, "{\"resync\":{\"kind\":\"none\",\"bytes\":0,\"ago_ns\":500000000}}");
	/* Before the fault. */
	sample(ev, "m1", 9000, "{\"resync\":{\"kind\":\"full\",\"bytes\":9999,\"ago_ns\":1}}");
	evidence_make(ev, 0, fault_effects, &e);
	model_memory.resync(&e, 10000 * MS, 20000 * MS, true, &r);
	evidence_free(&e);
	assert_string_equal(r.resync, "partial");
	assert_int_equal(r.bytes, 640);
	cJSON_Delete(ev);
}

static void redundant_needs_all_of_it(void **state)
{
	struct sample s[3] = {
		{.member = "m0", .ok = true, .role = ROLE_PRIMARY, .writable = true, .timeline = 2},
		{.member = "m1", .ok = true, .role = ROLE_REPLICA, .timeline = 2},
		{.member = "m2", .ok = true, .role = ROLE_REPLICA, .timeline = 2},
	};
	char why[WHY_BYTES];

	(void)state;
	s[0].extra = test_json("{\"followers\":[\"m1\",\"m2\"]}");
	s[1].extra = test_json("{\"following\":true}");
	s[2].extra = test_json("{\"following\":true}");
	assert_true(model_memory.redundant(s, 3, why));
	assert_string_equal(why, "");
	assert_false(model_memory.redundant(s, 0, why));
	s[2].timeline = 1;
	assert_false(model_memory.redundant(s, 3, why));
	assert_non_null(strstr(why, "epoch 1"));
	s[2].timeline = 2;
	s[0].writable = false;
	assert_false(model_memory.redundant(s, 3, why));
	assert_non_null(strstr(why, "no member"));
	s[0].writable = true;
	s[1].role = ROLE_PRIMARY;
	s[1].writable = true;
	assert_false(model_memory.redundant(s, 3, why));
	assert_non_null(strstr(why, "both writable"));
	s[1].role = ROLE_REPLICA;
	s[1].ok = false;
	assert_false(model_memory.redundant(s, 3, why));
	assert_non_null(strstr(why, "m1 does not answer"));
	s[1].ok = true;
	cJSON_Delete(s[0].extra);
	s[0].extra = test_json("{\"followers\":[\"m2\"]}");
	assert_false(model_memory.redundant(s, 3, why));
	assert_non_null(strstr(why, "does not stream to m1"));
	for (int i = 0; i < 3; i++)
		cJSON_Delete(s[i].extra);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dead_primary_waits_for_its_lease),
		cmocka_unit_test(a_quick_restart_races_the_lease),
		cmocka_unit_test(a_polite_end_gives_the_lease_up),
		cmocka_unit_test(a_short_pause_ends_by_itself),
		cmocka_unit_test(who_takes_over_needs_a_replica),
		cmocka_unit_test(one_replica_is_not_missed),
		cmocka_unit_test(without_settings_nothing_is_predicted),
		cmocka_unit_test(a_failover_is_told_by_the_winner),
		cmocka_unit_test(a_restarted_primary_is_no_failover),
		cmocka_unit_test(silence_explains_nothing),
		cmocka_unit_test(a_primary_that_stayed_one_was_thawed),
		cmocka_unit_test(a_resync_counts_once),
		cmocka_unit_test(redundant_needs_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
