#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"
#include "system/postgres/rules.h"
#include "system/prediction.h"

/* The parts of one outage, from three witnesses: the sampler (each member
 * asked every 100 ms), the leader's lease, and the addresses behind the
 * Service. The lease is the annotations of Patroni's Endpoints object (leader,
 * acquireTime, renewTime, ttl, transitions) or, where samples tell of an etcd,
 * the leader's key there. A watch event or sample comes a little after the
 * fact; an instant that would so come after its own consequence is set to
 * that, and says so. */

enum {
	AROUND_ACK_MS = 150,  /* a sample this much before the first acknowledgement still counts */
	AFTER_ACK_MS = 2000,  /* and the server that gave it was asked again within this */
	LEASE_SLACK_MS = 1000,/* clocks of replicas, watch delay */
};

struct story {
	const cJSON *events;
	int64_t injected, first_ack;
	char before[64], after[64]; /* primaries; "" unknown */
	int64_t tl_before, tl_after;
	char ip[64];                /* of `after` */
	char lease[64];             /* name of the Endpoints object with the lease */
	bool etcd;                  /* it is a key in etcd instead */
	int64_t renewed;            /* last renewal seen under `before` */
	int64_t ttl;                /* of that renewal */
	int64_t released;           /* the lease was seen without a leader */
	int64_t elected;            /* `after` was first seen as its holder, if another had it */
	int64_t restarted;          /* the old primary's pod or container was new */
	char restarted_how[96];
};

static void primaries(struct story *s)
{
	int64_t newest = 0, first = INT64_MAX;
	const cJSON *e;

	s->tl_before = s->tl_after = -1;
	cJSON_ArrayForEach(e, s->events) {
		int64_t t = event_t(e);

		if (!event_is(e, "sample") || !sample_leads(e))
			continue;
		if (t <= s->injected && t >= newest) {
			newest = t;
			mem_copy_str(s->before, sizeof(s->before), json_str(e, "m", ""));
			s->tl_before = json_i64(e, "tl", -1);
		}
		/* Two may say so at once; the one on the newer timeline serves. */
		if (t >= s->first_ack - AROUND_ACK_MS * NS_PER_MS &&
		    t <= s->first_ack + AFTER_ACK_MS * NS_PER_MS &&
		    (json_i64(e, "tl", -1) > s->tl_after ||
		     (json_i64(e, "tl", -1) == s->tl_after && t < first))) {
			first = t;
			mem_copy_str(s->after, sizeof(s->after), json_str(e, "m", ""));
			s->tl_after = json_i64(e, "tl", -1);
		}
	}
}

static void lease(struct story *s)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, s->events) {
		const cJSON *a = json_get(e, "annotations");
		const char *leader = json_str(a, "leader", ""), *name = json_str(e, "name", "");
		int64_t t = event_t(e);

		if (!event_is(e, "object") || strcmp(json_str(e, "type", ""), "endpoints") || t > s->first_ack)
			continue;
		if (json_get(a, "renewTime") && json_get(a, "ttl"))
			mem_copy_str(s->lease, sizeof(s->lease), name);
		if (!*s->lease || strcmp(name, s->lease))
			continue;
		if (*leader && !strcmp(leader, s->before)) {
			s->renewed = t;
			s->ttl = json_i64(a, "ttl", 0) * NS_PER_S;
		} else if (t > s->injected && !*leader && !s->released) {
			s->released = t;
		} else if (t > s->injected && *leader && !strcmp(leader, s->after) && !s->elected) {
			s->elected = t;
		}
	}
}

/* What each member of etcd had under the leader's key. Renewals do not show: by
 * either protocol they leave its value as it is. */
static void lease_in_etcd(struct story *s)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, s->events) {
		const cJSON *view = json_get(json_get(e, "x"), "store");
		const char *leader = json_str(view, "leader", NULL);
		int64_t t = event_t(e);

		if (!event_is(e, "sample") || !view || t > s->first_ack)
			continue;
		s->etcd = true;
		if (t <= s->injected || !leader)
			continue;
		if (!*leader && !s->released)
			s->released = t;
		else if (*leader && !strcmp(leader, s->after) && !s->elected)
			s->elected = t;
	}
}

