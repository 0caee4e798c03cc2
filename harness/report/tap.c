#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/tame.h"
#include "report/findings.h"
#include "report/live.h"
#include "report/report.h"
#include "report/repeat.h"
#include "report/result.h"
#include "report/story.h"
#include "report/text.h"
#include "report/times.h"
#include "scenario/metrics.h"

/* TAP version 14 (testanything.org/tap-version-14-specification.html), kept
 * within what version 13 means as well: no subtests, escapes only for '\'
 * and '#', YAML blocks indented by two.
 *
 * UNKNOWN and BROKEN are "not ok": neither is a pass. */

struct reporter {
	FILE *f;
	struct arena arena;
	size_t number;
};

/* A harness says in TAP_VERSION what it knows: prove does, and refuses a
 * version line above that (it learnt 14 in Test::Harness 3.48, 2023). The
 * stream is the same either way, and the specification of 14 lets a consumer
 * read "13" as 14. */
int report_tap_version(void)
{
	const char *known = getenv("TAP_VERSION");

	return known && !strcmp(known, "13") ? 13 : 14;
}

/* One line: '\' and '#' escaped, line breaks as spaces. */
static const char *description(struct arena *a, const char *s)
{
	const char *clean = text_clean(a, s);
	char *out = arena_alloc(a, 2 * strlen(clean) + 1), *o = out;

	for (; *clean; clean++) {
		if (*clean == '\\' || *clean == '#')
			*o++ = '\\';
		*o++ = *clean == '\n' || *clean == '\t' ? ' ' : *clean;
	}
	return out;
}

/* YAML 1.2 is a superset of JSON: scalars and keys are written as JSON
 * writes them, so that nothing in a log can end the block. */
static void yaml_scalar(FILE *f, const cJSON *v)
{
	struct arena a = {0};
	char *text = json_text(v);

	fputs(tame_is(text, "\n") ? text : text_clean(&a, text), f);
	free(text);
	arena_free(&a);
}

static bool yaml_simple(const cJSON *v)
{
	return !v->child;
}

static void yaml_value(FILE *f, const cJSON *v, int indent)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, v) {
		if (cJSON_IsArray(v))
			fprintf(f, "%*s-", indent, "");
		else
			fprintf(f, "%*s%s:", indent, "", item->string);
		if (yaml_simple(item)) {
			fputc(' ', f);
			yaml_scalar(f, item);
			fputc('\n', f);
		} else if (cJSON_IsArray(v)) {
			/* Objects in lists on one line: short, and still YAML. */
			fputc(' ', f);
			yaml_scalar(f, item);
			fputc('\n', f);
		} else {
			fputc('\n', f);
			yaml_value(f, item, indent + 2);
		}
	}
}

static void add_fault(cJSON *block, const struct scenario_report *s,
		     const struct fault_seen *f)
{
	cJSON *full = result_fault(s, f);
	static const char *const keys[] = {"outage", "outage_of", "outages", "predicted", "mechanism", "why_mechanism", "window",
					   "injected_ms", "effective_ms", "healed_ms", "evidence",
					   "undo"};

	json_set_str(block, "fault", f->rec->id);
	json_set_str(block, "target", f->rec->target);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		json_set(block, keys[i], cJSON_DetachItemFromObjectCaseSensitive(full, keys[i]));
	cJSON_Delete(full);
}

static void add_served(cJSON *block, const struct scenario_report *s,
		      const struct fault_seen *f)
{
	cJSON *full = result_fault(s, f);
	static const char *const keys[] = {"downtime", "served", "outage_of", "outages"};

	json_set_str(block, "fault", f->rec->id);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		json_set(block, keys[i], cJSON_DetachItemFromObjectCaseSensitive(full, keys[i]));
	cJSON_Delete(full);
}

static const struct fault_seen *fault_named(const struct measured *m, const char *id)
{
	for (size_t i = 0; id && i < m->nfaults; i++) {
		if (!strcmp(m->faults[i].rec->id, id))
			return &m->faults[i];
	}
	return NULL;
}

