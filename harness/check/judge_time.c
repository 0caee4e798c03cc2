#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "check/gate.h"
#include "check/gate_faults.h"

/* Metrics that are lengths of time. Where a figure is an interval, an
 * expectation passes when the whole interval satisfies it, fails when none of
 * it does, and is UNKNOWN in between: also for "within predicted". That is
 * about the window of the mechanism that the evidence names, not about the span
 * of all that race; an outage that was shorter than its rule allows fails as
 * well, and so does one that a mechanism ended which no rule foresaw, because
 * then the rules were not what happened. */

enum {
	UNASKED_MS = 500,    /* answers come more often than that */
	SEEN_LATE_MS = 1000, /* an effect is looked for more often */
};

static const struct fault_seen *wanted_fault(const struct judging *j)
{
	const char *id = j->expect->fault;
	size_t i;

	for (i = 0; id && i < j->m->nfaults; i++)
		if (!strcmp(j->m->faults[i].rec->id, id))
			return &j->m->faults[i];
	return NULL;
}

/* The fault that an expectation is about: the named one, or the one with the
 * worst outage. NULL: none; the reason is set. */
static const struct fault_seen *outage_fault(const struct judging *j, struct judged *r)
{
	const struct fault_seen *f = wanted_fault(j);
	const char *id = j->expect->fault;
	size_t i;

	for (i = 0; !id && i < j->m->nfaults; i++)
		if (&j->m->faults[i].outage == j->m->worst)
			f = &j->m->faults[i];
	if (!f || !f->rec->injected_ns) {
		judged_as(r, VERDICT_UNKNOWN, "%s%s was not injected", id ? "fault " : "a fault", id ? id : "");
		return NULL;
	}
	return f;
}

static void outage_detail(const struct fault_seen *f, struct judged *r)
{
	const struct outage *o = &f->outage;
	cJSON *d = cJSON_CreateObject(), *p;

	json_set_str(d, "fault", f->rec->id);
	json_set_num(d, "lo_ms", in_ms(o->lo_ns));
	json_set_num(d, "hi_ms", in_ms(o->hi_ns));
	json_set_num(d, "seen_ms", in_ms(o->seen_ns));
	json_set_bool(d, "ended", o->ended);
	if (f->predicted.known) {
		p = cJSON_AddObjectToObject(d, "predicted");
		json_set_num(p, "lo_ms", in_ms(f->predicted.lo_ns));
		json_set_num(p, "hi_ms", in_ms(f->predicted.hi_ns));
	}
	if (*o->m.mechanism)
		json_set_str(d, "mechanism", o->m.mechanism);
	if (o->m.window.known) {
		p = cJSON_AddObjectToObject(d, "window");
		json_set_num(p, "lo_ms", in_ms(o->m.window.lo_ns));
		json_set_num(p, "hi_ms", in_ms(o->m.window.hi_ns));
	}
	r->detail = d;
}

static void outage_words(const struct fault_seen *f, struct judged *r)
{
	const struct outage *o = &f->outage;

	if (!o->any)
		judged_as(r, r->verdict, "writes did not stop after fault %s: no gap exceeded what is normal", f->rec->id);
	else if (!o->ended)
		judged_as(r, r->verdict, "writes%s%s%s did not come back after fault %s in the %.0f ms that were left",
			*f->outage_of ? " (" : "", f->outage_of, *f->outage_of ? ")" : "", f->rec->id,
			in_ms(o->hi_ns));
	else
		judged_as(r, r->verdict, "fault %s: writes%s%s%s were down for %.0f to %.0f ms", f->rec->id,
			*f->outage_of ? " (" : "", f->outage_of, *f->outage_of ? ")" : "", in_ms(o->lo_ns),
			in_ms(o->hi_ns));
	if (o->any && o->times > 1)
		judged_also(r, ", in %d pieces with next to no service between", o->times);
	if (o->any && o->more > 0)
		judged_also(r, "; %d shorter %s of %.0f ms together", o->more, o->more == 1 ? "outage" : "outages",
			    in_ms(o->more_ns));
	if (o->running)
		judged_also(r, "; they were down already when it was injected");
	if (o->any && o->met)
		judged_also(r, "; fault %s came %.0f ms after it began", o->met->id,
			    in_ms(o->met->injected_ns - o->down_lo));
}

/* Another came before the shortest outage that its rules allow was over: what stopped then
 * counts as that one's, and may be this one's. */
