#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "system/model.h"
#include "test/lib/evidence_help.h"

extern const struct model_ops model_postgres;

/* What Patroni's rules allow, who won, and whether all is whole. */

#define SEC NS_PER_S
#define MS NS_PER_MS

static cJSON *parse(const char *text)
{
	struct err e = { 0 };
	cJSON *o = json_parse(text, "test", &e);

	assert_non_null(o);
	return o;
}

static const char defaults[] =
	"[{\"name\":\"ttl\",\"value\":\"30\",\"unit\":\"s\"},{\"name\":\"loop_wait\",\"value\":\"10\",\"unit\":\"s\"},"
	"{\"name\":\"retry_timeout\",\"value\":\"10\",\"unit\":\"s\"},"
	"{\"name\":\"primary_start_timeout\",\"value\":\"300\",\"unit\":\"s\"},"
	"{\"name\":\"synchronous_mode\",\"value\":\"off\",\"unit\":\"bool\"}]";

static struct prediction predict(const char *fault, const char *inforce)
{
	cJSON *events = cJSON_CreateArray(), *s = inforce ? parse(inforce) : NULL;
	struct prediction p;
	struct evidence ev;
	size_t i;

	evidence_tell_fault(events, parse(fault));
	evidence_make(events, 0, fault_effects, &ev);
	assert_int_equal(ev.nfaults, 1);
	ev.inforce = s;
	model_postgres.predict(&ev, &ev.faults[0], &p);
	for (i = 0; i < p.n; i++) {
		assert_true(p.mech[i].lo_ns >= 0 && p.mech[i].lo_ns <= p.mech[i].hi_ns);
		assert_true(p.lo_ns <= p.mech[i].lo_ns && p.mech[i].hi_ns <= p.hi_ns);
		assert_true(*p.mech[i].rule && *p.mech[i].source);
		/* Not cut off. */
		assert_true(strlen(p.mech[i].rule) < sizeof(p.mech[i].rule) - 1);
	}
	assert_true(strlen(p.note) < sizeof(p.note) - 1);
	assert_int_equal(p.known, p.n > 0);
	evidence_free(&ev);
	cJSON_Delete(events);
	cJSON_Delete(s);
	return p;
}

static bool has(const struct prediction *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (!strcmp(p->mech[i].name, name))
			return true;
	return false;
}

#define PRIMARY "\"targets\":[{\"member\":\"postgres-0\",\"role\":\"primary\"}]"
#define REPLICA "\"targets\":[{\"member\":\"postgres-1\",\"role\":\"replica\"}]"

