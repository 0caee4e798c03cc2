/* What RabbitMQ's rules allow, and whether all is whole. */
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

static cJSON *parse(const char *text)
{
	struct err e = {0};
	cJSON *o = json_parse(text, "test", &e);

	if (!o)
		fail_msg("%s in %s", e.msg, text);
	return o;
}

/* ---- redundancy ---- */

#define NODE(n) "\"rabbit@r-" #n ".h.ns.svc.cluster.local\""
#define FOLLOWER(n, state, term, applied) "{\"m\":\"r-" #n "\",\"ok\":true,\"role\":\"replica\",\"tl\":" #term ",\"pos\":" #applied \
	",\"x\":{\"boot\":\"ready\",\"queues\":[{\"type\":\"quorum\",\"state\":\"" state "\"}]}}"

static const char *const whole[] = {
	"{\"m\":\"r-0\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"tl\":3,\"pos\":5000,\"x\":{\"boot\":\"ready\",\"queues\":"
	"[{\"type\":\"quorum\",\"state\":\"leader\"}]}}",
	FOLLOWER(1, "follower", 3, 4990),
	FOLLOWER(2, "follower", 3, 5000),
};

static const char *const mirrored[] = {
	"{\"m\":\"r-0\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"x\":{\"boot\":\"ready\",\"queues\":[{\"type\":\"classic\","
	"\"state\":\"leader\",\"synchronised\":[" NODE(0) "," NODE(1) "," NODE(2) "]}]}}",
	"{\"m\":\"r-1\",\"ok\":true,\"role\":\"replica\",\"x\":{\"boot\":\"ready\",\"queues\":[{\"type\":\"classic\",\"state\":\"follower\"}]}}",
	"{\"m\":\"r-2\",\"ok\":true,\"role\":\"replica\",\"x\":{\"boot\":\"ready\",\"queues\":[{\"type\":\"classic\",\"state\":\"follower\"}]}}",
};

/* On one node, and meant to be. */
#define NOT_MIRRORED(n, boot) "{\"m\":\"r-" #n "\",\"ok\":true,\"role\":\"replica\",\"x\":{\"boot\":\"" boot "\",\"queues\":" \
	"[{\"type\":\"classic\",\"state\":\"none\",\"mirrored\":false}]}}"
static const char *const single[] = {
	"{\"m\":\"r-0\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"x\":{\"boot\":\"ready\",\"queues\":[{\"type\":\"classic\","
	"\"state\":\"leader\",\"synchronised\":[" NODE(0) "],\"mirrored\":false}]}}",
	NOT_MIRRORED(1, "ready"),
	NOT_MIRRORED(2, "ready"),
};

static bool redundant(const char *const *all, int at, const char *instead, char *why)
{
	struct sample s[3];
	cJSON *o[3];
	bool is;

	for (int i = 0; i < 3; i++) {
		o[i] = parse(i == at ? instead : all[i]);
		memset(&s[i], 0, sizeof(s[i]));
		mem_copy_str(s[i].member, sizeof(s[i].member), json_str(o[i], "m", ""));
		sample_from_json(o[i], &s[i]);
	}
	is = model_rabbitmq.redundant(s, 3, why);
	for (int i = 0; i < 3; i++)
		cJSON_Delete(o[i]);
	return is;
}

