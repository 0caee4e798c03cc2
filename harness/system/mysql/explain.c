#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/handover.h"
#include "system/mysql/log.h"
#include "system/mysql/model.h"
#include "system/prediction.h"

/* The parts of one outage, from four witnesses: the sampler (each member asked every
 * 100 ms), what the runbook's controller and the agents say that they did, mysqld's error
 * log, and the addresses behind the Service. */

struct story {
	const struct evidence *ev;
	const struct fault_record *fault;
	int64_t injected, first_ack;
	int64_t seen_until;          /* what caused it may be seen a little later */
	const struct sample *before, *after; /* answers of the primaries */
	const char *old;             /* the first of them */
	bool group, moved;
	const char *ip;              /* of `after`; "" unknown */
	int64_t suspected;           /* the first look at it that failed; a group's suspicion */
	const struct sample
		*minority; /* the first answer of the one that stayed that it sees no majority */
	int64_t restarted;           /* the old primary's pod, container or process was new */
	char restarted_how[WHY_BYTES];
};

/* Two may lead at once: in a group the one in the newer view; else one that was not hit. */
static int64_t by_view(const void *arg, const struct sample *s)
{
	const struct story *story = arg;

	return s->timeline >= 0 ? s->timeline + 1 : !fault_hits(story->fault, s->member);
}

static bool primaries(struct story *s, struct milestones *m)
{
	if (!handover_primaries(s->ev, s->injected, m, by_view, s, &s->before, &s->after))
		return false;
	s->old = s->before->member;
	s->moved = strcmp(s->old, s->after->member) != 0;
	s->group = json_get(s->before->extra, "group") != NULL;
	s->ip = evidence_address(s->ev, s->after->member, s->first_ack);
	return true;
}

static void restart(struct story *s)
{
	const char *who = s->before->member;
	const struct sample *again;

	if (handover_restarted(s->ev, who, s->injected, s->first_ack, &s->restarted,
			       s->restarted_how))
		return;
	again = evidence_new_process(s->ev, who, s->injected, s->seen_until);
	if (again)
		milestone_tell(&s->restarted, s->restarted_how, again->t_ns, "first answer of the new process of %s", who);
}

static void minority(struct story *s)
{
	for (size_t i = 0; s->group && !s->minority && i < s->ev->nsamples; i++) {
		const struct sample *x = &s->ev->samples[i];

		if (!x->beside && x->t_ns > s->injected && x->t_ns <= s->first_ack &&
		    !strcmp(x->member, s->old) && json_get(x->extra, "group") &&
		    !json_bool(json_get(x->extra, "group"), "majority", true))
			s->minority = x;
	}
}

/* ---- the runbook and the agents ---- */

/* What the controller (`by` NULL: anyone) said since the fault. */
static bool told(const struct story *s, const char *by, const char *event, const char *key,
		 const char *text, struct my_told *out)
{
	return my_log_told(s->ev, by, event, key, text, s->injected, s->first_ack + NS_PER_S, out);
}

static bool tell(const struct story *s, const char *event, const char *key, const char *text,
		 int64_t *at, char *how, const char *what)
{
	struct my_told t;

	if (!told(s, NULL, event, key, text, &t))
		return false;
	milestone_tell(at, how, t.t_ns, "log of %s: %s", t.by, what);
	my_told_free(&t);
	return true;
}

/* How fencing went, which decides most of a runbook's length. */
static void add_fence(const struct story *s, char *how)
{
	struct my_told t;

	if (told(s, NULL, "fenced", "member", s->before->member, &t)) {
		why_add(how, "; %s was fenced (%s) in %.1f s", s->before->member, json_str(t.o, "how", "?"),
			json_num(t.o, "took", 0));
		my_told_free(&t);
	} else if (told(s, NULL, "unfenced", "member", s->before->member, &t)) {
		why_add(how, "; %s could not be fenced", s->before->member);
		my_told_free(&t);
	}
}

/* ---- the error log ---- */

