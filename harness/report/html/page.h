#ifndef ORDEAL_REPORT_HTML_PAGE_H
#define ORDEAL_REPORT_HTML_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/mem.h"
#include "report/report.h"
#include "report/text.h"

/* The pieces that the HTML report is made of; only report/ includes this.
 * Everything that comes from outside goes through esc(). */

struct page {
	FILE *f;
	struct arena *a;
	const struct run_report *run;
	const struct scenario_report *s; /* the one being written */
	int64_t x0_ns, x1_ns;            /* what its time axis shows */
};

static inline const char *esc(const struct page *p, const char *s)
{
	return text_xml(p->a, s);
}

/* Was there any load? Without it the measured span is only the events'. */
static inline bool html_loaded(const struct measured *m)
{
	return m->longest_op_ns >= 0 && m->end_ns > m->begin_ns;
}

/* report/html/style.c: "<!doctype html>" up to and with <body>; the end. */
void html_open(FILE *f, struct arena *a, const char *title);
void html_close(FILE *f);

/* "<span class=chip ...>✓ PASS</span>" */
void html_chip(FILE *f, enum verdict v);

/* report/html/scenario.c: one scenario, all of it; and what became of one in a
 * sentence, as HTML in the arena. */
void html_scenario(struct page *p);
const char *html_story(struct page *p, const struct scenario_report *s);

/* report/html/fault.c: why the outage took as long as it did; the table and the
 * plot of several faults; proof and undo of each. */
/* How long writes were down after the i-th fault, or why that is not said: safe HTML. */
const char *html_down(struct page *p, size_t i);
void html_breakdown(struct page *p, const struct fault_seen *f);
void html_kinds(struct page *p);
void html_proof(struct page *p);

/* report/html/served.c: what of all that was due after a fault was served. */
void html_served(struct page *p);

/* report/html/sides.c: what was not the same for all writes and all reads. */
void html_sides(struct page *p);
void html_lost_causes(struct page *p);
void html_staleness(struct page *p);
/* How many operations were sent on to another server. */
void html_redirected(struct page *p);

/* report/html/table.c. All cells are safe HTML; NULL: there is none. */
struct fault_row {
	const char *lead; /* the first cell: what the row is about */
	const char *target, *differs, *down, *predicted, *ended, *lost, *refused, *redundant;
};
void html_fault_table(struct page *p, const char *head, const struct fault_row *rows, size_t n);

/* report/html/evidence.c: what is folded: settings, adaptations, events, logs. */
void html_evidence(struct page *p);

/* report/html/axis.c */
/* Where an instant is on the time axis, in percent, kept within 0..100. */
double plot_pct(const struct page *p, int64_t t_ns);
/* A round step that divides `span` into at most `most` pieces. */
double plot_step(double span, int most);
/* The axis with its lines, which end at `y`. */
void plot_axis(struct page *p, int y);

/* plot_timeline.c, plot_latency.c, plot_lanes.c: the timeline. */
void plot_timeline(struct page *p);
void plot_throughput(struct page *p, int y);
void plot_latency(struct page *p, int y);

/* The lanes of the members. */
enum lane_state {
	LANE_NONE, /* nobody asked */
	LANE_PRIMARY,
	LANE_PRIMARY_READONLY,
	LANE_REPLICA,
	LANE_UNKNOWN,
	LANE_UNREACHABLE,
};
struct lane_span {
	int64_t from_ns, to_ns;
	enum lane_state state;
	uint64_t shards; /* what it served, a set; none: everything */
};
struct lane {
	char member[MEMBER_NAME_BYTES];
	struct lane_span *spans;
	size_t n, alloc;
	struct lag_point {
		int64_t t_ns, behind;
	} *lag;
	size_t nlag, lag_alloc;
	int64_t last_ns, witnessed_ns;
};
struct lanes {
	struct lane *v; /* by member name */
	size_t n, alloc;
	int64_t max_lag; /* bytes, or ... */
	bool lag_in_tx;  /* ... transactions */
};
void lanes_make(const struct page *p, struct lanes *l);
void lanes_free(struct lanes *l);
void plot_lanes(struct page *p, const struct lanes *l, int y);
/* "postgres-0: primary 0–15.0 s, unreachable 15.0–18.2 s, ..." as a list. */
void lanes_words(struct page *p, const struct lanes *l);
/* A lane for each group of clients that stood elsewhere: when its writes were
 * down. Returns how many lanes, and draws nothing when y is 0. */
int plot_groups(struct page *p, int y);

enum {
	PLOT_TOP = 34,         /* room for the faults' marks */
	PLOT_THROUGHPUT = 112, /* heights, caption included */
	PLOT_LATENCY = 186,
	PLOT_LANE = 50,
	PLOT_AXIS = 26,
	PLOT_CAPTION = 20,
};

#endif