/* The old primary's pod: a new UID or one more restart after the fault. */
static void restart(struct story *s)
{
	const cJSON *e;
	char uid[64] = "";
	int64_t restarts = -1;

	cJSON_ArrayForEach(e, s->events) {
		const char *u = json_str(e, "uid", "");
		int64_t r = json_i64(e, "restarts", 0);

		if (!event_is(e, "object") || strcmp(json_str(e, "type", ""), "pod") ||
		    strcmp(json_str(e, "name", ""), s->before))
			continue;
		if (event_t(e) > s->injected && event_t(e) <= s->first_ack && !s->restarted && *uid) {
			if (*u && strcmp(u, uid)) {
				s->restarted = event_t(e);
				snprintf(s->restarted_how, sizeof(s->restarted_how), "a new pod %.40s appeared", s->before);
			} else if (r > restarts) {
				s->restarted = event_t(e);
				snprintf(s->restarted_how, sizeof(s->restarted_how),
					 "the kubelet restarted %.40s's container", s->before);
			}
		}
		if (*u)
			mem_copy_str(uid, sizeof(uid), u);
		restarts = r;
	}
}

static void address(struct story *s)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, s->events)
		if (event_is(e, "object") && !strcmp(json_str(e, "type", ""), "pod") && event_t(e) <= s->first_ack &&
		    !strcmp(json_str(e, "name", ""), s->after) && *json_str(e, "ip", ""))
			mem_copy_str(s->ip, sizeof(s->ip), json_str(e, "ip", ""));
}

/* Items are "IP" or "IP POD". */
static bool has_address(const cJSON *e, const char *ip)
{
	size_t len = strlen(ip);
	const cJSON *a;

	cJSON_ArrayForEach(a, json_get(e, "addrs"))
		if (cJSON_IsString(a) && !strncmp(a->valuestring, ip, len) &&
		    (!a->valuestring[len] || a->valuestring[len] == ' '))
			return true;
	return false;
}

static const cJSON *object_before(const struct story *s, const cJSON *of)
{
	const cJSON *e, *last = NULL;

	cJSON_ArrayForEach(e, s->events) {
		if (e == of)
			break;
		if (event_is(e, "object") && !strcmp(json_str(e, "type", ""), "endpoints") &&
		    !strcmp(json_str(e, "name", ""), json_str(of, "name", "")))
			last = e;
	}
	return last;
}

/* When the Service came to lead to the new primary: the first Endpoints
 * object (other than the lease's own, if there is another) that gained its
 * address after the fault. The headless Service of all members is none: it
 * holds several addresses. */
static void routed(const struct story *s, struct milestones *m)
{
	const cJSON *e, *best = NULL, *prev;

	if (s->etcd) {
		m->routed = m->promoted;
		snprintf(m->how_routed, sizeof(m->how_routed),
			 "nothing has to follow: clients ask each member whether it takes writes");
		return;
	}
	cJSON_ArrayForEach(e, s->events) {
		bool is_lease = !strcmp(json_str(e, "name", ""), s->lease);

		if (!*s->ip || !event_is(e, "object") || strcmp(json_str(e, "type", ""), "endpoints") ||
		    event_t(e) <= s->injected || event_t(e) > s->first_ack + AFTER_ACK_MS * NS_PER_MS ||
		    !has_address(e, s->ip) || cJSON_GetArraySize(json_get(e, "addrs")) > 2)
			continue;
		prev = object_before(s, e);
		if (!prev || has_address(prev, s->ip))
			continue;
		if (!best || (!strcmp(json_str(best, "name", ""), s->lease) && !is_lease))
			best = e;
	}
	if (!best)
		return;
	m->routed = event_t(best);
	snprintf(m->how_routed, sizeof(m->how_routed), "the addresses of %.40s came to hold %.39s of %.30s",
		 json_str(best, "name", ""), s->ip, s->after);
}

/* The first answer "I am a writable primary" after the last one of the same
 * member that said or meant otherwise. */
static void promoted(const struct story *s, struct milestones *m)
{
	bool was_not = strcmp(s->after, s->before) != 0;
	const cJSON *e, *first = NULL;

	cJSON_ArrayForEach(e, s->events) {
		if (!event_is(e, "sample") || strcmp(json_str(e, "m", ""), s->after) || event_t(e) <= s->injected ||
		    event_t(e) > s->first_ack + AFTER_ACK_MS * NS_PER_MS)
			continue;
		if (!sample_leads(e) && event_t(e) <= s->first_ack) {
			was_not = true;
			first = NULL;
		} else if (sample_leads(e) && was_not && !first) {
			first = e;
		}
	}
	/* A frozen or cut off primary does not answer and needs no promotion. */
	if (!first || (!strcmp(s->after, s->before) && s->tl_after == s->tl_before))
		return;
	m->promoted = event_t(first);
	snprintf(m->how_promoted, sizeof(m->how_promoted), "first answer of %.40s as a writable primary, timeline %lld",
		 s->after, (long long)s->tl_after);
}

