/* What Sentinel's rules allow, who won, and whether all is whole. */
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
#include "base/mem.h"
#include "fault/fault.h"
#include "system/prediction.h"
#include "test/lib/evidence_help.h"

extern const struct model_ops model_redis_sentinel;

#define SEC NS_PER_S
#define MS NS_PER_MS

/* ---- redundancy ---- */

static void set(struct sample *s, const char *name, enum role role, bool writable, const char *x)
{
	*s = (struct sample){.ok = true, .role = role, .writable = writable, .extra = test_json(x)};
	mem_copy_str(s->member, sizeof(s->member), name);
}

#define VIEW(h, names, flags, others, replicas) \
	"\"sentinel\":{\"host\":\"" h "\",\"names\":\"" names "\",\"flags\":\"" flags \
	"\",\"others\":" others ",\"of\":3,\"replicas\":" replicas "}}"
#define MASTER "{\"me\":\"m:6379\",\"followers\":2,"
#define REPLICA "{\"me\":\"r:6379\",\"of\":\"m:6379\",\"link\":\"up\","

static const char *judge(const char *x0, const char *x1, const char *x2, enum role second,
			 char *why)
{
	struct sample s[3];

	set(&s[0], "redis-master-0", ROLE_PRIMARY, true, x0);
	set(&s[1], "redis-replica-0", second, second == ROLE_PRIMARY, x1);
	set(&s[2], "redis-replica-1", ROLE_REPLICA, false, x2);
	if (model_redis_sentinel.redundant(s, 3, why))
		snprintf(why, 200, "redundant");
	for (int i = 0; i < 3; i++)
		cJSON_Delete(s[i].extra);
	return why;
}

static void refuses(const char *extra, const char *want)
{
	char why[WHY_BYTES];
	struct sample s;

	set(&s, "redis-master-0", ROLE_PRIMARY, false, extra);
	assert_false(model_redis_sentinel.redundant(&s, 1, why));
	assert_string_equal(why, want);
	cJSON_Delete(s.extra);
}

#define WELL VIEW("s0", "m:6379", "master", "2", "2")

static void test_redundant(void **state)
{
	char why[WHY_BYTES];

	(void)state;
	assert_string_equal(judge(MASTER WELL, REPLICA WELL, REPLICA WELL, ROLE_REPLICA, why), "redundant");
	assert_non_null(strstr(judge(MASTER WELL, MASTER WELL, REPLICA WELL, ROLE_PRIMARY, why),
			       "are both writable"));
	assert_non_null(strstr(judge("{\"me\":\"m:6379\",\"followers\":1,\"misconf\":true," WELL, REPLICA WELL,
				     REPLICA WELL, ROLE_REPLICA, why), "1 replicas online"));
	assert_non_null(strstr(judge(REPLICA WELL, REPLICA WELL, REPLICA WELL, ROLE_UNKNOWN, why),
			       "redis-replica-0 tells no role"));
	refuses("{\"misconf\":true}", "redis-master-0 is a master and takes no writes: MISCONF");
	refuses("{\"noreplicas\":true}", "redis-master-0 is a master and takes no writes: NOREPLICAS");
	refuses("{}", "redis-master-0 is a master and takes no writes");
	assert_non_null(strstr(judge(MASTER WELL, "{\"of\":\"m:6379\",\"link\":\"down\"," WELL, REPLICA WELL,
				     ROLE_REPLICA, why), "redis-replica-0 has no link"));
	assert_non_null(strstr(judge(MASTER WELL, "{\"of\":\"x:6379\",\"link\":\"up\"," WELL, REPLICA WELL,
				     ROLE_REPLICA, why), "follows x:6379"));
	assert_non_null(strstr(judge(MASTER VIEW("s0", "r:6379", "master", "2", "2"), REPLICA WELL, REPLICA WELL,
				     ROLE_REPLICA, why), "s0 names r:6379"));
	assert_non_null(strstr(judge(MASTER VIEW("s0", "m:6379", "master,s_down", "2", "2"), REPLICA WELL,
				     REPLICA WELL, ROLE_REPLICA, why), "s_down"));
	assert_non_null(strstr(judge(MASTER VIEW("s0", "m:6379", "master", "1", "2"), REPLICA WELL, REPLICA WELL,
				     ROLE_REPLICA, why), "knows 1 other Sentinels"));
	assert_non_null(strstr(judge(MASTER VIEW("s0", "m:6379", "master", "2", "1"), REPLICA WELL, REPLICA WELL,
				     ROLE_REPLICA, why), "knows 1 replicas"));
	assert_non_null(strstr(judge(MASTER "\"sentinel\":{\"host\":\"s0\",\"error\":\"timeout\"}}", REPLICA WELL,
				     REPLICA WELL, ROLE_REPLICA, why), "s0: timeout"));
	assert_non_null(strstr(judge(MASTER WELL, "{\"of\":\"" LONG_NAME ":6379\",\"link\":\"up\"," WELL, REPLICA WELL,
				     ROLE_REPLICA, why), "follows " LONG_NAME ":6379, not redis-master-0"));
	assert_non_null(strstr(judge(MASTER VIEW(LONG_NAME, LONG_NAME ":6379", "master", "2", "2"), REPLICA WELL,
				     REPLICA WELL, ROLE_REPLICA, why),
			       "Sentinel " LONG_NAME " names " LONG_NAME ":6379, not redis-master-0"));
	/* One is enough; where none was asked, none is known to agree. */
	assert_string_equal(judge(MASTER WELL, REPLICA "\"a\":1}", REPLICA "\"a\":1}", ROLE_REPLICA, why), "redundant");
	assert_string_equal(judge(MASTER "\"a\":1}", REPLICA "\"a\":1}", REPLICA "\"a\":1}", ROLE_REPLICA, why),
			    "no Sentinel was asked");
	assert_false(model_redis_sentinel.redundant(NULL, 0, why));
}

