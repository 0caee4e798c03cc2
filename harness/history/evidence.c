/* Reading the events into what they tell. */
#include "history/evidence_told.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "history/event.h"

enum {
	AGENTS_MAX = 64
}; /* one for each group of clients; whoever comes later counts as the last */

struct reading {
	struct evidence *ev;
	effects_fn *effects;
	size_t samples, pods, endpoints, logs, jobs, adapted, phases, groups, noise, told, whole,
		faults, members; /* room in each array */
	const char *agents[AGENTS_MAX]; /* who told of noise */
	size_t nagents;
};

static const char *text(const cJSON *e, const char *key)
{
	return json_str(e, key, "");
}

static void read_sample(struct reading *r, const cJSON *e)
{
	struct evidence *ev = r->ev;
	struct sample *s = VEC_PUSH(ev->samples, ev->nsamples, r->samples);
	size_t i;

	sample_from_json(e, s);
	if (s->beside)
		return;
	/* By the name as the sample has it: one that is longer than any pod's is
	 * cut there, and must be the same member here. */
	for (i = 0; i < ev->nmembers && strcmp(ev->members[i], s->member); i++)
		;
	if (i == ev->nmembers)
		*VEC_PUSH(ev->members, ev->nmembers, r->members) =
			arena_strdup(&ev->arena, s->member);
}

static void read_pod(struct reading *r, const cJSON *e)
{
	*VEC_PUSH(r->ev->pods, r->ev->npods, r->pods) = (struct pod_seen){
		.t_ns = event_t(e), .name = text(e, "name"), .uid = text(e, "uid"),
		.node = text(e, "node"), .ip = text(e, "ip"), .phase = text(e, "phase"),
		.restarts = json_i64(e, "restarts", 0), .ready = json_bool(e, "ready", false),
		.deleted = json_bool(e, "deleted", false), .gone = json_bool(e, "gone", false)};
}

static void read_endpoints(struct reading *r, const cJSON *e)
{
	struct endpoints_seen *p = VEC_PUSH(r->ev->endpoints, r->ev->nendpoints, r->endpoints);
	const cJSON *a, *list = json_get(e, "addrs");

	p->t_ns = event_t(e);
	p->name = text(e, "name");
	p->annotations = json_get(e, "annotations");
	p->addrs = arena_alloc(&r->ev->arena, (size_t)cJSON_GetArraySize(list) * sizeof(*p->addrs));
	cJSON_ArrayForEach(a, list)
		if (cJSON_IsString(a))
			p->addrs[p->naddrs++] = a->valuestring;
}

static void read_object(struct reading *r, const cJSON *e)
{
	const char *type = text(e, "type");

	if (!strcmp(type, "pod"))
		read_pod(r, e);
	else if (!strcmp(type, "endpoints"))
		read_endpoints(r, e);
}

static void read_log(struct reading *r, const cJSON *e)
{
	*VEC_PUSH(r->ev->logs, r->ev->nlogs, r->logs) = (struct log_seen){
		.member = text(e, "member"), .container = text(e, "container"), .text = text(e, "text"),
		.previous = json_bool(e, "previous", false),
		.most = json_i64(e, "most", LOG_LINES_UNTOLD)};
}

static bool differ(const struct job_seen *before, const struct job_seen *now)
{
	return strcmp(before->name, now->name) || strcmp(before->from, now->from) ||
	       (job_over(before) && strcmp(before->state, now->state));
}

/* Its newest event tells how it is; which Job it is, all of them have to agree on. */
static void read_job(struct reading *r, const cJSON *e)
{
	const struct job_seen *was = evidence_job(r->ev, text(e, "id"));
	struct job_seen before = was ? *was : (struct job_seen){0};
	int64_t begun_ns = was ? was->begun_ns : event_t(e);
	struct job_seen *j = was ? &r->ev->jobs[was - r->ev->jobs] :
				   VEC_PUSH(r->ev->jobs, r->ev->njobs, r->jobs);

	*j = (struct job_seen){.id = text(e, "id"), .name = text(e, "job"), .state = text(e, "state"),
			       .from = text(e, "from"), .reason = text(e, "reason"), .message = text(e, "message"),
			       .log = text(e, "log"), .exit = json_i64(e, "exit", -1), .begun_ns = begun_ns,
			       .told_ns = event_t(e)};
	j->begun = before.begun || !strcmp(j->state, "begun");
	j->at_odds = before.at_odds || (was && differ(&before, j));
}

static void read_adapted(struct reading *r, const cJSON *e)
{
	*VEC_PUSH(r->ev->adapted, r->ev->nadapted, r->adapted) = (struct adapted_seen){
		.object = text(e, "object"), .path = text(e, "path"), .file = text(e, "file"),
		.from = text(e, "from"), .to = text(e, "to"), .why = text(e, "why"),
		.line = json_i64(e, "line", 0)};
}

