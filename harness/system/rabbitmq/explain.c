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
	return evidence_log_first(s->ev, rabbit_log_stamp, want, s->injected,
				  s->first_ack + NS_PER_S, line);
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

/* Another has led for a while when this outage begins, and the one from before is back: the
 * outage is of its coming back, and nobody was elected for that. */
static bool by_return(const struct story *s, const struct prediction *p, struct milestones *m)
{
	const char *before = s->before->member;
	const struct sample *back = NULL;
	bool away = false;

	if (!s->moved || !m->promoted || m->began <= m->promoted ||
	    !prediction_has(p, RABBIT_RETURN))
		return false;
	for (size_t i = 0; i < s->ev->nsamples && s->ev->samples[i].t_ns <= s->seen_until && !back;
	     i++) {
		const struct sample *x = &s->ev->samples[i];

		if (x->beside || x->t_ns < s->injected || strcmp(x->member, before))
			continue;
		away = away || !x->ok;
		back = away && x->ok ? x : NULL;
	}
	if (!back)
		return false;
	mechanism_tell(
		m, RABBIT_RETURN,
		"%s had led the queue for %.1f s when writes stumbled; %s answers again since %.1f s before they went on",
		s->after->member, in_s(m->began - m->promoted), before,
		in_s(m->first_ack - back->t_ns));
	m->detected = m->elected = m->promoted = m->routed = 0;
	why_say(m->how_elected, "no election: %s led the queue already", s->after->member);
	return true;
}

/* Another leads: by the end of connections, which monitors tell of, or for its silence. */
static void another_leads(const struct story *s, const struct prediction *p, struct milestones *m)
{
	const char *before = s->before->member, *after = s->after->member, *unheard = NULL;
	bool fired, told_apart = prediction_has(p, RABBIT_DETECTOR);
	struct log_line line;

	fired = monitor_fired(s, &line);
	if (told_apart && !fired)
		unheard = handover_unheard(s->ev, s->fault, rabbit_log_stamp, s->injected);
	if (unheard)
		mechanism_tell(m, "", "%s leads the queue instead of %s; whether a monitor of that one fired nothing tells: the log of %s does not reach back",
			       after, before, unheard);
	else
		mechanism_tell(m, fired || !told_apart ? RABBIT_MONITOR : RABBIT_DETECTOR,
			       "%s leads the queue instead of %s, term %lld (before: %lld)", after,
			       before, (long long)s->after->timeline,
			       (long long)s->before->timeline);
}

static bool disk_alarm(const struct sample *x)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, json_get(x->extra, "alarms"))
		if (cJSON_IsString(it) && !strncmp(it->valuestring, "disk ", 5))
			return true;
	return false;
}

/* Who told first of an alarm for want of disk, and, once nobody does any more, first of none. */
static void alarm_told(const struct story *s, const struct sample **set, const struct sample **gone)
{
	*set = *gone = NULL;
	for (size_t i = 0; i < s->ev->nsamples && s->ev->samples[i].t_ns <= s->first_ack; i++) {
		const struct sample *x = &s->ev->samples[i];

		if (x->beside || !x->ok || x->t_ns <= s->injected)
			continue;
		if (disk_alarm(x)) {
			*set = *set ? *set : x;
			*gone = NULL;
		} else if (*set && !*gone && json_get(x->extra, "alarms")) {
			*gone = x;
		}
	}
}

/* An alarm was on while writes were down: set before they went on, and not gone before they
 * stopped. */
static bool blocked(const struct story *s, struct milestones *m)
{
	const struct log_wanted on = {.has = "disk resource limit alarm set on node"};
	const struct log_wanted off = {.has = "disk resource limit alarm cleared across the cluster"};
	const struct sample *set, *gone;
	struct log_line line;

	alarm_told(s, &set, &gone);
	if (said(s, &on, &line))
		milestone_tell(&m->detected, m->how_detected, line.t_ns, "log of %s: an alarm for want of disk is set", line.member);
	else if (set)
		milestone_tell(&m->detected, m->how_detected, set->t_ns, "first answer in which %s tells of an alarm for want of disk", set->member);
	if (said(s, &off, &line))
		milestone_tell(&m->promoted, m->how_promoted, line.t_ns, "log of %s: the alarm is cleared", line.member);
	else if (gone)
		milestone_tell(&m->promoted, m->how_promoted, gone->t_ns, "first answer in which %s tells of no alarm any more", gone->member);
	if (!m->detected || m->detected > s->first_ack || (m->promoted && m->promoted < m->began)) {
		m->detected = m->promoted = 0;
		return false;
	}
	milestones_in_order(m);
	return true;
}