static bool logged(const struct story *s, const char *member, const char *code, int64_t *at,
		   char *how, const char *what)
{
	struct log_line line;

	if (!my_log_code(s->ev, member, code, s->injected, s->first_ack + NS_PER_S, &line))
		return false;
	milestone_tell(at, how, line.t_ns, "error log of %s: %s (%s)", line.member, what, code);
	return true;
}

/* ---- the parts ---- */

/* A survivor's first answer that some member is out of its reach. */
static const struct sample *unreachable(const struct story *s)
{
	for (size_t i = 0; i < s->ev->nsamples && s->ev->samples[i].t_ns <= s->first_ack; i++) {
		const struct sample *x = &s->ev->samples[i];
		const cJSON *state;

		if (x->beside || x->t_ns <= s->injected || !strcmp(x->member, s->old))
			continue;
		cJSON_ArrayForEach(state, json_path(x->extra, "group.members"))
			if (cJSON_IsString(state) && !strcmp(state->valuestring, "UNREACHABLE"))
				return x;
	}
	return NULL;
}

/* The suspicion is in the log with its instant, unless the log was cut; then the sampler has
 * it. Who leaves is not suspected. */
static void detected_by_group(struct story *s, struct milestones *m)
{
	const struct sample *seen = unreachable(s);
	char *how = m->how_detected;

	if (logged(s, s->after->member, "MY-011493", &m->detected, how, "a member has become unreachable"))
		s->suspected = m->detected;
	else if (seen)
		milestone_tell(&s->suspected, how, seen->t_ns, "first answer of %s that a member is unreachable", seen->member);
	else
		logged(s, s->after->member, "MY-011499", &m->detected, how, "members were removed from the group");
	if (s->suspected)
		m->detected = s->suspected;
}

/* No look failed of a primary that came back with less than others have. */
static void detected_by_controller(struct story *s, const struct my_told *t, struct milestones *m)
{
	double after = json_num(t->o, "after", 0);

	if (after > 0)
		milestone_tell(&m->detected, m->how_detected, t->t_ns, "log of %s: every look failed for %.1f s", t->by, after);
	else
		milestone_tell(&m->detected, m->how_detected, t->t_ns, "log of %s: %.300s", t->by,
			       json_str(t->o, "error", "?"));
	s->suspected = after > 0 ? t->t_ns - json_whole(after * 1e9) : 0;
}

static void detected(struct story *s, struct milestones *m)
{
	char *how = m->how_detected;
	struct my_told t;

	if (s->group && s->moved) {
		detected_by_group(s, m);
	} else if (told(s, NULL, "detected", "member", s->before->member, &t)) {
		detected_by_controller(s, &t, m);
		my_told_free(&t);
	} else if (!s->moved && s->restarted) {
		milestone_tell(&m->detected, how, s->restarted, "%s", s->restarted_how);
	} else if (!s->moved && s->minority) {
		milestone_tell(&m->detected, how, s->minority->t_ns, "first answer of %s that it sees no majority", s->old);
	}
}

static void elected(const struct story *s, struct milestones *m)
{
	const char *who = s->after->member;

	if (!s->moved) {
		why_say(m->how_elected, "no election: %s stayed the primary", who);
	} else if (s->group) {
		if (!logged(s, who, "MY-011507", &m->elected, m->how_elected, "a new primary was elected"))
			logged(s, who, "MY-011500", &m->elected, m->how_elected, "the primary left, another is elected");
	} else if (tell(s, "candidate", "member", who, &m->elected, m->how_elected, "it has the largest set of GTIDs")) {
		add_fence(s, m->how_elected);
	}
}

static void promoted(const struct story *s, struct milestones *m)
{
	const char *who = s->after->member;
	const struct sample *first;

	if (s->group && s->moved && logged(s, who, "MY-011510", &m->promoted, m->how_promoted, "it is the primary"))
		return;
	if (tell(s, "promoted", "member", who, &m->promoted, m->how_promoted, "promoted") ||
	    (!s->moved && (tell(s, "opened", "member", who, &m->promoted, m->how_promoted, "it takes writes again") ||
			   tell(s, "opened", "who", who, &m->promoted, m->how_promoted, "it takes writes again"))))
		return;
	first = handover_lead(s->ev, who, s->moved, s->injected, s->first_ack, s->seen_until);
	if (first && (s->moved || s->restarted || s->minority))
		milestone_tell(&m->promoted, m->how_promoted, first->t_ns, "first answer of %s as a writable primary", who);
}

