/* What RabbitMQ's rules allow, and who won. */
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

/* ---- explanation ---- */

static void test_stamp(void **state)
{
	static const char text[] = "2022-11-30 03:03:07.585030+00:00 [notice] <0.665.0> queue 'ordeal.0' in vhost '/': candidate -> leader";
	struct log_line line = {.text = text, .len = sizeof(text) - 1};

	(void)state;
	assert_true(rabbit_log_stamp(&line));
	assert_int_equal(line.t_ns % SEC, 585030000);
	assert_memory_equal(line.text, "queue 'ordeal.0'", 16);
	line = (struct log_line){.text = "  ##  ##      RabbitMQ 3.10.8", .len = 29};
	assert_false(rabbit_log_stamp(&line));
	line = (struct log_line){.text = "", .len = 0};
	assert_false(rabbit_log_stamp(&line));
}

struct tale {
	cJSON *events;
	struct prediction p;
	struct milestones m;
};

static void put(struct tale *t, int64_t at, const char *text)
{
	cJSON *e = parse(text);

	json_set_i64(e, "t", at);
	json_set_i64(e, "s", 0);
	json_push(t->events, e);
}

/* Who leads, as each member says every 100 ms. */
static void answers(struct tale *t, int64_t from, int64_t to, int who, int leads, int term,
		    const char *more)
{
	char text[300];

	for (int64_t at = from; at < to; at += 100 * MS) {
		snprintf(text, sizeof(text),
			 "{\"k\":\"sample\",\"m\":\"r-%d\",\"ok\":true,\"role\":\"%s\",\"writable\":%s,\"tl\":%d,\"took_ms\":2,\"x\":{%s}}",
			 who, leads ? "primary" : "replica", leads ? "true" : "false", term, more);
		put(t, at, text);
	}
}

static void tell(struct tale *t, const char *fault, const char *log, int64_t first_ack)
{
	struct evidence ev;
	cJSON *e;

	answers(t, 9 * SEC, 24 * SEC, 2, 0, 1, "");
	evidence_tell_fault(t->events, parse(fault));
	evidence_tell_inforce(t->events, parse(SETTINGS("quorum", "3.10.8")));
	put(t, 0, "{\"k\":\"run\",\"started\":\"2022-11-30T03:00:00.000Z\"}");
	e = cJSON_CreateObject();
	json_set_str(e, "k", "log");
	json_set_str(e, "member", "r-1");
	json_set_str(e, "container", "rabbitmq");
	json_set_str(e, "text", log);
	json_set_i64(e, "s", 0);
	json_set_i64(e, "t", 90 * SEC);
	json_push(t->events, e);
	evidence_make(t->events, 0, fault_effects, &ev);
	model_rabbitmq.predict(&ev, &ev.faults[0], &t->p);
	t->m.effective = 10 * SEC + 50 * MS;
	t->m.first_ack = first_ack;
	model_rabbitmq.explain(&ev, &ev.faults[0], &t->p, &t->m);
	evidence_free(&ev);
	cJSON_Delete(t->events);
}

#define AT_10_S "\"injected_ns\":10000000000,\"effective_ns\":10050000000,"

/* Connections close, monitors fire, r-1 wins. */
static void test_killed(void **state)
{
	static const char log[] =
		"2022-11-30 03:00:10.100000+00:00 [info] <0.1.0> queue 'ordeal.0' in vhost '/': Leader monitor down with noconnection, setting election timeout\n"
		"2022-11-30 03:00:10.450000+00:00 [notice] <0.1.0> queue 'ordeal.0' in vhost '/': candidate -> leader in term: 2 machine version: 2\n";
	struct tale t = {.events = cJSON_CreateArray()};

	(void)state;
	answers(&t, 9 * SEC, 10 * SEC, 0, 1, 1, "");
	answers(&t, 9 * SEC, 10400 * MS, 1, 0, 1, "");
	answers(&t, 10500 * MS, 14 * SEC, 1, 1, 2, "");
	tell(&t, "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," AT_10_S LEADER "}", log, 10600 * MS);
	assert_string_equal(t.m.mechanism, RABBIT_MONITOR);
	assert_non_null(strstr(t.m.why_mechanism, "r-1 leads the queue instead of r-0, term 2 (before: 1)"));
	assert_true(t.m.promoted >= t.m.elected);
}

