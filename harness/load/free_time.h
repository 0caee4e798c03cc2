#ifndef ORDEAL_LOAD_FREE_TIME_H
#define ORDEAL_LOAD_FREE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For how long a client was there to take an operation: free, and not held
 * back on purpose. What an operation waited during such time, from when it was
 * due, is the generator's own lateness; what it waited while all clients were
 * busy is the system's doing. Times are CLOCK_MONOTONIC ns and never go back.
 * One thread at a time. */

enum { FREE_TIME_MARKS = 2048 };

struct free_time {
	int64_t total_ns;  /* up to `since_ns`, or to the end of the last such time */
	int64_t since_ns;  /* 0: nobody is free */
	int64_t step_ns;   /* between marks, and by how much an answer may be off */
	bool held;         /* the next operation is held back, ... */
	int64_t held_from_ns, held_until_ns; /* ... so long, if nothing ends it before */
	int64_t some_ns;   /* since when somebody has been free, held back or not */
	struct {
		int64_t t_ns, total_ns;
	} mark[FREE_TIME_MARKS]; /* a ring: how much it had been at some instants */
	size_t n;
};

/* Somebody is free from now on. Answers reach back for reach_ns at least. */
void free_time_begin(struct free_time *f, int64_t reach_ns, int64_t now_ns);

void free_time_set(struct free_time *f, bool free, int64_t now_ns);

/* Somebody is free again, who was held back until planned_ns. Returns by how much
 * that is late, ns, where the plan goes on from planned_ns: that delays one
 * operation, and none that is due after it. Beyond slack_ns it does not go on from
 * there: 0 is returned, and the whole of it was free time. */
int64_t free_time_resume(struct free_time *f, int64_t planned_ns, int64_t slack_ns, int64_t now_ns);

/* Somebody is free, or nobody; counts from when nothing is held back. */
void free_time_some(struct free_time *f, bool some, int64_t now_ns);

/* The next operation's attempt is not due before until_ns: nobody is late until then. */
void free_time_hold(struct free_time *f, int64_t until_ns, int64_t now_ns);

/* An answer came: it is held back until then, or no more. */
void free_time_hold_until(struct free_time *f, int64_t until_ns, int64_t now_ns);

/* The operation that was due at due_ns, and is given up after last_ns, is held back no
 * more, if it was: returns by how much its attempt is late, as free_time_resume(). */
int64_t free_time_go_on(struct free_time *f, int64_t due_ns, int64_t last_ns, int64_t slack_ns,
			int64_t now_ns);

/* Since the beginning. */
int64_t free_time_total(const struct free_time *f, int64_t now_ns);

/* How much of [from_ns, now_ns] it was; now_ns is not before the last change. */
int64_t free_time_from(const struct free_time *f, int64_t from_ns, int64_t now_ns);

#endif