/* ---- predictions ---- */

static const char inforce[] =
	"[{\"name\":\"down-after-milliseconds\",\"value\":\"5000\"},{\"name\":\"failover-timeout\",\"value\":\"60000\"},"
	"{\"name\":\"quorum\",\"value\":\"2\"},{\"name\":\"num-other-sentinels\",\"value\":\"2\"},"
	"{\"name\":\"min-replicas-to-write\",\"value\":\"%d\"},{\"name\":\"min-replicas-max-lag\",\"value\":\"10\"},"
	"{\"name\":\"shutdown-timeout\",\"value\":\"10\"}]";

static void predict(const char *fault, const char *role, int64_t healed_s, int min_replicas,
		    struct prediction *p)
{
	cJSON *events = cJSON_CreateArray();
	struct evidence ev;
	char text[600];

	snprintf(text, sizeof(text), "{\"id\":\"f\",\"fault\":%s,\"targets\":[{\"member\":\"redis-master-0\",\"role\":\"%s\"}],"
		 "\"injected_ns\":1000000000,\"effective_ns\":1000000000%s", fault, role, healed_s ? "" : "}");
	if (healed_s)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ",\"healed_ns\":%lld}",
			 (long long)((1 + healed_s) * SEC));
	evidence_tell_fault(events, test_json(text));
	snprintf(text, sizeof(text), inforce, min_replicas);
	evidence_tell_inforce(events, test_json(text));
	evidence_make(events, 0, fault_effects, &ev);
	model_redis_sentinel.predict(&ev, fault_of(&ev, "f"), p);
	evidence_free(&ev);
	cJSON_Delete(events);
}

static bool has(const struct prediction *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->mech[i].name, name))
			return true;
	return false;
}

