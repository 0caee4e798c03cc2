#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/repeat.h"
#include "report/report.h"
#include "report/story.h"
#include "report/text.h"

/* JUnit XML as Jenkins, GitLab and the rest read it: a suite a scenario, a
 * case an expectation. There is no word in it for "undecided": UNKNOWN and
 * BROKEN are errors, so that no tool counts them as passed. */

struct reporter {
	FILE *f;
	struct arena arena;
};

struct counts {
	size_t tests, failures, errors, skipped;
};

static void count(const struct scenario_report *s, struct counts *c)
{
	if (!s->njudged) {
		c->tests++;
		c->errors++;
	}
	for (size_t i = 0; i < s->njudged; i++) {
		enum verdict v = s->judged[i].verdict;

		c->tests++;
		c->failures += v == VERDICT_FAIL;
		c->errors += v == VERDICT_UNKNOWN || v == VERDICT_BROKEN;
		c->skipped += v == VERDICT_SKIP;
	}
}

static double seconds(const struct measured *m)
{
	return m->end_ns > m->begin_ns ? (double)(m->end_ns - m->begin_ns) / 1e9 : 0;
}

static struct reporter *begin(FILE *f, const struct run_report *run)
{
	struct reporter *r = mem_alloc(sizeof(*r));
	struct counts c = {0};
	double time = 0;

	r->f = f;
	if (run->broken) {
		c.tests++;
		c.errors++;
	}
	for (size_t i = 0; i < run->n; i++) {
		count(&run->scenarios[i], &c);
		time += seconds(run->scenarios[i].m);
	}
	fprintf(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuites name=\"ordeal %s\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
		"skipped=\"%zu\" time=\"%.3f\">\n",
		text_xml(&r->arena, run->ev->run.run_id), c.tests, c.failures,
		c.errors, c.skipped, time);
	return r;
}

static void one_case(struct reporter *r, const char *class, const struct judged *j)
{
	const char *why = text_xml(&r->arena, j->why);
	const char *tag = j->verdict == VERDICT_FAIL ? "failure" : "error";

	fprintf(r->f, "\t\t<testcase classname=\"%s\" name=\"%s\"", class,
		text_xml(&r->arena, j->name));
	if (j->verdict == VERDICT_PASS)
		fprintf(r->f, ">\n\t\t\t<system-out>%s: %s</system-out>\n\t\t</testcase>\n",
			text_figure(j->measured, j->unit).s, why);
	else if (j->verdict == VERDICT_SKIP)
		fprintf(r->f, ">\n\t\t\t<skipped message=\"%s\"/>\n\t\t</testcase>\n", why);
	else
		fprintf(r->f, ">\n\t\t\t<%s type=\"%s\" message=\"%s\">measured %s, limit %s"
			"</%s>\n\t\t</testcase>\n", tag, verdict_name(j->verdict), why,
			text_figure(j->measured, j->unit).s, text_figure(j->limit, j->unit).s,
			tag);
}

static void scenario(struct reporter *r, const struct run_report *run,
		     const struct scenario_report *s)
{
	const char *name = text_xml(&r->arena, scenario_words(&r->arena, s));
	struct counts c = {0};

	count(s, &c);
	fprintf(r->f, "\t<testsuite name=\"%s\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
		"skipped=\"%zu\" time=\"%.3f\" timestamp=\"%.19s\">\n", name, c.tests, c.failures,
		c.errors, c.skipped, seconds(s->m),
		text_xml(&r->arena, run->ev->run.started));
	fprintf(r->f, "\t\t<properties>\n\t\t\t<property name=\"seed\" value=\"%s\"/>\n"
		"\t\t\t<property name=\"verdict\" value=\"%s\"/>\n\t\t</properties>\n",
		text_xml(&r->arena, s->ev->script->seed ? s->ev->script->seed :
							  run->ev->run.seed),
		verdict_name(s->verdict));
	if (!s->njudged)
		fprintf(r->f, "\t\t<testcase classname=\"%s\" name=\"something was judged\">\n"
			"\t\t\t<error type=\"%s\" message=\"%s\"/>\n\t\t</testcase>\n", name,
			verdict_name(s->verdict),
			text_xml(&r->arena, story_scenario(&r->arena, s)));
	for (size_t i = 0; i < s->njudged; i++)
		one_case(r, name, &s->judged[i]);
	fprintf(r->f, "\t\t<system-out>%s</system-out>\n\t</testsuite>\n",
		text_xml(&r->arena, story_scenario(&r->arena, s)));
}

static void end(struct reporter *r, const struct run_report *run)
{
	if (run->broken)
		fprintf(r->f, "\t<testsuite name=\"harness\" tests=\"1\" failures=\"0\" errors=\"1\" "
			"skipped=\"0\">\n\t\t<testcase classname=\"harness\" name=\"the harness "
			"itself\">\n\t\t\t<error type=\"BROKEN\" message=\"%s\"/>\n"
			"\t\t</testcase>\n\t</testsuite>\n", text_xml(&r->arena, run->broken));
	fputs("</testsuites>\n", r->f);
	arena_free(&r->arena);
	free(r);
}

extern const struct reporter_ops reporter_junit;
const struct reporter_ops reporter_junit = {"junit", "junit.xml", begin, scenario, end};
