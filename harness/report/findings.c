#include "report/findings.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "report/story.h"
#include "report/text.h"

const char *finding_key(enum finding_kind k)
{
	static const char *const keys[] = {
#define FINDING_KEY(id, key) [FINDING_##id] = key,
		FINDING_LIST(FINDING_KEY)
#undef FINDING_KEY
	};

	return keys[k];
}

/* ---- one scenario's ---- */

/* May this figure of it be told as found? */
static bool there(const struct scenario_report *s, enum expect_metric metric)
{
	return s->counts.of[metric].there;
}

static struct finding *add(struct findings *f, enum finding_kind kind,
			   const struct scenario_report *s, const char *text)
{
	struct finding *x = VEC_PUSH(f->v, f->n, f->alloc);

	*x = (struct finding){.kind = kind, .scenario = s, .count = -1, .of = -1, .lo_ns = -1,
			      .hi_ns = -1, .text = text};
	return x;
}

static void add_count(struct findings *f, enum finding_kind kind, const struct scenario_report *s,
		      int64_t n, int64_t of, enum finding_bound bound, const char *text)
{
	struct finding *x;

	if (n <= 0)
		return;
	x = add(f, kind, s, text);
	x->count = n;
	x->of = of;
	x->bound = bound;
}

static void unread(struct arena *a, struct findings *f, const struct scenario_report *s)
{
	const struct loss *l = &s->m->loss;
	const char *why = s->ev->incomplete ? s->ev->incomplete : l->why_unknown;

	add_count(f, FINDING_UNREAD, s, l->acked, -1, FINDING_EXACT,
		  arena_fmt(a, "whether any of %s acknowledged writes were lost is not known%s%s",
			    text_count(l->acked).s, *why ? ": " : "", why));
}

static void lost(struct arena *a, struct findings *f, const struct scenario_report *s)
{
	const struct loss *l = &s->m->loss;

	add_count(f, FINDING_LOST, s, l->lost, l->acked,
		  l->maybe_lost ? FINDING_AT_LEAST : FINDING_EXACT,
		  arena_fmt(a, "%s%s of %s acknowledged writes %s lost", l->maybe_lost ? "at least " : "",
			    text_count(l->lost).s, text_count(l->acked).s, l->lost == 1 ? "was" : "were"));
	if (!l->lost)
		add_count(f, FINDING_UNREAD, s, l->maybe_lost, -1, FINDING_EXACT,
			  arena_fmt(a, "whether %s of registers %s lost is not known",
				    text_plural(l->maybe_lost, "acknowledged write", "acknowledged writes").s,
				    l->maybe_lost == 1 ? "was" : "were"));
}

static void losses(struct arena *a, struct findings *f, const struct scenario_report *s)
{
	const struct loss *l = &s->m->loss;

	if (!l->known || (l->acked > 0 && !there(s, EXPECT_LOST))) {
		unread(a, f, s);
		return;
	}
	lost(a, f, s);
	if (!there(s, EXPECT_PHANTOM))
		return;
	add_count(f, FINDING_EVICTED, s, l->evicted, -1,
		  l->more_missing ? FINDING_AT_MOST : FINDING_EXACT,
		  arena_fmt(a, "%s%s evicted", l->more_missing ? "at most " : "",
			    text_plural(l->evicted, "key was", "keys were").s));
	add_count(f, FINDING_PHANTOM, s, l->phantom, -1, FINDING_EXACT,
		  arena_fmt(a, "%s that had failed, or that nobody sent, %s there all the same",
			    text_plural(l->phantom, "write", "writes").s, l->phantom == 1 ? "was" : "were"));
	add_count(f, FINDING_DUPLICATE, s, l->duplicate, -1, FINDING_EXACT,
		  arena_fmt(a, "%s there more than once",
			    text_plural(l->duplicate, "write was", "writes were").s));
}

static const char *breach(const char *checker)
{
	const struct checker_ops *c = checker_find(checker);

	return c ? c->breach : "breaks the rules";
}

/* Whether or not a setting allows it. */
static bool violated(const struct judged *j)
{
	return j->verdict == VERDICT_FAIL || (j->verdict == VERDICT_PASS && !(j->measured > 0));
}

