/* Whether a scenario's operations are all that happened. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/block.h"
#include "history/evidence.h"

/* How exact the beginning and the end of a load are told. */
#define SLACK_NS NS_PER_S
/* A load ends after "settle" began, so its last operation is not long before;
 * some seconds where a history was written by others, as those without blocks may be. */
#define ENDS_BEFORE_NS (5 * NS_PER_S)

struct seen_ops {
	const struct history *h;
	size_t n, before, after; /* those called before the load began, after it had ended */
	int64_t first_call, last_call, last_return;
};

enum { EVERY_GROUP = -1 };

static void look(const struct history *h, const struct evidence *ev, int64_t begin_ns,
		 int64_t end_ns, int64_t group, struct seen_ops *out)
{
	*out = (struct seen_ops){
		.h = h, .first_call = INT64_MAX, .last_call = INT64_MIN, .last_return = INT64_MIN};
	for (size_t i = 0; i < h->n; i++) {
		const struct op *op = &h->ops[i];

		if (op->scenario != (uint32_t)ev->scenario ||
		    (group != EVERY_GROUP && op->group != group))
			continue;
		out->n++;
		out->before += begin_ns && op->t_invoke < begin_ns - SLACK_NS;
		out->after += end_ns && op->t_invoke > end_ns + SLACK_NS;
		if (op->t_invoke < out->first_call)
			out->first_call = op->t_invoke;
		if (op->t_invoke > out->last_call)
			out->last_call = op->t_invoke;
		if (op->t_return > out->last_return)
			out->last_return = op->t_return;
	}
}

/* ---- by the blocks ---- */

static const struct stream *stream_of(const struct history *h, const struct evidence *ev,
				      uint32_t group)
{
	for (size_t i = 0; i < h->nstreams; i++)
		if (h->streams[i].scenario == (uint32_t)ev->scenario &&
		    h->streams[i].group == group)
			return &h->streams[i];
	return NULL;
}

static const char *whose(uint32_t group)
{
	return group ? "the load agent beside the others" : "the load agent";
}

static const char *stream_lacks(struct evidence *ev, const struct history *h, uint32_t group)
{
	const struct stream *s = stream_of(h, ev, group);
	const struct whole_seen *told = NULL;

	for (size_t i = 0; i < ev->nwhole; i++)
		if (ev->whole[i].group == group)
			told = &ev->whole[i];
	if (!told)
		return arena_fmt(&ev->arena, "what %s recorded was not fetched to its end, so operations are missing",
				 whose(group));
	if (!s || s->ops < told->ops)
		return arena_fmt(&ev->arena, "history.jsonl has %" PRId64 " of the %" PRId64 " operations that %s recorded",
				 s ? s->ops : 0, told->ops, whose(group));
	if (s->ops > told->ops || s->sum != told->sum)
		return arena_fmt(&ev->arena, "history.jsonl is not this run's: it does not hold what %s recorded",
				 whose(group));
	return NULL;
}

static const char *blocks_lack(struct evidence *ev, const struct history *h)
{
	const char *why = stream_lacks(ev, h, 0);

	for (size_t i = 0; i < ev->ngroups && !why; i++)
		why = stream_lacks(ev, h, ev->groups[i].number);
	for (size_t i = 0; i < h->nstreams && !why; i++)
		if (h->streams[i].scenario == (uint32_t)ev->scenario && h->streams[i].group &&
		    !evidence_group(ev, h->streams[i].group))
			why = arena_fmt(&ev->arena, "where the clients of group %" PRIu32 " stood nothing tells",
					h->streams[i].group);
	if (!why && ev->load.minority && !ev->ngroups)
		why = "some of its clients stood elsewhere than the others, and nothing tells where";
	if (!why && h->loose)
		why = arena_fmt(&ev->arena, "no checksum covers the last %" PRId64 " operations of history.jsonl", h->loose);
	return why;
}

/* ---- by what the agents counted ---- */

static const char *counts_lack(struct evidence *ev, const struct history *h)
{
	for (size_t i = 0; i < ev->ntold; i++) {
		const struct load_told *t = &ev->told[i];
		int64_t lines = 0;

		for (size_t k = 0; k < h->n; k++)
			lines += h->ops[k].scenario == (uint32_t)ev->scenario &&
				 h->ops[k].group == t->group;
		if (t->ops != lines)
			return arena_fmt(&ev->arena, "%s did %" PRId64 " operations, and history.jsonl has %" PRId64
					 " of them", whose(t->group), t->ops, lines);
	}
	return NULL;
}