static void test_redundant(void **state)
{
	static const struct {
		const char *const *all;
		int at;
		const char *instead, *why;
	} t[] = {
		{whole, 2, "{\"m\":\"r-2\",\"ok\":false}", "r-2 does not answer"},
		{whole, 0, FOLLOWER(0, "follower", 3, 5000), "no member is a writable leader"},
		{whole, 2, FOLLOWER(2, "candidate", 3, 5000), "r-2 is candidate of the queue"},
		{whole, 2, FOLLOWER(2, "follower", 2, 5000), "r-2 is in term 2, r-0 leads term 3"},
		{whole, 2, FOLLOWER(2, "follower", 3, -1), "what r-2 has of the queue is not told"},
		{whole, 2, FOLLOWER(2, "follower", 3, 100), "r-2 has applied 100 of 5000 entries"},
		{whole, 1, "{\"m\":\"r-1\",\"ok\":true,\"x\":{\"boot\":\"stopped\",\"queues\":[]}}", "RabbitMQ on r-1 is stopped"},
		{whole, 1, "{\"m\":\"r-1\",\"ok\":true,\"x\":{\"boot\":\"ready\",\"queues\":[]}}", "r-1 is no member of the queue"},
		/* The first queue is well; another one is led by nobody. */
		{whole, 0, "{\"m\":\"r-0\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"tl\":3,\"pos\":5000,\"x\":{"
		 "\"boot\":\"ready\",\"of\":3,\"led\":2,\"queues\":[{\"type\":\"quorum\",\"state\":\"leader\"}]}}",
		 "1 of 3 queues have no leader"},
		{mirrored, 0, "{\"m\":\"r-0\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"x\":{\"boot\":\"ready\",\"queues\":"
		 "[{\"type\":\"classic\",\"state\":\"leader\",\"synchronised\":[" NODE(0) "," NODE(2) "]}]}}",
		 "the mirror on r-1 is not synchronised"},
		{mirrored, 1, NOT_MIRRORED(1, "ready"), "r-1 is none of the queue"},
		{single, 1, NOT_MIRRORED(1, "booting"), "RabbitMQ on r-1 is booting"},
		{single, 0, NOT_MIRRORED(0, "ready"), "no member is a writable leader"},
	};
	char why[WHY_BYTES];

	(void)state;
	if (!redundant(whole, -1, NULL, why) || !redundant(mirrored, -1, NULL, why) ||
	    !redundant(single, -1, NULL, why))
		fail_msg("%s", why);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_false(redundant(t[i].all, t[i].at, t[i].instead, why));
		if (!strstr(why, t[i].why))
			fail_msg("\"%s\" instead of \"%s\"", why, t[i].why);
	}
}

/* Of several queues each has to be whole, whoever leads it. */
#define TOLD(state, term, applied) "{\"type\":\"quorum\",\"queue\":\"o.1\",\"state\":\"" state "\",\"term\":" #term \
	",\"applied\":" #applied "}"
#define MEMBER(n, role, first, more) "{\"m\":\"r-" #n "\",\"ok\":true,\"role\":\"" role "\",\"writable\":true,\"tl\":3,\"pos\":50," \
	"\"x\":{\"boot\":\"ready\",\"queues\":[{\"type\":\"quorum\",\"queue\":\"o.0\",\"state\":\"" first "\"}" more "]}}"

static void test_several_queues(void **state)
{
	static const char *const two[] = {
		MEMBER(0, "primary", "leader", "," TOLD("follower", 7, 9000)),
		MEMBER(1, "replica", "follower", "," TOLD("leader", 7, 9010)),
		MEMBER(2, "replica", "follower", "," TOLD("follower", 7, 9009)),
	};
	static const struct {
		int at;
		const char *instead, *why;
	} t[] = {
		{1, MEMBER(1, "replica", "follower", "," TOLD("follower", 7, 9000)), "nobody leads o.1"},
		{2, MEMBER(2, "replica", "follower", "," TOLD("leader", 6, 9000)), "r-1 and r-2 both lead o.1"},
		{2, MEMBER(2, "replica", "follower", ""), "r-2 is no member of o.1"},
		{0, MEMBER(0, "primary", "leader", ""), "r-0 is no member of o.1"},
		{2, MEMBER(2, "replica", "follower", "," TOLD("follower", 6, 9000)), "r-2 is in another term of o.1"},
		{2, MEMBER(2, "replica", "follower", "," TOLD("follower", 7, 900)), "r-2 has applied 900 of 9010 entries of o.1"},
		{2, MEMBER(2, "replica", "follower", ",{\"queue\":\"o.1\",\"state\":\"follower\",\"term\":7}"), "r-2 has applied -1"},
	};
	char why[WHY_BYTES];

	(void)state;
	if (!redundant(two, -1, NULL, why))
		fail_msg("%s", why);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_false(redundant(two, t[i].at, t[i].instead, why));
		if (!strstr(why, t[i].why))
			fail_msg("\"%s\" instead of \"%s\"", why, t[i].why);
	}
}

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

	evidence_tell_fault(events, parse(fault));
	evidence_tell_inforce(events, inforce ? parse(inforce) : NULL);
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
		cmocka_unit_test(test_redundant),
		cmocka_unit_test(test_several_queues),
		cmocka_unit_test(test_predict),
	};

	return cmocka_run_group_tests_name("rabbitmq, model", tests, NULL, NULL);
}
