#ifndef ORDEAL_CHECK_SAMPLED_H
#define ORDEAL_CHECK_SAMPLED_H

#include "history/evidence.h"
#include "measure/measure.h"

/* Whether all who may be primaries were asked what they were all along
 * [from, to] (ns on the driver's timeline), and one of them was heard to lead.
 * False: `why` says who was not. */
bool sampled_throughout(const struct evidence *ev, const struct measured *m, int64_t from,
			int64_t to, char *why, size_t size);

/* Whether a pod is of the StatefulSet of a member who was asked: then it is one, too. */
bool brother_of_member(const struct evidence *ev, const char *pod);

/* Whether each of them was heard as well, by an answer or by refusing everybody,
 * wherever nothing else shows what it was: that its server, its pod or its node
 * was away, or that a fault kept it still. Behind a partition, too, it need not be
 * heard: for how long it was not is in measured.dual_primary_unseen_ns. */
bool heard_throughout(const struct evidence *ev, const struct measured *m, int64_t from, int64_t to,
		      char *why, size_t size);

/* Whether some member said that it was a writable primary whenever a write was acknowledged,
 * or within 2 s of that. */
bool led_when_acked(const struct history *h, const struct evidence *ev, const struct measured *m,
		    char *why, size_t size);

#endif
