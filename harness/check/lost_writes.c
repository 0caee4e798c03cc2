#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "check/check.h"
#include "measure/measure.h"

/* Nothing that was acknowledged may be missing at the end, nothing that was
 * refused may be there, nothing may be there twice, and each register must
 * hold a value that may have been the last one written. */

enum { WITNESS_MAX = 20 };

static void witness_lost(const struct measured *m, cJSON *w)
{
	size_t i;

	for (i = 0; i < m->loss.n && i < WITNESS_MAX; i++) {
		const struct lost_write *l = &m->loss.writes[i];

		json_pushf(w, "value %lld, acknowledged to client %u at %.3f s%s%s, is not there%s%s",
			   (long long)l->value, l->process,
			   in_s(l->t_return - m->begin_ns),
			   *l->via ? " by " : "", l->via, l->cause ? ": " : "", loss_cause_name(l->cause));
	}
	if (m->loss.n > WITNESS_MAX)
		json_pushf(w, "and %zu more", m->loss.n - WITNESS_MAX);
}

static void check(const struct history *h, const struct evidence *ev, const struct measured *m,
		  const struct check_budget *budget, struct check_result *out)
{
	const struct loss *l = &m->loss;
	const cJSON *s;

	(void)h, (void)ev, (void)budget; /* all of it is measured already */
	memset(out, 0, sizeof(*out));
	out->verdict = VERDICT_UNKNOWN;
	if (!l->acked) {
		snprintf(out->why, sizeof(out->why), "no %s was acknowledged", l->of);
	} else if (!l->known) {
		snprintf(out->why, sizeof(out->why), "no final read was made");
	} else if (l->lost || l->phantom || l->duplicate || l->stale_registers) {
		out->verdict = VERDICT_FAIL;
		snprintf(out->why, sizeof(out->why),
			 "of %lld acknowledged %ss %lld are missing; %lld refused ones are there, %lld are there twice, %lld registers hold a value that was overwritten or never written",
			 (long long)l->acked, l->of, (long long)l->lost, (long long)l->phantom,
			 (long long)l->duplicate, (long long)l->stale_registers);
		out->witness = cJSON_CreateArray();
		witness_lost(m, out->witness);
		cJSON_ArrayForEach(s, l->stale)
			json_push(out->witness, cJSON_Duplicate(s, true));
	} else {
		out->verdict = VERDICT_PASS;
		snprintf(out->why, sizeof(out->why), "all %lld acknowledged %ss are there",
			 (long long)l->acked, l->of);
	}
}

extern const struct checker_ops checker_lost_writes;
const struct checker_ops checker_lost_writes = {
	.name = "lost_writes",
	.summary = "every acknowledged insert or message is there at the end, once; no refused one is",
	.about = OP_BIT(OP_INSERT) | OP_BIT(OP_SEND),
	.final = true,
	.check = check,
};
