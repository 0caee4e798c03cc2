/* What the rules of Patroni allow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "fault/fault.h"
#include "system/model.h"
#include "test/lib/evidence_help.h"
#include "test/system/postgres/tale.h"

/* Beside another fault; three members that answered before. */
static struct prediction predict_beside(const char *fault, const char *other, const char *inforce)
{
	cJSON *events = cJSON_CreateArray(), *f = parse(fault);
	struct prediction p;
	struct evidence ev;
	char text[200];

	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "{\"k\":\"sample\",\"s\":0,\"t\":500000000,\"m\":\"postgres-%d\",\"ok\":true}", i);
		json_push(events, parse(text));
	}
	json_set_str(f, "id", "f");
	evidence_tell_fault(events, f);
	if (other)
		evidence_tell_fault(events, parse(other));
	evidence_tell_inforce(events, parse(inforce));
	evidence_make(events, 0, fault_effects, &ev);
	model_postgres.predict(&ev, fault_of(&ev, "f"), &p);
	assert_true(strlen(p.note) < sizeof(p.note) - 1);
	for (size_t i = 0; i < p.n; i++)
		assert_true(strlen(p.mech[i].rule) < sizeof(p.mech[i].rule) - 1);
	evidence_free(&ev);
	cJSON_Delete(events);
	return p;
}

#define ALL_OFF "\"targets\":[{\"member\":\"postgres-0\",\"role\":\"primary\"},{\"member\":\"postgres-1\",\"role\":\"replica\"}," \
	"{\"member\":\"postgres-2\",\"role\":\"replica\"}]"

#define FROM_TO(from, to) "\"injected_ns\":" #from "000000000,\"effective_ns\":" #from "000000000,\"healed_ns\":" #to "000000000,"

/* While nobody is left to take the lease, its end changes nothing. */
static void test_nobody_left(void **state)
{
	struct prediction p;

	(void)state;
	p = predict_beside("{\"fault\":\"node-down\"," FROM_TO(1, 61) ALL_OFF "}", NULL, defaults);
	assert_true(has(&p, "fault ends") && has(&p, "lease expires"));
	assert_true(p.lo_ns > 59 * SEC && p.lo_ns <= 60 * SEC);
	/* One replica is off with the primary, the other one is there. */
	p = predict_beside("{\"fault\":\"node-down\"," FROM_TO(1, 99) PRIMARY "}",
			   "{\"id\":\"o\",\"fault\":\"node-down\"," FROM_TO(1, 99) REPLICA "}", defaults);
	assert_true(has(&p, "lease expires") && p.lo_ns == 20 * SEC && !has(&p, "fault ends"));
	/* Both are frozen until 60 s after the fault. */
	p = predict_beside("{\"fault\":\"node-down\"," FROM_TO(1, 99) PRIMARY "}",
			   "{\"id\":\"o\",\"fault\":\"pause\"," FROM_TO(1, 61) "\"targets\":[{\"member\":\"postgres-1\"},"
			   "{\"member\":\"postgres-2\"}]}", defaults);
	assert_true(has(&p, "lease expires"));
	assert_int_equal(p.mech[0].lo_ns, 59500 * MS);
}

/* A server that dies on a full disk is not up again before there is room. */
static void test_dies_on_a_full_disk(void **state)
{
	static const char full[] = "{\"id\":\"o\",\"fault\":\"fill-disk\"," FROM_TO(1, 99) PRIMARY "}";
	static const char dies[] = "{\"fault\":\"kill-process\",\"params\":{\"which\":\"server\"},"
		"\"injected_ns\":3000000000,\"effective_ns\":3000000000," PRIMARY "}";
	static const char patient[] = "[{\"name\":\"loop_wait\",\"value\":\"10\",\"unit\":\"s\"},"
		"{\"name\":\"primary_start_timeout\",\"value\":\"30\",\"unit\":\"s\"}]";
	struct prediction p;

	(void)state;
	p = predict_beside(dies, NULL, patient);
	assert_true(has(&p, "PostgreSQL restarted in place") && !has(&p, "lease released") && p.hi_ns < 25 * SEC);
	p = predict_beside(dies, full, patient);
	assert_true(has(&p, "PostgreSQL restarted in place") && p.hi_ns > 96 * SEC);
	assert_true(has(&p, "lease released"));
	assert_int_equal(p.mech[0].hi_ns, 47500 * MS);
}

