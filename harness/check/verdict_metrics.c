#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check/judge.h"
#include "measure/parts.h"

/* One function a metric. Where a figure is an interval, an expectation
 * passes when the whole interval satisfies it, fails when none of it does,
 * and is UNKNOWN in between: also for "within predicted", so an outage that
 * was shorter than the rules allow fails it as well, because then the rules
 * were not what happened. */

enum { CHECK_SECONDS = 60, CHECK_MIB = 512 };
#define CLEAR_SHARE 0.9 /* of the failed writes must have got an answer that says so */

static double ms(int64_t ns)
{
	return (double)ns / (double)NS_PER_MS;
}

static void verdict(struct judged *r, enum verdict v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void verdict(struct judged *r, enum verdict v, const char *fmt, ...)
{
	va_list ap;

	r->verdict = v;
	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
}

static void also(struct judged *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void also(struct judged *r, const char *fmt, ...)
{
	size_t len = strlen(r->why);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why + len, sizeof(r->why) - len, fmt, ap);
	va_end(ap);
}

static bool bound(const struct judging *j, const char *key, double *limit)
{
	const cJSON *n = json_get(j->expect, key);

	if (!cJSON_IsNumber(n))
		return false;
	*limit = n->valuedouble;
	return true;
}

/* An interval against at_most and at_least, all in one unit. */
static enum verdict within(double lo, double hi, bool has_most, double most, bool has_least, double least)
{
	enum verdict v = VERDICT_PASS;

	if (has_most)
		v = verdict_worse(v, hi <= most ? VERDICT_PASS : lo > most ? VERDICT_FAIL : VERDICT_UNKNOWN);
	if (has_least)
		v = verdict_worse(v, lo >= least ? VERDICT_PASS : hi < least ? VERDICT_FAIL : VERDICT_UNKNOWN);
	return v;
}

static enum verdict against_bounds(const struct judging *j, double lo, double hi)
{
	double most = 0, least = 0;
	bool has_most = bound(j, "at_most", &most), has_least = bound(j, "at_least", &least);

	return within(lo, hi, has_most, most, has_least, least);
}

/* The limit that a report shows, scaled. */
static double shown_limit(const struct judging *j, double unit)
{
	double x;

	if (bound(j, "at_most", &x) || bound(j, "at_least", &x))
		return x / unit;
	return NAN;
}

static const struct fault_seen *wanted_fault(const struct judging *j)
{
	const char *id = json_str(j->expect, "fault", NULL);
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
	const char *id = json_str(j->expect, "fault", NULL);
	size_t i;

	for (i = 0; !id && i < j->m->nfaults; i++)
		if (&j->m->faults[i].outage == j->m->worst)
			f = &j->m->faults[i];
	if (!f || !f->rec->injected_ns) {
		verdict(r, VERDICT_UNKNOWN, "%s%s was not injected", id ? "fault " : "a fault", id ? id : "");
		return NULL;
	}
	return f;
}

static void outage_detail(const struct fault_seen *f, struct judged *r)
{
	const struct outage *o = &f->outage;
	cJSON *d = cJSON_CreateObject(), *p;

	json_set_str(d, "fault", f->rec->id);
	json_set_num(d, "lo_ms", ms(o->lo_ns));
	json_set_num(d, "hi_ms", ms(o->hi_ns));
	json_set_num(d, "seen_ms", ms(o->seen_ns));
	json_set_bool(d, "ended", o->ended);
	if (f->predicted.known) {
		p = cJSON_AddObjectToObject(d, "predicted");
		json_set_num(p, "lo_ms", ms(f->predicted.lo_ns));
		json_set_num(p, "hi_ms", ms(f->predicted.hi_ns));
	}
	if (*o->m.mechanism)
		json_set_str(d, "mechanism", o->m.mechanism);
	r->detail = d;
}

static void outage_words(const struct fault_seen *f, struct judged *r)
{
	const struct outage *o = &f->outage;

	if (!o->any)
		verdict(r, r->verdict, "no write was refused and no gap exceeded the baseline after fault %s", f->rec->id);
	else if (!o->ended)
		verdict(r, r->verdict, "writes did not come back after fault %s in the %.0f ms that were left",
			f->rec->id, ms(o->hi_ns));
	else
		verdict(r, r->verdict, "fault %s: writes%s%s%s were down for %.0f to %.0f ms", f->rec->id,
			*f->outage_of ? " (" : "", f->outage_of, *f->outage_of ? ")" : "", ms(o->lo_ns),
			ms(o->hi_ns));
	if (o->any && o->more > 0)
		also(r, "; %d further gaps of %.0f ms together followed", o->more, ms(o->more_ns));
}

static enum verdict predicted(const struct fault_seen *f)
{
	const struct prediction *p = &f->predicted;
	double lo = f->outage.any ? (double)f->outage.lo_ns : 0;
	double hi = f->outage.any ? (double)f->outage.hi_ns : 0;

	if (!p->known)
		return VERDICT_UNKNOWN;
	if (f->outage.any && !f->outage.ended)
		return lo > (double)p->hi_ns ? VERDICT_FAIL : VERDICT_UNKNOWN;
	if (lo >= (double)p->lo_ns && hi <= (double)p->hi_ns)
		return VERDICT_PASS;
	return hi < (double)p->lo_ns || lo > (double)p->hi_ns ? VERDICT_FAIL : VERDICT_UNKNOWN;
}

static void judge_outage(const struct judging *j, struct judged *r)
{
	const struct fault_seen *f = outage_fault(j, r);
	const struct outage *o;
	enum verdict v;

	if (!f)
		return;
	if (j->m->baseline_p999_ns < 0) {
		verdict(r, VERDICT_UNKNOWN, "too few writes before the first fault to know what is normal");
		return;
	}
	o = &f->outage;
	v = against_bounds(j, o->any ? (double)o->lo_ns : 0, o->any ? (double)o->hi_ns : 0);
	/* All that was watched is below the limit, but it never ended. */
	if (o->any && !o->ended && v == VERDICT_PASS)
		v = VERDICT_UNKNOWN;
	if (json_bool(j->expect, "within_predicted", false)) {
		v = verdict_worse(v, predicted(f));
		r->limit = f->predicted.known ? ms(f->predicted.hi_ns) : NAN;
	}
	r->verdict = v;
	r->measured = o->any ? ms(o->seen_ns) : 0;
	if (!isnan(shown_limit(j, 1)))
		r->limit = shown_limit(j, (double)NS_PER_MS);
	outage_words(f, r);
	if (json_bool(j->expect, "within_predicted", false)) {
		if (f->predicted.known)
			also(r, "; the rules allow %.0f to %.0f ms", ms(f->predicted.lo_ns), ms(f->predicted.hi_ns));
		else
			also(r, "; no rule predicts this one");
		if (*o->m.mechanism)
			also(r, "; ended by: %s", o->m.mechanism);
	}
	outage_detail(f, r);
}

static void judge_stands(const struct judging *j, struct judged *r)
{
	bool want = json_bool(j->expect, "want", true);
	bool told = j->ev->stands != NULL;

	mem_copy_str(r->unit, sizeof(r->unit), "bool");
	r->limit = want;
	if (told)
		r->measured = j->m->stands;
	verdict(r, !told ? VERDICT_UNKNOWN : j->m->stands == want ? VERDICT_PASS : VERDICT_FAIL, "%s",
		told ? j->m->stands_why : "it did not get that far");
}

static void count(const struct judging *j, struct judged *r, int64_t n, const char *what)
{
	const struct loss *l = &j->m->loss;

	mem_copy_str(r->unit, sizeof(r->unit), "count");
	r->limit = shown_limit(j, 1);
	if (!l->known) {
		verdict(r, VERDICT_UNKNOWN, "no final read was made, so nobody knows what is there");
		return;
	}
	if (!l->acked) {
		verdict(r, VERDICT_UNKNOWN, "no %s was acknowledged", l->of);
		return;
	}
	r->measured = (double)n;
	verdict(r, against_bounds(j, (double)n, (double)n), "%lld of %lld acknowledged %ss %s",
		(long long)n, (long long)l->acked, l->of, what);
}

static void lost_detail(const struct loss *l, const char *fault, struct judged *r)
{
	cJSON *a = cJSON_CreateArray();
	size_t i;

	for (i = 0; i < l->n && cJSON_GetArraySize(a) < 20; i++)
		if (!fault || !strcmp(l->writes[i].fault, fault))
			json_pushf(a, "%lld%s%s", (long long)l->writes[i].value,
				   l->writes[i].cause ? ": " : "",
				   loss_cause_name(l->writes[i].cause));
	if (cJSON_GetArraySize(a)) {
		r->detail = cJSON_CreateObject();
		json_set(r->detail, "first_lost", a);
	} else {
		cJSON_Delete(a);
	}
}

/* A register that holds an overwritten value lost an acknowledged write too. */
static void judge_lost(const struct judging *j, struct judged *r)
{
	const char *fault = json_str(j->expect, "fault", NULL);
	const struct loss *l = &j->m->loss;
	int64_t n = fault ? 0 : l->lost + l->stale_registers;
	size_t i;

	for (i = 0; fault && i < l->n; i++)
		n += !strcmp(l->writes[i].fault, fault);
	count(j, r, n, "are missing at the end");
	if (!l->known || !l->acked)
		return;
	if (!fault && l->stale_registers)
		verdict(r, r->verdict,
			"%lld of %lld acknowledged %ss are missing, and %lld registers hold a value that was overwritten or never written",
			(long long)l->lost, (long long)l->acked, l->of, (long long)l->stale_registers);
	if (l->unknown)
		also(r, "; of %lld writes of unknown fate %lld are there", (long long)l->unknown,
		     (long long)l->unknown_present);
	lost_detail(l, fault, r);
}

static void judge_phantom(const struct judging *j, struct judged *r)
{
	const struct loss *l = &j->m->loss;

	count(j, r, l->phantom, "");
	if (l->known && l->acked)
		verdict(r, r->verdict, "%lld values are there that were refused or never sent", (long long)l->phantom);
}

static void judge_duplicate(const struct judging *j, struct judged *r)
{
	const struct loss *l = &j->m->loss;

	count(j, r, l->duplicate, "");
	if (l->known && l->acked)
		verdict(r, r->verdict, "%lld values are there more often than once", (long long)l->duplicate);
}

static void judge_recovery(const struct judging *j, struct judged *r)
{
	const struct fault_seen *f = wanted_fault(j);
	int64_t ns = f ? f->redundant_ns : j->m->redundant_ns, watched = 0;
	size_t i;
	double most;

	r->limit = shown_limit(j, (double)NS_PER_MS);
	if (!j->m->nsamples || (!f && (json_get(j->expect, "fault") || !j->m->nfaults))) {
		verdict(r, VERDICT_UNKNOWN, "%s", j->m->nsamples ? "the fault was not injected" :
			"no member ever answered the sampler");
		return;
	}
	if (ns >= 0) {
		r->measured = ms(ns);
		verdict(r, against_bounds(j, (double)ns, (double)ns),
			"all members were following one primary again after %.0f ms", ms(ns));
		return;
	}
	for (i = 0; i < j->m->nfaults; i++) {
		const struct fault_seen *x = &j->m->faults[i];

		if (x->rec->effective_ns && x->redundant_ns < 0 && (!f || x == f) &&
		    x->window_end_ns - x->rec->effective_ns > watched)
			watched = x->window_end_ns - x->rec->effective_ns;
	}
	/* Not within the limit is certain only when we watched for that long. */
	verdict(r, bound(j, "at_most", &most) && (double)watched > most ? VERDICT_FAIL : VERDICT_UNKNOWN,
		"redundancy was not back within the %.0f ms that were watched", ms(watched));
}

static void judge_dual(const struct judging *j, struct judged *r)
{
	const struct measured *m = j->m;
	enum verdict v;

	r->limit = shown_limit(j, (double)NS_PER_MS);
	if (!m->nsamples) {
		verdict(r, VERDICT_UNKNOWN, "no member ever answered the sampler");
		return;
	}
	v = against_bounds(j, (double)m->dual_primary_ns, (double)m->dual_primary_ns);
	/* Seen once is once too often for a limit of zero, however short. */
	if (v == VERDICT_PASS && m->dual_primary_samples && !(shown_limit(j, 1) > 0))
		v = VERDICT_FAIL;
	r->measured = ms(m->dual_primary_ns);
	verdict(r, v, "two writable primaries were seen for %.0f ms (%d answers)", ms(m->dual_primary_ns),
		m->dual_primary_samples);
	if (m->dual_primary_unseen_ns > 0) {
		also(r, "; for %.0f ms a primary behind the partition could not be asked while another served",
		     ms(m->dual_primary_unseen_ns));
		if (v == VERDICT_PASS)
			r->verdict = VERDICT_UNKNOWN;
	}
}

static void judge_deadline(const struct judging *j, struct judged *r)
{
	double own = j->m->noise.lateness_max_ms;
	int64_t ns = j->m->longest_own_ns, clock = j->m->longest_op_ns;

	r->limit = shown_limit(j, (double)NS_PER_MS);
	if (ns < 0) {
		verdict(r, VERDICT_UNKNOWN, "no operation was tried");
		return;
	}
	r->measured = ms(ns);
	verdict(r, against_bounds(j, (double)ns, (double)ns), "the longest operation took %.1f ms", ms(ns));
	if (clock > ns)
		also(r, " (%.1f ms with what its client waited for a processor after giving up)", ms(clock));
	/* A client whose machine gave it no processor keeps no deadline. */
	if (r->verdict == VERDICT_FAIL && own >= r->limit) {
		r->verdict = VERDICT_UNKNOWN;
		also(r, ", but the generator itself once stood still for %.0f ms", own);
	}
}

static void judge_demoted(const struct judging *j, struct judged *r)
{
	const struct fault_seen *f = wanted_fault(j);
	size_t i;

	for (i = 0; !f && !json_get(j->expect, "fault") && i < j->m->nfaults; i++)
		if (j->m->faults[i].demoted_ns >= 0 || j->m->faults[i].still_primary)
			f = &j->m->faults[i];
	r->limit = shown_limit(j, (double)NS_PER_MS);
	if (f && f->demoted_ns >= 0) {
		r->measured = ms(f->demoted_ns);
		verdict(r, against_bounds(j, (double)f->demoted_ns, (double)f->demoted_ns),
			"the old primary was seen demoted %.0f ms after fault %s was healed", ms(f->demoted_ns), f->rec->id);
	} else if (f && f->still_primary) {
		verdict(r, VERDICT_FAIL, "at the end the old primary and another one were both writable");
	} else {
		verdict(r, VERDICT_UNKNOWN, "the old primary was never seen without its role after the fault was healed");
	}
}

static void judge_errors_clear(const struct judging *j, struct judged *r)
{
	bool want = json_bool(j->expect, "want", true);
	long failed = 0, silent = 0;
	double share;
	size_t i, k;

	mem_copy_str(r->unit, sizeof(r->unit), "bool");
	r->limit = want;
	for (i = 0; i < j->h->n; i++) {
		const struct op *op = &j->h->ops[i];
		bool during = false;

		if ((int64_t)op->scenario != j->ev->scenario || !op_is_write(op) || op->outcome == OP_OK ||
		    !strncmp(op->error, "mismatch", 8) || !strncmp(op->error, "client:", 7))
			continue;
		for (k = 0; k < j->m->nfaults; k++)
			during = during || (j->m->faults[k].rec->injected_ns &&
					    op->t_return >= j->m->faults[k].rec->injected_ns);
		if (!during)
			continue;
		failed++;
		silent += !strncmp(op->error, "timeout", 7);
	}
	if (!failed) {
		verdict(r, VERDICT_UNKNOWN, "no write failed after the fault");
		return;
	}
	share = (double)(failed - silent) / (double)failed;
	r->measured = share >= CLEAR_SHARE;
	verdict(r, (share >= CLEAR_SHARE) == want ? VERDICT_PASS : VERDICT_FAIL,
		"of %ld failed writes %ld got an error and %ld waited in silence until their deadline", failed,
		failed - silent, silent);
}

/* A lower bound beyond the limit fails for certain; only an upper bound
 * within it passes. */
static void judge_staleness(const struct judging *j, struct judged *r)
{
	const struct staleness *s = &j->m->staleness;

	r->limit = shown_limit(j, (double)NS_PER_MS);
	if (!s->reads) {
		verdict(r, VERDICT_UNKNOWN, "no replica's answer could be placed among the writes");
		return;
	}
	r->measured = ms(s->max_ns);
	verdict(r, against_bounds(j, (double)s->max_ns, (double)s->max_hi_ns),
		"of %zu answers of replicas %zu were certainly behind: median %.0f ms, p99 %.0f ms, at most "
		"between %.0f and %.0f ms, %lld versions", s->reads, s->behind, ms(s->p50_ns), ms(s->p99_ns),
		ms(s->max_ns), ms(s->max_hi_ns), (long long)s->versions_max);
}

static void judge_evicted(const struct judging *j, struct judged *r)
{
	const struct loss *l = &j->m->loss;

	mem_copy_str(r->unit, sizeof(r->unit), "count");
	r->limit = shown_limit(j, 1);
	if (!l->known || !l->acked) {
		verdict(r, VERDICT_UNKNOWN, l->known ? "no write was acknowledged" : "there is no final read");
		return;
	}
	r->measured = (double)l->evicted;
	verdict(r, against_bounds(j, (double)l->evicted, (double)l->evicted),
		"%lld of %lld acknowledged writes were evicted", (long long)l->evicted, (long long)l->acked);
}

static void judge_check(const struct judging *j, struct judged *r)
{
	const struct check_budget budget = { CHECK_SECONDS * NS_PER_S, (size_t)CHECK_MIB << 20 };
	const struct checker_ops *c = checker_find(json_str(j->expect, "checker", ""));
	struct check_result res;

	mem_copy_str(r->unit, sizeof(r->unit), "bool");
	if (!c) {
		verdict(r, VERDICT_UNKNOWN, "no checker is called \"%.60s\"", json_str(j->expect, "checker", ""));
		return;
	}
	c->check(j->h, j->ev, j->m, &budget, &res);
	verdict(r, res.verdict, "%s", res.why);
	if (res.verdict == VERDICT_PASS || res.verdict == VERDICT_FAIL) {
		r->measured = res.verdict == VERDICT_PASS;
		r->limit = 1;
	}
	if (res.witness) {
		r->detail = cJSON_CreateObject();
		json_set(r->detail, "witness", res.witness);
	}
}

void judge_metric(const struct judging *j, enum expect_metric metric, struct judged *r)
{
	static void (*const by_metric[])(const struct judging *, struct judged *) = {
		[EXPECT_STANDS] = judge_stands, [EXPECT_OUTAGE] = judge_outage,
		[EXPECT_LOST] = judge_lost, [EXPECT_PHANTOM] = judge_phantom,
		[EXPECT_DUPLICATE] = judge_duplicate, [EXPECT_RECOVERY] = judge_recovery,
		[EXPECT_DUAL_PRIMARY] = judge_dual, [EXPECT_DEADLINE] = judge_deadline,
		[EXPECT_DEMOTED] = judge_demoted, [EXPECT_ERRORS_CLEAR] = judge_errors_clear,
		[EXPECT_CHECK] = judge_check, [EXPECT_STALENESS] = judge_staleness,
		[EXPECT_EVICTED] = judge_evicted,
	};

	mem_copy_str(r->unit, sizeof(r->unit), "ms");
	by_metric[metric](j, r);
}
