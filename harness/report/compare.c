#include "report/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "report/text.h"

static const char *kept(struct arena *a, struct buf *b)
{
	const char *out = arena_strdup(a, buf_cstr(b));

	buf_free(b);
	return out;
}

static const struct repeated *by_name(const struct repeats *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++) {
		if (!strcmp(all->v[i].name, name))
			return &all->v[i];
	}
	return NULL;
}

/* The word by which one of the same name is another one. */
static bool made_otherwise(const struct repeated *r, const struct fault_record *f,
			   struct word_seen *out)
{
	for (size_t i = 0; i < r->nfaults; i++) {
		const struct fault_record *g = r->faults[i].first->rec;

		if (!strcmp(g->id, f->id) && !strcmp(g->name, f->name) &&
		    faults_other_word(f, g, out))
			return true;
	}
	return false;
}

static void name_unpaired(struct arena *a, struct buf *b, const struct repeated *r,
			  const struct repeated *other, const char *who, const char *whom)
{
	for (size_t i = 0; i < r->nfaults; i++) {
		const struct fault_seen *f = r->faults[i].first;
		struct word_seen x;

		if (repeated_fault_same(other, f))
			continue;
		buf_fmt(b, "%s%s (%s only", b->len ? ", " : "", repeated_fault_words(a, &r->faults[i]), who);
		if (made_otherwise(other, f->rec, &x))
			buf_fmt(b, ", with %s %s where %s has %s", x.word, x.asked, whom, x.was);
		buf_str(b, ")");
	}
}

static void pair(struct arena *a, const struct repeated *x, const struct repeated *y,
		 struct compared *out)
{
	struct buf unpaired = {0};

	out->a = x;
	out->b = y;
	out->differs = settings_difference(a, y->first->ev, x->first->ev);
	out->faults = arena_alloc(a, (x->nfaults + 1) * sizeof(*out->faults));
	for (size_t i = 0; i < x->nfaults; i++) {
		struct compared_fault *f = &out->faults[out->nfaults];

		f->a = &x->faults[i];
		f->b = repeated_fault_same(y, x->faults[i].first);
		if (!f->b)
			continue;
		out->nfaults++;
		for (int k = 0; k < FIGURES; k++)
			stat_shift(f->a->figures[k].v, f->a->figures[k].n, f->b->figures[k].v,
				   f->b->figures[k].n, &f->shift[k]);
	}
	name_unpaired(a, &unpaired, x, y, "A", "B");
	name_unpaired(a, &unpaired, y, x, "B", "A");
	out->unpaired = kept(a, &unpaired);
}

static const char *not_in(struct arena *a, const struct repeats *all, const struct repeats *other)
{
	struct buf b = {0};

	for (size_t i = 0; i < all->n; i++) {
		if (!by_name(other, all->v[i].name))
			buf_fmt(&b, "%s%s", b.len ? ", " : "", all->v[i].name);
	}
	return kept(a, &b);
}

/* Every figure that is shown is one that could be named by chance. */
static void correct(struct comparison *c)
{
	struct stat_shift **all;
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->v[i].nfaults * FIGURES;
	all = arena_alloc(&c->arena, (n + 1) * sizeof(*all));
	n = 0;
	for (size_t i = 0; i < c->n; i++) {
		for (size_t j = 0; j < c->v[i].nfaults; j++) {
			struct compared_fault *f = &c->v[i].faults[j];

			for (int k = 0; k < FIGURES; k++) {
				all[n++] = &f->shift[k];
				if (f->a->figures[k].n > c->most_a)
					c->most_a = f->a->figures[k].n;
				if (f->b->figures[k].n > c->most_b)
					c->most_b = f->b->figures[k].n;
			}
		}
	}
	stat_holm(all, n, &c->family);
}

int comparison_make(const char *dir_a, const char *dir_b, const char *only, struct comparison *out,
		    struct err *e)
{
	struct arena *a = &out->arena;

