#ifndef ORDEAL_TEST_UNIT_MEASURE_HALF_H
#define ORDEAL_TEST_UNIT_MEASURE_HALF_H

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "measure/measure.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/synth.h"

/* Histories made by hand:
 * 200 calls a second by 64 clients in turn, each served within 4 ms, the fault
 * 10 s after the load began. */

#define MS NS_PER_MS
#define SEC NS_PER_S
#define BEGIN (1000 * SEC)

enum { CLIENTS = 64, RATE = 200 };

typedef void meets(struct op *op, int64_t t); /* t: ns after the fault */

struct world {
	struct history h;
	cJSON *events;
	struct measured m;
};

static inline void world_make(struct world *w, int64_t length, meets *fn)
{
	static const enum op_f mix[] = { OP_INSERT, OP_INSERT, OP_READ, OP_CAS, OP_INSERT };

	memset(w, 0, sizeof(*w));
	w->events = cJSON_CreateArray();
	for (int64_t i = 0; i < length / (SEC / RATE); i++) {
		struct op op = {.process = (uint32_t)(i % CLIENTS),
				.f = mix[i % 5],
				.key = OP_NO_VALUE,
				.value = i,
				.expect = OP_NO_VALUE,
				.outcome = OP_OK,
				.sent = true};

		op.t_intended = op.t_invoke = BEGIN + i * (SEC / RATE);
		op.t_return = op.t_invoke + 4 * MS;
		if (fn)
			fn(&op, op.t_invoke - BEGIN - 10 * SEC);
		history_add(&w->h, &op);
	}
	synth_add_fault(w->events, "kill", "kill-pod", BEGIN + 10 * SEC);
}

static inline const struct fault_seen *measure(struct world *w)
{
	history_sort(&w->h);
	measure_scenario(&w->h, evidence_kept(w->events, 0), &w->m);
	return &w->m.faults[0];
}

static inline void world_end(struct world *w)
{
	measured_free(&w->m);
	history_free(&w->h);
	cJSON_Delete(w->events);
}

#endif
