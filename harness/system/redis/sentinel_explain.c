#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "system/redis/explain.h"
#include "system/redis/log.h"
#include "system/redis/sentinel_model.h"

/* The parts of one outage, told by the sampler and the logs, the Sentinels'
 * among them, which tell of suspicions and votes. */

#define TILT_NS (30 * NS_PER_S) /* sentinel.c: SENTINEL_TILT_PERIOD */

#define SENTINEL_SAYS(words) (&(struct log_wanted){.mark = 'X', .begins = (words)})

/* A target that is cut off may call itself a master still: another one that
 * does is who serves. */
static int64_t other_first(const void *arg, const struct sample *s)
{
	const struct redis_story *story = arg;

	return strcmp(s->member, story->before->member) && !fault_hits(story->fault, s->member);
}

static double in_ms(int64_t ns)
{
	return (double)ns / (double)NS_PER_MS;
}

static void detected(const struct redis_story *s, struct milestones *m)
{
	struct log_line sdown;

	if (redis_story_logged(s, SENTINEL_SAYS("+odown master "), &m->detected, m->how_detected,
			       "quorum takes the master for down (+odown)") &&
	    redis_story_said(s, SENTINEL_SAYS("+sdown master "), &sdown) && sdown.t_ns <= m->detected)
		why_add(m->how_detected, "; the first Sentinel did %.0f ms before (+sdown)",
			in_ms(m->detected - sdown.t_ns));
}

static void elected(const struct redis_story *s, struct milestones *m)
{
	redis_story_logged(s, SENTINEL_SAYS("+elected-leader "), &m->elected, m->how_elected,
			   "a majority of the Sentinels lets it lead the failover");
}

static void promoted(const struct redis_story *s, struct milestones *m)
{
	const char *who = s->after->member;
	const struct log_wanted told = {.member = who, .begins = "MASTER MODE enabled"};
	const struct sample *first;

	if (s->moved && redis_story_logged(s, &told, &m->promoted, m->how_promoted, "told to be a master"))
		return;
	first = handover_first_lead(s->ev, who, s->moved ? s->injected : s->again->t_ns - 1, s->seen_until);
	if (first)
		milestone_tell(&m->promoted, m->how_promoted, first->t_ns, "first answer of %s as a writable master",
			       who);
}

/* From its +promoted-slave on, the leader names the new master to who asks
 * (sentinelGetCurrentMasterAddress()); +switch-master is the news of it. */
static void routed(const struct redis_story *s, struct milestones *m)
{
	const struct log_wanted *news = SENTINEL_SAYS("+switch-master ");
	struct log_line line;

	if (!redis_story_logged(s, SENTINEL_SAYS("+promoted-slave "), &m->routed, m->how_routed,
				"the replica is promoted, whoever asks is sent there"))
		redis_story_logged(s, news, &m->routed, m->how_routed, "+switch-master");
	else if (redis_story_said(s, news, &line) && line.t_ns > m->routed)
		why_add(m->how_routed, "; first +switch-master %.0f ms later", in_ms(line.t_ns - m->routed));
}

static void mechanism(const struct redis_story *s, const struct prediction *p, struct milestones *m)
{
	const char *before = s->before->member;
	struct log_line line;

	if (s->moved)
		mechanism_tell(m, "replica promoted", "%s is the master instead of %s", s->after->member, before);
	else
		redis_story_kept(s, p, m, "%s is still the master", before);
	if (redis_story_said(s, SENTINEL_SAYS("-failover-abort"), &line))
		why_add(m->why_mechanism, "; %s gave an attempt up: %.*s", line.member, (int)line.len, line.text);
	/* It does nothing for so long: one from before the fault hinders as well. */
	if (evidence_log_first(s->ev, redis_log_stamp, SENTINEL_SAYS("+tilt "), s->injected - TILT_NS, s->first_ack,
			       &line))
		why_add(m->why_mechanism,
			"; %s was in TILT from %.1f s %s the fault on, for %.0f s: its clock or machine had stood still",
			line.member, in_s(llabs(line.t_ns - s->injected)),
			line.t_ns < s->injected ? "before" : "after", in_s(TILT_NS));
}

void redis_sentinel_explain(const struct evidence *ev, const struct fault_record *fault,
			    const struct prediction *pred, struct milestones *m)
{
	static const struct redis_teller teller = {"stayed the master", detected, elected, promoted, routed, mechanism};
	struct redis_story s;

	if (!redis_story_begin(&s, ev, fault, m))
		return;
	s.before = evidence_leader(ev, 0, s.injected);
	if (s.before)
		s.after = handover_after(ev, s.first_ack, other_first, &s);
	if (s.after)
		redis_story_tell(&s, &teller, pred, m);
	else
		why_say(m->why_mechanism, "no answer of a writable master %s",
			s.before ? "after the outage" : "before the fault");
}
