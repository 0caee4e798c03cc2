#ifndef ORDEAL_REPORT_HTML_REPEAT_H
#define ORDEAL_REPORT_HTML_REPEAT_H

#include "report/html/page.h"
#include "report/repeat.h"

/* What several scenarios of a page say together; nothing when they do not. */

/* All repetitions of each scenario. */
void html_repeats(struct page *p, const struct repeats *all);
/* Scenarios with the same fault. */
void html_side_by_side(struct page *p, const struct repeats *all);

/* Figures of the same unit (a time) on one axis. Labels are safe HTML. */
struct strip {
	const char *label;
	enum figure_kind kind;
	const struct figure *figure;
};
void html_strips(struct page *p, const struct strip *strips, size_t n);
void html_repeated_rows(struct page *p, const struct repeated *r, size_t n);

#endif
