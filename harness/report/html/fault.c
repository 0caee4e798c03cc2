#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "report/html/page.h"
#include "report/story.h"

/* What the report says of each fault: why the outage took as long as it did,
 * beside the window that the system's own rules allow; several faults beside
 * each other; proof and undo. */

/* That writes went on is told only where a verdict could tell it (check/counts.c). */
static bool went_on(const struct page *p, size_t i)
{
	const struct fault_seen *f = &p->s->m->faults[i];

	return p->s->of_fault && p->s->of_fault[i].of[EXPECT_OUTAGE].absent && !f->outage.any &&
	       !f->noise[NOISE_OUTAGE].too_noisy;
}

const char *html_down(struct page *p, size_t i)
{
	const struct fault_seen *f = &p->s->m->faults[i];

	if (!f->rec->bites)
		return "the fault did not bite";
	if (f->noise[NOISE_OUTAGE].too_noisy)
		return "not known";
	return f->outage.any || went_on(p, i) ? esc(p, story_outage(p->a, &f->outage)) :
						"none was seen, which is too little to say that there was none";
}

/* ---- one fault: its parts and the mechanisms that raced ---- */

struct ruler {
	double top_s; /* what 100 % is */
};

static double at(const struct ruler *r, int64_t ns)
{
	double x = 100 * (double)ns / 1e9 / r->top_s;

	return x < 0 ? 0 : x > 100 ? 100 : x;
}

static void ruler_make(struct ruler *r, const struct fault_seen *f,
		       const struct outage_part *parts, size_t n)
{
	int64_t top = f->outage.hi_ns;

	if (n && parts[n - 1].at_ns > top)
		top = parts[n - 1].at_ns;
	/* One rule with a far end (a time-out of minutes) must not squeeze
	 * everything else: it runs off the edge. */
	for (size_t i = 0; f->predicted.known && i < f->predicted.n; i++) {
		if (f->predicted.mech[i].hi_ns > top && f->predicted.mech[i].hi_ns < 3 * top)
			top = f->predicted.mech[i].hi_ns;
	}
	r->top_s = (double)top / 1e9 * 1.04;
	if (r->top_s <= 0)
		r->top_s = 1;
}

static void ruler_draw(struct page *p, const struct ruler *r, int y)
{
	double step = plot_step(r->top_s, 7);

	for (int i = 0; i * step <= r->top_s; i++) {
		double x = 100 * i * step / r->top_s;

		fprintf(p->f, "<line class=\"g\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"20\" y2=\"%d\"/>",
			x, x, y);
		if (x < 96)
			fprintf(p->f, "<text x=\"%.2f%%\" y=\"%d\" text-anchor=\"%s\">%g%s</text>",
				x, y + 16, i ? "middle" : "start", i * step, i ? "" : " s");
	}
}

static void part_bar(struct page *p, const struct ruler *r, const struct outage_part *parts,
		     size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double x = at(r, parts[i].at_ns - parts[i].len_ns);
		double w = at(r, parts[i].at_ns) - x;

		fprintf(p->f, "<rect class=\"p%zu\" x=\"%.2f%%\" y=\"22\" width=\"%.2f%%\" "
			"height=\"30\"><title>%s: %s</title></rect>", i + 1, x, w,
			parts[i].label, text_duration(parts[i].len_ns).s);
		if (w > 3.5)
			fprintf(p->f, "<text class=\"inv\" x=\"%.2f%%\" y=\"41\" "
				"text-anchor=\"middle\">%zu</text>", x + w / 2, i + 1);
	}
}

static bool won(const struct fault_seen *f, const struct mechanism *m)
{
	return f->outage.m.mechanism[0] && !strcmp(f->outage.m.mechanism, m->name);
}

static int windows(struct page *p, const struct ruler *r, const struct fault_seen *f, int y)
{
	for (size_t i = 0; f->predicted.known && i < f->predicted.n; i++, y += 40) {
		const struct mechanism *m = &f->predicted.mech[i];
		double x = at(r, m->lo_ns), w = at(r, m->hi_ns) - x;

		fprintf(p->f, "<text class=\"halo%s\" x=\"0\" y=\"%d\">%s%s (%s)</text>"
			"<rect class=\"%s\" x=\"%.2f%%\" width=\"%.2f%%\" y=\"%d\" height=\"12\" "
			"rx=\"3\"/>", won(f, m) ? " t" : "", y + 12, won(f, m) ? "✓ " : "",
			esc(p, m->name), text_range(m->lo_ns, m->hi_ns).s,
			won(f, m) ? "winw" : "win", x, w > 0.4 ? w : 0.4, y + 19);
	}
	return y;
}

