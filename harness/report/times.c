#include "report/times.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "report/text.h"

static const struct {
	const char *key, *words;
} places[TIME_PLACES] = {
	[TIME_STEADY] = {"steady", "steady load"},
	[TIME_OUTAGE] = {"outage", "writes down"},
	[TIME_RECOVERY] = {"recovery", "until redundant again"},
	[TIME_HELD] = {"held", "faults held on"},
	[TIME_SETTLE] = {"settle", "settling"},
	[TIME_CONVERGE] = {"converge", "first redundancy"},
	[TIME_GIVEN] = {"given", "given to what did not come up"},
	[TIME_ENGINE] = {"engine", "the engine"},
	[TIME_AGENTS] = {"agents", "agents up and down"},
	[TIME_APPLY] = {"apply", "images and objects"},
	[TIME_READY] = {"ready", "members ready"},
	[TIME_SETUP] = {"setup", "first write"},
	[TIME_STEPS] = {"steps", "between the steps"},
	[TIME_FINAL] = {"final", "final reads"},
	[TIME_REMOVE] = {"remove", "logs and removal"},
	[TIME_JUDGE] = {"judge", "judging and the rest"},
};

const char *time_key(enum time_place p)
{
	return places[p].key;
}

const char *time_words(enum time_place p)
{
	return places[p].words;
}

/* Phases that say something of the one they are in begin none: TIME_PLACES. */
static enum time_place place_of(const char *phase)
{
	static const struct {
		const char *phase;
		enum time_place place;
	} phases[] = {
		{"engine", TIME_ENGINE}, {"agents", TIME_AGENTS}, {"apply", TIME_APPLY},
		{"ready", TIME_READY}, {"setup", TIME_SETUP}, {"converge", TIME_CONVERGE},
		{"load", TIME_STEPS},
		{"steady", TIME_STEADY}, {"await", TIME_STEPS}, {"run", TIME_STEPS},
		{"heal", TIME_STEPS}, {"settle", TIME_SETTLE},
		{"final", TIME_FINAL}, {"cleanup", TIME_REMOVE}, {"done", TIME_JUDGE},
	};

	for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
		if (!strcmp(phase, phases[i].phase))
			return phases[i].place;
	}
	return TIME_PLACES;
}

/* From when on time goes elsewhere. */
struct move {
	int64_t t_ns;
	size_t order; /* qsort is not stable */
	enum time_place place;
	bool fault;   /* out of what was steady until then */
	const struct scenario_report *begins; /* NULL: none */
};

struct moves {
	struct move *v;
	size_t n, alloc;
};

static void add_move(struct moves *l, struct move m)
{
	m.order = l->n;
	*VEC_PUSH(l->v, l->n, l->alloc) = m;
}

static void add_phases(struct moves *l, const struct evidence *ev)
{
	for (size_t i = 0; i < ev->nphases; i++) {
		enum time_place p = place_of(ev->phases[i].phase);

		if (p != TIME_PLACES)
			add_move(l, (struct move){.t_ns = ev->phases[i].t_ns, .place = p});
	}
}

static int by_time(const void *a, const void *b)
{
	const struct move *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static void moves_of(const struct run_report *run, struct moves *l)
{
	add_phases(l, run->ev);
	for (size_t i = 0; i < run->n; i++) {
		const struct scenario_report *s = &run->scenarios[i];

		add_move(l, (struct move){.t_ns = s->ev->begin_ns, .place = TIME_APPLY,
					  .begins = s});
		add_phases(l, s->ev);
		/* A fault that heals by the clock does so while the load is steady. */
		for (size_t k = 0; k < s->ev->nfaults; k++)
			if (s->ev->faults[k].planned_ns)
				add_move(l, (struct move){.t_ns = s->ev->faults[k].planned_ns,
							  .place = TIME_STEPS,
							  .fault = true});
	}
	if (run->ev->end_ns)
		add_move(l, (struct move){.t_ns = run->ev->end_ns, .place = TIME_JUDGE});
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_time);
}

struct need {
	int64_t from_ns, to_ns;
	enum time_place place;
};

struct needs {
	struct need *v;
	size_t n, alloc;
};

static void need(struct needs *l, int64_t from_ns, int64_t to_ns, enum time_place place)
{
	if (from_ns > 0 && to_ns > from_ns)
		*VEC_PUSH(l->v, l->n, l->alloc) = (struct need){from_ns, to_ns, place};
}

