#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"
#include "system/prediction.h"
#include "system/redis/log.h"
#include "system/redis/sentinel_rules.h"

/* The parts of one outage. Two witnesses: the sampler (each member asked every
 * 100 ms) and the logs, the Sentinels' among them, which have milliseconds and
 * tell of suspicions and votes. */

enum {
	AROUND_ACK_MS = 150, /* a sample this much before the first acknowledgement still counts */
	AFTER_ACK_MS = 2000, /* and the server that gave it was asked again within this */
};

struct story {
	const cJSON *events;
	int64_t injected, first_ack;
	const char *before, *after; /* masters; "" unknown */
	int64_t restarted;          /* `before` runs as another process than before */
};

static void find_masters(struct story *s, const cJSON *fault)
{
	int64_t before = 0, after = INT64_MAX;
	const cJSON *e;
	bool other = false;

	cJSON_ArrayForEach(e, s->events) {
		int64_t t = event_t(e);

		if (!event_is(e, "sample") || !sample_leads(e))
			continue;
		if (t <= s->injected && t > before) {
			before = t;
			s->before = json_str(e, "m", "");
		}
	}
	/* A target that is cut off may call itself a master still: another one
	 * that does is who serves. */
	cJSON_ArrayForEach(e, s->events) {
		int64_t t = event_t(e);
		bool differs;

		if (!event_is(e, "sample") || !sample_leads(e) || t < s->first_ack - AROUND_ACK_MS * NS_PER_MS ||
		    t > s->first_ack + AFTER_ACK_MS * NS_PER_MS)
			continue;
		differs = strcmp(json_str(e, "m", ""), s->before) &&
			  !fault_hits(fault, json_str(e, "m", ""));
		if ((other && !differs) || (other == differs && t >= after))
			continue;
		other = differs;
		after = t;
		s->after = json_str(e, "m", "");
	}
}

/* ---- what the logs say ---- */

struct wanted {
	const char *member; /* NULL: any */
	char role;          /* X: a Sentinel's; 0: any */
	const char *text;   /* the line begins with it */
	struct redis_line found;
	char who[64];
};

static bool matches(void *arg, const struct redis_line *line)
{
	struct wanted *w = arg;

	if ((w->member && strcmp(line->member, w->member)) || (w->role && line->role != w->role) ||
	    strncmp(line->text, w->text, strlen(w->text)))
		return false;
	if (!w->found.t_ns || line->t_ns < w->found.t_ns) {
		w->found = *line;
		mem_copy_str(w->who, sizeof(w->who), line->member);
	}
	return false; /* logs stand one member after the other: look at all */
}

static bool log_says(const struct story *s, struct wanted *w)
{
	redis_log_each(s->events, s->injected, s->first_ack + NS_PER_S, matches, w);
	return w->found.t_ns != 0;
}

static void detected(const struct story *s, struct milestones *m)
{
	struct wanted sdown = {.role = 'X', .text = "+sdown master "};
	struct wanted odown = {.role = 'X', .text = "+odown master "};

	if (!strcmp(s->before, s->after)) {
		if (!s->restarted)
			return;
		m->detected = s->restarted;
		snprintf(m->how_detected, sizeof(m->how_detected), "first answer of the new process of %.40s",
			 s->before);
		return;
	}
	if (!log_says(s, &odown))
		return;
	m->detected = odown.found.t_ns;
	if (log_says(s, &sdown) && sdown.found.t_ns <= odown.found.t_ns)
		snprintf(m->how_detected, sizeof(m->how_detected),
			 "log of %.40s: quorum takes the master for down (+odown); the first Sentinel did %.0f ms before (+sdown)",
			 odown.who, (double)(odown.found.t_ns - sdown.found.t_ns) / (double)NS_PER_MS);
	else
		snprintf(m->how_detected, sizeof(m->how_detected),
			 "log of %.40s: quorum takes the master for down (+odown)", odown.who);
}

static void elected(const struct story *s, struct milestones *m)
{
	struct wanted won = {.role = 'X', .text = "+elected-leader "};

	if (!strcmp(s->before, s->after)) {
		snprintf(m->how_elected, sizeof(m->how_elected), "no election: %.40s stayed the master", s->before);
	} else if (log_says(s, &won)) {
		m->elected = won.found.t_ns;
		snprintf(m->how_elected, sizeof(m->how_elected),
			 "log of %.40s: a majority of the Sentinels lets it lead the failover", won.who);
	}
}

