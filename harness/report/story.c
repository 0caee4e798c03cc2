#include "report/story.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "report/text.h"

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

static void say_outage(struct buf *b, struct arena *a, const struct measured *m)
{
	const struct fault_seen *min = NULL, *max = NULL;

	if (!m->nfaults) {
		buf_str(b, "No fault was injected");
		return;
	}
	if (m->nfaults == 1) {
		const struct fault_seen *f = &m->faults[0];

		if (f->noise[NOISE_OUTAGE].too_noisy)
			buf_fmt(b, "How long writes were down when %s is not known: %s", story_fault(a, f),
				f->noise[NOISE_OUTAGE].why);
		else if (!f->outage.any)
			buf_fmt(b, "Writes never stopped when %s", story_fault(a, f));
		else if (!f->outage.ended)
			buf_fmt(b, "Writes stopped when %s and were not back at the end, at least "
				"%s later", story_fault(a, f), text_duration(f->outage.lo_ns).s);
		else
			buf_fmt(b, "Writes%s were down %s after %s", story_of(a, f),
				text_interval(f->outage.lo_ns, f->outage.hi_ns).s,
				story_fault(a, f));
		story_times(b, &f->outage);
		return;
	}
	for (size_t i = 0; i < m->nfaults; i++) {
		const struct fault_seen *f = &m->faults[i];

		if (!min || (f->outage.any ? f->outage.lo_ns : 0) <
				    (min->outage.any ? min->outage.lo_ns : 0))
			min = f;
		if (!max || (!f->outage.ended && f->outage.any) ||
		    (f->outage.any && f->outage.lo_ns > max->outage.lo_ns))
			max = f;
	}
	if (!min || !max)
		return; /* no fault at all */
	buf_fmt(b, "%zu faults: ", m->nfaults);
	if (!max->outage.any)
		buf_str(b, "writes never stopped");
	else if (!min->outage.any)
		buf_fmt(b, "writes went on when %s, and were down up to %s when %s",
			story_fault(a, min), text_duration(max->outage.hi_ns).s,
			story_fault(a, max));
	else
		buf_fmt(b, "writes were down from %s (%s) to %s%s (%s)",
			text_duration(min->outage.lo_ns).s, story_fault(a, min),
			max->outage.ended ? "" : "more than ",
			text_duration(max->outage.ended ? max->outage.hi_ns : max->outage.lo_ns).s,
			story_fault(a, max));
}

/* What clients on the other side of a cut saw is no part of the outage. */
static void say_minority(struct buf *b, struct arena *a, const struct measured *m)
{
	const struct partial_outage *p = m->nfaults == 1 ?
		fault_part(&m->faults[0], "group", "minority") : NULL;

	if (p)
		buf_fmt(b, " (clients beside the old primary: %s)", story_outage(a, &p->outage));
}

static void say_lost(struct buf *b, const struct loss *l)
{
	bool alone = l->lost_register_writes == l->lost;

	buf_fmt(b, "; %s%s of %s acknowledged writes %s lost", l->maybe_lost ? "at least " : "",
		text_count(l->lost).s, text_count(l->acked).s, l->lost == 1 ? "was" : "were");
	if (l->lost_register_writes)
		buf_fmt(b, ", %s%s of registers", alone ? "all" : text_count(l->lost_register_writes).s,
			alone ? "" : " of them");
	if (2 * l->by_cause[LOSS_MINORITY] > l->lost)
		buf_str(b, ", most of them on the minority side");
}

static void say_loss(struct buf *b, const struct loss *l)
{
	if (!l->known)
		buf_fmt(b, "; whether acknowledged writes were lost is not known: %s", l->why_unknown);
	else if (l->lost > 0)
		say_lost(b, l);
	else if (l->maybe_lost > 0)
		buf_fmt(b, "; whether %s acknowledged writes of registers were lost is not known",
			text_count(l->maybe_lost).s);
	else if (l->acked > 0)
		buf_str(b, "; nothing acknowledged was lost");
	if (l->known && l->evicted > 0)
		buf_fmt(b, "; %s%s evicted for want of memory", l->more_missing ? "at most " : "",
			text_plural(l->evicted, "key was", "keys were").s);
	if (l->known && l->phantom > 0)
		buf_fmt(b, "; %s that had failed %s there all the same",
			text_plural(l->phantom, "write", "writes").s,
			l->phantom == 1 ? "was" : "were");
	if (l->known && l->duplicate > 0)
		buf_fmt(b, "; %s there more than once",
			text_plural(l->duplicate, "write is", "writes are").s);
}

