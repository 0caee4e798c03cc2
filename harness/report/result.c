#include "report/result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"
#include "report/findings.h"
#include "report/repeat.h"
#include "report/story.h"
#include "report/text.h"
#include "report/times.h"

/* result.json, as doc/result.schema.json describes it. What was not
 * measured is null, never 0. */

static void set_null(cJSON *o, const char *key)
{
	json_set(o, key, cJSON_CreateNull());
}

/* A length in ns as ms with three decimals; negative: null. */
static void set_ms(cJSON *o, const char *key, int64_t ns)
{
	if (ns < 0)
		set_null(o, key);
	else
		json_set_num(o, key, round((double)ns / 1e3) / 1e3);
}

/* An instant as ms since the load began; 0: null. */
static void set_at(cJSON *o, const char *key, int64_t t_ns, int64_t begin_ns)
{
	if (!t_ns || !begin_ns)
		set_null(o, key);
	else
		json_set_num(o, key, round((double)(t_ns - begin_ns) / 1e3) / 1e3);
}

static void set_count(cJSON *o, const char *key, int64_t n, bool known)
{
	if (!known || n < 0)
		set_null(o, key);
	else
		json_set_i64(o, key, n);
}

static void set_text(cJSON *o, const char *key, const char *s)
{
	struct arena a = {0};

	json_set_str(o, key, s ? text_clean(&a, s) : NULL);
	arena_free(&a);
}

static void set_num(cJSON *o, const char *key, double v)
{
	if (isnan(v) || v < 0)
		set_null(o, key);
	else
		json_set_num(o, key, round(v * 1000) / 1000);
}

static void set_sentences(cJSON *o, const char *key, const struct sentences *from)
{
	cJSON *to = cJSON_AddArrayToObject(o, key);
	struct arena a = {0};

	for (size_t i = 0; i < from->n; i++)
		json_push(to, cJSON_CreateString(text_clean(&a, from->v[i])));
	arena_free(&a);
}

/* That there was none is told only where one would have been seen. */
static void set_any(cJSON *out, const struct outage *o, bool told)
{
	bool known = o && (o->any || told);

	json_set(out, "any", known ? cJSON_CreateBool(o->any) : cJSON_CreateNull());
	json_set(out, "ended", known && o->any ? cJSON_CreateBool(o->ended) : cJSON_CreateNull());
	set_ms(out, "lo_ms", o ? o->lo_ns : -1);
	set_ms(out, "hi_ms", known && (!o->any || o->ended) ? o->hi_ns : -1);
}

cJSON *result_outage(const struct outage *o, const char *fault, bool told)
{
	struct outage_part parts[OUTAGE_PARTS_MAX];
	cJSON *out = cJSON_CreateObject(), *p;
	size_t n = o ? outage_parts(o, parts) : 0;
	static const char *const keys[] = {"detected", "elected", "promoted", "routed",
					   "first_ack", "baseline"};

	set_text(out, "fault", fault);
	set_any(out, o, told);
	set_ms(out, "seen_ms", o && o->any ? o->seen_ns : -1);
	set_count(out, "times", o && (o->any || told) ? o->times : -1, true);
	json_set_bool(out, "running", o && o->running);
	set_text(out, "met", o && o->met ? o->met->id : NULL);
	p = cJSON_AddObjectToObject(out, "parts");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		char key[32];
		int64_t len = -1;

		for (size_t j = 0; j < n; j++) {
			if (!strcmp(parts[j].key, keys[i]))
				len = parts[j].len_ns;
		}
		snprintf(key, sizeof(key), "%s_ms", keys[i]);
		set_ms(p, key, len);
	}
	set_ms(p, "name_resolution_ms", o && o->any && n ? o->m.resolved_ns : -1);
	return out;
}

cJSON *result_prediction(const struct prediction *p)
{
	cJSON *out = cJSON_CreateObject(), *list;
	bool known = p && p->known;

	set_ms(out, "lo_ms", known ? p->lo_ns : -1);
	set_ms(out, "hi_ms", known ? p->hi_ns : -1);
	set_num(out, "width_pct", known ? story_width_pct(p->lo_ns, p->hi_ns) : -1);
	list = cJSON_AddArrayToObject(out, "mechanisms");
	for (size_t i = 0; known && i < p->n; i++) {
		cJSON *m = cJSON_CreateObject();

		set_text(m, "name", p->mech[i].name);
		set_text(m, "rule", p->mech[i].rule);
		set_text(m, "source", p->mech[i].source);
		set_ms(m, "lo_ms", p->mech[i].lo_ns);
		set_ms(m, "hi_ms", p->mech[i].hi_ns);
		json_push(list, m);
	}
	set_text(out, "note", p ? p->note : "");
	return out;
}

