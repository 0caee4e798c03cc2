#include "measure/dual.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* Where two may have been primaries at once and it was looked at too seldom to
 * tell: one member led, by its own word or by a write that it took, then another
 * one did, then the first one again, and nothing shows that it was none in
 * between (that it said so, let nobody in, or began anew). Within EVIDENCE_MS that
 * proves two at once (dual.c, dual_history.c), since there and back takes two
 * elections; over a longer time, as between the writes of a slow load, it may
 * have been either. */

enum what { DENIED, BEGINS, ENDS }; /* in this order at one instant */

struct moment {
	int64_t t_ns;
	enum what what;
	size_t who;
	uint64_t shards;
	int64_t from_ns; /* ENDS: when it began */
};

struct moments {
	struct moment *v;
	size_t n, alloc;
};

/* Of one member as a primary of one part. */
struct reign {
	size_t who;
	uint64_t shards;
	bool on;            /* it led, and nothing shows that it does no more */
	int64_t to_ns;      /* the last that shows it ended then */
	int64_t from_ns;    /* of all that show it and are over, the last beginning */
	bool any;
};

struct reigns {
	struct reign *v;
	size_t n, alloc;
};

static void add(struct moments *m, int64_t t_ns, enum what what, size_t who, uint64_t shards,
		int64_t from_ns)
{
	*VEC_PUSH(m->v, m->n, m->alloc) = (struct moment){ t_ns, what, who, shards, from_ns };
}

static void add_led(struct moments *m, size_t who, uint64_t shards, int64_t from_ns, int64_t to_ns)
{
	add(m, from_ns, BEGINS, who, shards, from_ns);
	add(m, to_ns, ENDS, who, shards, from_ns);
}

static void of_answers(const struct evidence *ev, const struct acks *acks, size_t who,
		       struct moments *out)
{
	int64_t apart = beside_apart(ev);
	const struct sample *before = NULL;

	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];
		int64_t wide = s->beside ? apart : 0;

		if (strcmp(s->member, acks->names[who]) || !sample_tells(s))
			continue;
		if (!sample_leads(s) || (before && sample_started_anew(before, s)))
			add(out, sample_asked(s), DENIED, who, 0, 0);
		if (sample_leads(s))
			add_led(out, who, s->shards, sample_asked(s) - wide, s->t_ns + wide);
		before = s->ok ? s : before;
	}
}

/* Whom it hits serves nobody, on whatever side of a cut. */
static bool ends_it(const struct fault_record *f)
{
	return effects_die(&f->does) || fault_does(f, EFFECT_SILENT | EFFECT_NODE_GONE);
}

/* A pod that is not there, or not the one that it was. */
static void of_pods(const struct evidence *ev, const struct acks *acks, size_t who,
		    struct moments *out)
{
	const struct pod_seen *before = NULL;

	for (size_t i = 0; i < ev->npods; i++) {
		const struct pod_seen *p = &ev->pods[i];

		if (strcmp(p->name, acks->names[who]))
			continue;
		if (p->gone ||
		    (before && (strcmp(before->uid, p->uid) || p->restarts > before->restarts)))
			add(out, p->t_ns, DENIED, who, 0, 0);
		before = p;
	}
	for (size_t i = 0; i < ev->nfaults; i++)
		if (fault_reaches(ev, &ev->faults[i], acks->names[who]) && ends_it(&ev->faults[i]))
			add(out, ev->faults[i].everywhere_ns, DENIED, who, 0, 0);
}

static int in_order(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	if (x->what != y->what)
		return x->what < y->what ? -1 : 1;
	if (x->who != y->who)
		return x->who < y->who ? -1 : 1;
	return (x->from_ns > y->from_ns) - (x->from_ns < y->from_ns);
}

static struct reign *reign_of(struct reigns *r, size_t who, uint64_t shards)
{
	struct reign *x;

	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].who == who && r->v[i].shards == shards)
			return &r->v[i];
	x = VEC_PUSH(r->v, r->n, r->alloc);
	x->who = who;
	x->shards = shards;
	return x;
}

/* Who else led since; NULL: nobody. */
static const struct reign *rival_since(const struct reigns *r, const struct reign *mine)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].who != mine->who && shards_rival(r->v[i].shards, mine->shards) &&
		    r->v[i].any && r->v[i].from_ns > mine->to_ns)
			return &r->v[i];
	return NULL;
}

/* Of some of the time it may be known that two led. */
static int64_t not_known(struct span x, const struct spans *proven)
{
	struct spans one = { .v = &x, .n = 1 };

	return x.to - x.from - spans_overlap(&one, proven);
}

static void leads_again(const struct acks *acks, const struct reigns *r, const struct reign *mine,
			int64_t t_ns, const struct spans *proven, struct spans *doubt,
			struct dual_doubt *out)
{
	const struct reign *other = mine->on ? rival_since(r, mine) : NULL;
	struct span x = { mine->to_ns, t_ns, mine->shards };
	int64_t ns = other ? not_known(x, proven) : 0;

	if (ns <= 0)
		return;
	*VEC_PUSH(doubt->v, doubt->n, doubt->alloc) = x;
	out->times++;
	if (ns <= out->longest_ns)
		return;
	out->longest_ns = ns;
	mem_copy_str(out->a, sizeof(out->a), acks->names[mine->who]);
	mem_copy_str(out->b, sizeof(out->b), acks->names[other->who]);
}

static void go_through(const struct acks *acks, const struct moments *m, const struct spans *proven,
		       struct spans *doubt, struct dual_doubt *out)
{
	struct reigns r = { 0 };

	for (size_t i = 0; i < m->n; i++) {
		const struct moment *x = &m->v[i];
		struct reign *mine;

		if (x->what == DENIED) {
			for (size_t k = 0; k < r.n; k++)
				r.v[k].on = r.v[k].on && r.v[k].who != x->who;
			continue;
		}
		mine = reign_of(&r, x->who, x->shards);
		if (x->what == BEGINS) {
			leads_again(acks, &r, mine, x->t_ns, proven, doubt, out);
			continue;
		}
		mine->on = mine->any = true;
		mine->to_ns = x->t_ns;
		if (x->from_ns > mine->from_ns)
			mine->from_ns = x->from_ns;
	}
	free(r.v);
}

void dual_doubt_make(const struct evidence *ev, const struct acks *acks, const struct spans *proven,
		     struct dual_doubt *out)
{
	struct moments m = { 0 };
	struct spans doubt = { 0 };

	memset(out, 0, sizeof(*out));
	for (size_t who = 0; who < acks->nnames; who++) {
		of_answers(ev, acks, who, &m);
		of_pods(ev, acks, who, &m);
	}
	for (size_t i = 0; i < acks->n; i++)
		add_led(&m, acks->v[i].by, shard_bit(acks->v[i].shard), acks->v[i].call,
			acks->v[i].ret);
	if (m.n)
		qsort(m.v, m.n, sizeof(*m.v), in_order);
	go_through(acks, &m, proven, &doubt, out);
	/* There and back of the one and of the other are in doubt at the same time. */
	spans_disjoint(&doubt);
	for (size_t i = 0; i < doubt.n; i++)
		out->ns += not_known(doubt.v[i], proven);
	free(doubt.v);
	free(m.v);
}
