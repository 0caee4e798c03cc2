#include "measure/dual.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* What the history proves of two primaries at once: who acknowledged which
 * writes, by the address of the answer.
 *
 * A write takes effect at some instant between its call and its
 * acknowledgement, and whoever acknowledges it is a writable primary of its
 * part at that instant. When a member took two writes of one part whose
 * instants are at most EVIDENCE_MS apart, it was a primary all the while: to
 * lose the role to another and to win it back takes two elections, and none of
 * these systems makes one in that time (Redis Cluster puts off every election
 * by half a second at least, a Sentinel looks ten times a second and asks the
 * others first, Patroni's loop has seconds). It is the same that is taken for
 * granted between two answers to the sampler. So from the return of the first of
 * such a run of writes until the call of the last the member certainly was a
 * primary; where two members' runs overlap there were two. One member that
 * takes over from another, and even one that gives the role back later, has no
 * overlap: m-0, m-1, m-0 within 300 ms is needed, and a second write of m-1
 * between those of m-0.
 *
 * Left out: messages, for partitions have leaders of their own and a queue may
 * be served by all; writes whose part is unknown, in a system that has parts;
 * and addresses that more than one member had in the course of the scenario.
 * An answer of the member that it is no writable primary ends a run. */

/* The one member that ever had this address; NULL: none, or several. */
static const char *only_owner(const struct evidence *ev, const char *address)
{
	const char *owner = NULL;

	for (size_t i = 0; *address && i < ev->npods; i++) {
		const char *name = evidence_member_at(ev, address, ev->pods[i].t_ns);

		if (*name && owner && strcmp(owner, name))
			return NULL;
		if (*name)
			owner = name;
	}
	return owner;
}

struct owners { /* of the addresses met so far */
	struct owner {
		const char *address, *name;
	} *v;
	size_t n, alloc;
};

static const char *owner_of(const struct evidence *ev, struct owners *o, const char *address)
{
	for (size_t i = 0; i < o->n; i++)
		if (!strcmp(o->v[i].address, address))
			return o->v[i].name;
	*VEC_PUSH(o->v, o->n, o->alloc) = (struct owner){ address, only_owner(ev, address) };
	return o->v[o->n - 1].name;
}

static size_t number_of(struct acks *a, const char *name)
{
	for (size_t i = 0; i < a->nnames; i++)
		if (!strcmp(a->names[i], name))
			return i;
	*VEC_PUSH(a->names, a->nnames, a->names_alloc) = name;
	return a->nnames - 1;
}

static bool has_parts(const struct view *v)
{
	for (size_t i = 0; i < v->nops; i++)
		if (v->ops[i]->shard)
			return true;
	for (size_t i = 0; i < v->ev->nsamples; i++)
		if (v->ev->samples[i].shards)
			return true;
	return false;
}

int64_t beside_apart(const struct evidence *ev)
{
	int64_t te[2] = { 0, 0 };

	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];

		if (s->te_ns > te[s->beside])
			te[s->beside] = s->te_ns;
	}
	return te[0] + te[1];
}

void acks_make(const struct view *v, struct acks *out)
{
	bool parts = has_parts(v);
	int64_t apart = beside_apart(v->ev);
	struct owners owners = { 0 };

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < v->ev->nmembers; i++)
		number_of(out, v->ev->members[i]);
	for (size_t i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		const char *name;

		if (!op_acked_write(op) || op->f == OP_SEND || (parts && !op->shard))
			continue;
		name = owner_of(v->ev, &owners, op->via);
		if (name)
			*VEC_PUSH(out->v, out->n, out->alloc) =
				(struct ack){op->shard, number_of(out, name),
					     op->t_invoke - (op->group ? apart : 0),
					     op->t_return + (op->group ? apart : 0)};
	}
	free(owners.v);
}

void acks_free(struct acks *a)
{
	free(a->v);
	free(a->names);
	memset(a, 0, sizeof(*a));
}

struct streak { /* a run of writes, none far from the next */
	uint32_t shard;
	bool any;
	int64_t from;     /* the first return */
	int64_t last_call;
};

static void close_streak(struct streak *s, struct spans *out)
{
	if (s->any && s->last_call > s->from)
		*VEC_PUSH(out->v, out->n, out->alloc) =
			(struct span){s->from, s->last_call, shard_bit(s->shard)};
	s->any = false;
}

