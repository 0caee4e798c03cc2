#include "check/gate_faults.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "check/sampled.h"
#include "history/block.h"
#include "scenario/scenario.h"

/* What a run must have seen of its faults for anything to pass: that they were, at
 * all whom they were to hit, and that somebody was there for long enough after. */

/* As much as there has to be before the first one. */
enum { AFTER_MS = 3000, BLIP_MS = 500 };

/* What a member said before a fault, and not longer ago, it was. */
enum { WORD_MS = 1000 };

/* ---- whom they hit ---- */

static const struct fault_record *recorded(const struct evidence *ev, const char *id)
{
	for (size_t i = 0; i < ev->nfaults; i++)
		if (!strcmp(ev->faults[i].id, id))
			return &ev->faults[i];
	return NULL;
}

static bool undone(const struct evidence *ev, const struct step_seen *step,
		   const struct fault_record *f)
{
	bool asked = step->for_ns > 0;

	for (size_t i = 0; i < ev->nsteps; i++)
		asked = asked || (!strcmp(ev->steps[i].step, "heal") && !strcmp(ev->steps[i].id, step->id));
	return !asked || !f->does.lasts || f->healed_ns;
}

/* Whether a pod was there to be hit: it ran, and no earlier fault kept it away. Of one
 * that nobody told of anything it is taken for granted. */
static bool there(const struct evidence *ev, const struct fault_record *f, const char *pod)
{
	const struct pod_seen *last = NULL;

	for (size_t i = 0; i < ev->npods && ev->pods[i].t_ns <= f->injected_ns; i++)
		if (!strcmp(ev->pods[i].name, pod))
			last = &ev->pods[i];
	if (last && (last->gone || last->deleted || (*last->phase && strcmp(last->phase, "Running"))))
		return false;
	return !evidence_out(ev, pod, f->injected_ns - 1);
}

static bool spared(const struct evidence *ev, const struct fault_record *f, const char *pod)
{
	return *pod && !fault_hits(f, pod) && there(ev, f, pod);
}

/* A member that the fault did not hit, though it was there; NULL: there is none. */
static const char *spared_member(const struct evidence *ev, const struct fault_record *f)
{
	for (size_t i = 0; i < ev->nlisted; i++)
		if (spared(ev, f, ev->listed[i]))
			return ev->listed[i];
	for (size_t i = 0; i < ev->nmembers; i++)
		if (spared(ev, f, ev->members[i]))
			return ev->members[i];
	for (size_t i = 0; i < ev->npods && ev->pods[i].t_ns <= f->injected_ns; i++)
		if (brother_of_member(ev, ev->pods[i].name) && spared(ev, f, ev->pods[i].name))
			return ev->pods[i].name;
	return NULL;
}

/* The same of the pods of a node. */
static const char *spared_on(const struct evidence *ev, const struct fault_record *f,
			     const char *node)
{
	for (size_t i = 0; i < ev->npods && ev->pods[i].t_ns <= f->injected_ns; i++) {
		const struct pod_seen *p = &ev->pods[i];

		if (!strcmp(p->node, node) && !strcmp(evidence_node(ev, p->name), node) &&
		    spared(ev, f, p->name))
			return p->name;
	}
	return NULL;
}

static const char *beside_whom(const struct evidence *ev)
{
	for (size_t i = 0; i < ev->ngroups; i++)
		if (*ev->groups[i].member)
			return ev->groups[i].member;
	return "";
}

/* What a member said of itself in its last two answers before t_ns; ROLE_UNKNOWN: they
 * differ, or they are old. */
static enum role by_its_word(const struct evidence *ev, const char *member, int64_t t_ns)
{
	const struct sample *last = evidence_answer(ev, member, t_ns);
	const struct sample *before = last ? evidence_answer(ev, member, last->t_ns - 1) : NULL;

	return before && before->role == last->role && t_ns - before->t_ns <= WORD_MS * NS_PER_MS ?
		       last->role :
		       ROLE_UNKNOWN;
}

/* Whether one that it hit had another role than was asked for: as the run found it when
 * it chose them, or as the member said itself just before. */
