#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "report/html/page.h"

/* One lane a member: its role as it said itself, sample by sample, and how
 * far it was behind. Roles differ in shape as well as in colour: a primary
 * is tall, a replica thin, an unreachable member a dashed line. */

enum {
	WITNESS_MS = 500, /* one beside the member heard it so long ago at most */
	SILENT_MS = 3000, /* no sample for longer than this: nobody asked */
	LAG_POINTS_MAX = 400,
	VIEW_W = 2000,
	/* Less is everyday, and drawn as such. */
	LAG_SCALE_MIN_BYTES = 262144,
	LAG_SCALE_MIN_TX = 200,
};

static struct lane *lane_of(struct lanes *l, const char *member)
{
	struct lane *lane;

	for (size_t i = 0; i < l->n; i++) {
		if (!strcmp(l->v[i].member, member))
			return &l->v[i];
	}
	lane = VEC_PUSH(l->v, l->n, l->alloc);
	mem_copy_str(lane->member, sizeof(lane->member), member);
	return lane;
}

static enum lane_state state_of(const struct sample *s)
{
	if (!s->ok)
		return LANE_UNREACHABLE;
	if (s->role == ROLE_PRIMARY)
		return sample_leads(s) ? LANE_PRIMARY : LANE_PRIMARY_READONLY;
	return s->role == ROLE_REPLICA ? LANE_REPLICA : LANE_UNKNOWN;
}

static void add_span(struct lane *lane, int64_t t_ns, enum lane_state state, uint64_t shards)
{
	struct lane_span *last = lane->n ? &lane->spans[lane->n - 1] : NULL;
	struct lane_span *s;

	if (last) {
		bool silent = t_ns - lane->last_ns > SILENT_MS * NS_PER_MS;

		last->to_ns = silent ? lane->last_ns : t_ns;
		if (!silent && last->state == state && last->shards == shards) {
			lane->last_ns = t_ns;
			return;
		}
	}
	s = VEC_PUSH(lane->spans, lane->n, lane->alloc);
	s->from_ns = s->to_ns = lane->last_ns = t_ns;
	s->state = state;
	s->shards = shards;
}

static void add_lag(const struct page *p, struct lanes *l, struct lane *lane, int64_t t_ns,
		    int64_t behind)
{
	int64_t width = (p->x1_ns - p->x0_ns) / LAG_POINTS_MAX;
	struct lag_point *last = lane->nlag ? &lane->lag[lane->nlag - 1] : NULL;
	struct lag_point *point;

	if (behind > l->max_lag)
		l->max_lag = behind;
	/* The worst of each sliver of time. */
	if (last && t_ns - last->t_ns < width) {
		if (behind > last->behind)
			last->behind = behind;
		return;
	}
	point = VEC_PUSH(lane->lag, lane->nlag, lane->lag_alloc);
	point->t_ns = t_ns;
	point->behind = behind;
}

static int by_member(const void *a, const void *b)
{
	return strcmp(((const struct lane *)a)->member, ((const struct lane *)b)->member);
}

static void add_answer(const struct page *p, struct lanes *l, const struct sample *s)
{
	struct lane *lane = lane_of(l, s->member);

	/* Who is heard by somebody is not unreachable. */
	if (!s->ok && (s->beside || (lane->witnessed_ns &&
				     s->t_ns - lane->witnessed_ns < WITNESS_MS * NS_PER_MS)))
		return;
	if (s->beside)
		lane->witnessed_ns = s->t_ns;
	add_span(lane, s->t_ns, state_of(s), s->shards);
	if (state_of(s) != LANE_REPLICA || sample_lag(s) < 0)
		return;
	add_lag(p, l, lane, s->t_ns, sample_lag(s));
	l->lag_in_tx = s->lag_bytes < 0;
}

void lanes_make(const struct page *p, struct lanes *l)
{
	const struct evidence *ev = p->s->ev;

	for (size_t i = 0; i < ev->nsamples; i++)
		if (ev->samples[i].t_ns >= p->x0_ns && ev->samples[i].t_ns <= p->x1_ns)
			add_answer(p, l, &ev->samples[i]);
	if (l->n)
		qsort(l->v, l->n, sizeof(l->v[0]), by_member);
}

void lanes_free(struct lanes *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].spans);
		free(l->v[i].lag);
	}
	free(l->v);
	memset(l, 0, sizeof(*l));
}

static const char *state_words(enum lane_state s)
{
	static const char *const words[] = {"not asked", "primary", "primary, read-only", "replica",
					    "no known role", "unreachable"};

	return words[s];
}

static void draw_span(struct page *p, const struct lane_span *s, int y)
{
	double x = plot_pct(p, s->from_ns), w = plot_pct(p, s->to_ns) - x;

	if (s->state == LANE_UNREACHABLE)
		fprintf(p->f, "<line class=\"s5\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%d\" y2=\"%d\">",
			x, x + w, y + 7, y + 7);
	else if (s->state == LANE_PRIMARY || s->state == LANE_PRIMARY_READONLY)
		fprintf(p->f, "<rect class=\"s%d\" x=\"%.2f%%\" width=\"%.2f%%\" y=\"%d\" "
			"height=\"14\" rx=\"2\">", s->state, x, w, y);
	else
		fprintf(p->f, "<rect class=\"s%d\" x=\"%.2f%%\" width=\"%.2f%%\" y=\"%d\" "
			"height=\"5\">", s->state, x, w, y + 5);
	fprintf(p->f, "<title>%s, %s to %s</title></%s>", state_words(s->state),
		text_duration(s->from_ns - p->x0_ns).s, text_duration(s->to_ns - p->x0_ns).s,
		s->state == LANE_UNREACHABLE ? "line" : "rect");
}

