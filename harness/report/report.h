#ifndef ORDEAL_REPORT_REPORT_H
#define ORDEAL_REPORT_REPORT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "check/check.h"
#include "history/op.h"
#include "measure/measure.h"

/* Reports are made from the stored events and history alone; making one
 * again gives the same bytes. All reporters see the same stream: begin, one
 * scenario after the other, end. Listed in report/list.h. */

struct scenario_report {
	int index;
	cJSON *events;           /* its own and the run's, to be shown as they are: events_of() */
	struct evidence *ev;     /* what they tell; its script is there */
	struct measured *m;
	struct measured_counts counts; /* which figures of it may be told as found */
	struct measured_counts *of_fault; /* ... and of each of its faults */
	struct judged *judged;
	size_t njudged;
	enum verdict verdict;    /* the worst of all */
};

struct run_report {
	const char *dir;         /* reports/<run> */
	const struct evidence *ev; /* what its own events tell; NULL: nothing yet */
	const struct history *h;
	const struct scenario_report *scenarios;
	size_t n;
	size_t planned;          /* scenarios that the run was to have; >= n */
	bool interrupted;
	int tap_version;         /* 0: what the harness around us knows */
	const char *broken;      /* what broke outside of any scenario; NULL: nothing */
	enum verdict verdict;
};

/* Nothing was put to the test: that is no pass. */
static inline bool run_all_skipped(const struct run_report *run)
{
	for (size_t i = 0; i < run->n; i++)
		if (run->scenarios[i].verdict != VERDICT_SKIP)
			return false;
	return run->n > 0;
}

struct reporter; /* private to its file */
struct reporter_ops {
	const char *name;
	const char *file; /* name in the run's folder */
	/* `run` may be what was known when the run began. A scenario is told
	 * with it or with the whole run; the end always with the whole. */
	struct reporter *(*begin)(FILE *f, const struct run_report *run);
	void (*scenario)(struct reporter *r, const struct run_report *run,
			 const struct scenario_report *s);
	/* Ends and frees. */
	void (*end)(struct reporter *r, const struct run_report *run);
};
const struct reporter_ops *const *reporter_all(void);

/* result.json's content (doc/result.schema.json); the caller deletes it. */
cJSON *report_result(const struct run_report *run);

/* Writes every report file into the run's folder, each atomically. */
int report_files(const struct run_report *run, struct err *e);

/* Evaluates a run's folder: reads events.jsonl and history.jsonl, measures,
 * judges, writes every report file into it and, when tap is not NULL, TAP to
 * it. Sets *verdict. */
int report_make(const char *dir, FILE *tap, enum verdict *verdict, struct err *e);

/* Rewrites <reports>/index.html from the result.json files below it. */
int report_index(const char *reports_dir, struct err *e);

#endif
