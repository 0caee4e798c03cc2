#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "report/html/page.h"
#include "report/repeat.h"
#include "report/result.h"
#include "report/story.h"

/* One scenario of the HTML report: the sentence, the four figures, what was
 * expected, and then the plots and the evidence. */

enum { LOST_SHOWN_MAX = 50 };

const char *html_story(struct page *p, const struct scenario_report *s)
{
	return text_xml_figures(p->a, story_scenario(p->a, s));
}

static void figure_outage(struct page *p)
{
	const struct fault_seen *f = result_worst(p->s->m);
	const struct outage *o = p->s->m->worst;

	if (f && f->noise[NOISE_OUTAGE].too_noisy) {
		fprintf(p->f, "<div><dt>Writes were down</dt><dd>not known<small>%s%s</small></dd></div>",
			o && o->any && o->ended ? arena_fmt(p->a, "at most %s: ", text_duration(o->hi_ns).s) : "",
			esc(p, f->noise[NOISE_OUTAGE].why));
		return;
	}
	fprintf(p->f, "<div><dt>%s</dt><dd>%s<small>",
		p->s->m->nfaults > 1 ? "Longest time without writes" : "Writes were down",
		!o || !o->any ? (p->s->counts.of[EXPECT_OUTAGE].absent ? "not at all" : "none was seen") : !o->ended ?
		arena_fmt(p->a, "at least %s", text_duration(o->lo_ns).s) :
		arena_fmt(p->a, "%s", text_interval(o->lo_ns, o->hi_ns).s));
	if (f && f->predicted.known)
		fprintf(p->f, "predicted %s",
			text_range(f->predicted.lo_ns, f->predicted.hi_ns).s);
	else
		fputs("no window was predicted", p->f);
	fputs("</small></dd></div>", p->f);
}

static const char *duplicates(struct page *p, const struct loss *l)
{
	return l->once_untold ? "duplicates not known" :
				arena_fmt(p->a, "%s", text_plural(l->duplicate, "duplicate", "duplicates").s);
}

static void figure_lost(struct page *p)
{
	const struct loss *l = &p->s->m->loss;
	const struct figure_counts *c = &p->s->counts.of[EXPECT_LOST];
	bool told = l->known && figure_told(c, l->lost || l->maybe_lost);

	fprintf(p->f, "<div><dt>Acknowledged writes lost</dt><dd>%s%s<small>",
		told && l->maybe_lost ? "at least " : "",
		told ? text_count(l->lost).s : "unknown");
	if (!l->known)
		fputs(esc(p, l->why_unknown), p->f);
	else if (!told)
		fputs("no verdict could rest on what was seen", p->f);
	else
		fprintf(p->f, "of %s; %s, %s", text_count(l->acked).s,
			text_plural(l->phantom, "phantom", "phantoms").s,
			duplicates(p, l));
	fputs("</small></dd></div>", p->f);
}

static void figures(struct page *p)
{
	const struct measured *m = p->s->m;

	fputs("<dl class=\"figs\">", p->f);
	figure_outage(p);
	figure_lost(p);
	fprintf(p->f, "<div><dt>Redundant again after</dt><dd>%s<small>",
		!m->nfaults ? "not tried" : m->redundant_ns < 0 ? "not seen" : text_duration(m->redundant_ns).s);
	if (!m->nfaults)
		fputs("no fault was injected", p->f);
	else if (m->redundant_ns < 0 && m->slowest && m->slowest->redundant_why[0])
		fprintf(p->f, "at the end: %s", esc(p, m->slowest->redundant_why));
	else if (m->lag_zero_ns >= 0)
		fprintf(p->f, "lag as before again after %s", text_duration(m->lag_zero_ns).s);
	else
		fputs("lag was not seen as before again", p->f);
	fprintf(p->f, "</small></dd></div><div><dt>Two primaries at once</dt><dd>%s<small>",
		m->dual_primary_ns < 0 ? "unknown" : m->dual_primary_ns ?
		arena_fmt(p->a, "at least %s", text_duration(m->dual_primary_ns).s) : m->dual_primary_samples > 0 || m->dual_primary_acks > 0 ? "for a moment" :
		p->s->counts.of[EXPECT_DUAL_PRIMARY].absent ? "never" : "not seen");
	if (m->dual_primary_samples > 0 || m->dual_primary_acks > 0)
		fprintf(p->f, "seen in %s and %s",
			text_plural(m->dual_primary_samples, "sample", "samples").s,
			text_plural(m->dual_primary_acks, "acknowledged write", "acknowledged writes").s);
	else if (m->dual_primary_unseen_ns > 0)
		fprintf(p->f, "nobody could ask behind the cut for %s",
			text_duration(m->dual_primary_unseen_ns).s);
	else if (m->baseline_p99_ns > 0)
		fprintf(p->f, "p99 latency before: %s", text_duration(m->baseline_p99_ns).s);
	fputs("</small></dd></div></dl>\n", p->f);
}

