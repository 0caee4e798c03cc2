#include "measure/loss_cause.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "system/why.h"

/* Why an acknowledged write is not there, from evidence only. The system's
 * own hook is asked first. Then, in this order:
 *
 *  minority side   its client stood on a node that a partition had cut off at
 *                  the time, or the member that acknowledged it was cut off or
 *                  had been replaced: another had been primary since, at a
 *                  higher timeline.
 *  not replicated  another member became primary afterwards, and nothing shows
 *                  that it had the write: had it told, as a replica, a log
 *                  position at which the old primary stood after acknowledging,
 *                  the write had reached it.
 *  lost on restart the member that acknowledged it was started anew, and was
 *                  primary again before any other.
 *                  Of the last two: where the fault took that member's volume, it
 *                  is said.
 *  evicted         none of these, and the system says that it evicted keys:
 *                  loss_evicted.c sees to it that they are not too many.
 *
 * Who acknowledged is told by the answer's address, else by who was primary
 * then. Shards have primaries of their own. What remains is unknown. */

enum { SETTLED_MS = 2000 }; /* the first answer of a new primary may come so long after it served */

/* Had the partition cut this member or this node off at t? */
static bool cut_off(const struct fault_record *f, const char *member, const char *node, int64_t t)
{
	return f && fault_does(f, EFFECT_CUT_OFF) && fault_on(f, t) &&
	       ((*member && fault_hits(f, member)) || fault_hits_node(f, node));
}

static bool on_minority_side(const struct evidence *ev, const struct op *op, const char *by,
			     const struct fault_record *f, struct lost_write *w)
{
	const struct group_seen *group = evidence_group(ev, op->group);
	const char *node = group ? group->node : "";
	const struct sample *other, *mine;

	if (*node && cut_off(f, "", node, op_promised_ns(op))) {
		why_say(w->how, "its client stood on %s, which was cut off", node);
		return true;
	}
	if (cut_off(f, by, "", op_promised_ns(op))) {
		why_say(w->how, "%s acknowledged it while it was cut off", by);
		return true;
	}
	other = evidence_leader(ev, op->shard, op->t_invoke);
	mine = *by ? evidence_answer(ev, by, op_promised_ns(op)) : NULL;
	if (!*by || !other || !strcmp(other->member, by) || other->timeline < 0 ||
	    (mine && mine->timeline >= other->timeline))
		return false;
	why_say(w->how, "%s acknowledged it, but %s was primary of timeline %lld", by, other->member,
		(long long)other->timeline);
	return true;
}

/* Did the later primary, while it was a replica, tell a position that the old one
 * only had after the write? Then the write had reached it. A position on an
 * older timeline than the write's says nothing: the two logs have parted. */
static bool had_it(const struct evidence *ev, const char *by, const struct sample *next, int64_t t)
{
	int64_t after = -1, timeline = -1, followed = -1;

	for (size_t i = 0; i < ev->nsamples && after < 0; i++) {
		const struct sample *a = &ev->samples[i];

		if (a->t_ns >= t + SETTLED_MS * NS_PER_MS)
			break;
		if (a->t_ns > t && sample_leads(a) && !strcmp(a->member, by)) {
			after = a->position;
			timeline = a->timeline;
		}
	}
	for (size_t i = 0; after >= 0 && i < ev->nsamples && ev->samples[i].t_ns < next->t_ns;
	     i++) {
		const struct sample *a = &ev->samples[i];

		if (!a->ok || a->role != ROLE_REPLICA || strcmp(a->member, next->member))
			continue;
		/* The highest that it ever told: without a sender it may tell less. */
		followed = a->timeline > followed ? a->timeline : followed;
		if (a->t_ns > t && a->position >= after && (followed < 0 || followed >= timeline))
			return true;
	}
	return false;
}

/* When a new server of this member showed first after `from_ns`; 0: never. */
static int64_t restarted_at(const struct evidence *ev, const char *m, int64_t from_ns)
{
	const struct sample *s = evidence_new_process(ev, m, from_ns, INT64_MAX);
	bool recreated;
	const struct pod_seen *p = evidence_pod_restarted(ev, m, from_ns, INT64_MAX, &recreated);

	if (p && (!s || p->t_ns <= s->t_ns))
		return p->t_ns;
	return s ? s->t_ns : 0;
}

/* Whether the fault took what this member had. */
static bool emptied(const struct fault_record *f, const char *member)
{
	return f && fault_does(f, EFFECT_STORAGE_EMPTY) && fault_hits(f, member);
}

/* What came after the fault began, or, without one, after the write. */
static void by_who_came_after(const struct evidence *ev, const struct op *op, const char *by,
			      const struct fault_record *f, struct lost_write *w)
{
	int64_t acked = op_promised_ns(op);
	int64_t from = f && f->injected_ns > acked ? f->injected_ns : acked;
	const struct sample *other = evidence_next_leader(ev, op->shard, from, by), *again;
	int64_t anew = restarted_at(ev, by, op_promised_ns(op));

	again = anew ? evidence_next_leader(ev, op->shard, anew - 1, NULL) : NULL;
	if (again && !strcmp(again->member, by) && (!other || again->t_ns < other->t_ns)) {
		w->cause = LOSS_RESTART;
		why_say(w->how, "%s was started anew%s after acknowledging it, and led on", by,
			emptied(f, by) ? ", on an empty volume," : "");
	} else if (other && !had_it(ev, by, other, op_promised_ns(op))) {
		w->cause = LOSS_NOT_REPLICATED;
		why_say(w->how, "%s acknowledged it%s, and %s became primary without it", by,
			emptied(f, by) ? " and lost its volume" : "", other->member);
	}
}

void loss_cause_find(const struct evidence *ev, const struct model_ops *model, const struct op *op,
		     const struct fault_record *f, struct lost_write *w)
{
	const struct sample *then = evidence_leader(ev, op->shard, op_promised_ns(op));
	const struct group_seen *group = evidence_group(ev, op->group);
	const char *by = evidence_member_at(ev, op->via, op_promised_ns(op));

	if (!*by && op->group)
		by = group ? group->member : "";
	else if (!*by && then)
		by = then->member;
	if (model && model->loss_cause)
		w->cause = model->loss_cause(ev, op, f, w->how);
	if (w->cause)
		return;
	if (on_minority_side(ev, op, by, f, w))
		w->cause = LOSS_MINORITY;
	else if (*by)
		by_who_came_after(ev, op, by, f, w);
}