static bool met_before(const struct judging *j, const struct fault_seen *f)
{
	return f->window_end_ns < j->m->end_ns &&
	       f->window_end_ns - f->rec->injected_ns < f->predicted.lo_ns;
}

/* `watched`: for as long as it may take. */
static enum verdict predicted(const struct judging *j, const struct fault_seen *f, bool watched)
{
	const struct prediction *p = &f->predicted;
	const struct outage *o = &f->outage;
	const struct rule_window *w = &o->m.window;

	if (!p->known || p->assumed)
		return VERDICT_UNKNOWN;
	if (!watched && (!o->any || !*o->m.mechanism))
		return o->lo_ns > p->hi_ns ? VERDICT_FAIL : VERDICT_UNKNOWN;
	if (!o->any && p->lo_ns > 0)
		return met_before(j, f) ? VERDICT_UNKNOWN : VERDICT_FAIL;
	if (!o->any)
		return VERDICT_PASS;
	if (!o->ended)
		return o->lo_ns > p->hi_ns ? VERDICT_FAIL : VERDICT_UNKNOWN;
	/* What of it is this fault's is not known. */
	if (o->running)
		return VERDICT_UNKNOWN;
	if (!*o->m.mechanism)
		return o->hi_ns < p->lo_ns || o->lo_ns > p->hi_ns ? VERDICT_FAIL : VERDICT_UNKNOWN;
	if (!w->known)
		return VERDICT_FAIL;
	if (o->lo_ns >= w->lo_ns && o->hi_ns <= w->hi_ns)
		return VERDICT_PASS;
	return o->hi_ns < w->lo_ns || o->lo_ns > w->hi_ns ? VERDICT_FAIL : VERDICT_UNKNOWN;
}

static void predicted_words(const struct judging *j, const struct fault_seen *f,
			    struct judged *r)
{
	const struct outage *o = &f->outage;
	const struct rule_window *w = &o->m.window;

	if (!f->predicted.known) {
		judged_also(r, "; no rule predicts this one");
		return;
	}
	if (j->ev->set_ns)
		judged_also(r, "; the wall clock was set by %.1f s meanwhile, so of what logs tell nobody knows when it was",
			    in_s(j->ev->set_ns));
	judged_also(r, "; the rules allow %.0f to %.0f ms", in_ms(f->predicted.lo_ns), in_ms(f->predicted.hi_ns));
	if (!o->any && f->predicted.lo_ns > 0 && met_before(j, f))
		judged_also(r, ", and what came %.0f ms after it may be its doing", in_ms(f->window_end_ns - f->rec->injected_ns));
	if (f->predicted.assumed)
		judged_also(r, " at defaults, and whether those were in force the system did not say");
	if (!o->any || !o->ended)
		return;
	if (!*o->m.mechanism)
		judged_also(r, "; the evidence does not tell what ended it%s%s", *o->m.why_mechanism ? ": " : "",
			    o->m.why_mechanism);
	else if (!w->known)
		judged_also(r, "; ended by: %s, which no rule foresees here (%s)", o->m.mechanism, o->m.why_mechanism);
	else
		judged_also(r, "; ended by: %s, which may take %.0f to %.0f ms%s%s%s", o->m.mechanism, in_ms(w->lo_ns),
			    in_ms(w->hi_ns), *w->how ? " (" : "", w->how, *w->how ? ")" : "");
}

/* The most that it was: without an end, or where it may only have been to come,
 * nobody knows. */
static double outage_most(const struct judging *j, const struct outage *o, bool watched)
{
	return o->ended && watched ? judging_gap(j, o, (double)o->hi_ns) : INFINITY;
}

void judge_outage(const struct judging *j, struct judged *r)
{
	bool within = j->expect->within_predicted, watched;
	const struct fault_seen *f = outage_fault(j, r);
	const struct outage *o;
	enum verdict v;
	char why[300];
	int64_t lo;

	if (!f)
		return;
	r->noise = judging_noise(j, f, NOISE_OUTAGE);
	if (j->m->baseline_p999_ns < 0) {
		judged_as(r, VERDICT_UNKNOWN, "too few writes before the first fault to know what is normal");
		return;
	}
	o = &f->outage;
	watched = watched_on(j, EXPECT_OUTAGE, f, why, sizeof(why));
	/* One fault answers for its own work alone; the worst outage is what it is. */
	lo = j->expect->fault ? outage_own_lo(o) : o->lo_ns;
	v = judging_within(j, (double)lo, outage_most(j, o, watched));
	if (within) {
		v = verdict_worse(v, predicted(j, f, watched));
		r->limit = o->m.window.known  ? in_ms(o->m.window.hi_ns) :
			   f->predicted.known ? in_ms(f->predicted.hi_ns) :
						NAN;
	}
	r->verdict = v;
	r->measured = o->any ? in_ms(o->seen_ns) : 0;
	if (!isnan(judging_limit(j, 1)))
		r->limit = judging_limit(j, (double)NS_PER_MS);
	outage_words(f, r);
	judged_gap(j, o, r);
	if (within)
		predicted_words(j, f, r);
	if (!watched)
		judged_also(r, "; %s", why);
	outage_detail(f, r);
}

