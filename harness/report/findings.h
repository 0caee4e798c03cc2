#ifndef ORDEAL_REPORT_FINDINGS_H
#define ORDEAL_REPORT_FINDINGS_H

#include <cjson/cJSON.h>

#include "base/mem.h"
#include "report/report.h"

/* What a run found, whatever was expected: a verdict says whether expectations
 * held, a finding what became of the data and the service. Made from the figures
 * of all scenarios; of broken ones harm alone is told, of too noisy ones lengths of
 * time are left out. */

/* The worst first: X(ENUM, key). */
#define FINDING_LIST(X) \
	X(LOST, "lost") /* acknowledged writes are gone */ \
	X(VIOLATION, "violation") /* a checker found one */ \
	X(PHANTOM, "phantom") /* refused writes are there */ \
	X(DUPLICATE, "duplicate") \
	X(DUAL_PRIMARY, "dual_primary") /* two primaries were writable at once */ \
	X(EVICTED, "evicted") \
	X(NOT_BACK, "not_back") /* writes did not come back */ \
	X(JOB_FAILED, "job_failed") /* a Job of a step: a backup, say */ \
	X(CLIENT_DOWN, "client_down") /* a few clients, for certainly longer than all together */ \
	X(OUTAGE, "outage") \
	X(DOWN_BEFORE, "down_before") /* writes, while no fault was there */ \
	X(READS_DOWN, "reads_down") /* for certainly longer than writes */ \
	X(NOT_SERVED, "not_served") /* more than the time without writes tells */ \
	X(NOT_REDUNDANT, "not_redundant") /* redundancy was not seen again */ \
	X(NOT_STANDING, "not_standing") /* did not come up */ \
	X(UNTIMED, "untimed") /* how long writes were down is not known */ \
	X(UNREAD, "unread") /* what is lost is not known */ \
	X(UNSEEN_PRIMARY, "unseen_primary") /* whether two primaries were is not known */

enum finding_kind {
#define FINDING_ENUM(id, key) FINDING_##id,
	FINDING_LIST(FINDING_ENUM)
#undef FINDING_ENUM
};

/* Of a count: it may be more than that, or less. */
enum finding_bound { FINDING_EXACT, FINDING_AT_LEAST, FINDING_AT_MOST };

struct finding {
	enum finding_kind kind;
	const struct scenario_report *scenario;
	int64_t count, of;     /* writes, or operations; -1: it is none of those */
	enum finding_bound bound;
	int64_t lo_ns, hi_ns;  /* of a length of time; -1: none, or no upper end */
	bool summed;           /* that length is of several outages together */
	const char *text;      /* one clause, without the scenario */
};

struct findings {
	struct finding *v; /* heap; by kind, within one the worst first */
	size_t n, alloc;
	size_t expected, held; /* expectations; those that passed */
	size_t failed, unknown, broken, skipped;
};

/* Texts live in the arena. */
void findings_make(struct arena *a, const struct run_report *run, struct findings *out);
void findings_free(struct findings *f);

const char *finding_key(enum finding_kind k);

/* What was found in all, the worst first: one sentence, the first of a report. */
const char *findings_headline(struct arena *a, const struct run_report *run,
			      const struct findings *f);
/* "Expectations: 12 of 12 held." */
const char *findings_expected(struct arena *a, const struct findings *f);
/* "965 of 7,997 acknowledged writes were lost (redis-sentinel-partition-primary)" */
const char *finding_words(struct arena *a, const struct finding *x);

/* `findings` of result.json; the caller deletes it. */
cJSON *findings_json(const struct findings *f);
/* `expectations` of a run in result.json; the caller deletes it. */
cJSON *findings_expected_json(const struct findings *f);

#endif
