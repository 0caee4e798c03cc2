#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"
#include "system/prediction.h"
#include "system/redis/cluster_rules.h"
#include "system/redis/log.h"
#include "system/redis/slots.h"

/* The parts of one outage: of the shard whose owner the fault hit. Two
 * witnesses: the sampler (each member asked every 100 ms for its own state
 * and for what it believes of the others) and the servers' logs, which have
 * milliseconds and tell of votes that no command shows. */

enum {
	AROUND_ACK_MS = 150,  /* a sample this much before the first acknowledgement still counts */
	AFTER_ACK_MS = 2000,  /* and the server that gave it was asked again within this */
};

struct story {
	const cJSON *events;
	int64_t injected, healed, first_ack; /* healed 0: not */
	const char *before, *after; /* owners of the shard; "" unknown */
	const char *slots;          /* of `before` */
	const char *id_before, *id_after;
	int64_t epoch_before, epoch_after;
	int64_t restarted;          /* `before` runs as another process than before */
};

static const char *x_str(const cJSON *e, const char *key)
{
	return json_str(json_get(e, "x"), key, "");
}

/* Whose node the fault is at, for faults that hit all that is there. */
static bool shares_node(const struct story *s, const cJSON *fault, const char *member)
{
	const char *node = "";
	const cJSON *e, *t;

	cJSON_ArrayForEach(e, s->events)
		if (event_is(e, "object") && !strcmp(json_str(e, "type", ""), "pod") &&
		    !strcmp(json_str(e, "name", ""), member) && *json_str(e, "node", ""))
			node = json_str(e, "node", "");
	cJSON_ArrayForEach(t, json_get(fault, "targets"))
		if (*node && !strcmp(json_str(t, "node", ""), node))
			return true;
	return false;
}

/* The owner that was hit: the target itself, else one on its node. */
static void find_before(struct story *s, const cJSON *fault)
{
	const char *name = json_str(fault, "fault", "");
	bool whole_node = !strcmp(name, "node-down") || !strcmp(name, "partition-node");
	const cJSON *e, *best = NULL;
	bool best_is_target = false;

	cJSON_ArrayForEach(e, s->events) {
		bool target;

		if (!event_is(e, "sample") || !sample_leads(e) || event_t(e) > s->injected ||
		    event_t(e) < s->injected - 2 * NS_PER_S)
			continue;
		target = fault_hits(fault, json_str(e, "m", ""));
		if (!target && (best_is_target || !whole_node ||
				!shares_node(s, fault, json_str(e, "m", ""))))
			continue;
		if (!best || target > best_is_target || event_t(e) > event_t(best)) {
			best = e;
			best_is_target = target;
		}
	}
	if (!best)
		return;
	s->before = json_str(best, "m", "");
	s->slots = x_str(best, "slots");
	s->id_before = x_str(best, "id");
	s->epoch_before = json_i64(best, "tl", -1);
}

/* Two may say so at once; the one of the newer epoch serves. */
static void find_after(struct story *s)
{
	int64_t first = INT64_MAX;
	const cJSON *e;

	cJSON_ArrayForEach(e, s->events) {
		int64_t t = event_t(e), epoch = json_i64(e, "tl", -1);

		if (!event_is(e, "sample") || !sample_leads(e) ||
		    redis_slots_common(x_str(e, "slots"), s->slots) < 0 ||
		    t < s->first_ack - AROUND_ACK_MS * NS_PER_MS ||
		    t > s->first_ack + AFTER_ACK_MS * NS_PER_MS)
			continue;
		if (epoch < s->epoch_after || (epoch == s->epoch_after && t >= first))
			continue;
		first = t;
		s->after = json_str(e, "m", "");
		s->id_after = x_str(e, "id");
		s->epoch_after = epoch;
	}
}

/* ---- what the logs say ---- */

struct wanted {
	const char *member; /* NULL: of anyone but `not` */
	const char *not;
	const char *text, *and; /* both occur in the line */
	struct redis_line found;
	char member_found[64];
};