static void list_parts(struct page *p, const struct outage *o, const struct outage_part *parts,
		       size_t n)
{
	fputs("<ol class=\"parts\">", p->f);
	for (size_t i = 0; i < n; i++) {
		fprintf(p->f, "<li><span><span class=\"num b%zu\">%zu</span></span><b>%s</b><span>"
			"%s%s", i + 1, i + 1, text_duration(parts[i].len_ns).s, parts[i].label,
			parts[i].more ? ", with what came before it: the evidence does not tell "
					"them apart" : "");
		if (!strcmp(parts[i].key, "routed") && o->m.resolved_ns > 0)
			fprintf(p->f, ", %s of it name resolution",
				text_duration(o->m.resolved_ns).s);
		if (parts[i].how[0])
			fprintf(p->f, "<small>%s</small>", esc(p, parts[i].how));
		fputs("</span></li>", p->f);
	}
	fputs("</ol>\n", p->f);
}

/* What the outage is compared with. */
static void winner(struct page *p, const struct fault_seen *f)
{
	const struct milestones *m = &f->outage.m;

	if (!f->outage.any)
		return;
	if (!m->mechanism[0])
		fprintf(p->f, "<p class=\"soft\">The evidence does not tell which of them ended it%s%s.</p>\n",
			m->why_mechanism[0] ? ": " : "", esc(p, m->why_mechanism));
	else if (!m->window.known)
		fprintf(p->f, "<p>What ended it is none of these: <b>%s</b> (%s).</p>\n", esc(p, m->mechanism),
			esc(p, m->why_mechanism));
	else if (m->window.how[0])
		fprintf(p->f, "<p>For <b>%s</b> that is <b>%s</b>, %s: as wide as %.0f %% of its middle.</p>\n",
			esc(p, m->mechanism), text_range(m->window.lo_ns, m->window.hi_ns).s,
			esc(p, m->window.how),
			story_width_pct(m->window.lo_ns, m->window.hi_ns));
}

static void list_mechanisms(struct page *p, const struct fault_seen *f)
{
	const struct prediction *pr = &f->predicted;

	if (!pr->known) {
		fprintf(p->f, "<p class=\"soft\">No window was predicted for this fault.%s%s</p>\n",
			pr->note[0] ? " " : "", esc(p, pr->note));
		return;
	}
	fprintf(p->f, "<p>The settings in force allow <b>%s</b>, a window as wide as %.0f %% of its middle%s.%s%s</p>\n<ul class=\"mech\">",
		text_range(pr->lo_ns, pr->hi_ns).s, story_width_pct(pr->lo_ns, pr->hi_ns),
		pr->n > 1 ? "; these mechanisms race, and the first one ends the outage" : "",
		pr->note[0] ? " " : "", esc(p, pr->note));
	for (size_t i = 0; i < pr->n; i++) {
		const struct mechanism *m = &pr->mech[i];

		fprintf(p->f, "<li>%s<b>%s</b>, %s: %s.",
			won(f, m) ? "<span class=\"won\">✓ won: </span>" : "", esc(p, m->name),
			text_range(m->lo_ns, m->hi_ns).s, esc(p, m->rule));
		if (won(f, m) && f->outage.m.why_mechanism[0])
			fprintf(p->f, "<br>Seen: %s.", esc(p, f->outage.m.why_mechanism));
		if (m->source[0])
			fprintf(p->f, " <span class=\"soft small\">Source: %s</span>",
				esc(p, m->source));
		fputs("</li>", p->f);
	}
	fputs("</ul>\n", p->f);
	winner(p, f);
}