/* Of the primary's Service alone: one that ever had two addresses at once is of all. */
static bool of_primary(const struct evidence *ev, const char *name)
{
	size_t most = 0;

	for (size_t i = 0; i < ev->nendpoints; i++)
		if (!strcmp(ev->endpoints[i].name, name) && ev->endpoints[i].naddrs > most)
			most = ev->endpoints[i].naddrs;
	return most == 1;
}

static void routed(const struct story *s, struct milestones *m)
{
	const struct evidence *ev = s->ev;

	if (s->group) {
		milestone_tell(&m->routed, m->how_routed, m->promoted,
			       "nothing has to follow: clients ask the members who is primary");
		return;
	}
	for (size_t i = 0; i < ev->nendpoints && !m->routed; i++) {
		const struct endpoints_seen *e = &ev->endpoints[i];

		if (e->t_ns > s->injected && e->t_ns <= s->seen_until &&
		    evidence_gained(ev, i, s->ip) && of_primary(ev, e->name))
			handover_routed(m, e, s->ip, s->after->member);
	}
	if (!m->routed)
		tell(s, "labelled", "member", s->after->member, &m->routed, m->how_routed, "labelled, the Service selects it");
}

/* ---- what ended it ---- */

static void group_elected(const struct story *s, struct milestones *m)
{
	mechanism_tell(m, "group elects", "%s leads instead of %s, in view %s of the group", s->after->member,
		       s->before->member, json_str(json_get(s->after->extra, "group"), "view", "?"));
	if (s->suspected)
		mysql_count_from(s->ev, s->fault, s->suspected, &m->window);
}

/* It may choose the one that was there before, when that has most. */
static bool by_runbook(const struct story *s, struct milestones *m)
{
	struct my_told t;

	if (!told(s, NULL, "promoted", "member", s->after->member, &t))
		return false;
	mechanism_tell(m, "replica promoted", "the runbook promoted %s%s, epoch %lld", s->after->member,
		       s->moved ? "" : ", which was the primary before", (long long)json_i64(t.o, "epoch", 0));
	my_told_free(&t);
	if (s->suspected)
		mysql_count_from(s->ev, s->fault, s->suspected, &m->window);
	return true;
}

/* By whoever has all, when nobody was in it any more. */
static bool anew(const struct story *s, struct milestones *m)
{
	struct my_told t;

	if (!s->group || !told(s, s->after->member, "bootstrapped", NULL, NULL, &t))
		return false;
	mechanism_tell(m, "group started anew", "%s started the group anew%s", s->after->member,
		       s->moved ? "" : ", of which it was the primary before");
	my_told_free(&t);
	return true;
}

/* Nobody suspected who leads no more: no survivor's answer tells of it, and the log of who leads
 * now would. */
static bool unsuspected(const struct story *s, const struct prediction *p, struct milestones *m)
{
	const char *after = s->after->member;

	if (s->suspected || !prediction_has(p, "primary leaves"))
		return false;
	if (prediction_has(p, "group elects") && !handover_log_whole(s->ev, my_log_stamp, after, s->injected))
		mechanism_tell(m, "", "%s leads instead of %s; whether that one was suspected before nothing tells: the log of %s does not reach back",
			       after, s->old, after);
	else
		mechanism_tell(m, "primary leaves", "%s leads instead of %s, which nobody suspected before: it left", after,
			       s->old);
	return true;
}

static void another_leads(const struct story *s, const struct prediction *p, struct milestones *m)
{
	const char *before = s->old, *after = s->after->member;

	if (!s->group) {
		if (!by_runbook(s, m))
			mechanism_tell(m, "replica promoted", "%s leads instead of %s", after, before);
		return;
	}
	if (!unsuspected(s, p, m))
		group_elected(s, m);
}

