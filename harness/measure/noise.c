#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/parts.h"

/* Was the machine quiet enough to believe the figures? What spoils them is a
 * generator that sends late: then a pause of ours looks like an outage of the
 * system's. It is looked at where it matters: in the time that a length is
 * about, and not on the average of a load that may be a hundred times as long.
 *
 *   - It stood still (standstill.c): for longer than STOOD_LIMIT at once
 *     whatever the length is, or for longer than LATE_LIMIT at once and in all
 *     for more than a tenth of the length. Less is within the bounds that an
 *     outage is given with, for nobody called in that time.
 *   - It was late with more than a tenth of its calls by LATE_LIMIT; with a
 *     hundredth where a p99 is told, or where it told of the whole load alone.
 *   - The hypervisor took more than half of the processors' time away, which
 *     nobody inside can see. The figures then tell of it more than of the system.
 *
 * A busy processor alone does not spoil them: with four tasks for each processor
 * a heartbeat was 2 ms late at worst, and on a small machine that carries a whole
 * cluster 50 to 80 % of pressure are everyday. It makes lengths longer, never
 * shorter, by slowing the system down: at most by the time in which some task
 * waited for a processor (/proc/pressure/cpu, "some"), for in the rest nobody
 * did; and so does what the hypervisor takes. So it takes nothing from a length
 * that was short enough, but one may be too long, or long enough, by that share
 * of it alone. Below the limits that share is everyday and left out. */

enum { P99_PART = 10 }; /* a tenth of so much of a window is a hundredth of it */

#define LATE_LIMIT_MS 100.0 /* twice the outage's stated error */
#define STOOD_LIMIT_MS 1000.0
#define SHARE_LIMIT 0.1
#define STEAL_LIMIT_PCT 50.0
#define PRESSED_LIMIT_PCT 80.0
#define STOLEN_LIMIT_PCT 10.0 /* from where on lengths are counted without it */