static void read_phase(struct reading *r, const cJSON *e)
{
	*VEC_PUSH(r->ev->phases, r->ev->nphases, r->phases) =
		(struct phase_seen){event_t(e), evidence_real(e), text(e, "phase"), text(e, "detail")};
}

static void read_group(struct reading *r, const cJSON *e)
{
	*VEC_PUSH(r->ev->groups, r->ev->ngroups, r->groups) = (struct group_seen){
		.number = (uint32_t)json_i64(e, "g", 0), .name = json_str(e, "name", "?"), .node = text(e, "node"),
		.member = text(e, "member"), .clients = json_i64(e, "clients", 0),
		.rate = json_num(e, "rate", 0)};
}

static int64_t ns_of_ms(const cJSON *e, const char *key)
{
	double ms = json_num(e, key, -1);

	return ms < 0 ? -1 : (int64_t)(ms * (double)NS_PER_MS);
}

static size_t agent(struct reading *r, const char *source)
{
	size_t i = 0;

	while (i < r->nagents && strcmp(r->agents[i], source))
		i++;
	if (i == r->nagents && i < AGENTS_MAX)
		r->agents[r->nagents++] = source;
	return i < AGENTS_MAX ? i : AGENTS_MAX - 1;
}

static void read_noise(struct reading *r, const cJSON *e)
{
	int64_t span = ns_of_ms(e, "span_ms");

	*VEC_PUSH(r->ev->noise, r->ev->nnoise, r->noise) = (struct noise_seen){
		.t_ns = event_t(e), .span_ns = span < 0 ? 0 : span, .agent = agent(r, json_str(e, "source", "load")),
		.beside = strcmp(json_str(e, "source", "load"), "load") != 0,
		.late_max_ns = ns_of_ms(e, "late_max_ms"), .late_sum_ns = ns_of_ms(e, "late_sum_ms"),
		.lateness_p99_ms = json_num(e, "lateness_p99_ms", -1),
		.lateness_max_ms = json_num(e, "lateness_max_ms", -1), .due = json_i64(e, "due", -1),
		.cpu_some_pct = json_num(e, "cpu_some_pct", -1), .steal_pct = json_num(e, "steal_pct", -1)};
}

static void read_told(struct reading *r, const cJSON *e)
{
	*VEC_PUSH(r->ev->told, r->ev->ntold, r->told) = (struct load_told){
		.source = text(e, "source"), .group = (uint32_t)json_i64(e, "g", 0),
		.ops = json_i64(e, "ops", 0)};
}

static void read_whole(struct reading *r, const cJSON *e)
{
	*VEC_PUSH(r->ev->whole, r->ev->nwhole, r->whole) = (struct whole_seen){
		(uint32_t)json_i64(e, "g", 0), json_i64(e, "ops", 0), (uint32_t)strtoul(text(e, "sum"), NULL, 16)};
}

static struct fault_record *record(struct reading *r, const char *id)
{
	struct evidence *ev = r->ev;
	struct fault_record *f;

	for (size_t i = 0; i < ev->nfaults; i++)
		if (!strcmp(ev->faults[i].id, id))
			return &ev->faults[i];
	f = VEC_PUSH(ev->faults, ev->nfaults, r->faults);
	f->id = id;
	f->name = f->how = f->state = f->target = f->role = f->node = "";
	return f;
}

static const char *names_of(struct evidence *ev, const struct fault_record *f)
{
	struct buf b = {0};
	const char *out;

	for (size_t i = 0; i < f->ntargets; i++) {
		const struct fault_target *t = &f->targets[i];
		const char *name = *t->member ? t->member : t->node;

		if (*name)
			buf_fmt(&b, "%s%s", b.len ? ", " : "", name);
	}
	out = arena_strdup(&ev->arena, buf_cstr(&b));
	buf_free(&b);
	return out;
}

static struct fault_target *target_of(const struct fault_record *f, const struct fault_target *like)
{
	for (size_t i = 0; i < f->ntargets; i++)
		if (!strcmp(f->targets[i].member, like->member) &&
		    !strcmp(f->targets[i].node, like->node))
			return &f->targets[i];
	return NULL;
}

