#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/mysql/gtid.h"
#include "system/mysql/log.h"
#include "system/mysql/model.h"
#include "system/prediction.h"

/* How members came to follow again: by a clone of a donor's data, or by the transactions
 * that they had missed. */

enum { BEHIND_TX = 100 }; /* fewer are on their way under load */

static bool is_replica(const struct sample *s)
{
	return s->ok && !s->beside && s->role == ROLE_REPLICA;
}

/* Who told in [from_ns, to_ns] of a clone that it had not told of before: clone_status, which
 * survives the restart that a clone ends with. NULL: nobody. */
static const struct sample *cloned(const struct evidence *ev, int64_t from_ns, int64_t to_ns)
{
	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= to_ns; i++) {
		const struct sample *s = &ev->samples[i], *was;
		const char *when = json_str(s->extra, "cloned", "");

		if (!*when || s->t_ns < from_ns || !s->ok)
			continue;
		was = evidence_answer(ev, s->member, from_ns);
		if (!was || strcmp(json_str(was->extra, "cloned", ""), when))
			return s;
	}
	return NULL;
}

/* Did a member fall out: silent, without a source that sends, or not in the group? */
static bool was_away(const struct sample *s)
{
	const cJSON *source = json_get(s->extra, "source"), *group = json_get(s->extra, "group");

	if (!s->ok || s->role == ROLE_UNKNOWN)
		return true;
	if (group)
		return strcmp(json_str(group, "state", ""), "ONLINE") != 0;
	return s->role == ROLE_REPLICA && (!source || strcmp(json_str(source, "receiver", ""), "on"));
}

static const struct sample *anybody_away(const struct evidence *ev, int64_t from_ns, int64_t to_ns)
{
	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= to_ns; i++) {
		const struct sample *s = &ev->samples[i];

		if (!s->beside && s->t_ns >= from_ns && was_away(s))
			return s;
	}
	return NULL;
}

/* The newest errant set that a member told. */
static const struct sample *errant(const struct evidence *ev, int64_t from_ns, int64_t to_ns)
{
	const struct sample *found = NULL;

	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= to_ns; i++)
		if (ev->samples[i].t_ns >= from_ns && is_replica(&ev->samples[i]) &&
		    *json_str(ev->samples[i].extra, "errant", "") && mysql_held(ev, &ev->samples[i]))
			found = &ev->samples[i];
	return found;
}

static int64_t count(const char *gtids)
{
	struct gtid_set s;
	int64_t n = gtid_parse(gtids, &s) ? gtid_count(&s) : 0;

	gtid_free(&s);
	return n;
}

/* What a member had that nobody else did, as its agent found it. */
static void add_errant(const struct evidence *ev, int64_t from_ns, int64_t to_ns, char *how)
{
	const struct sample *s;
	struct my_told t;
	char brief[300];

	if (my_log_told(ev, NULL, "errant", NULL, NULL, from_ns, to_ns, &t)) {
		why_add(how, "; %s had %lld errant transactions, which %s never had: %s", json_str(t.o, "who", t.by),
			(long long)count(json_str(t.o, "gtids", "")), json_str(t.o, "source", "its source"),
			my_errant_brief(json_str(t.o, "gtids", "?"), brief, sizeof(brief)));
		my_told_free(&t);
		return;
	}
	s = errant(ev, from_ns, to_ns);
	if (s)
		why_add(how, "; %s has %lld errant transactions, which its source never had: %s", s->member,
			(long long)count(json_str(s->extra, "errant", "")),
			my_errant_brief(json_str(s->extra, "errant", ""), brief, sizeof(brief)));
}

/* To follow is not to have applied: who was behind at the end of that time. */
static void add_behind(const struct evidence *ev, int64_t to_ns, char *how)
{
	for (size_t i = 0; i < ev->nmembers; i++) {
		const struct sample *s = evidence_answer(ev, ev->members[i], to_ns);

		if (s && is_replica(s) && s->lag_tx > BEHIND_TX)
			why_add(how, "; %s was %lld transactions behind then", s->member, (long long)s->lag_tx);
	}
}

static void in_the_way(const struct evidence *ev, int64_t from_ns, int64_t to_ns,
		       struct recovery_info *out)
{
	struct my_told t;
	const struct sample *s;

	if (my_log_told(ev, NULL, "halted", NULL, NULL, from_ns, to_ns, &t)) {
		why_say(out->how, "the runbook halted: %.300s", json_str(t.o, "reason", "?"));
	} else if (my_log_told(ev, NULL, "clone-failed", NULL, NULL, from_ns, to_ns, &t)) {
		why_say(out->how, "%s could not clone %s: %.200s", json_str(t.o, "who", t.by), json_str(t.o, "donor", "?"),
			json_str(t.o, "error", "?"));
	} else {
		s = anybody_away(ev, from_ns, to_ns);
		if (s && *json_str(json_get(s->extra, "source"), "error", ""))
			why_say(out->how, "%s: %.300s", s->member, json_str(json_get(s->extra, "source"), "error", ""));
	}
	my_told_free(&t);
	add_errant(ev, from_ns, to_ns, out->how);
	if (!strncmp(out->how, "; ", 2))
		memmove(out->how, out->how + 2, strlen(out->how + 2) + 1);
}

void mysql_resync(const struct evidence *ev, int64_t from_ns, int64_t to_ns, bool back,
		  struct recovery_info *out)
{
	const struct sample *s;
	struct my_told t;

	recovery_begin(out);
	if (!back) {
		in_the_way(ev, from_ns, to_ns, out);
		return;
	}
	s = cloned(ev, from_ns, to_ns);
	if (my_log_told(ev, NULL, "cloned", NULL, NULL, from_ns, to_ns, &t)) {
		recovery_tell(out, "clone", "log of %s: it cloned the data of %s in %.1f s", t.by,
			      json_str(t.o, "donor", "?"), json_num(t.o, "took", 0));
		my_told_free(&t);
	} else if (s) {
		recovery_tell(out, "clone", "clone_status of %s tells of a clone at %s", s->member,
			      json_str(s->extra, "cloned", ""));
	} else if (!anybody_away(ev, from_ns, to_ns)) {
		if (recovery_asked(ev, from_ns, to_ns, out))
			recovery_tell(out, "none", "every member followed all the time");
	} else {
		recovery_tell(out, "incremental", "nobody cloned: those that were away got the transactions that they had missed");
	}
	add_behind(ev, to_ns, out->how);
	add_errant(ev, from_ns, to_ns, out->how);
}
