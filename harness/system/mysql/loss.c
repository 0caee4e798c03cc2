#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/mysql/gtid.h"
#include "system/mysql/log.h"
#include "system/mysql/model.h"
#include "system/why.h"

/* Why an acknowledged write is not there: by its own name, the GTID that came with its
 * acknowledgement, in the sets that the members told. A commit that a semi-synchronous
 * primary acknowledged is on a replica at least, unless it had fallen back to asynchronous
 * before, of which its client heard nothing (MySQL Reference Manual, "Semisynchronous
 * Replication"). */

/* When semi-synchronous replication of one member was last switched off, and on or anew
 * with its process, by its log, of which only an end is kept; 0: it does not tell. */
struct moments {
	const char *member;
	int64_t off, on;
};

static bool is(const struct log_line *line, const char *code)
{
	return memmem(line->text, line->len < 80 ? line->len : 80, code, strlen(code));
}

/* MY-011153 timed out, MY-011155 off, MY-011156 on, MY-010116 a process starts. There may be
 * thousands of lost writes: all other lines are passed over quickly. */
static bool stamp_semi_sync(struct log_line *line)
{
	return (is(line, "[MY-01115") || is(line, "[MY-010116]")) && my_log_stamp(line);
}

static bool note(void *arg, const struct log_line *line)
{
	struct moments *m = arg;
	int64_t *which = is(line, "[MY-011156]") || is(line, "[MY-010116]") ? &m->on :
			 is(line, "[MY-011155]") || is(line, "[MY-011153]") ? &m->off : NULL;

	if (which && !strcmp(line->member, m->member) && line->t_ns > *which)
		*which = line->t_ns;
	return false;
}

/* The instant at which it fell back last without having caught up by t_ns; 0: none. */
static int64_t fell_back(const struct evidence *ev, const char *by, int64_t t_ns)
{
	struct moments m = {.member = by};

	evidence_log_each(ev, stamp_semi_sync, INT64_MIN, t_ns, note, &m);
	return m.off > m.on ? m.off : 0;
}

/* Since when it had answered, up to t_ns, that it waits for nobody. */
static int64_t seen_off(const struct evidence *ev, const char *by, int64_t t_ns)
{
	int64_t since = t_ns;

	for (size_t i = evidence_answers_from(ev, t_ns + 1); i > 0; i--) {
		const struct sample *s = &ev->samples[i - 1];

		if (!s->ok || strcmp(s->member, by))
			continue;
		if (json_bool(json_get(s->extra, "semi"), "on", true))
			break;
		since = s->t_ns;
	}
	return since;
}

/* The first answer of `by` to what it was asked after t_ns. */
static const struct sample *asked_after(const struct evidence *ev, const char *by, int64_t t_ns)
{
	for (size_t i = evidence_answers_from(ev, t_ns); i < ev->nsamples; i++)
		if (ev->samples[i].ok && !strcmp(ev->samples[i].member, by) &&
		    sample_asked(&ev->samples[i]) >= t_ns)
			return &ev->samples[i];
	return NULL;
}

/* An answer to whether it waits. */
enum waits { UNASKED, OTHERWISE, NOT_TOLD_TO, OFF, ON };

static enum waits waits(const struct sample *s)
{
	const cJSON *semi = s ? json_get(s->extra, "semi") : NULL;

	if (!s)
		return UNASKED;
	if (json_get(s->extra, "group"))
		return OTHERWISE;
	return !semi ? NOT_TOLD_TO : json_bool(semi, "on", false) ? ON : OFF;
}

static const char *word(enum waits w)
{
	return w == ON ? "on" : w == OFF ? "off" : "not in use";
}

/* How often a source has switched it off; -1: it does not tell. */
static int64_t times_off(const struct sample *s)
{
	return json_i64(json_get(s->extra, "semi"), "no", -1);
}

static bool one_process(const struct evidence *ev, const struct sample *a, const struct sample *b)
{
	return sample_tells_process(a) && sample_tells_process(b) &&
	       !evidence_new_process(ev, a->member, a->t_ns, b->t_ns);
}

/* Nobody saw it: what was seen on both sides. */
static void add_sides(const struct evidence *ev, const struct op *op, const struct sample *was,
		      const struct sample *then, char *why)
{
	why_add(why, "; whether semi-synchronous replication was on nobody saw: ");
	if (was)
		why_add(why, "%s %.1f s before it was acknowledged", word(waits(was)),
			in_s(op->t_return - was->t_ns));
	else
		why_add(why, "no answer before it was acknowledged");
	if (!then) {
		why_add(why, ", and no answer after it");
		return;
	}
	why_add(why, ", %s %.1f s after it",
		was && !one_process(ev, was, then) ? "another process" : word(waits(then)),
		in_s(then->t_ns - op->t_return));
	if (was && waits(was) == waits(then) && times_off(was) >= 0 &&
	    times_off(was) < times_off(then))
		why_add(why, ", and %s in between", waits(was) == ON ? "off" : "on");
}

