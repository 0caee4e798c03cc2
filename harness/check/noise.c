#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "check/judge.h"
#include "history/block.h"

/* What lateness, a busy machine and a load that was not sent leave of a
 * verdict. Lost data stays lost, and what the generator itself cannot have made
 * stays a failure. */

enum { UNTOLD_MS = 2000 }; /* it tells every second */

static const struct noise *worse_of(const struct noise *a, const struct noise *b)
{
	if (!a || (b->too_noisy && !a->too_noisy) || (b->pressed && !a->pressed && !a->too_noisy))
		return b;
	return a;
}

const struct noise *judging_noise(const struct judging *j, const struct fault_seen *f,
				  enum noise_of of)
{
	const struct noise *n = NULL;

	for (size_t i = 0; i < j->m->nfaults; i++)
		if (!f || f == &j->m->faults[i])
			n = worse_of(n, &j->m->faults[i].noise[of]);
	return n;
}

/* Too long even without all the time for which the generator stood still. */
static bool too_long_anyway(const struct judging *j, const struct judged *r, const struct noise *n)
{
	double most;

	return r->verdict == VERDICT_FAIL && n->stood_sum_ns && !strcmp(r->unit, "ms") && judging_most(j, &most) &&
	       r->measured * (double)NS_PER_MS - (double)n->stood_sum_ns > most;
}

/* Whether the verdict would be another one had nothing waited for a processor:
 * that makes times longer, so a failure for being short stays one. */
static bool by_waiting(const struct judging *j, const struct judged *r, const struct noise *n)
{
	double length = r->measured * (double)NS_PER_MS, net = length * (1 - n->waited), most,
	       least;
	bool within = j->expect->within_predicted;

	if (strcmp(r->unit, "ms") || isnan(length))
		return r->verdict == VERDICT_FAIL;
	if (r->verdict == VERDICT_PASS)
		return judging_least(j, &least) && net < least;
	if (judging_most(j, &most) && length > most)
		return net <= most;
	if (within && length > r->limit * (double)NS_PER_MS)
		return net <= r->limit * (double)NS_PER_MS;
	return false;
}

/* What says how late the load agent was has to say it all along. Only older files and
 * others' are excused. */
static bool heartbeat_told(const struct judging *j, char *why, size_t size)
{
	int64_t last = j->m->begin_ns;

	if (j->ev->run.format < BLOCKS_FORMAT)
		return true;
	for (size_t i = 0; i <= j->ev->nnoise; i++) {
		const struct noise_seen *n = i < j->ev->nnoise ? &j->ev->noise[i] : NULL;
		int64_t from = n ? n->t_ns - n->span_ns : j->m->end_ns;

		if (n && (n->beside || !n->span_ns || n->late_max_ns < 0))
			continue;
		if (from - last > UNTOLD_MS * NS_PER_MS) {
			snprintf(why, size, "nothing tells how late the load agent was for %.1f s, from %.1f s after the load "
				 "began", in_s(from - last), in_s(last - j->m->begin_ns));
			return false;
		}
		if (n && n->t_ns > last)
			last = n->t_ns;
	}
	return true;
}

bool judged_noisy(const struct judging *j, enum expect_metric metric, const struct judged *r,
		  char *why, size_t size)
{
	const struct measured *m = j->m;
	const struct noise *n = r->noise ? r->noise : &m->noise;
	unsigned flags = metric_of(metric)->flags;
	bool pass = r->verdict == VERDICT_PASS, time = flags & M_NOISY;

	if (metric == EXPECT_STANDS || !(pass || (time && r->verdict != VERDICT_BROKEN)))
		return false;
	if (m->load.not_as_asked && (time || judging_final(j, metric)))
		snprintf(why, size, "the load was not the one that was asked for: %s", m->load.why);
	else if (time && !heartbeat_told(j, why, size))
		return true;
	else if (time && n->too_noisy && !too_long_anyway(j, r, n))
		snprintf(why, size, "too noisy: %s", n->why);
	else if (m->noise.too_noisy && !(n->too_noisy && too_long_anyway(j, r, n)))
		snprintf(why, size, "too noisy: %s", m->noise.why);
	else if (time && n->pressed && by_waiting(j, r, n))
		snprintf(why, size, "too noisy: %s, which makes times longer", n->why);
	else if (pass && flags & M_WRITES && flags & M_BASELINE && m->calm_noise.too_noisy)
		snprintf(why, size, "what is normal is not known: %s", m->calm_noise.why);
	else
		return false;
	return true;
}
