#include "report/times.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "history/event.h"
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

/* Phases that say something of the one they are in begin none. */
static enum time_place place_of(const cJSON *ev, enum time_place now)
{
	static const struct {
		const char *phase;
		enum time_place place;
	} phases[] = {
		{"engine", TIME_ENGINE}, {"agents", TIME_AGENTS}, {"apply", TIME_APPLY},
		{"ready", TIME_READY}, {"setup", TIME_SETUP}, {"converge", TIME_CONVERGE},
		{"load", TIME_STEPS},
		{"steady", TIME_STEADY}, {"await", TIME_STEPS},
		{"heal", TIME_STEPS}, {"settle", TIME_SETTLE},
		{"final", TIME_FINAL}, {"cleanup", TIME_REMOVE}, {"done", TIME_JUDGE},
	};
	const char *phase = json_str(ev, "phase", "");

	if (event_is(ev, "scenario"))
		return TIME_APPLY;
	/* A fault that heals by the clock does so while the load is steady. */
	if (now == TIME_STEADY && event_is(ev, "fault") &&
	    !strcmp(json_str(ev, "state", ""), "planned"))
		return TIME_STEPS;
	for (size_t i = 0; event_is(ev, "phase") && i < ARRAY_LEN(phases); i++) {
		if (!strcmp(phase, phases[i].phase))
			return phases[i].place;
	}
	return now;
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
	for (size_t i = 0; s && i < s->m->nfaults; i++) {
		const struct fault_seen *f = &s->m->faults[i];
		const struct outage *o = &f->outage;
		int64_t t_ns = f->rec->effective_ns;

		if (o->any)
			need(l, o->down_hi, o->ended ? o->up_lo : f->window_end_ns, TIME_OUTAGE);
		need(l, t_ns, f->redundant_ns < 0 ? f->window_end_ns : t_ns + f->redundant_ns,
		     TIME_RECOVERY);
		if (f->rec->does.lasts)
			need(l, f->rec->injected_ns, f->rec->healed_ns ? f->rec->healed_ns : f->window_end_ns,
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

static const struct scenario_report *scenario_of(const struct run_report *run, const cJSON *ev)
{
	int64_t index = json_i64(ev, "s", -1);

	for (size_t i = 0; i < run->n; i++) {
		if (run->scenarios[i].index == index)
			return &run->scenarios[i];
	}
	return NULL;
}

/* A scenario gives a system so much time to come up; what does not takes it
 * all. */
static enum time_place place_in(const struct scenario_report *s, enum time_place p)
{
	bool coming_up = p == TIME_READY || p == TIME_SETUP || p == TIME_CONVERGE;

	return coming_up && s && !s->m->stands && s->m->stands_why[0] ? TIME_GIVEN : p;
}

static bool moves(const cJSON *ev)
{
	return event_is(ev, "scenario") || event_is(ev, "phase") || event_is(ev, "fault") || event_is(ev, "end");
}

void time_measure(const struct run_report *run, struct run_time *out)
{
	enum time_place now = TIME_JUDGE;
	int64_t begin_ns = json_i64(run->run, "t", 0), at_ns = begin_ns;
	const struct scenario_report *s = NULL;
	struct needs l = {0};
	const cJSON *ev;

	memset(out, 0, sizeof(*out));
	cJSON_ArrayForEach(ev, run->events) {
		int64_t t_ns = json_i64(ev, "t", 0);

		if (!begin_ns || !moves(ev) || t_ns < at_ns)
			continue;
		if (now == TIME_STEPS)
			share_steps(&l, at_ns, t_ns, out);
		else
			out->at_ns[place_in(s, now)] += t_ns - at_ns;
		at_ns = t_ns;
		now = place_of(ev, now);
		if (event_is(ev, "scenario")) {
			l.n = 0;
			s = scenario_of(run, ev);
			needs_of(s, &l);
		}
		out->known = out->known || event_is(ev, "end");
	}
	free(l.v);
	out->total_ns = at_ns - begin_ns;
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