static void test_predict(void **state)
{
	const struct fault_record nothing = {.name = ""};
	const struct evidence none = {0};
	struct prediction p, q;

	(void)state;
	/* Longer than any failover may take: only the failover ends it. */
	predict("\"pause\"", "primary", 20, 0, &p);
	assert_true(p.known && has(&p, "replica promoted") && !has(&p, "fault ends"));
	assert_int_equal(p.lo_ns, 4 * SEC);
	assert_in_range(p.hi_ns, 8 * SEC, 12 * SEC);
	assert_non_null(strstr(p.note, "= 120 s"));
	/* Shorter than down-after less a ping: nobody may be promoted. */
	predict("\"pause\"", "primary", 3, 0, &p);
	assert_true(has(&p, "fault ends") && !has(&p, "replica promoted"));
	assert_in_range(p.lo_ns, 2 * SEC, 3 * SEC);
	/* In between both may be. */
	predict("\"pause\"", "primary", 6, 0, &p);
	assert_true(has(&p, "fault ends") && has(&p, "replica promoted"));
	predict("\"kill-pod\",\"params\":{\"how\":\"crash\"}", "primary", 0, 0, &p);
	assert_true(has(&p, "same member restarts") && has(&p, "replica promoted"));
	predict("\"kill-pod\",\"params\":{\"how\":\"graceful\"}", "primary", 0, 0, &q);
	assert_int_equal(q.hi_ns - p.hi_ns, 10 * SEC);
	assert_int_equal(q.lo_ns, p.lo_ns);
	predict("\"fill-disk\"", "primary", 15, 0, &p);
	/* MISCONF answers pings, too. */
	assert_true(has(&p, "replica promoted") && !has(&p, "fault ends"));
	predict("\"fill-disk\"", "primary", 2, 0, &p);
	assert_true(has(&p, "fault ends") && !has(&p, "replica promoted"));
	predict("\"partition-node\"", "primary", 30, 0, &p);
	assert_non_null(strstr(p.note, "until it is healed"));
	predict("\"partition-node\"", "primary", 30, 1, &p);
	assert_non_null(strstr(p.note, "max-lag = 10 s"));
	predict("\"node-down\"", "replica", 30, 0, &p);
	assert_true(p.known);
	assert_int_equal(p.hi_ns, 0);
	predict("\"node-down\"", "replica", 30, 2, &p);
	assert_false(p.known);
	predict("\"node-down\"", "unknown", 30, 0, &p);
	assert_false(p.known);
	predict("\"flood\"", "primary", 30, 0, &p);
	assert_false(p.known);
	memset(&p, 0, sizeof(p));
	model_redis_sentinel.predict(&none, &nothing, &p);
	assert_false(p.known);
}

/* Three nodes with a member and a Sentinel each; some are down from 1 s on, others
 * (NULL: none) from 3 s on. */
static void predict_nodes_off(const char *nodes, const char *later, struct prediction *p)
{
	static const char *const names[] = {"redis-master-0", "redis-replica-0", "redis-replica-1"};
	cJSON *events = test_json("[{\"k\":\"run\",\"t\":0,\"started\":\"2026-11-24T10:00:00Z\"}]");
	struct evidence ev;
	char text[600];

	for (int k = 0; k < 3; k++) {
		snprintf(text, sizeof(text), "{\"k\":\"sample\",\"s\":0,\"t\":500000000,\"m\":\"%s\",\"ok\":true}", names[k]);
		json_push(events, test_json(text));
		snprintf(text, sizeof(text), "{\"k\":\"object\",\"type\":\"pod\",\"s\":0,\"t\":1,\"name\":\"%s\",\"node\":\"n%d\"}",
			 names[k], k);
		json_push(events, test_json(text));
		snprintf(text, sizeof(text), "{\"k\":\"object\",\"type\":\"pod\",\"s\":0,\"t\":1,\"name\":\"guard-%d\",\"node\":\"n%d\"}",
			 k, k);
		json_push(events, test_json(text));
		snprintf(text, sizeof(text), "{\"k\":\"log\",\"s\":0,\"t\":9,\"member\":\"guard-%d\",\"text\":\""
			 "1:X 24 Nov 2026 09:59:15.600 * Sentinel ID is %d\"}", k, k);
		json_push(events, test_json(text));
	}
	snprintf(text, sizeof(text), "{\"id\":\"f\",\"fault\":\"node-down\",\"targets\":[%s],\"injected_ns\":1000000000,"
		 "\"effective_ns\":1000000000,\"healed_ns\":21000000000}", nodes);
	evidence_tell_fault(events, test_json(text));
	snprintf(text, sizeof(text), "{\"id\":\"g\",\"fault\":\"node-down\",\"targets\":[%s],\"injected_ns\":3000000000,"
		 "\"effective_ns\":3000000000,\"healed_ns\":21000000000}", later ? later : "");
	if (later)
		evidence_tell_fault(events, test_json(text));
	snprintf(text, sizeof(text), inforce, 0);
	evidence_tell_inforce(events, test_json(text));
	evidence_make(events, 0, fault_effects, &ev);
	model_redis_sentinel.predict(&ev, fault_of(&ev, "f"), p);
	evidence_free(&ev);
	cJSON_Delete(events);
}

