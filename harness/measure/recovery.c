#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/parts.h"

/* When the system was whole again, from what its members said when asked
 * directly about every 100 ms.
 *
 * At each answer the newest one of every member is taken together. An answer
 * older than FRESH_MS is no answer. A condition (redundant, lag zero) is
 * reached at the end of its last false stretch within the fault's window,
 * so a system that was whole, fell apart again and recovered counts to the
 * second recovery; false stretches below BLIP_MS are one lost probe on a
 * busy machine and are passed over. */

enum {
	FRESH_MS = 1000,
	BLIP_MS = 300,
	HOLD_MS = 1000,       /* true for this long, or to the window's end */
	LAG_FLOOR_BYTES = 16384, /* under load a replica is always a write or two behind */
};

struct point {
	int64_t t;
	bool redundant, lag_zero;
};

struct points {
	struct point *v;
	size_t n, alloc;
};

struct members {
	struct sample *v; /* newest of each */
	size_t n, alloc;
};

static struct sample *member(struct members *ms, const char *name)
{
	struct sample *s;
	size_t i;

	for (i = 0; i < ms->n; i++)
		if (!strcmp(ms->v[i].member, name))
			return &ms->v[i];
	s = VEC_PUSH(ms->v, ms->n, ms->alloc);
	mem_copy_str(s->member, sizeof(s->member), name);
	s->timeline = s->position = s->lag_bytes = s->lag_ns = -1;
	return s;
}

/* All members that were ever asked, none of them heard yet. */
static void members_of(const struct view *v, struct members *ms)
{
	size_t i;

	for (i = 0; i < v->nevents; i++)
		if (event_is(v->events[i], "sample"))
			member(ms, json_str(v->events[i], "m", "?"));
}

static void fresh_only(const struct members *ms, int64_t t, struct sample *out)
{
	size_t i;

	for (i = 0; i < ms->n; i++) {
		out[i] = ms->v[i];
		if (t - out[i].t_ns > FRESH_MS * NS_PER_MS) {
			out[i].ok = out[i].writable = false;
			out[i].role = ROLE_UNKNOWN;
			out[i].extra = NULL;
		}
	}
}

static bool lag_is_zero(const struct sample *s, size_t n, int64_t limit)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!s[i].ok || (s[i].role == ROLE_REPLICA && (s[i].lag_bytes < 0 || s[i].lag_bytes > limit)))
			return false;
	return n > 0;
}

/* The most that a replica was behind while all was well; -1: none said. */
static int64_t usual_lag(const struct view *v, int64_t until_ns)
{
	int64_t most = -1, lag;
	size_t i;

	for (i = 0; i < v->nevents; i++) {
		const cJSON *e = v->events[i];

		if (!event_is(e, "sample") || strcmp(json_str(e, "role", ""), "replica"))
			continue;
		lag = json_i64(e, "lag_bytes", -1);
		if (event_t(e) < until_ns ? lag > most : most < 0 && lag >= 0)
			most = event_t(e) < until_ns ? lag : 0;
	}
	return most >= 0 && most < LAG_FLOOR_BYTES ? LAG_FLOOR_BYTES : most;
}

static void points_of(const struct view *v, const struct system_ops *sys, int64_t lag_limit,
		      struct points *p)
{
	struct members ms = { 0 };
	struct sample *now;
	char why[200];
	size_t i;

	members_of(v, &ms);
	now = mem_alloc((ms.n + 1) * sizeof(*now));
	for (i = 0; i < v->nevents; i++) {
		const cJSON *e = v->events[i];
		struct sample *s;
		struct point *x;

		if (!event_is(e, "sample"))
			continue;
		s = member(&ms, json_str(e, "m", "?"));
		sample_from_json(e, s);
		s->t_ns = event_t(e);
		fresh_only(&ms, s->t_ns, now);
		x = VEC_PUSH(p->v, p->n, p->alloc);
		x->t = s->t_ns;
		x->redundant = sys && sys->redundant && sys->redundant(now, ms.n, why);
		x->lag_zero = lag_limit >= 0 && lag_is_zero(now, ms.n, lag_limit);
	}
	free(now);
	free(ms.v);
}

/* Length from `from` to the end of the last false stretch; 0: never false;
 * -1: no answer at all, or still false at the end. */