static void add_recovery(cJSON *block, const struct scenario_report *s,
		      const struct fault_seen *f)
{
	static const char *const keys[] = {"redundant_ms", "redundant_why", "resync"};
	cJSON *full = f ? result_fault(s, f) : cJSON_CreateObject();

	if (f)
		json_set_str(block, "fault", f->rec->id);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		json_set(block, keys[i], cJSON_DetachItemFromObjectCaseSensitive(full, keys[i]));
	cJSON_Delete(full);
}

/* The figures that belong to this kind of expectation. */
static void add_figures(cJSON *block, const struct scenario_report *s,
			const struct expect_seen *expect)
{
	const struct fault_seen *named = fault_named(s->m, expect->fault), *f = named;
	enum expect_metric metric;

	if (!metric_find(expect->metric, &metric))
		return;
	if (!f)
		f = result_worst(s->m);
	if (!f && s->m->nfaults == 1)
		f = &s->m->faults[0];
	switch (metric_of(metric)->shows) {
	case SHOWS_FAULT:
		if (f)
			add_fault(block, s, f);
		break;
	case SHOWS_LOSS:
		json_set(block, "loss", result_loss(&s->m->loss));
		break;
	case SHOWS_RECOVERY:
		add_recovery(block, s, named ? named : s->m->slowest);
		break;
	case SHOWS_STALENESS:
		json_set(block, "staleness", result_staleness(&s->m->staleness));
		break;
	case SHOWS_SERVED:
		if (f)
			add_served(block, s, f);
		break;
	case SHOWS_NOTHING:
		break;
	}
}

/* cJSON_DetachItem gives NULL for what is not there. */
static void drop_nothing(cJSON *block)
{
	cJSON *item = block->child, *next;

	for (; item; item = next) {
		next = item->next;
		if (cJSON_IsArray(item) && !item->child)
			cJSON_Delete(cJSON_DetachItemViaPointer(block, item));
	}
}

static void yaml_block(FILE *f, const struct scenario_report *s, const struct judged *j,
		       const struct expect_seen *expect)
{
	const struct noise *noise = j->noise && j->noise->why[0] ? j->noise : &s->m->noise;
	cJSON *block = result_expectation(j);

	cJSON_DeleteItemFromObjectCaseSensitive(block, "name");
	json_set_str(block, "scenario", s->ev->script->name);
	if (noise->too_noisy || (noise->pressed && j->verdict == VERDICT_UNKNOWN))
		json_set(block, "noise", result_noise(noise));
	if (s->m->load.not_as_asked)
		json_set(block, "load", result_load(&s->m->load));
	if (expect)
		add_figures(block, s, expect);
	drop_nothing(block);
	fputs("  ---\n", f);
	yaml_value(f, block, 2);
	fputs("  ...\n", f);
	cJSON_Delete(block);
}

/* Expectations are judged in the order of the file. */
static const struct expect_seen *expectation(const struct scenario_report *s, size_t i)
{
	const struct script_seen *is = s->ev->script;

	return is->nexpects == s->njudged ? &is->expects[i] : NULL;
}

static void line(struct reporter *r, const struct scenario_report *s, const struct judged *j)
{
	const char *name = scenario_words(&r->arena, s);
	bool ok = j->verdict == VERDICT_PASS || j->verdict == VERDICT_SKIP;
	const char *text = isnan(j->measured) || !strcmp(j->unit, "bool") ?
		arena_fmt(&r->arena, "%s: %s", name, j->name) :
		arena_fmt(&r->arena, "%s: %s: %s", name, j->name,
			  text_figure(j->measured, j->unit).s);

	fprintf(r->f, "%s %zu - %s", ok ? "ok" : "not ok", ++r->number,
		description(&r->arena, text));
	if (j->verdict == VERDICT_SKIP)
		fprintf(r->f, " # SKIP %s", description(&r->arena, j->why));
	else if (j->verdict == VERDICT_UNKNOWN || j->verdict == VERDICT_BROKEN)
		fprintf(r->f, " (%s)", verdict_name(j->verdict));
	fputc('\n', r->f);
}

