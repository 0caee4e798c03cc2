#include "report/repeat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "report/story.h"
#include "report/text.h"

static const struct {
	const char *key, *label;
} kinds[FIGURES] = {
	[FIGURE_OUTAGE] = {"outage", "writes down"},
	[FIGURE_LOST] = {"lost", "acknowledged writes lost"},
	[FIGURE_REDUNDANT] = {"redundant", "redundant again after"},
};

const char *figure_key(enum figure_kind k)
{
	return kinds[k].key;
}

const char *figure_label(enum figure_kind k)
{
	return kinds[k].label;
}

/* ---- collecting ---- */

static const char *kept(struct arena *a, struct buf *b)
{
	const char *out = arena_strdup(a, buf_cstr(b));

	buf_free(b);
	return out;
}

/* NULL when its figures count. */
static const char *unusable(const struct scenario_report *s)
{
	if (s->m->unsupported)
		return "not possible here";
	if (s->m->broken)
		return "broken";
	if (!s->m->stands)
		return "did not stand";
	if (s->ev->incomplete)
		return "not whole";
	if (s->m->load.not_as_asked)
		return "not the load that was asked for";
	if (s->m->noise.too_noisy)
		return "too noisy";
	return s->ev->interrupted ? "interrupted" : NULL;
}

static bool same_fault(const struct fault_record *a, const struct fault_record *b)
{
	struct word_seen x;

	return !strcmp(a->id, b->id) && !strcmp(a->name, b->name) && !strcmp(a->role, b->role) &&
	       !faults_other_word(a, b, &x);
}

struct repeated_fault *repeated_fault_same(const struct repeated *r, const struct fault_seen *f)
{
	for (size_t i = 0; i < r->nfaults; i++) {
		if (same_fault(r->faults[i].first->rec, f->rec))
			return &r->faults[i];
	}
	return NULL;
}

static void add(struct figure *f, int repetition, double lo, double hi)
{
	f->v[f->n] = (struct stat_value){lo, hi};
	f->of[f->n++] = repetition;
}

static int repetition_of(const struct scenario_report *s)
{
	return (int)s->ev->script->repetition;
}

/* What counts is what a verdict could tell. */
static bool outage_known(const struct measured_counts *c, const struct fault_seen *f)
{
	return figure_told(&c->of[EXPECT_OUTAGE], f->outage.any) &&
	       !f->noise[NOISE_OUTAGE].too_noisy;
}

/* What was not seen to end while it was watched is at least so long. What another
 * fault may have done is not certain. */
static bool add_outage(struct repeated_fault *to, const struct measured_counts *c,
		       const struct fault_seen *f, int repetition)
{
	const struct outage *o = &f->outage;

	if (!outage_known(c, f))
		return false;
	if (!o->any)
		add(&to->figures[FIGURE_OUTAGE], repetition, 0, 0);
	else
		add(&to->figures[FIGURE_OUTAGE], repetition, (double)outage_own_lo(o),
		    o->ended ? (double)o->hi_ns : INFINITY);
	return true;
}

static bool add_lost(struct repeated_fault *to, const struct measured *m,
		     const struct measured_counts *c, const struct fault_seen *f, int repetition)
{
	int64_t lost = story_lost_by(m, f);

	if (lost < 0)
		return true;
	if (!figure_told(&c->of[EXPECT_LOST], lost > 0))
		return false;
	add(&to->figures[FIGURE_LOST], repetition, (double)lost,
	    m->loss.maybe_lost ? INFINITY : (double)lost);
	return true;
}

static bool add_redundant(struct repeated_fault *to, const struct measured *m,
			  const struct measured_counts *c, const struct fault_seen *f,
			  int repetition)
{
	struct figure *figure = &to->figures[FIGURE_REDUNDANT];
	int64_t watched_ns = f->window_end_ns - f->rec->effective_ns;
	bool watched = m->nsamples && f->rec->effective_ns && watched_ns > 0;

	if (f->redundant_ns < 0 && !watched)
		return true;
	if (!figure_told(&c->of[EXPECT_RECOVERY], true) || f->noise[NOISE_RECOVERY].too_noisy)
		return false;
	if (f->redundant_ns >= 0)
		add(figure, repetition,
		    f->apart_before ? 0 : (double)(f->redundant_lo_ns - f->redundant_unasked_ns),
		    (double)f->redundant_ns);
	else
		add(figure, repetition, (double)(watched_ns - f->redundant_unasked_ns), INFINITY);
	return true;
}

static void left_out_one(struct buf *b, int repetition, const char *what,
			 const struct measured *m, const struct fault_seen *f)
{
	buf_fmt(b, "%s%d %s%s%s not known", b->len ? ", " : "", repetition, what, m->nfaults > 1 ? " of " : "",
		m->nfaults > 1 ? f->rec->id : "");
}

