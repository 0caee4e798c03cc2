#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "system/redis/explain.h"
#include "system/redis/log.h"
#include "system/redis/sentinel_model.h"

/* The parts of one outage, told by the sampler and the logs, the Sentinels'
 * among them, which tell of suspicions and votes. */

#define TILT_NS (30 * NS_PER_S) /* sentinel.c: SENTINEL_TILT_PERIOD */

struct whose {
	const struct sample *before;
	const struct fault_record *fault;
};

/* A target that is cut off may call itself a master still: another one that
 * does is who serves. */
static int64_t other_first(const void *arg, const struct sample *s)
{
	const struct whose *w = arg;

	return strcmp(s->member, w->before->member) && !fault_hits(w->fault, s->member);
}

/* ---- what the logs say ---- */

static bool sentinel_said(const struct redis_story *s, const char *begins, struct log_line *line)
{
	return redis_story_said(s, &(struct log_wanted){.mark = 'X', .begins = begins}, line);
}

static double ms_between(const struct log_line *a, const struct log_line *b)
{
	return (double)(b->t_ns - a->t_ns) / (double)NS_PER_MS;
}

static void detected(const struct redis_story *s, struct milestones *m)
{
	struct log_line sdown, odown;
	size_t len;

	if (!s->moved) {
		redis_story_detected_again(s, m);
		return;
	}
	if (!sentinel_said(s, "+odown master ", &odown))
		return;
	m->detected = odown.t_ns;
	snprintf(m->how_detected, sizeof(m->how_detected),
		 "log of %.40s: quorum takes the master for down (+odown)", odown.member);
	len = strlen(m->how_detected);
	if (sentinel_said(s, "+sdown master ", &sdown) && sdown.t_ns <= odown.t_ns)
		snprintf(m->how_detected + len, sizeof(m->how_detected) - len,
			 "; the first Sentinel did %.0f ms before (+sdown)", ms_between(&sdown, &odown));
}

static void elected(const struct redis_story *s, struct milestones *m)
{
	struct log_line won;

	if (!s->moved) {
		snprintf(m->how_elected, sizeof(m->how_elected), "no election: %.40s stayed the master",
			 s->before->member);
	} else if (sentinel_said(s, "+elected-leader ", &won)) {
		m->elected = won.t_ns;
		snprintf(m->how_elected, sizeof(m->how_elected),
			 "log of %.40s: a majority of the Sentinels lets it lead the failover", won.member);
	}
}

static void promoted(const struct redis_story *s, struct milestones *m)
{
	struct log_wanted want = {.member = s->after->member, .begins = "MASTER MODE enabled"};
	const struct sample *first = NULL;
	struct log_line told;

	if (s->moved && redis_story_said(s, &want, &told)) {
		m->promoted = told.t_ns;
		snprintf(m->how_promoted, sizeof(m->how_promoted), "log of %.40s: told to be a master",
			 s->after->member);
		return;
	}
	if (s->moved || s->again)
		first = handover_first_lead(s->ev, s->after->member,
					    s->moved ? s->injected : s->again->t_ns - 1, s->seen_until);
	if (!first)
		return;
	m->promoted = first->t_ns;
	snprintf(m->how_promoted, sizeof(m->how_promoted), "first answer of %.40s as a writable master",
		 s->after->member);
}

/* From its +promoted-slave on, the leader names the new master to who asks
 * (sentinelGetCurrentMasterAddress()); +switch-master is the news of it. */
static void routed(const struct redis_story *s, struct milestones *m)
{
	struct log_line named, news;
	bool told;
	size_t len;

	if (!s->moved)
		return;
	told = sentinel_said(s, "+switch-master ", &news);
	if (sentinel_said(s, "+promoted-slave ", &named)) {
		m->routed = named.t_ns;
		snprintf(m->how_routed, sizeof(m->how_routed),
			 "log of %.40s: the replica is promoted, whoever asks is sent there", named.member);
		len = strlen(m->how_routed);
		if (told && news.t_ns > named.t_ns)
			snprintf(m->how_routed + len, sizeof(m->how_routed) - len,
				 "; first +switch-master %.0f ms later", ms_between(&named, &news));
	} else if (told) {
		m->routed = news.t_ns;
		snprintf(m->how_routed, sizeof(m->how_routed), "log of %.40s: +switch-master", news.member);
	}
}

static void mechanism(const struct redis_story *s, const struct prediction *p, struct milestones *m)
{
	const struct log_wanted tilt = {.mark = 'X', .begins = "+tilt "};
	struct log_line line;
	size_t len;

	if (s->moved) {
		snprintf(m->mechanism, sizeof(m->mechanism), "replica promoted");
		snprintf(m->why_mechanism, sizeof(m->why_mechanism), "%.40s is the master instead of %.40s",
			 s->after->member, s->before->member);
	} else {
		redis_story_kept(s, p, m, "%.40s is still the master", s->before->member);
	}
	len = strlen(m->why_mechanism);
	if (sentinel_said(s, "-failover-abort", &line))
		snprintf(m->why_mechanism + len, sizeof(m->why_mechanism) - len,
			 "; %.40s gave an attempt up: %.*s", line.member, line.len < 60 ? (int)line.len : 60,
			 line.text);
	len = strlen(m->why_mechanism);
	/* It does nothing for so long: one from before the fault hinders as well. */
	if (evidence_log_first(s->ev, redis_log_stamp, &tilt, s->injected - TILT_NS, s->first_ack, &line))
		snprintf(m->why_mechanism + len, sizeof(m->why_mechanism) - len,
			 "; %.40s was in TILT from %.1f s %s the fault on, for %.0f s: its clock or machine had stood still",
			 line.member, in_s(llabs(line.t_ns - s->injected)),
			 line.t_ns < s->injected ? "before" : "after", in_s(TILT_NS));
}

void redis_sentinel_explain(const struct evidence *ev, const struct fault_record *fault,
			    const struct prediction *pred, struct milestones *m)
{
	struct redis_story s;

	if (!redis_story_begin(&s, ev, fault, m))
		return;
	s.before = evidence_leader(ev, 0, s.injected);
	if (s.before)
		s.after = handover_after(ev, s.first_ack, other_first, &(struct whose){s.before, fault});
	if (!s.after) {
		snprintf(m->why_mechanism, sizeof(m->why_mechanism), "no answer of a writable master %s",
			 s.before ? "after the outage" : "before the fault");
		return;
	}
	redis_story_compare(&s);
	detected(&s, m);
	elected(&s, m);
	promoted(&s, m);
	routed(&s, m);
	milestones_in_order(m);
	mechanism(&s, pred, m);
}
