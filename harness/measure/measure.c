#include "measure/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "measure/parts.h"
#include "system/prediction.h"

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);
	const char *p = text;

	while ((p = strchr(p, ' '))) {
		p++;
		if (!strncmp(p, word, len) && (p[len] == ' ' || !p[len]))
			return true;
	}
	return false;
}

static void redirections(const struct view *v, const struct model_ops *model, struct measured *m)
{
	const struct redirection *r = model ? model->redirections : NULL;

	m->redirections = r;
	for (size_t k = 0; r && k < REDIRECTIONS_MAX && r[k].word; k++)
		for (size_t i = 0; i < v->nops; i++)
			m->redirected[k] += has_word(v->ops[i]->via, r[k].word);
}

int64_t measured_redirected(const struct measured *m, const char *key)
{
	const struct redirection *r = m->redirections;

	for (size_t k = 0; r && k < REDIRECTIONS_MAX && r[k].word; k++)
		if (!strcmp(r[k].key, key))
			return m->redirected[k];
	return 0;
}

static void load_span(const struct view *v, struct measured *m)
{
	size_t i;

	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		int64_t took = op->t_return - op->t_invoke;

		if (!i || op->t_intended < m->begin_ns)
			m->begin_ns = op->t_intended;
		if (op->t_return > m->end_ns)
			m->end_ns = op->t_return;
		if (took > m->longest_op_ns)
			m->longest_op_ns = took;
		if (took - op->late_ns > m->longest_own_ns)
			m->longest_own_ns = took - op->late_ns;
	}
	if (v->nops)
		return;
	/* No load at all: the events' own span. */
	m->begin_ns = v->ev->first_ns;
	m->end_ns = v->ev->last_ns;
	m->longest_op_ns = m->longest_own_ns = -1;
}

static void find_broken(const struct evidence *ev, struct measured *m)
{
	m->broken = ev->broken;
	if (ev->broken)
		m->broken_why = arena_fmt(&m->texts, "%s%s%s", ev->broken_where, *ev->broken_where ? ": " : "",
					  ev->broken_what);
	for (size_t i = 0; i < ev->nfaults && !m->broken; i++) {
		const struct fault_record *f = &ev->faults[i];

		m->broken = true;
		if (f->no_effect)
			m->broken_why = arena_fmt(&m->texts, "fault %s had no measurable effect", f->id);
		/* One by one, it may have come to some only: that is for the gate to weigh. */
		else if (f->injected_ns && !f->bites && !(f->does.one_by_one && f->effective_ns))
			m->broken_why = arena_fmt(&m->texts, "fault %s was injected, but its effect was %s", f->id,
						  f->effective_ns ? "not seen at every target" : "never seen");
		else if (!strcmp(f->state, "heal-failed"))
			m->broken_why = arena_fmt(&m->texts, "fault %s could not be undone", f->id);
		else
			m->broken = false;
	}
}

static const char *not_standing(struct arena *a, const struct stands_seen *told)
{
	if (!*told->member && !*told->point && !*told->reason)
		return NULL;
	return arena_fmt(a, "%s%s%s%s%s", told->member,
			 *told->member && (*told->point || *told->reason) ? ": " : "", told->point,
			 *told->point && *told->reason ? ": " : "", told->reason);
}

static void find_stands(const struct view *v, struct measured *m)
{
	const struct stands_seen *told = v->ev->stands;
	bool wrote = false;
	size_t i;

	for (i = 0; i < v->nops && !wrote; i++)
		wrote = op_acked_write(v->ops[i]);
	/* Of what was not kept nobody knows whether it was acknowledged. */
	wrote = wrote || v->ev->incomplete;
	m->stands = told && told->ok && wrote;
	if (!told)
		return; /* it did not get that far */
	m->stands_why = !told->ok ? not_standing(&m->texts, told) :
			!wrote ? "the system came up, but acknowledged no write" :
				 "the system came up and took writes";
}

/* How long the first acknowledged write spent on name resolution: 0 when
 * its connection was already there. */
static int64_t resolved(const struct view *v, int64_t first_ack)
{
	size_t i;

	for (i = 0; i < v->nops; i++)
		if (op_acked_write(v->ops[i]) && v->ops[i]->t_return == first_ack)
			return v->ops[i]->dns_ns;
	return -1;
}

/* As predicted, where explain() counted none from the evidence. */
static void window_of_winner(const struct prediction *p, struct milestones *m)
{
	const struct mechanism *won = *m->mechanism ? prediction_mechanism(p, m->mechanism) : NULL;

	if (won && !m->window.known)
		m->window = (struct rule_window){
			.known = true, .lo_ns = won->lo_ns, .hi_ns = won->hi_ns};
}