/* A loss is found and counted already. */
static void violations(struct arena *a, struct findings *f, const struct scenario_report *s)
{
	const struct script_seen *is = s->ev->script;

	for (size_t i = 0; i < s->njudged && is->nexpects == s->njudged; i++) {
		const char *checker = is->expects[i].checker;

		if (*checker && violated(&s->judged[i]) && strcmp(checker, "lost_writes"))
			add(f, FINDING_VIOLATION, s, arena_fmt(a, "what clients saw %s", breach(checker)));
	}
}

static void primaries(struct arena *a, struct findings *f, const struct scenario_report *s)
{
	const struct measured *m = s->m;
	int64_t unseen = m->dual_primary_unseen_ns + m->dual_doubt.ns;
	struct finding *x;

	/* What the sampler heard stands without a history. */
	if (!there(s, EXPECT_DUAL_PRIMARY) && !m->dual_primary_samples)
		return;
	if (m->dual_primary_ns > 0 || m->dual_primary_samples > 0 || m->dual_primary_acks > 0) {
		x = add(f, FINDING_DUAL_PRIMARY, s,
			m->dual_primary_ns <= 0 ? "two primaries were writable at once for a moment" :
			arena_fmt(a, "two primaries were writable at once for at least %s",
				  text_duration(m->dual_primary_ns).s));
		x->lo_ns = m->dual_primary_ns > 0 ? m->dual_primary_ns : 0;
	} else if (unseen > 0) {
		x = add(f, FINDING_UNSEEN_PRIMARY, s,
			arena_fmt(a, "whether two primaries were writable at once is not known for %s",
				  text_duration(unseen).s));
		x->hi_ns = unseen;
	}
}

/* Were writes down for certainly a tenth longer than the longest outage took? Then all of them
 * count: else a scenario's longest, long sum unsaid, might stand above another's sum. */
static bool adds_up(const struct outage *o)
{
	return o->ended && o->down.times > 1 && o->down.lo_ns > o->hi_ns + o->hi_ns / 10;
}

static const char *down_words(struct arena *a, const struct fault_seen *f)
{
	const struct outage *o = &f->outage;

	if (!o->ended)
		return arena_fmt(a, "writes%s did not come back in the %s that were left", story_of(a, f),
				 text_duration(o->lo_ns).s);
	if (adds_up(o))
		return arena_fmt(a, "writes%s were down %d times, %s in all", story_of(a, f), o->down.times,
				 story_in_all(a, &o->down));
	return arena_fmt(a, "writes%s were down for %s", story_of(a, f), story_outage(a, o));
}

static void outages(struct arena *a, struct findings *f, const struct scenario_report *s)
{
	const struct outage *o = s->m->worst;
	const struct fault_seen *worst = NULL;
	struct finding *x;

	for (size_t i = 0; i < s->m->nfaults; i++)
		if (&s->m->faults[i].outage == o)
			worst = &s->m->faults[i];
	if (story_before(s->m)) {
		x = add(f, FINDING_DOWN_BEFORE, s, story_before_words(a, s->m));
		x->lo_ns = s->m->before.lo_ns;
		x->hi_ns = s->m->before.ended ? s->m->before.hi_ns : -1;
	}
	if (!worst || !o->any)
		return;
	if (s->m->noise.too_noisy || worst->noise[NOISE_OUTAGE].too_noisy) {
		add(f, FINDING_UNTIMED, s, arena_fmt(a, "how long writes were down is not known: %s",
						     s->m->noise.too_noisy ? s->m->noise.why :
						     worst->noise[NOISE_OUTAGE].why));
		return;
	}
	if (!there(s, EXPECT_OUTAGE))
		return;
	x = add(f, o->ended ? FINDING_OUTAGE : FINDING_NOT_BACK, s, down_words(a, worst));
	x->lo_ns = adds_up(o) ? o->down.lo_ns : o->lo_ns;
	x->hi_ns = !o->ended || (adds_up(o) && !o->down.ended) ? -1 :
		   adds_up(o) ? o->down.hi_ns : o->hi_ns;
	x->summed = adds_up(o);
}

