#include "system/postgres/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/prediction.h"
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
	bool streams = receiver && !strcmp(receiver, "streaming");
	int seen = primary_sees(primary, s->member);

	if (s->role != ROLE_REPLICA)
		return why_not(why, "%s is no replica", s->member);
	if (primary->timeline >= 0 && s->timeline >= 0 && s->timeline != primary->timeline)
		return why_not(why, "%s is on timeline %lld, the primary on %lld", s->member,
			       (long long)s->timeline, (long long)primary->timeline);
	if (seen == 0)
		return why_not(why, "%s does not see %s streaming%s%s", primary->member, s->member,
			       streams ? ", which says that it is, from " : "",
			       streams ? json_str(s->extra, "source", "somewhere") : "");
	if (seen < 0 && !receiver)
		return why_not(why, "nothing tells whether %s is streaming", s->member);
	return seen > 0 || streams || why_not(why, "%s receives no log", s->member);
}

/* With synchronous_mode on, a primary whose commits wait for nobody has not
 * regained what that mode promises. */
static bool sync_satisfied(const struct sample *primary, char *why)
{
	return !json_bool(primary->extra, "sync_mode", false) ||
	       postgres_sync_standby(json_get(primary->extra, "replication")) ||
	       why_not(why, "%s has no synchronous standby yet", primary->member);
}

/* Every member of a store of its own answers and names the same leader. */
static bool store_agrees(const cJSON *view, const struct sample *primary, char *why)
{
	const char *leader = json_str(view, "leader", ""), *host = json_str(view, "host", "?");

	if (!view || !strcmp(leader, primary->member))
		return true;
	if (json_get(view, "error"))
		return why_not(why, "%s: %s", host, json_str(view, "error", ""));
	return why_not(why, "%s names %s as the leader", host, *leader ? leader : "nobody");
}

static bool redundant(const struct sample *s, size_t n, char *why)
{
	const struct sample *primary = redundancy_primary(s, n, "primary", follows, why);

	if (!primary)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!store_agrees(json_get(s[i].extra, "store"), primary, why))
			return false;
	return sync_satisfied(primary, why);
}

/* "2026-01-31 12:00:01,234 INFO: ..." as Patroni logs, and "2026-01-31
 * 12:00:01.234 UTC [19] LOG: ..." as PostgreSQL does. */
static bool stamp(struct log_line *line)
{
	enum { STAMP = 23 };
	char text[32];

	if (line->len < STAMP + 4 || line->text[10] != ' ' ||
	    (line->text[19] != ',' && (line->text[19] != '.' || strncmp(line->text + STAMP, " UTC", 4) != 0)))
		return false;
	snprintf(text, sizeof(text), "%.10sT%.8s.%.3sZ", line->text, line->text + 11, line->text + 20);
	if (clock_parse_rfc3339(text, &line->t_ns))
		return false;
	line->text += STAMP;
	line->len -= STAMP;
	return true;
}

/* When any member, or this one, was first found to be away; 0: it was not. */
static int64_t away_from(const struct evidence *ev, int64_t from_ns, int64_t to_ns,
			 const char *member)
{
	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= to_ns; i++) {
		const struct sample *s = &ev->samples[i];

		if (!s->beside && !s->ok && s->t_ns >= from_ns &&
		    (!member || !strcmp(s->member, member)))
			return s->t_ns;
	}
	return 0;
}

/* What the logs tell of one recovery. */
struct reading {
	const struct evidence *ev;
	int64_t from_ns, to_ns;
	const char *copied;    /* who has a new base backup */
	const char *rewound;   /* whose pg_rewind ended well */
	const char *rewinding; /* whose pg_rewind began, and has not ended yet */
	const char *starved;   /* whose log tells of a piece of WAL that is gone */
	char segment[32];      /* "0000000300000000000000A1" */
};

static bool says(const struct log_line *line, const char *words)
{
	return memmem(line->text, line->len, words, strlen(words));
}

static void starved(struct reading *r, const struct log_line *line)
{
	static const char before[] = "requested WAL segment ";
	const char *at = memmem(line->text, line->len, before, sizeof(before) - 1);
	size_t left = at ? line->len - (size_t)(at - line->text) - (sizeof(before) - 1) : 0, n = 0;

	if (!at || !says(line, "has already been removed"))
		return;
	at += sizeof(before) - 1;
	while (n < left && n + 1 < sizeof(r->segment) && at[n] != ' ')
		n++;
	snprintf(r->segment, sizeof(r->segment), "%.*s", (int)n, at);
	r->starved = line->member;
}