static bool role_differs(const struct evidence *ev, const struct fault_record *f, const char *role,
			 char *why, size_t size)
{
	for (size_t i = 0; i < f->ntargets; i++) {
		const struct fault_target *t = &f->targets[i];
		const char *who = *t->member ? t->member : t->node;
		enum role said = by_its_word(ev, t->member, f->injected_ns);

		if (t->role != ROLE_UNKNOWN && strcmp(role_name(t->role), role))
			snprintf(why, size, "the steps ask for a %s, and %s, whom fault %s hit, was a %s", role, who, f->id,
				 role_name(t->role));
		else if (t->role != ROLE_UNKNOWN && said != ROLE_UNKNOWN && said != t->role)
			snprintf(why, size, "the steps ask for a %s, and %s, whom fault %s hit, had just said that it was a %s",
				 role, who, f->id, role_name(said));
		else
			continue;
		return true;
	}
	return false;
}

/* Whether the role is known of each of those that it hit, and in files of today's
 * format, whose steps are the run's own, the one that was asked for. */
static bool roles_fit(const struct evidence *ev, const struct fault_record *f, const char *role,
		      char *why, size_t size)
{
	for (size_t i = 0; i < f->ntargets; i++) {
		const struct fault_target *t = &f->targets[i];

		if (t->role != ROLE_UNKNOWN)
			continue;
		snprintf(why, size, "the steps ask for a %s, and what %s was, whom fault %s hit, nobody knows", role,
			 *t->member ? t->member : t->node, f->id);
		return false;
	}
	return ev->run.format < BLOCKS_FORMAT || !role_differs(ev, f, role, why, size);
}

static bool asks_role(const char *target)
{
	return !strcmp(target, "primary") || !strcmp(target, "replica");
}

static bool hit_whom_it_names(const struct evidence *ev, const char *target,
			      const struct fault_record *f, char *why, size_t size)
{
	const char *node = target_node_name(target), *missed = NULL;
	bool by_role = asks_role(target);

	if (!*target)
		return true; /* older files, and others' */
	if (!strcmp(target, "minority"))
		missed = beside_whom(ev);
	else if (node)
		missed = spared_on(ev, f, node);
	else if (!strcmp(target, "all"))
		missed = spared_member(ev, f);
	else if (strcmp(target, "any") && !by_role)
		missed = target;
	if (!f->ntargets)
		snprintf(why, size, "nothing tells whom fault %s hit", f->id);
	else if (missed && *missed && !fault_hits(f, missed))
		snprintf(why, size, "the steps ask for %s, and fault %s was not seen to hit %s", target, f->id,
			 missed);
	else
		return !by_role || roles_fit(ev, f, target, why, size);
	return false;
}

/* ---- that they stayed in effect ---- */

/* In files of today's format, where samples and faults are of one clock. */

/* So long after it took effect an answer may have been on its way, or the clocks apart. */
enum { LATE_MS = 1000 };

/* Whether `s` is said by the server that said `before`, as far as anything tells: by both
 * their words, or because it answered all along and its pod is the same. */
static bool same_server(const struct evidence *ev, const struct sample *before,
			const struct sample *s, bool all_along)
{
	bool recreated;

	if (sample_tells_process(before) && sample_tells_process(s))
		return !sample_started_anew(before, s);
	return all_along && !sample_tells_process(before) && !sample_tells_process(s) &&
	       !evidence_pod_restarted(ev, s->member, before->t_ns, s->t_ns, &recreated);
}

/* Without a word before, so that from its effect on the server is not what it was. What
 * kills another process than the server leaves that one. */
static bool kills_at_once(const struct fault_record *f)
{
	return (effects_die(&f->does) || fault_does(f, EFFECT_NODE_GONE)) &&
	       f->does.notice == NOTICE_NONE && !f->does.one_by_one &&
	       !f->does.by_its_name;
}

static bool silences(const struct fault_record *f)
{
	return f->silences && f->does.lasts && !f->does.partly;
}

/* What a target said though the fault lets nobody elsewhere hear it, or has ended the
 * process that says it; NULL: nothing. */