	memset(out, 0, sizeof(*out));
	if (evaluation_read(dir_a, &out->a, e) || evaluation_read(dir_b, &out->b, e))
		return -1;
	repeats_make(a, &out->a.run, &out->all_a);
	repeats_make(a, &out->b.run, &out->all_b);
	out->v = arena_alloc(a, (out->all_a.n + 1) * sizeof(*out->v));
	for (size_t i = 0; i < out->all_a.n; i++) {
		const struct repeated *y = by_name(&out->all_b, out->all_a.v[i].name);

		if (y && (!only || !strcmp(only, y->name)))
			pair(a, &out->all_a.v[i], y, &out->v[out->n++]);
	}
	out->only_a = only ? "" : not_in(a, &out->all_a, &out->all_b);
	out->only_b = only ? "" : not_in(a, &out->all_b, &out->all_a);
	correct(out);
	if (!out->n && only)
		return err_set(e, ERR_INPUT, "%s and %s have no scenario \"%s\" in common", dir_a, dir_b, only);
	if (!out->n)
		return err_set(e, ERR_INPUT, "%s and %s have no scenario in common", dir_a, dir_b);
	return 0;
}

void comparison_free(struct comparison *c)
{
	evaluation_free(&c->a);
	evaluation_free(&c->b);
	arena_free(&c->arena);
}

/* An infinite bound is none. */
static const char *bound(struct arena *a, enum figure_kind k, double v)
{
	return isinf(v) ? "no bound" : figure_value(a, k, v, false);
}

/* "0.0022", or what is left of it after the correction, too. */
static void p_words(struct buf *b, const struct stat_shift *s, const struct stat_family *family)
{
	buf_fmt(b, "p = %.2g", s->p);
	if (s->p_least <= STAT_ALPHA && family->counted > 1 && s->p < 1)
		buf_fmt(b, ", %.2g corrected for %zu figures", s->p_holm, family->counted);
}

const char *shift_words(struct arena *a, enum figure_kind k, const struct compared_fault *f,
			const struct stat_family *family)
{
	static const char *const more[FIGURES] = {"longer", "more", "longer"};
	static const char *const less[FIGURES] = {"shorter", "fewer", "shorter"};
	const struct stat_shift *s = &f->shift[k];
	size_t m = f->a->figures[k].n, n = f->b->figures[k].n;
	double est = (s->est_lo + s->est_hi) / 2;
	bool exact = !isinf(s->est_lo) && !isinf(s->est_hi) && est * s->sign > 0;
	struct buf b = {0};

	if (!s->known)
		return "not measured on both sides";
	if (!s->bounded) {
		buf_fmt(&b, "too few values to decide (%zu and %zu; four and four are the least)", m, n);
		return kept(a, &b);
	}
	if (!s->differs)
		buf_str(&b, "no difference is shown");
	else if (exact)
		buf_fmt(&b, "B: %s %s", figure_value(a, k, fabs(est), false), s->sign > 0 ? more[k] : less[k]);
	else
		buf_fmt(&b, "B: %s", s->sign > 0 ? more[k] : less[k]);
	buf_fmt(&b, " (B less A, 95 %%%s: %s to %s; ", family->counted > 1 ? " for this figure alone" : "",
		bound(a, k, s->lo), bound(a, k, s->hi));
	p_words(&b, s, family);
	buf_char(&b, ')');
	return kept(a, &b);
}

