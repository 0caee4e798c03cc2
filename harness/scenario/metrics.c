#include "scenario/metrics.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "scenario/scenario.h"

/* The metrics, and an expectation of each in words. */

static void add_duration(struct buf *b, double ns)
{
	if (ns >= (double)NS_PER_S || !(ns > 0))
		buf_fmt(b, "%.10g s", ns / (double)NS_PER_S);
	else
		buf_fmt(b, "%.10g ms", ns / (double)NS_PER_MS);
}

/* `most` says that at_most is alone: " at most " or " within ". */
static void add_bounds(struct buf *b, const struct expectation *x, const char *most)
{
	if (x->within_predicted)
		buf_str(b, " within the predicted window");
	if (x->has_at_least) {
		buf_str(b, " at least ");
		add_duration(b, x->at_least);
	}
	if (x->has_at_most) {
		buf_str(b, x->has_at_least ? " and at most " : most);
		add_duration(b, x->at_most);
	}
}

static void add_count(struct buf *b, const struct expectation *x, const char *none,
		      const char *some)
{
	if (x->has_at_most && !(x->at_most > 0)) {
		buf_str(b, none);
		return;
	}
	if (x->has_at_least)
		buf_fmt(b, "at least %.0f ", x->at_least);
	if (x->has_at_most)
		buf_fmt(b, "%sat most %.0f ", x->has_at_least ? "and " : "", x->at_most);
	buf_str(b, some);
}

/* The one fault that it is about; NULL: there are several, the worst counts. */
static const char *only_fault(const struct scenario *s, const struct expectation *x)
{
	const char *only = NULL;

	if (x->fault)
		return x->fault;
	for (size_t i = 0; i < s->nsteps; i++) {
		if (s->steps[i].kind != STEP_FAULT)
			continue;
		if (only)
			return NULL;
		only = s->steps[i].id;
	}
	return only;
}

/* The setting without which it would have to be none. */
static void add_accepted(struct buf *b, const struct expectation *x)
{
	if (x->accepted)
		buf_fmt(b, ", as %.40s: %.40s allows", x->setting, x->setting_value);
}

static void stands(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	(void)s;
	buf_str(b, x->want ? "comes up as written and takes a write" : "does not come up as written");
	if (x->object)
		buf_fmt(b, ": %.60s", x->object);
}

static void outage(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	const char *only = only_fault(s, x);

	buf_fmt(b, only ? "outage of %s" : "worst outage", only);
	add_bounds(b, x, " at most ");
}

/* " of reads" */
static void add_of(struct buf *b, const struct expectation *x, const char *all)
{
#define WORDS(id, word, words) {word, words},
	static const struct {
		const char *word, *words;
	} known[] = {OF_LIST(WORDS)};
#undef WORDS
	const char *words = x->of ? x->of : all;

	for (size_t i = 0; x->of && i < ARRAY_LEN(known); i++)
		if (!strcmp(known[i].word, x->of))
			words = known[i].words;
	if (words)
		buf_fmt(b, " of %s", words);
}

static void add_after(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	const char *only = only_fault(s, x);

	buf_fmt(b, " after %s", only ? only : "every fault");
}

static void downtime(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	buf_str(b, "time down");
	add_of(b, x, NULL);
	add_after(b, s, x);
	add_bounds(b, x, " at most ");
}

static void availability(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	if (x->has_at_least)
		buf_fmt(b, "at least %.10g %%", x->at_least);
	if (x->has_at_most)
		buf_fmt(b, "%sat most %.10g %%", x->has_at_least ? " and " : "", x->at_most);
	add_of(b, x, "operations");
	buf_str(b, " served");
	add_after(b, s, x);
}

static void latency(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	buf_str(b, "p99 latency");
	add_of(b, x, NULL);
	add_after(b, s, x);
	add_bounds(b, x, " at most ");
}

static void lost(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	(void)s;
	add_count(b, x, "no acknowledged write lost", "acknowledged writes lost");
	if (x->fault)
		buf_fmt(b, " by %s", x->fault);
	add_accepted(b, x);
}

static void phantom(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	(void)s;
	add_count(b, x, "no refused write present", "refused writes present");
}

static void duplicate(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	(void)s;
	add_count(b, x, "no write present twice", "writes present twice");
}