static void detected(const struct story *s, struct milestones *m)
{
	const cJSON *e;

	if (s->released) {
		m->detected = s->released;
		if (s->etcd)
			snprintf(m->how_detected, sizeof(m->how_detected),
				 "a member of etcd answered that the leader's key in etcd is gone");
		else
			snprintf(m->how_detected, sizeof(m->how_detected),
				 "%.60s was seen without a leader: the lease was given up", s->lease);
		return;
	}
	if (strcmp(s->after, s->before)) {
		cJSON_ArrayForEach(e, s->events)
			if (event_is(e, "sample") && event_t(e) > s->injected && event_t(e) <= s->first_ack &&
			    strcmp(json_str(e, "m", ""), s->before) &&
			    json_bool(json_get(e, "x"), "cluster_unlocked", false)) {
				m->detected = event_t(e);
				snprintf(m->how_detected, sizeof(m->how_detected),
					 "first answer of a survivor (%.40s) that the cluster has no leader",
					 json_str(e, "m", ""));
				return;
			}
		if (s->renewed && s->ttl && s->renewed + s->ttl <= s->first_ack) {
			m->detected = s->renewed + s->ttl;
			snprintf(m->how_detected, sizeof(m->how_detected),
				 "the lease was last renewed %.1f s %s the fault and ended %lld s later",
				 in_s(llabs(s->injected - s->renewed)),
				 s->renewed <= s->injected ? "before" : "after", (long long)(s->ttl / NS_PER_S));
		}
		return;
	}
	if (s->restarted) {
		m->detected = s->restarted;
		snprintf(m->how_detected, sizeof(m->how_detected), "%s", s->restarted_how);
	}
}

static void elected(const struct story *s, struct milestones *m)
{
	if (!strcmp(s->after, s->before)) {
		snprintf(m->how_elected, sizeof(m->how_elected), "no election: %.40s kept the lease", s->before);
		return;
	}
	if (!s->elected)
		return;
	m->elected = s->elected;
	snprintf(m->how_elected, sizeof(m->how_elected), "the leader%s in %.40s changed from %.30s to %.30s",
		 s->etcd ? "'s key" : "", s->etcd ? "etcd" : s->lease, s->before, s->after);
}

/* Causes before consequences. An address behind the Service is of use only
 * once the server there is promoted. */
static void in_order(struct milestones *m)
{
	milestone_before(&m->promoted, m->first_ack, m->how_promoted, sizeof(m->how_promoted));
	milestone_before(&m->routed, m->first_ack, m->how_routed, sizeof(m->how_routed));
	if (m->routed && m->routed < m->promoted) {
		size_t len = strlen(m->how_routed);

		snprintf(m->how_routed + len, sizeof(m->how_routed) - len, ", before its promotion");
		m->routed = m->promoted;
	}
	milestone_before(&m->elected, m->promoted, m->how_elected, sizeof(m->how_elected));
	milestone_before(&m->detected, m->elected ? m->elected : m->promoted, m->how_detected, sizeof(m->how_detected));
}

