#ifndef ORDEAL_CHECK_BACKLOG_H
#define ORDEAL_CHECK_BACKLOG_H

#include "base/buf.h"
#include "measure/parts.h"

/* Adds how many were acknowledged late, what blocked publishers waited, where there were any, and
 * half a sentence: how many acknowledged messages waited for a consumer at most before and after
 * the first fault, and how long after it consumers had caught up. Nothing of that without a
 * fault, or without a message received. */
void backlog_tell(const struct view *v, struct buf *b);

#endif