const char *family_words(struct comparison *c)
{
	const struct stat_family *f = &c->family;
	struct buf b = {0};

	if (!f->counted)
		return "No figure has enough values on both sides for a difference to be shown; four and four, "
		       "not all equal, are the least.";
	buf_fmt(&b, "%zu figure%s compared", f->known, f->known == 1 ? " is" : "s are");
	if (f->counted < f->known)
		buf_fmt(&b, ", of which %zu %s values enough, and different enough, to show a difference at all",
			f->counted, f->counted == 1 ? "has" : "have");
	if (f->counted > 1)
		buf_fmt(&b, ". Each p is corrected for these %zu by Holm's method: where nothing differs, a "
			"difference is named in at most five of a hundred such comparisons", f->counted);
	buf_char(&b, '.');
	if (!f->reachable) {
		buf_fmt(&b, " With at most %zu values against %zu none of so many can be named, however large; ",
			c->most_a, c->most_b);
		if (f->enough)
			buf_fmt(&b, "with %zu against %zu it could, or with fewer figures: --scenario compares "
				"one scenario, chosen before looking.", f->enough, f->enough);
		else
			buf_str(&b, "--scenario compares one scenario, chosen before looking.");
	}
	return kept(&c->arena, &b);
}

static void say(struct buf *b, const char *what, const char *x, const char *y)
{
	if (strcmp(x, y))
		buf_fmt(b, "%s%s %s and %s", b->len ? ", " : "", what, x, y);
}

const char *runs_difference(struct arena *a, const struct run_report *x, const struct run_report *y)
{
	const struct run_seen *p = &x->ev->run, *q = &y->ev->run;
	struct buf b = {0};

	say(&b, "engine", p->engine, q->engine);
	say(&b, "version", p->version, q->version);
	say(&b, "processors", text_count(p->cores).s, text_count(q->cores).s);
	say(&b, "memory", text_bytes(p->memory_bytes).s, text_bytes(q->memory_bytes).s);
	return kept(a, &b);
}

static void text_run(FILE *f, const char *who, const struct run_report *run)
{
	const struct run_seen *seen = &run->ev->run;

	fprintf(f, "%s: %s, engine %s, version %s, %s\n", who, seen->run_id, seen->engine, seen->version,
		text_date(seen->started).s);
}

static void text_left_out(FILE *f, const char *who, const struct repeated *r)
{
	if (r->left_out[0])
		fprintf(f, "  of %s left out: %s\n", who, r->left_out);
}

static void as_text(struct comparison *c, FILE *f)
{
	const char *runs = runs_difference(&c->arena, &c->a.run, &c->b.run);

	text_run(f, "A", &c->a.run);
	text_run(f, "B", &c->b.run);
	if (runs[0])
		fprintf(f, "the runs differ: %s\n", runs);
	fprintf(f, "%s\n", family_words(c));
	for (size_t i = 0; i < c->n; i++) {
		const struct compared *p = &c->v[i];

		fprintf(f, "\n%s\n  settings: %s\n", p->a->name, p->differs[0] ? arena_fmt(&c->arena, "B has %s", p->differs) : "the same");
		text_left_out(f, "A", p->a);
		text_left_out(f, "B", p->b);
		for (size_t j = 0; j < p->nfaults; j++) {
			const struct compared_fault *g = &p->faults[j];

			fprintf(f, "  %s\n", repeated_fault_words(&c->arena, g->a));
			for (int k = 0; k < FIGURES; k++)
				fprintf(f, "    %s\n      A: %s\n      B: %s\n      %s\n",
					figure_label((enum figure_kind)k),
					figure_words(&c->arena, (enum figure_kind)k,
						     &g->a->figures[k]),
					figure_words(&c->arena, (enum figure_kind)k,
						     &g->b->figures[k]),
					shift_words(&c->arena, (enum figure_kind)k, g, &c->family));
		}
		if (p->unpaired[0])
			fprintf(f, "  not compared: %s\n", p->unpaired);
	}
	if (c->only_a[0])
		fprintf(f, "\nonly in A: %s\n", c->only_a);
	if (c->only_b[0])
		fprintf(f, "%sonly in B: %s\n", c->only_a[0] ? "" : "\n", c->only_b);
}

void comparison_text(struct comparison *c, FILE *f)
{
	char *text = NULL;
	size_t len = 0;
	FILE *raw = open_memstream(&text, &len);

	if (!raw)
		abort();
	as_text(c, raw);
	fclose(raw);
	/* Names in it are the files' own words. */
	fputs(text_clean(&c->arena, text), f);
	free(text);
}