static void say(struct milestones *m, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void say(struct milestones *m, const char *name, const char *fmt, ...)
{
	va_list ap;

	snprintf(m->mechanism, sizeof(m->mechanism), "%s", name);
	va_start(ap, fmt);
	vsnprintf(m->why_mechanism, sizeof(m->why_mechanism), fmt, ap);
	va_end(ap);
}

/* The key goes when the leader deletes it or when its lease runs out, which is
 * not before ttl - loop_wait after the fault. */
static void another_leads_by_etcd(const struct story *s, const struct prediction *p, struct milestones *m)
{
	int64_t gone = s->released ? s->released : s->elected ? s->elected : s->first_ack;
	const struct mechanism *expires = prediction_mechanism(p, "lease expires");

	if (expires && gone - s->injected >= expires->lo_ns - LEASE_SLACK_MS * NS_PER_MS)
		say(m, "lease expires", "%.40s leads instead of %.40s; the leader's key in etcd was there until %.1f s after the fault",
		    s->after, s->before, in_s(gone - s->injected));
	else
		say(m, "lease released", "%.40s leads instead of %.40s; the leader's key in etcd was gone %.1f s after the fault, before its lease could end",
		    s->after, s->before, in_s(gone - s->injected));
}

static void another_leads(const struct story *s, const struct prediction *p, struct milestones *m)
{
	int64_t lapse = s->renewed && s->ttl ? s->renewed + s->ttl : 0;
	int64_t taken = s->elected ? s->elected : s->first_ack;

	if (prediction_has(p, "leader gives up")) {
		say(m, "leader gives up", "%.40s took over from %.40s", s->after, s->before);
	} else if (s->etcd) {
		another_leads_by_etcd(s, p, m);
	} else if (s->released || (lapse && taken < lapse - LEASE_SLACK_MS * NS_PER_MS)) {
		say(m, "lease released", "%.40s leads instead of %.40s%s", s->after, s->before,
		    s->released ? "; the lease had been given up before" :
				  ", and took the lease before it would have expired");
	} else if (lapse) {
		say(m, "lease expires", "%.40s leads instead of %.40s, and took the lease %.1f s after its last renewal (ttl %lld s)",
		    s->after, s->before, in_s(taken - s->renewed),
		    (long long)(s->ttl / NS_PER_S));
	} else {
		say(m, "", "%.40s leads instead of %.40s, but no renewal of the lease was seen", s->after, s->before);
	}
}

/* Whom commits waited for by the primary's own word: its last one before t, or,
 * `after`, its first one from t on. "" nobody, or it did not tell. */
static void synchronous(const struct story *s, int64_t t, bool after, char out[64])
{
	const cJSON *e, *found = NULL;
	const char *name;

	cJSON_ArrayForEach(e, s->events) {
		if (!event_is(e, "sample") || strcmp(json_str(e, "m", ""), s->before) ||
		    !json_get(json_get(e, "x"), "replication") || (after ? event_t(e) < t || found : event_t(e) > t))
			continue;
		found = e;
	}
	name = postgres_sync_standby(json_get(json_get(found, "x"), "replication"));
	mem_copy_str(out, 64, name ? name : "");
}

/* A replica was hit, and commits may have waited for it. */
static void standby(const struct story *s, const cJSON *fault, struct milestones *m)
{
	char was[64], is[64];

	synchronous(s, s->injected, false, was);
	synchronous(s, s->first_ack, true, is);
	if (!*was)
		snprintf(m->why_mechanism, sizeof(m->why_mechanism),
			 "%.40s is still the primary; it told of no synchronous standby", s->before);
	else if (!fault_hits(fault, was))
		snprintf(m->why_mechanism, sizeof(m->why_mechanism),
			 "%.40s is still the primary; its synchronous standby %.40s was not hit", s->before, was);
	else if (!strcmp(was, is))
		say(m, "synchronous standby returns", "%.40s is the synchronous standby of %.40s again", was, s->before);
	else if (*is)
		say(m, "synchronous standby replaced", "%.40s is the synchronous standby of %.40s instead of %.40s", is,
		    s->before, was);
	else
		say(m, "synchronous standby replaced", "%.40s was the synchronous standby of %.40s; commits wait for nobody now",
		    was, s->before);
}

static void same_leads(const struct story *s, const cJSON *fault, const struct prediction *p, struct milestones *m)
{
	if (s->tl_after == s->tl_before && prediction_has(p, "synchronous standby replaced"))
		standby(s, fault, m);
	else if (prediction_has(p, "space returns"))
		say(m, "space returns", "%.40s is still the primary", s->before);
	else if (s->tl_after == s->tl_before)
		say(m, "fault ends", "%.40s is still the primary on timeline %lld: it was never replaced or restarted as one",
		    s->before, (long long)s->tl_after);
	else if (s->restarted)
		say(m, "same member restarts", "%.40s leads again on timeline %lld (before: %lld); %.60s", s->before,
		    (long long)s->tl_after, (long long)s->tl_before, s->restarted_how);
	else if (prediction_has(p, "PostgreSQL restarted in place"))
		say(m, "PostgreSQL restarted in place", "%.40s leads again on timeline %lld (before: %lld), its container was not restarted",
		    s->before, (long long)s->tl_after, (long long)s->tl_before);
	else
		say(m, "same member restarts", "%.40s leads again on timeline %lld (before: %lld)", s->before,
		    (long long)s->tl_after, (long long)s->tl_before);
}

void postgres_explain(const cJSON *events, const cJSON *fault,
		      const struct prediction *pred, struct milestones *m)
{
	struct story s = { .events = events, .first_ack = m->first_ack,
			   .injected = json_i64(fault, "injected_ns", m->effective) };

	if (!m->first_ack || !s.injected)
		return;
	primaries(&s);
	if (!*s.before || !*s.after) {
		snprintf(m->why_mechanism, sizeof(m->why_mechanism),
			 "no answer of a writable primary %s the outage", *s.before ? "after" : "before");
		return;
	}
	lease(&s);
	lease_in_etcd(&s);
	restart(&s);
	address(&s);
	detected(&s, m);
	elected(&s, m);
	promoted(&s, m);
	routed(&s, m);
	in_order(m);
	if (strcmp(s.before, s.after))
		another_leads(&s, pred, m);
	else
		same_leads(&s, fault, pred, m);
}
