#include "report/story.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "report/text.h"

static size_t injected(const struct measured *m, const struct fault_seen **only)
{
	size_t n = 0;

	for (size_t i = 0; i < m->nfaults; i++) {
		if (!m->faults[i].rec->injected_ns)
			continue;
		*only = &m->faults[i];
		n++;
	}
	return n;
}

enum { AT_ONCE_MS = 1000 };

/* When it began, where that was not at once: a fault that is long in effect, or undone
 * already, is no moment. */
static void say_began(struct buf *b, const struct fault_seen *f)
{
	const struct outage *o = &f->outage;
	int64_t in = o->down_lo - f->rec->effective_ns;

	if (!o->any || o->running || !f->rec->effective_ns || in < AT_ONCE_MS * NS_PER_MS)
		return;
	buf_fmt(b, " (they stopped %s later", text_duration(in).s);
	if (o->m.from_heal && o->down_lo - f->rec->healed_ns < AT_ONCE_MS * NS_PER_MS)
		buf_str(b, ", when that was undone)");
	else
		buf_fmt(b, "%s)", o->m.from_heal ? ", when that had been undone" : "");
}

/* `kept`: that writes went on, where nothing else is said, is known. */
static void say_one(struct buf *b, struct arena *a, const struct fault_seen *f, bool kept)
{
	if (f->noise[NOISE_OUTAGE].too_noisy)
		buf_fmt(b, "How long writes were down when %s is not known%s: %s", story_fault(a, f),
			f->outage.any && f->outage.ended ?
			arena_fmt(a, ", %s at most", text_duration(f->outage.hi_ns).s) : "",
			f->noise[NOISE_OUTAGE].why);
	else if (f->outage.any && f->outage.running)
		buf_fmt(b, "Writes%s were down already when %s, and %s %s", story_of(a, f), story_fault(a, f),
			f->outage.ended ? "came back after" : "were not back at the end, after at least",
			f->outage.ended ? text_interval(f->outage.lo_ns, f->outage.hi_ns).s :
					  text_duration(f->outage.lo_ns).s);
	else if (!f->outage.any)
		buf_fmt(b, kept ? "Writes never stopped when %s" :
			"Writes were not seen to stop when %s, which is too little to say that they went on",
			story_fault(a, f));
	else if (!f->outage.ended)
		buf_fmt(b, "Writes%s stopped when %s and were not back at the end, at least "
			"%s later", story_of(a, f), story_fault(a, f), text_duration(f->outage.lo_ns).s);
	else
		buf_fmt(b, "Writes%s were down %s after %s", story_of(a, f),
			text_interval(f->outage.lo_ns, f->outage.hi_ns).s,
			story_fault(a, f));
	if (!f->noise[NOISE_OUTAGE].too_noisy)
		say_began(b, f);
	story_times(b, a, &f->outage);
}

/* Of several faults the only one that brought writes down. */
static void say_only(struct buf *b, struct arena *a, const struct fault_seen *f)
{
	const struct outage *o = &f->outage;

	buf_fmt(b, "writes%s were down %s after %s", story_of(a, f),
		o->ended ? text_interval(o->lo_ns, o->hi_ns).s :
			   arena_fmt(a, "more than %s, to the end,", text_duration(o->lo_ns).s), story_fault(a, f));
	say_began(b, f);
}

static void say_down(struct buf *b, struct arena *a, const struct fault_seen *min,
		     const struct fault_seen *max)
{
	const struct outage *o = &max->outage;
	const char *least = arena_fmt(a, "%s", text_duration(min->outage.lo_ns).s), *after = story_fault(a, max);
	const char *most = arena_fmt(a, "%s%s", o->ended ? "" : "more than ",
				     text_duration(o->ended ? o->hi_ns : o->lo_ns).s);

	if (strcmp(story_fault(a, min), after))
		buf_fmt(b, "writes were down from %s (%s) to %s (%s)", least, story_fault(a, min), most, after);
	else if (strcmp(least, most))
		buf_fmt(b, "writes were down from %s to %s", least, most);
	else
		buf_fmt(b, "writes were down %s after each", least);
}

/* Lengths of time that do not count are told apart (say_noise). */
static bool timed(const struct fault_seen *f)
{
	return f->rec->injected_ns && !f->noise[NOISE_OUTAGE].too_noisy;
}