static void test_kill_pod(void **state)
{
	struct prediction p;

	(void)state;
	p = predict("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," PRIMARY "}", defaults);
	assert_true(has(&p, "same member restarts") && has(&p, "lease expires"));
	assert_int_equal(p.lo_ns, SEC);
	assert_true(p.hi_ns > 40 * SEC && p.hi_ns < 50 * SEC);

	p = predict("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"graceful\"}," PRIMARY "}", defaults);
	assert_int_equal(p.n, 1);
	assert_string_equal(p.mech[0].name, "lease released");
	assert_true(p.hi_ns <= 12 * SEC);

	p = predict("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"force\"}," PRIMARY "}", defaults);
	assert_true(has(&p, "lease released") && has(&p, "same member restarts") &&
		    has(&p, "lease expires"));
}

/* In turn: where only the synchronous standby may take over, there may be none yet. */
static void test_restarted_in_turn(void **state)
{
	static const char roll[] = "{\"fault\":\"rolling-restart\",\"params\":{}," PRIMARY "}";
	struct prediction p;

	(void)state;
	p = predict(roll, defaults);
	assert_int_equal(p.n, 1);
	assert_string_equal(p.mech[0].name, "lease released");
	p = predict(roll, "[{\"name\":\"synchronous_mode\",\"value\":\"on\"}]");
	assert_true(has(&p, "lease released") && has(&p, "same member restarts"));
	p = predict("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"graceful\"}," PRIMARY "}",
		    "[{\"name\":\"synchronous_mode\",\"value\":\"on\"}]");
	assert_false(has(&p, "same member restarts"));
}

static void test_settings_matter(void **state)
{
	const struct mechanism *m;
	struct prediction p;

	(void)state;
	p = predict("{\"fault\":\"node-down\",\"params\":{\"how\":\"power-cut\"}," PRIMARY "}",
		    "[{\"name\":\"ttl\",\"value\":20,\"unit\":\"s\"},{\"name\":\"loop_wait\",\"value\":\"5\",\"unit\":\"s\"},"
		    "{\"name\":\"retry_timeout\",\"value\":\"5\"},{\"name\":\"primary_start_timeout\",\"value\":\"300\"},"
		    "{\"name\":\"synchronous_mode\",\"value\":\"on\"}]");
	m = &p.mech[0];
	assert_string_equal(m->name, "lease expires");
	assert_int_equal(m->lo_ns, 15 * SEC);
	assert_int_equal(m->hi_ns, 20 * SEC + 5 * SEC + 500 * MS + 2 * SEC + 5 * SEC);
	assert_non_null(strstr(m->rule, "ttl 20 s"));
	assert_non_null(strstr(m->rule, "synchronous standby"));
	assert_null(strstr(p.note, "default"));

	p = predict("{\"fault\":\"node-down\"," PRIMARY "}", NULL);
	assert_int_equal(p.mech[0].lo_ns, 20 * SEC);
	assert_non_null(strstr(p.note, "taken at Patroni's default: ttl"));
}

static void test_kill_process(void **state)
{
	struct prediction p;

	(void)state;
	p = predict("{\"fault\":\"kill-process\",\"params\":{\"which\":\"server\"}," PRIMARY "}", defaults);
	assert_string_equal(p.mech[0].name, "PostgreSQL restarted in place");
	assert_int_equal(p.n, 1);
	assert_true(p.hi_ns >= 20 * SEC && p.hi_ns < 22 * SEC);
	assert_non_null(strstr(p.note, "300 s"));

	p = predict("{\"fault\":\"kill-process\",\"params\":{\"which\":\"server\"}," PRIMARY "}",
		    "[{\"name\":\"primary_start_timeout\",\"value\":\"0\",\"unit\":\"s\"}]");
	assert_string_equal(p.mech[0].name, "lease released");

	p = predict("{\"fault\":\"kill-process\",\"how\":\"pid1\",\"params\":{\"which\":\"pid1\"}," PRIMARY "}", defaults);
	assert_true(has(&p, "same member restarts") && has(&p, "lease expires"));
}