/* It is silent: r-1's detector has to miss it. */
static void test_silent(void **state)
{
	struct tale t = {.events = cJSON_CreateArray()};

	(void)state;
	answers(&t, 9 * SEC, 10 * SEC, 0, 1, 1, "");
	answers(&t, 9 * SEC, 13 * SEC, 1, 0, 1, "");
	answers(&t, 13 * SEC, 18 * SEC, 1, 0, 1, "\"suspects\":[" NODE(0) "]");
	answers(&t, 18500 * MS, 24 * SEC, 1, 1, 2, "\"suspects\":[" NODE(0) "]");
	tell(&t, "{\"fault\":\"pause\"," AT_10_S "\"healed_ns\":40000000000," LEADER "}", "", 18600 * MS);
	assert_string_equal(t.m.mechanism, RABBIT_DETECTOR);
	assert_int_equal(t.m.detected, 13 * SEC);
	assert_non_null(strstr(t.m.how_detected, "r-1 suspects r-0"));
}

/* r-1 has long led the queue when the clients of the silent node notice; these are down from
 * the fault on, so what begins later is not theirs. */
static void test_heartbeats(void **state)
{
	(void)state;
	for (int late = 0; late < 2; late++) {
		struct tale t = {.events = cJSON_CreateArray()};

		answers(&t, 9 * SEC, 10 * SEC, 0, 1, 1, "");
		answers(&t, 9 * SEC, 18 * SEC, 1, 0, 1, "");
		answers(&t, 18500 * MS, 34 * SEC, 1, 1, 2, "");
		t.m.began = late ? 29 * SEC : 10 * SEC;
		tell(&t, "{\"fault\":\"pause\"," AT_10_S "\"healed_ns\":40000000000," LEADER "}", "", 29500 * MS);
		assert_string_equal(t.m.mechanism, late ? RABBIT_DETECTOR : RABBIT_HEARTBEAT);
		assert_true(late || strstr(t.m.why_mechanism, "connected to r-0"));
	}
}

/* Its node's connections closed, and r-1 has long led when r-0 is back and writes stumble. */
static void test_comes_back(void **state)
{
	struct tale t = {.events = cJSON_CreateArray()};

	(void)state;
	answers(&t, 9 * SEC, 10 * SEC, 0, 1, 1, "");
	answers(&t, 9 * SEC, 10300 * MS, 1, 0, 1, "");
	answers(&t, 10400 * MS, 34 * SEC, 1, 1, 2, "");
	put(&t, 12 * SEC, "{\"k\":\"sample\",\"m\":\"r-0\",\"ok\":false}");
	answers(&t, 21 * SEC, 34 * SEC, 0, 0, 2, "");
	t.m.began = 21500 * MS;
	tell(&t, "{\"fault\":\"node-down\"," AT_10_S "\"healed_ns\":20000000000," LEADER "}", "", 21900 * MS);
	assert_string_equal(t.m.mechanism, RABBIT_RETURN);
	assert_int_equal(t.m.promoted, 0);
	assert_int_equal(prediction_mechanism(&t.p, RABBIT_RETURN)->hi_ns, 2 * SEC);
	assert_non_null(strstr(t.m.why_mechanism, "r-1 had led the queue for 1"));
}

