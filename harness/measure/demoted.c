#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "measure/dual.h"

/* When an old primary was none any more, once its fault had been healed: by what members
 * said of themselves, and by the writes that it acknowledged. */

/* The member that was primary when a lasting fault hit it. */
static const char *old_primary(const struct fault_record *f)
{
	for (size_t i = 0; i < f->ntargets; i++)
		if (f->targets[i].role == ROLE_PRIMARY)
			return f->targets[i].member;
	return "";
}

/* Since when it has certainly been no primary: from the first answer that says
 * so, or from when nobody was let in if such an answer is the next. In silence
 * it may have been anything. That was not the end of it when, before the next
 * fault, it was heard as a primary once more, and another one after it: no
 * handover back looks like that. It was healed at some moment between the begin
 * of the healing and when that was seen: at most it took from the one on, at least
 * from the other. */
static void by_answers(const struct evidence *ev, int64_t next, struct fault_seen *f)
{
	const char *m = old_primary(f->rec);
	const struct sample *mine = NULL, *other = NULL, *again = NULL;
	uint64_t shards = 0; /* of the old primary */
	int64_t closed_ns = -1, healed_ns = f->rec->healed_ns;
	int64_t begun_ns = fault_healing(f->rec);

	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];

		if (s->beside)
			continue;
		if (f->demoted_ns >= 0 && s->t_ns >= next)
			break;
		f->demoted_watched_ns = s->t_ns - healed_ns;
		if (!s->ok || !sample_tells(s)) {
			if (s->t_ns < begun_ns || strcmp(s->member, m))
				continue;
			if (!s->closed)
				closed_ns = -1;
			else if (closed_ns < 0)
				closed_ns = s->t_ns;
			continue;
		}
		if (sample_leads(s) && !strcmp(s->member, m))
			shards = s->shards;
		if (s->t_ns < begun_ns)
			continue;
		if (sample_leads(s) && !strcmp(s->member, m) && f->demoted_ns < 0 &&
		    sample_asked(s) > healed_ns)
			f->demoted_lo_ns = sample_asked(s) - healed_ns;
		if (strcmp(s->member, m)) {
			if (sample_leads(s) && shards_rival(shards, s->shards))
				other = s;
			if (f->demoted_ns >= 0 && other == s && again &&
			    s->t_ns - again->t_ns <= EVIDENCE_MS * NS_PER_MS) {
				f->demoted_ns = -1;
				f->demoted_lo_ns = sample_asked(again) - healed_ns;
			}
			continue;
		}
		mine = s;
		if (!sample_leads(s)) {
			if (f->demoted_ns < 0)
				f->demoted_ns = (closed_ns < 0 ? s->t_ns : closed_ns) - begun_ns;
			again = NULL;
			continue;
		}
		again = f->demoted_ns >= 0 || again ? s : NULL;
		closed_ns = -1;
	}
	f->still_primary = f->demoted_ns < 0 && mine && other &&
			   llabs(mine->t_ns - other->t_ns) <= EVIDENCE_MS * NS_PER_MS;
}

/* Whether an answer says that the member is not the primary of this part: its own word,
 * or that of another one who is. */
static bool denies(const struct sample *s, const char *member, uint64_t shards)
{
	if (s->beside || !s->ok || !sample_tells(s))
		return false;
	return strcmp(s->member, member) ? sample_leads(s) && shards_rival(s->shards, shards) :
					   !(sample_leads(s) && shards_rival(s->shards, shards));
}

/* A write that it took between two such answers. To win the role back and to lose it
 * again in so short a time takes two elections (dual_history.c). */
static bool belies(const struct evidence *ev, const char *member, const struct ack *k)
{
	uint64_t shards = shard_bit(k->shard);
	bool before = false;

	for (size_t i = evidence_answers_from(ev, k->call - EVIDENCE_MS * NS_PER_MS);
	     i < ev->nsamples && ev->samples[i].t_ns <= k->ret + EVIDENCE_MS * NS_PER_MS; i++) {
		const struct sample *s = &ev->samples[i];

		if (!denies(s, member, shards))
			continue;
		before = before || s->t_ns <= k->call;
		if (before && sample_asked(s) >= k->ret)
			return true;
	}
	return false;
}

/* Its first word after t_ns, and before the next fault, that it is none; NULL: it said
 * nothing of the kind. */
static const struct sample *none_after(const struct evidence *ev, const char *member, int64_t t_ns,
				       int64_t next)
{
	for (size_t i = evidence_answers_from(ev, t_ns); i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];

		if (s->t_ns >= next)
			break;
		if (!s->beside && !strcmp(s->member, member) && s->ok && sample_tells(s) &&
		    !sample_leads(s) && sample_asked(s) >= t_ns)
			return s;
	}
	return NULL;
}

/* Whoever acknowledges a write is a primary then, whatever it says. */
static void by_writes(const struct evidence *ev, const struct acks *acks, int64_t next,
		      struct fault_seen *f)
{
	const char *m = old_primary(f->rec);
	int64_t begun_ns = fault_healing(f->rec), healed_ns = f->rec->healed_ns;
	const struct ack *last = NULL;
	const struct sample *none;

	for (size_t i = 0; i < acks->n; i++) {
		const struct ack *k = &acks->v[i];

		if (strcmp(acks->names[k->by], m) || k->call <= healed_ns || k->ret >= next)
			continue;
		if (f->demoted_ns < 0 || k->call < begun_ns + f->demoted_ns) {
			if (k->call - healed_ns > f->demoted_lo_ns)
				f->demoted_lo_ns = k->call - healed_ns;
		} else if (belies(ev, m, k)) {
			last = k;
		}
	}
	if (!last)
		return;
	none = none_after(ev, m, last->ret, next);
	f->demoted_lo_ns = last->call - healed_ns;
	f->demoted_ns = none ? none->t_ns - begun_ns : -1;
}

void demoted_make(const struct evidence *ev, const struct measured *all, const struct acks *acks,
		  struct fault_seen *f)
{
	int64_t next = next_injection(all, f->rec->healed_ns);

	if (!*old_primary(f->rec) || !f->rec->healed_ns || !f->rec->does.lasts)
		return;
	f->was_primary = true;
	by_answers(ev, next, f);
	by_writes(ev, acks, next, f);
}
