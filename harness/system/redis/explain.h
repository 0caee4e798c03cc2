#ifndef ORDEAL_SYSTEM_REDIS_EXPLAIN_H
#define ORDEAL_SYSTEM_REDIS_EXPLAIN_H

#include "system/handover.h"
#include "system/prediction.h"

/* What the explanations of both systems have in common. Two witnesses: the
 * sampler (each member asked every 100 ms) and the servers' own logs, which have
 * milliseconds and tell of votes that no command shows. */
struct redis_story {
	const struct evidence *ev;
	const struct fault_record *fault;
	int64_t injected, first_ack;
	int64_t seen_until;          /* what caused it may be seen a little later */
	const struct sample *before; /* the last answer of the master that was hit */
	const struct sample *after;  /* the first one of the one that served afterwards */
	const struct sample *again;  /* the first one of `before` as another process; NULL: none */
	bool moved;                  /* it is another member that served */
};

/* How the one system tells it. */
struct redis_teller {
	const char *stayed; /* "kept its slots": one that no election replaced */
	/* Each fills its milestone; the first, second and last one only when
	 * another member served, promoted() for a new process as well. */
	void (*detected)(const struct redis_story *s, struct milestones *m);
	void (*elected)(const struct redis_story *s, struct milestones *m);
	void (*promoted)(const struct redis_story *s, struct milestones *m);
	void (*routed)(const struct redis_story *s, struct milestones *m);
	void (*mechanism)(const struct redis_story *s, const struct prediction *p,
			  struct milestones *m);
};

/* The times. False: there is nothing to explain. `before` and `after` are for
 * the caller to find, then redis_story_tell() fills the milestones. */
bool redis_story_begin(struct redis_story *s, const struct evidence *ev,
		       const struct fault_record *fault, const struct milestones *m);
void redis_story_tell(struct redis_story *s, const struct redis_teller *teller,
		      const struct prediction *p, struct milestones *m);

/* The first such line of a log since the fault. */
bool redis_story_said(const struct redis_story *s, const struct log_wanted *want,
		      struct log_line *line);

/* ... tells an instant, and how it is known: "log of redis-0: " and what it says. */
bool redis_story_logged(const struct redis_story *s, const struct log_wanted *want, int64_t *at,
			char *how, const char *what);

/* The same member served: which of the mechanisms that leave it its place. The
 * reason is `fmt` and whether it runs as another process. */
void redis_story_kept(const struct redis_story *s, const struct prediction *p, struct milestones *m,
		      const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
