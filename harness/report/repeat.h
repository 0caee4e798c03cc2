#ifndef ORDEAL_REPORT_REPEAT_H
#define ORDEAL_REPORT_REPEAT_H

#include "base/mem.h"
#include "measure/stat.h"
#include "report/report.h"

/* The scenarios of a run by name: what their repetitions say together. A fault
 * is put together with itself only: same id, name and words, and role of its target.
 * All of it lives in the arena. */

enum figure_kind { FIGURE_OUTAGE, FIGURE_LOST, FIGURE_REDUNDANT, FIGURES };

struct figure {
	struct stat_value *v; /* ns, or a count */
	int *of;              /* the repetition that each is from */
	size_t n;
	struct stat_median median;
};

struct repeated_fault {
	const struct fault_seen *first;
	struct figure figures[FIGURES];
	int64_t predicted_lo_ns, predicted_hi_ns; /* spans all; -1: none was predicted */
	const char *mechanisms;                   /* that ended the outages, with their numbers */
};

struct repeated {
	const char *name;
	const struct scenario_report *first;
	size_t n;       /* repetitions that were begun */
	size_t counted; /* whose figures count */
	const char *left_out; /* why others do not; "" */
	struct repeated_fault *faults;
	size_t nfaults;
	int64_t refused, undecided; /* writes, of all that count together */
};

struct repeats {
	struct repeated *v; /* in the run's order */
	size_t n;
	bool any; /* some scenario was repeated */
};
void repeats_make(struct arena *a, const struct run_report *run, struct repeats *out);

/* Among r's, the fault that f is; NULL: none. The role of the target tells a primary's
 * death from a replica's. */
struct repeated_fault *repeated_fault_same(const struct repeated *r, const struct fault_seen *f);

/* result.json's "repeated": empty when nothing was. The caller deletes it. */
cJSON *repeats_json(const struct run_report *run);

/* "outage", "writes down". */
const char *figure_key(enum figure_kind k);
const char *figure_label(enum figure_kind k);
/* One value of it: "31.2 s", "3", "at least 60 s". */
const char *figure_value(struct arena *a, enum figure_kind k, double v, bool at_least);
/* "31.2 s (95 %: 28.1 s to 35.0 s; n = 6)", "31.2 s (n = 3, too few for an interval)". */
const char *figure_words(struct arena *a, enum figure_kind k, const struct figure *f);

/* The fault, its way, its target's role: "NAME, crash, on a primary" */
const char *repeated_fault_words(struct arena *a, const struct repeated_fault *f);

/* Who it is among its repetitions: "name", "name (2 of 6)". */
const char *scenario_words(struct arena *a, const struct scenario_report *s);

/* " (2 of 6, fault 3.2 s later than written)"; "" when it is not repeated. */
const char *repetition_words(struct arena *a, const struct scenario_report *s);

/* The settings that differ: "min-replicas-to-write 1 instead of 0, ..."; "" none.
 * `than` is what the other scenario tells. */
const char *settings_difference(struct arena *a, const struct evidence *ev,
				const struct evidence *than);

#endif
