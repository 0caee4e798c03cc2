#ifndef ORDEAL_SYSTEM_REDUNDANCY_H
#define ORDEAL_SYSTEM_REDUNDANCY_H

#include "history/sample.h"
#include "system/why.h"

/* What redundant() of every system begins with. `why` (WHY_BYTES) says what is
 * missing, naming the member; it is set only when something is. */

bool redundancy_all_answer(const struct sample *s, size_t n, char *why);

/* The one member that is a writable primary; NULL when none or several are.
 * For a system without shards. `word` is what it calls one ("primary"). */
const struct sample *redundancy_one_primary(const struct sample *s, size_t n, const char *word,
					    char *why);

/* Both, and all but that one follow it: the primary, or NULL. For a system that wants no
 * more, that is all of redundant(). */
const struct sample *redundancy_primary(const struct sample *s, size_t n, const char *word,
					bool (*follows)(const struct sample *s,
							const struct sample *primary, char *why),
					char *why);

/* Whether `follows` holds for all but the primary. */
bool redundancy_all_follow(const struct sample *s, size_t n, const struct sample *primary,
			   bool (*follows)(const struct sample *s, const struct sample *primary,
					   char *why),
			   char *why);

#endif
