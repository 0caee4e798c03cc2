#ifndef ORDEAL_LOAD_HEARTBEAT_H
#define ORDEAL_LOAD_HEARTBEAT_H

#include "base/buf.h"
#include "load/load.h"

/* Watches the generator from within its own process: a thread that wants to
 * wake every 20 ms, at absolute times. When it could not, neither could the
 * clients: the process was stopped, or had no processor. It notes a row once a
 * second, and at once when it woke late by 50 ms or more: then [t - late_max, t]
 * is when the generator stood still. */

enum { HEARTBEAT_EVERY_MS = 20, HEARTBEAT_ROW_MS = 1000, HEARTBEAT_STOOD_MS = 50 };

struct heartbeat;

/* `l` must outlive it. */
int heartbeat_start(struct load *l, struct heartbeat **out, struct err *e);

/* Ends with a last row; what was noted stays readable. May be called again. */
void heartbeat_stop(struct heartbeat *h);

/* Stops and forgets. NULL is fine. */
void heartbeat_free(struct heartbeat *h);

/* {"next": M, "noise": [...]} from row `from` on, each the fields of a "noise"
 * event with t (doc/HISTORY.md). Any thread. */
void heartbeat_since(struct heartbeat *h, int64_t from, struct buf *out);

#endif
