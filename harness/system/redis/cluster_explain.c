#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/redis/cluster_model.h"
#include "system/redis/explain.h"
#include "system/redis/replica.h"
#include "system/redis/slots.h"

/* The parts of one outage: of the shard whose owner the fault hit. Each member
 * is asked for its own state and for what it believes of the others. */

/* 2: a target itself, 1: one on its node, for faults that hit all that is
 * there; 0: neither. */
static int hit(const struct evidence *ev, const struct fault_record *fault, const char *member)
{
	if (fault_hits(fault, member))
		return 2;
	return fault_reaches(ev, fault, member);
}

/* The owner that was hit, by its last answer. */
static const struct sample *owner_before(const struct evidence *ev,
					 const struct fault_record *fault, int64_t injected_ns)
{
	const struct sample *best = NULL;
	int most = 0;

	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= injected_ns; i++) {
		const struct sample *s = &ev->samples[i];
		int h;

		if (s->beside || !sample_leads(s) || s->t_ns < injected_ns - 2 * NS_PER_S)
			continue;
		h = hit(ev, fault, s->member);
		if (h && h >= most) {
			most = h;
			best = s;
		}
	}
	return best;
}

/* Two may say at once that they own the slots; the one of the newer epoch
 * serves. */
static int64_t newest_owner(const void *slots, const struct sample *s)
{
	return redis_slots_common(redis_extra(s, "slots"), slots) < 0 ? -1 : s->timeline + 1;
}

static bool lists(const struct sample *s, const char *key, const char *id)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, json_get(s->extra, key))
		if (cJSON_IsString(it) && *id && !strcmp(it->valuestring, id))
			return true;
	return false;
}

static void detected(const struct redis_story *s, struct milestones *m)
{
	const char *before = s->before->member, *id = redis_extra(s->before, "id");
	const struct log_wanted want = {.not = before, .has = "as failing (quorum reached)", .and = id};

	if (*id && redis_story_logged(s, &want, &m->detected, m->how_detected, "a majority takes ")) {
		why_add(m->how_detected, "%s for failed (FAIL)", before);
		return;
	}
	for (size_t i = 0; i < s->ev->nsamples && s->ev->samples[i].t_ns <= s->first_ack; i++) {
		const struct sample *x = &s->ev->samples[i];

		if (x->beside || x->t_ns <= s->injected || !strcmp(x->member, before) || !lists(x, "fail", id))
			continue;
		milestone_tell(&m->detected, m->how_detected, x->t_ns,
			       "first answer in which a survivor (%s) has %s as failed", x->member, before);
		return;
	}
}

/* The first number of a line; 0: it has none. */
static long long number_in(const struct log_line *line)
{
	size_t i = 0;

	while (i < line->len && !isdigit((unsigned char)line->text[i]))
		i++;
	return i < line->len ? strtoll(line->text + i, NULL, 10) : 0;
}

static void elected(const struct redis_story *s, struct milestones *m)
{
	const char *after = s->after->member;
	const struct log_wanted delay = {.member = after, .has = "Start of election delayed for"};
	const struct log_wanted won = {.member = after, .has = "Failover election won"};
	struct log_line line;
	long long ms;

	if (!redis_story_logged(s, &won, &m->elected, m->how_elected, "election won"))
		return;
	ms = redis_story_said(s, &delay, &line) ? number_in(&line) : 0;
	if (ms)
		why_add(m->how_elected, ", after a delay of %lld ms before asking for votes", ms);
}

static void promoted(const struct redis_story *s, struct milestones *m)
{
	const char *after = s->after->member;
	const struct sample *first =
		handover_lead(s->ev, after, true, s->injected, s->first_ack, s->seen_until);

	if (first)
		milestone_tell(&m->promoted, m->how_promoted, first->t_ns,
			       "first answer of %s as the writable owner of %s, epoch %lld", after,
			       redis_extra(s->before, "slots"), (long long)s->after->timeline);
}

/* By this member's word, who owns the shard? */
static const char *owner_said(const struct sample *s, const char *slots)
{
	const cJSON *range;

	cJSON_ArrayForEach(range, json_get(s->extra, "map"))
		if (range->string && cJSON_IsString(range) &&
		    redis_slots_common(range->string, slots) >= 0)
			return range->valuestring;
	return "";
}

/* When clients could learn of it: the first other member that names the new
 * owner to whoever asks. */
static void routed(const struct redis_story *s, struct milestones *m)
{
	const char *after = s->after->member, *id = redis_extra(s->after, "id");

	for (size_t i = 0; *id && i < s->ev->nsamples && s->ev->samples[i].t_ns <= s->seen_until;
	     i++) {
		const struct sample *x = &s->ev->samples[i];

		if (x->beside || !x->ok || x->t_ns <= s->injected || !strcmp(x->member, after) ||
		    strcmp(owner_said(x, redis_extra(s->before, "slots")), id))
			continue;
		milestone_tell(&m->routed, m->how_routed, x->t_ns,
			       "first answer of another member (%s) that names %s as the owner", x->member, after);
		return;
	}
}

static void mechanism(const struct redis_story *s, const struct prediction *p, struct milestones *m)
{
	const char *before = s->before->member, *after = s->after->member, *slots = redis_extra(s->before, "slots");

	if (prediction_has(p, "replica returns") && s->fault->healed_ns && s->first_ack >= s->fault->healed_ns)
		mechanism_tell(m, "replica returns",
				     "%s owned the slots %s, and took writes only after the fault had ended", after,
				     slots);
	else if (s->moved)
		mechanism_tell(m, "replica elected",
			       "%s owns the slots %s instead of %s, epoch %lld (before: %lld)",
			       after, slots, before, (long long)s->after->timeline,
			       (long long)s->before->timeline);
	else
		redis_story_kept(s, p, m, "%s still owns the slots %s", before, slots);
}

void redis_cluster_explain(const struct evidence *ev, const struct fault_record *fault,
			   const struct prediction *pred, struct milestones *m)
{
	static const struct redis_teller teller = {"kept its slots", detected, elected, promoted, routed, mechanism};
	struct redis_story s;

	if (!redis_story_begin(&s, ev, fault, m))
		return;
	s.before = owner_before(ev, fault, s.injected);
	if (s.before)
		s.after = handover_after(ev, s.first_ack, newest_owner, redis_extra(s.before, "slots"));
	if (s.after)
		redis_story_tell(&s, &teller, pred, m);
	else
		mechanism_tell(m, !s.before && prediction_has(pred, "writes need no replica") ?
				     "writes need no replica" : "", "%s",
				     s.before ? "no answer of an owner of those slots after the outage" :
						"the fault hit no owner of slots");
}
