#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "check/gate_faults.h"

/* Metrics of what was served after a fault: how long nothing was, what share
 * of what was due, and how fast. Without `fault` the worst of all faults
 * counts. */

enum { SERVED_MIN = 20 }; /* operations; fewer are no share and no percentile */

/* The faults that an expectation is about, one after the other. */
static const struct fault_seen *next_fault(const struct judging *j, const struct fault_seen *f)
{
	const char *id = j->expect->fault;

	for (size_t i = f ? (size_t)(f - j->m->faults) + 1 : 0; i < j->m->nfaults; i++)
		if (!id || !strcmp(j->m->faults[i].rec->id, id))
			return &j->m->faults[i];
	return NULL;
}

/* Sets the reason when there is nothing to judge. */
static bool injected(const struct judging *j, struct judged *r)
{
	const struct fault_seen *f = NULL;
	int n = 0;

	while ((f = next_fault(j, f))) {
		if (!f->rec->injected_ns) {
			judged_as(r, VERDICT_UNKNOWN, "fault %s was not injected", f->rec->id);
			return false;
		}
		n++;
	}
	if (!n)
		judged_as(r, VERDICT_UNKNOWN, "no fault was injected");
	return n;
}

static const struct served_row *row_of(const struct fault_seen *f, const char *of)
{
	switch (of_word(of)) {
	case OF_ALL:
		return fault_served(f, "all", "");
	case OF_WRITES:
	case OF_READS:
		return fault_served(f, of, "");
	case OF_CLIENT:
	case OF_SHARD:
		return fault_served(f, of, NULL);
	case OF_KIND:
		break;
	}
	return fault_served(f, "kind", of);
}

enum { WHOSE_BYTES = 80 };

/* "writes", "operations of shard 2", "operations of a client": of a row, or of what was
 * asked for (NULL). */
static const char *whose(const struct judging *j, const struct served_row *r, char *out)
{
	const char *of = j->expect->of ? j->expect->of : "operations";
	enum of_word word = of_word(j->expect->of);

	if (r && *r->name)
		snprintf(out, WHOSE_BYTES, "operations of %s %s", strcmp(r->what, "kind") ? r->what : "the kind", r->name);
	else if (word == OF_CLIENT || word == OF_SHARD)
		snprintf(out, WHOSE_BYTES, "operations of a %s", of);
	else
		snprintf(out, WHOSE_BYTES, word == OF_KIND ? "operations of the kind %s" : "%s", of);
	return out;
}

/* "client 7 was", "32 of 64 clients were", "operations of the kind insert were", "writes
 * (shard 2) were". */
static const char *who_was_down(const struct judging *j, const char *name, char *out)
{
	const char *of = j->expect->of ? j->expect->of : "writes";
	enum of_word word = of_word(j->expect->of);
	bool one = *name && !name[strspn(name, "0123456789")], part = *name >= '0' && *name <= '9';

	if (word == OF_KIND)
		snprintf(out, WHOSE_BYTES, "operations of the kind %s were", of);
	else if (one && (word == OF_CLIENT || word == OF_SHARD))
		snprintf(out, WHOSE_BYTES, "%s %s was", of, name);
	else if (part && word == OF_CLIENT)
		snprintf(out, WHOSE_BYTES, "%s clients were", name);
	else
		snprintf(out, WHOSE_BYTES, "%s%s%s%s were", word == OF_READS ? of : "writes", *name ? " (" : "", name,
			 *name ? ")" : "");
	return out;
}

static double share(const struct served_row *r)
{
	return 100 * (double)r->served / (double)r->due;
}

/* If all that may have been of it was. */
static double least_share(const struct served_row *r)
{
	return 100 * (double)r->served / (double)(r->due + r->untold);
}

/* Of those that nothing held apart from the others; NULL: there is none. */
static const struct served_row *worst_group(const struct fault_seen *f)
{
	const struct served_row *worst = NULL;

	for (size_t i = 0; i < f->nserved; i++) {
		const struct served_row *row = &f->served[i];

		if (!strcmp(row->what, "group") && !row->apart && (!worst || share(row) < share(worst)))
			worst = row;
	}
	return worst;
}

/* A generator that stood still sent late, so that less was served, and later: no
 * pass comes of that, only a failure may. */
