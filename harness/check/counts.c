#include <string.h>

#include "check/gate.h"

/* What a report may say of figures that nobody expects anything of stands on the
 * same evidence as a verdict. So each is put to the gate with an expectation that
 * no figure can hold, and with one that none can miss: where the one still fails,
 * what the figure says happened; where the other still passes, no more than that. */

static bool stays(const struct gate *g, const struct judging *about,
		  const struct expect_seen *expect, enum verdict v)
{
	struct judging j = *about;
	struct judged r;
	bool same;

	memset(&r, 0, sizeof(r));
	j.expect = expect;
	judge_expectation(g, &j, &r);
	same = r.verdict == v;
	cJSON_Delete(r.detail);
	return same;
}

static void count(const struct gate *g, const struct judging *j, enum expect_metric metric,
		  const char *fault, bool broken, struct measured_counts *out)
{
	const struct metric *x = metric_of(metric);
	struct expect_seen none = {.name = x->name, .metric = x->name, .checker = "", .fault = fault,
				   .run = "", .object = "", .reason = "", .setting = "",
				   .setting_value = "", .want = true};
	struct expect_seen any = none;

	if (x->unit != METRIC_NS && x->unit != METRIC_COUNT)
		return;
	none.has_at_most = any.has_at_least = any.unmissable = true;
	none.at_most = -1;
	out->of[metric].there = stays(g, j, &none, VERDICT_FAIL);
	out->of[metric].absent = !broken && stays(g, j, &any, VERDICT_PASS);
}

void judge_counts(const struct history *h, const struct evidence *ev, const struct measured *m,
		  struct measured_counts *out, struct measured_counts *of_fault)
{
	static const enum expect_metric of_one[] = {EXPECT_OUTAGE, EXPECT_LOST, EXPECT_RECOVERY};
	/* What broke the harness undoes no harm; that there was none, nobody knows then. */
	struct measured whole = *m;
	struct gate *g = gate_new(h, ev, &whole);
	const struct judging j = {h, ev, &whole, NULL};

	whole.broken = false;
	memset(out, 0, sizeof(*out));
	for (int i = 0; i < METRICS; i++)
		count(g, &j, (enum expect_metric)i, NULL, m->broken, out);
	for (size_t f = 0; f < m->nfaults; f++)
		for (size_t i = 0; i < ARRAY_LEN(of_one); i++)
			count(g, &j, of_one[i], m->faults[f].rec->id, m->broken, &of_fault[f]);
	gate_free(g);
}
