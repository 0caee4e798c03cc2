/* What RabbitMQ's rules allow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "system/model.h"
#include "system/rabbitmq/model.h"
#include "test/lib/evidence_help.h"

extern const struct model_ops model_rabbitmq;

#define SEC NS_PER_S
#define MS NS_PER_MS

#define NODE(n) "\"rabbit@r-" #n ".h.ns.svc.cluster.local\""

/* ---- prediction ---- */

#define SETTINGS(type, version) "[{\"name\":\"queue_type\",\"value\":\"" type "\"},{\"name\":\"version\",\"value\":\"" version "\"}," \
	"{\"name\":\"detector_poll\",\"value\":\"5000\"},{\"name\":\"net_ticktime\",\"value\":\"60000\"}," \
	"{\"name\":\"heartbeat\",\"value\":\"10\"}]"

#define LEADER "\"targets\":[{\"member\":\"r-0\",\"role\":\"primary\"}]"
#define OTHER "\"targets\":[{\"member\":\"r-1\",\"role\":\"replica\"}]"
#define FOR_20_S "\"injected_ns\":1000000000,\"effective_ns\":1000000000,\"healed_ns\":21000000000"

static struct prediction predict(const char *fault, const char *inforce)
{
	cJSON *events = cJSON_CreateArray();
	struct prediction p;
	struct evidence ev;

	evidence_tell_fault(events, test_json(fault));
	evidence_tell_inforce(events, inforce ? test_json(inforce) : NULL);
	evidence_make(events, 0, fault_effects, &ev);
	model_rabbitmq.predict(&ev, &ev.faults[0], &p);
	evidence_free(&ev);
	cJSON_Delete(events);
	for (size_t i = 0; i < p.n; i++) {
		assert_true(p.mech[i].lo_ns >= 0 && p.mech[i].lo_ns <= p.mech[i].hi_ns);
		assert_true(*p.mech[i].rule && *p.mech[i].source);
		assert_true(strlen(p.mech[i].rule) < sizeof(p.mech[i].rule) - 1);
	}
	assert_true(strlen(p.note) < sizeof(p.note) - 1);
	return p;
}

static void window(const char *fault, const char *inforce, const char *name, int64_t lo_ms,
		   int64_t hi_ms)
{
	struct prediction p = predict(fault, inforce);
	const struct mechanism *m = prediction_mechanism(&p, name);

	if (!m)
		fail_msg("%s: no \"%s\" but \"%s\": %s", fault, name, p.n ? p.mech[0].name : "", p.note);
	assert_int_equal(m->lo_ns / MS, lo_ms);
	assert_int_equal(m->hi_ns / MS, hi_ms);
}

static void test_predict(void **state)
{
	static const char quorum[] = SETTINGS("quorum", "3.10.8"), classic[] = SETTINGS("classic", "3.10.8");
	static const char alone[] = "[{\"name\":\"queue_type\",\"value\":\"classic\"},{\"name\":\"version\",\"value\":\"3.10.8\"},"
		"{\"name\":\"mirrored\",\"value\":\"off\"}]";
	struct prediction p;

	(void)state;
	/* Mirrored by nothing: it comes back with its node. */
	window("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," LEADER "}", alone, RABBIT_RESTART, 0, 75000);
	window("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," LEADER "}", quorum, RABBIT_MONITOR, 0, 2100);
	window("{\"fault\":\"kill-process\"," LEADER "}", quorum, RABBIT_MONITOR, 0, 2100);
	window("{\"fault\":\"pause\"," FOR_20_S "," LEADER "}", quorum, RABBIT_DETECTOR, 5000, 12500);
	window("{\"fault\":\"pause\"," FOR_20_S "," LEADER "}", quorum, RABBIT_ENDS, 19500, 25000);
	window("{\"fault\":\"pause\"," FOR_20_S "," LEADER "}", classic, RABBIT_TICK, 45000, 80000);
	window("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," LEADER "}", classic, RABBIT_MONITOR, 0, 5000);
	/* Nobody else has it. */
	window("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," LEADER "}", SETTINGS("classic", "4.0.5"), RABBIT_RESTART, 0,
	       75000);
	window("{\"fault\":\"fill-disk\"," FOR_20_S "," LEADER "}", quorum, RABBIT_SPACE, 0, 35000);
	window("{\"fault\":\"fill-disk\"," FOR_20_S "," OTHER "}", quorum, RABBIT_SPACE, 0, 35000);
	window("{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," OTHER "}", quorum, RABBIT_MAJORITY, 0, 0);
	/* Its own clients have to find out. */
	window("{\"fault\":\"pause\"," FOR_20_S "," OTHER "}", quorum, RABBIT_HEARTBEAT, 15000, 25000);
	window("{\"fault\":\"pause\"," FOR_20_S "," LEADER "}", quorum, RABBIT_HEARTBEAT, 15000, 25000);
	/* A confirm waits for every mirror. */
	window("{\"fault\":\"pause\"," FOR_20_S "," OTHER "}", classic, RABBIT_TICK, 45000, 80000);
	/* What nobody told is said to be taken. */
	p = predict("{\"fault\":\"pause\"," FOR_20_S "," LEADER "}", NULL);
	assert_true(p.assumed);
	assert_non_null(strstr(p.note, "detector_poll"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_predict),
	};

	return cmocka_run_group_tests_name("rabbitmq, model", tests, NULL, NULL);
}
