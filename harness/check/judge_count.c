#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "check/judge.h"
#include "measure/parts.h"
#include "system/system.h"

/* Metrics that rest on which writes are there: their numbers, and until when. */

/* At least `lo` and at most `hi` of them. */
static void count(const struct judging *j, struct judged *r, int64_t lo, int64_t hi,
		  const char *what)
{
	const struct loss *l = &j->m->loss;

	r->limit = judging_limit(j, 1);
	if (!l->known) {
		judged_as(r, VERDICT_UNKNOWN, "%s, so nobody knows what is there", l->why_unknown);
		return;
	}
	if (!l->acked) {
		judged_as(r, VERDICT_UNKNOWN, "no %s was acknowledged", l->of);
		return;
	}
	r->measured = (double)lo;
	judged_as(r, judging_within(j, (double)lo, (double)hi), "%s%lld of %lld acknowledged %ss %s",
		  hi > lo ? "at least " : "", (long long)lo, (long long)l->acked, l->of, what);
}

static void lost_detail(const struct loss *l, const char *fault, struct judged *r)
{
	cJSON *a = cJSON_CreateArray();
	size_t i;

	for (i = 0; i < l->n && cJSON_GetArraySize(a) < 20; i++) {
		const struct lost_write *w = &l->writes[i];
		char name[LOST_WRITE_NAME_MAX];

		if (!fault || !strcmp(w->fault, fault))
			json_pushf(a, "%s%s%s", lost_write_name(w, name), w->cause ? ": " : "",
				   loss_cause_name(w->cause));
	}
	if (cJSON_GetArraySize(a)) {
		r->detail = cJSON_CreateObject();
		json_set(r->detail, "first_lost", a);
	} else {
		cJSON_Delete(a);
	}
}

static bool injected(const struct judging *j, const char *fault)
{
	for (size_t i = 0; i < j->m->nfaults; i++)
		if (!strcmp(j->m->faults[i].rec->id, fault))
			return j->m->faults[i].rec->injected_ns;
	return false;
}

/* Those that a fault lost, or all: the most that there can be is known of all
 * together only. */
void judge_lost(const struct judging *j, struct judged *r)
{
	const char *fault = j->expect->fault;
	const struct loss *l = &j->m->loss;
	int64_t n = fault ? 0 : l->lost;
	size_t i;

	if (fault && !injected(j, fault)) {
		r->limit = judging_limit(j, 1);
		judged_as(r, VERDICT_UNKNOWN, "fault %s was not injected", fault);
		return;
	}
	for (i = 0; fault && i < l->n; i++)
		n += !strcmp(l->writes[i].fault, fault);
	count(j, r, n, n + l->maybe_lost, "are lost");
	if (!l->known || !l->acked)
		return;
	if (!fault && l->lost_register_writes)
		judged_also(r, " (%lld of them to registers)", (long long)l->lost_register_writes);
	if (l->more_missing)
		judged_also(r, "; at most %lld key%s evicted", (long long)l->evictions,
			    l->evictions == 1 ? " was" : "s were");
	if (l->untold)
		judged_also(r, "; of %lld writes to registers nothing is told", (long long)l->untold);
	if (l->truncated)
		judged_also(r, "; %lld that consumers had received count as there, and are in the log no more",
			    (long long)l->truncated);
	if (l->back)
		judged_also(r, "; %lld that had been received and acknowledged came back as new, %lld of them after a "
			    "member was reset", (long long)l->back, (long long)l->back_reset);
	if (l->acked_late)
		judged_also(r, "; %lld were acknowledged after their calls had ended", (long long)l->acked_late);
	if (l->unknown)
		judged_also(r, "; of %lld writes of unknown fate %lld were applied", (long long)l->unknown,
			    (long long)l->unknown_present);
	lost_detail(l, fault, r);
}

