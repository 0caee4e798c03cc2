#ifndef ORDEAL_RUN_BEFOREHAND_H
#define ORDEAL_RUN_BEFOREHAND_H

#include "engine/engine.h"
#include "run/plan.h"

/* What can be said of plans on an engine before anything is made or started. */

/* Whether the engine has the nodes that targets name; `en` is asked where its
 * nodes are not the same everywhere, and when it is NULL they are not checked.
 * All mistakes at once. */
int beforehand_nodes(const struct engine_ops *ops, struct engine *en, const struct plan *plans,
		     size_t n, struct err *e);

/* All of it, for a dry run: can the engine run the systems, has it the nodes, would it take
 * the manifests, as far as there are any. `ops` NULL (auto): what every
 * engine that runs the system would say. */
int beforehand(struct arena *a, const struct engine_ops *ops, const struct plan *plans, size_t n,
	       struct err *e);

/* Says so when the load alone will, or may, fill its volume. `claim_max`: what the user asked
 * for, or 0. */
void beforehand_warn(const struct engine_ops *ops, int64_t claim_max, const struct plan *p);

#endif
