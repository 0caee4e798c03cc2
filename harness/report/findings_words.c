#include <string.h>

#include "base/buf.h"
#include "report/findings.h"
#include "report/repeat.h"
#include "report/story.h"
#include "report/text.h"

/* What was found, in words. */

enum { HEADLINE_CLAUSES = 3 };

const char *finding_words(struct arena *a, const struct finding *x)
{
	return arena_fmt(a, "%s (%s)", x->text, scenario_words(a, x->scenario));
}

/* In how many scenarios: a scenario of several faults may have several of a kind. */
static size_t scenarios_of(const struct finding *v, size_t n)
{
	size_t scenarios = 0, k;

	for (size_t i = 0; i < n; i++) {
		for (k = 0; k < i && v[k].scenario != v[i].scenario; k++)
			;
		scenarios += k == i;
	}
	return scenarios;
}

static const char *where(struct arena *a, const struct run_report *run, const struct finding *v,
			 size_t n)
{
	size_t scenarios = scenarios_of(v, n);

	if (run->n == 1)
		return "";
	if (scenarios == 1)
		return arena_fmt(a, " (%s)", scenario_words(a, v->scenario));
	return arena_fmt(a, " in %zu of %zu scenarios", scenarios, run->n);
}

/* "at least " of a sum, when it is that of one of its parts. */
static const char *bound(const struct finding *v, size_t n)
{
	static const char *const words[] = {[FINDING_AT_LEAST] = "at least ", [FINDING_AT_MOST] = "at most "};

	for (size_t i = 0; i < n; i++)
		if (v[i].bound != FINDING_EXACT)
			return words[v[i].bound];
	return "";
}

/* Of lengths of time the longest: one that was not over, else by its middle. */
static const struct finding *longest(const struct finding *v, size_t n)
{
	const struct finding *x = v;

	for (size_t i = 1; i < n; i++) {
		bool open = v[i].hi_ns < 0, was = x->hi_ns < 0;

		if (open != was ? open : open ? v[i].lo_ns > x->lo_ns :
					v[i].lo_ns + v[i].hi_ns > x->lo_ns + x->hi_ns)
			x = &v[i];
	}
	return x;
}

static const char *down_for(struct arena *a, const struct run_report *run, const char *what,
			    const struct finding *v, size_t n)
{
	const struct finding *x = longest(v, n);

	return arena_fmt(a, "%s for %s %s%s%s", what, x->hi_ns < 0 ? "more than" : "up to",
			 x->hi_ns < 0 ? text_duration(x->lo_ns).s :
					text_interval(x->lo_ns, x->hi_ns).s,
			 x->summed ? " in all" : "", where(a, run, x, 1));
}

static const char *counted(struct arena *a, const struct run_report *run, const struct finding *v,
			   size_t n)
{
	const char *at = where(a, run, v, n), *around = bound(v, n);
	int64_t count = 0, of = 0;

	for (size_t i = 0; i < n; i++) {
		count += v[i].count;
		of += v[i].of;
	}
	if (v->kind == FINDING_LOST)
		return arena_fmt(a, "%s%s of %s acknowledged writes were lost%s", around, text_count(count).s,
				 text_count(of).s, at);
	if (v->kind == FINDING_EVICTED)
		return arena_fmt(a, "%s%s keys were evicted%s", around, text_count(count).s, at);
	if (v->kind == FINDING_PHANTOM)
		return arena_fmt(a, "%s writes that had failed, or that nobody sent, were there all the same%s", text_count(count).s, at);
	if (v->kind == FINDING_DUPLICATE)
		return arena_fmt(a, "%s writes were there more than once%s", text_count(count).s, at);
	return arena_fmt(a, "%s of %s operations that were due were not served%s", text_count(count).s,
			 text_count(of).s, at);
}

