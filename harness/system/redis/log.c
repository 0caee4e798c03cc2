#include "system/redis/log.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "history/event.h"

/* Wall clock minus monotonic clock, from the run's own event. */
static bool wall_offset(const cJSON *events, int64_t *offset_ns)
{
	const cJSON *e;
	int64_t real;

	cJSON_ArrayForEach(e, events)
		if (event_is(e, "run") &&
		    !clock_parse_rfc3339(json_str(e, "started", ""), &real)) {
			*offset_ns = real - json_i64(e, "t", 0);
			return true;
		}
	return false;
}

static int month_of(const char *name)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *at = strstr(names, name);

	return at && (at - names) % 3 == 0 ? (int)((at - names) / 3) + 1 : 0;
}

bool redis_log_line(const char *line, size_t len, struct redis_line *out)
{
	char head[48], month[4], role, stamp[32];
	int pid, day, year, h, m, s, ms, month_no, at = 0;

	snprintf(head, sizeof(head), "%.*s", (int)(len < sizeof(head) ? len : sizeof(head) - 1), line);
	if (sscanf(head, "%d:%c %d %3s %d %d:%d:%d.%d %n", &pid, &role, &day, month, &year, &h, &m,
		   &s, &ms, &at) != 9 || !at || strlen(month) != 3 || strlen(head) < (size_t)at + 2)
		return false;
	month_no = month_of(month);
	if (!month_no || day < 1 || day > 31 || year < 1970 || year > 9999 || ms < 0 || ms > 999)
		return false;
	snprintf(stamp, sizeof(stamp), "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month_no, day, h, m, s);
	if (clock_parse_rfc3339(stamp, &out->t_ns))
		return false;
	out->t_ns += ms * NS_PER_MS;
	out->role = role;
	/* Behind the mark of the level. */
	at += 2;
	snprintf(out->text, sizeof(out->text), "%.*s", (int)(len - (size_t)at), line + at);
	return true;
}

bool redis_log_each(const cJSON *events, int64_t from_ns, int64_t to_ns,
		    bool (*fn)(void *arg, const struct redis_line *line), void *arg)
{
	struct redis_line line;
	int64_t offset;
	const cJSON *e;

	if (!wall_offset(events, &offset))
		return false;
	cJSON_ArrayForEach(e, events) {
		const char *s = json_str(e, "text", "");

		if (!event_is(e, "log"))
			continue;
		line.member = json_str(e, "member", "");
		while (*s) {
			size_t len = strcspn(s, "\n");

			if (redis_log_line(s, len, &line)) {
				line.t_ns -= offset;
				if (line.t_ns >= from_ns && line.t_ns <= to_ns && fn(arg, &line))
					return true;
			}
			s += len + (s[len] == '\n');
		}
	}
	return false;
}

int64_t redis_restarted(const cJSON *events, const char *member, int64_t from_ns, int64_t to_ns)
{
	const char *before = "";
	const cJSON *e;

	cJSON_ArrayForEach(e, events) {
		const char *now = json_str(json_get(e, "x"), "run_id", "");

		if (!event_is(e, "sample") || !json_bool(e, "ok", false) || !*now ||
		    strcmp(json_str(e, "m", ""), member))
			continue;
		if (event_t(e) > from_ns && event_t(e) <= to_ns && *before && strcmp(before, now))
			return event_t(e);
		before = now;
	}
	return 0;
}
