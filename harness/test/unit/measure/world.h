#ifndef ORDEAL_TEST_UNIT_MEASURE_WORLD_H
#define ORDEAL_TEST_UNIT_MEASURE_WORLD_H

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "measure/measure.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/synth.h"

/* A world with an outage whose truth is known, and what was measured of it. Include cmocka before.
 */

/* Outages on histories whose truth is known. */

#define MS NS_PER_MS

struct world {
	struct synth s;
	struct history h;
	cJSON *events;
	struct measured m;
};

static inline void world_begin(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	synth_defaults(&w->s, seed);
	w->events = cJSON_CreateArray();
}

static inline void add_down(struct world *w, int64_t from, int64_t length, enum synth_mode mode)
{
	struct synth_down *d = &w->s.down[w->s.ndown++];

	d->from = w->s.start_ns + from;
	d->to = d->from + length;
	d->mode = mode;
}

static inline void measure(struct world *w)
{
	synth_history(&w->s, &w->h);
	measure_scenario(&w->h, evidence_kept(w->events, 0), &w->m);
}

static inline void world_end(struct world *w)
{
	measured_free(&w->m);
	history_free(&w->h);
	cJSON_Delete(w->events);
}

static inline int64_t stated_error(const struct outage *o)
{
	return o->hi_ns - o->lo_ns;
}

/* From the last effect before the service went down (not before the
 * injection) to the first one after. */
static inline void truth(const struct world *w, const struct fault_seen *f,
			 const struct synth_down *d, int64_t *last, int64_t *first)
{
	size_t i;

	*last = f->rec->injected_ns;
	*first = INT64_MAX;
	for (i = 0; i < w->h.n; i++) {
		const struct op *op = &w->h.ops[i];
		int64_t t;

		if (op->outcome != OP_OK || op->f == OP_READ)
			continue;
		t = w->s.effect[op->value];
		if (t < d->to && t > *last)
			*last = t;
		if (t >= d->to && t < *first)
			*first = t;
	}
}

static inline void assert_contains(const struct world *w, const struct fault_seen *f,
				   const struct synth_down *d)
{
	const struct outage *o = &f->outage;
	int64_t last, first;

	truth(w, f, d, &last, &first);
	assert_true(o->any && o->ended);
	if (o->down_lo > last || o->down_hi < last || o->up_lo > first || o->up_hi < first)
		fail_msg("down in [%lld, %lld], up in [%lld, %lld] (us from the truth)",
			 (long long)(o->down_lo - last) / 1000,
			 (long long)(o->down_hi - last) / 1000,
			 (long long)(o->up_lo - first) / 1000,
			 (long long)(o->up_hi - first) / 1000);
	assert_true(o->lo_ns <= first - last && first - last <= o->hi_ns);
}

static inline void freeze(struct world *w, int64_t from, int64_t to)
{
	cJSON *e;

	synth_add_fault(w->events, "freeze", "pause", from);
	if (to)
		json_push(w->events, synth_fault("freeze", "pause", "healing", to));
	cJSON_ArrayForEach(e, w->events) {
		json_set_bool(e, "silences", true);
		json_set(e, "targets", cJSON_Parse("[{\"member\":\"m0\",\"role\":\"primary\"}]"));
	}
}

#endif