/* rewind.py, bootstrap.py. */
static bool read_line(void *arg, const struct log_line *line)
{
	struct reading *r = arg;

	starved(r, line);
	if (!away_from(r->ev, r->from_ns, r->to_ns, line->member))
		return false;
	if (says(line, "replica has been created using") || says(line, "bootstrapped from ")) {
		r->copied = line->member;
	} else if (says(line, "pg_rewind exit code=")) {
		if (says(line, "pg_rewind exit code=0"))
			r->rewound = line->member;
		r->rewinding = NULL;
	} else if (says(line, "running pg_rewind from")) {
		r->rewinding = line->member;
	}
	return false;
}

/* A replica whose receiver goes on with an address that a pod had before. */
static bool half_open(const struct reading *r, char *how)
{
	for (size_t i = 0; i < r->ev->nmembers; i++) {
		const struct sample *s = evidence_answer(r->ev, r->ev->members[i], r->to_ns);
		const char *source = s ? json_str(s->extra, "source", "") : "";
		const char *whose = *source ? evidence_member_at(r->ev, source, r->to_ns) : "";

		if (!*whose || strcmp(json_str(s->extra, "receiver", ""), "streaming") != 0 ||
		    !strcmp(evidence_address(r->ev, whose, r->to_ns), source))
			continue;
		why_say(how, "%s still receives from %s, where %s was until it was made anew: its connection is half open",
			s->member, source, whose);
		return true;
	}
	return false;
}

/* What was in the way, or may have been. */
static void in_the_way(const struct reading *r, struct recovery_info *out)
{
	if (half_open(r, out->how))
		return;
	if (r->starved)
		why_say(out->how, "log of %s: requested WAL segment %s has already been removed", r->starved, r->segment);
	else if (r->rewinding)
		why_say(out->how, "Patroni's log of %s tells that pg_rewind was begun, and of no end of it", r->rewinding);
}

/* Of each that was away the log, from then on? */
static bool logged(const struct reading *r, struct recovery_info *out)
{
	for (size_t i = 0; i < r->ev->nmembers; i++) {
		const char *member = r->ev->members[i];
		int64_t from = away_from(r->ev, r->from_ns, r->to_ns, member);

		if (!from || evidence_log_reaches(r->ev, stamp, member, from))
			continue;
		recovery_tell(out, "", "the log of %s is not there from when it was away on", member);
		return false;
	}
	return true;
}

/* The most that was done; a copy outweighs a rewind. */
static void came_back(const struct reading *r, struct recovery_info *out)
{
	if (r->copied)
		recovery_tell(out, "full", "Patroni's log of %s tells of a new base backup", r->copied);
	else if (r->rewound)
		recovery_tell(out, "rewind", "Patroni's log of %s tells of pg_rewind", r->rewound);
	else if (r->starved || r->rewinding)
		in_the_way(r, out);
	else if (recovery_asked(r->ev, r->from_ns, r->to_ns, out) && logged(r, out))
		recovery_tell(out, "partial",
			      "no rewind and no base backup in the logs of those that were away: they streamed what they had missed");
}

/* A rewind or copy leaves lines in Patroni's log; a member whose log is all there and has
 * none streamed what it had missed, if it did come back. */
static void resync(const struct evidence *ev, int64_t from_ns, int64_t to_ns, bool back,
		   struct recovery_info *out)
{
	struct reading r = {.ev = ev, .from_ns = from_ns, .to_ns = to_ns};

	recovery_begin(out);
	if (back && !away_from(ev, from_ns, to_ns, NULL)) {
		if (recovery_asked(ev, from_ns, to_ns, out))
			recovery_tell(out, "none", "every member answered all the time");
		return;
	}
	if (ev->has_wall)
		evidence_log_each(ev, stamp, from_ns, to_ns, read_line, &r);
	if (!back)
		in_the_way(&r, out);
	else if (ev->has_wall)
		came_back(&r, out);
}

const struct model_ops model_postgres = {
	.redundant = redundant,
	.predict = postgres_predict,
	.explain = postgres_explain,
	.resync = resync,
};
