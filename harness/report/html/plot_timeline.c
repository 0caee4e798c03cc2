#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "report/html/page.h"
#include "report/story.h"

/* The timeline of a scenario: one SVG whose parts share the time axis. All
 * horizontal places are percentages and dense data sits in inner viewports
 * that stretch, so the same plot fits a phone, a screen and paper, while text
 * and strokes keep their size. */

/* Behind the data: when writes were down. */
static void shade_outages(struct page *p, int bottom)
{
	const struct measured *m = p->s->m;

	for (size_t i = 0; i < m->nfaults; i++) {
		const struct outage *o = &m->faults[i].outage;
		double from = plot_pct(p, o->down_lo);
		double to = plot_pct(p, o->ended ? o->up_hi : p->x1_ns);

		if (!o->any || !o->down_lo)
			continue;
		fprintf(p->f, "<rect class=\"out\" x=\"%.2f%%\" y=\"%d\" width=\"%.2f%%\" "
			"height=\"%d\"><title>writes down: %s</title></rect>", from, PLOT_TOP,
			to > from ? to - from : 0, bottom - PLOT_TOP,
			esc(p, story_outage(p->a, o)));
		if (to - from > 9)
			fprintf(p->f, "<text class=\"t halo%s\" x=\"%.2f%%\" y=\"%d\" "
				"text-anchor=\"middle\">down %s</text>",
				to - from < 22 ? " wide" : "", (from + to) / 2, PLOT_TOP + 50,
				text_duration(o->ended ? (o->lo_ns + o->hi_ns) / 2 : o->lo_ns).s);
	}
}

static int64_t instant(const struct fault_seen *f)
{
	return f->rec->effective_ns ? f->rec->effective_ns : f->rec->injected_ns;
}

/* Behind the data as well, so that no label is struck through. */
static void draw_instants(struct page *p, int bottom)
{
	const struct measured *m = p->s->m;

	for (size_t i = 0; i < m->nfaults; i++) {
		double x = plot_pct(p, instant(&m->faults[i]));

		if (instant(&m->faults[i]))
			fprintf(p->f, "<line class=\"fl\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"20\" "
				"y2=\"%d\"/>", x, x, bottom);
	}
}

/* Words beside a mark may be this long on a phone; the list below the plot has them all. */
enum { MARK_NARROW_MAX = 24 };

static void mark_fault(struct page *p, const struct fault_seen *f, size_t i)
{
	int64_t at = instant(f);
	double x = plot_pct(p, at);
	bool left = x > 55, only = p->s->m->nfaults == 1;
	const char *words = story_fault(p->a, f);

	if (!at)
		return;
	if (f->rec->healed_ns > at && f->rec->healed_ns - at > NS_PER_S / 2)
		fprintf(p->f, "<rect class=\"fb\" x=\"%.2f%%\" y=\"24\" width=\"%.2f%%\" "
			"height=\"5\" rx=\"2\"><title>from its effect to its end</title></rect>",
			x, plot_pct(p, f->rec->healed_ns) - x);
	fprintf(p->f, "<circle class=\"fb\" cx=\"%.2f%%\" cy=\"12\" r=\"10\"/>"
		"<text class=\"inv\" x=\"%.2f%%\" y=\"16\" text-anchor=\"middle\">%zu</text>",
		x, x, i + 1);
	if (only)
		fprintf(p->f, "<text class=\"t%s\" x=\"%.2f%%\" dx=\"%d\" y=\"16\" "
			"text-anchor=\"%s\">%s</text>", strlen(words) > MARK_NARROW_MAX ? " wide" : "", x,
			left ? -16 : 16, left ? "end" : "start", esc(p, words));
}

