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

struct names {
	const char **v;
	size_t n, alloc;
};

static const char *const askers[] = { "sample", "witness" };

static bool answers_of(const cJSON *e, const char *m)
{
	return (event_is(e, askers[0]) || event_is(e, askers[1])) && !strcmp(json_str(e, "m", ""), m);
}

static void members_of(const struct view *v, struct names *out)
{
	size_t i, j;

	for (i = 0; i < v->nevents; i++) {
		const char *m = json_str(v->events[i], "m", "?");

		if (!event_is(v->events[i], "sample"))
			continue;
		for (j = 0; j < out->n && strcmp(out->v[j], m); j++)
			;
		if (j == out->n)
			*VEC_PUSH(out->v, out->n, out->alloc) = m;
	}
}

static uint32_t shard_of(const cJSON *e)
{
	return (uint32_t)json_i64(e, "shard", 0);
}

static void certain(const struct view *v, const char *asker, const char *m, struct spans *out)
{
	const cJSON *before = NULL;
	size_t i;

	for (i = 0; i < v->nevents; i++) {
		const cJSON *e = v->events[i];

		if (!event_is(e, asker) || strcmp(json_str(e, "m", ""), m))
			continue;
		if (before && sample_leads(before) && sample_leads(e) && shard_of(before) == shard_of(e) &&
		    event_t(e) - event_t(before) <= EVIDENCE_MS * NS_PER_MS &&
		    sample_asked(e) > event_t(before))
			*VEC_PUSH(out->v, out->n, out->alloc) =
				(struct span){ event_t(before), sample_asked(e), shard_of(e) };
		before = e;
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

static bool within(const struct spans *s, const cJSON *e)
{
	int64_t t = event_t(e);
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->v[i].from <= t && t <= s->v[i].to && shards_rival(s->v[i].shard, shard_of(e)))
			return true;
	return false;
}

static int samples_within(const struct view *v, const char *m, const struct spans *other)
{
	int n = 0;
	size_t i;

	for (i = 0; i < v->nevents; i++)
		if (answers_of(v->events[i], m) && sample_leads(v->events[i]) && within(other, v->events[i]))
			n++;
	return n;
}

/* A primary that a partition hides from all who ask may still be one; as
 * long as it was not heard and another one served, nobody can tell. (A
 * killed or frozen one cannot serve, so its silence leaves no doubt; nor does
 * one that is heard to let nobody in.) */
static int64_t unseen(const struct view *v, const struct fault_seen *f, const char *m,
		      const struct spans *others)
{
	struct spans gap = { 0 };
	const cJSON *last = NULL;
	int64_t sum = 0;
	size_t i;

	for (i = 0; i < v->nevents; i++) {
		const cJSON *e = v->events[i];

		if (!answers_of(e, m) || !(json_bool(e, "ok", false) || json_bool(e, "closed", false)))
			continue;
		if (last && sample_leads(last) && event_t(last) < (f->healed_ns ? f->healed_ns : INT64_MAX) &&
		    event_t(e) > f->injected_ns && event_t(e) - event_t(last) > EVIDENCE_MS * NS_PER_MS)
			*VEC_PUSH(gap.v, gap.n, gap.alloc) =
				(struct span){ event_t(last), sample_asked(e), shard_of(last) };
		last = e;
	}
	if (last && sample_leads(last) && event_t(last) >= f->injected_ns - FRESH_MS * NS_PER_MS &&
	    (!f->healed_ns || event_t(last) < f->healed_ns))
		*VEC_PUSH(gap.v, gap.n, gap.alloc) =
			(struct span){ event_t(last), INT64_MAX, shard_of(last) };
	sum = overlap(&gap, others);
	free(gap.v);
	return sum;
}

static bool is_target(const struct fault_seen *f, const char *m)
{
	const cJSON *t;

	cJSON_ArrayForEach(t, json_get(f->last, "targets"))
		if (!strcmp(json_str(t, "member", ""), m))
			return true;
	return false;
}

static void one_pair(const struct view *v, const char *m, const struct spans *mine,
		     const struct spans *other, bool first, struct measured *out)
{
	size_t k;

	out->dual_primary_samples += samples_within(v, m, other);
	if (first)
		out->dual_primary_ns += overlap(mine, other);
	for (k = 0; k < out->nfaults; k++)
		if (strstr(out->faults[k].fault, "partition") && is_target(&out->faults[k], m))
			out->dual_primary_unseen_ns += unseen(v, &out->faults[k], m, other);
}

void dual_primary_make(const struct view *v, struct measured *out)
{
	struct names ms = { 0 };
	struct spans *s;
	size_t i, j;

	members_of(v, &ms);
	s = mem_alloc((ms.n + 1) * sizeof(*s));
	for (i = 0; i < ms.n; i++) {
		for (j = 0; j < ARRAY_LEN(askers); j++)
			certain(v, askers[j], ms.v[i], &s[i]);
		disjoint(&s[i]);
	}
	for (i = 0; i < ms.n; i++)
		for (j = 0; j < ms.n; j++)
			if (i != j)
				one_pair(v, ms.v[i], &s[i], &s[j], i < j, out);
	for (i = 0; i < v->nevents; i++)
		if (event_is(v->events[i], "sample") && json_bool(v->events[i], "ok", false))
			out->nsamples++;
	for (i = 0; i < ms.n; i++)
		free(s[i].v);
	free(s);
	free(ms.v);
}