/* Of the mechanism that ended the outage. */
static cJSON *window(const struct rule_window *w)
{
	cJSON *out = cJSON_CreateObject();

	set_ms(out, "lo_ms", w->known ? w->lo_ns : -1);
	set_ms(out, "hi_ms", w->known ? w->hi_ns : -1);
	set_num(out, "width_pct", w->known ? story_width_pct(w->lo_ns, w->hi_ns) : -1);
	set_text(out, "how", w->how);
	return out;
}

static cJSON *partial_outages(const struct fault_seen *f, bool told)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < f->nparts; i++) {
		const struct partial_outage *p = &f->parts[i];
		cJSON *out = cJSON_CreateObject();

		set_text(out, "what", p->what);
		set_text(out, "name", p->name);
		set_any(out, &p->outage, told);
		json_set_bool(out, "proven", p->proven);
		json_push(list, out);
	}
	return list;
}

cJSON *result_staleness(const struct staleness *s)
{
	cJSON *out = cJSON_CreateObject();
	bool any = s->reads > 0;

	json_set_i64(out, "reads", (int64_t)s->reads);
	json_set_i64(out, "unjudged", (int64_t)s->unjudged);
	json_set_i64(out, "behind", (int64_t)s->behind);
	set_count(out, "versions_p50", s->versions_p50, any);
	set_count(out, "versions_p99", s->versions_p99, any);
	set_count(out, "versions_max", s->versions_max, any);
	set_ms(out, "p50_ms", any ? s->p50_ns : -1);
	set_ms(out, "p99_ms", any ? s->p99_ns : -1);
	set_ms(out, "max_ms", any ? s->max_ns : -1);
	set_ms(out, "max_hi_ms", any ? s->max_hi_ns : -1);
	return out;
}

static cJSON *groups(const struct scenario_report *s)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < s->ev->ngroups; i++) {
		const struct group_seen *g = &s->ev->groups[i];
		cJSON *out = cJSON_CreateObject();

		json_set_i64(out, "g", g->number);
		set_text(out, "name", g->name);
		set_text(out, "node", g->node);
		set_text(out, "member", g->member);
		json_set_i64(out, "clients", g->clients);
		json_set_num(out, "rate", g->rate);
		json_push(list, out);
	}
	return list;
}

static cJSON *resync(const struct recovery_info *r)
{
	cJSON *out = cJSON_CreateObject();

	set_text(out, "kind", r->resync[0] ? r->resync : NULL);
	set_count(out, "bytes", r->bytes, r->resync[0] != '\0');
	set_text(out, "how", r->how);
	return out;
}

/* A verdict may rest on less: of a short limit, what comes late does not matter. */
static bool outage_passed(const struct scenario_report *s, const char *fault)
{
	const struct script_seen *is = s->ev ? s->ev->script : NULL;

	for (size_t i = 0; is && i < s->njudged && is->nexpects == s->njudged; i++) {
		const struct expect_seen *x = &is->expects[i];

		if (metric_is(x->metric, EXPECT_OUTAGE) && s->judged[i].verdict == VERDICT_PASS &&
		    (!x->fault || !fault || !strcmp(x->fault, fault)))
			return true;
	}
	return false;
}

static bool absence_told(const struct scenario_report *s, const struct fault_seen *f)
{
	return outage_passed(s, f->rec->id) ||
	       (s->of_fault && s->of_fault[f - s->m->faults].of[EXPECT_OUTAGE].absent);
}

cJSON *result_fault(const struct scenario_report *s, const struct fault_seen *f)
{
	const struct measured *m = s->m;
	bool told = absence_told(s, f);
	cJSON *out = cJSON_CreateObject();

	set_text(out, "id", f->rec->id);
	set_text(out, "fault", f->rec->name);
	set_text(out, "how", f->rec->how);
	set_text(out, "target", f->rec->target);
	set_text(out, "role", f->rec->role);
	set_text(out, "node", f->rec->node);
	set_at(out, "injected_ms", f->rec->injected_ns, m->begin_ns);
	set_at(out, "effective_ms", f->rec->effective_ns, m->begin_ns);
	set_at(out, "healed_ms", f->rec->healed_ns, m->begin_ns);
	json_set_bool(out, "bites", f->rec->bites);
	json_set_bool(out, "undone", f->rec->undone);
	set_sentences(out, "evidence", &f->rec->evidence);
	set_sentences(out, "undo", &f->rec->undo);
	json_set(out, "outage", result_outage(&f->outage, f->rec->id, told));
	set_text(out, "outage_of", f->outage_of);
	json_set(out, "outages", partial_outages(f, told));
	json_set(out, "downtime", result_downtime(&f->outage, told));
	json_set(out, "served", result_served(f));
	json_set(out, "predicted", result_prediction(&f->predicted));
	set_text(out, "mechanism", f->outage.m.mechanism[0] ? f->outage.m.mechanism : NULL);
	set_text(out, "why_mechanism", f->outage.m.why_mechanism);
	json_set(out, "window", window(&f->outage.m.window));
	set_count(out, "lost", story_lost_by(m, f), true);
	json_set(out, "recovery_point", result_point(m, f));
	set_ms(out, "redundant_ms", f->redundant_ns);
	set_text(out, "redundant_why", f->redundant_why);
	set_ms(out, "lag_zero_ms", f->lag_zero_ns);
	set_ms(out, "demoted_ms", f->demoted_ns);
	json_set(out, "resync", resync(&f->resync));
	json_set(out, "noise", result_fault_noise(f));
	return out;
}