/* Beside another fault; three members that answered before. */
static struct prediction predict_beside(const char *fault, const char *other, const char *inforce)
{
	cJSON *events = cJSON_CreateArray(), *s = parse(inforce), *f = parse(fault);
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
	evidence_make(events, 0, fault_effects, &ev);
	ev.inforce = s;
	model_postgres.predict(&ev, fault_of(&ev, "f"), &p);
	assert_true(strlen(p.note) < sizeof(p.note) - 1);
	for (size_t i = 0; i < p.n; i++)
		assert_true(strlen(p.mech[i].rule) < sizeof(p.mech[i].rule) - 1);
	evidence_free(&ev);
	cJSON_Delete(events);
	cJSON_Delete(s);
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

static const char with_etcd[] =
	"[{\"name\":\"ttl\",\"value\":\"30\",\"unit\":\"s\"},{\"name\":\"loop_wait\",\"value\":\"10\",\"unit\":\"s\"},"
	"{\"name\":\"retry_timeout\",\"value\":\"10\",\"unit\":\"s\"},"
	"{\"name\":\"primary_start_timeout\",\"value\":\"300\",\"unit\":\"s\"},"
	"{\"name\":\"synchronous_mode\",\"value\":\"off\",\"unit\":\"bool\"},"
	"{\"name\":\"store\",\"value\":\"etcd\",\"unit\":\"word\"}]";

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

static void member(struct sample *s, const char *name, enum role role, int64_t tl, const char *extra)
{
	memset(s, 0, sizeof(*s));
	mem_copy_str(s->member, sizeof(s->member), name);
	s->ok = true;
	s->role = role;
	s->writable = role == ROLE_PRIMARY;
	s->timeline = tl;
	s->extra = extra ? parse(extra) : NULL;
}

static void test_redundant(void **state)
{
	struct sample s[3];
	char why[WHY_BYTES];
	size_t i;

	(void)state;
	member(&s[0], "postgres-0", ROLE_PRIMARY, 3,
	       "{\"replication\":[{\"name\":\"postgres-1\",\"state\":\"streaming\"},{\"name\":\"postgres-2\",\"state\":\"streaming\"}]}");
	member(&s[1], "postgres-1", ROLE_REPLICA, 3, "{\"receiver\":\"streaming\"}");
	member(&s[2], "postgres-2", ROLE_REPLICA, 3, NULL);
	assert_true(model_postgres.redundant(s, 3, why));

	s[2].timeline = 2;
	assert_false(model_postgres.redundant(s, 3, why));
	assert_non_null(strstr(why, "postgres-2 is on timeline 2"));
	s[2].timeline = 3;
	s[2].ok = false;
	assert_false(model_postgres.redundant(s, 3, why));
	assert_string_equal(why, "postgres-2 does not answer");
	s[2].ok = true;
	s[2].role = ROLE_PRIMARY;
	s[2].writable = true;
	assert_false(model_postgres.redundant(s, 3, why));
	assert_non_null(strstr(why, "both writable"));
	s[2].writable = false;
	assert_false(model_postgres.redundant(s, 3, why));
	s[2].role = ROLE_REPLICA;

	cJSON_Delete(s[0].extra);
	s[0].extra = parse("{\"replication\":[{\"name\":\"postgres-1\",\"state\":\"streaming\"},{\"name\":\"postgres-2\",\"state\":\"catchup\"}]}");
	assert_false(model_postgres.redundant(s, 3, why));
	assert_string_equal(why, "postgres-0 does not see postgres-2 streaming");

	/* The primary does not tell: the standbys' own word; else nothing. */
	cJSON_Delete(s[0].extra);
	s[0].extra = NULL;
	assert_false(model_postgres.redundant(s, 3, why));
	assert_non_null(strstr(why, "nothing tells"));
	assert_true(model_postgres.redundant(s, 2, why));

	s[0].role = ROLE_REPLICA;
	s[0].writable = false;
	assert_false(model_postgres.redundant(s, 3, why));
	assert_string_equal(why, "no member is a writable primary");
	assert_false(model_postgres.redundant(s, 0, why));
	for (i = 0; i < 3; i++)
		cJSON_Delete(s[i].extra);
}

static void test_redundant_store(void **state)
{
	static const struct {
		const char *view, *why;
	} t[] = {
		{"{\"store\":{\"host\":\"etcd-1.etcd\",\"leader\":\"postgres-0\"}}", NULL},
		{"{\"store\":{\"host\":\"etcd-1.etcd\",\"leader\":\"\"}}", "etcd-1.etcd names nobody as the leader"},
		{"{\"store\":{\"host\":\"etcd-1.etcd\",\"leader\":\"postgres-1\"}}",
		 "etcd-1.etcd names postgres-1 as the leader"},
		{"{\"store\":{\"host\":\"etcd-1.etcd\",\"error\":\"timeout: no answer\"}}",
		 "etcd-1.etcd: timeout: no answer"},
	};
	struct sample s[2];
	char why[WHY_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		member(&s[0], "postgres-0", ROLE_PRIMARY, 3,
		       "{\"replication\":[{\"name\":\"postgres-1\",\"state\":\"streaming\"}]}");
		member(&s[1], "postgres-1", ROLE_REPLICA, 3, t[i].view);
		assert_int_equal(model_postgres.redundant(s, 2, why), !t[i].why);
		assert_string_equal(why, t[i].why ? t[i].why : "");
		cJSON_Delete(s[0].extra);
		cJSON_Delete(s[1].extra);
	}
}

/* ---- the parts of an outage ---- */

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

static void sample(struct tale *t, int64_t at, const char *m, bool ok, bool primary, int tl)
{
	char text[200];

	snprintf(text, sizeof(text),
		 "{\"k\":\"sample\",\"m\":\"%s\",\"ok\":%s,\"role\":\"%s\",\"writable\":%s,\"tl\":%d,\"took_ms\":2}", m,
		 ok ? "true" : "false", !ok ? "unknown" : primary ? "primary" : "replica", primary ? "true" : "false", tl);
	put(t, at, text);
}

static void lease(struct tale *t, int64_t at, const char *leader)
{
	char text[300];

	snprintf(text, sizeof(text),
		 "{\"k\":\"object\",\"type\":\"endpoints\",\"name\":\"postgres-cluster\",\"addrs\":[],\"annotations\":{%s%s%s"
		 "\"renewTime\":\"x\",\"ttl\":\"30\"}}",
		 leader ? "\"leader\":\"" : "", leader ? leader : "", leader ? "\"," : "");
	put(t, at, text);
}

static void service(struct tale *t, int64_t at, const char *addr)
{
	char text[200];

	snprintf(text, sizeof(text),
		 "{\"k\":\"object\",\"type\":\"endpoints\",\"name\":\"postgres-master\",\"addrs\":[%s%s%s]}",
		 *addr ? "\"" : "", addr, *addr ? "\"" : "");
	put(t, at, text);
}

/* The fault at 10 s, the last renewal at 5 s. */
static void tale_begin(struct tale *t, const char *fault)
{
	cJSON *f = parse(fault);
	int64_t at;
	int i;

	memset(t, 0, sizeof(*t));
	t->events = cJSON_CreateArray();
	json_set_i64(f, "injected_ns", 10 * SEC);
	json_set_i64(f, "effective_ns", 10 * SEC + 50 * MS);
	evidence_tell_fault(t->events, f);
	for (i = 0; i < 3; i++) {
		char text[200];

		snprintf(text, sizeof(text),
			 "{\"k\":\"object\",\"type\":\"pod\",\"name\":\"postgres-%d\",\"uid\":\"u%d\",\"ip\":\"10.1.0.%d\",\"restarts\":0}",
			 i, i, i + 1);
		put(t, SEC, text);
	}
	service(t, SEC, "10.1.0.1 postgres-0");
	lease(t, 5 * SEC, "postgres-0");
	for (at = 5 * SEC; at <= 10 * SEC; at += 100 * MS) {
		sample(t, at, "postgres-0", true, true, 1);
		sample(t, at + 2 * MS, "postgres-1", true, false, 1);
	}
}

static void tale_tell_with(struct tale *t, int64_t first_ack, const char *inforce)
{
	cJSON *s = parse(inforce);
	struct evidence ev;

	evidence_make(t->events, 0, fault_effects, &ev);
	assert_int_equal(ev.nfaults, 1);
	ev.inforce = s;
	model_postgres.predict(&ev, &ev.faults[0], &t->p);
	t->m.effective = 10 * SEC + 50 * MS;
	t->m.first_ack = first_ack;
	model_postgres.explain(&ev, &ev.faults[0], &t->p, &t->m);
	evidence_free(&ev);
	cJSON_Delete(s);
}

static void tale_tell(struct tale *t, int64_t first_ack)
{
	tale_tell_with(t, first_ack, defaults);
}

static void tale_end(struct tale *t)
{
	cJSON_Delete(t->events);
}

static void others(struct tale *t, int64_t from, int64_t to, int64_t promoted)
{
	int64_t at;

	for (at = from; at < to; at += 100 * MS) {
		sample(t, at, "postgres-0", false, false, -1);
		sample(t, at + 2 * MS, "postgres-1", true, at >= promoted, at >= promoted ? 2 : 1);
	}
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

static void log_event(struct tale *t, const char *m, const char *text)
{
	cJSON *e = cJSON_CreateObject();

	json_set_i64(e, "t", 60 * SEC);
	json_set_i64(e, "s", 0);
	json_set_str(e, "k", "log");
	json_set_str(e, "member", m);
	json_set_str(e, "text", text);
	json_push(t->events, e);
}

static struct recovery_info resync_as(const struct tale *t, bool back)
{
	struct recovery_info r;
	struct evidence ev;

	evidence_make(t->events, 0, fault_effects, &ev);
	model_postgres.resync(&ev, 10 * SEC, 60 * SEC, back, &r);
	evidence_free(&ev);
	return r;
}

static struct recovery_info resync(const struct tale *t)
{
	return resync_as(t, true);
}

/* What did not come back did not stream anything. */
static void test_resync_that_failed(void **state)
{
	struct recovery_info r;
	struct tale t;

	(void)state;
	tale_begin(&t, "{\"fault\":\"node-down\"," PRIMARY "}");
	put(&t, 0, "{\"k\":\"run\",\"started\":\"2026-01-01T10:00:00.000Z\"}");
	others(&t, 10100 * MS, 20 * SEC, 12 * SEC);
	log_event(&t, "postgres-0", "2026-01-01 10:00:40,000 INFO: no action. I am (postgres-0), a secondary\n");
	r = resync_as(&t, false);
	assert_string_equal(r.resync, "");
	assert_string_equal(r.how, "");

	log_event(&t, "postgres-0",
		  "2026-01-01 10:00:05.000 UTC [19] FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 000000010000000000000001 has already been removed\n"
		  "2026-01-01 10:00:41.000 UTC [19] FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 000000020000000000000005 has already been removed\n");
	r = resync_as(&t, false);
	assert_string_equal(r.resync, "");
	assert_string_equal(r.how, "log of postgres-0: requested WAL segment 000000020000000000000005 has already been removed");
	/* It came back all the same: not by streaming. */
	r = resync(&t);
	assert_string_equal(r.resync, "");
	assert_non_null(strstr(r.how, "requested WAL segment 000000020000000000000005"));
	tale_end(&t);

	/* A rewind that was begun, and no more. */
	tale_begin(&t, "{\"fault\":\"node-down\"," PRIMARY "}");
	put(&t, 0, "{\"k\":\"run\",\"started\":\"2026-01-01T10:00:00.000Z\"}");
	others(&t, 10100 * MS, 20 * SEC, 12 * SEC);
	log_event(&t, "postgres-0", "2026-01-01 10:00:30,500 INFO: running pg_rewind from host=x\n");
	r = resync(&t);
	assert_string_equal(r.resync, "");
	r = resync_as(&t, false);
	assert_string_equal(r.resync, "");
	assert_string_equal(r.how, "Patroni's log of postgres-0 tells that pg_rewind was begun, and of no end of it");

	/* A receiver that has not noticed that its source is gone. */
	put(&t, 15 * SEC, "{\"k\":\"object\",\"type\":\"pod\",\"name\":\"postgres-0\",\"uid\":\"new\",\"ip\":\"10.1.0.9\",\"restarts\":0}");
	put(&t, 59 * SEC, "{\"k\":\"sample\",\"m\":\"postgres-1\",\"ok\":true,\"role\":\"replica\",\"writable\":false,\"tl\":1,"
	    "\"x\":{\"receiver\":\"streaming\",\"source\":\"10.1.0.1\"}}");
	r = resync_as(&t, false);
	assert_string_equal(r.how, "postgres-1 still receives from 10.1.0.1, where postgres-0 was until it was made anew: its connection is half open");
	tale_end(&t);
}

static void test_resync(void **state)
{
	struct recovery_info r;
	struct tale t;

	(void)state;
	tale_begin(&t, "{\"fault\":\"node-down\"," PRIMARY "}");
	put(&t, 0, "{\"k\":\"run\",\"started\":\"2026-01-01T10:00:00.000Z\"}");
	r = resync(&t);
	assert_string_equal(r.resync, "none");

	others(&t, 10100 * MS, 20 * SEC, 12 * SEC);
	r = resync(&t);
	assert_string_equal(r.resync, ""); /* no log: unknown */

	/* The copy at the very beginning is not this fault's. */
	log_event(&t, "postgres-0",
		  "2026-01-01 10:00:02,000 INFO: replica has been created using basebackup\n"
		  "2026-01-01 10:00:40,000 INFO: no action. I am (postgres-0), a secondary\n");
	r = resync(&t);
	assert_string_equal(r.resync, "partial");
	assert_int_equal(r.bytes, -1);

	log_event(&t, "postgres-0", "2026-01-01 10:00:30,500 INFO: running pg_rewind from host=x\n"
				    "2026-01-01 10:00:32,500 INFO: pg_rewind exit code=0\n");
	r = resync(&t);
	assert_string_equal(r.resync, "rewind");
	assert_non_null(strstr(r.how, "postgres-0"));

	log_event(&t, "postgres-0", "2026-01-01 10:00:35,500 INFO: replica has been created using basebackup");
	r = resync(&t);
	assert_string_equal(r.resync, "full");
	tale_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill_pod),
		cmocka_unit_test(test_nobody_left),
		cmocka_unit_test(test_dies_on_a_full_disk),
		cmocka_unit_test(test_settings_matter),
		cmocka_unit_test(test_kill_process),
		cmocka_unit_test(test_lasting),
		cmocka_unit_test(test_partition),
		cmocka_unit_test(test_etcd),
		cmocka_unit_test(test_disk_and_replica),
		cmocka_unit_test(test_redundant),
		cmocka_unit_test(test_redundant_store),
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
		cmocka_unit_test(test_resync),
		cmocka_unit_test(test_resync_that_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
