#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "check/judge.h"

/* What an expectation accepts beyond its limit: a loss that a setting allows, or a
 * violation that a checker found, is no failure of the system, but only while that
 * setting is in force. */

static bool same_value(const char *a, const char *b)
{
	char *enda, *endb;
	double x = strtod(a, &enda), y = strtod(b, &endb);

	if (*a && *b && !*enda && !*endb)
		return !(x < y) && !(x > y);
	return !strcmp(a, b);
}

/* As the running system told it; NULL: it did not. */
static const char *told(const struct settings_seen *all, const char *name)
{
	for (size_t i = 0; all && i < all->n; i++)
		if (setting_same(all->v[i].name, name))
			return all->v[i].value;
	return NULL;
}

/* What it was at another telling, where that is not what was told last; NULL: nothing
 * else. */
static const char *told_else(const struct evidence *ev, const char *name, const char *last)
{
	for (const struct settings_seen *s = ev->inforce; s; s = s->before) {
		const char *is = told(s, name);

		if (is && !same_value(is, last))
			return is;
	}
	return NULL;
}

/* As members acted by it; NULL: nothing of that was seen. */
static const char *acted(const struct judging *j, const char *name)
{
	const struct model_ops *model = j->m->model;

	return model && model->acted ? model->acted(j->ev, name) : NULL;
}

/* By so much a copy that is in step is behind, besides an operation's deadline. */
enum { BEHIND_MS = 5000 };

/* What a fault may have taken without having met it: what its server had, or a side that
 * was apart, is gone however old it is. */
static bool however_old(const struct judging *j, const struct lost_write *w)
{
	for (size_t i = 0; i < j->m->nfaults; i++)
		if (j->m->faults[i].rec->effective_ns &&
		    fault_does(j->m->faults[i].rec, EFFECT_STORAGE_EMPTY))
			return true;
	return w->cause == LOSS_RESTART || w->cause == LOSS_MINORITY;
}

/* The fault that it is blamed on, or, where the system was not whole when that came, the
 * one since which it was not; NULL: none. */
static const struct fault_seen *since(const struct measured *m, const struct lost_write *w)
{
	size_t i = 0;

	while (i < m->nfaults && strcmp(m->faults[i].rec->id, w->fault))
		i++;
	while (i < m->nfaults && i && m->faults[i].apart_before)
		i--;
	return i < m->nfaults && m->faults[i].rec->injected_ns ? &m->faults[i] : NULL;
}

/* A setting may allow that what had not reached another copy is lost, not what was
 * acknowledged long before anything happened, nor all there is. */
static bool beyond_allowed(const struct judging *j, struct judged *r)
{
	int64_t allowed = j->ev->load.deadline_ns + BEHIND_MS * NS_PER_MS, most = 0;
	const struct loss *l = &j->m->loss;
	long long n = 0, unmet = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct lost_write *w = &l->writes[i];
		const struct fault_seen *f = since(j->m, w);
		int64_t before = f ? f->rec->injected_ns - f->rec->te_ns - w->t_return : 0;

		if (however_old(j, w) || (f && f->apart_before))
			continue;
		unmet += !f;
		n += before > allowed;
		most = before > most ? before : most;
	}
	if (n)
		judged_also(r, "; %lld of them had been acknowledged up to %.1f s before the first fault that may have lost them: what is lost more "
			    "than %.1f s before it (the load's deadline and %d s), and not with its server, no setting explains",
			    n, (double)most / 1e9, (double)allowed / 1e9, BEHIND_MS / 1000);
	else if (unmet)
		judged_also(r, "; %lld of them no fault can have lost, and no setting explains that", unmet);
	else if (l->lost > 0 && l->lost == l->acked)
		judged_also(r, "; that is all that was acknowledged, also after the last fault, and no setting explains that");
	else
		return false;
	return true;
}

void judge_accepted(const struct judging *j, struct judged *r)
{
	/* What may be lost has to be accepted as well. */
	bool losses = metric_is(j->expect->metric, EXPECT_LOST);
	bool perhaps = losses && j->m->loss.maybe_lost > 0;
	/* What a checker found is no count that has a limit: it fails by itself. */
	bool check = metric_is(j->expect->metric, EXPECT_CHECK);
	bool beyond = check ? r->verdict == VERDICT_FAIL : r->measured > 0;
	const char *why = j->expect->accepted;
	const char *name = j->expect->setting, *value = j->expect->setting_value;
	const char *seen = acted(j, name), *is = seen ? seen : told(j->ev->inforce, name);
	const char *was = is && !seen ? told_else(j->ev, name, is) : NULL;

	if (!why || (r->verdict != VERDICT_PASS && !(check && beyond)) || isnan(r->measured))
		return;
	if (!beyond && !perhaps) {
		judged_also(r, "; nothing had to be accepted");
		return;
	}
	if (!is) {
		r->verdict = VERDICT_UNKNOWN;
		judged_also(r, "; accepted where %.60s is %.60s, but what it was in force nobody told, or not for certain", name,
			    value);
	} else if (was) {
		r->verdict = VERDICT_UNKNOWN;
		judged_also(r, "; accepted where %.60s is %.60s, but in force it was told to be %.60s and %.60s", name, value, was,
			    is);
	} else if (!same_value(is, value)) {
		r->verdict = beyond ? VERDICT_FAIL : VERDICT_UNKNOWN;
		judged_also(r, "; accepted where %.60s is %.60s, but in force it was %.60s", name, value, is);
	} else if (check && cJSON_GetArraySize(cJSON_GetObjectItem(r->detail, "witness")) < 2) {
		judged_also(r, "; that one operation says alone, as of a value that nobody wrote, and no setting explains it");
	} else if (losses && beyond_allowed(j, r)) {
		r->verdict = VERDICT_UNKNOWN;
	} else {
		r->verdict = VERDICT_PASS;
		judged_also(r, "; accepted, %.60s being %.60s in force: %.200s", name, is, why);
	}
}
