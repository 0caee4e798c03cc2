#ifndef ORDEAL_CHECK_CALLS_H
#define ORDEAL_CHECK_CALLS_H

/* When the clients that no fault cuts off called: what happened while nobody did was not
 * seen. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history/evidence.h"
#include "history/op.h"
#include "measure/measure.h"

struct calls;

/* The caller frees it with calls_free; ev and m outlive it. */
struct calls *calls_new(const struct history *h, const struct evidence *ev,
			const struct measured *m);
void calls_free(struct calls *c);

/* From `from` to `to` there was no longer time without a call than free clients leave at the
 * load's rate: of any of these kinds, and of each one alone of which the rate and the mix make
 * enough due. Else false, and why. */
bool calls_throughout(const struct calls *c, uint32_t kinds, int64_t from, int64_t to, char *why,
		      size_t size);

/* When the last of them was; 0: none. */
int64_t calls_last(const struct calls *c);

/* "inserts". */
const char *calls_plural(enum op_f f);

#endif