bool evidence_counts_ops(const struct evidence *ev)
{
	return ev->nwhole || ev->ntold || ev->scheduled;
}

/* ---- by the schedule ---- */

/* How exact an operation's intended time is written. */
#define TICK_NS 2

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* When this group's operations were due, ascending, from the heap: ev->load's clock has one
 * due each 1/rate. */
static int64_t *due_of(const struct history *h, const struct evidence *ev, uint32_t group,
		       size_t *n)
{
	int64_t *due = mem_alloc((h->n + 1) * sizeof(*due));

	*n = 0;
	for (size_t i = 0; i < h->n; i++)
		if (h->ops[i].scenario == (uint32_t)ev->scenario && h->ops[i].group == group)
			due[(*n)++] = h->ops[i].t_intended;
	if (*n)
		qsort(due, *n, sizeof(*due), by_number);
	return due;
}

static bool is_tick(int64_t due, int64_t first, double number, double step)
{
	double off = (double)(due - first) - number * step;

	return off <= TICK_NS && off >= -TICK_NS;
}

/* Whether this group's operations were due one by one without a hole, `rate` a second,
 * from the load's begin until the system was left to settle. */
static bool one_by_one(const struct history *h, const struct evidence *ev, uint32_t group,
		       double rate)
{
	int64_t begun = evidence_phase(ev, "load"), until = evidence_phase(ev, "settle");
	double step = rate > 0 ? 1e9 / rate : 0;
	size_t n;
	int64_t *due = due_of(h, ev, group, &n);
	bool r = n && step > 0 && begun && until && due[0] - begun <= SLACK_NS &&
		 due[n - 1] >= until;

	for (size_t i = 1; i < n && r; i++)
		r = is_tick(due[i], due[0], (double)i, step);
	free(due);
	return r;
}

/* Where nothing counts lines, so many in a row may be a time in which none were made. */
enum { NONE_MADE = 10 };

/* How many of this group's operations are not there though others were due before and after
 * them. 0 as well when they were not due by a clock of this rate, one by one: all of them
 * have to be on its ticks, and, where nothing counts lines, on most of these. */
static int64_t holes(const struct history *h, const struct evidence *ev, uint32_t group,
		     double rate, bool blocks)
{
	double step = rate > 0 ? 1e9 / rate : 0;
	int64_t number = 0, last = 0, there = 1, out = 0;
	size_t n;
	int64_t *due = due_of(h, ev, group, &n);
	bool ticks = n && step > 4 * TICK_NS;

	for (size_t i = 1; i < n && ticks; i++) {
		number = (int64_t)((double)(due[i] - due[0]) / step + 0.5);
		ticks = is_tick(due[i], due[0], (double)number, step);
		there += number != last;
		if (number > last + 1 && (blocks || number - last - 1 < NONE_MADE))
			out += number - last - 1;
		last = number;
	}
	free(due);
	return ticks && (blocks || 2 * there > number) ? out : 0;
}

/* Older runs' operations were due by a clock, so that none is missing
 * shows. A history of which nothing tells a load is another tool's,
 * and all that it gives. */
static bool scheduled(const struct history *h, const struct evidence *ev)
{
	double rate = ev->load.rate;
	bool given = rate <= 0;

	for (size_t i = 0; i < h->n && given; i++)
		given = h->ops[i].scenario != (uint32_t)ev->scenario ||
			h->ops[i].t_intended == h->ops[i].t_invoke;
	if (given)
		return true;
	for (size_t i = 0; i < ev->ngroups; i++) {
		if (!one_by_one(h, ev, ev->groups[i].number, ev->groups[i].rate))
			return false;
		rate -= ev->groups[i].rate;
	}
	return one_by_one(h, ev, 0, rate);
}

static int64_t all_holes(const struct history *h, const struct evidence *ev, bool blocks)
{
	double rate = ev->load.rate;
	int64_t all = 0;

	for (size_t i = 0; i < ev->ngroups; i++) {
		all += holes(h, ev, ev->groups[i].number, ev->groups[i].rate, blocks);
		rate -= ev->groups[i].rate;
	}
	return all + holes(h, ev, 0, rate, blocks);
}

