#include "measure/loss_evicted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* What a cache says it threw out for want of memory explains so many keys that
 * are not there, and no more. Which keys those were nobody tells; so that the
 * number of lost writes is never too high, the keys are taken first that
 * explain most: a register's key takes all that had been written to it. A
 * shard's evictions explain nothing of another shard, and one that was counted
 * before a key was written nothing of that key.
 *
 * A member's counter tells for certain by how much it rose above all that it had
 * told, from an answer within the load's own time on. One that fell is not lower
 * for that, unless another process counts, which began at 0 after the last
 * answer of the one before. What a replica threw out that led neither then nor
 * later is missing nowhere. */

struct missing { /* one key */
	size_t from, n;   /* its writes among the sorted */
	uint32_t shard;
	int64_t t_ns;     /* the first of them acknowledged */
};

/* ---- what was counted ---- */

struct counter {
	const struct sample *of; /* the newest answer of this process ... */
	int64_t top, top_ns;     /* ... the most that one told, and when last */
	int64_t led_ns;          /* when its member was heard to lead last */
};

struct counters {
	struct counter *v;
	size_t n, alloc;
};

/* That of the process that answered; NULL: it has told nothing yet. *before: of the
 * same member the one that told something last. */
static struct counter *counter_of(const struct counters *c, const struct sample *s,
				  const struct counter **before)
{
	struct counter *mine = NULL;

	*before = NULL;
	for (size_t i = 0; i < c->n; i++) {
		struct counter *x = &c->v[i];

		if (strcmp(x->of->member, s->member))
			continue;
		if (!sample_started_anew(x->of, s))
			mine = x;
		if (!*before || x->of->t_ns >= (*before)->of->t_ns)
			*before = x;
	}
	return mine;
}

static int64_t led_last(const struct evidence *ev, const char *member)
{
	for (size_t i = ev->nsamples; i-- > 0;)
		if (sample_leads(&ev->samples[i]) && !strcmp(ev->samples[i].member, member))
			return ev->samples[i].t_ns;
	return INT64_MIN;
}

/* Since since_ns, by this answer of the counter's member. */
static void grew(const struct counter *c, const struct sample *s, int64_t by, int64_t since_ns,
		 struct evictions *out)
{
	if (by <= 0 || c->led_ns < since_ns)
		return;
	*VEC_PUSH(out->v, out->n, out->alloc) =
		(struct eviction){.t_ns = s->t_ns, .left = by, .shard = shard_only(s->shards)};
	out->keys += by;
}

static int by_shard_and_time(const void *a, const void *b)
{
	const struct eviction *x = a, *y = b;

	if (x->shard != y->shard)
		return x->shard < y->shard ? -1 : 1;
	return (x->t_ns > y->t_ns) - (x->t_ns < y->t_ns);
}

void evictions_make(const struct evidence *ev, int64_t from_ns, struct evictions *out)
{
	struct counters c = { 0 };

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];
		int64_t now = sample_evicted(s);
		const struct counter *before;
		struct counter *mine;

		if (!s->ok || s->beside || now < 0 || (ev->final && s->t_ns > ev->final->t_ns))
			continue;
		mine = counter_of(&c, s, &before);
		if (!mine) {
			if (before && before->of->t_ns >= from_ns)
				grew(before, s, now, before->of->t_ns, out);
			*VEC_PUSH(c.v, c.n, c.alloc) = (struct counter){
				s, now, s->t_ns, before ? before->led_ns : led_last(ev, s->member)};
			continue;
		}
		if (mine->top_ns >= from_ns)
			grew(mine, s, now - mine->top, mine->top_ns, out);
		mine->of = s;
		if (now >= mine->top) {
			mine->top = now;
			mine->top_ns = s->t_ns;
		}
	}
	free(c.v);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_shard_and_time);
	for (size_t i = 0; i < out->n; i++)
		out->v[i].next = i;
}

void evictions_free(struct evictions *e)
{
	free(e->v);
	memset(e, 0, sizeof(*e));
}

/* ---- what it explains ---- */

/* From number i on the first one of which something is left; e->n: none. */
static size_t left_from(struct evictions *e, size_t i)
{
	size_t at = i, next;

	while (at < e->n && !e->v[at].left)
		at = e->v[at].next > at ? e->v[at].next : at + 1;
	for (; i < at && i < e->n; i = next) { /* not to be gone over again */
		next = e->v[i].next > i ? e->v[i].next : i + 1;
		e->v[i].next = at;
	}
	return at;
}

