#include "report/evaluate.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"
#include "history/read.h"

static bool has_scenario(const cJSON *events, int64_t scenario)
{
	const cJSON *event;

	cJSON_ArrayForEach(event, events)
		if (event_is(event, "scenario") && json_i64(event, "s", -1) == scenario)
			return true;
	return false;
}

/* An operation of a scenario that nobody tells of would count nowhere. */
static int all_have_scenario(const char *path, const struct evaluation *ev, struct err *e)
{
	int64_t known = -1; /* the one that was asked for last */

	for (size_t i = 0; i < ev->h.n; i++) {
		const struct op *op = &ev->h.ops[i];

		if (op->scenario != known && !has_scenario(ev->events, op->scenario))
			return err_set(e, ERR_INPUT, "%s:%d: an operation of scenario %u, which events.jsonl does not know",
				       path, op->line, op->scenario);
		known = op->scenario;
	}
	return 0;
}

static int read_all(const char *dir, struct evaluation *ev, struct err *e)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/events.jsonl", dir);
	ev->events = events_read(path, e);
	if (!ev->events)
		return -1;
	snprintf(path, sizeof(path), "%s/history.jsonl", dir);
	/* A run that ended before its first operation has none. */
	if (!file_exists(path))
		return 0;
	return history_read(path, &ev->h, e) || all_have_scenario(path, ev, e) ||
	       history_ends(path, &ev->h, ev->events, e) ? -1 : 0;
}

cJSON *evaluation_broken(int scenario, const char *broken)
{
	cJSON *o = event_new(scenario, "broken");

	json_set_str(o, "where", "the run's files");
	json_set_str(o, "what", broken);
	return o;
}

/* The worst of all its expectations, and worse when the ground they stand on
 * is: a broken scenario, or one that judged nothing, is no pass. */
static enum verdict scenario_verdict(const struct scenario_report *s)
{
	enum verdict v = s->njudged ? s->judged[0].verdict : VERDICT_UNKNOWN;

	for (size_t i = 1; i < s->njudged; i++)
		v = verdict_worse(v, s->judged[i].verdict);
	if (s->m->broken)
		v = verdict_worse(v, VERDICT_BROKEN);
	if (s->m->noise.too_noisy && v == VERDICT_PASS)
		v = VERDICT_UNKNOWN;
	return v;
}

/* Of the loss, what no verdict may rest on is no figure of a report either: all of it
 * after a final read that cannot be relied on, and values that no operation sent, where
 * lines of the history may be missing. */
static void leave_what_is_known(const struct evidence *ev, struct loss *l)
{
	char why[200];

	if (!evidence_counts_ops(ev)) {
		l->phantom -= l->unsent;
		l->unsent = 0;
	}
	if (!l->known || evidence_final_sound(ev, why, sizeof(why)))
		return;
	loss_free(l);
	*l = (struct loss){.of = l->of, .acked = l->acked, .unknown = l->unknown};
	snprintf(l->why_unknown, sizeof(l->why_unknown), "the final read cannot be relied on: %s", why);
}

bool scenario_evaluate(const struct history *h, const cJSON *events, int scenario,
		       struct scenario_report *out)
{
	memset(out, 0, sizeof(*out));
	out->index = scenario;
	out->events = events_of(events, scenario);
	out->ev = mem_alloc(sizeof(*out->ev));
	evidence_load(out->events, scenario, out->ev);
	if (!out->ev->script)
		return false;
	evidence_weigh(out->ev, h);
	out->m = mem_alloc(sizeof(*out->m));
	measure_scenario(h, out->ev, out->m);
	judge_scenario(h, out->ev, out->m, &out->judged, &out->njudged);
	out->of_fault = mem_alloc((out->m->nfaults + 1) * sizeof(*out->of_fault));
	judge_counts(h, out->ev, out->m, &out->counts, out->of_fault);
	leave_what_is_known(out->ev, &out->m->loss);
	out->verdict = scenario_verdict(out);
	return true;
}

void scenario_release(struct scenario_report *s)
{
	judged_free(s->judged, s->njudged);
	free(s->of_fault);
	if (s->m)
		measured_free(s->m);
	free(s->m);
	if (s->ev)
		evidence_free(s->ev);
	free(s->ev);
	cJSON_Delete(s->events);
	memset(s, 0, sizeof(*s));
}

static void evaluate(const char *dir, struct evaluation *ev)
{
	struct run_report *run = &ev->run;
	bool ended = false;
	const cJSON *event;

	run->dir = dir;
	evidence_load(ev->events, -1, &ev->ev);
	run->ev = &ev->ev;
	run->h = &ev->h;
	cJSON_ArrayForEach(event, ev->events) {
		if (event_is(event, "scenario"))
			scenario_evaluate(&ev->h, ev->events, (int)json_i64(event, "s", 0),
					  VEC_PUSH(ev->scenarios, ev->run.n, ev->alloc));
		else if (event_is(event, "interrupt"))
			run->interrupted = true;
		else if (event_is(event, "end"))
			ended = true;
		else if (event_is(event, "broken") && json_i64(event, "s", -1) < 0)
			run->broken = json_str(event, "what", "the harness");
	}
	run->scenarios = ev->scenarios;
	run->planned = run->n;
	if (run->ev->run.planned > (int64_t)run->n)
		run->planned = (size_t)run->ev->run.planned;
	run->verdict = run->n ? run->scenarios[0].verdict : VERDICT_BROKEN;
	for (size_t i = 1; i < run->n; i++)
		run->verdict = verdict_worse(run->verdict, run->scenarios[i].verdict);
	if (run_all_skipped(run))
		run->verdict = VERDICT_UNKNOWN;
	if (run->broken)
		run->verdict = verdict_worse(run->verdict, VERDICT_BROKEN);
	/* Cut short: what was not tried is not passed. */
	if ((run->interrupted || !ended || run->n < run->planned) &&
	    (run->verdict == VERDICT_PASS || run->verdict == VERDICT_SKIP))
		run->verdict = VERDICT_UNKNOWN;
}

int evaluation_read(const char *dir, struct evaluation *ev, struct err *e)
{
	if (read_all(dir, ev, e))
		return -1;
	if (ev->broken && !events_last(ev->events, "broken"))
		json_push(ev->events, evaluation_broken(-1, ev->broken));
	evaluate(dir, ev);
	return 0;
}

void evaluation_free(struct evaluation *ev)
{
	for (size_t i = 0; i < ev->run.n; i++)
		scenario_release(&ev->scenarios[i]);
	free(ev->scenarios);
	evidence_free(&ev->ev);
	history_free(&ev->h);
	cJSON_Delete(ev->events);
	memset(ev, 0, sizeof(*ev));
}