static void add_figures(struct repeated_fault *to, const struct scenario_report *s, size_t i,
			struct buf *left_out)
{
	const struct measured_counts *c = &s->of_fault[i];
	const struct measured *m = s->m;
	const struct fault_seen *f = &m->faults[i];
	int repetition = repetition_of(s);

	if (!add_outage(to, c, f, repetition))
		left_out_one(left_out, repetition, "time down", m, f);
	if (!add_lost(to, m, c, f, repetition))
		left_out_one(left_out, repetition, "loss", m, f);
	if (!add_redundant(to, m, c, f, repetition))
		left_out_one(left_out, repetition, "redundancy", m, f);
	if (f->predicted.known) {
		if (to->predicted_lo_ns < 0 || f->predicted.lo_ns < to->predicted_lo_ns)
			to->predicted_lo_ns = f->predicted.lo_ns;
		if (f->predicted.hi_ns > to->predicted_hi_ns)
			to->predicted_hi_ns = f->predicted.hi_ns;
	}
}

static struct repeated_fault *new_fault(struct arena *a, struct repeated *r,
					const struct fault_seen *f, size_t room)
{
	struct repeated_fault *to = &r->faults[r->nfaults++];

	to->first = f;
	to->predicted_lo_ns = to->predicted_hi_ns = -1;
	for (int k = 0; k < FIGURES; k++) {
		to->figures[k].v = arena_alloc(a, room * sizeof(struct stat_value));
		to->figures[k].of = arena_alloc(a, room * sizeof(int));
	}
	return to;
}

static void count_writes(const struct run_report *run, int scenario, struct repeated *r)
{
	for (size_t i = 0; run->h && i < run->h->n; i++) {
		const struct op *op = &run->h->ops[i];

		if ((int)op->scenario != scenario || !op_is_write(op))
			continue;
		r->refused += op->outcome == OP_FAIL && op_found_down(op);
		r->undecided += op->outcome == OP_INFO;
	}
}

static size_t faults_in_all(const struct run_report *run, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < run->n; i++) {
		if (!strcmp(run->scenarios[i].ev->script->name, name))
			n += run->scenarios[i].m->nfaults;
	}
	return n;
}

static void add_repetition(struct arena *a, const struct run_report *run, struct repeated *r,
			   const struct scenario_report *s, struct buf *left_out)
{
	const char *why = unusable(s);

	r->n++;
	if (why) {
		buf_fmt(left_out, "%s%d %s", left_out->len ? ", " : "", repetition_of(s), why);
		return;
	}
	r->counted++;
	count_writes(run, s->index, r);
	for (size_t i = 0; i < s->m->nfaults; i++) {
		const struct fault_seen *f = &s->m->faults[i];
		struct repeated_fault *to = repeated_fault_same(r, f);

		if (!f->rec->bites)
			continue;
		if (!to)
			to = new_fault(a, r, f, run->n);
		add_figures(to, s, i, left_out);
	}
}

/* "lease expires (5), container restarts (1)" */
static const char *mechanisms(struct arena *a, const struct run_report *run,
			      const struct repeated *r, const struct repeated_fault *rf)
{
	const char *seen[16];
	int count[16];
	size_t n = 0;
	struct buf b = {0};

	for (size_t i = 0; i < run->n; i++) {
		const struct scenario_report *s = &run->scenarios[i];

		for (size_t j = 0; j < s->m->nfaults; j++) {
			const char *m = s->m->faults[j].outage.m.mechanism;
			size_t k = 0;

			if (strcmp(s->ev->script->name, r->name) || unusable(s) || !*m ||
			    !same_fault(s->m->faults[j].rec, rf->first->rec) ||
			    !outage_known(&s->of_fault[j], &s->m->faults[j]))
				continue;
			while (k < n && strcmp(seen[k], m))
				k++;
			if (k == ARRAY_LEN(seen))
				continue;
			if (k == n) {
				seen[n] = m;
				count[n++] = 0;
			}
			count[k]++;
		}
	}
	for (size_t k = 0; k < n; k++) {
		buf_fmt(&b, "%s%s", k ? ", " : "", seen[k]);
		if (r->counted > 1)
			buf_fmt(&b, " (%d)", count[k]);
	}
	return kept(a, &b);
}

