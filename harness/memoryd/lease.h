#ifndef ORDEAL_MEMORYD_LEASE_H
#define ORDEAL_MEMORYD_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Who may be primary, as one 64-bit word in a file that all members map.
 * It is changed by compare-and-exchange only, so a member that is frozen or
 * killed in the middle of anything holds up nobody, as a file lock would.
 * Members run on one machine: its CLOCK_MONOTONIC is the clock of the lease. */

enum { MEMORY_MEMBERS_MAX = 15 };

struct memory_lease; /* the mapping */

struct lease_state {
	uint64_t word;      /* as it was read */
	int holder;         /* index of a member; -1: nobody ever */
	uint64_t epoch;
	int64_t expires_ms; /* CLOCK_MONOTONIC */
};

int memory_lease_open(const char *dir, struct memory_lease **out, struct err *e);
void memory_lease_close(struct memory_lease *l);

void memory_lease_read(const struct memory_lease *l, struct lease_state *out);

/* Puts {holder, epoch, expires_ms} in place of *seen; false (and *seen is
 * read anew) when someone else was faster. */
bool memory_lease_change(struct memory_lease *l, struct lease_state *seen, int holder,
			 uint64_t epoch, int64_t expires_ms);

/* How far a log reaches, as one number: of two logs the one whose last entry
 * has the higher epoch, then the longer one, has all that the other can have
 * acknowledged (as in Raft, section 5.4.1). */
uint64_t memory_reach(uint64_t last_epoch, uint64_t n);

/* The furthest reach that was ever acknowledged; only ever grows. */
void memory_lease_commit(struct memory_lease *l, uint64_t reach);
uint64_t memory_lease_committed(const struct memory_lease *l);

/* Tells the others how far a member's log reaches, and that it lives. */
void memory_lease_tell(struct memory_lease *l, int member, uint64_t reach, int64_t now_ms);
void memory_lease_told(const struct memory_lease *l, int member, uint64_t *reach, int64_t *at_ms);

#endif