/* Parts are counted from when the fault took effect; those of an outage that did
 * not begin before the fault was healed (but for a gap that is normal), from
 * there. */
static bool is_after(const struct fault_seen *f, const struct baseline *b)
{
	const struct fault_record *r = f->rec;

	return f->outage.any && !f->outage.running && r->healed_ns > r->effective_ns &&
	       f->outage.down_hi + b->gap_limit_ns >= r->healed_ns;
}

/* What does not last is over at once, and never healed. */
static void begin_parts(const struct fault_seen *f, const struct baseline *b, struct milestones *ms)
{
	ms->effective = f->rec->effective_ns;
	if (f->rec->does.lasts && is_after(f, b)) {
		ms->effective = f->rec->healed_ns;
		ms->from_heal = true;
	}
}

/* What the rules are asked about: the fault, or, where it takes its targets one by
 * one, what it did to the one that the outage began with; without an outage to the
 * one that was a primary, or to any. */
static const struct fault_record *asked(const struct view *v, const struct baseline *b,
					const struct fault_seen *f, struct fault_record *hit,
					struct fault_target *t)
{
	const struct fault_record *r = f->rec;
	int64_t by = f->outage.any ? f->outage.down_hi + b->gap_limit_ns : INT64_MAX;

	if (!fault_hit(v->ev, r, by, hit, t))
		return r;
	for (size_t i = 0; !f->outage.any && t->role != ROLE_PRIMARY && i < r->ntargets; i++) {
		int64_t came = fault_came(v->ev, r, r->targets[i].member);
		struct fault_target other;
		struct fault_record one;

		if (came && fault_hit(v->ev, r, came, &one, &other) && other.role == ROLE_PRIMARY)
			fault_hit(v->ev, r, came, hit, t);
	}
	return hit;
}

/* What had come about before an outage began did not end it. */
static void not_by_what_was(const struct outage *o, struct milestones *ms)
{
	char was[sizeof(ms->mechanism)];

	if (!ms->mechanism[0] || !ms->promoted || ms->promoted >= o->down_lo)
		return;
	memcpy(was, ms->mechanism, sizeof(was));
	mechanism_tell(ms, "", "%s had brought another primary %.1f s before this outage began", was,
		       in_s(o->down_lo - ms->promoted));
}

static void explain(const struct view *v, const struct baseline *b, const struct model_ops *model,
		    struct fault_seen *f)
{
	struct milestones *ms = &f->outage.m;
	struct fault_target t;
	struct fault_record hit;
	const struct fault_record *rec = asked(v, b, f, &hit, &t);

	if (model && model->predict)
		model->predict(v->ev, rec, &f->predicted);
	begin_parts(f, b, ms);
	if (rec == &hit) {
		ms->effective = hit.effective_ns;
		ms->from_heal = false;
		ms->hit = t.member;
	}
	if (f->outage.any && f->outage.ended) {
		ms->began = f->outage.down_lo;
		ms->first_ack = f->outage.up_hi;
		ms->resolved_ns = resolved(v, ms->first_ack);
		ms->baseline = baseline_back(v, b, ms->first_ack);
	}
	if (model && model->explain && f->outage.any)
		model->explain(v->ev, rec, &f->predicted, ms);
	if (rec != &hit)
		not_by_what_was(&f->outage, ms);
	window_of_winner(&f->predicted, ms);
}

/* In the time that its recovery took. */
static void resyncs(const struct view *v, const struct model_ops *model, struct measured *m)
{
	for (size_t i = 0; model && model->resync && i < m->nfaults; i++) {
		struct fault_seen *f = &m->faults[i];
		int64_t from = f->rec->effective_ns, to = f->window_end_ns;

		if (!from)
			continue;
		if (f->redundant_ns < 0)
			to = m->end_ns;
		else if (from + f->redundant_ns > to)
			to = from + f->redundant_ns;
		model->resync(v->ev, from, to, f->redundant_ns >= 0, &f->resync);
	}
}

/* Held against the names of the writes that are lost. */
static void errants(const struct view *v, const struct model_ops *model, struct measured *m)
{
	const char **lost = mem_alloc((m->loss.n + 1) * sizeof(*lost));
	size_t n = 0;

	for (size_t i = 0; i < m->loss.n; i++)
		if (*m->loss.writes[i].tx)
			lost[n++] = m->loss.writes[i].tx;
	if (model && model->errant)
		model->errant(v->ev, lost, n, &m->errant);
	free(lost);
}

