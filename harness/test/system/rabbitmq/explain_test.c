/* What ended an outage of RabbitMQ's, how members came back, and what their end lost. */
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

#define LEADER "\"targets\":[{\"member\":\"r-0\",\"role\":\"primary\"}]"
#define NODE(n) "\"rabbit@r-" #n ".h.ns.svc.cluster.local\""
#define SETTINGS(type, version) "[{\"name\":\"queue_type\",\"value\":\"" type "\"},{\"name\":\"version\",\"value\":\"" version "\"}," \
	"{\"name\":\"detector_poll\",\"value\":\"5000\"},{\"name\":\"net_ticktime\",\"value\":\"60000\"}," \
	"{\"name\":\"heartbeat\",\"value\":\"10\"}]"

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
	cJSON *e = test_json(text);

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

static void log_of(struct tale *t, const char *member, const char *text)
{
	cJSON *e = cJSON_CreateObject();

	json_set_str(e, "k", "log");
	json_set_str(e, "member", member);
	json_set_str(e, "container", "");
	json_set_str(e, "text", text);
	json_set_i64(e, "most", 1000);
	json_set_i64(e, "s", 0);
	json_set_i64(e, "t", 90 * SEC);
	json_push(t->events, e);
}

static const char calm[] = "2022-11-30 03:00:01.100000+00:00 [info] <0.1.0> Server startup complete\n";

