#ifndef ORDEAL_SYSTEM_MYSQL_LOG_H
#define ORDEAL_SYSTEM_MYSQL_LOG_H

#include "history/evidence.h"

/* Two kinds of lines. mysqld's own error log: "2026-11-29T19:30:00.123456Z 0 [System]
 * [MY-010931] [Server] text" (MySQL Reference Manual, "The Error Log"); and what those who
 * run it say, the runbook's controller and the agent beside each server: one JSON object
 * a line with "time", "who" and "event". */

/* log_stamp_fn; the mark is 'M' of mysqld's lines, 'J' of objects, of which the text stays whole.
 */
bool my_log_stamp(struct log_line *line);

/* The first line of mysqld's in [from_ns, to_ns] with this code ("MY-011153"), of this
 * member (NULL: any). */
bool my_log_code(const struct evidence *ev, const char *member, const char *code, int64_t from_ns,
		 int64_t to_ns, struct log_line *out);

/* Whether one log of mysqld's that is kept of this member begins by from_ns and goes on to
 * to_ns or beyond, by its lines' stamps: of what it wrote in between nothing is missing. */
bool my_log_spans(const struct evidence *ev, const char *member, int64_t from_ns, int64_t to_ns);

struct my_told {
	int64_t t_ns;
	const char *by;  /* the pod whose log it is */
	cJSON *o;        /* the object; my_told_free() */
};

/* The first such event in [from_ns, to_ns]: of the pods whose name begins with `by`, with
 * this text under `key` (each NULL: whatever it is). */
bool my_log_told(const struct evidence *ev, const char *by, const char *event, const char *key,
		 const char *text, int64_t from_ns, int64_t to_ns, struct my_told *out);
void my_told_free(struct my_told *t);

/* Whether a pod of this name runs the runbook's controller. */
bool my_log_of_controller(const char *pod);

#endif
