#ifndef ORDEAL_TEST_UNIT_MEASURE_REGISTERS_H
#define ORDEAL_TEST_UNIT_MEASURE_REGISTERS_H

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/measure.h"
#include "test/lib/evidence_kept.h"

/* Operations on registers, and what of them is lost. Include cmocka before. */

/* Acknowledged writes of registers that are lost, evictions, and final reads
 * that tell nothing. */

#define MS NS_PER_MS
#define SEC NS_PER_S

enum { NONE = OP_NO_VALUE };

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

static inline void event(struct run *r, const char *kind, int64_t t, const char *more)
{
	struct err e = { 0 };
	cJSON *o = json_parse(more, "test", &e);

	assert_non_null(o);
	json_set_i64(o, "t", t);
	json_set_i64(o, "s", 0);
	json_set_str(o, "k", kind);
	json_push(r->events, o);
}

static inline struct op *put(struct run *r, enum op_f f, int64_t key, int64_t expect, int64_t value,
			     int64_t from, int64_t to, enum op_outcome o)
{
	struct op op = { .f = f, .key = key, .value = value, .expect = expect, .t_intended = from,
			 .t_invoke = from, .t_return = to, .outcome = o, .sent = true };

	if (o == OP_INFO)
		op.error = "timeout: no answer in time";
	if (o == OP_FAIL)
		op.error = "refused";
	history_add(&r->h, &op);
	return &r->h.ops[r->h.n - 1];
}

/* The i-th 10 ms after a second, in 2 ms. */
static inline struct op *at(struct run *r, int i, enum op_f f, int64_t expect, int64_t value,
			    enum op_outcome o)
{
	return put(r, f, 0, expect, value, SEC + i * 10 * MS, SEC + i * 10 * MS + 2 * MS, o);
}

/* registers NULL: the final read does not tell them. */
static inline void measure(struct run *r, const char *present, const char *registers)
{
	struct arena a = { 0 };

	event(r, "final", 60 * SEC, arena_fmt(&a, "{\"present\":%s,\"duplicates\":[]%s%s}", present,
					      registers ? ",\"registers\":" : "", registers ? registers : ""));
	history_sort(&r->h);
	measure_scenario(&r->h, evidence_kept(r->events, 0), &r->m);
	arena_free(&a);
}

static inline void end(struct run *r)
{
	measured_free(&r->m);
	history_free(&r->h);
	cJSON_Delete(r->events);
}

static inline bool lost(const struct run *r, int64_t value)
{
	for (size_t i = 0; i < r->m.loss.n; i++)
		if (r->m.loss.writes[i].value == value)
			return true;
	return false;
}

#endif
