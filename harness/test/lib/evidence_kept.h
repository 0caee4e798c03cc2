#ifndef ORDEAL_TEST_LIB_EVIDENCE_KEPT_H
#define ORDEAL_TEST_LIB_EVIDENCE_KEPT_H

#include "history/evidence.h"

/* What a test's events tell. Kept until the program ends; `events` must live for
 * as long as the result is used. */
struct evidence *evidence_kept(const cJSON *events, int scenario);

#endif