cJSON *result_expectation(const struct judged *j)
{
	cJSON *out = cJSON_CreateObject();

	set_text(out, "name", j->name);
	json_set_str(out, "verdict", verdict_name(j->verdict));
	json_set(out, "measured", isnan(j->measured) ? cJSON_CreateNull() :
					cJSON_CreateNumber(j->measured));
	json_set(out, "limit", isnan(j->limit) ? cJSON_CreateNull() :
				     cJSON_CreateNumber(j->limit));
	set_text(out, "unit", j->unit);
	set_text(out, "why", j->why);
	if (j->detail)
		json_set(out, "detail", cJSON_Duplicate(j->detail, 1));
	return out;
}

const struct fault_seen *result_worst(const struct measured *m)
{
	for (size_t i = 0; i < m->nfaults; i++) {
		if (m->worst == &m->faults[i].outage)
			return &m->faults[i];
	}
	return NULL;
}

static cJSON *recovery(const struct measured *m)
{
	cJSON *out = cJSON_CreateObject();

	set_text(out, "fault", m->slowest ? m->slowest->rec->id : NULL);
	set_ms(out, "redundant_ms", m->redundant_ns);
	set_ms(out, "lag_zero_ms", m->lag_zero_ns);
	return out;
}

/* The same keys whatever the system. */
static cJSON *redirected(const struct measured *m)
{
	cJSON *out = cJSON_CreateObject();
	size_t n;
	const struct system *all = system_all(&n);

	for (size_t i = 0; i < n; i++) {
		const struct redirection *r = all[i].model->redirections;

		for (size_t k = 0; r && k < REDIRECTIONS_MAX && r[k].word; k++)
			json_set_i64(out, r[k].key, measured_redirected(m, r[k].key));
	}
	return out;
}

static cJSON *scenario(const struct scenario_report *s)
{
	const struct fault_seen *worst = result_worst(s->m);
	const struct script_seen *is = s->ev->script;
	const struct measured *m = s->m;
	cJSON *out = cJSON_CreateObject(), *list;
	struct arena a = {0};

	set_text(out, "name", is->name);
	set_text(out, "title", is->title);
	set_text(out, "system", is->system);
	set_text(out, "variant", is->variant);
	json_set_i64(out, "repetition", is->repetition);
	json_set_i64(out, "repetitions", is->repetitions > 0 ? is->repetitions : 1);
	set_text(out, "seed", is->seed);
	set_ms(out, "phase_ms", is->phase_ns);
	json_set_str(out, "verdict", verdict_name(s->verdict));
	set_text(out, "summary", story_scenario(&a, s));
	json_set_bool(out, "stands", m->stands);
	set_text(out, "stands_why", m->stands_why ? m->stands_why : "");
	json_set_bool(out, "broken", m->broken);
	set_text(out, "broken_why", m->broken_why ? m->broken_why : "");
	if (s->ev->incomplete)
		json_set_str(out, "incomplete", s->ev->incomplete);
	set_ms(out, "load_ms", m->end_ns > m->begin_ns ? m->end_ns - m->begin_ns : -1);
	list = cJSON_AddArrayToObject(out, "faults");
	for (size_t i = 0; i < m->nfaults; i++)
		json_push(list, result_fault(s, &m->faults[i]));
	json_set(out, "outage", result_outage(worst ? &worst->outage : NULL,
					      worst ? worst->rec->id : NULL,
					      s->counts.of[EXPECT_OUTAGE].absent ||
					      outage_passed(s, NULL)));
	json_set(out, "predicted", result_prediction(worst ? &worst->predicted : NULL));
	json_set(out, "loss", result_loss(&m->loss));
	json_set(out, "recovery", recovery(m));
	json_set(out, "groups", groups(s));
	json_set(out, "staleness", result_staleness(&m->staleness));
	json_set(out, "redirected", redirected(m));
	set_ms(out, "dual_primary_ms", m->dual_primary_ns);
	set_ms(out, "dual_primary_unseen_ms", m->dual_primary_unseen_ns);
	json_set(out, "dual_primary_seen_by", result_dual(m));
	set_ms(out, "baseline_p99_ms", m->baseline_p99_ns > 0 ? m->baseline_p99_ns : -1);
	set_ms(out, "longest_op_ms", m->longest_op_ns > 0 ? m->longest_op_ns : -1);
	json_set(out, "load", result_load(&m->load));
	json_set(out, "noise", result_noise(&m->noise));
	json_set(out, "noise_before_fault", result_noise(&m->calm_noise));
	list = cJSON_AddArrayToObject(out, "expectations");
	for (size_t i = 0; i < s->njudged; i++)
		json_push(list, result_expectation(&s->judged[i]));
	arena_free(&a);
	return out;
}

