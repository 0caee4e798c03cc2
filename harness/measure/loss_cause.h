#ifndef ORDEAL_MEASURE_LOSS_CAUSE_H
#define ORDEAL_MEASURE_LOSS_CAUSE_H

#include "measure/parts.h"

/* Between loss.c and loss_cause.c only: what bears on why a write was lost. */
struct loss_evidence {
	const struct evidence *ev;
	int64_t evicted; /* keys that the system says it evicted */
};

void loss_evidence_make(const struct view *v, struct loss_evidence *out);

/* Fills w->cause and w->how. `f` is the fault that was at work, NULL: none. */
void loss_cause_find(const struct loss_evidence *l, const struct model_ops *model, const struct op *op,
		     const struct fault_record *f, struct lost_write *w);

#endif
