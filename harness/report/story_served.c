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
};

/* In 5 pieces, or among others that add up. */
void story_times(struct buf *b, const struct outage *o)
{
	if (o->down.times < 2 || (o->times < 2 && o->more_ns * 10 < o->seen_ns))
		return;
	buf_fmt(b, " (%d times, %s%s in all)", o->down.times, o->down.ended ? "" : "more than ",
		text_duration(o->down.ended ? o->down.hi_ns : o->down.lo_ns).s);
}

const struct partial_outage *story_reads(const struct fault_seen *f)
{
	const struct partial_outage *worst = NULL;
	const struct outage *all = &f->outage;

	for (size_t i = 0; i < f->nparts; i++) {
		const struct partial_outage *p = &f->parts[i];
		const struct outage *o = &p->outage;

		if (!p->reads || !p->proven || (all->any && (o->ended != all->ended ? o->ended : o->lo_ns <= all->hi_ns)))
			continue;
		if (!worst || (worst->outage.ended && !o->ended) ||
		    (worst->outage.ended == o->ended && o->hi_ns > worst->outage.hi_ns))
			worst = p;
	}
	return worst;
}

static void say_after(struct buf *b, struct arena *a, const struct measured *m, const struct fault_seen *f)
{
	if (m->nfaults > 1)
		buf_fmt(b, " when %s", story_fault(a, f));
}

static void say_reads(struct buf *b, struct arena *a, const struct measured *m, const struct fault_seen *f)
{
	const struct partial_outage *p = story_reads(f);

	if (!p)
		return;
	if (!strcmp(p->name, "read"))
		buf_str(b, "; reads were down");
	else
		buf_fmt(b, "; operations of the kind %s were down", p->name);
	buf_fmt(b, " %s", story_outage(a, &p->outage));
	story_times(b, &p->outage);
	say_after(b, a, m, f);
}

/* More failed than the time without writes explains, or all became slow. */
static void say_bad(struct buf *b, struct arena *a, const struct measured *m, const struct fault_seen *f)
{
	const struct served_row *r = fault_served(f, "all", "");
	int64_t window = f->window_end_ns - f->rec->injected_ns;
	const struct outage *o = &f->outage;
	double share, down;

	if (!r || window <= 0 || r->due < 20)
		return;
	share = 100 * (double)r->served / (double)r->due;
	down = o->any ? 100 * (double)o->down.hi_ns / (double)window : 0;
	if (share < BAD_PCT && 100 - share - down > UNTOLD_PCT) {
		buf_fmt(b, "; of %s operations that were due after it %s were served (%.0f %%)", text_count(r->due).s,
			text_count(r->served).s, share);
		say_after(b, a, m, f);
	}
	if (r->p50_ns > SLOW_FACTOR * m->baseline_p50_ns && m->baseline_p50_ns > 0 &&
	    r->p50_ns > SLOW_MS * NS_PER_MS) {
		buf_fmt(b, "; half of what was served took more than %s", text_duration(r->p50_ns).s);
		say_after(b, a, m, f);
	}
}

void story_served(struct buf *b, struct arena *a, const struct measured *m)
{
	for (size_t i = 0; i < m->nfaults; i++) {
		say_reads(b, a, m, &m->faults[i]);
		say_bad(b, a, m, &m->faults[i]);
	}
}