static void breakdown_plot(struct page *p, const struct fault_seen *f, size_t number,
			   const struct outage_part *parts, size_t n)
{
	struct ruler r;
	int rows = f->predicted.known ? (int)f->predicted.n : 0, bottom = 64 + rows * 40;
	const char *began = f->outage.m.hit ? arena_fmt(p->a, "came to %s", esc(p, f->outage.m.hit)) :
			    f->outage.m.from_heal ? "was healed" : "took effect";

	ruler_make(&r, f, parts, n);
	fprintf(p->f, "<figure><svg role=\"img\" width=\"100%%\" height=\"%d\" "
		"aria-label=\"Parts of the outage in seconds after the fault %s, above the "
		"predicted windows; the lists that follow say the same\">", bottom + 26, began);
	ruler_draw(p, &r, bottom);
	fprintf(p->f, "<text class=\"t halo\" x=\"0\" y=\"13\">measured, seconds after fault %zu "
		"%s</text>", number, began);
	part_bar(p, &r, parts, n);
	if (!n && f->outage.any)
		fprintf(p->f, "<rect class=\"meas\" x=\"0\" width=\"%.2f%%\" y=\"22\" "
			"height=\"30\"/>", at(&r, f->outage.lo_ns));
	windows(p, &r, f, 62);
	fputs("</svg></figure>\n", p->f);
}

void html_breakdown(struct page *p, const struct fault_seen *f)
{
	struct outage_part parts[OUTAGE_PARTS_MAX];
	size_t n = outage_parts(&f->outage, parts);
	size_t number = (size_t)(f - p->s->m->faults) + 1;
	bool several = p->s->m->nfaults > 1;

	if (!f->rec->bites || (!f->outage.any && !f->predicted.known))
		return;
	/* Among several faults the table is the view of the whole; the rest
	 * is there to be unfolded. */
	if (several)
		fprintf(p->f, "<details class=\"pr\"><summary><span class=\"num bf\">%zu</span>Why %s: %s"
			"</summary><div>\n", number, f->outage.any ? "it took this long" :
			went_on(p, number - 1) ? "nothing stopped" : "nothing was seen to stop", esc(p, story_fault(p->a, f)));
	else
		fprintf(p->f, "<h3>%s</h3>\n", f->outage.any ? "Why it took this long" :
			"What was predicted");
	if (f->outage.any)
		fprintf(p->f, "<p>Writes%s were down <b>%s</b>%s. The clients' own gaps were between "
			"%s and %s, half of them below %s.</p>\n", esc(p, story_of(p->a, f)),
			esc(p, story_outage(p->a, &f->outage)),
			f->outage.ended ? ", from the last acknowledged write to the first after"
					: "",
			text_duration(f->outage.client_min_ns).s,
			text_duration(f->outage.client_max_ns).s,
			text_duration(f->outage.client_median_ns).s);
	if (f->outage.times > 1)
		fprintf(p->f, "<p>It came in %d pieces with next to no service between them.</p>\n",
			f->outage.times);
	if (f->outage.more > 0)
		fprintf(p->f, "<p>Before or after that were %s, %s together.</p>\n",
			text_plural(f->outage.more, "shorter outage", "shorter outages").s,
			text_duration(f->outage.more_ns).s);
	if (f->outage.running)
		fputs("<p>Writes were down already when this fault was injected: how much of it is its work is "
		      "not known.</p>\n", p->f);
	if (f->outage.any && f->outage.met)
		fprintf(p->f, "<p>It was not over when the next fault, %s, was injected.</p>\n",
			esc(p, f->outage.met->id));
	if (f->outage.m.from_heal)
		fputs("<p>It began when the fault was healed: its parts are counted from there.</p>\n", p->f);
	if (f->outage.m.hit)
		fprintf(p->f, "<p>It takes its targets one by one: the parts are counted from when it came to %s, and the "
			"rules are those for that one.</p>\n", esc(p, f->outage.m.hit));
	if (f->outage.any || f->predicted.known)
		breakdown_plot(p, f, number, parts, n);
	if (n)
		list_parts(p, &f->outage, parts, n);
	list_mechanisms(p, f);
	if (several)
		fputs("</div></details>\n", p->f);
}

/* ---- several faults beside each other ---- */

/* 0.1 s is at 0 %, the top at 100 %, in decades between. */
static double log_at(int64_t ns, double decades)
{
	double s = (double)ns / 1e9, x;

	if (s < 0.1)
		return 0;
	x = (log10(s) + 1) / decades * 100;
	return x > 100 ? 100 : x;
}

