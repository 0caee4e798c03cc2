#ifndef ORDEAL_RUN_BESIDE_H
#define ORDEAL_RUN_BESIDE_H

#include "base/err.h"
#include "run/plan.h"
#include "run/stage.h"

/* The minority of the clients: a second load agent on the node of the member
 * that is primary just before the load starts. */

/* Values of its operations count up from here: unique in the run, and exact
 * as numbers of JSON. */
#define BESIDE_FIRST_VALUE (INT64_C(1) << 40)

/* Starts the agent and gives it its part of the load; `setup` is what the
 * first load agent was told, `status` what it answers. Emits a "group" event.
 * Nothing happens when the scenario wants no minority. */
int beside_up(struct stage *st, const struct plan *p, const cJSON *setup, const cJSON *status,
	      struct err *e);

/* Nothing happens when there is none. An agent that does not answer is an
 * error of start alone. */
int beside_start(struct stage *st, struct err *e);
void beside_stop(struct stage *st, int64_t within_ns);
void beside_reset(struct stage *st);

/* The share of the first load agent: the scenario's load without the
 * minority. */
struct load_spec beside_main(const struct load_spec *l);

#endif
