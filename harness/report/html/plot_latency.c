#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/rng.h"
#include "report/html/page.h"

/* The two upper panels of the timeline: operations a second, stacked by
 * outcome, and the latency of each operation on a log scale. */

enum {
	VIEW_W = 2000,         /* width of the inner viewports, in their own units */
	BUCKETS_SHOWN_MAX = 400,
	GRID_COLUMNS = 500,    /* dots are drawn once a cell of this grid */
	GRID_ROWS = 75,
	DOTS_MAX = 4000,
};

struct bar {
	double x0, x1; /* inner units */
	double v[3];   /* ok, fail, info: operations a second */
};

/* One second each, or several together in a long scenario. */
static size_t make_bars(const struct page *p, struct bar **out)
{
	const struct measured *m = p->s->m;
	size_t per = (m->nbuckets + BUCKETS_SHOWN_MAX - 1) / BUCKETS_SHOWN_MAX, n = 0;
	struct bar *v;

	if (!m->nbuckets)
		return 0;
	v = mem_alloc((m->nbuckets / per + 1) * sizeof(*v));
	for (size_t i = 0; i < m->nbuckets; i += per) {
		size_t end = i + per < m->nbuckets ? i + per : m->nbuckets;
		int64_t to = m->buckets[end - 1].t_ns + m->bucket_ns;
		struct bar *b = &v[n++];
		double s;

		if (to > m->end_ns && m->end_ns > m->buckets[i].t_ns)
			to = m->end_ns;
		s = (double)(to - m->buckets[i].t_ns) / 1e9;
		/* Too short a rest to be shown as a rate. */
		if (s < 0.2)
			s = 1;
		b->x0 = plot_pct(p, m->buckets[i].t_ns) * VIEW_W / 100;
		b->x1 = plot_pct(p, to) * VIEW_W / 100;
		for (size_t j = i; j < end; j++) {
			b->v[0] += m->buckets[j].ok / s;
			b->v[1] += m->buckets[j].fail / s;
			b->v[2] += m->buckets[j].info / s;
		}
	}
	*out = v;
	return n;
}

static double round_up(double v)
{
	double p = pow(10, floor(log10(v > 1 ? v : 1))), f = v / p;

	return (f <= 1 ? 1 : f <= 1.5 ? 1.5 : f <= 2 ? 2 : f <= 2.5 ? 2.5 : f <= 3 ? 3 :
		f <= 4 ? 4 : f <= 5 ? 5 : f <= 7.5 ? 7.5 : 10) * p;
}

static double below(const struct bar *b, int layer)
{
	double sum = 0;

	for (int l = 0; l < layer; l++)
		sum += b->v[l];
	return sum;
}

/* The area between the stack below `layer` and with it: one path for each
 * run of bars that have something in this layer, without seams. */
static void stack(FILE *f, const struct bar *v, size_t n, int layer, double top, int height,
		  const char *class)
{
	bool open = false;

	for (size_t i = 0, end; i < n; i = end) {
		end = i + 1;
		if (v[i].v[layer] <= 0)
			continue;
		while (end < n && v[end].v[layer] > 0)
			end++;
		if (!open)
			fprintf(f, "<path class=\"%s\" d=\"", class);
		open = true;
		fprintf(f, "M%.1f %.1f", v[i].x0, height * (1 - below(&v[i], layer) / top));
		for (size_t k = i; k < end; k++)
			fprintf(f, "V%.1fH%.1f", height * (1 - below(&v[k], layer + 1) / top),
				v[k].x1);
		for (size_t k = end; layer && k-- > i;)
			fprintf(f, "V%.1fH%.1f", height * (1 - below(&v[k], layer) / top),
				v[k].x0);
		if (!layer)
			fprintf(f, "V%d", height);
		fputc('z', f);
	}
	if (open)
		fputs("\"/>", f);
}

static void caption(struct page *p, int y, const char *text)
{
	fprintf(p->f, "<text class=\"t halo\" x=\"0\" y=\"%d\">%s</text>", y + 14, text);
}

static void level(struct page *p, int y, const char *label)
{
	fprintf(p->f, "<line class=\"g\" x1=\"0\" x2=\"100%%\" y1=\"%d\" y2=\"%d\"/>"
		"<text x=\"100%%\" dx=\"7\" y=\"%d\">%s</text>", y, y, y + 4, label);
}

void plot_throughput(struct page *p, int y)
{
	static const char *const classes[] = {"f-ok", "f-fail", "f-info"};
	int height = PLOT_THROUGHPUT - PLOT_CAPTION - 12, top_y = y + PLOT_CAPTION;
	struct bar *v = NULL;
	size_t n = make_bars(p, &v);
	double top = 1;
	char label[32];

	for (size_t i = 0; i < n; i++)
		top = fmax(top, v[i].v[0] + v[i].v[1] + v[i].v[2]);
	top = round_up(top);
	fprintf(p->f, "<g>");
	fprintf(p->f, "<svg x=\"0\" y=\"%d\" width=\"100%%\" height=\"%d\" viewBox=\"0 0 %d %d\" "
		"preserveAspectRatio=\"none\">", top_y, height, VIEW_W, height);
	for (int i = 0; i < 3; i++)
		stack(p->f, v, n, i, top, height, classes[i]);
	fputs("</svg>", p->f);
	snprintf(label, sizeof(label), "%g", top);
	level(p, top_y, label);
	fprintf(p->f, "<line class=\"ax\" x1=\"0\" x2=\"100%%\" y1=\"%d\" y2=\"%d\"/>",
		top_y + height, top_y + height);
	caption(p, y, "operations a second");
	fputs("</g>\n", p->f);
	free(v);
}