void judge_phantom(const struct judging *j, struct judged *r)
{
	const struct loss *l = &j->m->loss;

	bool counted = evidence_counts_ops(j->ev);

	count(j, r, counted ? l->phantom : l->phantom - l->unsent, l->phantom + l->unread, "");
	if (!l->known || !l->acked)
		return;
	judged_as(r, r->verdict, "%lld values are there that were refused or never sent", (long long)l->phantom);
	if (l->unread)
		judged_also(r, "; the final read does not tell what registers hold that %lld writes were tried on",
			    (long long)l->unread);
	if (!counted && l->unsent)
		judged_also(r, "; no operation in the history sent %lld of them, and nothing counts its lines: some may be "
			    "missing", (long long)l->unsent);
}

void judge_duplicate(const struct judging *j, struct judged *r)
{
	const struct loss *l = &j->m->loss;

	count(j, r, l->duplicate, l->once_untold ? INT64_MAX : l->duplicate, "");
	if (!l->known || !l->acked)
		return;
	judged_as(r, r->verdict, "%lld values are there more often than once", (long long)l->duplicate);
	if (l->once_untold)
		judged_also(r, "; the final read does not tell which inserts are there twice");
}

static bool tells_evictions(const struct evidence *ev)
{
	for (size_t i = 0; i < ev->nsamples; i++)
		if (sample_evicted(&ev->samples[i]) >= 0)
			return true;
	return false;
}

/* A scenario that asks one for this that does not is refused before it runs (run/fit.c); a
 * system that is not known here may be any. */
static bool may_evict(const struct evidence *ev)
{
	const struct system *s = ev->script ? system_find(ev->script->system) : NULL;

	return !s || s->client->caps & SYSTEM_EVICTS || tells_evictions(ev);
}

void judge_evicted(const struct judging *j, struct judged *r)
{
	const struct loss *l = &j->m->loss;

	r->limit = judging_limit(j, 1);
	if (!may_evict(j->ev)) {
		judged_as(r, VERDICT_UNKNOWN, "%.60s evicts nothing, so there is nothing to judge", j->ev->script->system);
		return;
	}
	if (!l->known || !l->acked) {
		judged_as(r, VERDICT_UNKNOWN, "%s", l->known ? "no write was acknowledged" : l->why_unknown);
		return;
	}
	r->measured = (double)l->evicted;
	judged_as(r, judging_within(j, (double)l->evicted, (double)l->evicted),
		"%lld key%s evicted, of %lld acknowledged writes", (long long)l->evicted,
		l->evicted == 1 ? " was" : "s were", (long long)l->acked);
	if (l->more_missing)
		judged_also(r, "; more are missing than the system says it evicted");
	/* what is there was not thrown out */
	if (!tells_evictions(j->ev) && l->lost + l->maybe_lost > 0)
		judged_as(r, VERDICT_UNKNOWN, "no member told how many keys it evicted, and %s%lld writes are missing",
			  l->maybe_lost ? "perhaps " : "", (long long)(l->lost + l->maybe_lost));
}

/* Of a system that cannot tell them a scenario that asks is refused before it runs (run/fit.c). */
void judge_errant(const struct judging *j, struct judged *r)
{
	const struct errant_told *e = &j->m->errant;
	bool all = !*e->why && !e->unnamed;

	r->limit = judging_limit(j, 1);
	if (!e->known) {
		judged_as(r, VERDICT_UNKNOWN, "no member was held against a primary, so nobody knows what it had alone");
		return;
	}
	r->measured = (double)e->n;
	judged_as(r, judging_within(j, (double)e->n, all ? (double)e->n : INFINITY),
		  "%lld transaction%s a member's that its primary never had%s%s%s%s", (long long)e->n,
		  e->n == 1 ? " was" : "s were", e->n ? ": of " : "", e->who, e->n ? ", " : "", e->names);
	if (*e->why)
		judged_also(r, "; %s", e->why);
	if (e->unnamed)
		judged_also(r, "; %lld lost writes were still a member's when another one led that never had them, and nobody "
			    "named them", (long long)e->unnamed);
}

/* The one that went back furthest of those that the expectation is about; NULL: none. */
static const struct fault_seen *furthest(const struct judging *j, const char *fault)
{
	const struct fault_seen *worst = NULL;

	for (size_t i = 0; i < j->m->nfaults; i++) {
		const struct fault_seen *f = &j->m->faults[i];

		if (!f->rec->injected_ns || (fault && strcmp(f->rec->id, fault)))
			continue;
		if (!worst || f->point.hi_ns > worst->point.hi_ns ||
		    (f->point.hi_ns == worst->point.hi_ns && f->point.beyond > worst->point.beyond))
			worst = f;
	}
	return worst;
}