/* What failed, right below the sentence: the whole list comes later. */
static void failures(struct page *p)
{
	bool any = false;

	for (size_t i = 0; i < p->s->njudged; i++) {
		const struct judged *j = &p->s->judged[i];

		if (j->verdict != VERDICT_FAIL)
			continue;
		fprintf(p->f, "%s<li>", any ? "" : "<ul class=\"failed\">");
		html_chip(p->f, j->verdict);
		fprintf(p->f, " <b>%s</b>", esc(p, j->name));
		if (!isnan(j->measured) && strcmp(j->unit, "bool"))
			fprintf(p->f, ": measured %s", text_figure(j->measured, j->unit).s);
		fputs("</li>", p->f);
		any = true;
	}
	if (any)
		fputs("</ul>\n", p->f);
}

/* A witness or figures that a checker left: sentences as they are, anything
 * else as JSON. */
static void detail(struct page *p, const cJSON *d)
{
	const cJSON *item;
	int n = 0;

	if (!d || !d->child)
		return;
	fputs("<details class=\"alt\"><summary>Details</summary><ul>", p->f);
	cJSON_ArrayForEach(item, d) {
		char *text = cJSON_IsString(item) ? NULL : json_text(item);

		fprintf(p->f, "<li>%s%s%s</li>", item->string ? esc(p, item->string) : "",
			item->string ? ": " : "", esc(p, text ? text : item->valuestring));
		free(text);
		if (++n == 100)
			break;
	}
	fputs("</ul></details>", p->f);
}

static void expectations(struct page *p)
{
	fputs("<h3>What was expected</h3>\n<table class=\"cards\"><thead><tr><th>Verdict</th>"
	      "<th>Expectation</th><th>Measured</th><th>Limit</th></tr></thead><tbody>\n", p->f);
	for (size_t i = 0; i < p->s->njudged; i++) {
		const struct judged *j = &p->s->judged[i];

		fputs("<tr><td>", p->f);
		html_chip(p->f, j->verdict);
		fprintf(p->f, "</td><td><b>%s</b>", esc(p, j->name));
		if (j->why[0])
			fprintf(p->f, "<span class=\"why\">%s</span>", esc(p, j->why));
		detail(p, j->detail);
		fprintf(p->f, "</td><td class=\"fig\" data-l=\"Measured\">%s</td>"
			"<td class=\"fig\" data-l=\"Limit\">%s</td></tr>"
			"\n", text_figure(j->measured, j->unit).s,
			isnan(j->limit) ? "–" : text_figure(j->limit, j->unit).s);
	}
	if (!p->s->njudged)
		fputs("<tr><td colspan=\"4\">Nothing was judged.</td></tr>", p->f);
	fputs("</tbody></table>\n", p->f);
}

static void lost_writes(struct page *p)
{
	const struct measured *m = p->s->m;
	const struct loss *l = &m->loss;
	size_t shown = l->n < LOST_SHOWN_MAX ? l->n : LOST_SHOWN_MAX;

	if (!l->known || (!l->lost && !l->maybe_lost && !l->phantom && !l->duplicate &&
			  !l->evicted))
		return;
	fputs("<h3>Lost writes</h3>\n", p->f);
	fprintf(p->f, "<p>%s%s of %s acknowledged writes %s not there once everything had healed and "
		"settled", l->maybe_lost ? "At least " : "", text_count(l->lost).s,
		text_count(l->acked).s, l->lost == 1 ? "was" : "were");
	if (l->lost_register_writes)
		fprintf(p->f, ": %s, and %s to registers, which went back to what they held before",
			text_plural(l->lost_inserts + l->lost_messages, "value", "values").s,
			text_plural(l->lost_register_writes, "write", "writes").s);
	if (l->lost > 1 && l->span_ns >= 0)
		fprintf(p->f, "; they were acknowledged within %s", text_duration(l->span_ns).s);
	if (l->lost > 0 && l->bytes > 0)
		fprintf(p->f, " and held %s", text_bytes(l->bytes).s);
	if (l->untold)
		fprintf(p->f, ". Of %s nothing is told: a plain write may have overwritten them",
			text_plural(l->untold, "more write to registers", "more writes to registers").s);
	if (l->truncated)
		fprintf(p->f, ". %s that consumers had received %s not counted, though the log has %s no more",
			text_plural(l->truncated, "message", "messages").s, l->truncated == 1 ? "is" : "are",
			l->truncated == 1 ? "it" : "them");
	if (l->back)
		fprintf(p->f, ". %s received and acknowledged, and came back as new, %lld of them after a member was reset",
			text_plural(l->back, "message was", "messages were").s, (long long)l->back_reset);
	fprintf(p->f, ". %s, %s. Of %s whose fate the client did not know, %s applied.</p>\n",
		text_plural(l->phantom, "phantom (failed, yet present)",
			    "phantoms (failed, yet present)").s,
		duplicates(p, l),
		text_plural(l->unknown, "write", "writes").s,
		text_plural(l->unknown_present, "was", "were").s);
	for (size_t i = 0; i < m->nfaults; i++)
		if (m->faults[i].point.lo_ns > 0)
			fprintf(p->f, "<p>Of fault %s: %s.</p>\n", esc(p, m->faults[i].rec->id),
				esc(p, story_point_words(p->a, m, &m->faults[i])));
	html_lost_causes(p);
	if (!shown)
		return;
	fputs("<div class=\"scroll\"><table class=\"tight\"><thead><tr><th class=\"n\">Value</th>"
	      "<th class=\"n\">Acknowledged at</th><th class=\"n\">Client</th><th>By server</th>"
	      "<th>Fault</th><th>Cause</th></tr></thead><tbody>\n", p->f);
	for (size_t i = 0; i < shown; i++) {
		const struct lost_write *w = &l->writes[i];

		char key[40] = "";

		if (w->f == OP_WRITE || w->f == OP_CAS)
			snprintf(key, sizeof(key), " to register %lld", (long long)w->key);
		fprintf(p->f, "<tr><td class=\"n\">%lld%s</td><td class=\"n\">%.3f s</td>"
			"<td class=\"n\">%u</td><td>%s%s%s</td><td>%s</td><td>%s</td></tr>\n",
			(long long)w->value, key, (double)(w->t_return - m->begin_ns) / 1e9,
			w->process, esc(p, w->via), w->tx[0] ? ", as " : "", esc(p, w->tx),
			esc(p, w->fault[0] ? w->fault : "none"),
			esc(p, loss_cause_name(w->cause)));
	}
	fputs("</tbody></table></div>\n", p->f);
	if (shown < l->n)
		fprintf(p->f, "<p class=\"soft small\">and %s more; history.jsonl has them all."
			"</p>\n", text_count((int64_t)(l->n - shown)).s);
}