/* What the system needed after each fault, on the driver's time line. */
static void needs_of(const struct scenario_report *s, struct needs *l)
{
	for (size_t i = 0; i < s->m->nfaults; i++) {
		const struct fault_seen *f = &s->m->faults[i];
		const struct outage *o = &f->outage;
		int64_t t_ns = f->rec->effective_ns;

		if (o->any)
			need(l, o->down_hi, o->ended ? o->up_lo : f->window_end_ns, TIME_OUTAGE);
		need(l, t_ns, f->redundant_ns < 0 ? f->window_end_ns : t_ns + f->redundant_ns,
		     TIME_RECOVERY);
		if (f->rec->does.lasts)
			need(l, f->rec->injected_ns,
			     f->rec->healed_ns ? f->rec->healed_ns : f->window_end_ns,
			     TIME_HELD);
	}
}

static enum time_place first_need(const struct needs *l, int64_t from_ns, int64_t to_ns)
{
	enum time_place best = TIME_STEPS;

	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].from_ns <= from_ns && l->v[i].to_ns >= to_ns && l->v[i].place < best)
			best = l->v[i].place;
	}
	return best;
}

/* Time among the steps goes to what the system needed then; pieces end where
 * any need begins or ends. */
static void share_steps(const struct needs *l, int64_t from_ns, int64_t to_ns, struct run_time *out)
{
	while (from_ns < to_ns) {
		int64_t next_ns = to_ns;

		for (size_t i = 0; i < l->n; i++) {
			if (l->v[i].from_ns > from_ns && l->v[i].from_ns < next_ns)
				next_ns = l->v[i].from_ns;
			if (l->v[i].to_ns > from_ns && l->v[i].to_ns < next_ns)
				next_ns = l->v[i].to_ns;
		}
		out->at_ns[first_need(l, from_ns, next_ns)] += next_ns - from_ns;
		from_ns = next_ns;
	}
}

/* A scenario gives a system so much time to come up; what does not takes it
 * all. */
static enum time_place place_in(const struct scenario_report *s, enum time_place p)
{
	bool coming_up = p == TIME_READY || p == TIME_SETUP || p == TIME_CONVERGE;

	return coming_up && s && !s->m->stands && s->m->stands_why ? TIME_GIVEN : p;
}

void time_measure(const struct run_report *run, struct run_time *out)
{
	enum time_place now = TIME_JUDGE;
	const struct scenario_report *s = NULL;
	struct moves moves = {0};
	struct needs l = {0};
	int64_t at_ns;

	memset(out, 0, sizeof(*out));
	if (!run->ev || !run->ev->begin_ns || !run->ev->end_ns)
		return;
	out->known = true;
	at_ns = run->ev->begin_ns;
	moves_of(run, &moves);
	for (size_t i = 0; i < moves.n; i++) {
		const struct move *m = &moves.v[i];

		if (m->t_ns < at_ns || (m->fault && now != TIME_STEADY))
			continue;
		if (now == TIME_STEPS)
			share_steps(&l, at_ns, m->t_ns, out);
		else
			out->at_ns[place_in(s, now)] += m->t_ns - at_ns;
		at_ns = m->t_ns;
		now = m->place;
		if (m->begins) {
			l.n = 0;
			s = m->begins;
			needs_of(s, &l);
		}
	}
	free(moves.v);
	free(l.v);
	out->total_ns = at_ns - run->ev->begin_ns;
	for (int i = 0; i < TIME_NEEDED; i++)
		out->needed_ns += out->at_ns[i];
}

double time_ratio(const struct run_time *t)
{
	return t->needed_ns > 0 ? (double)t->total_ns / (double)t->needed_ns : -1;
}

static void list(struct buf *b, const struct run_time *t, int from, int to)
{
	const char *sep = "";

	for (int i = from; i < to; i++) {
		if (t->at_ns[i] < NS_PER_S / 20)
			continue;
		buf_fmt(b, "%s%s %s", sep, places[i].words, text_duration(t->at_ns[i]).s);
		sep = ", ";
	}
}

const char *time_story(struct arena *a, const struct run_time *t)
{
	struct buf b = {0};
	const char *out;

	if (!t->known)
		return "";
	buf_fmt(&b, "The run took %s", text_duration(t->total_ns).s);
	if (t->needed_ns > 0) {
		buf_fmt(&b, ", %.2f times the %s that the systems themselves needed (",
			time_ratio(t), text_duration(t->needed_ns).s);
		list(&b, t, 0, TIME_NEEDED);
		buf_str(&b, ")");
	}
	buf_char(&b, '.');
	out = arena_strdup(a, buf_cstr(&b));
	buf_free(&b);
	return out;
}

const char *time_rest(struct arena *a, const struct run_time *t)
{
	struct buf b = {0};
	const char *out = "";

	if (t->known)
		list(&b, t, TIME_NEEDED, TIME_PLACES);
	if (b.len)
		out = arena_fmt(a, "The rest, %s: %s.", text_duration(t->total_ns - t->needed_ns).s,
				buf_cstr(&b));
	buf_free(&b);
	return out;
}
