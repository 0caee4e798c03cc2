#ifndef ORDEAL_TEST_UNIT_MEASURE_ROOM_H
#define ORDEAL_TEST_UNIT_MEASURE_ROOM_H

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "measure/measure.h"
#include "test/lib/evidence_kept.h"

/* A run that a test tells: its operations and its events, and their measures. Include cmocka
 * before. */

#define SEC NS_PER_S
#define MS NS_PER_MS

struct run {
	struct history h;
	cJSON *events;
	struct measured m;
};

static inline void begin(struct run *r)
{
	memset(r, 0, sizeof(*r));
	r->events = cJSON_CreateArray();
}

static inline void measure(struct run *r)
{
	history_sort(&r->h);
	measure_scenario(&r->h, evidence_kept(r->events, 0), &r->m);
}

static inline void end(struct run *r)
{
	measured_free(&r->m);
	history_free(&r->h);
	cJSON_Delete(r->events);
}

static inline cJSON *event(struct run *r, const char *kind, int64_t t, const char *more)
{
	struct err e = { 0 };
	cJSON *o = json_parse(more, "test", &e);

	assert_non_null(o);
	json_set_i64(o, "t", t);
	json_set_i64(o, "s", 0);
	json_set_str(o, "k", kind);
	json_push(r->events, o);
	return o;
}

static inline void is_about(int64_t ns, int64_t lo, int64_t hi)
{
	if (ns < lo || ns > hi)
		fail_msg("%.3f s is not within %.3f and %.3f s", (double)ns / SEC, (double)lo / SEC, (double)hi / SEC);
}

#endif
