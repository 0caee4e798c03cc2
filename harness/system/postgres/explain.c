#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/handover.h"
#include "system/postgres/model.h"
#include "system/prediction.h"

/* The parts of one outage, from three witnesses: the sampler (each member
 * asked every 100 ms), the leader's lease, and the addresses behind the
 * Service. The lease is the annotations of Patroni's Endpoints object (leader,
 * acquireTime, renewTime, ttl, transitions) or, where samples tell of an etcd,
 * the leader's key there. A watch event or sample comes a little after the
 * fact; an instant that would so come after its own consequence is set to
 * that, and says so. */

enum {
	LEASE_SLACK_MS = 1000, /* clocks of replicas, watch delay */
	ADDRESSES_MAX = 2,     /* of a Service of the leader alone, while it changes */
};

struct story {
	const struct evidence *ev;
	const struct fault_record *fault;
	int64_t injected, first_ack;
	int64_t seen_until;         /* what caused it may be seen a little later */
	const char *before, *after; /* primaries */
	int64_t tl_before, tl_after;
	const char *ip;             /* of `after`; "" unknown */
	const char *lease;          /* name of the Endpoints object with the lease; "" none was seen */
	bool etcd;                  /* it is a key in etcd instead */
	int64_t renewed;            /* last renewal seen under `before` */
	int64_t ttl;                /* of that renewal */
	int64_t lapsed; /* the last renewal under `before` that was not followed by one in time; 0:
			   each was */
	int64_t released;           /* the lease was seen without a leader */
	int64_t elected;            /* `after` was first seen as its holder, if another had it */
	int64_t restarted;          /* the old primary's pod or container was new */
	char restarted_how[WHY_BYTES];
};

static bool changed(const struct story *s)
{
	return strcmp(s->before, s->after) != 0;
}

/* Two may lead at once; the one on the newer timeline serves. */
static int64_t by_timeline(const void *arg, const struct sample *s)
{
	(void)arg;
	return s->timeline + 1;
}

/* False, and says so, when one of the two primaries is not known. */
static bool primaries(struct story *s, struct milestones *m)
{
	const struct sample *before, *after;

	if (!handover_primaries(s->ev, s->injected, m, by_timeline, NULL, &before, &after))
		return false;
	s->before = before->member;
	s->tl_before = before->timeline;
	s->after = after->member;
	s->tl_after = after->timeline;
	return true;
}

static void lease(struct story *s)
{
	s->lease = "";
	for (size_t i = 0; i < s->ev->nendpoints && s->ev->endpoints[i].t_ns <= s->first_ack; i++) {
		const struct endpoints_seen *e = &s->ev->endpoints[i];
		const char *leader = endpoints_annotation(e, "leader"), *ttl = endpoints_annotation(e, "ttl");

		if (*endpoints_annotation(e, "renewTime") && *ttl)
			s->lease = e->name;
		if (!*s->lease || strcmp(e->name, s->lease))
			continue;
		if (*leader && !strcmp(leader, s->before)) {
			if (s->renewed && e->t_ns > s->injected && e->t_ns - s->renewed > s->ttl)
				s->lapsed = s->renewed;
			s->renewed = e->t_ns;
			s->ttl = strtoll(ttl, NULL, 10) * NS_PER_S;
		} else if (e->t_ns > s->injected && !*leader && !s->released) {
			s->released = e->t_ns;
		} else if (e->t_ns > s->injected && *leader && !strcmp(leader, s->after) &&
			   !s->elected) {
			s->elected = e->t_ns;
		}
	}
}

/* What each member of etcd had under the leader's key. Renewals do not show: by
 * either protocol they leave its value as it is. */
static void lease_in_etcd(struct story *s)
{
	for (size_t i = 0; i < s->ev->nsamples && s->ev->samples[i].t_ns <= s->first_ack; i++) {
		const struct sample *x = &s->ev->samples[i];
		const cJSON *view = json_get(x->extra, "store");
		const char *leader = json_str(view, "leader", NULL);

		if (x->beside || !view)
			continue;
		s->etcd = true;
		if (x->t_ns <= s->injected || !leader)
			continue;
		if (!*leader && !s->released)
			s->released = x->t_ns;
		else if (*leader && !strcmp(leader, s->after) && !s->elected)
			s->elected = x->t_ns;
	}
}

