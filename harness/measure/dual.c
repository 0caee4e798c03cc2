#include "measure/dual.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

/* For how long were two members writable primaries at once? Only primaries of
 * the same shard count, where a system has shards.
 *
 * While two answers in a row to one who asks said "writable primary", the
 * member surely was one from the first answer's coming to the second
 * question's going out. Two may ask: the sampler among the clients ("sample"),
 * and, where some clients stand beside a member, one beside it ("witness"),
 * who goes on hearing it behind a partition. What clients' writes were
 * acknowledged by whom shows it as well (dual_history.c), also of a member
 * that answers no questions. */

/* From one who asks, the sampler or (`beside`) a witness. */
static void certain(const struct evidence *ev, bool beside, const char *m, struct spans *out)
{
	int64_t apart = beside ? beside_apart(ev) : 0;
	const struct sample *before = NULL;

	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];

		if (s->beside != beside || strcmp(s->member, m))
			continue;
		/* Of what it led both times; a system without parts names none. */
		if (before && sample_leads(before) && sample_leads(s) &&
		    (before->shards & s->shards || before->shards == s->shards) &&
		    s->t_ns - before->t_ns <= EVIDENCE_MS * NS_PER_MS &&
		    sample_asked(s) > before->t_ns)
			*VEC_PUSH(out->v, out->n, out->alloc) =
				(struct span){ before->t_ns + apart, sample_asked(s) - apart,
						before->shards & s->shards };
		before = s;
	}
}

static bool within(const struct spans *spans, const struct sample *s)
{
	for (size_t i = 0; i < spans->n; i++)
		if (spans->v[i].from <= s->t_ns && s->t_ns <= spans->v[i].to &&
		    shards_rival(spans->v[i].shards, s->shards))
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

		if (strcmp(s->member, m) || !sample_tells(s))
			continue;
		if (last && sample_leads(last) &&
		    last->t_ns < (f->healed_ns ? f->healed_ns : INT64_MAX) &&
		    s->t_ns > f->injected_ns && s->t_ns - last->t_ns > EVIDENCE_MS * NS_PER_MS)
			*VEC_PUSH(gap.v, gap.n, gap.alloc) =
				(struct span){ last->t_ns, sample_asked(s), last->shards };
		last = s;
	}
	if (last && sample_leads(last) && sample_fresh(last, f->injected_ns) &&
	    (!f->healed_ns || last->t_ns < f->healed_ns))
		*VEC_PUSH(gap.v, gap.n, gap.alloc) =
			(struct span){last->t_ns, INT64_MAX, last->shards};
	sum = spans_overlap(&gap, others);
	free(gap.v);
	return sum;
}

/* Of one member: what all that is known shows, and what acknowledgements do. */
struct leading {
	const char *member;
	struct spans all, acks;
};

static void one_pair(const struct evidence *ev, const struct acks *acks, const struct leading *s,
		     size_t me, size_t other, struct spans *proven, struct measured *out)
{
	struct dual_history told;

	out->dual_primary_samples += samples_within(ev, s[me].member, &s[other].all);
	out->dual_primary_acks += acks_within(acks, me, &s[other].all);
	if (me < other) {
		out->dual_primary_ns += spans_overlap(&s[me].all, &s[other].all);
		spans_both(&s[me].all, &s[other].all, proven);
		acks_pair(acks, me, &s[me].acks, other, &s[other].acks, &told);
		if (told.ns > out->dual_history.ns)
			out->dual_history = told;
	}
	for (size_t k = 0; k < ev->nfaults; k++)
		if (fault_does(&ev->faults[k], EFFECT_CUT_OFF) &&
		    fault_hits(&ev->faults[k], s[me].member))
			out->dual_primary_unseen_ns +=
				unseen(ev, &ev->faults[k], s[me].member, &s[other].all);
}

static void leading_make(const struct evidence *ev, const struct acks *acks, size_t who,
			 struct leading *s)
{
	s->member = acks->names[who];
	acks_spans(ev, acks, who, &s->acks);
	spans_disjoint(&s->acks);
	certain(ev, false, s->member, &s->all);
	certain(ev, true, s->member, &s->all);
	for (size_t i = 0; i < s->acks.n; i++)
		*VEC_PUSH(s->all.v, s->all.n, s->all.alloc) = s->acks.v[i];
	spans_disjoint(&s->all);
}

void dual_primary_make(const struct view *v, struct measured *out)
{
	const struct evidence *ev = v->ev;
	struct spans proven = { 0 };
	struct leading *s;
	struct acks acks;
	size_t i, j;

	acks_make(v, &acks);
	s = mem_alloc((acks.nnames + 1) * sizeof(*s));
	for (i = 0; i < acks.nnames; i++)
		leading_make(ev, &acks, i, &s[i]);
	for (i = 0; i < acks.nnames; i++)
		for (j = 0; j < acks.nnames; j++)
			if (i != j)
				one_pair(ev, &acks, s, i, j, &proven, out);
	spans_disjoint(&proven);
	dual_doubt_make(ev, &acks, &proven, &out->dual_doubt);
	for (i = 0; i < out->nfaults; i++)
		demoted_make(ev, out, &acks, &out->faults[i]);
	free(proven.v);
	for (i = 0; i < ev->nsamples; i++)
		out->nsamples += !ev->samples[i].beside && ev->samples[i].ok;
	for (i = 0; i < acks.nnames; i++) {
		free(s[i].all.v);
		free(s[i].acks.v);
	}
	free(s);
	acks_free(&acks);
}
