#include <ctype.h>
#include <stdio.h>
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

struct story {
	struct redis_story redis;
	int64_t healed;             /* 0: not */
	const char *before, *after; /* owners of the shard */
	const char *slots;          /* of `before` */
	const char *id_before, *id_after;
};

/* 2: a target itself, 1: one on its node, for faults that hit all that is
 * there; 0: neither. */
static int hit(const struct evidence *ev, const struct fault_record *fault, const char *member)
{
	if (fault_hits(fault, member))
		return 2;
	return fault_reaches(ev, fault, member);
}

/* The owner that was hit, by its last answer. */
static const struct sample *owner_before(const struct evidence *ev, const struct fault_record *fault,
					 int64_t injected_ns)
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

static void detected(const struct story *s, struct milestones *m)
{
	const struct log_wanted want = {.not = s->before, .has = "as failing (quorum reached)",
					.and = s->id_before};
	const struct evidence *ev = s->redis.ev;
	struct log_line line;

	if (!s->redis.moved) {
		redis_story_detected_again(&s->redis, m);
		return;
	}
	if (*s->id_before && redis_story_said(&s->redis, &want, &line)) {
		m->detected = line.t_ns;
		snprintf(m->how_detected, sizeof(m->how_detected),
			 "log of %.40s: a majority takes %.40s for failed (FAIL)", line.member, s->before);
		return;
	}
	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= s->redis.first_ack; i++) {
		const struct sample *x = &ev->samples[i];

		if (x->beside || x->t_ns <= s->redis.injected || !strcmp(x->member, s->before) ||
		    !lists(x, "fail", s->id_before))
			continue;
		m->detected = x->t_ns;
		snprintf(m->how_detected, sizeof(m->how_detected),
			 "first answer in which a survivor (%.40s) has %.40s as failed", x->member, s->before);
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

static void elected(const struct story *s, struct milestones *m)
{
	const struct log_wanted delay = {.member = s->after, .has = "Start of election delayed for"};
	const struct log_wanted won = {.member = s->after, .has = "Failover election won"};
	struct log_line line;
	long long ms;

	if (!s->redis.moved) {
		snprintf(m->how_elected, sizeof(m->how_elected), "no election: %.40s kept its slots",
			 s->before);
		return;
	}
	if (!redis_story_said(&s->redis, &won, &line))
		return;
	m->elected = line.t_ns;
	ms = redis_story_said(&s->redis, &delay, &line) ? number_in(&line) : 0;
	if (ms)
		snprintf(m->how_elected, sizeof(m->how_elected),
			 "log of %.40s: election won, after a delay of %lld ms before asking for votes",
			 s->after, ms);
	else
		snprintf(m->how_elected, sizeof(m->how_elected), "log of %.40s: election won",
			 s->after);
}

/* The first answer "I own the shard" after the last one that meant otherwise. */
static void promoted(const struct story *s, struct milestones *m)
{
	const struct evidence *ev = s->redis.ev;
	int64_t last_not = s->redis.injected;
	const struct sample *first;

	if (!s->redis.moved && !s->redis.again)
		return;
	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= s->redis.first_ack; i++) {
		const struct sample *x = &ev->samples[i];

		if (!x->beside && x->t_ns > last_not && !sample_leads(x) && !strcmp(x->member, s->after))
			last_not = x->t_ns;
	}
	first = handover_first_lead(ev, s->after, last_not, s->redis.seen_until);
	if (!first)
		return;
	m->promoted = first->t_ns;
	snprintf(m->how_promoted, sizeof(m->how_promoted),
		 "first answer of %.40s as the writable owner of %.40s, epoch %lld", s->after, s->slots,
		 (long long)s->redis.after->timeline);
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
static void routed(const struct story *s, struct milestones *m)
{
	const struct evidence *ev = s->redis.ev;

	if (!s->redis.moved || !*s->id_after)
		return;
	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= s->redis.seen_until; i++) {
		const struct sample *x = &ev->samples[i];

		if (x->beside || !x->ok || x->t_ns <= s->redis.injected || !strcmp(x->member, s->after) ||
		    strcmp(owner_said(x, s->slots), s->id_after))
			continue;
		m->routed = x->t_ns;
		snprintf(m->how_routed, sizeof(m->how_routed),
			 "first answer of another member (%.40s) that names %.40s as the owner", x->member,
			 s->after);
		return;
	}
}

static void mechanism(const struct story *s, const struct prediction *p, struct milestones *m)
{
	if (prediction_has(p, "replica returns") && s->healed && s->redis.first_ack >= s->healed) {
		snprintf(m->mechanism, sizeof(m->mechanism), "replica returns");
		snprintf(m->why_mechanism, sizeof(m->why_mechanism),
			 "%.40s owned the slots %.30s, and took writes only after the fault had ended",
			 s->after, s->slots);
	} else if (s->redis.moved) {
		snprintf(m->mechanism, sizeof(m->mechanism), "replica elected");
		snprintf(m->why_mechanism, sizeof(m->why_mechanism),
			 "%.40s owns the slots %.30s instead of %.40s, epoch %lld (before: %lld)", s->after,
			 s->slots, s->before, (long long)s->redis.after->timeline,
			 (long long)s->redis.before->timeline);
	} else {
		redis_story_kept(&s->redis, p, m, "%.40s still owns the slots %.30s", s->before, s->slots);
	}
}

void redis_cluster_explain(const struct evidence *ev, const struct fault_record *fault,
			   const struct prediction *pred, struct milestones *m)
{
	struct story s = {.healed = fault->healed_ns};
	struct redis_story *r = &s.redis;

	if (!redis_story_begin(r, ev, fault, m))
		return;
	r->before = owner_before(ev, fault, r->injected);
	if (r->before)
		r->after = handover_after(ev, r->first_ack, newest_owner, redis_extra(r->before, "slots"));
	if (!r->after) {
		snprintf(m->why_mechanism, sizeof(m->why_mechanism),
			 r->before ? "no answer of an owner of those slots after the outage" :
				     "the fault hit no owner of slots");
		if (!r->before && prediction_has(pred, "writes need no replica"))
			snprintf(m->mechanism, sizeof(m->mechanism), "writes need no replica");
		return;
	}
	redis_story_compare(r);
	s.before = r->before->member;
	s.after = r->after->member;
	s.slots = redis_extra(r->before, "slots");
	s.id_before = redis_extra(r->before, "id");
	s.id_after = redis_extra(r->after, "id");
	detected(&s, m);
	elected(&s, m);
	promoted(&s, m);
	routed(&s, m);
	milestones_in_order(m);
	mechanism(&s, pred, m);
}