static double ms(int64_t ns)
{
	return ns < 0 ? -1 : in_ms(ns);
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

/* The worst of what was told of the whole load. */
static void told(const struct evidence *ev, struct noise *out)
{
	for (size_t i = 0; i < ev->nnoise; i++) {
		const struct noise_seen *n = &ev->noise[i];

		if (n->span_ns)
			continue;
		out->lateness_p99_ms = larger(out->lateness_p99_ms, n->lateness_p99_ms);
		out->lateness_max_ms = larger(out->lateness_max_ms, n->lateness_max_ms);
		out->cpu_some_pct = larger(out->cpu_some_pct, n->cpu_some_pct);
		out->steal_pct = larger(out->steal_pct, n->steal_pct);
	}
}

/* A share of the time over an agent's rows that lie within the span, each by how
 * much of it does; -1: none does, or none tells. */
static double over_rows_of(const struct evidence *ev, size_t agent, int64_t from, int64_t to,
			   size_t offset)
{
	double sum = 0, time = 0;

	for (size_t i = 0; i < ev->nnoise; i++) {
		const struct noise_seen *n = &ev->noise[i];
		int64_t a = n->t_ns - n->span_ns, z = n->t_ns;
		double pct;

		memcpy(&pct, (const char *)n + offset, sizeof(pct));
		a = a > from ? a : from;
		z = z < to ? z : to;
		if (n->agent != agent || !n->span_ns || pct < 0 || z <= a)
			continue;
		sum += pct * (double)(z - a);
		time += (double)(z - a);
	}
	return time > 0 ? sum / time : -1;
}

/* Of the worst agent: that another's machine was at rest helps its clients nothing. */
static double over_rows(const struct evidence *ev, int64_t from, int64_t to, size_t offset)
{
	size_t agents = 0;
	double worst = -1;

	for (size_t i = 0; i < ev->nnoise; i++)
		if (ev->noise[i].agent >= agents)
			agents = ev->noise[i].agent + 1;
	for (size_t i = 0; i < agents; i++)
		worst = larger(worst, over_rows_of(ev, i, from, to, offset));
	return worst;
}

static void stood(const struct measured *m, int64_t from, int64_t to, struct noise *out)
{
	for (size_t i = 0; i < m->nstood; i++) {
		int64_t a = m->stood[i].from_ns > from ? m->stood[i].from_ns : from;
		int64_t z = m->stood[i].to_ns < to ? m->stood[i].to_ns : to;

		if (z <= a)
			continue;
		out->stood_sum_ns += z - a;
		if (z - a > out->stood_ns) {
			out->stood_ns = z - a;
			out->stood_at_ns = a;
		}
	}
}

/* The share of calls that were late by the limit; percentiles on the way. */
static double late_calls(const struct view *main, int64_t from, int64_t to, struct noise *out)
{
	int64_t *late = mem_alloc((main->nops + 1) * sizeof(*late));
	size_t n = 0, beyond = 0;

	for (size_t i = 0; i < main->nops; i++) {
		if (main->ops[i]->t_invoke < from || main->ops[i]->t_invoke > to)
			continue;
		late[n++] = main->ops[i]->slip_ns;
		beyond += ms(main->ops[i]->slip_ns) > LATE_LIMIT_MS;
	}
	qsort(late, n, sizeof(*late), by_i64);
	out->lateness_p99_ms = ms(stat_percentile(late, n, 0.99));
	out->lateness_max_ms = n ? ms(late[n - 1]) : -1;
	free(late);
	return n ? (double)beyond / (double)n : 0;
}

static bool has_rows(const struct evidence *ev)
{
	for (size_t i = 0; i < ev->nnoise; i++)
		if (ev->noise[i].span_ns && !ev->noise[i].beside)
			return true;
	return false;
}

/* "3.0 s, 12.0 s after the fault" */
static void say_stood(const struct noise *n, int64_t since_ns, const char *since, char *out,
		      size_t size)
{
	double after = in_s(n->stood_at_ns - since_ns);

	snprintf(out, size, "the generator stood still for %.2f s, %.1f s %s %s", in_s(n->stood_ns),
		 after < 0 ? -after : after, after < 0 ? "before" : "after", since);
}

static void too_noisy(struct noise *n)
{
	n->too_noisy = true;
	n->pressed = false;
}

static void judge_machine(struct noise *n)
{
	if (n->steal_pct > STEAL_LIMIT_PCT) {
		too_noisy(n);
		snprintf(n->why, sizeof(n->why),
			 "the hypervisor took %.0f %% of the processor's time away (limit %.0f %%)",
			 n->steal_pct, STEAL_LIMIT_PCT);
	} else if (n->cpu_some_pct > PRESSED_LIMIT_PCT) {
		n->pressed = true;
		n->waited = n->cpu_some_pct / 100;
		snprintf(n->why, sizeof(n->why),
			 "tasks waited for a processor %.0f %% of the time (limit %.0f %%)", n->cpu_some_pct,
			 PRESSED_LIMIT_PCT);
	} else if (n->steal_pct > STOLEN_LIMIT_PCT) {
		n->pressed = true;
		n->waited = n->steal_pct / 100;
		snprintf(n->why, sizeof(n->why),
			 "the hypervisor took %.0f %% of the processor's time away (limit %.0f %%)",
			 n->steal_pct, STOLEN_LIMIT_PCT);
	}
}

static bool sent_late(double share, double limit, struct noise *n)
{
	if (share <= limit)
		return false;
	too_noisy(n);
	snprintf(n->why, sizeof(n->why),
		 "the generator sent %.0f %% of the operations more than %.0f ms late (limit %.0f %%)",
		 100 * share, LATE_LIMIT_MS, 100 * limit);
	return true;
}

struct stretch {
	int64_t from, to;
};

/* A time in which a length was measured that itself lay in `own`. */
struct window {
	int64_t from, to, length_ns;
	struct stretch own;
	int64_t since_ns;
	const char *since; /* what since_ns was */
	double late;       /* the share of calls that may have been late; 0: SHARE_LIMIT */
};

static void noise_within(const struct view *main, const struct measured *m, const struct window *w,
			 struct noise *out)
{
	int64_t from = w->from, to = w->to;
	double late;

	*out = (struct noise){
		.lateness_p99_ms = -1, .lateness_max_ms = -1, .cpu_some_pct = -1, .steal_pct = -1};
	if (to <= from)
		return;
	stood(m, from, to, out);
	out->cpu_some_pct = over_rows(main->ev, w->own.from, w->own.to,
				      offsetof(struct noise_seen, cpu_some_pct));
	out->steal_pct =
		over_rows(main->ev, w->own.from, w->own.to, offsetof(struct noise_seen, steal_pct));
	late = has_rows(main->ev) ? late_calls(main, from, to, out) : 0;
	if (ms(out->stood_ns) > STOOD_LIMIT_MS ||
	    (ms(out->stood_ns) > LATE_LIMIT_MS &&
	     (double)out->stood_sum_ns > SHARE_LIMIT * (double)w->length_ns)) {
		too_noisy(out);
		say_stood(out, w->since_ns, w->since, out->why, sizeof(out->why));
	} else if (!sent_late(late, w->late > 0 ? w->late : SHARE_LIMIT, out)) {
		judge_machine(out);
	}
}

/* When it was that they were down: what came before or after made them no longer. */
static struct stretch down(const struct measured *m, const struct fault_seen *f, int64_t from,
			   int64_t to)
{
	const struct outage *o = &f->outage;
	struct stretch s = {o->down_lo > from ? o->down_lo : from, o->ended ? o->up_hi : m->end_ns};

	return o->any && s.to > s.from ? s : (struct stretch){from, to};
}

/* When those were waiting that a p99 tells of: from the first to the last. */
static struct stretch slow(const struct view *main, const struct fault_seen *f)
{
	const struct served_row *all = fault_served(f, "all", "");
	struct stretch s = {f->window_end_ns, f->rec->injected_ns};

	for (size_t i = 0; all && i < main->nops; i++) {
		const struct op *op = main->ops[i];

		if (op->t_intended < f->rec->injected_ns || op->t_intended >= f->window_end_ns ||
		    !op_answered(op) || op->t_return - op->t_intended < all->p99_ns)
			continue;
		s.from = op->t_intended < s.from ? op->t_intended : s.from;
		s.to = op->t_return > s.to ? op->t_return : s.to;
	}
	return s.to > s.from ? s : (struct stretch){f->rec->injected_ns, f->window_end_ns};
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void of_fault(const struct view *main, const struct measured *m, struct fault_seen *f)
{
	int64_t from = f->rec->injected_ns, effective = f->rec->effective_ns,
		healed = fault_healing(f->rec);
	int64_t whole = effective && f->redundant_ns >= 0 ? effective + f->redundant_ns : 0, to;
	struct window w;

	if (!from)
		return;
	to = f->outage.any ? later(f->outage.ended ? f->outage.up_hi : m->end_ns, whole) :
	     whole ? whole : f->window_end_ns;
	w = (struct window){from, to, f->outage.any ? f->outage.hi_ns : to - from, down(m, f, from, to), from, "the fault", 0};
	noise_within(main, m, &w, &f->noise[NOISE_OUTAGE]);
	to = f->window_end_ns;
	w = (struct window){from, to, f->outage.any ? f->outage.down.hi_ns : to - from, down(m, f, from, to), from, "the fault", 0};
	noise_within(main, m, &w, &f->noise[NOISE_DOWNTIME]);
	w = (struct window){from, to, (to - from) / P99_PART, slow(main, f), from, "the fault", SHARE_LIMIT / P99_PART};
	noise_within(main, m, &w, &f->noise[NOISE_SERVED]);
	effective = effective ? effective : from;
	to = whole ? whole : f->window_end_ns;
	w = (struct window){effective, to, to - from, {effective, to}, from, "the fault", 0};
	noise_within(main, m, &w, &f->noise[NOISE_RECOVERY]);
	to = f->demoted_ns >= 0 ? healed + f->demoted_ns : f->window_end_ns;
	w = (struct window){healed, to, to - healed, {healed, to}, healed, "the end of the fault", 0};
	if (healed)
		noise_within(main, m, &w, &f->noise[NOISE_DEMOTION]);
}

/* Lateness is the generator's own figure. Only where there is none it is taken
 * from the history before the first fault: from the intended time to the call,
 * which also holds what operations waited for a free client, and that is the
 * system's doing. */
static void of_load(const struct view *main, const struct baseline *b, struct measured *m)
{
	struct noise *n = &m->noise;

	*n = (struct noise){
		.lateness_p99_ms = -1, .lateness_max_ms = -1, .cpu_some_pct = -1, .steal_pct = -1};
	told(main->ev, n);
	stood(m, m->begin_ns, m->end_ns, n);
	if (n->lateness_p99_ms < 0) {
		n->lateness_p99_ms = ms(b->lateness_p99_ns);
		n->lateness_max_ms = ms(b->lateness_max_ns);
	}
	if (has_rows(main->ev)) {
		struct noise calls;

		if (!sent_late(late_calls(main, m->begin_ns, m->end_ns, &calls), SHARE_LIMIT, n))
			judge_machine(n);
	} else if (n->lateness_p99_ms <= LATE_LIMIT_MS) {
		judge_machine(n);
	} else {
		too_noisy(n);
		snprintf(n->why, sizeof(n->why),
			 "the generator sent 1 %% of the operations %.0f ms late or more (limit %.0f ms)",
			 n->lateness_p99_ms, LATE_LIMIT_MS);
	}
}

void noise_make(const struct view *main, const struct baseline *b, struct measured *m)
{
	int64_t begin = m->begin_ns, calm = b->until_ns < m->end_ns ? b->until_ns : m->end_ns;
	struct window w = {begin, calm, calm - begin, {begin, calm}, begin, "the beginning of the load", 0};

	of_load(main, b, m);
	noise_within(main, m, &w, &m->calm_noise);
	for (size_t i = 0; i < m->nfaults; i++)
		of_fault(main, m, &m->faults[i]);
}
