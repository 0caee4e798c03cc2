#ifndef ORDEAL_MEASURE_LOSS_CAUSE_H
#define ORDEAL_MEASURE_LOSS_CAUSE_H

#include "measure/parts.h"

/* Between loss.c and loss_cause.c only: what the events say that bears on why
 * a write was lost, in tables that are quick to search. Points into the view. */
struct loss_evidence {
	struct answer *answers; /* of members, by time */
	size_t nanswers, aanswers;
	struct place *places;   /* of pods, by time */
	size_t nplaces, aplaces;
	const struct view *v;
	int64_t evicted;        /* keys that the system says it evicted */
};

void loss_evidence_make(const struct view *v, struct loss_evidence *out);
void loss_evidence_free(struct loss_evidence *ev);

/* Fills w->cause and w->how. `f` is the fault that was at work, NULL: none. */
void loss_cause_find(const struct loss_evidence *ev, const struct system_ops *sys, const struct op *op,
		     const struct fault_seen *f, struct lost_write *w);

#endif
