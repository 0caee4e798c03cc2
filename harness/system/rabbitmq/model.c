#include "system/rabbitmq/model.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/redundancy.h"

/* Whether every member of the queue is there and has what its leader has. */

/* Entries that a follower may be behind: the members are not asked in one moment. */
enum { BEHIND_MAX = 1000 };

static bool follows(const struct sample *s, const struct sample *primary, char *why)
{
	const cJSON *q = rabbit_first_queue(s), *its = rabbit_first_queue(primary);
	bool classic = !strcmp(json_str(its, "type", ""), "classic");

	if (strcmp(json_str(s->extra, "boot", ""), "ready"))
		return why_not(why, "RabbitMQ on %s is %s", s->member, json_str(s->extra, "boot", "not running"));
	if (strcmp(json_str(q, "state", ""), "follower"))
		return why_not(why, "%s is %s of the queue", s->member, q ? json_str(q, "state", "?") : "no member");
	if (classic)
		return rabbit_lists(its, "synchronised", s->member) ||
		       why_not(why, "the mirror on %s is not synchronised", s->member);
	if (s->timeline != primary->timeline)
		return why_not(why, "%s is in term %lld, %s leads term %lld", s->member, (long long)s->timeline,
			       primary->member, (long long)primary->timeline);
	return primary->position - s->position <= BEHIND_MAX ||
	       why_not(why, "%s has applied %lld of %lld entries", s->member, (long long)s->position,
		       (long long)primary->position);
}

static bool redundant(const struct sample *s, size_t n, char *why)
{
	const struct sample *primary;

	*why = '\0';
	if (!redundancy_all_answer(s, n, why))
		return false;
	primary = redundancy_one_primary(s, n, "leader", why);
	return primary && redundancy_all_follow(s, n, primary, follows, why);
}

const struct model_ops model_rabbitmq = {
	.redundant = redundant,
	.predict = rabbit_predict,
	.explain = rabbit_explain,
	.resync = rabbit_resync,
};
