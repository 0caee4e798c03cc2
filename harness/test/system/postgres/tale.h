#ifndef ORDEAL_TEST_SYSTEM_POSTGRES_TALE_H
#define ORDEAL_TEST_SYSTEM_POSTGRES_TALE_H

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "fault/fault.h"
#include "system/model.h"
#include "test/lib/evidence_help.h"

/* What a test tells of Patroni's members, its lease and its logs. Include cmocka before. */

extern const struct model_ops model_postgres;

/* What Patroni's rules allow, who won, and whether all is whole. */

#define SEC NS_PER_S
#define MS NS_PER_MS

static inline cJSON *parse(const char *text)
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

static inline struct prediction predict(const char *fault, const char *inforce)
{
	cJSON *events = cJSON_CreateArray();
	struct prediction p;
	struct evidence ev;
	size_t i;

	evidence_tell_fault(events, parse(fault));
	evidence_tell_inforce(events, inforce ? parse(inforce) : NULL);
	evidence_make(events, 0, fault_effects, &ev);
	assert_int_equal(ev.nfaults, 1);
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
	return p;
}

static inline bool has(const struct prediction *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (!strcmp(p->mech[i].name, name))
			return true;
	return false;
}

#define PRIMARY "\"targets\":[{\"member\":\"postgres-0\",\"role\":\"primary\"}]"
#define REPLICA "\"targets\":[{\"member\":\"postgres-1\",\"role\":\"replica\"}]"

static const char with_etcd[] =
	"[{\"name\":\"ttl\",\"value\":\"30\",\"unit\":\"s\"},{\"name\":\"loop_wait\",\"value\":\"10\",\"unit\":\"s\"},"
	"{\"name\":\"retry_timeout\",\"value\":\"10\",\"unit\":\"s\"},"
	"{\"name\":\"primary_start_timeout\",\"value\":\"300\",\"unit\":\"s\"},"
	"{\"name\":\"synchronous_mode\",\"value\":\"off\",\"unit\":\"bool\"},"
	"{\"name\":\"store\",\"value\":\"etcd\",\"unit\":\"word\"}]";

struct tale {
	cJSON *events;
	struct prediction p;
	struct milestones m;
};

static inline void put(struct tale *t, int64_t at, const char *text)
{
	cJSON *e = parse(text);

	json_set_i64(e, "t", at);
	json_set_i64(e, "s", 0);
	json_push(t->events, e);
}

static inline void sample(struct tale *t, int64_t at, const char *m, bool ok, bool primary, int tl)
{
	char text[200];

	snprintf(text, sizeof(text),
		 "{\"k\":\"sample\",\"m\":\"%s\",\"ok\":%s,\"role\":\"%s\",\"writable\":%s,\"tl\":%d,\"took_ms\":2}", m,
		 ok ? "true" : "false", !ok ? "unknown" : primary ? "primary" : "replica", primary ? "true" : "false", tl);
	put(t, at, text);
}

static inline void lease(struct tale *t, int64_t at, const char *leader)
{
	char text[300];

	snprintf(text, sizeof(text),
		 "{\"k\":\"object\",\"type\":\"endpoints\",\"name\":\"postgres-cluster\",\"addrs\":[],\"annotations\":{%s%s%s"
		 "\"renewTime\":\"x\",\"ttl\":\"30\"}}",
		 leader ? "\"leader\":\"" : "", leader ? leader : "", leader ? "\"," : "");
	put(t, at, text);
}

static inline void service(struct tale *t, int64_t at, const char *addr)
{
	char text[200];

	snprintf(text, sizeof(text),
		 "{\"k\":\"object\",\"type\":\"endpoints\",\"name\":\"postgres-master\",\"addrs\":[%s%s%s]}",
		 *addr ? "\"" : "", addr, *addr ? "\"" : "");
	put(t, at, text);
}

/* The fault at 10 s, the last renewal at 5 s. */
static inline void tale_begin(struct tale *t, const char *fault)
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

static inline void tale_end(struct tale *t)
{
	cJSON_Delete(t->events);
}

static inline void others(struct tale *t, int64_t from, int64_t to, int64_t promoted)
{
	int64_t at;

	for (at = from; at < to; at += 100 * MS) {
		sample(t, at, "postgres-0", false, false, -1);
		sample(t, at + 2 * MS, "postgres-1", true, at >= promoted, at >= promoted ? 2 : 1);
	}
}

#endif