/* The plan comes last: what a scenario judges is known when it is over, and
 * its lines do not wait for the others. */
static struct reporter *begin(FILE *f, const struct run_report *run)
{
	struct reporter *r = mem_alloc(sizeof(*r));

	r->f = f;
	fprintf(f, "TAP version %d\n", run->tap_version ? run->tap_version :
							  report_tap_version());
	return r;
}

static void scenario(struct reporter *r, const struct run_report *run,
		     const struct scenario_report *s)
{
	(void)run;
	fprintf(r->f, "# %s\n", description(&r->arena, story_scenario(&r->arena, s)));
	if (!s->njudged)
		fprintf(r->f, "not ok %zu - %s: nothing was judged (%s)\n", ++r->number,
			description(&r->arena, scenario_words(&r->arena, s)),
			verdict_name(s->verdict));
	for (size_t i = 0; i < s->njudged; i++) {
		line(r, s, &s->judged[i]);
		yaml_block(r->f, s, &s->judged[i], expectation(s, i));
	}
	fflush(r->f);
}

static void repetitions(struct reporter *r, const struct run_report *run)
{
	struct repeats all;

	repeats_make(&r->arena, run, &all);
	for (size_t i = 0; all.any && i < all.n; i++) {
		const struct repeated *p = &all.v[i];

		if (p->n < 2)
			continue;
		fprintf(r->f, "# %s, %zu of %zu repetitions%s%s\n", description(&r->arena, p->name),
			p->counted, p->n, p->left_out[0] ? "; left out: " : "", description(&r->arena, p->left_out));
		for (size_t j = 0; j < p->nfaults; j++) {
			fprintf(r->f, "#   %s:\n", description(&r->arena,
				repeated_fault_words(&r->arena, &p->faults[j])));
			for (int k = 0; k < FIGURES; k++)
				fprintf(r->f, "#     %s: %s\n", figure_label((enum figure_kind)k),
					figure_words(&r->arena, (enum figure_kind)k,
						     &p->faults[j].figures[k]));
		}
	}
}

/* The last words of a run: what it found, the worst first. */
static void found(struct reporter *r, const struct run_report *run)
{
	struct findings f;

	findings_make(&r->arena, run, &f);
	fprintf(r->f, "# Found: %s\n", description(&r->arena, findings_headline(&r->arena, run, &f)));
	for (size_t i = 0; i < f.n; i++)
		fprintf(r->f, "#   %s: %s\n", finding_key(f.v[i].kind),
			description(&r->arena, finding_words(&r->arena, &f.v[i])));
	fprintf(r->f, "# %s\n", findings_expected(&r->arena, &f));
	findings_free(&f);
}

void report_tap_drop(struct reporter *r)
{
	arena_free(&r->arena);
	free(r);
}

static void end(struct reporter *r, const struct run_report *run)
{
	struct run_time t;
	const char *rest;

	/* One more line when something broke outside of all scenarios, so that
	 * no consumer takes the rest for a pass. */
	if (run->broken)
		fprintf(r->f, "not ok %zu - the harness itself: %s (BROKEN)\n", ++r->number,
			description(&r->arena, run->broken));
	else if (!run->n)
		fprintf(r->f, "not ok %zu - at least one scenario was begun (BROKEN)\n",
			++r->number);
	else if (run_all_skipped(run))
		fprintf(r->f, "not ok %zu - at least one scenario could be tried here (UNKNOWN)\n", ++r->number);
	fprintf(r->f, "1..%zu\n", r->number);
	repetitions(r, run);
	time_measure(run, &t);
	rest = time_rest(&r->arena, &t);
	if (t.known)
		fprintf(r->f, "# %s\n", time_story(&r->arena, &t));
	if (*rest)
		fprintf(r->f, "# %s\n", rest);
	found(r, run);
	if (run->interrupted)
		fprintf(r->f, "Bail out! interrupted in scenario %zu of %zu\n", run->n,
			run->planned);
	fflush(r->f);
	report_tap_drop(r);
}

const struct reporter_ops reporter_tap = {"tap", "report.tap", begin, scenario, end};
