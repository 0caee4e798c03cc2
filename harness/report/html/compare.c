#include "base/json.h"
#include "report/compare.h"
#include "report/html/repeat.h"

/* Two runs on one page, without a script, nothing fetched. */

static void one_run(struct page *p, const char *who, const struct run_report *run)
{
	fprintf(p->f, "<li><div><b>%s</b></div><div><b class=\"mono\">%s</b><p>engine %s, version %s, %s. ",
		who, esc(p, run->ev->run.run_id), esc(p, run->ev->run.engine),
		esc(p, run->ev->run.version), text_date(run->ev->run.started).s);
	html_chip(p->f, run->verdict);
	fputs("</p></div></li>\n", p->f);
}

static void masthead(struct page *p, struct comparison *c)
{
	const char *runs = runs_difference(p->a, &c->a.run, &c->b.run);

	fputs("<header class=\"top\">\n<div class=\"brand\"><b>Ordeal</b><span>comparison of two runs</span>"
	      "</div>\n<h1>", p->f);
	fprintf(p->f, "%zu %s, side by side</h1>\n<ol class=\"toc\">\n", c->n,
		c->n == 1 ? "scenario" : "scenarios");
	one_run(p, "A", &c->a.run);
	one_run(p, "B", &c->b.run);
	fprintf(p->f, "</ol>\n<p class=\"soft\">The runs %s%s. A mark is one repetition; ▷ was not over when the "
		"watch ended, and lasts at least so long. Upright line: median. Bar: its 95 %% interval. "
		"Differences are Hodges and Lehmann's, with the interval that belongs to the rank test of "
		"Mann and Whitney; neither assumes a distribution. %s</p>\n</header>\n<main>\n",
		runs[0] ? "differ in " : "are of the same engine, version and machine", esc(p, runs),
		esc(p, family_words(c)));
}

static void one_fault(struct page *p, const struct compared_fault *f,
		      const struct stat_family *family)
{
	const char *what = esc(p, repeated_fault_words(p->a, f->a));
	struct strip strips[2 * FIGURES];
	size_t n = 0;

	fprintf(p->f, "<h3>%s</h3>\n", what);
	for (int k = 0; k < FIGURES; k++) {
		enum figure_kind kind = (enum figure_kind)k;

		if (kind == FIGURE_LOST || (!f->a->figures[k].n && !f->b->figures[k].n))
			continue;
		strips[n++] = (struct strip){arena_fmt(p->a, "A: %s", figure_label(kind)), kind,
					     &f->a->figures[k]};
		strips[n++] = (struct strip){arena_fmt(p->a, "B: %s", figure_label(kind)), kind,
					     &f->b->figures[k]};
	}
	if (n)
		html_strips(p, strips, n);
	fputs("<table class=\"cards\"><thead><tr><th>Figure</th><th>A</th><th>B</th><th>Difference</th></tr>"
	      "</thead><tbody>\n", p->f);
	for (int k = 0; k < FIGURES; k++) {
		enum figure_kind kind = (enum figure_kind)k;

		fprintf(p->f, "<tr><td><b>%s</b></td><td data-l=\"A\">%s</td><td data-l=\"B\">%s</td>"
			"<td data-l=\"Difference\">%s</td></tr>\n", figure_label(kind),
			figure_words(p->a, kind, &f->a->figures[k]),
			figure_words(p->a, kind, &f->b->figures[k]),
			shift_words(p->a, kind, f, family));
	}
	fputs("</tbody></table>\n", p->f);
}

static void one_pair(struct page *p, const struct compared *c, size_t i,
		     const struct stat_family *family)
{
	const char *title = c->a->first->ev->script->title;

	fprintf(p->f, "<section class=\"sc\" id=\"c%zu\" aria-labelledby=\"h%zu\">\n<div class=\"head\">"
		"<h2 id=\"h%zu\">%s</h2></div>\n<p class=\"meta\"><span class=\"mono\">%s</span> · A: %zu of %zu "
		"repetitions count, B: %zu of %zu%s%s%s%s</p>\n<p>Settings: %s.</p>\n", i, i, i,
		esc(p, *title ? title : c->a->name), esc(p, c->a->name),
		c->a->counted, c->a->n, c->b->counted, c->b->n,
		c->a->left_out[0] ? "; left out of A: " : "", esc(p, c->a->left_out),
		c->b->left_out[0] ? "; left out of B: " : "", esc(p, c->b->left_out),
		c->differs[0] ? arena_fmt(p->a, "B has %s", esc(p, c->differs)) : "the same on both sides");
	for (size_t j = 0; j < c->nfaults; j++)
		one_fault(p, &c->faults[j], family);
	if (!c->nfaults)
		fputs("<p class=\"soft\">No fault was measured on both sides.</p>\n", p->f);
	if (c->unpaired[0])
		fprintf(p->f, "<p class=\"soft\">Not compared: %s.</p>\n", esc(p, c->unpaired));
	fputs("</section>\n", p->f);
}

void comparison_html(struct comparison *c, FILE *f)
{
	struct page p = {.f = f, .a = &c->arena, .run = &c->b.run};

	html_open(f, p.a, arena_fmt(p.a, "%s against %s", c->b.run.ev->run.run_id,
				    c->a.run.ev->run.run_id));
	masthead(&p, c);
	for (size_t i = 0; i < c->n; i++)
		one_pair(&p, &c->v[i], i, &c->family);
	fputs("</main>\n<footer>\n", f);
	if (c->only_a[0])
		fprintf(f, "<p>Only in A: %s.</p>\n", esc(&p, c->only_a));
	if (c->only_b[0])
		fprintf(f, "<p>Only in B: %s.</p>\n", esc(&p, c->only_b));
	fputs("</footer>\n", f);
	html_close(f);
}
