#ifndef ORDEAL_REPORT_STORY_H
#define ORDEAL_REPORT_STORY_H

#include "base/buf.h"
#include "base/mem.h"
#include "report/report.h"

/* What happened, in plain sentences made from the figures alone. Everything
 * returned lives in the arena and is not escaped. */

/* One piece of an outage. */
struct outage_part {
	const char *key;   /* "detected" */
	const char *label; /* "until the failure was detected" */
	int64_t at_ns;     /* end, after the fault's effect */
	int64_t len_ns;    /* since the end of the piece before */
	const char *how;   /* how it is known; "" when it follows from the client */
	bool more;         /* also holds pieces before it that the evidence does not tell apart */
};
enum { OUTAGE_PARTS_MAX = 6 };

/* The pieces that the evidence tells, in order. Returns how many. */
size_t outage_parts(const struct outage *o, struct outage_part out[OUTAGE_PARTS_MAX]);

/* "the primary was killed", "the primary's disk was filled". */
const char *story_fault(struct arena *a, const struct fault_seen *f);
/* The fault in few words, for tables: its name and its way. */
const char *story_fault_kind(struct arena *a, const struct fault_seen *f);
/* "postgres-0, a primary, on worker2" */
const char *story_target(struct arena *a, const struct fault_seen *f);

/* "31.20 s ± 0.02 s", "none", "at least 60.0 s, not over at the end". */
const char *story_outage(struct arena *a, const struct outage *o);

/* All outages together: "31.20 s ± 0.02 s", "more than 60.0 s". */
const char *story_in_all(struct arena *a, const struct downtime *d);

/* Which writes that outage is about: "" all, " to shard 2", " of the kind insert",
 * " of 32 of 64 clients". */
const char *story_of(struct arena *a, const struct fault_seen *f);

/* The kind of reads that was down for certainly longer than writes; NULL: none. */
const struct partial_outage *story_reads(const struct fault_seen *f);
/* "reads were down 30.0 s ± 0.1 s" */
const char *story_reads_words(struct arena *a, const struct partial_outage *p);
/* What was due after a fault, when less of it was served than the time without
 * writes explains; NULL: as it should be. And a clause about it. */
const struct served_row *story_bad(const struct fault_seen *f);
const char *story_bad_words(struct arena *a, const struct served_row *r);
/* Whether clients were down for certainly longer than all together, too few to be
 * the outage, and more often refused than bad luck makes. And a clause about them. */
bool story_client(const struct fault_seen *f);
const char *story_client_words(struct arena *a, const struct fault_seen *f);
/* A Job that failed: "the job backup failed (BackoffLimitExceeded)". */
const char *story_job_words(struct arena *a, const struct job_seen *job);
/* Whether writes were certainly down for some time before there was any fault. And a
 * clause about it. */
bool story_before(const struct measured *m);
const char *story_before_words(struct arena *a, const struct measured *m);
/* Adds " (5 times, 20.0 s in all)" where an outage came in several pieces. */
void story_times(struct buf *b, struct arena *a, const struct outage *o);
/* Adds what reads met, and how much was served, where that is worth a word. */
void story_served(struct buf *b, struct arena *a, const struct measured *m);

/* One sentence for a scenario, one for the whole run. */
const char *story_scenario(struct arena *a, const struct scenario_report *s);
const char *story_run(struct arena *a, const struct run_report *run);

/* How wide a window is against its middle, in percent: 0 an instant, 200 from
 * nothing to anything. */
double story_width_pct(int64_t lo_ns, int64_t hi_ns);

/* Lost writes that are charged to this fault; -1 when the loss is unknown. */
int64_t story_lost_by(const struct measured *m, const struct fault_seen *f);

/* The fault after which least survived; NULL: none lost what had been acknowledged. */
const struct fault_seen *story_point(const struct measured *m);
/* A clause: of which moment that is, or that it is of none. */
const char *story_point_words(struct arena *a, const struct measured *m,
			      const struct fault_seen *f);

#endif
