#include "measure/loss_evicted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* What a cache says it threw out for want of memory explains so many keys that
 * are not there, and no more. Which keys those were nobody tells; so that the
 * number of lost writes is never too high, the keys are taken first that
 * explain most: a register's key takes all that had been written to it. A
 * shard's evictions explain nothing of another shard. */

struct missing { /* one key */
	size_t from, n;   /* its writes among the sorted */
	uint32_t shard;
	int64_t t_ns;     /* the first of them acknowledged */
};

/* Where the evictions of a shard are counted; 0: of all, or of an unknown one. */
static int64_t *budget(struct evictions *e, uint32_t shard)
{
	while (e->n <= shard)
		*VEC_PUSH(e->by_shard, e->n, e->alloc) = 0;
	return &e->by_shard[shard];
}

enum { SHARDS_MOST = 4096 };

/* The sum of what the counters grew by; one that began anew counts from 0. */
void evictions_make(const struct evidence *ev, struct evictions *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *a = &ev->samples[i], *b = NULL;
		int64_t now = json_i64(a->extra, "evicted_keys", -1), before, more;

		if (!a->ok || now <= 0)
			continue;
		for (size_t k = i; k && !b; k--)
			if (ev->samples[k - 1].ok && !strcmp(ev->samples[k - 1].member, a->member))
				b = &ev->samples[k - 1];
		before = b ? json_i64(b->extra, "evicted_keys", -1) : -1;
		if (before < 0 || sample_started_anew(b, a) || before > now)
			more = b ? now : 0;
		else
			more = now - before;
		*budget(out, a->shard < SHARDS_MOST ? a->shard : 0) += more;
		out->keys += more;
	}
}

void evictions_free(struct evictions *e)
{
	free(e->by_shard);
	memset(e, 0, sizeof(*e));
}

/* One of its own shard, else one of nobody knows where. */
static bool take(struct evictions *e, uint32_t shard)
{
	int64_t *from = NULL;

	if (shard && shard < e->n && e->by_shard[shard] > 0)
		from = &e->by_shard[shard];
	else if (e->n && e->by_shard[0] > 0)
		from = &e->by_shard[0];
	for (size_t i = 1; !shard && !from && i < e->n; i++)
		if (e->by_shard[i] > 0)
			from = &e->by_shard[i];
	if (from)
		--*from;
	return from;
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
			*VEC_PUSH(v, *nkeys, alloc) = (struct missing){ i, 1, w[i].shard, w[i].t_return };
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
		if (take(e, keys[i].shard)) {
			out->evicted++;
			excused += (int64_t)keys[i].n;
			continue;
		}
		out->more_missing = true;
		for (size_t k = 0; k < keys[i].n; k++)
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
