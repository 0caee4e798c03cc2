#include "system/redis/sentinel_rules.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

/* Whether one master takes writes, everyone else follows it, and every
 * Sentinel knows so: a Sentinel that does not know a replica would not promote
 * it. */

enum { WHY_BYTES = 200 };

static const char *x_str(const struct sample *s, const char *key)
{
	return json_str(s->extra, key, "");
}

static const struct sample *the_master(const struct sample *s, size_t n, char *why)
{
	const struct sample *m = NULL;

	for (size_t i = 0; i < n; i++) {
		if (s[i].role != ROLE_PRIMARY)
			continue;
		if (m) {
			snprintf(why, WHY_BYTES, "%s and %s are both masters", m->member, s[i].member);
			return NULL;
		}
		m = &s[i];
	}
	if (!m)
		snprintf(why, WHY_BYTES, "nobody is a master");
	else if (!m->writable)
		snprintf(why, WHY_BYTES, "%s takes no writes%s", m->member,
			 json_bool(m->extra, "misconf", false) ? ": MISCONF" :
			 json_bool(m->extra, "noreplicas", false) ? ": NOREPLICAS" : "");
	return m && m->writable ? m : NULL;
}

static bool follows(const struct sample *s, const struct sample *master, char *why)
{
	if (s->role != ROLE_REPLICA)
		snprintf(why, WHY_BYTES, "%s tells no role", s->member);
	else if (json_bool(s->extra, "loading", false))
		snprintf(why, WHY_BYTES, "%s is loading its data", s->member);
	else if (json_bool(s->extra, "syncing", false))
		snprintf(why, WHY_BYTES, "%s is copying its master's data", s->member);
	else if (strcmp(x_str(s, "link"), "up"))
		snprintf(why, WHY_BYTES, "%s has no link to its master", s->member);
	else if (strcmp(x_str(s, "of"), x_str(master, "me")))
		snprintf(why, WHY_BYTES, "%s follows %.60s, not %s", s->member, x_str(s, "of"),
			 master->member);
	else
		return true;
	return false;
}

static bool agrees(const cJSON *view, const struct sample *master, size_t n, char *why)
{
	const char *who = json_str(view, "host", "a Sentinel"), *flags = json_str(view, "flags", "");

	if (*json_str(view, "error", ""))
		snprintf(why, WHY_BYTES, "Sentinel %.60s: %.80s", who, json_str(view, "error", ""));
	else if (strcmp(json_str(view, "names", ""), x_str(master, "me")))
		snprintf(why, WHY_BYTES, "Sentinel %.60s names %.60s, not %s", who,
			 json_str(view, "names", ""), master->member);
	else if (strstr(flags, "down") || strstr(flags, "failover") || strstr(flags, "disconnected"))
		snprintf(why, WHY_BYTES, "Sentinel %.60s says of the master: %.60s", who, flags);
	else if (json_i64(view, "others", 0) < json_i64(view, "of", 0) - 1)
		snprintf(why, WHY_BYTES, "Sentinel %.60s knows %lld other Sentinels", who,
			 (long long)json_i64(view, "others", 0));
	else if (json_i64(view, "replicas", 0) < (int64_t)n - 1)
		snprintf(why, WHY_BYTES, "Sentinel %.60s knows %lld replicas", who,
			 (long long)json_i64(view, "replicas", 0));
	else
		return true;
	return false;
}

bool redis_sentinel_redundant(const struct sample *s, size_t n, char *why)
{
	const struct sample *m;

	*why = '\0';
	for (size_t i = 0; i < n; i++) {
		if (!s[i].ok) {
			snprintf(why, WHY_BYTES, "%s does not answer", s[i].member);
			return false;
		}
	}
	m = the_master(s, n, why);
	if (!m)
		return false;
	for (size_t i = 0; i < n; i++)
		if (&s[i] != m && !follows(&s[i], m, why))
			return false;
	if (json_i64(m->extra, "followers", 0) < (int64_t)n - 1) {
		snprintf(why, WHY_BYTES, "%s has %lld replicas online", m->member,
			 (long long)json_i64(m->extra, "followers", 0));
		return false;
	}
	for (size_t i = 0; i < n; i++)
		if (json_get(s[i].extra, "sentinel") &&
		    !agrees(json_get(s[i].extra, "sentinel"), m, n, why))
			return false;
	return true;
}
