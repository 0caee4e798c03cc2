#ifndef ORDEAL_SYSTEM_REDIS_LOG_H
#define ORDEAL_SYSTEM_REDIS_LOG_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* Lines of Redis' and Sentinel's own logs, from the "log" events of a
 * scenario: "1:M 24 Nov 2026 09:56:15.123 * text", times in UTC and ms
 * (server.c, serverLogRaw()). */
struct redis_line {
	const char *member;
	char role;      /* X sentinel, C child, S replica, M master */
	int64_t t_ns;   /* on the driver's timeline, to the ms */
	char text[400]; /* without what stands before it */
};

/* Calls fn for each line of the scenario with from_ns <= t <= to_ns, in the
 * order of the events, until it returns true. False: none did, or the logs'
 * clock cannot be told (no "run" event). */
bool redis_log_each(const cJSON *events, int64_t from_ns, int64_t to_ns,
		    bool (*fn)(void *arg, const struct redis_line *line), void *arg);

/* Reads one line; t_ns is CLOCK_REALTIME then. False: it is none. */
bool redis_log_line(const char *line, size_t len, struct redis_line *out);

/* When `member` first answered as another process than it was (run_id of INFO
 * server) before, in (from_ns, to_ns]; 0: it did not. */
int64_t redis_restarted(const cJSON *events, const char *member, int64_t from_ns, int64_t to_ns);

#endif
