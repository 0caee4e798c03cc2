/* What ended an outage, from the brokers' own logs. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/handover.h"
#include "system/kafka/log.h"
#include "system/kafka/model.h"
#include "system/prediction.h"

enum {
	LATER_MS = 500, /* a line may be stamped, and its consequence seen, a little apart */
};

struct story {
	const struct evidence *ev;
	int64_t from, to;
	char id[32]; /* of the broker that was hit, as the log's lines name it: "broker 0" */
	struct milestones *m;
};

/* Of a fault that takes its targets one by one the outage began with one of them. */
static size_t targets(const struct story *s, const struct fault_record *fault)
{
	return s->m->hit ? 1 : fault->ntargets;
}

static const char *target(const struct story *s, const struct fault_record *fault, size_t i)
{
	return s->m->hit ? s->m->hit : fault->targets[i].member;
}

/* The number of the broker that a member is. */
static int64_t broker_id(const struct evidence *ev, const char *member, int64_t t_ns)
{
	const struct sample *s = evidence_answer(ev, member, t_ns);

	return s ? json_i64(s->extra, "id", -1) : -1;
}

static bool find(const struct story *s, const char *has, const char *and, struct log_line *out)
{
	return kafka_log_first(s->ev, NULL, has, and, s->from, s->to, out);
}

/* "Fencing broker 0 because": with a word's end behind the number. */
static bool was_fenced(const struct story *s, struct log_line *out)
{
	char text[64];

	snprintf(text, sizeof(text), "Fencing %s ", s->id);
	return find(s, text, NULL, out);
}

static bool was_told(const struct story *s, struct log_line *out)
{
	char text[64];

	snprintf(text, sizeof(text), "roker%s ", s->id + 6); /* "Unfenced broker 0 has", "from broker 0 to" */
	return find(s, "controlled shutdown", text, out);
}

static bool new_controller(const struct story *s, struct log_line *out)
{
	return find(s, "Becoming the active controller at epoch", NULL, out);
}

static void miss_controller(const struct story *s)
{
	struct log_line line;

	if (find(s, "due to fetch timeout", NULL, &line))
		milestone_tell(&s->m->detected, s->m->how_detected, line.t_ns,
			       "%s logs that it has not heard of the active controller for the fetch time-out", line.member);
}

/* Who leads anew since, by the brokers' lines. A broker that starts again says so as well, of
 * what it led before: by a copy of the record that has not reached the newer one. */
static void new_leader(const struct story *s, int64_t since_ns)
{
	struct log_line line;

	if (kafka_log_first(s->ev, NULL, "Leader ordeal-", "starts at leader epoch", since_ns, s->to, &line))
		milestone_tell(&s->m->promoted, s->m->how_promoted, line.t_ns,
			       "%s logs that it leads a partition of the topic", line.member);
}

/* Clients ask any broker who leads: the first answer, since another one leads, of one that knows
 * of others for all that this one led. */
static void told_to_clients(const struct story *s, const struct fault_record *fault,
			    const char *who)
{
	int64_t since_ns = s->m->promoted ? s->m->promoted : s->m->detected;
	const struct sample *before = evidence_answer(s->ev, who, fault->injected_ns);
	int64_t id = before ? json_i64(before->extra, "id", -1) : -1;

	for (size_t i = 0; i < s->ev->nsamples && s->ev->samples[i].t_ns <= s->to; i++) {
		const struct sample *x = &s->ev->samples[i];
		bool led = false, leads = false;

		if (x->beside || !x->ok || x->t_ns < since_ns || !strcmp(x->member, who) || id < 0)
			continue;
		for (int p = 0; p < kafka_partitions(x); p++) {
			led = led || kafka_told(before, "leaders", p) == id;
			leads = leads || kafka_told(x, "leaders", p) == id;
		}
		if (!led || leads)
			continue;
		milestone_tell(&s->m->routed, s->m->how_routed, x->t_ns,
			       "first answer in which %s, as any client may ask it, names others for what %s led", x->member, who);
		return;
	}
}

static bool by_fencing(const struct story *s, const struct prediction *pred)
{
	struct log_line line, active;
	bool voted = new_controller(s, &active);

	if (!was_fenced(s, &line))
		return false;
	if (voted)
		miss_controller(s);
	else
		milestone_tell(&s->m->detected, s->m->how_detected, line.t_ns,
			       "%s logs, as the active controller, that %s's session has timed out", line.member, s->id);
	milestone_tell(&s->m->elected, s->m->how_elected, line.t_ns,
		       "%s logs that it fences %s; the same record names other leaders", line.member, s->id);
	new_leader(s, line.t_ns);
	/* Who starts again is fenced for the session of the process before. */
	if (prediction_has(pred, "members start again"))
		mechanism_tell(s->m, "members start again", "%s fenced %s, which had started again", line.member, s->id);
	else if (voted)
		mechanism_tell(s->m, "controller elected, broker fenced",
			       "%s became the active controller, and %s fenced %s", active.member, line.member, s->id);
	else if (!handover_log_whole(s->ev, kafka_log_stamp, line.member, s->from))
		mechanism_tell(s->m, "", "%s fenced %s, and its log does not reach back far enough to tell since when it was the active controller",
			       line.member, s->id);
	else
		mechanism_tell(s->m, "broker fenced", "%s fenced %s", line.member, s->id);
	return true;
}

