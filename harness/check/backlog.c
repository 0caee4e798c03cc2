/* How far consumers were behind: at each moment the messages that are acknowledged and that
 * nobody has received. They have caught up when no more wait than before the fault did. */
#include "check/backlog.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	STEADY = 10, /* a backlog of a tenth of what was sent grows by itself: such a load takes
		      * out less than it puts in, and nobody ever catches up */
	FEW = 20,    /* so few may wait in a healthy system */
};

struct said {
	int64_t value, t;
	bool sent;
};

struct step {
	int64_t t;
	int by;
};

static int by_value(const void *a, const void *b)
{
	const struct said *x = a, *y = b;
	int c = (x->value > y->value) - (x->value < y->value);

	c = c ? c : (int)y->sent - (int)x->sent;
	return c ? c : (x->t > y->t) - (x->t < y->t);
}

static int by_time(const void *a, const void *b)
{
	const struct step *x = a, *y = b;
	int c = (x->t > y->t) - (x->t < y->t);

	return c ? c : x->by - y->by;
}

/* Each message waits from its acknowledgement to the first that received it; heap. */
static struct step *steps_of(const struct view *v, size_t *n, size_t *received)
{
	struct said *all = mem_alloc((v->nops + 1) * sizeof(*all));
	struct step *steps = mem_alloc((v->nops + 1) * sizeof(*steps));
	size_t k = 0;

	*n = *received = 0;
	for (size_t i = 0; i < v->nops; i++)
		if (op_received(v->ops[i]) ||
		    (v->ops[i]->f == OP_SEND && v->ops[i]->outcome == OP_OK))
			all[k++] = (struct said){v->ops[i]->value, v->ops[i]->t_return,
						 v->ops[i]->f == OP_SEND};
	if (k)
		qsort(all, k, sizeof(*all), by_value);
	for (size_t i = 0; i < k; i++) {
		bool got = i + 1 < k && !all[i + 1].sent && all[i + 1].value == all[i].value;

		if (!all[i].sent)
			continue;
		*received += got;
		if (got && all[i + 1].t <= all[i].t)
			continue;
		steps[(*n)++] = (struct step){all[i].t, 1};
		if (got)
			steps[(*n)++] = (struct step){all[i + 1].t, -1};
	}
	if (*n)
		qsort(steps, *n, sizeof(*steps), by_time);
	free(all);
	return steps;
}

static int64_t first_fault(const struct evidence *ev)
{
	int64_t first = 0;

	for (size_t i = 0; i < ev->nfaults; i++)
		if (ev->faults[i].injected_ns && (!first || ev->faults[i].injected_ns < first))
			first = ev->faults[i].injected_ns;
	return first;
}

void backlog_tell(const struct view *v, struct buf *b)
{
	int64_t fault = first_fault(v->ev), now = 0, before = 0, after = 0, late_ns = 0, sent = 0,
		at_fault = 0;
	size_t n, received;
	struct step *s = steps_of(v, &n, &received);

	for (size_t i = 0; i < n; i++) {
		bool past = s[i].t >= fault;

		now += s[i].by;
		sent += !past && s[i].by > 0;
		if (!past)
			at_fault = now;
		if (!past && now > before)
			before = now;
		if (past && now > after)
			after = now;
	}
	now = 0;
	for (size_t i = 0; i < n; i++) {
		now += s[i].by;
		/* Until the next one comes or goes. */
		if (s[i].t >= fault && now > before && i + 1 < n)
			late_ns = s[i + 1].t - fault;
	}
	free(s);
	if (!fault || !received)
		return;
	if (at_fault > FEW && at_fault * STEADY > sent)
		buf_fmt(b, "; the load takes out less than it puts in: %lld messages waited at the end", (long long)now);
	else if (now > before)
		buf_fmt(b, "; %lld messages waited for a consumer at most before the first fault, %lld after it, and "
			"consumers had not caught up in the end (%lld)", (long long)before, (long long)after, (long long)now);
	else
		buf_fmt(b, "; %lld messages waited for a consumer at most before the first fault, %lld after it, and "
			"consumers had caught up after %.1f s", (long long)before, (long long)after, in_s(late_ns));
}