static const struct sample *said_nonetheless(const struct evidence *ev,
					     const struct fault_record *f, const char *member)
{
	const struct sample *before = evidence_answer(ev, member, f->injected_ns);
	int64_t from = f->everywhere_ns + f->te_ns + LATE_MS * NS_PER_MS, gone = fault_healing(f);
	bool all_along = true;

	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];

		if (s->beside || strcmp(s->member, member) || s->t_ns < f->injected_ns)
			continue;
		all_along = all_along && s->ok;
		if (!s->ok || sample_asked(s) < from)
			continue;
		if (silences(f) && (!gone || s->t_ns < gone - f->te_ns))
			return s;
		if (before && kills_at_once(f) && same_server(ev, before, s, all_along))
			return s;
	}
	return NULL;
}

static bool stayed(const struct evidence *ev, const struct fault_record *f, char *why, size_t size)
{
	bool today = ev->run.format >= BLOCKS_FORMAT;

	for (size_t i = 0; i < f->ntargets && today; i++) {
		const char *member = f->targets[i].member;
		const struct sample *s = *member ? said_nonetheless(ev, f, member) : NULL;

		if (!s)
			continue;
		snprintf(why, size, silences(f) ? "%s answered %.1f s after fault %s took effect, which lets nobody elsewhere hear it: "
			 "it was not in effect there then, or the clients stand on that side of it" :
			 "%s answered %.1f s after fault %s took effect, and as the process that it had killed: it did not take effect "
			 "there", member, in_s(s->t_ns - f->everywhere_ns), f->id);
		return false;
	}
	return true;
}

/* The steps of today's files are the run's own, all of them. */
static bool steps_told(const struct evidence *ev, char *why, size_t size)
{
	if (ev->run.format < BLOCKS_FORMAT)
		return true;
	for (size_t i = 0; i < ev->nfaults; i++) {
		const struct fault_record *f = &ev->faults[i];
		bool asked = false;

		for (size_t k = 0; k < ev->nsteps; k++)
			asked = asked || (!strcmp(ev->steps[k].step, "fault") && !strcmp(ev->steps[k].id, f->id));
		if (asked)
			continue;
		snprintf(why, size, "fault %s is told, and the scenario's steps do not ask for it", f->id);
		return false;
	}
	return true;
}

/* ---- that they were those that were asked for ---- */

/* So much earlier may one seem to be undone by how times are rounded and told. */
enum { EARLY_MS = 1000 };

static bool same_way(const struct step_seen *step, const struct fault_record *f, char *why,
		     size_t size)
{
	struct word_seen x;

	if (!fault_other_word(step, f, &x))
		return true;
	if (!x.was)
		snprintf(why, size, "nothing tells with what words fault %s was made", f->id);
	else
		snprintf(why, size, "the steps ask for %.40s: %.60s, and fault %s had %.40s: %.60s", x.word, x.asked, f->id,
			 x.word, x.was);
	return false;
}

/* How long it was to last at the least: until a heal step, so long as the steady load
 * before that; 0: the steps do not say. */
static int64_t to_last(const struct evidence *ev, const struct step_seen *step)
{
	int64_t steady = 0;

	if (step->for_ns > 0)
		return step->for_ns;
	for (const struct step_seen *s = step + 1; s < ev->steps + ev->nsteps; s++) {
		if (!strcmp(s->step, "heal") && !strcmp(s->id, step->id))
			return steady;
		steady += !strcmp(s->step, "steady") ? s->steady_ns : 0;
	}
	return 0;
}

static bool lasted(const struct evidence *ev, const struct step_seen *step,
		   const struct fault_record *f, char *why, size_t size)
{
	int64_t asked = to_last(ev, step), was = fault_healing(f) - f->injected_ns;

	if (!f->does.lasts || !f->healed_ns || was + 2 * f->te_ns + EARLY_MS * NS_PER_MS >= asked)
		return true;
	snprintf(why, size, "fault %s was undone %.1f s after it was injected, and the steps ask for %.1f s", f->id,
		 in_s(was), in_s(asked));
	return false;
}