/* `log`: r-1's; NULL: nobody's log was kept. */
static void tell(struct tale *t, const char *fault, const char *log, int64_t first_ack)
{
	struct evidence ev;

	answers(t, 9 * SEC, 24 * SEC, 2, 0, 1, "");
	evidence_tell_fault(t->events, test_json(fault));
	evidence_tell_inforce(t->events, test_json(SETTINGS("quorum", "3.10.8")));
	put(t, 0, "{\"k\":\"run\",\"started\":\"2022-11-30T03:00:00.000Z\"}");
	if (log) {
		log_of(t, "r-1", log);
		log_of(t, "r-2", calm);
	}
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

/* A node is gone: its connections were closed, or it was missed. That no monitor fired is told by
 * the logs of those who are left, not by their absence. */
static void test_node_down(void **state)
{
	static const char fired[] =
		"2022-11-30 03:00:10.100000+00:00 [info] <0.1.0> queue 'ordeal.0' in vhost '/': Leader monitor down with noconnection, setting election timeout\n";
	static const struct {
		const char *log, *is;
	} logs[] = {{fired, RABBIT_MONITOR}, {calm, RABBIT_DETECTOR}, {NULL, ""}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
		struct tale t = {.events = cJSON_CreateArray()};

		answers(&t, 9 * SEC, 10 * SEC, 0, 1, 1, "");
		answers(&t, 9 * SEC, 18 * SEC, 1, 0, 1, "");
		answers(&t, 18500 * MS, 24 * SEC, 1, 1, 2, "");
		t.m.began = 10 * SEC;
		tell(&t, "{\"fault\":\"node-down\"," AT_10_S "\"healed_ns\":40000000000," LEADER "}", logs[i].log, 18600 * MS);
		assert_true(prediction_has(&t.p, RABBIT_MONITOR));
		assert_true(prediction_has(&t.p, RABBIT_DETECTOR));
		assert_string_equal(t.m.mechanism, logs[i].is);
		assert_true(*logs[i].is || strstr(t.m.why_mechanism, "the log of r-1 does not reach back"));
	}
}

/* Publishers were blocked where somebody told of an alarm, and not for a full disk alone. */
static void test_blocked(void **state)
{
	static const char full[] = "\"alarms\":[\"disk rabbit@r-0.h.ns.svc.cluster.local\"]";
	static const char set[] =
		"2022-11-30 03:00:11.100000+00:00 [warning] <0.1.0> disk resource limit alarm set on node 'rabbit@r-0.h'.\n";
	static const char both[] =
		"2022-11-30 03:00:11.100000+00:00 [warning] <0.1.0> disk resource limit alarm set on node 'rabbit@r-0.h'.\n"
		"2022-11-30 03:00:21.200000+00:00 [warning] <0.1.0> disk resource limit alarm cleared across the cluster\n";
	static const char early[] =
		"2022-11-30 03:00:11.100000+00:00 [warning] <0.1.0> disk resource limit alarm set on node 'rabbit@r-0.h'.\n"
		"2022-11-30 03:00:11.500000+00:00 [warning] <0.1.0> disk resource limit alarm cleared across the cluster\n";
	static const struct {
		const char *alarms, *log, *is;
		int64_t set_ms, clear_ms;
	} t[] = {
		{"\"alarms\":[]", calm, "", 0, 0},
		{"\"alarms\":[\"memory rabbit@r-0.h\"]", calm, "", 0, 0},
		{full, calm, RABBIT_SPACE, 11500, 21000},
		{"", both, RABBIT_SPACE, 11100, 21200},
		{"", set, RABBIT_SPACE, 11100, 0},
		{"", early, "", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct tale x = {.events = cJSON_CreateArray()};

		answers(&x, 9 * SEC, 11500 * MS, 0, 1, 1, *t[i].alarms ? "\"alarms\":[]" : "");
		answers(&x, 11500 * MS, 21 * SEC, 0, 1, 1, t[i].alarms);
		answers(&x, 21 * SEC, 24 * SEC, 0, 1, 1, *t[i].alarms ? "\"alarms\":[]" : "");
		x.m.began = 12 * SEC;
		tell(&x, "{\"fault\":\"fill-disk\"," AT_10_S "\"healed_ns\":20000000000," LEADER "}", t[i].log, 21300 * MS);
		assert_true(prediction_has(&x.p, RABBIT_SPACE));
		if (strcmp(x.m.mechanism, t[i].is))
			fail_msg("%zu: \"%s\": %s", i, x.m.mechanism, x.m.why_mechanism);
		assert_int_equal(x.m.detected / MS, t[i].set_ms);
		assert_int_equal(x.m.promoted / MS, t[i].clear_ms);
	}
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
	tell(&t, "{\"fault\":\"pause\"," AT_10_S "\"healed_ns\":40000000000," LEADER "}", calm, 18600 * MS);
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
		tell(&t, "{\"fault\":\"pause\"," AT_10_S "\"healed_ns\":40000000000," LEADER "}", calm, 29500 * MS);
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
	tell(&t, "{\"fault\":\"node-down\"," AT_10_S "\"healed_ns\":20000000000," LEADER "}", calm, 21900 * MS);
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
	tell(&t, "{\"fault\":\"pause\"," AT_10_S "\"healed_ns\":12900000000," LEADER "}", calm, 13 * SEC);
	assert_string_equal(t.m.mechanism, RABBIT_ENDS);
	assert_int_equal(t.m.elected, 0);
}

/* r-0 is away for a moment; how often it has started on its data, as it says before and after,
 * 0: it does not. */
static void away(struct tale *t, int before, int after)
{
	char more[2][120];
	int starts[] = {before, after};

	for (int i = 0; i < 2; i++)
		snprintf(more[i], sizeof(more[i]), "\"queues\":[{\"key\":0}],\"starts\":%d,\"started_ms\":%d", starts[i], 1000 + 60000 * i);
	answers(t, 8 * SEC, 12 * SEC, 0, 1, 1, more[0]);
	put(t, 12 * SEC, "{\"k\":\"sample\",\"m\":\"r-0\",\"ok\":false}");
	answers(t, 13 * SEC, 21 * SEC, 0, 1, 1, more[1]);
}

static void stops_by(struct tale *t, const char *pre_stop)
{
	char text[200];

	snprintf(text, sizeof(text), "[{\"name\":\"pre_stop\",\"value\":\"%s\",\"unit\":\"word\"}]", pre_stop);
	evidence_tell_inforce(t->events, test_json(text));
}

/* What a member that came back with nothing read was not its own log. That it was reset is told by
 * its own count of its starts, not by what was to be done before its end. */
static void test_resync(void **state)
{
	static const struct {
		const char *fault, *stop;
		int before, after;
		const char *is, *acted;
	} t[] = {
		{"kill-process", "none", 0, 0, "partial", NULL}, {"claim-lost", "none", 0, 0, "full", NULL},
		{"kill-pod", "reset", 0, 0, "", NULL},		 {NULL, "none", 0, 0, "none", NULL},
		{"kill-pod", "reset", 1, 1, "full", "reset"},	 {"kill-pod", "reset", 3, 1, "full", "reset"},
		{"kill-pod", "reset", 1, 2, "partial", "none"},	 {"kill-pod", "none", 1, 1, "full", "reset"},
		{"claim-lost", "none", 2, 1, "full", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct tale x = {.events = cJSON_CreateArray()};
		struct recovery_info r;
		const char *acted;
		struct evidence ev;
		char text[200];

		snprintf(text, sizeof(text), "{\"fault\":\"%s\"," AT_10_S LEADER "}", t[i].fault ? t[i].fault : "kill-pod");
		evidence_tell_fault(x.events, test_json(text));
		stops_by(&x, t[i].stop);
		if (t[i].fault)
			away(&x, t[i].before, t[i].after);
		else
			answers(&x, 9 * SEC, 21 * SEC, 0, 1, 1, "\"queues\":[{\"key\":0}],\"starts\":1,\"started_ms\":1000");
		evidence_make(x.events, 0, fault_effects, &ev);
		rabbit_resync(&ev, 10 * SEC, 20 * SEC, true, &r);
		if (strcmp(r.resync, t[i].is))
			fail_msg("%zu: \"%s\" (%s)", i, r.resync, r.how);
		assert_null(strstr(r.how, "own log"));
		rabbit_resync(&ev, 10 * SEC, 60 * SEC, true, &r);
		assert_string_equal(r.resync, t[i].fault ? t[i].is : "");
		assert_null(model_rabbitmq.acted(&ev, "queue_type"));
		acted = model_rabbitmq.acted(&ev, "pre_stop");
		assert_true(acted ? t[i].acted && !strcmp(acted, t[i].acted) : !t[i].acted);
		evidence_free(&ev);
		cJSON_Delete(x.events);
	}
}

/* What is lost with a member that came back with nothing is lost with the member; one that was to
 * be reset, and was not, has it. */
static void test_reset_loses(void **state)
{
	static const struct {
		const char *stop;
		int before, after;
		bool lost;
	} t[] = {{"none", 1, 2, false}, {"reset", 1, 1, true}, {"reset", 1, 2, false}, {"reset", 0, 0, false}};
	const struct op op = {.via = "r-0", .t_invoke = 9 * SEC, .t_return = 9 * SEC};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct tale x = {.events = cJSON_CreateArray()};
		char why[WHY_BYTES] = "";
		struct evidence ev;

		stops_by(&x, t[i].stop);
		away(&x, t[i].before, t[i].after);
		put(&x, 8 * SEC, "{\"k\":\"object\",\"type\":\"pod\",\"name\":\"r-0\",\"uid\":\"a\",\"restarts\":0}");
		put(&x, 12 * SEC, "{\"k\":\"object\",\"type\":\"pod\",\"name\":\"r-0\",\"uid\":\"b\",\"restarts\":0}");
		evidence_make(x.events, 0, fault_effects, &ev);
		assert_int_equal(rabbit_loss_cause(&ev, &op, NULL, why),
				 t[i].lost ? LOSS_RESTART : LOSS_UNKNOWN);
		assert_int_equal(*why != 0, t[i].lost);
		assert_int_equal(rabbit_emptied(&ev, 10 * SEC, 20 * SEC), t[i].lost);
		assert_false(rabbit_emptied(&ev, 14 * SEC, 20 * SEC));
		evidence_free(&ev);
		cJSON_Delete(x.events);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stamp),	   cmocka_unit_test(test_killed),
		cmocka_unit_test(test_silent),	   cmocka_unit_test(test_goes_on),
		cmocka_unit_test(test_heartbeats), cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_node_down),  cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_resync),	   cmocka_unit_test(test_reset_loses),
	};

	return cmocka_run_group_tests_name("rabbitmq, explain", tests, NULL, NULL);
}
