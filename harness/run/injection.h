#ifndef ORDEAL_RUN_INJECTION_H
#define ORDEAL_RUN_INJECTION_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"
#include "fault/fault.h"
#include "run/stage.h"
#include "scenario/scenario.h"

/* A fault of a running scenario, from its plan to its end. */

struct injection {
	const struct step *step;
	const struct fault_ops *ops;
	cJSON *plan;                     /* as sent; owned */
	cJSON *reached; /* names of those that it has come to, one by one; owned, NULL: all at once
			 */
	char **agents;                   /* each once; owned */
	size_t nagents, agents_alloc;
	int64_t heal_at_ns;              /* 0: by a heal step or the end */
	bool on;                         /* perhaps injected, and not healed */
	bool bit;                        /* all of it was seen to bite */
};

/* Asks the system who has which role now, chooses the targets, and fills
 * inj->plan and its agents. Emits "planned". */
int injection_plan(struct stage *st, const struct step *step, const char *ns, struct rng *rng,
		   struct injection *inj, struct err *e);

/* What is seen to while a fault takes its time; an error ends the waiting. */
struct tending {
	int (*fn)(void *arg, struct err *e);
	void *arg;
};

/* Injects and waits for the evidence that it bites. When there is none in
 * time, a "no-effect" event is written and *bites is false: the scenario is
 * then broken, whatever else it measured. `tend` may be NULL. */
int injection_start(struct stage *st, struct injection *inj, const struct tending *tend,
		    bool *bites, struct err *e);

/* Heals; safe to call again. An agent that does not answer is tried until
 * the fault's own dead-man time is over. */
int injection_heal(struct stage *st, struct injection *inj, struct err *e);

void injection_free(struct injection *inj);

#endif
