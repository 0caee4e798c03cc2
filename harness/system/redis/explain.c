#include "system/redis/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "system/redis/log.h"

bool redis_story_begin(struct redis_story *s, const struct evidence *ev, const struct fault_record *fault,
		       const struct milestones *m)
{
	*s = (struct redis_story){.ev = ev, .injected = fault->injected_ns, .first_ack = m->first_ack,
				  .healed = fault->does.lasts ? fault->healed_ns : 0,
				  .seen_until = m->first_ack + AFTER_ACK_MS * NS_PER_MS};
	return s->injected && s->first_ack;
}

void redis_story_compare(struct redis_story *s)
{
	s->moved = strcmp(s->before->member, s->after->member) != 0;
	s->again = evidence_new_process(s->ev, s->before->member, s->injected, s->seen_until);
}

bool redis_story_said(const struct redis_story *s, const struct log_wanted *want, struct log_line *line)
{
	return evidence_log_first(s->ev, redis_log_stamp, want, s->injected, s->first_ack + NS_PER_S, line);
}

void redis_story_detected_again(const struct redis_story *s, struct milestones *m)
{
	if (!s->again)
		return;
	m->detected = s->again->t_ns;
	snprintf(m->how_detected, sizeof(m->how_detected), "first answer of the new process of %.40s",
		 s->before->member);
}

void redis_story_kept(const struct redis_story *s, const struct prediction *p, struct milestones *m,
		      const char *fmt, ...)
{
	bool over = s->healed && s->healed <= s->seen_until;
	const char *name = over ? "fault ends" : "";
	size_t len;
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
	len = strlen(m->why_mechanism);
	snprintf(m->why_mechanism + len, sizeof(m->why_mechanism) - len, "%s",
		 s->again ? ", as another process" : "");
}
