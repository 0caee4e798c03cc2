#include "report/story.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "report/text.h"

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
			buf_fmt(b, "How long writes were down when %s is not known%s: %s", story_fault(a, f),
				f->outage.any && f->outage.ended ?
				arena_fmt(a, ", %s at most", text_duration(f->outage.hi_ns).s) : "",
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
		buf_fmt(b, ", %s of them to registers", alone ? "all" : text_count(l->lost_register_writes).s);
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

static void say_dual(struct buf *b, const struct measured *m)
{
	const struct dual_history *d = &m->dual_history;

	buf_fmt(b, "; two primaries took writes at once for at least %s", text_duration(m->dual_primary_ns).s);
	if (d->turns > 0)
		buf_fmt(b, " (%s and %s acknowledged writes in turn %s within %s)", d->a, d->b,
			text_plural(d->turns, "time", "times").s, text_duration(d->within_ns).s);
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
		say_dual(b, m);
	else if (m->dual_primary_acks > 0)
		buf_str(b, "; two primaries took writes at once for a moment");
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
