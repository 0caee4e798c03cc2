#ifndef ORDEAL_REPORT_TIMES_H
#define ORDEAL_REPORT_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "report/report.h"

/* Where a run's time went, from its events alone. Every instant belongs to one
 * place, so the places add up to the whole. The first ones are what the
 * systems themselves need, however quick the harness is. */
enum time_place {
	TIME_STEADY,   /* steady load, as the scenario asks */
	TIME_OUTAGE,   /* writes were down */
	TIME_RECOVERY, /* until redundant again, after that */
	TIME_HELD,     /* a lasting fault was kept on, besides */
	TIME_SETTLE,   /* after all was healed, until redundancy held */
	TIME_CONVERGE, /* before the load: from the first write until redundancy held */
	TIME_GIVEN,    /* a system that did not come up was given this to do so */
	TIME_ENGINE,   /* the cluster or its stand-in, images of the harness included */
	TIME_AGENTS,   /* up and down */
	TIME_APPLY,    /* images and objects of the system */
	TIME_READY,    /* until the workloads are ready */
	TIME_SETUP,    /* until the system took a first write, and had its tables */
	TIME_STEPS,    /* between the steps, besides what the systems need */
	TIME_FINAL,    /* reading what is left */
	TIME_REMOVE,   /* logs and removal */
	TIME_JUDGE,    /* measuring and judging, between scenarios */
	TIME_PLACES,
	TIME_NEEDED = TIME_GIVEN + 1,
};

struct run_time {
	bool known; /* there was a beginning and an end */
	int64_t total_ns, needed_ns;
	int64_t at_ns[TIME_PLACES];
};

void time_measure(const struct run_report *run, struct run_time *out);

/* Total to needed; -1 when nothing was needed. */
double time_ratio(const struct run_time *t);

/* "steady", and "steady load": for machines and for people. */
const char *time_key(enum time_place p);
const char *time_words(enum time_place p);

/* Two sentences: how long it took and what the systems needed; where the rest
 * went. "" when it is not known, or nothing to speak of. */
const char *time_story(struct arena *a, const struct run_time *t);
const char *time_rest(struct arena *a, const struct run_time *t);

#endif