struct scatter {
	unsigned char cell[GRID_COLUMNS * GRID_ROWS]; /* bit 0: ok, 1: fail, 2: info */
	double lo, hi; /* decades of ms */
	size_t ops, cells, dropped;
};

static double decade(const struct op *op)
{
	double ms = (double)(op->t_return - op->t_intended) / 1e6;

	return log10(ms > 0.01 ? ms : 0.01);
}

static void scale(const struct page *p, struct scatter *s)
{
	double lo = 9, hi = -9;

	for (size_t i = 0; i < p->run->h->n; i++) {
		const struct op *op = &p->run->h->ops[i];

		if ((int)op->scenario != p->s->index)
			continue;
		lo = fmin(lo, decade(op));
		hi = fmax(hi, decade(op));
		s->ops++;
	}
	s->lo = lo - 0.1;
	s->hi = hi + 0.1;
	if (s->hi - s->lo < 2)
		s->hi = s->lo + 2;
}

/* Each cell that holds a dot is drawn once, so that dense parts cost no more
 * than they show. */
static void fill(const struct page *p, struct scatter *s)
{
	for (size_t i = 0; i < p->run->h->n; i++) {
		const struct op *op = &p->run->h->ops[i];
		int col, row;

		if ((int)op->scenario != p->s->index)
			continue;
		col = (int)(plot_pct(p, op->t_intended) * (GRID_COLUMNS - 1) / 100);
		row = (int)((decade(op) - s->lo) / (s->hi - s->lo) * (GRID_ROWS - 1));
		if (row < 0 || row >= GRID_ROWS)
			continue;
		s->cell[col * GRID_ROWS + row] |= op->outcome == OP_OK ? 1 :
						  op->outcome == OP_FAIL ? 2 : 4;
	}
}

/* Past DOTS_MAX acknowledged ones are left out by a fixed random choice, but
 * never the slowest of a column. */
static void thin(struct scatter *s)
{
	struct rng rng = {1};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(s->cell); i++)
		n += s->cell[i] & 1;
	s->cells = n;
	for (int c = 0; n > DOTS_MAX && c < GRID_COLUMNS; c++) {
		bool slowest = true;

		for (int r = GRID_ROWS - 1; r >= 0; r--) {
			unsigned char *cell = &s->cell[c * GRID_ROWS + r];

			if (!(*cell & 1))
				continue;
			if (!slowest && rng_below(&rng, n) >= DOTS_MAX) {
				*cell &= (unsigned char)~1u;
				s->dropped++;
			}
			slowest = false;
		}
	}
}

static void dots(FILE *f, const struct scatter *s, unsigned char bit, const char *class,
		 const char *glyph, int height)
{
	bool open = false;
	int px = 0, py = 0;

	for (int c = 0; c < GRID_COLUMNS; c++) {
		for (int r = 0; r < GRID_ROWS; r++) {
			int x = c * VIEW_W / (GRID_COLUMNS - 1);
			int y = height - 3 - r * (height - 6) / (GRID_ROWS - 1);

			if (!(s->cell[c * GRID_ROWS + r] & bit))
				continue;
			if (!open)
				fprintf(f, "<path class=\"ns %s\" d=\"M%d %d%s", class, x, y,
					glyph);
			else
				fprintf(f, "m%d %d%s", x - px, y - py, glyph);
			open = true;
			px = x;
			py = y + (glyph[0] == 'v' ? 6 : 0);
		}
	}
	if (open)
		fputs("\"/>", f);
}

void plot_latency(struct page *p, int y)
{
	int height = PLOT_LATENCY - PLOT_CAPTION - 14, top_y = y + PLOT_CAPTION;
	struct scatter *s = mem_alloc(sizeof(*s));
	const struct measured *m = p->s->m;

	scale(p, s);
	fputs("<g>", p->f);
	if (s->ops) {
		fill(p, s);
		thin(s);
		fprintf(p->f, "<svg x=\"0\" y=\"%d\" width=\"100%%\" height=\"%d\" "
			"viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\">", top_y, height,
			VIEW_W, height);
		dots(p->f, s, 1, "d-ok", "h0", height);
		dots(p->f, s, 4, "d-info", "h0", height);
		dots(p->f, s, 2, "d-fail", "v6", height);
		fputs("</svg>", p->f);
		for (int d = (int)ceil(s->lo); d <= s->hi; d++) {
			int at = top_y + height - 3 -
				 (int)((d - s->lo) / (s->hi - s->lo) * (height - 6));
			struct text t;

			if (d >= 3)
				snprintf(t.s, sizeof(t.s), "%g s", pow(10, d - 3));
			else
				snprintf(t.s, sizeof(t.s), "%g ms", pow(10, d));
			level(p, at, t.s);
		}
		if (m->baseline_p99_ns > 0) {
			double d = log10((double)m->baseline_p99_ns / 1e6);
			int at = top_y + height - 3 -
				 (int)((d - s->lo) / (s->hi - s->lo) * (height - 6));

			fprintf(p->f, "<line class=\"base\" x1=\"0\" x2=\"100%%\" y1=\"%d\" "
				"y2=\"%d\"><title>p99 before the fault</title></line>", at, at);
		}
	}
	caption(p, y, "latency, from the intended send");
	fputs("</g>\n", p->f);
	free(s);
}
