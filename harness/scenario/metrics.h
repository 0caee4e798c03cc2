#ifndef ORDEAL_SCENARIO_METRICS_H
#define ORDEAL_SCENARIO_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct scenario;
struct expectation;

/* What `expect:` can ask for, one line each:
 * X(ENUM, name, unit, flags, shows, words, judge)
 *   unit   of its limits, which says how its value is read as well
 *   flags  what it may say and what it needs (enum metric_flag)
 *   shows  the figures that a report puts beside its verdict
 *   words  in scenario/metrics.c: the expectation as a name that can be read alone
 *   judge  in check/: only there this column is expanded
 * The words of errors that list metrics follow this order. */
#define METRIC_LIST(X) \
	X(STANDS, "stands", BOOL, M_FALLEN, NOTHING, stands, judge_stands) \
	X(OUTAGE, "outage", NS, \
	  M_FLOOR | M_FAULT | M_PREDICTED | M_BASELINE | M_WRITES | M_NOISY | M_THROUGHOUT, FAULT, \
	  outage, judge_outage) \
	X(DOWNTIME, "downtime", NS, M_FLOOR | M_FAULT | M_BASELINE | M_NOISY | M_THROUGHOUT | M_WRITES | M_OF, \
	  SERVED, downtime, judge_downtime) \
	X(AVAILABILITY, "availability", SHARE, M_FLOOR | M_FAULT | M_NOISY | M_THROUGHOUT | M_OF, SERVED, \
	  availability, judge_availability) \
	X(LATENCY, "latency", NS, M_FAULT | M_NOISY | M_THROUGHOUT | M_OF, SERVED, latency, judge_latency) \
	X(LOST, "lost", COUNT, M_FLOOR | M_FAULT | M_WRITES | M_FINAL | M_ACCEPT, LOSS, lost, judge_lost) \
	X(PHANTOM, "phantom", COUNT, M_FLOOR | M_WRITES | M_FINAL, LOSS, phantom, judge_phantom) \
	X(DUPLICATE, "duplicate", COUNT, M_FLOOR | M_INSERTS | M_FINAL, LOSS, duplicate, \
	  judge_duplicate) \
	X(RECOVERY, "recovery", NS, M_FLOOR | M_FAULT | M_BASELINE | M_NOISY | M_SAMPLED, RECOVERY, recovery, \
	  judge_recovery) \
	X(DUAL_PRIMARY, "dual_primary", NS, M_FLOOR | M_SAMPLED, NOTHING, dual_primary, judge_dual) \
	X(DEADLINE, "deadline", NS, M_NOISY, NOTHING, deadline, judge_deadline) \
	X(DEMOTED, "demoted", NS, M_FAULT | M_BASELINE | M_NOISY | M_SAMPLED, FAULT, demoted, judge_demoted) \
	X(ERRORS_CLEAR, "errors_clear", BOOL, 0, FAULT, errors_clear, judge_errors_clear) \
	X(CHECK, "check", CHECKER, M_ACCEPT, NOTHING, check, judge_check) \
	X(STALENESS, "staleness", NS, M_REPLICAS | M_NOISY, STALENESS, staleness, judge_staleness) \
	X(EVICTED, "evicted", COUNT, M_FLOOR | M_WRITES | M_FINAL | M_ACCEPT | M_EVICTS, LOSS, evicted, judge_evicted) \
	X(RECOVERY_POINT, "recovery_point", NS, M_FLOOR | M_FAULT | M_BASELINE | M_INSERTS | M_FINAL, LOSS, \
	  recovery_point, judge_recovery_point) \
	X(JOB, "job", BOOL, M_NO_LOAD, NOTHING, job, judge_job) \
	X(ROUTES, "routes_to_primary", BOOL, M_NO_LOAD | M_FALLEN, NOTHING, routes, judge_routes) \
	X(ERRANT, "errant", COUNT, M_FLOOR | M_SAMPLED | M_ERRANT, NOTHING, errant, judge_errant)