static void same_leads(const struct story *s, const struct prediction *p, struct milestones *m)
{
	const char *before = s->before->member;

	if (prediction_has(p, RABBIT_MAJORITY))
		mechanism_tell(m, RABBIT_MAJORITY, "%s led the queue all the time", before);
	else if (prediction_has(p, RABBIT_SPACE) && blocked(s, m))
		mechanism_tell(m, RABBIT_SPACE, "%s led the queue all the time, and an alarm for want of disk was on", before);
	else if (prediction_has(p, RABBIT_SPACE))
		mechanism_tell(m, "", "%s led the queue all the time, and neither a member nor a log told of an alarm for want of disk", before);
	else if (prediction_has(p, RABBIT_RESTART))
		mechanism_tell(m, RABBIT_RESTART, "%s leads the queue again", before);
	else if (s->fault->does.lasts && s->fault->healed_ns &&
		 s->fault->healed_ns <= s->seen_until)
		mechanism_tell(m, RABBIT_ENDS, "%s still leads the queue", before);
	else
		mechanism_tell(m, "", "%s still leads the queue", before);
}

static void mechanism(const struct story *s, const struct prediction *p, struct milestones *m)
{
	const char *before = s->before->member, *after = s->after->member;

	if (m->promoted && m->began <= m->promoted &&
	    s->first_ack > m->promoted + KNOWN_MS * NS_PER_MS &&
	    prediction_has(p, RABBIT_HEARTBEAT))
		mechanism_tell(m, RABBIT_HEARTBEAT,
			       "%s had led the queue for %.1f s when those clients were back that were connected to %s", after,
			       in_s(s->first_ack - m->promoted), before);
	else if (s->moved && prediction_has(p, RABBIT_RESTART))
		mechanism_tell(m, RABBIT_RESTART, "%s leads the queue instead of %s, once there was a majority", after, before);
	else if (s->moved && prediction_has(p, RABBIT_TICK) && !prediction_has(p, RABBIT_MONITOR))
		mechanism_tell(m, RABBIT_TICK, "%s has the queue instead of %s", after, before);
	else if (s->moved)
		another_leads(s, p, m);
	else
		same_leads(s, p, m);
}

void rabbit_explain(const struct evidence *ev, const struct fault_record *fault,
		    const struct prediction *pred, struct milestones *m)
{
	struct story s = {.ev = ev,
			  .fault = fault,
			  .injected = fault->injected_ns,
			  .first_ack = m->first_ack,
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
	if (!by_return(&s, pred, m))
		mechanism(&s, pred, m);
}

/* Whom a fault left without what it had. */
static const char *emptied(const struct evidence *ev, int64_t from_ns, int64_t to_ns)
{
	for (size_t i = 0; i < ev->nfaults; i++) {
		const struct fault_record *f = &ev->faults[i];

		if (fault_does(f, EFFECT_STORAGE_EMPTY) && f->effective_ns >= from_ns &&
		    f->effective_ns <= to_ns)
			return f->target;
	}
	return NULL;
}

/* A broker's start, by its clock, from another one's: time offsets move a little. */
enum { OTHER_START_MS = 1000 };

/* How a member came back in (from_ns, to_ns]: a broker counts its starts in the folder of its data
 * (rabbit_guid, rabbit_serial), and begins anew where that is new: it was reset, or has another
 * volume. */
enum back { BACK_UNTOLD, BACK_WITH_DATA, BACK_EMPTY };
static enum back came_back(const struct evidence *ev, const char *member, int64_t from_ns,
			   int64_t to_ns)
{
	enum back how = BACK_UNTOLD;
	int64_t starts = 0, at_ms = 0;

	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= to_ns; i++) {
		const struct sample *s = &ev->samples[i];
		int64_t n = json_i64(s->extra, "starts", 0), ms = json_i64(s->extra, "started_ms", 0);

		if (s->beside || n < 1 || strcmp(s->member, member))
			continue;
		if (s->t_ns > from_ns && starts &&
		    (n < starts || (n == starts && ms > at_ms + OTHER_START_MS)))
			return BACK_EMPTY;
		if (s->t_ns > from_ns && starts && n > starts)
			how = BACK_WITH_DATA;
		starts = n;
		at_ms = ms;
	}
	return how;
}