static void say_several(struct buf *b, struct arena *a, const struct measured *m, size_t n,
			bool kept)
{
	const struct fault_seen *min = NULL, *max = NULL, *met = NULL;
	size_t own = 0; /* faults before which writes were not down already */

	for (size_t i = 0; i < m->nfaults; i++)
		own += timed(&m->faults[i]) && !m->faults[i].outage.running;
	for (size_t i = 0; i < m->nfaults; i++) {
		const struct fault_seen *f = &m->faults[i];

		if (!timed(f))
			continue;
		/* It met what another fault had done, which tells of itself. */
		if (f->outage.running && own) {
			met = met ? met : f;
			continue;
		}
		if (!min || (f->outage.any ? f->outage.lo_ns : 0) <
				    (min->outage.any ? min->outage.lo_ns : 0))
			min = f;
		if (!max || (!f->outage.ended && f->outage.any) ||
		    (f->outage.any && f->outage.lo_ns > max->outage.lo_ns))
			max = f;
	}
	buf_fmt(b, "%zu faults: ", n);
	if (!min || !max) {
		buf_str(b, "how long writes were down is not known");
		return;
	}
	if (!max->outage.any)
		buf_str(b, kept ? "writes never stopped" :
			"writes were not seen to stop, which is too little to say that they went on");
	else if (own == 1)
		say_only(b, a, max);
	else if (min->outage.any)
		say_down(b, a, min, max);
	else
		buf_fmt(b, "%swrites%s were down %s when %s",
			kept ? arena_fmt(a, "writes went on when %s, and ", story_fault(a, min)) : "",
			story_of(a, max), max->outage.ended ?
			arena_fmt(a, "up to %s", text_duration(max->outage.hi_ns).s) :
			arena_fmt(a, "more than %s, to the end,", text_duration(max->outage.lo_ns).s),
			story_fault(a, max));
	if (own > 1 && max->outage.any && !min->outage.any)
		say_began(b, max);
	if (met)
		buf_fmt(b, ", and already when %s", story_fault(a, met));
}

static void say_outage(struct buf *b, struct arena *a, const struct scenario_report *s)
{
	bool kept = s->counts.of[EXPECT_OUTAGE].absent;
	const struct fault_seen *only = NULL;
	size_t n = injected(s->m, &only);

	if (!n)
		buf_str(b, "No fault was injected");
	else if (n == 1)
		say_one(b, a, only, kept);
	else
		say_several(b, a, s->m, n, kept);
}