static void say_recovery(struct buf *b, const struct measured *m)
{
	if (!m->nfaults)
		return;
	if (m->redundant_ns >= 0)
		buf_fmt(b, "; redundant again after %s%s", m->nfaults > 1 ? "at most " : "",
			text_duration(m->redundant_ns).s);
	else
		buf_fmt(b, "; full redundancy was not seen again%s%s",
			m->slowest && m->slowest->redundant_why[0] ? ": " : "",
			m->slowest ? m->slowest->redundant_why : "");
	if (m->dual_primary_ns > 0)
		buf_fmt(b, "; two primaries took writes at once for %s",
			text_duration(m->dual_primary_ns).s);
}

/* Of the lengths of time that do not count, the first. */
static void say_noise(struct buf *b, struct arena *a, const struct measured *m)
{
	static const char *const what[NOISE_KINDS] = {"writes were down", "redundancy was gone",
						      "the old primary kept its role"};

	/* That was said in place of the length. */
	if (m->nfaults == 1 && m->faults[0].noise[NOISE_OUTAGE].too_noisy)
		return;
	for (size_t i = 0; i < m->nfaults; i++) {
		for (int k = 0; k < NOISE_KINDS; k++) {
			const struct fault_seen *f = &m->faults[i];

			if (!f->noise[k].too_noisy)
				continue;
			buf_fmt(b, " How long %s when %s is not known: %s.", what[k], story_fault(a, f),
				f->noise[k].why);
			return;
		}
	}
}

const char *story_scenario(struct arena *a, const struct scenario_report *s)
{
	const struct measured *m = s->m;
	struct buf b = {0};
	const char *out;

	if (m->load.not_as_asked)
		buf_fmt(&b, "The load was not the one that was asked for: %s. ", m->load.why);
	if (m->unsupported[0] && !m->broken) {
		buf_fmt(&b, "This engine cannot do it: %s", m->unsupported);
	} else if (!m->stands && m->stands_why[0]) {
		buf_fmt(&b, "The system did not come up: %.*s",
			(int)strcspn(m->stands_why, "\n"), m->stands_why);
	} else if (m->broken) {
		buf_fmt(&b, "Nothing can be concluded: %s", m->broken_why);
	} else if (!m->stands) {
		buf_str(&b, "The scenario did not get as far as a running system");
	} else if (s->ev->incomplete) {
		buf_fmt(&b, "Nothing can be concluded: the history is not whole: %s", s->ev->incomplete);
	} else {
		say_outage(&b, a, m);
		say_minority(&b, a, m);
		story_served(&b, a, m);
		say_loss(&b, &m->loss);
		say_recovery(&b, m);
	}
	while (b.len && strchr(". \n", b.s[b.len - 1]))
		b.s[--b.len] = '\0';
	if (b.len && !strchr("!?", b.s[b.len - 1]))
		buf_char(&b, '.');
	if (m->noise.too_noisy)
		buf_fmt(&b, " The machine was too busy for the figures to count: %s.",
			m->noise.why);
	else
		say_noise(&b, a, m);
	out = arena_strdup(a, b.s);
	buf_free(&b);
	return out;
}

static void say_number(struct buf *b, int n, const char *words, int *said)
{
	if (!n)
		return;
	buf_fmt(b, "%s%d %s", *said ? ", " : "", n, words);
	(*said)++;
}

const char *story_run(struct arena *a, const struct run_report *run)
{
	int count[5] = {0}, said = 0;
	struct buf b = {0};
	const char *out;

	for (size_t i = 0; i < run->n; i++)
		count[run->scenarios[i].verdict]++;
	if (!run->n)
		buf_str(&b, "No scenario was begun");
	else if (count[VERDICT_PASS] == 1 && run->n == 1)
		buf_str(&b, "The scenario passed");
	else if (count[VERDICT_PASS] == (int)run->n)
		buf_fmt(&b, "All %zu scenarios passed", run->n);
	else {
		buf_fmt(&b, "Of %zu %s, ", run->n, run->n == 1 ? "scenario" : "scenarios");
		say_number(&b, count[VERDICT_FAIL], "failed", &said);
		say_number(&b, count[VERDICT_BROKEN], "broke", &said);
		say_number(&b, count[VERDICT_UNKNOWN], "stayed undecided", &said);
		say_number(&b, count[VERDICT_SKIP], "could not be run here", &said);
		say_number(&b, count[VERDICT_PASS], "passed", &said);
	}
	if (run->interrupted)
		buf_str(&b, "; the run was interrupted");
	if (run->broken)
		buf_fmt(&b, "; the harness broke: %s", run->broken);
	buf_char(&b, '.');
	out = arena_strdup(a, b.s);
	buf_free(&b);
	return out;
}
