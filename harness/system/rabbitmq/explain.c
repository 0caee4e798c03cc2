#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/handover.h"
#include "system/rabbitmq/model.h"

/* The parts of one outage: from the brokers' logs, which tell of every change of a queue's
 * leader, and from what each member said of itself. */

/* Clients whose channel is on a living node learn of a new leader at once. */
enum { KNOWN_MS = 3000 };

struct story {
	const struct evidence *ev;
	const struct fault_record *fault;
	int64_t injected, first_ack, seen_until;
	const struct sample *before, *after; /* who led the queue */
	bool moved;
};

static bool said(const struct story *s, const struct log_wanted *want, struct log_line *line)
{
	return evidence_log_first(s->ev, rabbit_log_stamp, want, s->injected, s->first_ack + NS_PER_S, line);
}

/* The leader when the fault came. */
static const struct sample *leader_before(const struct evidence *ev, int64_t t_ns)
{
	return evidence_leader(ev, 0, t_ns);
}

static int64_t newest_term(const void *arg, const struct sample *s)
{
	(void)arg;
	return s->timeline + 1;
}

/* The first answer in which a survivor's detector suspects it. */
static const struct sample *suspected(const struct story *s)
{
	for (size_t i = 0; i < s->ev->nsamples && s->ev->samples[i].t_ns <= s->seen_until; i++) {
		const struct sample *x = &s->ev->samples[i];

		if (!x->beside && x->t_ns > s->injected && strcmp(x->member, s->before->member) &&
		    rabbit_lists(x->extra, "suspects", s->before->member))
			return x;
	}
	return NULL;
}

static bool monitor_fired(const struct story *s, struct log_line *line)
{
	const struct log_wanted want = {.not = s->before->member, .has = "Leader monitor down with"};

	return said(s, &want, line);
}

static void parts(const struct story *s, struct milestones *m)
{
	const char *after = s->after->member;
	const struct log_wanted won = {.member = after, .has = "candidate -> leader in term"};
	const struct log_wanted heard = {.not = after, .has = "detected a new leader"};
	const struct sample *x = suspected(s);
	struct log_line line;

	if (monitor_fired(s, &line))
		milestone_tell(&m->detected, m->how_detected, line.t_ns, "log of %s: its monitor of the leader fired", line.member);
	else if (x)
		milestone_tell(&m->detected, m->how_detected, x->t_ns, "first answer in which %s suspects %s", x->member,
			       s->before->member);
	if (said(s, &won, &line))
		milestone_tell(&m->elected, m->how_elected, line.t_ns, "log of %s: it leads term %lld", after,
			       (long long)s->after->timeline);
	x = handover_lead(s->ev, after, true, s->injected, s->first_ack, s->seen_until);
	if (x)
		milestone_tell(&m->promoted, m->how_promoted, x->t_ns, "first answer of %s as the leader that a majority answers", after);
	if (said(s, &heard, &line))
		milestone_tell(&m->routed, m->how_routed, line.t_ns, "log of %s: it knows the new leader", line.member);
}

static void mechanism(const struct story *s, const struct prediction *p, struct milestones *m)
{
	const char *before = s->before->member, *after = s->after->member;
	struct log_line line;

	if (m->promoted && s->first_ack > m->promoted + KNOWN_MS * NS_PER_MS && prediction_has(p, RABBIT_HEARTBEAT))
		mechanism_tell(m, RABBIT_HEARTBEAT,
			       "%s had led the queue for %.1f s when those clients were back that were connected to %s", after,
			       in_s(s->first_ack - m->promoted), before);
	else if (s->moved && prediction_has(p, RABBIT_RESTART))
		mechanism_tell(m, RABBIT_RESTART, "%s leads the queue instead of %s, once there was a majority", after, before);
	else if (s->moved && prediction_has(p, RABBIT_TICK) && !prediction_has(p, RABBIT_MONITOR))
		mechanism_tell(m, RABBIT_TICK, "%s has the queue instead of %s", after, before);
	else if (s->moved)
		mechanism_tell(m, monitor_fired(s, &line) || !prediction_has(p, RABBIT_DETECTOR) ? RABBIT_MONITOR : RABBIT_DETECTOR,
			       "%s leads the queue instead of %s, term %lld (before: %lld)", after, before,
			       (long long)s->after->timeline, (long long)s->before->timeline);
	else if (prediction_has(p, RABBIT_MAJORITY))
		mechanism_tell(m, RABBIT_MAJORITY, "%s led the queue all the time", before);
	else if (prediction_has(p, RABBIT_SPACE))
		mechanism_tell(m, RABBIT_SPACE, "%s led the queue all the time", before);
	else if (prediction_has(p, RABBIT_RESTART))
		mechanism_tell(m, RABBIT_RESTART, "%s leads the queue again", before);
	else if (s->fault->does.lasts && s->fault->healed_ns && s->fault->healed_ns <= s->seen_until)
		mechanism_tell(m, RABBIT_ENDS, "%s still leads the queue", before);
	else
		mechanism_tell(m, "", "%s still leads the queue", before);
}

void rabbit_explain(const struct evidence *ev, const struct fault_record *fault, const struct prediction *pred,
		    struct milestones *m)
{
	struct story s = {.ev = ev, .fault = fault, .injected = fault->injected_ns, .first_ack = m->first_ack,
			  .seen_until = m->first_ack + AFTER_ACK_MS * NS_PER_MS};

	if (!s.injected || !s.first_ack)
		return;
	s.before = leader_before(ev, s.injected);
	s.after = handover_after(ev, s.first_ack, newest_term, NULL);
	if (!s.before || !s.after) {
		mechanism_tell(m, "", "no answer of a leader %s", s.before ? "after the outage" : "before the fault");
		return;
	}
	s.moved = strcmp(s.before->member, s.after->member) != 0;
	if (s.moved)
		parts(&s, m);
	else
		why_say(m->how_elected, "no election: %s leads the queue", s.before->member);
	milestones_in_order(m);
	mechanism(&s, pred, m);
}

/* A member that has nothing gets a snapshot, else the entries that it lacks. */
void rabbit_resync(const struct evidence *ev, int64_t from_ns, int64_t to_ns, bool back, struct recovery_info *out)
{
	bool away = false;

	recovery_begin(out);
	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= to_ns && !away; i++) {
		const struct sample *s = &ev->samples[i];

		away = !s->beside && s->t_ns >= from_ns && (!s->ok || !rabbit_first_queue(s));
	}
	if (back && away)
		recovery_tell(out, "partial", "members that were away read their own log, and got the entries that they had missed");
	else if (back)
		recovery_tell(out, "none", "every member of the queue was there all the time");
}
