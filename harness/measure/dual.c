#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/parts.h"

/* For how long were two members writable primaries at once? Only primaries of
 * the same shard count, where a system has shards.
 *
 * While two answers in a row to one who asks said "writable primary", the
 * member surely was one from the first answer's coming to the second
 * question's going out. Two may ask: the sampler among the clients ("sample"),
 * and, where some clients stand beside a member, one beside it ("witness"),
 * who goes on hearing it behind a partition. */

enum {
	EVIDENCE_MS = 300, /* two answers further apart prove nothing between them */
	FRESH_MS = 1000,
};

struct span {
	int64_t from, to;
	uint32_t shard;
};

struct spans {
	struct span *v; /* by from, not overlapping */
	size_t n, alloc;
};

/* From one who asks, the sampler or (`beside`) a witness. */
static void certain(const struct evidence *ev, bool beside, const char *m, struct spans *out)
{
	const struct sample *before = NULL;

	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];

		if (s->beside != beside || strcmp(s->member, m))
			continue;
		if (before && sample_leads(before) && sample_leads(s) && before->shard == s->shard &&
		    s->t_ns - before->t_ns <= EVIDENCE_MS * NS_PER_MS && sample_asked(s) > before->t_ns)
			*VEC_PUSH(out->v, out->n, out->alloc) =
				(struct span){ before->t_ns, sample_asked(s), s->shard };
		before = s;
	}
}

static int by_from(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

/* What both heard counts once. */
static void disjoint(struct spans *s)
{
	size_t i, n = 0;

	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_from);
	for (i = 0; i < s->n; i++) {
		struct span x = s->v[i];

		if (n && x.from < s->v[n - 1].to)
			x.from = s->v[n - 1].to;
		if (x.to > x.from)
			s->v[n++] = x;
	}
	s->n = n;
}

static int64_t overlap(const struct spans *a, const struct spans *b)
{
	int64_t sum = 0;
	size_t i = 0, j = 0;

	while (i < a->n && j < b->n) {
		const struct span *x = &a->v[i], *y = &b->v[j];
		int64_t from = x->from > y->from ? x->from : y->from;
		int64_t to = x->to < y->to ? x->to : y->to;

		if (to > from && shards_rival(x->shard, y->shard))
			sum += to - from;
		if (x->to < y->to)
			i++;
		else
			j++;
	}
	return sum;
}

static bool within(const struct spans *spans, const struct sample *s)
{
	for (size_t i = 0; i < spans->n; i++)
		if (spans->v[i].from <= s->t_ns && s->t_ns <= spans->v[i].to &&
		    shards_rival(spans->v[i].shard, s->shard))
			return true;
	return false;
}

static int samples_within(const struct evidence *ev, const char *m, const struct spans *other)
{
	int n = 0;

	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];

		if (!strcmp(s->member, m) && sample_leads(s) && within(other, s))
			n++;
	}
	return n;
}

/* A primary that a partition hides from all who ask may still be one; as
 * long as it was not heard and another one served, nobody can tell. (A
 * killed or frozen one cannot serve, so its silence leaves no doubt; nor does
 * one that is heard to let nobody in.) */
static int64_t unseen(const struct evidence *ev, const struct fault_record *f, const char *m,
		      const struct spans *others)
{
	struct spans gap = { 0 };
	const struct sample *last = NULL;
	int64_t sum = 0;

	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];

		if (strcmp(s->member, m) || !(s->ok || s->closed))
			continue;
		if (last && sample_leads(last) && last->t_ns < (f->healed_ns ? f->healed_ns : INT64_MAX) &&
		    s->t_ns > f->injected_ns && s->t_ns - last->t_ns > EVIDENCE_MS * NS_PER_MS)
			*VEC_PUSH(gap.v, gap.n, gap.alloc) =
				(struct span){ last->t_ns, sample_asked(s), last->shard };
		last = s;
	}
	if (last && sample_leads(last) && last->t_ns >= f->injected_ns - FRESH_MS * NS_PER_MS &&
	    (!f->healed_ns || last->t_ns < f->healed_ns))
		*VEC_PUSH(gap.v, gap.n, gap.alloc) = (struct span){ last->t_ns, INT64_MAX, last->shard };
	sum = overlap(&gap, others);
	free(gap.v);
	return sum;
}

static void one_pair(const struct evidence *ev, const char *m, const struct spans *mine,
		     const struct spans *other, bool first, struct measured *out)
{
	out->dual_primary_samples += samples_within(ev, m, other);
	if (first)
		out->dual_primary_ns += overlap(mine, other);
	for (size_t k = 0; k < ev->nfaults; k++)
		if (fault_does(&ev->faults[k], EFFECT_CUT_OFF) && fault_hits(&ev->faults[k], m))
			out->dual_primary_unseen_ns += unseen(ev, &ev->faults[k], m, other);
}

void dual_primary_make(const struct view *v, struct measured *out)
{
	const struct evidence *ev = v->ev;
	struct spans *s = mem_alloc((ev->nmembers + 1) * sizeof(*s));
	size_t i, j;

	for (i = 0; i < ev->nmembers; i++) {
		certain(ev, false, ev->members[i], &s[i]);
		certain(ev, true, ev->members[i], &s[i]);
		disjoint(&s[i]);
	}
	for (i = 0; i < ev->nmembers; i++)
		for (j = 0; j < ev->nmembers; j++)
			if (i != j)
				one_pair(ev, ev->members[i], &s[i], &s[j], i < j, out);
	for (i = 0; i < ev->nsamples; i++)
		out->nsamples += !ev->samples[i].beside && ev->samples[i].ok;
	for (i = 0; i < ev->nmembers; i++)
		free(s[i].v);
	free(s);
}
