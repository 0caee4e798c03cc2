#ifndef ORDEAL_TEST_SYSTEM_KAFKA_TALE_H
#define ORDEAL_TEST_SYSTEM_KAFKA_TALE_H

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "system/model.h"
#include "test/lib/evidence_help.h"

/* What a test tells of Kafka's brokers and of their logs. Include cmocka before. */

extern const struct model_ops model_kafka;

#define SEC NS_PER_S
#define MS NS_PER_MS
#define LEADER "\"targets\":[{\"member\":\"kafka-0\",\"role\":\"primary\"}]"
#define FOLLOWER "\"targets\":[{\"member\":\"kafka-0\",\"role\":\"replica\"}]"
#define AT "\"id\":\"f\",\"injected_ns\":10000000000,\"effective_ns\":10050000000,"

struct tale {
	cJSON *events;
	struct evidence ev;
	struct prediction p;
	struct milestones m;
};

static inline cJSON *parse(const char *text)
{
	struct err e = {0};
	cJSON *o = json_parse(text, "test", &e);

	if (!o)
		fail_msg("%s: %s", e.msg, text);
	return o;
}

static inline void put(struct tale *t, int64_t at, cJSON *e)
{
	json_set_i64(e, "t", at);
	json_set_i64(e, "s", 0);
	json_push(t->events, e);
}

/* Three brokers answered before; the active controller is kafka-N. */
static inline void tale_begin(struct tale *t, const char *fault, const char *settings, int active)
{
	cJSON *e = parse("{\"k\":\"run\",\"started\":\"2026-11-29T00:00:00.000Z\"}");
	char text[200];

	memset(t, 0, sizeof(*t));
	t->events = cJSON_CreateArray();
	json_set_i64(e, "t", 0);
	json_push(t->events, e);
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "{\"k\":\"sample\",\"m\":\"kafka-%d\",\"ok\":true,\"x\":{\"id\":%d,\"controller\":%s}}",
			 i, i, i == active ? "true" : "false");
		put(t, 9900 * MS, parse(text));
	}
	evidence_tell_inforce(t->events, parse(settings));
	evidence_tell_fault(t->events, parse(fault));
}

static inline void log_of(struct tale *t, const char *member, const char *text)
{
	/* Kept whole, unless it ends so. */
	bool cut = strstr(text, "(cut)");
	cJSON *e = parse(cut ? "{\"k\":\"log\",\"container\":\"\",\"most\":1}" :
			       "{\"k\":\"log\",\"container\":\"\",\"most\":1000}");

	json_set_str(e, "member", member);
	json_set_str(e, "text", text);
	put(t, 60 * SEC, e);
}

static inline void tale_tell(struct tale *t, int64_t first_ack)
{
	const struct fault_record *f;

	evidence_make(t->events, 0, fault_effects, &t->ev);
	f = fault_of(&t->ev, "f");
	model_kafka.predict(&t->ev, f, &t->p);
	assert_true(strlen(t->p.note) < sizeof(t->p.note) - 1);
	for (size_t i = 0; i < t->p.n; i++)
		assert_true(strlen(t->p.mech[i].rule) < sizeof(t->p.mech[i].rule) - 1);
	t->m.effective = f->effective_ns;
	t->m.first_ack = first_ack;
	model_kafka.explain(&t->ev, f, &t->p, &t->m);
}

static inline void tale_end(struct tale *t)
{
	evidence_free(&t->ev);
	cJSON_Delete(t->events);
}

static inline bool has(const struct tale *t, const char *name)
{
	for (size_t i = 0; i < t->p.n; i++)
		if (!strcmp(t->p.mech[i].name, name))
			return true;
	return false;
}

static const char defaults[] = "[{\"name\":\"session_timeout\",\"value\":\"9000\"},{\"name\":\"heartbeat_interval\",\"value\":\"2000\"},"
	"{\"name\":\"quorum_fetch_timeout\",\"value\":\"2000\"},{\"name\":\"quorum_election_timeout\",\"value\":\"1000\"},"
	"{\"name\":\"replica_lag_time_max\",\"value\":\"30000\"},{\"name\":\"min_insync_replicas\",\"value\":\"2\"},"
	"{\"name\":\"acks\",\"value\":\"all\"},{\"name\":\"version\",\"value\":\"3.6\"}]";
static const char kill_leader[] = "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," AT LEADER "}";
static const char calm[] = "[2026-11-29 00:00:01,000] INFO started (x)\n[2026-11-29 00:00:50,000] INFO still here (x)\n";

#endif
