#ifndef ORDEAL_MEASURE_OUTAGE_GAP_H
#define ORDEAL_MEASURE_OUTAGE_GAP_H

#include "measure/parts.h"

/* One stretch without an acknowledgement, and how sure its ends are; only for
 * the files of measure/outage/. All instants in ns. */

struct gap {
	int64_t from, to; /* returns of acknowledgements, or the load's edges */
	bool ended;       /* false: none came after it */
	bool clipped;     /* it began before the injection, where it is cut off ... */
	bool running;     /* ... and was an outage by then */
	int64_t tried_ns; /* its length up to the last operation that was tried in it */
	int failed;       /* operations that were tried in it and not served */
};

/* Where and against what a view's gaps are measured. */
struct window {
	int64_t from, to; /* the fault's own: from its injection to the next one's */
	int64_t end;      /* of the load */
	int64_t slow;     /* what a healthy service never exceeds: L in bounds.c */
	int64_t limit;    /* a longer gap is an outage */
	int64_t longest;  /* operation of the view, from its call to its return */
	const struct fault_record *rec;
};

/* Whether the gap certainly began before t. */
bool gap_began_before(const struct view *v, const struct window *w, const struct gap *g, int64_t t);

/* Fills down_lo to hi_ns and ended of *o. */
void gap_bounds(const struct view *v, const struct window *w, const struct gap *g,
		struct outage *o);

/* What the bounds of *o leave of its length for certain: lo_ns. */
int64_t gap_certain(const struct view *v, const struct outage *o);

/* The operations of those clients that were down while others were served, and
 * how many of how many they are, "32 of 64". Empty: too few. The caller frees
 * *out with view_narrow_free(). */
void outage_clients(const struct view *v, const struct fault_seen *f, int64_t until_ns,
		    int64_t end_ns, struct view *out, char *name, size_t size);

/* Of the one client, whatever its group, that fared worst while others were
 * served, what it met in the fault's window: into f->client. */
void outage_client(const struct view *all, int64_t until_ns, int64_t end_ns, struct fault_seen *f);

#endif