/* Did it say between these two instants that it is no primary? */
static bool denied(const struct evidence *ev, const char *member, uint32_t shard, int64_t from,
		   int64_t to)
{
	for (size_t i = evidence_answers_from(ev, from + 1);
	     i < ev->nsamples && ev->samples[i].t_ns <= to; i++) {
		const struct sample *s = &ev->samples[i];

		if (!strcmp(s->member, member) && (s->ok || s->closed) &&
		    !(sample_leads(s) && shards_rival(s->shards, shard_bit(shard))))
			return true;
	}
	return false;
}

static void join(const struct evidence *ev, const char *member, const struct ack *k,
		 struct streak *s, struct spans *out)
{
	if (s->any && (k->call - s->last_call > EVIDENCE_MS * NS_PER_MS ||
		       denied(ev, member, s->shard, s->last_call, k->ret)))
		close_streak(s, out);
	if (s->any && k->ret - s->last_call > EVIDENCE_MS * NS_PER_MS)
		return; /* a slow one tells too little */
	if (!s->any)
		*s = (struct streak){
			.shard = k->shard, .any = true, .from = k->ret, .last_call = k->call};
	if (k->ret < s->from)
		s->from = k->ret;
	if (k->call > s->last_call)
		s->last_call = k->call;
}

void acks_spans(const struct evidence *ev, const struct acks *a, size_t who, struct spans *out)
{
	struct streak *streaks = NULL; /* one a part */
	size_t n = 0, alloc = 0;

	for (size_t i = 0; i < a->n; i++) {
		uint32_t shard = a->v[i].shard;
		size_t k = 0;

		if (a->v[i].by != who)
			continue;
		while (k < n && streaks[k].shard != shard)
			k++;
		if (k == n)
			VEC_PUSH(streaks, n, alloc)->shard = shard;
		join(ev, a->names[who], &a->v[i], &streaks[k], out);
	}
	for (size_t k = 0; k < n; k++)
		close_streak(&streaks[k], out);
	free(streaks);
}

int64_t acks_within(const struct acks *a, size_t who, const struct spans *other)
{
	int64_t n = 0;

	for (size_t i = 0; other->n && i < a->n; i++) {
		const struct ack *k = &a->v[i];
		size_t lo = 0, hi = other->n;

		if (k->by != who)
			continue;
		while (lo < hi) { /* the last one that begins before the call */
			size_t mid = lo + (hi - lo) / 2;

			if (other->v[mid].from <= k->call)
				lo = mid + 1;
			else
				hi = mid;
		}
		n += lo && k->ret <= other->v[lo - 1].to &&
		     shards_rival(shard_bit(k->shard), other->v[lo - 1].shards);
	}
	return n;
}

/* How often the one answered after the other, each called when the other's
 * write had been acknowledged. */
static int64_t turns(const struct acks *a, size_t x, size_t y, int64_t from, int64_t to)
{
	const struct ack *last = NULL;
	int64_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		const struct ack *k = &a->v[i];

		if ((k->by != x && k->by != y) || k->ret < from || k->call > to)
			continue;
		if (last && k->by != last->by && k->shard == last->shard && k->call > last->ret)
			n++;
		if (!last || k->ret > last->ret)
			last = k;
	}
	return n;
}

void acks_pair(const struct acks *a, size_t x, const struct spans *of_x, size_t y,
	       const struct spans *of_y, struct dual_history *out)
{
	int64_t from = INT64_MAX, to = INT64_MIN;

	memset(out, 0, sizeof(*out));
	out->ns = spans_overlap(of_x, of_y);
	if (!out->ns)
		return;
	for (size_t i = 0, j = 0; i < of_x->n && j < of_y->n;) {
		const struct span *p = &of_x->v[i], *q = &of_y->v[j];
		int64_t lo = p->from > q->from ? p->from : q->from,
			hi = p->to < q->to ? p->to : q->to;

		if (hi > lo && shards_rival(p->shards, q->shards)) {
			from = lo < from ? lo : from;
			to = hi > to ? hi : to;
		}
		if (p->to < q->to)
			i++;
		else
			j++;
	}
	out->within_ns = to - from;
	out->turns = turns(a, x, y, from, to);
	mem_copy_str(out->a, sizeof(out->a), a->names[x]);
	mem_copy_str(out->b, sizeof(out->b), a->names[y]);
}
