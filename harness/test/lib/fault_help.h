#ifndef ORDEAL_TEST_LIB_FAULT_HELP_H
#define ORDEAL_TEST_LIB_FAULT_HELP_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "fault/fault.h"
#include "fault/journal.h"

/* What the tests of faults share. Include cmocka before. */

/* A temporary folder; removed by help_remove(). `out` holds 64 bytes. */
void help_temp(char out[64]);
void help_remove(const char *dir);

/* A plan with one target; `params` (may be NULL) is JSON text. The caller
 * deletes it. */
cJSON *help_plan(const char *id, const char *fault, const char *member, const char *uid,
		 const char *params);

/* Waits until fn says true, at most 20 s; returns what it said last. */
bool help_wait(bool (*fn)(void *arg), void *arg);

/* A child that sleeps, in a process group of its own; help_end() kills and
 * reaps it. */
pid_t help_sleeper(void);
void help_end(pid_t pid);

/* One HTTP exchange with 127.0.0.1:port; returns the status. `token` and
 * `body` may be NULL. The answer is added to `answer`. */
long help_http(int port, const char *method, const char *path, const char *token, const char *body,
	       struct buf *answer);

/* Runs a command line by sh; true when it exits with 0. Output is dropped. */
bool help_sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
