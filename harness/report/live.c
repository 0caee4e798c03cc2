#include "report/live.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"
#include "history/read.h"
#include "report/evaluate.h"

struct report_live {
	char dir[PATH_MAX];
	FILE *tap;
	struct reporter *r;
	struct run_report run; /* what a scenario needs to know of it */
	cJSON *events;         /* those of no scenario */
	struct file_at events_at, history_at;
};

struct report_live *report_live_begin(const char *dir, FILE *tap)
{
	struct report_live *l = mem_alloc(sizeof(*l));

	snprintf(l->dir, sizeof(l->dir), "%s", dir);
	l->tap = tap;
	l->events = cJSON_CreateArray();
	l->run.dir = l->dir;
	l->r = reporter_tap.begin(tap, &l->run);
	fflush(tap);
	return l;
}

int report_live_scenario(struct report_live *l, int scenario, const char *broken, struct err *e)
{
	cJSON *fresh = NULL;
	struct scenario_report s = {0};
	struct history h = {0};
	char path[PATH_MAX + 32];
	int r = -1;

	snprintf(path, sizeof(path), "%s/events.jsonl", l->dir);
	fresh = events_read_from(path, &l->events_at, e);
	snprintf(path, sizeof(path), "%s/history.jsonl", l->dir);
	if (!fresh || (file_exists(path) && history_read_from(path, &l->history_at, &h, e)))
		goto out;
	if (broken)
		json_push(fresh, evaluation_broken(scenario, broken));
	events_move(fresh, l->events);
	if (scenario_evaluate(&h, l->events, scenario, &s))
		reporter_tap.scenario(l->r, &l->run, &s);
	fflush(l->tap);
	r = 0;
out:
	scenario_release(&s);
	history_free(&h);
	cJSON_Delete(fresh);
	/* The scenario's line is out. */
	events_keep_run(l->events);
	return r;
}

int report_live_end(struct report_live *l, const char *broken, enum verdict *verdict, struct err *e)
{
	struct evaluation ev = {.broken = broken};
	int r = -1;

	*verdict = VERDICT_BROKEN;
	if (evaluation_read(l->dir, &ev, e) == 0) {
		reporter_tap.end(l->r, &ev.run);
		*verdict = ev.run.verdict;
		r = report_files(&ev.run, e);
	} else {
		/* They are our own files: not the user's mistake. */
		e->kind = ERR_BROKEN;
		/* Without a plan no consumer takes what is there for the whole. */
		report_tap_drop(l->r);
	}
	cJSON_Delete(l->events);
	evaluation_free(&ev);
	free(l);
	return r;
}