static bool in_force(const struct evidence *ev, const char *name, const char *value)
{
	const struct setting_seen *s = setting_find(ev->inforce, name);

	return s && s->value && !strcmp(s->value, value);
}

/* What the acknowledgement of `by` was worth. It was on from one answer to the next where both
 * say so and it was not switched off meanwhile, which each time is counted (plugin/semisync,
 * semisync_source.cc: switch_off()), and off likewise; else its log tells, where that is
 * there from before until after. */
static void add_semi_sync(const struct evidence *ev, const struct op *op, const char *by, char *why)
{
	const struct sample *was = evidence_answer(ev, by, op->t_invoke);
	const struct sample *then = asked_after(ev, by, op->t_return);
	enum waits before = waits(was), after = waits(then);
	bool same = was && before == after && one_process(ev, was, then) &&
		    times_off(was) == times_off(then);
	int64_t off = fell_back(ev, by, op->t_return);

	if (before == OTHERWISE || after == OTHERWISE || in_force(ev, "failover", "group-replication"))
		return;
	if (in_force(ev, "semi_sync", "off") || (same && before == NOT_TOLD_TO))
		why_add(why, "; replication was asynchronous");
	else if (same && before == ON && times_off(was) >= 0)
		why_add(why, "; semi-synchronous replication was on, by its answers before and after it: a replica had acknowledged it");
	else if (off || (same && before == OFF && times_off(was) >= 0))
		why_add(why, "; semi-synchronous replication had fallen back to asynchronous %s%.1f s before it was acknowledged (%s)",
			off ? "" : "at least ", in_s(op->t_return - (off ? off : seen_off(ev, by, was->t_ns))),
			off ? "MY-011153, MY-011155 in its log" : "by its answers");
	else if (before == ON && my_log_spans(ev, by, was->t_ns, op->t_return))
		why_add(why, "; semi-synchronous replication was on, by its log: a replica had acknowledged it");
	else
		add_sides(ev, op, was, then, why);
}

static bool has(const struct sample *s, const struct gtid_set *tx)
{
	struct gtid_set all;
	bool in = false;

	if (gtid_parse(json_str(s->extra, "executed", ""), &all)) {
		in = gtid_within(tx, &all);
		gtid_free(&all);
	}
	return in;
}

static bool was_cut_off(const struct fault_record *fault, const char *by, int64_t t_ns)
{
	return fault && fault_does(fault, EFFECT_CUT_OFF) && fault_on(fault, t_ns) &&
	       fault_hits(fault, by);
}

static enum loss_cause why_lost(const struct evidence *ev, const struct op *op,
				const struct fault_record *fault, const struct gtid_set *tx,
				const char *by, char *why)
{
	int64_t from =
		fault && fault->injected_ns > op->t_return ? fault->injected_ns : op->t_return;
	const struct sample *then = evidence_leader(ev, 0, op->t_invoke), *next, *again;

	if (was_cut_off(fault, by, op->t_return) || (then && strcmp(then->member, by))) {
		why_say(why, "%s acknowledged it as %s, %s", by, op->tx, was_cut_off(fault, by, op->t_return) ?
			"while it was cut off" : "when another was primary already");
		add_semi_sync(ev, op, by, why);
		return LOSS_MINORITY;
	}
	next = evidence_next_leader(ev, 0, from, by);
	again = evidence_new_process(ev, by, op->t_return, next ? next->t_ns : INT64_MAX);
	if (again && again->ok && !has(again, tx)) {
		why_say(why, "%s acknowledged it as %s, and did not have it any more when it had restarted%s", by, op->tx,
			fault && fault_does(fault, EFFECT_STORAGE_EMPTY) && fault_hits(fault, by) ? " on an empty volume" : "");
		return LOSS_RESTART;
	}
	if (!next || has(next, tx))
		return LOSS_UNKNOWN;
	why_say(why, "%s acknowledged it as %s, and %s became primary without it", by, op->tx, next->member);
	add_semi_sync(ev, op, by, why);
	return LOSS_NOT_REPLICATED;
}

enum loss_cause mysql_loss_cause(const struct evidence *ev, const struct op *op,
				 const struct fault_record *fault, char *why)
{
	const char *by = evidence_member_at(ev, op->via, op->t_return);
	enum loss_cause cause = LOSS_UNKNOWN;
	struct gtid_set tx;

	if (!*by || !*op->tx || !gtid_parse(op->tx, &tx))
		return LOSS_UNKNOWN;
	if (tx.n)
		cause = why_lost(ev, op, fault, &tx, by, why);
	gtid_free(&tx);
	return cause;
}