static struct outage *worst_of(struct measured *m)
{
	struct outage *w = NULL;
	size_t i;

	for (i = 0; i < m->nfaults; i++) {
		struct outage *o = &m->faults[i].outage;

		if (!w || (w->ended && !o->ended) ||
		    (w->ended == o->ended &&
		     (o->hi_ns > w->hi_ns || (!o->any && !w->any && o->seen_ns > w->seen_ns))))
			w = o;
	}
	return w;
}

void evidence_load(const cJSON *events, int scenario, struct evidence *ev)
{
	evidence_make(events, scenario, fault_effects, ev);
}

/* The faults of a scenario and the time in which each is the last one. */
static void faults_make(const struct view *v, struct measured *m)
{
	size_t alloc = 0, i, k;

	for (i = 0; i < v->ev->nfaults; i++) {
		struct fault_seen *f = VEC_PUSH(m->faults, m->nfaults, alloc);

		f->rec = &v->ev->faults[i];
		f->redundant_ns = f->lag_zero_ns = f->demoted_ns = -1;
		f->resync.bytes = -1;
	}
	for (i = 0; i < m->nfaults; i++) {
		struct fault_seen *f = &m->faults[i];
		int64_t injected = f->rec->injected_ns;

		f->window_end_ns = m->end_ns;
		for (k = 0; k < m->nfaults; k++)
			if (m->faults[k].rec->injected_ns > injected &&
			    m->faults[k].rec->injected_ns < f->window_end_ns) {
				f->window_end_ns = m->faults[k].rec->injected_ns;
				f->next = m->faults[k].rec;
			}
		if (f->window_end_ns < injected)
			f->window_end_ns = injected;
	}
}

void measure_scenario(const struct history *h, const struct evidence *ev, struct measured *out)
{
	const struct system *sys = system_find(ev->script ? ev->script->system : "");
	const struct model_ops *model = sys ? sys->model : NULL;
	struct baseline b;
	struct view v, main;
	int64_t first;
	size_t i;

	memset(out, 0, sizeof(*out));
	view_make(&v, h, ev);
	out->scenario = ev->scenario;
	load_span(&v, out);
	out->model = model;
	redirections(&v, model, out);
	faults_make(&v, out);
	first = out->end_ns + 1;
	for (i = 0; i < out->nfaults; i++)
		if (out->faults[i].rec->injected_ns && out->faults[i].rec->injected_ns < first)
			first = out->faults[i].rec->injected_ns;
	view_narrow(&v, in_group, 0, &main);
	baseline_make(&main, first, &b);
	out->baseline_p50_ns = b.p50_ns;
	out->baseline_p99_ns = b.p99_ns;
	out->baseline_p999_ns = b.p999_ns;

	standstills_make(&main, out);
	v.stood = main.stood = out->stood;
	v.nstood = main.nstood = out->nstood;
	outage_before_make(&main, &b, out->end_ns, &out->before);
	for (i = 0; i < out->nfaults; i++) {
		outage_parts_make(&v, &main, &b, out->end_ns, &out->faults[i]);
		served_make(&v, &out->faults[i]);
		explain(&main, &b, model, &out->faults[i]);
	}
	out->worst = worst_of(out);
	loss_make(&v, model, out->faults, out->nfaults, &out->loss);
	recovery_points_make(&v, model, out);
	staleness_make(&v, out);
	recovery_make(&v, model, out);
	resyncs(&v, model, out);
	errants(&v, model, out);
	dual_primary_make(&v, out);
	out->dual_primary_keys_unseen =
		model && model->first_key_only && ev->load.keys > 1 ? ev->load.keys - 1 : 0;
	noise_make(&main, &b, out);
	load_sent_make(&v, &b, out);
	buckets_make(&main, out);
	find_broken(ev, out);
	out->unsupported = ev->unsupported;
	find_stands(&v, out);
	view_narrow_free(&main);
	view_free(&v);
}

void loss_free(struct loss *l)
{
	free(l->writes);
	free(l->kept);
	cJSON_Delete(l->odd);
}

void measured_free(struct measured *m)
{
	size_t i;

	for (i = 0; i < m->nfaults; i++) {
		free(m->faults[i].parts);
		free(m->faults[i].served);
	}
	free(m->faults);
	loss_free(&m->loss);
	free(m->buckets);
	free(m->stood);
	arena_free(&m->texts);
	memset(m, 0, sizeof(*m));
}