/* By which clocks may be apart in what members said after a fault. */
static double told(int64_t ns, int64_t te)
{
	return (double)(ns + te);
}

/* What of it is certainly this fault's. One fault answers for its own work alone:
 * not for what kept the system apart when it came, nor for what came after it. */
static int64_t apart_lo(const struct judging *j, const struct fault_seen *f)
{
	bool named = j->expect->fault != NULL;

	if (named && f->apart_before)
		return 0;
	if (f->redundant_ns >= 0)
		return f->redundant_lo_ns - f->redundant_unasked_ns;
	return f->rec->effective_ns ?
		       j->m->end_ns - f->rec->effective_ns - f->redundant_unasked_ns :
		       0;
}

/* It took effect when that was seen, or sooner: as soon as it was injected. */
static int64_t seen_late(const struct fault_record *rec)
{
	bool late = rec->injected_ns && rec->effective_ns > rec->injected_ns;

	return late ? rec->effective_ns - rec->injected_ns : 0;
}

static enum verdict recovered(const struct judging *j, const struct fault_seen *f)
{
	/* Not within the limit is certain only when we watched for that long. */
	double lo = told(apart_lo(j, f), -f->told_te_ns);
	bool watched;
	char why[300];

	watched = f->redundant_ns >= 0 && watched_on(j, EXPECT_RECOVERY, f, why, sizeof(why));
	return judging_within(j, lo,
			      watched ? told(f->redundant_ns + seen_late(f->rec), f->told_te_ns) :
					INFINITY);
}

static void recovered_words(const struct judging *j, const struct fault_seen *f, struct judged *r)
{
	int64_t watched = f->rec->effective_ns ? j->m->end_ns - f->rec->effective_ns : 0;

	if (f->redundant_ns >= 0)
		judged_as(r, r->verdict, "fault %s: all members were following one primary again after %.0f ms",
			  f->rec->id, in_ms(f->redundant_ns));
	else
		judged_as(r, r->verdict, "redundancy was not back within the %.0f ms that were watched%s%s",
			  in_ms(watched > 0 ? watched : 0),
			  *f->redundant_why ? ": " : "", f->redundant_why);
	if (f->redundant_ns >= 0 && seen_late(f->rec) > SEEN_LATE_MS * NS_PER_MS)
		judged_also(r, "; what it did was seen %.0f ms after it was injected, so it may have taken %.0f ms",
			    in_ms(seen_late(f->rec)), in_ms(f->redundant_ns + seen_late(f->rec)));
	if (f->apart_before)
		judged_also(r, "; they did not when it was injected");
	if (f->redundant_unasked_ns > UNASKED_MS * NS_PER_MS)
		judged_also(r, "; they were not all asked all the time, and perhaps they were %.0f ms sooner",
			    in_ms(f->redundant_unasked_ns));
	if (f->redundant_ns >= 0 && f->redundant_lo_ns < f->redundant_ns)
		judged_also(r, "; another fault came %.0f ms after it, before that", in_ms(f->redundant_lo_ns));
}