static bool by_shutdown(const struct story *s, const struct fault_record *fault)
{
	struct log_line line;

	if (fault->does.notice == NOTICE_NONE || !was_told(s, &line))
		return false;
	milestone_tell(&s->m->detected, s->m->how_detected, line.t_ns,
		       "%s logs, as the active controller, that %s wants to shut down", line.member, s->id);
	new_leader(s, line.t_ns);
	mechanism_tell(s->m, "controlled shutdown", "%s granted it to %s", line.member, s->id);
	return true;
}

static bool by_lag(const struct story *s)
{
	struct log_line line;

	if (!find(s, "Shrinking ISR from", "ordeal-", &line))
		return false;
	milestone_tell(&s->m->detected, s->m->how_detected, line.t_ns,
		       "%s logs that it takes a copy out of those in sync", line.member);
	mechanism_tell(s->m, "follower out of sync", "%s took its copy out of those in sync", line.member);
	return true;
}

/* A process that has started again copies from leaders before it is let in again. (One that is
 * told of another epoch says the same, and was there all the time.) */
static bool by_return(const struct story *s, const struct fault_record *fault,
		      const struct prediction *pred)
{
	struct log_line line;

	if (!effects_die(&fault->does) || prediction_has(pred, "members start again"))
		return false;
	for (size_t i = 0; i < targets(s, fault); i++) {
		const char *who = target(s, fault, i);

		if (!kafka_log_first(s->ev, who, "Follower ordeal-", "starts at leader epoch", s->from, s->to, &line))
			continue;
		milestone_tell(&s->m->promoted, s->m->how_promoted, line.t_ns,
			       "%s logs that it follows a partition's leader again", who);
		mechanism_tell(s->m, "copy fetches again", "%s copied from leaders again before its session had run out", who);
		return true;
	}
	return false;
}

/* Nobody was fenced nor told to end: that shows where the logs of all who could say so are
 * there. */
static void otherwise(const struct story *s, const struct fault_record *fault,
		      const struct prediction *pred)
{
	/* Where one of these alone is foreseen, nothing is told apart by logs. */
	bool alone = pred->n == 1 && (prediction_has(pred, "no copy is waited for") ||
				      prediction_has(pred, "members start again") ||
				      prediction_has(pred, "fault ends"));
	const char *unheard =
		alone ? NULL : handover_unheard(s->ev, fault, kafka_log_stamp, s->from);

	if (unheard)
		mechanism_tell(s->m, "", "whether %s was fenced nothing tells: the log of %s does not reach back", s->id, unheard);
	else if (by_return(s, fault, pred) || by_lag(s))
		return;
	else if (prediction_has(pred, "no copy is waited for"))
		mechanism_tell(s->m, "no copy is waited for", "%s led nothing", s->id);
	else if (prediction_has(pred, "members start again"))
		mechanism_tell(s->m, "members start again", "no session of %s ran out before", s->id);
	else if (fault->healed_ns && fault->healed_ns <= s->m->first_ack)
		mechanism_tell(s->m, "fault ends", "no session of %s ran out before the fault was over", s->id);
	else
		mechanism_tell(s->m, "", "no log tells that %s was fenced or told to end", s->id);
}

void kafka_explain(const struct evidence *ev, const struct fault_record *fault,
		   const struct prediction *pred, struct milestones *m)
{
	struct story s = {.ev = ev, .m = m, .from = m->effective - LATER_MS * NS_PER_MS,
			  .to = m->first_ack + LATER_MS * NS_PER_MS};
	bool told = false;

	if (!m->effective || !m->first_ack)
		return;
	/* Of several that were hit, the first of whom the logs tell. */
	for (size_t i = 0; !told && i < targets(&s, fault); i++) {
		const char *who = target(&s, fault, i);
		int64_t id = broker_id(ev, who, fault->injected_ns);

		if (id < 0)
			continue;
		snprintf(s.id, sizeof(s.id), "broker %lld", (long long)id);
		told = by_shutdown(&s, fault) || by_fencing(&s, pred);
		if (told)
			told_to_clients(&s, fault, who);
	}
	if (!told && *s.id)
		otherwise(&s, fault, pred);
	milestones_in_order(m);
}