/* What reads met, and whatever else was not served. */
static void service(struct arena *a, struct findings *f, const struct scenario_report *s)
{
	if (s->m->noise.too_noisy || !there(s, EXPECT_OUTAGE))
		return;
	for (size_t i = 0; i < s->m->nfaults; i++) {
		const struct fault_seen *x = &s->m->faults[i];
		const struct partial_outage *reads = story_reads(x);
		const struct served_row *bad = story_bad(x);
		struct finding *found;

		if (reads && !x->noise[NOISE_OUTAGE].too_noisy) {
			found = add(f, FINDING_READS_DOWN, s, story_reads_words(a, reads));
			found->lo_ns = reads->outage.lo_ns;
			found->hi_ns = reads->outage.ended ? reads->outage.hi_ns : -1;
		}
		if (story_client(x) && !x->noise[NOISE_OUTAGE].too_noisy) {
			found = add(f, FINDING_CLIENT_DOWN, s, story_client_words(a, x));
			found->lo_ns = x->client.lo_ns;
			found->hi_ns = x->client.ended ? x->client.hi_ns : -1;
		}
		if (bad) {
			found = add(f, FINDING_NOT_SERVED, s, story_bad_words(a, bad));
			found->count = bad->due - bad->served;
			found->of = bad->due;
		}
	}
}

/* Of a broken scenario: what was seen happened, and what was not says nothing. */
static void keep_harm(struct findings *f, size_t from)
{
	size_t n = from;

	for (size_t i = from; i < f->n; i++)
		if (f->v[i].kind < FINDING_NOT_REDUNDANT)
			f->v[n++] = f->v[i];
	f->n = n;
}

static void jobs(struct arena *a, struct findings *f, const struct scenario_report *s)
{
	for (size_t i = 0; i < s->ev->njobs; i++)
		if (job_failed(&s->ev->jobs[i]))
			add(f, FINDING_JOB_FAILED, s, story_job_words(a, &s->ev->jobs[i]));
}

static void of_scenario(struct arena *a, struct findings *f, const struct scenario_report *s)
{
	const struct measured *m = s->m;

	size_t before = f->n;

	if (m->unsupported)
		return;
	if (!m->stands) {
		if (s->ev->stands && !m->broken)
			add(f, FINDING_NOT_STANDING, s, s->ev->stands->ok ?
			    "the system came up, but acknowledged no write" : "the system did not come up as written");
		return;
	}
	losses(a, f, s);
	violations(a, f, s);
	primaries(a, f, s);
	outages(a, f, s);
	service(a, f, s);
	jobs(a, f, s);
	if (m->redundant_ns < 0 && m->slowest && m->slowest->rec->effective_ns &&
	    there(s, EXPECT_RECOVERY))
		add(f, FINDING_NOT_REDUNDANT, s, "full redundancy was not seen again before the load ended");
	if (m->broken)
		keep_harm(f, before);
}

/* ---- all of them ---- */

static int64_t harm(const struct finding *x)
{
	return x->count > 0 ? x->count : x->lo_ns > 0 ? x->lo_ns : x->hi_ns;
}

static int worst_first(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	int64_t hx = harm(x), hy = harm(y);

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (hx != hy)
		return hx > hy ? -1 : 1;
	return (x->scenario > y->scenario) - (x->scenario < y->scenario);
}

void findings_make(struct arena *a, const struct run_report *run, struct findings *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < run->n; i++) {
		const struct scenario_report *s = &run->scenarios[i];
		size_t *const counts[] = {
			[VERDICT_PASS] = &out->held, [VERDICT_FAIL] = &out->failed,
			[VERDICT_UNKNOWN] = &out->unknown, [VERDICT_BROKEN] = &out->broken,
			[VERDICT_SKIP] = &out->skipped,
		};

		of_scenario(a, out, s);
		for (size_t k = 0; k < s->njudged; k++)
			++*counts[s->judged[k].verdict];
		out->expected += s->njudged;
	}
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), worst_first);
}

void findings_free(struct findings *f)
{
	free(f->v);
	memset(f, 0, sizeof(*f));
}
