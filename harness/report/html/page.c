#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "report/findings.h"
#include "report/html/page.h"
#include "report/html/repeat.h"
#include "report/story.h"
#include "report/times.h"

/* The report that a person reads: one file, no script, nothing fetched. */

struct reporter {
	struct page page;
	struct arena arena;
};

static void masthead(struct page *p)
{
	const struct run_report *run = p->run;
	struct findings found;

	fprintf(p->f, "<header class=\"top\">\n<div class=\"brand\"><b>Ordeal</b><span>%s</span>"
		"<span>engine %s</span><span class=\"mono\">%s</span><a href=\"../index.html\">all "
		"runs</a></div>\n<div class=\"verdict\">",
		text_date(run->ev->run.started).s, esc(p, run->ev->run.engine),
		esc(p, run->ev->run.run_id));
	html_chip(p->f, run->verdict);
	findings_make(p->a, run, &found);
	fprintf(p->f, "</div>\n<h1>%s</h1>\n<p class=\"held\">%s %s</p>\n",
		text_xml_figures(p->a, findings_headline(p->a, run, &found)),
		esc(p, findings_expected(p->a, &found)), esc(p, story_run(p->a, run)));
	findings_free(&found);
	if (run->interrupted)
		fprintf(p->f, "\n<p>The run was interrupted in scenario %zu of %zu. What was "
			"measured until then stands; the rest was not tried.</p>\n", run->n,
			run->planned);
	fputs("\n<ol class=\"toc\">\n", p->f);
	for (size_t i = 0; i < run->n; i++) {
		const struct scenario_report *s = &run->scenarios[i];
		const char *title = s->ev->script->title;

		fputs("<li><div>", p->f);
		html_chip(p->f, s->verdict);
		fprintf(p->f, "</div><div><a href=\"#s%d\">%s%s</a><p>%s</p></div></li>\n", s->index,
			esc(p, title[0] ? title : s->ev->script->name),
			esc(p, repetition_words(p->a, s)),
			html_story(p, s));
	}
	fputs("</ol>\n</header>\n<main>\n", p->f);
}

static void together(struct page *p)
{
	struct repeats all;

	repeats_make(p->a, p->run, &all);
	html_repeats(p, &all);
	html_side_by_side(p, &all);
}

static struct reporter *begin(FILE *f, const struct run_report *run)
{
	struct reporter *r = mem_alloc(sizeof(*r));

	r->page.f = f;
	r->page.a = &r->arena;
	r->page.run = run;
	html_open(f, &r->arena, arena_fmt(&r->arena, "%s: %s", verdict_name(run->verdict),
					  run->ev->run.run_id));
	masthead(&r->page);
	together(&r->page);
	return r;
}

static void scenario(struct reporter *r, const struct run_report *run,
		     const struct scenario_report *s)
{
	(void)run;
	r->page.s = s;
	html_scenario(&r->page);
}

static void images(struct page *p)
{
	cJSON *result = report_result(p->run);
	const cJSON *list = json_get(result, "images"), *i;

	if (list && list->child) {
		fputs("<dt>Images</dt><dd>", p->f);
		cJSON_ArrayForEach(i, list)
			fprintf(p->f, "%s%s, run as %s", i == list->child ? "" : "<br>",
				esc(p, i->string),
				esc(p, cJSON_IsString(i) ? i->valuestring : "?"));
		fputs("</dd>", p->f);
	}
	cJSON_Delete(result);
}

/* A bar of all the places; the first five are what the systems needed. */
static void where_the_time_went(struct page *p)
{
	struct run_time t;
	double x = 0;

	time_measure(p->run, &t);
	if (!t.known || t.total_ns <= 0)
		return;
	fprintf(p->f, "<h3>Where the time went</h3>\n<p>%s %s</p>\n<figure><svg role=\"img\" "
		"width=\"100%%\" height=\"26\" aria-label=\"The shares of the run's time; the text "
		"above says the same\">", time_story(p->a, &t), time_rest(p->a, &t));
	for (int i = 0; i < TIME_PLACES; i++) {
		double w = 100 * (double)t.at_ns[i] / (double)t.total_ns;

		if (w > 0)
			fprintf(p->f, "<rect class=\"%s\" x=\"%.2f%%\" width=\"%.2f%%\" y=\"2\" "
				"height=\"22\" stroke=\"var(--bg)\"><title>%s %s</title></rect>",
				i < TIME_NEEDED ? "s1" : "lag", x, w, time_words((enum time_place)i),
				text_duration(t.at_ns[i]).s);
		x += w;
	}
	fputs("</svg><figcaption>First what the systems needed, then the harness.</figcaption>"
	      "</figure>\n", p->f);
}

static void how_to_read(struct page *p)
{
	fputs("<h3>How to read this</h3>\n<p>Writes are <b>down</b> from the last acknowledged write "
	      "before a fault to the first one after, as a client sees it; the error says how well "
	      "the load could resolve it. A write is <b>lost</b> when it was acknowledged and is "
	      "absent after everything has healed and settled; a <b>phantom</b> had failed and is "
	      "there all the same. <b>PASS</b> and <b>FAIL</b> are about the system. <b>UNKNOWN</b>: "
	      "the evidence does not decide. <b>BROKEN</b>: the harness failed, or a fault had no "
	      "effect that could be observed. <b>SKIP</b>: this engine cannot do it. Only PASS is a "
	      "pass.</p>\n", p->f);
}

static void end(struct reporter *r, const struct run_report *run)
{
	struct page *p = &r->page;
	const struct run_seen *seen = &run->ev->run;

	fputs("</main>\n<footer>\n", p->f);
	how_to_read(p);
	where_the_time_went(p);
	fputs("<h3>Run it again</h3>\n", p->f);
	if (*seen->command)
		fprintf(p->f, "<pre>%s</pre>\n", esc(p, seen->command));
	fprintf(p->f, "<dl><dt>Seed</dt><dd class=\"mono\">%s</dd><dt>Version</dt><dd>%s</dd>",
		esc(p, seen->seed), esc(p, seen->version));
	if (seen->cores > 0)
		fprintf(p->f, "<dt>Machine</dt><dd>%s, %s of memory</dd>",
			text_plural(seen->cores, "processor", "processors").s,
			text_bytes(seen->memory_bytes).s);
	images(p);
	fputs("<dt>Data</dt><dd><a href=\"result.json\">result.json</a>, <a href=\"junit.xml\">"
	      "junit.xml</a>, <a href=\"events.jsonl\">events.jsonl</a>, <a href=\"history.jsonl\">"
	      "history.jsonl</a>; this page is made from the last two alone</dd></dl>\n</footer>\n",
	      p->f);
	html_close(p->f);
	arena_free(&r->arena);
	free(r);
}

extern const struct reporter_ops reporter_html;
const struct reporter_ops reporter_html = {"html", "report.html", begin, scenario, end};