/* Thawed before anybody took its place. */
static void test_goes_on(void **state)
{
	struct tale t = {.events = cJSON_CreateArray()};

	(void)state;
	answers(&t, 9 * SEC, 10 * SEC, 0, 1, 1, "");
	answers(&t, 13 * SEC, 16 * SEC, 0, 1, 1, "");
	answers(&t, 9 * SEC, 16 * SEC, 1, 0, 1, "");
	tell(&t, "{\"fault\":\"pause\"," AT_10_S "\"healed_ns\":12900000000," LEADER "}", "", 13 * SEC);
	assert_string_equal(t.m.mechanism, RABBIT_ENDS);
	assert_int_equal(t.m.elected, 0);
}

/* What a member that came back with nothing read was not its own log. */
static void test_resync(void **state)
{
	static const struct {
		const char *fault, *stop, *is;
	} t[] = {
		{"kill-process", "none", "partial"},
		{"claim-lost", "none", "full"},
		{"kill-pod", "reset", ""},
		{NULL, "none", "none"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct tale x = {.events = cJSON_CreateArray()};
		struct recovery_info r;
		struct evidence ev;
		char text[200];

		snprintf(text, sizeof(text), "{\"fault\":\"%s\"," AT_10_S LEADER "}", t[i].fault ? t[i].fault : "kill-pod");
		evidence_tell_fault(x.events, parse(text));
		snprintf(text, sizeof(text), "[{\"name\":\"pre_stop\",\"value\":\"%s\",\"unit\":\"word\"}]", t[i].stop);
		evidence_tell_inforce(x.events, parse(text));
		answers(&x, 9 * SEC, 21 * SEC, 0, 1, 1, "\"queues\":[{\"key\":0}]");
		if (t[i].fault)
			put(&x, 12 * SEC, "{\"k\":\"sample\",\"m\":\"r-0\",\"ok\":false}");
		evidence_make(x.events, 0, fault_effects, &ev);
		rabbit_resync(&ev, 10 * SEC, 20 * SEC, true, &r);
		assert_string_equal(r.resync, t[i].is);
		assert_null(strstr(r.how, "own log"));
		rabbit_resync(&ev, 10 * SEC, 60 * SEC, true, &r);
		assert_string_equal(r.resync, t[i].fault ? t[i].is : "");
		evidence_free(&ev);
		cJSON_Delete(x.events);
	}
}

/* What is lost with a member that its stop resets is lost with the member. */
static void test_reset_loses(void **state)
{
	static const char *const stops[] = {"none", "reset"};
	const struct op op = {.via = "r-0", .t_invoke = 9 * SEC, .t_return = 9 * SEC};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct tale x = {.events = cJSON_CreateArray()};
		char text[200], why[WHY_BYTES] = "";
		struct evidence ev;

		snprintf(text, sizeof(text), "[{\"name\":\"pre_stop\",\"value\":\"%s\",\"unit\":\"word\"}]", stops[i]);
		evidence_tell_inforce(x.events, parse(text));
		answers(&x, 8 * SEC, 21 * SEC, 0, 1, 1, "");
		put(&x, 8 * SEC, "{\"k\":\"object\",\"type\":\"pod\",\"name\":\"r-0\",\"uid\":\"a\",\"restarts\":0}");
		put(&x, 12 * SEC, "{\"k\":\"object\",\"type\":\"pod\",\"name\":\"r-0\",\"uid\":\"b\",\"restarts\":0}");
		evidence_make(x.events, 0, fault_effects, &ev);
		assert_int_equal(rabbit_loss_cause(&ev, &op, NULL, why),
				 i ? LOSS_RESTART : LOSS_UNKNOWN);
		assert_int_equal(*why != 0, i);
		evidence_free(&ev);
		cJSON_Delete(x.events);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_predict),	   cmocka_unit_test(test_stamp),
		cmocka_unit_test(test_killed),	   cmocka_unit_test(test_silent),
		cmocka_unit_test(test_goes_on),	   cmocka_unit_test(test_heartbeats),
		cmocka_unit_test(test_comes_back), cmocka_unit_test(test_resync),
		cmocka_unit_test(test_reset_loses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
