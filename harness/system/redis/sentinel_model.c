#include "system/redis/sentinel_model.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/redis/replica.h"
#include "system/redundancy.h"

/* Whether one master takes writes, everyone else follows it, and every
 * Sentinel knows so: a Sentinel that does not know a replica would not promote
 * it. */

static const struct sample *the_master(const struct sample *s, size_t n, char *why)
{
	const struct sample *m = NULL;

	for (size_t i = 0; i < n; i++) {
		if (m && s[i].role == ROLE_PRIMARY) {
			why_say(why, "%s and %s are both masters", m->member, s[i].member);
			return NULL;
		}
		m = s[i].role == ROLE_PRIMARY ? &s[i] : m;
	}
	if (!m)
		why_say(why, "nobody is a master");
	else if (!m->writable)
		why_say(why, "%s takes no writes%s", m->member,
			json_bool(m->extra, "misconf", false) ? ": MISCONF" :
			json_bool(m->extra, "noreplicas", false) ? ": NOREPLICAS" : "");
	return m && m->writable ? m : NULL;
}

static bool follows(const struct sample *s, const struct sample *master, char *why)
{
	return redis_follows(s, "tells no role", why) &&
	       (!strcmp(redis_extra(s, "of"), redis_extra(master, "me")) ||
		why_not(why, "%s follows %s, not %s", s->member, redis_extra(s, "of"), master->member));
}

static bool agrees(const cJSON *view, const struct sample *master, size_t n, char *why)
{
	const char *who = json_str(view, "host", "a Sentinel"), *flags = json_str(view, "flags", "");

	if (*json_str(view, "error", ""))
		return why_not(why, "Sentinel %s: %s", who, json_str(view, "error", ""));
	if (strcmp(json_str(view, "names", ""), redis_extra(master, "me")))
		return why_not(why, "Sentinel %s names %s, not %s", who, json_str(view, "names", ""), master->member);
	if (strstr(flags, "down") || strstr(flags, "failover") || strstr(flags, "disconnected"))
		return why_not(why, "Sentinel %s says of the master: %s", who, flags);
	if (json_i64(view, "others", 0) < json_i64(view, "of", 0) - 1)
		return why_not(why, "Sentinel %s knows %lld other Sentinels", who,
			       (long long)json_i64(view, "others", 0));
	return json_i64(view, "replicas", 0) >= (int64_t)n - 1 ||
	       why_not(why, "Sentinel %s knows %lld replicas", who, (long long)json_i64(view, "replicas", 0));
}

bool redis_sentinel_redundant(const struct sample *s, size_t n, char *why)
{
	const struct sample *m;

	*why = '\0';
	m = redundancy_all_answer(s, n, why) ? the_master(s, n, why) : NULL;
	if (!m || !redundancy_all_follow(s, n, m, follows, why))
		return false;
	if (json_i64(m->extra, "followers", 0) < (int64_t)n - 1)
		return why_not(why, "%s has %lld replicas online", m->member,
			       (long long)json_i64(m->extra, "followers", 0));
	for (size_t i = 0; i < n; i++)
		if (json_get(s[i].extra, "sentinel") &&
		    !agrees(json_get(s[i].extra, "sentinel"), m, n, why))
			return false;
	return true;
}

/* Since when a member had been a writable master by t_ns, as its answers tell;
 * -1: it was none. Answers that failed do not interrupt it. */
static int64_t master_since(const struct evidence *ev, const char *member, int64_t t_ns)
{
	int64_t since = -1;

	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= t_ns; i++) {
		const struct sample *s = &ev->samples[i];

		if (!s->ok || s->beside || strcmp(s->member, member))
			continue;
		if (s->role != ROLE_PRIMARY)
			since = -1;
		else if (since < 0 && s->writable)
			since = s->t_ns;
	}
	return since;
}

/* A master of Redis has no term that tells an old one from its successor. So:
 * who acknowledged the write, by its address; and had another member begun to
 * serve as master after that one did, and before the write was sent? Then it
 * went to a master that had been replaced. */
enum loss_cause redis_sentinel_loss_cause(const struct evidence *ev, const struct op *op,
					  const struct fault_record *fault, char *why)
{
	const char *by = evidence_member_at(ev, op->via, op->t_return);
	int64_t mine = master_since(ev, by, op->t_return);

	(void)fault;
	for (size_t i = 0; i < ev->nmembers && mine >= 0; i++) {
		int64_t since = master_since(ev, ev->members[i], op->t_invoke);

		if (since <= mine)
			continue;
		why_say(why, "%s acknowledged it when %s had been the master for %.1f s", by,
			 ev->members[i], in_s(op->t_invoke - since));
		return LOSS_MINORITY;
	}
	return LOSS_UNKNOWN;
}

const struct model_ops model_redis_sentinel = {
	.redundant = redis_sentinel_redundant,
	.predict = redis_sentinel_predict,
	.explain = redis_sentinel_explain,
	.resync = redis_resync,
	.loss_cause = redis_sentinel_loss_cause,
};