static void by_generator(const struct judging *j, const struct fault_seen *f, struct judged *r)
{
	const struct noise *n = judging_noise(j, f, NOISE_SERVED);

	if (n && r->verdict == VERDICT_FAIL)
		r->noise = n;
}

/* Whether it was too little even had all been served for which the generator stood still. */
static bool too_little_anyway(const struct judging *j, const struct fault_seen *f, double pct)
{
	double window = (double)(f->window_end_ns - f->rec->injected_ns), least;

	return judging_least(j, &least) && window > 0 &&
	       pct + 100 * (double)f->noise[NOISE_SERVED].stood_sum_ns / window < least;
}

/* One fault answers for its own work alone. */
static void not_its_work(const struct judging *j, const struct fault_seen *f, struct judged *r)
{
	if (!j->expect->fault || !f->outage.any || !f->outage.running)
		return;
	judged_also(r, "; writes were down already when it was injected");
	if (r->verdict == VERDICT_FAIL)
		r->verdict = VERDICT_UNKNOWN;
}

/* Whoever sends at a rate makes those wait for whom no client is free: where that is not
 * told, service that comes too late looks like service in time. */
static void unless_due(const struct judging *j, struct judged *r)
{
	int64_t n = 0;

	for (size_t i = 0; i < j->h->n && j->ev->load.rate > 0; i++)
		n += j->h->ops[i].undue && (int64_t)j->h->ops[i].scenario == j->ev->scenario;
	if (!n || r->verdict != VERDICT_PASS)
		return;
	r->verdict = VERDICT_UNKNOWN;
	judged_also(r, "; of %lld operations nothing tells when they were due, and so how long they had waited", (long long)n);
}

void judge_availability(const struct judging *j, struct judged *r)
{
	const char *of = j->expect->of;
	const struct fault_seen *f = NULL, *worst = NULL;
	const struct served_row *row, *least = NULL, *all, *group;
	char who[WHOSE_BYTES];

	r->limit = judging_limit(j, 1);
	if (!injected(j, r))
		return;
	while ((f = next_fault(j, f))) {
		row = row_of(f, of);
		if (!row || row->due < SERVED_MIN) {
			judged_as(r, VERDICT_UNKNOWN, "after fault %s only %lld %s were due: too few for a share",
				  f->rec->id, row ? (long long)row->due : 0LL, whose(j, NULL, who));
			return;
		}
		if (!least || least_share(row) < least_share(least)) {
			least = row;
			worst = f;
		}
	}
	if (!least || !worst)
		return;
	r->measured = least_share(least);
	judged_as(r, judging_within(j, r->measured, share(least)),
		  "fault %s: of %lld %s that were due in the %.0f ms after it %lld were served",
		  worst->rec->id, (long long)least->due, whose(j, least, who),
		  in_ms(worst->window_end_ns - worst->rec->injected_ns), (long long)least->served);
	if (least->unsent)
		judged_also(r, "; %lld never left their client, for none was free in time", (long long)least->unsent);
	if (least->untold)
		judged_also(r, "; of which shard %lld more were that never left their clients nothing tells",
			    (long long)least->untold);
	all = fault_served(worst, "kind", NULL);
	if (!of && all && share(all) < share(least))
		judged_also(r, "; least of %s: %.1f %%", all->name, share(all));
	group = worst_group(worst);
	if (!of && group && share(group) < share(least))
		judged_also(r, "; least of group %s: %.1f %%", group->name, share(group));
	unless_due(j, r);
	if (!too_little_anyway(j, worst, share(least)))
		by_generator(j, worst, r);
	not_its_work(j, worst, r);
}

