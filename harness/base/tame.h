#ifndef ORDEAL_BASE_TAME_H
#define ORDEAL_BASE_TAME_H

#include <stdbool.h>
#include <stddef.h>

/* What others wrote (manifests, logs, answers of a system under trial), before
 * it reaches a terminal or a report. */

/* Bytes at s that may not: control characters but those in `keep` ("\n\t"), C1's
 * (U+0080 to U+009F) among them; marks that turn the writing around (Unicode
 * Standard Annex 9); what is no UTF-8 (RFC 3629) or no character of XML 1.0
 * (section 2.2), one at a time. 0: a good character, or the end. */
size_t tame_at(const char *s, const char *keep);

/* Bytes of the UTF-8 character at s; 0: it is none, as above. */
size_t tame_char(const char *s);

/* Each such byte becomes '?', in place. */
void tame(char *text, const char *keep);
bool tame_is(const char *text, const char *keep);

#endif