/* In files of today's format, whose steps are the run's own. */
static bool as_asked(const struct evidence *ev, const struct step_seen *step,
		     const struct fault_record *f, char *why, size_t size)
{
	if (ev->run.format < BLOCKS_FORMAT)
		return true;
	if (*step->fault && strcmp(step->fault, f->name))
		snprintf(why, size, "the steps ask for %s, and fault %s was %.60s", step->fault, f->id, f->name);
	else if (!*step->target)
		snprintf(why, size, "the steps do not tell whom fault %s was to hit", f->id);
	else
		return same_way(step, f, why, size) && lasted(ev, step, f, why, size);
	return false;
}

bool faults_were(const struct evidence *ev, char *why, size_t size)
{
	if (!steps_told(ev, why, size))
		return false;
	for (size_t i = 0; i < ev->nsteps; i++) {
		const struct step_seen *step = &ev->steps[i];
		const char *id = step->id;
		const struct fault_record *f;

		if (strcmp(step->step, "fault"))
			continue;
		f = recorded(ev, id);
		if (!f || !f->injected_ns)
			snprintf(why, size, "the steps ask for fault %s, and it was never injected: nothing was "
				 "put to the test", id);
		else if (!f->injecting && ev->run.format >= BLOCKS_FORMAT)
			snprintf(why, size, "nothing tells when fault %s was injected", id);
		else if (!f->bites)
			snprintf(why, size, "fault %s was not seen to take effect at every target", id);
		else if (f->unproven && ev->run.format >= BLOCKS_FORMAT)
			snprintf(why, size, "fault %s is said to have taken effect, and by what that shows is not told", id);
		else if (!undone(ev, step, f))
			snprintf(why, size, "fault %s was never seen undone, though the steps say so", id);
		else if (as_asked(ev, step, f, why, size) &&
			 hit_whom_it_names(ev, step->target, f, why, size) &&
			 stayed(ev, f, why, size))
			continue;
		return false;
	}
	return true;
}

bool faults_odd(const struct evidence *ev, char *why, size_t size)
{
	for (size_t i = 0; i < ev->nsteps; i++) {
		const char *target = ev->steps[i].target;
		const struct fault_record *f = recorded(ev, ev->steps[i].id);

		if (f && asks_role(target) && role_differs(ev, f, target, why, size))
			return true;
	}
	return false;
}

/* ---- and after them ---- */

/* What it does to writes happened, and is over. A blip is not it: connections that a
 * cut breaks are made again before anybody takes over. */
static bool came_and_went(const struct fault_seen *f)
{
	const struct outage *o = &f->outage;

	return o->any && o->ended && !o->running &&
	       (*o->m.mechanism || o->hi_ns >= f->predicted.lo_ns ||
		o->hi_ns >= BLIP_MS * NS_PER_MS);
}

/* Of what may come late: as long as the rules foresee it. */
static int64_t foreseen(enum expect_metric metric, const struct fault_seen *f)
{
	bool late = metric == EXPECT_OUTAGE || metric == EXPECT_DOWNTIME ||
		    metric == EXPECT_RECOVERY || metric == EXPECT_DUAL_PRIMARY;

	return late && f->predicted.known && !came_and_went(f) ? f->predicted.hi_ns : 0;
}

bool watched_on(const struct judging *j, enum expect_metric metric, const struct fault_seen *f,
		char *why, size_t size)
{
	int64_t least = foreseen(metric, f),
		from = f->rec->effective_ns ? f->rec->effective_ns : f->rec->injected_ns;
	double most;

	/* Of a length, what comes after the limit does not matter. */
	if (metric != EXPECT_DUAL_PRIMARY && judging_most(j, &most) && most < (double)least)
		least = json_whole(most);
	if (least < AFTER_MS * NS_PER_MS)
		least = AFTER_MS * NS_PER_MS;
	/* Or it fell apart, and all of it was whole again: then it is over. */
	if (j->m->end_ns - from >= least || f->redundant_ns > 0)
		return true;
	if (j->m->end_ns <= from)
		snprintf(why, size, "the load had ended when fault %s took effect", f->rec->id);
	else
		snprintf(why, size, "the load ended %.1f s after fault %s, and what it does may show for %.1f s: what "
			 "came then was not seen", in_s(j->m->end_ns - from), f->rec->id, in_s(least));
	return false;
}
