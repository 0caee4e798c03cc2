#ifndef ORDEAL_REPORT_COMPARE_H
#define ORDEAL_REPORT_COMPARE_H

#include <stdio.h>

#include "base/err.h"
#include "report/evaluate.h"
#include "report/repeat.h"

/* Two runs side by side: of another engine, with other settings, of an earlier
 * version. What is compared is the same fault of the scenario of the same
 * name. */

struct compared_fault {
	const struct repeated_fault *a, *b;
	struct stat_shift shift[FIGURES]; /* how much larger b's are */
};

struct compared {
	const struct repeated *a, *b;
	const char *differs; /* b's settings against a's; "" they are the same */
	struct compared_fault *faults;
	size_t nfaults;
	const char *unpaired; /* faults that only one of them has; "" */
};

struct comparison {
	struct arena arena;
	struct evaluation a, b;
	struct repeats all_a, all_b;
	struct compared *v;
	size_t n;
	const char *only_a, *only_b; /* scenarios; "" none */
	struct stat_family family;   /* all figures that are compared */
	size_t most_a, most_b;       /* values that one of them has, at most */
};

/* Of the scenarios that both have, or of these `only` (NULL: all). The folders'
 * names must live as long as the comparison, which is freed also after an error.
 * Nothing in common is an error. */
int comparison_make(const char *dir_a, const char *dir_b, const char *only, struct comparison *out,
		    struct err *e);
void comparison_free(struct comparison *c);

/* "B takes 12 s longer (95 %: 8.0 s to 15 s; p = 0.002)", "no difference is
 * shown (...)", "too few values to decide ...". */
const char *shift_words(struct arena *a, enum figure_kind k, const struct compared_fault *f,
			const struct stat_family *family);

/* For how many figures it is corrected, and what can come of that. One or more
 * sentences. */
const char *family_words(struct comparison *c);

/* What of the runs themselves differs: engine, version, machine; "" nothing. */
const char *runs_difference(struct arena *a, const struct run_report *x,
			    const struct run_report *y);

/* As text, and as one self-contained page. */
void comparison_text(struct comparison *c, FILE *f);
void comparison_html(struct comparison *c, FILE *f);

#endif
