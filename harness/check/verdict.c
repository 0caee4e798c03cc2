#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "check/gate.h"

/* From figures to verdicts. Each expectation is first judged by its own
 * evidence (judge_*.c); then the gate says whether that counts (gate.c). */

static void judge(const struct judging *j, enum expect_metric metric, struct judged *r)
{
	static void (*const judges[])(const struct judging *, struct judged *) = {
#define JUDGE(id, name, unit, flags, shows, words, judge) [EXPECT_##id] = judge,
		METRIC_LIST(JUDGE)
#undef JUDGE
	};
	static const char *const units[] = {
		[METRIC_BOOL] = "bool", [METRIC_CHECKER] = "bool", [METRIC_NS] = "ms",
		[METRIC_COUNT] = "count", [METRIC_SHARE] = "%",
	};

	mem_copy_str(r->unit, sizeof(r->unit), units[metric_of(metric)->unit]);
	judges[metric](j, r);
	judge_accepted(j, r);
}

void judge_expectation(const struct gate *g, const struct judging *j, struct judged *r)
{
	const char *name = j->expect->metric;
	enum expect_metric metric;

	mem_copy_str(r->name, sizeof(r->name), j->expect->name);
	r->measured = r->limit = NAN;
	r->verdict = VERDICT_UNKNOWN;
	if (!metric_find(name, &metric)) {
		snprintf(r->why, sizeof(r->why), "no metric is called \"%.60s\"", name);
		return;
	}
	judge(j, metric, r);
	gate_judged(g, j, metric, r);
}

void judge_scenario(const struct history *h, const struct evidence *ev, const struct measured *m,
		    struct judged **out, size_t *n)
{
	const struct script_seen *s = ev->script;
	struct judging j = { h, ev, m, NULL };
	struct gate *g = gate_new(h, ev, m);
	size_t alloc = 0;

	*out = NULL;
	*n = 0;
	for (size_t i = 0; s && i < s->nexpects; i++) {
		j.expect = &s->expects[i];
		judge_expectation(g, &j, VEC_PUSH(*out, *n, alloc));
	}
	gate_free(g);
}

void judged_free(struct judged *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		cJSON_Delete(v[i].detail);
	free(v);
}
