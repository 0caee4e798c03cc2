#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/outage/gap.h"

/* Clients that were down while others were served. Which ones no label tells,
 * so it is found in what they met: a client's own gap is the time from its last
 * acknowledged write to the next one, and counts when it overlaps the fault's
 * window and at least STUCK of its writes failed in it, for a second and more,
 * while others were served: outside of the outage of all, and of that of the
 * write's kind and of its shard, which are no client's own. Of such clients those
 * with the longest gaps are taken, and as many more as were down through nearly
 * the same time. They are a tenth of all at least, and eight times as many as
 * bad luck makes of clients that after a failover find a dead server behind an
 * address every second time: one in 2^n fails n times in a row. */

enum {
	STUCK = 4,
	STUCK_MS = 1000,
	LUCK = 3,        /* eight times: 2^3 */
	SHARE = 10,      /* one client in so many is a share of them */
	MORE_KEEP = 80,  /* per cent of the common time that taking one more must leave */
};

struct stuck {
	uint32_t process;
	int64_t from, to;
	int failed;
};

struct stuck_list {
	struct stuck *v;
	size_t n, alloc;
};

struct client {
	int64_t last;  /* acknowledged write; 0: none yet */
	int failed;    /* since then, while others were served ... */
	int64_t first_failed, last_failed; /* ... and when */
	struct stuck worst;
	bool before;   /* it was served before the fault */
};

static void consider(struct client *c, const struct fault_seen *f, int64_t to)
{
	if (!c->before || c->failed < STUCK ||
	    c->last_failed - c->first_failed < STUCK_MS * NS_PER_MS)
		return;
	if (to <= f->rec->injected_ns || c->last >= f->window_end_ns)
		return;
	if (to - c->last > c->worst.to - c->worst.from)
		c->worst = (struct stuck){ .from = c->last, .to = to, .failed = c->failed };
}

/* When operations that belong together (of a kind, of a shard) were served, and
 * how long a stretch without is no outage. */
struct lane {
	struct instants served;
	int64_t limit;
	bool made;
};

enum { SHARDS_MAX = 256 };

struct lanes {
	const struct view *v;
	int64_t until_ns; /* of the baseline */
	struct lane kind[OP_KINDS], shard[SHARDS_MAX];
};

static bool of_kind(const struct op *op, int64_t which)
{
	return (int64_t)op->f == which;
}

static bool of_shard(const struct op *op, int64_t which)
{
	return (int64_t)op->shard == which;
}

static bool lane_down(struct lanes *ls, struct lane *l, view_part *belongs, int64_t which,
		      int64_t t)
{
	size_t i;

	if (!l->made) {
		struct instants refused = { 0 };
		struct baseline b;
		struct view v;

		view_narrow(ls->v, belongs, which, &v);
		baseline_make(&v, ls->until_ns, &b);
		view_instants(&v, 0, &l->served, &refused);
		l->limit = b.gap_limit_ns;
		l->made = true;
		free(refused.v);
		view_narrow_free(&v);
	}
	i = instants_to(&l->served, t);
	return !i || i == l->served.n || l->served.v[i] - l->served.v[i - 1] > l->limit;
}

/* Whether others whose writes were like it were served then. */
static bool alone(struct lanes *ls, const struct fault_seen *f, const struct op *op)
{
	const struct outage *all = &f->outage;

	if (op->t_return < f->rec->injected_ns ||
	    (all->any && op->t_return >= all->down_lo && op->t_invoke <= all->up_hi))
		return false;
	if (lane_down(ls, &ls->kind[op->f], of_kind, op->f, op->t_invoke))
		return false;
	return !op->shard || op->shard >= SHARDS_MAX ||
	       !lane_down(ls, &ls->shard[op->shard], of_shard, op->shard, op->t_invoke);
}

static void lanes_free(struct lanes *ls)
{
	for (int i = 0; i < OP_KINDS; i++)
		free(ls->kind[i].served.v);
	for (int i = 0; i < SHARDS_MAX; i++)
		free(ls->shard[i].served.v);
	free(ls);
}

static int by_length(const void *a, const void *b)
{
	const struct stuck *x = a, *y = b;
	int64_t lx = x->to - x->from, ly = y->to - y->from;

	if (lx != ly)
		return lx < ly ? 1 : -1;
	return (x->process > y->process) - (x->process < y->process);
}

/* Each client's longest gap of the kind; *clients counts those that were served
 * before the fault. */