/* Where another member took writes in the same span of time. */
static void draw_dual(struct page *p, const struct lanes *l, size_t me, int y)
{
	const struct lane *a = &l->v[me];

	for (size_t i = 0; i < a->n; i++) {
		for (size_t j = 0; j < l->n; j++) {
			const struct lane *b = &l->v[j];

			for (size_t k = 0; j != me && k < b->n; k++) {
				int64_t from = a->spans[i].from_ns, to = a->spans[i].to_ns;

				if (a->spans[i].state != LANE_PRIMARY ||
				    b->spans[k].state != LANE_PRIMARY ||
				    !shards_rival(a->spans[i].shards, b->spans[k].shards))
					continue;
				from = from > b->spans[k].from_ns ? from : b->spans[k].from_ns;
				to = to < b->spans[k].to_ns ? to : b->spans[k].to_ns;
				if (to > from)
					fprintf(p->f, "<rect class=\"dual\" x=\"%.2f%%\" "
						"width=\"%.2f%%\" y=\"%d\" height=\"18\">"
						"<title>two primaries at once</title></rect>",
						plot_pct(p, from),
						plot_pct(p, to) - plot_pct(p, from), y - 2);
			}
		}
	}
}

static void draw_lag(struct page *p, const struct lanes *l, const struct lane *lane,
		     int64_t worst, int y)
{
	int64_t least = l->lag_in_tx ? LAG_SCALE_MIN_TX : LAG_SCALE_MIN_BYTES;
	int64_t before = 0, scale = l->max_lag;
	bool open = false;

	if (scale < least)
		scale = least;
	/* A row of specks says less than the figure beside the name. */
	if (worst < scale / 40)
		return;
	fprintf(p->f, "<svg x=\"0\" y=\"%d\" width=\"100%%\" height=\"12\" viewBox=\"0 0 %d 120\" "
		"preserveAspectRatio=\"none\"><path class=\"lag\" d=\"", y, VIEW_W);
	for (size_t i = 0; i < lane->nlag; i++) {
		double x = plot_pct(p, lane->lag[i].t_ns) * VIEW_W / 100;
		double h = 120.0 * (double)lane->lag[i].behind / (double)scale;

		if (open && lane->lag[i].t_ns - before > SILENT_MS * NS_PER_MS) {
			fprintf(p->f, "V120z");
			open = false;
		}
		if (!open)
			fprintf(p->f, "M%.0f 120", x);
		fprintf(p->f, "H%.0fV%.0f", x, 120 - h);
		open = true;
		before = lane->lag[i].t_ns;
	}
	fprintf(p->f, "%s\"/></svg>", open ? "V120z" : "");
}

void plot_lanes(struct page *p, const struct lanes *l, int y)
{
	for (size_t i = 0; i < l->n; i++, y += PLOT_LANE) {
		const struct lane *lane = &l->v[i];
		int64_t worst = 0;

		for (size_t j = 0; j < lane->nlag; j++)
			worst = lane->lag[j].behind > worst ? lane->lag[j].behind : worst;
		fprintf(p->f, "<g><text class=\"t halo\" x=\"0\" y=\"%d\">%s", y + 13,
			esc(p, lane->member));
		if (worst)
			fprintf(p->f, "<tspan font-weight=\"400\"> · lag up to %s</tspan>",
				l->lag_in_tx ? text_plural(worst, "transaction", "transactions").s :
				text_bytes(worst).s);
		fputs("</text>", p->f);
		for (size_t j = 0; j < lane->n; j++)
			draw_span(p, &lane->spans[j], y + 18);
		draw_dual(p, l, i, y + 18);
		draw_lag(p, l, lane, worst, y + 34);
		fputs("</g>\n", p->f);
	}
}

void lanes_words(struct page *p, const struct lanes *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct lane *lane = &l->v[i];
		size_t shown = lane->n < 30 ? lane->n : 30;

		fprintf(p->f, "<li>%s: ", esc(p, lane->member));
		for (size_t j = 0; j < shown; j++)
			fprintf(p->f, "%s%s from %s to %s", j ? ", " : "",
				state_words(lane->spans[j].state),
				text_duration(lane->spans[j].from_ns - p->x0_ns).s,
				text_duration(lane->spans[j].to_ns - p->x0_ns).s);
		if (shown < lane->n)
			fprintf(p->f, ", and %zu more changes", lane->n - shown);
		fputs(".</li>", p->f);
	}
}

static void draw_group(struct page *p, const char *name, int y)
{
	fprintf(p->f, "<g><text class=\"t halo\" x=\"0\" y=\"%d\">%s<tspan font-weight=\"400\"> · clients beside "
		"the old primary: when their writes were down</tspan></text>", y + 13, esc(p, name));
	for (size_t i = 0; i < p->s->m->nfaults; i++) {
		const struct partial_outage *o = fault_part(&p->s->m->faults[i], "group", name);
		double x, w;

		if (!o || !o->outage.any)
			continue;
		x = plot_pct(p, o->outage.down_lo);
		w = plot_pct(p, o->outage.up_hi) - x;
		fprintf(p->f, "<rect class=\"meas\" x=\"%.2f%%\" width=\"%.2f%%\" y=\"%d\" height=\"8\" rx=\"2\">"
			"<title>down for %s</title></rect>", x, w > 0.3 ? w : 0.3, y + 21,
			text_interval(o->outage.lo_ns, o->outage.hi_ns).s);
	}
	fputs("</g>\n", p->f);
}

int plot_groups(struct page *p, int y)
{
	const struct evidence *ev = p->s->ev;

	for (size_t i = 0; y && i < ev->ngroups; i++)
		draw_group(p, ev->groups[i].name, y + (int)i * PLOT_LANE);
	return (int)ev->ngroups;
}
