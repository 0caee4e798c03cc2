#ifndef ORDEAL_HISTORY_EVIDENCE_TOLD_H
#define ORDEAL_HISTORY_EVIDENCE_TOLD_H

#include "history/evidence.h"

/* Between evidence.c and evidence_told.c only: what a scenario tells once, or of
 * which the last telling counts. Other kinds of event change nothing. */
void evidence_told(struct evidence *ev, const cJSON *event);
/* What the wall clock said when the event was written, ns; 0: it does not tell. */
int64_t evidence_real(const cJSON *event);
/* Whether the wall clock was set while the scenario ran: by what phases tell. */
void evidence_clock(struct evidence *ev);
/* Marks the samples of primaries that their group had voted out. In outvoted.c. */
void evidence_outvoted(struct evidence *ev);
/* NULL: no run tells anything. */
void evidence_run(struct evidence *ev, const cJSON *event);

#endif
