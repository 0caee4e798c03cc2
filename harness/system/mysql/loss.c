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

/* When semi-synchronous replication of one member was last switched off and on by its log, of
 * which only an end is kept; 0: it does not tell. */
struct moments {
	const char *member;
	int64_t off, on;
};

/* MY-011153 timed out, MY-011155 off, MY-011156 on. There may be thousands of lost writes: all
 * other lines are passed over quickly. */
static bool stamp_semi_sync(struct log_line *line)
{
	return memmem(line->text, line->len < 80 ? line->len : 80, "[MY-01115", 9) && my_log_stamp(line);
}

static bool note(void *arg, const struct log_line *line)
{
	struct moments *m = arg;
	int64_t *which = memmem(line->text, line->len, "[MY-011156]", 11) ? &m->on :
			 memmem(line->text, line->len, "[MY-011155]", 11) ||
			 memmem(line->text, line->len, "[MY-011153]", 11) ? &m->off : NULL;

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

/* Since when it had answered, up to t_ns, that it waits for nobody; 0: it had not. */
static int64_t seen_off(const struct evidence *ev, const char *by, int64_t t_ns)
{
	int64_t since = 0;

	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= t_ns; i++) {
		const struct sample *s = &ev->samples[i];
		const cJSON *semi = json_get(s->extra, "semi");

		if (!s->ok || !semi || strcmp(s->member, by))
			continue;
		if (json_bool(semi, "on", false))
			since = 0;
		else if (!since)
			since = s->t_ns;
	}
	return since;
}

/* What the acknowledgement of `by` at t_ns was worth. */
static void add_semi_sync(const struct evidence *ev, const char *by, int64_t t_ns, char *why)
{
	const struct sample *s = evidence_answer(ev, by, t_ns);
	int64_t off, seen;

	if (!s || json_get(s->extra, "group"))
		return;
	if (!json_get(s->extra, "semi")) {
		why_add(why, "; replication was asynchronous");
		return;
	}
	off = fell_back(ev, by, t_ns);
	seen = seen_off(ev, by, t_ns);
	if (off || seen)
		why_add(why, "; semi-synchronous replication had fallen back to asynchronous %s%.1f s before it was acknowledged (%s)",
			off ? "" : "at least ", in_s(t_ns - (off ? off : seen)),
			off ? "MY-011153, MY-011155 in its log" : "by its answers");
	else
		why_add(why, "; semi-synchronous replication was on: another replica than the one that took over had acknowledged it");
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
		add_semi_sync(ev, by, op->t_return, why);
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
	add_semi_sync(ev, by, op->t_return, why);
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
