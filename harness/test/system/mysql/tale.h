#ifndef ORDEAL_TEST_SYSTEM_MYSQL_TALE_H
#define ORDEAL_TEST_SYSTEM_MYSQL_TALE_H

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "system/model.h"
#include "test/lib/evidence_help.h"

/* What a test tells of MySQL's members, of who runs them, and of their logs. Include
 * cmocka before. */

extern const struct model_ops model_mysql;

#define SEC NS_PER_S
#define MS NS_PER_MS

#define PRIMARY "\"targets\":[{\"member\":\"mysql-0\",\"role\":\"primary\"}]"
#define REPLICA "\"targets\":[{\"member\":\"mysql-1\",\"role\":\"replica\"}]"
#define UUID_0 "00000000-0000-11f0-8000-000000000000"
#define UUID_1 "11111111-0000-11f0-8000-000000000001"

static const char kill_primary[] = "{\"fault\":\"kill-pod\",\"params\":{\"how\":\"crash\"}," PRIMARY "}";

static inline cJSON *parse(const char *text)
{
	struct err e = {0};
	cJSON *o = json_parse(text, "test", &e);

	if (!o)
		fail_msg("%s: %s", e.msg, text);
	return o;
}

struct tale {
	cJSON *events;
	struct evidence ev;
	struct prediction p;
	struct milestones m;
};

static inline void put(struct tale *t, int64_t at, cJSON *e)
{
	json_set_i64(e, "t", at);
	json_set_i64(e, "s", 0);
	json_push(t->events, e);
}

/* Settings in force as "name=value name=value". */
static inline cJSON *settings(const char *text)
{
	cJSON *out = cJSON_CreateArray();
	char name[64], value[64];
	int n = 0;

	for (; sscanf(text, " %63[^=]=%63s%n", name, value, &n) == 2; text += n) {
		cJSON *o = cJSON_CreateObject();

		json_set_str(o, "name", name);
		json_set_str(o, "value", value);
		json_push(out, o);
	}
	return out;
}

/* The run begins at 0 by both clocks; the fault comes at 10 s. */
static inline void tale_begin(struct tale *t, const char *fault, const char *inforce)
{
	cJSON *f = parse(fault), *e;

	memset(t, 0, sizeof(*t));
	t->events = cJSON_CreateArray();
	e = parse("{\"k\":\"run\",\"started\":\"2026-11-29T00:00:00.000Z\"}");
	json_set_i64(e, "t", 0);
	json_push(t->events, e);
	e = parse("{\"k\":\"inforce\"}");
	json_set(e, "settings", settings(inforce));
	put(t, 1, e);
	json_set_i64(f, "injected_ns", 10 * SEC);
	json_set_i64(f, "effective_ns", 10 * SEC + 50 * MS);
	evidence_tell_fault(t->events, f);
}

/* `x`: the sample's extra as JSON, NULL none. */
static inline void sample(struct tale *t, int64_t at, const char *m, enum role role, bool writable,
			  const char *x)
{
	cJSON *e = parse("{\"k\":\"sample\",\"took_ms\":2}");

	json_set_str(e, "m", m);
	json_set_bool(e, "ok", role != ROLE_UNKNOWN || writable);
	json_set_str(e, "role", role_name(role));
	json_set_bool(e, "writable", writable);
	if (x)
		json_set(e, "x", parse(x));
	put(t, at, e);
}

static inline void pod(struct tale *t, int64_t at, const char *name, const char *uid,
		       const char *ip)
{
	cJSON *e = parse("{\"k\":\"object\",\"type\":\"pod\",\"phase\":\"Running\",\"ready\":true,\"restarts\":0}");

	json_set_str(e, "name", name);
	json_set_str(e, "uid", uid);
	json_set_str(e, "ip", ip);
	put(t, at, e);
}

/* A line of mysqld's, or of who runs it ('{'), at an instant of the run. */
static inline void say(char *log, size_t size, int64_t at, const char *text)
{
	char stamp[32];
	size_t len = strlen(log);
	int64_t start = 0;

	assert_int_equal(clock_parse_rfc3339("2026-11-29T00:00:00.000Z", &start), 0);
	clock_rfc3339(start + at, stamp);
	if (*text == '{')
		snprintf(log + len, size - len, "{\"time\": \"%s\", %s\n", stamp, text + 1);
	else
		snprintf(log + len, size - len, "%s 0 %s\n", stamp, text);
}

static inline void keep_log(struct tale *t, const char *member, const char *container,
			    const char *text)
{
	cJSON *e = parse("{\"k\":\"log\"}");

	json_set_str(e, "member", member);
	json_set_str(e, "container", container);
	json_set_str(e, "text", text);
	put(t, 90 * SEC, e);
}

/* What is predicted of it, and, with an end of the outage (0: none), what is explained. */
static inline void tale_tell(struct tale *t, int64_t first_ack)
{
	evidence_make(t->events, 0, fault_effects, &t->ev);
	assert_true(t->ev.nfaults >= 1);
	model_mysql.predict(&t->ev, &t->ev.faults[0], &t->p);
	for (size_t i = 0; i < t->p.n; i++) {
		assert_true(t->p.mech[i].lo_ns >= 0 && t->p.mech[i].lo_ns <= t->p.mech[i].hi_ns);
		assert_true(*t->p.mech[i].rule && *t->p.mech[i].source);
		/* Not cut off. */
		assert_true(strlen(t->p.mech[i].rule) < sizeof(t->p.mech[i].rule) - 1);
		assert_true(strlen(t->p.mech[i].source) < sizeof(t->p.mech[i].source) - 1);
	}
	assert_true(strlen(t->p.note) < sizeof(t->p.note) - 1);
	assert_int_equal(t->p.known, t->p.n > 0);
	t->m.effective = 10 * SEC + 50 * MS;
	t->m.first_ack = first_ack;
	if (first_ack)
		model_mysql.explain(&t->ev, &t->ev.faults[0], &t->p, &t->m);
}

static inline void tale_end(struct tale *t)
{
	evidence_free(&t->ev);
	cJSON_Delete(t->events);
}

static inline const struct mechanism *mechanism(const struct tale *t, const char *name)
{
	for (size_t i = 0; i < t->p.n; i++)
		if (!strcmp(t->p.mech[i].name, name))
			return &t->p.mech[i];
	return NULL;
}

#endif
