#include "system/redis/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "system/redis/log.h"

bool redis_story_begin(struct redis_story *s, const struct evidence *ev,
		       const struct fault_record *fault, const struct milestones *m)
{
	*s = (struct redis_story){.ev = ev, .fault = fault, .injected = fault->injected_ns,
				  .first_ack = m->first_ack,
				  .seen_until = m->first_ack + AFTER_ACK_MS * NS_PER_MS};
	return s->injected && s->first_ack;
}

void redis_story_tell(struct redis_story *s, const struct redis_teller *teller,
		      const struct prediction *p, struct milestones *m)
{
	const char *before = s->before->member;

	s->moved = strcmp(before, s->after->member) != 0;
	s->again = evidence_new_process(s->ev, before, s->injected, s->seen_until);
	if (s->moved) {
		teller->detected(s, m);
		teller->elected(s, m);
		teller->routed(s, m);
	} else {
		if (s->again)
			milestone_tell(&m->detected, m->how_detected, s->again->t_ns,
				       "first answer of the new process of %s", before);
		why_say(m->how_elected, "no election: %s %s", before, teller->stayed);
	}
	if (s->moved || s->again)
		teller->promoted(s, m);
	milestones_in_order(m);
	teller->mechanism(s, p, m);
}

bool redis_story_said(const struct redis_story *s, const struct log_wanted *want,
		      struct log_line *line)
{
	return evidence_log_first(s->ev, redis_log_stamp, want, s->injected,
				  s->first_ack + NS_PER_S, line);
}

bool redis_story_logged(const struct redis_story *s, const struct log_wanted *want, int64_t *at,
			char *how, const char *what)
{
	struct log_line line;

	if (!redis_story_said(s, want, &line))
		return false;
	milestone_tell(at, how, line.t_ns, "log of %s: %s", line.member, what);
	return true;
}

void redis_story_kept(const struct redis_story *s, const struct prediction *p, struct milestones *m,
		      const char *fmt, ...)
{
	int64_t healed = s->fault->does.lasts ? s->fault->healed_ns : 0;
	const char *name = healed && healed <= s->seen_until ? "fault ends" : "";
	va_list ap;

	if (prediction_has(p, "writes need no replica"))
		name = "writes need no replica";
	else if (prediction_has(p, "space returns"))
		name = "space returns";
	else if (s->again && prediction_has(p, "same member restarts"))
		name = "same member restarts";
	snprintf(m->mechanism, sizeof(m->mechanism), "%s", name);
	va_start(ap, fmt);
	vsnprintf(m->why_mechanism, sizeof(m->why_mechanism), fmt, ap);
	va_end(ap);
	if (s->again)
		why_add(m->why_mechanism, ", as another process");
}
