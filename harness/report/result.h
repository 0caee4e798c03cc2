#ifndef ORDEAL_REPORT_RESULT_H
#define ORDEAL_REPORT_RESULT_H

#include <cjson/cJSON.h>

#include "report/report.h"

/* Pieces of result.json that other reporters quote. The caller deletes
 * them. */
/* `told`: where it is none, that may be said (check/counts.c). */
cJSON *result_outage(const struct outage *o, const char *fault, bool told);
cJSON *result_prediction(const struct prediction *p);
cJSON *result_staleness(const struct staleness *s);
cJSON *result_loss(const struct loss *l);
/* How far back what survived a fault ends. */
cJSON *result_point(const struct measured *m, const struct fault_seen *f);
cJSON *result_dual(const struct measured *m); /* what the time with two primaries rests on */
/* `f`: one of the scenario's. */
cJSON *result_fault(const struct scenario_report *s, const struct fault_seen *f);
cJSON *result_downtime(const struct outage *o, bool told);
cJSON *result_served(const struct fault_seen *f);
cJSON *result_noise(const struct noise *n);
cJSON *result_fault_noise(const struct fault_seen *f);
cJSON *result_load(const struct load_sent *l);
cJSON *result_expectation(const struct judged *j);

/* The fault whose outage is the scenario's worst; NULL when there is none. */
const struct fault_seen *result_worst(const struct measured *m);

#endif
