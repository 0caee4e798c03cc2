/* The time axis that the parts of a plot share. */
#include "base/mem.h"
#include "report/html/page.h"

double plot_pct(const struct page *p, int64_t t_ns)
{
	double x = 100.0 * (double)(t_ns - p->x0_ns) / (double)(p->x1_ns - p->x0_ns);

	return x < 0 ? 0 : x > 100 ? 100 : x;
}

double plot_step(double span, int most)
{
	static const double steps[] = {1e-3, 2e-3, 5e-3, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10,
				       15, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		if (span / steps[i] <= most)
			return steps[i];
	}
	return span;
}

void plot_axis(struct page *p, int y)
{
	double span = (double)(p->x1_ns - p->x0_ns) / 1e9, step = plot_step(span, 7);

	for (int i = 0; i * step <= span; i++) {
		double x = 100 * i * step / span;

		fprintf(p->f, "<line class=\"g\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%d\" "
			"y2=\"%d\"/>", x, x, PLOT_TOP, y);
		if (x > 97)
			continue;
		fprintf(p->f, "<text x=\"%.2f%%\" y=\"%d\" text-anchor=\"%s\">%g%s</text>", x,
			y + 17, i ? "middle" : "start", i * step, i ? "" : " s");
	}
}
