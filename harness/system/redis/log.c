#include "system/redis/log.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static int month_of(const char *name)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *at = strstr(names, name);

	return at && (at - names) % 3 == 0 ? (int)((at - names) / 3) + 1 : 0;
}

bool redis_log_stamp(struct log_line *line)
{
	char head[48], month[4], stamp[32];
	int pid, day, year, h, m, s, ms, month_no, at = 0;

	snprintf(head, sizeof(head), "%.*s", (int)(line->len < sizeof(head) ? line->len : sizeof(head) - 1),
		 line->text);
	if (sscanf(head, "%d:%c %d %3s %d %d:%d:%d.%d %n", &pid, &line->mark, &day, month, &year, &h, &m,
		   &s, &ms, &at) != 9 || !at || strlen(month) != 3 || strlen(head) < (size_t)at + 2)
		return false;
	month_no = month_of(month);
	if (!month_no || day < 1 || day > 31 || year < 1970 || year > 9999 || ms < 0 || ms > 999)
		return false;
	snprintf(stamp, sizeof(stamp), "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month_no, day, h, m, s);
	if (clock_parse_rfc3339(stamp, &line->t_ns))
		return false;
	line->t_ns += ms * NS_PER_MS;
	/* Behind the mark of the level. */
	line->text += at + 2;
	line->len -= (size_t)at + 2;
	return true;
}
