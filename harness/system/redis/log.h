#ifndef ORDEAL_SYSTEM_REDIS_LOG_H
#define ORDEAL_SYSTEM_REDIS_LOG_H

#include "history/evidence.h"

/* log_stamp_fn of Redis' and Sentinel's own logs: "1:M 24 Nov 2026 09:56:15.123
 * * text", times in UTC and ms (server.c, serverLogRaw()). The mark is the
 * role: X sentinel, C child, S replica, M master. */
bool redis_log_stamp(struct log_line *line);

#endif
