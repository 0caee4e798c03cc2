#ifndef ORDEAL_MEASURE_LOSS_CAUSE_H
#define ORDEAL_MEASURE_LOSS_CAUSE_H

#include "measure/parts.h"

/* Between loss.c and loss_cause.c only. Fills w->cause and w->how, but for
 * LOSS_EVICTED. `f` is the fault that was at work, NULL: none. */
void loss_cause_find(const struct evidence *ev, const struct model_ops *model, const struct op *op,
		     const struct fault_record *f, struct lost_write *w);

#endif