/* Who came back with nothing, though no fault took it; NULL: nobody was seen to. */
static const char *was_reset(const struct evidence *ev, int64_t from_ns, int64_t to_ns)
{
	for (size_t i = 0; i < ev->nmembers; i++) {
		const char *who = ev->members[i];
		bool taken = false;

		for (size_t k = 0; k < ev->nfaults; k++)
			taken = taken || (fault_does(&ev->faults[k], EFFECT_STORAGE_EMPTY) &&
					  fault_hits(&ev->faults[k], who));
		if (!taken && came_back(ev, who, from_ns, to_ns) == BACK_EMPTY)
			return who;
	}
	return NULL;
}

static bool came_back_with_data(const struct evidence *ev, int64_t from_ns, int64_t to_ns)
{
	for (size_t i = 0; i < ev->nmembers; i++)
		if (came_back(ev, ev->members[i], from_ns, to_ns) == BACK_WITH_DATA)
			return true;
	return false;
}

const char *rabbit_acted(const struct evidence *ev, const char *setting)
{
	if (strcmp(setting, "pre_stop"))
		return NULL;
	return was_reset(ev, INT64_MIN, INT64_MAX) ? "reset" :
	       came_back_with_data(ev, INT64_MIN, INT64_MAX) ? "none" : NULL;
}

bool rabbit_emptied(const struct evidence *ev, int64_t from_ns, int64_t to_ns)
{
	return was_reset(ev, from_ns, to_ns) || emptied(ev, from_ns, to_ns);
}

enum loss_cause rabbit_loss_cause(const struct evidence *ev, const struct op *op,
				  const struct fault_record *fault, char *why)
{
	const char *by = evidence_member_at(ev, op->via, op->t_return);

	if (!*by || (fault && fault_does(fault, EFFECT_STORAGE_EMPTY) && fault_hits(fault, by)) ||
	    came_back(ev, by, op->t_return, INT64_MAX) != BACK_EMPTY)
		return LOSS_UNKNOWN;
	why_say(why, "%s acknowledged it, and came back with nothing: it counts its starts from the first again, as a node does that was reset", by);
	return LOSS_RESTART;
}

/* Those who tell no count of their starts, as older files, may have been reset by their pods. */
static bool perhaps_reset(const struct evidence *ev, int64_t from_ns, int64_t to_ns)
{
	const struct setting_seen *stop = setting_find(ev->inforce, "pre_stop");

	return stop && stop->value && !strcmp(stop->value, "reset") &&
	       !came_back_with_data(ev, from_ns, to_ns);
}

/* A member that has nothing gets all, else what it lacks. */
void rabbit_resync(const struct evidence *ev, int64_t from_ns, int64_t to_ns, bool back,
		   struct recovery_info *out)
{
	const char *empty = emptied(ev, from_ns, to_ns), *anew = was_reset(ev, from_ns, to_ns);
	bool away = false;

	recovery_begin(out);
	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= to_ns && !away; i++) {
		const struct sample *s = &ev->samples[i];

		away = !s->beside && s->t_ns >= from_ns && (!s->ok || !rabbit_first_queue(s));
	}
	if (!back)
		return;
	if (empty)
		recovery_tell(out, "full", "%s came back with an empty volume: what it has, it got from the others", empty);
	else if (anew)
		recovery_tell(out, "full", "%s came back with nothing, as a node that was reset: what it has, it got from the others", anew);
	else if (away && perhaps_reset(ev, from_ns, to_ns))
		recovery_tell(out, "", "pre_stop resets a member that is stopped in order: nothing tells whether it kept what it had");
	else if (away)
		recovery_tell(out, "partial", "members that were away kept their volumes, and got what they had missed");
	else if (recovery_asked(ev, from_ns, to_ns, out))
		recovery_tell(out, "none", "every member of the queue was there all the time");
}
