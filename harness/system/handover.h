#ifndef ORDEAL_SYSTEM_HANDOVER_H
#define ORDEAL_SYSTEM_HANDOVER_H

#include "system/model.h"

/* Who served after an outage, as explain() needs to know. */

enum {
	AROUND_ACK_MS = 150, /* an answer this much before the first acknowledgement still counts */
	AFTER_ACK_MS = 2000, /* and the server that gave it was asked again within this */
};

/* Of the answers "writable primary" around the first acknowledgement, the first
 * one of the highest rank: two may say so at once, and the system's own rule
 * tells whose word counts. A rank below 0: this one does not count. NULL: none. */
const struct sample *handover_after(const struct evidence *ev, int64_t first_ack_ns,
				    int64_t (*rank)(const void *arg, const struct sample *s),
				    const void *arg);

/* The writable primaries before the injection and, by their rank, after the outage. False:
 * one of them is not known, and m->why_mechanism says which. */
bool handover_primaries(const struct evidence *ev, int64_t injected_ns, struct milestones *m,
			int64_t (*rank)(const void *arg, const struct sample *s), const void *arg,
			const struct sample **before, const struct sample **after);

/* The first answer "writable primary" of `member` in (from_ns, to_ns]; NULL. */
const struct sample *handover_first_lead(const struct evidence *ev, const char *member,
					 int64_t from_ns, int64_t to_ns);

/* The same after the last answer of `member` in (from_ns, ack_ns] that it was
 * none, and by to_ns. NULL as well when it never was none, unless it is `new`. */
const struct sample *handover_lead(const struct evidence *ev, const char *member, bool new,
				   int64_t from_ns, int64_t ack_ns, int64_t to_ns);

/* The pod of `who` was made anew, or a container of it started again, in (from_ns, to_ns]:
 * when, and how that is known (WHY_BYTES). False: neither, and both are as they were. */
bool handover_restarted(const struct evidence *ev, const char *who, int64_t from_ns, int64_t to_ns,
			int64_t *at, char *how);

/* Whether the log of `member` holds all that it wrote since then: it reaches back, and where
 * that is for its being all that a container wrote, this one was not begun since: what the one
 * before it wrote is gone. */
bool handover_log_whole(const struct evidence *ev, log_stamp_fn *stamp, const char *member,
			int64_t since_ns);

/* That something did not happen no log tells by its absence: the first member whose log is not
 * whole since then, of those that could write, as a target cannot but of a cut that leaves it
 * others. NULL: all are. */
const char *handover_unheard(const struct evidence *ev, const struct fault_record *fault,
			     log_stamp_fn *stamp, int64_t since_ns);

/* Clients came to the new primary `who` because these Endpoints gained its address. */
void handover_routed(struct milestones *m, const struct endpoints_seen *e, const char *ip,
		     const char *who);

#endif
