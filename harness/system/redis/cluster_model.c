#include "system/redis/cluster_model.h"

#include <string.h>

#include "base/json.h"
#include "system/redis/replica.h"
#include "system/redis/slots.h"
#include "system/redundancy.h"

/* Whether every slot has one owner and every owner a replica that follows. */

static bool is_owner(const struct sample *s)
{
	return s->role == ROLE_PRIMARY && s->writable;
}

static int in_doubt(const struct sample *s)
{
	return cJSON_GetArraySize(json_get(s->extra, "fail")) + cJSON_GetArraySize(json_get(s->extra, "pfail"));
}

/* Who has this slot all the same, and why it takes no writes there. */
static void say_owner(const struct sample *s, size_t n, int slot, char *why)
{
	for (size_t i = 0; i < n; i++) {
		bool misconf = json_bool(s[i].extra, "misconf", false);
		bool loading = json_bool(s[i].extra, "loading", false);
		bool map[REDIS_SLOTS] = {false};

		redis_slots_mark(redis_extra(&s[i], "slots"), map);
		if (s[i].role != ROLE_PRIMARY || !map[slot])
			continue;
		why_add(why, ": %s has them, and %s%s", s[i].member,
			misconf ? "its disk takes no more (MISCONF)" :
			loading ? "is loading its data" : "says cluster_state:",
			misconf || loading ? "" : redis_extra(&s[i], "state"));
		if (in_doubt(&s[i]))
			why_add(why, " and takes %d other members for failed", in_doubt(&s[i]));
		return;
	}
}

/* Every slot once. */
static bool covered(const struct sample *s, size_t n, char *why)
{
	bool map[REDIS_SLOTS] = {false};
	int first = -1, missing = 0;

	for (size_t i = 0; i < n; i++)
		if (is_owner(&s[i]) && !redis_slots_mark(redis_extra(&s[i], "slots"), map))
			return why_not(why, "two writable members own slots of %s", s[i].member);
	for (int k = 0; k < REDIS_SLOTS; k++) {
		if (!map[k] && first < 0)
			first = k;
		missing += !map[k];
	}
	if (missing) {
		why_say(why, "%d slots from %d on have no writable owner", missing, first);
		say_owner(s, n, first, why);
	}
	return !missing;
}

static bool has_follower(const struct sample *owner, const struct sample *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i].role == ROLE_REPLICA && *redis_extra(owner, "id") &&
		    !strcmp(redis_extra(&s[i], "of"), redis_extra(owner, "id")))
			return true;
	return false;
}

/* Nobody takes anybody for failed: a suspicion delays or hinders the next
 * failover. */
static bool trusted(const struct sample *s, char *why)
{
	if (in_doubt(s))
		return why_not(why, "%s takes another member for failed", s->member);
	return !strcmp(redis_extra(s, "state"), "ok") ||
	       why_not(why, "%s says cluster_state:%s", s->member, redis_extra(s, "state"));
}

bool redis_cluster_redundant(const struct sample *s, size_t n, char *why)
{
	*why = '\0';
	if (!redundancy_all_answer(s, n, why) || !covered(s, n, why))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_owner(&s[i]) && !redis_follows(&s[i], "neither owns slots nor follows an owner", why))
			return false;
	for (size_t i = 0; i < n; i++) {
		if (is_owner(&s[i]) && !has_follower(&s[i], s, n))
			return why_not(why, "%s has no replica", s[i].member);
		if (!trusted(&s[i], why))
			return false;
	}
	return true;
}

/* The words are those of the servers' error replies ("Redis cluster
 * specification", "MOVED Redirection" and what follows). */
static const struct redirection redirections[] = {
	{"MOVED", "moved", "Servers sent clients on to another one: ", " operations for good (MOVED)"},
	{"ASK", "ask", ", ", " this once (ASK)"},
	{"TRYAGAIN", "tryagain", "; ", " were told to come again a little later (TRYAGAIN)"},
	{NULL, NULL, NULL, NULL},
};

const struct model_ops model_redis_cluster = {
	.redundant = redis_cluster_redundant,
	.redirections = redirections,
	.predict = redis_cluster_predict,
	.explain = redis_cluster_explain,
	.resync = redis_resync,
};
