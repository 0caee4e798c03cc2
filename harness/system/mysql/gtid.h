#ifndef ORDEAL_SYSTEM_MYSQL_GTID_H
#define ORDEAL_SYSTEM_MYSQL_GTID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sets of global transaction identifiers, exact: "uuid[:tag]:a-b:c,...", as
 * gtid_executed has them (MySQL Reference Manual, "GTID Format and Storage"; tags from
 * 8.3 on). Sets are compared, never counted against each other: a larger one need
 * not hold the smaller. */

enum { GTID_TAG_BYTES = 33 };

/* [lo, hi] of one source, or of one tag of it. */
struct gtid_run {
	unsigned char uuid[16];
	char tag[GTID_TAG_BYTES]; /* "" none */
	int64_t lo, hi;
};

/* Sorted, none touching the next. A zeroed one is empty; gtid_free() ends it. */
struct gtid_set {
	struct gtid_run *v;
	size_t n, alloc;
};

/* Blanks, line breaks and empty parts between commas are passed over, as the server does.
 * False: it is no such set, and *out is empty. */
bool gtid_parse(const char *text, struct gtid_set *out);
/* As the server prints it, without line breaks; "" an empty one. The caller frees it. */
char *gtid_text(const struct gtid_set *s);
/* The same in `size` bytes, at least 4: where it is longer, cut off between two runs, with
 * "...". */
void gtid_brief(const struct gtid_set *s, char *out, size_t size);

void gtid_add(struct gtid_set *to, const struct gtid_set *what);
/* What is in `a` and not in `b`. */
void gtid_subtract(const struct gtid_set *a, const struct gtid_set *b, struct gtid_set *out);
/* All of `a` is in `b`. */
bool gtid_within(const struct gtid_set *a, const struct gtid_set *b);
/* Of these, only (or all but) what this source made; false: `uuid` is none, and *s stays. */
bool gtid_keep(struct gtid_set *s, const char *uuid, bool of_it);
/* How many transactions; INT64_MAX when there are more. */
int64_t gtid_count(const struct gtid_set *s);
void gtid_free(struct gtid_set *s);

#endif
