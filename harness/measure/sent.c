#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "measure/parts.h"

/* Was the load the one that was asked for? An operation that was due, but never
 * left the client because none was free before its deadline, is given up
 * (error class "client"), or was still waiting at the end and stands in no
 * line. While the system is down that is natural, and of what the system did
 * not serve; it tells of the load where all was well: before the first fault,
 * or in all of a load without one. There nearly every operation must have been
 * sent, or the figures are those of another load. */

#define MISSING_LIMIT 0.05 /* of the operations that were due */
enum { MIN_DUE = 20 };     /* fewer tell nothing */

struct count {
	int64_t n, sent, last_ns;
};

static struct count count(const struct view *v, int64_t until_ns)
{
	struct count c = {0};

	for (size_t i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];

		if (op->t_intended >= until_ns)
			continue;
		c.n++;
		c.sent += op_error_class(op) != OP_ERR_CLIENT;
		if (op->t_invoke > c.last_ns)
			c.last_ns = op->t_invoke;
	}
	return c;
}

/* By the rate; not less than what the history has. */
static int64_t due(double rate, int64_t from, int64_t to, int64_t n)
{
	int64_t by_rate = rate > 0 && to > from ? (int64_t)(in_s(to - from) * rate) : 0;

	return by_rate > n ? by_rate : n;
}

/* As the load agents counted it; 0: they did not. */
static int64_t told_due(const struct evidence *ev)
{
	int64_t n = 0;

	for (size_t i = 0; i < ev->nnoise; i++)
		if (!ev->noise[i].span_ns && ev->noise[i].due > 0)
			n += ev->noise[i].due;
	return n;
}

void load_sent_make(const struct view *v, const struct baseline *b, struct measured *m)
{
	struct load_sent *l = &m->load;
	struct count all = count(v, INT64_MAX), calm = count(v, b->until_ns);
	int64_t until = b->until_ns < all.last_ns ? b->until_ns : all.last_ns;
	double missing;

	memset(l, 0, sizeof(*l));
	l->rate = v->ev->load.rate;
	l->sent = all.sent;
	l->given_up = all.n - all.sent;
	l->due = due(l->rate, m->begin_ns, all.last_ns, all.n);
	if (told_due(v->ev) > all.n)
		l->due = told_due(v->ev);
	else if (told_due(v->ev))
		l->due = all.n;
	l->calm_sent = calm.sent;
	l->calm_due = due(l->rate, m->begin_ns, until, calm.n);
	missing = l->calm_due ? 1 - (double)l->calm_sent / (double)l->calm_due : 0;
	if (l->calm_due < MIN_DUE || missing <= MISSING_LIMIT)
		return;
	l->not_as_asked = true;
	snprintf(l->why, sizeof(l->why),
		 "%s%lld of %lld operations that were due never left their clients (%.1f %%, limit %.0f %%)",
		 m->nfaults ? "before the first fault " : "", (long long)(l->calm_due - l->calm_sent),
		 (long long)l->calm_due, 100 * missing, 100 * MISSING_LIMIT);
}
