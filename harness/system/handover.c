#include "system/handover.h"

#include <string.h>

#include "base/clock.h"
#include "system/prediction.h"

const struct sample *handover_after(const struct evidence *ev, int64_t first_ack_ns,
				    int64_t (*rank)(const void *arg, const struct sample *s),
				    const void *arg)
{
	const struct sample *best = NULL;
	int64_t most = -1;

	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];
		int64_t r;

		if (s->beside || !sample_leads(s) ||
		    s->t_ns < first_ack_ns - AROUND_ACK_MS * NS_PER_MS ||
		    s->t_ns > first_ack_ns + AFTER_ACK_MS * NS_PER_MS)
			continue;
		r = rank(arg, s);
		if (r > most) {
			most = r;
			best = s;
		}
	}
	return best;
}

bool handover_primaries(const struct evidence *ev, int64_t injected_ns, struct milestones *m,
			int64_t (*rank)(const void *arg, const struct sample *s), const void *arg,
			const struct sample **before, const struct sample **after)
{
	*before = evidence_leader(ev, 0, injected_ns);
	*after = *before ? handover_after(ev, m->first_ack, rank, arg) : NULL;
	if (*after)
		return true;
	return why_not(m->why_mechanism, "no answer of a writable primary %s the outage",
		       *before ? "after" : "before");
}

const struct sample *handover_first_lead(const struct evidence *ev, const char *member,
					 int64_t from_ns, int64_t to_ns)
{
	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];

		if (!s->beside && sample_leads(s) && s->t_ns > from_ns && s->t_ns <= to_ns &&
		    !strcmp(s->member, member))
			return s;
	}
	return NULL;
}

const struct sample *handover_lead(const struct evidence *ev, const char *member, bool new,
				   int64_t from_ns, int64_t ack_ns, int64_t to_ns)
{
	int64_t last_not = from_ns;

	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= ack_ns; i++) {
		const struct sample *s = &ev->samples[i];

		if (!s->beside && s->t_ns > last_not && !sample_leads(s) &&
		    !strcmp(s->member, member))
			last_not = s->t_ns;
	}
	return new || last_not > from_ns ? handover_first_lead(ev, member, last_not, to_ns) : NULL;
}

bool handover_restarted(const struct evidence *ev, const char *who, int64_t from_ns, int64_t to_ns,
			int64_t *at, char *how)
{
	bool recreated;
	const struct pod_seen *p = evidence_pod_restarted(ev, who, from_ns, to_ns, &recreated);

	if (p)
		milestone_tell(at, how, p->t_ns,
			       recreated ? "a new pod %s appeared" : "the kubelet restarted %s's container", who);
	return p;
}

bool handover_log_whole(const struct evidence *ev, log_stamp_fn *stamp, const char *member,
			int64_t since_ns)
{
	const struct log_wanted any = {.member = member};
	struct log_line before;
	bool recreated;

	return evidence_log_reaches(ev, stamp, member, since_ns) &&
	       (evidence_log_first(ev, stamp, &any, INT64_MIN, since_ns, &before) ||
		!evidence_pod_restarted(ev, member, since_ns, INT64_MAX, &recreated));
}

const char *handover_unheard(const struct evidence *ev, const struct fault_record *fault,
			     log_stamp_fn *stamp, int64_t since_ns)
{
	bool all_write = fault_does(fault, EFFECT_CUT_OFF) && fault->does.partly;

	for (size_t i = 0; i < ev->nmembers; i++) {
		const char *who = ev->members[i];

		if ((all_write || !fault_hits(fault, who)) &&
		    !handover_log_whole(ev, stamp, who, since_ns))
			return who;
	}
	return NULL;
}

void handover_routed(struct milestones *m, const struct endpoints_seen *e, const char *ip,
		     const char *who)
{
	milestone_tell(&m->routed, m->how_routed, e->t_ns, "the addresses of %s came to hold %s of %s", e->name, ip,
		       who);
}