static void promoted(const struct story *s, struct milestones *m)
{
	struct wanted told = {.member = s->after, .text = "MASTER MODE enabled"};
	const cJSON *e;

	if (strcmp(s->before, s->after) && log_says(s, &told)) {
		m->promoted = told.found.t_ns;
		snprintf(m->how_promoted, sizeof(m->how_promoted), "log of %.40s: told to be a master", s->after);
		return;
	}
	if (!strcmp(s->before, s->after) && !s->restarted)
		return;
	cJSON_ArrayForEach(e, s->events) {
		if (!event_is(e, "sample") || !sample_leads(e) || strcmp(json_str(e, "m", ""), s->after) ||
		    event_t(e) <= (s->restarted && !strcmp(s->before, s->after) ? s->restarted - 1 : s->injected) ||
		    event_t(e) > s->first_ack + AFTER_ACK_MS * NS_PER_MS || (m->promoted && event_t(e) >= m->promoted))
			continue;
		m->promoted = event_t(e);
		snprintf(m->how_promoted, sizeof(m->how_promoted), "first answer of %.40s as a writable master",
			 s->after);
	}
}

/* From its +promoted-slave on, the leader names the new master to who asks
 * (sentinelGetCurrentMasterAddress()); +switch-master is the news of it. */
static void routed(const struct story *s, struct milestones *m)
{
	struct wanted named = {.role = 'X', .text = "+promoted-slave "};
	struct wanted news = {.role = 'X', .text = "+switch-master "};

	if (!strcmp(s->before, s->after))
		return;
	if (log_says(s, &named)) {
		m->routed = named.found.t_ns;
		snprintf(m->how_routed, sizeof(m->how_routed),
			 "log of %.40s: the replica is promoted, whoever asks is sent there", named.who);
		if (log_says(s, &news) && news.found.t_ns > m->routed) {
			size_t len = strlen(m->how_routed);

			snprintf(m->how_routed + len, sizeof(m->how_routed) - len,
				 "; first +switch-master %.0f ms later",
				 (double)(news.found.t_ns - m->routed) / (double)NS_PER_MS);
		}
	} else if (log_says(s, &news)) {
		m->routed = news.found.t_ns;
		snprintf(m->how_routed, sizeof(m->how_routed), "log of %.40s: +switch-master", news.who);
	}
}

static void mechanism(const struct story *s, const struct prediction *p, struct milestones *m)
{
	struct wanted again = {.role = 'X', .text = "-failover-abort"}, tilt = {.role = 'X', .text = "+tilt"};
	const char *name = "fault ends";
	size_t len;

	if (strcmp(s->before, s->after)) {
		snprintf(m->mechanism, sizeof(m->mechanism), "replica promoted");
		snprintf(m->why_mechanism, sizeof(m->why_mechanism), "%.40s is the master instead of %.40s",
			 s->after, s->before);
	} else {
		if (s->restarted && prediction_has(p, "same member restarts"))
			name = "same member restarts";
		snprintf(m->mechanism, sizeof(m->mechanism), "%s", name);
		snprintf(m->why_mechanism, sizeof(m->why_mechanism), "%.40s is still the master%s", s->before,
			 s->restarted ? ", as another process" : "");
	}
	len = strlen(m->why_mechanism);
	if (log_says(s, &again))
		snprintf(m->why_mechanism + len, sizeof(m->why_mechanism) - len, "; %.40s gave an attempt up: %.60s",
			 again.who, again.found.text);
	else if (log_says(s, &tilt))
		snprintf(m->why_mechanism + len, sizeof(m->why_mechanism) - len,
			 "; %.40s was in TILT: its clock or machine had stood still", tilt.who);
}

void redis_sentinel_explain(const cJSON *events, const cJSON *fault,
			    const struct prediction *pred, struct milestones *m)
{
	struct story s = {
		.events = events, .first_ack = m->first_ack,
		.injected = json_i64(fault, "injected_ns", m->effective), .before = "", .after = "",
	};

	if (!m->first_ack || !s.injected)
		return;
	find_masters(&s, fault);
	if (!*s.before || !*s.after) {
		snprintf(m->why_mechanism, sizeof(m->why_mechanism), "no answer of a writable master %s",
			 *s.before ? "after the outage" : "before the fault");
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