/* The worst of the faults that it is about; of several the slowest. */
void judge_recovery(const struct judging *j, struct judged *r)
{
	const struct fault_seen *only = wanted_fault(j), *worst = NULL;
	char why[300];

	r->limit = judging_limit(j, (double)NS_PER_MS);
	if (!j->m->nsamples || (!only && (j->expect->fault || !j->m->nfaults))) {
		judged_as(r, VERDICT_UNKNOWN, "%s", j->m->nsamples ? "the fault was not injected" :
			"no member ever answered the sampler");
		return;
	}
	for (size_t i = 0; i < j->m->nfaults; i++) {
		const struct fault_seen *f = &j->m->faults[i];
		enum verdict v;

		if (only && f != only)
			continue;
		v = recovered(j, f);
		if (!worst ||
		    (v == r->verdict ? f == j->m->slowest : verdict_worse(v, r->verdict) == v)) {
			worst = f;
			r->verdict = v;
		}
	}
	if (!worst)
		return;
	r->noise = judging_noise(j, worst, NOISE_RECOVERY);
	if (worst->redundant_ns >= 0)
		r->measured = in_ms(worst->redundant_ns);
	recovered_words(j, worst, r);
	if (worst->redundant_ns >= 0 && !watched_on(j, EXPECT_RECOVERY, worst, why, sizeof(why)))
		judged_also(r, "; %s", why);
}

/* Answers of primaries that their group had voted out. */
static int outvoted(const struct evidence *ev)
{
	int n = 0;

	for (size_t i = 0; i < ev->nsamples; i++)
		n += ev->samples[i].outvoted && ev->samples[i].writable;
	return n;
}

void judge_dual(const struct judging *j, struct judged *r)
{
	const struct measured *m = j->m;
	int left_out = outvoted(j->ev);
	enum verdict v;
	double most;

	r->limit = judging_limit(j, (double)NS_PER_MS);
	if (!m->nsamples && !m->dual_primary_acks) {
		judged_as(r, VERDICT_UNKNOWN, "no member ever answered the sampler");
		return;
	}
	v = judging_within(j, (double)m->dual_primary_ns,
			   (double)(m->dual_primary_ns + m->dual_doubt.ns));
	/* Seen once is once too often for a limit of zero, however short. */
	if ((m->dual_primary_samples || m->dual_primary_acks) && !(judging_limit(j, 1) > 0))
		v = VERDICT_FAIL;
	r->measured = in_ms(m->dual_primary_ns);
	if (!(m->dual_primary_ns || m->dual_primary_samples || m->dual_primary_acks))
		judged_as(r, v, "no two members were seen to be writable primaries at once");
	else
		judged_as(r, v, "two writable primaries were seen for at least %.0f ms (%d answers, %lld "
			"acknowledged writes)", in_ms(m->dual_primary_ns), m->dual_primary_samples,
			(long long)m->dual_primary_acks);
	if (left_out)
		judged_also(r, "; %d answers of one that its group had voted out, and that had not heard of it yet, are none of "
			"a primary", left_out);
	if (m->dual_history.turns)
		judged_also(r, "; %s and %s acknowledged writes in turn %lld times within %.0f ms",
			m->dual_history.a, m->dual_history.b, (long long)m->dual_history.turns,
			in_ms(m->dual_history.within_ns));
	if (m->dual_doubt.ns && v != VERDICT_FAIL)
		judged_also(r, "; %s led, then %s, and then the former again, %.0f ms apart, and at this rate nobody "
			"can tell whether both did at once", m->dual_doubt.a, m->dual_doubt.b, in_ms(m->dual_doubt.longest_ns));
	if (m->dual_primary_unseen_ns > 0) {
		judged_also(r, "; for %.0f ms a primary behind the cut could not be asked while another served",
		     in_ms(m->dual_primary_unseen_ns));
		if (v == VERDICT_PASS)
			r->verdict = VERDICT_UNKNOWN;
	}
	if (m->dual_primary_keys_unseen && v == VERDICT_PASS && judging_most(j, &most)) {
		judged_also(r, "; of %d queues who led only the first was looked at", m->dual_primary_keys_unseen + 1);
		r->verdict = VERDICT_UNKNOWN;
	}
}

void judge_deadline(const struct judging *j, struct judged *r)
{
	double own = j->m->noise.lateness_max_ms;
	int64_t ns = j->m->longest_own_ns, clock = j->m->longest_op_ns;

	r->limit = judging_limit(j, (double)NS_PER_MS);
	if (ns < 0) {
		judged_as(r, VERDICT_UNKNOWN, "no operation was tried");
		return;
	}
	r->measured = in_ms(ns);
	judged_as(r, judging_within(j, (double)ns, (double)ns), "the longest operation took %.1f ms", in_ms(ns));
	if (clock > ns)
		judged_also(r, " (%.1f ms with what its client waited for a processor after giving up)", in_ms(clock));
	/* A client whose machine gave it no processor keeps no deadline. */
	if (r->verdict == VERDICT_FAIL && own >= r->limit) {
		r->verdict = VERDICT_UNKNOWN;
		judged_also(r, ", but the generator itself once stood still for %.0f ms", own);
	}
}

