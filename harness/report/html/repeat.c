#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "report/html/repeat.h"
#include "report/story.h"

/* What several scenarios say together: repetitions of one, and scenarios with
 * the same fault under other settings beside each other. */

enum { STRIP_ROW = 58 };

/* ---- strips: a mark a repetition, the median and its interval ---- */

static double top_of(const struct figure *const *f, size_t n)
{
	double top = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < f[i]->n; j++) {
			const struct stat_value *v = &f[i]->v[j];

			top = fmax(top, isinf(v->hi) ? v->lo * 1.06 : v->hi);
		}
	}
	return top > 0 ? top * 1.04 : 1e9;
}

static double mid_of(const struct stat_value *v)
{
	return isinf(v->hi) ? v->lo : (v->lo + v->hi) / 2;
}

static void mark(struct page *p, enum figure_kind k, const struct figure *f, size_t j, double top,
		 int y)
{
	const struct stat_value *v = &f->v[j];
	double x = 100 * mid_of(v) / top;
	const char *said = figure_value(p->a, k, mid_of(v), isinf(v->hi) != 0);

	/* Marks at the same place are kept apart by their row. */
	y += (int)(j % 3) * 4 - 4;
	if (isinf(v->hi))
		fprintf(p->f, "<text class=\"cens\" x=\"%.2f%%\" y=\"%d\">▷<title>repetition %d: %s, not "
			"over at the end</title></text>", x, y + 5, f->of[j], said);
	else
		fprintf(p->f, "<circle class=\"dot\" cx=\"%.2f%%\" cy=\"%d\" r=\"4\"><title>repetition "
			"%d: %s</title></circle>", x, y, f->of[j], said);
}

static void strip(struct page *p, const char *label, enum figure_kind k, const struct figure *f,
		  double top, int y)
{
	const struct stat_median *m = &f->median;
	double lo = 100 * m->lo / top, hi = isinf(m->hi) ? 100 : 100 * m->hi / top;

	fprintf(p->f, "<text class=\"halo\" x=\"0\" y=\"%d\"><tspan class=\"t\">%s</tspan><tspan dx=\"8\">"
		"%s</tspan></text>", y + 13, label, !m->n ? "not measured" :
		arena_fmt(p->a, "median %s, n = %zu", figure_value(p->a, k, m->value, m->at_least), m->n));
	if (m->lo >= 0)
		fprintf(p->f, "<rect class=\"win\" x=\"%.2f%%\" width=\"%.2f%%\" y=\"%d\" height=\"20\" "
			"rx=\"3\"/>", lo, hi - lo > 0.4 ? hi - lo : 0.4, y + 24);
	if (m->n && !m->at_least)
		fprintf(p->f, "<line class=\"med\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%d\" y2=\"%d\"/>",
			100 * m->value / top, 100 * m->value / top, y + 22, y + 46);
	for (size_t j = 0; j < f->n; j++)
		mark(p, k, f, j, top, y + 34);
}

static void axis(struct page *p, double top, int bottom)
{
	double top_s = top / 1e9, step = plot_step(top_s, 6);

	for (int i = 0; i * step <= top_s; i++) {
		double x = 100 * i * step / top_s;

		fprintf(p->f, "<line class=\"g\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"%d\"/>", x, x,
			bottom);
		if (x < 96)
			fprintf(p->f, "<text x=\"%.2f%%\" y=\"%d\" text-anchor=\"%s\">%g%s</text>", x,
				bottom + 16, i ? "middle" : "start", i * step, i ? "" : " s");
	}
}

void html_strips(struct page *p, const struct strip *strips, size_t n)
{
	const struct figure **f = arena_alloc(p->a, (n + 1) * sizeof(*f));
	int bottom = (int)n * STRIP_ROW + 2;
	double top;

	for (size_t i = 0; i < n; i++)
		f[i] = strips[i].figure;
	top = top_of(f, n);
	fprintf(p->f, "<figure><svg role=\"img\" width=\"100%%\" height=\"%d\" aria-label=\"Each repetition "
		"as a mark, with the median and its interval; the table that follows says the same\">",
		bottom + 24);
	axis(p, top, bottom);
	for (size_t i = 0; i < n; i++)
		strip(p, strips[i].label, strips[i].kind, f[i], top, (int)i * STRIP_ROW);
	fputs("</svg></figure>\n", p->f);
}

static const char *title_of(const struct repeated *r)
{
	const char *title = r->first->ev->script->title;

	return *title ? title : r->name;
}

static void one_repeated(struct page *p, const struct repeated *r)
{
	struct strip *strips = arena_alloc(p->a, (2 * r->nfaults + 1) * sizeof(*strips));
	size_t n = 0;

	fprintf(p->f, "<h3>%s</h3>\n<p class=\"soft\"><span class=\"mono\">%s</span> · %zu of %zu repetitions "
		"count%s%s</p>\n", esc(p, title_of(r)), esc(p, r->name),
		r->counted, r->n, r->left_out[0] ? "; left out: " : "", esc(p, r->left_out));
	for (size_t i = 0; i < r->nfaults; i++) {
		const char *what = esc(p, repeated_fault_words(p->a, &r->faults[i]));

		for (int k = 0; k < FIGURES; k++) {
			if (k == FIGURE_LOST || !r->faults[i].figures[k].n)
				continue;
			strips[n++] = (struct strip){
				r->nfaults > 1 ? arena_fmt(p->a, "%s: %s", what, figure_label((enum figure_kind)k)) :
				figure_label((enum figure_kind)k), (enum figure_kind)k,
				&r->faults[i].figures[k]};
		}
	}
	if (n)
		html_strips(p, strips, n);
	html_repeated_rows(p, r, r->nfaults);
}

