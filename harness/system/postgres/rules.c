#include "system/postgres/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "history/event.h"

/* Whether everyone follows the one primary, and how a member came to follow
 * again. Prediction is in system/postgres/predict.c, the parts of an outage in
 * system/postgres/explain.c. */

enum { WHY_BYTES = 200 };

/* Does the primary see this standby streaming? 1 yes, 0 no, -1: the primary
 * did not say. Patroni gives each standby its member's name as
 * application_name (pg_stat_replication, "Monitoring Database Activity"). */
static int primary_sees(const struct sample *primary, const char *member)
{
	const cJSON *rows = json_get(primary->extra, "replication"), *row;

	if (!cJSON_IsArray(rows))
		return -1;
	cJSON_ArrayForEach(row, rows)
		if (!strcmp(json_str(row, "name", ""), member) &&
		    !strcmp(json_str(row, "state", ""), "streaming"))
			return 1;
	return 0;
}

static bool follows(const struct sample *primary, const struct sample *s, char *why)
{
	const char *receiver = json_str(s->extra, "receiver", NULL);
	int seen = primary_sees(primary, s->member);

	if (s->role != ROLE_REPLICA) {
		snprintf(why, WHY_BYTES, "%s is no replica", s->member);
	} else if (primary->timeline >= 0 && s->timeline >= 0 && s->timeline != primary->timeline) {
		snprintf(why, WHY_BYTES, "%s is on timeline %lld, the primary on %lld", s->member,
			 (long long)s->timeline, (long long)primary->timeline);
	} else if (seen == 0) {
		snprintf(why, WHY_BYTES, "%s does not see %s streaming", primary->member, s->member);
	} else if (seen < 0 && !receiver) {
		snprintf(why, WHY_BYTES, "nothing tells whether %s is streaming", s->member);
	} else if (seen < 0 && strcmp(receiver, "streaming")) {
		snprintf(why, WHY_BYTES, "%s receives no log", s->member);
	} else {
		return true;
	}
	return false;
}

const char *postgres_sync_standby(const cJSON *replication)
{
	const cJSON *row;

	cJSON_ArrayForEach(row, replication) {
		const char *state = json_str(row, "sync_state", "");

		if (!strcmp(state, "sync") || !strcmp(state, "quorum"))
			return json_str(row, "name", "");
	}
	return NULL;
}

/* With synchronous_mode on, a primary whose commits wait for nobody has not
 * regained what that mode promises. */
static bool sync_satisfied(const struct sample *primary, char *why)
{
	if (!json_bool(primary->extra, "sync_mode", false) ||
	    postgres_sync_standby(json_get(primary->extra, "replication")))
		return true;
	snprintf(why, WHY_BYTES, "%s has no synchronous standby yet", primary->member);
	return false;
}

/* Every member of a store of its own answers and names the same leader. */
static bool store_agrees(const cJSON *view, const struct sample *primary, char *why)
{
	const char *leader = json_str(view, "leader", ""), *host = json_str(view, "host", "?");

	if (!view || !strcmp(leader, primary->member))
		return true;
	if (json_get(view, "error"))
		snprintf(why, WHY_BYTES, "%.60s: %.80s", host, json_str(view, "error", ""));
	else
		snprintf(why, WHY_BYTES, "%.60s names %.40s as the leader", host, *leader ? leader : "nobody");
	return false;
}

bool postgres_redundant(const struct sample *s, size_t n, char *why)
{
	const struct sample *primary = NULL;
	size_t i;

	*why = '\0';
	for (i = 0; i < n; i++) {
		if (!s[i].ok) {
			snprintf(why, WHY_BYTES, "%s does not answer", s[i].member);
			return false;
		}
		if (s[i].role != ROLE_PRIMARY || !s[i].writable)
			continue;
		if (primary) {
			snprintf(why, WHY_BYTES, "%s and %s are both writable", primary->member, s[i].member);
			return false;
		}
		primary = &s[i];
	}
	if (!primary) {
		snprintf(why, WHY_BYTES, n ? "no member is a writable primary" : "no member is known");
		return false;
	}
	for (i = 0; i < n; i++)
		if ((&s[i] != primary && !follows(primary, &s[i], why)) ||
		    !store_agrees(json_get(s[i].extra, "store"), primary, why))
			return false;
	return sync_satisfied(primary, why);
}

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

