#ifndef ORDEAL_CHECK_JUDGE_H
#define ORDEAL_CHECK_JUDGE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "check/check.h"
#include "scenario/scenario.h"

/* Shared by verdict.c and verdict_metrics.c. */

struct judging {
	const struct history *h;
	const struct evidence *ev;
	const struct measured *m;
	const cJSON *expect; /* one item of the scenario event's list */
};

/* Fills verdict, measured, limit, unit, why, detail from the evidence alone;
 * whether the run may be believed at all is verdict.c's business. */
void judge_metric(const struct judging *j, enum expect_metric metric, struct judged *out);

#endif
