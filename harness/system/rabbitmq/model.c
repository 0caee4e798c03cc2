#include "system/rabbitmq/model.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/redundancy.h"

/* Whether every member of each queue is there and has what its leader has. A sample's
 * role, term and position are those in the first queue; of the others it tells in "queues". */

/* Entries that a follower may be behind: the members are not asked in one moment. */
enum { BEHIND_MAX = 1000 };

static bool is_classic(const cJSON *queue)
{
	return !strcmp(json_str(queue, "type", ""), "classic");
}

/* A queue that is meant to be on one node alone is all there. */
static bool is_alone(const cJSON *its)
{
	return is_classic(its) && !json_bool(its, "mirrored", true);
}

static bool follows(const struct sample *s, const struct sample *primary, char *why)
{
	const cJSON *q = rabbit_first_queue(s), *its = rabbit_first_queue(primary);

	if (strcmp(json_str(s->extra, "boot", ""), "ready"))
		return why_not(why, "RabbitMQ on %s is %s", s->member, json_str(s->extra, "boot", "not running"));
	if (is_alone(its))
		return true;
	if (strcmp(json_str(q, "state", ""), "follower"))
		return why_not(why, "%s is %s of the queue", s->member, q ? json_str(q, "state", "?") : "no member");
	if (is_classic(its))
		return rabbit_lists(its, "synchronised", s->member) ||
		       why_not(why, "the mirror on %s is not synchronised", s->member);
	if (s->timeline < 0 || s->position < 0 || primary->position < 0)
		return why_not(why, "what %s has of the queue is not told", s->timeline < 0 || s->position < 0 ? s->member :
			       primary->member);
	if (s->timeline != primary->timeline)
		return why_not(why, "%s is in term %lld, %s leads term %lld", s->member, (long long)s->timeline,
			       primary->member, (long long)primary->timeline);
	return primary->position - s->position <= BEHIND_MAX ||
	       why_not(why, "%s has applied %lld of %lld entries", s->member, (long long)s->position,
		       (long long)primary->position);
}

static const cJSON *queue_named(const struct sample *s, const char *name)
{
	const cJSON *q;

	cJSON_ArrayForEach(q, json_get(s->extra, "queues"))
		if (!strcmp(json_str(q, "queue", ""), name))
			return q;
	return NULL;
}

/* What a member has of a queue that is not the first, against its leader's. */
static bool has_all(const struct sample *s, const cJSON *its, const struct sample *leader,
		    char *why)
{
	const char *name = json_str(its, "queue", "");
	const cJSON *q = queue_named(s, name);
	int64_t term = json_i64(q, "term", -1), applied = json_i64(q, "applied", -1);

	if (is_alone(its))
		return true;
	if (strcmp(json_str(q, "state", ""), "follower"))
		return why_not(why, "%s is %s of %s", s->member, q ? json_str(q, "state", "?") : "no member", name);
	if (is_classic(its))
		return rabbit_lists(its, "synchronised", s->member) ||
		       why_not(why, "the mirror of %s on %s is not synchronised", name, s->member);
	if (term < 0 || term != json_i64(its, "term", -1))
		return why_not(why, "%s is in another term of %s than %s, which leads it", s->member, name, leader->member);
	return (applied >= 0 && json_i64(its, "applied", INT64_MAX) - applied <= BEHIND_MAX) ||
	       why_not(why, "%s has applied %lld of %lld entries of %s", s->member, (long long)applied,
		       (long long)json_i64(its, "applied", -1), name);
}

static bool queue_whole(const struct sample *s, size_t n, const char *name, char *why)
{
	const struct sample *leader = NULL;
	const cJSON *its = NULL;

	for (size_t i = 0; i < n; i++) {
		const cJSON *q = queue_named(&s[i], name);

		if (strcmp(json_str(q, "state", ""), "leader"))
			continue;
		if (leader)
			return why_not(why, "%s and %s both lead %s", leader->member, s[i].member, name);
		leader = &s[i];
		its = q;
	}
	if (!leader || !json_bool(its, "majority", true))
		return why_not(why, "nobody leads %s", name);
	for (size_t i = 0; i < n; i++)
		if (&s[i] != leader && !has_all(&s[i], its, leader, why))
			return false;
	return true;
}

/* Those that any member tells of: of many the first ones, by name. */
static bool others_whole(const struct sample *s, size_t n, char *why)
{
	const char *first = json_str(rabbit_first_queue(&s[0]), "queue", "");
	const cJSON *q;

	for (size_t i = 0; i < n; i++)
		cJSON_ArrayForEach(q, json_get(s[i].extra, "queues"))
			if (strcmp(json_str(q, "queue", ""), first) && !queue_whole(s, n, json_str(q, "queue", ""), why))
				return false;
	return true;
}

/* Of all that anybody has: each is led, by one. Sums of their names' hashes tell which these
 * are, so that one that is led twice does not stand for one that nobody leads. */
static bool all_led(const struct sample *s, size_t n, int64_t of, int64_t of_hash, char *why)
{
	int64_t led = 0, hash = 0;

	for (size_t i = 0; i < n; i++) {
		led += json_i64(s[i].extra, "led", 0);
		hash += json_i64(s[i].extra, "led_hash", 0);
	}
	if (led < of)
		return why_not(why, "%lld of %lld queues have no leader", (long long)(of - led), (long long)of);
	if (led > of)
		return why_not(why, "%lld queues have %lld leaders", (long long)of, (long long)led);
	return hash == of_hash || why_not(why, "of %lld queues one is led twice, and one by nobody", (long long)of);
}

/* Of more queues than are told one by one each member counts those that it has, and those of
 * which its copy is whole. (What was stored before hashes were told has none, nor the latter;
 * before queues were counted, nothing of any but the first.) */
static bool all_kept(const struct sample *s, size_t n, char *why)
{
	const struct sample *most = &s[0];
	int64_t of, hash;

	for (size_t i = 1; i < n; i++)
		if (json_i64(s[i].extra, "of", 0) > json_i64(most->extra, "of", 0))
			most = &s[i];
	of = json_i64(most->extra, "of", 0);
	hash = json_i64(most->extra, "of_hash", 0);
	if (!all_led(s, n, of, hash, why))
		return false;
	for (size_t i = 0; i < n; i++) {
		int64_t its = json_i64(s[i].extra, "of", 0), kept = json_i64(s[i].extra, "kept", its);

		if (its < of)
			return why_not(why, "%s has %lld of %lld queues", s[i].member, (long long)its, (long long)of);
		if (json_i64(s[i].extra, "of_hash", 0) != hash)
			return why_not(why, "%s has other queues than %s", s[i].member, most->member);
		if (kept < its)
			return why_not(why, "%s has %lld of %lld queues whole", s[i].member, (long long)kept, (long long)its);
	}
	return true;
}

static bool redundant(const struct sample *s, size_t n, char *why)
{
	return redundancy_primary(s, n, "leader", follows, why) && others_whole(s, n, why) && all_kept(s, n, why);
}

const struct model_ops model_rabbitmq = {
	.redundant = redundant,
	.first_key_only = true,
	.predict = rabbit_predict,
	.explain = rabbit_explain,
	.resync = rabbit_resync,
	.loss_cause = rabbit_loss_cause,
	.marks_repeats = true,
	.emptied = rabbit_emptied,
	.acted = rabbit_acted,
};