/* The newest list, and whoever was a target before. */
static void read_targets(struct evidence *ev, struct fault_record *f, const cJSON *list, bool bit)
{
	struct fault_record before = *f;
	size_t n = (size_t)cJSON_GetArraySize(list);
	const cJSON *t;

	for (size_t i = 0; !n && bit && i < f->ntargets; i++)
		f->targets[i].bit = true;
	if (!n)
		return;
	f->targets = arena_alloc(&ev->arena, (n + before.ntargets) * sizeof(*f->targets));
	f->ntargets = 0;
	cJSON_ArrayForEach(t, list) {
		struct fault_target now = {
			.member = text(t, "member"), .node = text(t, "node"), .uid = text(t, "uid"),
			.ip = text(t, "ip"), .role = role_from_name(text(t, "role")),
			.role_told = text(t, "role")};
		const struct fault_target *was = target_of(&before, &now);

		now.bit = bit || (was && was->bit);
		f->targets[f->ntargets++] = now;
	}
	for (size_t i = 0; i < before.ntargets; i++)
		if (!target_of(f, &before.targets[i]))
			f->targets[f->ntargets++] = before.targets[i];
	f->role = f->targets[0].role_told;
	f->node = f->targets[0].node;
	f->target = names_of(ev, f);
}

/* Agents tell their sentences again and again. */
static void add_new(struct sentences *to, const cJSON *list)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, list) {
		bool known = !cJSON_IsString(s);

		for (size_t i = 0; i < to->n && !known; i++)
			known = !strcmp(to->v[i], s->valuestring);
		if (!known)
			*VEC_PUSH(to->v, to->n, to->alloc) = s->valuestring;
	}
}

/* An agent's own instant, where the event carries one, is nearer to the deed
 * than the moment at which the driver wrote it down. */
static void note_state(struct fault_record *f, const cJSON *e)
{
	const char *state = f->state;
	int64_t t = event_t(e), te = json_i64(e, "te", 0);

	if (te > f->te_ns)
		f->te_ns = te;
	if (!strcmp(state, "planned")) {
		f->planned_ns = t;
	} else if (!strcmp(state, "injecting")) {
		f->injecting++;
		if (!f->injected_ns)
			f->injected_ns = json_i64(e, "injected_ns", t);
	} else if (!strcmp(state, "effective")) {
		f->effective++;
		t = json_i64(e, "effective_ns", t);
		if (!f->effective_ns)
			f->effective_ns = t;
		if (t > f->everywhere_ns)
			f->everywhere_ns = t;
		f->unproven = f->unproven || !cJSON_GetArraySize(json_get(e, "evidence"));
		add_new(&f->evidence, json_get(e, "evidence"));
	} else if (!strcmp(state, "no-effect")) {
		f->no_effect = true;
		add_new(&f->evidence, json_get(e, "evidence"));
	} else if (!strcmp(state, "healing")) {
		if (!f->healing_ns)
			f->healing_ns = t;
	} else if (!strcmp(state, "healed")) {
		f->healed_ns = json_i64(e, "healed_ns", t);
		f->undone = true;
		add_new(&f->undo, json_get(e, "evidence"));
	} else if (!strcmp(state, "heal-failed")) {
		f->undone = false;
		add_new(&f->undo, json_get(e, "evidence"));
	}
}

/* Later events of a fault may leave out what an earlier one said. */
static void read_fault(struct reading *r, const cJSON *e)
{
	struct fault_record *f = record(r, json_str(e, "id", json_str(e, "fault", "?")));
	const cJSON *params = json_get(e, "params");

	f->name = json_str(e, "fault", f->name);
	f->how = json_str(e, "how", json_str(params, "how", f->how));
	if (params)
		f->params = params;
	read_targets(r->ev, f, json_get(e, "targets"), !strcmp(json_str(e, "state", ""), "effective"));
	f->silences = json_bool(e, "silences", false);
	f->state = text(e, "state");
	note_state(f, e);
}

static const struct {
	const char *kind;
	void (*read)(struct reading *r, const cJSON *e);
} kinds[] = {
	{"sample", read_sample}, {"witness", read_sample}, {"object", read_object}, {"log", read_log},
	{"job", read_job},
	{"phase", read_phase},   {"group", read_group},    {"noise", read_noise},   {"fault", read_fault},
	{"load", read_told},     {"history", read_whole},  {"adapt", read_adapted},
};

/* What broke around the scenarios spoils those that were not over: the line of
 * one that was is out already. In the order of writing. */