static void collect(const struct view *v, const struct fault_seen *f, int64_t until_ns,
		    int64_t end_ns, struct stuck_list *out, size_t *clients)
{
	struct lanes *ls = mem_alloc(sizeof(*ls));
	uint32_t most = 0, p;
	struct client *c;
	size_t i;

	for (i = 0; i < v->nops; i++)
		if (v->ops[i]->process > most)
			most = v->ops[i]->process;
	if (most > 1u << 20)
		most = 0; /* not one of our histories */
	ls->v = v;
	ls->until_ns = until_ns;
	c = mem_alloc(((size_t)most + 1) * sizeof(*c));
	for (i = 0; most && i < v->nops; i++) {
		const struct op *op = v->ops[i];
		struct client *x = &c[op->process];

		if (view_served(v, op)) {
			consider(x, f, op->t_return);
			x->last = op->t_return;
			x->failed = 0;
			x->before = x->before || op->t_return < f->rec->injected_ns;
		} else if (view_refused(v, op) && alone(ls, f, op)) {
			if (!x->failed++)
				x->first_failed = op->t_invoke;
			x->last_failed = op->t_return;
		}
	}
	for (p = 0; p <= most; p++) {
		*clients += c[p].before;
		consider(&c[p], f, end_ns);
		if (c[p].worst.failed) {
			c[p].worst.process = p;
			*VEC_PUSH(out->v, out->n, out->alloc) = c[p].worst;
		}
	}
	free(c);
	lanes_free(ls);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_length);
}

/* How many of the list, from its beginning, were down together; 0: fewer than
 * `least`. */
static size_t together(const struct stuck_list *l, size_t least, size_t clients)
{
	int64_t from = 0, to = INT64_MAX, common = 0;
	size_t k;

	if (l->n < least)
		return 0;
	for (k = 0; k < l->n; k++) {
		int64_t a = l->v[k].from > from ? l->v[k].from : from;
		int64_t z = l->v[k].to < to ? l->v[k].to : to;

		if (k >= least && (z - a) * 100 < common * MORE_KEEP)
			break;
		from = a;
		to = z;
		common = z - a;
		if (common <= 0)
			return 0;
	}
	return k < clients ? k : 0;
}

/* Keeps those that failed so often in a row that luck does not explain so many
 * of them, and of these those that were down together. */
static void share_of(struct stuck_list *l, size_t clients)
{
	size_t least = (clients + SHARE - 1) / SHARE, lucky, kept, i, n = 0;
	int times;

	for (times = STUCK; clients > 1 && l->n >= least && !n; times++) {
		lucky = clients >> (times - LUCK);
		for (i = kept = 0; i < l->n; i++)
			if (l->v[i].failed >= times)
				l->v[kept++] = l->v[i];
		l->n = kept;
		n = together(l, lucky > least ? lucky : least, clients);
		if (lucky <= least)
			break;
	}
	l->n = n;
}

void outage_clients(const struct view *v, const struct fault_seen *f, int64_t until_ns,
		    int64_t end_ns, struct view *out, char *name, size_t size)
{
	struct stuck_list l = { 0 };
	size_t clients = 0;

	*out = *v;
	out->nops = 0;
	out->ops = mem_alloc((v->nops + 1) * sizeof(*out->ops));
	collect(v, f, until_ns, end_ns, &l, &clients);
	share_of(&l, clients);
	snprintf(name, size, "%zu of %zu", l.n, clients);
	for (size_t i = 0; i < v->nops; i++)
		for (size_t k = 0; k < l.n; k++)
			if (l.v[k].process == v->ops[i]->process) {
				out->ops[out->nops++] = v->ops[i];
				break;
			}
	free(l.v);
}

static bool of_client(const struct op *op, int64_t which)
{
	return (int64_t)op->process == which;
}

/* So often in a row nearly every second try fails of one of so many by luck. */
static int lucky(size_t clients)
{
	int n = LUCK;

	for (; clients > 1; clients = (clients + 1) / 2)
		n++;
	return n > STUCK ? n : STUCK;
}

/* Of those with the longest gaps, one was down longest in all. */
void outage_client(const struct view *all, int64_t until_ns, int64_t end_ns, struct fault_seen *f)
{
	struct stuck_list l = { 0 };

	collect(all, f, until_ns, end_ns, &l, &f->clients);
	for (size_t i = 0; i < l.n && i < CLIENTS_DOWN_MOST; i++) {
		struct baseline b;
		struct outage o;
		struct view v;
		int64_t from =
			l.v[i].from > f->rec->injected_ns ? l.v[i].from : f->rec->injected_ns;

		view_narrow(all, of_client, l.v[i].process, &v);
		if (v.nops && !group_apart(all->ev, v.ops[0]->group, from)) {
			baseline_make(&v, until_ns, &b);
			outage_make(&v, &b, end_ns, f, &o);
			f->clients_down += o.any && l.v[i].failed > lucky(f->clients);
			if (outage_downer(&o, &f->client)) {
				f->client = o;
				snprintf(f->client_name, sizeof(f->client_name), "%u", l.v[i].process);
			}
		}
		view_narrow_free(&v);
	}
	free(l.v);
}