/* "2026-01-31 12:00:01,234 INFO: ..." as Patroni logs, in UTC. */
static bool line_time(const char *line, int64_t *real_ns)
{
	char text[32];
	int ms;

	if (strlen(line) < 23 || line[10] != ' ' || line[19] != ',')
		return false;
	ms = atoi(line + 20);
	snprintf(text, sizeof(text), "%.10sT%.8sZ", line, line + 11);
	if (clock_parse_rfc3339(text, real_ns))
		return false;
	*real_ns += ms * NS_PER_MS;
	return true;
}

enum found { FOUND_NOTHING, FOUND_REWIND, FOUND_FULL };

static enum found line_says(const char *line, size_t len)
{
	char text[512];

	snprintf(text, sizeof(text), "%.*s", (int)(len < sizeof(text) ? len : sizeof(text) - 1), line);
	if (strstr(text, "running pg_rewind from"))
		return FOUND_REWIND;
	if (strstr(text, "replica has been created using") || strstr(text, "bootstrapped from "))
		return FOUND_FULL;
	return FOUND_NOTHING;
}

static enum found log_says(const char *text, int64_t offset_ns, int64_t from_ns, int64_t to_ns)
{
	enum found most = FOUND_NOTHING, here;
	int64_t real;

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (line_time(text, &real) && real - offset_ns >= from_ns && real - offset_ns <= to_ns) {
			here = line_says(text, len);
			if (here > most)
				most = here;
		}
		text += len + (text[len] == '\n');
	}
	return most;
}

/* Did any member fall out, and is a log kept of one that did? */
static bool was_away(const cJSON *events, int64_t from_ns, int64_t to_ns, const char *member)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, events) {
		int64_t t = json_i64(e, "t", 0);

		if (event_is(e, "sample") &&
		    t >= from_ns && t <= to_ns && !json_bool(e, "ok", false) &&
		    (!member || !strcmp(json_str(e, "m", ""), member)))
			return true;
	}
	return false;
}

/* A rewind or copy leaves a line in Patroni's log (rewind.py, bootstrap.py:
 * "running pg_rewind from", "replica has been created using"); a member
 * whose log has none streamed what it had missed. */
void postgres_resync(const cJSON *events, int64_t from_ns, int64_t to_ns, struct recovery_info *out)
{
	int64_t offset;
	bool logged = false;
	const cJSON *e;

	memset(out, 0, sizeof(*out));
	out->bytes = -1;
	if (!was_away(events, from_ns, to_ns, NULL)) {
		snprintf(out->resync, sizeof(out->resync), "none");
		snprintf(out->how, sizeof(out->how), "every member answered all the time");
		return;
	}
	if (!wall_offset(events, &offset))
		return;
	cJSON_ArrayForEach(e, events) {
		const char *m = json_str(e, "member", "");
		enum found f;

		if (!event_is(e, "log") || !was_away(events, from_ns, to_ns, m))
			continue;
		logged = true;
		f = log_says(json_str(e, "text", ""), offset, from_ns, to_ns);
		if (f == FOUND_NOTHING)
			continue;
		snprintf(out->resync, sizeof(out->resync), f == FOUND_FULL ? "full" : "rewind");
		snprintf(out->how, sizeof(out->how), f == FOUND_FULL ?
			 "Patroni's log of %s tells of a new base backup" :
			 "Patroni's log of %s tells of pg_rewind", m);
		if (f == FOUND_FULL)
			return;
	}
	if (logged && !*out->resync) {
		snprintf(out->resync, sizeof(out->resync), "partial");
		snprintf(out->how, sizeof(out->how),
			 "no rewind and no base backup in the logs of those that were away: they streamed what they had missed");
	}
}