static void heading(struct page *p)
{
	const char *name = p->s->ev->script->name;
	const char *title = p->s->ev->script->title;
	bool cut_short = p->run->interrupted && p->s == &p->run->scenarios[p->run->n - 1];

	fprintf(p->f, "<section class=\"sc\" id=\"s%d\" aria-labelledby=\"h%d\">\n"
		"<div class=\"head\"><h2 id=\"h%d\">%s</h2>", p->s->index, p->s->index,
		p->s->index, esc(p, title && title[0] ? title : name));
	html_chip(p->f, p->s->verdict);
	fprintf(p->f, "</div>\n<p class=\"meta\"><span class=\"mono\">%s</span>%s · %s, %s manifests"
		"%s</p>\n<p class=\"lead\">%s</p>\n", esc(p, name),
		esc(p, repetition_words(p->a, p->s)), esc(p, p->s->ev->script->system),
		esc(p, p->s->ev->script->variant), cut_short ? " · interrupted here" : "",
		html_story(p, p->s));
}

/* What the lead says is what the report is about when nothing could be
 * loaded: where it stopped, in the words of the system. */
static void did_not_stand(struct page *p)
{
	const struct stands_seen *told = p->s->ev->stands;

	if (!told || told->ok)
		return;
	fprintf(p->f, "<h3>Where it stopped</h3>\n<p>At the point \xe2\x80\x9c%s\xe2\x80\x9d%s%s:"
		"</p>\n<blockquote class=\"quote\">%s</blockquote>\n",
		esc(p, *told->point ? told->point : "?"), *told->member ? ", first " : "",
		esc(p, told->member), esc(p, *told->reason ? told->reason : "?"));
}

void html_scenario(struct page *p)
{
	const struct measured *m = p->s->m;
	bool loaded = html_loaded(m);

	p->x0_ns = m->begin_ns;
	p->x1_ns = m->end_ns > m->begin_ns ? m->end_ns : m->begin_ns + NS_PER_S;
	heading(p);
	if (m->broken && m->broken_why && m->stands)
		fprintf(p->f, "<blockquote class=\"quote\">%s</blockquote>\n",
			esc(p, m->broken_why));
	if (p->s->ev->incomplete)
		fprintf(p->f, "<blockquote class=\"quote\">The history is not whole: %s. The figures below are made "
			"from what is there, and nothing is concluded from them.</blockquote>\n",
			esc(p, p->s->ev->incomplete));
	if (m->stands)
		failures(p);
	if (loaded)
		figures(p);
	did_not_stand(p);
	if (loaded)
		plot_timeline(p);
	if (m->nfaults > 1)
		html_kinds(p);
	for (size_t i = 0; i < m->nfaults; i++)
		html_breakdown(p, &m->faults[i]);
	if (loaded)
		html_served(p);
	html_sides(p);
	html_redirected(p);
	expectations(p);
	lost_writes(p);
	html_staleness(p);
	html_proof(p);
	html_evidence(p);
	fputs("</section>\n", p->f);
}