#define ON_NODE(m, k, role) "{\"member\":\"" m "\",\"node\":\"n" #k "\",\"role\":\"" role "\"}"

static void test_predict_nodes_off(void **state)
{
	struct prediction p;

	(void)state;
	predict_nodes_off(ON_NODE("redis-master-0", 0, "primary"), NULL, &p);
	assert_true(has(&p, "replica promoted") && !has(&p, "fault ends") && p.lo_ns == 4 * SEC);
	/* With all of them off nobody promotes anybody, and nothing is served. */
	predict_nodes_off(ON_NODE("redis-master-0", 0, "primary") "," ON_NODE("redis-replica-0", 1, "replica") ","
			  ON_NODE("redis-replica-1", 2, "replica"), NULL, &p);
	assert_true(has(&p, "fault ends") && has(&p, "replica promoted"));
	assert_in_range(p.lo_ns, 19 * SEC, 20 * SEC);
	assert_in_range(p.hi_ns, 50 * SEC, 70 * SEC);
	assert_non_null(strstr(p.note, "until 20.0 s after the fault"));
	/* With two of them a replica is left, and a Sentinel that is no majority. */
	predict_nodes_off(ON_NODE("redis-master-0", 0, "primary") "," ON_NODE("redis-replica-0", 1, "replica"), NULL, &p);
	assert_in_range(p.lo_ns, 19 * SEC, 20 * SEC);
	/* It counts who is left when they would act, not when the fault came. */
	predict_nodes_off(ON_NODE("redis-master-0", 0, "primary"), ON_NODE("redis-replica-0", 1, "replica"), &p);
	assert_in_range(p.lo_ns, 19 * SEC, 20 * SEC);
}

/* ---- what happened ---- */