static double decades_needed(const struct measured *m)
{
	double top = 10;

	for (size_t i = 0; i < m->nfaults; i++) {
		const struct fault_seen *f = &m->faults[i];

		if (f->outage.any)
			top = fmax(top, (double)f->outage.hi_ns / 1e9);
		if (f->predicted.known)
			top = fmax(top, (double)f->predicted.hi_ns / 1e9);
	}
	return ceil((log10(top) + 1) * 2) / 2;
}

static void kinds_row(struct page *p, size_t i, double decades, int y)
{
	const struct fault_seen *f = &p->s->m->faults[i];
	const struct outage *o = &f->outage;

	fprintf(p->f, "<text class=\"halo\" x=\"0\" y=\"%d\"><tspan class=\"t\">%zu  %s</tspan>"
		"<tspan dx=\"8\">%s</tspan></text>", y + 13, i + 1,
		esc(p, story_fault_kind(p->a, f)),
		!o->any && went_on(p, i) ? "writes never stopped" : html_down(p, i));
	if (f->predicted.known) {
		double x = log_at(f->predicted.lo_ns, decades);
		double w = log_at(f->predicted.hi_ns, decades) - x;

		fprintf(p->f, "<rect class=\"win\" x=\"%.2f%%\" width=\"%.2f%%\" y=\"%d\" "
			"height=\"14\" rx=\"3\"><title>predicted %s</title></rect>", x,
			w > 0.5 ? w : 0.5, y + 20,
			text_range(f->predicted.lo_ns, f->predicted.hi_ns).s);
	}
	if (o->any) {
		double x = log_at(o->lo_ns, decades);
		double w = o->ended ? log_at(o->hi_ns, decades) - x : 100 - x;

		fprintf(p->f, "<rect class=\"meas\" x=\"%.2f%%\" width=\"%.2f%%\" y=\"%d\" "
			"height=\"22\"/>", x > 99.4 ? 99.4 : x, w > 0.6 ? w : 0.6, y + 16);
	}
}

static void kinds_plot(struct page *p)
{
	const struct measured *m = p->s->m;
	double decades = decades_needed(m);
	int bottom = (int)m->nfaults * 46 + 4;

	fprintf(p->f, "<figure><svg role=\"img\" width=\"100%%\" height=\"%d\" aria-label=\"Time "
		"without writes for each fault beside its predicted window, on a log scale; the "
		"table that follows says the same\">", bottom + 24);
	for (int d = 0; d <= (int)decades; d++)
		fprintf(p->f, "<line class=\"g\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"%d\"/>"
			"<text x=\"%.2f%%\" y=\"%d\" text-anchor=\"%s\">%g s</text>",
			100 * d / decades, 100 * d / decades, bottom, 100 * d / decades,
			bottom + 17, !d ? "start" : d < decades ? "middle" : "end",
			pow(10, d - 1));
	for (size_t i = 0; i < m->nfaults; i++)
		kinds_row(p, i, decades, (int)i * 46);
	fputs("</svg><figcaption>Upright mark: measured. Wide bar: what the settings in force allow. "
	      "Log scale.</figcaption></figure>\n", p->f);
}

static const char *lost_words(struct page *p, size_t i)
{
	const struct measured *m = p->s->m;
	const struct figure_counts *c = p->s->of_fault ? &p->s->of_fault[i].of[EXPECT_LOST] : NULL;
	int64_t lost = story_lost_by(m, &m->faults[i]);

	if (lost < 0 || !c || !figure_told(c, lost || m->loss.maybe_lost))
		return "unknown";
	return arena_fmt(p->a, "%s%s", m->loss.maybe_lost ? "at least " : "", text_count(lost).s);
}