/* The first of this shard that was counted after t_ns. */
static size_t first_after(const struct evictions *e, uint32_t shard, int64_t t_ns)
{
	size_t lo = 0, hi = e->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct eviction *x = &e->v[mid];

		if (x->shard < shard || (x->shard == shard && x->t_ns <= t_ns))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The earliest does, which leaves the later ones to what was written later. */
static bool take_of(struct evictions *e, uint32_t shard, int64_t t_ns)
{
	size_t i = left_from(e, first_after(e, shard, t_ns));

	if (i >= e->n || e->v[i].shard != shard)
		return false;
	e->v[i].left--;
	return true;
}

/* One of its own shard, else one of nobody knows where; of a key of an unknown
 * shard any. */
static bool take(struct evictions *e, uint32_t shard, int64_t t_ns)
{
	uint32_t last = 0;

	if ((shard && take_of(e, shard, t_ns)) || take_of(e, 0, t_ns))
		return true;
	for (size_t i = 0; !shard && i < e->n; i = first_after(e, last, INT64_MAX)) {
		last = e->v[i].shard;
		if (take_of(e, last, t_ns))
			return true;
	}
	return false;
}

static bool of_register(const struct lost_write *w)
{
	return w->f == OP_WRITE || w->f == OP_CAS;
}

/* Those that an eviction may explain to the front, the writes of one register
 * together. */
static int by_key(const void *a, const void *b)
{
	const struct lost_write *x = a, *y = b;
	bool ex = x->cause == LOSS_EVICTED, ey = y->cause == LOSS_EVICTED;

	if (ex != ey)
		return ex ? -1 : 1;
	if (of_register(x) != of_register(y))
		return of_register(x) ? -1 : 1;
	if (of_register(x) && x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->t_return != y->t_return)
		return x->t_return < y->t_return ? -1 : 1;
	return (x->value > y->value) - (x->value < y->value);
}

static int by_most(const void *a, const void *b)
{
	const struct missing *x = a, *y = b;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return (x->from > y->from) - (x->from < y->from);
}

static struct missing *keys_of(const struct lost_write *w, size_t n, size_t *nkeys)
{
	struct missing *v = NULL;
	size_t alloc = 0;

	*nkeys = 0;
	for (size_t i = 0; i < n && w[i].cause == LOSS_EVICTED; i++) {
		if (i && of_register(&w[i]) && of_register(&w[i - 1]) && w[i].key == w[i - 1].key)
			v[*nkeys - 1].n++;
		else
			*VEC_PUSH(v, *nkeys, alloc) =
				(struct missing){i, 1, w[i].shard, w[i].t_return};
	}
	if (*nkeys)
		qsort(v, *nkeys, sizeof(*v), by_most);
	return v;
}

static void not_evicted(struct lost_write *w, int64_t evictions)
{
	w->cause = LOSS_UNKNOWN;
	snprintf(w->how, sizeof(w->how), "more is missing than the %lld key%s that the system says it evicted",
		 (long long)evictions, evictions == 1 ? "" : "s");
}

/* How many of a key's writes, the first ones, one eviction takes: all that had been
 * called by then. */
static size_t taken(struct evictions *e, const struct lost_write *w, size_t n, uint32_t shard)
{
	while (n && !take(e, shard, w[n - 1].t_call))
		n--;
	return n;
}

void evictions_excuse(struct evictions *e, struct loss *out)
{
	int64_t excused = 0;
	struct missing *keys;
	size_t nkeys, n = 0;

	out->evictions = e->keys;
	if (out->n)
		qsort(out->writes, out->n, sizeof(*out->writes), by_key);
	keys = keys_of(out->writes, out->n, &nkeys);
	for (size_t i = 0; i < nkeys; i++) {
		size_t gone = taken(e, &out->writes[keys[i].from], keys[i].n, keys[i].shard);

		out->evicted += gone > 0;
		excused += (int64_t)gone;
		out->more_missing = out->more_missing || gone < keys[i].n;
		for (size_t k = gone; k < keys[i].n; k++)
			not_evicted(&out->writes[keys[i].from + k], e->keys);
	}
	for (size_t i = 0; i < out->n; i++)
		if (out->writes[i].cause != LOSS_EVICTED)
			out->writes[n++] = out->writes[i];
	out->n = n;
	/* If other keys were evicted, these were lost. */
	out->maybe_lost += out->more_missing ? excused : 0;
	free(keys);
}
