#include <string.h>

#include "base/json.h"
#include "report/html/page.h"
#include "report/story.h"

/* What was not the same for all: writes of one shard, of one kind, of the
 * clients on the other side of a cut; why writes were lost; how far replicas'
 * answers were behind. */

static bool shown(const struct fault_seen *f, const struct partial_outage *part)
{
	if (part->reads)
		return part == story_reads(f);
	if (!strcmp(part->what, "clients"))
		return part->proven;
	return strcmp(part->what, "kind") || !strncmp(f->outage_of, "kind ", 5);
}

static const struct group_seen *group_of(const struct page *p, const char *name)
{
	for (size_t i = 0; i < p->s->ev->ngroups; i++)
		if (!strcmp(p->s->ev->groups[i].name, name))
			return &p->s->ev->groups[i];
	return NULL;
}

static const char *whose(struct page *p, const struct partial_outage *part)
{
	const struct group_seen *g = strcmp(part->what, "group") ? NULL : group_of(p, part->name);

	if (g)
		return arena_fmt(p->a, "the %s: %lld clients on %s, beside %s", part->name,
				 (long long)g->clients, g->node, g->member);
	if (!strcmp(part->what, "clients"))
		return arena_fmt(p->a, "%s clients, while others were served", part->name);
	return arena_fmt(p->a, "%s %s", part->what, part->name);
}

static void row(struct page *p, size_t number, const char *who, const char *down)
{
	fprintf(p->f, "<tr><td><span class=\"num bf\">%zu</span></td><td data-l=\"Whose\">%s</td>"
		"<td class=\"fig\" data-l=\"Down\">%s</td></tr>\n", number, esc(p, who),
		down);
}

static size_t count_shown(const struct measured *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->nfaults; i++)
		for (size_t j = 0; j < m->faults[i].nparts; j++)
			n += shown(&m->faults[i], &m->faults[i].parts[j]);
	return n;
}

void html_sides(struct page *p)
{
	const struct measured *m = p->s->m;

	if (!count_shown(m))
		return;
	fputs("<h3>Who was down</h3>\n<table class=\"cards\"><thead><tr><th>Fault</th>"
	      "<th>Whose operations</th><th>Down</th></tr></thead><tbody>\n", p->f);
	for (size_t i = 0; i < m->nfaults; i++) {
		const struct fault_seen *f = &m->faults[i];

		if (!f->nparts)
			continue;
		row(p, i + 1, f->outage_of[0] ? arena_fmt(p->a, "the outage of this fault: %s", f->outage_of) :
		    "all writes together: the outage of this fault", html_down(p, i));
		for (size_t j = 0; j < f->nparts; j++)
			if (shown(f, &f->parts[j]))
				row(p, i + 1, whose(p, &f->parts[j]),
				    esc(p, story_outage(p->a, &f->parts[j].outage)));
	}
	fputs("</tbody></table>\n<p class=\"soft small\">A system of which one part takes no writes is down "
	      "for those who need that part. Clients that were cut off together with their server are not "
	      "counted in the fault's outage.</p>\n", p->f);
}

void html_lost_causes(struct page *p)
{
	static const char *const words[] = {
		[LOSS_UNKNOWN] = "unknown: the evidence does not tell",
		[LOSS_NOT_REPLICATED] = "not replicated: had not reached the member that took over",
		[LOSS_MINORITY] = "minority side: taken by a primary that was cut off or already replaced",
		[LOSS_RESTART] = "lost on restart: the server began anew without it, for its log was not on disk yet, or its disk was lost",
	};
	const struct loss *l = &p->s->m->loss;

	if (!l->known || (!l->n && !l->evicted))
		return;
	fputs("<table class=\"cards\"><thead><tr><th>Cause</th><th>Writes</th><th>For example</th></tr></thead>"
	      "<tbody>\n", p->f);
	for (size_t c = 0; c < ARRAY_LEN(words); c++) {
		const char *how = "";

		for (size_t i = 0; i < l->n && !how[0]; i++)
			if (l->writes[i].cause == c)
				how = l->writes[i].how;
		if (l->by_cause[c])
			fprintf(p->f, "<tr><td><b>%s</b></td><td class=\"fig\" data-l=\"Writes\">%s</td><td>%s</td></tr>\n",
				words[c], text_count(l->by_cause[c]).s, esc(p, how));
	}
	if (l->evicted)
		fprintf(p->f, "<tr><td><b>keys evicted for want of memory, as the settings say: not counted as lost</b></td>"
			"<td class=\"fig\" data-l=\"Keys\">%s%s</td><td>%s</td></tr>\n",
			l->more_missing ? "at most " : "", text_count(l->evicted).s,
			l->more_missing ? "more are missing than were evicted; which ones were is not known" : "");
	fputs("</tbody></table>\n", p->f);
}

void html_redirected(struct page *p)
{
	const struct measured *m = p->s->m;
	const struct redirection *r = m->redirections;
	int64_t all = 0;

	for (size_t k = 0; k < REDIRECTIONS_MAX; k++)
		all += m->redirected[k];
	if (!all)
		return;
	fputs("<p>", p->f);
	for (size_t k = 0; k < REDIRECTIONS_MAX && r[k].word; k++)
		fprintf(p->f, "%s%s%s", esc(p, r[k].before), text_count(m->redirected[k]).s,
			esc(p, r[k].after));
	fputs(". That is in these operations' latency.</p>\n", p->f);
}

void html_staleness(struct page *p)
{
	const struct staleness *s = &p->s->m->staleness;

	if (!s->reads)
		return;
	fprintf(p->f, "<h3>How far replicas were behind</h3>\n<p>Of %s answers of replicas %s certainly behind "
		"what had been acknowledged before the read began.%s</p>\n", text_count((int64_t)s->reads).s,
		text_plural((int64_t)s->behind, "was", "were").s, s->unjudged ?
		arena_fmt(p->a, " Another %s named a value that nobody is known to have written.",
			  text_count((int64_t)s->unjudged).s) : "");
	fprintf(p->f, "<table class=\"cards\"><thead><tr><th>At least</th><th>Median</th><th>p99</th><th>Most</th></tr>"
		"</thead><tbody><tr><td>time behind</td><td class=\"fig\" data-l=\"Median\">%s</td>"
		"<td class=\"fig\" data-l=\"p99\">%s</td><td class=\"fig\" data-l=\"Most\">%s (and no more than "
		"%s)</td></tr>\n", text_duration(s->p50_ns).s, text_duration(s->p99_ns).s,
		text_duration(s->max_ns).s, text_duration(s->max_hi_ns).s);
	fprintf(p->f, "<tr><td>versions behind</td><td class=\"fig\" data-l=\"Median\">%s</td>"
		"<td class=\"fig\" data-l=\"p99\">%s</td><td class=\"fig\" data-l=\"Most\">%s</td></tr></tbody></table>\n",
		text_count(s->versions_p50).s, text_count(s->versions_p99).s,
		text_count(s->versions_max).s);
}
