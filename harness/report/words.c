#include <string.h>

#include "report/story.h"
#include "report/text.h"

/* What faults and outages are called, wherever they are told of. */

size_t outage_parts(const struct outage *o, struct outage_part out[OUTAGE_PARTS_MAX])
{
	const struct milestones *m = &o->m;
	const struct {
		const char *key, *label;
		int64_t t_ns;
		const char *how;
	} all[OUTAGE_PARTS_MAX] = {
		{"detected", "until the failure was detected", m->detected, m->how_detected},
		{"elected", "until a successor was chosen", m->elected, m->how_elected},
		{"promoted", "until it was promoted", m->promoted, m->how_promoted},
		{"routed", "until clients were routed to it", m->routed, m->how_routed},
		{"first_ack", "until the first acknowledged write", m->first_ack, ""},
		{"baseline", "until p99 latency was back to normal", m->baseline, ""},
	};
	int64_t before = 0;
	bool more = false;
	size_t n = 0;

	if (!o->any || !m->effective)
		return 0;
	for (size_t i = 0; i < OUTAGE_PARTS_MAX; i++) {
		int64_t at = all[i].t_ns - m->effective;

		if (!all[i].t_ns) {
			more = true;
			continue;
		}
		/* Two clocks can disagree by their error: no piece is negative. */
		if (at < before)
			at = before;
		out[n++] = (struct outage_part){all[i].key, all[i].label, at, at - before,
						all[i].how, more};
		before = at;
		more = false;
	}
	return n;
}

/* What became of the victim: words that follow its name; NULL: none known. */
static const char *became(const struct effects *e)
{
	static const char *const deleted[] = {
		[NOTICE_NONE] = " was killed", [NOTICE_SHORT] = "'s pod was deleted by force",
		[NOTICE_FULL] = "'s pod was deleted gracefully",
	};

	if (e->one_by_one && e->what & EFFECT_POD_RECREATED)
		return "'s pod was restarted by its controller";
	if ((e->what & EFFECT_POD_RECREATED) && (e->what & EFFECT_STORAGE_EMPTY))
		return " lost its pod and its volume";
	if (e->what & EFFECT_POD_RECREATED)
		return deleted[e->notice];
	if (e->what & EFFECT_PROCESS_DIES)
		return e->whole_container ? "'s first process was killed" : "'s server process was killed";
	if (e->what & EFFECT_SILENT)
		return " was frozen";
	if (e->what & EFFECT_CUT_OFF)
		return e->inbound && e->outbound ? "'s node was cut off" :
		       e->inbound ? "'s node was cut off, inbound only" :
				    "'s node was cut off, outbound only";
	if (e->what & EFFECT_NODE_GONE)
		return "'s node was stopped";
	if (e->what & EFFECT_STORAGE_REFUSES)
		return "'s disk was filled";
	return NULL;
}

/* How many nodes its targets are on. */
static size_t nodes_hit(const struct fault_record *f)
{
	size_t n = 0, k;

	for (size_t i = 0; i < f->ntargets; i++) {
		for (k = 0; k < i && strcmp(f->targets[k].node, f->targets[i].node); k++)
			;
		n += k == i && *f->targets[i].node;
	}
	return n;
}

/* What became of several: words around their number. */
struct many {
	const char *before, *after; /* NULL: none known */
};

static struct many became_many(const struct effects *e)
{
	static const char *const deleted[] = {
		[NOTICE_NONE] = " pods were killed", [NOTICE_SHORT] = " pods were deleted by force",
		[NOTICE_FULL] = " pods were deleted gracefully",
	};

	if (e->one_by_one && e->what & EFFECT_POD_RECREATED)
		return (struct many){"", " pods were restarted one by one"};
	if ((e->what & EFFECT_POD_RECREATED) && (e->what & EFFECT_STORAGE_EMPTY))
		return (struct many){"", " pods were lost with their volumes"};
	if (e->what & EFFECT_POD_RECREATED)
		return (struct many){"", deleted[e->notice]};
	if (e->what & EFFECT_PROCESS_DIES)
		return (struct many){e->whole_container ? "the first processes of " : "the server processes of ",
				     " pods were killed"};
	if (e->what & EFFECT_SILENT)
		return (struct many){"", " pods were frozen"};
	if (e->what & EFFECT_CUT_OFF)
		return (struct many){"", e->inbound && e->outbound ? " nodes were cut off" :
					 e->inbound ? " nodes were cut off, inbound only" :
						      " nodes were cut off, outbound only"};
	if (e->what & EFFECT_NODE_GONE)
		return (struct many){"", " nodes were stopped"};
	if (e->what & EFFECT_STORAGE_REFUSES)
		return (struct many){"the disks of ", " pods were filled"};
	return (struct many){NULL, NULL};
}