/* Of a run that counts its operations: of each that is due it writes a line. */
static const char *schedule_lacks(struct evidence *ev)
{
	if (!ev->holes)
		return NULL;
	return arena_fmt(&ev->arena, "%" PRId64 " operations that were due by the load's rate are not in history.jsonl",
			 ev->holes);
}

/* ---- by the times ---- */

/* So long after a load's last operation its end may be told, where that is told as exactly
 * as `exact_ns`: what was still waiting for a client then stands in no line. */
static int64_t limit(const struct evidence *ev, int64_t exact_ns)
{
	int64_t deadline = ev->load.deadline_ns;
	int64_t ns = exact_ns + (deadline ? deadline : load_spec_defaults.deadline_ns);

	return ev->load.rate > 0 ? ns + (int64_t)(3e9 / ev->load.rate) : ns;
}

static int64_t ends_within(const struct evidence *ev)
{
	return limit(ev, ev->run.format >= BLOCKS_FORMAT ? SLACK_NS : ENDS_BEFORE_NS);
}

/* An agent may take its time to begin. */
static int64_t begins_within(const struct evidence *ev)
{
	return limit(ev, ENDS_BEFORE_NS);
}

static const char *times_lack(struct evidence *ev, const struct seen_ops *o)
{
	int64_t begun = evidence_phase(ev, "load"), until = evidence_phase(ev, "settle");
	double short_s = (double)(until - o->last_return) / 1e9;

	/* A load is as open as its scenario's events, where they do not go past it. */
	bool past = until || ev->final;

	if (o->last_return < ev->first_ns || (past && o->first_call > ev->last_ns))
		return "all operations lie outside of the time that the events tell of: their times are of "
		       "another clock, or of another run";
	if (begun && o->first_call - begun > begins_within(ev))
		return arena_fmt(&ev->arena, "history.jsonl begins %.1f s after the load did: operations are missing",
				 (double)(o->first_call - begun) / 1e9);
	if (until && until - o->last_return > ends_within(ev))
		return arena_fmt(&ev->arena, "history.jsonl ends %.1f s before the system was left to settle, and the "
				 "load went on until then: operations are missing", short_s);
	if (o->before || o->after)
		return arena_fmt(&ev->arena, "%zu of %zu operations were called %s: their times are of another "
				 "clock, or of another run", o->before + o->after, o->n,
				 o->before ? "before the load began" : "after it had ended");
	return NULL;
}

/* The same of those clients alone who stand elsewhere: all are sent for to the end. */
static const char *group_lacks(struct evidence *ev, const struct history *h, uint32_t group)
{
	int64_t begun = evidence_phase(ev, "load"), until = evidence_phase(ev, "settle");
	struct seen_ops o;

	look(h, ev, 0, 0, group, &o);
	if (!o.n)
		return arena_fmt(&ev->arena, "history.jsonl has no operation of %s", whose(group));
	if (begun && o.first_call - begun > begins_within(ev))
		return arena_fmt(&ev->arena, "history.jsonl has nothing of %s until %.1f s after the load began: operations "
				 "are missing", whose(group), (double)(o.first_call - begun) / 1e9);
	if (until && until - o.last_return > ends_within(ev))
		return arena_fmt(&ev->arena, "history.jsonl has nothing of %s from %.1f s before the system was left to "
				 "settle, and the load went on until then: operations are missing", whose(group),
				 (double)(until - o.last_return) / 1e9);
	return NULL;
}

static const char *groups_lack(struct evidence *ev, const struct history *h)
{
	const char *why = ev->ngroups ? group_lacks(ev, h, 0) : NULL;

	for (size_t i = 0; i < ev->ngroups && !why; i++)
		why = group_lacks(ev, h, ev->groups[i].number);
	return why;
}

static int64_t load_began(const struct evidence *ev)
{
	int64_t load = evidence_phase(ev, "load");

	return load ? load : ev->stands && ev->stands->ok ? ev->stands->t_ns : 0;
}

/* Whether there should be operations at all. */
static bool loaded(const struct evidence *ev, bool blocks)
{
	if (blocks)
		return evidence_phase(ev, "load") != 0;
	return !ev->unsupported && !(ev->stands && !ev->stands->ok);
}

/* ---- by the names of transactions ---- */

