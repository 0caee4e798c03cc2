#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/parts.h"

/* When the generator itself stood still: stopped by a signal, or without a
 * processor. Nobody called anything then, which is no outage of the system's.
 *
 * A load agent of today tells it: its heartbeat came late, or nobody called and
 * the next call has a part of its lateness that was the generator's own. A
 * history without that is looked at for stretches without a call, of which only
 * that part counts in which
 *   - an operation was due: the one that was called next was meant for an
 *     earlier time, or, where the history does not say when operations were
 *     meant to be called, the rate says so three times over;
 *   - at least half of the clients were free. With fewer the load holds back
 *     the free ones on purpose (load/load.h). A call that returned after its
 *     deadline would have been over by then, had its client been awake. */

enum { STOOD_MS = 50, PERIODS = 3 };

static void add(struct measured *m, size_t *alloc, int64_t from, int64_t to)
{
	if (to - from >= STOOD_MS * NS_PER_MS)
		*VEC_PUSH(m->stood, m->nstood, *alloc) = (struct standstill){from, to};
}

/* False: this run has no heartbeat. */
static bool told(const struct view *main, struct measured *m, size_t *alloc)
{
	bool any = false;

	for (size_t i = 0; i < main->ev->nnoise; i++) {
		const struct noise_seen *n = &main->ev->noise[i];

		if (!n->span_ns || n->beside)
			continue;
		any = true;
		if (n->late_max_ns > 0)
			add(m, alloc, n->t_ns - n->late_max_ns, n->t_ns);
	}
	for (size_t i = 1; any && i < main->nops; i++) {
		const struct op *op = main->ops[i];
		int64_t before = main->ops[i - 1]->t_invoke, late = op->t_invoke - op->slip_ns;

		add(m, alloc, late > before ? late : before, op->t_invoke);
	}
	return any;
}

struct asked {
	int64_t clients, deadline_ns, period_ns; /* 0: unknown */
};

static struct asked asked_for(const struct view *main)
{
	const struct load_spec *load = &main->ev->load;
	double rate = load->rate;
	int64_t all = load->clients, others = 0;

	for (size_t i = 0; i < main->ev->ngroups; i++) {
		rate -= main->ev->groups[i].rate;
		others += main->ev->groups[i].clients;
	}
	return (struct asked){
		.clients = all > others ? all - others : 0, .deadline_ns = load->deadline_ns,
		.period_ns = rate > 0 ? (int64_t)((double)NS_PER_S / rate) : 0,
	};
}

/* When the client of a call was, or should have been, free again. */
static int64_t over(const struct op *op, const struct asked *a)
{
	int64_t last = op->t_invoke + a->deadline_ns;

	return a->deadline_ns && op->t_return > last ? last : op->t_return;
}

/* From when on at least half of the clients were free, of those who had called
 * before number `next`. */
static int64_t half_free(const struct view *main, size_t next, int64_t from, const struct asked *a)
{
	int64_t *ends = mem_alloc((next + 1) * sizeof(*ends)), t = from;
	size_t n = 0;

	for (size_t i = 0; i < next; i++)
		if (over(main->ops[i], a) > from)
			ends[n++] = over(main->ops[i], a);
	qsort(ends, n, sizeof(*ends), by_i64);
	if ((int64_t)n * 2 > a->clients)
		t = ends[n - (size_t)(a->clients / 2) - 1];
	free(ends);
	return t;
}

static void seen(const struct view *main, struct measured *m, size_t *alloc)
{
	const struct asked a = asked_for(main);

	for (size_t i = 1; a.clients && i < main->nops; i++) {
		const struct op *op = main->ops[i];
		int64_t before = main->ops[i - 1]->t_invoke, from = before,
			gap = op->t_invoke - before;

		if (gap < STOOD_MS * NS_PER_MS)
			continue;
		if (op->t_intended < op->t_invoke && op->t_intended > before)
			from = op->t_intended;
		else if (op->t_intended >= op->t_invoke)
			from = a.period_ns && gap >= PERIODS * a.period_ns ? before + a.period_ns :
									     op->t_invoke;
		if (op->t_invoke - from >= STOOD_MS * NS_PER_MS)
			add(m, alloc, half_free(main, i, from, &a), op->t_invoke);
	}
}

static int by_from(const void *x, const void *y)
{
	const struct standstill *a = x, *b = y;

	return (a->from_ns > b->from_ns) - (a->from_ns < b->from_ns);
}

/* What overlaps becomes one. */
static void merge(struct measured *m)
{
	size_t n = 0;

	if (m->nstood)
		qsort(m->stood, m->nstood, sizeof(*m->stood), by_from);
	for (size_t i = 0; i < m->nstood; i++) {
		struct standstill *s = &m->stood[i], *last = n ? &m->stood[n - 1] : NULL;

		if (last && s->from_ns <= last->to_ns)
			last->to_ns = s->to_ns > last->to_ns ? s->to_ns : last->to_ns;
		else
			m->stood[n++] = *s;
	}
	m->nstood = n;
}

void standstills_make(const struct view *main, struct measured *m)
{
	size_t alloc = 0;

	if (!told(main, m, &alloc))
		seen(main, m, &alloc);
	merge(m);
}