/* When the Service came to lead to the new primary: the first Endpoints
 * object (other than the lease's own, if there is another) that gained its
 * address after the fault. The headless Service of all members is none: it
 * holds several addresses. */
static void routed(const struct story *s, struct milestones *m)
{
	const struct endpoints_seen *best = NULL;

	if (s->etcd) {
		milestone_tell(&m->routed, m->how_routed, m->promoted,
			       "nothing has to follow: clients ask each member whether it takes writes");
		return;
	}
	for (size_t i = 0; i < s->ev->nendpoints; i++) {
		const struct endpoints_seen *e = &s->ev->endpoints[i];
		bool is_lease = !strcmp(e->name, s->lease);

		if (e->t_ns <= s->injected || e->t_ns > s->seen_until ||
		    e->naddrs > ADDRESSES_MAX || !evidence_gained(s->ev, i, s->ip))
			continue;
		if (!best || (!strcmp(best->name, s->lease) && !is_lease))
			best = e;
	}
	if (best)
		handover_routed(m, best, s->ip, s->after);
}

static void promoted(const struct story *s, struct milestones *m)
{
	const struct sample *first = handover_lead(s->ev, s->after, changed(s), s->injected,
						   s->first_ack, s->seen_until);

	/* A frozen or cut off primary does not answer and needs no promotion. */
	if (first && (changed(s) || s->tl_after != s->tl_before))
		milestone_tell(&m->promoted, m->how_promoted, first->t_ns,
			       "first answer of %s as a writable primary, timeline %lld", s->after,
			       (long long)s->tl_after);
}

/* A survivor's first answer that nobody leads; NULL: there was none. */
static const struct sample *unlocked(const struct story *s)
{
	for (size_t i = 0; i < s->ev->nsamples && s->ev->samples[i].t_ns <= s->first_ack; i++) {
		const struct sample *x = &s->ev->samples[i];

		if (!x->beside && x->t_ns > s->injected && strcmp(x->member, s->before) &&
		    json_bool(x->extra, "cluster_unlocked", false))
			return x;
	}
	return NULL;
}

static void detected(const struct story *s, struct milestones *m)
{
	const struct sample *survivor = changed(s) ? unlocked(s) : NULL;
	char *how = m->how_detected;

	if (s->released && s->etcd)
		milestone_tell(&m->detected, how, s->released,
			       "a member of etcd answered that the leader's key in etcd is gone");
	else if (s->released)
		milestone_tell(&m->detected, how, s->released, "%s was seen without a leader: the lease was given up",
			       s->lease);
	else if (survivor)
		milestone_tell(&m->detected, how, survivor->t_ns,
			       "first answer of a survivor (%s) that the cluster has no leader", survivor->member);
	else if (changed(s) && s->renewed && s->ttl && s->renewed + s->ttl <= s->first_ack)
		milestone_tell(&m->detected, how, s->renewed + s->ttl,
			       "the lease was last renewed %.1f s %s the fault and ended %lld s later",
			       in_s(llabs(s->injected - s->renewed)),
			       s->renewed <= s->injected ? "before" : "after", (long long)(s->ttl / NS_PER_S));
	else if (!changed(s) && s->restarted)
		milestone_tell(&m->detected, how, s->restarted, "%s", s->restarted_how);
}

static void elected(const struct story *s, struct milestones *m)
{
	if (!changed(s))
		why_say(m->how_elected, "no election: %s kept the lease", s->before);
	else if (s->elected)
		milestone_tell(&m->elected, m->how_elected, s->elected, "the leader%s in %s changed from %s to %s",
			       s->etcd ? "'s key" : "", s->etcd ? "etcd" : s->lease, s->before, s->after);
}

/* Causes before consequences. An address behind the Service is of use only
 * once the server there is promoted. */
static void in_order(struct milestones *m)
{
	milestone_before(&m->promoted, m->first_ack, m->how_promoted);
	milestone_before(&m->routed, m->first_ack, m->how_routed);
	if (m->routed && m->routed < m->promoted) {
		why_add(m->how_routed, ", before its promotion");
		m->routed = m->promoted;
	}
	milestone_before(&m->elected, m->promoted, m->how_elected);
	milestone_before(&m->detected, m->elected ? m->elected : m->promoted, m->how_detected);
}

/* The key goes when the leader deletes it or when its lease runs out, which is
 * not before ttl - loop_wait after the fault. */
