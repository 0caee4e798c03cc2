#include "system/postgres/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/redundancy.h"

/* Whether everyone follows the one primary, and how a member came to follow
 * again. Prediction is in system/postgres/predict.c, the parts of an outage in
 * system/postgres/explain.c. */

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

static bool follows(const struct sample *s, const struct sample *primary, char *why)
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

static bool redundant(const struct sample *s, size_t n, char *why)
{
	const struct sample *primary;

	*why = '\0';
	if (!redundancy_all_answer(s, n, why))
		return false;
	primary = redundancy_one_primary(s, n, "primary", why);
	if (!primary || !redundancy_all_follow(s, n, primary, follows, why))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!store_agrees(json_get(s[i].extra, "store"), primary, why))
			return false;
	return sync_satisfied(primary, why);
}

/* "2026-01-31 12:00:01,234 INFO: ..." as Patroni logs, in UTC. */
static bool patroni_stamp(struct log_line *line)
{
	enum { STAMP = 23 };
	char text[32];

	if (line->len < STAMP || line->text[10] != ' ' || line->text[19] != ',')
		return false;
	snprintf(text, sizeof(text), "%.10sT%.8s.%.3sZ", line->text, line->text + 11, line->text + 20);
	if (clock_parse_rfc3339(text, &line->t_ns))
		return false;
	line->text += STAMP;
	line->len -= STAMP;
	return true;
}

/* Did any member fall out, or this one? */
static bool was_away(const struct evidence *ev, int64_t from_ns, int64_t to_ns, const char *member)
{
	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= to_ns; i++) {
		const struct sample *s = &ev->samples[i];

		if (!s->beside && !s->ok && s->t_ns >= from_ns && (!member || !strcmp(s->member, member)))
			return true;
	}
	return false;
}

struct reading {
	const struct evidence *ev;
	int64_t from_ns, to_ns;
	struct recovery_info *out;
};

static void came_back(struct recovery_info *out, const char *kind, const char *deed, const char *member)
{
	snprintf(out->resync, sizeof(out->resync), "%s", kind);
	snprintf(out->how, sizeof(out->how), "Patroni's log of %s tells of %s", member, deed);
}

static bool says(const struct log_line *line, const char *words)
{
	return memmem(line->text, line->len, words, strlen(words));
}

/* rewind.py, bootstrap.py. A copy outweighs whatever else is told. */
static bool tells_of_copy(void *arg, const struct log_line *line)
{
	struct reading *r = arg;
	bool full = says(line, "replica has been created using") || says(line, "bootstrapped from ");

	if ((!full && !says(line, "running pg_rewind from")) ||
	    !was_away(r->ev, r->from_ns, r->to_ns, line->member))
		return false;
	if (full)
		came_back(r->out, "full", "a new base backup", line->member);
	else
		came_back(r->out, "rewind", "pg_rewind", line->member);
	return full;
}

/* A rewind or copy leaves a line in Patroni's log; a member whose log has none
 * streamed what it had missed. */
static void resync(const struct evidence *ev, int64_t from_ns, int64_t to_ns, struct recovery_info *out)
{
	struct reading r = {ev, from_ns, to_ns, out};
	bool logged = false;

	memset(out, 0, sizeof(*out));
	out->bytes = -1;
	if (!was_away(ev, from_ns, to_ns, NULL)) {
		snprintf(out->resync, sizeof(out->resync), "none");
		snprintf(out->how, sizeof(out->how), "every member answered all the time");
		return;
	}
	if (!ev->has_wall)
		return;
	evidence_log_each(ev, patroni_stamp, from_ns, to_ns, tells_of_copy, &r);
	for (size_t i = 0; i < ev->nlogs && !logged; i++)
		logged = was_away(ev, from_ns, to_ns, ev->logs[i].member);
	if (logged && !*out->resync) {
		snprintf(out->resync, sizeof(out->resync), "partial");
		snprintf(out->how, sizeof(out->how),
			 "no rewind and no base backup in the logs of those that were away: they streamed what they had missed");
	}
}

const struct model_ops model_postgres = {
	.redundant = redundant,
	.predict = postgres_predict,
	.explain = postgres_explain,
	.resync = resync,
};