static int by_tx(const void *a, const void *b)
{
	const struct op *x = *(const struct op *const *)a, *y = *(const struct op *const *)b;
	int c = strcmp(x->tx, y->tx);

	return c ? c : (x->t_invoke > y->t_invoke) - (x->t_invoke < y->t_invoke);
}

/* Whether who named both may have lost, between them, what bore the name first: it was not
 * the same process all along, or not the same server. */
static bool named_anew(const struct evidence *ev, const struct op *a, const struct op *b)
{
	const char *who = evidence_member_at(ev, a->via, a->t_return);
	bool recreated;

	if (strcmp(a->via, b->via))
		return true;
	who = *who ? who : a->via;
	for (size_t i = 0; i < ev->nfaults; i++) {
		const struct fault_record *f = &ev->faults[i];

		if (f->injected_ns && f->injected_ns <= b->t_return &&
		    (!*who || fault_hits(f, who)))
			return true;
	}
	return evidence_new_process(ev, who, a->t_invoke, b->t_return) ||
	       evidence_pod_restarted(ev, who, a->t_invoke, b->t_return, &recreated);
}

/* Each write is a transaction of its own (HISTORY.md), so that one name for two shows that a
 * line is not what was written. */
static const char *names_clash(struct evidence *ev, const struct history *h)
{
	const struct op **v = mem_alloc((h->n + 1) * sizeof(struct op *));
	const char *why = NULL;
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		if (h->ops[i].scenario == (uint32_t)ev->scenario && h->ops[i].tx && *h->ops[i].tx &&
		    op_acked_write(&h->ops[i]))
			v[n++] = &h->ops[i];
	if (n)
		qsort(v, n, sizeof(struct op *), by_tx);
	for (size_t i = 1; i < n && !why; i++)
		if (!strcmp(v[i - 1]->tx, v[i]->tx) && !named_anew(ev, v[i - 1], v[i]))
			why = arena_fmt(&ev->arena, "lines %d and %d of history.jsonl are two acknowledged writes in one "
					"transaction, %s", v[i - 1]->line, v[i]->line, v[i]->tx);
	free(v);
	return why;
}

/* ---- what the operations tell of the events ---- */

/* Where writes are of parts, a primary that does not say of which may be of any. */
static void parts_tell(struct evidence *ev, const struct history *h)
{
	bool parts = false;

	for (size_t i = 0; i < h->n && !parts; i++)
		parts = h->ops[i].scenario == (uint32_t)ev->scenario && h->ops[i].shard;
	for (size_t i = 0; i < ev->nsamples && !parts; i++)
		parts = ev->samples[i].shards;
	for (size_t i = 0; i < ev->nsamples && parts; i++)
		if (sample_leads(&ev->samples[i]) && !ev->samples[i].shards) {
			ev->samples[i].writable = false;
			ev->samples[i].writable_untold = true;
		}
}

void evidence_weigh(struct evidence *ev, const struct history *h)
{
	bool blocks = ev->run.format >= BLOCKS_FORMAT;
	struct seen_ops o;

	parts_tell(ev, h);
	look(h, ev, load_began(ev), evidence_phase(ev, "final"), EVERY_GROUP, &o);
	ev->incomplete = NULL;
	ev->scheduled = scheduled(h, ev);
	ev->holes = all_holes(h, ev, blocks);
	if (!o.n && !loaded(ev, blocks))
		return;
	if (!o.n)
		ev->incomplete = "history.jsonl has no operation of this scenario: it is missing, empty or another run's";
	else if (h->torn && h->torn_scenario == (uint32_t)ev->scenario)
		ev->incomplete = arena_fmt(&ev->arena, "line %d of history.jsonl, its last, is torn and was left out: "
					   "operations are missing", h->torn);
	else if (blocks)
		ev->incomplete = blocks_lack(ev, h);
	if (o.n && !ev->incomplete)
		ev->incomplete = counts_lack(ev, h);
	if (o.n && !ev->incomplete && blocks)
		ev->incomplete = schedule_lacks(ev);
	if (o.n && !ev->incomplete)
		ev->incomplete = times_lack(ev, &o);
	if (o.n && !ev->incomplete)
		ev->incomplete = groups_lack(ev, h);
	if (o.n && !ev->incomplete)
		ev->incomplete = names_clash(ev, h);
}