static bool matches(void *arg, const struct redis_line *line)
{
	struct wanted *w = arg;

	if ((w->member && strcmp(line->member, w->member)) ||
	    (w->not && !strcmp(line->member, w->not)) || !strstr(line->text, w->text) ||
	    (w->and && !strstr(line->text, w->and)))
		return false;
	if (!w->found.t_ns || line->t_ns < w->found.t_ns) {
		w->found = *line;
		mem_copy_str(w->member_found, sizeof(w->member_found), line->member);
	}
	return false; /* logs stand one member after the other: look at all */
}

static bool log_says(const struct story *s, struct wanted *w)
{
	redis_log_each(s->events, s->injected, s->first_ack + NS_PER_S, matches, w);
	return w->found.t_ns != 0;
}

static bool lists(const cJSON *e, const char *key, const char *id)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, json_get(json_get(e, "x"), key))
		if (cJSON_IsString(it) && *id && !strcmp(it->valuestring, id))
			return true;
	return false;
}

static void detected(const struct story *s, struct milestones *m)
{
	struct wanted w = {.not = s->before, .text = "as failing (quorum reached)", .and = s->id_before};
	const cJSON *e;

	if (!strcmp(s->before, s->after)) {
		if (s->restarted) {
			m->detected = s->restarted;
			snprintf(m->how_detected, sizeof(m->how_detected),
				 "first answer of the new process of %.40s", s->before);
		}
		return;
	}
	if (*s->id_before && log_says(s, &w)) {
		m->detected = w.found.t_ns;
		snprintf(m->how_detected, sizeof(m->how_detected),
			 "log of %.40s: a majority takes %.40s for failed (FAIL)", w.member_found,
			 s->before);
		return;
	}
	cJSON_ArrayForEach(e, s->events) {
		if (!event_is(e, "sample") || event_t(e) <= s->injected || event_t(e) > s->first_ack ||
		    !strcmp(json_str(e, "m", ""), s->before) || !lists(e, "fail", s->id_before))
			continue;
		if (m->detected && event_t(e) >= m->detected)
			continue;
		m->detected = event_t(e);
		snprintf(m->how_detected, sizeof(m->how_detected),
			 "first answer in which a survivor (%.40s) has %.40s as failed",
			 json_str(e, "m", ""), s->before);
	}
}

static void elected(const struct story *s, struct milestones *m)
{
	struct wanted delay = {.member = s->after, .text = "Start of election delayed for"};
	struct wanted won = {.member = s->after, .text = "Failover election won"};
	long long ms = 0;
	const char *number;

	if (!strcmp(s->after, s->before)) {
		snprintf(m->how_elected, sizeof(m->how_elected), "no election: %.40s kept its slots",
			 s->before);
		return;
	}
	if (!log_says(s, &won))
		return;
	m->elected = won.found.t_ns;
	if (log_says(s, &delay) && (number = strpbrk(delay.found.text, "0123456789")))
		ms = atoll(number);
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
	bool was_not = strcmp(s->after, s->before) != 0;
	int64_t last_not = s->injected, first = 0;
	const cJSON *e;

	if (!was_not && !s->restarted)
		return;
	cJSON_ArrayForEach(e, s->events)
		if (event_is(e, "sample") && !strcmp(json_str(e, "m", ""), s->after) && !sample_leads(e) &&
		    event_t(e) > last_not && event_t(e) <= s->first_ack)
			last_not = event_t(e);
	cJSON_ArrayForEach(e, s->events)
		if (event_is(e, "sample") && !strcmp(json_str(e, "m", ""), s->after) && sample_leads(e) &&
		    event_t(e) > last_not && event_t(e) <= s->first_ack + AFTER_ACK_MS * NS_PER_MS &&
		    (!first || event_t(e) < first))
			first = event_t(e);
	if (!first)
		return;
	m->promoted = first;
	snprintf(m->how_promoted, sizeof(m->how_promoted),
		 "first answer of %.40s as the writable owner of %.40s, epoch %lld", s->after, s->slots,
		 (long long)s->epoch_after);
}