static cJSON *run_time(const struct run_report *run)
{
	cJSON *out = cJSON_CreateObject(), *part = cJSON_CreateObject();
	struct run_time t;
	char key[32];

	time_measure(run, &t);
	set_ms(out, "total_ms", t.known ? t.total_ns : -1);
	set_ms(out, "needed_ms", t.known ? t.needed_ns : -1);
	set_num(out, "ratio", t.known ? time_ratio(&t) : -1);
	for (int i = 0; i < TIME_PLACES; i++) {
		snprintf(key, sizeof(key), "%s_ms", time_key((enum time_place)i));
		set_ms(part, key, t.known ? t.at_ns[i] : -1);
	}
	json_set(out, "parts", part);
	return out;
}

/* Stock image to the one used, from the run's own record or else from what
 * was adapted. */
static cJSON *images(const struct run_report *run)
{
	const struct run_seen *seen = &run->ev->run;
	cJSON *out = cJSON_CreateObject();

	for (size_t i = 0; i < seen->nimages; i++)
		set_text(out, seen->images[i].stock, seen->images[i].used);
	for (size_t i = 0; i < run->n && !seen->has_images; i++) {
		const struct evidence *ev = run->scenarios[i].ev;

		for (size_t k = 0; k < ev->nadapted; k++) {
			const struct adapted_seen *a = &ev->adapted[k];
			size_t len = strlen(a->path);

			if (*a->from && len >= 6 && !strcmp(a->path + len - 6, ".image") && !json_get(out, a->from))
				set_text(out, a->from, a->to);
		}
	}
	return out;
}

cJSON *report_result(const struct run_report *run)
{
	const struct run_seen *seen = &run->ev->run;
	cJSON *out = cJSON_CreateObject(), *list;
	struct findings found;
	const char *headline;
	struct arena a = {0};

	set_text(out, "run_id", seen->run_id);
	set_text(out, "seed", seen->seed);
	set_text(out, "engine", seen->engine);
	set_text(out, "version", seen->version);
	set_text(out, "started", *seen->started ? seen->started : "?");
	set_text(out, "command", seen->command);
	json_set_str(out, "verdict", verdict_name(run->verdict));
	findings_make(&a, run, &found);
	headline = findings_headline(&a, run, &found);
	set_text(out, "headline", headline);
	set_text(out, "summary", arena_fmt(&a, "%s %s %s", headline, findings_expected(&a, &found),
					   story_run(&a, run)));
	json_set(out, "findings", findings_json(&found));
	json_set(out, "expectations", findings_expected_json(&found));
	findings_free(&found);
	json_set_bool(out, "interrupted", run->interrupted);
	json_set_i64(out, "planned", (int64_t)run->planned);
	json_set(out, "images", images(run));
	json_set(out, "time", run_time(run));
	list = cJSON_AddArrayToObject(out, "scenarios");
	for (size_t i = 0; i < run->n; i++)
		json_push(list, scenario(&run->scenarios[i]));
	json_set(out, "repeated", repeats_json(run));
	arena_free(&a);
	return out;
}

/* ---- the reporter ---- */

struct reporter {
	FILE *f;
};

static struct reporter *begin(FILE *f, const struct run_report *run)
{
	struct reporter *r = mem_alloc(sizeof(*r));

	(void)run;
	r->f = f;
	return r;
}

static void one(struct reporter *r, const struct run_report *run, const struct scenario_report *s)
{
	(void)r, (void)run, (void)s;
}

static void end(struct reporter *r, const struct run_report *run)
{
	cJSON *o = report_result(run);
	char *text = cJSON_Print(o);
	struct arena a = {0};

	fprintf(r->f, "%s\n", text ? text_clean(&a, text) : "null");
	arena_free(&a);
	free(text);
	cJSON_Delete(o);
	free(r);
}

extern const struct reporter_ops reporter_result;
const struct reporter_ops reporter_result = {"result", "result.json", begin, one, end};