/* What clients on the other side of a cut saw is no part of the outage. */
static void say_minority(struct buf *b, struct arena *a, const struct measured *m)
{
	const struct partial_outage *p = m->nfaults == 1 ?
		fault_part(&m->faults[0], "group", "minority") : NULL;

	if (p && timed(&m->faults[0]) && strncmp(m->faults[0].outage_of, "group ", 6))
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

/* Where clients wrote on both sides of a cut, what is left is of no moment: not said here. */
static void say_point(struct buf *b, struct arena *a, const struct measured *m)
{
	const struct fault_seen *f = m->loss.known ? story_point(m) : NULL;

	if (f && !f->point.beyond)
		buf_fmt(b, "; %s", story_point_words(a, m, f));
}

/* Nothing but what the same evidence would let a verdict say (check/counts.c). */
static void say_loss(struct buf *b, const struct scenario_report *s)
{
	const struct loss *l = &s->m->loss;
	bool told = l->known && s->counts.of[EXPECT_LOST].there;

	if (!l->known)
		buf_fmt(b, "; whether acknowledged writes were lost is not known: %s", l->why_unknown);
	else if (!told && l->acked > 0)
		buf_str(b, "; whether acknowledged writes were lost is not known");
	else if (l->lost > 0)
		say_lost(b, l);
	else if (l->maybe_lost > 0)
		buf_fmt(b, "; whether %s of registers %s lost is not known",
			text_plural(l->maybe_lost, "acknowledged write", "acknowledged writes").s,
			l->maybe_lost == 1 ? "was" : "were");
	else if (l->acked > 0)
		buf_str(b, s->counts.of[EXPECT_LOST].absent ? "; nothing acknowledged was lost" :
			"; nothing acknowledged was seen to be lost, which is too little to say that nothing was");
	if (told && l->untold > 0 && !l->maybe_lost)
		buf_fmt(b, "; of %s to registers nothing is told",
			text_plural(l->untold, "acknowledged write", "acknowledged writes").s);
	if (told && l->truncated > 0)
		buf_fmt(b, "; %s that consumers had received %s in the log no more",
			text_plural(l->truncated, "acknowledged message", "acknowledged messages").s,
			l->truncated == 1 ? "is" : "are");
	if (told && l->back > 0)
		buf_fmt(b, "; %s came back as new, %lld after a member was reset",
			text_plural(l->back, "acknowledged message", "acknowledged messages").s, (long long)l->back_reset);
	if (!l->known || !s->counts.of[EXPECT_PHANTOM].there)
		return;
	if (l->evicted > 0)
		buf_fmt(b, "; %s%s evicted for want of memory", l->more_missing ? "at most " : "",
			text_plural(l->evicted, "key was", "keys were").s);
	if (l->phantom > 0)
		buf_fmt(b, "; %s that had failed, or that nobody sent, %s there all the same",
			text_plural(l->phantom, "write", "writes").s,
			l->phantom == 1 ? "was" : "were");
	if (l->duplicate > 0)
		buf_fmt(b, "; %s there more than once",
			text_plural(l->duplicate, "write is", "writes are").s);
}

static void say_dual(struct buf *b, const struct measured *m)
{
	const struct dual_history *d = &m->dual_history;

	if (m->dual_primary_ns <= 0 && !m->dual_primary_samples && !m->dual_primary_acks)
		return;
	if (m->dual_primary_ns > 0)
		buf_fmt(b, "; two primaries were writable at once for at least %s",
			text_duration(m->dual_primary_ns).s);
	else
		buf_str(b, "; two primaries were writable at once for a moment");
	if (d->turns > 0)
		buf_fmt(b, " (%s and %s acknowledged writes in turn %s within %s)", d->a, d->b,
			text_plural(d->turns, "time", "times").s, text_duration(d->within_ns).s);
}

static void say_recovery(struct buf *b, const struct measured *m)
{
	const struct fault_seen *only;

	if (!injected(m, &only))
		return;
	if (m->redundant_ns >= 0)
		buf_fmt(b, "; redundant again after %s%s", m->nfaults > 1 ? "at most " : "",
			text_duration(m->redundant_ns).s);
	else
		buf_fmt(b, "; full redundancy was not seen again before the load ended%s%s",
			m->slowest && m->slowest->redundant_why[0] ? ": " : "",
			m->slowest ? m->slowest->redundant_why : "");
}

const char *story_job_words(struct arena *a, const struct job_seen *job)
{
	return arena_fmt(a, "the job %s failed%s", job->id,
			 *job->reason ? arena_fmt(a, " (%s)", job->reason) : "");
}

static void say_jobs(struct buf *b, struct arena *a, const struct evidence *ev)
{
	for (size_t i = 0; i < ev->njobs; i++)
		if (job_failed(&ev->jobs[i]))
			buf_fmt(b, "; %s", story_job_words(a, &ev->jobs[i]));
}

/* Of the lengths of time that do not count, the first. */
static void say_noise(struct buf *b, struct arena *a, const struct measured *m)
{
	static const char *const what[] = {"writes were down", "redundancy was gone", "the old primary kept its role"};

	/* That was said in place of the length. */
	if (m->nfaults == 1 && m->faults[0].noise[NOISE_OUTAGE].too_noisy)
		return;
	for (size_t i = 0; i < m->nfaults; i++) {
		for (size_t k = 0; k < ARRAY_LEN(what); k++) {
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
	if (m->unsupported && !m->broken) {
		buf_fmt(&b, "This engine cannot do it: %s", m->unsupported);
	} else if (!m->stands && m->stands_why) {
		buf_fmt(&b, "The system did not come up: %.*s",
			(int)strcspn(m->stands_why, "\n"), m->stands_why);
	} else if (m->broken) {
		buf_fmt(&b, "Nothing can be concluded: %s", m->broken_why);
	} else if (!m->stands) {
		buf_str(&b, "The scenario did not get as far as a running system");
	} else if (s->ev->incomplete) {
		buf_fmt(&b, "Nothing can be concluded: the history is not whole: %s", s->ev->incomplete);
	} else {
		say_outage(&b, a, s);
		say_minority(&b, a, m);
		if (story_before(m))
			buf_fmt(&b, "; %s", story_before_words(a, m));
		story_served(&b, a, m);
		say_loss(&b, s);
		if (s->counts.of[EXPECT_LOST].there)
			say_point(&b, a, m);
		say_recovery(&b, m);
		say_dual(&b, m);
		say_jobs(&b, a, s->ev);
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