static void no_majority(const struct story *s, struct milestones *m)
{
	struct my_told t;

	mechanism_tell(m, "majority returns", "%s saw no majority of the group for %.1f s", s->old,
		       in_s(s->first_ack - s->minority->t_ns));
	if (told(s, s->old, "forcing", NULL, NULL, &t)) {
		why_add(m->why_mechanism, "; it was forced to go on without the others, %.1f s before",
			in_s(s->first_ack - t.t_ns));
		my_told_free(&t);
	}
}

/* How the old primary's wait for acknowledgements ended, when a replica was hit. */
static void of_replica(const struct story *s, const struct prediction *p, struct milestones *m)
{
	const char *who = s->before->member;
	struct log_line line;

	if (prediction_has(p, "semi-sync falls back") &&
	    my_log_code(s->ev, who, "MY-011155", s->injected, s->seen_until, &line))
		mechanism_tell(m, "semi-sync falls back", "error log of %s: semi-synchronous replication was switched off %.1f s after the fault (MY-011155)",
			       who, in_s(line.t_ns - s->injected));
	else if (s->minority)
		no_majority(s, m);
	else if (p->n)
		mechanism_tell(m, p->mech[0].name, "%s is still the primary", who);
}

static bool gone_by(const struct evidence *ev, const char *pod, int64_t t_ns)
{
	bool gone = false;

	for (size_t i = 0; i < ev->npods && ev->pods[i].t_ns <= t_ns; i++)
		if (!strcmp(ev->pods[i].name, pod))
			gone = ev->pods[i].gone;
	return gone;
}

/* The runbook may have promoted the one that was there before, which its controllers' logs
 * would tell: whose does not reach back; NULL: all do. */
static const char *runbook_unheard(const struct story *s)
{
	const struct evidence *ev = s->ev;
	bool any = false;

	for (size_t i = 0; i < ev->npods; i++) {
		const struct pod_seen *p = &ev->pods[i];

		if (my_log_of_controller(p->name) && p->t_ns <= s->first_ack &&
		    !gone_by(ev, p->name, s->injected) &&
		    !handover_log_whole(ev, my_log_stamp, p->name, s->injected))
			return p->name;
	}
	for (size_t i = 0; i < ev->nlogs && !any; i++)
		any = my_log_of_controller(ev->logs[i].member);
	return any ? NULL : "the runbook's controller";
}

static void same_leads(const struct story *s, const struct prediction *p, struct milestones *m)
{
	const char *unheard = prediction_has(p, "replica promoted") ? runbook_unheard(s) : NULL;
	const char *who = s->before->member;
	const char *role = fault_role(s->fault);
	bool over =
		s->fault->does.lasts && s->fault->healed_ns && s->fault->healed_ns <= s->seen_until;

	if (by_runbook(s, m))
		return;
	if (!strcmp(role, "replica"))
		of_replica(s, p, m);
	else if (unheard)
		mechanism_tell(m, "", "%s is the primary again, and whether the runbook promoted it nothing tells: the log of %s does not reach back",
			       who, unheard);
	else if (s->restarted && !(over && !prediction_has(p, "same member restarts")))
		mechanism_tell(m, "same member restarts", "%s leads again; %s", who, s->restarted_how);
	else
		mechanism_tell(m, over ? "fault ends" : "", "%s is still the primary", who);
}

void mysql_explain(const struct evidence *ev, const struct fault_record *fault,
		   const struct prediction *pred, struct milestones *m)
{
	struct story s = {.ev = ev,
			  .fault = fault,
			  .injected = fault->injected_ns,
			  .first_ack = m->first_ack,
			  .seen_until = m->first_ack + AFTER_ACK_MS * NS_PER_MS};

	if (!m->first_ack || !s.injected || !primaries(&s, m))
		return;
	restart(&s);
	minority(&s);
	detected(&s, m);
	elected(&s, m);
	promoted(&s, m);
	routed(&s, m);
	milestones_in_order(m);
	if (anew(&s, m))
		return;
	if (s.moved)
		another_leads(&s, pred, m);
	else
		same_leads(&s, pred, m);
}