static int64_t restored(const struct points *p, int64_t from, int64_t to, bool lag)
{
	int64_t start = 0, last_end = from, last_true = 0;
	bool any = false;
	size_t i;

	for (i = 0; i < p->n; i++) {
		bool is = lag ? p->v[i].lag_zero : p->v[i].redundant;
		int64_t t = p->v[i].t;

		if (t < from || t > to)
			continue;
		any = true;
		if (!is) {
			if (!start)
				start = t;
			last_true = 0;
			continue;
		}
		if (start && t - start >= BLIP_MS * NS_PER_MS)
			last_end = t;
		start = 0;
		last_true = t;
	}
	if (!any || !last_true)
		return -1;
	return last_end - from;
}

enum { EVIDENCE_MS = 300 }; /* two answers further apart prove nothing between them */

/* The member that was primary when a lasting fault hit it. */
static const char *old_primary(const struct fault_seen *f)
{
	const cJSON *t;

	cJSON_ArrayForEach(t, json_get(f->last, "targets"))
		if (!strcmp(json_str(t, "role", ""), "primary"))
			return json_str(t, "member", "");
	return "";
}

/* Since when it has certainly been no primary: from the first answer that says
 * so, or from when nobody was let in if such an answer is the next. In silence
 * it may have been anything. */
static void demoted(const struct view *v, struct fault_seen *f)
{
	const char *m = old_primary(f);
	const cJSON *mine = NULL, *other = NULL;
	int64_t shard = 0; /* of the old primary */
	int64_t closed_ns = -1;
	size_t i;

	if (!*m || !f->healed_ns || !fault_lasts(f))
		return;
	for (i = 0; i < v->nevents; i++) {
		const cJSON *e = v->events[i];

		if (!event_is(e, "sample"))
			continue;
		if (!json_bool(e, "ok", false)) {
			if (event_t(e) < f->healed_ns || strcmp(json_str(e, "m", ""), m))
				continue;
			if (!json_bool(e, "closed", false))
				closed_ns = -1;
			else if (closed_ns < 0)
				closed_ns = event_t(e);
			continue;
		}
		if (sample_leads(e) && !strcmp(json_str(e, "m", ""), m))
			shard = json_i64(e, "shard", 0);
		if (event_t(e) < f->healed_ns)
			continue;
		if (strcmp(json_str(e, "m", ""), m)) {
			if (sample_leads(e) && shards_rival(shard, json_i64(e, "shard", 0)))
				other = e;
			continue;
		}
		mine = e;
		if (!sample_leads(e)) {
			f->demoted_ns = (closed_ns < 0 ? event_t(e) : closed_ns) - f->healed_ns;
			return;
		}
		closed_ns = -1;
	}
	f->still_primary = mine && other &&
			   llabs(event_t(mine) - event_t(other)) <= EVIDENCE_MS * NS_PER_MS;
}

void recovery_make(const struct view *v, const struct system_ops *sys, struct measured *m)
{
	int64_t first = m->end_ns, lag;
	struct points p = { 0 };
	size_t i;

	for (i = 0; i < m->nfaults; i++)
		if (m->faults[i].injected_ns && m->faults[i].injected_ns < first)
			first = m->faults[i].injected_ns;
	lag = usual_lag(v, first);
	points_of(v, sys, lag, &p);
	m->redundant_ns = m->lag_zero_ns = m->nfaults ? 0 : -1;
	for (i = 0; i < m->nfaults; i++) {
		struct fault_seen *f = &m->faults[i];

		if (f->effective_ns && sys && sys->redundant)
			f->redundant_ns = restored(&p, f->effective_ns, f->window_end_ns, false);
		if (f->effective_ns && lag >= 0)
			f->lag_zero_ns = restored(&p, f->effective_ns, f->window_end_ns, true);
		demoted(v, f);
		if (f->redundant_ns < 0 || m->redundant_ns < 0)
			m->redundant_ns = -1;
		else if (f->redundant_ns > m->redundant_ns)
			m->redundant_ns = f->redundant_ns;
		if (f->lag_zero_ns < 0 || m->lag_zero_ns < 0)
			m->lag_zero_ns = -1;
		else if (f->lag_zero_ns > m->lag_zero_ns)
			m->lag_zero_ns = f->lag_zero_ns;
	}
	free(p.v);
}
