#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "check/judge.h"

void judged_as(struct judged *r, enum verdict v, const char *fmt, ...)
{
	va_list ap;

	r->verdict = v;
	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
}

void judged_also(struct judged *r, const char *fmt, ...)
{
	size_t len = strlen(r->why);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why + len, sizeof(r->why) - len, fmt, ap);
	va_end(ap);
}

bool judging_most(const struct judging *j, double *limit)
{
	*limit = j->expect->at_most;
	return j->expect->has_at_most;
}

bool judging_least(const struct judging *j, double *limit)
{
	*limit = j->expect->at_least;
	return j->expect->has_at_least;
}

enum verdict judging_within(const struct judging *j, double lo, double hi)
{
	enum verdict v = VERDICT_PASS;
	double most, least;

	if (judging_most(j, &most))
		v = verdict_worse(v, hi <= most ? VERDICT_PASS :
				     lo > most	? VERDICT_FAIL :
						  VERDICT_UNKNOWN);
	if (judging_least(j, &least))
		v = verdict_worse(v, lo >= least ? VERDICT_PASS :
				     hi < least	 ? VERDICT_FAIL :
						   VERDICT_UNKNOWN);
	return v;
}

double judging_limit(const struct judging *j, double unit)
{
	double x;

	if (judging_most(j, &x) || judging_least(j, &x))
		return x / unit;
	return NAN;
}

static bool hides_one(const struct judging *j, const struct outage *o)
{
	double most;

	/* With 0 it is asked for none; and no gap so short is ever called one. */
	return !o->any && judging_most(j, &most) && most > 0 && (double)o->seen_ns > most &&
	       o->seen_ns > OUTAGE_FLOOR_MS * NS_PER_MS;
}

double judging_gap(const struct judging *j, const struct outage *o, double most)
{
	return hides_one(j, o) ? (double)o->seen_ns : most;
}

void judged_gap(const struct judging *j, const struct outage *o, struct judged *r)
{
	if (hides_one(j, o))
		judged_also(r, "; the longest gap, of %.0f ms, is one that was usual before, and an outage of the "
			    "limit's length cannot be told from it", in_ms(o->seen_ns));
}

bool judging_final(const struct judging *j, enum expect_metric metric)
{
	const struct checker_ops *c = checker_find(j->expect->checker);

	return metric_of(metric)->flags & M_FINAL || (metric == EXPECT_CHECK && c && c->final);
}
