#ifndef ORDEAL_MANIFEST_SCHEDULE_H
#define ORDEAL_MANIFEST_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "manifest/zone.h"

/* When a CronJob is due: the five fields of crontab(5), or a word with @, as
 * Kubernetes reads them (github.com/robfig/cron, ParseStandard()). */
struct schedule {
	uint64_t minute, hour, day, month, weekday; /* a bit for each that fits */
	bool any_day, any_weekday; /* a * without a step: the other field alone decides */
	int64_t every_s;           /* @every: so long after the last time; 0: by the fields */
};

/* ERR_INPUT in the words of the parser that Kubernetes uses. */
int schedule_parse(const char *text, struct schedule *out, struct err *e);

/* The first time after `after_s` (UNIX time) at which it is due in this zone (NULL:
 * UTC); 0: none within five years. What an hour that is left out in spring would
 * have had is not made up for. */
int64_t schedule_next(const struct schedule *s, const struct zone *z, int64_t after_s);

#endif
