#ifndef ORDEAL_CHECK_JUDGE_H
#define ORDEAL_CHECK_JUDGE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "check/check.h"
#include "scenario/metrics.h"

/* Shared by verdict.c and the judges of single metrics. */

struct judging {
	const struct history *h;
	const struct evidence *ev;
	const struct measured *m;
	const struct expect_seen *expect;
};

/* A judge for each metric: fills verdict, measured, limit, why and detail from
 * the evidence alone. r->unit is filled before; whether the run may be
 * believed at all is verdict.c's business. */
#define JUDGE(id, name, unit, flags, shows, words, judge) \
	void judge(const struct judging *j, struct judged *r);
METRIC_LIST(JUDGE)
#undef JUDGE

/* Of an expectation that accepts what is beyond no limit: whether the setting that
 * allows it was in force. Nothing else is changed. */
void judge_accepted(const struct judging *j, struct judged *r);

/* Sets the verdict and why. */
void judged_as(struct judged *r, enum verdict v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Adds to why. */
void judged_also(struct judged *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The expectation's bounds, at_most and at_least, in ns or as a count; false: it has
 * none, and *limit is nothing. */
bool judging_most(const struct judging *j, double *limit);
bool judging_least(const struct judging *j, double *limit);
/* An interval against at_most and at_least. */
enum verdict judging_within(const struct judging *j, double lo, double hi);
/* The limit that a report shows, divided by `unit`; NAN: there is none. */
double judging_limit(const struct judging *j, double unit);

/* What there may have been of an outage of which `most` ns were seen at most: a gap
 * that is no longer than usual, and yet longer than the limit, may be one. */
double judging_gap(const struct judging *j, const struct outage *o, double most);
/* Says so in `why`. */
void judged_gap(const struct judging *j, const struct outage *o, struct judged *r);

/* Whether what it judges rests on the final read, by itself or by its checker. */
bool judging_final(const struct judging *j, enum expect_metric metric);

/* The noise that a judge of a length of time sets in r->noise: of this fault, or
 * the worst of all (f NULL); NULL: there is no fault. */
const struct noise *judging_noise(const struct judging *j, const struct fault_seen *f,
				  enum noise_of of);

/* Does noise, or a load that was not the one asked for, leave a verdict
 * undecided? If so, `why` says it. */
bool judged_noisy(const struct judging *j, enum expect_metric metric, const struct judged *r,
		  char *why, size_t size);

#endif
