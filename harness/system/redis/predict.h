#ifndef ORDEAL_SYSTEM_REDIS_PREDICT_H
#define ORDEAL_SYSTEM_REDIS_PREDICT_H

#include "system/prediction.h"

/* What the predictions of both systems have in common: a replica takes over
 * from a master that is missed, unless that one is back before. */

#define REDIS_ALLOW_LOAD (3 * NS_PER_S) /* allowance: reading the AOF */
/* Once there is space again: aof.c tries a write that failed again every second, of
 * which the next one may just miss it; server.c a snapshot 5 s after it failed
 * (CONFIG_BGSAVE_RETRY_DELAY). */
#define REDIS_AOF_AGAIN (2 * NS_PER_S)
#define REDIS_SNAPSHOT_AGAIN (5 * NS_PER_S)

struct redis_takeover {
	const char *word;   /* what the replica then was: "promoted" */
	const char *source; /* where its rules are documented */
	int64_t least_ns;   /* a fault that is shorter brings none about */
	int64_t lo_ns, hi_ns; /* how long after the fault it is over */
	bool no_log;        /* appendonly is off: a restart loses what it has not saved */
	struct takeover others; /* whether enough are left for it */
	/* Adds it as a mechanism. */
	void (*add)(struct prediction *p, const struct rules *r, int64_t lo_ns, int64_t hi_ns);
	const struct rules *rules;
};

/* A replica takes over once enough are there, later than usual by so much at the
 * most. */
void redis_takeover(struct prediction *p, const struct redis_takeover *t, int64_t later_ns);

/* A lasting fault against the takeover: whichever comes first. `why`: "it ended
 * before a replica was promoted" and so on; `after_ns` as in
 * prediction_fault_ends(). */
void redis_takeover_or_end(struct prediction *p, const struct redis_takeover *t,
			   const struct fault_record *fault, int64_t after_ns, const char *why);

/* ... of a master that goes on as it was when the fault is over. */
void redis_goes_on(struct prediction *p, const struct redis_takeover *t,
		   const struct fault_record *fault);

/* ... whose node is away; `ready_ns`: from when it has read its data until it
 * serves clients. */
void redis_node_gone(struct prediction *p, const struct redis_takeover *t,
		     const struct fault_record *fault, int64_t ready_ns);

/* A member that ends is started again: by whom, and what is allowed until it
 * runs, and until it has read its data. */
struct redis_restart {
	const char *who;
	int64_t start_ns, load_ns;
};
struct redis_restart redis_restart(const struct redis_takeover *t,
				   const struct fault_record *fault);
/* What is to be said of its data then. */
void redis_note_restart(struct prediction *p, const struct redis_takeover *t,
			const struct fault_record *fault);

#endif
