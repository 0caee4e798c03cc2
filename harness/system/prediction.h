#ifndef ORDEAL_SYSTEM_PREDICTION_H
#define ORDEAL_SYSTEM_PREDICTION_H

#include "system/system.h"

/* What the systems' predict() and explain() have in common. Pure. */

/* Adds a mechanism with its rule (the text) and its source; the window, in ns,
 * grows to span it. A lower end below 0 is 0; what no longer fits is left out. */
void prediction_add(struct prediction *p, const char *name, int64_t lo, int64_t hi,
		    const char *source, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Adds a sentence to the note. */
void prediction_note(struct prediction *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Is there a mechanism of this name? `p` may be NULL. */
bool prediction_has(const struct prediction *p, const char *name);

/* Causes before consequences: an instant that was seen later than what
 * follows from it is moved there, and its "how" says by how much. */
void milestones_in_order(struct milestones *m);

#endif