void judge_latency(const struct judging *j, struct judged *r)
{
	const struct fault_seen *f = NULL, *worst = NULL;
	const struct served_row *row, *most = NULL;
	char who[WHOSE_BYTES];

	r->limit = judging_limit(j, (double)NS_PER_MS);
	if (!injected(j, r))
		return;
	while ((f = next_fault(j, f))) {
		row = row_of(f, j->expect->of);
		if (!row || row->served < SERVED_MIN) {
			judged_as(r, VERDICT_UNKNOWN, "after fault %s only %lld %s were served: too few for a p99",
				  f->rec->id, row ? (long long)row->served : 0LL,
				  whose(j, NULL, who));
			return;
		}
		if (!most || row->p99_ns > most->p99_ns) {
			most = row;
			worst = f;
		}
	}
	if (!most || !worst)
		return;
	r->measured = in_ms(most->p99_ns);
	judged_as(r, judging_within(j, (double)most->p99_ns, (double)most->p99_ns),
		  "fault %s: 99 of 100 %s that were served after it took at most %.1f ms from when they were due, "
		  "half of them %.1f ms", worst->rec->id, whose(j, most, who), r->measured, in_ms(most->p50_ns));
	if (most->served < most->due)
		judged_also(r, "; %lld of %lld were not served", (long long)(most->due - most->served),
			    (long long)most->due);
	unless_due(j, r);
	by_generator(j, worst, r);
	not_its_work(j, worst, r);
}

/* The outage of some operations: the longest of those that fit. NULL: nothing of
 * the kind was served before the fault. */
static const struct outage *outage_of(const struct fault_seen *f, const char *of, const char **name)
{
	enum of_word word = of_word(of);
	bool client = word == OF_CLIENT, reads = word == OF_READS;
	const struct outage *worst = NULL;

	*name = f->outage_of;
	if (word == OF_ALL || word == OF_WRITES)
		return &f->outage;
	if (client)
		worst = &f->outage;
	for (size_t i = 0; i < f->nparts; i++) {
		const struct partial_outage *p = &f->parts[i];
		bool fits = reads ? p->reads : client ? !strcmp(p->what, "clients") :
			    word == OF_SHARD ? !strcmp(p->what, "shard") : !strcmp(p->name, of);

		if (fits && (!worst || outage_downer(&p->outage, worst))) {
			worst = &p->outage;
			*name = reads ? "" : p->name;
		}
	}
	if (client && outage_downer(&f->client, worst)) {
		worst = &f->client;
		*name = f->client_name;
	}
	/* The only kind is all there is. */
	if (!worst && !reads && word != OF_SHARD)
		return &f->outage;
	return worst;
}

void judge_downtime(const struct judging *j, struct judged *r)
{
	const char *of = j->expect->of, *name = "", *named = "";
	const struct fault_seen *f = NULL, *at = NULL;
	const struct outage *o, *worst = NULL;
	int64_t lo;
	bool watched;
	char why[300], who[WHOSE_BYTES];

	r->limit = judging_limit(j, (double)NS_PER_MS);
	if (!injected(j, r))
		return;
	if (j->m->baseline_p999_ns < 0) {
		judged_as(r, VERDICT_UNKNOWN, "too few writes before the first fault to know what is normal");
		return;
	}
	while ((f = next_fault(j, f))) {
		o = outage_of(f, of, &name);
		if (!o) {
			judged_as(r, VERDICT_UNKNOWN, "no %s were served before fault %s", whose(j, NULL, who), f->rec->id);
			return;
		}
		if (!worst || outage_downer(o, worst) ||
		    (!o->any && !worst->any && o->seen_ns > worst->seen_ns)) {
			worst = o;
			named = name;
			at = f;
		}
	}
	if (!worst || !at)
		return;
	r->noise = judging_noise(j, at, NOISE_DOWNTIME);
	r->measured = in_ms(worst->down.hi_ns);
	/* One fault answers for its own work alone. */
	lo = j->expect->fault ? worst->down.own_lo_ns : worst->down.lo_ns;
	watched = watched_on(j, EXPECT_DOWNTIME, at, why, sizeof(why));
	judged_as(r, judging_within(j, (double)lo, worst->down.ended && watched ?
				    judging_gap(j, worst, (double)worst->down.hi_ns) : INFINITY),
		  "fault %s: %s down %d %s, for %.0f to %s%.0f ms in all", at->rec->id,
		  who_was_down(j, named, who),
		  worst->down.times, worst->down.times == 1 ? "time" : "times", in_ms(worst->down.lo_ns),
		  worst->down.ended ? "" : "more than ", in_ms(worst->down.hi_ns));
	if (!worst->down.times)
		judged_as(r, r->verdict, "fault %s: %s not down", at->rec->id, who_was_down(j, named, who));
	if (lo < worst->down.lo_ns)
		judged_also(r, "; %.0f ms of it before the next fault", in_ms(lo));
	judged_gap(j, worst, r);
	if (!watched)
		judged_also(r, "; %s", why);
}
