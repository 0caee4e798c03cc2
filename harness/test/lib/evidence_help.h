#ifndef ORDEAL_TEST_LIB_EVIDENCE_HELP_H
#define ORDEAL_TEST_LIB_EVIDENCE_HELP_H

#include <cjson/cJSON.h>

#include "history/evidence.h"

/* Evidence from events that a test writes by hand, all of scenario 0. Whatever
 * is no JSON, or not there, fails the test. */

/* The caller deletes it. */
cJSON *test_json(const char *text);

/* Of a JSON array. An event without "s" is the scenario's, but for "run". *hold
 * keeps the events, in which all texts stand: evidence_free() first, then
 * cJSON_Delete(). */
void evidence_of(const char *events_json, struct evidence *ev, cJSON **hold);

const struct fault_record *fault_of(const struct evidence *ev, const char *id);

/* Appends to `events` what a run would have told of this fault, which is written
 * as one: planned, and one event for each of "injected_ns", "effective_ns" and
 * "healed_ns" that it has. Takes the fault. */
void evidence_tell_fault(cJSON *events, cJSON *fault);

/* Appends to `events` the settings in force, an array, which it takes; NULL: none. */
void evidence_tell_inforce(cJSON *events, cJSON *settings);

/* The same events (freed) with one word in place of another wherever it stands. */
cJSON *evidence_renamed(cJSON *events, const char *from, const char *to);

/* 64 characters, as generated names have: no sentence may cut it. */
#define LONG_NAME "a-release-of-this-chart-in-the-namespace-of-the-whole-department"

#endif
