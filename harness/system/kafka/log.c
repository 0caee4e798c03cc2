#include "system/kafka/log.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { STAMP = 23 }; /* characters between the brackets */

bool kafka_log_stamp(struct log_line *line)
{
	char stamp[STAMP + 2];

	if (line->len < STAMP + 3 || line->text[0] != '[' || line->text[STAMP + 1] != ']')
		return false;
	snprintf(stamp, sizeof(stamp), "%.*sZ", STAMP, line->text + 1);
	if (stamp[10] != ' ' || stamp[19] != ',')
		return false;
	stamp[10] = 'T';
	stamp[19] = '.';
	if (clock_parse_rfc3339(stamp, &line->t_ns))
		return false;
	line->text += STAMP + 3;
	line->len -= STAMP + 3;
	return true;
}

bool kafka_log_first(const struct evidence *ev, const char *member, const char *has,
		     const char *and, int64_t from_ns, int64_t to_ns, struct log_line *out)
{
	const struct log_wanted want = {.member = member, .has = has, .and = and};

	return evidence_log_first(ev, kafka_log_stamp, &want, from_ns, to_ns, out);
}
