#include <string.h>

#include "base/json.h"
#include "check/gate.h"

/* What a report may say of figures that nobody expects anything of stands on the
 * same evidence as a verdict. So each is put to the gate with an expectation that
 * no figure can hold, and with one that none can miss: where the one still fails,
 * what the figure says happened; where the other still passes, no more than that. */

static bool stays(const struct gate *g, const struct judging *about, const char *metric,
		  const char *bound, double limit, enum verdict v)
{
	cJSON *expect = cJSON_CreateObject();
	struct judging j = *about;
	struct judged r;
	bool same;

	memset(&r, 0, sizeof(r));
	json_set_str(expect, "metric", metric);
	json_set_num(expect, bound, limit);
	j.expect = expect;
	judge_expectation(g, &j, &r);
	same = r.verdict == v;
	cJSON_Delete(r.detail);
	cJSON_Delete(expect);
	return same;
}

void judge_counts(const struct history *h, const struct evidence *ev, const struct measured *m,
		  struct measured_counts *out)
{
	/* What broke the harness undoes no harm; that there was none, nobody knows then. */
	struct measured whole = *m;
	struct gate *g = gate_new(h, ev, &whole);
	const struct judging j = {h, ev, &whole, NULL};

	whole.broken = false;
	memset(out, 0, sizeof(*out));
	for (int i = 0; i < METRICS; i++) {
		const struct metric *x = metric_of((enum expect_metric)i);

		if (x->unit != METRIC_NS && x->unit != METRIC_COUNT)
			continue;
		out->of[i].there = stays(g, &j, x->name, "at_most", -1, VERDICT_FAIL);
		out->of[i].absent = !m->broken && stays(g, &j, x->name, "at_least", 0, VERDICT_PASS);
	}
	gate_free(g);
}
