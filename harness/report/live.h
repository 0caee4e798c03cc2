#ifndef ORDEAL_REPORT_LIVE_H
#define ORDEAL_REPORT_LIVE_H

#include <stdio.h>

#include "report/report.h"

extern const struct reporter_ops reporter_tap;

/* Frees one whose end will not be told. */
void report_tap_drop(struct reporter *r);

/* 13 when TAP_VERSION says that the harness around us knows no more. */
int report_tap_version(void);

/* The TAP of a run that is still on: a scenario's lines are printed as soon as
 * it has been measured and judged, from the same two files that the reports
 * are made from later. What is printed is report.tap, byte for byte. */
struct report_live;

/* Prints the version line. `tap` must stay open; `dir` is the run's folder,
 * whose events.jsonl holds the "run" event. */
struct report_live *report_live_begin(const char *dir, FILE *tap);

/* Call once the scenario's last event and operation are in the files. `broken`:
 * why they are not; NULL: they are. */
int report_live_scenario(struct report_live *l, int scenario, const char *broken, struct err *e);

/* Writes all report files and the end of the TAP; frees `l`. `broken` as before. */
int report_live_end(struct report_live *l, const char *broken, enum verdict *verdict,
		    struct err *e);

#endif
