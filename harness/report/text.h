#ifndef ORDEAL_REPORT_TEXT_H
#define ORDEAL_REPORT_TEXT_H

#include <stdint.h>

#include "base/mem.h"
#include "check/check.h"

/* Figures as a person reads them, and text made safe for XML and HTML. The
 * same words are used by every reporter. */

struct text {
	char s[96];
};

/* "0.4 ms", "430 ms", "31.2 s", "12.5 min"; "unknown" below 0. */
struct text text_duration(int64_t ns);

/* Middle and half width, "31.20 s ± 0.02 s". The error is rounded up, and
 * takes in what the rounding of the middle did. */
struct text text_interval(int64_t lo_ns, int64_t hi_ns);

/* "20–42 s", "0.3–2 s". */
struct text text_range(int64_t lo_ns, int64_t hi_ns);

/* "12,345"; "unknown" below 0. */
struct text text_count(int64_t n);

/* "16 MiB"; "unknown" below 0. */
struct text text_bytes(int64_t n);

/* A judged figure in its unit ("ms", "count", "bool", others as they are);
 * "not measured" for NAN. */
struct text text_figure(double value, const char *unit);

/* "3 writes", "1 write". */
struct text text_plural(int64_t n, const char *one, const char *many);

/* "24 November 2026, 06:11 UTC" from RFC 3339; "" when it is none. */
struct text text_date(const char *rfc3339);

/* The text for XML and HTML, attributes included: markup escaped, terminal
 * colours dropped, what may not be shown as it is (base/tame.h) replaced by
 * U+FFFD. NULL counts as "". Lives in the arena. */
const char *text_xml(struct arena *a, const char *s);
/* The same with a no-break space between a figure and its unit of time or its
 * error, for running text in narrow columns. */
const char *text_xml_figures(struct arena *a, const char *s);

/* The same without the escaping: for JSON and TAP. */
const char *text_clean(struct arena *a, const char *s);

/* "PASS" ...: what a person sees beside the word. */
const char *text_verdict_mark(enum verdict v);

#endif