/* NULL: it hit one thing, or nobody knows what it does. */
static const char *fault_on_many(struct arena *a, const struct fault_record *f)
{
	bool nodes = fault_does(f, EFFECT_CUT_OFF | EFFECT_NODE_GONE);
	struct many words = became_many(&f->does);
	size_t n = nodes ? nodes_hit(f) : f->ntargets;

	if (!words.after || n < 2)
		return NULL;
	return arena_fmt(a, "%s%zu%s%s", words.before, n, words.after,
			 strcmp(fault_role(f), "primary") ? "" :
			 nodes ? ", the primary's among them" : ", the primary among them");
}

const char *story_fault(struct arena *a, const struct fault_seen *f)
{
	const char *many = fault_on_many(a, f->rec);
	const char *role = f->rec->ntargets > 1 ? fault_role(f->rec) : strcmp(f->rec->role, "unknown") ? f->rec->role : "";
	const char *victim = *role ? role : f->rec->target[0] ? f->rec->target : "system";
	const char *the = !strcmp(victim, f->rec->target) && strcmp(victim, role) ? "" : "the ";

	if (many)
		return many;
	if (!strcmp(victim, "replica"))
		the = "a ";
	if (became(&f->rec->does))
		return arena_fmt(a, "%s%s%s", the, victim, became(&f->rec->does));
	return arena_fmt(a, "%s hit %s%s", f->rec->name, the, victim);
}

const char *story_fault_kind(struct arena *a, const struct fault_seen *f)
{
	return arena_fmt(a, "%s%s%s", f->rec->name, f->rec->how[0] ? ", " : "", f->rec->how);
}

const char *story_target(struct arena *a, const struct fault_seen *f)
{
	bool role = f->rec->role[0] && strcmp(f->rec->role, "unknown");

	if (f->rec->ntargets > 1)
		return f->rec->target;

	return arena_fmt(a, "%s%s%s%s%s%s", f->rec->target, role ? " (" : "", role ? f->rec->role : "",
			 role ? ")" : "", f->rec->node[0] ? " on " : "", f->rec->node);
}

const char *story_in_all(struct arena *a, const struct downtime *d)
{
	if (!d->ended)
		return arena_fmt(a, "more than %s", text_duration(d->lo_ns).s);
	return arena_fmt(a, "%s", text_interval(d->lo_ns, d->hi_ns).s);
}

const char *story_outage(struct arena *a, const struct outage *o)
{
	if (!o->any)
		return "none";
	if (!o->ended)
		return arena_fmt(a, "at least %s, not over at the end", text_duration(o->lo_ns).s);
	return arena_fmt(a, "%s", text_interval(o->lo_ns, o->hi_ns).s);
}

const char *story_of(struct arena *a, const struct fault_seen *f)
{
	const char *name = strchr(f->outage_of, ' ');

	if (!name)
		return "";
	if (!strncmp(f->outage_of, "kind ", 5))
		return arena_fmt(a, " of the kind %s", name + 1);
	if (!strncmp(f->outage_of, "clients ", 8))
		return arena_fmt(a, " of %s clients", name + 1);
	if (!strncmp(f->outage_of, "group ", 6))
		return arena_fmt(a, " of the clients of group %s", name + 1);
	return arena_fmt(a, " to %s", f->outage_of);
}

double story_width_pct(int64_t lo_ns, int64_t hi_ns)
{
	return hi_ns > 0 ? 200.0 * (double)(hi_ns - lo_ns) / (double)(hi_ns + lo_ns) : 0;
}

int64_t story_lost_by(const struct measured *m, const struct fault_seen *f)
{
	int64_t n = 0;

	if (!m->loss.known)
		return -1;
	for (size_t i = 0; i < m->loss.n; i++)
		n += !strcmp(m->loss.writes[i].fault, f->rec->id);
	return n;
}

const struct fault_seen *story_point(const struct measured *m)
{
	const struct fault_seen *worst = NULL;

	for (size_t i = 0; i < m->nfaults; i++) {
		const struct fault_seen *f = &m->faults[i];

		if (f->point.lo_ns > 0 && !f->point.after &&
		    (!worst || f->point.hi_ns > worst->point.hi_ns))
			worst = f;
	}
	return worst;
}

const char *story_point_words(struct arena *a, const struct measured *m, const struct fault_seen *f)
{
	const char *of = m->nfaults == 1 ? "" : arena_fmt(a, " when %s", story_fault(a, f));
	bool open = m->loss.maybe_lost || m->loss.more_missing;
	struct text ago = open ? text_duration(f->point.lo_ns) :
				 text_interval(f->point.lo_ns, f->point.hi_ns);

	if (f->point.beyond)
		return arena_fmt(a, "what survived%s is of no single moment: %s there that %s called after a lost write "
				 "had been acknowledged", of, text_plural(f->point.beyond, "write is", "writes are").s,
				 f->point.beyond == 1 ? "was" : "were");
	return arena_fmt(a, "what survived%s is of one moment, %s%s before the fault", of,
			 open ? "at least " : "", ago.s);
}
