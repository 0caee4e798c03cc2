/* What publishers waited that were blocked, and how far consumers were behind: at each moment the
 * messages that are acknowledged and that nobody has received. They have caught up when no more
 * wait than before the fault did. */
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
		    (v->ops[i]->f == OP_SEND && op_promised(v->ops[i])))
			all[k++] = (struct said){v->ops[i]->value, op_promised_ns(v->ops[i]),
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

static int by_sender(const void *a, const void *b)
{
	const struct op *x = *(const struct op *const *)a, *y = *(const struct op *const *)b;

	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	return (x->t_invoke > y->t_invoke) - (x->t_invoke < y->t_invoke);
}

static void late_tell(const struct view *v, struct buf *b)
{
	long long late = 0;

	for (size_t i = 0; i < v->nops; i++)
		late += v->ops[i]->f == OP_SEND && v->ops[i]->t_confirmed;
	if (late)
		buf_fmt(b, "; %lld of them were acknowledged after their calls had ended, and their order was not "
			"looked at", late);
}

/* Each publisher waits from its first send that was blocked until one is not, or in vain. */
static void blocked_tell(const struct view *v, struct buf *b)
{
	const struct op **s = mem_alloc((v->nops + 1) * sizeof(*s)), *since = NULL;
	int64_t longest = 0, publishers = 0, sends = 0;
	bool in_vain = false;
	size_t n = 0;

	for (size_t i = 0; i < v->nops; i++)
		if (v->ops[i]->f == OP_SEND && (v->ops[i]->sent || op_error_class(v->ops[i])))
			s[n++] = v->ops[i];
	if (n)
		qsort(s, n, sizeof(*s), by_sender);
	for (size_t i = 0; i < n; i++) {
		bool blocked = op_error_class(s[i]) == OP_ERR_BLOCKED;
		bool last = i + 1 == n || s[i + 1]->process != s[i]->process;

		sends += blocked;
		publishers += blocked && !since;
		since = blocked && !since ? s[i] : since;
		if (since && s[i]->t_return - since->t_invoke > longest)
			longest = s[i]->t_return - since->t_invoke;
		in_vain = in_vain || (since && last && blocked);
		since = blocked && !last ? since : NULL;
	}
	free(s);
	if (sends)
		buf_fmt(b, "; %lld sends were blocked, in %lld waits of publishers of up to %.1f s%s", (long long)sends,
			(long long)publishers, in_s(longest), in_vain ? ", some to the load's end" : "");
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

	late_tell(v, b);
	blocked_tell(v, b);
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
