#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "report/story.h"
#include "report/text.h"

/* What a scenario's sentence says of service that was neither all there nor all
 * gone. */

enum {
	BAD_PCT = 90,     /* served less than this is worth a word, ... */
	UNTOLD_PCT = 10,  /* ... when the time without writes leaves this much untold */
	SLOW_FACTOR = 10, /* so is half of the operations so many times slower, ... */
	SLOW_MS = 100,    /* ... and at least so slow */
	SHARE_MIN = 20,   /* operations due; fewer are no share */
};

/* In 5 pieces, or among others that add up. */
void story_times(struct buf *b, struct arena *a, const struct outage *o)
{
	if (o->down.times < 2 || (o->times < 2 && o->more_ns * 10 < o->seen_ns))
		return;
	buf_fmt(b, " (%d times, %s in all)", o->down.times, story_in_all(a, &o->down));
}

bool story_before(const struct measured *m)
{
	return m->before.any && m->before.lo_ns > 0 && !m->calm_noise.too_noisy;
}

const char *story_before_words(struct arena *a, const struct measured *m)
{
	bool fault = false;

	for (size_t i = 0; i < m->nfaults; i++)
		fault = fault || m->faults[i].rec->injected_ns;
	return arena_fmt(a, "writes were down for %s %s", story_outage(a, &m->before),
			 fault ? "before the fault" : "without a fault");
}

const struct partial_outage *story_reads(const struct fault_seen *f)
{
	const struct partial_outage *worst = NULL;
	const struct outage *all = &f->outage;

	for (size_t i = 0; i < f->nparts; i++) {
		const struct partial_outage *p = &f->parts[i];
		const struct outage *o = &p->outage;

		if (!p->reads || !p->proven ||
		    (all->any && (o->ended != all->ended ? o->ended : o->lo_ns <= all->hi_ns)))
			continue;
		if (!worst || (worst->outage.ended && !o->ended) ||
		    (worst->outage.ended == o->ended && o->hi_ns > worst->outage.hi_ns))
			worst = p;
	}
	return worst;
}

const char *story_reads_words(struct arena *a, const struct partial_outage *p)
{
	struct buf b = {0};
	const char *out;

	if (!strcmp(p->name, "read"))
		buf_str(&b, "reads were down");
	else if (!strcmp(p->what, "group"))
		buf_fmt(&b, "reads of group %.*s were down", (int)strcspn(p->name, ","), p->name);
	else
		buf_fmt(&b, "operations of the kind %s were down", p->name);
	buf_fmt(&b, " %s", story_outage(a, &p->outage));
	story_times(&b, a, &p->outage);
	out = arena_strdup(a, b.s);
	buf_free(&b);
	return out;
}

bool story_client(const struct fault_seen *f)
{
	const struct outage *all = &f->outage, *o = &f->client;

	if (!f->clients_down || !o->any || o->running)
		return false;
	/* It is among those whose outage that is. */
	if (!strncmp(f->outage_of, "clients ", 8) && o->ended == all->ended)
		return false;
	return !all->any ||
	       (o->ended != all->ended ? all->ended : o->ended && o->lo_ns > all->hi_ns);
}

const char *story_client_words(struct arena *a, const struct fault_seen *f)
{
	const struct outage *o = &f->client;
	const char *who = arena_fmt(a, "%s%zu of %zu clients %s",
				    f->clients_down == CLIENTS_DOWN_MOST ? "at least " : "", f->clients_down,
				    f->clients, f->clients_down == 1 ? "was" : "were");
	const char *longest = f->clients_down == 1 ? "" : "up to ";

	if (!o->ended)
		return arena_fmt(a, "%s down while others were served, and client %s to the end, for more than %s", who,
				 f->client_name, text_duration(o->lo_ns).s);
	return arena_fmt(a, "%s down for %s%s while others were served", who, longest, story_outage(a, o));
}

const struct served_row *story_bad(const struct fault_seen *f)
{
	const struct served_row *r = fault_served(f, "all", "");
	int64_t window = f->window_end_ns - f->rec->injected_ns;
	const struct outage *o = &f->outage;
	double share, down;

	if (!r || window <= 0 || r->due < SHARE_MIN)
		return NULL;
	share = 100 * (double)r->served / (double)r->due;
	down = o->any ? 100 * (double)o->down.hi_ns / (double)window : 0;
	return share < BAD_PCT && 100 - share - down > UNTOLD_PCT ? r : NULL;
}

const char *story_bad_words(struct arena *a, const struct served_row *r)
{
	return arena_fmt(a, "of %s operations that were due after it %s were served (%.0f %%)", text_count(r->due).s,
			 text_count(r->served).s, 100 * (double)r->served / (double)r->due);
}

static void say_slow(struct buf *b, const struct measured *m, const struct fault_seen *f)
{
	const struct served_row *r = fault_served(f, "all", "");

	if (r && r->due >= SHARE_MIN && m->baseline_p50_ns > 0 &&
	    r->p50_ns > SLOW_FACTOR * m->baseline_p50_ns &&
	    r->p50_ns > SLOW_MS * NS_PER_MS)
		buf_fmt(b, "; half of what was served took more than %s", text_duration(r->p50_ns).s);
}

void story_served(struct buf *b, struct arena *a, const struct measured *m)
{
	for (size_t i = 0; i < m->nfaults; i++) {
		const struct fault_seen *f = &m->faults[i];
		bool timed = !f->noise[NOISE_OUTAGE].too_noisy;
		const struct partial_outage *reads = timed ? story_reads(f) : NULL;
		const struct served_row *bad = story_bad(f);
		size_t before = b->len;

		if (reads)
			buf_fmt(b, "; %s", story_reads_words(a, reads));
		if (bad)
			buf_fmt(b, "; %s", story_bad_words(a, bad));
		if (timed && story_client(f))
			buf_fmt(b, "; %s", story_client_words(a, f));
		if (!f->noise[NOISE_SERVED].too_noisy)
			say_slow(b, m, f);
		if (b->len > before && m->nfaults > 1)
			buf_fmt(b, " when %s", story_fault(a, f));
	}
}
