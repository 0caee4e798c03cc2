#include <string.h>

#include "report/html/page.h"
#include "report/story.h"

/* What of all that was due after each fault was served, kind by kind. */

static const char *what(struct page *p, const struct served_row *r)
{
	if (!strcmp(r->what, "all"))
		return "all operations";
	if (!strcmp(r->what, "kind"))
		return esc(p, r->name);
	if (!strcmp(r->what, "group"))
		return arena_fmt(p->a, "the %s", esc(p, r->name));
	if (!strcmp(r->what, "client"))
		return arena_fmt(p->a, "the worst client (%s)", esc(p, r->name));
	return arena_fmt(p->a, "%s %s", esc(p, r->what), esc(p, r->name));
}

/* Sums of kinds, which are listed, too. */
static bool is_sum(const struct served_row *r)
{
	return !strcmp(r->what, "writes") || !strcmp(r->what, "reads");
}

static const char *down(struct page *p, const struct fault_seen *f, const struct served_row *r)
{
	const struct partial_outage *part = fault_part(f, r->what, r->name);
	const struct outage *o = part ? &part->outage : NULL;

	/* Of one kind of writes alone there is no part: it is all writes. */
	if (!strcmp(r->what, "all"))
		o = &f->outage;
	if (!o)
		return "–";
	if (!o->down.times)
		return strcmp(r->what, "all") ? "not down" : "writes: not down";
	return arena_fmt(p->a, "%s%s%s", strcmp(r->what, "all") ? "" : "writes: ",
			 text_xml_figures(p->a, story_in_all(p->a, &o->down)),
			 o->down.times == 1 ? "" : arena_fmt(p->a, ", %d times", o->down.times));
}

static void row(struct page *p, const struct fault_seen *f, const struct served_row *r)
{
	fprintf(p->f, "<tr><td>%s</td><td class=\"fig\" data-l=\"Served\">%.1f %% (%s of %s)</td>"
		"<td class=\"fig\" data-l=\"Half within\">%s</td><td class=\"fig\" data-l=\"99 %% within\">%s</td>"
		"<td class=\"fig\" data-l=\"Down in all\">%s</td></tr>\n", what(p, r),
		100 * (double)r->served / (double)r->due, text_count(r->served).s,
		text_count(r->due).s,
		r->p50_ns < 0 ? "–" : text_duration(r->p50_ns).s, r->p99_ns < 0 ? "–" : text_duration(r->p99_ns).s,
		down(p, f, r));
}

static void table(struct page *p, const struct fault_seen *f)
{
	int64_t unsent = f->served[0].unsent;

	fputs("<table class=\"cards\"><thead><tr><th>Operations</th><th>Served</th><th>Half within</th>"
	      "<th>99 % within</th><th>Down in all</th></tr></thead><tbody>\n", p->f);
	for (size_t i = 0; i < f->nserved; i++)
		if (!is_sum(&f->served[i]))
			row(p, f, &f->served[i]);
	fputs("</tbody></table>\n", p->f);
	if (unsent)
		fprintf(p->f, "<p class=\"soft small\">%s never left: no client was free for %s before the deadline."
			"</p>\n", text_plural(unsent, "operation", "operations").s, unsent == 1 ? "it" : "them");
}

void html_served(struct page *p)
{
	const struct measured *m = p->s->m;
	bool any = false;

	for (size_t i = 0; i < m->nfaults; i++) {
		const struct fault_seen *f = &m->faults[i];

		if (!f->nserved)
			continue;
		if (!any)
			fputs("<h3>What was served</h3>\n<p class=\"soft small\">Of the operations whose turn came "
			      "after the fault, until the next one or the load's end; within: from when they were due."
			      "</p>\n", p->f);
		any = true;
		if (m->nfaults > 1)
			fprintf(p->f, "<details class=\"pr\"><summary><span class=\"num bf\">%zu</span>After %s: "
				"%.1f %% served</summary><div>\n", i + 1, esc(p, story_fault_kind(p->a, f)),
				100 * (double)f->served[0].served / (double)f->served[0].due);
		table(p, f);
		if (m->nfaults > 1)
			fputs("</div></details>\n", p->f);
	}
}