enum expect_metric {
#define METRIC_ENUM(id, name, unit, flags, shows, words, judge) EXPECT_##id,
	METRIC_LIST(METRIC_ENUM)
#undef METRIC_ENUM
};

enum {
#define METRIC_ONE(id, name, unit, flags, shows, words, judge) +1
	METRICS = 0 METRIC_LIST(METRIC_ONE)
#undef METRIC_ONE
};

enum metric_unit {
	METRIC_BOOL,    /* true or false, no limits */
	METRIC_NS,      /* limits that are lengths of time */
	METRIC_COUNT,   /* limits that are whole numbers */
	METRIC_SHARE,   /* limits that are per cent: "99%" */
	METRIC_CHECKER, /* the name of a checker, no limits */
};

enum metric_flag {
	M_FLOOR = 1,      /* may have at_least */
	M_FAULT = 2,      /* may be about one fault */
	M_PREDICTED = 4,  /* may say within: predicted */
	M_BASELINE = 8,   /* needs a fault, and steady load before the first one */
	M_WRITES = 16,    /* needs writes of any kind in the load's mix */
	M_INSERTS = 32,   /* needs inserts or sends: it is counted on their values */
	M_REPLICAS = 64,  /* needs read_replica */
	M_NOISY = 128,    /* a figure that a late load generator makes worse */
	/* Without which it is UNKNOWN, whatever the figures (check/gate.c): */
	M_THROUGHOUT = 256, /* calls all the time that it speaks of */
	M_SAMPLED = 512,  /* answers of every member all the time that it speaks of */
	M_FINAL = 1024,   /* a final read by those who were entitled to answer it */
	M_ACCEPT = 2048,  /* may be accepted, where a setting allows it */
	M_OF = 4096,      /* may say of which operations it is (OF_LIST) */
	M_NO_LOAD = 8192, /* rests on nothing that clients did */
	M_EVICTS = 16384,  /* needs a system that counts what it throws out */
	M_FALLEN = 32768,  /* judged of a system that did not come up, too */
	M_ERRANT = 65536,  /* needs a system that names transactions (model_ops.errant) */
};

enum metric_shows {
	SHOWS_NOTHING,
	SHOWS_FAULT,     /* its fault: outage, prediction, evidence */
	SHOWS_LOSS,
	SHOWS_RECOVERY,
	SHOWS_STALENESS,
	SHOWS_SERVED,    /* its fault: what of each kind was served */
};

/* What `of:` can say besides a kind of operation: X(ENUM, word, words) */
#define OF_LIST(X) \
	X(WRITES, "writes", "writes") \
	X(READS, "reads", "reads") \
	X(CLIENT, "client", "the worst client's operations") \
	X(SHARD, "shard", "the worst shard's operations")

enum of_word {
	OF_ALL,  /* it says nothing */
	OF_KIND, /* a kind of operation */
#define OF_ENUM(id, word, words) OF_##id,
	OF_LIST(OF_ENUM)
#undef OF_ENUM
};

struct metric {
	const char *name;
	enum metric_unit unit;
	unsigned flags; /* of enum metric_flag */
	enum metric_shows shows;
	void (*words)(struct buf *b, const struct scenario *s, const struct expectation *x);
};

const struct metric *metric_of(enum expect_metric m);
/* Whether an `at_most` can be missed at all, in the metric's unit, by a load whose operations
 * have this deadline; 0: it is not known. */
bool metric_most_missable(enum expect_metric m, double most, int64_t deadline_ns);
/* What `of` says; NULL: nothing. */
enum of_word of_word(const char *of);
/* The kinds of operation that a word of `of:` means, as OP_BITs; those that only
 * say which of all mean all. */
uint32_t of_kinds(const char *of);
bool metric_is(const char *name, enum expect_metric m);
/* False: none has this name. */
bool metric_find(const char *name, enum expect_metric *out);

#endif
