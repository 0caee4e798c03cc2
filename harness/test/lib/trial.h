#ifndef ORDEAL_TEST_LIB_TRIAL_H
#define ORDEAL_TEST_LIB_TRIAL_H

#include <cjson/cJSON.h>

#include "check/check.h"

/* A run that was measured: 100 s, a kill after 10 s and 20 s without writes, in
 * which nothing is missing that a pass rests on. Tests change the figures, or take
 * evidence away, and judge again. */
struct trial {
	struct history h;
	cJSON *events;
	struct measured m;
	struct fault_record rec;
	struct fault_seen fault;
	struct judged *j;
	size_t n;
};

void trial_begin(struct trial *t);
void trial_end(struct trial *t);

/* Judges one expectation: a JSON array of one, as in a "scenario" event, whose
 * other fields are `more` ("\"steps\":[...]"; NULL: none). */
const struct judged *trial_judge_of(struct trial *t, const char *expect, const char *more);
const struct judged *trial_judge(struct trial *t, const char *expect);

/* One more event of the scenario. */
void trial_note(struct trial *t, const char *kind, bool ok);
void trial_event(struct trial *t, const char *json);
/* Says of the faults so far whom they hit. */
void trial_hits(struct trial *t, const char *member);
/* Takes away all events of a kind from t_ns on. */
void trial_forget(struct trial *t, const char *kind, int64_t t_ns);

#endif