/* A lasting fault ends the outage itself when it ends before the lease. */
static void test_lasting(void **state)
{
	struct prediction p;

	(void)state;
	p = predict("{\"fault\":\"pause\",\"injected_ns\":1000000000,\"effective_ns\":1100000000,\"healed_ns\":51000000000," PRIMARY "}",
		    defaults);
	assert_int_equal(p.n, 1); /* 50 s: the lease is over by then */
	assert_string_equal(p.mech[0].name, "lease expires");

	p = predict("{\"fault\":\"pause\",\"injected_ns\":1000000000,\"effective_ns\":1100000000,\"healed_ns\":6000000000," PRIMARY "}",
		    defaults);
	assert_int_equal(p.n, 1); /* 5 s: long before */
	assert_string_equal(p.mech[0].name, "fault ends");
	assert_true(p.lo_ns < 5 * SEC && p.hi_ns == 10 * SEC);

	p = predict("{\"fault\":\"pause\",\"injected_ns\":1000000000,\"effective_ns\":1100000000,\"healed_ns\":26000000000," PRIMARY "}",
		    defaults);
	assert_int_equal(p.n, 2);

	p = predict("{\"fault\":\"pause\",\"injected_ns\":1000000000," PRIMARY "}", defaults);
	assert_int_equal(p.n, 1);
}

static void test_partition(void **state)
{
	struct prediction p;

	(void)state;
	p = predict("{\"fault\":\"partition-node\",\"params\":{\"api\":\"keep\"},\"injected_ns\":1000000000,"
		    "\"effective_ns\":1000000000,\"healed_ns\":41000000000," PRIMARY "}", defaults);
	assert_int_equal(p.n, 1);
	assert_string_equal(p.mech[0].name, "fault ends");
	assert_true(p.lo_ns >= 39 * SEC && p.lo_ns <= 40 * SEC && p.hi_ns == 45 * SEC);

	p = predict("{\"fault\":\"partition-node\",\"params\":{\"api\":\"cut\"},\"injected_ns\":1000000000,"
		    "\"effective_ns\":1000000000,\"healed_ns\":91000000000," PRIMARY "}", defaults);
	assert_int_equal(p.n, 1);
	assert_string_equal(p.mech[0].name, "lease expires");
	assert_non_null(strstr(p.note, "10 to 20 s"));

	p = predict("{\"fault\":\"partition-node\",\"params\":{\"api\":\"keep\"}," PRIMARY "}", defaults);
	assert_false(p.known); /* never healed: no rule says when */
}

/* The store is among the pods that a cut of their nodes parts. */
static void test_etcd(void **state)
{
	struct prediction p;

	(void)state;
	p = predict("{\"fault\":\"node-down\"," PRIMARY "}", with_etcd);
	assert_int_equal(p.n, 1);
	assert_true(p.lo_ns == 20 * SEC && p.hi_ns == 47500 * MS);
	assert_non_null(strstr(p.mech[0].rule, "key in etcd"));
	assert_null(strstr(p.mech[0].rule, "Service"));
	p = predict("{\"fault\":\"partition-node\",\"params\":{\"api\":\"keep\"},\"injected_ns\":1000000000,"
		    "\"effective_ns\":1000000000,\"healed_ns\":91000000000," PRIMARY "}", with_etcd);
	assert_int_equal(p.n, 1);
	assert_string_equal(p.mech[0].name, "lease expires");
}

static void test_disk_and_replica(void **state)
{
	struct prediction p;

	(void)state;
	p = predict("{\"fault\":\"fill-disk\",\"injected_ns\":1000000000,\"effective_ns\":2000000000,"
		    "\"healed_ns\":31000000000," PRIMARY "}", defaults);
	assert_true(has(&p, "space returns"));
	assert_int_equal(p.lo_ns, 0);
	assert_true(p.hi_ns >= 30 * SEC);

	p = predict("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," REPLICA "}", defaults);
	assert_true(p.known);
	assert_int_equal(p.hi_ns, 0);

	p = predict("{\"fault\":\"kill-pod\"," REPLICA "}", "[{\"name\":\"synchronous_mode\",\"value\":true}]");
	assert_int_equal(p.lo_ns, 0);
	assert_true(p.hi_ns > 10 * SEC && p.hi_ns < 14 * SEC);

	p = predict("{\"fault\":\"kill-pod\"}", defaults);
	assert_false(p.known);
	p = predict("{\"fault\":\"meteor\"," PRIMARY "}", defaults);
	assert_false(p.known);
	assert_non_null(strstr(p.note, "meteor"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill_pod),
		cmocka_unit_test(test_restarted_in_turn),
		cmocka_unit_test(test_nobody_left),
		cmocka_unit_test(test_dies_on_a_full_disk),
		cmocka_unit_test(test_settings_matter),
		cmocka_unit_test(test_kill_process),
		cmocka_unit_test(test_lasting),
		cmocka_unit_test(test_partition),
		cmocka_unit_test(test_etcd),
		cmocka_unit_test(test_disk_and_replica),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