static void read_run(struct evidence *ev, const cJSON *events)
{
	bool over = false, ran = false;
	const cJSON *e;
	int64_t real;

	cJSON_ArrayForEach(e, events) {
		int64_t s = json_i64(e, "s", -1);

		if (s >= 0 && s != ev->scenario)
			continue;
		over = over || (s >= 0 && event_is(e, "phase") && !strcmp(text(e, "phase"), "done"));
		if (s < 0 && event_is(e, "end"))
			ev->end_ns = event_t(e);
		ev->over = ev->over || over || ev->end_ns;
		if (event_is(e, "broken") && (s >= 0 || !over) && !ev->broken) {
			ev->broken = true;
			ev->broken_where = text(e, "where");
			ev->broken_what = json_str(e, "what", "the harness failed");
		} else if (event_is(e, "interrupt")) {
			ev->interrupted = true;
		} else if (event_is(e, "run")) {
			if (!ran) {
				evidence_run(ev, e);
				if (ev->scenario < 0)
					ev->begin_ns = event_t(e);
			}
			ran = true;
			if (!ev->has_wall && !clock_parse_rfc3339(text(e, "started"), &real)) {
				ev->has_wall = true;
				ev->wall_ns = real - event_t(e);
			}
		}
	}
}

struct timed {
	int64_t t;
	size_t order; /* qsort is not stable */
	const cJSON *event;
};

static int by_time(const void *a, const void *b)
{
	const struct timed *x = a, *y = b;

	if (x->t != y->t)
		return x->t < y->t ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static struct timed *in_order(const cJSON *events, int scenario, size_t *n)
{
	struct timed *v = NULL;
	size_t alloc = 0;
	const cJSON *e;

	*n = 0;
	cJSON_ArrayForEach(e, events) {
		struct timed *x;

		if (json_i64(e, "s", -1) != scenario)
			continue;
		x = VEC_PUSH(v, *n, alloc);
		*x = (struct timed){event_t(e), *n, e};
	}
	if (*n)
		qsort(v, *n, sizeof(*v), by_time);
	return v;
}

/* Which member an address was is known once all changes of pods are. */
static void finish_final(struct evidence *ev)
{
	for (size_t i = 0; ev->final && i < ev->final->nanswerers; i++) {
		struct answerer *a = &ev->final->answerers[i];

		if (!*a->member)
			a->member = evidence_member_at(ev, a->address, ev->final->t_ns);
	}
	for (size_t i = 0; i < ev->nphases; i++)
		if (!strcmp(ev->phases[i].phase, "unsettled"))
			ev->unsettled = ev->phases[i].detail;
}

/* Each agent tells of its own part, and there is one on each target's node, unless
 * one tells of all. */
static bool everywhere(const struct fault_record *f)
{
	int nodes = 0;
	size_t k;

	for (size_t i = 0; i < f->ntargets; i++) {
		for (k = 0; k < i && strcmp(f->targets[k].node, f->targets[i].node); k++)
			;
		nodes += k == i && *f->targets[i].node && !f->does.told_at_once;
	}
	for (size_t i = 0; i < f->ntargets && f->effective; i++)
		if (!f->targets[i].bit)
			return false;
	return f->effective_ns && !f->no_effect && f->effective >= f->injecting &&
	       f->effective >= nodes;
}

static void finish_faults(struct reading *r)
{
	for (size_t i = 0; i < r->ev->nfaults; i++) {
		struct fault_record *f = &r->ev->faults[i];

		if (!f->injected_ns)
			f->injected_ns = f->effective_ns;
		r->effects(f->name, f->params, &f->does);
		f->bites = everywhere(f);
	}
}

void evidence_make(const cJSON *events, int scenario, effects_fn *effects, struct evidence *ev)
{
	struct reading r = {.ev = ev, .effects = effects};
	struct timed *v;
	size_t n;

	memset(ev, 0, sizeof(*ev));
	ev->scenario = scenario;
	ev->broken_where = ev->broken_what = ev->mix = "";
	evidence_run(ev, NULL);
	v = in_order(events, scenario, &n);
	for (size_t i = 0; i < n; i++) {
		evidence_told(ev, v[i].event);
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
			if (event_is(v[i].event, kinds[k].kind))
				kinds[k].read(&r, v[i].event);
	}
	if (n) {
		ev->first_ns = v[0].t;
		ev->last_ns = v[n - 1].t;
	}
	free(v);
	read_run(ev, events);
	evidence_clock(ev);
	finish_faults(&r);
	finish_final(ev);
	evidence_outvoted(ev);
}

void evidence_free(struct evidence *ev)
{
	for (size_t i = 0; i < ev->nfaults; i++) {
		free(ev->faults[i].evidence.v);
		free(ev->faults[i].undo.v);
	}
	free(ev->samples);
	free(ev->pods);
	free(ev->endpoints);
	free(ev->logs);
	free(ev->jobs);
	free(ev->adapted);
	free(ev->phases);
	free(ev->groups);
	free(ev->noise);
	free(ev->told);
	free(ev->whole);
	free(ev->members);
	free(ev->faults);
	arena_free(&ev->arena);
	memset(ev, 0, sizeof(*ev));
}