void html_kinds(struct page *p)
{
	const struct measured *m = p->s->m;
	struct fault_row *rows = arena_alloc(p->a, m->nfaults * sizeof(*rows));

	fputs("<h3>Each fault by itself</h3>\n", p->f);
	kinds_plot(p);
	for (size_t i = 0; i < m->nfaults; i++) {
		const struct fault_seen *f = &m->faults[i];

		rows[i].lead = arena_fmt(p->a, "<span class=\"num bf\">%zu</span><b>%s</b>", i + 1,
					 esc(p, story_fault_kind(p->a, f)));
		rows[i].target = esc(p, story_target(p->a, f));
		rows[i].down = html_down(p, i);
		rows[i].predicted = f->predicted.known ?
			arena_fmt(p->a, "%s", text_range(f->predicted.lo_ns,
							 f->predicted.hi_ns).s) : "–";
		rows[i].ended = f->outage.m.mechanism[0] ? esc(p, f->outage.m.mechanism) :
				f->outage.any ? "not known" : "–";
		rows[i].lost = lost_words(p, i);
		rows[i].redundant = f->redundant_ns < 0 ? "not seen" :
			arena_fmt(p->a, "after %s", text_duration(f->redundant_ns).s);
	}
	html_fault_table(p, "Fault", rows, m->nfaults);
}

/* ---- proof and undo ---- */

static void sentences(struct page *p, const struct sentences *list, const char *none)
{
	fputs("<ul class=\"proof\">", p->f);
	for (size_t i = 0; i < list->n; i++)
		fprintf(p->f, "<li>%s</li>", esc(p, list->v[i]));
	if (!list->n)
		fprintf(p->f, "<li class=\"soft\">%s</li>", none);
	fputs("</ul>\n", p->f);
}

static const char *when(struct page *p, int64_t t_ns)
{
	if (!t_ns)
		return "never";
	if (t_ns < p->x0_ns)
		return "before the load";
	return arena_fmt(p->a, "at %.3f s", (double)(t_ns - p->x0_ns) / 1e9);
}

static void recovery(struct page *p, const struct fault_seen *f)
{
	const struct recovery_info *r = &f->resync;

	if (f->demoted_ns >= 0)
		fprintf(p->f, "<p>The old primary was seen to be no primary any more %s after the "
			"fault's healing began.</p>\n", text_duration(f->demoted_ns).s);
	if (f->redundant_ns < 0 && (f->redundant_why[0] || r->how[0]))
		fprintf(p->f, "<p>Redundancy was not seen again before the load ended%s%s%s%s.</p>\n",
			f->redundant_why[0] ? ": " : "",
			esc(p, f->redundant_why), r->how[0] ? "; " : "", esc(p, r->how));
	if (f->redundant_ns < 0 || !(r->resync[0] || r->how[0]))
		return;
	if (!r->resync[0]) {
		fprintf(p->f, "<p>How redundancy came back is not known: %s.</p>\n", esc(p, r->how));
		return;
	}
	fprintf(p->f, "<p>How redundancy came back: resync <b>%s</b>", esc(p, r->resync));
	if (r->bytes >= 0)
		fprintf(p->f, ", %s copied", text_bytes(r->bytes).s);
	fprintf(p->f, "%s%s.</p>\n", r->how[0] ? "; " : "", esc(p, r->how));
}

void html_proof(struct page *p)
{
	const struct measured *m = p->s->m;

	if (!m->nfaults)
		return;
	fputs("<h3>Proof that it bit, and that it was undone</h3>\n", p->f);
	for (size_t i = 0; i < m->nfaults; i++) {
		const struct fault_seen *f = &m->faults[i];

		fprintf(p->f, "<p><span class=\"num bf\">%zu</span><b>%s</b> on %s: injected %s, "
			"in effect %s, %s.</p>\n", i + 1,
			esc(p, story_fault_kind(p->a, f)), esc(p, story_target(p->a, f)),
			when(p, f->rec->injected_ns), when(p, f->rec->effective_ns),
			!f->rec->does.lasts && !f->rec->healed_ns ? "nothing to undo" :
			arena_fmt(p->a, "undone %s", when(p, f->rec->healed_ns)));
		sentences(p, &f->rec->evidence, f->rec->bites ? "no sentence was recorded" :
			  "no effect was observed, so the scenario is broken, whatever it measured");
		if (f->rec->undo.n) {
			fputs("<p class=\"soft small\">Undo:</p>\n", p->f);
			sentences(p, &f->rec->undo, "");
		} else if (!f->rec->undone && f->rec->does.lasts) {
			fputs("<p class=\"soft small\">No undo was recorded.</p>\n", p->f);
		}
		recovery(p, f);
	}
}
