#include "load/free_time.h"

#include <string.h>

#include "base/clock.h"

int64_t free_time_total(const struct free_time *f, int64_t now_ns)
{
	return f->total_ns + (f->since_ns && now_ns > f->since_ns ? now_ns - f->since_ns : 0);
}

/* Changes come by the thousand a second; a few of them do. */
static void mark(struct free_time *f, int64_t now_ns)
{
	size_t at = f->n % FREE_TIME_MARKS;

	if (f->n && now_ns - f->mark[(f->n - 1) % FREE_TIME_MARKS].t_ns < f->step_ns)
		return;
	f->mark[at].t_ns = now_ns;
	f->mark[at].total_ns = free_time_total(f, now_ns);
	f->n++;
}

void free_time_begin(struct free_time *f, int64_t reach_ns, int64_t now_ns)
{
	memset(f, 0, sizeof(*f));
	f->step_ns = 2 * reach_ns / FREE_TIME_MARKS;
	if (f->step_ns < NS_PER_MS)
		f->step_ns = NS_PER_MS;
	f->since_ns = now_ns;
	mark(f, now_ns);
}

void free_time_set(struct free_time *f, bool free, int64_t now_ns)
{
	if (free == !!f->since_ns)
		return;
	mark(f, now_ns);
	f->total_ns = free_time_total(f, now_ns);
	f->since_ns = free ? now_ns : 0;
}

int64_t free_time_resume(struct free_time *f, int64_t planned_ns, int64_t slack_ns, int64_t now_ns)
{
	int64_t late = now_ns > planned_ns ? now_ns - planned_ns : 0;

	if (late > slack_ns) {
		free_time_set(f, true, planned_ns);
		return 0;
	}
	free_time_set(f, true, now_ns);
	return late;
}

void free_time_some(struct free_time *f, bool some, int64_t now_ns)
{
	if (some && !f->some_ns)
		f->some_ns = now_ns;
	else if (!some)
		f->some_ns = 0;
	if (!f->held)
		free_time_set(f, some, now_ns);
}

void free_time_hold(struct free_time *f, int64_t until_ns, int64_t now_ns)
{
	free_time_set(f, false, now_ns);
	if (!f->held)
		f->held_from_ns = now_ns;
	f->held = true;
	f->held_until_ns = until_ns;
}

void free_time_hold_until(struct free_time *f, int64_t until_ns, int64_t now_ns)
{
	f->held_until_ns = until_ns;
	if (until_ns > now_ns)
		return;
	f->held = false;
	free_time_set(f, true, now_ns);
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t free_time_go_on(struct free_time *f, int64_t due_ns, int64_t last_ns, int64_t slack_ns,
			int64_t now_ns)
{
	int64_t planned = later(f->held_until_ns, due_ns);

	if (!f->held)
		return 0;
	f->held = false;
	planned = later(planned > last_ns ? last_ns : planned, f->held_from_ns);
	return free_time_resume(f, later(planned, f->some_ns), slack_ns, now_ns);
}

/* At a past instant: between two marks along a straight line, which is off by
 * no more than the distance at which a change was not marked. */
static int64_t total_then(const struct free_time *f, int64_t t_ns, int64_t now_ns)
{
	size_t lo = f->n > FREE_TIME_MARKS ? f->n - FREE_TIME_MARKS : 0, hi = f->n, first = lo;
	int64_t t0, total0, t1 = now_ns, total1 = free_time_total(f, now_ns);

	if (f->since_ns && t_ns >= f->since_ns)
		return free_time_total(f, t_ns);
	while (lo < hi) { /* the first mark that is later */
		size_t mid = lo + (hi - lo) / 2;

		if (f->mark[mid % FREE_TIME_MARKS].t_ns <= t_ns)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < f->n) {
		t1 = f->mark[lo % FREE_TIME_MARKS].t_ns;
		total1 = f->mark[lo % FREE_TIME_MARKS].total_ns;
	}
	if (lo == first)
		return total1;
	t0 = f->mark[(lo - 1) % FREE_TIME_MARKS].t_ns;
	total0 = f->mark[(lo - 1) % FREE_TIME_MARKS].total_ns;
	return t1 == t0 ? total0 :
			  total0 + (int64_t)((double)(total1 - total0) *
					     ((double)(t_ns - t0) / (double)(t1 - t0)));
}

int64_t free_time_from(const struct free_time *f, int64_t from_ns, int64_t now_ns)
{
	return from_ns >= now_ns ? 0 : free_time_total(f, now_ns) - total_then(f, from_ns, now_ns);
}