static void another_leads_by_etcd(const struct story *s, const struct prediction *p,
				  struct milestones *m)
{
	int64_t gone = s->released ? s->released : s->elected ? s->elected : s->first_ack;
	const struct mechanism *expires = prediction_mechanism(p, "lease expires");

	if (expires && gone - s->injected >= expires->lo_ns - LEASE_SLACK_MS * NS_PER_MS)
		mechanism_tell(m, "lease expires",
			       "%s leads instead of %s; the leader's key in etcd was there until %.1f s after the fault",
			       s->after, s->before, in_s(gone - s->injected));
	else
		mechanism_tell(m, s->released || prediction_has(p, "lease released") ? "lease released" :
										       "lease taken too early",
			       "%s leads instead of %s; the leader's key in etcd was gone %.1f s after the fault, before its lease could end",
			       s->after, s->before, in_s(gone - s->injected));
}

/* The prediction does not know how old the last renewal was; whoever saw it
 * does. Its watch event may have come somewhat late. */
static void count_from_renewal(const struct story *s, int64_t renewed,
			       const struct mechanism *expires, struct milestones *m)
{
	struct assumed a = {0};
	int64_t loop_ns = prediction_number(s->ev->inforce, "loop_wait", 10, &a) * NS_PER_S;
	int64_t age_ns = s->injected - renewed;

	if (!expires)
		return;
	m->window = (struct rule_window){.known = true,
					 .hi_ns = expires->hi_ns - age_ns,
					 .lo_ns = expires->lo_ns + loop_ns - age_ns -
						  LEASE_SLACK_MS * NS_PER_MS};
	why_say(m->window.how, "counted from the last renewal that was seen, %.1f s %s the fault",
		in_s(llabs(age_ns)), age_ns >= 0 ? "before" : "after");
}

static void another_leads(const struct story *s, const struct prediction *p, struct milestones *m)
{
	int64_t lapse = s->renewed && s->ttl ? s->renewed + s->ttl : 0;
	int64_t taken = s->elected ? s->elected : s->first_ack;

	if (prediction_has(p, "leader gives up")) {
		mechanism_tell(m, "leader gives up", "%s took over from %s", s->after, s->before);
	} else if (s->etcd) {
		another_leads_by_etcd(s, p, m);
	} else if (s->released) {
		mechanism_tell(m, "lease released", "%s leads instead of %s; the lease had been given up before",
			       s->after, s->before);
	} else if (lapse && taken < lapse - LEASE_SLACK_MS * NS_PER_MS) {
		mechanism_tell(m, prediction_has(p, "lease released") ? "lease released" : "lease taken too early",
			       "%s leads instead of %s, and took the lease %.1f s before it would have expired; nobody was seen to give it up",
			       s->after, s->before, in_s(lapse - taken));
	} else if (lapse) {
		count_from_renewal(s, s->renewed, prediction_mechanism(p, "lease expires"), m);
		mechanism_tell(
			m, "lease expires",
			"%s leads instead of %s, and took the lease %.1f s after its last renewal (ttl %lld s)",
			s->after, s->before, in_s(taken - s->renewed),
			(long long)(s->ttl / NS_PER_S));
	} else {
		mechanism_tell(m, "", "%s leads instead of %s, but no renewal of the lease was seen", s->after,
			       s->before);
	}
}

const char *postgres_sync_standby(const cJSON *replication)
{
	const cJSON *row;

	cJSON_ArrayForEach(row, replication) {
		const char *state = json_str(row, "sync_state", "");

		if (!strcmp(state, "sync") || !strcmp(state, "quorum"))
			return json_str(row, "name", "");
	}
	return NULL;
}

/* Whom commits waited for by the primary's own word: its last one by t_ns, or,
 * `after`, its first one from then on. "" nobody, or it did not tell. */
static const char *synchronous(const struct story *s, int64_t t_ns, bool after)
{
	const cJSON *found = NULL;
	const char *name;

	for (size_t i = 0; i < s->ev->nsamples && !(after && found); i++) {
		const struct sample *x = &s->ev->samples[i];
		const cJSON *replication = json_get(x->extra, "replication");

		if (!x->beside && replication && !strcmp(x->member, s->before) &&
		    (after ? x->t_ns >= t_ns : x->t_ns <= t_ns))
			found = replication;
	}
	name = postgres_sync_standby(found);
	return name ? name : "";
}