static void recovery(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	const char *only = only_fault(s, x);

	buf_str(b, "redundant again");
	add_bounds(b, x, " within ");
	buf_fmt(b, " of %s", only ? only : "every fault");
}

static void recovery_point(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	const char *only = only_fault(s, x);

	buf_str(b, "what survived is of one moment");
	add_bounds(b, x, ", at most ");
	buf_fmt(b, " before %s", only ? only : "every fault");
}

static void dual_primary(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	(void)s;
	if (x->has_at_most && !(x->at_most > 0)) {
		buf_str(b, "never two writable primaries");
		return;
	}
	buf_str(b, "time with two writable primaries");
	add_bounds(b, x, " at most ");
}

static void deadline(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	(void)s;
	buf_str(b, "longest client operation");
	add_bounds(b, x, " at most ");
}

static void demoted(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	const char *only = only_fault(s, x);

	buf_str(b, "old primary demoted");
	add_bounds(b, x, " within ");
	buf_fmt(b, only ? " of healing %s" : " of every healing", only);
}

static void errors_clear(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	(void)s;
	buf_str(b, x->want ? "clients get clear errors, not silence" :
			     "clients get silence, not clear errors");
}

static void check(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	(void)s;
	buf_fmt(b, "checker %s finds no violation%s", x->checker, x->accepted ? " but one" : "");
	add_accepted(b, x);
}

static void staleness(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	(void)s;
	buf_str(b, "replicas' answers behind by");
	add_bounds(b, x, " at most ");
}

static void evicted(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	(void)s;
	add_count(b, x, "no acknowledged write evicted", "acknowledged writes evicted");
	add_accepted(b, x);
}

static void job(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	(void)s;
	buf_fmt(b, "the job %s %s", x->run, x->want ? "succeeds" : "fails");
	if (x->reason)
		buf_fmt(b, x->want ? " in spite of: %.60s" : ": %.60s", x->reason);
}

static void routes(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	(void)s;
	buf_fmt(b, "the Service %.60s %s to the primary", x->object, x->want ? "leads" : "never leads");
}

static void errant(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	(void)s;
	add_count(b, x, "no errant transaction", "errant transactions");
}

static const struct metric metrics[] = {
#define ROW(id, name, unit, flags, shows, words, judge) \
	[EXPECT_##id] = {name, METRIC_##unit, flags, SHOWS_##shows, words},
	METRIC_LIST(ROW)
#undef ROW
};

const struct metric *metric_of(enum expect_metric m)
{
	return &metrics[m];
}

bool metric_most_missable(enum expect_metric m, double most, int64_t deadline_ns)
{
	/* One until a client is free for an operation, one until that gives up. */
	enum { OPERATION_DEADLINES = 2 };
	bool each = m == EXPECT_LATENCY || m == EXPECT_DEADLINE;

	if (metric_of(m)->unit == METRIC_SHARE)
		return most < 100;
	return !each || deadline_ns <= 0 || most < OPERATION_DEADLINES * (double)deadline_ns;
}

enum of_word of_word(const char *of)
{
#define WORD(id, word, words) {word, OF_##id},
	static const struct {
		const char *word;
		enum of_word of;
	} all[] = {OF_LIST(WORD)};
#undef WORD

	for (size_t i = 0; of && i < ARRAY_LEN(all); i++)
		if (!strcmp(of, all[i].word))
			return all[i].of;
	return of ? OF_KIND : OF_ALL;
}

uint32_t of_kinds(const char *of)
{
	for (int f = 0; f < OP_KINDS; f++)
		if (!strcmp(of, op_f_name((enum op_f)f)))
			return OP_BIT(f);
	switch (of_word(of)) {
	case OF_WRITES:
		return OP_WRITES;
	case OF_READS:
		return OP_ANY & ~OP_WRITES;
	default:
		return OP_ANY;
	}
}

bool metric_is(const char *name, enum expect_metric m)
{
	return !strcmp(name, metric_of(m)->name);
}

bool metric_find(const char *name, enum expect_metric *out)
{
	for (int i = 0; i < METRICS; i++) {
		if (!strcmp(metrics[i].name, name)) {
			*out = (enum expect_metric)i;
			return true;
		}
	}
	return false;
}
