#ifndef ORDEAL_TEST_UNIT_MEASURE_TOLD_H
#define ORDEAL_TEST_UNIT_MEASURE_TOLD_H

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/measure.h"
#include "measure/parts.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/synth.h"

/* A run that a test tells of, event by event, and what is measured of it. Include cmocka before. */

/* Losses, recovery, two primaries, noise, and what is broken. */

#define MS NS_PER_MS
#define SEC NS_PER_S

static inline void add(cJSON *events, const char *kind, int64_t t, const char *more)
{
	struct err e = { 0 };
	cJSON *o = json_parse(more, "test", &e);

	assert_non_null(o);
	json_set_i64(o, "t", t);
	json_set_i64(o, "s", 0);
	json_set_str(o, "k", kind);
	json_push(events, o);
}

static inline void put(struct history *h, enum op_f f, int64_t key, int64_t value, int64_t t,
		       enum op_outcome o)
{
	struct op op = { .f = f, .key = key, .value = value, .expect = OP_NO_VALUE, .t_intended = t,
			 .t_invoke = t, .t_return = t + 2 * MS, .outcome = o, .sent = true };

	op.process = (uint32_t)(value % 8);
	if (o == OP_FAIL)
		op.error = "server: refused";
	if (o == OP_INFO)
		op.error = "timeout: deadline";
	history_add(h, &op);
}

static inline void insert(struct history *h, int64_t value, int64_t t, enum op_outcome o)
{
	put(h, OP_INSERT, OP_NO_VALUE, value, t, o);
}

/* Inserts 0..n-1, one each 10 ms from 1 s on. */
static inline void steady(struct history *h, int n)
{
	int i;

	for (i = 0; i < n; i++)
		insert(h, i, SEC + i * 10 * MS, OP_OK);
}

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

static inline bool all_ok(const struct sample *s, size_t n, char *why)
{
	size_t i;

	*why = '\0';
	for (i = 0; i < n; i++) {
		if (!s[i].ok) {
			snprintf(why, WHY_BYTES, "%s does not answer", s[i].member);
			return false;
		}
	}
	return n > 0;
}

static const struct model_ops toy = { .redundant = all_ok };

/* Measures recovery with a system of our own. */
static inline void recover(struct run *r)
{
	struct view v;

	measure(r);
	view_make(&v, &r->h, evidence_kept(r->events, 0));
	recovery_make(&v, &toy, &r->m);
	view_free(&v);
}

static inline void two(struct run *r, int64_t from, int64_t to, int64_t from2, int64_t to2)
{
	int64_t t;

	for (t = 0; t < 20 * SEC; t += 100 * MS) {
		bool a = t >= from && t < to, b = t >= from2 && t < to2;

		json_push(r->events, synth_sample("m0", t, true, a ? "primary" : "replica", a, 1));
		json_push(r->events, synth_sample("m1", t + 50 * MS, true, b ? "primary" : "replica", b, 2));
	}
}

#endif
