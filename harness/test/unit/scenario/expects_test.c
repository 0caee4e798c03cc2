#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "check/check.h"
#include "measure/measure.h"
#include "run/plan.h"
#include "test/lib/shipped_run.h"

/* Every expectation of every scenario that is shipped can fail: each is judged
 * on a run that violates it. And every scenario judges what it may do harm to. */

static void judge_run(const struct shipped_run *r, struct judged **j, size_t *n)
{
	struct evidence ev;
	struct measured m;

	evidence_load(r->events, 0, &ev);
	measure_scenario(&r->h, &ev, &m);
	judge_scenario(&r->h, &ev, &m, j, n);
	measured_free(&m);
	evidence_free(&ev);
}

static void violate(const struct plan *p, size_t i)
{
	struct shipped_run run;
	struct judged *j;
	size_t n;

	shipped_run_make(p, &p->sc.expects[i], &run);
	judge_run(&run, &j, &n);
	assert_int_equal(n, p->sc.nexpects);
	if (j[i].verdict != VERDICT_FAIL)
		fail_msg("%s: \"%s\" is violated, and the verdict is %s: %s", p->sc.name, j[i].name,
			 verdict_name(j[i].verdict), j[i].why);
	judged_free(j, n);
	shipped_run_free(&run);
}

/* In a run in which all is well none of these fails, so that it is the violation
 * that they fail of. */
static void all_well(const struct plan *p)
{
	static const enum expect_metric sure[] = {
		EXPECT_LOST,	     EXPECT_PHANTOM,	    EXPECT_DUPLICATE,
		EXPECT_DUAL_PRIMARY, EXPECT_ERRORS_CLEAR,   EXPECT_CHECK,
		EXPECT_STALENESS,    EXPECT_RECOVERY_POINT, EXPECT_JOB,
	};
	struct shipped_run run;
	struct judged *j;
	size_t n;

	shipped_run_make(p, NULL, &run);
	judge_run(&run, &j, &n);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < ARRAY_LEN(sure); k++)
			if (p->sc.expects[i].metric == sure[k] && !p->sc.expects[i].has_at_least &&
			    j[i].verdict == VERDICT_FAIL)
				fail_msg("%s: \"%s\" is not violated: %s", p->sc.name, j[i].name, j[i].why);
	judged_free(j, n);
	shipped_run_free(&run);
}

static const struct expectation *judges(const struct scenario *s, enum expect_metric metric)
{
	for (size_t i = 0; i < s->nexpects; i++)
		if (s->expects[i].metric == metric)
			return &s->expects[i];
	return NULL;
}

/* A primary that lives where nobody reaches it. */
static bool cuts_primary_off(const struct scenario *s)
{
	for (size_t i = 0; i < s->nsteps; i++)
		if (s->steps[i].kind == STEP_FAULT && !strcmp(s->steps[i].fault, "partition-node") &&
		    strcmp(s->steps[i].target, "replica"))
			return true;
	return false;
}

/* Another has the same fault with clients beside the primary: "NAME-alone" is
 * about what is left without them. */
static bool is_told_by_another(const struct scenario *s)
{
	char root[4096], path[4400];
	size_t len = strlen(s->name);
	struct err e = {0};

	if (len < 6 || strcmp(s->name + len - 6, "-alone") || file_project_root(root, &e))
		return false;
	snprintf(path, sizeof(path), "%s/scenarios/%.*s.yaml", root, (int)len - 6, s->name);
	return !access(path, R_OK);
}

/* Whatever takes writes says what may be lost of them: a bound, or why it is
 * accepted. Where a primary goes on out of reach, two at once are looked for as
 * well, by clients beside it. No client judges itself. */
static void harm_is_judged(const struct scenario *s)
{
	const struct expectation *stands = judges(s, EXPECT_STANDS), *lost = judges(s, EXPECT_LOST);

	if (judges(s, EXPECT_DEADLINE))
		fail_msg("%s expects what its clients enforce themselves", s->name);
	if (stands && !stands->want) {
		assert_true(stands->object && stands->reason);
		return;
	}
	if (!lost || (!lost->has_at_most && !lost->accepted))
		fail_msg("%s does not say how much may be lost", s->name);
	if (cuts_primary_off(s) && s->load.minority <= 0 && is_told_by_another(s))
		return;
	if (cuts_primary_off(s) && s->load.minority <= 0)
		fail_msg("%s cuts a primary off and leaves nobody beside it who could tell", s->name);
	if ((cuts_primary_off(s) || s->load.minority > 0) && !judges(s, EXPECT_DUAL_PRIMARY))
		fail_msg("%s does not judge two primaries", s->name);
}

static void each(void (*fn)(const struct plan *p))
{
	char root[4096], pattern[4200];
	struct arena a = {0};
	struct err e = {0};
	glob_t g = {0};
	struct plan p;

	if (file_project_root(root, &e))
		fail_msg("%s", e.msg);
	snprintf(pattern, sizeof(pattern), "%s/scenarios/*.yaml", root);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		if (plan_read(&a, root, g.gl_pathv[i], NULL, 0, &p, &e))
			fail_msg("%s", e.msg);
		fn(&p);
		plan_free(&p);
	}
	globfree(&g);
	arena_free(&a);
}

static void violate_all(const struct plan *p)
{
	for (size_t i = 0; i < p->sc.nexpects; i++)
		violate(p, i);
}

static void judge_harm(const struct plan *p)
{
	harm_is_judged(&p->sc);
}

static void test_all_can_fail(void **state)
{
	(void)state;
	each(violate_all);
}

static void test_all_well(void **state)
{
	(void)state;
	each(all_well);
}

static void test_harm(void **state)
{
	(void)state;
	each(judge_harm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_harm),
		cmocka_unit_test(test_all_well),
		cmocka_unit_test(test_all_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