/* All of one kind in a clause. */
static const char *clause(struct arena *a, const struct run_report *run, const struct finding *v,
			  size_t n)
{
	const char *at = where(a, run, v, n);

	if (n == 1)
		return arena_fmt(a, "%s%s", v->text, at);
	switch (v->kind) {
	case FINDING_LOST:
	case FINDING_EVICTED:
	case FINDING_PHANTOM:
	case FINDING_DUPLICATE:
	case FINDING_NOT_SERVED:
		return counted(a, run, v, n);
	case FINDING_VIOLATION:
		return arena_fmt(a, "what clients saw breaks the rules%s", at);
	case FINDING_DUAL_PRIMARY:
		return arena_fmt(a, "two primaries were writable at once%s, %s", at, v->lo_ns <= 0 ? "for a moment" :
				 arena_fmt(a, "at the worst for at least %s", text_duration(v->lo_ns).s));
	case FINDING_NOT_BACK:
		return arena_fmt(a, "writes did not come back%s", at);
	case FINDING_JOB_FAILED:
		return arena_fmt(a, "%zu jobs failed%s", n, at);
	case FINDING_CLIENT_DOWN:
		return arena_fmt(a, "a few clients were down while others were served%s", at);
	case FINDING_OUTAGE:
		return down_for(a, run, "writes were down", v, n);
	case FINDING_DOWN_BEFORE:
		return arena_fmt(a, "writes were down without a fault%s", at);
	case FINDING_READS_DOWN:
		return down_for(a, run, "reads were down", v, n);
	case FINDING_NOT_REDUNDANT:
		return arena_fmt(a, "full redundancy was not seen again before the load ended%s", at);
	case FINDING_UNTIMED:
		return arena_fmt(a, "how long writes were down is not known%s", at);
	case FINDING_NOT_STANDING:
		return arena_fmt(a, "%zu of %zu systems did not come up", n, run->n);
	case FINDING_UNREAD:
		return arena_fmt(a, "whether acknowledged writes were lost is not known%s", at);
	case FINDING_UNSEEN_PRIMARY:
		return arena_fmt(a, "whether two primaries were writable at once is not known%s", at);
	}
	return v->text;
}

/* May it be told that no more than it says was there? */
static bool absent(const struct scenario_report *s, enum expect_metric metric)
{
	return s->counts.of[metric].absent;
}

static bool client_down(const struct measured *m)
{
	for (size_t i = 0; i < m->nfaults; i++)
		if (story_client(&m->faults[i]))
			return true;
	return false;
}

/* In how many scenarios there was something to find, in how many of them it is
 * known for certain that nothing was lost, and in how many that writes went on. */
static size_t measured(const struct run_report *run, size_t *kept, size_t *up)
{
	size_t n = 0;

	*kept = *up = 0;
	for (size_t i = 0; i < run->n; i++) {
		const struct scenario_report *s = &run->scenarios[i];
		const struct measured *m = s->m;

		if (m->broken || m->unsupported || !m->stands)
			continue;
		n++;
		*kept += absent(s, EXPECT_LOST) && !m->loss.lost && !m->loss.maybe_lost;
		*up += absent(s, EXPECT_OUTAGE) && m->worst && !m->worst->any && !m->before.any &&
		       !client_down(m);
	}
	return n;
}

const char *findings_headline(struct arena *a, const struct run_report *run,
			      const struct findings *f)
{
	size_t kept, up, n = measured(run, &kept, &up);
	struct buf b = {0};
	const char *out;
	int clauses = 0;

	/* Good news stands where the worst would have stood. */
	if (n && kept == n)
		buf_str(&b, up < n ? "nothing acknowledged was lost" :
				     "nothing acknowledged was lost, and writes were never down");
	for (size_t i = 0, k; i < f->n && clauses < HEADLINE_CLAUSES; i = k, clauses++) {
		for (k = i; k < f->n && f->v[k].kind == f->v[i].kind; k++)
			;
		buf_fmt(&b, "%s%s", b.len ? "; " : "", clause(a, run, &f->v[i], k - i));
	}
	if (!b.len)
		buf_str(&b, !run->n ? "no scenario was begun" :
			    n ? "what was seen is too little to say what happened" : "nothing was put to the test");
	if (run->n && run->n < run->planned)
		buf_fmt(&b, "; %zu of %zu scenarios that were planned %s not begun",
			run->planned - run->n, run->planned,
			run->planned - run->n == 1 ? "was" : "were");
	if (b.s[b.len - 1] != '.')
		buf_char(&b, '.');
	if (*b.s >= 'a' && *b.s <= 'z')
		*b.s = (char)(*b.s - 'a' + 'A');
	out = arena_strdup(a, b.s);
	buf_free(&b);
	return out;
}

static void add_number(struct buf *b, size_t n, const char *words)
{
	if (n)
		buf_fmt(b, ", %zu %s", n, words);
}

const char *findings_expected(struct arena *a, const struct findings *f)
{
	struct buf b = {0};
	const char *out;

	if (!f->expected)
		return "Expectations: none was judged.";
	buf_fmt(&b, "Expectations: %zu of %zu held", f->held, f->expected);
	add_number(&b, f->failed, "failed");
	add_number(&b, f->unknown, "could not be decided");
	add_number(&b, f->broken, "broke");
	add_number(&b, f->skipped, "could not be tried here");
	buf_char(&b, '.');
	out = arena_strdup(a, b.s);
	buf_free(&b);
	return out;
}