/* By this member's word, who owns the shard? */
static const char *owner_said(const cJSON *e, const char *slots)
{
	const cJSON *range;

	cJSON_ArrayForEach(range, json_get(json_get(e, "x"), "map"))
		if (range->string && cJSON_IsString(range) &&
		    redis_slots_common(range->string, slots) >= 0)
			return range->valuestring;
	return "";
}

/* When clients could learn of it: the first other member that names the new
 * owner to whoever asks. */
static void routed(const struct story *s, struct milestones *m)
{
	const cJSON *e;

	if (!strcmp(s->after, s->before) || !*s->id_after)
		return;
	cJSON_ArrayForEach(e, s->events) {
		if (!event_is(e, "sample") || event_t(e) <= s->injected ||
		    event_t(e) > s->first_ack + AFTER_ACK_MS * NS_PER_MS ||
		    !strcmp(json_str(e, "m", ""), s->after) || !json_bool(e, "ok", false) ||
		    strcmp(owner_said(e, s->slots), s->id_after) || (m->routed && event_t(e) >= m->routed))
			continue;
		m->routed = event_t(e);
		snprintf(m->how_routed, sizeof(m->how_routed),
			 "first answer of another member (%.40s) that names %.40s as the owner",
			 json_str(e, "m", ""), s->after);
	}
}

static void mechanism(const struct story *s, const struct prediction *p, struct milestones *m)
{
	const char *name = "fault ends";

	if (prediction_has(p, "replica returns") && s->healed && s->first_ack >= s->healed) {
		snprintf(m->mechanism, sizeof(m->mechanism), "replica returns");
		snprintf(m->why_mechanism, sizeof(m->why_mechanism),
			 "%.40s owned the slots %.30s, and took writes only after the fault had ended",
			 s->after, s->slots);
		return;
	}
	if (strcmp(s->before, s->after)) {
		snprintf(m->mechanism, sizeof(m->mechanism), "replica elected");
		snprintf(m->why_mechanism, sizeof(m->why_mechanism),
			 "%.40s owns the slots %.30s instead of %.40s, epoch %lld (before: %lld)", s->after,
			 s->slots, s->before, (long long)s->epoch_after, (long long)s->epoch_before);
		return;
	}
	if (prediction_has(p, "space returns"))
		name = "space returns";
	else if (s->restarted && prediction_has(p, "same member restarts"))
		name = "same member restarts";
	snprintf(m->mechanism, sizeof(m->mechanism), "%s", name);
	snprintf(m->why_mechanism, sizeof(m->why_mechanism), "%.40s still owns the slots %.30s%s",
		 s->before, s->slots, s->restarted ? ", as another process" : "");
}

void redis_cluster_explain(const cJSON *events, const cJSON *fault,
			   const struct prediction *pred, struct milestones *m)
{
	struct story s = {
		.events = events, .first_ack = m->first_ack,
		.injected = json_i64(fault, "injected_ns", m->effective),
		.healed = json_i64(fault, "healed_ns", 0),
		.before = "", .after = "", .slots = "", .id_before = "", .id_after = "",
		.epoch_before = -1, .epoch_after = -1,
	};

	if (!m->first_ack || !s.injected)
		return;
	find_before(&s, fault);
	if (*s.before)
		find_after(&s);
	if (!*s.before || !*s.after) {
		snprintf(m->why_mechanism, sizeof(m->why_mechanism),
			 *s.before ? "no answer of an owner of those slots after the outage" :
				     "the fault hit no owner of slots");
		return;
	}
	s.restarted = redis_restarted(events, s.before, s.injected,
				      s.first_ack + AFTER_ACK_MS * NS_PER_MS);
	detected(&s, m);
	elected(&s, m);
	promoted(&s, m);
	routed(&s, m);
	milestones_in_order(m);
	mechanism(&s, pred, m);
}
