#include "report/report.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"
#include "report/list.h"

#define X(name) extern const struct reporter_ops name;
REPORTER_LIST(X)
#undef X

static const struct reporter_ops *const all[] = {
#define X(name) &name,
	REPORTER_LIST(X)
#undef X
	NULL,
};

const struct reporter_ops *const *reporter_all(void)
{
	return all;
}

/* What report_make() has read and computed. */
struct evaluation {
	cJSON *events;
	struct history h;
	struct scenario_report *scenarios;
	size_t alloc;
	struct run_report run;
	cJSON *no_run; /* stands in when there is no "run" event */
};

static bool is(const cJSON *event, const char *kind)
{
	return !strcmp(json_str(event, "k", ""), kind);
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
	if (file_exists(path) && history_read(path, &ev->h, NULL, e))
		return -1;
	history_sort(&ev->h);
	return 0;
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

static void add_scenario(struct evaluation *ev, const cJSON *event)
{
	struct scenario_report *s = VEC_PUSH(ev->scenarios, ev->run.n, ev->alloc);

	s->index = (int)json_i64(event, "s", (int64_t)ev->run.n - 1);
	s->event = event;
	s->m = mem_alloc(sizeof(*s->m));
	measure_scenario(&ev->h, ev->events, s->index, s->m);
	judge_scenario(&ev->h, ev->events, s->index, s->m, &s->judged, &s->njudged);
	s->verdict = scenario_verdict(s);
}

static void evaluate(const char *dir, struct evaluation *ev)
{
	struct run_report *run = &ev->run;
	bool ended = false;
	const cJSON *event;

	run->dir = dir;
	run->events = ev->events;
	run->h = &ev->h;
	cJSON_ArrayForEach(event, ev->events) {
		if (is(event, "run") && !run->run)
			run->run = event;
		else if (is(event, "scenario"))
			add_scenario(ev, event);
		else if (is(event, "interrupt"))
			run->interrupted = true;
		else if (is(event, "end"))
			ended = true;
		else if (is(event, "broken") && json_i64(event, "s", -1) < 0)
			run->broken = json_str(event, "what", "the harness");
	}
	if (!run->run)
		run->run = ev->no_run = cJSON_CreateObject();
	run->scenarios = ev->scenarios;
	run->planned = (size_t)json_i64(run->run, "planned", (int64_t)run->n);
	if (run->planned < run->n)
		run->planned = run->n;
	run->verdict = run->n ? run->scenarios[0].verdict : VERDICT_BROKEN;
	for (size_t i = 1; i < run->n; i++)
		run->verdict = verdict_worse(run->verdict, run->scenarios[i].verdict);
	if (run->broken)
		run->verdict = verdict_worse(run->verdict, VERDICT_BROKEN);
	/* Cut short: what was not tried is not passed. */
	if ((run->interrupted || !ended || run->n < run->planned) &&
	    (run->verdict == VERDICT_PASS || run->verdict == VERDICT_SKIP))
		run->verdict = VERDICT_UNKNOWN;
}

static void run_reporter(const struct reporter_ops *ops, FILE *f, const struct run_report *run)
{
	struct reporter *r = ops->begin(f, run);

	for (size_t i = 0; i < run->n; i++)
		ops->scenario(r, run, &run->scenarios[i]);
	ops->end(r, run);
}

static int write_file(const struct reporter_ops *ops, const struct run_report *run,
		      struct err *e)
{
	char path[PATH_MAX], *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int r;

	if (!f)
		return err_set(e, ERR_BROKEN, "no memory for %s", ops->file);
	run_reporter(ops, f, run);
	if (fclose(f)) {
		free(text);
		return err_set(e, ERR_BROKEN, "no memory for %s", ops->file);
	}
	snprintf(path, sizeof(path), "%s/%s", run->dir, ops->file);
	r = file_write_atomic(path, text, len, e);
	free(text);
	return r;
}

int report_make(const char *dir, FILE *tap, enum verdict *verdict, struct err *e)
{
	struct evaluation ev = {0};
	int r = -1;

	*verdict = VERDICT_BROKEN;
	if (read_all(dir, &ev, e))
		goto out;
	evaluate(dir, &ev);
	for (size_t i = 0; all[i]; i++) {
		if (all[i]->file) {
			if (write_file(all[i], &ev.run, e))
				goto out;
		} else if (tap) {
			run_reporter(all[i], tap, &ev.run);
		}
	}
	*verdict = ev.run.verdict;
	r = 0;
out:
	for (size_t i = 0; i < ev.run.n; i++) {
		judged_free(ev.scenarios[i].judged, ev.scenarios[i].njudged);
		measured_free(ev.scenarios[i].m);
		free(ev.scenarios[i].m);
	}
	free(ev.scenarios);
	history_free(&ev.h);
	cJSON_Delete(ev.no_run);
	cJSON_Delete(ev.events);
	return r;
}