/* A replica was hit, and commits may have waited for it. */
static void standby(const struct story *s, struct milestones *m)
{
	const char *was = synchronous(s, s->injected, false),
		   *is = synchronous(s, s->first_ack, true);

	if (!*was)
		mechanism_tell(m, "", "%s is still the primary; it told of no synchronous standby", s->before);
	else if (!fault_hits(s->fault, was))
		mechanism_tell(m, "", "%s is still the primary; its synchronous standby %s was not hit", s->before, was);
	else if (!strcmp(was, is))
		mechanism_tell(m, "synchronous standby returns", "%s is the synchronous standby of %s again", was,
			       s->before);
	else if (*is)
		mechanism_tell(m, "synchronous standby replaced",
			       "%s is the synchronous standby of %s instead of %s", is, s->before, was);
	else
		mechanism_tell(m, "synchronous standby replaced",
			       "%s was the synchronous standby of %s; commits wait for nobody now", was, s->before);
}

/* The same member serves: what it had to wait for was the fault's end. */
static void goes_on(const struct story *s, struct milestones *m)
{
	bool over =
		s->fault->does.lasts && s->fault->healed_ns && s->fault->healed_ns <= s->seen_until;

	mechanism_tell(m, over ? "fault ends" : "", s->tl_after == s->tl_before ?
		       "%s is still the primary on timeline %lld: it was never replaced or restarted as one" :
		       "%s leads again on timeline %lld, after the fault", s->before, (long long)s->tl_after);
}

/* Its lease was over, and it won the race for it. */
static void leads_again(const struct story *s, const struct prediction *p, struct milestones *m)
{
	mechanism_tell(
		m, "lease expires",
		"%s leads again on timeline %lld (before: %lld); its lease was over, %.1f s passed without a renewal",
		s->before, (long long)s->tl_after, (long long)s->tl_before,
		in_s(s->renewed - s->lapsed));
	count_from_renewal(s, s->lapsed, prediction_mechanism(p, "lease expires"), m);
}

static void same_leads(const struct story *s, const struct prediction *p, struct milestones *m)
{
	bool same = s->tl_after == s->tl_before;

	if (prediction_has(p, "writes need no replica"))
		mechanism_tell(m, "writes need no replica", "%s is still the primary", s->before);
	else if (same && prediction_has(p, "synchronous standby replaced"))
		standby(s, m);
	else if (prediction_has(p, "space returns"))
		mechanism_tell(m, "space returns", "%s is still the primary", s->before);
	else if (!same && s->lapsed && prediction_has(p, "lease expires"))
		leads_again(s, p, m);
	else if (same || (prediction_has(p, "fault ends") && !prediction_has(p, "same member restarts")))
		goes_on(s, m);
	else if (s->restarted)
		mechanism_tell(m, "same member restarts",
			       "%s leads again on timeline %lld (before: %lld); %s", s->before,
			       (long long)s->tl_after, (long long)s->tl_before, s->restarted_how);
	else if (prediction_has(p, "PostgreSQL restarted in place"))
		mechanism_tell(m, "PostgreSQL restarted in place",
			       "%s leads again on timeline %lld (before: %lld), its container was not restarted",
			       s->before, (long long)s->tl_after, (long long)s->tl_before);
	else
		mechanism_tell(m, "same member restarts", "%s leads again on timeline %lld (before: %lld)", s->before,
			       (long long)s->tl_after, (long long)s->tl_before);
}

void postgres_explain(const struct evidence *ev, const struct fault_record *fault,
		      const struct prediction *pred, struct milestones *m)
{
	struct story s = {.ev = ev,
			  .fault = fault,
			  .injected = fault->injected_ns,
			  .first_ack = m->first_ack,
			  .seen_until = m->first_ack + AFTER_ACK_MS * NS_PER_MS};

	if (!m->first_ack || !s.injected || !primaries(&s, m))
		return;
	s.ip = evidence_address(ev, s.after, s.first_ack);
	lease(&s);
	lease_in_etcd(&s);
	handover_restarted(ev, s.before, s.injected, s.first_ack, &s.restarted, s.restarted_how);
	detected(&s, m);
	elected(&s, m);
	promoted(&s, m);
	routed(&s, m);
	in_order(m);
	if (changed(&s))
		another_leads(&s, pred, m);
	else
		same_leads(&s, pred, m);
}
