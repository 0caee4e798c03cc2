#ifndef ORDEAL_SYSTEM_KAFKA_LOG_H
#define ORDEAL_SYSTEM_KAFKA_LOG_H

#include "history/evidence.h"

/* Kafka's own lines, "[2026-11-29 19:30:00,123] INFO text (logger)": its release's pattern,
 * in UTC. */

/* log_stamp_fn. */
bool kafka_log_stamp(struct log_line *line);

/* The earliest line in [from_ns, to_ns] that has this text, and `and` as well (NULL:
 * whatever); of this member (NULL: any). */
bool kafka_log_first(const struct evidence *ev, const char *member, const char *has,
		     const char *and, int64_t from_ns, int64_t to_ns, struct log_line *out);

#endif