static void legend(struct page *p)
{
	fputs("<ul class=\"legend\"><li><i class=\"k-ok\"></i>acknowledged (dots)</li>"
	      "<li><i class=\"k-info\"></i>fate unknown (large dots)</li>"
	      "<li><i class=\"k-fail\"></i>failed (ticks)</li><li><i class=\"k-out\"></i>writes down</li>"
	      "<li><i class=\"k-primary\"></i>primary (tall)</li>"
	      "<li><i class=\"k-replica\"></i>replica (thin)</li>"
	      "<li><i class=\"k-gone\"></i>unreachable</li>"
	      "<li><i class=\"k-base\"></i>p99 before the fault</li>", p->f);
	if (p->s->m->dual_primary_ns > 0)
		fputs("<li><i class=\"k-dual\"></i>two primaries at once</li>", p->f);
	fputs("</ul>\n", p->f);
}

/* What the numbers in the plot stand for. */
static void marks(struct page *p)
{
	const struct measured *m = p->s->m;

	fputs("<ol class=\"marks\">", p->f);
	for (size_t i = 0; i < m->nfaults; i++) {
		const struct fault_seen *f = &m->faults[i];
		if (!instant(f))
			continue;
		fprintf(p->f, "<li><span class=\"num bf\">%zu</span>At %s %s: %s%s%s. Writes down: "
			"%s.</li>", i + 1, text_duration(instant(f) - p->x0_ns).s,
			esc(p, story_fault(p->a, f)), esc(p, f->rec->target),
			f->rec->node[0] && f->rec->ntargets < 2 ? " on " : "",
			f->rec->ntargets < 2 ? esc(p, f->rec->node) : "",
			html_down(p, i));
	}
	fputs("</ol>\n", p->f);
}

static void words(struct page *p, const struct lanes *l)
{
	const struct measured *m = p->s->m;
	int64_t ok = 0, fail = 0, info = 0;

	for (size_t i = 0; i < m->nbuckets; i++) {
		ok += m->buckets[i].ok;
		fail += m->buckets[i].fail;
		info += m->buckets[i].info;
	}
	fprintf(p->f, "<details class=\"alt\"><summary>The same in words</summary><ul><li>In %s, "
		"%s operations were acknowledged, %s failed, and the fate of %s is unknown.</li>",
		text_duration(p->x1_ns - p->x0_ns).s, text_count(ok).s, text_count(fail).s,
		text_count(info).s);
	if (m->baseline_p99_ns > 0)
		fprintf(p->f, "<li>Before the fault half of them took at most %s, 99 %% at most "
			"%s. The longest of all took %s.</li>",
			text_duration(m->baseline_p50_ns).s, text_duration(m->baseline_p99_ns).s,
			text_duration(m->longest_op_ns).s);
	lanes_words(p, l);
	fputs("</ul></details>\n", p->f);
}

void plot_timeline(struct page *p)
{
	const struct measured *m = p->s->m;
	struct lanes l = {0};
	int throughput = PLOT_TOP, latency = throughput + PLOT_THROUGHPUT;
	int lanes = latency + PLOT_LATENCY, bottom;

	lanes_make(p, &l);
	bottom = lanes + ((int)l.n + plot_groups(p, 0)) * PLOT_LANE;
	fprintf(p->f, "<h3>What happened</h3>\n");
	legend(p);
	fprintf(p->f, "<figure class=\"tl\"><svg role=\"img\" width=\"100%%\" height=\"%d\" "
		"aria-labelledby=\"t%d d%d\"><title id=\"t%d\">Timeline of %s</title>"
		"<desc id=\"d%d\">Operations a second, their latency, and the role of each member, "
		"over %s of load. %s</desc>\n", bottom + PLOT_AXIS, p->s->index, p->s->index,
		p->s->index, esc(p, p->s->ev->script->name), p->s->index,
		text_duration(p->x1_ns - p->x0_ns).s, esc(p, story_scenario(p->a, p->s)));
	plot_axis(p, bottom);
	shade_outages(p, bottom);
	draw_instants(p, bottom);
	plot_throughput(p, throughput);
	plot_latency(p, latency);
	plot_lanes(p, &l, lanes);
	plot_groups(p, lanes + (int)l.n * PLOT_LANE);
	for (size_t i = 0; i < m->nfaults; i++)
		mark_fault(p, &m->faults[i], i);
	fputs("</svg></figure>\n", p->f);
	marks(p);
	words(p, &l);
	lanes_free(&l);
}