static void gather(struct arena *a, const struct run_report *run, struct repeated *r)
{
	struct buf left_out = {0};

	r->faults = arena_alloc(a, (faults_in_all(run, r->name) + 1) * sizeof(*r->faults));
	for (size_t i = 0; i < run->n; i++) {
		if (!strcmp(run->scenarios[i].ev->script->name, r->name))
			add_repetition(a, run, r, &run->scenarios[i], &left_out);
	}
	for (size_t i = 0; i < r->nfaults; i++) {
		for (int k = 0; k < FIGURES; k++) {
			struct figure *f = &r->faults[i].figures[k];

			stat_median(f->v, f->n, &f->median);
		}
		r->faults[i].mechanisms = mechanisms(a, run, r, &r->faults[i]);
	}
	r->left_out = kept(a, &left_out);
}

void repeats_make(struct arena *a, const struct run_report *run, struct repeats *out)
{
	memset(out, 0, sizeof(*out));
	out->v = arena_alloc(a, (run->n + 1) * sizeof(*out->v));
	for (size_t i = 0; i < run->n; i++) {
		const char *name = run->scenarios[i].ev->script->name;
		size_t j = 0;

		out->any = out->any || run->scenarios[i].ev->script->repetitions > 1;
		while (j < out->n && strcmp(out->v[j].name, name))
			j++;
		if (j < out->n)
			continue;
		out->v[out->n].name = name;
		out->v[out->n].first = &run->scenarios[i];
		gather(a, run, &out->v[out->n++]);
	}
}

/* ---- words ---- */

const char *figure_value(struct arena *a, enum figure_kind k, double v, bool at_least)
{
	const char *pre = at_least ? "at least " : "", *sign = v < 0 ? "-" : "";

	if (isinf(v))
		return v < 0 ? "no bound" : "never seen";
	if (k == FIGURE_LOST)
		return fmod(v, 1) != 0 ? arena_fmt(a, "%s%.1f", pre, v) :
				    arena_fmt(a, "%s%s%s", pre, sign, text_count((int64_t)fabs(v)).s);
	if (v == 0)
		return arena_fmt(a, "%s0 s", pre);
	return arena_fmt(a, "%s%s%s", pre, sign, text_duration((int64_t)fabs(v)).s);
}

const char *figure_words(struct arena *a, enum figure_kind k, const struct figure *f)
{
	const struct stat_median *m = &f->median;
	struct buf b = {0};

	if (!m->n)
		return "not measured";
	buf_str(&b, figure_value(a, k, m->value, m->at_least));
	if (m->n == 1)
		return kept(a, &b);
	if (m->lo < 0)
		buf_fmt(&b, " (n = %zu, too few for an interval", m->n);
	else
		buf_fmt(&b, " (95 %%: %s to %s; n = %zu", figure_value(a, k, m->lo, false),
			isinf(m->hi) ? "no upper bound" : figure_value(a, k, m->hi, false), m->n);
	if (m->censored)
		buf_fmt(&b, k == FIGURE_LOST ? "; %zu at the least" : "; %zu not over at the end", m->censored);
	buf_char(&b, ')');
	return kept(a, &b);
}

const char *repeated_fault_words(struct arena *a, const struct repeated_fault *f)
{
	return arena_fmt(a, "%s%s%s", story_fault_kind(a, f->first),
			 f->first->rec->role[0] ? ", on a " : "", f->first->rec->role);
}

const char *scenario_words(struct arena *a, const struct scenario_report *s)
{
	const char *name = s->ev->script->name;
	int64_t of = s->ev->script->repetitions;

	if (of < 2)
		return name;
	return arena_fmt(a, "%s (%d of %lld)", name, repetition_of(s), (long long)of);
}

const char *repetition_words(struct arena *a, const struct scenario_report *s)
{
	int64_t of = s->ev->script->repetitions;

	if (of < 2)
		return "";
	return arena_fmt(a, " (%d of %lld; first fault %.1f s later than written)", repetition_of(s),
			 (long long)of, (double)s->ev->script->phase_ns / 1e9);
}

/* As text; "" where it is none. */
static const char *chosen(const struct setting_seen *s)
{
	return s->value ? s->value : "";
}

const char *settings_difference(struct arena *a, const struct evidence *ev,
				const struct evidence *than)
{
	const char *variant = ev->script->variant, *another = than->script->variant;
	struct buf b = {0};

	if (strcmp(variant, another))
		buf_fmt(&b, "%s manifests instead of %s", variant, another);
	for (size_t i = 0; i < ev->settings->n; i++) {
		const struct setting_seen *s = &ev->settings->v[i];
		const struct setting_seen *t = setting_find(than->settings, s->name);
		const char *value = chosen(s), *other = t ? chosen(t) : "nothing";

		if (strcmp(value, other))
			buf_fmt(&b, "%s%s %s instead of %s", b.len ? ", " : "", s->name,
				*value ? value : "nothing", *other ? other : "nothing");
	}
	return kept(a, &b);
}