static void push(cJSON *events, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void push(cJSON *events, const char *fmt, ...)
{
	char text[2000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_push(events, test_json(text));
}

static void sample(cJSON *events, int64_t ms, const char *m, bool primary, const char *run)
{
	push(events, "{\"k\":\"sample\",\"s\":0,\"t\":%lld,\"m\":\"%s\",\"ok\":true,\"role\":\"%s\",\"writable\":%s,"
	     "\"x\":{\"run_id\":\"%s\"}}", (long long)ms * MS, m, primary ? "primary" : "replica",
	     primary ? "true" : "false", run);
}

static cJSON *scene(void)
{
	cJSON *events = cJSON_CreateArray();

	push(events, "{\"k\":\"run\",\"t\":0,\"started\":\"2026-11-24T10:00:00Z\"}");
	sample(events, 9900, "redis-master-0", true, "a");
	sample(events, 9900, "redis-replica-0", false, "b");
	return events;
}

/* With the fault that hit it, and all read. */
static const struct fault_record *read_all(cJSON *events, struct evidence *ev)
{
	evidence_tell_fault(events, test_json("{\"id\":\"f\",\"fault\":\"pause\",\"targets\":[{\"member\":\"redis-master-0\","
					  "\"role\":\"primary\"}],\"injected_ns\":10000000000,"
					  "\"effective_ns\":10050000000}"));
	evidence_make(events, 0, fault_effects, ev);
	return fault_of(ev, "f");
}

static void explain(cJSON *events, const struct prediction *p, struct milestones *m)
{
	struct evidence ev;

	model_redis_sentinel.explain(&ev, read_all(events, &ev), p, m);
	evidence_free(&ev);
	cJSON_Delete(events);
}

/* The replica takes over, as the Sentinels' logs and the samples tell. */
static cJSON *promotion(void)
{
	cJSON *events = scene();

	/* Asked before it was frozen: what a cut-off master says is no matter. */
	sample(events, 16950, "redis-master-0", true, "a");
	sample(events, 17020, "redis-replica-0", true, "b");
	push(events, "{\"k\":\"log\",\"s\":0,\"member\":\"redis-sentinel-1\",\"text\":\""
	     "1:X 24 Nov 2026 10:00:15.600 # +sdown master mymaster redis-master-0.redis-master 6379\\n"
	     "1:X 24 Nov 2026 10:00:15.900 # +odown master mymaster redis-master-0.redis-master 6379 #quorum 2/2\\n"
	     "1:X 24 Nov 2026 10:00:16.100 # +elected-leader master mymaster redis-master-0.redis-master 6379\\n"
	     "1:X 24 Nov 2026 10:00:16.900 # +promoted-slave slave redis-replica-0.redis-replica:6379 x\\n"
	     "1:X 24 Nov 2026 10:00:17.500 # +switch-master mymaster a 6379 b 6379\"}");
	push(events, "{\"k\":\"log\",\"s\":0,\"member\":\"redis-sentinel-0\",\"text\":\""
	     "1:X 24 Nov 2026 10:00:15.500 # +sdown master mymaster redis-master-0.redis-master 6379\"}");
	push(events, "{\"k\":\"log\",\"s\":0,\"member\":\"redis-replica-0\",\"text\":\""
	     "1:M 24 Nov 2026 10:00:16.250 * MASTER MODE enabled (user request from 'id=3')\"}");
	return events;
}

static void test_explain_promoted(void **state)
{
	struct milestones m = {.effective = 10050 * MS, .first_ack = 17000 * MS};
	struct prediction p = {0};

	(void)state;
	explain(promotion(), &p, &m);
	assert_string_equal(m.mechanism, "replica promoted");
	assert_int_equal(m.detected, 15900 * MS);
	assert_non_null(strstr(m.how_detected, "400 ms before"));
	assert_int_equal(m.elected, 16100 * MS);
	assert_int_equal(m.promoted, 16250 * MS);
	assert_int_equal(m.routed, 16900 * MS);
	assert_non_null(strstr(m.how_routed, "600 ms later"));
}

/* Whoever it is about, the whole name is told. */
static void test_explain_long_names(void **state)
{
	struct milestones m = {.effective = 10050 * MS, .first_ack = 17000 * MS};
	struct prediction p = {0};
	cJSON *events = evidence_renamed(promotion(), "redis-", LONG_NAME "-");

	(void)state;
	explain(events, &p, &m);
	assert_non_null(strstr(m.how_detected, LONG_NAME "-sentinel-1:"));
	assert_non_null(strstr(m.how_elected, LONG_NAME "-sentinel-1:"));
	assert_non_null(strstr(m.how_promoted, LONG_NAME "-replica-0:"));
	assert_non_null(strstr(m.how_routed, LONG_NAME "-sentinel-1:"));
	assert_string_equal(m.why_mechanism, LONG_NAME "-replica-0 is the master instead of " LONG_NAME "-master-0");
}

static void test_explain_restart(void **state)
{
	struct milestones m = {.effective = 10050 * MS, .first_ack = 12000 * MS};
	struct prediction p = {.n = 1};
	cJSON *events = scene();

	(void)state;
	snprintf(p.mech[0].name, sizeof(p.mech[0].name), "same member restarts");
	sample(events, 11950, "redis-master-0", true, "c");
	explain(events, &p, &m);
	assert_string_equal(m.mechanism, "same member restarts");
	assert_int_equal(m.detected, 11950 * MS);
	assert_int_equal(m.promoted, 11950 * MS);
	assert_int_equal(m.elected, 0);
}

/* A Sentinel does nothing for 30 s once it has seen time jump: that may have
 * been before the fault. */
static void test_explain_tilt(void **state)
{
	struct milestones m = {.effective = 10050 * MS, .first_ack = 41 * SEC};
	struct prediction p = {0};
	cJSON *events = scene();

	(void)state;
	sample(events, 41020, "redis-replica-0", true, "b");
	push(events, "{\"k\":\"log\",\"s\":0,\"member\":\"redis-sentinel-1\",\"text\":\""
	     "1:X 24 Nov 2026 10:00:05.600 # +tilt #tilt mode entered\"}");
	explain(events, &p, &m);
	assert_string_equal(m.mechanism, "replica promoted");
	assert_non_null(strstr(m.why_mechanism, "redis-sentinel-1 was in TILT from 4.4 s before the fault on"));
	/* One that was long over. */
	m = (struct milestones){.effective = 50050 * MS, .first_ack = 41 * SEC};
	events = cJSON_CreateArray();
	push(events, "{\"k\":\"run\",\"t\":0,\"started\":\"2026-11-24T10:00:00Z\"}");
	sample(events, 9900, "redis-master-0", true, "a");
	sample(events, 41020, "redis-replica-0", true, "b");
	push(events, "{\"k\":\"log\",\"s\":0,\"member\":\"redis-sentinel-1\",\"text\":\""
	     "1:X 24 Nov 2026 09:59:35.600 # +tilt #tilt mode entered\"}");
	explain(events, &p, &m);
	assert_null(strstr(m.why_mechanism, "TILT"));
}

/* Nothing is made up. */
static void test_explain_nothing(void **state)
{
	struct milestones m = {.effective = 10050 * MS, .first_ack = 17000 * MS};
	struct prediction p = {0};

	(void)state;
	explain(scene(), &p, &m);
	assert_string_equal(m.mechanism, "");
	assert_non_null(strstr(m.why_mechanism, "after the outage"));
	assert_int_equal(m.detected + m.elected + m.promoted + m.routed, 0);
}

static void test_loss_cause(void **state)
{
	struct op op = {.f = OP_INSERT, .value = 1, .via = "10.0.0.1:6379"};
	const struct fault_record *fault;
	cJSON *events = scene();
	struct evidence ev;
	char why[WHY_BYTES] = "";

	(void)state;
	push(events, "{\"k\":\"object\",\"type\":\"pod\",\"s\":0,\"t\":1,\"name\":\"redis-master-0\",\"ip\":\"10.0.0.1\"}");
	push(events, "{\"k\":\"object\",\"type\":\"pod\",\"s\":0,\"t\":1,\"name\":\"redis-replica-0\",\"ip\":\"10.0.0.12\"}");
	sample(events, 16950, "redis-replica-0", true, "b");
	fault = read_all(events, &ev);
	/* Nobody else was a master yet. */
	op.t_invoke = 16000 * MS;
	op.t_return = 16010 * MS;
	assert_int_equal(model_redis_sentinel.loss_cause(&ev, &op, fault, why), LOSS_UNKNOWN);
	op.t_invoke = 17950 * MS;
	op.t_return = 17960 * MS;
	assert_int_equal(model_redis_sentinel.loss_cause(&ev, &op, fault, why), LOSS_MINORITY);
	assert_non_null(strstr(why, "redis-master-0 acknowledged it when redis-replica-0 had been the master for 1.0 s"));
	/* The newer master's own losses have another cause. */
	op.via = "10.0.0.12:6379";
	assert_int_equal(model_redis_sentinel.loss_cause(&ev, &op, fault, why), LOSS_UNKNOWN);
	op.via = "10.0.0.9:6379";
	assert_int_equal(model_redis_sentinel.loss_cause(&ev, &op, fault, why), LOSS_UNKNOWN);
	evidence_free(&ev);
	op.via = "10.0.0.1:6379";
	events = evidence_renamed(events, "redis-", LONG_NAME "-");
	evidence_make(events, 0, fault_effects, &ev);
	assert_int_equal(model_redis_sentinel.loss_cause(&ev, &op, fault_of(&ev, "f"), why), LOSS_MINORITY);
	assert_non_null(strstr(why, LONG_NAME "-master-0 acknowledged it when " LONG_NAME "-replica-0 had been"));
	evidence_free(&ev);
	cJSON_Delete(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redundant),
		cmocka_unit_test(test_predict),
		cmocka_unit_test(test_predict_nodes_off),
		cmocka_unit_test(test_explain_promoted),
		cmocka_unit_test(test_explain_long_names),
		cmocka_unit_test(test_explain_restart),
		cmocka_unit_test(test_explain_nothing),
		cmocka_unit_test(test_explain_tilt),
		cmocka_unit_test(test_loss_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
