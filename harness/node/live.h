#ifndef ORDEAL_NODE_LIVE_H
#define ORDEAL_NODE_LIVE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "fault/fault.h"
#include "fault/journal.h"

/* One fault on this node, from its injection to its healing. Whoever holds it
 * sees to it that one thread at a time calls. */
struct live {
	struct journal_entry j;
	const struct fault_ops *ops; /* NULL: an entry of the journal that we do not know */
	cJSON *evidence;             /* newest observation */
	cJSON *undone;               /* what heal said */
	bool bites, healed, heal_wanted;
	int64_t started_ns, next_try_ns, complained_ns;
	int64_t failing_ns; /* it cannot be followed since; 0: it can */
	char lapse[400];    /* why it was not on all the time; "" */
};

#define LIVE_CALM_NS (500 * NS_PER_MS) /* how often a fault that needs nothing is tended */

/* Frees `l` itself, too. */
void live_free(struct live *l);

/* The change itself, for which `ops` and the journal's entry are there;
 * whatever part of it failed is undone at once: `healed` says whether it was. */
int live_begin(struct node *n, struct live *l, struct err *e);

/* Looks for the effect; the first time that it is there counts. */
int live_look(struct node *n, struct live *l, struct err *e);

/* Undoes it and forgets its journal; nothing for one that is healed. After a
 * failure live_tend() tries again. */
int live_heal(struct node *n, struct live *l, struct err *e);

/* Undoes it though nobody asked for that; `why` is a lapse. */
int live_end(struct node *n, struct live *l, const char *why, struct err *e);

/* What a fault needs now and then; returns in how many nanoseconds again.
 * `renewed_ns` is when the driver was heard of last: from then its plan's ttl_ms
 * counts. */
int64_t live_tend(struct node *n, struct live *l, int64_t renewed_ns);

/* {id, fault, state, injected_ns, effective_ns, healed_ns}; the caller deletes it. */
cJSON *live_summary(const struct live *l);

#endif
