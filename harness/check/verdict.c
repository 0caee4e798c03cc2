#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "check/judge.h"

/* From figures to verdicts. Each expectation is first judged by its own
 * evidence (judge_*.c); then, whatever it said,
 *   - a broken run (the harness failed, or a fault did not bite) makes it
 *     BROKEN: nothing was put to the test;
 *   - what the engine cannot do makes it SKIP, with the reason;
 *   - a system that never stood leaves all but "stands" UNKNOWN;
 *   - noise beyond the limits, or an interrupt, turns a PASS into UNKNOWN
 *     (that the system stood, it did before the load began);
 *     noise also a FAIL of anything that is a length of time, since a
 *     delayed generator makes times long. Lost data stays lost. */

/* Puts a reason in front of what was found. */
static void overrule(struct judged *r, enum verdict v, const char *because)
{
	char found[sizeof(r->why)];

	mem_copy_str(found, sizeof(found), r->why);
	r->verdict = v;
	snprintf(r->why, sizeof(r->why), "%.380s%s%.200s%s", because, *found ? " (found: " : "", found,
		 *found ? ")" : "");
}

static void gate(const struct judging *j, enum expect_metric metric, struct judged *r)
{
	const struct measured *m = j->m;
	char because[sizeof(r->why)];

	if (m->broken) {
		overrule(r, VERDICT_BROKEN, m->broken_why);
		return;
	}
	if (m->unsupported[0]) {
		r->verdict = VERDICT_SKIP;
		snprintf(r->why, sizeof(r->why), "%s", m->unsupported);
		return;
	}
	if (!m->stands && metric != EXPECT_STANDS) {
		snprintf(because, sizeof(because), "the system never stood%s%.300s",
			 m->stands_why[0] ? ": " : "", m->stands_why);
		overrule(r, VERDICT_UNKNOWN, because);
		return;
	}
	if (m->noise.too_noisy && metric != EXPECT_STANDS &&
	    (r->verdict == VERDICT_PASS || (r->verdict == VERDICT_FAIL && metric_of(metric)->flags & M_NOISY))) {
		snprintf(because, sizeof(because), "too noisy: %s", m->noise.why);
		overrule(r, VERDICT_UNKNOWN, because);
	}
	if (r->verdict == VERDICT_PASS && j->ev->interrupt)
		overrule(r, VERDICT_UNKNOWN, "the run was interrupted");
}

static void judge(const struct judging *j, enum expect_metric metric, struct judged *r)
{
	static void (*const judges[])(const struct judging *, struct judged *) = {
#define JUDGE(id, name, unit, flags, shows, words, judge) [EXPECT_##id] = judge,
		METRIC_LIST(JUDGE)
#undef JUDGE
	};
	static const char *const units[] = {
		[METRIC_BOOL] = "bool", [METRIC_CHECKER] = "bool", [METRIC_NS] = "ms",
		[METRIC_COUNT] = "count",
	};

	mem_copy_str(r->unit, sizeof(r->unit), units[metric_of(metric)->unit]);
	judges[metric](j, r);
}

static void judge_one(const struct judging *j, struct judged *r)
{
	const char *name = json_str(j->expect, "metric", "");
	enum expect_metric metric;

	mem_copy_str(r->name, sizeof(r->name), json_str(j->expect, "name", name));
	r->measured = r->limit = NAN;
	r->verdict = VERDICT_UNKNOWN;
	if (!metric_find(name, &metric)) {
		snprintf(r->why, sizeof(r->why), "no metric is called \"%.60s\"", name);
		return;
	}
	judge(j, metric, r);
	gate(j, metric, r);
}

void judge_scenario(const struct history *h, const struct evidence *ev, const struct measured *m,
		    struct judged **out, size_t *n)
{
	const cJSON *expect = json_get(ev->event, "expect"), *x;
	struct judging j = { h, ev, m, NULL };
	size_t alloc = 0;

	*out = NULL;
	*n = 0;
	cJSON_ArrayForEach(x, expect) {
		j.expect = x;
		judge_one(&j, VEC_PUSH(*out, *n, alloc));
	}
}

void judged_free(struct judged *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		cJSON_Delete(v[i].detail);
	free(v);
}