/* One during which some went on alone, and lost what they did; NULL: none. */
static const struct fault_seen *alone(const struct judging *j, const char *fault)
{
	for (size_t i = 0; i < j->m->nfaults; i++) {
		const struct fault_seen *f = &j->m->faults[i];

		if (f->point.after && (!fault || !strcmp(f->rec->id, fault)))
			return f;
	}
	return NULL;
}

/* Who was put back after all had lost everything; NULL: none was. */
static const struct fault_seen *put_back(const struct judging *j, const char *fault)
{
	for (size_t i = 0; i < j->m->nfaults; i++) {
		const struct fault_seen *f = &j->m->faults[i];

		if (f->point.put_back && (!fault || !strcmp(f->rec->id, fault)))
			return f;
	}
	return NULL;
}

/* What goes on from a position, be it a replica or a log, does so from its data. */
static void judge_position(const struct judging *j, const char *fault, struct judged *r)
{
	const struct fault_seen *f = put_back(j, fault);

	if (!f)
		return;
	if (f->point.put_back == POINT_INCONSISTENT && r->verdict != VERDICT_FAIL)
		judged_as(r, VERDICT_FAIL, "what was put back after fault %s is %s", f->rec->id, f->point.how);
	else
		judged_also(r, "; %s", f->point.how);
}

/* A time, of a state that is one: where it is none, no time is short enough. */
void judge_recovery_point(const struct judging *j, struct judged *r)
{
	const char *fault = j->expect->fault;
	const struct loss *l = &j->m->loss;
	const struct recovery_point *p;
	const struct fault_seen *of, *by;
	double hi;

	r->limit = judging_limit(j, 1e6);
	if (!l->known || !l->acked) {
		judged_as(r, VERDICT_UNKNOWN, "%s", l->known ? "no write was acknowledged" : l->why_unknown);
		return;
	}
	of = furthest(j, fault);
	if (!of) {
		judged_as(r, VERDICT_UNKNOWN, "%s%s was not injected", fault ? "fault " : "a fault", fault ? fault : "");
		return;
	}
	p = &of->point;
	r->measured = in_ms(p->lo_ns);
	/* Of writes whose fate is not told any may be an earlier one. */
	hi = l->maybe_lost || l->more_missing ? INFINITY : (double)p->hi_ns;
	if (p->beyond)
		judged_as(r, VERDICT_FAIL, "what survived fault %s is of no single moment: %lld acknowledged writes are there "
			  "that were called after a lost one had been acknowledged", of->rec->id, (long long)p->beyond);
	else if (!p->lost)
		judged_as(r, judging_within(j, 0, hi), "nothing that was acknowledged before fault %s is lost", of->rec->id);
	else
		judged_as(r, judging_within(j, (double)p->lo_ns, hi), "what survived fault %s is of one moment, %.2f s before "
			  "it: %lld of %lld acknowledged writes are lost, none of them earlier", of->rec->id, in_s(p->lo_ns),
			  (long long)p->lost, (long long)l->acked);
	by = alone(j, fault);
	if (by && r->verdict == VERDICT_PASS)
		judged_as(r, VERDICT_UNKNOWN, "%lld of the lost writes were called after fault %s had taken effect: of these no "
			  "time before it tells (what was acknowledged before fault %s and is missing goes back %.2f s)",
			  (long long)by->point.after, by->rec->id, of->rec->id, in_s(p->lo_ns));
	judge_position(j, fault, r);
	lost_detail(l, of->rec->id, r);
	if (!r->detail)
		r->detail = cJSON_CreateObject();
	json_set_num(r->detail, "lo_ms", in_ms(p->lo_ns));
	json_set_num(r->detail, "hi_ms", in_ms(p->hi_ns));
	json_set_i64(r->detail, "lost", p->lost);
	json_set_i64(r->detail, "beyond", p->beyond);
}
