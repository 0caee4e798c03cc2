/* Who answered the final read, and whether they were entitled to. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "history/block.h"
#include "history/evidence.h"

/* The sampler ends with the load: what its members said last. */
static int64_t asked_last(const struct evidence *ev)
{
	int64_t t = 0;

	for (size_t i = 0; i < ev->nsamples; i++)
		if (!ev->samples[i].beside &&
		    (!ev->final || ev->samples[i].t_ns <= ev->final->t_ns) &&
		    ev->samples[i].t_ns > t)
			t = ev->samples[i].t_ns;
	return t;
}

/* The newest thing that is known of a member at t_ns, an attempt without an
 * answer included; NULL: nothing fresh, or it did not answer. */
static const struct sample *latest(const struct evidence *ev, const char *member, int64_t t_ns)
{
	const struct sample *l = NULL;

	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= t_ns; i++)
		if (!strcmp(ev->samples[i].member, member))
			l = &ev->samples[i];
	return l && l->ok && sample_fresh(l, t_ns) ? l : NULL;
}

/* A member that led this part at the end, other than `but`; NULL: none. */
static const char *leads_too(const struct evidence *ev, uint64_t shards, const char *but,
			     int64_t t_ns)
{
	for (size_t i = 0; i < ev->nmembers; i++) {
		const struct sample *s = latest(ev, ev->members[i], t_ns);

		if (s && sample_leads(s) && shards_rival(s->shards, shards) &&
		    strcmp(ev->members[i], but))
			return ev->members[i];
	}
	return NULL;
}

/* Two that led the same part at the end, when nobody knows which of them
 * answered. */
static bool no_rivals(const struct evidence *ev, uint32_t shard, int64_t t_ns, char *why,
		      size_t size)
{
	for (size_t i = 0; i < ev->nmembers; i++) {
		const struct sample *s = latest(ev, ev->members[i], t_ns);
		const char *other =
			s && sample_leads(s) && shards_rival(s->shards, shard_bit(shard)) ?
				leads_too(ev, s->shards, s->member, t_ns) : NULL;

		if (!other)
			continue;
		snprintf(why, size, "%s and %s were both writable primaries at the end, and it does not say "
			 "which of them answered", s->member, other);
		return false;
	}
	return true;
}

static bool entitled(const struct evidence *ev, const struct answerer *a, int64_t t_ns, char *why,
		     size_t size)
{
	const char *who = *a->member ? a->member : a->address, *other;
	const struct sample *s = latest(ev, a->member, t_ns),
			    *led = evidence_leader(ev, a->shard, t_ns);

	if (a->role != ROLE_PRIMARY) {
		snprintf(why, size, "%s answered it, which was no primary then (%s)", who, role_name(a->role));
		return false;
	}
	if (!*a->member && ev->run.format >= BLOCKS_FORMAT) {
		snprintf(why, size, "%s answered it, and whose address that was nobody knows", who);
		return false;
	}
	if (!*a->member)
		return no_rivals(ev, a->shard, t_ns, why, size);
	other = leads_too(ev, shard_bit(a->shard), a->member, t_ns);
	if (other)
		snprintf(why, size, "%s answered it, while %s was a writable primary as well", who, other);
	else if (s && !sample_leads(s))
		snprintf(why, size, "%s answered it, which was no writable primary when it was asked last", who);
	else if (!s && led && strcmp(led->member, a->member)) /* what it was since, it never said */
		snprintf(why, size, "%s answered it, which was not heard at the end, and %s was a writable primary "
			 "after it was", who, led->member);
	return !*why;
}

/* Every part that had a primary at the end has to have answered. */
static bool complete(const struct evidence *ev, int64_t t_ns, char *why, size_t size)
{
	uint64_t answered = 0;

	for (size_t k = 0; k < ev->final->nanswerers; k++)
		answered |= ev->final->answerers[k].shard ?
				    shard_bit(ev->final->answerers[k].shard) : UINT64_MAX;
	for (size_t i = 0; i < ev->nmembers; i++) {
		const struct sample *s = latest(ev, ev->members[i], t_ns);

		for (uint32_t n = 1; s && sample_leads(s) && n <= 64; n++) {
			if (!(s->shards & shard_bit(n) & ~answered))
				continue;
			snprintf(why, size, "nobody answered for shard %u, which %s led", n, s->member);
			return false;
		}
	}
	return true;
}

bool evidence_final_entitled(const struct evidence *ev, char *why, size_t size)
{
	int64_t t_ns = asked_last(ev);

	why[0] = '\0';
	if (!ev->final) {
		snprintf(why, size, "none was made");
		return false;
	}
	/* Only older files, and others', need not say it. */
	if (!ev->final->nanswerers && ev->run.format >= BLOCKS_FORMAT) {
		snprintf(why, size, "it does not say who answered it");
		return false;
	}
	for (size_t i = 0; i < ev->final->nanswerers; i++)
		if (!entitled(ev, &ev->final->answerers[i], t_ns, why, size))
			return false;
	return ev->final->nanswerers ? complete(ev, t_ns, why, size) :
				       no_rivals(ev, 0, t_ns, why, size);
}

bool evidence_final_sound(const struct evidence *ev, char *why, size_t size)
{
	if (ev->final && ev->unsettled) {
		snprintf(why, size, "the system had not settled before it%s%s", *ev->unsettled ? ": " : "",
			 ev->unsettled);
		return false;
	}
	if (!evidence_final_entitled(ev, why, size))
		return false;
	if (evidence_phase(ev, "settle") || ev->run.format < BLOCKS_FORMAT)
		return true;
	snprintf(why, size, "nothing tells that the system was left to settle before it");
	return false;
}