/* One fault of which the old primary was healed. */
static enum verdict demoted(const struct judging *j, const struct fault_seen *f)
{
	int64_t te = f->told_te_ns;

	if (f->demoted_ns >= 0)
		return judging_within(j, told(f->demoted_lo_ns, -te), told(f->demoted_ns, te));
	/* It was still primary when the watch ended, or what it was then is not known. */
	return f->still_primary ? judging_within(j, told(f->demoted_watched_ns, -te), INFINITY) :
				  VERDICT_UNKNOWN;
}

static void demoted_words(const struct fault_seen *f, struct judged *r)
{
	if (f->demoted_ns >= 0)
		judged_as(r, r->verdict, "the old primary was seen demoted %.0f ms after the healing of fault %s began%s",
			  in_ms(f->demoted_ns), f->rec->id, f->demoted_lo_ns > 0 ? "" :
			  ", and was not heard as one once it was seen healed");
	else if (f->still_primary)
		judged_as(r, r->verdict, "%.0f ms after fault %s was healed, when the watch ended, the old primary and "
			  "another one were both writable", in_ms(f->demoted_watched_ns), f->rec->id);
	else
		judged_as(r, r->verdict, "the old primary was never seen without its role after fault %s was healed",
			  f->rec->id);
}

/* The worst of the faults that it is about. */
void judge_demoted(const struct judging *j, struct judged *r)
{
	const struct fault_seen *only = wanted_fault(j), *worst = NULL;

	r->limit = judging_limit(j, (double)NS_PER_MS);
	for (size_t i = 0; i < j->m->nfaults; i++) {
		const struct fault_seen *f = &j->m->faults[i];
		enum verdict v;

		if (!f->was_primary || (j->expect->fault && f != only))
			continue;
		v = demoted(j, f);
		if (!worst || (v != r->verdict ? verdict_worse(v, r->verdict) == v :
						 f->demoted_ns > worst->demoted_ns)) {
			worst = f;
			r->verdict = v;
		}
	}
	if (!worst) {
		judged_as(r, VERDICT_UNKNOWN, "no lasting fault of a primary was healed");
		return;
	}
	r->noise = judging_noise(j, worst, NOISE_DEMOTION);
	if (worst->demoted_ns >= 0)
		r->measured = in_ms(worst->demoted_ns);
	demoted_words(worst, r);
}

/* The fault after which fewest answers of replicas could be judged; NULL: none was
 * injected. */
static const struct fault_seen *least_read(const struct measured *m)
{
	const struct fault_seen *least = NULL;

	for (size_t i = 0; i < m->nfaults; i++)
		if (m->faults[i].rec->injected_ns &&
		    (!least || m->faults[i].replica_reads < least->replica_reads))
			least = &m->faults[i];
	return least;
}

/* A lower bound beyond the limit fails for certain; only an upper bound
 * within it passes, and only of replicas that answered after each fault. */
void judge_staleness(const struct judging *j, struct judged *r)
{
	const struct fault_seen *least = least_read(j->m);
	const struct staleness *s = &j->m->staleness;
	bool few = s->reads < GATE_SEEN_MIN || (least && least->replica_reads < GATE_SEEN_MIN);
	enum verdict v;

	r->limit = judging_limit(j, (double)NS_PER_MS);
	if (!s->reads) {
		judged_as(r, VERDICT_UNKNOWN, "no replica's answer could be placed among the writes");
		return;
	}
	r->measured = in_ms(s->max_ns);
	v = judging_within(j, (double)s->max_ns, (double)s->max_hi_ns);
	judged_as(r, v == VERDICT_PASS && few ? VERDICT_UNKNOWN : v,
		"of %zu answers of replicas %zu were certainly behind: median %.0f ms, p99 %.0f ms, at most "
		"between %.0f and %.0f ms, %lld versions", s->reads, s->behind, in_ms(s->p50_ns), in_ms(s->p99_ns),
		in_ms(s->max_ns), in_ms(s->max_hi_ns), (long long)s->versions_max);
	if (few && least && least->replica_reads < GATE_SEEN_MIN)
		judged_also(r, "; %lld of them after fault %s: a pass takes %d", (long long)least->replica_reads,
			    least->rec->id, GATE_SEEN_MIN);
	else if (few)
		judged_also(r, "; a pass takes %d answers", GATE_SEEN_MIN);
}
