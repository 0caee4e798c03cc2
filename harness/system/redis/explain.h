#ifndef ORDEAL_SYSTEM_REDIS_EXPLAIN_H
#define ORDEAL_SYSTEM_REDIS_EXPLAIN_H

#include "system/handover.h"
#include "system/prediction.h"

/* What the explanations of both systems have in common. Two witnesses: the
 * sampler (each member asked every 100 ms) and the servers' own logs, which have
 * milliseconds and tell of votes that no command shows. */
struct redis_story {
	const struct evidence *ev;
	int64_t injected, first_ack;
	int64_t healed;              /* a lasting fault was; 0: not */
	int64_t seen_until;          /* what caused it may be seen a little later */
	const struct sample *before; /* the last answer of the master that was hit */
	const struct sample *after;  /* the first one of the one that served afterwards */
	const struct sample *again;  /* the first one of `before` as another process; NULL: none */
	bool moved;                  /* it is another member that served */
};

/* The times. False: there is nothing to explain. `before` and `after` are for
 * the caller to find, then redis_story_compare() fills the rest. */
bool redis_story_begin(struct redis_story *s, const struct evidence *ev, const struct fault_record *fault,
		       const struct milestones *m);
void redis_story_compare(struct redis_story *s);

/* The first such line of a log since the fault. */
bool redis_story_said(const struct redis_story *s, const struct log_wanted *want, struct log_line *line);

/* The same member served: the fault was noticed when it was another process. */
void redis_story_detected_again(const struct redis_story *s, struct milestones *m);

/* The same member served: which of the mechanisms that leave it its place. The
 * reason is `fmt` and whether it runs as another process. */
void redis_story_kept(const struct redis_story *s, const struct prediction *p, struct milestones *m,
		      const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