/* ---- rows ---- */

static struct fault_row row(struct page *p, const struct repeated *r,
			    const struct repeated_fault *f)
{
	const struct figure *g = f->figures;
	bool one = r->counted == 1 && g[FIGURE_OUTAGE].n;
	struct fault_row out = {0};

	out.down = one ? esc(p, story_outage(p->a, &f->first->outage)) :
			 figure_words(p->a, FIGURE_OUTAGE, &g[FIGURE_OUTAGE]);
	out.predicted = f->predicted_lo_ns < 0 ? "–" :
		arena_fmt(p->a, "%s", text_range(f->predicted_lo_ns, f->predicted_hi_ns).s);
	out.ended = f->mechanisms[0] ? esc(p, f->mechanisms) : "–";
	out.lost = g[FIGURE_LOST].n ? figure_words(p->a, FIGURE_LOST, &g[FIGURE_LOST]) : "unknown";
	out.redundant = figure_words(p->a, FIGURE_REDUNDANT, &g[FIGURE_REDUNDANT]);
	return out;
}

void html_repeated_rows(struct page *p, const struct repeated *r, size_t n)
{
	struct fault_row *rows = arena_alloc(p->a, (n + 1) * sizeof(*rows));

	for (size_t i = 0; i < n; i++) {
		rows[i] = row(p, r, &r->faults[i]);
		rows[i].lead = arena_fmt(p->a, "<b>%s</b>",
					 esc(p, repeated_fault_words(p->a, &r->faults[i])));
	}
	if (n)
		html_fault_table(p, "Fault", rows, n);
}

void html_repeats(struct page *p, const struct repeats *all)
{
	if (!all->any)
		return;
	fputs("<section class=\"sc\" id=\"repeated\" aria-labelledby=\"hrep\">\n<div class=\"head\">"
	      "<h2 id=\"hrep\">All repetitions together</h2></div>\n", p->f);
	fputs("<p class=\"soft\">A mark is one repetition; ▷ was not over when the watch ended, and lasts "
	      "at least so long. Upright line: median. Bar: its 95 % interval, free of any assumption "
	      "about the distribution; it takes six values.</p>\n", p->f);
	for (size_t i = 0; i < all->n; i++) {
		if (all->v[i].n > 1)
			one_repeated(p, &all->v[i]);
	}
	fputs("</section>\n", p->f);
}

/* ---- side by side ---- */

/* Which scenarios belong beside each other: those of the same `compare`, else
 * of the same system with the same faults on the same targets. */
static bool beside(const struct repeated *x, const struct repeated *y)
{
	const struct script_seen *a = x->first->ev->script, *b = y->first->ev->script;

	if (a->compare || b->compare)
		return a->compare && b->compare && !strcmp(a->compare, b->compare);
	return !strcmp(a->system, b->system) && scripts_same_faults(x->first->ev, y->first->ev);
}

static void add_rows(struct page *p, const struct repeated *r, const struct repeated *than,
		     struct fault_row *rows, size_t *n)
{
	const char *differs = r == than ? "the first here" :
			      esc(p, settings_difference(p->a, r->first->ev,
							 than->first->ev));

	for (size_t i = 0; i < (r->nfaults ? r->nfaults : 1); i++) {
		struct fault_row *o = &rows[(*n)++];

		if (r->nfaults)
			*o = row(p, r, &r->faults[i]);
		else
			o->down = html_story(p, r->first);
		o->lead = arena_fmt(p->a, "<b><a href=\"#s%d\">%s</a></b><span class=\"why\">%s</span>",
				    r->first->index, esc(p, r->name),
				    esc(p, r->nfaults > 1 ?
					   repeated_fault_words(p->a, &r->faults[i]) :
					   r->first->ev->script->title));
		o->differs = *differs ? differs : "not the settings";
		o->refused = arena_fmt(p->a, "%s%s", text_count(r->refused).s, r->counted > 1 ? " in all" : "");
	}
}

static void one_group(struct page *p, const struct repeats *all, size_t at)
{
	const struct repeated *head = &all->v[at];
	const char *compare = head->first->ev->script->compare;
	struct fault_row *rows;
	size_t room = 0, n = 0;

	for (size_t i = at; i < all->n; i++)
		room += all->v[i].nfaults + 1;
	rows = arena_alloc(p->a, room * sizeof(*rows));
	for (size_t i = at; i < all->n; i++) {
		if (i == at || beside(head, &all->v[i]))
			add_rows(p, &all->v[i], head, rows, &n);
	}
	fprintf(p->f, "<h3>%s</h3>\n", esc(p, compare ? compare : !head->nfaults ? title_of(head) :
		arena_fmt(p->a, "When %s", story_fault(p->a, head->faults[0].first))));
	html_fault_table(p, "Scenario", rows, n);
}

void html_side_by_side(struct page *p, const struct repeats *all)
{
	bool begun = false;

	for (size_t i = 0; i < all->n; i++) {
		bool first = true, more = false;

		for (size_t j = 0; j < all->n && first; j++) {
			bool same = j != i && beside(&all->v[i], &all->v[j]);

			first = !same || j > i;
			more = more || same;
		}
		if (!first || !more)
			continue;
		if (!begun)
			fputs("<section class=\"sc\" id=\"beside\" aria-labelledby=\"hbes\">\n<div class=\"head\">"
			      "<h2 id=\"hbes\">The same fault, side by side</h2></div>\n", p->f);
		begun = true;
		one_group(p, all, i);
	}
	if (begun)
		fputs("</section>\n", p->f);
}
