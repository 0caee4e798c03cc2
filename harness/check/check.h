#ifndef ORDEAL_CHECK_CHECK_H
#define ORDEAL_CHECK_CHECK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history/op.h"
#include "measure/measure.h"
#include "scenario/metrics.h"

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_UNKNOWN, VERDICT_BROKEN, VERDICT_SKIP };
const char *verdict_name(enum verdict v);
/* The worse of two: BROKEN > FAIL > UNKNOWN > SKIP > PASS. */
enum verdict verdict_worse(enum verdict a, enum verdict b);

struct check_budget {
	int64_t time_ns;
	size_t memory_bytes;
};

/* All that a checker can have found, with its counts, fits; and of an expectation what
 * was found beside why it does not count, of which a system that never stood tells most. */
enum { CHECK_WHY_BYTES = 800, JUDGED_WHY_BYTES = 2400 };

struct check_result {
	enum verdict verdict;
	char why[CHECK_WHY_BYTES]; /* one sentence */
	cJSON *witness;  /* smallest one found: array of sentences or operations; NULL; owned */
};

/* Pure. An empty history, or one without an ok, is UNKNOWN, and so is one
 * that the budget did not suffice for. Only operations of the evidence's
 * scenario count; `m` is what was measured of it. Listed in check/list.h. */
struct checker_ops {
	const char *name, *summary;
	const char *breach; /* what clients saw where it found a violation: "is not ..." */
	uint32_t needs; /* OP_BIT() of each kind of operation without which it can say nothing */
	uint32_t about; /* OP_BIT() of each kind that it judges */
	bool final;     /* what it says rests on the final read */
	void (*check)(const struct history *h, const struct evidence *ev, const struct measured *m,
		      const struct check_budget *budget, struct check_result *out);
};
const struct checker_ops *checker_find(const char *name);
const struct checker_ops *const *checker_all(void);

/* One judged expectation. */
struct judged {
	char name[200];
	enum verdict verdict;
	double measured, limit; /* in `unit`; NAN: none */
	char unit[8];           /* "ms", "count", "bool" */
	char why[JUDGED_WHY_BYTES];
	cJSON *detail;          /* witness, figures; owned; may be NULL */
	/* in the time that it is about; borrowed; NULL: the whole load's */
	const struct noise *noise;
};

/* Judges every expectation that the scenario's "scenario" event lists
 * (`expect`: name, metric, at_most, at_least, within_predicted, want, fault,
 * checker; durations in ns). A broken or too noisy run never passes. The array
 * is on the heap. */
void judge_scenario(const struct history *h, const struct evidence *ev, const struct measured *m,
		    struct judged **out, size_t *n);
void judged_free(struct judged *v, size_t n);

/* Whether a figure counts, whatever is expected of it. */
struct figure_counts {
	bool there;  /* what it says happened may be said to have happened */
	bool absent; /* and what it does not say may be said not to have happened */
};
/* Whether it may be told: `found`, that there was so much; else that there was nothing. */
static inline bool figure_told(const struct figure_counts *c, bool found)
{
	return found ? c->there : c->absent;
}
/* Of every metric that is a length of time or a count; the others are false. */
struct measured_counts {
	struct figure_counts of[METRICS];
};
/* Of all faults together, and of each one by itself: `of_fault` has m->nfaults. Of
 * one alone: outage, loss and recovery. */
void judge_counts(const struct history *h, const struct evidence *ev, const struct measured *m,
		  struct measured_counts *out, struct measured_counts *of_fault);

#endif
