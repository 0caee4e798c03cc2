#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "check/check.h"
#include "measure/measure.h"

/* Nothing that was acknowledged may be missing at the end, nothing that was
 * refused may be there, nothing may be there twice, and what each register holds
 * must come after every write of it that was acknowledged. */

enum { WITNESS_MAX = 20 };

static void witness_lost(const struct measured *m, cJSON *w)
{
	size_t i;

	for (i = 0; i < m->loss.n && i < WITNESS_MAX; i++) {
		const struct lost_write *l = &m->loss.writes[i];
		char name[LOST_WRITE_NAME_MAX];

		json_pushf(w, "%s, acknowledged to client %u at %.3f s%s%s, is %s%s%s", lost_write_name(l, name),
			   l->process, in_s(l->t_return - m->begin_ns), *l->via ? " by " : "", l->via,
			   l->f == OP_INSERT || l->f == OP_SEND ? "not there" : "not in the past of what is there",
			   l->cause ? ": " : "", loss_cause_name(l->cause));
	}
	if (m->loss.n > WITNESS_MAX)
		json_pushf(w, "and %zu more", m->loss.n - WITNESS_MAX);
}

/* All that is wrong is explained by lines that nothing counts. */
static bool only_unsent(const struct evidence *ev, const struct loss *l)
{
	return l->unsent && !evidence_counts_ops(ev) && !l->lost && !l->duplicate &&
	       l->phantom == l->unsent;
}

static void check(const struct history *h, const struct evidence *ev, const struct measured *m,
		  const struct check_budget *budget, struct check_result *out)
{
	const struct loss *l = &m->loss;
	const cJSON *s;

	(void)h, (void)budget; /* all of it is measured already */
	memset(out, 0, sizeof(*out));
	out->verdict = VERDICT_UNKNOWN;
	if (!l->acked) {
		snprintf(out->why, sizeof(out->why), "no %s was acknowledged", l->of);
	} else if (!l->known) {
		snprintf(out->why, sizeof(out->why), "%s", l->why_unknown);
	} else if (only_unsent(ev, l)) {
		snprintf(out->why, sizeof(out->why), "no operation in the history sent %lld of the values that are there, "
			 "and nothing counts its lines: some may be missing", (long long)l->unsent);
	} else if (l->lost || l->phantom || l->duplicate) {
		out->verdict = VERDICT_FAIL;
		snprintf(
			out->why, sizeof(out->why),
			"of %lld acknowledged %ss %s%lld are lost, %lld of them to registers; %lld refused ones are "
			"there, %lld are there twice; %lld registers went back or hold what nobody wrote",
			(long long)l->acked, l->of, l->maybe_lost ? "at least " : "",
			(long long)l->lost, (long long)l->lost_register_writes,
			(long long)l->phantom, (long long)l->duplicate,
			(long long)l->odd_registers);
		out->witness = cJSON_CreateArray();
		witness_lost(m, out->witness);
		cJSON_ArrayForEach(s, l->odd)
			json_push(out->witness, cJSON_Duplicate(s, true));
	} else if (l->maybe_lost) {
		snprintf(out->why, sizeof(out->why), "what became of %lld of %lld acknowledged %ss is not known",
			 (long long)l->maybe_lost, (long long)l->acked, l->of);
	} else if (l->once_untold) {
		snprintf(out->why, sizeof(out->why), "the final read does not tell which inserts are there twice");
	} else {
		out->verdict = VERDICT_PASS;
		snprintf(out->why, sizeof(out->why), "none of %lld acknowledged %ss is lost", (long long)l->acked,
			 l->of);
	}
}

extern const struct checker_ops checker_lost_writes;
const struct checker_ops checker_lost_writes = {
	.name = "lost_writes",
	.breach = "breaks the rules: writes were lost, or are there without right",
	.summary = "every acknowledged write is there at the end, or properly overwritten; none is twice, no refused one is",
	.about = OP_WRITES,
	.final = true,
	.check = check,
};
